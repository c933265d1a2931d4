"""``concordat up`` as people run it: processes that are killed, ended, started again and damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

import concordat as cd
from concordat.client.connect import connect_home, running_url
from concordat.client.home import Home
from concordat.client.placed import PlacedOrder
from concordat.primitives.errors import ConcordatError
from concordat.primitives.units import OrderId
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

pytestmark = [pytest.mark.chain, pytest.mark.slow]

PRICE = cd.usd("0.50")
MOST_SECONDS = 120.0


def until(condition: Callable[[], object], what: str) -> None:
    pause = Event()
    for _ in range(int(MOST_SECONDS / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(f"never: {what}")


class Town:
    """One home, and the command that runs it."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self._said = path.with_name("said.txt")
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> Town:
        command = [sys.executable, "-m", "concordat", "--home", str(self.home.path), "up"]
        with self._said.open("w") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said)
        until(lambda: "Stop with Ctrl-C" in self._said.read_text() or self._ended(), "it is up")
        assert not self._ended(), self._said.read_text()
        return self

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def said(self) -> str:
        """What it has said so far."""
        return self._said.read_text()

    def signal(self, number: signal.Signals) -> tuple[int, str]:
        """Exit status and what it said."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=MOST_SECONDS), self._said.read_text()

    def pid(self, node: str) -> int:
        file = self.home.chain / "anvil.pid" if node == "chain" else self.home.journal(node).with_name("pid")
        return int(file.read_text())

    def processes(self) -> list[str]:
        """Command lines of everything that runs on this home."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.home.path) in line and str(os.getpid()) != entry.parent.name:
                found.append(line)
        return found

    def connect(self) -> cd.Network:
        url = running_url(self.home)
        assert url is not None
        return connect_home(self.home, url)

    def order(self, network: cd.Network) -> PlacedOrder:
        model = network.registry.publish(small_model(), signer="lender")
        return network.orders.place(model, ROW, pay=PRICE, evidence=cd.Native())

    def settled(self) -> OrderId:
        """One more order, from placing it to its record."""
        with self.connect() as network:
            placed = self.order(network)
            assert placed.wait("recorded", timeout=MOST_SECONDS).output.integers == (1, 273)
            return placed.id

    def end(self) -> None:
        if not self._ended():
            self.signal(signal.SIGTERM)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path / "home")
    yield town
    town.end()
    until(lambda: not town.processes(), "everything has ended")


def test_market_whose_processes_are_killed_one_by_one_loses_no_order(town: Town) -> None:
    town.up()
    with town.connect() as network:
        for victim in ("provider", "keeper", "chain", "challenger"):
            pid, placed = town.pid(victim), town.order(network)
            os.kill(pid, signal.SIGKILL)
            until(lambda placed=placed: _recorded(placed), f"the order without {victim}")
            assert placed.decision().output.integers == (1, 273), victim
            until(lambda victim=victim, pid=pid: _pid_or_zero(town, victim) not in (0, pid), f"a new {victim}")
            until(lambda: _door_opens(network), "the door")
    assert town.signal(signal.SIGTERM)[0] == 0
    assert town.processes() == []
    assert not town.home.running.exists()


def _pid_or_zero(town: Town, name: str) -> int:
    try:
        return town.pid(name)
    except (OSError, ValueError):
        return 0


def _recorded(placed: PlacedOrder) -> bool:
    try:
        return placed.wait("recorded", timeout=0.5).status.name == "PAID"
    except ConcordatError:  # not yet, or the chain is away
        return False


def _door_opens(network: cd.Network) -> bool:
    try:
        return bool(network.orders.quotes(small_model().id))
    except ConcordatError:
        return False


def test_market_whose_supervisor_is_killed_leaves_no_orphans_and_goes_on(town: Town) -> None:
    town.up()
    first, deployment = town.settled(), town.home.deployment.read_bytes()
    with town.connect() as network:
        head, pending = network.ledger.head(), town.order(network)
    assert town.signal(signal.SIGKILL)[0] == -signal.SIGKILL
    until(lambda: not town.processes(), "the orphans are gone")
    town.up()
    assert town.home.deployment.read_bytes() == deployment
    with town.connect() as network:
        assert network.ledger.head() >= head
        assert network.orders.get(first).wait("recorded").status.name == "PAID"
        assert network.orders.get(pending.id).wait("recorded", timeout=MOST_SECONDS).status.name == "PAID"
        sequences = [entry.record.sequence for entry in network.records.of_model(small_model().id)]
    assert sequences == [0, 1]
    second = subprocess.run(
        [sys.executable, "-m", "concordat", "--home", str(town.home.path), "up"],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert "Another process" in second.stderr
    assert town.signal(signal.SIGTERM)[0] == 0


def test_node_with_a_corrupt_journal_says_so_and_the_others_go_on(town: Town) -> None:
    town.up()
    town.settled()
    assert town.signal(signal.SIGINT)[0] == 0
    journal = town.home.journal("challenger")
    for path in journal.parent.glob("journal.db*"):
        path.write_bytes(b"this was a journal once " * 400)
    town.up()
    town.settled()
    assert journal.read_bytes().startswith(b"this was a journal once")
    until(lambda: "challenger ended" in town.said(), "the supervisor has noticed")
    code, said = town.signal(signal.SIGTERM)
    assert code == 0
    assert "The journal" in said
    assert "cannot be" in said
