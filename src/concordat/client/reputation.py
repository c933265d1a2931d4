"""What clients say of agents (ERC-8004), and what it comes to.

Every rating stands on a settled order. Praise burns a share of the order's price, blame is free; how ratings become a
score and a sum of trust is said in `concordat.protocol.reputation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.contracts import contract
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import Standards
from concordat.client.caller import Caller
from concordat.primitives.encoding import ZERO32, checksum_address
from concordat.primitives.errors import InputError, NotFoundError
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.events import Accepted
from concordat.protocol.order import Order, OrderStatus
from concordat.protocol.reputation import Exposure, Rating, Standing, available, fee_of, points_of, standing

__all__ = ["STARRED", "Feedback", "Reputation"]

STARRED = "starred"
"""Tag of ERC-8004 for how content a client was, nought to a hundred; other tags do not count towards a standing."""
_LIVE = (OrderStatus.FUNDED, OrderStatus.DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One feedback as the registry announced it."""

    client: Address
    """Who gave it."""
    index: int
    """Its number among his for this agent, from 1."""
    order: OrderId
    """What it is about."""
    tag: str
    """What was measured."""
    rating: Rating
    """What it is worth."""
    revoked: bool
    """Whether he took it back."""


class Reputation:
    """The reputation registry of one market.

    Parameters
    ----------
    ledger : EvmLedger
        The market.
    standards : Standards
        Where its registry is.
    """

    def __init__(self, ledger: EvmLedger, standards: Standards) -> None:
        self._ledger, self._standards = ledger, standards
        self._registry = Caller(ledger, "Reputation", standards.reputation)
        self._agents = Caller(ledger, "Agents", ledger.deployment.agents)

    # -- saying ------------------------------------------------------------------------------------------------------

    def rate(
        self,
        signer: Signer,
        order: Order,
        points: int,
        *,
        agent: int | None = None,
        tag: str = STARRED,
        uri: str = "",
        digest: Bytes32 = ZERO32,
    ) -> None:
        """Say how content one was with a settled order; fifty points or more burn the fee, in settlement tokens.

        Parameters
        ----------
        signer : Signer
            The order's client.
        order : Order
            Paid or slashed, and not rated yet.
        points : int
            0 to 100.
        agent : int, optional
            The provider's agent; the one it announced itself with by default.
        tag : str
            What is measured.
        uri, digest : str, bytes
            Where more is said, and its Keccak-256.
        """
        if not 0 <= points <= 100:
            raise InputError(f"{points} is not between 0 and 100.", code="BadPoints")
        named = self.agent_of(order.provider) if agent is None else agent
        if points >= 50:
            self._allow(signer, self.fee(order))
        values = {"value": points, "value_decimals": 0, "tag1": tag, "tag2": "", "endpoint": ""}
        rating = {**values, "feedback_uri": uri, "feedback_hash": digest}
        self._registry.send(signer, "giveFeedbackFor", order, named, rating)

    def admit(self, signer: Signer, order: Order, agent: int) -> None:
        """Let the signer's next plain ``giveFeedback``, with any client of ERC-8004, be about this order."""
        self._allow(signer, self.fee(order))
        self._registry.send(signer, "admit", order, agent)

    def endow(self, signer: Signer, order: Order) -> None:
        """Burn an order's fee, so that its client praises for nothing; whoever likes to be praised pays."""
        self._allow(signer, self.fee(order))
        self._registry.send(signer, "endow", order)

    def link(self, signer: Signer, agent: int) -> None:
        """Fix that the agent answers for its present wallet, also after a sale: anybody can, before he orders."""
        self._registry.send(signer, "link", agent)

    def revoke(self, signer: Signer, agent: int, index: int) -> None:
        """Take one's feedback back."""
        self._registry.send(signer, "revokeFeedback", agent, index)

    # -- reading -----------------------------------------------------------------------------------------------------

    def agent_of(self, provider: Address) -> int:
        """Newest agent whose wallet the provider is.

        Raises
        ------
        NotFoundError
            If it never registered as one.
        """
        for values, _ in reversed(self._agents.logs("Registered")):
            if self._agents.read("getAgentWallet", values["agent_id"]) == provider:
                return int(values["agent_id"])
        raise NotFoundError(
            f"{checksum_address(provider)} is no agent's wallet.",
            code="UnknownAgent",
            hint="A provider is rated as the agent it registered as; this one did not.",
        )

    def feedback(self, agent: int) -> list[Feedback]:
        """Everything ever said of an agent, oldest first."""
        tags = {(v["client_address"], v["feedback_index"]): v for v in self._of("NewFeedback", agent)}
        revoked = {(v["client_address"], v["feedback_index"]) for v in self._of("FeedbackRevoked", agent)}
        found = []
        for settled in self._of("FeedbackSettled", agent):
            key = settled["client_address"], settled["feedback_index"]
            said = tags[key]
            rating = Rating(
                rater=Address(key[0]),
                points=points_of(said["value"], said["value_decimals"]),
                price=Amount(settled["price"]),
                burned=Amount(settled["burned"]),
                settled=Timestamp(settled["settled_at"]),
                slashed=settled["slashed"],
            )
            order = OrderId(settled["order_id"])
            found.append(
                Feedback(
                    client=rating.rater,
                    index=key[1],
                    order=order,
                    tag=said["tag1"],
                    rating=rating,
                    revoked=key in revoked,
                )
            )
        return found

    def standing(self, agent: int) -> Standing:
        """What its feedback comes to now."""
        return self._standing(self.feedback(agent))

    def available(self, agent: int) -> Amount:
        """Most that the agent can be trusted with, in one more order, without security."""
        said = self.feedback(agent)
        return available(self._standing(said), self._exposures(agent, said), self._ledger.now())

    def fee(self, order: Order) -> Amount:
        """What praise for an order burns."""
        return fee_of(order.price, self._standards.fee_bps)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _standing(self, said: list[Feedback]) -> Standing:
        ratings = [one.rating for one in said if one.tag == STARRED and not one.revoked]
        return standing(ratings, self._ledger.now(), self._standards.fee_bps)

    def _exposures(self, agent: int, said: list[Feedback]) -> list[Exposure]:
        """Orders of the agent's wallet that are open or settled, and whether their clients were heard."""
        wallet, heard = self._agents.read("getAgentWallet", agent), {one.order for one in said}
        found = []
        for placed in self._ledger.events():
            if isinstance(placed.event, Accepted) and placed.event.provider == wallet:
                state = self._ledger.state(placed.event.order_id)
                if state.status in (*_LIVE, OrderStatus.PAID, OrderStatus.SLASHED):
                    settled = None if state.status in _LIVE else Timestamp(state.until)
                    rated = placed.event.order_id in heard
                    found.append(Exposure(price=placed.event.order.price, settled=settled, rated=rated))
        return found

    def _of(self, event: str, agent: int) -> list[dict[str, Any]]:
        return [values for values, _ in self._registry.logs(event) if values["agent_id"] == agent]

    def _allow(self, signer: Signer, fee: Amount) -> None:
        """Let the registry burn a fee of the signer's tokens, if it may not yet."""
        token = Caller(self._ledger, "DevToken", self._ledger.deployment.token)
        if token.read("allowance", signer.address, self._registry.address) < fee:
            data = contract("DevToken").call("approve", self._registry.address, fee)
            self._ledger.sender.send(signer, token.address, data)
