"""From the settings of a case to arguments, as far as libraries and reimplementations share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.protocol import Batch
from harness.vocabulary import Unsupported

NSL_NORMS = {"linf": "infinity", "l2": "l2", "l1": "l1"}
ORDERS = {"linf": np.inf, "l2": 2, "l1": 1}
"""CleverHans names norms by their order, as NumPy does."""

CROSS_ENTROPY = "cross-entropy"
"""How settings show the cross-entropy of what the model returns, be it logits or probabilities: the same function."""


def norm_of_order(order: float) -> str:
    """The harness's name of a norm given by its order."""
    return next(name for name, known in ORDERS.items() if known == order)


def target_class(attack: Mapping[str, Any]) -> int | None:
    """The class that a targeted attack aims at; ``None`` for an untargeted one."""
    labels = attack.get("labels")
    return labels["target"] if isinstance(labels, Mapping) else None


def single_input(batch: Batch, library: str) -> np.ndarray:
    """The batch's one input. Raises ``Unsupported`` when there are several."""
    if len(batch.inputs) != 1:
        raise Unsupported(f"{library} takes one input tensor; this model has {len(batch.inputs)} named inputs")
    return next(iter(batch.inputs.values()))


def two_sided_clip(attack: Mapping[str, Any], library: str) -> tuple[float, float] | None:
    """The clip range, or ``None``. Raises ``Unsupported`` when only one side is given."""
    low, high = attack.get("clip") or (None, None)
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise Unsupported(f"{library} asserts that both sides of the clip range are given; this case gives one")
    return low, high


def refuse_feature_mask(attack: Mapping[str, Any], library: str) -> None:
    """Raises ``Unsupported`` when the case has a feature mask."""
    if attack.get("feature_mask") is not None:
        raise Unsupported(f"{library} has no feature mask")


def misfit(inputs: Mapping[str, np.ndarray], adversarial: Mapping[str, np.ndarray]) -> str:
    """What is wrong with the form of adversarial examples for these inputs, or nothing.

    They must be floating, of the same shapes, and of no lower precision: an answer in half precision could hide much.
    """
    wrong = [
        f"returned {name}: {array.dtype} {array.shape}; the input is {inputs[name].dtype} {inputs[name].shape}"
        for name, array in adversarial.items()
        if array.shape != inputs[name].shape
        or array.dtype.kind != "f"
        or array.dtype.itemsize < inputs[name].dtype.itemsize
    ]
    return "; ".join(wrong)


@dataclass(frozen=True)
class Timed:
    """A result and the wall time, in seconds, that it took."""

    value: Any
    seconds: float


def timed(call: Callable[[], Any]) -> Timed:
    """Calls, and measures."""
    started = time.perf_counter()
    value = call()
    return Timed(value, time.perf_counter() - started)


@dataclass(frozen=True)
class Objective:
    """How a library weighs the two losses.

    Attributes:
        clean, adversarial: what the library multiplies the losses with.
        scale: the scenario's objective divided by the library's, which are the same but for this factor.
    """

    clean: float
    adversarial: float
    scale: float = 1.0

    def settings(self) -> dict[str, float]:
        """For the report."""
        return {"clean": self.clean, "adversarial": self.adversarial, "scale": self.scale}


def as_multiplier(
    training: Mapping[str, Any], *, default: float, library: str, clean_is_optional: bool = False
) -> Objective:
    """The ratio as ``1 : multiplier``.

    Without clean examples it is none: then ``clean_is_optional`` leaves the clean loss out, and otherwise it raises
    ``Unsupported``.
    """
    weighting = training.get("weighting")
    if weighting is None:
        return Objective(1.0, default)
    clean, adversarial = weighting["clean"], weighting["adversarial"]
    if clean == 0 and clean_is_optional:
        return Objective(0.0, 1.0, _matched(training, adversarial))
    if clean == 0:
        raise Unsupported(f"{library} weighs clean to adversarial as 1 : multiplier; the clean loss is always there")
    return Objective(1.0, adversarial / clean, _matched(training, clean))


def as_coefficient(training: Mapping[str, Any], *, default: float) -> Objective:
    """The ratio as ``(1 - adv_coeff) : adv_coeff``."""
    weighting = training.get("weighting")
    if weighting is None:
        return Objective(1.0 - default, default)
    clean, adversarial = weighting["clean"], weighting["adversarial"]
    coefficient = adversarial / (clean + adversarial)
    return Objective(1.0 - coefficient, coefficient, _matched(training, clean + adversarial))


def _matched(training: Mapping[str, Any], factor: float) -> float:
    return factor if training.get("match_scale", True) else 1.0


def weight_names(names: Iterable[str], *, before: bool = False) -> list[str]:
    """``00-kernel``, ``01-bias``, ...: names of weights by their place, the same under every framework."""
    return [
        f"{'before-' * before}{index:02d}-{name.rpartition('/')[2].partition(':')[0]}"
        for index, name in enumerate(names)
    ]


def sample_weights_text(training: Mapping[str, Any]) -> str | None:
    """For the report: how the sample weights were drawn."""
    drawn = training.get("sample_weights")
    return drawn and f"uniform from {drawn['low']:g} to {drawn['high']:g}, seed {drawn['seed']}"


def refuse_sample_weights(training: Mapping[str, Any], library: str) -> None:
    """Raises ``Unsupported`` when the case has sample weights."""
    if training.get("sample_weights"):
        raise Unsupported(f"{library} has no sample weights")


def refuse_gradient_flow(training: Mapping[str, Any], flow: str, *, norm: str, library: str) -> None:
    """Raises ``Unsupported`` where the case asks for another flow than ``flow``.

    Under linf and l1 the perturbation is piecewise constant: there is no gradient to stop, so either word is true.
    """
    asked = training.get("gradient_flow", flow)
    if asked != flow and norm == "l2":
        passes = "stops the gradient at" if flow == "stopped" else "differentiates through"
        raise Unsupported(f"{library} {passes} the perturbation, and has no option for it")


def refuse_mode(training: Mapping[str, Any], key: str, mode: str, reason: str) -> None:
    """Raises ``Unsupported`` with the reason where the case asks for another mode than ``mode``."""
    if training.get(key, mode) != mode:
        raise Unsupported(reason)


def training_defaulted(training: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings of the training that the case leaves to the library."""
    return tuple(name for name in ("weighting", "gradient_flow", "mode", "attack_mode") if name not in training)


def training_settings(
    training: Mapping[str, Any],
    objective: Objective,
    *,
    gradient_flow: str,
    mode: str,
    attack_mode: str,
    regularization: str | None,
    statistics: str | None,
) -> dict[str, Any]:
    """What a subject used in a training step, for the report.

    Args:
        training: the stated settings.
        objective: how the losses were weighed.
        gradient_flow, mode, attack_mode: what held.
        regularization: ``added`` or ``not added``: what became of the model's own losses; None where it has none.
        statistics: ``updated`` or ``kept``: what passes in training mode did to moving statistics; None where there
            are none.
    """
    optimizer = training.get("optimizer")
    rate = {"rate": optimizer["rate"] * objective.scale} if optimizer else {}
    return {
        "objective": objective.settings() | rate,
        "gradient_flow": training.get("gradient_flow", gradient_flow),
        "mode": mode,
        "attack_mode": attack_mode,
        "smoothing": training.get("smoothing", 0.0),
        "sample_weights": sample_weights_text(training),
        "regularization": regularization,
        "statistics": statistics,
        **({"optimizer": dict(optimizer)} if optimizer else {}),
    }


def training_loss_reduction(attack: Mapping[str, Any]) -> str:
    """How the losses of a batch become the loss that is minimised: ``mean`` unless the case says ``sum``."""
    return attack.get("loss_reduction", "mean")
