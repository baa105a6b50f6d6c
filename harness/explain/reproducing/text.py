"""Python source for a reproduction: calls, numbers, files, laid out as ruff would leave them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 88
"""Of a line: what formatters allow whom nobody has told otherwise."""

_NUMBERS = 80


def call(function: str, arguments: Iterable[str], *, before: str = "", after: str = "", indent: int = 4) -> str:
    """``BEFORE function(a, b) AFTER`` in one line if it fits, else an argument a line.

    Args:
        function: what is called.
        arguments: as source.
        before: text in front, such as ``config = ``.
        after: text behind the bracket, such as ``.numpy()``.
        indent: of the first line, in columns.
    """
    given, margin = list(arguments), " " * indent
    line = f"{margin}{before}{function}({', '.join(given)}){after}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    inside = "".join(f"{margin}    {one},\n" for one in given)
    return f"{margin}{before}{function}(\n{inside}{margin}){after}"


def keywords(arguments: Mapping[str, Any]) -> list[str]:
    """``name=value`` of each; a value that is a ``Source`` stands as it is."""
    return [f"{name}={source(value)}" for name, value in arguments.items()]


class Source(str):
    """Text that is Python already."""

    __slots__ = ()


def source(value: Any) -> str:
    """A value as Python, with double quotes as formatters have them."""
    if isinstance(value, Source):
        return value
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{source(name)}: {source(one)}" for name, one in value.items()) + "}"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value).replace("e+", "e")


def in_text(array: np.ndarray, indent: int) -> str | None:
    """``numbers(shape, text, dtype)`` that makes this array again; ``None`` where decimal numbers would not.

    Args:
        array: of numbers.
        indent: of the line that it begins in.
    """
    words = [str(value) for value in array.ravel().tolist()] if array.dtype.kind != "f" else _shortest(array)
    again = np.array(words or [], str).astype(array.dtype) if words else array
    if again.tobytes() != array.tobytes():
        return None
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > _NUMBERS:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    text = "\n".join([*lines, line])
    margin = " " * indent
    dtype = "" if array.dtype == np.float32 else f'{margin}    "{array.dtype}",\n'
    shape = repr(tuple(int(length) for length in array.shape))
    return f'numbers(\n{margin}    {shape},\n{margin}    """\n{text}\n""",\n{dtype}{margin})'


def _shortest(array: np.ndarray) -> list[str]:
    return [np.format_float_positional(one, trim="-") if _plain(one) else str(one) for one in array.ravel()]


def _plain(value: Any) -> bool:
    return bool(np.isfinite(value)) and (value == 0 or 1e-4 <= abs(value) < 1e7)


@functools.cache
def _templates() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, values: Mapping[str, Any]) -> str:
    """A file of the folder ``templates``, by its name without suffix, with these values."""
    return _templates().get_template(f"{template}.txt").render(values)
