"""Sums and products of images in narrow integers: residual sums, and channels multiplied by gates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
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

__all__ = ["blend_images", "gate_channels", "gates_channels", "same_images"]


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


def blend_images(lowering: Lowering, node: OnnxNode, views: list[View], sign: int | None) -> RegionView:
    """``a + sign * b`` of two images, or their product if there is no sign."""
    a, b = (narrow_image(lowering, view, name) for view, name in zip(views, node.inputs, strict=True))
    shape = Shape(*as_image(lowering.row_shape(node.outputs[0])))
    (x, first), (y, second) = body(lowering, a, shape), body(lowering, b, shape)
    if first != second:
        x, y, first = _lines_only(lowering, a, b, shape)
    return _blended(lowering, node, (x, y), (a, b), first, sign)


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
    return _blended(
        lowering, node, (pixels, matrix(lowering.builder, gate, 1, shape.channels)), (image, gate), frame, None
    )


def _blended(
    lowering: Lowering,
    node: OnnxNode,
    rows: tuple[Ref, Ref],
    views: tuple[RegionView, RegionView],
    frame: Frame,
    sign: int | None,
) -> RegionView:
    kind, (x, y) = lowering.precision.activations, rows
    unit = lowering.reach(node.outputs[0]) * HEADROOM[kind] / kind.maximum
    scales = np.array([float(view.scale[0]) for view in views])
    ends = {"lo": -kind.maximum, "hi": kind.maximum, "out_type": kind}
    magnitude = max(x.interval.magnitude, y.interval.magnitude)

    def blended() -> Ref:
        if sign is None:
            ratio, _, shift = fixed_point(magnitude * magnitude, scales.prod(keepdims=True) / unit, np.zeros(1))
            return lowering.builder.affine(x, b=y, m0=int(ratio[0]), shift=shift, **ends)  # type: ignore[arg-type]
        ratios, _, shift = fixed_point(2 * magnitude, scales / unit, np.zeros(1))
        m0, m1 = int(ratios[0]), sign * int(ratios[1])
        return lowering.builder.affine(x, m0=m0, c=y, m1=m1, shift=shift, **ends)  # type: ignore[arg-type]

    return surrounded(lowering, frame, kind, unit, blended)
