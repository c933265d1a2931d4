"""The journal: what was meant, what was done, and that nothing of it is ever half there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, StorageError
from concordat.storage.journal import Journal


def test_journal_reopened_returns_everything_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    journal.set_intent("submit:1", "planned", raw=b"raw", hash=b"hash")
    journal.set_item("offer", "1", "received", {"a": 1})
    journal.set_cursor("feed", {"next": 7})
    journal.close()
    again = Journal(tmp_path / "j.db")
    intent = again.intent("submit:1")
    assert intent is not None
    assert (intent.status, intent.raw, intent.hash) == ("planned", b"raw", b"hash")
    assert again.item("offer", "1") == ("received", {"a": 1})
    assert again.cursor("feed") == {"next": 7}
    again.close()


def test_journal_intent_done_keeps_the_bytes_that_were_sent(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    journal.set_intent("k", "planned", raw=b"raw", hash=b"hash")
    journal.set_intent("k", "done", block=3)
    intent = journal.intent("k")
    assert intent is not None
    assert (intent.status, intent.raw, intent.detail) == ("done", b"raw", {"block": 3})
    assert journal.intents("planned") == []
    journal.close()


def test_journal_held_by_another_process_raises(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    with pytest.raises(StorageError) as caught:
        Journal(tmp_path / "j.db")
    assert caught.value.code == "Locked"
    journal.close()
    Journal(tmp_path / "j.db").close()


def test_journal_shared_by_a_client_accepts_a_second_reader(tmp_path: Path) -> None:
    one, two = (Journal(tmp_path / "j.db", exclusive=False) for _ in range(2))
    one.set_item("order", "1", "offered", {"x": 2})
    assert two.item("order", "1") == ("offered", {"x": 2})
    one.close()
    two.close()


@pytest.mark.parametrize("damage", [b"not a database at all, sorry" * 50, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_journal_with_foreign_bytes_raises_corruption_and_frees_the_lock(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(damage)
    with pytest.raises(CorruptionError) as caught:
        Journal(path)
    assert caught.value.code == "JournalCorrupt"
    path.unlink()
    Journal(path).close()


def test_journal_write_that_fails_keeps_the_old_state(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    journal.set_item("offer", "1", "received", {"a": 1})

    def fail_half_way() -> None:
        with journal.write("bad") as db:
            db.execute("UPDATE item SET stage = 'executed'")
            db.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError):
        fail_half_way()
    assert journal.item("offer", "1") == ("received", {"a": 1})
    journal.close()


def test_journal_interrupted_inside_a_write_keeps_the_old_state(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    journal = Journal(tmp_path / "j.db")
    journal.set_cursor("feed", {"next": 1})

    def die_half_way() -> None:
        with journal.write("bad") as db:
            journal.put_cursor(db, "feed", {"next": 2})
            raise Killed

    with pytest.raises(Killed):
        die_half_way()
    assert journal.cursor("feed") == {"next": 1}
    journal.close()


def test_journal_on_a_full_disk_raises_and_goes_on_afterwards(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    journal.set_item("offer", "1", "received", {"a": 1})
    database = journal._db
    pages = database.execute("PRAGMA page_count")[0][0]
    database.execute(f"PRAGMA max_page_count={pages}")  # what SQLite sees when no page can be added
    with pytest.raises(StorageError) as caught:
        journal.set_item("offer", "2", "received", {"blob": "x" * 200_000})
    assert caught.value.code == "JournalWrite"
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    database.execute("PRAGMA max_page_count=1000000")
    journal.set_item("offer", "2", "received", {"blob": "y"})
    assert journal.item("offer", "1") == ("received", {"a": 1})
    assert journal.item("offer", "2") == ("received", {"blob": "y"})
    journal.close()
