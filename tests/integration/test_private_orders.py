"""Private and large orders from end to end: what others see, and what a client does about a wrong or missing answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain
from concordat.client.model import Model
from concordat.client.placed import PlacedOrder
from concordat.client.private import PrivateOffer
from concordat.client.public import Answers
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.execute import run
from concordat.node.embedded import EmbeddedMarket
from concordat.node.provider import Provider, Terms
from concordat.node.seals import SealKeys, seal_file
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import DisputeError, OrderError, PolicyError, VerificationError
from concordat.primitives.units import Bytes32, usd
from concordat.primitives.wire import from_wire
from concordat.protocol.events import Delivered, Demanded, ResultOpened, Supplied
from concordat.protocol.evidence import ClientRelease, FraudProvable, Native
from concordat.protocol.execution import Result
from concordat.protocol.order import OrderStatus
from concordat.testing.cheats import AlteredMiddle
from concordat.testing.offers import ROW
from concordat.testing.small import small_model
from concordat.verify import verify

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
PAY = usd("0.50")


def wide_model() -> Model:
    """The small model's columns, 640 numbers out: 80 words, one part to demand."""
    builder = GraphBuilder()
    x = builder.input(4, ElementType.I32)
    graph = builder.build(builder.gather(x, [i % 4 for i in range(640)]))
    small = small_model()
    output = replace(small.schema.output, labels=(), scores=small.schema.output.scores * 640)
    schema = replace(small.schema, output=output)
    content = {**small.manifest.content, "name": "wide", "schema": schema.to_json()}
    return Model(graph=graph, schema=schema, manifest=replace(small.manifest, content=content), native=None)


class Market:
    """An embedded market in memory with one provider and one challenger."""

    def __init__(self, kind: type[Provider] = Provider) -> None:
        chain = MemoryChain()
        keyring = Keyring(development=True, on_new=lambda signer: chain.welcome(signer.address, usd(10_000)))
        self.market = EmbeddedMarket(chain, chain.content, keyring)
        self.provider = self.market.add_provider("provider", TERMS, kind=kind)
        self.market.add_challenger("challenger")
        self.network = self.market.network
        self.network.deposit("client", usd(100))

    def publish(self, model: Model) -> bytes:
        return self.network.registry.publish(model, signer="publisher").id

    def place(self, model: Model, **wishes: Any) -> PlacedOrder:
        return self.network.orders.place(self.publish(model), ROW, pay=PAY, **wishes)

    def events(self, *kinds: type) -> list[Any]:
        return [placed.event for placed in self.network.ledger.events() if isinstance(placed.event, kinds)]

    def end(self, placed: PlacedOrder) -> OrderStatus:
        for _ in range(300):
            if placed.status.terminal:
                break
            self.market.pump()
        return placed.status


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Market] = []

    def market(kind: type[Provider] = Provider) -> Market:
        made.append(Market(kind))
        return made[-1]

    yield market
    for one in made:
        one.market.close()


def test_private_order_is_answered_read_and_verified_while_nobody_else_sees_input_or_output(make: Any) -> None:
    market, model = make(), small_model()
    placed = market.place(model, private=True)
    decision = placed.wait("delivered")
    honest = run(model.graph, placed.offer.opening.words)
    assert decision.output == model.schema.decode(honest.output)
    (delivered,) = market.events(Delivered)
    assert len(delivered.output) == 48 + 32 + len(honest.output)
    kept = b"".join(market.market.backend.content._blobs.values())
    journal = repr(market.provider.journal.items("offer"))
    for secret in (placed.offer.opening.words, placed.offer.opening.salt, honest.output):
        assert secret not in kept
        assert to_hex(secret).encode() not in kept
        assert to_hex(secret) not in journal
        assert secret not in delivered.output
    placed.release()
    recorded = placed.wait("recorded")
    records = market.network.records
    report = verify(recorded.bundle, trust=records.trust_root(), endpoint_facts=records.facts(recorded.bundle))
    assert report.ok, str(report)
    assert {check.number for check in report.checks if check.outcome == "pass"} >= {5, 6, 7, 8, 13, 14}


def test_private_order_whose_output_no_submission_carries_is_read_and_verified(make: Any) -> None:
    market, model = make(), wide_model()
    placed = market.place(model, private=True)
    honest = run(model.graph, placed.offer.opening.words)
    decision = placed.wait("delivered")
    assert decision.output == model.schema.decode(honest.output)
    report = verify(decision.bundle)
    assert {check.number for check in report.checks if check.outcome == "pass"} >= {5, 7, 13}
    kept = b"".join(market.market.backend.content._blobs.values())
    assert honest.output not in kept
    assert to_hex(honest.output).encode() not in kept


def test_large_output_is_delivered_by_its_trace_root_and_verified(make: Any) -> None:
    market, model = make(), wide_model()
    placed = market.place(model)
    decision = placed.wait("recorded")
    assert decision.output == model.schema.decode(run(model.graph, placed.offer.opening.words).output)
    (delivered,) = market.events(Delivered)
    assert delivered.output == delivered.trace_root
    records = market.network.records
    report = verify(decision.bundle, records.trust_root(), endpoint_facts=records.facts(decision.bundle))
    assert report.ok, str(report)


@pytest.mark.parametrize("changed", ["output", "path", "root"])
def test_large_output_changed_in_a_bundle_fails(make: Any, changed: str) -> None:
    bundle = make().place(wide_model()).wait("delivered").bundle
    opening = bundle.opening
    other = {
        "output": replace(bundle, output=bundle.output[:-1] + bytes([bundle.output[-1] ^ 1])),
        "path": replace(bundle, opening=replace(opening, path=opening.path[::-1])),
        "root": replace(bundle, opening=replace(opening, trace_root=Bytes32(bytes(32)))),
    }[changed]
    assert [check.number for check in verify(other).failed][:1] == [7]


# -- wishes that contradict each other -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "private"), [(Native(), True), (FraudProvable(), True), (ClientRelease(), False)], ids=str
)
def test_privacy_that_the_evidence_does_not_leave_is_refused(make: Any, evidence: Any, private: bool) -> None:
    with pytest.raises(PolicyError) as caught:
        make().place(small_model(), evidence=evidence, private=private)
    assert caught.value.code == "PrivacyConflict"


def test_private_offer_in_plain_and_open_offer_under_seal_are_refused(make: Any) -> None:
    market = make()
    private = market.place(small_model(), private=True)
    with pytest.raises(OrderError) as caught:
        market.provider.offer(replace(private.offer, order=replace(private.order, salt=Bytes32(bytes(32)))))
    assert caught.value.code == "SealRequired"


# -- sealed wrongly --------------------------------------------------------------------------------------------------


class SealsGarbage(Provider):
    """Commits to the honest result, and seals noise."""

    def _seal(self, offer: Any, reply: Bytes32, result: Result) -> Result:
        sealed = super()._seal(offer, reply, result)
        return replace(sealed, output=bytes(len(sealed.output)))


class CommitsToNoise(Provider):
    """Commits to nothing at all."""

    def _seal(self, offer: Any, reply: Bytes32, result: Result) -> Result:
        return replace(super()._seal(offer, reply, result), trace_root=Bytes32(b"\1" * 32))


def test_attack_garbage_sealed_to_the_client_must_be_opened_on_demand(make: Any) -> None:
    market, model = make(SealsGarbage), small_model()
    placed = market.place(model, private=True)
    with pytest.raises(VerificationError) as caught:
        placed.wait("delivered")
    assert caught.value.code == "SealBroken"
    assert placed.demand() == 1
    assert placed.demand() == 0, "a second demand for the same is no use to anybody"
    market.market.settle()
    assert len(market.events(ResultOpened)) == 1
    honest = run(model.graph, placed.offer.opening.words)
    assert placed.decision().output == model.schema.decode(honest.output)
    assert market.network.wallet("client").free == usd(100) - usd(2), "the provider has the bond for his trouble"


def test_attack_commitment_to_nothing_is_slashed_when_it_is_not_opened(make: Any) -> None:
    market = make(CommitsToNoise)
    placed = market.place(small_model(), private=True)
    with pytest.raises(VerificationError) as caught:
        placed.wait("delivered")
    assert caught.value.code == "SealedGarbage"
    placed.demand()
    assert market.end(placed) is OrderStatus.SLASHED
    assert market.network.wallet("client").free == usd(100) + PAY + usd("1.50"), "price, and as client and challenger"


def test_attack_wrong_answer_under_seal_is_slashed_once_its_client_contests_it(make: Any) -> None:
    market = make(AlteredMiddle)
    placed = market.place(small_model(), private=True)
    decision = placed.wait("delivered")
    assert [check.number for check in verify(decision.bundle).failed] == [13], "the client sees that it is wrong"
    placed.contest()
    assert market.end(placed) is OrderStatus.SLASHED


def test_contested_honest_answer_is_paid_all_the_same(make: Any) -> None:
    market = make()
    placed = market.place(small_model(), private=True)
    placed.wait("delivered")
    placed.contest()
    assert market.end(placed) is OrderStatus.PAID


class DeliversAnothersSeal(Provider):
    """Delivers every order after the first with the first one's ciphertext and commitment."""

    first: Result | None = None

    def _seal(self, offer: Any, reply: Bytes32, result: Result) -> Result:
        sealed = super()._seal(offer, reply, result)
        self.first = self.first or sealed
        return self.first


def test_attack_ciphertext_swapped_between_orders_does_not_open(make: Any) -> None:
    market, model = make(DeliversAnothersSeal), small_model()
    first = market.place(model, private=True)
    first.wait("delivered")
    second = market.network.orders.place(model.id, ROW, pay=PAY, private=True)
    with pytest.raises(VerificationError) as caught:
        second.wait("delivered")
    assert caught.value.code == "SealBroken"
    second.demand()
    assert market.end(second) is OrderStatus.SLASHED


def test_attack_sealed_offer_replayed_for_another_order_does_not_open(make: Any) -> None:
    market, model = make(), small_model()
    placed = market.place(model, private=True)
    item = market.provider.journal.item("offer", to_hex(placed.id))
    assert item is not None
    other = market.network.orders.place(model.id, ROW, pay=PAY, private=True)
    replayed = replace(_sealed(item), order=other.order, funding=other.offer.funding)
    with pytest.raises(OrderError) as caught:
        market.provider.private_offer(replayed)
    assert caught.value.code == "SealBroken"
    assert market.provider.private_offer(_sealed(item)) == placed.id, "the same again is the same order"


def _sealed(item: tuple[str, dict[str, Any]]) -> PrivateOffer:
    return from_wire(PrivateOffer, item[1]["sealed"])


def test_attack_key_announced_by_somebody_else_is_not_used(make: Any) -> None:
    market = make()
    link = market.network.providers()[0]
    theirs = market.market.keyring.signer("mallory")
    forged = SealKeys(seal_file(market.market.home, "mallory"), link.address, theirs.sign, market.network.ledger.domain)
    link.provider.seals = forged
    with pytest.raises(VerificationError) as caught:
        market.place(small_model(), private=True)
    assert caught.value.code == "SealingKeyForged"
    assert not market.provider.journal.items("offer")


def test_rotated_key_still_opens_what_was_sealed_before(make: Any) -> None:
    market, model = make(), small_model()
    before = market.provider.sealing_key()
    placed = market.place(model, private=True)
    market.provider.seals.rotate()
    assert market.provider.sealing_key().key != before.key
    honest = run(model.graph, placed.offer.opening.words)
    assert placed.wait("delivered").output == model.schema.decode(honest.output)


# -- demands ---------------------------------------------------------------------------------------------------------


class Withholds(Provider):
    """Delivers a root and shows nobody what is behind it, unless somebody pays for that."""

    def publish(self, graph: Any, execution: Any) -> Bytes32:
        return self._keep(graph, execution)

    def work(self, offer: Any) -> Result:
        kept = Answers.put
        Answers.put = lambda *_: None
        try:
            return super().work(offer)
        finally:
            Answers.put = kept


class Silent(Withholds):
    """Answers no demand either."""

    def step(self) -> int:
        self._supplier.step = lambda now: 0
        return super().step()


def test_attack_withheld_output_is_shown_on_demand_for_a_bond(make: Any) -> None:
    market, model = make(Withholds), wide_model()
    placed = market.place(model)
    with pytest.raises(OrderError) as caught:
        placed.wait("delivered")
    assert caught.value.code == "OutputWithheld"
    assert placed.demand() == 1
    market.market.settle()
    (shown,) = market.events(Supplied)
    honest = run(model.graph, placed.offer.opening.words)
    assert b"".join(shown.words) == honest.output
    assert placed.decision().output == model.schema.decode(honest.output)
    assert market.end(placed) is OrderStatus.PAID


def test_attack_output_that_is_never_shown_is_slashed(make: Any) -> None:
    market = make(Silent)
    placed = market.place(wide_model())
    with pytest.raises(OrderError):
        placed.wait("delivered")
    placed.demand()
    assert market.end(placed) is OrderStatus.SLASHED
    assert len(market.events(Demanded)) == 1


def test_attack_demand_for_what_is_there_or_settled_is_refused(make: Any) -> None:
    market = make()
    small = market.place(small_model())
    small.wait("delivered")
    with pytest.raises(DisputeError) as caught:
        small.demand()
    assert caught.value.code == "NothingToDemand"
    wide = market.place(wide_model())
    wide.wait("settled")
    with pytest.raises(OrderError) as late:
        wide.demand()
    assert late.value.code == "WrongStatus"
