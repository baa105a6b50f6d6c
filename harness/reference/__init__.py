"""The reimplementation: FGSM, ``adversarial_loss`` and the mathematics both share. It calls neither library.

Importing this package imports TensorFlow. ``conventions`` names every point in which NSL and CleverHans compute
differently, ``geometry`` is the mathematics, ``fast_gradient`` and ``adversarial`` are the attacks under either
library's interface, ``training`` weighs and differentiates the losses of adversarial training, and ``float64`` is the
yardstick.
"""

from harness.reference.adversarial import adversarial_loss, perturb
from harness.reference.config import AdvNeighborConfig, AdvRegConfig, make_adv_reg_config
from harness.reference.conventions import CLEVERHANS, EXACT, NSL, Conventions
from harness.reference.fast_gradient import AttackError, fast_gradient_method
from harness.reference.float64 import Yardstick, yardstick
from harness.reference.losses import mean_over_batch
from harness.reference.training import TrainingAttack, TrainingLosses, TrainingObjective, training_step

__all__ = [
    "CLEVERHANS",
    "EXACT",
    "NSL",
    "AdvNeighborConfig",
    "AdvRegConfig",
    "AttackError",
    "Conventions",
    "TrainingAttack",
    "TrainingLosses",
    "TrainingObjective",
    "Yardstick",
    "adversarial_loss",
    "fast_gradient_method",
    "make_adv_reg_config",
    "mean_over_batch",
    "perturb",
    "training_step",
    "yardstick",
]
