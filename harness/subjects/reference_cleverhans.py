"""The reimplementation under CleverHans 4.0's conventions: ``harness.reference.fast_gradient_method``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness import __version__
from harness.subjects.cleverhans_call import perturb_with
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.protocol import Batch, Models, Perturbation

LIBRARY = "adversarial-harness"
API = "harness.reference.fast_gradient_method"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    from harness.reference import fast_gradient_method

    return perturb_with(fast_gradient_method, "reference-cleverhans", models, batch, attack)
