"""What a client signs.

An order's EIP-712 hash is its id, the key of its state on chain, and the nonce of the EIP-3009 authorisation
that pays for it: the client's single signature creates and funds the order, and the client needs no gas.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from concordat.primitives.encoding import ZERO32, ZERO_ADDRESS, abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import Separated, receive_authorization_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp

__all__ = ["ORDER_TYPE", "Domain", "Order", "OrderState", "OrderStatus", "open_order_id", "order_id", "payment_digest"]

ORDER_TYPE = (
    "Order(address client,address provider,uint96 price,uint96 bond,uint40 acceptBy,uint40 deliverBy,uint32 window,"
    "bytes32 model,bytes32 input,bytes32 evidence,bytes32 effect,bytes32 terms,bytes32 salt)"
)
_ORDER_TYPEHASH = keccak256(ORDER_TYPE.encode())
_DOMAIN_TYPEHASH = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


class OrderStatus(IntEnum):
    """Where an order stands; the numbers are those in the contract's storage slot."""

    NONE = 0
    FUNDED = 1
    DELIVERED = 2
    PAID = 3
    EXPIRED = 4
    CANCELLED = 5
    SLASHED = 6
    TAKEN = 7
    """An open order that somebody took: it lives on under the id with his address filled in."""

    @property
    def terminal(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self >= OrderStatus.PAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """EIP-712 domain of one market on one chain: what makes a replay elsewhere fail."""

    chain_id: int
    """EIP-155 chain id."""
    market: Address
    """The Market contract."""

    def separator(self) -> Bytes32:
        """Domain separator (EIP-712), name ``Concordat Market``, version ``1``."""
        return keccak256(
            abi_words(_DOMAIN_TYPEHASH, keccak256(b"Concordat Market"), keccak256(b"1"), self.chain_id, self.market)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A paid request for one piece of work by a named provider, or by whoever takes it."""

    client: Address
    """Who pays."""
    provider: Address
    """Who does the work; zero while an open order waits for somebody."""
    price: Amount
    """What the provider gets."""
    bond: Amount
    """What the provider puts at risk."""
    accept_by: Timestamp
    """Last second at which the provider may accept; after it the authorisation to pay is void."""
    deliver_by: Timestamp
    """Last second at which the provider may submit; after it the client is refunded with a penalty."""
    window: Seconds
    """How long a delivered result can be challenged, < 2**32."""
    model: ModelId
    """Which model, program, weights and manifest included."""
    input: Bytes32
    """Root of the salted input tree."""
    evidence: Bytes32
    """Policy: one clause per non-zero byte (see `concordat.protocol.evidence`)."""
    effect: Bytes32 = field(default=ZERO32)
    """Hash naming steward, epoch and input source of the on-chain effect; zero for none."""
    terms: Bytes32 = field(default=ZERO32)
    """Hash of further terms (task kind, data ids, privacy, price rule); zero for none."""
    salt: Bytes32
    """32 random bytes, so that equal wishes are different orders."""

    def struct_hash(self) -> Bytes32:
        """``hashStruct`` of EIP-712."""
        return keccak256(
            abi_words(
                _ORDER_TYPEHASH,
                self.client,
                self.provider,
                self.price,
                self.bond,
                self.accept_by,
                self.deliver_by,
                self.window,
                self.model,
                self.input,
                self.evidence,
                self.effect,
                self.terms,
                self.salt,
            )
        )


def order_id(order: Order, domain: Domain) -> OrderId:
    """EIP-712 digest of the order in its market's domain."""
    return OrderId(keccak256(b"\x19\x01" + domain.separator() + order.struct_hash()))


def open_order_id(order: Order, domain: Domain) -> OrderId:
    """Id of the open order that this one is once its provider is filled in: what the client signed and what pays."""
    return order_id(replace(order, provider=ZERO_ADDRESS), domain)


def payment_digest(order: Order, name: OrderId, token: Separated, vault: Address) -> Bytes32:
    """What the client signs to create and fund an order: the EIP-3009 authorisation whose nonce is the order's id.

    Parameters
    ----------
    order : Order
        What is paid for.
    name : OrderId
        Its id.
    token : Separated
        The settlement token's EIP-712 domain.
    vault : Address
        The only receiver.
    """
    return receive_authorization_digest(
        token,
        payer=order.client,
        payee=vault,
        value=order.price,
        valid_after=0,
        valid_before=order.accept_by + 1,
        nonce=name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """The one storage slot of an order: ``status 3 | gathered 8 | disputes 13 | until 32 | commitment 200`` bits."""

    status: OrderStatus = OrderStatus.NONE
    """Where it stands."""
    gathered: int = 0
    """Bit mask of evidence kinds gathered so far; in PAID: how it was settled (``settledBy``)."""
    open_disputes: int = 0
    """Disputes that block payment."""
    until: int = 0
    """DELIVERED: first second after the challenge window. Terminal: when it ended. FUNDED: when it was taken, if it was
    an open order. Else zero.
    """
    commitment: bytes = bytes(25)
    """Leading 200 bits of the result commitment; zero before delivery. TAKEN: the taker's address, on the right."""

    def pack(self) -> Bytes32:
        """The slot as the contract stores it, most significant field first."""
        value = int(self.status) << 253 | self.gathered << 245 | self.open_disputes << 232 | self.until << 200
        return Bytes32((value | int.from_bytes(self.commitment, "big")).to_bytes(32, "big"))

    @classmethod
    def unpack(cls, slot: bytes) -> OrderState:
        """Inverse of :meth:`pack`."""
        value = int.from_bytes(slot, "big")
        return cls(
            status=OrderStatus(value >> 253),
            gathered=value >> 245 & 0xFF,
            open_disputes=value >> 232 & 0x1FFF,
            until=value >> 200 & 0xFFFFFFFF,
            commitment=(value & (1 << 200) - 1).to_bytes(25, "big"),
        )
