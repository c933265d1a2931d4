"""``concordat up``: chain and nodes as processes of their own, watched, restarted, and ended together."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from concordat.chain.accounts import development_accounts
from concordat.chain.anvil import AnvilNode
from concordat.chain.child import ChildProcess, end_orphan
from concordat.chain.deploy import deploy
from concordat.chain.deployment import Deployment
from concordat.client.home import Home
from concordat.primitives.errors import ConcordatError, ConfigurationError, StorageError
from concordat.protocol.ledger import Parameters
from concordat.storage.files import WriterLock, write_file

__all__ = ["NodeSpec", "Supervisor"]

START_SECONDS = 30.0
"""How long nodes may take to come up."""
LOOK_SECONDS = 0.2
"""Between two looks at whether everything still runs."""
RESTART_SECONDS = 0.5
"""Pause before a node that ended is started again; doubled each time."""
LONGEST_PAUSE = 60.0
"""Longest such pause."""
STEADY_SECONDS = 60.0
"""A node that ran that long is not one that keeps ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node to run."""

    role: str
    """``provider``, ``challenger`` or ``keeper``."""
    name: str
    """Name of the node and its account."""
    options: tuple[str, ...] = field(default=())
    """More options of ``concordat node run``."""


@dataclass(slots=True)
class _Failures:
    """How often a node has ended of itself lately."""

    count: int = 0
    """Times."""
    latest: float = 0.0
    """When last, by the monotonic clock."""
    due: float | None = None
    """When it is started again."""


class Supervisor:
    """Runs one home's chain and nodes.

    Parameters
    ----------
    home : Home
        Everything is kept there, so that stop, crash and start again lose nothing.
    nodes : tuple of NodeSpec
        What runs besides the chain.
    port : int, optional
        Port of the chain.
    parameters : Parameters, optional
        Of the market, if it is deployed now.
    """

    def __init__(
        self,
        home: Home,
        nodes: tuple[NodeSpec, ...],
        *,
        port: int | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        self.home = home
        self._nodes = nodes
        self._parameters = parameters
        self._lock = WriterLock(home.path / "up.lock")
        self._chain = AnvilNode(home.chain, port=port)
        self._children: dict[str, ChildProcess] = {}
        self._failures: dict[str, _Failures] = {}

    def start(self, say: Callable[[str], None] = lambda _: None) -> Deployment:
        """Start the chain, deploy if need be, start the nodes.

        Raises
        ------
        ConfigurationError
            If the chain does not come up, or no node does; what one node fails of alone is said and tried again later.
        StorageError
            If another process runs this home, or the nodes are too slow.
        """
        self._chain.start()
        deployment = self._deploy()
        say(f"chain        {self._chain.url}  (chain id {self._chain.endpoint.chain_id})")
        say(f"market       0x{deployment.market.hex()}")
        self._announce()
        for spec in self._nodes:
            self._launch(spec)
            say(f"{spec.role:<12} {spec.name}")
        self._await_nodes(say)
        return deployment

    def watch(self, stop: threading.Event, say: Callable[[str], None] = lambda _: None) -> None:
        """Start again whatever ends, chain or node, until told to stop."""
        while not stop.wait(LOOK_SECONDS):
            if not self._chain_lives():
                self._revive_chain(say)
            for spec in self._nodes:
                self._revive(spec, say)

    def stop(self) -> None:
        """End nodes and chain; a second call does nothing."""
        for child in self._children.values():
            child.end()
        self._children = {}
        self.home.running.unlink(missing_ok=True)
        self._chain.stop()
        self._lock.release()

    def _deploy(self) -> Deployment:
        if self.home.deployment.exists():
            deployment = Deployment.load(self.home.deployment)
            deployment.verify(self._chain.endpoint)
            self._chain.mine()  # a new block tells everybody what the chain forgot if it was cut off
            return deployment
        deployment = deploy(self._chain.endpoint, development_accounts(1)[0], parameters=self._parameters)
        self._chain.stop()  # the deployment is on the disk before anything relies on it
        self._chain.start()
        deployment.save(self.home.deployment)
        return deployment

    def _announce(self) -> None:
        running = {"url": self._chain.url, "pid": os.getpid()}
        write_file(self.home.running, json.dumps(running, sort_keys=True).encode())

    # -- the chain ---------------------------------------------------------------------------------------------------

    def _chain_lives(self) -> bool:
        pid = self._chain.pid
        if pid is None:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _revive_chain(self, say: Callable[[str], None]) -> None:
        say("the chain ended; starting it again")
        url = self._chain.url
        self._chain.crash()
        try:
            self._chain.start()
            self._chain.mine()  # a new block tells everybody what the chain forgot
        except ConcordatError as error:
            say(f"the chain does not start: {error.message}")
            return
        if self._chain.url != url:
            self._announce()
            for child in self._children.values():
                child.end()

    # -- the nodes ---------------------------------------------------------------------------------------------------

    def _revive(self, spec: NodeSpec, say: Callable[[str], None]) -> None:
        """Start an ended node again: at once the first time, later and later if it keeps ending."""
        now, failures = time.monotonic(), self._failures.setdefault(spec.name, _Failures())
        if self._children[spec.name].running:
            if now - failures.latest > STEADY_SECONDS:
                failures.count = 0
        elif failures.due is None:
            pause = min(RESTART_SECONDS * 2**failures.count, LONGEST_PAUSE)
            failures.count, failures.latest, failures.due = failures.count + 1, now, now + pause
            say(f"{spec.name} ended ({self._reason(spec.name)}); starting it again in {pause:g} s")
        elif now >= failures.due:
            failures.due = None
            self._launch(spec)

    def _reason(self, name: str) -> str:
        """The end of what it said, in one line."""
        return " ".join(self._children[name].output().split())[-400:] or "it said nothing"

    def _launch(self, spec: NodeSpec) -> None:
        folder = self.home.journal(spec.name).parent
        folder.mkdir(parents=True, exist_ok=True)
        end_orphan(folder / "pid", "concordat")
        (folder / "door.json").unlink(missing_ok=True)
        self.home.ready(spec.name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "concordat", "--home", str(self.home.path), "--url", self._chain.url]
        command += ["node", "run", spec.role, "--name", spec.name, *spec.options]
        self._children[spec.name] = ChildProcess(command, log=folder / "node.log", pid_file=folder / "pid")

    def _await_nodes(self, say: Callable[[str], None]) -> None:
        """Until every node that lives has written down how to reach it."""
        signs = {spec.name: self._sign_of_life(spec) for spec in self._nodes}
        end, rest = time.monotonic() + START_SECONDS, threading.Event()
        while True:
            ended = [name for name, child in self._children.items() if not child.running]
            if ended and len(ended) == len(self._children):
                raise ConfigurationError(
                    f"The node {ended[0]} ended at once: {self._reason(ended[0])}", code="NodeEnded", hint=self._where()
                )
            if all(sign.exists() or name in ended for name, sign in signs.items()):
                for name in ended:
                    say(f"{name} ended at once: {self._reason(name)}")
                return
            if time.monotonic() > end:
                raise StorageError("The nodes did not come up in time.", code="NodesSlow", hint=self._where())
            rest.wait(0.02)

    def _sign_of_life(self, spec: NodeSpec) -> Path:
        return self.home.ready(spec.name)

    def _where(self) -> str:
        return f"Look at the logs under {Path(self.home.path) / 'nodes'}."
