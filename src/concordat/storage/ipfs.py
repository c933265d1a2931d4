"""IPFS as a file system of `fsspec`: the mutable files (MFS) of a node, over its RPC.

Every write makes a file of its own beside the place and moves it there, so a reader sees the old bytes or the new ones.
A node that does not replace files when it moves (js-ipfs) has neither for a moment.
What lies in MFS is kept by the node's garbage collector; its blocks are content-addressed like all of IPFS, and other
nodes can fetch and pin them by the CID that :meth:`KuboFileSystem.info` gives.

References
----------
docs.ipfs.tech/reference/kubo/rpc (``/api/v0/files/*``).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fsspec import AbstractFileSystem

__all__ = ["KuboFileSystem"]

SECONDS = 30.0
"""Between two bytes."""
MOST_ERROR_BYTES = 4_096


class KuboFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files of one node.

    Parameters
    ----------
    host : str
        ``host:port`` of its RPC, such as ``127.0.0.1:5001``. It is not protected: keep it on your machine or network.
    """

    protocol = "ipfs"
    cachable = False

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(**options)
        self._client = httpx.Client(
            base_url=f"http://{host}/api/v0/files", timeout=SECONDS, headers={"Accept-Encoding": "identity"}
        )

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + str(path).removeprefix("ipfs://").strip("/")

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size, kind and CID of a path; `FileNotFoundError` if there is none."""
        found = self._post("stat", arg=self._strip_protocol(path)).json()
        kind = "directory" if found["Type"] == "directory" else "file"
        return {"name": self._strip_protocol(path), "size": int(found["Size"]), "type": kind, "cid": found["Hash"]}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a folder."""
        folder = self._strip_protocol(path).rstrip("/")
        entries = self._post("ls", arg=folder or "/").json()["Entries"] or []
        names = [f"{folder}/{entry['Name']}" for entry in entries]
        return [self.info(name) for name in names] if detail else names

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Folders are made with the first file in them."""

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        """The bytes of a file as they come in; only for reading."""
        if mode != "rb":
            raise ValueError("Files are written whole, with pipe_file.")
        return _reading(self._client, self._strip_protocol(path))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Put bytes at a path, all of them or none."""
        place = self._strip_protocol(path)
        beside = f"{place}.new-{secrets.token_hex(8)}"
        form = {"data": ("data", value, "application/octet-stream")}
        try:
            self._post("write", files=form, arg=beside, create="true", parents="true", truncate="true")
            self._move(beside, place)
        except BaseException:
            self._drop(beside)
            raise

    def _move(self, source: str, target: str) -> None:
        try:
            self._post("mv", arg=[source, target])
        except FileExistsError:
            self.rm_file(target)
            self._post("mv", arg=[source, target])

    def rm_file(self, path: str) -> None:
        """Delete a file; `FileNotFoundError` if there is none."""
        self._post("rm", arg=self._strip_protocol(path))

    def _drop(self, path: str) -> None:
        try:
            self.rm_file(path)
        except (httpx.HTTPError, OSError):
            return  # it was never there, or the node is away: the next write uses another name

    def _post(self, command: str, *, files: Any = None, **arguments: Any) -> httpx.Response:
        answer = self._client.post(f"/{command}", params=arguments, files=files)
        _check(answer.status_code, answer.content[:MOST_ERROR_BYTES])
        return answer


@contextmanager
def _reading(client: httpx.Client, path: str) -> Iterator[_Pieces]:
    with client.stream("POST", "/read", params={"arg": path}) as answer:
        if answer.status_code != httpx.codes.OK:
            _check(answer.status_code, _first(answer))
        yield _Pieces(answer.iter_raw())


def _first(answer: httpx.Response) -> bytes:
    """As much of an error as anybody needs."""
    return next(answer.iter_raw(MOST_ERROR_BYTES), b"")[:MOST_ERROR_BYTES]


class _Pieces:
    """Reads of any size from pieces of any size; never holds more than one piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int) -> bytes:
        """At most that many bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _check(status: int, text: bytes) -> None:
    if status == httpx.codes.OK:
        return
    if b"does not exist" in text or b"not found" in text:
        raise FileNotFoundError("There is no such file in this node.")
    if b"already has entry" in text:
        raise FileExistsError("There is a file by that name in this node.")
    raise OSError(f"The IPFS node answered with status {status}.")
