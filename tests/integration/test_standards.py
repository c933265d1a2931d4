"""A settled decision seen through other standards, on a real chain node: rated, validated, verified, minted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from concordat.chain.accounts import Signer
from concordat.chain.anvil import AnvilNode
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import Standards, deploy_standards
from concordat.cli.main import main
from concordat.client.directory import Directory
from concordat.client.home import Home
from concordat.client.inference import Inferences, content_proof
from concordat.client.placed import PlacedOrder
from concordat.client.reputation import Reputation
from concordat.client.validation import Validation
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, embed, open_market
from concordat.node.process import open_door
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import ConcordatError, ConfigurationError, InputError, NotFoundError
from concordat.primitives.units import usd
from concordat.protocol.evidence import FraudProvable, Native
from concordat.protocol.execution import Result
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.reputation import SCALE, decayed, fee_of
from concordat.testing.small import small_model

pytestmark = pytest.mark.chain
ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}
PRICE = usd("0.50")


@dataclass
class Stage:
    """A market with faces, and one native decision that is paid."""

    market: EmbeddedMarket
    ledger: EvmLedger
    standards: Standards
    placed: PlacedOrder
    result: Result

    def signer(self, name: str) -> Signer:
        return self.market.keyring.signer(name)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    market = open_market("anvil://")
    ledger = market.backend.ledger
    assert isinstance(ledger, EvmLedger)
    market.add_provider("provider", TERMS)
    Directory(ledger).announce(market.keyring.signer("provider"), "provider", "")
    standards = deploy_standards(ledger.endpoint, market.keyring.signer("stranger"), ledger.deployment)
    model = market.network.registry.publish(small_model(), signer="lender")
    placed = market.network.orders.place(model.id, ROW, pay=PRICE, evidence=Native())
    bundle = placed.wait("settled").bundle
    assert bundle.output is not None
    result = Result(trace_root=bundle.header.trace_root, output=bundle.output)
    yield Stage(market, ledger, standards, placed, result)
    market.close()


# -- where they are ----------------------------------------------------------------------------------------------------


def test_standards_of_a_deployment_verify_and_survive_their_file(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "standards.json"
    stage.standards.save(path)
    found = Standards.load(path)
    assert found == stage.standards
    found.verify(stage.ledger.endpoint, stage.ledger.deployment)


def test_standards_with_another_contract_or_fee_are_refused(stage: Stage) -> None:
    wrong = [
        replace(stage.standards, reputation=stage.standards.validation),
        replace(stage.standards, fee_bps=100),
        replace(stage.standards, market=stage.standards.validator),
        replace(stage.standards, evaluator=stage.signer("stranger").address),
    ]
    for standards in wrong:
        with pytest.raises(ConfigurationError) as caught:
            standards.verify(stage.ledger.endpoint, stage.ledger.deployment)
        assert caught.value.code == "WrongContracts"


def test_standards_file_that_is_missing_or_something_else_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"standards\.json"):
        Standards.load(tmp_path / "standards.json")
    (tmp_path / "standards.json").write_text('{"chain_id": "many"}')
    with pytest.raises(ConfigurationError) as caught:
        Standards.load(tmp_path / "standards.json")
    assert caught.value.code == "BadStandards"


# -- reputation --------------------------------------------------------------------------------------------------------


def test_rating_of_a_settled_order_burns_its_fee_and_stands_once(stage: Stage) -> None:
    reputation = Reputation(stage.ledger, stage.standards)
    agent, client = reputation.agent_of(stage.placed.order.provider), stage.signer("client")
    assert reputation.available(agent) == 0
    before = stage.ledger.token_balance(BURN_ADDRESS)
    reputation.rate(client, stage.placed.order, 90)
    assert stage.ledger.token_balance(BURN_ADDRESS) - before == fee_of(PRICE) == usd("0.01")
    (said,) = reputation.feedback(agent)
    assert (said.client, said.order, said.rating.points) == (client.address, stage.placed.id, 9000)
    standing = reputation.standing(agent)
    assert (standing.score, standing.raters) == (9000, 1)
    assert standing.trust == decayed(usd("0.01"), 0) * 8000 // SCALE
    with pytest.raises(ConcordatError) as caught:
        reputation.rate(client, stage.placed.order, 90)
    assert caught.value.code == "AlreadyUsed"
    assert reputation.available(agent) == standing.trust
    reputation.revoke(client, agent, 1)
    assert reputation.standing(agent).raters == 0


def test_rating_by_others_of_others_or_out_of_range_is_refused(stage: Stage) -> None:
    reputation, order = Reputation(stage.ledger, stage.standards), stage.placed.order
    with pytest.raises(InputError):
        reputation.rate(stage.signer("client"), order, 101)
    with pytest.raises(NotFoundError):
        reputation.agent_of(order.client)
    with pytest.raises(ConcordatError) as caught:
        reputation.rate(stage.signer("stranger"), order, 10)
    assert caught.value.code == "NotClient"


def test_available_trust_counts_orders_in_hand(stage: Stage) -> None:
    reputation, market = Reputation(stage.ledger, stage.standards), stage.market
    agent = reputation.agent_of(stage.placed.order.provider)
    done = market.network.orders.place(stage.placed.order.model, ROW, pay=usd(100), evidence=Native())
    done.wait("settled")
    reputation.endow(stage.signer("provider"), done.order)
    reputation.rate(stage.signer("client"), done.order, 100)
    free = reputation.available(agent)
    assert 0 < free <= usd(2)
    placed = market.network.orders.place(stage.placed.order.model, ROW, pay=PRICE, evidence=FraudProvable())
    placed.wait("delivered")
    assert reputation.available(agent) == free - PRICE


# -- validation --------------------------------------------------------------------------------------------------------


def test_validator_of_the_market_says_what_the_market_says(stage: Stage) -> None:
    validation = Validation(stage.ledger, stage.standards)
    agent = Reputation(stage.ledger, stage.standards).agent_of(stage.placed.order.provider)
    request = validation.ask(stage.signer("provider"), stage.placed.order, agent)
    assert validation.verdict(request.hash).tag == ""
    verdict = validation.poke(stage.signer("stranger"), request)
    assert (verdict.response, verdict.tag, verdict.agent) == (100, "settled", agent)
    assert verdict.evidence == stage.ledger.state(stage.placed.id).pack()
    assert validation.summary(agent) == (1, 100)


# -- inference and content ---------------------------------------------------------------------------------------------


def test_inference_of_a_native_model_is_verified_by_the_chain_and_forgeries_are_not(stage: Stage) -> None:
    inferences, order = Inferences(stage.ledger, stage.standards), stage.placed.order
    opening = stage.placed.offer.opening
    proof = opening.words + opening.salt
    with pytest.raises(ConcordatError) as caught:
        inferences.verify(stage.signer("stranger"), order.model, order.input, stage.result.output, proof)
    assert caught.value.code == "ModelNotFound"
    with pytest.raises(ConcordatError) as caught:
        inferences.register(stage.signer("stranger"), order.model)
    assert caught.value.code == "NotModelOwner"
    assert inferences.register(stage.signer("lender"), order.model) == inferences.model_id(order.model)
    inferences.verify(stage.signer("stranger"), order.model, order.input, stage.result.output, proof)
    forged = bytes([stage.result.output[0] ^ 1]) + stage.result.output[1:]
    for output, shown in [
        (forged, proof),
        (stage.result.output, proof[:-1] + bytes([proof[-1] ^ 1])),
        (stage.result.output, bytes([proof[0] ^ 1]) + proof[1:]),
        (stage.result.output, b""),
    ]:
        with pytest.raises(ConcordatError) as caught:
            inferences.verify(stage.signer("stranger"), order.model, order.input, output, shown)
        assert caught.value.code == "InvalidProof"


def test_content_of_a_paid_order_is_verified_and_minted_to_its_client(stage: Stage) -> None:
    inferences, order = Inferences(stage.ledger, stage.standards), stage.placed.order
    assert inferences.is_content(order, stage.result)
    assert not inferences.is_content(order, replace(stage.result, output=b"another"))
    token = inferences.mint(stage.signer("stranger"), order, stage.result)
    assert token == int.from_bytes(stage.placed.id, "big")
    assert len(content_proof(order, stage.result.trace_root)) == 14 * 32


def test_attestation_without_a_service_says_what_to_do(stage: Stage) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Inferences(stage.ledger, stage.standards).attest(stage.signer("client"), stage.placed.order, stage.result)
    assert caught.value.code == "NoAttestations"


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[EmbeddedMarket, list[str]]]:
    """A market of one provider with a door, and what every command is told."""
    with AnvilNode() as node:
        market = embed(node.endpoint, home=Home(tmp_path))
        provider = market.add_provider("provider", TERMS)
        door = open_door(provider, Home(tmp_path), "provider")
        market.network.registry.publish(small_model(), signer="lender")
        yield market, ["--json", "--home", str(tmp_path), "--url", node.url]
        door.close()
        market.close()


def command(home: tuple[EmbeddedMarket, list[str]], *arguments: str) -> Any:
    result = CliRunner().invoke(main, [*home[1], *arguments], catch_exceptions=False)
    return json.loads(result.stdout)


def test_command_line_deploys_rates_and_shows(home: tuple[EmbeddedMarket, list[str]]) -> None:
    market, _ = home
    assert command(home, "standards", "show")["error"]["code"] == "NoStandards"
    assert command(home, "standards", "deploy", "--fee-bps", "100")["ok"]
    assert command(home, "standards", "deploy")["error"]["code"] == "StandardsExist"
    assert command(home, "standards", "show")["data"]["fee_bps"] == 100
    row = ["small", json.dumps(ROW), "--pay", "0.50", "--evidence", "native", "--yes"]
    order = command(home, "order", "place", *row)["data"]["order"]
    assert command(home, "reputation", "rate", order, "80")["error"]["code"] == "UnknownAgent"
    provider = market.keyring.signer("provider")
    Directory(market.backend.ledger).announce(provider, "provider", "")  # type: ignore[arg-type]
    assert command(home, "reputation", "rate", order, "80")["error"]["code"] == "NotSettled"
    market.settle()
    rated = command(home, "reputation", "rate", order, "80")["data"]
    assert rated["burned"] == usd("0.005")
    for agent in (str(rated["agent"]), checksum_address(provider.address)):
        shown = command(home, "reputation", "show", agent)["data"]
        assert (shown["score"], shown["raters"]) == (8000, 1)
        assert shown["trust"] == shown["available"] == decayed(usd("0.005"), 0) * 6000 // SCALE
    assert command(home, "reputation", "show", "somebody")["error"]["code"] == "BadAgent"
