"""Stewards from end to end, on memory and on a real chain node: deployed, observed, ordered for, applied, stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import concordat as cd
from concordat.chain.anvil import AnvilNode
from concordat.cli.main import main
from concordat.client.effects import reading_of
from concordat.client.evm import DevelopmentChain
from concordat.client.home import Home
from concordat.client.memory import MemoryContent
from concordat.client.observed import ObservedInputs
from concordat.client.public import PublicData
from concordat.client.registry import PublishedModel
from concordat.client.steward import Steward
from concordat.graph.execute import run
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, embed, open_market
from concordat.node.steward import StewardNode
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import ConfigurationError, InputError, NotFoundError, ProtocolError
from concordat.primitives.units import Address, Seconds
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.guard import Guard
from concordat.protocol.order import OrderStatus
from concordat.protocol.steward import Applied, Reading, Stopped
from concordat.storage.journal import Journal
from concordat.testing.cheats import AlteredOutput
from concordat.testing.small import small_model

ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}
PRICE = cd.usd("0.50")
SIGNERS = ("station one", "station two", "station three")
GUARD = Guard(low=-1_000, high=1_000, resting=7, step=300, per_day=700, lifetime=Seconds(3 * 86_400))


@pytest.fixture(params=["memory://", "anvil://"])
def market(request: pytest.FixtureRequest) -> Iterator[EmbeddedMarket]:
    market = open_market(request.param)
    market.add_provider("provider", TERMS)
    yield market
    market.close()


def publish(market: EmbeddedMarket, *, native: bool = True) -> PublishedModel:
    published = market.network.registry.publish(small_model(native=native), signer="lender")
    assert isinstance(published, PublishedModel)
    return published


def deploy(market: EmbeddedMarket, model: PublishedModel) -> Steward:
    stewards = market.network.stewards

    def address(name: str) -> Address:
        return market.keyring.signer(name).address

    source = stewards.create_source(
        model,
        signers=map(address, SIGNERS),
        quorum=2,
        length=cd.days(1),
        observe_within=cd.hours(6),
        account="lender",
    )
    return stewards.create(
        model,
        source=source,
        reading=reading_of(model.schema, "score"),
        guard=GUARD,
        account="lender",
        min_window=cd.hours(2),
        governor=address("governor"),
        guardian=address("guardian"),
    )


def said_by(model: PublishedModel) -> int:
    """What the model says about the row, by the reference executor."""
    return model.schema.decode(run(model.graph, model.schema.encode_one(ROW)).output).integers[1]


def test_decision_about_a_signed_input_moves_the_number_within_its_guard(market: EmbeddedMarket) -> None:
    model = publish(market)
    steward = deploy(market, model)
    assert (steward.epoch, steward.value) == (1, 7)
    steward.observe(ROW, signers=SIGNERS[1:], account="anybody")
    steward.order(pay=PRICE).wait()
    decided = steward.apply(account="anybody")
    assert decided.said == said_by(model)
    assert decided.value == steward.value == max(min(decided.said, 307), -293)
    assert decided.settled_by == 1 << EvidenceKind.NATIVE
    assert [type(event) for event in steward.history()] == [Applied]
    with pytest.raises(ProtocolError, match="has its decision"):
        steward.apply(account="anybody")


def test_decision_without_native_form_counts_after_its_window_only(market: EmbeddedMarket) -> None:
    steward = deploy(market, publish(market, native=False))
    steward.observe(ROW, signers=SIGNERS[:2], account="anybody")
    placed = steward.order(pay=PRICE)
    assert placed.order.window == cd.hours(2)
    placed.wait("delivered")
    with pytest.raises(ProtocolError) as early:
        steward.apply(account="anybody")
    assert early.value.code == "NotSettled"
    placed.wait("settled", timeout=120)
    assert steward.apply(account="anybody").settled_by == 1 << EvidenceKind.FRAUD_PROVABLE


def test_released_lie_of_a_colluding_provider_moves_nothing() -> None:
    market = open_market("memory://")
    model = publish(market, native=False)
    market.add_provider("liar", TERMS, kind=AlteredOutput)
    steward = deploy(market, model)
    steward.observe(ROW, signers=SIGNERS[:2], account="anybody")
    placed = steward.order(pay=PRICE, evidence=cd.AnyOf(cd.FraudProvable(), cd.ClientRelease()))
    placed.wait("delivered")
    placed.release()
    assert placed.status is OrderStatus.PAID
    with pytest.raises(ProtocolError) as refused:
        steward.apply(account="anybody")
    assert refused.value.code == "EvidenceTooWeak"
    assert steward.value == 7
    market.close()


def test_order_for_an_unobserved_epoch_says_so_before_anything_is_paid(market: EmbeddedMarket) -> None:
    steward = deploy(market, publish(market))
    with pytest.raises(NotFoundError) as absent:
        steward.order(pay=PRICE)
    assert absent.value.code == "NotObserved"


def test_stopped_steward_rests_until_its_governor_restarts_it(market: EmbeddedMarket) -> None:
    steward = deploy(market, publish(market))
    steward.observe(ROW, signers=SIGNERS[:2], account="anybody")
    steward.order(pay=PRICE).wait()
    with pytest.raises(ProtocolError) as refused:
        steward.stop(account="anybody")
    assert refused.value.code == "NotGuardian"
    steward.stop(account="guardian")
    with pytest.raises(ProtocolError) as off:
        steward.apply(account="anybody")
    assert (off.value.code, steward.value) == ("StewardStopped", 7)
    steward.restart(market.keyring.signer("anybody").address, account="governor")
    assert steward.apply(account="anybody").value == steward.value
    assert Stopped in {type(event) for event in steward.history()}


def test_node_applies_what_is_settled_and_shows_inputs_to_watchers(market: EmbeddedMarket, tmp_path: Path) -> None:
    model = publish(market)
    steward = deploy(market, model)
    account = market.keyring.signer("steward").address
    journal = Journal(tmp_path / "steward.db")
    node = StewardNode(market.backend.ledger, journal, market.network.stewards, account)
    steward.observe(ROW, signers=SIGNERS[:2], account="anybody")
    steward.order(pay=PRICE).wait()
    assert node.step() >= 1
    assert steward.decision(1).said == said_by(model)
    market.backend.advance(Seconds(60))
    assert node.step() == 0
    journal.close()
    again = Journal(tmp_path / "steward.db")
    assert StewardNode(market.backend.ledger, again, market.network.stewards, account).step() <= 1
    assert len(steward.history()) == 1
    again.close()


def test_steward_over_inputs_of_another_shape_is_refused_before_deployment() -> None:
    market = open_market("memory://")
    model = publish(market)
    steward = deploy(market, model)
    with pytest.raises(InputError) as absent:
        market.network.stewards.create(
            model, source=steward.terms.source, reading=Reading(element=9), guard=GUARD, account="lender"
        )
    assert absent.value.code == "BadReading"
    with pytest.raises(InputError):
        reading_of(model.schema, "no such score")
    market.close()


# -- on a chain only ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedMarket, list[str]]]:
    """A market in a folder, and what the command line needs to find it."""
    folder = tmp_path_factory.mktemp("home")
    with AnvilNode() as node:
        market = embed(node.endpoint, home=Home(folder))
        market.add_provider("provider", TERMS)
        yield market, ["--json", "--home", str(folder), "--url", node.url]
        market.close()


def command(home: tuple[EmbeddedMarket, list[str]], *arguments: str, account: str = "lender") -> Any:
    result = CliRunner().invoke(main, [*home[1], "--account", account, "effect", *arguments], catch_exceptions=False)
    envelope = json.loads(result.stdout)
    assert envelope["ok"], envelope
    return envelope["data"]


def test_watchers_find_observed_inputs_on_chain_when_a_client_hides_them(
    home: tuple[EmbeddedMarket, list[str]],
) -> None:
    market = home[0]
    model = publish(market)
    steward = deploy(market, model)
    opening = steward.observe(ROW, signers=SIGNERS[:2], account="anybody")
    backend = market.backend
    assert isinstance(backend, DevelopmentChain)
    alone = PublicData(MemoryContent(), lambda: [ObservedInputs(backend.ledger)])
    root = steward.order(pay=PRICE).order.input
    assert alone.opening(root, model.graph.input_depth) == opening
    with pytest.raises(NotFoundError):
        alone.opening(bytes(32), model.graph.input_depth)


def test_something_else_at_an_address_is_not_taken_for_a_steward(home: tuple[EmbeddedMarket, list[str]]) -> None:
    stewards = home[0].network.stewards
    for address in (home[0].backend.ledger.vault, Address(bytes(19) + b"\x09")):
        with pytest.raises(ConfigurationError) as refused:
            stewards.at(address)
        assert refused.value.code == "UnknownSteward"


def test_command_line_tells_the_whole_story_of_a_steward(home: tuple[EmbeddedMarket, list[str]]) -> None:
    market, _ = home
    model = publish(market)
    source = command(home, "source", "small", *_options("--signer", SIGNERS), "--quorum", "2")["source"]
    limits = ("--low", "-1000", "--high", "1000", "--resting", "7", "--step", "300", "--per-day", "700")
    roles = ("--guardian", "guardian", "--governor", "governor", "--score", "score")
    made = command(home, "deploy", "small", "--source", str(source), *limits, *roles)
    address = str(made["steward"])
    command(home, "observe", address, json.dumps(ROW), *_options("--signer", SIGNERS[:2]))
    steward = market.network.stewards.at(Address(bytes.fromhex(address[2:])))
    steward.order(pay=PRICE).wait()
    applied = command(home, "apply", address, account="anybody")
    assert (applied["said"], applied["settled_by"]) == (said_by(model), ["native"])
    command(home, "stop", address, account="guardian")
    shown = command(home, "show", address)
    assert (shown["value"], shown["stopped"]) == (7, True)
    command(home, "restart", address, "--guardian", "guardian", account="governor")
    listed = command(home, "list")
    assert checksum_address(steward.address) in [one["steward"] for one in listed]


def _options(name: str, values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in (name, value)]
