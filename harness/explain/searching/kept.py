"""Findings as files that outlast a search: a scenario, its weights, and a reproduction on nothing but the libraries."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engine.record import CaseRecord, Run
from harness.engine.store import write_atomically
from harness.explain.reducing.draft import Draft, scenario_text
from harness.explain.reducing.reduction import Reduction
from harness.explain.reproducing.script import reproduction_script
from harness.explain.searching.findings import Finding
from harness.scenario.cases import read_cases
from harness.scenario.paths import Permissions
from harness.scenario.select import ENDINGS
from harness.vocabulary import Case, Comparison, HarnessError

_MARK = "# Finding: "
"""Begins a line with a signature: the next search knows it again by it."""


@dataclass(frozen=True)
class Kept:
    """A finding of an earlier search.

    Attributes:
        path: its scenario file.
        signatures: under which it was found; none where a user has taken the lines out.
        cases: of the file.
        complaint: what is wrong with the file; empty if nothing is.
    """

    path: Path
    signatures: tuple[str, ...]
    cases: tuple[Case, ...]
    complaint: str = ""


def read_kept(folder: Path, permissions: Permissions) -> list[Kept]:
    """The findings in a folder, by name. A file that is no scenario any more has its complaint and no case."""
    found = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.suffix not in ENDINGS or not path.is_file():
            continue
        signatures: tuple[str, ...] = ()
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            signatures = tuple(line.removeprefix(_MARK) for line in lines if line.startswith(_MARK))
            found.append(Kept(path, signatures, tuple(read_cases(path, permissions))))
        except (HarnessError, OSError) as error:
            found.append(Kept(path, signatures, (), str(error)))
    return found


def write_finding(
    finding: Finding, draft: Draft, folder: Path, *, origin: str, reduction: Reduction | None = None
) -> list[Path]:
    """Writes the scenario of a finding, without ``expect``: what it should be is for a person to say.

    Args:
        finding: what was found.
        draft: the scenario, as small as it came to be.
        folder: where to.
        origin: the search, in words.
        reduction: how it became small; ``None``: it did not.

    Returns:
        The files: the scenario, and the weights beside it where they are not drawn.

    Raises:
        HarnessError: they cannot be written.
    """
    path = folder / f"{finding.name}.yaml"
    weights = path.with_suffix(".npz")
    comments = [f"{origin}. State with expect: what should be, once it is known."]
    if reduction is not None:
        comments += [f"{reduction.first.numbers};", f"{reduction.last.numbers}."]
    comments += textwrap.wrap(" ".join(_visible(finding.sentence).split()), 110)[:12]
    text = scenario_text(
        draft,
        summary=f"Found by a search: {_SUMMARIES[finding.what].format(' and '.join(finding.who or finding.pair))}.",
        comments=[*comments, _mark(finding).removeprefix("# ")],
        weights_file=weights.name,
        folder=folder,
    )
    if draft.weights:
        write_atomically(weights, draft.weights_content())
    write_atomically(path, text.encode())
    return [path, weights] if draft.weights else [path]


def add_signature(finding: Finding, path: Path) -> None:
    """Notes in the file of another finding that this one is the same.

    Raises:
        HarnessError: it cannot be written.
    """
    write_atomically(path, f"{_mark(finding)}\n{path.read_text(encoding='utf-8')}".encode())


def _mark(finding: Finding) -> str:
    return f"{_MARK}{_visible(finding.signature)}"


_SUMMARIES = {
    "unexplained": "a divergence of {} that no cause explains",
    "failure": "{} fails",
    "reference": "{} do not do the same",
    "harness": "a case that cannot be run",
}


def write_reproduction(
    run: Run, record: CaseRecord, pair: Sequence[str], folder: Path, name: str
) -> tuple[list[Path], str]:
    """Writes the Python file that shows a case on two libraries, and an ``.npz`` beside it if the arrays are large.

    Returns:
        The files, and why there are none.

    Raises:
        HarnessError: they cannot be written.
    """
    try:
        script = reproduction_script(run, record, _comparison(record, pair), name=f"{name}-repro")
    except HarnessError as reason:
        return [], str(reason)
    files = [folder / f"{name}-repro.py"]
    if script.arrays:
        files.append(files[0].with_suffix(".npz"))
        write_atomically(files[1], script.arrays)
    write_atomically(files[0], script.text.encode())
    return files, ""


def _comparison(record: CaseRecord, pair: Sequence[str]) -> Comparison:
    return next(one for one in record.comparisons if {one.left, one.right} == set(pair))


def _visible(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
