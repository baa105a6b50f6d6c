"""What float32 cannot know of a case whose verdict is CLOSE for that reason: so that a script can say it, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.engine.record import CaseRecord, Run, by_prefix
from harness.vocabulary import YARDSTICK, Comparison


def excused_elements(run: Run, record: CaseRecord, comparison: Comparison) -> dict[str, np.ndarray]:
    """Of each input, the flat indices of elements that differ by more than round-off and were excused, int64."""
    if comparison.metrics["max_roundoff"] <= comparison.tolerance["max_roundoff"]:
        return {}
    left, right = (run.adversarial(record.outcome(side)) for side in (comparison.left, comparison.right))
    uncertain = by_prefix(_yardstick(run, record), "uncertainty")
    found = {}
    for name, allowance in uncertain.items():
        differs = left[name] != right[name]
        found[name] = np.flatnonzero(differs & (allowance > 0)).astype(np.int64)
    return found


def excused_losses(run: Run, record: CaseRecord, comparison: Comparison) -> dict[str, float]:
    """Of each loss and gradient, how far two sides may be apart since either may be that far from double precision."""
    if comparison.metrics["max_roundoff"] <= comparison.tolerance["max_gradient_roundoff"]:
        return {}
    uncertain = by_prefix(_yardstick(run, record), "uncertainty")
    # The name of a gradient has a stroke of its own.
    return {name: 2 * float(value) for name, value in uncertain.items() if np.isfinite(value)}


def _yardstick(run: Run, record: CaseRecord) -> Mapping[str, np.ndarray]:
    return run.arrays(record.outcome(YARDSTICK).arrays)
