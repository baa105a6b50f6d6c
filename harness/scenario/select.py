"""From paths and selections to cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.scenario.cases import read_cases
from harness.scenario.complaints import Complaint, ScenarioError, did_you_mean
from harness.scenario.keyword import parse_keyword
from harness.scenario.paths import Permissions, shipped_scenarios
from harness.vocabulary import SUBJECTS, Case, HarnessError, Location, is_own

DEFAULT_PATHS = ("scenarios",)
ENDINGS = (".yaml", ".yml")


def load_cases(
    paths: Iterable[str | Path] = DEFAULT_PATHS,
    *,
    keyword: str | None = None,
    tag: str | None = None,
    subjects: Sequence[str] | None = None,
    named: Sequence[str] = (),
    allow_outside: bool = False,
    allow_code: bool = False,
) -> list[Case]:
    """The selected cases of scenario files, by file and in the order of each matrix.

    Args:
        paths: files, or folders that are searched for ``.yaml`` and ``.yml`` files. Of a file that is named twice only
            one copy counts.
        keyword: an expression that a case's id must satisfy, see ``harness.scenario.keyword``; ``None``: any id.
        tag: a tag that the scenario must have; ``None``: any.
        subjects: those that take part, of the ones that a scenario names; ``None``: all of them. A user's own, as
            ``module:function``, take part in every case. Cases with fewer than two have nothing to compare and are
            left out.
        named: further subjects that the user has named: scenarios may name them, too, whatever ``allow_code`` says.
        allow_outside: scenarios may name files outside of their own folder.
        allow_code: scenarios may name Python functions, which are then run.

    Raises:
        ScenarioError: with everything that is wrong in any of the files.
        HarnessError: a path does not exist, the expression or a subject is wrong, or nothing is selected.
    """
    parsed = None if keyword is None else parse_keyword(keyword)
    if subjects is not None:
        _check_subjects(subjects)
    own = frozenset(name for name in (*(subjects or ()), *named) if is_own(name))
    cases = _read(find_files(paths), Permissions(outside=allow_outside, code=allow_code, subjects=own))
    if tag is not None:
        cases = _with_tag(cases, tag)
    if parsed is not None:
        cases = _with_keyword(cases, [case for case in cases if parsed.matches(case.id)], str(keyword))
    return cases if subjects is None else _restricted(cases, subjects)


def default_paths() -> list[Path]:
    """What a command reads that is told no path: the folder ``scenarios`` where the user stands, else the shipped ones.

    Raises:
        HarnessError: there is neither.
    """
    here = [Path(path) for path in DEFAULT_PATHS]
    return here if all(path.exists() for path in here) else [shipped_scenarios()]


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The scenario files at ``paths``, each once, the files of a folder in alphabetical order.

    Raises:
        HarnessError: a path does not exist, or there is no scenario file in a folder.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        try:
            path.stat()
        except (OSError, ValueError) as error:  # nothing there, a name too long, a NUL in it, a loop of links
            raise HarnessError(
                f"{path}: there is no such file or folder. Name scenario files or folders that hold some."
            ) from error
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS and file.is_file())
            if not files:
                raise HarnessError(
                    f"{path}: expected scenario files ({' or '.join(ENDINGS)}) in this folder, found none."
                )
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _read(files: Sequence[Path], permissions: Permissions) -> list[Case]:
    cases: list[Case] = []
    complaints: list[Complaint] = []
    named: dict[str, Path] = {}
    for file in files:
        first = named.setdefault(file.stem, file)
        if first != file:
            message = f"two scenarios of one name: '{file.stem}' is also {first}. Rename one of the two files."
            complaints.append(Complaint(Location(str(file)), message))
        try:
            cases += read_cases(file, permissions)
        except ScenarioError as errors:
            complaints += errors.complaints
    if complaints:
        raise ScenarioError(complaints)
    return cases


def _check_subjects(subjects: Sequence[str]) -> None:
    for name in subjects:
        check_subject(name)
    if len(set(subjects)) < 2:
        raise HarnessError(
            f"expected at least two subjects to compare, got {len(set(subjects))}. Valid: {', '.join(SUBJECTS)}."
        )


def check_subject(name: str) -> None:
    """Raises ``HarnessError`` for a name that is no shipped subject and not ``module:function``."""
    if name in SUBJECTS or is_own(name):
        return
    if ":" in name:
        raise HarnessError(
            f"'{name}' is not a subject. Write one of your own as module:function, e.g. my_package.attacks:fgsm."
        )
    raise HarnessError(f"'{name}' is not a subject. {did_you_mean(name, SUBJECTS)}")


def _with_tag(cases: Sequence[Case], tag: str) -> list[Case]:
    selected = [case for case in cases if tag in case.tags]
    if not selected:
        tags = sorted({tag for case in cases for tag in case.tags})
        choice = did_you_mean(tag, tags) if tags else "No scenario has a tag."
        raise HarnessError(f"nothing selected: no scenario has the tag '{tag}'. {choice}")
    return selected


def _with_keyword(cases: Sequence[Case], selected: list[Case], keyword: str) -> list[Case]:
    if not selected:
        scenarios = ", ".join(dict.fromkeys(case.scenario for case in cases))
        message = f"nothing selected: no id of {len(cases)} cases satisfies -k {keyword!r}."
        raise HarnessError(f"{message} There are the scenarios {scenarios}; harness list shows all ids.")
    return selected


def _restricted(cases: Sequence[Case], subjects: Sequence[str]) -> list[Case]:
    selected = []
    for case in cases:
        # In front: what the user has named is what is asked about, and left of what it is compared with.
        own = tuple(dict.fromkeys(name for name in subjects if is_own(name) and name not in case.subjects))
        kept = own + tuple(name for name in case.subjects if name in subjects)
        expected = {
            pair: expectation for pair, expectation in case.expectations.items() if set(pair.split("|")) <= set(kept)
        }
        if len(kept) > 1:
            selected.append(replace(case, subjects=kept, expectations=expected))
    if not selected:
        taking_part = ", ".join(name for name in SUBJECTS if any(name in case.subjects for case in cases))
        message = f"nothing selected: no case compares two of {', '.join(subjects)}."
        raise HarnessError(f"{message} Subjects of the {len(cases)} cases: {taking_part}.")
    return selected
