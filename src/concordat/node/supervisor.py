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
from concordat.primitives.errors import ConfigurationError, StorageError
from concordat.protocol.ledger import Parameters
from concordat.storage.files import WriterLock, write_file

__all__ = ["NodeSpec", "Supervisor"]

START_SECONDS = 30.0
"""How long nodes may take to come up."""
RESTART_SECONDS = 1.0
"""Pause before a node that ended is started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node to run."""

    role: str
    """``provider``, ``challenger`` or ``keeper``."""
    name: str
    """Name of the node and its account."""
    options: tuple[str, ...] = field(default=())
    """More options of ``concordat node run``."""


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

    def start(self, say: Callable[[str], None] = lambda _: None) -> Deployment:
        """Start the chain, deploy if need be, start the nodes."""
        self._chain.start()
        say(f"chain        {self._chain.url}  (chain id {self._chain.endpoint.chain_id})")
        deployment = self._deploy()
        say(f"market       0x{deployment.market.hex()}")
        running = {"url": self._chain.url, "pid": os.getpid()}
        write_file(self.home.running, json.dumps(running, sort_keys=True).encode())
        for spec in self._nodes:
            self._launch(spec)
            say(f"{spec.role:<12} {spec.name}")
        self._await_doors()
        return deployment

    def watch(self, stop: threading.Event, say: Callable[[str], None] = lambda _: None) -> None:
        """Restart nodes that end, until told to stop."""
        while not stop.wait(RESTART_SECONDS):
            for spec in self._nodes:
                if not self._children[spec.name].running:
                    say(f"{spec.role} {spec.name} ended; starting it again")
                    self._launch(spec)

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
            return deployment
        deployment = deploy(self._chain.endpoint, development_accounts(1)[0], parameters=self._parameters)
        deployment.save(self.home.deployment)
        return deployment

    def _launch(self, spec: NodeSpec) -> None:
        folder = self.home.journal(spec.name).parent
        folder.mkdir(parents=True, exist_ok=True)
        end_orphan(folder / "pid", "concordat")
        (folder / "door.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "concordat", "--home", str(self.home.path), "--url", self._chain.url]
        command += ["node", "run", spec.role, "--name", spec.name, *spec.options]
        self._children[spec.name] = ChildProcess(command, log=folder / "node.log", pid_file=folder / "pid")

    def _await_doors(self) -> None:
        doors = [self.home.journal(spec.name).with_name("door.json") for spec in self._nodes if spec.role == "provider"]
        doors.append(self.home.log_key)
        end, rest = time.monotonic() + START_SECONDS, threading.Event()
        while not all(path.exists() for path in doors):
            self._check_alive()
            if time.monotonic() > end:
                raise StorageError("The nodes did not come up in time.", code="NodesSlow", hint=self._where())
            rest.wait(0.05)

    def _check_alive(self) -> None:
        for name, child in self._children.items():
            if not child.running:
                raise ConfigurationError(
                    f"The node {name} ended at once: {child.output()[-400:]}", code="NodeEnded", hint=self._where()
                )

    def _where(self) -> str:
        return f"Look at the logs under {Path(self.home.path) / 'nodes'}."
