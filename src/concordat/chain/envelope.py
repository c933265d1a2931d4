"""The typed envelope of a transaction (EIP-2718, EIP-1559): fields, bytes, signature.

References
----------
EIP-155 (chain id), EIP-1559 (fees), EIP-2718 (typed envelopes), EIP-2930 (access lists, always empty here).
"""

from __future__ import annotations

from dataclasses import dataclass

import rlp

from concordat.chain.accounts import Signer
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover
from concordat.primitives.units import Address, Bytes32

__all__ = ["Call", "Fees", "SignedTransaction", "call_of", "contract_address", "sign_call"]

_DYNAMIC_FEE = b"\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What is offered, wei per gas."""

    max_fee: int
    """Most that is paid in all."""
    tip: int
    """Most of it that goes to the block's maker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An unsigned transaction."""

    chain_id: int
    """EIP-155 id."""
    nonce: int
    """Number of the sender's transaction."""
    fees: Fees
    """What is offered for gas."""
    gas: int
    """Gas limit."""
    to: Address | None
    """Whom it calls; ``None`` creates a contract."""
    value: int
    """Wei sent along."""
    data: bytes
    """Call data or creation code."""

    def fields(self) -> list[object]:
        """Fields in the envelope's order."""
        return [
            self.chain_id,
            self.nonce,
            self.fees.tip,
            self.fees.max_fee,
            self.gas,
            self.to or b"",
            self.value,
            self.data,
            [],
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """Bytes ready to be sent, and sent again."""

    raw: bytes
    """The envelope."""
    hash: Bytes32
    """Its Keccak-256: the transaction's name."""
    nonce: int
    """Number of the sender's transaction."""
    sender: Address
    """Who signed."""

    @staticmethod
    def hash_of(raw: bytes) -> Bytes32:
        """Name of some envelope."""
        return keccak256(raw)

    @classmethod
    def of(cls, raw: bytes) -> SignedTransaction:
        """From bytes written down before.

        Raises
        ------
        InputError
            If they are no signed EIP-1559 transaction.
        """
        call, signature = _decode(raw)
        try:
            sender = recover(_digest(call), signature)
        except VerificationError as error:
            raise InputError("The transaction's signature is not valid.", code="BadTransaction") from error
        return cls(raw=raw, hash=cls.hash_of(raw), nonce=call.nonce, sender=sender)


def sign_call(call: Call, signer: Signer) -> SignedTransaction:
    """Envelope of a call, signed."""
    signature = signer.sign(_digest(call))
    numbers = [signature[64] - 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    raw = _DYNAMIC_FEE + rlp.encode(call.fields() + numbers)
    return SignedTransaction(raw=raw, hash=keccak256(raw), nonce=call.nonce, sender=signer.address)


def call_of(raw: bytes) -> Call:
    """The call in some signed bytes.

    Raises
    ------
    InputError
        If they are no signed EIP-1559 transaction.
    """
    return _decode(raw)[0]


def contract_address(creator: Address, nonce: int) -> Address:
    """Where a contract lands that an account creates with its transaction of that number."""
    return Address(keccak256(rlp.encode([creator, nonce]))[12:])


def _digest(call: Call) -> Bytes32:
    return keccak256(_DYNAMIC_FEE + rlp.encode(call.fields()))


def _decode(raw: bytes) -> tuple[Call, bytes]:
    try:
        if raw[:1] != _DYNAMIC_FEE:
            raise ValueError("type")
        *numbers, to, value, data, access, parity, r, s = rlp.decode(raw[1:])
        chain_id, nonce, tip, max_fee, gas = (int.from_bytes(number, "big") for number in numbers)
        if access or len(to) not in (0, 20) or len(r) > 32 or len(s) > 32:
            raise ValueError("fields")
        signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes([27 + int.from_bytes(parity, "big")])
    except (rlp.exceptions.RLPException, ValueError, TypeError, AttributeError) as error:
        raise InputError("These bytes are no signed EIP-1559 transaction.", code="BadTransaction") from error
    call = Call(
        chain_id=chain_id,
        nonce=nonce,
        fees=Fees(max_fee=max_fee, tip=tip),
        gas=gas,
        to=Address(to) if to else None,
        value=int.from_bytes(value, "big"),
        data=data,
    )
    return call, signature
