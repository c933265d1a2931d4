"""The files that keep a development chain while it does not run."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path

from concordat.primitives.errors import StorageError

__all__ = ["ChainState"]


class ChainState:
    """State files in one folder, used by one process at a time.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None

    @property
    def on_exit(self) -> Path:
        """File that Anvil itself writes when it is ended by a signal."""
        return self._folder / "exit.json"

    @property
    def _kept(self) -> Path:
        return self._folder / "chain.json"

    def hold(self) -> None:
        """Keep other processes out.

        Raises
        ------
        StorageError
            If one is in.
        """
        if self._lock is not None:
            return
        handle = os.open(self._folder / "anvil.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise StorageError(
                f"Another process runs a chain in {self._folder}.",
                code="ChainHeld",
                hint="Stop it first, or use another folder.",
            ) from error
        self._lock = handle

    def let_go(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, state: bytes) -> None:
        """Keep a state, whole or not at all."""
        new = self._kept.with_name("chain.json.new")
        with new.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._kept)

    def newest(self) -> Path | None:
        """The newest file that can be read whole; ``None`` if there never was one.

        Raises
        ------
        StorageError
            If there are files, but none is readable.
        """
        paths = [path for path in (self._kept, self.on_exit) if path.exists()]
        for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
            with contextlib.suppress(ValueError):
                if isinstance(json.loads(path.read_bytes()), dict):
                    return path
        if paths:
            raise StorageError(
                f"The chain's state in {self._folder} cannot be read.",
                code="ChainStateCorrupt",
                hint="Move the folder away to begin a new chain.",
            )
        return None
