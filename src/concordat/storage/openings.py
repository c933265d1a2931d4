"""How often a commitment of weights was opened: written down before each proof is made.

Every proof opens columns of the commitment, and it hides no more than its random tails are long. So each proof has a
number, below a limit that follows from the parameters (`concordat.zk.rotation.proof_limit`), and the number is
on the disk, promised to one statement, before the proof exists. Whatever happens to the process or the machine, no
proof is made that is not counted; at worst one is counted that was never made. The same statement asked again gets the
same number, and with it the same seed (`proof_seed`): a prover that was killed makes the very same proof again, which
opens nothing new.

On one's own disk a commitment has a book of promised indices (`concordat.storage.indices`), which knows when it was
copied or set back. Provers on several machines that share a commitment count in one PostgreSQL database; whoever sets
that back to an older state has to commit anew.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import unquote, urlsplit

from concordat.primitives.errors import CorruptionError, InputError, StorageError
from concordat.storage.indices import IndexBook
from concordat.storage.sql.open import check_database_url, open_database
from concordat.storage.sql.schema import Schema

__all__ = ["Once", "Openings", "proof_seed"]

SCHEMA = Schema(
    name="openings",
    version=1,
    statements=(
        "CREATE TABLE IF NOT EXISTS book (name {text} PRIMARY KEY, capacity {number} NOT NULL)",
        "CREATE TABLE IF NOT EXISTS opening (name {text} NOT NULL, number {number} NOT NULL, digest {bytes} NOT NULL, "
        "PRIMARY KEY (name, number))",
    ),
)
"""Tables in a shared database."""
_SKIPPED = bytes(32)


class Once(Enum):
    """What opens a commitment at most once in its life; the limit of the proofs has set its columns aside."""

    REGISTRATION = "registration"
    """Showing that it is close to a codeword."""
    ROTATED_IN = "rotated-in"
    """Showing that it holds the weights of the one before."""
    ROTATED_OUT = "rotated-out"
    """Showing that the next one holds its weights."""


class Openings:
    """The count of all commitments of one owner; processes and threads take turns.

    Parameters
    ----------
    place : Path or str
        A folder for the books; or the URL of a store: a ``sqlite:`` folder, or a PostgreSQL database for provers on
        several machines.
    name : str
        Of the store in a PostgreSQL database: provers that share commitments share it.

    Raises
    ------
    ConfigurationError
        If the URL cannot be used.
    StorageError
        ``DiskRefused``, ``DatabaseRefused`` or ``DatabaseAway`` if nothing can be written down; no proof may be made.
    """

    def __init__(self, place: Path | str, *, name: str = "openings") -> None:
        self._ledger = _ledger(place, name)

    def reserve(self, root: bytes, limit: int, statement: bytes) -> int:
        """Promise the next number to a statement; on return it is on the disk.

        Parameters
        ----------
        root : bytes
            Of the commitment.
        limit : int
            Proofs that it is good for, always the same for one commitment.
        statement : bytes
            SHA-256 of the encoded statement. If it has a number already, that is returned.

        Returns
        -------
        int
            The number of the proof.

        Raises
        ------
        InputError
            ``CommitmentSpent`` if all proofs are made, ``OpeningLimit`` if it was counted with another limit.
        StorageError
            ``OpeningsCopied`` if the count was copied or restored, or the disk refuses.
        CorruptionError
            If it is damaged.
        """
        number = self._ledger.promise(_name(root), limit, _digest(statement))
        if number is None:
            raise InputError(
                f"The commitment of the weights has been opened for all {limit} proofs that it is good for.",
                code="CommitmentSpent",
                hint="Renew the model: concordat artifact renew MODEL",
                root=root.hex(),
                limit=limit,
            )
        return number

    def left(self, root: bytes, limit: int) -> int:
        """Proofs that can still be made; errors as above, but for ``CommitmentSpent``."""
        return limit - self._ledger.used(_name(root), limit)

    def once(self, root: bytes, purpose: Once, digest: bytes) -> None:
        """Promise that one message alone is made for a purpose; the same promise again is none.

        Parameters
        ----------
        digest : bytes
            32 bytes that determine the message: SHA-256 of its statement and of its secret seed.

        Raises
        ------
        InputError
            ``CommitmentSpent`` if another one was promised before. Other errors as above.
        """
        if self._ledger.promise(f"{_name(root)}.{purpose.value}", 1, _digest(digest)) is None:
            raise InputError(
                f"The commitment of the weights was opened before for its one {purpose.value}.",
                code="CommitmentSpent",
                hint="Make the same one again with the same seed, or commit the weights anew.",
                root=root.hex(),
                limit=1,
            )

    def adopt(self, root: bytes, limit: int, made: int) -> None:
        """Go on with a copied or restored count. The caller answers for it that fewer than `made` proofs exist, and
        that no other copy goes on.

        Raises
        ------
        InputError
            ``BadIndex`` if the count itself knows of as many, or the limit leaves none.
        """
        self._ledger.adopt(_name(root), limit, made)

    def close(self) -> None:
        """Let go of the database, where there is one."""
        self._ledger.close()

    def __enter__(self) -> Openings:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def proof_seed(secret: bytes, root: bytes, number: int, statement: bytes) -> bytes:
    """The secret seed of a numbered proof: no two statements, numbers or commitments share one.

    Parameters
    ----------
    secret : bytes
        32 random bytes that stay with the owner of the commitment.
    statement : bytes
        SHA-256 of the encoded statement, as the number was promised to it.
    """
    if len(secret) != 32:
        raise InputError("The secret of a prover is 32 bytes.", code="BadSecret", hint="Draw it: secrets.token_bytes.")
    numbered = _root(root) + number.to_bytes(4, "big") + _digest(statement)
    return sha256(b"concordat proof seed 1" + secret + numbered).digest()


class _Ledger(Protocol):
    """Named books of numbers from 0 on, each promised to one digest."""

    def promise(self, name: str, capacity: int, digest: bytes) -> int | None: ...

    def used(self, name: str, capacity: int) -> int: ...

    def adopt(self, name: str, capacity: int, number: int) -> None: ...

    def close(self) -> None: ...


class _Books:
    """One `IndexBook` for each name, in a folder; one process or thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def promise(self, name: str, capacity: int, digest: bytes) -> int | None:
        with self._turn(), _explained(), closing(self._book(name, capacity)) as book:
            for number in range(book.next):
                if book.promised(number) == digest:
                    return number
            number = book.next
            if number >= capacity:
                return None
            book.reserve(number, digest)
            return number

    def used(self, name: str, capacity: int) -> int:
        with self._turn(), _explained(), closing(self._book(name, capacity)) as book:
            return book.next

    def adopt(self, name: str, capacity: int, number: int) -> None:
        with self._turn(), _explained():
            IndexBook.adopt(self._path(name), name.encode(), capacity, next_index=number)

    def close(self) -> None:
        """Nothing is held between two turns."""

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.index"

    def _book(self, name: str, capacity: int) -> IndexBook:
        return IndexBook(self._path(name), name.encode(), capacity)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the others; the kernel ends the turn of a process that dies."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "turn.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"{self._folder} cannot be written: {error.strerror}.",
                code="DiskRefused",
                hint="Free space or fix permissions, then try again; no proof was counted.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _Rows:
    """The same in a database that several machines share."""

    def __init__(self, url: str, name: str) -> None:
        self._db = open_database(url, SCHEMA, name=name)

    def promise(self, name: str, capacity: int, digest: bytes) -> int | None:
        with self._db.transaction():
            values = {"name": name, "digest": digest}
            following = self._next(name, capacity)
            known = self._db.execute("SELECT number FROM opening WHERE name = :name AND digest = :digest", values)
            if known:
                return int(known[0][0])
            if following >= capacity:
                return None
            self._insert(name, following, digest)
        return following

    def used(self, name: str, capacity: int) -> int:
        with self._db.transaction():
            return self._next(name, capacity)

    def adopt(self, name: str, capacity: int, number: int) -> None:
        with self._db.transaction():
            known = self._next(name, capacity)
            if not known < number < capacity:
                raise InputError(f"The number must be from {known + 1} to {capacity - 1}.", code="BadIndex")
            self._insert(name, number - 1, _SKIPPED)

    def close(self) -> None:
        self._db.close()

    def _next(self, name: str, capacity: int) -> int:
        values = {"name": name, "capacity": capacity}
        self._db.execute(
            "INSERT INTO book (name, capacity) VALUES (:name, :capacity) ON CONFLICT (name) DO NOTHING", values
        )
        if self._db.execute("SELECT capacity FROM book WHERE name = :name", {"name": name}) != [(capacity,)]:
            raise _other_limit()
        rows = self._db.execute("SELECT COALESCE(MAX(number) + 1, 0) FROM opening WHERE name = :name", {"name": name})
        return int(rows[0][0])

    def _insert(self, name: str, number: int, digest: bytes) -> None:
        self._db.execute(
            "INSERT INTO opening (name, number, digest) VALUES (:name, :number, :digest)",
            {"name": name, "number": number, "digest": digest},
        )


def _ledger(place: Path | str, name: str) -> _Ledger:
    if isinstance(place, Path):
        return _Books(place)
    check_database_url(place)
    if place.startswith("sqlite:"):
        return _Books(Path("/" + unquote(urlsplit(place).path).lstrip("/")) / name)
    return _Rows(place, name)


@contextmanager
def _explained() -> Iterator[None]:
    """What a book of indices says, in the words of a commitment."""
    try:
        yield
    except StorageError as error:
        if error.code == "IndexForeign":
            raise _other_limit() from error
        if error.code == "IndexCopied":
            raise StorageError(
                "The count of a commitment's openings was copied or restored: what was proven since is not in it.",
                code="OpeningsCopied",
                hint="Renew the model: concordat artifact renew MODEL; or go on: concordat artifact adopt MODEL",
            ) from error
        if isinstance(error, CorruptionError):
            raise CorruptionError(
                f"The count of a commitment's openings cannot be read: {error.message}",
                code="OpeningsDamaged",
                hint="Make no more proofs with this commitment: commit the weights anew.",
            ) from error
        raise


def _other_limit() -> InputError:
    return InputError(
        "The openings of this commitment were counted with another limit before.",
        code="OpeningLimit",
        hint="The limit follows from the parameters of the commitment: concordat.zk.rotation.proof_limit.",
    )


def _name(root: bytes) -> str:
    return _root(root).hex()


def _root(root: bytes) -> bytes:
    if len(root) != 32:
        raise InputError("The root of a commitment is 32 bytes.", code="BadRoot")
    return root


def _digest(digest: bytes) -> bytes:
    if len(digest) != 32 or digest == _SKIPPED:
        raise InputError("What is promised is named by a digest of 32 bytes.", code="BadDigest")
    return digest
