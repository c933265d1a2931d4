"""Where a market's contracts are on one chain, and whether they are the ones meant.

A deployment is a small JSON file. Before anything is believed it is checked against the endpoint: every contract's code
must be the packaged one, byte for byte but for immutable values; those values must be ones that this deployment
explains; and what the contracts say of themselves must be what the file says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concordat.chain.answers import hex_bytes
from concordat.chain.contracts import contract
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import ZERO32, ZERO_ADDRESS, checksum_address, to_bytes32, to_hex
from concordat.primitives.errors import ConfigurationError, InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import TokenDomain
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import Domain, Order, order_id

__all__ = ["Deployment", "read"]

_IMMUTABLE = re.compile(b"\x7f" + b"\0" * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One market and what belongs to it."""

    chain_id: int
    """EIP-155 id of the chain."""
    block: int
    """Block from which events are read: nothing of this deployment is older."""
    token: Address
    """Settlement token."""
    token_name: str
    """Name in the token's EIP-712 domain."""
    token_version: str
    """Version in the token's EIP-712 domain."""
    vault: Address
    """Keeps the money."""
    market: Address
    """Keeps the orders."""
    court: Address
    """Judges disputes."""
    native: Address
    """Runs whole models on chain."""
    replication: Address
    """Keeps the pool of replicas, and says whether those that were drawn agree."""
    artifacts: Address
    """Registry of models and data sets."""
    agents: Address
    """Registry of agents."""
    checkpoints: Address
    """Keeps the logs' checkpoints."""
    evaluator: Address = field(default=ZERO_ADDRESS)
    """Evaluates the relations of proofs; zero where a version before there were any was deployed."""
    proofs: Address = field(default=ZERO_ADDRESS)
    """Verifies zero-knowledge proofs; zero as above."""
    transcript_steps: Address = field(default=ZERO_ADDRESS)
    """Replays the transcript of a proof; zero as above."""
    sum_steps: Address = field(default=ZERO_ADDRESS)
    """Replays the sums of a proof; zero as above."""
    column_steps: Address = field(default=ZERO_ADDRESS)
    """Replays the columns of a proof; zero as above."""
    evidence: Address = field(default=ZERO_ADDRESS)
    """Checks whether a whole proof answers an order; zero as above."""
    validity: Address = field(default=ZERO_ADDRESS)
    """Takes proofs, and claims that anybody can refute; zero as above."""
    parameters: Parameters = field(default_factory=Parameters)
    """Clocks, costs and shares."""
    version: int = 1
    """Grows with every upgrade."""
    served: bool = True
    """Whether nodes still work for it; an earlier version is retired once it has no open orders."""
    earlier: tuple[Deployment, ...] = ()
    """Versions before this one, newest first; they share token, registries and log, and list none themselves."""

    @property
    def domain(self) -> Domain:
        """EIP-712 domain of the market."""
        return Domain(chain_id=self.chain_id, market=self.market)

    @property
    def token_domain(self) -> TokenDomain:
        """EIP-712 domain of the settlement token."""
        return TokenDomain(name=self.token_name, version=self.token_version, chain_id=self.chain_id, token=self.token)

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(json.dumps(to_wire(self), indent=1) + "\n")
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ConfigurationError
            If there is no such file, or it is no deployment.
        """
        hint = "Deploy first, or get the file from whoever runs the market."
        try:
            return from_wire(cls, _VERSIONS | json.loads(path.read_text()))
        except FileNotFoundError:
            raise ConfigurationError(f"There is no deployment file {path}.", code="NoDeployment", hint=hint) from None
        except (ValueError, TypeError, InputError) as error:
            raise ConfigurationError(
                f"{path} is no deployment file: {error}", code="BadDeployment", hint=hint
            ) from error

    def verify(self, endpoint: Endpoint) -> None:
        """Return if the endpoint has this deployment: what a client asks each time that it connects.

        Code, values and wiring are compared in two round trips. Two forgeries only the slower
        `concordat.chain.inspection.inspect` sees (``concordat deploy verify``): a value of the deployment in one of the
        places of another, and storage that a constructor left. Ask it once of a deployment file that a stranger gave.

        Raises
        ------
        EndpointError
            ``WrongChain`` if it is another chain.
        ConfigurationError
            ``WrongContracts`` if some contract is missing, is another one, or was deployed with other values.
        """
        if endpoint.chain_id != self.chain_id:
            raise ConfigurationError(
                f"The endpoint is chain {endpoint.chain_id}, the deployment is on chain {self.chain_id}.",
                code="WrongChain",
                hint="Point the setting at an endpoint of the right network.",
            )
        self._verify_code(endpoint)
        self._verify_values(endpoint)

    # -- the checks --------------------------------------------------------------------------------------------------

    def _verify_code(self, endpoint: Endpoint) -> None:
        named = self.named()
        codes = endpoint.batch([("eth_getCode", [to_hex(address), "latest"]) for _, address in named])
        explained = self.explained_words()
        for (name, address), code in zip(named, codes, strict=True):
            words = immutable_values(contract(name).creation_code, hex_bytes(code))
            if words is None:
                self._refuse(f"the code at {checksum_address(address)} is not the packaged {name}")
            elif not words <= explained:
                self._refuse(f"the {name} at {checksum_address(address)} was deployed with other values")

    def _verify_values(self, endpoint: Endpoint) -> None:
        expected = self.expectations()
        found = read(endpoint, [(name, address, function, args) for name, address, function, args, _ in expected])
        for (name, address, function, _, wanted), got in zip(expected, found, strict=True):
            if got != wanted:
                self._refuse(f"{name}.{function} at {checksum_address(address)} says something else")

    def expectations(self) -> list[tuple[str, Address, str, tuple[Any, ...], Any]]:
        """What the contracts must say of themselves: contract, address, view function, arguments, result."""
        probe = _PROBE
        expected: list[tuple[str, Address, str, tuple[Any, ...], Any]] = [
            ("Vault", self.vault, "token", (), self.token),
            ("Vault", self.vault, "market", (), self.market),
            ("Vault", self.vault, "court", (), self.court),
            ("Vault", self.vault, "replication", (), self.replication),
            ("Market", self.market, "vault", (), self.vault),
            ("Market", self.market, "court", (), self.court),
            ("Market", self.market, "shares", (), self._shares()),
            ("Market", self.market, "orderId", (probe,), order_id(probe, self.domain)),
            ("Court", self.court, "market", (), self.market),
            ("Court", self.court, "vault", (), self.vault),
            ("Court", self.court, "parameters", (), self._clocks()),
            ("Replication", self.replication, "market", (), self.market),
            ("Replication", self.replication, "vault", (), self.vault),
            ("Replication", self.replication, "court", (), self.court),
            ("Replication", self.replication, "parameters", (), self._panel_numbers()),
            ("DevToken", self.token, "DOMAIN_SEPARATOR", (), self.token_domain.separator()),
        ]
        modules = {
            EvidenceKind.NATIVE: self.native,
            EvidenceKind.VALIDITY: self.validity,
            EvidenceKind.REPLICATED: self.replication,
        }
        if self.validity != ZERO_ADDRESS:
            expected.append(("ValidityEvidence", self.evidence, "market", (), self.market))
            expected.append(("ValidityEvidence", self.evidence, "verifier", (), self.proofs))
        for kind in EvidenceKind:
            expected.append(("Market", self.market, "module", (kind,), modules.get(kind, ZERO_ADDRESS)))
        return expected

    def named(self) -> list[tuple[str, Address]]:
        """Every contract that was deployed for this market, with its address; the token is somebody else's."""
        named = [
            ("Vault", self.vault),
            ("Market", self.market),
            ("Court", self.court),
            ("NativeExecutor", self.native),
            ("Replication", self.replication),
            ("Artifacts", self.artifacts),
            ("Agents", self.agents),
            ("Checkpoints", self.checkpoints),
            ("ConstraintEvaluator", self.evaluator),
            ("ProofVerifier", self.proofs),
            ("TranscriptSteps", self.transcript_steps),
            ("SumSteps", self.sum_steps),
            ("ColumnSteps", self.column_steps),
            ("ValidityEvidence", self.evidence),
            ("ProofCourt", self.validity),
        ]
        return [(name, address) for name, address in named if address != ZERO_ADDRESS]

    def _shares(self) -> tuple[int, int, int]:
        p = self.parameters
        return p.no_show_share, p.slash_challenger, p.slash_client

    def _clocks(self) -> tuple[int, int, int]:
        p = self.parameters
        return p.move_time, p.respondent_cost, p.dispute_price_share

    def _panel_numbers(self) -> dict[str, int]:
        p = self.parameters
        names = ("ticket", "draw_delay", "commit_time", "reveal_time", "unbonding")
        return {name: getattr(p, name) for name in names}

    def explained_words(self) -> set[bytes]:
        """Every immutable value that a contract of this deployment may hold."""
        addresses = [self.token, *(address for _, address in self.named())]
        numbers = [self.chain_id, *self._shares(), *self._clocks(), *self._panel_numbers().values()]
        return {
            *(address.rjust(32, b"\0") for address in addresses),
            *(to_bytes32(number) for number in numbers),
            self.domain.separator(),
            *self._agents_words(),
        }

    def _agents_words(self) -> set[bytes]:
        """Immutable values of the agents' registry: its EIP-712 domain, as OpenZeppelin's ``EIP712`` keeps it."""
        return _words_of(TokenDomain(name=_AGENTS_NAME, version="1", chain_id=self.chain_id, token=self.agents))

    def _refuse(self, what: str) -> None:
        raise ConfigurationError(
            f"This endpoint does not have the deployment: {what}.",
            code="WrongContracts",
            hint="Use the deployment file that belongs to this chain and to this version of Concordat.",
        )


_NOWHERE = to_hex(ZERO_ADDRESS)
_VERSIONS: dict[str, Any] = {
    "version": 1,
    "served": True,
    "earlier": [],
    **dict.fromkeys(
        ("evaluator", "proofs", "transcript_steps", "sum_steps", "column_steps", "evidence", "validity"), _NOWHERE
    ),
}
"""What a file says that is silent about versions."""
_AGENTS_NAME = "ERC8004IdentityRegistry"
_PROBE = Order(
    client=ZERO_ADDRESS,
    provider=ZERO_ADDRESS,
    price=Amount(1),
    bond=Amount(2),
    accept_by=Timestamp(3),
    deliver_by=Timestamp(4),
    window=Seconds(5),
    model=ModelId(ZERO32),
    input=ZERO32,
    evidence=ZERO32,
    salt=Bytes32(to_bytes32(6)),
)
"""Any order: a market that computes its id as we do is in the domain that the file names."""


def _words_of(domain: TokenDomain) -> set[bytes]:
    """What OpenZeppelin's EIP712 keeps of a domain: its separator, and each string's hash and short form."""
    texts = (domain.name.encode(), domain.version.encode())
    short = (text.ljust(31, b"\0") + bytes([len(text)]) for text in texts)
    return {domain.separator(), *short, *(keccak256(text) for text in texts)}


def immutable_values(creation_code: bytes, code: bytes) -> set[bytes] | None:
    """Values of the immutables in a contract's code; ``None`` if the code is not what the creation code installs.

    The compiler puts the runtime code at the end of the creation code, with ``PUSH32 0`` wherever the constructor
    writes an immutable value; only those zeros may differ.
    """
    if not 0 < len(code) <= len(creation_code):
        return None
    template, values, at = creation_code[-len(code) :], set(), 0
    for match in _IMMUTABLE.finditer(template):
        start, end = match.start() + 1, match.end()
        if template[at:start] != code[at:start]:
            return None
        values.add(code[start:end])
        at = end
    return values - {bytes(32)} if template[at:] == code[at:] else None


def read(endpoint: Endpoint, calls: list[tuple[str, Address, str, tuple[Any, ...]]]) -> list[Any]:
    """Results of some view functions (contract, address, function, arguments) in one round trip."""
    asked = [
        ("eth_call", [{"to": to_hex(address), "data": to_hex(contract(name).call(function, *arguments))}, "latest"])
        for name, address, function, arguments in calls
    ]
    answers = endpoint.batch(asked)
    return [
        contract(name).result(function, hex_bytes(answer))
        for (name, _, function, _), answer in zip(calls, answers, strict=True)
    ]
