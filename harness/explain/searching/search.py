"""The search: what is known is replayed, then batches of random scenarios are run until the time is over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from harness.engine.record import CaseRecord, Run
from harness.engine.run import Options, complete, execute
from harness.engine.store import CannotWriteError
from harness.engine.work import in_one_line
from harness.engine.workers import Pool
from harness.explain.explaining import explain_run
from harness.explain.reducing.draft import Draft, scenario_text, subjects_of
from harness.explain.reducing.reduction import Reduction, reduce_case
from harness.explain.reducing.trial import Trials
from harness.explain.searching.findings import Finding, findings_in, harness_fails
from harness.explain.searching.generator import VARIANTS, Generated, scenarios
from harness.explain.searching.kept import add_signature, read_kept, write_finding, write_reproduction
from harness.scenario.cases import read_cases
from harness.scenario.paths import Permissions
from harness.vocabulary import Case, HarnessError

_BATCH_SECONDS = 15.0
"""How long one batch should take: every batch waits for its slowest outcome, and the end for the last batch."""

_FIRST_BATCH, _LARGEST_BATCH = 2 * VARIANTS, 64
_REDUCE_SECONDS = 45.0


@dataclass(frozen=True)
class Question:
    """What to search.

    Attributes:
        seconds: how long.
        subjects: who takes part.
        seed: of the scenarios.
        keep: folder of the findings, of this search and of earlier ones.
        bases: cases whose models and data are taken; empty: random ones.
        permissions: of the scenarios.
        origin: the search in words, for the files that it writes.
    """

    seconds: float
    subjects: tuple[str, ...]
    seed: int
    keep: Path
    bases: tuple[Case, ...]
    permissions: Permissions
    origin: str


@dataclass
class Found:
    """A finding with what was made of it.

    Attributes:
        finding: as it was found.
        case: the id of the first case that showed it; cases: how many did.
        files: written for it; numbers: of the case, before and after.
        note: why there is no reproduction, or that it was not reduced; empty where there is nothing to say.
    """

    finding: Finding
    case: str
    cases: int = 1
    files: tuple[Path, ...] = ()
    numbers: tuple[int, int] | None = None
    note: str = ""


@dataclass(frozen=True)
class Replayed:
    """A finding of an earlier search: its file, and in words what it shows now; empty where it shows nothing more."""

    path: Path
    shows: tuple[str, ...]


@dataclass
class Searched:
    """What came of a search, kept up to date while it goes on.

    Attributes:
        ran: the scenarios that were run; refused: messages of those that were no valid scenarios, with their number.
        verdicts: by ``left|right``; statuses: of the outcomes, by subject.
        found: by signature; replayed: what earlier searches had found.
        known: signatures of what earlier searches had found, with how often they were met again.
        seconds: wall time, in all and of running random scenarios.
        interrupted: whether Ctrl-C ended it.
    """

    ran: list[Generated] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    replayed: list[Replayed] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    running_seconds: float = 0.0
    interrupted: bool = False

    @property
    def anything(self) -> bool:
        """Whether something is unexplained, be it new or known."""
        return bool(self.found) or any(one.shows for one in self.replayed)


Listen = Callable[[str, Searched], None]
"""Gets what happens, in a line, and how far the search is."""


def search(question: Question, options: Options, workers: Pool, folder: Path, listen: Listen) -> Searched:
    """Searches until the time is over. Ctrl-C ends it, and what was found by then is returned.

    Args:
        question: what to search.
        options: of all runs; workers: of them.
        folder: for the files of random scenarios.
        listen: gets what happens.

    Raises:
        HarnessError: a subject is not available, a kept file is no scenario any more, or files cannot be written.
    """
    searching = _Search(question, options, workers, folder, listen)
    try:
        searching.replay()
        searching.go_on()
    except KeyboardInterrupt:
        searching.searched.interrupted = True
    searching.searched.seconds = searching.elapsed
    return searching.searched


class _Search:
    def __init__(self, question: Question, options: Options, workers: Pool, folder: Path, listen: Listen):
        self._question, self._options, self._workers, self._folder = question, options, workers, folder
        self._listen, self._clock = listen, time.monotonic()
        self._shapes: dict[tuple, Path] = {}
        self.searched = Searched()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._clock

    @property
    def _left(self) -> float:
        return self._question.seconds - self.elapsed

    def replay(self) -> None:
        """Runs what earlier searches have found, and takes note of what still shows."""
        for kept in read_kept(self._question.keep, self._question.permissions):
            if kept.complaint:
                raise HarnessError(f"{kept.complaint}\n{kept.path} is replayed by every search. Mend or remove it.")
            found: list[Finding] = []
            for _, record, failed in self._run(kept.cases):
                found += [failed] if failed else findings_in(record) if record else []
            self.searched.known.update(
                dict.fromkeys(filter(None, [*kept.signatures, *(one.signature for one in found)]), 0)
            )
            shows = tuple(one.sentence for one in found)
            self.searched.replayed.append(Replayed(kept.path, shows))
            self._listen(f"{kept.path}: {'still shows' if shows else 'no longer shows anything'}", self.searched)

    def go_on(self) -> None:
        """Batch after batch, and after each what is new is made small and written."""
        question = self._question
        generated = scenarios(question.seed, question.subjects, question.bases)
        while self._left > 0:
            size = self._batch_size()
            if size == 0:
                return
            clock = time.monotonic()
            new = self._batch(list(islice(generated, size)))
            self.searched.running_seconds += time.monotonic() - clock
            self.searched.seconds = self.elapsed
            self._listen("", self.searched)
            for found, draft, case in new:
                self._keep(found, draft, case)

    def _batch_size(self) -> int:
        """As many scenarios as the pace so far allows; none where the time is over before one row of them is done."""
        if not self.searched.ran:
            return _FIRST_BATCH
        pace = len(self.searched.ran) / self.searched.running_seconds
        if pace * self._left < VARIANTS:
            return 0
        return min(int(pace * self._left), _LARGEST_BATCH, max(_FIRST_BATCH, int(pace * _BATCH_SECONDS)))

    def _batch(self, batch: Sequence[Generated]) -> list[tuple[Found, Draft, Case]]:
        """Runs scenarios. Returns what is new, each with the smallest scenario that shows it."""
        loaded: dict[str, tuple[Generated, Case]] = {}
        for one in batch:
            case = self._load(one)
            if case is not None:
                loaded[case.id] = (one, case)
        new: dict[str, tuple[Found, Draft, Case]] = {}
        for case, record, failed in self._run([case for _, case in loaded.values()]):
            generated, _ = loaded[case.id]
            self.searched.ran.append(generated)
            if record is not None:
                self._count(record)
            for finding in [failed] if failed else findings_in(record) if record else []:
                self._meet(finding, generated.draft, case, new)
        return list(new.values())

    def _meet(self, finding: Finding, draft: Draft, case: Case, new: dict[str, tuple[Found, Draft, Case]]) -> None:
        signature = finding.signature
        if signature in self.searched.known:
            self.searched.known[signature] += 1
        elif signature in self.searched.found:
            found = self.searched.found[signature]
            found.cases += 1
            if signature in new and _size(draft) < _size(new[signature][1]):
                found.finding, found.case = finding, case.id
                new[signature] = (found, draft, case)
        else:
            self.searched.found[signature] = Found(finding, case.id)
            new[signature] = (self.searched.found[signature], draft, case)

    def _count(self, record: CaseRecord) -> None:
        for one in record.comparisons:
            self.searched.verdicts.setdefault(f"{one.left}|{one.right}", Counter())[str(one.verdict)] += 1
        for outcome in record.outcomes:
            self.searched.statuses.setdefault(outcome.subject, Counter())[outcome.status] += 1

    def _load(self, generated: Generated) -> Case | None:
        path = self._folder / f"search-{self._question.seed}-{generated.number}.yaml"
        path.write_text(scenario_text(generated.draft, summary="A random scenario."), encoding="utf-8")
        try:
            (case,) = read_cases(path, self._question.permissions)
        except HarnessError as error:
            self.searched.refused[str(error).partition(": ")[2]] += 1
            return None
        return case

    def _run(self, cases: Sequence[Case]) -> Iterator[tuple[Case, CaseRecord | None, Finding | None]]:
        """Each case with its record, or with the finding that the harness cannot run it."""
        if not cases:
            return
        try:
            run = self._finished(cases)
        except (_UnavailableError, CannotWriteError):
            raise
        except Exception as error:  # whatever it is, it is a finding: one case ends the run of all
            if len(cases) == 1:
                yield cases[0], None, harness_fails(cases[0], error)
            else:
                middle = len(cases) // 2
                yield from self._run(cases[:middle])
                yield from self._run(cases[middle:])
            return
        for record in run.cases:
            yield record.case, record, None

    def _finished(self, cases: Sequence[Case]) -> Run:
        """Run and explained."""
        run = complete(execute(cases, self._options, shared=self._workers), lambda event: None)
        run = explain_run(run, self._options, self._workers)
        if run.interrupted:
            raise KeyboardInterrupt
        for name, description in run.subjects.items():
            if "unavailable" in description:
                raise _UnavailableError(f"{name} is not available: {description['unavailable']}")
        return run

    def _keep(self, found: Found, draft: Draft, case: Case) -> None:
        """Makes a finding small, and writes it with a reproduction, unless it comes to what was found already."""
        question, finding = self._question, found.finding
        reduction: Reduction | None = None
        if finding.pair and finding.who and self._left > 1:
            self._listen(f"{finding.name}: {_short(finding.sentence)}", self.searched)
            reduction = self._reduced(found, case)
        if reduction is not None:
            draft = reduction.last.draft
            found.numbers = (reduction.first.numbers.total, reduction.last.numbers.total)
            # The settings that are left are those that matter.
            shape = (finding.what, finding.who, draft.kind, str(draft.attack), str(draft.training), str(draft.layers))
            path = self._shapes.setdefault(shape, question.keep / f"{finding.name}.yaml")
            if path.stem != finding.name:
                add_signature(finding, path)
                found.note = f"made small it is {path.stem}"
                self._listen(f"{finding.name}: {found.note}", self.searched)
                return
        elif finding.pair and finding.who:
            draft = replace(draft, subjects=subjects_of(finding.pair, draft.kind))
            found.note = found.note or "not made smaller: the time was over"
        files = write_finding(finding, draft, question.keep, origin=question.origin, reduction=reduction)
        found.files = tuple(files)
        self._reproduce(found)
        self._listen(f"{finding.name}: written to {', '.join(map(str, found.files))}", self.searched)
        if reduction is not None and reduction.ended == "interrupted":
            raise KeyboardInterrupt

    def _reduced(self, found: Found, case: Case) -> Reduction | None:
        options, workers = self._options, self._workers
        pair = (found.finding.pair[0], found.finding.pair[1])
        causes = partial(explain_run, options=options, workers=workers)
        folder = self._folder / found.finding.name
        trials = Trials(pair, workers, options, self._question.permissions, folder, causes)
        try:
            return reduce_case(case, trials, seconds=min(_REDUCE_SECONDS, self._left))
        except (_UnavailableError, CannotWriteError):
            raise
        except Exception as reason:  # the finding is worth more than its reduction
            found.note = f"not made smaller: {str(reason) if isinstance(reason, HarnessError) else in_one_line(reason)}"
            return None

    def _reproduce(self, found: Found) -> None:
        if len(found.finding.pair) != 2 or found.finding.what == "harness":
            return
        (case,) = read_cases(found.files[0], self._question.permissions)
        run = self._finished([case])
        files, why = write_reproduction(run, run.cases[0], found.finding.pair, self._question.keep, found.finding.name)
        found.files = (*found.files, *files)
        found.note = "; ".join(filter(None, (found.note, f"no reproduction: {why}" if why else "")))


class _UnavailableError(HarnessError):
    """Not an answer of a case: nothing can be found without the subject."""


def _size(draft: Draft) -> int:
    return len(str((draft.model, draft.data, draft.attack, draft.training)))


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
