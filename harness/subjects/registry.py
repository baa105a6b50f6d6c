"""From a subject's name to its module: ``cleverhans-v4`` is ``harness/subjects/cleverhans_v4.py``."""

from __future__ import annotations

import importlib
from typing import cast

from harness.subjects.protocol import Subject
from harness.vocabulary import SUBJECTS, HarnessError


def load_subject(name: str) -> Subject:
    """The subject of a name. Imports no library. Raises ``HarnessError`` for a name that is none."""
    if name not in SUBJECTS:
        raise HarnessError(f"{name!r} is not a subject. Valid: {', '.join(SUBJECTS)}.")
    return cast(Subject, importlib.import_module(f"harness.subjects.{name.replace('-', '_')}"))
