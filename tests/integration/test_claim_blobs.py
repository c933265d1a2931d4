"""Nodes that claim proofs in blobs, and nodes that refute what such a blob holds, on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from concordat.chain import ledger as ledger_module
from concordat.chain.answers import Refusal
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.envelope import call_of
from concordat.chain.pool import carry
from concordat.client.model import Card
from concordat.client.placed import PlacedOrder
from concordat.client.secret import SecretModel
from concordat.node.embedded import EmbeddedMarket
from concordat.node.naysayer import LOOK_AGAIN
from concordat.node.open import open_market
from concordat.node.provider import Terms
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import NotFoundError, OrderError
from concordat.primitives.units import Seconds, usd
from concordat.protocol.claim_events import ClaimPosted, ClaimRefuted
from concordat.protocol.claim_messages import ROOT_STEP
from concordat.protocol.evidence import EvidenceKind
from concordat.testing.offers import ROW
from concordat.testing.small import small_graph, small_model

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"), claims=True, blobs=True)
CARD = Card.load({"name": "hidden", "version": "1.0.0", "licence": "LicenseRef-private"})

pytestmark = pytest.mark.chain


class Market:
    """An embedded market of a provider who claims in blobs, and a challenger; one chain for all tests."""

    def __init__(self, market: EmbeddedMarket) -> None:
        self.market, self.network = market, market.network
        self.provider = market.add_provider("provider", TERMS)
        self.challenger = market.add_challenger("challenger")
        self.network.deposit("client", usd(100))
        secret = SecretModel.of_program(small_graph(hidden=6), small_model().schema, CARD)
        self.model: Any = self.network.registry.publish(secret, signer="provider")

    def place(self) -> PlacedOrder:
        return self.network.orders.place(self.model, ROW, pay=usd("0.50"))

    def claims(self, placed: PlacedOrder) -> list[Any]:
        """What was claimed about an order, and refuted."""
        kinds = ClaimPosted | ClaimRefuted
        events = [found.event for found in self.network.ledger.events() if isinstance(found.event, kinds)]
        return [event for event in events if event.order_id == placed.id]

    def judged(self, placed: PlacedOrder) -> list[str]:
        """Stages of the claims about an order that the challenger has seen."""
        items = self.challenger.journal.items("posted")
        return [stage for key, stage, _ in items if key.startswith("0x" + placed.id.hex())]


@pytest.fixture(scope="module")
def here() -> Iterator[Market]:
    market = Market(open_market("anvil://"))
    yield market
    market.market.close()


def test_answer_claimed_in_a_blob_is_judged_honest_and_paid(here: Market) -> None:
    placed = here.place()
    assert placed.wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    (claimed,) = here.claims(placed)
    assert claimed.posted.blob != ZERO32
    assert here.judged(placed) == ["honest"]
    intent = here.provider.journal.intent(f"blob:0x{placed.id.hex()}")
    assert intent is not None
    assert intent.raw is not None
    assert call_of(intent.raw).sidecar is not None  # sent again after a crash, the blob goes with it


def test_attack_blob_that_holds_something_else_is_refuted_and_slashed(
    here: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "carry", lambda endpoint, data: carry(endpoint, data[:-1] + b"\xff"))
    placed = here.place()
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    here.market.settle()
    claimed, refuted = here.claims(placed)
    assert claimed.posted.blob != ZERO32
    assert (refuted.step, refuted.challenger) == (ROOT_STEP, here.challenger.outbox.sender)
    assert here.judged(placed) == ["shown"]


def test_attack_blob_that_nobody_has_is_looked_for_again(here: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> bytes:
        raise NotFoundError("Gone.", code="BlobMissing")

    with monkeypatch.context() as patch:
        patch.setattr(BlobArchive, "blob", missing)
        placed = here.place()
        placed.wait("delivered")
        assert here.judged(placed) == ["seen"]
    here.market.backend.advance(Seconds(LOOK_AGAIN))
    here.market.settle()
    assert here.judged(placed) == ["honest"]


def test_chain_whose_pool_refuses_blobs_gets_the_data_in_the_call(
    here: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = here.network.ledger.endpoint
    ask = endpoint.call

    def refusing(method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction" and params[0].startswith("0x03"):
            raise Refusal(-32000, "transaction type not supported", b"", "node")
        return ask(method, *params)

    monkeypatch.setattr(endpoint, "call", refusing)
    placed = here.place()
    assert placed.wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    (claimed,) = here.claims(placed)
    assert claimed.posted.blob == ZERO32
