"""Back-ups that somebody changed, cut, or made by hand; and restorations that are killed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concordat.client.home import Home
from concordat.node.operations.backup import create_backup
from concordat.node.operations.restore import restore_backup, verify_backup
from concordat.primitives.errors import ConcordatError, CorruptionError, VerificationError

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A back-up of a small home."""
    home = Home(tmp_path / "home")
    for name in ("deployment.json", "public/ab/cd", "log/checkpoint"):
        (home.path / name).parent.mkdir(parents=True, exist_ok=True)
        (home.path / name).write_bytes(name.encode() * 50)
    home.open_journal("provider").close()
    create_backup(home, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def members(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return [(item, (tar.extractfile(item) or io.BytesIO()).read()) for item in tar]


def written(file: Path, items: Members) -> Path:
    with tarfile.open(file, "w") as tar:
        for info, data in items:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return file


def plain(name: str, data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def with_manifest(items: Members, change: Callable[[dict[str, Any]], None]) -> Members:
    head, raw = items[0]
    manifest = json.loads(raw)
    change(manifest)
    return [(head, json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()), *items[1:]]


def renamed(items: Members, path: str) -> Members:
    """The first file under another name, in the manifest as well."""
    items = with_manifest(items, lambda manifest: manifest["files"][0].update(path=path))
    items[1][0].name = "home/" + path
    return items


def linked(kind: bytes) -> Callable[[Members], Members]:
    def change(items: Members) -> Members:
        info = tarfile.TarInfo(items[1][0].name)
        info.type, info.linkname = kind, "/etc/passwd"
        return [items[0], (info, b""), *items[2:]]

    return change


def longer(items: Members) -> Members:
    return [items[0], (items[1][0], items[1][1] + b"!"), *items[2:]]


def flipped(items: Members) -> Members:
    data = bytearray(items[-1][1])
    data[len(data) // 2] ^= 1
    return [*items[:-1], (items[-1][0], bytes(data))]


def doubled(manifest: dict[str, Any]) -> None:
    manifest["files"].append(manifest["files"][0])


ATTACKS: dict[str, Callable[[Members], Members]] = {
    "path_up": lambda items: renamed(items, "../../evil"),
    "path_up_inside": lambda items: renamed(items, "a/../../evil"),
    "path_absolute": lambda items: renamed(items, "/tmp/evil"),
    "path_dot": lambda items: renamed(items, "./a"),
    "path_empty": lambda items: renamed(items, ""),
    "path_backslash": lambda items: renamed(items, "a\\..\\b"),
    "path_zero": lambda items: renamed(items, "a\0b"),
    "symbolic_link": linked(tarfile.SYMTYPE),
    "hard_link": linked(tarfile.LNKTYPE),
    "device": linked(tarfile.CHRTYPE),
    "folder": linked(tarfile.DIRTYPE),
    "another_byte": flipped,
    "one_byte_more": longer,
    "file_more": lambda items: [*items, plain("home/more")],
    "file_outside_more": lambda items: [*items, plain("/tmp/evil")],
    "file_less": lambda items: items[:-1],
    "two_exchanged": lambda items: [items[0], items[2], items[1], *items[3:]],
    "manifest_last": lambda items: [*items[1:], items[0]],
    "manifest_twice": lambda items: [items[0], *items],
    "no_manifest": lambda items: items[1:],
    "manifest_is_no_json": lambda items: [(items[0][0], b"{"), *items[1:]],
    "manifest_deep": lambda items: [(items[0][0], b"[" * 100_000), *items[1:]],
    "manifest_names_twice": lambda items: with_manifest(items, doubled),
    "manifest_of_another_format": lambda items: with_manifest(items, lambda m: m.update(format="concordat backup 2")),
    "manifest_size_negative": lambda items: with_manifest(items, lambda m: m["files"][0].update(size=-1)),
    "manifest_mode_set_user": lambda items: with_manifest(items, lambda m: m["files"][0].update(mode=0o4755)),
    "manifest_written_otherwise": lambda items: [(items[0][0], items[0][1] + b" "), *items[1:]],
    "signature_of_nobody": lambda items: [items[0], plain("signature", bytes(65)), *items[1:]],
    "signature_long": lambda items: [items[0], plain("signature", bytes(66)), *items[1:]],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_changed_backup_is_refused_and_nothing_is_written(backup: Path, attack: str, tmp_path: Path) -> None:
    forged = written(tmp_path / "forged.tar", ATTACKS[attack](members(backup)))
    for act in (lambda: verify_backup(forged), lambda: restore_backup(forged, tmp_path / "again")):
        with pytest.raises(CorruptionError) as caught:
            act()
        assert caught.value.code == "BackupBroken"
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path.parent / "evil").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_backup_cut_anywhere_is_refused(backup: Path, tmp_path: Path) -> None:
    data = backup.read_bytes()
    end = max(info.offset_data + info.size for info, _ in members(backup))
    for length in range(0, end, 997):
        (tmp_path / "cut.tar").write_bytes(data[:length])
        with pytest.raises(CorruptionError):
            restore_backup(tmp_path / "cut.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_backup_with_any_byte_of_its_head_changed_ends_in_an_error_of_ours(backup: Path, tmp_path: Path) -> None:
    data = bytearray(backup.read_bytes())
    for place in range(0, 1536, 7):
        data[place] ^= 0xFF
        (tmp_path / "odd.tar").write_bytes(data)
        with pytest.raises(ConcordatError):
            verify_backup(tmp_path / "odd.tar", digest=hashlib.sha256(b"").hexdigest())
        data[place] ^= 0xFF


def test_another_backup_of_the_same_home_is_not_the_one_with_the_digest(backup: Path, tmp_path: Path) -> None:
    manifest = verify_backup(backup)
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    assert verify_backup(backup, digest=digest) == manifest
    (tmp_path / "home" / "public" / "ab" / "cd").write_bytes(b"planted")
    create_backup(Home(tmp_path / "home"), tmp_path / "planted.tar")
    with pytest.raises(VerificationError) as caught:
        restore_backup(tmp_path / "planted.tar", tmp_path / "again", digest=digest)
    assert caught.value.code == "BackupForeign"


KILLED = """
import os, signal, sys
from pathlib import Path
from concordat.node.operations.restore import restore_backup
left, real = [int(sys.argv[3])], os.fsync
def fsync(descriptor):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)
os.fsync = fsync
restore_backup(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_restoration_killed_anywhere_leaves_no_home_and_the_next_one_succeeds(backup: Path, tmp_path: Path) -> None:
    target, kills = tmp_path / "again", 0
    for number in range(0, 40, 3):
        command = [sys.executable, "-c", KILLED, str(backup), str(target), str(number)]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=60)
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            break
        if target.exists():  # killed after the one step that makes it a home
            assert len([path for path in target.rglob("*") if path.is_file()]) == 4
            break
        kills += 1
    assert kills >= 2
    assert target.exists()
    restore_backup(backup, tmp_path / "another")
    (tmp_path / "another").rename(tmp_path / "kept")
    leftovers = [path.name for path in tmp_path.iterdir() if path.name.startswith(".again")]
    assert leftovers == []
