"""What to set to make two sides agree, in words, and whether it was seen to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.vocabulary import Comparison, Verdict

_MOST_WAYS = 2
"""Beyond as many causes only settings are told: the pages of the causes have the rest."""

_FEW = 2
_AGREE = (Verdict.EQUAL, Verdict.CLOSE)


def proposed(comparison: Comparison) -> str:
    """``to make the two agree: attack.labels: given for both leads to EQUAL (run). Give y= to CleverHans``.

    Empty where nothing was proposed, or it is no divergence any more.
    """
    proposal = comparison.metrics.get("proposal")
    if not proposal or comparison.verdict is not Verdict.DIVERGED:
        return ""
    ways = proposal["ways"]
    parts = []
    if proposal["settings"]:
        leads = "still leads to" if proposal["verdict"] == Verdict.DIVERGED else "leads to"
        led = f"{leads} {proposal['verdict']} (run)" if proposal["verdict"] else f"({proposal['reason']})"
        parts.append(f"{settings_text(proposal['settings'])} for both {led}")
        if len(proposal["codes"]) <= _MOST_WAYS:
            parts += [f"{code}: {ways[code]}" for code in proposal["codes"]]
    for code in proposal["remaining"][:_MOST_WAYS]:
        parts.append(f"nothing that a user can set changes {code} (in code of one's own, not run: {ways[code]})")
    return f"to make the two agree: {'; '.join(parts)}"


def settings_text(settings: Mapping[str, Any]) -> str:
    """``attack.labels: given, no training.smoothing``, as a scenario has them."""
    return ", ".join(f"no {name}" if value is None else f"{name}: {_yaml(value)}" for name, value in settings.items())


def agreeing(comparisons: Sequence[Comparison]) -> str:
    """What was seen to make some of them agree: ``agree with attack.labels: given (3 of 4)``; empty for nothing."""
    settings = [
        settings_text(proposal["settings"])
        for one in comparisons
        if (proposal := one.metrics.get("proposal")) and proposal["verdict"] in _AGREE
    ]
    told = [
        words if number == len(comparisons) else f"{words} ({number} of {len(comparisons)})"
        for words, number in Counter(settings).most_common(_FEW)
    ]
    return f"agree with {' or with '.join(told)}" if told else ""


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_yaml(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
