"""Nodes that die on command: at the N-th write to their journal, file of their log, or message to the ledger.

Within one process `Death` flies through everything that ends orderly, as SIGKILL does. As processes of their own, nodes
are forked off one warm process, so that a hundred deaths take seconds: `Undertaker` is its master, and
``python -m concordat.testing.mortal`` its main program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from concordat.client.connect import evm_ledger
from concordat.client.evm import EvmAnchors, EvmArtifacts, log_id
from concordat.client.home import Home
from concordat.client.offer import Offer
from concordat.client.public import PublicData
from concordat.node.challenger import Challenger
from concordat.node.keeper import Keeper
from concordat.node.log_keys import LOG_ORIGIN
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.recorder import Recorder
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import usd
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.checkpoint import NoteSigner
from concordat.storage.content import LocalContent
from concordat.storage.files import write_file
from concordat.storage.log import TransparencyLog

__all__ = ["Death", "Points", "Undertaker", "log_writer"]

QUIET_STEPS = 3
"""Steps without anything to do after which a mortal node that is still alive ends."""


class Death(BaseException):
    """The process is gone."""


class Points:
    """Counts the points at which a process may die, and dies at one of them.

    Parameters
    ----------
    fatal : int
        Which, beginning with one; 0 is none.
    die : callable
        How; the default raises `Death`.
    """

    def __init__(self, fatal: int = 0, die: Callable[[], object] | None = None) -> None:
        self._fatal = fatal
        self._die = die or _raise
        self.passed: list[str] = []
        """Names of the points passed so far."""

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self._fatal:
            self._die()


def _raise() -> None:
    raise Death


def log_writer(points: Callable[[str], None]) -> Callable[[Path, bytes], None]:
    """How a log writes its files if it may die before and after each."""

    def write(path: Path, data: bytes) -> None:
        points(f"before file {path.name}")
        write_file(path, data)
        points(f"after file {path.name}")

    return write


class Undertaker:
    """Starts mortal nodes on one home and chain, and says how they ended; a context manager.

    Parameters
    ----------
    home : Home
        Where journals, log and public data are.
    url : str
        The chain.
    """

    def __init__(self, home: Home, url: str) -> None:
        command = [sys.executable, "-m", "concordat.testing.mortal", str(home.path), url]
        stores = {"CONCORDAT_DATABASE": home.database, "CONCORDAT_LOG_STORE": home.log_store}
        self._process = subprocess.Popen(
            command, env={**os.environ, **stores}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Undertaker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, role: str, name: str, *, fatal: int = 0, offers: Sequence[Offer] = ()) -> bool:
        """Let a node live until it has nothing to do or dies; returns whether it was killed.

        Parameters
        ----------
        role, name : str
            As for ``concordat node run``: the keeper's process records, too.
        fatal : int
            Point at which it sends itself SIGKILL.
        offers : sequence of Offer
            What comes in through its door first.
        """
        request = {"role": role, "name": name, "fatal": fatal, "offers": [to_wire(offer) for offer in offers]}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        if status not in (0, -signal.SIGKILL):
            raise AssertionError(f"{role} {name} ended with {status}")
        return status == -signal.SIGKILL


# -- the warm process and its children ---------------------------------------------------------------------------------


def _main(home: Home, url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _live(home, url, json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _live(home: Home, url: str, request: dict[str, Any]) -> None:
    """Be one node, then end."""
    code = 1
    try:
        points = Points(request["fatal"], lambda: os.kill(os.getpid(), signal.SIGKILL))
        node = _node(home, url, request["role"], request["name"], points)
        for offer in request["offers"]:
            assert isinstance(node, Provider)
            node.offer(from_wire(Offer, offer))
        quiet = 0
        while quiet < QUIET_STEPS:
            quiet = 0 if node.step() else quiet + 1
        code = 0
    except Exception:  # noqa: BLE001 (whoever started it reads this, and the status)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _node(home: Home, url: str, role: str, name: str, points: Points) -> Stepper:
    ledger, keyring = evm_ledger(home, url)
    signer = keyring.signer(name)
    journal = home.open_journal(name, on_write=points)
    outbox = Outbox(ledger, journal, signer.address, on_send=points)
    public = PublicData(LocalContent(home.public))
    if role == "provider":
        terms = Terms(price=usd("0.05"), bond_limit=usd("1000"))
        return Provider(ledger, journal, public, outbox, terms, native=EvmArtifacts(ledger, keyring).has_native)
    if role == "challenger":
        return Challenger(ledger, journal, public, outbox)
    signer_of_log = NoteSigner.from_seed(LOG_ORIGIN, keccak256(b"concordat embedded log key"))
    if home.log_store:
        log = TransparencyLog(home.open_log(exclusive=True, on_write=points), signer_of_log)
    else:
        log = TransparencyLog(home.log, signer_of_log, write=log_writer(points))
    anchors = EvmAnchors(ledger, log_id(signer.address), signer)

    def anchor(size: int, root: bytes) -> None:
        points("before anchor")
        anchors.anchor(size, root)
        points("after anchor")

    return _KeeperProcess(Keeper(ledger, journal, outbox), Recorder(ledger, journal, public, log, anchor=anchor))


@dataclass(frozen=True, slots=True)
class _KeeperProcess:
    """What runs in a keeper's process, on one journal."""

    keeper: Keeper
    recorder: Recorder

    def step(self) -> int:
        """One step of each."""
        return self.keeper.step() + self.recorder.step()


if __name__ == "__main__":
    _main(
        Home(
            Path(sys.argv[1]),
            database=os.environ.get("CONCORDAT_DATABASE", ""),
            log_store=os.environ.get("CONCORDAT_LOG_STORE", ""),
        ),
        sys.argv[2],
    )
