"""The content store: by digest, by name, damaged, too large, on a full disk."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, InputError, NotFoundError, StorageError
from concordat.storage import files
from concordat.storage.content import LocalContent

KEY = bytes(range(32))


def test_content_put_is_found_under_its_sha256(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    for data in (b"", b"abc", bytes(100_000)):
        digest = store.put(data)
        assert digest == hashlib.sha256(data).digest()
        assert store.get(digest) == data
        assert store.has(digest)


def test_content_put_twice_is_one_file(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    store.put(b"abc")
    store.put(b"abc")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_content_under_a_name_is_replaced(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    store.put_named(KEY, b"one")
    store.put_named(KEY, b"two")
    assert store.get_named(KEY) == b"two"


def test_missing_content_is_not_found(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    with pytest.raises(NotFoundError):
        store.get(KEY)
    with pytest.raises(NotFoundError):
        store.get_named(KEY)
    assert not store.has(KEY)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("damage", [b"", b"abd", b"abc ", bytes(1000)])
def test_damaged_content_is_an_error_that_names_the_file(tmp_path: Path, named: bool, damage: bytes) -> None:
    store = LocalContent(tmp_path, limit=100)
    if named:
        store.put_named(KEY, b"abc")
    else:
        store.put(b"abc")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(path.read_bytes()[: 32 if named else 0] + damage)
    with pytest.raises(CorruptionError, match=path.name):
        store.get_named(KEY) if named else store.get(hashlib.sha256(b"abc").digest())


def test_damaged_content_put_again_is_repaired(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    digest = store.put(b"abc")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(b"xyz")
    store.put(b"abc")
    assert store.get(digest) == b"abc"


def test_content_above_the_limit_is_refused(tmp_path: Path) -> None:
    store = LocalContent(tmp_path, limit=3)
    store.put(b"abc")
    with pytest.raises(InputError):
        store.put(b"abcd")
    with pytest.raises(InputError):
        store.put_named(KEY, b"abcd")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_content_key_of_another_length_is_refused(tmp_path: Path, key: bytes) -> None:
    store = LocalContent(tmp_path)
    with pytest.raises(InputError):
        store.get(key)
    with pytest.raises(InputError):
        store.put_named(key, b"")


def test_erased_content_is_gone(tmp_path: Path) -> None:
    store = LocalContent(tmp_path)
    digest = store.put(b"secret of one person")
    store.erase(digest)
    store.erase(digest)
    assert not store.has(digest)
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_full_disk_keeps_the_old_content_and_leaves_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalContent(tmp_path)
    store.put_named(KEY, b"old")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in ("replace", "fsync"):
        with monkeypatch.context() as full:
            full.setattr(files.os, call, no_space)
            with pytest.raises(StorageError) as caught:
                store.put_named(KEY, b"new")
        assert caught.value.code == "DiskRefused"
        assert store.get_named(KEY) == b"old"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
