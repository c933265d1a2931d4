"""From a ledger's events to the index: read on from where it stands, notice when history has changed, begin anew.

Any number of processes may do this on one index: each batch is written only by who read on from where the index stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment
from concordat.chain.events import Cursor, EventFollower, Read, Reorganised, SeenBlock
from concordat.chain.logs import block_times
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import EndpointError, InputError
from concordat.primitives.units import Address, Bytes32, Timestamp
from concordat.protocol.ledger import Ledger
from concordat.storage.index.chain_index import Block, ChainIndex, Progress
from concordat.storage.index.happening import Happening

__all__ = ["ChainIndexer", "IndexedLedger", "Indexer", "LedgerIndexer", "happenings_in", "indexed_contracts"]

DEPTH = 128
"""Blocks that can be taken back; after a deeper re-organisation the index is built anew."""
MOST_EVENTS = 20_000
"""Events of one batch, about."""
FIRST_BLOCKS = 2_000
"""Blocks of the first batch; later ones are as wide as the events are rare."""
WIDEST = 200_000
"""Most blocks of a batch."""
SHORT_LOOKS = 3
"""Looks in a row that find the chain shorter than the index before that counts: an endpoint may just be behind."""
Report = Callable[[int, int], None]
"""Gets the number of events read so far and the next block."""


class IndexedLedger(Protocol):
    """What is indexed: an `EvmLedger`, or whatever else has its events."""

    @property
    def endpoint(self) -> Endpoint:
        """The chain."""
        ...

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are."""
        ...

    def head(self) -> int:
        """Number of the latest block."""
        ...


class Indexer(Protocol):
    """Keeps an index up to date."""

    index: ChainIndex

    def update(self, report: Report = lambda *_: None) -> int:
        """Read on to the head; returns how many events were read."""
        ...


class ChainIndexer:
    """Indexes a deployment on an EVM chain.

    Parameters
    ----------
    ledger : IndexedLedger
        The chain and the deployment.
    index : ChainIndex
        Where to.
    confirmations : int
        Newest blocks that are not indexed yet.
    depth : int
        Blocks that can be taken back.
    """

    def __init__(self, ledger: IndexedLedger, index: ChainIndex, *, confirmations: int = 0, depth: int = DEPTH) -> None:
        self.index = index
        self._ledger, self._confirmations, self._depth = ledger, confirmations, depth
        self._names = indexed_contracts(ledger.deployment)
        self._most_blocks = FIRST_BLOCKS
        self._short = 0

    def update(self, report: Report = lambda *_: None) -> int:
        """Read on to the head, over any re-organisation.

        Raises
        ------
        EndpointError
            If the endpoint fails, or its events contradict each other; what was indexed before stays.
        """
        count = 0
        while True:
            progress = self.index.progress()
            follower = self._follower(progress)
            steps = follower.poll()
            if not steps:
                break
            found = [self._read(step) for step in steps]
            if self._write(progress, steps, found, follower.cursor.seen):
                count += sum(map(len, found))
                report(count, follower.cursor.next)
            self._widen(max(map(len, found)))
        if count > MOST_EVENTS:
            self.index.measure()
        self._shorten(progress)
        return count

    def _follower(self, progress: Progress) -> EventFollower:
        seen = tuple(SeenBlock(number=block.number, hash=Bytes32(block.hash)) for block in progress.seen)
        return EventFollower(
            self._ledger.endpoint,
            self._names,
            start=self.index.start,
            cursor=Cursor(next=progress.next, seen=seen),
            confirmations=self._confirmations,
            depth=self._depth,
            most_blocks=self._most_blocks,
        )

    def _read(self, step: Read | Reorganised) -> list[Happening]:
        if isinstance(step, Reorganised):
            return []
        times = block_times(self._ledger.endpoint, step.logs)
        return happenings_in(step.logs, times, self._names)

    def _write(
        self,
        progress: Progress,
        steps: Sequence[Read | Reorganised],
        found: Sequence[list[Happening]],
        seen: Sequence[SeenBlock],
    ) -> bool:
        """Write what was read, unless another process was faster."""
        with self.index.changing(progress) as mine:
            if not mine:
                return False
            for step, happenings in zip(steps, found, strict=True):
                if isinstance(step, Reorganised):
                    if self.index.go_back(step.block) < step.block:
                        return False  # begun anew: everything is to be read again
                    continue
                blocks = [Block(block.number, block.hash) for block in seen if block.number <= step.last]
                near = any(block.number == step.first for block in blocks)
                self.index.apply(happenings, upto=step.last, seen=blocks, undoable=near)
        return True

    def _widen(self, events: int) -> None:
        """Fit the number of blocks of a batch to what is in them."""
        if events > MOST_EVENTS:
            self._most_blocks = max(self._most_blocks // 2, 1)
        elif events < MOST_EVENTS // 3:
            self._most_blocks = min(self._most_blocks * 2, WIDEST)

    def _shorten(self, progress: Progress) -> None:
        """A chain that lost its newest blocks and has not mined others yet: a restarted one that was cut off."""
        head = self._ledger.head()
        self._short = self._short + 1 if head + 1 < progress.next else 0
        if self._short >= SHORT_LOOKS:
            self._short = 0
            with self.index.changing(progress) as mine:
                if mine:
                    self.index.go_back(head + 1)


class LedgerIndexer:
    """Indexes a ledger whose history does not change: that of ``memory://``, with what market, vault and court say."""

    def __init__(self, ledger: Ledger, index: ChainIndex) -> None:
        self.index = index
        self._ledger = ledger

    def update(self, report: Report = lambda *_: None) -> int:
        """Read on to the head."""
        progress, head = self.index.progress(), self._ledger.head()
        if head < progress.next:
            return 0
        found = [Happening.of(placed) for placed in self._ledger.events(start=progress.next, end=head)]
        with self.index.changing(progress) as mine:
            if mine:
                self.index.apply(found, upto=head, seen=(), undoable=False)
        report(len(found), head + 1)
        return len(found)


def indexed_contracts(deployment: Deployment) -> dict[Address, str]:
    """Contracts whose events are indexed, by address."""
    return {
        deployment.vault: "Vault",
        deployment.market: "Market",
        deployment.court: "Court",
        deployment.replication: "Replication",
        deployment.artifacts: "Artifacts",
        deployment.agents: "Agents",
    }


def happenings_in(logs: Sequence[dict[str, Any]], times: dict[str, int], names: dict[Address, str]) -> list[Happening]:
    """Logs of these contracts as the index reads them.

    Raises
    ------
    EndpointError
        If a log cannot be read.
    """
    found = []
    for log in logs:
        try:
            name = names[Address(from_hex(log["address"]))]
            event = contract(name).log([from_hex(topic, length=32) for topic in log["topics"]], from_hex(log["data"]))
            if event is None:
                continue
            topic = f"{name}.{event[0]}" if name in ("Artifacts", "Agents") else event[0]
            found.append(
                Happening(
                    topic,
                    event[1],
                    int(log["blockNumber"], 16),
                    int(log["logIndex"], 16),
                    Timestamp(times[log["blockNumber"]]),
                    Bytes32(from_hex(log["transactionHash"], length=32)),
                )
            )
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise EndpointError("The endpoint sent a malformed log.", code="EndpointGarbage") from error
    return found
