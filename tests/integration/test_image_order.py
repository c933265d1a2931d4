"""A convolutional network as a published model: ordered, paid after the window, and a cheat in one pixel is caught."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import concordat as cd
from concordat.client.model import Card, Model
from concordat.client.offer import Offer
from concordat.graph.execute import Execution, run
from concordat.graph.fidelity import fidelity
from concordat.graph.ir import Graph, Op
from concordat.graph.onnx import import_onnx
from concordat.node.open import TERMS, open_market
from concordat.node.provider import Provider
from concordat.primitives.errors import OrderError
from concordat.protocol.events import FraudProven, Slashed
from concordat.protocol.evidence import EvidenceKind
from concordat.testing.vision import train

onnxruntime = pytest.importorskip("onnxruntime")
datasets = pytest.importorskip("sklearn.datasets")

CARD = Card(name="digits", version="1.0.0", licence="Apache-2.0", texts={}, columns={})


@pytest.fixture(scope="module")
def images() -> Any:
    return (datasets.load_digits().images / 16).astype(np.float32)


@pytest.fixture(scope="module")
def onnx(images: Any) -> bytes:
    labels = datasets.load_digits().target
    return train(images[:600], labels[:600], channels=(4, 6), hidden=(16,), padding=2, epochs=3).to_onnx()


@pytest.fixture(scope="module")
def model(images: Any, onnx: bytes) -> Model:
    imported = import_onnx(onnx, calibration=images[:300, None])
    fidelity(imported, onnx, images[600:900, None]).check()
    return Model.of_import(imported, onnx, CARD)


def row(image: Any) -> dict[str, float]:
    return {f"x{place}": float(pixel) for place, pixel in enumerate(image.ravel())}


def second_convolution(graph: Graph) -> int:
    """The last MATMUL that steps through an image."""
    return max(
        place for place, node in enumerate(graph.nodes) if node.op is Op.MATMUL and node.a.row and not node.a.col
    )


class BlurredProvider(Provider):
    """Is off by one in one sum of the second convolution, too little to change what comes out."""

    def execute(self, offer: Offer) -> Execution:
        """The honest trace but for one element."""
        honest = super().execute(offer)
        graph, trace = honest.graph, bytearray(honest.trace)
        node = graph.nodes[second_convolution(graph)]
        at = 32 * node.start + 5 * node.out_type.bytes
        width = node.out_type.bytes
        value = int.from_bytes(trace[at : at + width], "big", signed=True) + 1
        trace[at : at + width] = value.to_bytes(width, "big", signed=True)
        return Execution(graph=graph, trace=bytes(trace))


def test_image_order_is_paid_with_fraud_provable_evidence_and_verifies(model: Model, onnx: bytes, images: Any) -> None:
    market = open_market("memory://")
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    network = market.network
    published = network.registry.publish(model, signer="lender")
    placed = network.orders.place(published, row(images[-1]), pay=cd.usd("0.50"), evidence=cd.FraudProvable())
    decision = placed.wait("recorded")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    assert cd.verify(decision.bundle, network.records.trust_root()).ok
    label, scores = onnxruntime.InferenceSession(onnx).run(None, {"x": images[-1:, None]})
    assert decision.output.label == label[0]
    assert list(decision.output.scores.values()) == pytest.approx(scores[0].tolist(), abs=0.02)
    market.close()


def test_cheat_in_one_sum_of_a_convolution_is_slashed_in_one_transaction(model: Model, images: Any) -> None:
    market = open_market("memory://")
    market.add_challenger("challenger")
    cheat = market.add_provider("cheat", TERMS, kind=BlurredProvider)
    network = market.network
    published = network.registry.publish(model, signer="lender")
    placed = network.orders.place(
        published, row(images[-1]), pay=cd.usd("0.50"), evidence=cd.FraudProvable(), provider=cheat.address
    )
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    events = [found.event for found in network.ledger.events()]
    assert [type(event) for event in events if isinstance(event, FraudProven | Slashed)] == [FraudProven, Slashed]
    market.close()


@pytest.mark.chain
def test_cheat_in_one_sum_of_a_convolution_is_slashed_on_a_chain(model: Model, images: Any) -> None:
    market = open_market("anvil://")
    try:
        market.add_challenger("challenger")
        cheat = market.add_provider("cheat", TERMS, kind=BlurredProvider)
        network = market.network
        published = network.registry.publish(model, signer="lender")
        placed = network.orders.place(
            published, row(images[-2]), pay=cd.usd("0.50"), evidence=cd.FraudProvable(), provider=cheat.address
        )
        with pytest.raises(OrderError) as caught:
            placed.wait("settled")
        assert caught.value.code == "OrderSlashed"
    finally:
        market.close()


def test_every_word_of_the_trace_is_what_the_graph_says(model: Model, images: Any) -> None:
    words = model.schema.encode_one(row(images[-1]))
    assert run(model.graph, words).trace == run(model.graph, words, reference=True).trace
