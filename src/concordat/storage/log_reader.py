"""Reading a published log: records, proofs and audits, from a folder or from any place that serves its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from concordat.primitives.errors import CorruptionError, NotFoundError, StorageError, VerificationError
from concordat.primitives.units import Address, Bytes32, ModelId, OrderId
from concordat.protocol.checkpoint import (
    Checkpoint,
    InclusionProof,
    NoteKey,
    SignedNote,
    verified_by,
)
from concordat.protocol.log_keys import KeyStatement, SignedStatement, is_statement, pack_statements
from concordat.protocol.order import Domain
from concordat.protocol.record import DecisionRecord
from concordat.protocol.tombstone import LoggedTombstone, Tombstone, is_tombstone
from concordat.protocol.transparency import EMPTY_ROOT, consistency_proof, inclusion_proof, verify_inclusion
from concordat.storage.log_files import FolderFiles
from concordat.storage.tiles import WIDTH, Edge, TileReader, tile_path

__all__ = ["Entry", "Line", "LogEntry", "LogReader", "line_of", "statement_path"]

Fetch: TypeAlias = Callable[[str], bytes | None]
Entry: TypeAlias = DecisionRecord | KeyStatement | Tombstone
"""Whatever a log keeps."""
Line: TypeAlias = tuple[int, Address, ModelId, Address]
"""What a sequence counts: chain, market, model, provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A record and its place."""

    index: int
    """Zero-based place in the log."""
    record: DecisionRecord
    """The record."""


class LogReader:
    """Everything one can ask a published log; answers are checked against the checkpoint before they are given.

    Parameters
    ----------
    source : Path or callable
        The log's folder, or a function from a path below its URL to bytes (``None`` if there is nothing).
    keys : NoteKey or sequence of NoteKey
        The log's keys; their name is the origin. The first must have signed whatever is read; which of the others must
        have, verifiers decide by their trust roots.
    """

    _note: SignedNote | None

    def __init__(self, source: Path | Fetch, keys: NoteKey | Sequence[NoteKey]) -> None:
        self._fetch = FolderFiles(source).read if isinstance(source, Path) else source
        self.keys = (keys,) if isinstance(keys, NoteKey) else tuple(keys)
        self._statements: list[int] = []
        self._size, self._root, self._note = 0, EMPTY_ROOT, None
        self._tiles = TileReader(self._fetch, 0)
        self._places: dict[OrderId, int] = {}
        self._tombstones: dict[OrderId, int] = {}
        self._lengths: dict[Line, int] = {}
        self._known = 0
        self.refresh()

    def refresh(self) -> None:
        """Read the checkpoint again.

        Raises
        ------
        CorruptionError
            If it is damaged, or shorter than one that was read before.
        StorageError
            If another key signed it.
        """
        note = _read_note(self._fetch, self.key)
        checkpoint = Checkpoint.parse(note.text) if note else Checkpoint(origin=self.key.name, size=0, root=EMPTY_ROOT)
        if checkpoint.size < self._size:
            raise CorruptionError(
                f"The log shrank from {self._size} to {checkpoint.size} entries.",
                code="LogShrank",
                hint="Keep both checkpoints: together they show that the log is not append-only.",
            )
        self._note, self._size, self._root = note, checkpoint.size, checkpoint.root
        self._tiles = TileReader(self._fetch, self._size)

    @property
    def key(self) -> NoteKey:
        """The first of the log's keys."""
        return self.keys[0]

    @property
    def size(self) -> int:
        """Entries under the checkpoint last read."""
        return self._size

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint last read."""
        return Checkpoint(origin=self.key.name, size=self._size, root=self._root)

    @property
    def note(self) -> SignedNote:
        """The signed checkpoint last read; `NotFoundError` while the log is empty."""
        if self._note is None:
            raise NotFoundError("The log has no entries yet.", code="LogEmpty")
        return self._note

    def record(self, index: int) -> DecisionRecord:
        """One record.

        Raises
        ------
        NotFoundError
            If the log is shorter, or has a statement about its keys or a tombstone there.
        CorruptionError
            If its file is damaged.
        """
        entry = self._entry(index)
        if not isinstance(entry, DecisionRecord):
            raise NotFoundError(f"Entry {index} is no record of a decision.", code="RecordMissing")
        return entry

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
        """Records among the entries ``start … stop`` (half-open; default: all)."""
        for index in range(start, self._size if stop is None else min(stop, self._size)):
            entry = self._entry(index)
            if isinstance(entry, DecisionRecord):
                yield LogEntry(index=index, record=entry)

    def statements(self) -> tuple[SignedStatement, ...]:
        """Every change of the log's keys, with its place under the current checkpoint.

        Raises
        ------
        CorruptionError
            If a statement's signatures are missing.
        """
        self._learn()
        return tuple(self._statement(number, index) for number, index in enumerate(self._statements, start=1))

    def _statement(self, number: int, index: int) -> SignedStatement:
        envelope = self._fetch(statement_path(number))
        if envelope is None:
            raise self._lost(statement_path(number))
        path = inclusion_proof(self._tiles.node, index, self._size)
        return SignedStatement(envelope=envelope, path=path)

    def tombstone(self, order: OrderId) -> LoggedTombstone | None:
        """What says that an order's private data were erased, with its proof; ``None`` if nothing does."""
        self._learn()
        index = self._tombstones.get(order)
        if index is None:
            return None
        entry = self._entry(index)
        assert isinstance(entry, Tombstone), "noted as one"
        return LoggedTombstone(tombstone=entry, inclusion=self._prove(index, entry.leaf()).encode())

    def _entry(self, index: int) -> Entry:
        if not 0 <= index < self._size:
            raise NotFoundError(f"The log has {self._size} entries, none at {index}.", code="RecordMissing")
        return _decode(self._tiles.entry(index), index)

    def find(self, order: OrderId) -> LogEntry | None:
        """The record of an order."""
        self._learn()
        index = self._places.get(order)
        return None if index is None else LogEntry(index=index, record=self.record(index))

    def next_sequence(self, domain: Domain, model: ModelId, provider: Address) -> int:
        """Number of records of a model and provider on a market, which is the next one's sequence."""
        self._learn()
        return self._lengths.get((domain.chain_id, domain.market, model, provider), 0)

    def prove(self, index: int) -> InclusionProof:
        """Portable proof of one record under the current checkpoint; `NotFoundError` if there is no such record."""
        return self._prove(index, self.record(index).leaf())

    def _prove(self, index: int, leaf: Bytes32) -> InclusionProof:
        path = inclusion_proof(self._tiles.node, index, self._size)
        try:
            verify_inclusion(leaf, index, self._size, path, self._root)
        except VerificationError as error:
            raise self._culprit() from error
        return InclusionProof(index=index, path=path, note=self.note, extra=pack_statements(self.statements()))

    def consistency(self, old: int, new: int | None = None) -> tuple[Bytes32, ...]:
        """Proof that the log's first `old` entries are a prefix of its first `new` (default: all)."""
        later = self._size if new is None else new
        if not 0 <= old <= later <= self._size:
            raise NotFoundError(f"The log has {self._size} entries.", code="RecordMissing")
        return consistency_proof(self._tiles.node, old, later)

    def audit(self) -> None:
        """Read every file and compare it with the checkpoint; `CorruptionError` names the first that is damaged."""
        edge, counts = Edge(), [0] * 8
        for index in range(self._size):
            self._entry(index)
            for level, data in edge.push(self._tiles.hashes(0, index // WIDTH)[index % WIDTH]):
                self._compare(tile_path(level, counts[level], WIDTH), data)
                counts[level] += 1
        for level, data in edge.partial():
            self._compare(tile_path(level, counts[level], len(data) // 32), data)
        if edge.root() != self._root:
            raise self._lost("checkpoint")

    def _compare(self, path: str, data: bytes) -> None:
        stored = self._fetch(path)
        if stored is None and ".p/" in path:
            stored = self._fetch(path.partition(".p/")[0])
        if stored is None or stored[: len(data)] != data:
            raise self._lost(path)

    def _culprit(self) -> CorruptionError:
        try:
            self.audit()
        except CorruptionError as error:
            return error
        return self._lost("checkpoint")

    def _lost(self, path: str) -> CorruptionError:
        return CorruptionError(
            f"The log's file {path} does not fit the others.",
            code="LogCorrupt",
            hint="Restore the log's folder from a backup or a mirror; do not append before.",
            file=path,
        )

    def _learn(self) -> None:
        for index in range(self._known, self._size):
            self._note_place(index, self._entry(index))
        self._known = self._size

    def _note_place(self, index: int, record: Entry) -> None:
        if isinstance(record, Tombstone):
            self._tombstones.setdefault(record.order_id, index)
            return
        if isinstance(record, KeyStatement):
            self._statements.append(index)
            return
        self._places.setdefault(record.order_id, index)
        line = line_of(record)
        self._lengths[line] = self._lengths.get(line, 0) + 1


def line_of(record: DecisionRecord) -> Line:
    """The line of decisions that a record belongs to."""
    return record.chain_id, record.market, record.model, record.provider


def _read_note(fetch: Fetch, key: NoteKey) -> SignedNote | None:
    data = fetch("checkpoint")
    if data is None:
        return None
    try:
        note = SignedNote.parse(data.decode())
        signed = key in verified_by(note, [key]) and Checkpoint.parse(note.text).origin == key.name
    except (VerificationError, UnicodeDecodeError) as error:
        raise CorruptionError(
            "The log's file checkpoint is damaged.",
            code="LogCorrupt",
            hint="Restore it from a backup, a mirror or a witness; do not append before.",
            file="checkpoint",
        ) from error
    if not signed:
        raise StorageError(
            f"The log is not signed by {key.name}.",
            code="LogForeign",
            hint="Open it with the key that it was made with.",
        )
    return note


def statement_path(number: int) -> str:
    """Where the signatures of a log's change of keys lie; the first is number 1."""
    return f"keys/{number}"


def _decode(entry: bytes, index: int) -> Entry:
    try:
        if is_tombstone(entry):
            return Tombstone.decode(entry)
        if is_statement(entry):
            return KeyStatement.decode(entry)
        return DecisionRecord.decode(entry)
    except VerificationError as error:
        raise CorruptionError(
            f"Entry {index} is neither a decision record nor a statement about keys nor a tombstone.",
            code="LogCorrupt",
        ) from error
