"""The append-only transparency log: one writer, any number of readers, files that a plain web server can serve.

The files lie in a folder or in a database. An append writes entries, then tiles, then the signed checkpoint, each file
whole or not at all. The checkpoint alone
says how long the log is; what a crash left beyond it was never acknowledged and is overwritten by the next append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from concordat.primitives.errors import StorageError, VerificationError
from concordat.primitives.units import OrderId, Timestamp
from concordat.protocol.checkpoint import (
    Checkpoint,
    NoteKey,
    NoteSigner,
    SignedNote,
    sign_checkpoint,
    verified_by,
)
from concordat.protocol.log_keys import FIRST, KeyStatement, Revocation
from concordat.protocol.record import DecisionRecord
from concordat.protocol.tombstone import Tombstone
from concordat.storage.files import write_file
from concordat.storage.log_files import FolderFiles, LogFiles
from concordat.storage.log_reader import Entry, Line, LogEntry, LogReader, line_of, statement_path
from concordat.storage.tiles import WIDTH, Edge, TileReader, entries_path, pack_entries, tile_path

__all__ = ["LogEntry", "LogReader", "TransparencyLog"]


class TransparencyLog(LogReader):
    """The writer's side; opening it verifies every entry.

    Parameters
    ----------
    place : Path or LogFiles
        The log's folder, made if it is not there; or its files opened as their only writer, closed with the log.
    signers : NoteSigner or sequence of NoteSigner
        The log's keys; all of them sign every checkpoint, and the first must have signed the last one.
    keys : sequence of NoteKey, optional
        The log's keys where their secrets are lost: :meth:`change_keys` is all that can be done then.
    write : callable, optional
        Writes one file of a folder durably; fault tests put their own in.

    Raises
    ------
    StorageError
        If another process has it open (``Locked``), or another key signed it (``LogForeign``).
    CorruptionError
        If any file is damaged.
    """

    _edge: Edge
    _tail: list[bytes]
    _stale: bool

    def __init__(
        self,
        place: Path | LogFiles,
        signers: NoteSigner | Sequence[NoteSigner],
        *,
        keys: Sequence[NoteKey] = (),
        write: Callable[[Path, bytes], None] = write_file,
    ) -> None:
        self._signers = (signers,) if isinstance(signers, NoteSigner) else tuple(signers)
        self._files = FolderFiles(place, exclusive=True, write=write) if isinstance(place, Path) else place
        try:
            super().__init__(self._files.read, keys or [signer.key for signer in self._signers])
            self._load()
        except BaseException:
            self.close()
            raise

    def append(self, record: DecisionRecord) -> LogEntry:
        """Log one record; see :meth:`append_all`."""
        return self.append_all([record])[0]

    def append_all(self, records: Sequence[DecisionRecord]) -> tuple[LogEntry, ...]:
        """Log records in the order given, under one new checkpoint; those already logged are found again.

        Raises
        ------
        StorageError
            ``RecordConflict`` if the log holds another record of the same order, ``SequenceGap`` if a record is not the
            next of its model and provider, or if the disk refuses. Nothing of the call is logged then.
        """
        if self._stale:
            self.refresh()
            self._load()
        fresh = self._admit(records)
        if fresh:
            try:
                self._extend(fresh)
            except BaseException:
                self._stale = True  # how far the disk came is read from the disk
                raise
        return tuple(LogEntry(index=self._places[r.order_id], record=r) for r in records)

    def bury(self, tombstones: Sequence[Tombstone]) -> None:
        """Log that private data of records were erased, under one new checkpoint; each record once.

        Raises
        ------
        StorageError
            ``TombstoneMisplaced`` if a tombstone is not about a record of this log, or if the disk refuses. Nothing of
            the call is logged then.
        """
        if self._stale:
            self.refresh()
            self._load()
        fresh = {t.order_id: t for t in tombstones if t.order_id not in self._tombstones}
        for tombstone in fresh.values():
            entry = self.find(tombstone.order_id)
            if entry is None or (entry.index, entry.record.domain) != (tombstone.index, tombstone.domain):
                raise StorageError(
                    "The tombstone is not about a record of this log.",
                    code="TombstoneMisplaced",
                    hint="Take the place of the record from this very log.",
                )
        if fresh:
            try:
                self._extend(list(fresh.values()))
            except BaseException:
                self._stale = True
                raise

    def countersign(self, note: SignedNote) -> None:
        """Publish the current checkpoint with more signatures under it, such as those of witnesses.

        Raises
        ------
        VerificationError
            If it is another checkpoint, or without the log's own signature.
        """
        if note.text != self.note.text or self.key not in verified_by(note, [self.key]):
            raise VerificationError("This is not the log's current checkpoint.", code="WrongCheckpoint")
        self._files.store([("checkpoint", note.encode().encode())])
        self._note = note

    def change_keys(
        self,
        signers: Sequence[NoteSigner],
        *,
        time: Timestamp,
        by: Sequence[NoteSigner] = (),
        recovery: Sequence[NoteKey] = (),
        revoked: Sequence[Revocation] = (),
    ) -> KeyStatement:
        """Let other keys speak for the log from its next entry on, which says so.

        The checkpoint over that entry is signed by the keys before and by the new ones; those after by the new ones
        only.

        Parameters
        ----------
        signers : sequence of NoteSigner
            The new keys; any of the present ones may be among them.
        time : Timestamp
            Now.
        by : sequence of NoteSigner
            Recovery keys, where the present ones are lost or no longer believed.
        recovery : sequence of NoteKey
            Keys that may make the next change if these are lost.
        revoked : sequence of Revocation
            Present keys that others may hold.

        Raises
        ------
        InputError
            If a new key is not the log's.
        StorageError
            If the disk refuses; the keys are unchanged then.
        """
        if self._stale:
            self.refresh()
            self._load()
        before = self.statements()
        statement = KeyStatement(
            origin=self.key.name,
            sequence=len(before) + 1,
            previous=before[-1].statement.hash() if before else FIRST,
            size=self._size,
            root=self._root,
            time=time,
            keys=tuple(signer.key for signer in signers),
            recovery=tuple(recovery),
            revoked=tuple(revoked),
        )
        KeyStatement.decode(statement.encode())
        fresh = [signer for signer in signers if signer.key not in self.keys]
        envelope = statement.seal([*self._signers, *fresh, *by])
        path = statement_path(statement.sequence)
        try:
            self._extend([statement], more_signers=fresh, more_files=[(path, envelope)])
        except BaseException:
            self._stale = True
            raise
        self._signers = tuple(signers)
        self.keys = statement.keys
        return statement

    def close(self) -> None:
        """Let another process write."""
        self._files.close()

    def __enter__(self) -> TransparencyLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _load(self) -> None:
        self.audit()
        self._places, self._lengths, self._known, self._statements = {}, {}, 0, []
        self._tombstones = {}
        self._learn()
        self._edge = Edge.of(self._tiles, self._size)
        start = self._size - self._size % WIDTH
        self._tail = [self._tiles.entry(index) for index in range(start, self._size)]
        self._stale = False

    def _admit(self, records: Iterable[DecisionRecord]) -> list[DecisionRecord]:
        fresh: dict[OrderId, DecisionRecord] = {}
        lengths: dict[Line, int] = {}
        for record in records:
            DecisionRecord.decode(record.encode())
            place = self._places.get(record.order_id)
            known = self.record(place) if place is not None else fresh.get(record.order_id)
            if known is not None:
                if known != record:
                    raise _conflict(record)
                continue
            line = line_of(record)
            expected = lengths.setdefault(line, self._lengths.get(line, 0))
            if record.sequence != expected:
                raise _gap(record, expected)
            lengths[line] += 1
            fresh[record.order_id] = record
        return list(fresh.values())

    def _extend(
        self,
        records: Sequence[Entry],
        *,
        more_signers: Sequence[NoteSigner] = (),
        more_files: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        edge, tail, size = self._edge.copy(), list(self._tail), self._size
        files: list[tuple[str, bytes]] = []
        tiles: list[tuple[str, bytes]] = []
        for record in records:
            tail.append(record.encode())
            for level, data in edge.push(record.leaf()):
                tiles.append((tile_path(level, size >> 8 * (level + 1), WIDTH), data))
            size += 1
            if size % WIDTH == 0:
                files.append((entries_path(size // WIDTH - 1, WIDTH), pack_entries(tail)))
                tail = []
        if tail:
            files.append((entries_path(size // WIDTH, len(tail)), pack_entries(tail)))
        tiles += [(tile_path(level, size >> 8 * (level + 1), len(data) // 32), data) for level, data in edge.partial()]
        note = sign_checkpoint(
            Checkpoint(origin=self.key.name, size=size, root=edge.root()), *self._signers, *more_signers
        )
        self._files.store([*files, *tiles, *more_files, ("checkpoint", note.encode().encode())])
        self._adopt(note, edge, tail, records)
        self._files.prune([path for path, _ in [*files, *tiles] if ".p/" not in path])

    def _adopt(self, note: SignedNote, edge: Edge, tail: list[bytes], records: Sequence[Entry]) -> None:
        first = self._size
        checkpoint = Checkpoint.parse(note.text)
        self._note, self._size, self._root = note, checkpoint.size, checkpoint.root
        self._tiles, self._edge, self._tail = TileReader(self._fetch, self._size), edge, tail
        for offset, record in enumerate(records):
            self._note_place(first + offset, record)
        self._known = self._size


def _conflict(record: DecisionRecord) -> StorageError:
    return StorageError(
        f"The log already holds another record of order 0x{record.order_id.hex()}.",
        code="RecordConflict",
        hint="A log never changes an entry; find out which of the two is right.",
    )


def _gap(record: DecisionRecord, expected: int) -> StorageError:
    return StorageError(
        f"Decision {expected} of this model comes next, not {record.sequence}.",
        code="SequenceGap",
        hint="Log the decisions in the order in which the chain settled them, and leave none out.",
        expected=expected,
    )
