"""Loss and accuracy of a model's output. Double precision, in a form that does not cancel."""

from __future__ import annotations

from typing import Any

import numpy as np


def classification(output: np.ndarray, labels: np.ndarray, *, kind: str) -> dict[str, Any]:
    """Mean cross-entropy and accuracy.

    Args:
        output: ``(batch, classes)``, what the model returned.
        labels: int ``(batch,)``, the true classes.
        kind: ``"logits"`` or ``"probabilities"``.

    Returns:
        ``loss`` in nats, ``None`` when it is not finite; ``accuracy`` in [0, 1]; an example whose output is not finite
        counts as wrong.
    """
    values = np.asarray(output, np.float64)
    rows = np.arange(len(labels))
    with np.errstate(all="ignore"):
        if kind == "logits":
            shifted = values - values.max(axis=1, keepdims=True)
            others = np.exp(shifted)
            others[rows, shifted.argmax(axis=1)] = 0.0
            losses = np.log1p(others.sum(axis=1)) - shifted[rows, labels]
        else:
            losses = -np.log(values[rows, labels])
    usable = np.isfinite(values).all(axis=1)
    right = usable & (np.where(np.isfinite(values), values, -np.inf).argmax(axis=1) == labels)
    loss = float(losses.mean())
    return {"loss": loss if np.isfinite(loss) else None, "accuracy": float(right.mean())}
