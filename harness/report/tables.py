"""The comparisons of a run as files for other programs: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engine.fingerprint import code_hash
from harness.engine.record import Run
from harness.engine.store import has_content, write_atomically
from harness.report.frames import comparisons_frame
from harness.report.kept import keep, store_of
from harness.report.text import printable
from harness.vocabulary import HarnessError, content_hash

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@")
"""What makes a spreadsheet take a text for a formula."""

_MADE_WITH = ("pandas", "numpy", "pyarrow")


def csv(run: Run) -> str:
    """The comparisons as CSV, see ``comparisons_frame``. No text in it is a formula to a spreadsheet."""
    return _csv_of(comparisons_frame(run)).decode()


def _csv_of(frame: pd.DataFrame) -> bytes:
    frame = _printable(frame, _all_cells)
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _all_cells(column: Any) -> Any:
    return column.map(_cell)


@functools.lru_cache(maxsize=4096)
def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def parquet(run: Run) -> bytes:
    """The comparisons as Parquet: the columns of ``comparisons_frame``, each with its type.

    A matrix setting of which some values are numbers and some are not is a column of texts.

    Raises:
        HarnessError: pyarrow is not installed.
    """
    if not has_parquet():
        raise HarnessError(
            "Parquet takes pyarrow, which is not installed. Install the extra 'parquet' "
            "(pip install 'adversarial-harness[parquet]'), or ask for --format csv, which has the same columns."
        )
    return _parquet_of(comparisons_frame(run))


def _parquet_of(frame: pd.DataFrame) -> bytes:
    import pyarrow
    import pyarrow.parquet

    frame = _printable(frame, _alike)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


def has_parquet() -> bool:
    """Whether what it takes is installed. Imports nothing."""
    return importlib.util.find_spec("pyarrow") is not None


def _printable(frame: pd.DataFrame, texts: Callable[[Any], Any]) -> pd.DataFrame:
    """The table with other values in its columns of texts. Settings give names to columns, too."""
    changed = {name: texts(frame[name]) for name in frame.columns if frame[name].dtype == object}
    return frame.assign(**changed).set_axis([printable(name) for name in frame.columns], axis="columns")


def _alike(column: Any) -> Any:
    """Values of one type, as a file of typed columns takes them; what is missing stays so."""
    there = column[column.notna()]
    if {type(value) for value in there} <= {bool}:
        return column
    column = column.copy()
    column[column.notna()] = [printable(str(value)) for value in there]
    return column


TABLES: Mapping[str, Callable[[pd.DataFrame], bytes]] = {
    "comparisons.csv": _csv_of,
    "comparisons.parquet": _parquet_of,
}
"""By file name, each of ``comparisons_frame``. They tell of the cases alone, not of when and how long the run was."""


def write_tables(run: Run, folder: Path) -> list[Path]:
    """Writes the tables of a run; one that is there and was made of the same cases stays. Returns where they are.

    Raises:
        HarnessError: when a file cannot be written.
    """
    written, frame = [], functools.cache(lambda: comparisons_frame(run))
    for name, make in TABLES.items():
        path = folder / name
        if make is _parquet_of and not has_parquet():
            path.unlink(missing_ok=True)  # an earlier run's
            continue
        written.append(path)
        store, key = store_of(run), content_hash([name, run.digest, _made_by()])
        known = store.get_record("table", key) if store and run.digest else None
        if known and has_content(path, known["sha256"]):
            continue
        content = make(frame())
        write_atomically(path, content)
        if store and run.digest:
            keep(store, "table", key, {"sha256": hashlib.sha256(content).hexdigest()})
    return written


@functools.cache
def _made_by() -> list[str]:
    versions = []
    for name in _MADE_WITH:
        try:
            versions.append(importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            versions.append("")
    return [code_hash(sorted(Path(__file__).parent.glob("*.py"))), *versions]
