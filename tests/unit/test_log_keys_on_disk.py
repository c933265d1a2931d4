"""A home's log keys: made once, changed together, and whole after a cut at any write."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from concordat.client.home import Home
from concordat.node import log_keys
from concordat.node.log_keys import change_log_keys, log_signers, make_recovery_keys, open_recovery_keys
from concordat.primitives.errors import InputError, NotFoundError, StorageError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Timestamp
from concordat.protocol.checkpoint import NoteKey, NoteSigner, verified_by
from concordat.storage.log import LogReader, TransparencyLog
from concordat.testing.records import SampleMarket

NOW = Timestamp(1_800_000_000)
DECISIONS = [SampleMarket().decide(i) for i in range(4)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    with TransparencyLog(made.open_log(exclusive=True), log_signers(made)) as log:
        log.append(DECISIONS[0].record)
    return made


def append(home: Home, number: int) -> frozenset[NoteKey]:
    """Keys under which the log stands after one more record."""
    with TransparencyLog(home.open_log(exclusive=True), log_signers(home)) as log:
        log.append(DECISIONS[number].record)
        return verified_by(log.note, log.keys)


def test_keys_are_made_once_for_their_owner_only_and_published(home: Home) -> None:
    keys = [signer.key for signer in log_signers(home)]
    assert [key.kind.algorithm for key in keys] == ["ed25519", "ml-dsa-44"]
    assert home.log_key.read_text() == "".join(key.encode() + "\n" for key in keys)
    assert [path.stat().st_mode & 0o077 for path in home.keys.iterdir()] == [0, 0]
    assert append(home, 1) == frozenset(keys)


def test_log_of_an_older_version_gets_its_second_key(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keys.mkdir()
    (home.keys / "log.seed").write_bytes(sha256(b"old"))
    old = NoteSigner.from_seed(log_keys.LOG_ORIGIN, sha256(b"old"))
    with TransparencyLog(home.open_log(exclusive=True), old) as log:
        log.append(DECISIONS[0].record)
    assert {key.kind.algorithm for key in append(home, 1)} == {"ed25519", "ml-dsa-44"}
    assert log_signers(home)[0].key == old.key


def test_changed_keys_sign_from_then_on(home: Home) -> None:
    before = {signer.key for signer in log_signers(home)}
    statement = change_log_keys(home, time=NOW)
    assert not before & set(statement.keys)
    assert append(home, 1) == frozenset(statement.keys)
    assert {path.name for path in home.keys.iterdir()} == {"log.seed", "log.ml-dsa.seed"}


def test_change_while_the_keeper_runs_is_refused_and_forgotten(home: Home) -> None:
    before = log_signers(home)
    with TransparencyLog(home.open_log(exclusive=True), before), pytest.raises(StorageError):
        change_log_keys(home, time=NOW)
    assert [signer.key for signer in log_signers(home)] == [signer.key for signer in before]


@pytest.mark.parametrize("at", range(1, 9))
def test_change_cut_off_at_any_write_is_finished_or_forgotten(
    home: Home, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    left = [at]

    def cut(kind: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt(kind)

    written, renamed = log_keys.write_file, Path.replace

    def write(path: Path, data: bytes) -> None:
        cut("write")
        written(path, data)

    def replace(path: Path, target: Path) -> Path:
        cut("rename")
        return renamed(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(log_keys, "write_file", write)
        patch.setattr(Path, "replace", replace)
        with contextlib.suppress(KeyboardInterrupt):
            change_log_keys(home, time=NOW)
    keys = {signer.key for signer in log_signers(home)}
    assert append(home, 1) == keys
    reader = LogReader(home.open_log().read, log_signers(home)[0].key)
    named = [set(signed.statement.keys) for signed in reader.statements()]
    assert named in ([], [keys])
    assert not list(home.keys.glob("*next*"))


def test_lost_keys_are_replaced_with_the_recovery_file(home: Home, tmp_path: Path) -> None:
    recovery = make_recovery_keys(tmp_path / "recovery.json")
    change_log_keys(home, time=NOW, recovery=recovery)
    for path in home.keys.iterdir():
        path.unlink()
    with pytest.raises(NotFoundError):
        change_log_keys(home, time=NOW)
    statement = change_log_keys(home, time=NOW, lost=True, by=open_recovery_keys(tmp_path / "recovery.json"))
    assert statement.recovery == recovery
    assert append(home, 1) == frozenset(statement.keys)


def test_recovery_file_is_never_overwritten_and_must_be_one(tmp_path: Path) -> None:
    make_recovery_keys(tmp_path / "r")
    with pytest.raises(InputError):
        make_recovery_keys(tmp_path / "r")
    (tmp_path / "x").write_text("{}")
    with pytest.raises(InputError):
        open_recovery_keys(tmp_path / "x")
    with pytest.raises(NotFoundError):
        open_recovery_keys(tmp_path / "nothing")
