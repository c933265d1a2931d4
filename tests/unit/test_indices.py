"""The book of promised indices: what is on the disk before a signature exists."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, InputError, StorageError
from concordat.primitives.hashing import sha256
from concordat.storage.indices import ENTRY, HEAD, IndexBook

PUBLIC = b"a public key"
FIRST, SECOND = sha256(b"first"), sha256(b"second")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.index"


def book(path: Path, **options: object) -> IndexBook:
    return IndexBook(path, PUBLIC, 32, **options)  # type: ignore[arg-type]


def test_reserved_index_is_known_after_a_restart(path: Path) -> None:
    with book(path) as first:
        first.reserve(0, FIRST)
    with book(path) as again:
        assert (again.next, again.left, again.promised(0), again.promised(1)) == (1, 31, FIRST, None)


def test_reserving_the_same_promise_again_changes_nothing(path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
        size = path.stat().st_size
        opened.reserve(0, FIRST)
        assert path.stat().st_size == size == HEAD + ENTRY


@pytest.mark.parametrize("index", [0, 3])
def test_index_that_was_promised_or_passed_over_is_refused(path: Path, index: int) -> None:
    with book(path) as opened:
        opened.reserve(4, FIRST)
        with pytest.raises(StorageError) as refused:
            opened.reserve(index, SECOND)
        assert refused.value.code == "IndexReserved"
        with pytest.raises(StorageError):
            opened.reserve(4, SECOND)


def test_index_beyond_the_key_is_refused(path: Path) -> None:
    with book(path) as opened, pytest.raises(InputError) as refused:
        opened.reserve(32, FIRST)
    assert refused.value.code == "KeyExhausted"


def test_entry_that_was_cut_off_promised_nothing_and_its_index_is_given_up(path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
        opened.reserve(1, SECOND)
    os.truncate(path, HEAD + ENTRY + 17)
    with book(path) as again:
        assert (again.next, again.promised(1)) == (2, None)
        again.reserve(2, FIRST)
    with book(path) as last:
        assert last.promised(2) == FIRST


def test_every_byte_of_a_damaged_file_is_refused(path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
    good = path.read_bytes()
    for at in range(len(good)):
        with path.open("r+b") as file:  # in place: a new file would be refused as a copy
            file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(CorruptionError):
            book(path)


def test_book_of_another_key_is_refused(path: Path) -> None:
    book(path).close()
    with pytest.raises(CorruptionError) as refused:
        IndexBook(path, b"another key", 32)
    assert refused.value.code == "IndexForeign"


def test_older_book_put_in_place_of_the_newer_goes_on_after_everything_promised(path: Path, tmp_path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
        shutil.copy(path, tmp_path / "backup")
        opened.reserve(1, SECOND)
        opened.reserve(5, SECOND)
    path.write_bytes((tmp_path / "backup").read_bytes())
    with book(path) as again:
        assert (again.next, again.promised(0), again.promised(5)) == (6, FIRST, None)
        with pytest.raises(StorageError):
            again.reserve(1, FIRST)


def test_kill_between_mark_and_entry_gives_the_index_up(path: Path) -> None:
    def killed(descriptor: int, data: bytes) -> None:
        raise KeyboardInterrupt

    with book(path, write=killed) as opened, pytest.raises(KeyboardInterrupt):
        opened.reserve(0, FIRST)
    with book(path) as again:
        assert again.next == 1


def test_copy_elsewhere_is_refused_until_it_is_adopted_beyond_what_it_knows(path: Path, tmp_path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
    original, path = path, tmp_path / "elsewhere" / "key.index"
    path.parent.mkdir()
    shutil.copy(original, path)
    with pytest.raises(StorageError) as refused:
        book(path)
    assert refused.value.code == "IndexCopied"
    for index in (0, 1, 32):
        with pytest.raises(InputError):
            IndexBook.adopt(path, PUBLIC, 32, next_index=index)
    IndexBook.adopt(path, PUBLIC, 32, next_index=9)
    with book(path) as again:
        assert again.next == 9
        with pytest.raises(StorageError):
            again.reserve(8, FIRST)


def test_copy_that_the_chain_is_ahead_of_is_refused(path: Path) -> None:
    with book(path) as opened:
        opened.reserve(0, FIRST)
        opened.check(1)
        with pytest.raises(StorageError) as refused:
            opened.check(2)
    assert refused.value.code == "IndexBehind"


def test_second_process_is_refused(path: Path) -> None:
    with book(path), pytest.raises(StorageError) as refused:
        book(path)
    assert refused.value.code == "Locked"


def test_full_disk_promises_nothing_and_goes_on_afterwards(path: Path) -> None:
    full = [True]

    def write(descriptor: int, data: bytes) -> None:
        if full[0]:
            raise StorageError("no space", code="DiskRefused")
        os.write(descriptor, data)

    with book(path, write=write) as opened:
        with pytest.raises(StorageError):
            opened.reserve(0, FIRST)
        assert (opened.next, opened.promised(0)) == (0, None)
        full[0] = False
        opened.reserve(0, SECOND)
        assert opened.promised(0) == SECOND


def test_skip_gives_up_everything_below(path: Path) -> None:
    with book(path) as opened:
        opened.skip(7)
        opened.skip(3)
        assert (opened.next, opened.promised(6)) == (7, None)
