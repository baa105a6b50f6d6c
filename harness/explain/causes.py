"""All causes, by code. Codes are stable and never reused."""

from __future__ import annotations

from collections.abc import Mapping

from harness.explain.cause import Behaviour, Cause, Isolation
from harness.explain.pages import arithmetic, measurement, settings, training

__all__ = ["CAUSES", "Behaviour", "Cause", "Isolation"]

_ALL = (*settings.CAUSES, *arithmetic.CAUSES, *training.CAUSES, *measurement.CAUSES)

CAUSES: Mapping[str, Cause] = {cause.code: cause for cause in _ALL}
"""Every cause, by code: settings first, then what the libraries chose, then training, then words of measurement."""
