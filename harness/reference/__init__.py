"""The reimplementation: FGSM, ``adversarial_loss`` and the mathematics both share. It calls neither library."""
