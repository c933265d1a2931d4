"""One small file per family of operators; each gives the meaning in floats and the form in integers.

A new operator is an entry in its family's ``OPERATORS``.
"""

from __future__ import annotations

from concordat.graph.onnx.operators import (
    activations,
    arithmetic,
    convolution,
    dense,
    encoders,
    functions,
    labels,
    layer_norm,
    logic,
    lookups,
    normalise,
    pooling,
    quantised,
    rectifiers,
    recurrent,
    reductions,
    runs,
    shapes,
    structure,
    support_vectors,
    trees,
    upwards,
)
from concordat.graph.onnx.operators.registry import Operator

__all__ = ["INTERNAL", "OPERATORS"]

OPERATORS: dict[str, Operator] = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **convolution.OPERATORS,
    **dense.OPERATORS,
    **encoders.OPERATORS,
    **functions.OPERATORS,
    **labels.OPERATORS,
    **layer_norm.OPERATORS,
    **logic.OPERATORS,
    **lookups.OPERATORS,
    **normalise.OPERATORS,
    **pooling.OPERATORS,
    **quantised.OPERATORS,
    **rectifiers.OPERATORS,
    **recurrent.OPERATORS,
    **reductions.OPERATORS,
    **runs.OPERATORS,
    **shapes.OPERATORS,
    **structure.OPERATORS,
    **support_vectors.OPERATORS,
    **trees.OPERATORS,
    **upwards.OPERATORS,
}
"""Every operator by its type."""
INTERNAL = ("Curve", "OneHotRows", "Standardise")
"""Those that only rewriting writes; what a file calls so has none of their attributes."""
