"""A transformer as a published model: ordered, paid after the window, and a cheat in one attention weight is caught."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import concordat as cd
from concordat.client.model import Card, Model
from concordat.client.offer import Offer
from concordat.graph.execute import Execution
from concordat.graph.fidelity import fidelity
from concordat.graph.ir import Graph, Node, Op, Space
from concordat.graph.judge import compute_element
from concordat.graph.onnx import import_onnx
from concordat.node.open import TERMS, open_market
from concordat.node.provider import Provider
from concordat.primitives.errors import OrderError
from concordat.protocol.events import FraudProven
from concordat.protocol.evidence import EvidenceKind
from concordat.testing.sequences import transformer

pytest.importorskip("onnxruntime")

LENGTH, HEADS, TOKENS = 4, 2, 20
WORDS = np.random.default_rng(8).integers(0, TOKENS, size=(120, LENGTH))
ONNX = transformer(length=LENGTH, width=8, heads=HEADS, hidden=12, tokens=TOKENS, classes=3)
CARD = Card(name="intent", version="1.0.0", licence="Apache-2.0", texts={}, columns={})


def model() -> Model:
    imported = import_onnx(ONNX, calibration=WORDS[:60])
    fidelity(imported, ONNX, WORDS[60:]).check()
    return Model.of_import(imported, ONNX, CARD)


def attention_weights(graph: Graph) -> int:
    """The node that divides the exponentials of all attention scores by their sums."""
    size = HEADS * LENGTH * LENGTH
    found = [
        place
        for place, node in enumerate(graph.nodes)
        if node.op is Op.AFFINE and (node.n, node.shift, node.lo) == (size, 30, 0) and node.b.space is Space.TRACE
    ]
    assert len(found) == 1
    return found[0]


def operands(graph: Graph, trace: bytearray, node: Node, element: int) -> Any:
    """What the operands of an element hold in a trace."""

    def read(which: int, offset: int, count: int) -> list[int]:
        operand = node.operands[which]
        memory, width = (trace if operand.space is Space.TRACE else graph.weights), operand.type.bytes
        at = 32 * operand.start + (node.index(operand, element) + offset) * width
        places = range(at, at + count * width, width)
        return [int.from_bytes(memory[place : place + width], "big", signed=True) for place in places]

    return read


class InattentiveProvider(Provider):
    """Adds one unit to one attention weight and computes everything after it rightly from there."""

    def execute(self, offer: Offer) -> Execution:
        """The trace of a softmax that is off by 2**-30 in one element."""
        honest = super().execute(offer)
        graph, trace = honest.graph, bytearray(honest.trace)
        place = attention_weights(graph)
        wrong = graph.nodes[place]
        trace[32 * wrong.start + 6 * wrong.out_type.bytes - 1] ^= 1  # the last bit of element 5
        for node in graph.nodes[place + 1 :]:
            width = node.out_type.bytes
            for element in range(node.n):
                value = compute_element(node, operands(graph, trace, node, element)) % (1 << 8 * width)
                at = 32 * node.start + element * width
                trace[at : at + width] = value.to_bytes(width, "big")
        return Execution(graph=graph, trace=bytes(trace))


def row(words: Any) -> dict[str, int]:
    return {f"x{place}": int(word) for place, word in enumerate(words)}


def test_transformer_order_is_paid_with_fraud_provable_evidence_and_verifies() -> None:
    market = open_market("memory://")
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    network = market.network
    published = network.registry.publish(model(), signer="lender")
    placed = network.orders.place(published, row(WORDS[-1]), pay=cd.usd("0.50"), evidence=cd.FraudProvable())
    decision = placed.wait("recorded")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    assert cd.verify(decision.bundle, network.records.trust_root()).ok
    import onnxruntime

    label, shares = onnxruntime.InferenceSession(ONNX).run(None, {"x": WORDS[-1:]})
    assert decision.output.label == label[0]
    assert list(decision.output.scores.values()) == pytest.approx(shares[0].tolist(), abs=1e-3)
    market.close()


def test_cheat_in_one_attention_weight_is_slashed_in_one_transaction() -> None:
    market = open_market("memory://")
    market.add_challenger("challenger")
    cheat = market.add_provider("cheat", TERMS, kind=InattentiveProvider)
    network = market.network
    published = network.registry.publish(model(), signer="lender")
    placed = network.orders.place(
        published, row(WORDS[-1]), pay=cd.usd("0.50"), evidence=cd.FraudProvable(), provider=cheat.address
    )
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    proven = [found.event for found in network.ledger.events() if isinstance(found.event, FraudProven)]
    assert len(proven) == 1
    market.close()
