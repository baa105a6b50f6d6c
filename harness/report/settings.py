"""Settings, models and data as short text for a table cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.report.objective import objective_text, optimizer_text
from harness.report.text import printable
from harness.vocabulary import ATTACK_SETTINGS, Outcome

_LONGEST = 120

OBJECTIVE = "objective"

_TRAINING = (
    "gradient_flow",
    "mode",
    "attack_mode",
    "composed",
    "smoothing",
    "sample_weights",
    "regularization",
    "statistics",
    "optimizer",
)
"""Settings of kinds loss and training, after those of the attack; the objective goes before them."""


@dataclass(frozen=True)
class Used:
    """A setting that a subject used.

    Attributes:
        text: its value.
        default: whether the scenario left it to the subject.
    """

    text: str
    default: bool


def used(outcome: Outcome) -> dict[str, Used]:
    """What a subject really used, in the order of ``setting_names``; empty when it did not come so far."""
    return {name: _used(outcome, name) for name in setting_names([outcome])}


def _used(outcome: Outcome, name: str) -> Used:
    value = outcome.settings[name]
    if name == OBJECTIVE:
        return Used(objective_text(value), "weighting" in outcome.defaulted)
    text = optimizer_text(value) if name == "optimizer" else setting_text(value)
    return Used(text, name in outcome.defaulted)


def setting_names(outcomes: Iterable[Outcome]) -> list[str]:
    """Names of all settings that any of the subjects reports, the common ones first."""
    names = {name for outcome in outcomes for name in outcome.settings}
    known = (OBJECTIVE, *ATTACK_SETTINGS, *_TRAINING)
    return [name for name in known if name in names] + sorted(names - set(known))


def setting_text(value: Any) -> str:
    """One setting: ``0.1``, ``none``, ``[0, 1]``, ``target 3``, ``8 x 8 x 1 numbers from 0 to 1``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, Mapping):
        return _shortened(", ".join(f"{printable(name)} {setting_text(one)}" for name, one in value.items()))
    if isinstance(value, (list, tuple)):
        return _array_text(value)
    return _shortened(printable(value))


def _array_text(values: Sequence[Any]) -> str:
    if len(values) <= 4 and not any(isinstance(value, (list, tuple)) for value in values):
        return f"[{', '.join(setting_text(value) for value in values)}]"
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):  # not numbers, or of unequal lengths
        return _shortened(f"[{', '.join(setting_text(value) for value in values)}]")
    shape = " x ".join(map(str, array.shape))
    return f"{shape} numbers from {array.min():.9g} to {array.max():.9g}" if array.size else f"{shape} numbers"


def model_text(model: Mapping[str, Any]) -> str:
    """A model section: ``dense 64, relu, dense 10; output logits; init glorot_uniform, seed 0; ...``."""
    parts = [_layers_text(model["layers"])] if "layers" in model else []
    for name, value in model.items():
        if name != "layers":
            parts.append(f"{name} {_layers_text(value) if name == 'before' else setting_text(value)}")
    return "; ".join(parts)


def _layers_text(layers: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(_layer_text(layer) for layer in layers)


def _layer_text(layer: Mapping[str, Any]) -> str:
    arguments = [value for name, value in layer.items() if name != "kind"]
    if len(arguments) == 1:
        return f"{printable(layer['kind'])} {setting_text(arguments[0])}"
    named = ", ".join(f"{name} {setting_text(value)}" for name, value in layer.items() if name != "kind")
    return f"{printable(layer['kind'])}{f' ({named})' if named else ''}"


def training_text(training: Mapping[str, Any]) -> str:
    """A training section: ``weighting clean 1, adversarial 0.5; optimizer sgd, rate 0.1; steps 300; ...``."""
    shown = {name: setting_text(value) for name, value in training.items()}
    if "optimizer" in training:
        shown["optimizer"] = optimizer_text(training["optimizer"])
    return "; ".join(f"{name} {text}" for name, text in shown.items())


def data_text(data: Mapping[str, Any]) -> str:
    """A data section: ``digits; split test; batch 64; seed 0``."""
    rest = [f"{name} {setting_text(value)}" for name, value in data.items() if name != "source"]
    return "; ".join([setting_text(data.get("source")), *rest])


def point_text(point: Mapping[str, Any]) -> str:
    """The matrix settings of a case: ``norm=l2, epsilon=0.1``; empty for a scenario without a matrix."""
    return ", ".join(f"{name.rpartition('.')[2]}={setting_text(value)}" for name, value in point.items())


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
