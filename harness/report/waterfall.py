"""How one side of a divergence becomes the other, setting by setting, as the page draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.explain.causes import CAUSES
from harness.report.causes import LEAST_SHOWN
from harness.report.equivalence import condition_text
from harness.report.settings import setting_text
from harness.vocabulary import Comparison, Verdict

_OF_A_SETTING = ("share", "alone_makes", "alone_removes", "error", "accuracy")
"""What a bridge says of a setting beside how far it leads by each measure."""

ROUND_OFF = "round-off"


def waterfall(comparison: Comparison) -> dict[str, Any] | None:
    """The bridge of a divergence as JSON values; None where there is none.

    Returns:
        ``reason``: why it is unexplained, or empty. ``ends``: how the reimplementation stands to each side. ``measure``
        of the shares. ``bars``: the largest first; each begins in percent where the one before ends, and the last ends
        at 100. Of each its ``code``, ``title``, ``values`` on both sides, ``share`` and its ``error``, what it alone
        ``makes`` and ``removes``, by measure how far it leads (``far``), what it changes in each ``accuracy``, and the
        distance from the left side ``after`` it. ``idle``: settings that differ and change nothing; ``differing``:
        settings that differ, where nothing was measured. Of a training also the ``step`` of all ``steps`` after which
        it was measured, of how many ``seeds`` the first, and the ``accuracies`` of both sides there.
    """
    bridge = comparison.metrics.get("bridge")
    # Judged again under another tolerance, it may have ceased to be a divergence.
    if not bridge or comparison.verdict is not Verdict.DIVERGED:
        return None
    settings: Mapping[str, Mapping[str, Any]] = bridge["settings"]
    after = {step["code"]: {name: one for name, one in step.items() if name != "code"} for step in bridge["steps"]}
    ordered = sorted(settings, key=lambda code: -settings[code]["share"])
    shown = [code for code in ordered if abs(settings[code]["share"]) >= LEAST_SHOWN] or ordered[:1]
    bars, start = [], 0.0
    for code in shown:
        one = settings[code]
        bars.append(
            {
                **_named(bridge, code),
                "start": 100 * start,
                "share": one["share"],
                "error": one.get("error"),
                "makes": one.get("alone_makes", False),
                "removes": one.get("alone_removes", False),
                "far": {name: value for name, value in one.items() if name not in _OF_A_SETTING},
                "after": after.get(code, {}),
                "accuracy": {condition_text(name): change for name, change in one.get("accuracy", {}).items()},
            }
        )
        start += one["share"]
    if bridge["round_off"] >= LEAST_SHOWN:
        share = bridge["round_off"]
        bars.append(
            {**_named(bridge, ROUND_OFF), "start": 100 * start, "share": share, "far": {}, "after": {}, "accuracy": {}}
        )
    differing = [code for code in bridge["differing"] if code not in shown]
    return {
        "reason": bridge["reason"],
        "ends": [[name, end["verdict"], end["sentence"]] for name, end in bridge["ends"].items()],
        "measure": bridge["measure"],
        "step": bridge.get("step"),
        "steps": bridge.get("of_steps"),
        "seeds": bridge.get("seeds"),
        "accuracies": [[condition_text(name), *both] for name, both in bridge.get("accuracy", {}).items()],
        "bars": bars,
        # Where nothing was measured nothing is known to be idle.
        "idle": [_named(bridge, code) for code in differing] if bars else [],
        "differing": [] if bars else [_named(bridge, code) for code in differing],
    }


def _named(bridge: Mapping[str, Any], code: str) -> dict[str, Any]:
    values = bridge["differing"].get(code, ())
    title = CAUSES[code].title if code in CAUSES else ""
    return {"code": code, "title": title, "values": [setting_text(value) for value in values]}
