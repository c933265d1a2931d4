"""What nodes are made of: turns, memory with an end, and notes about disputes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.node.outbox import Outbox
from concordat.node.recent import Recent
from concordat.node.respondent import Respondent
from concordat.node.turns import LONGEST_WAIT, Turns, says
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import CorruptionError, EndpointError, InputError, StorageError
from concordat.primitives.units import Address, Bytes32, OrderId, Timestamp
from concordat.protocol.events import ChildPicked, ChildrenRevealed, DisputeOpened, Event
from concordat.protocol.ledger import Placed
from concordat.storage.journal import Journal

ORDER, THEM = OrderId(b"\x01" * 32), Address(b"\x02" * 20)
LATER = Timestamp(2_000_000_000)


def fail(error: Exception) -> int:
    raise error


def test_turns_of_something_that_keeps_failing_come_later_and_later() -> None:
    turns, tried = Turns(), []
    for turn in range(2 * LONGEST_WAIT):
        turns.take("bad", lambda turn=turn: fail(ValueError(str(tried.append(turn)))))
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert gaps == [2, 3, 5, 9, 17, 33, 65, 129, 257][: len(gaps)]


def test_turns_of_something_that_heals_begin_anew() -> None:
    turns = Turns()
    assert turns.take("x", lambda: fail(ValueError())) == 0
    assert turns.take("x", lambda: 1) == 0  # left out once
    assert turns.take("x", lambda: 1) == 1
    assert turns.take("x", lambda: 1) == 1


@pytest.mark.parametrize(
    "error",
    [
        EndpointError("away"),
        StorageError("full", code="JournalWrite"),
        CorruptionError("gone", code="JournalCorrupt"),
    ],
)
def test_turns_pass_on_what_concerns_everybody(error: Exception) -> None:
    with pytest.raises(type(error)):
        Turns().take("x", lambda: fail(error))


@pytest.mark.parametrize(
    "error", [CorruptionError("bits", code="ContentCorrupt"), InputError("bad"), KeyError("x"), RecursionError()]
)
def test_turns_keep_what_concerns_one_order(error: Exception) -> None:
    assert Turns().take("x", lambda: fail(error)) == 0


def test_error_of_others_is_named_by_kind_and_place_only() -> None:
    try:
        fail(ValueError("Mrs Smith earns 5200"))
    except ValueError as error:
        said = says(error)
    assert said.startswith("ValueError at ")
    assert "Smith" not in said
    assert says(InputError("The input is bad.", code="Bad")) == "The input is bad. (Bad)"


def test_recent_keeps_what_was_used_last() -> None:
    recent: Recent[int, int] = Recent(2)
    made: list[int] = []

    def make(key: int) -> int:
        return recent.get(key, lambda: (made.append(key), 10 * key)[1])

    assert [make(1), make(2), make(1), make(3), make(1), make(2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
    assert len(recent) == 2


def test_moves_of_a_dispute_read_again_count_once() -> None:
    journal = Journal(None)
    outbox = Outbox(MemoryChain().ledger, journal, development_account("provider").address)
    respondent = Respondent(journal, outbox, lambda _: fail(KeyError()), lambda *_: fail(KeyError()))  # type: ignore[arg-type]
    journal.set_item("offer", to_hex(ORDER), "delivered", {})
    moves: list[Event] = [
        DisputeOpened(order_id=ORDER, challenger=THEM, deadline=LATER),
        ChildrenRevealed(order_id=ORDER, challenger=THEM, children=(Bytes32(bytes(32)),) * 16, deadline=LATER),
        ChildPicked(order_id=ORDER, challenger=THEM, index=5, deadline=LATER),
    ]
    placed = [_place(event, block) for block, event in enumerate(moves, start=7)]
    for item in [*placed, *placed[1:]]:  # a re-organisation elsewhere makes a node read a stretch again
        respondent.note(item)
    stage, body = journal.item("dispute", f"{to_hex(ORDER)}:{to_hex(THEM)}") or ("", {})
    assert (stage, body["picks"]) == ("mine to move", [5])
    for item in placed:  # from its very beginning
        respondent.note(item)
    stage, body = journal.item("dispute", f"{to_hex(ORDER)}:{to_hex(THEM)}") or ("", {})
    assert (stage, body["picks"]) == ("mine to move", [5])
    respondent.note(replace(placed[2], block=10))
    _, body = journal.item("dispute", f"{to_hex(ORDER)}:{to_hex(THEM)}") or ("", {})
    assert body["picks"] == [5, 5]


def test_dispute_about_somebody_elses_order_is_none_of_ours() -> None:
    journal = Journal(None)
    outbox = Outbox(MemoryChain().ledger, journal, development_account("provider").address)
    respondent = Respondent(journal, outbox, lambda _: fail(KeyError()), lambda *_: fail(KeyError()))  # type: ignore[arg-type]
    respondent.note(_place(DisputeOpened(order_id=ORDER, challenger=THEM, deadline=LATER), 7))
    assert not respondent.waits


def _place(event: Event, block: int) -> Placed:
    word = Bytes32(bytes(32))
    return Placed(event=event, block=block, index=0, time=Timestamp(1), transaction=word, block_hash=word)
