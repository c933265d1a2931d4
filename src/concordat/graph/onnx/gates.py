"""What image networks spell out: ``x * clip(x + 3, 0, 6) / 6`` is HardSwish, a Pad before a Conv is its padding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from concordat.graph.onnx.chains import without_unused
from concordat.graph.onnx.reader import OnnxModel, OnnxNode

__all__ = ["hard_gates", "pads_in_kernels"]

_CLOSE = 1e-6


def hard_gates(model: OnnxModel) -> OnnxModel:
    """The model with HardSwish and HardSigmoid in the place of what spells them out."""
    search = _Search(model)
    return without_unused(replace(model, nodes=tuple(search.rewritten(node) for node in model.nodes)))


class _Search:
    """Who makes which tensor."""

    def __init__(self, model: OnnxModel) -> None:
        self._constants = model.constants
        self._makers = {name: node for node in model.nodes for name in node.outputs}

    def rewritten(self, node: OnnxNode) -> OnnxNode:
        """The node, or what it ends."""
        source = self._swish(node)
        if source is not None:
            return replace(node, op="HardSwish", inputs=(source,), attributes={})
        source = self._sixth_of_clip(node)
        if source is not None:
            return replace(node, op="HardSigmoid", inputs=(source,), attributes={"alpha": 1.0 / 6.0, "beta": 0.5})
        return node

    def _swish(self, node: OnnxNode) -> str | None:
        """``x`` where a node is ``x * gate(x)``, the sixth taken last or first."""
        whole = self._sixth(node)
        product = self._makers.get(whole) if whole is not None else None
        if product is not None:
            for x, gate in self._pairs(product, "Mul"):
                if self._clip_of_three_more(gate) == x:
                    return x
        for x, gate in self._pairs(node, "Mul"):
            if self._gate(gate) == x:
                return x
        return None

    def _gate(self, name: str) -> str | None:
        """``x`` where a tensor is ``clip(x / 6 + 1/2, 0, 1)``."""
        node = self._makers.get(name)
        if node is None:
            return None
        if node.op == "HardSigmoid":
            alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
            return node.inputs[0] if abs(alpha - 1 / 6) < _CLOSE and abs(beta - 0.5) < _CLOSE else None
        return self._sixth_of_clip(node)

    def _sixth_of_clip(self, node: OnnxNode) -> str | None:
        clip = self._sixth(node)
        return self._clip_of_three_more(clip) if clip is not None else None

    def _sixth(self, node: OnnxNode) -> str | None:
        """``y`` where a node is ``y / 6``."""
        if node.op == "Div" and len(node.inputs) == 2 and self._is(node.inputs[1], 6.0):
            return node.inputs[0]
        return next((y for y, sixth in self._pairs(node, "Mul") if self._is(sixth, 1.0 / 6.0)), None)

    def _clip_of_three_more(self, name: str) -> str | None:
        """``x`` where a tensor is ``clip(x + 3, 0, 6)``."""
        clip = self._makers.get(name)
        if clip is None or clip.op != "Clip":
            return None
        if len(clip.inputs) == 3:
            bounded = self._is(clip.inputs[1], 0.0) and self._is(clip.inputs[2], 6.0)
        else:
            bounded = clip.attributes.get("min") == 0.0 and clip.attributes.get("max") == 6.0
        summed = self._makers.get(clip.inputs[0])
        if not bounded or summed is None:
            return None
        return next((x for x, three in self._pairs(summed, "Add") if self._is(three, 3.0)), None)

    @staticmethod
    def _pairs(node: OnnxNode, op: str) -> Iterator[tuple[str, str]]:
        """Both orders of an operator's two inputs."""
        if node.op == op and len(node.inputs) == 2:
            yield node.inputs
            yield node.inputs[::-1]

    def _is(self, name: str, number: float) -> bool:
        constant = self._constants.get(name)
        return constant is not None and constant.size == 1 and abs(float(constant.item()) - number) < _CLOSE


# -- padding ---------------------------------------------------------------------------------------------------------


def pads_in_kernels(model: OnnxModel) -> OnnxModel:
    """The model in which zeros around an image belong to the only convolution that reads it."""
    makers = {name: node for node in model.nodes for name in node.outputs}
    uses = Counter([name for node in model.nodes for name in node.inputs] + list(model.outputs))
    nodes = []
    for node in model.nodes:
        pad = makers.get(node.inputs[0]) if node.op == "Conv" and node.inputs else None
        nodes.append(_with_pads(model, node, pad) if pad is not None and uses[pad.outputs[0]] == 1 else node)
    return without_unused(replace(model, nodes=tuple(nodes)))


def _with_pads(model: OnnxModel, node: OnnxNode, pad: OnnxNode) -> OnnxNode:
    pads = model.constants.get(pad.inputs[1]) if pad.op == "Pad" and len(pad.inputs) in (2, 3) else None
    value = model.constants.get(pad.inputs[2], np.ones(1)) if len(pad.inputs) > 2 and pad.inputs[2] else np.zeros(1)
    plain = pad.attributes.get("mode", "constant") == "constant" and not value.any()
    if pads is None or not plain or node.attributes.get("auto_pad", "NOTSET") not in ("", "NOTSET"):
        return node
    added = pads.ravel().tolist()
    half = len(added) // 2
    around = added[2:half] + added[half + 2 :]
    own = list(node.attributes.get("pads") or [0] * len(around))
    if any(added[:2]) or any(added[half : half + 2]) or min(added) < 0 or len(own) != len(around):
        return node
    total = tuple(int(a) + int(b) for a, b in zip(own, around, strict=True))
    return replace(node, inputs=(pad.inputs[0], *node.inputs[1:]), attributes={**node.attributes, "pads": total})
