"""What models spell out: layer normalisation, a one-hot encoding times a matrix, infinity as a mask.

A pattern that is found is written as the operator that it means; what it spelt out falls away where nothing else reads
it. A standardisation carries the share by which sums were turned into means, and is refused where that is not one over
the number of elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from concordat.graph.onnx.chains import without_unused
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.primitives.errors import ModelError

__all__ = ["finite", "known_patterns"]

_MASK = 1e9
"""What stands for infinity where it only hides something."""
_HIDES = ("Add", "Clip", "Expand", "Max", "Min", "Mul", "Where")
_CARRIES = ("Cast", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze")


def finite(model: OnnxModel) -> OnnxModel:
    """The model with huge numbers in the place of infinite constants.

    Raises
    ------
    ModelError
        ``NotFinite``, if something computes with one in another way than to hide what it is added to or compared with.
    """
    constants = dict(model.constants)
    for name, array in model.constants.items():
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        if any(name in node.inputs and node.op not in _HIDES for node in model.nodes):
            raise ModelError(
                f"{name[:80]!r} holds a value that is infinite.",
                code="NotFinite",
                hint="Train again; check the training data for gaps and the learning rate.",
            )
        constants[name] = np.asarray(np.clip(array, -_MASK, _MASK))
    return replace(model, constants=constants)


def known_patterns(model: OnnxModel) -> OnnxModel:
    """The model with operators in the place of what it spells out."""
    search = _Search(model)
    nodes: list[OnnxNode] = []
    for node in model.nodes:
        nodes += search.standardised(node) or search.softmax(node) or search.looked_up(node) or [node]
    found = replace(model, nodes=tuple(nodes), constants={**model.constants, **search.added})
    return without_unused(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moments:
    """A sum along axes, as a share of the elements: a mean."""

    source: str
    """What is summed."""
    axes: tuple[int, ...]
    """Along which axes."""
    share: float | None
    """By what the sum is multiplied; None for a true mean."""


class _Search:
    """Who makes which tensor."""

    def __init__(self, model: OnnxModel) -> None:
        self._constants: Mapping[str, Array] = model.constants
        self._makers = {name: node for node in model.nodes for name in node.outputs}
        self.added: dict[str, Array] = {}

    # -- small steps -------------------------------------------------------------------------------------------------

    def _maker(self, name: str, *ops: str) -> OnnxNode | None:
        node = self._makers.get(name)
        return node if node is not None and node.op in ops else None

    def _carried(self, name: str) -> str:
        """The tensor behind operators that only repeat or reshape it."""
        while (node := self._maker(name, *_CARRIES)) is not None and node.inputs[0] not in self._constants:
            name = node.inputs[0]
        return name

    def _number(self, name: str) -> float | None:
        constant = self._constants.get(name)
        return float(constant.item()) if constant is not None and constant.size == 1 else None

    def _beside(self, node: OnnxNode) -> tuple[str, float] | None:
        """The other operand of a node, and its single constant."""
        for place in (0, 1):
            number = self._number(node.inputs[place])
            if number is not None and len(node.inputs) == 2:
                return node.inputs[1 - place], number
        return None

    # -- standardisation ---------------------------------------------------------------------------------------------

    def standardised(self, node: OnnxNode) -> list[OnnxNode] | None:
        """``(x - mean) / sqrt(variance + epsilon)``, perhaps times a constant, if a node ends in it."""
        if node.op == "Div":
            return self._standard(node, node.inputs[0], self._deviation(node.inputs[1]), None)
        if node.op != "Mul":
            return None
        for place in (0, 1):
            root, scale = self._inverse(node.inputs[1 - place])
            found = self._standard(node, node.inputs[place], root, scale)
            if found:
                return found
        return None

    def _standard(
        self, node: OnnxNode, centred: str, root: tuple[_Moments, str, float] | None, scale: str | None
    ) -> list[OnnxNode] | None:
        """A standardisation and its scaling, if a centred tensor and a variance belong together."""
        subtraction = self._maker(centred, "Sub")
        if root is None or subtraction is None:
            return None
        source = subtraction.inputs[0]
        mean = self._mean(self._carried(subtraction.inputs[1]))
        variance, minus, epsilon = root
        if mean is None or mean.source != source or mean.axes != variance.axes:
            return None
        if not (minus == source if minus else self._is_square_of_centred(variance.source, source)):
            return None
        attributes = {"axes": mean.axes, "epsilon": epsilon, "shares": (mean.share, variance.share)}
        found = replace(node, op="Standardise", inputs=(source,), attributes=attributes)
        if scale is None:
            return [found]
        middle = node.outputs[0] + "/standard"
        return [replace(found, outputs=(middle,)), replace(node, inputs=(middle, scale))]

    def _is_square_of_centred(self, squared: str, source: str) -> bool:
        """Whether a tensor is the square of `source` less its mean."""
        base = self._squared(squared)
        node = self._maker(base, "Sub") if base else None
        if node is None or node.inputs[0] != source:
            return False
        mean = self._mean(self._carried(node.inputs[1]))
        return mean is not None and mean.source == source

    def _squared(self, name: str) -> str | None:
        node = self._maker(name, "Mul", "Pow")
        if node is None:
            return None
        if node.op == "Mul":
            return node.inputs[0] if node.inputs[0] == node.inputs[1] else None
        return node.inputs[0] if self._number(node.inputs[1]) == 2.0 else None

    def _mean(self, name: str) -> _Moments | None:
        node = self._maker(name, "ReduceMean")
        if node is not None:
            return self._moments(node, None)
        node = self._maker(name, "Mul", "Div")
        beside = self._beside(node) if node is not None else None
        total = self._maker(beside[0], "ReduceSum") if beside else None
        if node is None or beside is None or total is None or (node.op == "Div" and node.inputs[0] != beside[0]):
            return None
        return self._moments(total, beside[1] if node.op == "Mul" else 1.0 / beside[1])

    def _moments(self, node: OnnxNode, share: float | None) -> _Moments | None:
        axes = node.attributes.get("axes")
        if axes is None and len(node.inputs) > 1 and node.inputs[1] in self._constants:
            axes = self._constants[node.inputs[1]].ravel().tolist()
        if not axes:
            return None
        return _Moments(source=node.inputs[0], axes=tuple(int(axis) for axis in axes), share=share)

    def _inverse(self, name: str) -> tuple[tuple[_Moments, str, float] | None, str | None]:
        """A reciprocal root, and the constant by which it is multiplied, if there is one."""
        node = self._maker(name, "Mul")
        for place in (0, 1) if node is not None else ():
            assert node is not None  # by the range
            if node.inputs[place] in self._constants:
                return self._inverse(node.inputs[1 - place])[0], node.inputs[place]
        reciprocal = self._maker(name, "Reciprocal")
        if reciprocal is not None:
            return self._deviation(reciprocal.inputs[0]), None
        quotient = self._maker(name, "Div")
        if quotient is not None and self._number(quotient.inputs[0]) == 1.0:
            return self._deviation(quotient.inputs[1]), None
        return None, None

    def _deviation(self, name: str) -> tuple[_Moments, str, float] | None:
        """``sqrt(variance + epsilon)``: the mean of squares, what is taken from it, and epsilon.

        What is taken from it is the source whose squared mean it is, or nothing where centred squares are averaged.
        """
        node = self._maker(name, "Sqrt")
        power = self._maker(name, "Pow")
        if node is None and power is not None and self._number(power.inputs[1]) == 0.5:
            node = power
        summed = self._maker(node.inputs[0], "Add") if node is not None else None
        beside = self._beside(summed) if summed is not None else None
        if beside is None:
            return None
        variance = self._carried(beside[0])
        mean = self._mean(variance)
        if mean is not None:
            return mean, "", beside[1]
        return self._difference(variance, beside[1])

    def _difference(self, name: str, epsilon: float) -> tuple[_Moments, str, float] | None:
        """A variance as the mean of squares less the square of the mean, at least zero."""
        clamped = self._maker(name, "Max", "Relu")
        beside = self._beside(clamped) if clamped is not None and clamped.op == "Max" else None
        inner = beside[0] if beside and beside[1] == 0.0 else clamped.inputs[0] if clamped and not beside else name
        node = self._maker(inner, "Sub")
        if node is None:
            return None
        squares, mean = self._mean(node.inputs[0]), self._squared(node.inputs[1])
        squared = self._squared(squares.source) if squares is not None else None
        first = self._mean(mean) if mean else None
        if squares is None or first is None or squared != first.source or first.axes != squares.axes:
            return None
        return replace(squares, source=first.source), first.source, epsilon

    # -- softmax -----------------------------------------------------------------------------------------------------

    def softmax(self, node: OnnxNode) -> list[OnnxNode] | None:
        """``exp(x - max) / sum(exp(x - max))`` along one axis, if a node ends in it."""
        powers = self._maker(node.inputs[0], "Exp") if node.op == "Div" else None
        total = self._maker(self._carried(node.inputs[1]), "ReduceSum") if powers is not None else None
        below = self._maker(powers.inputs[0], "Sub") if powers is not None else None
        if powers is None or total is None or below is None or total.inputs[0] != powers.outputs[0]:
            return None
        greatest = self._greatest(below.inputs[1])
        axes = self._axes(total)
        if greatest is None or greatest.inputs[0] != below.inputs[0] or len(axes) != 1 or self._axes(greatest) != axes:
            return None
        return [replace(node, op="Softmax", inputs=(below.inputs[0],), attributes={"axis": axes[0]})]

    def _greatest(self, name: str) -> OnnxNode | None:
        """A row's greatest element, perhaps at least a huge negative number."""
        name = self._carried(name)
        bounded = self._maker(name, "Max")
        beside = self._beside(bounded) if bounded is not None else None
        if beside is not None and beside[1] <= -_MASK:
            name = self._carried(beside[0])
        return self._maker(name, "ReduceMax")

    # -- look-ups ----------------------------------------------------------------------------------------------------

    def looked_up(self, node: OnnxNode) -> list[OnnxNode] | None:
        """Rows of a constant matrix, if a node multiplies a one-hot encoding with it."""
        if node.op != "MatMul" or node.inputs[1] not in self._constants or self._constants[node.inputs[1]].ndim != 2:
            return None
        cast = self._maker(node.inputs[0], "Cast")
        equal = self._maker(cast.inputs[0], "Equal") if cast is not None else None
        if equal is None:
            return None
        for place in (0, 1):
            codes = self._constants.get(equal.inputs[place])
            if codes is not None and self._counts(codes, len(self._constants[node.inputs[1]])):
                return self._rows(node, equal.inputs[1 - place])
        return None

    @staticmethod
    def _counts(codes: Array, entries: int) -> bool:
        """Whether a constant counts 0, 1, 2 … along its last axis."""
        return codes.size == entries == codes.shape[-1] and bool((codes.ravel() == np.arange(entries)).all())

    def _rows(self, node: OnnxNode, name: str) -> list[OnnxNode] | None:
        expanded = self._maker(name, "Expand")
        last = self._makers.get(expanded.inputs[0] if expanded is not None else name)
        if last is None:
            return None
        if last.op == "Unsqueeze" and self._axes(last) == [-1]:
            return [replace(node, op="OneHotRows", inputs=(last.inputs[0], node.inputs[1]), attributes={})]
        shape = self._constants.get(last.inputs[1]) if last.op == "Reshape" else None
        if shape is None or shape.size < 2 or shape[-1] != 1:
            return None
        target, index = node.outputs[0] + "/shape", node.outputs[0] + "/index"
        self.added[target] = shape[:-1]
        first = replace(last, outputs=(index,), inputs=(last.inputs[0], target))
        return [first, replace(node, op="OneHotRows", inputs=(index, node.inputs[1]), attributes={})]

    def _axes(self, node: OnnxNode) -> list[int]:
        given = node.attributes.get("axes")
        if given is None and len(node.inputs) > 1 and node.inputs[1] in self._constants:
            given = self._constants[node.inputs[1]].ravel().tolist()
        return [int(axis) for axis in given or ()]
