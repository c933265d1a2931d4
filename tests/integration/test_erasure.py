"""After an erasure no stored byte leads to the subject, what was proven about the log stays proven, and a crash changes
nothing about either.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.client.erasure import open_subjects
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain
from concordat.client.placed import PlacedOrder
from concordat.client.private import Erasure, result_salt
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import embed
from concordat.node.provider import Terms
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, NotFoundError, OrderError, PolicyError, StorageError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import usd
from concordat.primitives.wire import from_wire
from concordat.protocol.bundle import Bundle
from concordat.protocol.checkpoint import InclusionProof
from concordat.protocol.evidence import FraudProvable
from concordat.protocol.record import RecordSalts
from concordat.protocol.tombstone import Tombstone, erase_digest
from concordat.protocol.transparency import verify_inclusion
from concordat.protocol.verification import Outcome
from concordat.storage import subjects as subject_store
from concordat.testing.offers import ROW
from concordat.testing.small import small_model
from concordat.verify import verify

SUBJECT = "patient 4711, Anna Muster"
TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))


class Clinic:
    """A market in a folder, with a client that orders decisions about people."""

    def __init__(self, folder: Path, *, chain: MemoryChain | None = None) -> None:
        self.home = Home(folder)
        self.chain = chain or MemoryChain()
        keyring = Keyring(development=True, on_new=lambda signer: self.chain.welcome(signer.address, usd(10_000)))
        self.market = EmbeddedMarket(self.chain, self.home.open_content(), keyring, home=self.home)
        self.provider = self.market.add_provider("provider", TERMS)
        self.market.add_challenger("challenger")
        self.network = self.market.network

    def decide(self, subject: str | None, **columns: int) -> PlacedOrder:
        model = small_model(native=False)
        if not self.chain.artifacts.entries():
            self.network.registry.publish(model, signer="publisher")
        row = {**ROW, **columns}
        placed = self.network.orders.place(model.id, row, pay=usd("0.50"), private=True, subject=subject)
        placed.wait("delivered")
        placed.release()
        placed.wait("recorded")
        return placed


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    made = Clinic(tmp_path)
    yield made
    made.market.close()


@dataclass(frozen=True)
class Needle:
    """A byte string that may not be found."""

    name: str
    data: bytes


def needles(clinic: Any, placed: PlacedOrder) -> list[Needle]:
    """Whatever says something about the subject, and all that is commonly made of such things."""
    home: Home = clinic.home
    opening, reply = placed.offer.opening, placed.reply
    assert reply is not None
    keys = open_subjects(home)
    handle = keys.handle(SUBJECT)
    decision = placed.decision()
    salts = from_wire(RecordSalts, clinic.market.recorder.journal.item("decision", to_hex(placed.id))[1]["salts"])
    wrapped = (home.keys / "subjects" / f"{handle}.key").read_bytes()
    plain = {
        "subject": SUBJECT.encode(),
        "subject in UTF-16": SUBJECT.encode("utf-16-le"),
        "handle": handle.encode(),
        "input": opening.words.rstrip(b"\0"),
        "input salt": opening.salt,
        "result salt": result_salt(opening),
        "output": decision.bundle.output,
        "trace root": decision.bundle.opening.trace_root,
        "reply key": reply.private,
        "data key": _data_key(keys, handle),
        "wrapped key": wrapped,
        "key's ciphertext": wrapped[12:],
        "what was kept": from_hex(clinic.market.network.orders._journal.item("order", to_hex(placed.id))[1]["held"]),
        "sealed offer": _sealed_offer(clinic, placed),
        "output's salt": salts.output,
        "evidence's salt": salts.evidence,
    }
    found = []
    for name, data in plain.items():
        assert data, name
        found.append(Needle(name, data))
        for hashing in (hashlib.sha256, hashlib.sha1, hashlib.md5, hashlib.blake2b):
            found.append(Needle(f"{hashing.__name__} of {name}", hashing(data).digest()))
        found.append(Needle(f"keccak of {name}", keccak256(data)))
    return found


def _data_key(keys: Any, handle: str) -> bytes:
    stored = keys._path(handle).read_bytes()
    return keys._wrap.decrypt(stored[:12], stored[12:], handle.encode())


def _sealed_offer(clinic: Any, placed: PlacedOrder) -> bytes:
    item = clinic.provider.journal.item("offer", to_hex(placed.id))
    return from_hex(item[1]["sealed"]["sealed"])


def found_in(folder: Path, wanted: list[Needle]) -> set[tuple[str, str]]:
    """Where which needle is, raw, in hexadecimal or in base64, in any file at all."""
    found = set()
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        folded = content.lower()
        names = path.name.lower().encode()
        for needle in wanted:
            forms = {needle.data.hex().encode(), base64.b64encode(needle.data)[:-4] or needle.data}
            raw = needle.data in content or needle.data in names
            if raw or any(form in content or form.lower() in folded or form in names for form in forms):
                found.add((needle.name, str(path.relative_to(folder))))
    return found


def test_subject_is_nowhere_in_any_file_after_erasure(clinic: Clinic, tmp_path: Path) -> None:
    placed = clinic.decide(SUBJECT, income=77123, debt=66789, age=55432, years=44321)
    other = clinic.decide("somebody else", income=11111)
    wanted = needles(clinic, placed)
    before = {name for name, _ in found_in(tmp_path, wanted)}
    assert {"handle", "wrapped key", "what was kept", "sealed offer", "output's salt", "evidence's salt"} <= before
    erased = clinic.network.records.erase(SUBJECT)
    assert (erased.orders, erased.unreached) == ((placed.id,), ())
    clinic.market.settle()
    assert found_in(tmp_path, wanted) == set(), "while everything still runs"
    clinic.market.close()
    assert found_in(tmp_path, wanted) == set(), "and when nothing does"
    again = Clinic(tmp_path, chain=clinic.chain)
    assert again.network.orders.get(other.id).decision().output == other.decision().output
    assert found_in(tmp_path, wanted) == set()
    again.market.close()


@pytest.mark.chain
def test_subject_is_nowhere_in_any_file_of_a_home_with_a_chain_in_it(tmp_path: Path) -> None:
    with AnvilNode(tmp_path / "chain").start() as node:
        market = embed(node.endpoint, home=Home(tmp_path), node=node)
        provider = market.add_provider("provider", TERMS)
        clinic = type("Any", (), {"home": Home(tmp_path), "market": market, "provider": provider})
        model, row = small_model(native=False), {"income": 77123, "debt": 66789, "age": 55432, "years": 44321}
        market.network.registry.publish(model, signer="publisher")
        placed = market.network.orders.place(model.id, row, pay=usd("0.50"), subject=SUBJECT)
        placed.wait("delivered")
        placed.release()
        placed.wait("recorded")
        wanted = needles(clinic, placed)
        sealed = placed.decision().bundle.header.output_hash
        market.network.records.erase(SUBJECT)
        market.settle()
        market.close()
    assert found_in(tmp_path, wanted) == set()
    assert sealed  # the chain keeps the ciphertext, and nobody has the key that opened it


# -- what stays ------------------------------------------------------------------------------------------------------


def test_record_and_its_place_stay_proven_after_an_erasure(clinic: Clinic) -> None:
    placed = clinic.decide(SUBJECT)
    exported = placed.decision().bundle
    old = InclusionProof.parse(exported.inclusion)
    clinic.network.records.erase(SUBJECT)
    clinic.market.settle()
    log = clinic.network.records.log
    record = log.find(placed.id)
    assert record is not None
    proof = log.prove(record.index)
    for shown in (old, proof):
        checkpoint = shown.checkpoint
        verify_inclusion(exported.record.leaf(), shown.index, checkpoint.size, shown.path, checkpoint.root)
    log.audit()
    assert log.consistency(old.checkpoint.size)
    assert len(list(log.records())) == 1
    tombstone = log.tombstone(placed.id)
    assert tombstone is not None
    assert (tombstone.tombstone.order_id, tombstone.tombstone.index) == (placed.id, record.index)


def test_bundle_exported_before_says_that_it_was_erased(clinic: Clinic) -> None:
    placed = clinic.decide(SUBJECT)
    records, exported = clinic.network.records, placed.decision().bundle
    assert verify(exported, records.trust_root(), endpoint_facts=records.facts(exported)).ok
    records.erase(SUBJECT)
    clinic.market.settle()
    report = verify(
        exported, records.trust_root(), endpoint_facts=records.facts(exported), erasure=records.tombstone(placed.id)
    )
    assert {c.number for c in report.checks if c.outcome is Outcome.ERASED} == {5, 6, 7, 13}
    assert {c.number for c in report.checks if c.outcome is Outcome.PASS} >= {1, 2, 3, 4, 9, 10, 11, 14, 15, 16} - {15}
    assert (report.ok, report.erased, report.exit_code) == (False, True, 3)
    assert report.verdict.startswith("ERASED")
    assert "delete this copy" in str(report)


def test_what_remains_of_an_erased_order_is_verified_as_erased(clinic: Clinic) -> None:
    placed = clinic.decide(SUBJECT)
    clinic.network.records.erase(SUBJECT)
    clinic.market.settle()
    with pytest.raises(NotFoundError) as caught:
        clinic.network.orders.get(placed.id)
    assert caught.value.code == "Erased"
    assert clinic.network.orders.all() == []
    remains = Bundle.parse(clinic.network.orders.remains(placed.id).encode())
    assert (remains.input, remains.output, remains.output_salt, remains.evidence_salt) == (None, None, None, None)
    records = clinic.network.records
    report = verify(remains, records.trust_root(), endpoint_facts=records.facts(remains))
    assert {c.number for c in report.checks if c.outcome is Outcome.ERASED} == {5, 6, 7, 13}
    assert not report.failed
    assert (report.ok, report.exit_code) == (False, 3)


@pytest.mark.parametrize("change", ["order", "index", "time"])
def test_attack_invented_tombstone_is_not_believed(clinic: Clinic, change: str) -> None:
    placed, other = clinic.decide(SUBJECT), clinic.decide("somebody else")
    records, exported = clinic.network.records, other.decision().bundle
    records.erase(SUBJECT)
    clinic.market.settle()
    real = records.tombstone(placed.id)
    fields = {name: getattr(real.tombstone, name) for name in ("chain_id", "market", "order_id", "index", "time")}
    fields |= {"order": {"order_id": other.id}, "index": {"index": 9}, "time": {"time": 1}}[change]
    invented = type(real)(tombstone=Tombstone(**fields), inclusion=real.inclusion)
    report = verify(exported, records.trust_root(), erasure=invented)
    assert [check.number for check in report.failed] == [10]
    assert not report.erased


# -- who may, and when -----------------------------------------------------------------------------------------------


def test_subject_of_an_open_order_and_unknown_subject_are_not_erased(clinic: Clinic) -> None:
    clinic.decide("somebody else")
    placed = clinic.network.orders.place(small_model(native=False).id, ROW, pay=usd("0.50"), subject=SUBJECT)
    placed.wait("delivered")
    with pytest.raises(OrderError) as caught:
        clinic.network.records.erase(SUBJECT)
    assert caught.value.code == "StillOpen"
    assert placed.decision().output == clinic.network.orders.get(placed.id).decision().output
    with pytest.raises(NotFoundError) as unknown:
        clinic.network.records.erase("nobody")
    assert unknown.value.code == "UnknownSubject"
    with pytest.raises(PolicyError):
        clinic.network.orders.place(
            small_model(native=False).id, ROW, pay=usd("0.50"), subject=SUBJECT, evidence=FraudProvable()
        )


def test_attack_erasure_that_is_not_the_clients_is_not_heard(clinic: Clinic) -> None:
    placed = clinic.decide(SUBJECT)
    mallory = clinic.market.keyring.signer("mallory")
    forged = mallory.sign(erase_digest(placed.id, clinic.network.ledger.domain))
    clinic.market.recorder._gravedigger._requests.ask({"order": to_hex(placed.id), "signature": to_hex(forged)})
    clinic.market.recorder._gravedigger._requests.ask({"order": "nonsense"})
    clinic.market.settle()
    assert clinic.network.records.tombstone(placed.id) is None
    assert not list((clinic.home.path / "erasures").iterdir())
    link = clinic.network.providers()[0]
    with pytest.raises(OrderError) as caught:
        link.erase(Erasure(order=placed.id, signature=forged))
    assert caught.value.code == "BadSignature"
    assert placed.decision().output


def test_same_subject_is_somebody_new_after_an_erasure(clinic: Clinic) -> None:
    first = clinic.decide(SUBJECT)
    clinic.network.records.erase(SUBJECT)
    second = clinic.decide(SUBJECT)
    assert clinic.network.orders.get(second.id).decision().output
    erased = clinic.network.records.erase(SUBJECT)
    clinic.market.settle()
    assert erased.orders == (second.id,)
    log = clinic.network.records.log
    assert log.tombstone(first.id)
    assert log.tombstone(second.id)


# -- crashes ---------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def steps_of(folder: Path, act: Callable[[Callable[[str], None]], None]) -> list[str]:
    seen: list[str] = []
    act(seen.append)
    return seen


def test_erasure_killed_at_any_step_is_finished_by_the_next_start(tmp_path: Path, monkeypatch: Any) -> None:
    """Every write to a journal, and every file written or deleted, is a place where the power can fail."""

    def run(folder: Path, stop_at: int | None) -> tuple[int, bool]:
        clinic = Clinic(folder)
        placed = clinic.decide(SUBJECT, income=77123, debt=66789, age=55432, years=44321)
        wanted, count = needles(clinic, placed), 0

        def tick(*_: Any) -> None:
            nonlocal count
            count += 1
            if count == stop_at:
                raise Killed

        def around(function: Callable[..., Any]) -> Callable[..., Any]:
            def called(*args: Any, **more: Any) -> Any:
                tick()
                result = function(*args, **more)
                tick()
                return result

            return called

        killed = False
        journals = [clinic.network.orders._journal, clinic.market.recorder.journal, clinic.provider.journal]
        with monkeypatch.context() as patch:
            for journal in journals:
                patch.setattr(journal, "_on_write", tick)
            patch.setattr(subject_store.Path, "unlink", around(Path.unlink))
            patch.setattr("concordat.storage.spool.write_file", around(_write))
            try:
                clinic.network.records.erase(SUBJECT)
                clinic.market.settle()
            except Killed:
                killed = True
        clinic.market.close()
        again = Clinic(folder, chain=clinic.chain)
        again.network.records._erasures.resume()
        again.market.settle()
        begun = count > 1 or not killed  # before the intent is written nothing has happened
        if begun:
            assert again.network.records.tombstone(placed.id) is not None, stop_at
            assert found_in(folder, wanted) == set(), stop_at
        else:
            assert again.network.orders.get(placed.id).decision().output
        again.market.close()
        return count, killed

    steps, killed = run(tmp_path / "whole", None)
    assert not killed
    assert steps > 20
    for stop_at in range(1, steps + 1, 3):  # before and after a write in turn
        assert run(tmp_path / str(stop_at), stop_at)[1]


def _write(path: Path, data: bytes) -> None:
    subject_store.write_file(path, data)


def test_provider_that_is_away_is_asked_again_when_the_client_is_next_opened(clinic: Clinic, tmp_path: Path) -> None:
    placed = clinic.decide(SUBJECT)
    wanted = [Needle("sealed offer", _sealed_offer(clinic, placed))]
    link = clinic.market._providers[0]
    clinic.market._providers.remove(link)
    erased = clinic.network.records.erase(SUBJECT)
    assert erased.unreached == (link.address,)
    assert found_in(tmp_path, wanted)
    clinic.market._providers.append(link)
    clinic.network.records._erasures.resume()
    assert not clinic.network.orders._journal.items("erasure")
    assert found_in(tmp_path, wanted) == set()


# -- the key store ---------------------------------------------------------------------------------------------------


def test_subjects_key_is_wrapped_and_bound_to_owner_subject_and_order(tmp_path: Path) -> None:
    keys = subject_store.SubjectKeys(tmp_path, bytes(range(32)))
    anna, ben = keys.handle("anna"), keys.handle("ben")
    sealed = keys.seal(anna, b"order 1", b"private")
    keys.seal(ben, b"order 1", b"other")
    assert keys.open(anna, b"order 1", sealed) == b"private"
    for handle, context, data in (
        (ben, b"order 1", sealed),
        (anna, b"order 2", sealed),
        (anna, b"order 1", sealed[:-1]),
    ):
        with pytest.raises(StorageError):
            keys.open(handle, context, data)
    with pytest.raises(StorageError):
        subject_store.SubjectKeys(tmp_path, bytes(32)).open(anna, b"order 1", sealed)
    assert subject_store.SubjectKeys(tmp_path, bytes(32)).handle("anna") != anna
    for _ in range(2):
        keys.erase(anna)
    with pytest.raises(NotFoundError):
        keys.open(anna, b"order 1", sealed)
    assert keys.open(ben, b"order 1", keys.seal(ben, b"order 1", b"x")) == b"x"


@pytest.mark.parametrize("name", ["", "x" * 1025])
def test_subjects_name_out_of_bounds_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConcordatError):
        subject_store.SubjectKeys(tmp_path, bytes(32)).handle(name)


def test_owners_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    assert subject_store.load_owner_key(path) == subject_store.load_owner_key(path)
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"short")
    with pytest.raises(ConcordatError):
        subject_store.load_owner_key(path)
