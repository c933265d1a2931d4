"""Proofs of a network that looks words up: a table of its own for each element of an embedding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.elements import pack_elements
from concordat.graph.ir import Op
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import VerificationError
from concordat.testing.inference import prove_inference
from concordat.zk import verifier
from concordat.zk.parameters import choose

WORDS, LENGTH, WIDTH, CLASSES = 20, 3, 5, 4


def embedding() -> bytes:
    """Words in, an embedding, a dense layer, scores out."""
    draw = np.random.default_rng(5)
    constants = {
        "embedding": draw.normal(size=(WORDS, WIDTH)).astype(np.float32),
        "dense": draw.normal(size=(LENGTH * WIDTH, CLASSES)).astype(np.float32),
        "bias": draw.normal(size=CLASSES).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "words"], ["vectors"]),
        helper.make_node("Flatten", ["vectors"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "embedding",
        [helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", LENGTH])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize("batch", [1, 3])
def test_embedding_is_proven_and_another_output_is_not(batch: int) -> None:
    rows = np.random.default_rng(6).integers(0, WORDS, size=(200, LENGTH))
    rows[0], rows[1] = 0, WORDS - 1
    model = import_onnx(embedding(), calibration=rows)
    assert any(node.op is Op.TABLE for node in model.graph.nodes)
    kind = model.graph.nodes[0].out_type
    inputs = [pack_elements(row, kind) for row in model.schema.encode(rows[:batch])]
    case = prove_inference(model.graph, batch=batch, parameters=choose, inputs=inputs, compiled=True)
    statement, proof = case.statement, case.prove()
    verifier.verify(statement, proof)
    (public,) = statement.publics
    lie = replace(statement, publics=((*public[:-1], public[-1] + 1),))
    forged = case.prove(statement=lie, seed=1)
    for said, shown in ((lie, proof), (lie, forged)):
        with pytest.raises(VerificationError):
            verifier.verify(said, shown)
