"""Bytes under their digest (or under a 32-byte name that somebody else's hash defines), checked when read.

A named blob carries the SHA-256 of its bytes in front, so that bit rot shows for both kinds. Blobs lie in a folder, in
an object store or in IPFS: since everything is checked by hash, it does not matter who keeps it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from concordat.primitives.errors import ConfigurationError, CorruptionError, InputError, NotFoundError, StorageError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32
from concordat.storage.blobs import Blobs, FsspecBlobs, open_filesystem
from concordat.storage.files import read_file, sync_directory, write_file

__all__ = ["DEFAULT_LIMIT", "ContentStore", "LocalContent", "RemoteContent", "open_content"]

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

    def erase(self, digest: bytes) -> None:
        """Delete a blob; missing ones are no error."""
        ...

    def erase_named(self, key: bytes) -> None:
        """Delete what is under a name; nothing there is no error."""
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
        self._erase(self._path("sha256", digest))

    def erase_named(self, key: bytes) -> None:
        """Delete what is under a name, durably; nothing there is no error."""
        self._erase(self._path("named", key))

    def _erase(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_directory(path.parent)
        except OSError as error:
            raise StorageError(f"{path} cannot be deleted: {error.strerror}.", code="DiskRefused") from error

    def _path(self, kind: str, key: bytes) -> Path:
        return self._root / _place(kind, key)

    def _check_size(self, data: bytes) -> None:
        _check_size(data, self._limit)

    def _read(self, path: Path, limit: int) -> bytes | None:
        try:
            return read_file(path, limit=limit)
        except StorageError as error:
            if error.code == "TooLarge":
                raise _corrupt(path) from error
            raise


class RemoteContent:
    """Blobs by digest and by name in an object store, in IPFS, or wherever `Blobs` lead.

    Parameters
    ----------
    blobs : Blobs
        Where they lie.
    limit : int
        Largest blob in bytes.
    """

    def __init__(self, blobs: Blobs, *, limit: int = DEFAULT_LIMIT) -> None:
        self._blobs = blobs
        self._limit = limit

    def put(self, data: bytes) -> Bytes32:
        """Keep `data`; returns its SHA-256. Putting it again repairs a damaged copy.

        Raises
        ------
        InputError
            If it is larger than the limit.
        StorageError
            If the store cannot be reached or refuses.
        """
        _check_size(data, self._limit)
        digest = sha256(data)
        self._blobs.write(_place("sha256", digest), data)
        return digest

    def get(self, digest: bytes) -> bytes:
        """Bytes with that SHA-256.

        Raises
        ------
        NotFoundError
            If there are none.
        CorruptionError
            If the store holds others there, or more than the limit.
        StorageError
            If it cannot be reached, or takes too long.
        """
        place = _place("sha256", digest)
        data = self._blobs.read(place, self._limit)
        if data is None:
            raise _missing(digest)
        if sha256(data) != digest:
            raise _corrupt(place)
        return data

    def has(self, digest: bytes) -> bool:
        """Whether the right bytes are there; a store that lies has none."""
        try:
            self.get(digest)
        except (NotFoundError, CorruptionError):
            return False
        return True

    def put_named(self, key: bytes, data: bytes) -> None:
        """Keep `data` under a 32-byte name, in place of what was there; errors as for :meth:`put`."""
        _check_size(data, self._limit)
        self._blobs.write(_place("named", key), sha256(data) + data)

    def get_named(self, key: bytes) -> bytes:
        """Bytes under a name; errors as for :meth:`get`."""
        place = _place("named", key)
        stored = self._blobs.read(place, self._limit + 32)
        if stored is None:
            raise _missing(key)
        if len(stored) < 32 or sha256(stored[32:]) != stored[:32]:
            raise _corrupt(place)
        return stored[32:]

    def erase(self, digest: bytes) -> None:
        """Delete a blob; missing ones are no error."""
        self._blobs.delete(_place("sha256", digest))

    def erase_named(self, key: bytes) -> None:
        """Delete what is under a name; nothing there is no error."""
        self._blobs.delete(_place("named", key))


def open_content(place: Path | str, *, limit: int = DEFAULT_LIMIT) -> ContentStore:
    """A content store by folder or URL.

    Parameters
    ----------
    place : Path or str
        A folder, or ``file:///folder``, ``memory://name``, ``ipfs://host:port/folder`` (RPC of an IPFS node),
        ``s3://bucket/folder`` with ``?endpoint=https://…`` for stores other than Amazon's and ``&region=…``, or any
        other URL that `fsspec` has a driver for. Credentials come from the environment, as each driver documents.
    limit : int
        Largest blob in bytes.

    Raises
    ------
    ConfigurationError
        If the URL cannot be used, or the packages for it are not installed.
    """
    if isinstance(place, Path) or "://" not in place:
        return LocalContent(Path(place), limit=limit)
    parts, options = urlsplit(place), dict(parse_qsl(urlsplit(place).query))
    if parts.username or parts.password:
        raise ConfigurationError(
            "The URL of a content store carries no credentials.",
            code="BadContentUrl",
            hint="Give them in the environment, where the driver looks for them.",
        )
    where, root = f"{parts.scheme}://{parts.netloc}{parts.path}", f"{parts.netloc}{parts.path}"
    if parts.scheme == "file":
        return LocalContent(Path(unquote(parts.path)), limit=limit)
    if parts.scheme == "ipfs":
        return RemoteContent(FsspecBlobs(_kubo(parts.netloc), parts.path or "/concordat", where), limit=limit)
    if parts.scheme == "s3":
        return RemoteContent(FsspecBlobs(_s3(options), root, where), limit=limit)
    return RemoteContent(FsspecBlobs(open_filesystem(parts.scheme, **options), root, where), limit=limit)


def _s3(options: dict[str, str]) -> Any:
    client = {"region_name": options["region"]} if "region" in options else {}
    config = {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 2}}
    return open_filesystem(
        "s3",
        endpoint_url=options.get("endpoint"),
        anon=options.get("anonymous") == "true",
        client_kwargs=client,
        config_kwargs=config,
        use_listings_cache=False,
    )


def _kubo(host: str) -> Any:
    try:
        from concordat.storage.ipfs import KuboFileSystem
    except ImportError as error:
        raise ConfigurationError(
            "Content cannot be kept in IPFS here.", code="NoContentDriver", hint="Install concordat[storage]."
        ) from error
    return KuboFileSystem(host)


def _place(kind: str, key: bytes) -> str:
    if len(key) != 32:
        raise InputError(f"Content is kept under 32 bytes, not {len(key)}.", code="BadContentKey")
    return f"{kind}/{key.hex()[:2]}/{key.hex()}"


def _check_size(data: bytes, limit: int) -> None:
    if len(data) > limit:
        raise InputError(
            f"{len(data)} bytes are more than this store takes ({limit}).",
            code="ContentTooLarge",
            hint="Split it, or open the store with a higher limit.",
        )


def _missing(key: bytes) -> NotFoundError:
    return NotFoundError(f"There is no content under 0x{key.hex()}.", code="ContentMissing")


def _corrupt(path: Path | str) -> CorruptionError:
    return CorruptionError(
        f"{path} does not hold what was put there.",
        code="ContentCorrupt",
        hint="Delete it there and put the content again from its source or a backup.",
    )
