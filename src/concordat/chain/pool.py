"""What a node's transaction pool wants: fees that are high enough, and what it means by its refusals.

The words are those of geth, Reth, Nethermind, Erigon, Besu and Anvil, which agree on no codes.
"""

from __future__ import annotations

from typing import Any

from concordat.chain.answers import Refusal, member, quantity
from concordat.chain.blobs import to_blob
from concordat.chain.envelope import Fees
from concordat.chain.kzg import can_make_blobs
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.primitives.errors import EndpointError, TransactionError

__all__ = [
    "HISTORY",
    "already_there",
    "carry",
    "dearer",
    "fees_now",
    "not_yet",
    "refused_by_pool",
    "takes_blobs",
    "wants_cells",
    "within",
]

HISTORY: tuple[str, list[Any]] = ("eth_feeHistory", ["0x4", "latest", [50]])
"""Request whose answer :func:`fees_now` reads."""

_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown", "already in mempool")
_SPENT = ("nonce too low", "replacement", "nonce has already been used", "invalid nonce", "old nonce", "oldnonce")
_CHEAP = (
    "underpriced",
    "block base fee",
    "fee too low",
    "feetoolow",
    "blob gas fee",
    "blob_gas_price",
    "blob gas price",
)
_RESERVED = "already reserved"
_UPGRADED = frozenset({1, 11_155_111, 560_048})
"""Ethereum, Sepolia and Hoodi, whose rules have proofs of cells since 2025, whatever an endpoint passes on."""
_UNFUNDED = ("insufficient funds", "insufficientfunds")


def fees_now(history: Any, *, blobs: bool = False) -> Fees:
    """Twice the next block's base fee plus a usual tip: good for six full blocks in a row; and the like for blobs.

    Raises
    ------
    EndpointError
        ``EndpointGarbage`` if the endpoint names no fee, ``NoBlobs`` if it names none for blobs.
    """
    bases = member(history, "baseFeePerGas")
    if not isinstance(bases, list) or not bases:
        raise EndpointError("The endpoint names no base fee.", code="EndpointGarbage", hint="EIP-1559 is needed.")
    rewards = history.get("reward")
    rows = rewards if isinstance(rewards, list) else []
    base, tips = quantity(bases[-1]), sorted(quantity(row[0]) for row in rows if isinstance(row, list) and row)
    tip = max(tips[len(tips) // 2] if tips else 0, 1)
    return Fees(max_fee=2 * base + tip, tip=tip, blob=2 * _blob_fee(history) if blobs else 0)


def _blob_fee(history: Any) -> int:
    """Fee of the next block's blobs, one wei at least where a chain has blobs."""
    fees = history.get("baseFeePerBlobGas")
    fee = quantity(fees[-1]) if isinstance(fees, list) and fees else 0
    if not fee:
        raise EndpointError(
            "This chain takes no blobs.", code="NoBlobs", hint="Post the data in the call itself, or use another chain."
        )
    return fee


def wants_cells(endpoint: Endpoint) -> bool:
    """Whether pools want a proof for each cell of a blob (EIP-7594) instead of one for all of it.

    They do since the upgrade of December 2025, which brought the precompile P256VERIFY too. Together with it came the
    request that tells a chain's rules (EIP-7910): where an endpoint does not answer it, its rules are older, unless the
    chain is known.
    """
    try:
        rules = endpoint.call("eth_config")
    except Refusal:
        return endpoint.chain_id in _UPGRADED
    current = rules.get("current") if isinstance(rules, dict) else None
    precompiles = current.get("precompiles") if isinstance(current, dict) else None
    return isinstance(precompiles, dict) and "P256VERIFY" in precompiles


def takes_blobs(endpoint: Endpoint) -> bool:
    """Whether blobs can be made here, and the chain names a price for them."""
    if not can_make_blobs():
        return False
    try:
        fees_now(endpoint.call(HISTORY[0], *HISTORY[1]), blobs=True)
    except EndpointError as error:
        if error.code != "NoBlobs":
            raise
        return False
    return True


def carry(endpoint: Endpoint, data: bytes) -> Sidecar:
    """Some data in a blob, proven as the chain's pools want it; errors as for `Sidecar.of` and `to_blob`."""
    return Sidecar.of(to_blob(data), cells=wants_cells(endpoint))


def dearer(old: Fees, today: Fees) -> Fees:
    """Fees that pools take for a replacement, no lower than today's: up 12.5 %, or 100 % with blobs, each of them."""
    if old.blob:
        raised = Fees(max_fee=2 * old.max_fee, tip=2 * old.tip, blob=2 * old.blob)
    else:
        raised = Fees(max_fee=old.max_fee * 9 // 8 + 1, tip=old.tip * 9 // 8 + 1)
    return Fees(
        max_fee=max(today.max_fee, raised.max_fee),
        tip=max(today.tip, raised.tip),
        blob=max(today.blob, raised.blob) if old.blob else 0,
    )


def within(ceiling: int | None, fees: Fees) -> Fees:
    """The fees, unless they exceed the ceiling.

    Raises
    ------
    TransactionError
        ``FeeTooHigh``.
    """
    highest = max(fees.max_fee, fees.blob)
    if ceiling is not None and highest > ceiling:
        raise TransactionError(
            f"The chain asks for {highest} wei per gas, more than the ceiling of {ceiling}.",
            code="FeeTooHigh",
            hint="Wait for a quieter time or raise the ceiling.",
        )
    return fees


def already_there(refusal: Refusal) -> bool:
    """Whether the pool refused because it has these very bytes."""
    return any(word in refusal.text.lower() for word in _KNOWN)


def not_yet(refusal: Refusal) -> bool:
    """Whether the pool takes it later: some hold an account's transactions with blobs or those without, never both."""
    return _RESERVED in refusal.text.lower()


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
