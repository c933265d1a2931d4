"""The journal: what was meant, what was done, and that nothing of it is ever half there, in a file and on a server."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, StorageError
from concordat.storage.journal import Journal


def test_journal_reopened_returns_everything_written(database_url: str) -> None:
    journal = Journal(database_url)
    journal.set_intent("submit:1", "planned", raw=b"raw", hash=b"hash")
    journal.set_item("offer", "1", "received", {"a": 1})
    journal.set_cursor("feed", {"next": 7})
    journal.close()
    again = Journal(database_url)
    intent = again.intent("submit:1")
    assert intent is not None
    assert (intent.status, intent.raw, intent.hash) == ("planned", b"raw", b"hash")
    assert again.item("offer", "1") == ("received", {"a": 1})
    assert again.cursor("feed") == {"next": 7}
    again.close()


def test_journal_intent_done_keeps_the_bytes_that_were_sent(database_url: str) -> None:
    journal = Journal(database_url)
    journal.set_intent("k", "planned", raw=b"raw", hash=b"hash")
    journal.set_intent("k", "done", block=3)
    intent = journal.intent("k")
    assert intent is not None
    assert (intent.status, intent.raw, intent.detail) == ("done", b"raw", {"block": 3})
    assert journal.intents("planned") == []
    journal.close()


def test_journal_lists_items_by_stage_time_and_block_in_order_of_arrival(database_url: str) -> None:
    journal = Journal(database_url)
    for key, stage, due, block in (("b", "new", 5, 1), ("a", "new", 3, 2), ("c", "old", 1, 3)):
        journal.set_item("offer", key, stage, {"key": key}, due=due, block=block)
    journal.set_item("offer", "a", "new", {"key": "a", "again": True})
    assert [key for key, _, _ in journal.items("offer")] == ["b", "a", "c"]
    assert [key for key, _, _ in journal.items("offer", "new", "other")] == ["b", "a"]
    assert journal.items("offer", "new", due=4) == [("a", "new", {"key": "a", "again": True})]
    assert [key for key, _, _ in journal.touched("offer", 2)] == ["a", "c"]
    assert journal.has("offer", "old")
    assert not journal.has("offer", "gone", "lost")
    journal.set_item("offer", "nobody", "new")
    assert journal.item("offer", "nobody") is None
    journal.close()


@pytest.mark.parametrize(
    "text", ["'); DROP TABLE item; --", 'quote " and \\ slash', "nul \0 and \ud800", "\\x00", "é\n\t"]
)
def test_journal_keeps_any_text_as_it_is(database_url: str, text: str) -> None:
    journal = Journal(database_url)
    journal.set_item("offer", "1", "received", {text: text})
    assert journal.item("offer", "1") == ("received", {text: text})
    journal.set_intent("1", "planned", raw=b"\0\\x'", reason=text)
    intent = journal.intent("1")
    assert intent is not None
    assert (intent.raw, intent.detail) == (b"\0\\x'", {"reason": text})
    journal.close()


def test_journal_held_by_another_process_raises(database_url: str) -> None:
    journal = Journal(database_url)
    with pytest.raises(StorageError) as caught:
        Journal(database_url)
    assert caught.value.code == "Locked"
    journal.close()
    Journal(database_url).close()


def test_journals_of_two_nodes_in_one_database_do_not_meet(database_url: str) -> None:
    one, two = Journal(database_url, name="node-one"), Journal(database_url, name="node-two")
    one.set_item("offer", "1", "received", {"a": 1})
    two.set_item("offer", "1", "executed", {"b": 2})
    assert one.item("offer", "1") == ("received", {"a": 1})
    assert two.items("offer") == [("1", "executed", {"b": 2})]
    one.close()
    two.close()


def test_journal_shared_by_a_client_accepts_a_second_reader(database_url: str) -> None:
    one, two = (Journal(database_url, exclusive=False) for _ in range(2))
    one.set_item("order", "1", "offered", {"x": 2})
    assert two.item("order", "1") == ("offered", {"x": 2})
    one.close()
    two.close()


def _count(url: str, times: int) -> None:
    journal = Journal(url, exclusive=False)
    for _ in range(times):
        with journal.write("count"):
            now = journal.cursor("count") or {"n": 0}
            journal.set_cursor("count", {"n": now["n"] + 1})
    journal.close()


def test_journal_shared_by_processes_loses_no_update(database_url: str) -> None:
    processes = [multiprocessing.get_context("spawn").Process(target=_count, args=(database_url, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    journal = Journal(database_url, exclusive=False)
    assert journal.cursor("count") == {"n": 120}
    journal.close()


def _die_within_a_write(url: str) -> None:
    journal = Journal(url)
    journal.set_cursor("feed", {"next": 1})
    with journal.write("bad"):
        journal.set_cursor("feed", {"next": 2})
        os.kill(os.getpid(), signal.SIGKILL)


def test_journal_of_a_killed_process_is_free_at_once_and_holds_whole_writes_only(database_url: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_within_a_write, args=(database_url,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    journal = Journal(database_url)
    assert journal.cursor("feed") == {"next": 1}
    journal.close()


def test_journal_write_that_fails_keeps_the_old_state(database_url: str) -> None:
    journal = Journal(database_url)
    journal.set_item("offer", "1", "received", {"a": 1})

    def fail_half_way() -> None:
        with journal.write("bad") as db:
            db.execute("UPDATE item SET stage = 'executed'")
            db.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError):
        fail_half_way()
    assert journal.item("offer", "1") == ("received", {"a": 1})
    journal.close()


def test_journal_interrupted_inside_a_write_keeps_the_old_state(database_url: str) -> None:
    class Killed(BaseException):
        pass

    journal = Journal(database_url)
    journal.set_cursor("feed", {"next": 1})

    def die_half_way() -> None:
        with journal.write("bad"):
            journal.set_cursor("feed", {"next": 2})
            raise Killed

    with pytest.raises(Killed):
        die_half_way()
    assert journal.cursor("feed") == {"next": 1}
    journal.close()


# -- files only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"not a database at all, sorry" * 50, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_journal_with_foreign_bytes_raises_corruption_and_frees_the_lock(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(damage)
    with pytest.raises(CorruptionError) as caught:
        Journal(path)
    assert caught.value.code == "JournalCorrupt"
    path.unlink()
    Journal(path).close()


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
