"""The transparency log on disk: appends, reads, proofs, recovery, corruption."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from concordat.primitives.errors import CorruptionError, NotFoundError, StorageError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol.checkpoint import Checkpoint, NoteSigner, cosign, verified_by
from concordat.protocol.record import DecisionRecord
from concordat.protocol.transparency import verify_consistency, verify_inclusion
from concordat.storage import files
from concordat.storage.files import write_file
from concordat.storage.log import LogReader, TransparencyLog
from concordat.storage.tiles import entries_path, tile_path, unpack_entries
from concordat.testing.records import SampleMarket

MARKET = SampleMarket()
SIGNER = MARKET.log
FIRST = MARKET.decide(0).record


def record(sequence: int) -> DecisionRecord:
    """Cheap records: only what the log looks at differs."""
    return dataclasses.replace(FIRST, order_id=sha256(b"%d" % sequence), sequence=sequence)


RECORDS = [record(i) for i in range(600)]


def filled(root: Path, count: int) -> None:
    with TransparencyLog(root, SIGNER) as log:
        log.append_all(RECORDS[:count])


def check_all(root: Path, count: int) -> None:
    """A reader sees exactly the first `count` records, each with a proof that verifies."""
    reader = LogReader(root, SIGNER.key)
    assert [entry.record for entry in reader.records()] == RECORDS[:count]
    for index in {0, count // 2, count - 1} if count else ():
        proof = reader.prove(index)
        assert verified_by(proof.note, [SIGNER.key]) == {SIGNER.key}
        checkpoint = proof.checkpoint
        verify_inclusion(RECORDS[index].leaf(), index, checkpoint.size, proof.path, checkpoint.root)
    reader.audit()


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_log_appended_at_once_gives_every_record_back_with_proof(tmp_path: Path, count: int) -> None:
    filled(tmp_path, count)
    check_all(tmp_path, count)


def test_log_appended_one_by_one_has_the_same_root_as_at_once(tmp_path: Path) -> None:
    filled(tmp_path / "once", 300)
    with TransparencyLog(tmp_path / "singly", SIGNER, write=_write_unsynced) as log:
        for item in RECORDS[:300]:
            log.append(item)
        assert log.checkpoint == LogReader(tmp_path / "once", SIGNER.key).checkpoint
    check_all(tmp_path / "singly", 300)


def test_log_of_seventy_thousand_entries_has_the_tiles_of_the_specification(tmp_path: Path) -> None:
    written: dict[str, int] = {}

    def write(path: Path, data: bytes) -> None:
        written[str(path.relative_to(tmp_path))] = len(data)
        _write_unsynced(path, data)

    with TransparencyLog(tmp_path, SIGNER, write=write) as log:
        log.append_all([record(i) for i in range(70_000)])
    hashes = {path: size // 32 for path, size in written.items() if path.startswith("tile/") and "entries" not in path}
    assert sum(path.startswith("tile/0/") and ".p/" not in path for path in hashes) == 273
    assert hashes["tile/0/273.p/112"] == 112
    assert hashes["tile/1/000"] == 256
    assert hashes["tile/1/001.p/17"] == 17
    assert hashes["tile/2/000.p/1"] == 1
    assert len(unpack_entries((tmp_path / "tile/entries/273.p/112").read_bytes()) or []) == 112


def test_paths_of_large_indexes_are_those_of_the_specification() -> None:
    assert tile_path(0, 1_234_067, 256) == "tile/0/x001/x234/067"
    assert entries_path(1_234_067, 5) == "tile/entries/x001/x234/067.p/5"


def test_append_of_a_logged_order_finds_it_again(tmp_path: Path) -> None:
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all(RECORDS[:3])
        before = (tmp_path / "checkpoint").read_bytes()
        assert log.append(RECORDS[1]).index == 1
        assert log.append_all([RECORDS[2], RECORDS[3], RECORDS[3]])[2].index == 3
    assert (tmp_path / "checkpoint").read_bytes() != before
    check_all(tmp_path, 4)


def test_append_of_another_record_of_the_same_order_is_refused(tmp_path: Path) -> None:
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all(RECORDS[:2])
        with pytest.raises(StorageError) as caught:
            log.append(dataclasses.replace(RECORDS[1], time=Timestamp(1)))
        assert caught.value.code == "RecordConflict"
        assert log.size == 2


@pytest.mark.parametrize("sequence", [0, 1, 2, 4])
def test_append_out_of_sequence_is_refused_and_logs_nothing(tmp_path: Path, sequence: int) -> None:
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all(RECORDS[:2])
        with pytest.raises(StorageError) as caught:
            log.append_all([RECORDS[2], dataclasses.replace(record(sequence), order_id=sha256(b"other"))])
        assert (caught.value.code, log.size) == ("SequenceGap", 2)


def test_sequences_of_two_models_are_independent(tmp_path: Path) -> None:
    other = dataclasses.replace(FIRST, model=sha256(b"other model"), order_id=sha256(b"other"))
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all([*RECORDS[:2], other])
        assert log.next_sequence(FIRST.domain, FIRST.model, FIRST.provider) == 2
        assert log.next_sequence(FIRST.domain, other.model, FIRST.provider) == 1


def test_second_writer_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    first = TransparencyLog(tmp_path, SIGNER)
    with pytest.raises(StorageError) as caught:
        TransparencyLog(tmp_path, SIGNER)
    assert caught.value.code == "Locked"
    first.close()
    TransparencyLog(tmp_path, SIGNER).close()


def test_log_of_another_key_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    stranger = NoteSigner.from_seed(SIGNER.key.name, sha256(b"stranger"))
    with pytest.raises(StorageError) as caught:
        TransparencyLog(tmp_path, stranger)
    assert caught.value.code == "LogForeign"


def test_reader_finds_orders_and_refuses_what_is_not_there(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    reader = LogReader(tmp_path, SIGNER.key)
    found = reader.find(RECORDS[3].order_id)
    assert found is not None
    assert found.index == 3
    assert reader.find(RECORDS[5].order_id) is None
    for index in (-1, 5):
        with pytest.raises(NotFoundError):
            reader.record(index)
    with pytest.raises(NotFoundError):
        reader.consistency(2, 6)
    with pytest.raises(NotFoundError):
        LogReader(tmp_path / "nothing", SIGNER.key).note  # noqa: B018


def test_reader_over_any_transport_reads_the_same_files(tmp_path: Path) -> None:
    filled(tmp_path, 300)
    served = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    reader = LogReader(served.get, SIGNER.key)
    assert [entry.record for entry in reader.records(250, 260)] == RECORDS[250:260]


def test_reader_sees_growth_with_a_consistency_proof(tmp_path: Path) -> None:
    filled(tmp_path, 100)
    reader = LogReader(tmp_path, SIGNER.key)
    old = reader.checkpoint
    filled(tmp_path, 300)
    reader.refresh()
    new = reader.checkpoint
    verify_consistency(old.size, old.root, new.size, new.root, reader.consistency(old.size))


def test_reader_refuses_a_log_that_shrank(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    short = (tmp_path / "checkpoint").read_bytes()
    filled(tmp_path, 9)
    reader = LogReader(tmp_path, SIGNER.key)
    (tmp_path / "checkpoint").write_bytes(short)
    with pytest.raises(CorruptionError) as caught:
        reader.refresh()
    assert caught.value.code == "LogShrank"


def test_countersigned_checkpoint_is_published_and_survives_reopening(tmp_path: Path) -> None:
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all(RECORDS[:3])
        log.countersign(cosign(log.note, MARKET.witnesses[0], Timestamp(7)))
    with TransparencyLog(tmp_path, SIGNER) as log:
        assert verified_by(log.note, [MARKET.witnesses[0].key])
        stale = log.note
        log.append(RECORDS[3])
        with pytest.raises(VerificationError):
            log.countersign(stale)


class Killed(BaseException):
    """The process dies here."""


def writes_of(root: Path, start: int, stop: int) -> int:
    count = 0

    def write(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        _write_unsynced(path, data)

    filled(root, start)
    with TransparencyLog(root, SIGNER, write=write) as log:
        log.append_all(RECORDS[start:stop])
    return count


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (3, 5), (254, 256), (255, 258), (250, 600)])
def test_log_killed_at_any_write_recovers_and_loses_nothing(tmp_path: Path, start: int, stop: int) -> None:
    total = writes_of(tmp_path / "dry", start, stop)
    for point in range(total):
        for torn in (False, True):
            root = tmp_path / f"{point}-{torn}"
            filled(root, start)
            _kill_at(root, point, RECORDS[start:stop], torn=torn)
            check_all(root, start)
            # After the crash something else may come first than what was being written.
            with TransparencyLog(root, SIGNER) as log:
                assert log.size == start
                log.append(RECORDS[start])
                log.append_all(RECORDS[start:stop])
            check_all(root, stop)


def _kill_at(root: Path, point: int, records: list[DecisionRecord], *, torn: bool) -> None:
    seen = 0

    def write(path: Path, data: bytes) -> None:
        nonlocal seen
        if seen == point:
            if torn:  # what a rename-less temporary file looks like after the crash
                path.parent.mkdir(parents=True, exist_ok=True)
                (path.parent / ".new-torn").write_bytes(data[: len(data) // 2])
            raise Killed
        seen += 1
        _write_unsynced(path, data)

    log = TransparencyLog(root, SIGNER, write=write)
    with pytest.raises(Killed):
        log.append_all(records)
    log.close()


def test_log_on_a_full_disk_refuses_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TransparencyLog(tmp_path, SIGNER) as log:
        log.append_all(RECORDS[:3])
        with monkeypatch.context() as full:
            full.setattr(files.os, "replace", _no_space)
            with pytest.raises(StorageError) as caught:
                log.append(RECORDS[3])
        assert (caught.value.code, log.size) == ("DiskRefused", 3)
        assert not list(tmp_path.rglob(".new-*"))
        log.append(RECORDS[3])
    check_all(tmp_path, 4)


def test_append_whose_checkpoint_was_written_before_the_failure_is_found_again(tmp_path: Path) -> None:
    def write(path: Path, data: bytes) -> None:
        write_file(path, data)
        if path.name == "checkpoint":
            raise StorageError("The folder could not be synchronised.", code="DiskRefused")

    with TransparencyLog(tmp_path, SIGNER, write=write) as log, pytest.raises(StorageError):
        log.append(RECORDS[0])
    with TransparencyLog(tmp_path, SIGNER) as log:
        assert log.append(RECORDS[0]).index == 0
    check_all(tmp_path, 1)


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
@pytest.mark.parametrize(
    "name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"]
)
def test_damaged_file_is_named_to_writer_and_reader(tmp_path: Path, name: str, damage: str) -> None:
    filled(tmp_path, 300)
    path = tmp_path / name
    data = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else data[:20] + bytes([data[20] ^ 1]) + data[21:])
    pair = {name, name.replace("tile/entries", "tile/0"), name.replace("tile/0", "tile/entries")}
    for open_log in (lambda: TransparencyLog(tmp_path, SIGNER), lambda: LogReader(tmp_path, SIGNER.key).audit()):
        with pytest.raises(CorruptionError) as caught:
            open_log()
        assert caught.value.fields["file"] in pair
        assert "backup" in caught.value.hint


@pytest.mark.parametrize("position", [0, 30, -10, -2])
def test_damaged_checkpoint_is_named(tmp_path: Path, position: int) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "checkpoint"
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError) as caught:
        TransparencyLog(tmp_path, SIGNER)
    assert caught.value.code in ("LogCorrupt", "LogForeign")


def test_checkpoint_of_another_tree_under_the_right_key_is_noticed(tmp_path: Path) -> None:
    filled(tmp_path / "a", 5)
    with TransparencyLog(tmp_path / "b", SIGNER) as log:
        log.append_all([dataclasses.replace(item, output=Bytes32(bytes(32))) for item in RECORDS[:5]])
    (tmp_path / "a/checkpoint").write_bytes((tmp_path / "b/checkpoint").read_bytes())
    reader = LogReader(tmp_path / "a", SIGNER.key)
    with pytest.raises(CorruptionError):
        reader.prove(2)
    with pytest.raises(CorruptionError):
        TransparencyLog(tmp_path / "a", SIGNER)


def test_checkpoint_text_is_origin_size_and_root(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    reader = LogReader(tmp_path, SIGNER.key)
    text = (tmp_path / "checkpoint").read_text()
    assert text.startswith("log.example/decisions\n2\n")
    assert Checkpoint.parse(text.rpartition("\n\n")[0] + "\n") == reader.checkpoint


def _write_unsynced(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / ".new-unsynced"
    temporary.write_bytes(data)
    temporary.replace(path)


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
