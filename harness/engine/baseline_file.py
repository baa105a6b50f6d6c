"""The file of a baseline: read with suspicion, written so that a change is a small diff.

``{"format_version": 1, "scenarios": {NAME: FILE}, "accepted": {CASE: [ENTRY, ...]}}``, one entry a line. An entry
holds for several pairs of the case: ``verdict``, ``pairs``, and where there are any ``figures``, ``causes``, and of an
accepted divergence ``reason``, ``date`` and ``expires``. Its identity, case and pair, is coarse on purpose: no hash and
no sentence is in it, which would change with every wording.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.engine.baseline_figures import Figure
from harness.engine.store import write_atomically
from harness.vocabulary import FORMAT_VERSION, HarnessError, Verdict, canonical_json

DEFAULT_FILE = Path("reports/baseline.json")

_OPTIONAL = {"figures": dict, "causes": list, "reason": str, "date": str, "expires": str}


@dataclass(frozen=True)
class Accepted:
    """What is accepted of one comparison.

    Attributes:
        verdict: the one its scenario expects where that was met, else the one found.
        figures: see ``harness.engine.baseline_figures``.
        causes: codes of those that matter, where they are known.
        reason: of a divergence or failure that no expectation covers, why it is accepted.
        date: ISO 8601, when.
        expires: ISO 8601, the last day on which it is; empty: for good.
    """

    verdict: Verdict
    figures: Mapping[str, Figure] = field(default_factory=dict)
    causes: tuple[str, ...] = ()
    reason: str = ""
    date: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Baseline:
    """The accepted state of some cases.

    Attributes:
        file: where it lies, as the user named it.
        accepted: by case id and ``left|right``.
        scenarios: name of a scenario to its file, relative to the folder of the baseline.
    """

    file: Path
    accepted: Mapping[str, Mapping[str, Accepted]] = field(default_factory=dict)
    scenarios: Mapping[str, str] = field(default_factory=dict)

    def with_case(self, case: str, accepted: Mapping[str, Accepted], *, scenario: str, file: str) -> Baseline:
        """The same with another state of one case. ``file``: of its scenario, as seen from the current folder."""
        return replace(
            self,
            accepted={**self.accepted, case: dict(accepted)},
            scenarios={**self.scenarios, scenario: _relative(file, self.file)},
        )

    def scenario_file(self, scenario: str) -> Path | None:
        """Where the file of a scenario lay; ``None`` if it is not known."""
        name = self.scenarios.get(scenario)
        return (self.file.parent / name).resolve() if name else None


def scenario_of(case: str) -> str:
    """The name of the scenario that a case id begins with."""
    return case.partition("[")[0]


def read_baseline(file: Path) -> Baseline:
    """Reads a baseline.

    Raises:
        HarnessError: it is missing, damaged, or of another version.
    """
    try:
        body = json.loads(file.read_bytes(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except FileNotFoundError:
        raise HarnessError(
            f"{file}: there is no baseline. Make one from a finished run: "
            f"harness baseline accept --all --run reports/latest --baseline {file}"
        ) from None
    except OSError as error:
        raise HarnessError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"it is not JSON: {error}") from error
    version = body.get("format_version") if isinstance(body, dict) else None
    if version != FORMAT_VERSION:
        raise HarnessError(
            f"{file}: expected a baseline with format_version {FORMAT_VERSION}, got {version!r}. "
            "Use the version of the harness that wrote it, or accept the state anew with harness baseline accept --all."
        )
    try:
        return Baseline(
            file,
            {case: _read_case(entries) for case, entries in _of(body["accepted"], dict).items()},
            {name: _of(path, str) for name, path in _of(body.get("scenarios", {}), dict).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(file, f"{type(error).__name__}: {error}") from error


def write_baseline(baseline: Baseline) -> None:
    """Writes a baseline, sorted, one entry a line. Raises ``HarnessError`` when it cannot be written."""
    known = {scenario_of(case) for case in baseline.accepted}
    scenarios = [f" {_json(name)}: {_json(path)}" for name, path in sorted(baseline.scenarios.items()) if name in known]
    cases = [
        "{}: [\n{}\n]".format(_json(case), ",\n".join(f" {line}" for line in _lines(pairs)))
        for case, pairs in sorted(baseline.accepted.items())
        if pairs
    ]
    text = '{{\n"format_version": {},\n"scenarios": {{\n{}\n}},\n"accepted": {{\n{}\n}}\n}}\n'
    write_atomically(baseline.file, text.format(FORMAT_VERSION, ",\n".join(scenarios), ",\n".join(cases)).encode())


def _lines(pairs: Mapping[str, Accepted]) -> list[str]:
    """The entries of a case: pairs of which the same is accepted share one."""
    alike: dict[str, list[str]] = {}
    entries: dict[str, dict[str, Any]] = {}
    for pair, one in sorted(pairs.items()):
        entry = {"figures": dict(one.figures), "causes": list(one.causes), **{n: getattr(one, n) for n in _TEXTS}}
        entry = {"verdict": str(one.verdict), **{name: value for name, value in entry.items() if value}}
        key = canonical_json(entry)
        entries[key] = entry
        alike.setdefault(key, []).append(pair)
    order = [str(verdict) for verdict in Verdict]
    rows = sorted(alike.items(), key=lambda row: (order.index(entries[row[0]]["verdict"]), row[1]))
    return [_json({"verdict": entries[key].pop("verdict"), "pairs": names, **entries[key]}) for key, names in rows]


_TEXTS = ("reason", "date", "expires")


def _read_case(entries: Any) -> dict[str, Accepted]:
    found: dict[str, Accepted] = {}
    for entry in _of(entries, list):
        for pair in _of(_of(entry, dict)["pairs"], list):
            if len(_of(pair, str).split("|")) != 2 or pair in found:
                raise ValueError(f"{pair!r} is no pair left|right, or stands twice in its case")
            found[pair] = _read_entry(entry)
    return found


def _read_entry(entry: Mapping[str, Any]) -> Accepted:
    unknown = set(entry) - {"verdict", "pairs", *_OPTIONAL}
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
    given = {name: _of(entry[name], kind) for name, kind in _OPTIONAL.items() if name in entry}
    for name in ("date", "expires"):
        if given.get(name):
            datetime.date.fromisoformat(given[name])
    for name, value in given.get("figures", {}).items():
        if not (value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool))):
            raise ValueError(f"figure {name} is {value!r}")
    given["causes"] = tuple(_of(code, str) for code in given.get("causes", []))
    return Accepted(verdict=Verdict(entry["verdict"]), **given)


def _of(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected a {kind.__name__}, got {value!r:.60}")
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _damaged(file: Path, what: str) -> HarnessError:
    return HarnessError(
        f"{file} is damaged: {what}. Restore it from version control, "
        f"or delete it and make it anew: harness baseline accept --all --baseline {file}"
    )


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Half a character, as arguments of a command line may hold, can be written as an escape only.
    return text if text.isascii() or "\\ud" not in ascii(text) else json.dumps(value)


def _relative(file: str, baseline: Path) -> str:
    try:
        return Path(os.path.relpath(Path(file).resolve(), baseline.parent.resolve())).as_posix()
    except (OSError, ValueError):  # another drive, or a name that is none
        return Path(file).as_posix()
