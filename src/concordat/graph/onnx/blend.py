"""Sums and products of images in narrow integers: residual sums, and channels multiplied by gates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.onnx.demand import is_image
from concordat.graph.onnx.images import NO_MARGIN, Frame, Shape, body, channels_last, narrow_image, surrounded
from concordat.graph.onnx.layout import matrix
from concordat.graph.onnx.products import narrow_whole
from concordat.graph.onnx.quantise import HEADROOM, fixed_point
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, View
from concordat.graph.onnx.windows import as_image

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = [
    "Target", "blend_images", "blended", "blended_images", "gate_channels", "gates_channels", "same_images",
]  # fmt: skip


def same_images(lowering: Lowering, node: OnnxNode) -> bool:
    """Whether an operator puts two images of one shape together."""
    shapes = {lowering.row_shape(name) for name in (*node.inputs, node.outputs[0])}
    return len(shapes) == 1 and is_image(lowering, node.outputs[0])


def gates_channels(lowering: Lowering, node: OnnxNode) -> int | None:
    """Which operand is a gate, one number for each channel of the other, which is an image; None if neither is."""
    if not is_image(lowering, node.outputs[0]):
        return None
    target = lowering.row_shape(node.outputs[0])
    for place in (0, 1):
        shape, other = lowering.row_shape(node.inputs[place]), lowering.row_shape(node.inputs[1 - place])
        if other == target and shape == (target[0], *(1,) * (len(target) - 1)) and math.prod(target[1:]) > 1:
            return place
    return None


class Target(NamedTuple):
    """What integers a result is stored in."""

    unit: float
    """What one is worth."""
    clamp: tuple[int, int]
    """Least and greatest."""
    kind: ElementType
    """How it is stored."""


def blend_images(lowering: Lowering, node: OnnxNode, views: list[View], sign: int | None) -> RegionView:
    """``a + sign * b`` of two images, or their product if there is no sign."""
    pair = [narrow_image(lowering, view, name) for view, name in zip(views, node.inputs, strict=True)]
    shape = Shape(*as_image(lowering.row_shape(node.outputs[0])))
    return blended_images(lowering, pair, shape, sign, _target(lowering, node.outputs[0]))


def _target(lowering: Lowering, name: str) -> Target:
    kind = lowering.precision.activations
    unit = lowering.reach(name) * HEADROOM[kind] / kind.maximum
    return Target(unit, (-kind.maximum, kind.maximum), kind)


def blended_images(
    lowering: Lowering, pair: list[RegionView], shape: Shape, sign: int | None, target: Target
) -> RegionView:
    """The same for narrow images of one shape, in the integers of a target."""
    a, b = pair
    (x, first), (y, second) = body(lowering, a, shape), body(lowering, b, shape)
    if first != second:
        x, y, first = _lines_only(lowering, a, b, shape)
    return surrounded(
        lowering, first, target.kind, target.unit, lambda: blended(lowering, (x, y), (a, b), sign, target)
    )


def _lines_only(lowering: Lowering, a: RegionView, b: RegionView, shape: Shape) -> tuple[Ref, Ref, Frame]:
    """Both images without what lies between their lines."""
    order, width = channels_last(shape), shape.width * shape.channels
    x, y = (matrix(lowering.builder, view.take(order), shape.height, width) for view in (a, b))
    return x, y, Frame(shape=shape, origin=0, pitch=width, margin=NO_MARGIN)


def gate_channels(lowering: Lowering, node: OnnxNode, views: list[View], place: int) -> RegionView:
    """An image times one number for each channel."""
    image = narrow_image(lowering, views[1 - place], node.inputs[1 - place])
    gate = narrow_whole(lowering, views[place], node.inputs[place])
    shape = Shape(*as_image(lowering.row_shape(node.outputs[0])))
    row, frame = body(lowering, image, shape)
    pixels = row.reshape(frame.length // shape.channels, shape.channels)
    gates = matrix(lowering.builder, gate, 1, shape.channels)
    target = _target(lowering, node.outputs[0])
    return surrounded(
        lowering,
        frame,
        target.kind,
        target.unit,
        lambda: blended(lowering, (pixels, gates), (image, gate), None, target),
    )


def blended(
    lowering: Lowering,
    rows: tuple[Ref, Ref],
    views: tuple[RegionView, RegionView],
    sign: int | None,
    target: Target,
) -> Ref:
    """``x + sign * y`` of two narrow tensors, or their product if there is no sign, element by element.

    Parameters
    ----------
    lowering : Lowering
    rows : tuple of Ref
        Their integers.
    views : tuple of RegionView
        What those are worth: each has one scale, and zero is worth zero.
    sign : int or None
    target : Target
    """
    x, y = rows
    scales = np.array([float(view.scale[0]) for view in views])
    ends = {"lo": target.clamp[0], "hi": target.clamp[1], "out_type": target.kind}
    magnitude = max(x.interval.magnitude, y.interval.magnitude)
    if sign is None:
        ratio, _, shift = fixed_point(magnitude * magnitude, scales.prod(keepdims=True) / target.unit, np.zeros(1))
        return lowering.builder.affine(x, b=y, m0=int(ratio[0]), shift=shift, **ends)  # type: ignore[arg-type]
    ratios, _, shift = fixed_point(2 * magnitude, scales / target.unit, np.zeros(1))
    m0, m1 = int(ratios[0]), sign * int(ratios[1])
    return lowering.builder.affine(x, m0=m0, c=y, m1=m1, shift=shift, **ends)  # type: ignore[arg-type]
