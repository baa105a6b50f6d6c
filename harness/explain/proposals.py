"""What to set to make two sides of a divergence agree: the settings that make its causes vanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.record import CaseRecord
from harness.explain.cause import ONE_SIDE
from harness.explain.causes import CAUSES
from harness.scenario.variant import variant
from harness.vocabulary import Case, Comparison, Outcome

_FORGIVEN = ("arithmetic", "measurement")
"""Natures of causes that leave two sides within round-off of each other."""


@dataclass(frozen=True)
class Proposal:
    """What to set for both sides of a divergence.

    Attributes:
        settings: of the scenario, dotted name to value as a file has it; ``None``: left out. Empty where no setting
            makes any of the causes vanish.
        codes: of the causes that they make vanish, the largest first.
        remaining: of those that no setting does.
        case: the case with these settings; ``None`` without any.
    """

    settings: Mapping[str, Any]
    codes: tuple[str, ...]
    remaining: tuple[str, ...]
    case: Case | None

    def to_json(self) -> dict[str, Any]:
        """For ``run.json``. ``ways``: for each cause how its page says to set the libraries alike."""
        ways = {code: CAUSES[code].shortest_way for code in self.codes}
        return {
            "settings": dict(self.settings),
            "codes": list(self.codes),
            "remaining": list(self.remaining),
            "ways": ways | {code: CAUSES[code].alike for code in self.remaining},
            "case": self.case.id if self.case else "",
            "verdict": "",
            "sentence": "",
            "reason": "",
        }


def propose(record: CaseRecord, comparison: Comparison) -> Proposal | None:
    """What to set for a divergence; ``None`` where its causes are not known.

    Args:
        record: its case.
        comparison: with its bridge.
    """
    bridge = comparison.metrics.get("bridge")
    if not bridge or bridge["reason"]:
        return None
    sides = [record.outcome(name) for name in (comparison.left, comparison.right)]
    settings: dict[str, Any] = {}
    codes, remaining = [], []
    for code in _effective(bridge["settings"]):
        own = _settings_for(code, record.case, sides)
        settings |= own
        (codes if own else remaining).append(code)
    if not codes and not remaining:
        return None
    case = variant(record.case, settings) if settings else None
    return Proposal(settings, tuple(codes), tuple(remaining), case)


def _effective(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The codes of a bridge that change anything beyond round-off, the largest share first."""
    codes = [
        code
        for code in sorted(found, key=lambda code: -found[code]["share"])
        if (found[code]["share"] if found[code].get("elements") is None else found[code]["elements"])
    ]
    # Where arithmetic alone is the cause, it is what the two are to be told of.
    return [code for code in codes if CAUSES[code].nature not in _FORGIVEN] or codes


def _settings_for(code: str, case: Case, sides: Sequence[Outcome]) -> dict[str, Any]:
    """What a cause says is to be set, and the case has not set already."""
    wanted = {name: _value(name, value, case, sides) for name, value in CAUSES[code].settings.items()}
    if any(name in _FIXED.get((case.kind, side.subject), ()) for name in wanted for side in sides):
        return {}
    return {name: value for name, value in wanted.items() if _stated(case, name) != value}


_FIXED = {("training", name): ("training.mode", "training.attack_mode") for name in ("nsl", "reference-nsl")}
"""By kind and subject: settings of which it has no choice. NSL's training step is in training mode."""

_DEFAULTS = {"attack.dtype": "float32"}
"""What a case has that says nothing."""


def _stated(case: Case, dotted: str) -> Any:
    section, _, name = dotted.partition(".")
    return getattr(case, section).get(name, _DEFAULTS.get(dotted))


def _value(dotted: str, value: Any, case: Case, sides: Sequence[Outcome]) -> Any:
    if value != ONE_SIDE:
        return value
    stated = _stated(case, dotted)
    if stated is not None:  # both were told, so nothing is to be told again
        return stated
    if dotted == "training.weighting":
        return _weighting(sides)
    # Epsilon and norm belong together, so both are those of one side: the one that moves farther shows more.
    name = dotted.partition(".")[2]
    return max(sides, key=lambda side: side.settings["epsilon"]).settings[name]


def _weighting(sides: Sequence[Outcome]) -> dict[str, float]:
    """A ratio that every library can express: one with clean examples, where a side has them."""
    objectives = [side.settings["objective"] for side in sides]
    one = next((objective for objective in objectives if objective["clean"]), objectives[0])
    return {name: one[name] for name in ("clean", "adversarial")}
