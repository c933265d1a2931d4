"""Claims of proofs on chain, one at a time: posted with their data, read back, refuted.

A provider posts a proof with what every step of its verification gives (`concordat.zk.steps`). Whoever watches reads
the data back from the transaction, replays the steps, and shows the first that fails to the contract. Nodes do the same
with the same messages through `EvmLedger`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import quantity
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.claim_data import ClaimSource
from concordat.chain.contracts import contract
from concordat.chain.disclosure import refutation, root_refutation, shape_of
from concordat.chain.pool import carry
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.chain.transactions import TransactionSender
from concordat.chain.translate import call_for, event_of
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import TransactionError
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.protocol.claim_events import ClaimPosted
from concordat.protocol.claim_messages import (
    AdmitRelation,
    Carrier,
    CommitProofFind,
    PostClaim,
    Posted,
    claim_find_digest,
)
from concordat.protocol.messages import Message
from concordat.protocol.order import Order
from concordat.zk.relation import Relation
from concordat.zk.statement import Statement
from concordat.zk.steps import Step

__all__ = ["PostedClaim", "ProofCourt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedClaim:
    """A claim as its event has it."""

    order_id: OrderId
    """Which order it answers."""
    posted: Posted
    """What opens it."""
    transaction: bytes
    """Where the data is."""


class ProofCourt:
    """One deployed court, through an endpoint.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    address : Address
        The court of proofs.
    beacon : str
        URL of the consensus node from which old blobs are read; none if empty.
    """

    def __init__(self, endpoint: Endpoint, address: Address, *, beacon: str = "") -> None:
        self.endpoint, self.address = endpoint, address
        self._sender = TransactionSender(endpoint)
        self._source = ClaimSource(endpoint, address, BlobArchive.of(endpoint, beacon))

    def admit(self, signer: Signer, relation: Relation) -> dict[str, Any]:
        """Show once that a relation fits a transaction; the receipt."""
        return self._send(signer, AdmitRelation(relation=relation.encode()))

    def post(
        self, signer: Signer, order: Order, *, head: bytes, relation: Relation, output: bytes, data: bytes
    ) -> dict[str, Any]:
        """Post a claim with its data in call data; the receipt."""
        return self._send(signer, _claim(order, head, relation, output, data, Carrier.CALL_DATA))

    def post_blob(
        self,
        signer: Signer,
        order: Order,
        *,
        head: bytes,
        relation: Relation,
        output: bytes,
        data: bytes,
        sidecar: Sidecar | None = None,
    ) -> dict[str, Any]:
        """Post a claim with its data in a blob; the receipt.

        Parameters
        ----------
        sidecar : Sidecar, optional
            What travels with the claim; otherwise a blob that holds the data.

        Raises
        ------
        ConfigurationError
            If ``concordat[blobs]`` is not installed.
        EndpointError
            ``NoBlobs`` if the chain takes none.
        """
        message = _claim(order, head, relation, output, data, Carrier.BLOB)
        return self._send(signer, message, sidecar or carry(self.endpoint, data))

    def claims(self) -> Iterator[PostedClaim]:
        """All claims that were posted."""
        topic = to_hex(contract("ProofCourt").topic("ClaimPosted"))
        wanted = {"address": to_hex(self.address), "fromBlock": "0x0", "toBlock": "latest", "topics": [topic]}
        for log in self.endpoint.call("eth_getLogs", wanted):
            event, transaction = event_of("ProofCourt", log), from_hex(log["transactionHash"])
            if isinstance(event, ClaimPosted):
                yield PostedClaim(order_id=event.order_id, posted=event.posted, transaction=transaction)

    def data(self, claim: PostedClaim) -> bytes:
        """The data of a claim; errors as for `ClaimSource.data`."""
        return self._source.data(claim.posted, claim.transaction)

    def blob(self, claim: PostedClaim) -> bytes:
        """The blob of a claim; errors as for `ClaimSource.data`."""
        return self._source.blob(claim.posted, claim.transaction)

    def commit_find(self, signer: Signer, claim: PostedClaim, step: int, index: int, salt: bytes) -> None:
        """Fix a find, at least one block before it is shown; `ROOT_STEP` says that a blob is not what was claimed."""
        digest = claim_find_digest(claim.order_id, step, index, signer.address, salt)
        self._send(signer, CommitProofFind(digest=digest))

    def refute(
        self,
        signer: Signer,
        order: Order,
        claim: PostedClaim,
        statement: Statement,
        data: bytes,
        step: Step,
        index: int,
        salt: bytes,
    ) -> dict[str, Any]:
        """Show a step that fails; the receipt.

        Raises
        ------
        TransactionError
            If the contract does not see it so.
        """
        return self._send(signer, refutation(order, claim.posted, statement, data, step, index, salt))

    def refute_root(
        self, signer: Signer, order: Order, claim: PostedClaim, salt: bytes, *, blob: bytes | None = None
    ) -> dict[str, Any]:
        """Show that a claim's blob does not hold what the claim says; the receipt.

        Parameters
        ----------
        blob : bytes, optional
            The blob; otherwise it is read back.

        Raises
        ------
        TransactionError
            If the contract does not see it so.
        """
        blob = self.blob(claim) if blob is None else blob
        shown, refuted = root_refutation(order, claim.posted, blob, salt)
        self._send(signer, shown)
        return self._send(signer, refuted)

    def _send(self, signer: Signer, message: Message, sidecar: Sidecar | None = None) -> dict[str, Any]:
        receipt = self._sender.send(signer, self.address, call_for(message)[1], sidecar=sidecar)
        if quantity(receipt["status"]) != 1:
            raise TransactionError(f"{type(message).__name__} reverted.", code="Reverted")
        return receipt


def _claim(order: Order, head: bytes, relation: Relation, output: bytes, data: bytes, carrier: Carrier) -> PostClaim:
    posted = Posted(output=output, head=head, relation=Bytes32(relation.digest))
    return PostClaim(order=order, posted=posted, data=data, carrier=carrier, shape=shape_of(relation))
