"""An account that is a contract: what it is to do is signed by its signers, and brought by a relayer who pays.

To those who send transactions it is a `Signer` like any other. `TransactionSender` asks it to put a call into a signed
batch (:meth:`ContractAccount.through`), and sends that as the relayer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from eth_abi.abi import encode

from concordat.chain.accounts import Signer
from concordat.chain.answers import quantity
from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.lms import LmsKey
from concordat.primitives.slh_dsa import SlhDsaKey, slh_dsa_steps
from concordat.primitives.units import Address, Timestamp
from concordat.protocol.batch import AccountDomain, Batch, Call

__all__ = [
    "SLH_DSA_STEPS",
    "AddressSigner",
    "BatchSigner",
    "ContractAccount",
    "LmsSigner",
    "Reservations",
    "SlhDsaSigner",
]

GOOD_FOR_SECONDS = 86_400
"""How long a signed batch can be brought."""
SLH_DSA_STEPS = 1_875
"""Steps of chains in an SLH-DSA signature of ours, at most: verified for less than 700,000 gas. Half have more."""
_SLH_DSA_TRIES = 64
"""Signatures that are made to find such a one; all of them have more once in 10²⁰ times."""


class Reservations(Protocol):
    """Durable promises of indices (`concordat.storage.indices.IndexBook`)."""

    @property
    def next(self) -> int:
        """The lowest index that may be reserved."""
        ...

    def reserve(self, index: int, digest: bytes) -> None:
        """Promise an index to a digest, durably, or refuse."""
        ...

    def check(self, used: int) -> None:
        """Raise if more indices were used than are known."""
        ...


class BatchSigner(Protocol):
    """One of an account's signers."""

    @property
    def signer(self) -> bytes:
        """As ERC-7913 writes it: an address, or a verifier followed by a key."""
        ...

    @property
    def counted(self) -> bool:
        """Whether each signature takes an index."""
        ...

    def least(self, following: int) -> int:
        """Lowest number of a batch that it can sign, `following` being the account's next."""
        ...

    def sign(self, digest: bytes, number: int, *, own: bool) -> bytes:
        """Signature over a batch's digest; `own` says that all its calls are to the account itself."""
        ...


class AddressSigner:
    """An address: an ordinary key."""

    counted = False

    def __init__(self, account: Signer) -> None:
        self._account = account
        self.signer = bytes(account.address)

    def least(self, following: int) -> int:
        """Any."""
        return following

    def sign(self, digest: bytes, number: int, *, own: bool) -> bytes:
        """``r ‖ s ‖ v``."""
        return self._account.sign(digest)


class SlhDsaSigner:
    """An SLH-DSA-SHA2-128s key and the verifier that checks it.

    What verifying costs varies with a signature's randomizer. FIPS 205 (section 9.2) lets the signer choose fresh
    randomness for each, so a dear signature is thrown away unseen and another one made.
    """

    counted = False

    def __init__(self, verifier: Address, key: SlhDsaKey) -> None:
        self._key = key
        self.signer = verifier + key.public

    def least(self, following: int) -> int:
        """Any."""
        return following

    def sign(self, digest: bytes, number: int, *, own: bool) -> bytes:
        """7,856 bytes of at most `SLH_DSA_STEPS` steps; takes a few seconds."""
        signature = self._key.sign(digest)
        for _ in range(_SLH_DSA_TRIES):
            if slh_dsa_steps(self._key.public, digest, signature) <= SLH_DSA_STEPS:
                break
            signature = self._key.sign(digest, randomness=os.urandom(16))
        return signature


class LmsSigner:
    """An LMS key, the verifier that checks it, and the book in which its indices are promised.

    Parameters
    ----------
    verifier : Address
        The `LmsVerifier` contract.
    key : LmsKey
        The private key.
    book : Reservations
        Where indices are promised before they are used.
    first : int
        Number of the batch that index 0 signs.
    needed : bool
        Whether no batch can do without this key. Then the account's number tells an old copy of the book; where other
        signers can act alone, it does not.
    """

    counted = True

    def __init__(
        self, verifier: Address, key: LmsKey, book: Reservations, *, first: int = 0, needed: bool = True
    ) -> None:
        self._key, self._book, self._first, self._needed = key, book, first, needed
        self.signer = verifier + key.public

    def least(self, following: int) -> int:
        """The next index's; refuses if the chain has seen more indices than the book knows."""
        if self._needed:
            self._book.check(following - self._first)
        return max(following, self._first + self._book.next)

    def sign(self, digest: bytes, number: int, *, own: bool) -> bytes:
        """Reserve the number's index, then sign.

        Raises
        ------
        InputError
            ``KeyExhausted`` if there is no index left, or only the one for changing the signers.
        """
        index = number - self._first
        if index == self._key.capacity - 1 and not own:
            raise InputError(
                "The key's last index is kept for replacing it.",
                code="KeyExhausted",
                hint="Rotate to a new key: concordat account rotate",
            )
        self._book.reserve(index, digest)
        return self._key.sign(index, digest)


class ContractAccount:
    """A `ProviderAccount` whose signers are here; safe to share between threads.

    Parameters
    ----------
    endpoint : Endpoint
        The chain it is on.
    address : Address
        The account.
    signers : sequence of BatchSigner
        Those that sign every batch: of enough weight together.
    relayer : Signer
        Who sends and pays.
    """

    def __init__(self, endpoint: Endpoint, address: Address, signers: Sequence[BatchSigner], relayer: Signer) -> None:
        self._endpoint, self._address, self._relayer = endpoint, address, relayer
        self._signers = sorted(signers, key=lambda signer: keccak256(signer.signer))
        self._mutex = threading.Lock()
        self._number = 0
        self._closers: list[Callable[[], object]] = []

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    @property
    def relayer(self) -> Signer:
        """Who sends and pays."""
        return self._relayer

    def __repr__(self) -> str:
        return f"ContractAccount({checksum_address(self._address)})"

    def sign(self, digest: bytes) -> bytes:
        """ERC-1271 signature, by the signers that are not counted.

        Raises
        ------
        InputError
            ``CountedSigner`` if one of them is: its signature would be good for ever.
        """
        if any(signer.counted for signer in self._signers):
            raise InputError(
                "A counted key signs batches only.",
                code="CountedSigner",
                hint="Let the account vouch for the digest by a batch: approve(digest, true).",
            )
        wrapped = self._domain.wrapped(digest)
        signatures = [signer.sign(wrapped, 0, own=False) for signer in self._signers]
        return bytes(encode(["bytes[]", "bytes[]"], [[signer.signer for signer in self._signers], signatures]))

    def through(self, to: Address | None, data: bytes, value: int) -> tuple[Signer, Address, bytes]:
        """The call as a signed batch: who sends it, to whom, with what data.

        Raises
        ------
        Refusal
            If the call would revert; nothing was signed then.
        StorageError
            If the index cannot be promised.
        """
        if to is None:
            raise InputError("An account that is a contract creates none.", code="BadTransaction")
        call = {"from": to_hex(self._address), "to": to_hex(to), "data": to_hex(data), "value": hex(value)}
        self._endpoint.call("eth_call", call, "pending")
        return self._relayer, self._address, self.batch([Call(target=to, value=value, data=data)])

    def batch(self, calls: Sequence[Call]) -> bytes:
        """Call data of ``execute`` for some calls, under the next number."""
        with self._mutex:
            (following,) = read(self._endpoint, [("ProviderAccount", self._address, "next", ())])
            number = max(following, self._number, *(signer.least(following) for signer in self._signers))
            batch = Batch(calls=calls, number=number, deadline=Timestamp(self._now() + GOOD_FOR_SECONDS))
            digest = batch.digest(self._domain)
            own = bool(calls) and all(call.target == self._address for call in calls)
            signatures = [signer.sign(digest, number, own=own) for signer in self._signers]
            self._number = number + 1
        names = [signer.signer for signer in self._signers]
        return contract("ProviderAccount").call("execute", list(calls), number, batch.deadline, names, signatures)

    def on_close(self, closer: Callable[[], object]) -> None:
        """Something that is let go of with the account, such as an index book."""
        self._closers.append(closer)

    def close(self) -> None:
        """Let go of what the account holds."""
        while self._closers:
            self._closers.pop()()

    @property
    def _domain(self) -> AccountDomain:
        return AccountDomain(chain_id=self._endpoint.chain_id, account=self._address)

    def _now(self) -> int:
        block: Any = self._endpoint.call("eth_getBlockByNumber", "latest", False)
        return quantity(block["timestamp"])
