"""The fast gradient method with CleverHans's interface and conventions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from harness.reference import geometry
from harness.reference.conventions import CLEVERHANS
from harness.reference.keras_parts import stamp
from harness.reference.traces import traces_of


class AttackError(ValueError, AssertionError):
    """An argument that the attack refuses. CleverHans asserts; here it is a ``ValueError`` with a message as well."""


def fast_gradient_method(
    model_fn: Callable[..., Any],
    x: Any,
    eps: Any,
    norm: Any,
    loss_fn: Callable[..., Any] | None = None,
    clip_min: Any = None,
    clip_max: Any = None,
    y: Any = None,
    targeted: bool = False,
    sanity_checks: bool = False,
) -> tf.Tensor:
    """``x + eps * d`` with ``d`` the steepest direction of the loss in the unit ball of the norm.

    Under linf this is the fast gradient sign method (Goodfellow et al. 2015, arXiv:1412.6572, section 4). Semantics of
    ``cleverhans.tf2.attacks.fast_gradient_method`` 4.0.0, bit for bit, with one forward pass where CleverHans makes two
    for predicted labels. An infinite or NaN gradient propagates. Below a gradient of l2 norm 1e-6 the l2 perturbation
    shrinks with it. ``targeted`` without ``y`` moves towards the predicted class. The gradient is compiled once for
    each shape of ``x``, whatever ``eps``; a callable that cannot be compiled runs plainly, where CleverHans raises.

    Args:
        model_fn: a callable that takes ``x`` as float32 and returns logits ``(batch, classes)``: a Keras 2 or Keras 3
            model or any other.
        x: numbers ``(batch, ...)``; computed with as float32 whatever their dtype.
        eps: the length of the perturbation, in units of x; not checked.
        norm: ``np.inf``, 1 or 2.
        loss_fn: called with the keywords ``labels`` and ``logits``. None:
            ``tf.nn.sparse_softmax_cross_entropy_with_logits``. One value an example is summed for the gradient.
        clip_min, clip_max: bounds of the result, in units of x. Both or neither; the lower one wins where they cross.
        y: labels for ``loss_fn``, by default int ``(batch,)``. None: the predicted classes, the first of several
            largest logits.
        targeted: whether to descend towards ``y`` in place of ascending away from it.
        sanity_checks: whether to check that ``x``, as it was given, lies within ``clip_min`` and ``clip_max``. Also in
            a ``tf.function``, where CleverHans cannot.

    Returns:
        float32, of the shape of ``x``. Under l2 and l1 an outer gradient sees how the perturbation depends on x and
        weights.

    Raises:
        ValueError: the norm is none of the three; one bound without the other; the loss does not depend on ``x``; a
            failed sanity check (the second and the last also as ``AssertionError``, which CleverHans raises).
        tf.errors.InvalidArgumentError: a failed sanity check in a ``tf.function``.
    """
    norms = {np.inf: "linf", 1: "l1", 2: "l2"}
    if norm not in norms:
        raise ValueError(f"norm: {norm!r} is not a norm. Valid: np.inf, 1, 2.")
    if (clip_min is None) != (clip_max is None):
        raise AttackError(f"clip_min = {clip_min!r} and clip_max = {clip_max!r}: give both or neither.")
    checks = _range_checks(x, clip_min, clip_max) if sanity_checks and clip_min is not None else []
    x = tf.cast(x, tf.float32)
    loss: Any = tf.nn.sparse_softmax_cross_entropy_with_logits if loss_fn is None else loss_fn
    labels = () if y is None else (tf.convert_to_tensor(y),)

    gradient = _gradient(model_fn, loss, x, labels, targeted=bool(targeted), constant=norm == np.inf)
    directions = geometry.steepest_direction([gradient], norm=norms[norm], conventions=CLEVERHANS)
    perturbations = geometry.offset(directions, [x], [x], step_size=eps, conventions=CLEVERHANS)
    with tf.control_dependencies(checks):
        return geometry.clip(x + perturbations[0], clip_min, clip_max, conventions=CLEVERHANS)


def _range_checks(x: Any, low: Any, high: Any) -> list[Any]:
    if not tf.executing_eagerly():
        checks = tf.debugging.assert_greater_equal(x, low), tf.debugging.assert_less_equal(x, high)
        return [check for check in checks if check is not None]
    below, above = (int(np.sum(~np.asarray(inside))) for inside in (tf.greater_equal(x, low), tf.less_equal(x, high)))
    if below or above:
        raise AttackError(
            f"x: {below} elements are not at least clip_min = {low}, {above} not at most clip_max = {high}. "
            "Clip x first, or leave sanity_checks out."
        )
    return []


def _gradient(
    model_fn: Callable[..., Any],
    loss_fn: Callable[..., Any],
    x: tf.Tensor,
    labels: tuple[tf.Tensor, ...],
    *,
    targeted: bool,
    constant: bool,
) -> tf.Tensor:
    """The gradient of the loss with respect to ``x``, compiled where it can be.

    ``constant``: whether the caller takes only its sign, through which nothing differentiates. Outer tapes then need
    not record it, which is cheaper.
    """
    if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
        return _compute(model_fn, loss_fn, targeted, x, *labels)
    traces = traces_of(model_fn, loss_fn)
    arguments = (x, *labels)
    key = (tuple((t.dtype, t.shape) for t in arguments), targeted, stamp(model_fn), stamp(loss_fn))
    if key not in traces:
        traces[key] = _compile(model_fn, loss_fn, targeted, arguments)
    compiled = traces[key]
    if compiled is None:
        return _compute(model_fn, loss_fn, targeted, *arguments)
    with tf.init_scope() if constant else contextlib.nullcontext():
        return compiled(*arguments)


def _compute(
    model_fn: Callable[..., Any], loss_fn: Callable[..., Any], targeted: bool, x: tf.Tensor, *labels: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = model_fn(x)
        y = labels[0] if labels else tf.argmax(logits, 1)
        loss = loss_fn(labels=y, logits=logits)
        if targeted:
            loss = -loss
    gradient = tape.gradient(loss, x)
    if gradient is None:
        raise ValueError("The loss does not depend on x: is model_fn a function of its argument, and differentiable?")
    return tf.convert_to_tensor(gradient)


def _compile(
    model_fn: Callable[..., Any], loss_fn: Callable[..., Any], targeted: bool, arguments: tuple[tf.Tensor, ...]
) -> Any:
    """A trace for these very shapes; None where there can be none.

    CleverHans traces for the shapes at hand too, and TensorFlow folds known shapes into constants, which changes last
    bits.
    """

    def gradient(x: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
        return _compute(model_fn, loss_fn, targeted, x, *labels)

    try:
        return tf.function(gradient).get_concrete_function(*arguments)
    except Exception:
        # A model of the user's may fail on symbolic tensors in any way. If it fails plainly too, the plain call that
        # follows raises what is really wrong.
        return None
