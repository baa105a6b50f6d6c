"""The reimplementation under NSL's conventions: ``harness.reference.perturb``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness import __version__
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.keras2 import as_model_input, cross_entropy, outputs_of
from harness.subjects.nsl_call import DEFAULTED, config_arguments, labels_for, settings_used
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import timed

LIBRARY = "adversarial-harness"
API = "harness.reference.perturb"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    import tensorflow as tf

    from harness import reference

    model = models.get(dtype=batch.dtype)
    labels = labels_for(model, batch, attack)
    config = reference.make_adv_reg_config(**config_arguments(attack, batch))
    reduction = attack.get("loss_reduction", "mean")
    loss_fn = cross_entropy(output=models.output, reduction="none" if reduction == "mean" else reduction)
    if reduction == "mean":
        # The wrapper of NSL takes the mean itself, in a form of its own.
        loss_fn = reference.mean_over_batch(loss_fn)

    features = {name: tf.convert_to_tensor(array) for name, array in batch.inputs.items()}
    call = timed(lambda: reference.perturb(features, labels, _by_name(model), loss_fn, adv_config=config))
    adversarial = {name: np.asarray(value) for name, value in call.value.items()}
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(config.adv_neighbor_config, attack, batch, reduction=reduction),
        defaulted=tuple(name for name in DEFAULTED if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )


def _by_name(model: Any) -> Any:
    """The model as a function of named inputs, also where it has only one."""
    return lambda features: model(as_model_input(features), training=False)
