"""A home copied while its nodes work, and put back: nothing is torn, nothing is done twice, no key is used again."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

import concordat as cd
from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.client.home import Home
from concordat.client.registry import PublishedModel
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, embed, open_market
from concordat.node.operations.backup import create_backup
from concordat.node.operations.restore import restore_backup, verify_backup
from concordat.primitives.errors import InputError, StorageError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.protocol.order import OrderStatus
from concordat.storage.indices import IndexBook
from concordat.storage.journal import Journal
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

PRICE = cd.usd("0.50")


def staffed(market: EmbeddedMarket) -> EmbeddedMarket:
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    return market


def published(market: EmbeddedMarket) -> PublishedModel:
    model = market.network.registry.publish(small_model(), signer="lender")
    assert isinstance(model, PublishedModel)
    return model


def happened(market: EmbeddedMarket) -> list[str]:
    return [type(placed.event).__name__ for placed in market.network.ledger.events()]


@pytest.mark.chain
def test_restored_home_with_its_own_chain_goes_on_with_open_orders(tmp_path: Path) -> None:
    market = staffed(open_market("anvil://", home=Home(tmp_path / "first")))
    orders = market.network.orders
    done = orders.place(published(market), ROW, pay=PRICE).wait("recorded")
    model = published(market)
    open_order = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    open_order.wait("delivered")
    market.close()
    create_backup(Home(tmp_path / "first"), tmp_path / "backup.tar")
    shutil.rmtree(tmp_path / "first")

    restore_backup(tmp_path / "backup.tar", tmp_path / "second")
    again = staffed(open_market("anvil://", home=Home(tmp_path / "second")))
    found = again.network.orders.get(open_order.id)
    assert found.status is OrderStatus.DELIVERED
    assert found.wait("recorded").status is OrderStatus.PAID
    assert again.network.records.find(done.id) is not None
    assert happened(again).count("Accepted") == happened(again).count("Delivered") == happened(again).count("Paid") == 2
    again.close()


@pytest.mark.chain
def test_old_backup_on_a_chain_that_went_on_does_nothing_twice(tmp_path: Path, fresh_anvil: AnvilNode) -> None:
    """The log of the back-up is behind its anchor: the keeper refuses until the entries that are missing are there."""
    home = Home(tmp_path / "first")
    market = staffed(embed(fresh_anvil.endpoint, home=home))
    model, orders = published(market), market.network.orders
    orders.place(model, ROW, pay=PRICE).wait("recorded")
    late = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    market.step()
    create_backup(home, tmp_path / "backup.tar")
    late.wait("recorded")
    market.settle()
    before = happened(market)
    market.close()

    restore_backup(tmp_path / "backup.tar", tmp_path / "second")
    with pytest.raises(StorageError, match="anchored") as caught:
        embed(fresh_anvil.endpoint, home=Home(tmp_path / "second"))
    assert caught.value.code == "LogBehind"
    shutil.rmtree(tmp_path / "second" / "log")
    shutil.copytree(tmp_path / "first" / "log", tmp_path / "second" / "log")
    again = staffed(embed(fresh_anvil.endpoint, home=Home(tmp_path / "second")))
    again.settle()
    assert happened(again) == before
    assert again.log.size == 2
    assert again.network.orders.get(late.id).wait("recorded").status is OrderStatus.PAID
    again.close()


@pytest.mark.chain
def test_log_that_was_written_on_from_an_old_copy_is_refused(tmp_path: Path, fresh_anvil: AnvilNode) -> None:
    home = Home(tmp_path / "first")
    market = staffed(embed(fresh_anvil.endpoint, home=home))
    model = published(market)
    market.network.orders.place(model, ROW, pay=PRICE).wait("recorded")
    market.settle()
    (entry,) = market.log.records()
    market.close()
    shutil.rmtree(tmp_path / "first" / "log")
    (tmp_path / "first" / "nodes" / "recorder" / "journal.db").unlink()
    with pytest.raises(StorageError) as caught:
        embed(fresh_anvil.endpoint, home=home)
    assert caught.value.code == "LogBehind"
    assert entry.index == 0


def test_backup_of_a_journal_that_is_being_written_holds_whole_transactions(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    journal, stop = home.open_journal("provider"), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with journal.write("pair"):
                journal.set_item("left", "x", str(number), {})
                journal.set_item("right", "x", str(number), {})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            create_backup(home, tmp_path / f"{number}.tar")
    finally:
        stop.set()
        writer.join()
        journal.close()
    for number in range(5):
        restore_backup(tmp_path / f"{number}.tar", tmp_path / f"again{number}")
        with sqlite3.connect(Home(tmp_path / f"again{number}").journal("provider")) as copy:
            stages = {stage for (stage,) in copy.execute("SELECT stage FROM item")}
        assert len(stages) <= 1


def test_restored_counter_of_a_key_refuses_to_sign_until_it_is_adopted(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys" / "counted.index"
    with IndexBook(path, b"key", 100) as book:
        book.reserve(0, keccak256(b"first"))
    create_backup(Home(tmp_path / "home"), tmp_path / "backup.tar")
    with IndexBook(path, b"key", 100) as book:
        book.reserve(1, keccak256(b"second"))
    shutil.rmtree(tmp_path / "home")
    restore_backup(tmp_path / "backup.tar", tmp_path / "home")
    with pytest.raises(StorageError) as caught:
        IndexBook(path, b"key", 100)
    assert caught.value.code == "IndexCopied"
    IndexBook.adopt(path, b"key", 100, next_index=50)
    with IndexBook(path, b"key", 100) as book:
        assert book.next == 50


def test_backup_leaves_out_what_belongs_to_a_running_process_and_keeps_the_rest(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    kept = [
        "deployment.json",
        "keys/log.seed",
        "log/checkpoint",
        "log/tile/0/000.p/1",
        "public/aa/bb",
        "concordat.toml",
    ]
    passing = ["running.json", "index.db", "nodes/provider/pid", "nodes/provider/door.json", "log/lock", "up.lock"]
    for name in [*kept, *passing]:
        (home.path / name).parent.mkdir(parents=True, exist_ok=True)
        (home.path / name).write_text(name)
    (home.path / "keys" / "log.seed").chmod(0o600)
    home.open_journal("provider").close()
    manifest = create_backup(home, tmp_path / "backup.tar")
    assert {entry.path for entry in manifest.files} == {*kept, "nodes/provider/journal.db"}
    assert (tmp_path / "backup.tar").stat().st_mode & 0o777 == 0o600
    restore_backup(tmp_path / "backup.tar", tmp_path / "again")
    again = {
        path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*") if path.is_file()
    }
    assert again == {entry.path for entry in manifest.files}
    assert (tmp_path / "again" / "keys" / "log.seed").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_backup_refuses_links_and_files_that_are_there(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    (home.path / "public").symlink_to("/etc")
    with pytest.raises(StorageError) as caught:
        create_backup(home, tmp_path / "backup.tar")
    assert caught.value.code == "NotPlain"
    (home.path / "public").unlink()
    create_backup(home, tmp_path / "backup.tar")
    with pytest.raises(InputError) as again:
        create_backup(home, tmp_path / "backup.tar")
    assert again.value.code == "BackupExists"
    with pytest.raises(InputError) as none:
        create_backup(Home(tmp_path / "nowhere"), tmp_path / "other.tar")
    assert none.value.code == "NoHome"


def test_backup_names_what_lies_elsewhere_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    place = Home(
        tmp_path / "home", database="postgresql://me:secret@db/concordat", log_store=f"sqlite://{tmp_path}/home/l"
    )
    manifest = create_backup(place, tmp_path / "backup.tar")
    assert manifest.left_out == ("journals: in postgresql",)


def test_signed_backup_is_taken_from_its_signer_only(tmp_path: Path, accounts: list[Account]) -> None:
    home = Home(tmp_path / "home")
    home.open_journal("provider").close()
    create_backup(home, tmp_path / "mine.tar", sign=accounts[1].sign)
    create_backup(home, tmp_path / "unsigned.tar")
    assert verify_backup(tmp_path / "mine.tar", signer=accounts[1].address).files
    for file, signer in (("mine.tar", accounts[2]), ("unsigned.tar", accounts[1])):
        with pytest.raises(VerificationError) as caught:
            restore_backup(tmp_path / file, tmp_path / "again", signer=signer.address)
        assert caught.value.code == "BackupForeign"
        assert not (tmp_path / "again").exists()


def test_restored_journal_opens_as_the_nodes_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "home" / "nodes" / "provider" / "journal.db")
    journal.set_intent("deliver:0x00", "planned", raw=b"signed", hash=b"h")
    create_backup(Home(tmp_path / "home"), tmp_path / "backup.tar")
    journal.close()
    restore_backup(tmp_path / "backup.tar", tmp_path / "again")
    again = Home(tmp_path / "again").open_journal("provider")
    assert [intent.raw for intent in again.intents("planned")] == [b"signed"]
    again.close()
