"""A follower of some contracts' logs that can stop at any moment, start again, and notice when history changes.

It reads forward from a cursor. The cursor holds the hashes of the last blocks read; it is a plain value to be kept with
whatever the logs led to. Before reading on, the follower checks that the last block it read is still there; if not, it
goes back to the last common block and says so with `Reorganised`, and reads the other branch.

An endpoint may be several machines of different speed. A head that is behind is waited for. Near the head every block's
header is read as well: logs must carry the hash of that very block, and where the header's bloom filter says that there
are logs of ours but none came, the block is asked again by its hash. Deeper blocks are read in wide ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from concordat.chain.answers import Refusal, hex_bytes, member, quantity
from concordat.chain.logs import fetch_logs, logs_in
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32

__all__ = ["Cursor", "EventFollower", "Read", "Reorganised", "SeenBlock"]

DEPTH = 64
"""Blocks that a re-organisation is expected to reach back at most; a deeper one makes the follower begin anew."""
MOST_BLOCKS = 50_000
"""Blocks below those near the head that one poll reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBlock:
    """A block that was read."""

    number: int
    """Its number."""
    hash: Bytes32
    """Its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a follower has come."""

    next: int
    """First block not read yet."""
    seen: tuple[SeenBlock, ...] = field(default=())
    """The last blocks read, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Blocks that were read."""

    first: int
    """First of them."""
    last: int
    """Last of them."""
    logs: tuple[dict[str, Any], ...]
    """Their logs, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorganised:
    """Blocks that were read are no longer part of the chain."""

    block: int
    """First of them: undo whatever came of it and later ones; they are read again next."""


class _Behind(Exception):
    """The endpoint does not have yet what it said it has."""


class EventFollower:
    """Reads logs forward.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    addresses : iterable of Address
        Contracts whose logs are wanted.
    start : int
        Block to begin with, and to begin anew with after a very deep re-organisation.
    cursor : Cursor, optional
        Where an earlier follower stood.
    confirmations : int
        Newest blocks that are not read yet.
    depth : int
        Blocks below the head whose hashes are checked and remembered.
    most_blocks : int
        Blocks read by one poll, besides those near the head.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        addresses: Iterable[Address],
        *,
        start: int = 0,
        cursor: Cursor | None = None,
        confirmations: int = 0,
        depth: int = DEPTH,
        most_blocks: int = MOST_BLOCKS,
    ) -> None:
        self._endpoint, self._addresses = endpoint, list(addresses)
        self._start, self._confirmations, self._depth = start, confirmations, max(depth, 1)
        self._most_blocks = most_blocks
        self.cursor = cursor or Cursor(next=start)

    def poll(self) -> list[Read | Reorganised]:
        """What happened since the last poll; empty when nothing did, or when the endpoint is behind.

        The cursor moves with it: keep it only after having handled what was returned.

        Raises
        ------
        EndpointError
            If the endpoint is down or sends nonsense; the cursor stays where it was.
        """
        steps: list[Read | Reorganised] = []
        before = self.cursor
        try:
            head = self._settle_past(steps)
            self._read_on(head, steps)
        except _Behind:
            pass
        except BaseException:
            self.cursor = before
            raise
        return steps

    # -- the past ----------------------------------------------------------------------------------------------------

    def _settle_past(self, steps: list[Read | Reorganised]) -> int:
        """Number of the newest block to read; the cursor stands on the chain as it is now."""
        seen = self.cursor.seen
        asked: list[tuple[str, list[Any]]] = [("eth_getBlockByNumber", ["latest", False])]
        if seen:
            asked.append(("eth_getBlockByNumber", [hex(seen[-1].number), False]))
        head, *last = self._endpoint.batch(asked)
        if not head:
            raise _Behind
        number = quantity(member(head, "number"))
        if seen and (not last[0] or number < seen[-1].number):
            at_head = next((block for block in seen if block.number == number), None)
            if at_head is None or at_head.hash == _hash(head):
                raise _Behind
            self._go_back(steps)
        elif seen and _hash(last[0]) != seen[-1].hash:
            self._go_back(steps)
        return number - self._confirmations

    def _go_back(self, steps: list[Read | Reorganised]) -> None:
        seen = self.cursor.seen
        blocks = self._endpoint.batch([("eth_getBlockByNumber", [hex(block.number), False]) for block in seen])
        common = 0
        while common < len(seen) and blocks[common] and _hash(blocks[common]) == seen[common].hash:
            common += 1
        if common == len(seen):
            raise _Behind  # two machines that disagree: look again later
        first = seen[common].number if common else self._start
        self.cursor = Cursor(next=first, seen=seen[:common])
        steps.append(Reorganised(block=first))

    # -- the future --------------------------------------------------------------------------------------------------

    def _read_on(self, head: int, steps: list[Read | Reorganised]) -> None:
        near = head - self._depth + 1
        first = self.cursor.next
        if first < near:
            last = min(near - 1, first + self._most_blocks - 1)
            logs = fetch_logs(self._endpoint, self._addresses, first, last)
            block = self._endpoint.call("eth_getBlockByNumber", hex(last), False)
            if not block:
                raise _Behind
            self._advance(steps, logs, [block])
            first = last + 1
        if near <= first <= head:
            headers = self._headers(first, head)
            self._advance(steps, self._checked_logs(headers), headers)

    def _headers(self, first: int, last: int) -> list[Any]:
        headers = self._endpoint.batch(
            [("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)]
        )
        seen = self.cursor.seen
        parent = seen[-1].hash if seen and seen[-1].number == first - 1 else None
        for header in headers:
            if not header or (parent is not None and _word(header, "parentHash") != parent):
                raise _Behind  # not there yet, or on another branch: the next look at the past will tell
            parent = _hash(header)
        return headers

    def _checked_logs(self, headers: Sequence[Any]) -> list[dict[str, Any]]:
        first, last = quantity(member(headers[0], "number")), quantity(member(headers[-1], "number"))
        by_block: dict[Bytes32, list[dict[str, Any]]] = {_hash(header): [] for header in headers}
        for log in fetch_logs(self._endpoint, self._addresses, first, last):
            if _word(log, "blockHash") not in by_block:
                raise _Behind
            by_block[_word(log, "blockHash")].append(log)
        for header in headers:
            if not by_block[_hash(header)] and self._may_hold_ours(header):
                by_block[_hash(header)] = self._logs_of(_hash(header))
        return [log for logs in by_block.values() for log in logs]

    def _logs_of(self, block: Bytes32) -> list[dict[str, Any]]:
        query = {"address": [to_hex(address) for address in self._addresses], "blockHash": to_hex(block)}
        try:
            return logs_in(self._endpoint, self._endpoint.call("eth_getLogs", query), self._addresses)
        except Refusal as refusal:
            raise _Behind from refusal

    def _may_hold_ours(self, header: Any) -> bool:
        bloom = int.from_bytes(hex_bytes(member(header, "logsBloom"), length=256), "big")
        return any(bloom & mask == mask for mask in map(_bloom_mask, self._addresses))

    def _advance(self, steps: list[Read | Reorganised], logs: Sequence[dict[str, Any]], headers: Sequence[Any]) -> None:
        last = quantity(member(headers[-1], "number"))
        steps.append(Read(first=self.cursor.next, last=last, logs=tuple(logs)))
        read = tuple(SeenBlock(number=quantity(member(header, "number")), hash=_hash(header)) for header in headers)
        self.cursor = Cursor(next=last + 1, seen=(self.cursor.seen + read)[-self._depth :])


def _hash(block: Any) -> Bytes32:
    return _word(block, "hash")


def _word(item: Any, name: str) -> Bytes32:
    return Bytes32(hex_bytes(member(item, name), length=32))


def _bloom_mask(address: Address) -> int:
    """Bits that an address sets in a block's log filter (Yellow Paper, section 4.3.1)."""
    digest = keccak256(address)
    return sum({1 << (int.from_bytes(digest[i : i + 2], "big") & 2047) for i in (0, 2, 4)})
