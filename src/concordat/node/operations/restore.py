"""Putting a back-up into a folder: all of it, checked to the last byte, or nothing.

Everything is unpacked beside the target and moved there in one step, so that a process that is killed leaves nothing
that looks like a home. Files that count how often a key has signed are restored as what they are: old copies, which
refuse to sign until somebody says how far to jump.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from concordat.node.operations.archive import ArchiveReader, Entry, Manifest, read_archive
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import InputError, StorageError, VerificationError
from concordat.primitives.units import Address
from concordat.storage.files import WriterLock, sync_directory
from concordat.storage.indices import disown_copy

__all__ = ["restore_backup", "verify_backup"]

_MARK = ".restoring-"
_LOCK = "restoring.lock"


def verify_backup(file: Path, *, signer: Address | None = None, digest: str = "") -> Manifest:
    """Read a back-up to its end and compare everything with its manifest.

    Parameters
    ----------
    file : Path
        The back-up.
    signer : Address, optional
        Account that must have signed it.
    digest : str
        SHA-256 of the manifest, as it was told when the back-up was made; any if empty.

    Raises
    ------
    CorruptionError
        ``BackupBroken`` if anything is not as it was made.
    VerificationError
        ``BackupForeign`` if somebody else made it.
    """
    with read_archive(file) as archive:
        _check_origin(archive, signer, digest)
        for _, content in archive.files():
            for _ in content:
                pass
        return archive.manifest


def restore_backup(file: Path, into: Path, *, signer: Address | None = None, digest: str = "") -> Manifest:
    """Unpack a back-up into a folder that is not there yet, or is empty; parameters and errors as above.

    Raises
    ------
    InputError
        ``NotEmpty`` if there is anything at the target.
    StorageError
        If the disk refuses.
    """
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise InputError(
            f"{into} is not empty.", code="NotEmpty", hint="Name a new folder; nothing is ever restored over something."
        )
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        _sweep(into)
        return _unpack(file, into, signer, digest)
    except OSError as error:
        raise StorageError(
            f"The back-up could not be restored: {error.strerror or error}.",
            code="DiskRefused",
            hint="Free some space or fix permissions; nothing was restored.",
        ) from error


def _check_origin(archive: ArchiveReader, signer: Address | None, digest: str) -> None:
    if digest and archive.digest != digest.lower().removeprefix("0x"):
        raise VerificationError("It is another back-up than the one with that digest.", code="BackupForeign")
    if signer is not None and archive.signer != signer:
        by = checksum_address(archive.signer) if archive.signer is not None else "nobody"
        raise VerificationError(
            f"It was signed by {by}, not by {checksum_address(signer)}.",
            code="BackupForeign",
            hint="Whoever can put another back-up in your way can put other keys and journals into your home.",
        )


def _unpack(file: Path, into: Path, signer: Address | None, digest: str) -> Manifest:
    beside = into.with_name(f".{into.name}{_MARK}{secrets.token_hex(8)}")
    beside.mkdir(mode=0o700)
    lock = WriterLock(beside / _LOCK)
    try:
        home = beside / "home"
        home.mkdir(mode=0o700)
        with read_archive(file) as archive:
            _check_origin(archive, signer, digest)
            for entry, content in archive.files():
                _write(home, entry, content)
            manifest = archive.manifest
        for folder, _, _ in os.walk(home):
            sync_directory(Path(folder))
        os.rename(home, into)  # refuses unless the target is not there, or an empty folder
        sync_directory(into.parent)
    finally:
        lock.release()
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def _write(home: Path, entry: Entry, content: Iterator[bytes]) -> None:
    """One file, durably, with no more rights than it had; the reader checks the bytes as they come."""
    path = home / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = entry.mode & 0o755
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        for chunk in content:
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    disown_copy(path)
    os.utime(path, ns=(entry.mtime, entry.mtime))


def _sweep(into: Path) -> None:
    """Remove what restorations left that were killed; one that still runs holds its lock."""
    for left in into.parent.glob(f".{into.name}{_MARK}*"):
        try:
            WriterLock(left / _LOCK).release()
        except StorageError:
            continue
        shutil.rmtree(left, ignore_errors=True)
