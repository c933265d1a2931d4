"""The typed envelope of a transaction (EIP-2718): fields, bytes, signature.

A transaction without blobs is one of EIP-1559, one with blobs of EIP-4844. The latter travels wrapped together with its
blobs, and these wrapped bytes are what is kept and sent again; its hash and its signature are of the inner part alone.

References
----------
EIP-155 (chain id), EIP-1559 (fees), EIP-2718 (typed envelopes), EIP-2930 (access lists, always empty here), EIP-4844
(blobs), EIP-7594 (wrapper version 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rlp

from concordat.chain.accounts import Signer
from concordat.chain.sidecars import Sidecar
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover
from concordat.primitives.units import Address, Bytes32

__all__ = ["Call", "Fees", "SignedTransaction", "call_of", "contract_address", "sign_call"]

_DYNAMIC_FEE, _BLOB = b"\x02", b"\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What is offered, wei per gas."""

    max_fee: int
    """Most that is paid in all."""
    tip: int
    """Most of it that goes to the block's maker."""
    blob: int = 0
    """Most that is paid per gas of blobs, of which each takes 131,072; zero without blobs."""


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
    sidecar: Sidecar | None = None
    """Blobs that travel with it; it cannot create a contract then."""

    @property
    def kind(self) -> bytes:
        """The envelope's first byte."""
        return _DYNAMIC_FEE if self.sidecar is None else _BLOB

    def fields(self) -> list[object]:
        """Fields in the envelope's order."""
        blobs = [] if self.sidecar is None else [self.fees.blob, list(self.sidecar.versioned_hashes)]
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
            *blobs,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """Bytes ready to be sent, and sent again."""

    raw: bytes
    """The envelope, with the blobs if it has some."""
    hash: Bytes32
    """Keccak-256 of the envelope without them: the transaction's name."""
    nonce: int
    """Number of the sender's transaction."""
    sender: Address
    """Who signed."""

    @classmethod
    def of(cls, raw: bytes) -> SignedTransaction:
        """From bytes written down before.

        Raises
        ------
        InputError
            If they are no signed transaction of EIP-1559, or of EIP-4844 with its blobs.
        """
        call, signature = _decode(raw)
        try:
            sender = recover(_digest(call), signature)
        except VerificationError as error:
            raise InputError("The transaction's signature is not valid.", code="BadTransaction") from error
        if _wrapped(call, signature) != raw:  # numbers with zeros in front
            raise InputError("The transaction is not encoded as it must be.", code="BadTransaction")
        return cls(raw=raw, hash=_name(call, signature), nonce=call.nonce, sender=sender)


def sign_call(call: Call, signer: Signer) -> SignedTransaction:
    """Envelope of a call, signed.

    Raises
    ------
    InputError
        If it has blobs and is to create a contract.
    """
    if call.sidecar is not None and call.to is None:
        raise InputError("A transaction with blobs creates no contract.", code="BadTransaction")
    signature = signer.sign(_digest(call))
    return SignedTransaction(
        raw=_wrapped(call, signature), hash=_name(call, signature), nonce=call.nonce, sender=signer.address
    )


def call_of(raw: bytes) -> Call:
    """The call in some signed bytes, with its blobs.

    Raises
    ------
    InputError
        As for `SignedTransaction.of`.
    """
    return _decode(raw)[0]


def contract_address(creator: Address, nonce: int) -> Address:
    """Where a contract lands that an account creates with its transaction of that number."""
    return Address(keccak256(rlp.encode([creator, nonce]))[12:])


def _digest(call: Call) -> Bytes32:
    return keccak256(call.kind + rlp.encode(call.fields()))


def _signed_fields(call: Call, signature: bytes) -> list[object]:
    numbers = (signature[64] - 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))
    return [*call.fields(), *numbers]


def _name(call: Call, signature: bytes) -> Bytes32:
    return keccak256(call.kind + rlp.encode(_signed_fields(call, signature)))


def _wrapped(call: Call, signature: bytes) -> bytes:
    fields = _signed_fields(call, signature)
    encoded: bytes = rlp.encode(fields if call.sidecar is None else [fields, *call.sidecar.fields()])
    return call.kind + encoded


def _decode(raw: bytes) -> tuple[Call, bytes]:
    try:
        return _read(raw)
    except (rlp.exceptions.RLPException, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            "These bytes are no signed transaction of EIP-1559, or of EIP-4844 with its blobs.", code="BadTransaction"
        ) from error


def _read(raw: bytes) -> tuple[Call, bytes]:
    """Call and signature; raises what RLP and bad fields raise."""
    fields, fee, sidecar = rlp.decode(raw[1:]), b"", None
    if raw[:1] == _BLOB:
        (*before, fee, hashes, parity, r, s), *wrapped = fields
        sidecar, fields = Sidecar.from_fields(wrapped), [*before, parity, r, s]
        if tuple(hashes) != sidecar.versioned_hashes or not hashes:
            raise ValueError("blobs")
    elif raw[:1] != _DYNAMIC_FEE:
        raise ValueError("type")
    *numbers, to, value, data, access, parity, r, s = fields
    chain_id, nonce, tip, max_fee, gas = map(_number, numbers)
    if access or len(to) not in ((0, 20) if sidecar is None else (20,)) or len(r) > 32 or len(s) > 32:
        raise ValueError("fields")
    signature: bytes = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes([27 + _number(parity)])
    call = Call(
        chain_id=chain_id,
        nonce=nonce,
        fees=Fees(max_fee=max_fee, tip=tip, blob=_number(fee)),
        gas=gas,
        to=Address(to) if to else None,
        value=_number(value),
        data=data,
        sidecar=sidecar,
    )
    return call, signature


def _number(field: Any) -> int:
    return int.from_bytes(field, "big")
