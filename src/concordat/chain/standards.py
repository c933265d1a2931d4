"""Faces of a market to contracts and programs that know a standard and not us: where they are, and putting them
there.

They are deployed beside a market, before or after anybody uses it: reputation and validation (ERC-8004), the
evaluator of jobs (ERC-8183), the verifier of inferences (ERC-7992), verified content (ERC-7007), and a resolver for
the Ethereum Attestation Service where there is one. None of them has an owner, and none can touch the market's money.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import hex_bytes, quantity
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment, immutable_values, read
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import ZERO_ADDRESS, checksum_address, from_hex, to_bytes32, to_hex
from concordat.primitives.errors import ConfigurationError, InputError, TransactionError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.reputation import FEE_BPS

__all__ = ["DECISION_SCHEMA", "NATIVE_SYSTEM", "STANDARDS_FILE", "Standards", "deploy_standards"]

NATIVE_SYSTEM = keccak256(b"concordat-integer-graph-v1")[:4]
"""Proof system of ERC-7992 under which the chain runs a model itself."""
STANDARDS_FILE = "standards.json"
"""Where a home keeps the addresses."""
DECISION_SCHEMA = (
    "address client,address provider,uint96 price,uint96 bond,uint40 acceptBy,uint40 deliverBy,uint32 window,"
    "bytes32 model,bytes32 input,bytes32 evidence,bytes32 effect,bytes32 terms,bytes32 salt,"
    "bytes32 traceRoot,bytes32 outputHash,uint8 status,uint8 gathered,uint40 settledAt"
)
"""What an attestation under the resolver says: an order, its result, and the end of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standards:
    """The faces of one market."""

    chain_id: int
    """EIP-155 id of the chain."""
    market: Address
    """Whose faces they are."""
    reputation: Address
    """ERC-8004: what clients say of agents."""
    validation: Address
    """ERC-8004: what validators say of agents' work."""
    validator: Address
    """ERC-8004: the validator that says what the market says."""
    evaluator: Address
    """ERC-8183: decides jobs."""
    inference: Address
    """ERC-7992: verifies inferences."""
    content: Address
    """ERC-7007: tokens of verified content."""
    resolver: Address = ZERO_ADDRESS
    """EAS: lets facts about orders be attested; zero without an attestation service."""
    attestations: Address = ZERO_ADDRESS
    """The attestation service."""
    fee_bps: int = FEE_BPS
    """Hundredths of a per cent of an order's price that praise burns."""

    @property
    def schema_uid(self) -> Bytes32:
        """Id of the attestations' schema, as the service makes it: with the resolver, not revocable."""
        return keccak256(DECISION_SCHEMA.encode() + self.resolver + b"\0")

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(json.dumps(to_wire(self), indent=1) + "\n")
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Standards:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ConfigurationError
            If there is no such file, or something else is in it.
        """
        hint = "Deploy them with: concordat standards deploy"
        try:
            return from_wire(cls, json.loads(path.read_text()))
        except FileNotFoundError:
            raise ConfigurationError(f"There is no file {path}.", code="NoStandards", hint=hint) from None
        except (ValueError, InputError) as error:
            raise ConfigurationError(f"{path} names no faces: {error}", code="BadStandards", hint=hint) from error

    def verify(self, endpoint: Endpoint, deployment: Deployment) -> None:
        """Return if the endpoint has exactly these faces, and they are those of this deployment.

        Raises
        ------
        ConfigurationError
            ``WrongContracts`` if one is missing, is another contract, or was deployed with other values.
        """
        if (self.chain_id, self.market) != (deployment.chain_id, deployment.market):
            raise _wrong("they belong to another market")
        names = self._named()
        codes = endpoint.batch([("eth_getCode", [to_hex(address), "latest"]) for _, address in names])
        explained = self._explained_words(deployment)
        for (name, address), code in zip(names, codes, strict=True):
            words = immutable_values(contract(name).creation_code, hex_bytes(code))
            if words is None or not words <= explained:
                raise _wrong(f"the code at {checksum_address(address)} is not that of the packaged {name}")
        expected = self._expected_values(deployment)
        found = read(endpoint, [(name, address, function, args) for name, address, function, args, _ in expected])
        for (name, _, function, _, wanted), got in zip(expected, found, strict=True):
            if got != wanted:
                raise _wrong(f"{name}.{function} says something else")

    def _named(self) -> list[tuple[str, Address]]:
        named = [
            ("Reputation", self.reputation),
            ("Validation", self.validation),
            ("OrderValidator", self.validator),
            ("JobEvaluator", self.evaluator),
            ("InferenceVerifier", self.inference),
            ("AigcVerifier", self.content),
        ]
        return [*named, ("DecisionResolver", self.resolver)] if self.resolver != ZERO_ADDRESS else named

    def _explained_words(self, deployment: Deployment) -> set[bytes]:
        d, p = deployment, deployment.parameters
        addresses = [d.token, d.market, d.vault, d.agents, d.artifacts, self.validation, self.attestations]
        numbers = [self.fee_bps, p.move_time, p.no_show_share, p.slash_client]
        return {
            *(address.rjust(32, b"\0") for address in addresses),
            *(to_bytes32(number) for number in numbers),
        }

    def _expected_values(self, deployment: Deployment) -> list[tuple[str, Address, str, tuple[Any, ...], Any]]:
        market, agents = deployment.market, deployment.agents
        expected: list[tuple[str, Address, str, tuple[Any, ...], Any]] = [
            ("Reputation", self.reputation, "market", (), market),
            ("Reputation", self.reputation, "getIdentityRegistry", (), agents),
            ("Reputation", self.reputation, "fee", (10_000,), self.fee_bps),
            ("Validation", self.validation, "getIdentityRegistry", (), agents),
            ("OrderValidator", self.validator, "market", (), market),
            ("OrderValidator", self.validator, "registry", (), self.validation),
            ("JobEvaluator", self.evaluator, "market", (), market),
            ("InferenceVerifier", self.inference, "module", (NATIVE_SYSTEM,), deployment.native),
            ("AigcVerifier", self.content, "market", (), market),
        ]
        if self.resolver != ZERO_ADDRESS:
            expected.append(("DecisionResolver", self.resolver, "market", (), market))
            expected.append(("DecisionResolver", self.resolver, "schemaUid", (), self.schema_uid))
        return expected


def deploy_standards(
    endpoint: Endpoint,
    signer: Signer,
    deployment: Deployment,
    *,
    attestations: Address = ZERO_ADDRESS,
    fee_bps: int = FEE_BPS,
) -> Standards:
    """Deploy the faces of a market.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    signer : Signer
        Pays for it; has no rights afterwards.
    deployment : Deployment
        The market.
    attestations : Address
        The Ethereum Attestation Service of this chain; without one there is no resolver.
    fee_bps : int
        Hundredths of a per cent of an order's price that praise burns, 1 to 10,000.
    """
    sender = TransactionSender(endpoint)

    def create(name: str, *arguments: Any) -> Address:
        receipt = sender.send(signer, None, contract(name).creation(*arguments))
        if quantity(receipt["status"]) != 1:
            raise TransactionError(f"The constructor of {name} reverted.", code="Reverted")
        return Address(from_hex(receipt["contractAddress"], length=20))

    market, agents = deployment.market, deployment.agents
    validation = create("Validation", agents)
    return Standards(
        chain_id=deployment.chain_id,
        market=market,
        reputation=create("Reputation", market, agents, fee_bps),
        validation=validation,
        validator=create("OrderValidator", market, validation),
        evaluator=create("JobEvaluator", market),
        inference=create("InferenceVerifier", deployment.artifacts, [NATIVE_SYSTEM], [deployment.native]),
        content=create("AigcVerifier", market),
        resolver=ZERO_ADDRESS if attestations == ZERO_ADDRESS else create("DecisionResolver", attestations, market),
        attestations=attestations,
        fee_bps=fee_bps,
    )


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"This endpoint does not have the faces: {what}.",
        code="WrongContracts",
        hint="Use the file that belongs to this deployment and to this version of Concordat.",
    )
