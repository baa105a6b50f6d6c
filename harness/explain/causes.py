"""All causes, by code. Codes are stable and never reused."""

from __future__ import annotations

from collections.abc import Mapping

from harness.explain.cause import Cause

__all__ = ["CAUSES", "Cause"]

_ALL = (
    Cause("label-source", "Whose labels the attack ascends: the given ones or the predicted ones", "default"),
    Cause("output-kind", "Whether what the model returns is taken for logits or for probabilities", "default"),
    Cause("epsilon", "The length of the perturbation", "default"),
    Cause("norm", "The norm in which the perturbation has its length", "default"),
    Cause("clip", "The range into which adversarial examples are brought", "missing feature"),
    Cause("loss-reduction", "Whether the attack ascends a mean over the batch or one loss an example", "convention"),
    Cause("gradient-flow", "Whether the weights' gradient goes through the perturbation", "convention"),
    Cause("loss-weighting", "The ratio of clean to adversarial loss", "default"),
    Cause("nonfinite-gradient", "What becomes of elements of the gradient that are infinite or NaN", "convention"),
    Cause("dtype", "The precision in which the attack is computed", "missing feature"),
    Cause("training-mode", "The mode in which the model runs, in the losses and in the attack", "default"),
    Cause("round-off", "The same operations, rounded differently", "measurement"),
    Cause("unexplained", "No known setting leads from one side to the other", "measurement"),
    Cause("l2-form", "g * rsqrt(sum g^2) or g / sqrt(sum g^2)", "arithmetic"),
    Cause("step-form", "The perturbation as (d*s + x) - x0 or as d*s", "arithmetic"),
    Cause("clip-order", "Which bound wins where the lower one exceeds the upper", "convention"),
    Cause("prediction-ties", "Which class is attacked where several tie for the prediction", "convention"),
    Cause("label-smoothing", "Whether label smoothing reaches the attack", "convention"),
    Cause("sample-weights", "Whether examples can be weighted", "missing feature"),
    Cause("regularization", "Whether the model's own losses are added to the total", "convention"),
    Cause("batch-statistics", "Whether, and how often a step, moving statistics are updated", "convention"),
    Cause("learning-rate", "The factor 1 + m on the loss, which is one on the rate", "convention"),
    Cause("optimizer-form", "The arithmetic of the optimizer", "arithmetic"),
    Cause("feature-mask", "Whether features can be kept from moving", "missing feature"),
    Cause("random-draws", "The order in which random numbers are drawn", "convention"),
    Cause("target", "Whether the attack can aim at a class", "missing feature"),
)

CAUSES: Mapping[str, Cause] = {cause.code: cause for cause in _ALL}
"""Every cause, by code."""
