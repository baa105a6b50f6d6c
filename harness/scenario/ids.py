"""The stable names of cases, short and easy on a shell: ``linf-given-labels[epsilon=8/255,norm=l2]``."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_./:+-]{1,40}")


def case_id(scenario: str, point: Mapping[str, Any]) -> str:
    """The id of a case: the scenario's name and the settings of the point, sorted, by the last part of their names.

    Two settings with the same last part keep their full names.
    """
    if not point:
        return scenario
    names = short_names(point)
    return f"{scenario}[{','.join(f'{names[name]}={word(point[name])}' for name in sorted(point))}]"


def short_names(settings: Iterable[str]) -> dict[str, str]:
    """Each dotted name to its last part, or to itself where two share that part."""
    last = {name: name.rpartition(".")[2] for name in settings}
    counts = Counter(last.values())
    return {name: short if counts[short] == 1 else name for name, short in last.items()}


def word(value: Any) -> str:
    """A value as a short word: ``8/255``, ``1e-9``, ``target:3``, ``0..1``, ``dense:10+relu``.

    A value that gives no short word without characters that are special to shells is named by a hash of its content.
    """
    text = _text(value)
    if _PLAIN.fullmatch(text):
        return text
    return "@" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return re.sub(r"\.0$|(?<=e[-+])0", "", repr(value))
    if isinstance(value, dict):
        return "+".join(f"{key}:{_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        ends = len(value) == 2 and not any(isinstance(item, str | list | dict) for item in value)
        return (".." if ends else "+").join(map(_text, value))
    return str(value)
