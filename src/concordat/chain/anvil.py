"""The embedded development chain: Anvil, started, watched, stopped, and started again without loss.

The chain's whole state (accounts, blocks, transactions, receipts) is written to ``chain.json`` in the node's folder
soon after every change, atomically, and once more on the way out. Anvil itself writes ``exit.json`` when it is ended by
a signal, which also happens when this process dies; the newer readable file wins at the next start.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concordat.chain.accounts import Account, development_accounts
from concordat.chain.answers import quantity
from concordat.chain.anvil_state import ChainState
from concordat.chain.child import ChildProcess, end_orphan
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, ConfigurationError, EndpointError
from concordat.primitives.units import Address

__all__ = ["AnvilNode", "find_anvil"]

START_SECONDS = 30.0
BLOCK_GAS = 60_000_000
"""Gas of a block, as on Ethereum since the end of 2025."""
KEEP_SECONDS = 0.2
"""Shortest pause between two looks at whether the chain has to be written down; a long chain takes longer to write, and
is written more rarely."""


def find_anvil(environment: Mapping[str, str] | None = None) -> Path:
    """Path of the Anvil program.

    Looked for in ``CONCORDAT_ANVIL``, in ``node_modules`` here or above (the working folder, then this package), and
    in ``PATH``.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    hint = "Run `make setup`, or `npm install @foundry-rs/anvil`, or set CONCORDAT_ANVIL to the program."
    named = (os.environ if environment is None else environment).get("CONCORDAT_ANVIL")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise ConfigurationError(f"CONCORDAT_ANVIL={named} is no program.", code="NoAnvil", hint=hint)
    here, package = Path.cwd(), Path(__file__).resolve().parent
    for folder in (here, *here.parents, package, *package.parents):
        for path in sorted(folder.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*")):
            if os.access(path, os.X_OK):
                return path
    found = shutil.which("anvil", path=(environment or os.environ).get("PATH"))
    if found:
        return Path(found)
    raise ConfigurationError("Anvil, the development chain, is not installed.", code="NoAnvil", hint=hint)


class AnvilNode:
    """One development chain; a context manager.

    Parameters
    ----------
    folder : Path, optional
        Keeps the state. Without one nothing is kept.
    port : int, optional
        Listen here; otherwise on a free port, which stays the same over `stop` and `start`.
    chain_id : int
        EIP-155 id.
    block_time : int, optional
        Seconds between blocks; otherwise every transaction is mined at once.
    hardfork : str
        Rules of the chain.
    binary : Path, optional
        The program; otherwise :func:`find_anvil`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        chain_id: int = 31337,
        block_time: int | None = None,
        hardfork: str = "prague",
        binary: Path | None = None,
    ) -> None:
        self._keeps = folder is not None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="concordat-anvil-"))
        """Where its files are."""
        self._fixed_port = port is not None
        self._port = port or _free_port()
        self._chain_id, self._block_time, self._hardfork = chain_id, block_time, hardfork
        self._binary = binary
        self._child: ChildProcess | None = None
        self._endpoint: Endpoint | None = None
        self._state = ChainState(self.folder)
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._kept_head = ""
        self._writing = threading.Lock()

    def __enter__(self) -> AnvilNode:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def endpoint(self) -> Endpoint:
        """A shared endpoint of this chain."""
        if self._endpoint is None:
            self._endpoint = Endpoint(self.url, chain_id=self._chain_id)
        return self._endpoint

    @staticmethod
    def development_accounts(count: int = 10) -> list[Account]:
        """Funded accounts of the public development phrase (ten of them have ether)."""
        return development_accounts(count)

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> AnvilNode:
        """Start, from the kept state if there is one, and return once it answers.

        Raises
        ------
        ConfigurationError
            If Anvil is missing, cannot listen on the port asked for, or does not come up.
        StorageError
            If another process runs a chain in this folder.
        """
        if self._child is not None and self._child.running:
            return self
        binary = self._binary or find_anvil()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._state.hold()
        try:
            end_orphan(self.folder / "anvil.pid", str(self.folder))
            for last in (False, False, True):
                if self._launch(binary):
                    break
                if self._fixed_port or last:
                    self._fail("did not come up")
                self._port, self._endpoint = _free_port(), None
            self._catch_up()
        except BaseException:
            self._end()
            raise
        if self._keeps:
            self._stopping.clear()
            self._keeper = threading.Thread(target=self._keep, name="anvil state", daemon=True)
            self._keeper.start()
        return self

    def stop(self) -> None:
        """Write the state down and end the process."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        if self._child is not None and self._child.running and self._keeps:
            with contextlib.suppress(EndpointError):
                self._write_state()
        self._end()

    def crash(self) -> None:
        """SIGKILL it, as a power cut would, for fault tests."""
        self._stopping.set()
        if self._child is not None:
            self._child.kill()
        if self._keeper is not None:
            self._keeper.join()
        self._end()

    # -- what only a development chain can do ------------------------------------------------------------------------

    def mine(self, blocks: int = 1) -> None:
        """Add blocks at once."""
        self.endpoint.call("anvil_mine", hex(blocks))

    def advance(self, seconds: int) -> None:
        """Let time pass: the next block, mined here, is that much later."""
        latest = self.endpoint.call("eth_getBlockByNumber", "latest", False)
        self.endpoint.call("evm_setNextBlockTimestamp", hex(quantity(latest["timestamp"]) + seconds))
        self.mine()

    def set_balance(self, address: Address, wei: int) -> None:
        """Give an account some of the chain's coin."""
        self.endpoint.call("anvil_setBalance", to_hex(address), hex(wei))

    def reorganise(self, depth: int) -> None:
        """Replace the latest blocks by as many empty ones."""
        self.endpoint.call("anvil_reorg", depth, [])

    # -- state -------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        pause = KEEP_SECONDS
        while not self._stopping.wait(pause):
            began = time.monotonic()
            with contextlib.suppress(ConcordatError, OSError):  # a chain that is down now is looked at again later
                self._write_state()
            pause = max(KEEP_SECONDS, 10 * (time.monotonic() - began))

    def _write_state(self) -> None:
        with self._writing:
            head = self.endpoint.call("eth_getBlockByNumber", "latest", False)["hash"]
            if head != self._kept_head:
                self._state.write(gzip.decompress(from_hex(self.endpoint.call("anvil_dumpState"))))
                self._kept_head = head

    # -- process -----------------------------------------------------------------------------------------------------

    def _command(self, binary: Path, ready: Path) -> list[str]:
        options: dict[str, Any] = {
            "port": self._port,
            "chain-id": self._chain_id,
            "hardfork": self._hardfork,
            "config-out": ready,
            "cache-path": self.folder / "cache",
            "block-time": self._block_time,
            "gas-limit": BLOCK_GAS,
        }
        if self._keeps:
            options |= {
                "dump-state": self._state.on_exit,
                "state-interval": 10**9,  # we do this ourselves, whole or not at all
                "load-state": self._state.newest(),
            }
        given = [f"--{name}={value}" for name, value in options.items() if value is not None]
        return [str(binary), "--quiet", *given]

    def _launch(self, binary: Path) -> bool:
        """Start and wait for the file that Anvil writes once it listens; an answer on the port could be another's."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self._child = ChildProcess(
            self._command(binary, ready), log=self.folder / "anvil.log", pid_file=self.folder / "anvil.pid"
        )
        pause, deadline = threading.Event(), time.monotonic() + START_SECONDS
        while self._child.running and time.monotonic() < deadline:
            if ready.exists():
                return True
            pause.wait(0.005)
        return False

    def _catch_up(self) -> None:
        """Anvil forgets on restart that its clock was ahead; blocks must not go back in time."""
        self.endpoint.close()
        latest = quantity(self.endpoint.call("eth_getBlockByNumber", "latest", False)["timestamp"])
        ahead = latest - int(time.time())
        if ahead > 0:
            self.endpoint.call("evm_increaseTime", hex(ahead + 1))

    def _end(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
        if self._child is not None:
            self._child.end()
            self._child = None
        self._state.let_go()
        if not self._keeps:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _fail(self, what: str) -> None:
        output = self._child.output().strip() if self._child else ""
        raise ConfigurationError(
            f"Anvil {what} on port {self._port}: {output[-300:] or 'it printed nothing'}.",
            code="AnvilFailed",
            hint="Is the port taken? Leave it out to use a free one.",
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
