"""Bytes under their digest (or under a 32-byte name that somebody else's hash defines), checked when read.

The file of a named blob carries the SHA-256 of its bytes in front, so that bit rot shows for both kinds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from concordat.primitives.errors import CorruptionError, InputError, NotFoundError, StorageError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32
from concordat.storage.files import read_file, sync_directory, write_file

__all__ = ["DEFAULT_LIMIT", "ContentStore", "LocalContent"]

DEFAULT_LIMIT = 256 * 2**20
"""Largest blob, in bytes, unless a store is made with another limit."""


class ContentStore(Protocol):
    """What the platform needs of a blob store; a folder, an object store or IPFS can stand behind it."""

    def put(self, data: bytes) -> Bytes32:
        """Keep `data`; returns its SHA-256."""
        ...

    def get(self, digest: bytes) -> bytes:
        """Bytes with that SHA-256; `NotFoundError` if there are none."""
        ...

    def has(self, digest: bytes) -> bool:
        """Whether :meth:`get` would find them."""
        ...

    def put_named(self, key: bytes, data: bytes) -> None:
        """Keep `data` under a 32-byte name; who reads it checks that it belongs there."""
        ...

    def get_named(self, key: bytes) -> bytes:
        """Bytes under a name; `NotFoundError` if there are none."""
        ...


class LocalContent:
    """A folder of blobs: ``sha256/ab/abcd…`` by digest, ``named/ab/abcd…`` by name.

    Parameters
    ----------
    root : Path
        Folder; made when first written to.
    limit : int
        Largest blob in bytes.
    """

    def __init__(self, root: Path, *, limit: int = DEFAULT_LIMIT) -> None:
        self._root = root
        self._limit = limit

    def put(self, data: bytes) -> Bytes32:
        """Keep `data` durably; returns its SHA-256. Putting it again changes nothing, and repairs a damaged copy.

        Raises
        ------
        InputError
            If it is larger than the limit.
        StorageError
            If the disk refuses; nothing is lost.
        """
        self._check_size(data)
        digest = sha256(data)
        path = self._path("sha256", digest)
        if self._read(path, self._limit) != data:
            write_file(path, data)
        return digest

    def get(self, digest: bytes) -> bytes:
        """Bytes with that SHA-256.

        Raises
        ------
        NotFoundError
            If there are none.
        CorruptionError
            If the bytes on disk have another digest; names the file.
        """
        path = self._path("sha256", digest)
        data = self._read(path, self._limit)
        if data is None:
            raise _missing(digest)
        if sha256(data) != digest:
            raise _corrupt(path)
        return data

    def has(self, digest: bytes) -> bool:
        """Whether there is a file for that digest."""
        return self._path("sha256", digest).is_file()

    def put_named(self, key: bytes, data: bytes) -> None:
        """Keep `data` durably under a 32-byte name, in place of what was there; errors as for :meth:`put`."""
        self._check_size(data)
        write_file(self._path("named", key), sha256(data) + data)

    def get_named(self, key: bytes) -> bytes:
        """Bytes under a name; errors as for :meth:`get`."""
        path = self._path("named", key)
        stored = self._read(path, self._limit + 32)
        if stored is None:
            raise _missing(key)
        if len(stored) < 32 or sha256(stored[32:]) != stored[:32]:
            raise _corrupt(path)
        return stored[32:]

    def erase(self, digest: bytes) -> None:
        """Delete a blob durably; missing ones are no error."""
        path = self._path("sha256", digest)
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_directory(path.parent)
        except OSError as error:
            raise StorageError(f"{path} cannot be deleted: {error.strerror}.", code="DiskRefused") from error

    def _path(self, kind: str, key: bytes) -> Path:
        if len(key) != 32:
            raise InputError(f"Content is kept under 32 bytes, not {len(key)}.", code="BadContentKey")
        return self._root / kind / key.hex()[:2] / key.hex()

    def _check_size(self, data: bytes) -> None:
        if len(data) > self._limit:
            raise InputError(
                f"{len(data)} bytes are more than this store takes ({self._limit}).",
                code="ContentTooLarge",
                hint="Split it, or open the store with a higher limit.",
            )

    def _read(self, path: Path, limit: int) -> bytes | None:
        try:
            return read_file(path, limit=limit)
        except StorageError as error:
            if error.code == "TooLarge":
                raise _corrupt(path) from error
            raise


def _missing(key: bytes) -> NotFoundError:
    return NotFoundError(f"There is no content under 0x{key.hex()}.", code="ContentMissing")


def _corrupt(path: Path) -> CorruptionError:
    return CorruptionError(
        f"{path} does not hold what was put there.",
        code="ContentCorrupt",
        hint="Delete the file and put the content again from its source or a backup.",
    )
