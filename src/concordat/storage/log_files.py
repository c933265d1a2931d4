"""Where a transparency log's files lie: in a folder that a web server can serve, or in a database.

The paths and the bytes are the same in both, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from concordat.storage.files import WriterLock, read_file, write_file
from concordat.storage.sql.open import open_database
from concordat.storage.sql.schema import Database, Schema

__all__ = ["DatabaseFiles", "FolderFiles", "LogFiles", "open_log_files"]

MAX_FILE = 32 * 2**20
SCHEMA = Schema(
    name="log",
    version=1,
    statements=("CREATE TABLE IF NOT EXISTS file (path {text} PRIMARY KEY, data {bytes} NOT NULL)",),
)
"""Table of a log."""
_WRITE = "INSERT INTO file (path, data) VALUES (:path, :data) ON CONFLICT (path) DO UPDATE SET data = excluded.data"
_PRUNE = "DELETE FROM file WHERE path >= :first AND path < :end"


class LogFiles(Protocol):
    """Files of one log, by their paths below its URL."""

    def read(self, path: str) -> bytes | None:
        """Bytes of one file; ``None`` if there is none."""
        ...

    def store(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write files durably, each whole, and none before those that come before it."""
        ...

    def prune(self, paths: Iterable[str]) -> None:
        """Forget the partial files of full ones; failing to do so harms nobody."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class FolderFiles:
    """A folder.

    Parameters
    ----------
    root : Path
        The folder; made when first written to.
    exclusive : bool
        Whether to be its only writer.
    write : callable
        Writes one file durably; fault tests put their own in.
    """

    def __init__(
        self, root: Path, *, exclusive: bool = False, write: Callable[[Path, bytes], None] = write_file
    ) -> None:
        self._root, self._write = root, write
        self._lock = WriterLock(root / "lock") if exclusive else None

    def read(self, path: str) -> bytes | None:
        """Bytes of one file."""
        return read_file(self._root / path, limit=MAX_FILE)

    def store(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write one file after the other."""
        for path, data in files:
            self._write(self._root / path, data)

    def prune(self, paths: Iterable[str]) -> None:
        """Delete the folders of partial files."""
        for path in paths:
            folder = self._root / f"{path}.p"
            try:
                for partial in folder.iterdir():
                    partial.unlink()
                folder.rmdir()
            except OSError:
                continue

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            self._lock.release()


class DatabaseFiles:
    """A table in a database; several files are written in one transaction.

    Parameters
    ----------
    database : Database
        Opened with :data:`SCHEMA`.
    on_write : callable, optional
        Called with a name before and after every write; fault tests kill the process there.
    """

    def __init__(self, database: Database, *, on_write: Callable[[str], None] = lambda _: None) -> None:
        self._database, self._on_write = database, on_write

    def read(self, path: str) -> bytes | None:
        """Bytes of one file."""
        rows = self._database.execute("SELECT data FROM file WHERE path = :path", {"path": path})
        return rows[0][0] if rows else None

    def store(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write all of them or none."""
        self._on_write("before files")
        with self._database.transaction():
            for path, data in files:
                self._database.execute(_WRITE, {"path": path, "data": data})
        self._on_write("after files")

    def prune(self, paths: Iterable[str]) -> None:
        """Delete partial files."""
        for path in paths:
            self._database.execute(_PRUNE, {"first": f"{path}.p/", "end": f"{path}.p0"})

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def open_log_files(
    place: Path | str, *, exclusive: bool = False, on_write: Callable[[str], None] = lambda _: None
) -> LogFiles:
    """Files of a log in a folder, or in a database by URL (`concordat.storage.sql.open.open_database`).

    Parameters
    ----------
    exclusive : bool
        Whether to be its only writer.
    on_write : callable, optional
        As for `DatabaseFiles`.
    """
    if isinstance(place, Path):
        return FolderFiles(place, exclusive=exclusive)
    return DatabaseFiles(open_database(place, SCHEMA, name="log", exclusive=exclusive), on_write=on_write)
