"""Stake that moves from one vault to another, and a process that is killed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.node.upgrade import LOOK_AGAIN, StakeMover, journal_name, open_orders
from concordat.primitives.units import Seconds, usd
from concordat.protocol.messages import Deposit
from concordat.storage.journal import Journal

ACCOUNT = development_account("provider").address


class Killed(BaseException):
    """What SIGKILL does to a process, without the process."""


def killer(after: list[int]) -> object:
    def on_write(name: str) -> None:
        after[0] -= 1
        if after[0] == 0:
            raise Killed(name)

    return on_write


def two_vaults() -> tuple[MemoryChain, MemoryChain]:
    earlier, present = MemoryChain(), MemoryChain()
    for chain in (earlier, present):
        chain.fund(ACCOUNT, usd(100))  # in the present one what the withdrawal brings on a chain with one token
    earlier.stake(ACCOUNT, usd(60))
    return earlier, present


def moved(earlier: MemoryChain, present: MemoryChain, journal: Journal, *, idle: bool = True) -> StakeMover:
    return StakeMover(earlier.ledger, present.ledger, journal, ACCOUNT, lambda: idle)


def test_stake_moves_once_and_whole(tmp_path: Path) -> None:
    earlier, present = two_vaults()
    journal = Journal(tmp_path / "journal.db")
    mover = moved(earlier, present, journal)
    assert [mover.step() for _ in range(3)] == [1, 1, 0]
    assert (earlier.ledger.balance(ACCOUNT).free, present.ledger.balance(ACCOUNT).free) == (0, usd(60))
    earlier.ledger.send(Deposit(amount=usd(5)), sender=ACCOUNT)
    earlier.advance(Seconds(LOOK_AGAIN))
    while mover.step():
        pass
    assert present.ledger.balance(ACCOUNT).free == usd(65)
    journal.close()


def test_stake_that_is_needed_stays(tmp_path: Path) -> None:
    earlier, present = two_vaults()
    journal = Journal(tmp_path / "journal.db")
    assert moved(earlier, present, journal, idle=False).step() == 0
    assert earlier.ledger.balance(ACCOUNT).free == usd(60)
    journal.close()


@pytest.mark.parametrize("writes", range(1, 15))
def test_stake_is_never_lost_although_the_process_is_killed_at_any_write(tmp_path: Path, writes: int) -> None:
    """A ledger in memory cannot tell a message that was carried out just before the kill (a chain can: it has the
    bytes); even then all money is the account's, at worst outside the vaults.
    """
    earlier, present = two_vaults()
    journal = Journal(tmp_path / "journal.db", on_write=killer([writes]))  # type: ignore[arg-type]
    try:
        mover = moved(earlier, present, journal)
        while mover.step():
            pass
    except Killed:
        pass
    journal.close()
    again = Journal(tmp_path / "journal.db")
    mover = moved(earlier, present, again)
    for _ in range(6):
        mover.step()
        earlier.advance(Seconds(LOOK_AGAIN))
    assert earlier.ledger.balance(ACCOUNT).free == 0
    assert present.ledger.balance(ACCOUNT).free >= usd(60) or earlier.ledger.token_balance(ACCOUNT) == usd(100)
    for chain in (earlier, present):
        held = chain.ledger.token_balance(ACCOUNT) + chain.ledger.balance(ACCOUNT).free
        assert held == usd(100)
    again.close()


def test_journals_of_versions_have_names_of_their_own() -> None:
    assert [journal_name("provider", version) for version in (1, 2, 3)] == ["provider", "provider-v2", "provider-v3"]


def test_market_without_orders_has_none_open() -> None:
    assert open_orders(MemoryChain().ledger) == []
