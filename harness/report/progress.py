"""How far a run is: a bar where there is a terminal, an occasional line where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from harness.engine.events import (
    CaseJudged,
    Event,
    Explaining,
    OutcomeBegun,
    OutcomeReady,
    Planned,
    ProblemReady,
    Progressed,
)
from harness.report.text import count, duration, encodable, printable
from harness.vocabulary import Comparison, Verdict

_LINE_EVERY = 0.1
"""Share of the outcomes after which a line is due."""

_LINE_SECONDS = 30.0
"""How long a log is silent while something long goes on."""

_ESTIMATED_AFTER = 5
"""Outcomes that this run has computed before it says how long the others may take."""

_SEVERITY = (Verdict.EQUAL, Verdict.CLOSE, Verdict.UNSUPPORTED, Verdict.DIVERGED, Verdict.ERROR)
_STATUSES = ("expected", "unstated", "unexpected")


@dataclass
class Tally:
    """What a run has done so far."""

    problems: int = 0
    problems_done: int = 0
    outcomes: int = 0
    outcomes_done: int = 0
    from_store: int = 0
    cases: int = 0
    cases_done: int = 0
    running: dict[str, set[str]] = field(default_factory=dict)
    worst: tuple[str, Comparison] | None = None
    began: float | None = None
    explaining: Explaining | None = None
    case: str = ""
    trainings: dict[tuple[str, str], Progressed] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, event: Event) -> None:
        """Counts an event."""
        if isinstance(event, Planned):
            self.problems, self.outcomes, self.cases = event.problems, event.outcomes, event.cases
        elif isinstance(event, ProblemReady):
            self.problems_done += 1
            self.case = event.case.id
        elif isinstance(event, OutcomeReady):
            self.outcomes_done += 1
            self.from_store += event.outcome.from_store
            self.case = event.case.id
            self.trainings.pop((event.case.id, event.outcome.subject), None)
            self._ended(event.case.id, event.outcome.subject)
        elif isinstance(event, OutcomeBegun):
            self.began = self.began or time.monotonic()
            self.running.setdefault(event.case.id, set()).add(event.subject)
        elif isinstance(event, CaseJudged):
            self.cases_done += 1
            for comparison in event.record.comparisons:
                if self.worst is None or _badness(comparison) > _badness(self.worst[1]):
                    self.worst = event.record.case.id, comparison
        elif isinstance(event, Explaining):
            self.explaining, self.case = event, ""
        elif isinstance(event, Progressed):
            key = (event.case.id, event.subject)
            self.trainings.pop(key, None)  # so that the last one of which something was heard stands last
            self.trainings[key] = event
            self.case = event.case.id

    @property
    def preparing(self) -> bool:
        """Whether problems are still being prepared."""
        return not self.outcomes_done and self.problems_done < self.problems

    def in_words(self) -> str:
        """``problems 3 of 12``; ``outcomes 80 of 756, 9 from the store; nsl step 12 of 300``; ``causes 4 of 9``."""
        if self.explaining:
            return f"{self.explaining.what} {self.explaining.done:,} of {self.explaining.cases:,}"
        if self.preparing:
            return f"problems {self.problems_done:,} of {self.problems:,}"
        stored = f", {self.from_store:,} from the store" if self.from_store else ""
        return f"outcomes {self.outcomes_done:,} of {self.outcomes:,}{stored}{self._training()}"

    def cases_in_words(self) -> str:
        """``cases: 40 done, 2 running, 958 waiting; about 2 min left``; nothing before there is anything to tell."""
        if self.explaining or not (self.cases_done or self.running):
            return ""
        waiting = max(0, self.cases - self.cases_done - len(self.running))
        words = f"cases: {self.cases_done:,} done, {len(self.running):,} running, {waiting:,} waiting"
        left = self.seconds_left()
        return words if left is None else f"{words}; about {duration(left)} left"

    def seconds_left(self) -> float | None:
        """At the pace of the outcomes so far that this run has computed; ``None`` before there are a few."""
        computed, left = self.outcomes_done - self.from_store, self.outcomes - self.outcomes_done
        if self.began is None or computed < _ESTIMATED_AFTER or not left:
            return None
        return (time.monotonic() - self.began) / computed * left

    def worst_in_words(self) -> str:
        """``DIVERGED, unexpected: nsl and cleverhans-v4 in CASE``; nothing while all agree as expected."""
        if self.worst is None:
            return ""
        case, comparison = self.worst
        if comparison.status != "unexpected" and comparison.verdict in (Verdict.EQUAL, Verdict.CLOSE):
            return ""
        status = {"expected": "as expected", "unstated": "which no scenario speaks of"}.get(
            comparison.status, "unexpected"
        )
        pair = f"{printable(comparison.left)} and {printable(comparison.right)}"
        return f"{comparison.verdict}, {status}: {pair} in {printable(case)}"

    def _ended(self, case: str, subject: str) -> None:
        subjects = self.running.get(case, set())
        subjects.discard(subject)
        if not subjects:
            self.running.pop(case, None)

    def _training(self) -> str:
        """The training of which something was heard last."""
        if not self.trainings:
            return ""
        one = next(reversed(self.trainings.values()))
        return f"; {printable(one.subject)} step {one.step:,} of {one.steps:,}"


def _badness(comparison: Comparison) -> tuple[int, int]:
    return _STATUSES.index(comparison.status), _SEVERITY.index(comparison.verdict)


class _Rows(Progress):
    """A bar with lines below it."""

    below: tuple[str, ...] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield from (Text(line, no_wrap=True, overflow="ellipsis") for line in self.below)


class Bar:
    """A live bar on a terminal; it leaves nothing behind."""

    def __init__(self, console: Console):
        one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = _Rows(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=one_line),
            console=console,
            transient=True,
            expand=True,
        )
        self._task: TaskID | None = None

    def show(self, tally: Tally) -> None:
        """Brings the bar up to date. Problems count as much as outcomes: both are work."""
        case = encodable(tally.case, self._progress.console.encoding)
        total, done = tally.problems + tally.outcomes, tally.problems_done + tally.outcomes_done
        if tally.explaining:  # a bar of its own: how many there are is known only now
            total, done = tally.explaining.cases, tally.explaining.done
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(case, total=total, words=tally.in_words())
        worst = tally.worst_in_words()
        below = [tally.cases_in_words(), f"worst so far: {worst}" if worst else ""]
        self._progress.below = tuple(encodable(line, self._progress.console.encoding) for line in below if line)
        self._progress.update(self._task, completed=done, total=total, description=case, words=tally.in_words())

    def say(self, words: str) -> None:
        """A line of its own, above the bar, which stays."""
        _print_line(self._progress.console, words)

    def close(self) -> None:
        """Takes the bar away."""
        self._progress.stop()


class Lines:
    """A line now and then, for a log."""

    def __init__(self, console: Console):
        self._console = console
        self._said = 0.0
        self._last = time.monotonic()
        self._prepared = False
        self._worst = ""

    def show(self, tally: Tally) -> None:
        """Says how far the run is, if enough was done since the last time."""
        if tally.problems and not self._prepared and tally.problems_done == tally.problems:
            self._prepared = True
            self._say(f"prepared {count(tally.problems, 'problem')}", tally)
        share = tally.outcomes_done / tally.outcomes if tally.outcomes else 0.0
        judged = share < 1.0 or tally.cases_done >= tally.cases  # the last outcome comes before the verdict on its case
        if judged and (share - self._said >= _LINE_EVERY or (share == 1.0 and self._said < 1.0)):
            self._said = share
            self._say(f"{tally.in_words()} ({share:.0%})", tally)
            self._say_worst(tally)
        elif tally.explaining:
            if tally.explaining.done == tally.explaining.cases or time.monotonic() - self._last >= _LINE_SECONDS:
                self._say(tally.in_words(), tally)
        elif tally.trainings and time.monotonic() - self._last >= _LINE_SECONDS:
            self._say(f"{tally.in_words()} in {encodable(tally.case, self._console.encoding)}", tally)

    def _say(self, words: str, tally: Tally) -> None:
        self._last = time.monotonic()
        elapsed = duration(time.monotonic() - tally.started)
        cases = tally.cases_in_words()
        _print_line(self._console, f"{words} after {elapsed}{f'; {cases}' if cases else ''}")

    def _say_worst(self, tally: Tally) -> None:
        worst = tally.worst_in_words()
        if worst != self._worst:
            self._worst = worst
            _print_line(self._console, f"worst so far: {encodable(worst, self._console.encoding)}")

    def say(self, words: str) -> None:
        """A line of its own."""
        _print_line(self._console, words)

    def close(self) -> None:
        """Lines need no end."""


def _print_line(console: Console, words: str) -> None:
    console.print(encodable(words, console.encoding), markup=False, highlight=False, soft_wrap=True)
