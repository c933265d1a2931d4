"""Claims of proofs on chain: posted with their data, watched, refuted.

A provider posts a proof with what every step of its verification gives (`concordat.zk.steps`). Whoever watches reads
the data back from the transaction, replays the steps, and shows the first that fails to the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import quantity
from concordat.chain.contracts import contract
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import EndpointError, TransactionError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address
from concordat.protocol.order import Order
from concordat.zk.relation import Relation
from concordat.zk.statement import Statement
from concordat.zk.steps import Layout, Step
from concordat.zk.steps.layout import CHUNK_BYTES, COUNTS_BYTES

__all__ = ["MAX_DATA_BYTES", "ROOT_STEP", "PostedClaim", "ProofCourt", "data_root", "disclose"]

MAX_DATA_BYTES = 126_976
"""Most data of a claim: what a blob holds."""
ROOT_STEP = 255
"""Stands for a step where a blob does not hold what its claim says."""
_ARGUMENT_WORDS = 13 + 19
"""Words of order and shape, before the offsets of what was posted and of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedClaim:
    """A claim as its event has it."""

    order_id: bytes
    """Which order it answers."""
    posted: dict[str, Any]
    """What opens it."""
    transaction: bytes
    """Where the data is."""


def data_root(data: bytes) -> bytes:
    """Hash of the hashes of the data's chunks."""
    return keccak256(b"".join(_chunks(data)))


def disclose(data: bytes, spans: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Pieces of data that cover some spans, as the contract takes them.

    Parameters
    ----------
    data : bytes
        All of it.
    spans : sequence of tuple
        First byte and the one behind the last; what lies behind the data's end is left out.
    """
    runs: list[list[int]] = []
    for begin, end in sorted((begin, min(end, len(data))) for begin, end in spans):
        if begin >= end:
            continue
        first, last = begin // CHUNK_BYTES, -(-end // CHUNK_BYTES)
        if runs and first <= runs[-1][1]:
            runs[-1][1] = max(runs[-1][1], last)
        else:
            runs.append([first, last])
    pieces = [data[first * CHUNK_BYTES : last * CHUNK_BYTES] for first, last in runs]
    return {"chunks": _chunks(data), "first": [first for first, _ in runs], "pieces": pieces}


def _chunks(data: bytes) -> list[bytes]:
    return [keccak256(data[at : at + CHUNK_BYTES]) for at in range(0, len(data), CHUNK_BYTES)]


def step_spans(statement: Statement, data: bytes, step: Step, index: int) -> list[tuple[int, int]]:
    """Spans of the data that a step reads."""
    counts = tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, COUNTS_BYTES, 2))
    at = Layout.of(statement.relation, statement.parameters, counts)  # type: ignore[arg-type]
    head, outputs, row = (0, at.row), (at.drawn, at.sums + 168), (at.row, at.drawn)
    fixed: dict[Step, list[tuple[int, int]]] = {
        Step.LENGTH: [(0, COUNTS_BYTES)],
        Step.SUMCHECKS: [head, outputs],
        Step.POSITIONS: [head, (at.hub_drawn - 32, at.folds), (at.positions, at.claims)],
        Step.HUB: [head, row, (at.hub_drawn, at.folds), (at.positions, at.claims)],
        Step.FOLDS: [head, outputs],
        Step.EVALUATION: [outputs],
        Step.JOINT: [head, outputs],
        Step.PADS: [head, row, outputs],
        Step.BALANCE: [head, outputs, (at.claims, at.witness)],
    }
    if step in fixed:
        return fixed[step]
    if step in (Step.WEIGHTS, Step.INPUT, Step.WITNESS, Step.OUTSIDE):
        return [row, outputs]
    return _column_spans(at, counts, step, index)


def _column_spans(at: Layout, counts: Sequence[int], step: Step, index: int) -> list[tuple[int, int]]:
    """What the steps read of which there are many."""
    witness, weights, taken, _ = counts
    point, row = (at.hub_drawn, at.folds), (at.row, at.drawn)
    if step is Step.POWERS:
        first = index // 2 if index < 2 * witness else index - witness
        more = [row, point]
        claim, claims, place, size = index, 1, 0, 0
    elif step is Step.HUB_COLUMN:
        first, place, size = witness + weights + taken + index, at.hub_columns, at.columns[4]
        more = [row, point, (at.nonce - 32, at.nonce)]
        claim, claims = 0, 0
    elif step is Step.WITNESS_COLUMN:
        first, place, size = index, at.witness, at.columns[0] + at.columns[1]
        more = [(0, 72), (at.drawn, at.hub_drawn)]
        claim, claims = 2 * index, 2
    elif step is Step.WEIGHT_COLUMN:
        first, place, size = witness + index, at.weights, at.columns[2]
        more = [(at.evaluated + 288, at.sums)]
        claim, claims = 2 * witness + index, 1
    else:
        first, place, size = witness + weights + index, at.input, at.columns[3]
        more, claim, claims = [], 2 * witness + weights + index, 1
    return [
        (0, COUNTS_BYTES),
        *more,
        (at.positions + 4 * first, at.positions + 4 * first + 4),
        (at.claims + 48 * claim, at.claims + 48 * (claim + claims)),
        (place + index * size, place + (index + 1) * size),
    ]


class ProofCourt:
    """One deployed court, through an endpoint."""

    def __init__(self, endpoint: Endpoint, address: Address) -> None:
        self.endpoint, self.address = endpoint, address
        self._contract, self._sender = contract("ProofCourt"), TransactionSender(endpoint)

    def admit(self, signer: Signer, relation: Relation) -> dict[str, Any]:
        """Show once that a relation fits a transaction; the receipt."""
        return self._send(signer, "admit", relation.encode())

    def shape(self, relation: bytes) -> dict[str, Any]:
        """Shape of an admitted relation.

        Raises
        ------
        VerificationError
            If it is not admitted.
        """
        for log in self._logs("RelationAdmitted", relation):
            read = self._contract.log([from_hex(t) for t in log["topics"]], from_hex(log["data"]))
            if read is not None:
                return dict(read[1]["shape"])
        raise VerificationError("Nobody has had this relation admitted.", code="BadStatement")

    def post(
        self, signer: Signer, order: Order, *, head: bytes, relation: bytes, output: bytes, data: bytes
    ) -> dict[str, Any]:
        """Post a claim with its data in call data; the receipt."""
        posted = {"output": output, "head": head, "relation": relation, "root": ZERO32, "length": 0, "blob": ZERO32}
        return self._send(signer, "postCalldata", order, self.shape(relation), posted, data)

    def post_blob(self, order: Order, *, head: bytes, relation: bytes, output: bytes, data: bytes) -> bytes:
        """Call data of a claim whose data is in the first blob of the same transaction (`concordat.chain.blobs`)."""
        posted: dict[str, Any] = {"output": output, "head": head, "relation": relation, "root": data_root(data)}
        posted |= {"length": len(data), "blob": ZERO32}
        return self._contract.call("postBlob", order, self.shape(relation), posted, 0)

    def claims(self) -> Iterator[PostedClaim]:
        """All claims that were posted."""
        for log in self._logs("ClaimPosted"):
            read = self._contract.log([from_hex(t) for t in log["topics"]], from_hex(log["data"]))
            if read is not None:
                values = read[1]
                yield PostedClaim(
                    order_id=values["order_id"],
                    posted=values["posted"],
                    transaction=from_hex(log["transactionHash"]),
                )

    def data(self, claim: PostedClaim) -> bytes:
        """The data of a claim that was posted in call data.

        Raises
        ------
        EndpointError
            If the transaction does not have it (because another contract made the call).
        """
        found = self.endpoint.call("eth_getTransactionByHash", to_hex(claim.transaction))
        given = from_hex(found["input"])[4:]
        place = int.from_bytes(given[32 * _ARGUMENT_WORDS + 32 : 32 * _ARGUMENT_WORDS + 64], "big")
        length = int.from_bytes(given[place : place + 32], "big")
        data = given[place + 32 : place + 32 + length]
        if data_root(data) != claim.posted["root"]:
            raise EndpointError("The transaction does not have the claim's data.", code="EndpointGarbage")
        return data

    def commit_find(self, signer: Signer, claim: PostedClaim, step: int, index: int, salt: bytes) -> None:
        """Fix a find, at least one block before it is shown; `ROOT_STEP` says that a blob is not what was claimed."""
        words = [step.to_bytes(32, "big"), index.to_bytes(32, "big"), signer.address.rjust(32, b"\0"), salt]
        self._send(signer, "commitFind", keccak256(claim.order_id + b"".join(words)))

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
        call = self.refutation(order, claim, statement, data, step, index, salt)
        return self._checked(self._sender.send(signer, self.address, call), "refuteStep")

    def refutation(
        self,
        order: Order,
        claim: PostedClaim,
        statement: Statement,
        data: bytes,
        step: Step,
        index: int,
        salt: bytes,
    ) -> bytes:
        """Call data of a refutation."""
        relation = statement.relation.encode() if step is Step.EVALUATION else b""
        shown = disclose(data, step_spans(statement, data, step, index))
        shape = self.shape(statement.relation.digest)
        return self._contract.call("refuteStep", order, claim.posted, shape, relation, shown, int(step), index, salt)

    def refute_root(
        self,
        signer: Signer,
        order: Order,
        claim: PostedClaim,
        words: bytes,
        commitment: bytes,
        proof: bytes,
        salt: bytes,
    ) -> dict[str, Any]:
        """Show that a claim's blob does not hold what the claim says; the receipt.

        Parameters
        ----------
        words : bytes
            The coefficients of the blob's polynomial, from `blob_words`.
        commitment, proof : bytes
            Of 48 bytes each, from any KZG library: the blob's commitment, and the proof of its value at
            `challenge_point`.
        """
        return self._send(signer, "refuteRoot", order, claim.posted, words, commitment, proof, salt)

    def _send(self, signer: Signer, function: str, *arguments: Any) -> dict[str, Any]:
        call = self._contract.call(function, *arguments)
        return self._checked(self._sender.send(signer, self.address, call), function)

    def _checked(self, receipt: dict[str, Any], function: str) -> dict[str, Any]:
        if quantity(receipt["status"]) != 1:
            raise TransactionError(f"{function} reverted.", code="Reverted")
        return receipt

    def _logs(self, event: str, *indexed: bytes) -> list[dict[str, Any]]:
        topics = [to_hex(self._contract.topic(event)), *(to_hex(word) for word in indexed)]
        wanted = {"address": to_hex(self.address), "fromBlock": "0x0", "toBlock": "latest", "topics": topics}
        return list(self.endpoint.call("eth_getLogs", wanted))
