"""CleverHans 4.0.0: ``cleverhans.tf2.attacks.fast_gradient_method``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.subjects.cleverhans_call import perturb_with
from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.protocol import Batch, Models, Perturbation

LIBRARY = "cleverhans"
API = "cleverhans.tf2.attacks.fast_gradient_method.fast_gradient_method"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install --no-deps cleverhans==4.0.0 easydict")


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    import tensorflow as tf
    from cleverhans.tf2.attacks import fast_gradient_method as module

    # The library keeps one trace for every model and loss it was ever given, and each holds its model. A function of
    # one's own for each case has the same code and is gone with the case.
    module.compute_gradient = tf.function(module.compute_gradient.python_function)
    return perturb_with(module.fast_gradient_method, "cleverhans-v4", models, batch, attack)
