"""Makes a case smaller while the verdict of a pair and its first cause stay, as a delta debugger does.

Passes from coarse to fine, each a list of smaller drafts. Drafts are tried in the order of a pass, and the first that
still shows the symptom is what goes on. When no pass finds anything any more, or the time is over, what is left is
written as a scenario file. The order of drafts is fixed, so the same case comes to the same file unless the time ends.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.engine.store import write_atomically
from harness.explain.reducing import moves, numbers
from harness.explain.reducing.draft import Draft, scenario_text
from harness.explain.reducing.trial import Numbers, Seen, Symptom, key_of
from harness.vocabulary import Case, HarnessError, Verdict


class Looks(Protocol):
    """Says what drafts show of one pair, see ``Trials``."""

    count: int
    """Drafts that were run."""

    @property
    def pair(self) -> tuple[str, str]:
        """Left and right, in table order."""
        ...

    def first(self, case: Case) -> Seen:
        """What the case itself shows."""
        ...

    def find(self, drafts: Sequence[Draft], symptom: Symptom) -> Seen | None:
        """The first draft that shows the symptom, if one does."""
        ...


REDUCIBLE = (Verdict.DIVERGED, Verdict.ERROR)
"""Verdicts that are worth a smaller case."""

Pass = tuple[str, Callable[[Seen], Iterator[Draft]], int]
"""What it makes simpler, its drafts, and how many of them go into one run.

The first that shows the symptom counts, however many there are: where most fail, many at once cost less.
"""

COARSE: tuple[Pass, ...] = (
    ("from the smallest", moves.start_small, 6),
    ("no training before the attack", moves.draw_weights, 2),
    ("shorter training", moves.shorten_training, 2),
    ("fewer examples", moves.take_examples, 2),
    ("fewer layers", moves.take_layers, 2),
    ("fewer features", moves.take_features, 2),
    ("fewer classes", moves.take_classes, 2),
    ("fewer units", moves.take_units, 2),
    ("fewer settings", numbers.leave_out_settings, 4),
)
FINE: tuple[Pass, ...] = (
    ("fewer examples", moves.drop_examples, 4),
    ("fewer features", moves.drop_features, 4),
    ("other weights", moves.draw_anew, 6),
    ("simpler numbers", numbers.simplify_numbers, 4),
)
"""Tried where the coarse ones find nothing; after each that finds something, these are tried again."""


@dataclass(frozen=True)
class Progress:
    """A draft that still shows the symptom.

    Attributes:
        what: was made simpler; seconds: since the beginning; tried: drafts that were run by then.
    """

    what: str
    numbers: Numbers
    seconds: float
    tried: int


@dataclass(frozen=True)
class Reduction:
    """What came of it.

    Attributes:
        case: that was reduced; first, last: how it was seen as it is, and how at its smallest.
        seconds: wall time; tried: drafts that were run.
        ended: why the search ended: ``fixed point``, ``time`` or ``interrupted``.
    """

    case: Case
    first: Seen
    last: Seen
    seconds: float
    tried: int
    ended: str


def reduce_case(
    case: Case, trials: Looks, *, seconds: float, listen: Callable[[Progress], None] = lambda progress: None
) -> Reduction:
    """Looks for the smallest case that still shows what this one shows of the pair.

    Args:
        case: to reduce.
        trials: runs drafts, and knows the pair.
        seconds: after which the smallest one so far is taken. Ctrl-C does the same.
        listen: gets every draft that is taken.

    Raises:
        HarnessError: the pair does not differ, or the case cannot be prepared.
    """
    clock = time.monotonic()
    first = best = trials.first(case)
    if first.symptom.verdict not in REDUCIBLE:
        what = first.comparison.sentence.rstrip(".")
        raise HarnessError(
            f"{case.id}: {' and '.join(trials.pair)} are {first.symptom.verdict} here: {what}. "
            f"Expected a pair that is {' or '.join(map(str, REDUCIBLE))}; harness run shows which are."
        )
    ended = "fixed point"
    try:
        for what, found in _descend(first, trials, deadline=clock + seconds):
            if found is None:
                ended = "time"
                break
            best = found
            listen(Progress(what, best.numbers, time.monotonic() - clock, trials.count))
    except KeyboardInterrupt:
        ended = "interrupted"
    return Reduction(case, first, best, time.monotonic() - clock, trials.count, ended)


def _descend(first: Seen, trials: Looks, *, deadline: float) -> Iterator[tuple[str, Seen | None]]:
    """Each smaller draft that shows the symptom, with the pass that found it; ``None`` when the time is over."""
    best, taken, level = first, {key_of(first.draft)}, 0
    while level < 2:
        before = best
        for what, smaller, at_once in (COARSE, FINE)[level]:
            found: Seen | None = best
            while found:
                found = None
                for drafts in _chunks((draft for draft in smaller(best) if key_of(draft) not in taken), at_once):
                    if time.monotonic() > deadline:
                        yield what, None
                        return
                    found = trials.find(drafts, first.symptom)
                    if found:
                        best = found
                        taken.add(key_of(best.draft))
                        yield what, best
                        break
        level = 0 if best is not before else level + 1


def _chunks(drafts: Iterator[Draft], size: int) -> Iterator[list[Draft]]:
    while chunk := list(itertools.islice(drafts, size)):
        yield chunk


def write_reduction(reduction: Reduction, path: Path) -> list[Path]:
    """Writes what came of it as a scenario file, with an ``.npz`` beside it where the weights are not drawn.

    Returns:
        The files.

    Raises:
        HarnessError: they cannot be written.
    """
    draft, comparison = reduction.last.draft, reduction.last.comparison
    pair = [comparison.left, comparison.right]
    weights = path.with_suffix(".npz")
    stated = reduction.case.expectations.get("|".join(pair))
    because = f"as in {reduction.case.id}"
    if stated is not None and stated.verdict == comparison.verdict:
        because = stated.because
    expect: dict[str, Any] = {"pair": pair, "verdict": str(comparison.verdict), "because": because}
    text = scenario_text(
        draft,
        summary=f"{' and '.join(pair)}: {comparison.verdict}, reduced from {reduction.case.id}.",
        comments=_comments(reduction, pair),
        expect=expect,
        weights_file=weights.name,
        folder=path.parent,
    )
    if draft.weights:
        write_atomically(weights, draft.weights_content())
    write_atomically(path, text.encode())
    return [path, weights] if draft.weights else [path]


def _comments(reduction: Reduction, pair: Sequence[str]) -> list[str]:
    location = os.path.relpath(reduction.case.location.file)
    cause = reduction.last.symptom.cause
    return [
        f"Made by harness reduce '{reduction.case.id}' --pair {','.join(pair)}, from {location}:",
        f"{reduction.first.numbers};",
        f"{reduction.last.numbers}" + (f"; cause: {cause}." if cause else "."),
        *(" ".join(line.split()) for line in reduction.last.comparison.sentence.splitlines()),
    ]
