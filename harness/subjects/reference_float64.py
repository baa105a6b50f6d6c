"""The attack in double precision, and what float32 could know of it: ``harness.reference.float64.yardstick``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness import __version__
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.keras2 import as_model_input, outputs_of
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import CROSS_ENTROPY, target_class, timed
from harness.vocabulary import Unsupported

LIBRARY = "adversarial-harness"
API = "harness.reference.float64.yardstick"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``. ``evidence`` has ``uncertainty`` and ``undetermined`` for each input."""
    from harness.reference.float64 import yardstick

    for setting in ("epsilon", "norm"):
        if setting not in attack:
            raise Unsupported(f"reference-float64 follows no library, so it has no default {setting}")
    # The exact gradient needs the logits; a model that does not come from layers has only the output that it has.
    output = "logits" if models.declared else models.output
    model = models.get(dtype="float64", output=output if models.declared else None)
    target = target_class(attack)
    labels = None if attack.get("labels") == "predicted" else batch.labels
    call = timed(
        lambda: yardstick(
            model,
            as_model_input({name: array.astype(np.float64) for name, array in batch.inputs.items()}),
            labels if target is None else np.full_like(batch.labels, target),
            epsilon=attack["epsilon"],
            norm=attack["norm"],
            clip=tuple(attack.get("clip") or (None, None)),
            targeted=target is not None,
            feature_mask=attack.get("feature_mask"),
            output=output,
        )
    )
    adversarial = _by_name(call.value.adversarial, batch)
    own_model = models.get(dtype="float64")
    clean_output, adversarial_output = outputs_of(own_model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings={
            "epsilon": attack["epsilon"],
            "norm": attack["norm"],
            "labels": attack.get("labels", "given"),
            "clip": None if attack.get("clip") in (None, [None, None]) else attack["clip"],
            "loss": CROSS_ENTROPY,
            "loss_reduction": attack.get("loss_reduction", "none"),
            "feature_mask": attack.get("feature_mask"),
            "dtype": "float64",
        },
        defaulted=tuple(name for name in ("labels", "clip", "loss_reduction") if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
        evidence={
            f"{kind}/{name}": array
            for kind in ("uncertainty", "undetermined")
            for name, array in _by_name(getattr(call.value, kind), batch).items()
        },
    )


def _by_name(arrays: Any, batch: Batch) -> dict[str, np.ndarray]:
    named = arrays if isinstance(arrays, Mapping) else dict.fromkeys(batch.inputs, arrays)
    return {name: np.asarray(array) for name, array in named.items()}
