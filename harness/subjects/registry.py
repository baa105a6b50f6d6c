"""From a subject's name to what runs it: ``cleverhans-v4`` is ``harness/subjects/cleverhans_v4.py``."""

from __future__ import annotations

import functools
import importlib
from typing import cast

from harness.subjects.own import OwnSubject
from harness.subjects.protocol import Subject
from harness.vocabulary import SUBJECTS, HarnessError, is_own


def load_subject(name: str) -> Subject:
    """The subject of a name: a shipped one, or ``module:function``, a user's own. Imports no library and no user code.

    Raises:
        HarnessError: the name is none. Whether there is such a function, only its worker can tell.
    """
    if is_own(name):
        return cast(Subject, OwnSubject(name))
    if name not in SUBJECTS:
        raise HarnessError(
            f"{name!r} is not a subject. Valid: {', '.join(SUBJECTS)}; or module:function, an implementation of yours."
        )
    return _shipped(name)


@functools.cache
def _shipped(name: str) -> Subject:
    return cast(Subject, importlib.import_module(f"harness.subjects.{name.replace('-', '_')}"))
