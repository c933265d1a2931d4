"""Offers that would cost an honest provider money or work, and orders whose provider does not keep to their policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from concordat.client.keyring import Keyring, development_account
from concordat.client.memory import MemoryChain
from concordat.client.model import Model
from concordat.client.offer import InputOpening, Offer
from concordat.client.public import PublicData
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.execute import run
from concordat.node.challenger import Challenger
from concordat.node.embedded import EmbeddedMarket
from concordat.node.outbox import Outbox
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import ConcordatError, InputError, NotFoundError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Amount, Seconds, usd
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.evidence import AnyOf, ClientRelease, EvidenceKind, FraudProvable, Native, decode_policy
from concordat.protocol.execution import Result, input_root
from concordat.protocol.messages import Funding, FundingMode
from concordat.protocol.order import OrderStatus, order_id
from concordat.storage.journal import Journal
from concordat.testing.offers import ROW, make_offer, sign_offer
from concordat.testing.small import small_model

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
CLIENT = development_account("client")


@dataclass
class Stand:
    """One provider on a ledger in memory."""

    chain: MemoryChain
    public: PublicData
    provider: Provider

    def publish(self, model: Model) -> None:
        self.public.put_model(model.commitment, model.graph, model.manifest.encode())

    def offer(self, **terms: Any) -> Offer:
        return make_offer(self.chain.ledger, CLIENT, self.provider.address, small_model(), salt=7, **terms)

    def refuses(self, offer: Offer) -> str:
        """Code with which the provider refuses; nothing of the offer stays with it."""
        with pytest.raises(ConcordatError) as caught:
            self.provider.offer(offer)
        assert not self.provider.journal.items("offer")
        return caught.value.code

    def status(self, offer: Offer) -> OrderStatus:
        return self.chain.ledger.state(order_id(offer.order, self.chain.ledger.domain)).status


@pytest.fixture(params=[False, True], ids=["work first", "fund first"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    chain, account = MemoryChain(), development_account("provider")
    public = PublicData(chain.content)
    for address in (CLIENT.address, account.address):
        chain.fund(address, usd(1000))
    chain.stake(account.address, usd(500))
    model = small_model()
    public.put_model(model.commitment, model.graph, model.manifest.encode())
    chain.artifacts.register_model(model.commitment, (), royalty=0, uri="", sender=account.address)
    chain.artifacts.publish_native(model.commitment, model.native or b"", sender=account.address)
    journal = Journal(tmp_path / "journal.db")
    provider = Provider(
        chain.ledger,
        journal,
        public,
        Outbox(chain.ledger, journal, account.address),
        replace(TERMS, fund_first=request.param),
        native=chain.artifacts.has_native,
    )
    yield Stand(chain, public, provider)
    journal.close()


def with_words(stand: Stand, words: bytes) -> Offer:
    """A properly signed offer whose input root opens to these words."""
    opening = InputOpening(words=words, salt=keccak256(b"words"))
    order = replace(stand.offer().order, input=input_root(words, opening.salt, small_model().graph.input_depth))
    return sign_offer(stand.chain.ledger, CLIENT, order, opening)


def test_offer_with_something_behind_its_input_is_refused_before_money_moves(stand: Stand) -> None:
    words = small_model().schema.encode_one(ROW)
    assert stand.refuses(with_words(stand, words[:-1] + b"\1")) == "InputPadding"
    assert stand.refuses(with_words(stand, b"")) == "InputLength"


def test_output_that_no_submission_carries_is_delivered_by_its_trace_root(stand: Stand) -> None:
    builder = GraphBuilder()
    x = builder.input(4, ElementType.I32)
    graph = builder.build(builder.gather(x, [0, 1, 2, 3] * 80))
    model = replace(small_model(), graph=graph, native=None)
    stand.publish(model)
    offer = make_offer(stand.chain.ledger, CLIENT, stand.provider.address, model, salt=1)
    result = stand.provider.work(offer)
    assert result.output == result.trace_root
    shown = stand.public.answers.get(result.trace_root, model.id)
    assert b"".join(shown.words) == run(graph, offer.opening.words).output


def test_offer_that_nobody_signed_or_pays_is_refused_before_work(stand: Stand) -> None:
    offer = stand.offer()
    other = development_account("somebody")
    forged = sign_offer(stand.chain.ledger, other, offer.order, offer.opening)
    assert stand.refuses(forged) == "BadSignature"
    assert stand.refuses(replace(offer, funding=replace(offer.funding, signature=b""))) == "BadSignature"
    dear = stand.offer(price=Amount(usd(1001)))
    assert stand.refuses(dear) == "InsufficientFunds"
    credit = Funding(mode=FundingMode.CREDIT, signature=CLIENT.sign(order_id(offer.order, stand.chain.ledger.domain)))
    assert stand.refuses(replace(offer, funding=credit)) == "InsufficientFunds"


@pytest.mark.parametrize("field", ["price", "bond", "accept_by", "deliver_by", "window"])
@pytest.mark.parametrize("turn", [1 << 256, -(1 << 256)], ids=["above", "below"])
def test_offer_with_a_number_a_whole_word_off_is_refused(stand: Stand, field: str, turn: int) -> None:
    """Modulo 2**256 it has the id of an order that is signed and pays less or risks more than it seems to."""
    offer = stand.offer()
    other = replace(offer.order, **{field: getattr(offer.order, field) + turn})
    domain = stand.chain.ledger.domain
    assert order_id(other, domain) == order_id(offer.order, domain)
    assert stand.refuses(replace(offer, order=other)) == "BadTerms"


@pytest.mark.parametrize("field", ["client", "provider", "model", "input", "evidence", "salt"])
def test_offer_with_an_identifier_of_another_length_is_not_read(stand: Stand, field: str) -> None:
    fields = to_wire(stand.offer())
    value = fields["order"][field]
    fields["order"][field] = "0x" + value[2:].rjust(64, "0") if len(value) == 42 else value[:42]
    with pytest.raises(InputError):
        from_wire(Offer, fields)


@pytest.mark.parametrize("policy", [decode_policy(bytes([mask])) for mask in (5, 6, 16, 48)], ids=str)
def test_offer_for_evidence_that_the_node_does_not_gather_is_refused(stand: Stand, policy: Any) -> None:
    assert stand.refuses(stand.offer(evidence=policy)) == "NotInPolicy"


def test_order_for_native_evidence_gets_it_whichever_comes_first(stand: Stand) -> None:
    offer = stand.offer(evidence=Native())
    stand.provider.offer(offer)
    for _ in range(6):
        stand.provider.step()
    state = stand.chain.ledger.state(order_id(offer.order, stand.chain.ledger.domain))
    assert (state.status, state.gathered) == (OrderStatus.PAID, 1 << EvidenceKind.NATIVE)


@pytest.mark.parametrize("policy", [ClientRelease(), FraudProvable(), AnyOf(ClientRelease(), FraudProvable())], ids=str)
def test_trace_is_public_only_where_the_input_is(stand: Stand, policy: Any) -> None:
    """A trace begins with the input's words."""
    offer = stand.offer(evidence=policy)
    result = stand.provider.work(offer)
    try:
        trace, _ = stand.public.trace(result.trace_root, small_model().graph)
        assert trace.startswith(offer.opening.words)
        shown = True
    except NotFoundError:
        shown = False
    assert shown == (policy != ClientRelease())


class DeliversGarbage(Provider):
    """Delivers anything at all, whatever evidence the order asks for."""

    def work(self, offer: Offer) -> Result:
        return Result(trace_root=ZERO32, output=bytes(32))

    def _plan(self, offer: Offer) -> None:
        return None


def test_garbage_for_an_order_of_native_evidence_is_slashed() -> None:
    """Delivered work is paid after its window, whatever the policy: watchers must be able to look at all of it."""
    chain = MemoryChain()
    keyring = Keyring(development=True, on_new=lambda signer: chain.welcome(signer.address, usd(10_000)))
    market = EmbeddedMarket(chain, chain.content, keyring)
    try:
        market.add_provider("provider", TERMS, kind=DeliversGarbage)
        market.add_challenger("challenger", kind=Challenger)
        model, sender = small_model(), keyring.signer("publisher").address
        market.network.registry.publish(model, signer="publisher")
        chain.artifacts.publish_native(model.commitment, model.native or b"", sender=sender)
        placed = market.network.orders.place(model.id, ROW, pay=usd("0.50"), evidence=Native())
        for _ in range(200):
            if placed.status.terminal:
                break
            market.pump()
        assert placed.status is OrderStatus.SLASHED
    finally:
        market.close()


def test_window_of_a_good_offer_is_taken(stand: Stand) -> None:
    offer = stand.offer(window=Seconds(60))
    assert stand.provider.offer(offer) == order_id(offer.order, stand.chain.ledger.domain)
    assert stand.status(offer) is OrderStatus.NONE
