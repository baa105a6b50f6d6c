"""CleverHans 4.0.0: ``cleverhans.tf2.attacks.fast_gradient_method``."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from harness.subjects.cleverhans_call import perturb_with
from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.protocol import Batch, Models, Perturbation

LIBRARY = "cleverhans"
API = "cleverhans.tf2.attacks.fast_gradient_method.fast_gradient_method"
ENVIRONMENT = TENSORFLOW_2

_traced_for: weakref.ref | None = None


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install --no-deps cleverhans==4.0.0 easydict")


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    import tensorflow as tf
    from cleverhans.tf2.attacks import fast_gradient_method as module

    global _traced_for
    model = models.get()
    if _traced_for is None or _traced_for() is not model:
        # The library keeps a trace for every model that it was ever given, and each holds its model. A function
        # for each model, with the library's own code, goes when the model goes.
        its_own = module.compute_gradient.python_function  # pyright: ignore[reportFunctionMemberAccess]
        module.compute_gradient = tf.function(its_own)
        _traced_for = weakref.ref(model)
    return perturb_with(module.fast_gradient_method, "cleverhans-v4", models, batch, attack)
