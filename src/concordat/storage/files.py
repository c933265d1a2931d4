"""Whole files or none: durable, atomic writes, and one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from concordat.primitives.errors import StorageError

__all__ = ["WriterLock", "read_file", "sync_directory", "write_file"]


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Put `data` at `path`, durably; after a crash the file holds the old bytes or the new ones.

    Raises
    ------
    StorageError
        If the disk is full or refuses; the old file is still there.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
        sync_directory(path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_file(path: Path, *, limit: int) -> bytes | None:
    """Bytes of a file, ``None`` if there is none.

    Raises
    ------
    StorageError
        If it cannot be read, or is longer than `limit`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", code="Unreadable") from error
    if len(data) > limit:
        raise StorageError(f"{path} is longer than the {limit} bytes allowed here.", code="TooLarge")
    return data


def sync_directory(path: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WriterLock:
    """Advisory lock that the kernel releases when its process dies."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StorageError(
                f"Another process is writing to {path.parent}.",
                code="Locked",
                hint="One log or journal has one writer; stop the other process, or use another folder.",
            ) from error

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _refused(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}.",
        code="DiskRefused",
        hint="Free space or fix permissions, then try again; nothing that was acknowledged is lost.",
    )
