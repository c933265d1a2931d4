"""Serving several versions of a market at once.

There is no proxy: the next version of the contracts is another market beside the one before. Nodes work for both until
nothing is open in the earlier one: new orders go to the new market only, because that is where a provider's door leads;
open ones end where they were placed, under the rules that their clients signed. Every version has a journal of its own
for each node, so nothing of one is taken for something of the other, and all versions share one log.

A node moves its own stake when it no longer needs it: withdrawn from the earlier vault, deposited in the new one. What
it does is in the journal before it is done, so a node that is killed in between goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable

from concordat.node.outbox import Outbox
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Address, Amount, OrderId
from concordat.protocol.events import Accepted, Cancelled, Expired, Paid, Slashed
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import Deposit, Withdraw
from concordat.storage.journal import Journal

__all__ = ["StakeMover", "journal_name", "open_orders", "provider_is_idle"]

LOOK_AGAIN = 60
"""Seconds of the chain's clock between two looks at whether stake is free."""


def journal_name(node: str, version: int) -> str:
    """Name of a node's journal for a version of the market; that of the first is the node's own."""
    return node if version == 1 else f"{node}-v{version}"


def open_orders(ledger: Ledger) -> list[OrderId]:
    """Orders of a market that were accepted and have not ended, oldest first."""
    found: dict[OrderId, None] = {}
    for placed in ledger.events():
        event = placed.event
        if isinstance(event, Accepted):
            found[event.order_id] = None
        elif isinstance(event, Paid | Slashed | Expired | Cancelled):
            found.pop(event.order_id, None)
    return list(found)


def provider_is_idle(journal: Journal) -> bool:
    """Whether a provider has taken no offer for which it still has to lock a bond."""
    return not journal.has("offer", "received", "executed")


class StakeMover:
    """Moves one account's free stake from an earlier version's vault to the present one's.

    Parameters
    ----------
    earlier, present : Ledger
        From where, to where.
    journal : Journal
        The node's journal for the earlier version.
    idle : callable
        Whether the stake is not needed there any more.
    account : Address
        Whose stake.
    """

    def __init__(
        self, earlier: Ledger, present: Ledger, journal: Journal, account: Address, idle: Callable[[], bool]
    ) -> None:
        self._earlier, self._present, self._journal = earlier, present, journal
        self._idle, self._account = idle, account
        self._out, self._in = Outbox(earlier, journal, account), Outbox(present, journal, account)
        self._looked = -LOOK_AGAIN

    def step(self) -> int:
        """Go on with a movement that was begun, or begin one if there is anything to move."""
        under_way = self._journal.items("stake", "leaving", "between")
        for key, stage, body in under_way:
            self._go_on(key, stage, Amount(body["amount"]))
        return len(under_way) or self._begin()

    def _begin(self) -> int:
        now = self._earlier.now()
        if now < self._looked + LOOK_AGAIN or not self._idle():
            return 0
        self._looked = now
        free = self._earlier.balance(self._account).free
        if not free:
            return 0
        number = len(self._journal.items("stake"))
        self._journal.set_item("stake", str(number), "leaving", {"amount": free})
        return 1

    def _go_on(self, key: str, stage: str, amount: Amount) -> None:
        if stage == "leaving":
            try:
                self._out.send(f"stake out:{key}", Withdraw(amount=amount, to=self._account))
            except ProtocolError:
                self._journal.set_item("stake", key, "stayed")  # it was needed after all; looked at again later
                return
            self._journal.set_item("stake", key, "between")
        amount = min(amount, self._present.token_balance(self._account))  # somebody may have used some of it meanwhile
        if amount:
            self._in.send(f"stake in:{key}", Deposit(amount=amount))
        self._journal.set_item("stake", key, "moved")
