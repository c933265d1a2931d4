"""A market on a fresh development chain, and a meter that reads the gas of every transaction off its receipt.

Clock, keys and salts are fixed, so that the figures are the same in every run, to the unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.chain.deploy import deploy
from concordat.chain.development import DevelopmentLedger
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import receive_authorization_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp, usd
from concordat.protocol.bond import bond_for
from concordat.protocol.evidence import AnyOf, FraudProvable, Native, encode_policy
from concordat.protocol.messages import Deposit, Funding, FundingMode, Message
from concordat.protocol.order import Order, order_id

__all__ = ["Bill", "Stage", "open_stage"]

START = 2_000_000_000
PRICE = usd("0.50")
WINDOW = Seconds(600)
FORTUNE = usd("1000")
EVIDENCE = encode_policy(AnyOf(Native(), FraudProvable()))


@dataclass(slots=True)
class Bill:
    """Transactions in order."""

    entries: list[tuple[str, str, int]] = field(default_factory=list)
    """Who sent it, what it did, gas."""

    @property
    def gas(self) -> int:
        """Of all of them."""
        return sum(gas for _, _, gas in self.entries)

    def of(self, who: str) -> int:
        """Gas that one of the parties paid for."""
        return sum(gas for sender, _, gas in self.entries if sender == who)

    def steps(self) -> dict[str, int]:
        """Gas by what was done."""
        steps: dict[str, int] = {}
        for _, what, gas in self.entries:
            steps[what] = steps.get(what, 0) + gas
        return steps


class Stage:
    """Client, provider, challenger and keeper on one market. The client holds tokens and not one wei.

    Parameters
    ----------
    node : AnvilNode
        A running, fresh chain.
    """

    def __init__(self, node: AnvilNode) -> None:
        self.node = node
        deployer, provider, challenger, keeper = node.development_accounts(4)
        self.accounts = {"provider": provider, "challenger": challenger, "keeper": keeper}
        self.client = Account(keccak256(b"a client without ether"))
        self._set_clock()
        self.deployment = deploy(node.endpoint, deployer)
        self.ledger = DevelopmentLedger(node, self.deployment, self.accounts.values())
        self.bill = Bill()
        self._salts = 0
        self._fund()

    def _set_clock(self) -> None:
        self.node.endpoint.call("evm_setNextBlockTimestamp", hex(START))
        self.node.endpoint.call("anvil_setBlockTimestampInterval", 1)

    def _fund(self) -> None:
        for address in (self.client.address, *(account.address for account in self.accounts.values())):
            self.ledger.mint(address, FORTUNE)
        for account in self.accounts.values():
            self.ledger.send(Deposit(amount=usd(100)), sender=account.address)

    # -- sending -----------------------------------------------------------------------------------------------------

    def address(self, who: str) -> Address:
        """Account of one of the parties."""
        return self.accounts[who].address

    def send(self, who: str, message: Message) -> int:
        """Send a message; its gas is put on the bill."""
        gas = self.ledger.send(message, sender=self.address(who)).gas_used
        self.bill.entries.append((who, type(message).__name__, gas))
        return gas

    def call(self, who: str, name: str, to: Address, function: str, *arguments: Any) -> dict[str, Any]:
        """Receipt of a transaction that calls any packaged contract."""
        return self.ledger.sender.send(self.accounts[who], to, contract(name).call(function, *arguments))

    @contextmanager
    def billing(self) -> Iterator[Bill]:
        """A new bill for what is sent meanwhile."""
        before, self.bill = self.bill, Bill()
        try:
            yield self.bill
        finally:
            self.bill = before

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What happens to the chain meanwhile is undone."""
        snapshot, salts = self.node.endpoint.call("evm_snapshot"), self._salts
        try:
            yield
        finally:
            self.node.endpoint.call("evm_revert", snapshot)
            self._salts = salts

    def transactions_of_the_client(self) -> int:
        """How many transactions the client's account has ever sent."""
        return int(self.node.endpoint.call("eth_getTransactionCount", to_hex(self.client.address), "latest"), 16)

    # -- orders ------------------------------------------------------------------------------------------------------

    def offer(
        self,
        model: ModelId,
        input_root: Bytes32,
        effect: Bytes32 = ZERO32,
        *,
        provider: Address | None = None,
        evidence: Bytes32 = EVIDENCE,
        within: int = 600,
    ) -> tuple[Order, Funding]:
        """A new order of fifty cents with its bond, and the client's one signature."""
        self._salts += 1
        limit = Timestamp(self.ledger.now() + within)
        order = Order(
            client=self.client.address,
            provider=self.address("provider") if provider is None else provider,
            price=PRICE,
            bond=bond_for(PRICE),
            accept_by=limit,
            deliver_by=limit,
            window=WINDOW,
            model=model,
            input=input_root,
            evidence=evidence,
            effect=effect,
            salt=keccak256(b"order %d" % self._salts),
        )
        return order, Funding(mode=FundingMode.AUTHORIZATION, signature=self.client.sign(self._digest(order)))

    def _digest(self, order: Order) -> Bytes32:
        return receive_authorization_digest(
            self.ledger.token_domain,
            payer=order.client,
            payee=self.ledger.vault,
            value=Amount(order.price),
            valid_after=0,
            valid_before=order.accept_by + 1,
            nonce=order_id(order, self.ledger.domain),
        )


@contextmanager
def open_stage() -> Iterator[Stage]:
    """A stage on a chain of its own, gone afterwards."""
    with AnvilNode() as node:
        yield Stage(node)
