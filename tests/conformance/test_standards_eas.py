"""The resolver under the Ethereum Attestation Service's own contracts, as their package ships them compiled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.answers import Refusal
from concordat.chain.contracts import Contract
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import DECISION_SCHEMA, Standards, deploy_standards
from concordat.client.inference import Inferences, attested_facts
from concordat.client.placed import PlacedOrder
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, open_market
from concordat.primitives.encoding import ZERO32, from_hex
from concordat.primitives.errors import ConcordatError, OrderError
from concordat.primitives.units import Address, usd
from concordat.protocol.evidence import FraudProvable, Native
from concordat.protocol.execution import Result
from concordat.protocol.order import OrderState
from concordat.testing.small import small_model

pytestmark = pytest.mark.chain
PACKAGE = Path(__file__).resolve().parents[2] / "node_modules/@ethereum-attestation-service/eas-contracts"
ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}


def compiled(name: str) -> Contract:
    artifact = json.loads((PACKAGE / f"artifacts/contracts/{name}.sol/{name}.json").read_text())
    return Contract(name, artifact["abi"], from_hex(artifact["bytecode"]))


@dataclass
class Service:
    """A market, the attestation service beside it, and a paid decision."""

    market: EmbeddedMarket
    ledger: EvmLedger
    eas: Contract
    at: Address
    standards: Standards
    placed: PlacedOrder
    result: Result

    def attest(self, data: bytes, *, recipient: Address | None = None, revocable: bool = False) -> Any:
        request = {
            "recipient": recipient or self.placed.order.provider,
            "expiration_time": 0,
            "revocable": revocable,
            "ref_uid": ZERO32,
            "data": data,
            "value": 0,
        }
        call = self.eas.call("attest", {"schema": self.standards.schema_uid, "data": request})
        return self.ledger.sender.send(self.market.keyring.signer("stranger"), self.at, call)

    def facts(self) -> bytes:
        return attested_facts(self.placed.order, self.result, self.ledger.state(self.placed.id))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    if not PACKAGE.exists():
        pytest.skip("@ethereum-attestation-service/eas-contracts is not installed (npm install)")
    market = open_market("anvil://")
    ledger, signer = market.backend.ledger, market.keyring.signer("stranger")
    assert isinstance(ledger, EvmLedger)
    market.add_provider("provider", TERMS)
    registry, eas = compiled("SchemaRegistry"), compiled("EAS")
    schemas = ledger.sender.send(signer, None, registry.creation())["contractAddress"]
    at = Address(from_hex(ledger.sender.send(signer, None, eas.creation(from_hex(schemas)))["contractAddress"]))
    standards = deploy_standards(ledger.endpoint, signer, ledger.deployment, attestations=at)
    standards.verify(ledger.endpoint, ledger.deployment)
    ledger.sender.send(signer, from_hex(schemas), registry.call("register", DECISION_SCHEMA, standards.resolver, False))
    model = market.network.registry.publish(small_model(), signer="lender")
    placed = market.network.orders.place(model.id, ROW, pay=usd("0.50"), evidence=Native())
    bundle = placed.wait("settled").bundle
    assert bundle.output is not None
    result = Result(trace_root=bundle.header.trace_root, output=bundle.output)
    yield Service(market, ledger, eas, at, standards, placed, result)
    market.close()


def test_attestation_of_a_settled_order_is_kept_by_the_service(service: Service) -> None:
    receipt = service.attest(service.facts())
    (log,) = receipt["logs"]
    decoded = service.eas.log([from_hex(topic) for topic in log["topics"]], from_hex(log["data"]))
    assert decoded is not None
    name, values = decoded
    assert (name, values["schema_uid"]) == ("Attested", service.standards.schema_uid)
    data = "0x" + service.eas.call("getAttestation", values["uid"]).hex()
    answer = service.ledger.endpoint.call("eth_call", {"to": "0x" + service.at.hex(), "data": data}, "latest")
    kept = service.eas.result("getAttestation", from_hex(answer))
    assert (kept["data"], kept["recipient"]) == (service.facts(), service.placed.order.provider)
    revoke = service.eas.call(
        "revoke", {"schema": service.standards.schema_uid, "data": {"uid": values["uid"], "value": 0}}
    )
    with pytest.raises(Refusal):
        service.ledger.sender.send(service.market.keyring.signer("stranger"), service.at, revoke)


def test_attestation_by_the_client_module_passes(service: Service) -> None:
    inferences = Inferences(service.ledger, service.standards)
    inferences.attest(service.market.keyring.signer("client"), service.placed.order, service.result)


@pytest.mark.parametrize("word", range(18))
def test_attestation_with_any_word_changed_is_refused_by_the_service(service: Service, word: int) -> None:
    data = bytearray(service.facts())
    data[32 * word + 31] ^= 1
    with pytest.raises(Refusal):
        service.attest(bytes(data))


def test_attestation_about_somebody_else_or_revocable_is_refused(service: Service) -> None:
    with pytest.raises(Refusal):
        service.attest(service.facts(), recipient=service.placed.order.client)
    with pytest.raises(Refusal):
        service.attest(service.facts(), revocable=True)


def test_attestation_of_an_order_that_is_open_is_refused_before_anything_is_sent(service: Service) -> None:
    orders = service.market.network.orders
    placed = orders.place(service.placed.order.model, ROW, pay=usd("0.50"), evidence=FraudProvable())
    placed.wait("delivered")
    inferences = Inferences(service.ledger, service.standards)
    with pytest.raises(OrderError) as caught:
        inferences.attest(service.market.keyring.signer("client"), placed.order, service.result)
    assert caught.value.code == "NotSettled"
    with pytest.raises(OrderError):
        attested_facts(placed.order, service.result, OrderState())


def test_attestation_of_a_result_that_was_not_delivered_is_refused_with_a_typed_error(service: Service) -> None:
    other = Result(trace_root=service.result.trace_root, output=b"another")
    inferences = Inferences(service.ledger, service.standards)
    with pytest.raises(ConcordatError):
        inferences.attest(service.market.keyring.signer("client"), service.placed.order, other)
