"""The count of a commitment's openings: in books of one's own and in a database that machines share."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

import pytest

from concordat.primitives.errors import ConcordatError, CorruptionError, InputError, StorageError
from concordat.primitives.hashing import sha256
from concordat.storage.openings import Once, Openings, proof_seed

ROOT, OTHER = sha256(b"root"), sha256(b"another root")


def statement(number: int) -> bytes:
    return sha256(b"statement %d" % number)


def code_of(error: pytest.ExceptionInfo[ConcordatError]) -> str:
    return error.value.code


def test_openings_reserved_are_counted_after_a_restart_and_refused_past_the_limit(database_url: str) -> None:
    with Openings(database_url) as openings:
        assert [openings.reserve(ROOT, 3, statement(i)) for i in range(2)] == [0, 1]
        assert openings.reserve(OTHER, 5, statement(0)) == 0
    with Openings(database_url) as again:
        assert (again.left(ROOT, 3), again.left(OTHER, 5)) == (1, 4)
        assert again.reserve(ROOT, 3, statement(2)) == 2
        with pytest.raises(InputError) as spent:
            again.reserve(ROOT, 3, statement(3))
        assert code_of(spent) == "CommitmentSpent"
        assert "artifact renew" in spent.value.hint
        assert again.left(ROOT, 3) == 0


def test_openings_for_the_same_statement_again_keep_its_number(database_url: str) -> None:
    with Openings(database_url) as openings:
        numbers = [openings.reserve(ROOT, 2, statement(i)) for i in (7, 8, 7, 8)]
        assert numbers == [0, 1, 0, 1]
        assert openings.left(ROOT, 2) == 0


def test_openings_counted_with_another_limit_are_refused(database_url: str) -> None:
    with Openings(database_url) as openings:
        openings.reserve(ROOT, 3, statement(0))
        for ask in (lambda: openings.reserve(ROOT, 4, statement(0)), lambda: openings.left(ROOT, 300)):
            with pytest.raises(InputError) as refused:
                ask()
            assert code_of(refused) == "OpeningLimit"
        assert openings.left(ROOT, 3) == 2


def test_rotation_out_of_a_commitment_is_promised_to_one_message_only(database_url: str) -> None:
    with Openings(database_url) as openings:
        for _ in range(2):
            openings.once(ROOT, Once.ROTATED_OUT, sha256(b"one"))
        openings.once(ROOT, Once.ROTATED_IN, sha256(b"another"))
        with pytest.raises(InputError) as spent:
            openings.once(ROOT, Once.ROTATED_OUT, sha256(b"another"))
        assert code_of(spent) == "CommitmentSpent"


@pytest.mark.parametrize(("root", "digest"), [(b"short", statement(0)), (ROOT, b"short"), (ROOT, bytes(32))])
def test_openings_of_malformed_names_are_refused(tmp_path: Path, root: bytes, digest: bytes) -> None:
    with pytest.raises(InputError):
        Openings(tmp_path).reserve(root, 3, digest)


def test_count_that_was_copied_makes_no_proof_until_it_is_adopted(tmp_path: Path) -> None:
    Openings(tmp_path / "here").reserve(ROOT, 9, statement(0))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    copied = Openings(tmp_path / "there")
    with pytest.raises(StorageError) as refused:
        copied.reserve(ROOT, 9, statement(1))
    assert code_of(refused) == "OpeningsCopied"
    copied.adopt(ROOT, 9, 6)
    assert copied.reserve(ROOT, 9, statement(1)) == 6


def test_count_when_adopted_goes_on_where_it_is_told(database_url: str) -> None:
    with Openings(database_url) as openings:
        openings.reserve(ROOT, 9, statement(0))
        for made in (1, 9):
            with pytest.raises(InputError):
                openings.adopt(ROOT, 9, made)
        openings.adopt(ROOT, 9, 4)
        assert openings.reserve(ROOT, 9, statement(1)) == 4


def test_count_put_back_to_an_older_state_goes_on_after_everything_counted(tmp_path: Path) -> None:
    openings = Openings(tmp_path)
    book = tmp_path / f"{ROOT.hex()}.index"
    openings.reserve(ROOT, 9, statement(0))
    old = book.read_bytes()
    openings.reserve(ROOT, 9, statement(1))
    book.write_bytes(old)
    assert openings.reserve(ROOT, 9, statement(2)) == 2


def test_damaged_count_makes_no_proof(tmp_path: Path) -> None:
    openings = Openings(tmp_path)
    openings.reserve(ROOT, 9, statement(0))
    with (tmp_path / f"{ROOT.hex()}.index").open("r+b") as file:
        file.seek(60)
        file.write(b"\xff\xff\xff")
    with pytest.raises(CorruptionError) as refused:
        openings.reserve(ROOT, 9, statement(1))
    assert code_of(refused) == "OpeningsDamaged"


def test_openings_in_a_folder_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        Openings(tmp_path / "file").reserve(ROOT, 9, statement(0))


def _reserve(place: str, first: int, count: int) -> None:
    with Openings(place) as openings:
        for i in range(first, first + count):
            openings.reserve(ROOT, 40, statement(i))


def test_openings_by_two_processes_at_once_are_all_counted(database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_reserve, args=(database_url, 20 * k, 15)) for k in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with Openings(database_url) as openings:
        assert openings.left(ROOT, 40) == 10
        numbers = [openings.reserve(ROOT, 40, statement(20 * k + i)) for k in range(2) for i in range(15)]
    assert sorted(numbers) == list(range(30))


def test_seeds_of_proofs_differ_in_secret_root_number_and_statement() -> None:
    ways = [
        (bytes(32), ROOT, 0, statement(0)),
        (ROOT, ROOT, 0, statement(0)),
        (bytes(32), OTHER, 0, statement(0)),
        (bytes(32), ROOT, 1, statement(0)),
        (bytes(32), ROOT, 0, statement(1)),
    ]
    assert len({proof_seed(*way) for way in ways}) == len(ways)
    with pytest.raises(InputError):
        proof_seed(b"short", ROOT, 0, statement(0))
