"""Blobs by path on anything that `fsspec` knows: object stores, IPFS, memory.

Nothing is believed of what is on the other side. It may be away, answer a byte at a time, send more than was asked for,
or something else: reads end in bytes and in seconds, and whoever reads checks what he got against a hash.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from concordat.primitives.errors import ConcordatError, ConfigurationError, CorruptionError, StorageError

__all__ = ["Blobs", "FsspecBlobs", "open_filesystem"]

PIECE_BYTES = 1 << 16
"""How much is read at once."""
SECONDS = 120.0
"""Within which one blob has to be read or written."""


class Blobs(Protocol):
    """Bytes by path, each written whole or not at all."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Bytes of a path, at most `limit` of them; ``None`` if there are none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Put bytes at a path, in place of what was there."""
        ...

    def delete(self, path: str) -> None:
        """Delete a path; a missing one is no error."""
        ...


class FsspecBlobs:
    """A folder of an `fsspec` file system.

    Parameters
    ----------
    filesystem : fsspec.AbstractFileSystem
        Where; its writes must be whole or not at all, as those of object stores are.
    root : str
        The folder in it.
    where : str
        What people call it, without secrets.
    seconds : float
        For one read or write.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        filesystem: Any,
        root: str,
        where: str,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fs, self._root, self._where = filesystem, root.rstrip("/"), where
        self._seconds, self._clock = seconds, clock

    def read(self, path: str, limit: int) -> bytes | None:
        """Bytes of a path.

        Raises
        ------
        CorruptionError
            If there are more than `limit`.
        StorageError
            If the store is away, refuses, or takes too long.
        """
        with self._translated():
            try:
                if getattr(self._fs, "async_impl", False):
                    data: bytes = self._run(self._read_async(self._full(path), limit))
                else:
                    data = self._read(self._full(path), limit)
            except FileNotFoundError:
                return None
        return data

    def write(self, path: str, data: bytes) -> None:
        """Put bytes at a path; errors as for :meth:`read`."""
        with self._translated():
            if getattr(self._fs, "async_impl", False):
                self._run(self._fs._pipe_file(self._full(path), data))
            else:
                self._fs.makedirs(self._full(path).rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(self._full(path), data)

    def delete(self, path: str) -> None:
        """Delete a path; errors as for :meth:`read`."""
        with self._translated():
            try:
                self._fs.rm_file(self._full(path))
            except FileNotFoundError:
                return

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _run(self, work: Any) -> Any:
        from fsspec.asyn import sync

        return sync(self._fs.loop, lambda: work, timeout=self._seconds)

    def _read(self, path: str, limit: int) -> bytes:
        end, data = self._clock() + self._seconds, bytearray()
        with self._fs.open(path, "rb") as file:
            while piece := file.read(min(PIECE_BYTES, limit + 1 - len(data))):
                data += piece
                self._check(len(data), limit)
                if self._clock() > end:
                    raise TimeoutError("it took too long")
        return bytes(data)

    async def _read_async(self, path: str, limit: int) -> bytes:
        data, file = bytearray(), await self._fs.open_async(path, "rb")
        try:
            while piece := await file.read(min(PIECE_BYTES, limit + 1 - len(data))):
                data += piece
                self._check(len(data), limit)
        finally:
            body = getattr(file, "r", None)
            if body is not None:
                body.close()  # what was not read is not fetched either
        return bytes(data)

    def _check(self, size: int, limit: int) -> None:
        if size > limit:
            raise CorruptionError(
                f"{self._where} sends more than the {limit} bytes that can be there.",
                code="ContentCorrupt",
                hint="Put the content again from its source or a backup, or leave that store.",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ConcordatError:
            raise
        except Exception as error:
            raise StorageError(
                f"The content store {self._where} cannot be used: {type(error).__name__}.",
                code="ContentAway",
                hint="Check that it runs, its address, and the credentials in its environment; nothing is lost.",
            ) from error


def open_filesystem(protocol: str, **options: Any) -> Any:
    """A file system of `fsspec` by protocol.

    Raises
    ------
    ConfigurationError
        If the packages for it are not installed, or there is no such protocol.
    """
    try:
        import fsspec

        return fsspec.filesystem(protocol, skip_instance_cache=protocol != "memory", **options)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"Content cannot be kept at {protocol}:// here.",
            code="NoContentDriver",
            hint="Install concordat[storage]; other stores need the package that fsspec names for them.",
        ) from error
