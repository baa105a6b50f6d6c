"""Neural Structured Learning 1.4.0: ``nsl.keras.AdversarialRegularization.perturb_on_batch``."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.keras2 import cross_entropy, outputs_of
from harness.subjects.nsl_call import DEFAULTED, config_arguments, labels_for, settings_used
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import timed

LIBRARY = "neural-structured-learning"
API = "neural_structured_learning.keras.AdversarialRegularization.perturb_on_batch"
ENVIRONMENT = TENSORFLOW_2

_LABEL = "label"


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install neural-structured-learning==1.4.0")


def import_nsl() -> types.ModuleType:
    """The library, on a TensorFlow that has no ``tf.estimator`` any more (2.16 and later).

    NSL imports ``tf.estimator`` for an API of its own that is not compared here, and touches it at import only. So it
    is given a module whose members exist and do nothing.
    """
    import tensorflow as tf

    if not hasattr(tf, "estimator"):
        stand_in = _EstimatorStandIn("tensorflow.estimator")
        sys.modules["tensorflow.estimator"] = stand_in
        setattr(tf, "estimator", stand_in)  # noqa: B010  (TensorFlow's module declares no such attribute)
    import neural_structured_learning

    return neural_structured_learning


class _EstimatorStandIn(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        # Dunder names must stay missing: tools that walk sys.modules ask for __file__ and would believe the answer.
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    nsl = import_nsl()
    model = models.get(dtype=batch.dtype)
    labels = labels_for(model, batch, attack)
    config = nsl.configs.make_adv_reg_config(**config_arguments(attack, batch))
    adversarial_model = nsl.keras.AdversarialRegularization(model, label_keys=[_LABEL], adv_config=config)
    reduction = attack.get("loss_reduction", "mean")
    adversarial_model.compile(optimizer="sgd", loss=cross_entropy(output=models.output, reduction=reduction))

    call = timed(lambda: adversarial_model.perturb_on_batch({**batch.inputs, _LABEL: labels}))
    adversarial = {name: np.asarray(call.value[name]) for name in batch.inputs}
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(config.adv_neighbor_config, attack, batch, reduction=reduction),
        defaulted=tuple(name for name in DEFAULTED if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )
