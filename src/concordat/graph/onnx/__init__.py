"""ONNX models as integer graphs.

Place in the story: how an artifact comes to mean exactly one thing. ::

    wire, reader, constants   a stranger's file, refused or turned into plain values
    rewrite                   constants folded, spelt-out sigmoids recognised
    operators/                what each operator means in floats, and its integer form
    evaluate                  the float model in numpy: ranges, shapes, exact tree thresholds
    feeds, usage, inference   which columns there are, and on which grid they lie
    views                     tensors as integers with what each is worth
    quantise, inputs, curves  scales, dense products, tables
    ensemble, ensemble_v5, thresholds, tree_features, tree_blocks   tree ensembles
    lowering, importer        the walk through a model, and the function that publishers call
    agreement                 how far the integers are from the floats

Needs `onnx` and numpy; `onnxruntime` only judges (`concordat.graph.fidelity`).
"""

from __future__ import annotations

from concordat.graph.onnx.agreement import Tolerance
from concordat.graph.onnx.importer import ImportedModel, import_onnx

__all__ = ["ImportedModel", "Tolerance", "import_onnx"]
