"""What a node's transaction pool wants: fees that are high enough, and what it means by its refusals.

The words are those of geth, Reth, Nethermind, Erigon, Besu and Anvil, which agree on no codes.
"""

from __future__ import annotations

from typing import Any

from concordat.chain.answers import Refusal, member, quantity
from concordat.chain.envelope import Fees
from concordat.primitives.errors import EndpointError, TransactionError

__all__ = ["HISTORY", "already_there", "dearer", "fees_now", "refused_by_pool", "within"]

HISTORY: tuple[str, list[Any]] = ("eth_feeHistory", ["0x4", "latest", [50]])
"""Request whose answer :func:`fees_now` reads."""

_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown", "already in mempool")
_SPENT = ("nonce too low", "replacement", "nonce has already been used", "invalid nonce", "old nonce", "oldnonce")
_CHEAP = ("underpriced", "block base fee", "fee too low", "feetoolow")
_UNFUNDED = ("insufficient funds", "insufficientfunds")


def fees_now(history: Any) -> Fees:
    """Twice the next block's base fee plus a usual tip: good for six full blocks in a row."""
    bases = member(history, "baseFeePerGas")
    if not isinstance(bases, list) or not bases:
        raise EndpointError("The endpoint names no base fee.", code="EndpointGarbage", hint="EIP-1559 is needed.")
    rewards = history.get("reward")
    rows = rewards if isinstance(rewards, list) else []
    base, tips = quantity(bases[-1]), sorted(quantity(row[0]) for row in rows if isinstance(row, list) and row)
    tip = max(tips[len(tips) // 2] if tips else 0, 1)
    return Fees(max_fee=2 * base + tip, tip=tip)


def dearer(old: Fees, today: Fees) -> Fees:
    """Fees that pools take for a replacement: both at least 12.5 % up, and no lower than today's."""
    return Fees(max_fee=max(today.max_fee, old.max_fee * 9 // 8 + 1), tip=max(today.tip, old.tip * 9 // 8 + 1))


def within(ceiling: int | None, fees: Fees) -> Fees:
    """The fees, unless they exceed the ceiling.

    Raises
    ------
    TransactionError
        ``FeeTooHigh``.
    """
    if ceiling is not None and fees.max_fee > ceiling:
        raise TransactionError(
            f"The chain asks for {fees.max_fee} wei per gas, more than the ceiling of {ceiling}.",
            code="FeeTooHigh",
            hint="Wait for a quieter time or raise the ceiling.",
        )
    return fees


def already_there(refusal: Refusal) -> bool:
    """Whether the pool refused because it has these very bytes."""
    return any(word in refusal.text.lower() for word in _KNOWN)


def refused_by_pool(refusal: Refusal) -> TransactionError:
    """What another refusal means: ``NonceSpent``, ``Underpriced``, ``Unfunded`` or ``Refused``."""
    text = refusal.text.lower()
    if any(word in text for word in _SPENT):
        return TransactionError(
            "Another transaction of this account has this nonce.",
            code="NonceSpent",
            hint="Prepare it again; somebody else uses the same key.",
        )
    if any(word in text for word in _CHEAP):
        return TransactionError(
            "The chain's fees rose above the offer.", code="Underpriced", hint="Prepare it again, or price it up."
        )
    if any(word in text for word in _UNFUNDED):
        return TransactionError(
            "The account cannot pay for gas.", code="Unfunded", hint="Send it some of the chain's coin."
        )
    return TransactionError(f"The chain refused the transaction: {refusal.text}.", code="Refused")
