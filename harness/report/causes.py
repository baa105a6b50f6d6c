"""Why two sides diverge, in words: the causes of a comparison with their shares, and what no cause explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.record import CaseRecord, Run
from harness.report.proposed import proposed
from harness.report.text import count
from harness.vocabulary import Comparison, Verdict

LEAST_SHOWN = 0.005
"""Share below which a cause is left out of the sentence: it rounds to 0 %."""


def said(comparison: Comparison) -> str:
    """The sentence of a comparison, and why: ``..., because: label-source 82 %, epsilon 18 %``."""
    words = because(comparison)
    return f"{comparison.sentence}{', ' if words else ''}{words}"


def advised(comparison: Comparison) -> str:
    """The sentence of a comparison, why, and what to set to make the two agree."""
    return "; ".join(filter(None, (said(comparison), proposed(comparison))))


def because(comparison: Comparison) -> str:
    """``because: label-source 82 %, epsilon 18 %``; ``unexplained: why``; empty where no causes were looked for."""
    # Judged again under another tolerance, it may have ceased to be a divergence.
    if not comparison.causes or comparison.verdict is not Verdict.DIVERGED:
        return ""
    if is_unexplained(comparison):
        return f"unexplained: {reason_of(comparison)}"
    return f"because: {mean_causes([comparison])}{_sampled(comparison)}{_earlier(comparison)}"


def _sampled(comparison: Comparison) -> str:
    """How many orders the shares come out of, where that is not all of them."""
    bridge = comparison.metrics.get("bridge", {})
    if not bridge.get("sampled"):
        return ""
    error = max(one.get("error", 0.0) for one in bridge["settings"].values())
    return f" (out of {bridge['sampled']} orders, standard errors of at most {100 * error:.2g} %)"


def _earlier(comparison: Comparison) -> str:
    """Where the causes of a training are not those of its end and of all of its seeds."""
    bridge = comparison.metrics.get("bridge", {})
    step, steps, seeds = (bridge.get(name, 0) for name in ("step", "of_steps", "seeds"))
    told = [f"after {step:,} of {steps:,} steps"] if step < steps else []
    told += [f"of the first of {seeds:,} seeds"] if seeds > 1 else []
    return f" ({', '.join(told)})" if told else ""


def mean_causes(comparisons: Sequence[Comparison]) -> str:
    """``label-source 82 %, epsilon 18 %``, the mean share over some comparisons; empty where one has no causes."""
    if not comparisons or not all(one.causes for one in comparisons):
        return ""
    shares: dict[str, float] = {}
    for one in comparisons:
        for cause in one.causes:
            shares[cause["code"]] = shares.get(cause["code"], 0.0) + cause["share"] / len(comparisons)
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    shown = [(code, share) for code, share in ordered if abs(share) >= LEAST_SHOWN] or ordered[:1]
    return ", ".join(f"{code} {100 * share:.0f} %" for code, share in shown)


def is_unexplained(comparison: Comparison) -> bool:
    """Whether causes were looked for and none leads from one side to the other."""
    named = any(one["code"] == "unexplained" for one in comparison.causes)
    return named and comparison.verdict is Verdict.DIVERGED


def reason_of(comparison: Comparison) -> str:
    """Why a divergence is unexplained."""
    return comparison.metrics.get("bridge", {}).get("reason", "")


def causes_found(run: Run) -> str:
    """Of how many divergences the causes are known; empty where there are no divergences, or none were looked for."""
    diverged = [one for record in run.cases for one in record.comparisons if one.verdict is Verdict.DIVERGED]
    sought = [one for one in diverged if one.causes]
    known = sum(not is_unexplained(one) for one in sought)
    if not sought:
        return ""
    if known == len(diverged):
        return "The divergence has a cause." if known == 1 else f"All {known:,} divergences have causes."
    rest = len(diverged) - len(sought)
    parts = [f"{len(sought) - known:,} unexplained"] if known < len(sought) else []
    parts += [f"for {rest:,} none were looked for"] if rest else []
    return f"{known:,} of {count(len(diverged), 'divergence')} have causes; {', '.join(parts)}."


@dataclass(frozen=True)
class Unexplained:
    """Divergences that no cause explains, for the same reason.

    Attributes:
        reason: why.
        found: cases and comparisons.
    """

    reason: str
    found: tuple[tuple[CaseRecord, Comparison], ...]

    @property
    def leaves(self) -> str:
        """The step at which the bridge leaves what a side really did; empty where it did not come so far."""
        ends = self.found[0][1].metrics["bridge"]["ends"].values()
        return ", ".join(dict.fromkeys(end["leaves"]["step"] for end in ends if "leaves" in end))


def unexplained(run: Run) -> list[Unexplained]:
    """What is unexplained in a run, the most frequent reason first."""
    by_reason: dict[str, list[tuple[CaseRecord, Comparison]]] = {}
    for record in run.cases:
        for one in record.comparisons:
            if is_unexplained(one):
                by_reason.setdefault(reason_of(one), []).append((record, one))
    groups = [Unexplained(reason, tuple(found)) for reason, found in by_reason.items()]
    return sorted(groups, key=lambda group: -len(group.found))
