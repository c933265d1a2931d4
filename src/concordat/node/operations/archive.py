"""A back-up as one file: a tar whose first member is the manifest, and whose other members are exactly what it lists.

``manifest.json`` names every file with size, SHA-256, mode and time, in order; ``signature``, if there is one, is an
account's signature over the manifest; then the files follow as ``home/<path>``. A reader takes nothing that is not so:
no other member, no other order, no link, no path that leads out of the folder, no byte more or less.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from concordat.primitives.errors import CorruptionError, InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover
from concordat.primitives.units import Address, Bytes32
from concordat.primitives.wire import from_wire, parse_json, to_wire

__all__ = ["ArchiveReader", "Entry", "Manifest", "read_archive", "signing_digest", "write_archive"]

FORMAT = "concordat backup 1"
MANIFEST, SIGNATURE, FILES = "manifest.json", "signature", "home/"
_LONGEST_MANIFEST = 256 * 2**20
_SIGNATURE_BYTES = 65
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file."""

    path: str
    """Below the home's folder, with ``/``."""
    size: int
    """Bytes."""
    sha256: str
    """Hash of them, in hexadecimal."""
    mode: int
    """Permissions."""
    mtime: int
    """When it was changed last, in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a back-up holds."""

    format: str
    """Always :data:`FORMAT`."""
    time: str
    """When it was made."""
    version: str
    """Version of Concordat that made it."""
    files: tuple[Entry, ...]
    """Everything, in order."""
    left_out: tuple[str, ...]
    """What of the home is not in it and has to be kept by other means."""

    def encode(self) -> bytes:
        """As it stands in the archive."""
        return json.dumps(to_wire(self), sort_keys=True, separators=(",", ":")).encode()


def signing_digest(manifest: bytes) -> Bytes32:
    """What an account signs to stand for a back-up."""
    return Bytes32(keccak256(FORMAT.encode() + hashlib.sha256(manifest).digest()))


def write_archive(file: IO[bytes], manifest: Manifest, signature: bytes | None, folder: Path) -> None:
    """Write an archive of files that lie in a folder and do not change."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        heads = [(MANIFEST, manifest.encode()), *([(SIGNATURE, signature)] if signature is not None else [])]
        for name, data in heads:
            tar.addfile(_member(name, len(data), 0o600, 0), io.BytesIO(data))
        for entry in manifest.files:
            with (folder / entry.path).open("rb") as source:
                tar.addfile(_member(FILES + entry.path, entry.size, entry.mode, entry.mtime), source)


def _member(name: str, size: int, mode: int, mtime: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, mode, mtime // 10**9
    return member


class ArchiveReader:
    """An archive that is open; made by :func:`read_archive`.

    Parameters
    ----------
    tar : TarFile
        Read once, from front to back.
    """

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        head = self._next()
        raw = self._read(head, MANIFEST, _LONGEST_MANIFEST)
        self.manifest = _parse(raw)
        """What it says it holds."""
        self.digest = hashlib.sha256(raw).hexdigest()
        """SHA-256 of the manifest: it stands for everything in the archive."""
        self.signer: Address | None = None
        """Account that signed it."""
        self._ahead = self._next()
        if self._ahead is not None and self._ahead.name == SIGNATURE:
            signature = self._read(self._ahead, SIGNATURE, _SIGNATURE_BYTES)
            self.signer = _signer(raw, signature)
            self._ahead = self._next()

    def files(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Every file with its bytes, which have to be read before the next file; checked as they are read."""
        for entry in self.manifest.files:
            yield entry, self._content(entry)
            self._ahead = self._next()
        if self._ahead is not None:
            raise _broken(f"{self._ahead.name[:200]!r} is not in its manifest")

    def _content(self, entry: Entry) -> Iterator[bytes]:
        member = self._ahead
        if member is None or member.name != FILES + entry.path or not _is_plain(member) or member.size != entry.size:
            raise _broken(f"{entry.path!r} is not as its manifest says")
        source, digest, left = self._tar.extractfile(member), hashlib.sha256(), entry.size
        assert source is not None, "a plain file has contents"
        while left:
            chunk = source.read(min(_CHUNK, left))
            if not chunk:
                raise _broken("it ends early")
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        if digest.hexdigest() != entry.sha256:
            raise _broken(f"{entry.path!r} has another hash than its manifest says")

    def _next(self) -> tarfile.TarInfo | None:
        return self._tar.next()

    def _read(self, member: tarfile.TarInfo | None, name: str, limit: int) -> bytes:
        if member is None or member.name != name or not _is_plain(member) or member.size > limit:
            raise _broken(f"it has no proper {name}")
        source = self._tar.extractfile(member)
        assert source is not None, "a plain file has contents"
        data = source.read(limit + 1)
        if len(data) != member.size:
            raise _broken("it ends early")
        return data


@contextmanager
def read_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an archive.

    Raises
    ------
    InputError
        If there is no such file.
    CorruptionError
        ``BackupBroken`` if it is anything but an unchanged archive.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield ArchiveReader(tar)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", code="NoBackup") from error
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _broken(f"it is no archive ({type(error).__name__})") from error


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _parse(raw: bytes) -> Manifest:
    try:
        manifest = from_wire(Manifest, parse_json(raw))
    except (ValueError, RecursionError, InputError) as error:
        raise _broken("its manifest cannot be read") from error
    if manifest.format != FORMAT:
        raise _broken("it is of another format")
    paths = [entry.path for entry in manifest.files]
    bad = next((path for path in paths if not _is_inside(path)), None)
    if bad is not None or len(set(paths)) != len(paths):
        raise _broken(f"its manifest names {bad[:200]!r}" if bad is not None else "its manifest names a file twice")
    if any(entry.size < 0 or not 0 <= entry.mode <= 0o777 or not 0 <= entry.mtime < 2**63 for entry in manifest.files):
        raise _broken("its manifest holds impossible numbers")
    if manifest.encode() != raw:
        raise _broken("its manifest is not in its one form")
    return manifest


def _is_inside(path: str) -> bool:
    """Whether a path, taken literally, is one of a file below a folder."""
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and "\0" not in path
        and "\\" not in path
        and ".." not in parts
        and not path.startswith("/")
        and "/".join(parts) == path
    )


def _signer(manifest: bytes, signature: bytes) -> Address:
    try:
        return recover(signing_digest(manifest), signature)
    except VerificationError as error:
        raise _broken("its signature is none") from error


def _broken(why: str) -> CorruptionError:
    return CorruptionError(
        f"The back-up is not as it was made: {why}.",
        code="BackupBroken",
        hint="Use another copy; nothing of this one was restored.",
    )
