"""A folder of small files through which one process asks another for something, each whole or not there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from concordat.primitives.errors import StorageError
from concordat.primitives.wire import parse_json
from concordat.storage.files import read_file, sync_directory, write_file

__all__ = ["Spool"]

MOST_BYTES = 65_536
MOST_WAITING = 100_000


class Spool:
    """Requests that wait.

    Parameters
    ----------
    folder : Path
        Made with the first request.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, request: dict[str, Any], *, name: str | None = None) -> None:
        """Leave a request, durably; asking again under the same name is asking once.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        write_file(self._folder / f"{name or secrets.token_hex(16)}.json", json.dumps(request, sort_keys=True).encode())

    def waiting(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Name and content of each request; ``None`` for one that is no JSON object."""
        for path in sorted(self._folder.glob("*.json"))[:MOST_WAITING]:
            yield path.stem, _read(path)

    def done(self, name: str) -> None:
        """Take a request away; a missing one is no error."""
        try:
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            if self._folder.is_dir():
                sync_directory(self._folder)
        except OSError as error:
            raise StorageError(f"A request cannot be taken away: {error.strerror}.", code="DiskRefused") from error


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = parse_json(read_file(path, limit=MOST_BYTES) or b"")
    except (StorageError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
