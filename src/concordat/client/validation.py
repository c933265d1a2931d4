"""Validation of agents' work (ERC-8004): asking the market's own validator, and reading what it says."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from concordat.chain.accounts import Signer
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import Standards
from concordat.client.caller import Caller
from concordat.primitives.encoding import abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32
from concordat.protocol.order import Order, order_id

__all__ = ["Request", "Validation", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an agent asked about one order."""

    order: Order
    """The order."""
    agent: int
    """Who asked."""
    salt: Bytes32
    """Random, so that nobody uses the request's hash before."""
    hash: Bytes32
    """Under which the registry keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a validator last said."""

    validator: Address
    """Who."""
    agent: int
    """Of whom."""
    response: int
    """0 to 100; nothing was said yet if the tag is empty."""
    tag: str
    """``settled``, ``unproven``, ``delivered``, ``slashed`` or ``expired`` where it is the market's validator."""
    evidence: Bytes32
    """The order's slot, where it is the market's validator."""


class Validation:
    """The validation registry of one market.

    Parameters
    ----------
    ledger : EvmLedger
        The market.
    standards : Standards
        Where its registry and its validator are.
    """

    def __init__(self, ledger: EvmLedger, standards: Standards) -> None:
        self._ledger, self._validator = ledger, standards.validator
        self._registry = Caller(ledger, "Validation", standards.validation)
        self._poker = Caller(ledger, "OrderValidator", standards.validator)

    def ask(self, signer: Signer, order: Order, agent: int, *, uri: str = "") -> Request:
        """Ask the market's validator about an order of one's own agent.

        Parameters
        ----------
        signer : Signer
            The agent's owner, or whom he approved.
        order : Order
            Delivered by the agent's wallet.
        agent : int
            The agent.
        uri : str
            Where more is said.
        """
        salt = Bytes32(secrets.token_bytes(32))
        hashed = keccak256(abi_words(order_id(order, self._ledger.domain), agent, salt))
        self._registry.send(signer, "validationRequest", self._validator, agent, uri, hashed)
        return Request(order=order, agent=agent, salt=salt, hash=hashed)

    def poke(self, signer: Signer, request: Request) -> Verdict:
        """Have the validator say what the market says now; anybody may."""
        self._poker.send(signer, "poke", request.order, request.agent, request.salt)
        return self.verdict(request.hash)

    def verdict(self, request: bytes) -> Verdict:
        """What was last said to a request."""
        validator, agent, response, evidence, tag, _ = self._registry.read("getValidationStatus", request)
        return Verdict(
            validator=Address(validator), agent=agent, response=response, tag=tag, evidence=Bytes32(evidence)
        )

    def summary(self, agent: int, *, tag: str = "") -> tuple[int, int]:
        """Number and average of what the market's validator said of an agent."""
        count, average = self._registry.read("getSummary", agent, [self._validator], tag)
        return count, average
