"""The mathematics of the attacks, once: unit balls, the steepest direction within them, projection, clipping.

Every function takes the inputs of a model as a list of floating tensors of shape ``(batch, ...)``, in the order of
``tf.nest.flatten``. The norm of an example is taken over all of its inputs together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from harness.reference.conventions import L2_FLOOR, Conventions

Tensors = Sequence[tf.Tensor]


def steepest_direction(gradients: Tensors, *, norm: str, conventions: Conventions) -> list[tf.Tensor]:
    """The direction ``d`` with ``||d|| <= 1`` in which a linear function with these gradients grows fastest.

    It attains the dual norm, ``<d, g> = ||g||_dual``: linf ``d = sign(g)`` (Goodfellow et al. 2015, arXiv:1412.6572,
    the fast gradient sign); l2 ``d = g / ||g||``; l1 all weight on the largest ``|g_i|``, shared evenly where several
    are largest.

    Args:
        gradients: floating tensors ``(batch, ...)``.
        norm: ``linf``, ``l2`` or ``l1``.
        conventions: uses ``nonfinite`` and ``l2``.

    Returns:
        Tensors of the shapes and dtypes of ``gradients``.

    Raises:
        ValueError: the norm is none of the three.
    """
    if not gradients:
        return []
    if conventions.nonfinite == "zero":
        gradients = [_finite_or_zero(g) for g in gradients]
    if norm == "linf":
        return [tf.sign(g) for g in gradients]
    if norm == "l2":
        return _l2_direction(gradients, conventions)
    if norm == "l1":
        magnitudes = [tf.abs(g) for g in gradients]
        largest = _per_example(tf.reduce_max, magnitudes)
        tied = [tf.cast(tf.equal(m, _beside(largest, m)), m.dtype) for m in magnitudes]
        ties = _per_example(tf.reduce_sum, tied)
        return [tf.sign(g) * t / _beside(ties, g) for g, t in zip(gradients, tied, strict=True)]
    raise ValueError(f"{norm!r} is not a norm. Valid: linf, l2, l1.")


def _finite_or_zero(gradient: tf.Tensor) -> tf.Tensor:
    """The gradient with 0 for every element that is infinite or NaN.

    In a graph the elements are looked at one by one only where their sum is not finite: else all of them are, and one
    sum costs a fraction of a comparison and a choice for each.
    """

    def choose() -> tf.Tensor:
        return tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))

    if tf.executing_eagerly():
        return choose()
    return tf.cond(tf.math.is_finite(tf.reduce_sum(gradient)), lambda: tf.identity(gradient), choose)


def _l2_direction(gradients: Tensors, conventions: Conventions) -> list[tf.Tensor]:
    if conventions.l2 == "exact":
        largest = _per_example(tf.reduce_max, [tf.abs(g) for g in gradients])
        gradients = [tf.math.divide_no_nan(g, _beside(largest, g)) for g in gradients]
    squared = _per_example(tf.reduce_sum, [tf.square(g) for g in gradients])
    if conventions.l2 == "exact":
        return [tf.math.divide_no_nan(g, _beside(tf.sqrt(squared), g)) for g in gradients]
    floored = tf.maximum(_as(L2_FLOOR, squared.dtype), squared)
    if conventions.l2 == "rsqrt-multiply":
        factor = tf.math.rsqrt(floored)
        return [g * _beside(factor, g) for g in gradients]
    length = tf.sqrt(floored)
    return [g / _beside(length, g) for g in gradients]


def offset(
    directions: Tensors, positions: Tensors, start: Tensors, *, step_size: Any, conventions: Conventions
) -> list[tf.Tensor]:
    """The perturbation of ``start`` after a step of length ``step_size`` from ``positions``.

    ``step_size`` is a number or scalar tensor, in units of x. Uses the conventions ``offset`` and ``gradient_flow``;
    only ``"difference"`` knows positions other than ``start``.
    """
    steps = [d * _as(step_size, d.dtype) for d in directions]
    if conventions.offset == "difference":
        steps = [s + x - x0 for s, x, x0 in zip(steps, positions, start, strict=True)]
    if conventions.gradient_flow == "stopped":
        steps = [tf.stop_gradient(s) for s in steps]
    return steps


def project(perturbations: Tensors, *, radius: Any, norm: str) -> list[tf.Tensor]:
    """The nearest points of the ball of this radius about 0: linf by clipping, l2 by scaling each example down.

    Projecting twice gives what projecting once gives, up to round-off.

    Args:
        perturbations: floating tensors ``(batch, ...)``, in units of x.
        radius: a number or scalar tensor, in units of x.
        norm: ``linf`` or ``l2``.

    Raises:
        NotImplementedError: the norm is l1, whose projection is no such formula.
        ValueError: the norm is none.
    """
    if norm == "linf":
        return [tf.clip_by_value(p, -radius, radius) for p in perturbations]
    if norm == "l2":
        squared = _per_example(tf.reduce_sum, [tf.square(p) for p in perturbations])
        length = tf.sqrt(tf.maximum(squared, _as(L2_FLOOR, squared.dtype)))
        radius = _as(radius, length.dtype)
        scale = tf.where(length <= radius, tf.ones_like(length), radius / length)
        return [_beside(scale, p) * p for p in perturbations]
    if norm == "l1":
        raise NotImplementedError(
            "Projection onto an l1 ball is not implemented: leave pgd_epsilon out, or use linf or l2."
        )
    raise ValueError(f"{norm!r} is not a norm. Valid: linf, l2.")


def clip(x: tf.Tensor, low: Any, high: Any, *, conventions: Conventions) -> tf.Tensor:
    """``x`` brought into ``[low, high]``; either bound may be None, and may be anything that broadcasts to ``x``."""
    bounds = [(tf.maximum, low), (tf.minimum, high)]
    if conventions.clip == "high-then-low":
        bounds.reverse()
    for limit, bound in bounds:
        if bound is not None:
            x = limit(x, _as(bound, x.dtype))
    return x


def random_point(like: Tensors, *, radius: Any, norm: str) -> list[tf.Tensor]:
    """A point drawn uniformly from the ball of this radius about 0, for each example.

    linf draws each coordinate by itself. For l2 and l1 the first n coordinates of a uniform point on the unit sphere of
    R^(n+p) are uniform in the unit p-ball of R^n (Barthe et al. 2005, arXiv:math/0503650), where a point on the sphere
    is a normal or a Laplace sample over its norm, and the p extra coordinates enter through their share of the norm
    alone.

    The draws come from TensorFlow's global generator, one op an input and then one for the extra coordinates, so that
    under one ``tf.random.set_seed`` NSL ``random_in_norm_ball`` draws the same numbers in eager mode.

    Args:
        like: floating tensors ``(batch, ...)`` whose shapes and dtypes the result takes.
        radius: a number or scalar tensor, in units of x.
        norm: ``linf``, ``l2`` or ``l1``.

    Raises:
        ValueError: the norm is none of the three.
    """
    shapes = [_shape(t) for t in like]
    if norm == "linf":
        radii = [_as(radius, t.dtype) for t in like]
        return [tf.random.uniform(s, -r, r, t.dtype) for t, s, r in zip(like, shapes, radii, strict=True)]
    if norm == "l2":
        samples = [tf.random.normal(s, dtype=t.dtype) for t, s in zip(like, shapes, strict=True)]
        squared = _per_example(tf.reduce_sum, [tf.square(s) for s in samples])
        length = tf.sqrt(squared + tf.random.gamma(_shape(squared), 1.0, 0.5, squared.dtype))
    elif norm == "l1":
        samples = [_laplace(s, t.dtype) for t, s in zip(like, shapes, strict=True)]
        total = _per_example(tf.reduce_sum, [tf.abs(s) for s in samples])
        length = total + tf.random.gamma(_shape(total), 1.0, 1.0, total.dtype)
    else:
        raise ValueError(f"{norm!r} is not a norm. Valid: linf, l2, l1.")
    scale = _as(radius, length.dtype) / length
    return [s * _beside(scale, s) for s in samples]


def _laplace(shape: Any, dtype: tf.DType) -> tf.Tensor:
    return tf.random.gamma(shape, 1.0, 1.0, dtype) - tf.random.gamma(shape, 1.0, 1.0, dtype)


def _shape(tensor: tf.Tensor) -> Any:
    return tensor.shape if tensor.shape.is_fully_defined() else tf.shape(tensor)


def _per_example(reduce: Callable[..., tf.Tensor], tensors: Tensors) -> tf.Tensor:
    """Reduces everything but the batch, first within each input and then across them: ``(batch,)``."""
    within = [reduce(t, axis=list(range(1, t.shape.rank))) for t in tensors]
    return within[0] if len(within) == 1 else reduce(tf.stack(within, axis=-1), axis=-1)


def _beside(per_example: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """One number an example, in a shape that broadcasts to that input, and in its dtype."""
    return tf.cast(tf.reshape(per_example, [-1] + [1] * (like.shape.rank - 1)), like.dtype)


def _as(value: Any, dtype: tf.DType) -> tf.Tensor:
    """A number, array or tensor in the dtype. ``tf.cast`` would take a Python number through float32 on its way."""
    return tf.cast(value, dtype) if tf.is_tensor(value) else tf.constant(value, dtype)
