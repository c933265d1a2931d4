"""Which indices of a stateful signing key have been promised to a message: written down before anything is signed.

The book is one file that only grows: a head that names the key, then one entry of 40 bytes per index. An entry is on
the disk, synchronised, before its index is handed out. So whatever happens to the process or the machine, no index
serves two messages; at worst one that was reserved is never used.

What no file can know is what a *newer copy of itself* has promised. Three things tell: a mark beside the book says how
far it ever came, so that an older book put in its place goes on from there; the head carries the file's identity on
its disk, so that one that was moved to another disk or machine refuses until somebody says how far to jump
(:meth:`IndexBook.adopt`); and the chain counts what was used (:meth:`IndexBook.check`). A whole machine that was set
back has none but the last: rotate its keys.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from concordat.primitives.errors import CorruptionError, InputError, StorageError
from concordat.storage.files import WriterLock, read_file, sync_directory, write_file

__all__ = ["IndexBook", "SharedIndexBook", "disown_copy"]

MAGIC = b"concordat indices 1\n"
KEY_BYTES = 32
"""SHA-256 of the public key."""
HEAD = len(MAGIC) + KEY_BYTES + 4 + 16 + 4
"""Magic, key, capacity, device and inode, check."""
ENTRY = 4 + 32 + 4
"""Index, digest, check."""
SKIPPED = bytes(32)
"""Digest of an entry that only moves the next index on."""


class IndexBook:
    """Reservations of one key; one process at a time holds it.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.
    public : bytes
        The public key that it counts for.
    capacity : int
        Indices of the key.
    write : callable, optional
        Appends bytes durably; fault tests put their own in.

    Raises
    ------
    StorageError
        ``Locked`` if another process holds it, ``IndexCopied`` if the file was copied or restored, ``DiskRefused``.
    CorruptionError
        If the file is damaged, or counts for another key.
    """

    def __init__(
        self, path: Path, public: bytes, capacity: int, *, write: Callable[[int, bytes], None] | None = None
    ) -> None:
        self._path, self._key, self._capacity = path, sha256(public).digest(), capacity
        self._write = write or _append
        self._mutex = threading.Lock()
        self._mark = path.with_name(path.name + ".mark")
        self._lock = WriterLock(path.with_name(path.name + ".lock"))
        self._digests: dict[int, bytes] = {}
        self._next = 0
        try:
            self._file = self._open()
        except BaseException:
            self._lock.release()
            raise

    @property
    def next(self) -> int:
        """The lowest index that may be reserved."""
        return self._next

    @property
    def left(self) -> int:
        """Indices that are not promised yet."""
        return self._capacity - self._next

    def reserve(self, index: int, digest: bytes) -> None:
        """Promise an index to a digest; on return it is on the disk. The same promise again is none.

        Parameters
        ----------
        index : int
            The next one or a later one; those between are given up.
        digest : bytes
            32 bytes: what is going to be signed.

        Raises
        ------
        StorageError
            ``IndexReserved`` if the index or a later one is promised to something else, or the disk refuses.
        InputError
            ``KeyExhausted`` if the key has no such index.
        """
        with self._mutex:
            if self._digests.get(index) == digest:
                return
            if index >= self._capacity:
                raise InputError(
                    f"The key has {self._capacity} indices, none at {index}.",
                    code="KeyExhausted",
                    hint="Rotate to a new key: concordat account rotate",
                )
            if index < self._next:
                raise StorageError(
                    f"Index {index} is promised already, or was passed over.",
                    code="IndexReserved",
                    hint="Sign under the next index; two messages under one index give the key away.",
                    next=self._next,
                )
            self._record(index, digest)

    def promised(self, index: int) -> bytes | None:
        """Digest that an index is promised to."""
        digest = self._digests.get(index)
        return None if digest == SKIPPED else digest

    def check(self, used: int) -> None:
        """Compare with the number of indices that the chain has seen used or passed over.

        Raises
        ------
        StorageError
            ``IndexBehind`` if the chain knows more than this file: it is an old copy.
        """
        if used > self._next:
            raise StorageError(
                f"The chain has seen {used} indices of this key, the file {self._path.name} knows {self._next}.",
                code="IndexBehind",
                hint="An old copy: rotate the key with another signer, or jump far enough (concordat account adopt).",
                used=used,
                known=self._next,
            )

    def skip(self, index: int) -> None:
        """Give up all indices below one."""
        with self._mutex:
            if index > self._next:
                self._record(index - 1, SKIPPED)

    @classmethod
    def adopt(cls, path: Path, public: bytes, capacity: int, *, next_index: int) -> None:
        """Make a copied or restored file usable again, with everything below an index given up.

        The caller answers for it that no copy of the key has signed, or will sign, at or above that index.

        Raises
        ------
        InputError
            If the index is not beyond what the file itself knows, or beyond the key.
        """
        known, _ = _read(path, sha256(public).digest(), capacity)
        least = max(max(known, default=-1) + 1, _read_mark(path.with_name(path.name + ".mark"))) + 1
        if not least <= next_index < capacity:
            raise InputError(
                f"The next index must be from {least} to {capacity - 1}.",
                code="BadIndex",
                hint="Jump over everything that may have been signed since the copy was made.",
            )
        lock = WriterLock(path.with_name(path.name + ".lock"))
        try:
            path.replace(path.with_name(path.name + ".old"))
            _create(path, sha256(public).digest(), capacity)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            try:
                _append(descriptor, _entry(next_index - 1, SKIPPED))
            finally:
                os.close(descriptor)
        finally:
            lock.release()

    def close(self) -> None:
        """Let another process hold it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._lock.release()

    def __enter__(self) -> IndexBook:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _open(self) -> int:
        if not self._path.exists():
            _create(self._path, self._key, self._capacity)
        self._digests, whole = _read(self._path, self._key, self._capacity)
        self._next = max(max(self._digests, default=-1) + 1, _read_mark(self._mark))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            if not _is_original(self._path, descriptor):
                raise StorageError(
                    f"{self._path.name} was copied or restored: what was signed since is not in it.",
                    code="IndexCopied",
                    hint="Rotate the key with another signer, or jump far enough: concordat account adopt",
                )
            if os.fstat(descriptor).st_size > whole:  # cut off while it was written: nothing was promised by it
                os.ftruncate(descriptor, whole)
                os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _record(self, index: int, digest: bytes) -> None:
        mark = (index + 1).to_bytes(4, "big")
        write_file(self._mark, mark + _check(mark))
        self._write(self._file, _entry(index, digest))
        self._digests[index] = digest
        self._next = index + 1


class SharedIndexBook:
    """A book that is opened for each question and promise only, so that several processes can take turns.

    Parameters are those of `IndexBook`; so are the errors, ``Locked`` among them if two ask at once.
    """

    def __init__(self, path: Path, public: bytes, capacity: int) -> None:
        self._path, self._public, self._capacity = path, public, capacity

    def _open(self) -> IndexBook:
        return IndexBook(self._path, self._public, self._capacity)

    @property
    def next(self) -> int:
        """The lowest index that may be reserved."""
        with self._open() as book:
            return book.next

    def reserve(self, index: int, digest: bytes) -> None:
        """Promise an index to a digest, durably, or refuse."""
        with self._open() as book:
            book.reserve(index, digest)

    def check(self, used: int) -> None:
        """Raise if the chain has seen more indices than the book."""
        with self._open() as book:
            book.check(used)


def disown_copy(path: Path) -> None:
    """Make a file that was just restored known as a copy, whatever place on the disk it got; others are left alone.

    A disk gives the place of a deleted file to the next one, so that the copy may look like the original.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD)
        if len(head) == HEAD and head.startswith(MAGIC) and _check(head[:-4]) == head[-4:]:
            body = head[:-20] + bytes(16)
            file.seek(0)
            file.write(body + _check(body))
            file.flush()
            os.fsync(file.fileno())


def _create(path: Path, key: bytes, capacity: int) -> None:
    """A new file, at its place only once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        body = MAGIC + key + capacity.to_bytes(4, "big") + _identity(descriptor)
        _append(descriptor, body + _check(body))
    finally:
        os.close(descriptor)
    os.replace(new, path)
    sync_directory(path.parent)


def _read(path: Path, key: bytes, capacity: int) -> tuple[dict[int, bytes], int]:
    """Entries, and how many bytes of the file are whole."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", code="Unreadable") from error
    head = data[:HEAD]
    if len(head) < HEAD or not head.startswith(MAGIC) or _check(head[:-4]) != head[-4:]:
        raise _damaged(path)
    if head[len(MAGIC) :][:KEY_BYTES] != key or int.from_bytes(head[len(MAGIC) + KEY_BYTES :][:4], "big") != capacity:
        raise CorruptionError(f"{path} counts for another key.", code="IndexForeign", hint="Name the key's own file.")
    entries: dict[int, bytes] = {}
    at = HEAD
    while len(data) - at >= ENTRY:
        entry = data[at : at + ENTRY]
        index = int.from_bytes(entry[:4], "big")
        if _check(entry[:-4]) != entry[-4:] or index >= capacity or index <= max(entries, default=-1):
            raise _damaged(path)
        entries[index] = entry[4:36]
        at += ENTRY
    return entries, at


def _read_mark(path: Path) -> int:
    data = read_file(path, limit=8)
    if data is None:
        return 0
    if len(data) != 8 or _check(data[:4]) != data[4:]:
        raise _damaged(path)
    return int.from_bytes(data[:4], "big")


def _is_original(path: Path, descriptor: int) -> bool:
    with path.open("rb") as file:
        return file.read(HEAD)[-20:-4] == _identity(descriptor)


def _identity(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    return (status.st_dev % 2**64).to_bytes(8, "big") + (status.st_ino % 2**64).to_bytes(8, "big")


def _entry(index: int, digest: bytes) -> bytes:
    body = index.to_bytes(4, "big") + digest
    return body + _check(body)


def _check(body: bytes) -> bytes:
    return sha256(body).digest()[:4]


def _append(descriptor: int, data: bytes) -> None:
    """Write and synchronise; what a full disk left half-written is taken back."""
    start = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(28, os.strerror(28))
        os.fsync(descriptor)
    except OSError as error:
        os.ftruncate(descriptor, start)
        raise StorageError(
            f"The index could not be written down: {error.strerror}.",
            code="DiskRefused",
            hint="Free space, then try again; nothing was signed.",
        ) from error


def _damaged(path: Path) -> CorruptionError:
    return CorruptionError(
        f"{path} is damaged.",
        code="IndexDamaged",
        hint="Do not sign with this key any more: rotate it with another signer.",
    )
