"""The details of cases behind a click: within the page while they are few, in files beside it where they are many."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.engine.record import Run
from harness.engine.store import write_atomically
from harness.report.curves import NO_CURVES, Curves, file_name
from harness.report.detail import detail, island
from harness.report.filmstrips import Filmstrips
from harness.report.interest import by_interest, listed
from harness.report.kept import keep, made_from, remove_others, store_of
from harness.report.pictures import Pictures, pictures_of

EMBEDDED_CASES = 400
"""Most cases of a page that has all details in it."""

EMBEDDED_BYTES = 12_000_000
"""Most bytes of details in such a page. The shipped scenarios have half of it."""

PICTURES_LIMIT = 4_000_000
"""Bytes of pictures in such a page. 150 cases with six subjects on 8 x 8 images take about a tenth of it."""

CURVES_LIMIT = 6_000_000
"""Bytes of curves in such a page. Each training has about 30,000."""

FOLDER = "details"
"""Beside the page: the files."""

FILE_CASES = 20
"""Cases of a file. A page that is opened at a case loads one."""

FILE_NAME = re.compile(r"[0-9a-f]{16}\.js")
"""Of such a file: the hash of what it was made of, so that a file that is there need not be made again."""

CALLBACK = "harnessDetails"
"""The function of the page's script that a file calls with its first case's number and the details."""


@dataclass(frozen=True)
class Details:
    """Where the details of a run are.

    Attributes:
        embedded: of each case, for the inside of a ``<script>``; empty where they are in files.
        files: the address from the page of each, nothing for cases that are not in its list; empty where they are
            embedded.
        together: cases of a file.
    """

    embedded: tuple[Markup, ...] = ()
    files: tuple[str, ...] = ()
    together: int = 1


def embedded(run: Run, curves: Mapping[int, Curves], *, most: int | None = None) -> Details | None:
    """All details within the page; None where they have more than ``most`` bytes.

    Pictures and curves have limits of their own: those of the cases of which the most is to be said come first.
    """
    pictures, curves = _pictures_within_limit(run), _curves_within_limit(run, curves)
    texts, size = [], 0
    for number in range(len(run.cases)):
        texts.append(island(_detail(run, number, pictures[number], curves)))
        size += len(texts[-1])
        if most is not None and size > most:
            return None
    return Details(embedded=tuple(Markup(text) for text in texts))


def details_beside(run: Run, curves: Mapping[int, Curves], folder: Path) -> Details:
    """The details, within the page where they are few, else in files that are written to ``folder / FOLDER``.

    Files that an earlier page of the folder needs are left: see ``remove_stale``.

    Raises:
        HarnessError: when a file cannot be written.
    """
    if len(run.cases) <= EMBEDDED_CASES:
        found = embedded(run, curves, most=EMBEDDED_BYTES)
        if found:
            return found
    store, key = store_of(run), made_from("files", 0, run.digest) if run.digest else ""
    known = store.get_record("details", key) if store and key else None
    if known and all((folder / name).is_file() for name in known["files"] if name):
        return Details(files=tuple(known["files"]), together=FILE_CASES)
    written = list(_written(run, curves, folder))
    names = tuple(name for name, _ in written)
    if store and key and all(complete for _, complete in written):
        keep(store, "details", key, {"files": list(names)})
    return Details(files=names, together=FILE_CASES)


def remove_stale(folder: Path, kept: Collection[str]) -> None:
    """Removes the files beside a page whose addresses it does not name; what the harness has not written stays."""
    remove_others(folder / FOLDER, FILE_NAME, {name.removeprefix(f"{FOLDER}/") for name in kept})


def _written(run: Run, curves: Mapping[int, Curves], folder: Path) -> Iterable[tuple[str, bool]]:
    """The address of each file, and whether nothing is missing in it that may be there the next time."""
    places = {number // FILE_CASES for number in listed(run)}
    for first in range(0, len(run.cases), FILE_CASES):
        if first // FILE_CASES not in places:
            yield "", True  # no case of it is in the list
            continue
        numbers = range(first, min(first + FILE_CASES, len(run.cases)))
        key = made_from("details", first, [run.cases[number] for number in numbers])
        name = f"{FOLDER}/{key[:16]}.js"
        complete = True
        if not (folder / name).is_file():
            found = [_detail(run, number, pictures_of(run, run.cases[number]), curves) for number in numbers]
            text = f"{CALLBACK}({first},[{','.join(map(island, found))}]);\n"
            complete = not any(one["missing"] or one["undrawn"] for one in found)
            if not complete:  # a name that no other content has
                name = f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.js"
            write_atomically(folder / name, text.encode())
        yield name, complete


def _detail(run: Run, number: int, pictures: Pictures, curves: Mapping[int, Curves]) -> dict[str, Any]:
    record = run.cases[number]
    return detail(record, pictures, curves.get(number, NO_CURVES), Filmstrips(run, record))


def _curves_within_limit(run: Run, curves: Mapping[int, Curves]) -> dict[int, Curves]:
    left, kept = CURVES_LIMIT, {}
    for number, record in by_interest(run):
        one = curves.get(number, NO_CURVES)
        if len(one.svg) > left:
            where = file_name(number, record.case.id)
            one = Curves(missing=f"in {where}: left out here, to keep this page below {CURVES_LIMIT:,} bytes of them")
        left -= len(one.svg)
        kept[number] = one
    return kept


def _pictures_within_limit(run: Run) -> dict[int, Pictures]:
    left, drawn = PICTURES_LIMIT, {}
    for number, record in by_interest(run):
        pictures = pictures_of(run, record)
        size = sum(len(sheet.image) for sheet in pictures.sheets)
        if size > left:
            pictures = Pictures(missing=f"left out, to keep the pictures of this page below {PICTURES_LIMIT:,} bytes")
            size = 0
        left -= size
        drawn[number] = pictures
    return drawn
