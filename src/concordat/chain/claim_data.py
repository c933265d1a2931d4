"""What a claim's transaction carries: its data, and the relation that was admitted. That needs nobody's good will.

Data in a blob comes from whoever still keeps blobs (:mod:`concordat.chain.blob_archive`).

A call is found in its transaction where it was made at the top, or inside the call of a contract account that passes it
on as it is; anything else that can make a call is replayed by the endpoint (``debug_traceTransaction``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from concordat.chain.answers import quantity
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.blobs import read_blob
from concordat.chain.contracts import contract
from concordat.chain.pool import takes_blobs
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Address
from concordat.protocol.claim_messages import Posted, data_root

__all__ = ["ClaimSource", "admitted_relation"]

_WORD = 32
_POSTED_WORDS = 13 + 19
"""Words of order and shape, before the offsets of what was posted and of the data."""


_MOST_PLACES = 16
"""Places in a transaction's input that are tried: whoever fills one with the like of calls has it traced."""


@dataclass(frozen=True, slots=True)
class ClaimSource:
    """Reads what was posted to one court."""

    endpoint: Endpoint
    """The chain."""
    court: Address
    """The court of proofs."""
    blobs: BlobArchive
    """Where blobs are read back from."""

    @property
    def takes_blobs(self) -> bool:
        """Whether data can travel in blobs: the chain has them, and ``concordat[blobs]`` is installed."""
        return takes_blobs(self.endpoint)

    def data(self, posted: Posted, transaction: bytes) -> bytes:
        """Data of a claim.

        Parameters
        ----------
        posted : Posted
            As the event has it.
        transaction : bytes
            Hash of the transaction that posted it.

        Raises
        ------
        NotFoundError
            ``ClaimDataMissing`` or ``BlobMissing`` if it cannot be had.
        VerificationError
            ``BlobMismatch`` if it is to be in a blob, and the blob holds something else.
        EndpointError
            If the endpoint does not answer.
        """
        if posted.blob == ZERO32:
            return _claim_data(self.endpoint, self.court, posted, transaction)
        blob = self.blob(posted, transaction)
        try:
            data = read_blob(blob, posted.length)
        except VerificationError:
            data = b""
        if len(data) != posted.length or data_root(data) != posted.root:
            raise VerificationError("The blob of a claim does not hold what the claim says.", code="BlobMismatch")
        return data

    def blob(self, posted: Posted, transaction: bytes) -> bytes:
        """The blob of a claim; errors as for :meth:`data`."""
        receipt = self.endpoint.call("eth_getTransactionReceipt", to_hex(transaction))
        if not isinstance(receipt, dict) or receipt.get("blockNumber") is None:
            raise NotFoundError("The transaction of a claim is not there any more.", code="ClaimDataMissing")
        return self.blobs.blob(posted.blob, quantity(receipt["blockNumber"]))

    def relation(self, digest: bytes, transaction: bytes) -> bytes:
        """A relation that was admitted: `admitted_relation`."""
        return admitted_relation(self.endpoint, self.court, digest, transaction)


def _claim_data(endpoint: Endpoint, court: Address, posted: Posted, transaction: bytes) -> bytes:
    selector = contract("ProofCourt").selector("postCalldata")
    for arguments in _calls(endpoint, court, selector, transaction):
        data = _argument(arguments, _POSTED_WORDS + 1)
        if len(data) == posted.length and data_root(data) == posted.root:
            return data
    raise NotFoundError(
        "The data of a claim cannot be had from this endpoint.",
        code="ClaimDataMissing",
        hint="Use an endpoint that keeps old transactions and can trace them.",
    )


def admitted_relation(endpoint: Endpoint, court: Address, digest: bytes, transaction: bytes) -> bytes:
    """The relation that a transaction had admitted; `NotFoundError` if it cannot be had."""
    for arguments in _calls(endpoint, court, contract("ProofCourt").selector("admit"), transaction):
        relation = _argument(arguments, 0)
        if sha256(relation) == digest:
            return relation
    raise NotFoundError(
        "A relation that was admitted cannot be had from this endpoint.",
        code="ClaimDataMissing",
        hint="Use an endpoint that keeps old transactions and can trace them.",
    )


def _argument(arguments: bytes, place: int) -> bytes:
    """The byte string whose offset is the word at that place; whatever offsets and lengths say."""
    offset = int.from_bytes(arguments[_WORD * place : _WORD * (place + 1)], "big")
    length = int.from_bytes(arguments[offset : offset + _WORD], "big")
    return arguments[offset + _WORD : offset + _WORD + length]


def _calls(endpoint: Endpoint, court: Address, selector: bytes, transaction: bytes) -> Iterator[bytes]:
    """Arguments of calls of a function that a transaction may have made, likeliest first."""
    found = endpoint.call("eth_getTransactionByHash", to_hex(transaction))
    if isinstance(found, dict):
        given = _bytes(found.get("input"))
        at = given.find(selector)
        for _ in range(_MOST_PLACES):
            if at < 0:
                break
            yield given[at + len(selector) :]
            at = given.find(selector, at + 1)
    try:
        trace = endpoint.call("debug_traceTransaction", to_hex(transaction), {"tracer": "callTracer"})
    except EndpointError:  # it does not trace, or not this: nobody else's claim has to wait for that
        return
    pending = [trace]
    while pending:
        call = pending.pop()
        if not isinstance(call, dict):
            continue
        pending += call.get("calls") or []
        given = _bytes(call.get("input"))
        if call.get("to") == to_hex(court) and given.startswith(selector):
            yield given[len(selector) :]


def _bytes(value: Any) -> bytes:
    try:
        return from_hex(value)
    except (InputError, TypeError, AttributeError):
        return b""
