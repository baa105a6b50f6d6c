"""What a subject minimises, in the one notation of all subjects, and how it was asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.text import printable

_NEARLY = 2.5e-3
"""Relative: three decimals that are further off than this say too little."""


def objective_text(objective: Mapping[str, Any]) -> str:
    """``1.000 * clean + 0.200 * adversarial, rate 0.100``.

    Args:
        objective: ``clean``, ``adversarial``, ``scale`` and, of kind training, ``rate``, as settings have it.

    Returns:
        Of kind loss without a rate; then with ``times 1.200`` where the library's loss has to be multiplied by that to
        be the one that the scenario states.
    """
    text = weighting_text(objective)
    if "rate" in objective:
        return f"{text}, rate {coefficient(objective['rate'])}"
    return text if objective["scale"] == 1 else f"{text}, times {coefficient(objective['scale'])}"


def weighting_text(objective: Mapping[str, Any]) -> str:
    """``1.000 * clean + 0.200 * adversarial``."""
    return f"{coefficient(objective['clean'])} * clean + {coefficient(objective['adversarial'])} * adversarial"


def coefficient(value: float) -> str:
    """Three decimals; more where these would be far off: ``0.200``, ``0.833``, ``0.00125``."""
    short = f"{value:.3f}"
    return short if abs(float(short) - value) <= _NEARLY * abs(value) and len(short) < 10 else f"{value:.4g}"


def step_sizes(objective: Mapping[str, Any]) -> tuple[float, float]:
    """How far one step of plain gradient descent follows the clean loss, and how far the adversarial one."""
    factor = objective.get("rate", objective["scale"])
    return objective["clean"] * factor, objective["adversarial"] * factor


def optimizer_text(optimizer: Mapping[str, Any]) -> str:
    """``sgd, rate 0.1, momentum 0.9, nesterov``: what is off is left out."""
    parts = [printable(optimizer["kind"])]
    for name, value in optimizer.items():
        if name != "kind" and value is True:
            parts.append(printable(name))
        elif name != "kind" and value:
            parts.append(f"{printable(name)} {value:.9g}")
    return ", ".join(parts)
