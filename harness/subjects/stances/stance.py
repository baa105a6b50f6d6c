"""A stance: everything that decides one side's result, by cause code, the conventions of its library included.

Where two sides of a comparison differ in nothing but some of these settings, these are its causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from harness.vocabulary import YARDSTICK, Case, Outcome, is_own

Stance: TypeAlias = Mapping[str, Any]
"""Cause code to value, JSON values all."""

PROBABILITIES_FOR_LOGITS = "probabilities taken for logits"

_NSL = {
    "prediction-ties": "first",
    "nonfinite-gradient": "zero",
    "l2-form": "rsqrt-multiply",
    "step-form": "difference",
    "clip-order": "low-then-high",
}
_CLEVERHANS = {
    "prediction-ties": "first",
    "nonfinite-gradient": "propagate",
    "l2-form": "sqrt-divide",
    "step-form": "product",
    "clip-order": "high-then-low",
}
_CONVENTIONS = {
    "nsl": _NSL,
    "reference-nsl": _NSL,
    "cleverhans-v4": _CLEVERHANS,
    "reference-cleverhans": _CLEVERHANS,
    "cleverhans-v3": _CLEVERHANS | {"prediction-ties": "all"},
    YARDSTICK: _CLEVERHANS | {"l2-form": "exact"},
}
_ASCEND_TRAINING_LOSS = ("nsl", "reference-nsl")
EACH_PASS = "each pass anew"
SHARED_DRAWS = "attack and clean loss share one"
"""They are one forward pass."""

_DRAWS_OF = {
    "nsl": SHARED_DRAWS,
    "reference-nsl": SHARED_DRAWS,
    "reference-cleverhans": EACH_PASS,
}
OWN_DRAWS = "each pass anew, in an order of its own"
"""Of a library whose masks the reimplementation does not repeat: it meets such a side within the spread of draws."""

SUBTRACTED = "labels - s * (labels - 1 / classes)"
_MIXED = "labels * (1 - s) + s / classes"
_SUBTRACT = ("cleverhans-v3", "reference-cleverhans")
"""Subjects that smooth labels in this form; the others do as Keras does."""

UPDATED_TWICE = "updated, by the prediction of the labels, too"
"""CleverHans 4.0.0 predicts labels in one pass and takes the gradient in another."""

TENSORFLOW_1_OPTIMIZER = "tensorflow 1"
"""The arithmetic of the optimizers in ``tf.compat.v1.train``; else it is Keras's."""


class NoStance(Exception):  # noqa: N818  (an answer, not a mistake)
    """What a side did cannot be said as a stance. The message is the reason."""


def stance_of(case: Case, outcome: Outcome) -> Stance:
    """The stance of one side of a comparison.

    Settings that cannot matter for it have the value that they would have elsewhere, too: see ``plainest``.

    Args:
        case: of any kind.
        outcome: of a subject, with arrays.

    Raises:
        NoStance: for what the reimplementation cannot repeat.
    """
    settings = outcome.settings
    labels = settings["labels"]
    target = labels["target"] if isinstance(labels, Mapping) else None
    known = _conventions(case, outcome.subject)
    stance: dict[str, Any] = {
        "label-source": "given" if target is not None else labels,
        "target": target,
        "output-kind": PROBABILITIES_FOR_LOGITS if "taken for logits" in settings["loss"] else "as it is",
        "epsilon": settings["epsilon"],
        "norm": settings["norm"],
        "clip": settings["clip"],
        "feature-mask": settings["feature_mask"],
        "dtype": settings["dtype"],
        **known,
    }
    if case.kind == "perturbation":
        exact = "float64, exact gradient"
        dtype = exact if outcome.subject == YARDSTICK else settings["dtype"]
        # One loss an example is summed for the gradient.
        reduction = "mean" if settings["loss_reduction"] == "mean" else "sum"
        return stance | {"dtype": dtype, "loss-reduction": reduction}
    if case.kind == "loss":
        return stance | _step(case, outcome)
    if len(case.data.get("inputs") or [1]) > 1:
        raise NoStance("the reimplementation trains models of one input")
    step = _step(case, outcome)
    form = {"form": SUBTRACTED if outcome.subject in _SUBTRACT else _MIXED} if settings["smoothing"] else {}
    return stance | step | _optimized(outcome) | {"label-smoothing": step["label-smoothing"] | form}


def _conventions(case: Case, subject: str) -> Mapping[str, str]:
    if is_own(subject):
        return _CLEVERHANS if case.kind == "perturbation" else _NSL
    return _CONVENTIONS[subject]


def _step(case: Case, outcome: Outcome) -> dict[str, Any]:
    """The settings of one training step beyond those of its attack."""
    settings, subject = outcome.settings, outcome.subject
    on_training_loss = subject in _ASCEND_TRAINING_LOSS or is_own(subject)
    reduction, weights = settings["loss_reduction"], settings["sample_weights"]
    objective = settings["objective"]
    modes = {"losses": settings["mode"], "attack": settings["attack_mode"]}
    kinds = {layer["kind"] for layer in [*case.model.get("before", ()), *case.model.get("layers", ())]}
    if "layers" in case.model and not kinds & {"dropout", "batchnorm"}:
        modes = {"losses": "inference", "attack": "inference"}
    draws = None
    if "dropout" in kinds and "training" in modes.values():
        draws = _DRAWS_OF.get(subject, OWN_DRAWS)
    return {
        "loss-reduction": {"losses": reduction, "attack": reduction if on_training_loss else "sum"},
        "label-smoothing": {"losses": settings["smoothing"], "attack": settings["smoothing"] * on_training_loss},
        "sample-weights": {"losses": weights, "attack": weights if on_training_loss else None},
        "loss-weighting": dict(objective),
        "gradient-flow": _flow(case, subject, settings),
        "training-mode": modes,
        "batch-statistics": _statistics(settings, subject, modes),
        "regularization": settings["regularization"],
        "random-draws": draws,
    }


def _statistics(settings: Mapping[str, Any], subject: str, modes: Mapping[str, str]) -> str | None:
    """What becomes of moving statistics; None where every pass is in inference mode, or there are none."""
    if "training" not in modes.values():
        return None
    predicts = subject == "cleverhans-v4" and settings["labels"] == "predicted" and modes["attack"] == "training"
    return UPDATED_TWICE if predicts and settings["statistics"] == "updated" else settings["statistics"]


def _optimized(outcome: Outcome) -> dict[str, Any]:
    """The settings of a training beyond those of its steps.

    ``loss-weighting`` is what both losses are multiplied with, of which the ratio counts; ``learning-rate`` the sum of
    the two (``factor``), the optimizer's rate, and whether the one is a factor on the other (``folds``): of plain SGD
    and momentum, not where the size of the gradient counts by itself.
    """
    objective, optimizer = outcome.settings["objective"], outcome.settings["optimizer"]
    sgd = optimizer["kind"] == "sgd"
    plain = sgd and not optimizer["momentum"]
    first = outcome.subject == "cleverhans-v3" and not plain
    return {
        "loss-weighting": {name: objective[name] for name in ("clean", "adversarial")},
        "learning-rate": {
            "factor": objective["clean"] + objective["adversarial"],
            "rate": objective["rate"],
            "folds": sgd and not optimizer["weight_decay"] and optimizer["clip_norm"] is None,
        },
        "optimizer-form": None if plain else TENSORFLOW_1_OPTIMIZER if first else "keras 2",
    }


def _flow(case: Case, subject: str, settings: Mapping[str, Any]) -> str:
    """What an outer gradient sees of the adversarial example: ``through`` the perturbation, only x (``stopped``), or
    nothing (``cut``): CleverHans's tutorial calls the attack outside of the tape."""
    if subject == "cleverhans-v4" and "before" in case.model:
        return "cut"
    return settings["gradient_flow"]


def plainest(stance: Stance) -> dict[str, Any]:
    """The stance with one value for all settings that do not matter beside the others."""
    plain = dict(stance)
    if plain["target"] is not None:
        plain["label-source"] = "given"
    if plain["label-source"] == "given":
        plain["prediction-ties"] = "first"
    if plain["norm"] != "l2":
        plain["l2-form"] = "exact"
        if plain.get("gradient-flow") == "through":  # the perturbation is piecewise constant
            plain["gradient-flow"] = "stopped"
    low, high = plain["clip"] or (None, None)
    if low is None or high is None or low <= high:
        plain["clip-order"] = "high-then-low"
    return plain


def differing(left: Stance, right: Stance) -> list[str]:
    """The codes of the settings in which two stances of a case differ, and not only in how they are written."""
    return [code for code in left if _meaning(code, left[code]) != _meaning(code, right.get(code))]


def _meaning(code: str, value: Any) -> Any:
    if code == "loss-weighting" and value:
        scale = value["scale"] if "scale" in value else 1.0 / (value["clean"] + value["adversarial"])
        return [_rounded(value[name] * scale) for name in ("clean", "adversarial")]
    if code == "learning-rate":
        factor, rate = value["factor"], value["rate"]
        return _rounded(factor * rate) if value["folds"] else [_rounded(factor), _rounded(rate)]
    return value


def _rounded(value: float) -> float:
    """Without the last digits, in which the same number comes out of two formulas."""
    return float(f"{value:.12g}")
