"""What a run leaves: ``run.json`` and its arrays. Any report can be made again from the folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.standing import Standing, from_json, to_json
from harness.engine.store import Store, has_content, write_atomically
from harness.vocabulary import (
    FORMAT_VERSION,
    Case,
    Comparison,
    Expectation,
    HarnessError,
    Location,
    Outcome,
    Verdict,
)


@dataclass(frozen=True)
class CaseRecord:
    """A case with what came of it.

    Attributes:
        case: the case.
        identity: hashes of ``weights`` and ``data``, the same for every subject.
        outcomes: one for each subject, in order; fewer when the run was interrupted.
        comparisons: one for each pair of subjects.
    """

    case: Case
    identity: Mapping[str, str]
    outcomes: tuple[Outcome, ...]
    comparisons: tuple[Comparison, ...]

    def outcome(self, subject: str) -> Outcome:
        """The outcome of a subject."""
        return next(outcome for outcome in self.outcomes if outcome.subject == subject)


@dataclass(frozen=True)
class Run:
    """Everything a run produced.

    Attributes:
        environment: machine, frameworks, flags and threads.
        subjects: name to ``library``, ``version``, ``api``, ``environment``; and ``unavailable``, why, where it is so.
        cases: in the order of the scenario files.
        started: ISO 8601, UTC.
        seconds: wall time.
        interrupted: whether it was stopped before it had finished.
        folder: where its arrays lie; ``None`` while they are in the store only.
        standing: how it stands to a baseline; ``None`` when it was held against none.
        shard: which share of a selection it is, as ``harness.engine.shards.take_shard`` describes it; ``None``: no
            share.
        store: where its arrays lie while it has no folder.
        read: of a run that was read: the cases as they were, and the SHA-256 of their text, see ``digest``.
    """

    environment: Mapping[str, Any]
    subjects: Mapping[str, Mapping[str, Any]]
    cases: tuple[CaseRecord, ...]
    started: str
    seconds: float
    interrupted: bool = False
    folder: Path | None = None
    standing: Standing | None = None
    shard: Mapping[str, Any] | None = None
    store: Store | None = field(default=None, compare=False)
    read: tuple[tuple[CaseRecord, ...], str] | None = field(default=None, compare=False, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the cases of a run that was read, whether from the store or not; empty if they were changed."""
        return self.read[1] if self.read and self.read[0] is self.cases else ""

    @property
    def totals(self) -> dict[str, Any]:
        """Counts over all cases."""
        comparisons = [comparison for record in self.cases for comparison in record.comparisons]
        outcomes = [outcome for record in self.cases for outcome in record.outcomes]
        verdicts = Counter(str(comparison.verdict) for comparison in comparisons)
        statuses = Counter(comparison.status for comparison in comparisons)
        return {
            "cases": len(self.cases),
            "outcomes": len(outcomes),
            "from_store": sum(outcome.from_store for outcome in outcomes),
            "comparisons": len(comparisons),
            "verdicts": {str(verdict): verdicts.get(str(verdict), 0) for verdict in Verdict},
            "expected": statuses["expected"],
            "unexpected": statuses["unexpected"],
            "unstated": statuses["unstated"],
        }

    def arrays(self, digest: str) -> dict[str, np.ndarray]:
        """Arrays of an outcome or of a problem, by content hash. Raises ``HarnessError`` when missing or damaged."""
        place = Store(self.folder) if self.folder else self.store
        try:
            if place is not None:
                return place.get_arrays(digest)
        except KeyError:
            pass
        raise HarnessError(f"arrays/{digest}.npz is missing or damaged in {place.root if place else 'this run'}")

    def inputs(self, record: CaseRecord) -> dict[str, np.ndarray]:
        """The inputs of a case, by name."""
        return by_prefix(self.arrays(record.identity["data"]), "input")

    def labels(self, record: CaseRecord) -> np.ndarray:
        """The true labels of a case, int32 ``(batch,)``."""
        return self.arrays(record.identity["data"])["labels"]

    def adversarial(self, outcome: Outcome) -> dict[str, np.ndarray]:
        """The adversarial examples of an outcome, by input name."""
        return by_prefix(self.arrays(outcome.arrays), "adversarial")


def arrays_of(outcome: Outcome) -> list[str]:
    """Hashes of all arrays of an outcome: its own, and those of its evaluation."""
    own = [outcome.arrays] if outcome.arrays else []
    return [*own, *([outcome.summary["evaluation"]["arrays"]] if "evaluation" in outcome.summary else [])]


def pictures_of_steps(comparison: Comparison) -> list[str]:
    """Hash of the arrays that hold what each step of a comparison's bridge does to a picture; at most one."""
    pictures = comparison.metrics.get("bridge", {}).get("pictures")
    return [pictures["arrays"]] if pictures else []


def arrays_named(record: CaseRecord) -> set[str]:
    """Hashes of all arrays that a case names: of its problem, its outcomes and its comparisons."""
    return {
        *record.identity.values(),
        *(digest for outcome in record.outcomes for digest in arrays_of(outcome)),
        *(digest for one in record.comparisons for digest in pictures_of_steps(one)),
    }


def by_prefix(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays named ``prefix/NAME``, by ``NAME``."""
    return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{prefix}/")}


def save_run(run: Run, folder: Path) -> Run:
    """Writes ``run.json`` and the arrays that it names, in place of an earlier run. Returns it as it lies there.

    Nothing is held in memory twice: a run of very many cases is a gigabyte.
    """
    source = run.store or (Store(run.folder) if run.folder else None)
    if source is None:
        raise ValueError("a run has its arrays in a store or in a folder")
    target = Store(folder)
    named = set()
    for record in run.cases:
        named.update(arrays_named(record))
    there = _files(folder / "arrays")
    lying = _files(source.root / "arrays") if there else {}
    for digest in named:
        if lying.get(digest) is None or lying[digest] != there.get(digest):
            link_or_copy(source.path_of(digest), target.path_of(digest))
    digest = hashlib.sha256()
    write_atomically(folder / "run.json", _parts(run, digest))
    # Only now: until run.json was replaced, the earlier run needed them.
    for path in (folder / "arrays").glob("*.npz"):
        if path.stem not in named:
            path.unlink(missing_ok=True)
    return replace(run, folder=folder, store=None, seconds=round(run.seconds, 3), read=(run.cases, digest.hexdigest()))


def load_run(folder: Path) -> Run:
    """Reads a run folder back.

    Raises:
        HarnessError: when it is no run folder, of another format, or damaged.
    """
    path = folder / "run.json"
    try:
        content = path.read_bytes()
        body = json.loads(content)
        version = body["format_version"]
        if version != FORMAT_VERSION:
            raise HarnessError(
                f"{path}: format_version is {version}; this version of the harness reads {FORMAT_VERSION}"
            )
        cases = tuple(_case_record(case) for case in body["cases"])
        return Run(
            environment=body["environment"],
            subjects=body["subjects"],
            cases=cases,
            started=body["started"],
            seconds=body["seconds"],
            interrupted=body["interrupted"],
            folder=folder,
            standing=from_json(body["baseline"]) if "baseline" in body else None,
            shard=body.get("shard"),
            read=(cases, _digest(content)),
        )
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}. A run folder has a run.json in it.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(
            f"{path} is not a run: {type(error).__name__}: {error}. Run again to make it anew."
        ) from error


def _parts(run: Run, digest: Any) -> Iterator[bytes]:
    """``run.json``, a line for each part and for each case: short enough to read, long enough to be written fast.

    Args:
        run: to write.
        digest: a hash, given what ``_digest`` is of.
    """
    head = {
        "format_version": FORMAT_VERSION,
        "started": run.started,
        "seconds": round(run.seconds, 3),
        "interrupted": run.interrupted,
        "environment": dict(run.environment),
        "subjects": {name: dict(description) for name, description in run.subjects.items()},
        "totals": run.totals,
        **({"shard": dict(run.shard)} if run.shard else {}),
        **({"baseline": to_json(run.standing)} if run.standing else {}),
    }
    yield "".join(["{\n", *(f"{json.dumps(name)}: {_text(value)},\n" for name, value in head.items()), _CASES]).encode()
    for part in _lines(run.cases):
        digest.update(_as_if_computed(part))
        yield part


def _lines(cases: Sequence[CaseRecord]) -> Iterator[bytes]:
    for index, record in enumerate(cases):
        yield f"{',' if index else ''}\n{_text(_case_body(record))}".encode()
    yield b"\n]\n}\n"


_CASES = '"cases": ['


def _digest(content: bytes) -> str:
    """Hash of the cases in the text of a ``run.json``, with all outcomes as if they were not from the store."""
    return hashlib.sha256(_as_if_computed(content.partition(_CASES.encode())[2])).hexdigest()


def _as_if_computed(content: bytes) -> bytes:
    return content.replace(b'"from_store": true', b'"from_store": false')


def _case_body(record: CaseRecord) -> dict[str, Any]:
    return {
        **vars(record.case),
        "identity": record.identity,
        "outcomes": record.outcomes,
        "comparisons": record.comparisons,
    }


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, default=_fields)


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as it is, not copied as ``plain`` does: that would take longer than writing it."""
    return dict(value) if isinstance(value, Mapping) else vars(value)


def _case_record(body: dict[str, Any]) -> CaseRecord:
    outcomes, comparisons, identity = body.pop("outcomes"), body.pop("comparisons"), body.pop("identity")
    expectations = {
        pair: Expectation(**{**one, "verdict": Verdict(one["verdict"]), "location": Location(**one["location"])})
        for pair, one in body.pop("expectations").items()
    }
    lists = {name: tuple(body.pop(name)) for name in ("subjects", "tags")}
    case = Case(**{**body, **lists, "location": Location(**body["location"]), "expectations": expectations})
    return CaseRecord(
        case,
        identity,
        tuple(map(outcome_of, outcomes)),
        tuple(map(comparison_of, comparisons)),
    )


def outcome_of(body: Mapping[str, Any]) -> Outcome:
    """An outcome from its JSON values."""
    values = as_stored(body)
    return Outcome(**{**values, "defaulted": tuple(values["defaulted"])})


def comparison_of(body: Mapping[str, Any]) -> Comparison:
    """A comparison from its JSON values."""
    values = as_stored(body)
    return Comparison(**{**values, "verdict": Verdict(values["verdict"]), "causes": tuple(values["causes"])})


def as_stored(value: Any) -> Any:
    """JSON values as the store would give them back, so that a run does not show what came from there: names in order,
    tuples as lists. Equal texts become one: what workers return and files hold comes with texts of its own, and in many
    thousands of cases they would take more memory than all the rest."""
    if type(value) is str:
        return sys.intern(value)
    if isinstance(value, dict):
        return {sys.intern(name): as_stored(value[name]) for name in sorted(value)}
    return [as_stored(one) for one in value] if isinstance(value, list | tuple) else value


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file each name in a folder of arrays is, by its device and number; read at once, since they are many."""
    try:
        device = folder.stat().st_dev
        with os.scandir(folder) as entries:
            return {entry.name.removesuffix(".npz"): (device, entry.inode()) for entry in entries}
    except OSError:
        return {}


def link_or_copy(source: Path, target: Path) -> None:
    """Puts a file of arrays, named by its hash, in another place. Raises ``HarnessError`` when it cannot be read."""
    with contextlib.suppress(OSError):  # most often it is not there
        if target.samefile(source) or has_content(target, source.stem):
            return
        target.unlink()  # an earlier run's, and damaged since
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    except OSError:  # another file system, or one without links
        try:
            content = source.read_bytes()
        except OSError as error:
            raise HarnessError(f"{source} cannot be read: {error.strerror or error}. Run again.") from error
        write_atomically(target, content)
