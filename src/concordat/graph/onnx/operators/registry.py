"""What an operator family offers: the meaning of each operator in floats, and its integer form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from concordat.graph.onnx.constants import MAX_ROW_ELEMENTS, Array
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["MAX_ROW_ELEMENTS", "Evaluate", "Lower", "Operator"]

Evaluate = Callable[[OnnxNode, Sequence[Array]], Sequence[Array]]
"""Float meaning: node and inputs (batch first; constants as they are), to outputs."""
Lower = Callable[["Lowering", OnnxNode, Sequence[Value]], Sequence[Value]]
"""Integer form: node and inputs (views of one row), to outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator type."""

    evaluate: Evaluate
    """What it means in floats, as onnxruntime computes it."""
    lower: Lower
    """How it is written in integers."""
