"""Copying a home while its nodes run.

Databases are copied first, each in one consistent state, by SQLite's own means; then the log, until its checkpoint did
not change meanwhile; then everything else, the state of an embedded chain last. So no journal knows of anything that
the log, the public data or the chain in the same back-up do not, which is how things lie after a crash as well: nodes
that are started on a restored home go on from there.

What says where something runs, and what is made anew from the chain, is left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from concordat.client.home import Home
from concordat.node.operations.archive import FORMAT, Entry, Manifest, signing_digest, write_archive
from concordat.primitives.errors import InputError, StorageError
from concordat.storage.files import sync_directory

__all__ = ["create_backup"]

BUSY_SECONDS = 30.0
"""How long to wait for a database that is being written."""
TRIES = 10
"""How often a log that grows meanwhile is copied again."""
_SQLITE = b"SQLite format 3\0"
_NAMES = frozenset(
    {
        "running.json",
        "door.json",
        "status.json",
        "ready",
        "ready.json",
        "pid",
        "anvil.pid",
        "lock",
        "node.log",
        "anvil.log",
    }
)
_ENDINGS = (".lock", "-wal", "-shm", "-journal", ".new", ".part")
_FOLDERS = frozenset({"chain/cache"})


def create_backup(home: Home, file: Path, *, sign: Callable[[bytes], bytes] | None = None) -> Manifest:
    """Back up a home; its nodes may run.

    Parameters
    ----------
    home : Home
        What to copy. Journals and logs on a server are not copied, and listed in the manifest as left out.
    file : Path
        Where to; it holds keys and people's inputs, so only its owner can read it.
    sign : callable, optional
        Signs the manifest's digest as an account that answers for the back-up.

    Raises
    ------
    InputError
        ``NoHome`` if there is no home, ``BackupExists`` if the file is there already.
    StorageError
        ``NotPlain`` if something in the home is a link or a device, ``LogBusy`` if the log grows too fast, or the disk
        refuses.
    """
    if not home.path.is_dir():
        raise InputError(f"There is no home {home.path}.", code="NoHome", hint="Name it with --home.")
    if file.exists():
        raise InputError(f"{file} exists.", code="BackupExists", hint="Name another file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as folder:
            entries = _copy(home, Path(folder))
            manifest = Manifest(
                format=FORMAT,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                version=version("concordat"),
                files=tuple(entries),
                left_out=_elsewhere(home),
            )
            signature = sign(signing_digest(manifest.encode())) if sign is not None else None
            _write(file, manifest, signature, Path(folder))
    except OSError as error:
        raise StorageError(
            f"The back-up could not be made: {error.strerror or error}.",
            code="DiskRefused",
            hint="It needs twice the size of the home; free some space, or write it to another disk.",
        ) from error
    return manifest


def _elsewhere(home: Home) -> tuple[str, ...]:
    """What of this home lies outside it."""
    stores = {"journals": home.database, "log": home.log_store}
    return tuple(
        f"{what}: in {url.partition(':')[0]}" for what, url in stores.items() if url and not _within(home.path, url)
    )


def _within(folder: Path, url: str) -> bool:
    return url.startswith("sqlite:") and Path("/" + url.partition(":")[2].lstrip("/")).is_relative_to(folder)


def _write(file: Path, manifest: Manifest, signature: bytes | None, folder: Path) -> None:
    """The archive, at its place only once it is whole; never over another."""
    part = folder / "archive.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        write_archive(target, manifest, signature, folder / "home")
        target.flush()
        os.fsync(target.fileno())
    try:
        os.link(part, file)
    except FileExistsError:
        raise InputError(f"{file} exists.", code="BackupExists", hint="Name another file.") from None
    sync_directory(file.parent)


# -- copying ---------------------------------------------------------------------------------------------------------


def _copy(home: Home, folder: Path) -> list[Entry]:
    target = folder / "home"
    target.mkdir()
    paths = list(_walk(home.path, home.path))
    databases = [path for path in paths if _is_database(home.path / path)]
    logged = [path for path in paths if path.startswith("log/")]
    rest = sorted(set(paths) - set(databases) - set(logged), key=lambda path: (path.startswith("chain/"), path))
    entries = [_copy_database(home.path, target, path) for path in databases]
    entries += _copy_log(home.path, target)
    entries += [entry for path in rest if (entry := _copy_file(home.path, target, path)) is not None]
    return entries


def _walk(root: Path, folder: Path) -> Iterator[str]:
    """Paths of everything to be kept."""
    for item in sorted(os.scandir(folder), key=lambda item: item.name):
        path = Path(item.path).relative_to(root).as_posix()
        if _is_passing(item.name) or path in _FOLDERS:
            continue
        if item.is_symlink() or not (item.is_dir(follow_symlinks=False) or item.is_file(follow_symlinks=False)):
            raise StorageError(
                f"{path} in the home is a link or no file at all.",
                code="NotPlain",
                hint="Put what it stands for into the home, or out of it and keep it by other means.",
            )
        if item.is_dir(follow_symlinks=False):
            yield from _walk(root, Path(item.path))
        else:
            yield path


def _is_passing(name: str) -> bool:
    """Whether a name is of something that has no meaning after this process, or is made anew."""
    index = name.startswith("index") and name.endswith(".db")
    return index or name in _NAMES or name.endswith(_ENDINGS) or name.startswith((".new-", ".backup-"))


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:
        return False


def _copy_database(root: Path, target: Path, path: str) -> Entry:
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        source, copy = sqlite3.connect(root / path, timeout=BUSY_SECONDS), sqlite3.connect(place)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            if copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("integrity check failed")
        finally:
            source.close()
            copy.close()
    except sqlite3.Error as error:
        raise StorageError(
            f"{path} cannot be copied: {error}.", code="DatabaseRefused", hint="Look at it with: concordat doctor"
        ) from error
    return _entry(target, path, (root / path).stat())


def _copy_log(root: Path, target: Path) -> list[Entry]:
    """The log's files, none newer than its checkpoint needs and none missing."""
    checkpoint = root / "log" / "checkpoint"
    for _ in range(TRIES):
        before = checkpoint.read_bytes() if checkpoint.exists() else None
        paths = list(_walk(root, root / "log")) if (root / "log").is_dir() else []
        entries = [entry for path in paths if (entry := _copy_file(root, target, path)) is not None]
        if before == (checkpoint.read_bytes() if checkpoint.exists() else None):
            return entries
        shutil.rmtree(target / "log", ignore_errors=True)
    raise StorageError("The log grew all the while.", code="LogBusy", hint="Try again at a quieter time.")


def _copy_file(root: Path, target: Path, path: str) -> Entry | None:
    """One file; ``None`` if it is gone, as partial files of a log go once they are full."""
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (root / path).open("rb") as source, place.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            status = os.fstat(source.fileno())
    except FileNotFoundError:
        place.unlink(missing_ok=True)
        return None
    return _entry(target, path, status)


def _entry(target: Path, path: str, status: os.stat_result) -> Entry:
    with (target / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = (target / path).stat().st_size
    return Entry(path=path, size=size, sha256=digest, mode=status.st_mode & 0o777, mtime=status.st_mtime_ns)
