"""Monte Carlo arithmetic: runs a double-precision trace as if every operation rounded to float32, only coarser.

A trace is a list of operations. Replaying it with a rounding after each shows what single precision may do to the
result, whatever the model is made of: cancellation in ``1 - tanh(a)^2``, a sum that loses its small terms, a unit whose
input is too close to zero for its sign to be known, values beyond the range of float32. (Parker 1997, Monte Carlo
arithmetic; the scaling before rounding, in place of noise for every element, keeps equal values equal, as float32
does.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

AMPLIFICATION = 8.0
"""How many times float32's rounding errors the replay makes.

More than one, since an operation such as a matrix product rounds at every one of its additions, in an order that
differs between two correct implementations, and the replay only at its end and on its arguments."""

_SMALLEST = 2.0**-114
"""What is smaller counts as lost. Float32 loses what is below ``2**-126``; a mean over a batch divides first."""

# fmt: off
_EXACT = frozenset(
    {
        "Abs", "BroadcastTo", "Cast", "ConcatV2", "Const", "DepthToSpace", "ExpandDims", "Fill", "Gather",
        "GatherNd", "GatherV2", "Identity", "IdentityN", "Max", "MaxPool", "Maximum", "Min", "Minimum", "MirrorPad",
        "Neg", "OneHot", "OnesLike", "Pack", "Pad", "PadV2", "PreventGradient", "Relu", "Relu6", "Relu6Grad",
        "ReluGrad", "Reshape", "ReverseV2", "Select", "SelectV2", "Sign", "Slice", "Snapshot", "SpaceToDepth",
        "Split", "SplitV", "Squeeze", "StopGradient", "StridedSlice", "StridedSliceGrad", "Tile", "Transpose",
        "Unpack", "ZerosLike",
    }
)
# fmt: on
"""Operations that only move, select or negate, and so are exact in any precision."""


def rounded(traced: Any) -> tuple[Callable[..., list[tf.Tensor]], int]:
    """A function that replays a trace with roundings.

    Args:
        traced: a ``ConcreteFunction`` whose floating values are float64. What functions it calls, such as loop bodies,
            are replayed as one operation each.

    Returns:
        A function of ``scales``, float64 ``(roundings,)``, and of the arguments of ``traced``, to be called within a
        ``tf.function``; and the number ``roundings``. Each rounding takes place after a multiplication by its scale,
        which is undone. With scales drawn from [1, 2) the rounding errors of two calls are independent.
    """
    operations = [op for op in traced.graph.get_operations() if op.type not in _EXACT]
    places = {output.ref() for op in operations for output in op.outputs if output.dtype == tf.float64}

    def replay(scales: tf.Tensor, *arguments: tf.Tensor) -> list[tf.Tensor]:
        graph: Any = tf.compat.v1.get_default_graph()
        values = dict(zip((t.ref() for t in traced.inputs), [*arguments, *traced.captured_inputs], strict=True))
        used = 0
        for op in traced.graph.get_operations():
            if op.type != "Placeholder":
                new = _again(graph, op, [values[t.ref()] for t in op.inputs])
                values.update(zip((t.ref() for t in op.outputs), new, strict=True))
            for output in op.outputs:
                if output.ref() in places:
                    values[output.ref()] = _round(values[output.ref()], scales[used])
                    used += 1
        return [values[t.ref()] for t in traced.outputs]

    return replay, len(places)


def _again(graph: Any, op: Any, inputs: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
    dtypes = [output.dtype for output in op.outputs]
    return graph.create_op(op.type, list(inputs), dtypes, attrs=dict(op.node_def.attr), name=op.name).outputs


def _round(x: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    single = tf.cast(tf.cast(x * scale, tf.float32), tf.float64) / scale
    single = tf.where(tf.abs(x) < _SMALLEST, tf.zeros_like(x), single)
    return x + AMPLIFICATION * (single - x)
