"""Runs of parts, as one run: what several machines computed of one selection. Nothing is computed or compared anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.engine.record import CaseRecord, Run, arrays_named, link_or_copy, load_run
from harness.engine.store import Store, has_content
from harness.vocabulary import HarnessError

MACHINE = ("platform", "processor")
"""What of the environment may differ: all that is compared with each other was computed on one machine."""


def merge_runs(folders: Sequence[Path], store: Store) -> Run:
    """One run of all cases of several, with its arrays in the store.

    It has the order of the selection where the runs are shards of one, else that of the folders. Its time is the sum of
    theirs; a baseline that they were held against is left behind.

    Args:
        folders: of the runs.
        store: where the arrays go; linked where it is on the same disk.

    Raises:
        HarnessError: with everything that forbids it: a folder that is no run, other versions of a subject, a framework
            or the harness, a case with two different outcomes, a shard that is missing, arrays that are missing or
            damaged.
    """
    runs = {folder: load_run(folder) for folder in folders}
    problems = [*_other_versions(runs), *_other_shards(runs), *_contradictions(runs)]
    if problems:
        raise HarnessError("These runs cannot be merged:\n" + "\n".join(f"  {problem}" for problem in problems))
    for folder, run in runs.items():
        _take_arrays(folder, run, store)
    records: dict[str, CaseRecord] = {}
    places: dict[str, tuple[int, int]] = {}
    for run in runs.values():
        positions = run.shard["positions"] if run.shard else {}
        for record in run.cases:
            records.setdefault(record.case.id, record)
            places.setdefault(record.case.id, (positions.get(record.case.id, 0), len(places)))
    cases = tuple(sorted(records.values(), key=lambda record: places[record.case.id]))
    described = {name: one for run in runs.values() for name, one in run.subjects.items()}
    order = dict.fromkeys([name for record in cases for name in record.case.subjects] + list(described))
    first = next(iter(runs.values()))
    return replace(
        first,
        environment={name: _united(runs, name) for name in first.environment},
        subjects={name: described[name] for name in order if name in described},
        cases=cases,
        started=min(run.started for run in runs.values()),
        seconds=sum(run.seconds for run in runs.values()),
        interrupted=any(run.interrupted for run in runs.values()),
        folder=None,
        standing=None,
        store=store,
        shard=None,
        read=None,
    )


def _other_versions(runs: Mapping[Path, Run]) -> Iterator[str]:
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for folder, run in runs.items():
        for name, value in run.environment.items():
            if name not in MACHINE:
                found[name][str(value)].append(folder)
        for name, description in run.subjects.items():
            found[f"subject {name}"][_version_of(description)].append(folder)
        if run.shard:
            found["the code of the harness"][str(run.shard["code"])].append(folder)
    for name, values in found.items():
        if len(values) > 1:
            yield f"{name} is " + ", ".join(f"{value} in {folders[0]}" for value, folders in values.items())


def _version_of(description: Mapping[str, Any]) -> str:
    if "unavailable" in description:
        return "not available"
    sources = f" ({description['sources']})" if "sources" in description else ""
    return f"{description['version']}{sources}"


def _other_shards(runs: Mapping[Path, Run]) -> Iterator[str]:
    shards = {folder: run.shard for folder, run in runs.items() if run.shard}
    if not shards:
        return
    whole = [str(folder) for folder in runs if folder not in shards]
    if whole:
        yield f"{', '.join(whole)} is a run of its own, and no shard of the same selection"
    first = next(iter(shards))
    for folder, shard in shards.items():
        if any(shard[name] != shards[first][name] for name in ("of", "selection")):
            yield (
                f"{folder} is shard {shard['index']}/{shard['of']} of {shard['cases']} cases, and {first} is shard "
                f"{shards[first]['index']}/{shards[first]['of']} of other ones. Run all shards with the same selection"
            )
            return
    there = {shard["index"] for shard in shards.values()}
    of = shards[first]["of"]
    missing = [f"{index}/{of}" for index in range(1, of + 1) if index not in there]
    if missing:
        yield f"shard {', '.join(missing)} is missing"


def _contradictions(runs: Mapping[Path, Run]) -> Iterator[str]:
    seen: dict[str, tuple[Path, Any]] = {}
    for folder, run in runs.items():
        for record in run.cases:
            earlier, was = seen.setdefault(record.case.id, (folder, _essence(record)))
            if was != _essence(record):
                yield f"{record.case.id} is in {earlier} and in {folder}, and not the same in both"


def _essence(record: CaseRecord) -> CaseRecord:
    """A case without what differs from one run to the next."""
    outcomes = tuple(replace(one, seconds=0.0, from_store=False) for one in record.outcomes)
    return replace(record, outcomes=outcomes)


def _take_arrays(folder: Path, run: Run, store: Store) -> None:
    for digest in sorted({digest for record in run.cases for digest in arrays_named(record)}):
        path = Store(folder).path_of(digest)
        if not has_content(path, digest):
            raise HarnessError(f"{path} is missing or damaged. Fetch the run again, or make it again.")
        link_or_copy(path, store.path_of(digest))


def _united(runs: Mapping[Path, Run], name: str) -> Any:
    """A value of the environment; of what may differ all values."""
    values = list(dict.fromkeys(str(run.environment.get(name)) for run in runs.values()))
    first = next(iter(runs.values())).environment[name]
    return first if len(values) == 1 else " and ".join(sorted(values))
