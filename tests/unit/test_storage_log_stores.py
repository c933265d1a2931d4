"""The log in a folder and in a database: the same files, the same answers, one writer, and nothing half written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, StorageError
from concordat.primitives.hashing import sha256
from concordat.protocol.record import DecisionRecord
from concordat.storage.log import LogReader, TransparencyLog
from concordat.storage.log_files import SCHEMA, open_log_files
from concordat.storage.sql.open import open_database
from concordat.testing.mortal import Death, Points
from concordat.testing.records import SampleMarket

MARKET = SampleMarket()
SIGNER = MARKET.log
FIRST = MARKET.decide(0).record
SIZES = [1, 3, 200, 256, 257, 520, 600]
"""Sizes of the log after each append."""


def record(sequence: int) -> DecisionRecord:
    """Cheap records: only what the log looks at differs."""
    return dataclasses.replace(FIRST, order_id=sha256(b"%d" % sequence), sequence=sequence)


RECORDS = [record(i) for i in range(SIZES[-1])]


def fill(place: Path | str, sizes: list[int], *, on_write: Callable[[str], None] = lambda _: None) -> None:
    with TransparencyLog(open_log_files(place, exclusive=True, on_write=on_write), SIGNER) as log:
        for size in sizes:
            log.append_all(RECORDS[log.size : size])


def files_in(url: str) -> dict[str, bytes]:
    database = open_database(url, SCHEMA, name="log")
    found = dict(database.execute("SELECT path, data FROM file"))
    database.close()
    return found


def test_log_in_a_database_has_the_files_of_the_folder_byte_for_byte(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    fill(folder, SIZES)
    fill(database_url, SIZES)
    there = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del there["lock"]
    assert files_in(database_url) == there


def test_log_in_a_database_is_read_audited_and_gone_on_with_by_others(database_url: str) -> None:
    fill(database_url, [3])
    files = open_log_files(database_url)
    reader = LogReader(files.read, SIGNER.key)
    fill(database_url, [400])
    reader.refresh()
    reader.audit()
    assert [entry.record for entry in reader.records()] == RECORDS[:400]
    entry = reader.find(RECORDS[123].order_id)
    assert entry is not None
    assert entry.index == 123
    files.close()


def test_log_in_a_database_has_one_writer(database_url: str) -> None:
    with TransparencyLog(open_log_files(database_url, exclusive=True), SIGNER):
        with pytest.raises(StorageError) as caught:
            open_log_files(database_url, exclusive=True)
        assert caught.value.code == "Locked"
    fill(database_url, [1])


@pytest.mark.parametrize("fatal", [1, 2, 3, 4])
def test_log_in_a_database_killed_at_a_write_is_whole_and_goes_on(database_url: str, fatal: int) -> None:
    with pytest.raises(Death):
        fill(database_url, [3, 300], on_write=Points(fatal))
    reader = LogReader(open_log_files(database_url).read, SIGNER.key)
    assert reader.size == [0, 3, 3, 300][fatal - 1]
    reader.audit()
    fill(database_url, [600])
    reader.refresh()
    assert [entry.record for entry in reader.records()] == RECORDS


def test_damaged_row_of_a_log_is_named(database_url: str) -> None:
    fill(database_url, [300])
    database = open_database(database_url, SCHEMA, name="log")
    values = {"path": "tile/0/000", "data": bytes(32 * 256)}
    database.execute("UPDATE file SET data = :data WHERE path = :path", values)
    database.close()
    with pytest.raises(CorruptionError) as caught:
        TransparencyLog(open_log_files(database_url, exclusive=True), SIGNER)
    assert "tile/" in str(caught.value.fields["file"])
    fill_again = open_log_files(database_url, exclusive=True)  # the lock was given back
    fill_again.close()
