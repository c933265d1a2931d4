"""Nodes that claim proofs and nodes that refute claims, on a real chain: delivered, watched, paid, slashed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from concordat.chain.answers import Refusal
from concordat.chain.claim_data import ClaimSource
from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain
from concordat.client.model import Card
from concordat.client.placed import PlacedOrder
from concordat.client.secret import SecretModel
from concordat.graph.execute import run
from concordat.node import claimant
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import NotFoundError, OrderError
from concordat.primitives.units import Seconds, usd
from concordat.protocol.claim_events import ClaimPosted, ClaimRefuted, RelationAdmitted
from concordat.protocol.claim_messages import PostClaim, Posted
from concordat.protocol.events import Slashed
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.order import OrderStatus
from concordat.protocol.refusals import refusal
from concordat.testing.false_claims import FalseClaim, GarbageClaim, SecondClaim
from concordat.testing.offers import ROW
from concordat.testing.small import small_graph, small_model
from concordat.verify import verify
from concordat.zk.hidden import HiddenModel

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"), claims=True)
PAY = usd("0.50")
CARD = Card.load({"name": "hidden", "version": "1.0.0", "licence": "LicenseRef-private"})

CHECKED: set[bytes] = set()

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def secret() -> SecretModel:
    return SecretModel.of_program(small_graph(hidden=6), small_model().schema, CARD)


@pytest.fixture(autouse=True)
def checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be shown of a model once takes a second of plain Python: here it is shown once for all tests."""
    check = HiddenModel.check

    def once(hidden: HiddenModel, *, plain: bool = False) -> None:
        if hidden.weights.root not in CHECKED:
            check(hidden, plain=plain)
            CHECKED.add(hidden.weights.root)

    monkeypatch.setattr(HiddenModel, "check", once)


class Market:
    """An embedded market of a provider who claims, and a challenger."""

    def __init__(
        self, market: EmbeddedMarket, secret: SecretModel, kind: type[Provider] = Provider, terms: Terms = TERMS
    ) -> None:
        self.market, self.network = market, market.network
        self.provider = market.add_provider("provider", terms, kind=kind)
        self.challenger = market.add_challenger("challenger")
        self.network.deposit("client", usd(100))
        self.model: Any = self.network.registry.publish(secret, signer="provider")

    def place(self, **wishes: Any) -> PlacedOrder:
        return self.network.orders.place(self.model, ROW, pay=PAY, **wishes)

    def events(self, *kinds: type) -> list[Any]:
        return [placed.event for placed in self.network.ledger.events() if isinstance(placed.event, kinds)]

    def judged(self) -> list[str]:
        """Stages of the claims that the challenger has seen."""
        return [stage for _, stage, _ in self.challenger.journal.items("posted")]


@pytest.fixture
def market(secret: SecretModel) -> Iterator[Any]:
    made: list[Market] = []

    def build(kind: type[Provider] = Provider, terms: Terms = TERMS) -> Market:
        made.append(Market(open_market("anvil://"), secret, kind, terms))
        return made[-1]

    yield build
    for one in made:
        one.market.close()


# -- honest claims ---------------------------------------------------------------------------------------------------


def test_claimed_answer_is_seen_at_once_paid_after_its_window_and_verifies_offline(market: Any) -> None:
    here = market()
    placed = here.place()
    seen = placed.wait("delivered")
    assert placed.status is OrderStatus.DELIVERED
    expected = here.model.schema.decode(run(small_graph(hidden=6), placed.offer.opening.words).output)
    assert seen.output == expected
    assert seen.state.gathered == 0  # nothing has stood yet, but the proof is there
    assert seen.bundle.proof is not None
    settled = placed.wait("recorded")
    assert settled.state.gathered == 1 << EvidenceKind.VALIDITY
    assert here.network.ledger.now() >= placed.order.window + _posted(here)[0]
    report = verify(settled.bundle.encode(), here.network.records.trust_root())
    assert report.ok, report.verdict
    assert here.judged() == ["honest"]


def test_relation_is_admitted_once_for_all_orders(market: Any) -> None:
    here = market()
    for placed in [here.place(), here.place()]:
        placed.wait("settled")
    assert len(here.events(RelationAdmitted)) == 1
    assert len(here.events(ClaimPosted)) == 2


def test_keeper_collects_for_a_claim_whose_provider_is_gone(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = market()
    placed = here.place()
    placed.wait("delivered")
    monkeypatch.setattr(here.provider, "step", lambda: 0)
    assert placed.wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY


def _posted(here: Market) -> list[int]:
    return [p.time for p in here.network.ledger.events() if isinstance(p.event, ClaimPosted)]


# -- when a claim is no help -----------------------------------------------------------------------------------------


def test_order_with_a_short_window_gets_the_proof_itself(market: Any) -> None:
    here = market()
    placed = here.place(window=Seconds(60))
    assert placed.wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    assert not here.events(ClaimPosted, RelationAdmitted)


@pytest.mark.parametrize("limit", ["MAX_DATA_BYTES", "_MOST_TAIL"])
def test_proof_that_no_claim_can_be_about_is_sent_whole(
    market: Any, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = market()
    monkeypatch.setattr(claimant, limit, 1000)
    assert here.place().wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    assert not here.events(ClaimPosted, RelationAdmitted)


def test_market_in_memory_takes_no_claims_and_gets_proofs(secret: SecretModel) -> None:
    chain = MemoryChain()
    keyring = Keyring(development=True, on_new=lambda signer: chain.welcome(signer.address, usd(10_000)))
    here = Market(EmbeddedMarket(chain, chain.content, keyring), secret)
    assert here.place().wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    here.market.close()


class Heavy(Provider):
    """On a chain that does not take one kind of message."""

    said: Exception = refusal("EvidenceRejected")

    def refuses(self, message: Any) -> bool:
        """No whole proof fits a block."""
        return bool(getattr(message, "proof", b""))

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        send = self.outbox.send

        def sparing(key: str, message: Any, **how: Any) -> Any:
            if self.refuses(message):
                raise self.said
            return send(key, message, **how)

        self.outbox.send = sparing  # type: ignore[method-assign]


class Rejected(Heavy):
    """Whose claims the court refuses although everything spoke for them."""

    said = refusal("TooLarge")

    def refuses(self, message: Any) -> bool:
        """No claim is taken."""
        return isinstance(message, PostClaim)


def test_claim_that_the_court_refuses_is_proven_in_full_although_the_order_is_accepted(market: Any) -> None:
    here = market(Rejected)
    assert here.place().wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    assert not here.events(ClaimPosted)


def test_proof_that_fits_no_block_is_claimed_without_being_asked(market: Any) -> None:
    here = market(terms=replace(TERMS, claims=False))
    here.network.ledger.endpoint.call("evm_setBlockGasLimit", hex(8_000_000))
    assert here.place().wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    assert len(here.events(ClaimPosted)) == 1


def test_proof_that_the_endpoint_refuses_for_its_gas_is_claimed(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heavy, "said", Refusal(-32000, "gas required exceeds allowance (30000000)", b"", "it"))
    here = market(Heavy, replace(TERMS, claims=False))
    assert here.place().wait("settled").state.gathered == 1 << EvidenceKind.VALIDITY
    assert len(here.events(ClaimPosted)) == 1


def test_proof_that_can_be_neither_sent_nor_claimed_is_refused_before_acceptance(market: Any) -> None:
    here = market(Heavy)
    placed = here.place(window=Seconds(60))
    here.market.settle()
    item = here.provider.journal.item("offer", "0x" + placed.id.hex())
    assert item is not None
    assert (item[0], item[1]["reason"]["code"]) == ("refused", "ProofTooHeavy")
    assert placed.status is OrderStatus.NONE


# -- false claims ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FalseClaim, GarbageClaim])
def test_attack_false_claim_is_refuted_and_slashed_by_the_challenger_that_runs(market: Any, kind: Any) -> None:
    here = market(kind)
    placed = here.place()
    before = here.network.ledger.balance(here.challenger.outbox.sender).free
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    here.market.settle()
    assert [event.challenger for event in here.events(ClaimRefuted)] == [here.challenger.outbox.sender]
    (slashed,) = here.events(Slashed)
    assert here.network.ledger.balance(here.challenger.outbox.sender).free == before + slashed.to_challenger
    assert here.judged() == ["shown"]


def test_attack_second_claim_for_another_output_costs_the_first_one_too(market: Any) -> None:
    here = market(SecondClaim)
    placed = here.place()
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    here.market.settle()
    assert len(here.events(ClaimPosted)) == 2
    assert sorted(here.judged()) == ["honest", "shown"]


def test_relation_that_the_endpoint_forgot_is_read_from_the_model(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = market(FalseClaim)

    def forgotten(*_: Any) -> bytes:
        raise NotFoundError("Gone.", code="ClaimDataMissing")

    monkeypatch.setattr(ClaimSource, "relation", forgotten)
    with pytest.raises(OrderError) as caught:
        here.place().wait("settled")
    assert caught.value.code == "OrderSlashed"


def test_attack_data_that_nobody_can_have_stops_no_other_claim(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = market()
    source = here.network.ledger.claims
    hidden: list[Posted] = []

    class Withheld:
        """Does not have the data of the first claim."""

        def data(self, posted: Posted, transaction: bytes) -> bytes:
            hidden[:] = hidden or [posted]
            found: bytes = source.data(replace(posted, root=ZERO32) if posted == hidden[0] else posted, transaction)
            return found

        def relation(self, digest: bytes, transaction: bytes) -> bytes:
            read: bytes = source.relation(digest, transaction)
            return read

    monkeypatch.setattr(here.network.ledger, "claims", Withheld())
    first = here.place()
    first.wait("delivered")
    here.place().wait("delivered")
    here.market.settle()
    assert sorted(here.judged()) == ["honest", "seen"]
