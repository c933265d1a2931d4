"""The embedded chain: kept over stop, crash and power cut; never left behind; never in the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from concordat.chain.anvil import AnvilNode, find_anvil
from concordat.chain.child import ChildProcess, end_orphan
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConfigurationError, EndpointError, StorageError

pytestmark = pytest.mark.chain

OWNER = """
import sys, time
from pathlib import Path
from concordat.chain.anvil import AnvilNode
node = AnvilNode(Path(sys.argv[1])).start()
node.mine(3)
print(node.pid, flush=True)
time.sleep(600)
"""


def until(condition: object, seconds: float = 20.0) -> bool:
    """Whether the condition came true in time."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        pause.wait(0.01)
    return False


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not collected yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def head(node: AnvilNode) -> int:
    return int(node.endpoint.call("eth_blockNumber"), 16)


def pay(node: AnvilNode, times: int = 1) -> list[str]:
    """Some transactions; their hashes."""
    account, sender = node.development_accounts()[1], TransactionSender(node.endpoint)
    return [sender.send(account, account.address)["transactionHash"] for _ in range(times)]


def test_node_that_is_stopped_and_started_has_everything_and_the_same_port(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path)
    with node:
        hashes, url = pay(node, 5), node.url
        block = node.endpoint.call("eth_getBlockByNumber", "latest", False)
    with node:
        assert node.url == url
        assert node.endpoint.call("eth_getBlockByNumber", "latest", False)["hash"] == block["hash"]
        assert all(node.endpoint.call("eth_getTransactionReceipt", one)["status"] == "0x1" for one in hashes)
        pay(node)
        assert head(node) == 6
    with AnvilNode(tmp_path) as other:
        assert head(other) == 6


def test_node_that_crashes_after_its_state_was_kept_has_everything(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path)
    with node:
        pay(node, 3)
        assert until(lambda: (tmp_path / "chain.json").exists())
        node.crash()
        with pytest.raises(EndpointError):
            Endpoint(node.url, retries=0).call("eth_blockNumber")
        node.start()
        assert head(node) == 3


def test_node_whose_last_state_file_is_cut_falls_back_to_the_one_before(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path)
    with node:
        pay(node, 3)
    whole = (tmp_path / "exit.json").read_bytes()
    (tmp_path / "exit.json").write_bytes(whole[: len(whole) // 2])
    with node:
        assert head(node) == 3


def test_node_without_any_readable_state_file_is_refused_and_nothing_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "chain.json").write_text("{")
    with pytest.raises(StorageError) as caught:
        AnvilNode(tmp_path).start()
    assert caught.value.code == "ChainStateCorrupt"
    assert (tmp_path / "chain.json").read_text() == "{"


def test_node_whose_clock_was_ahead_does_not_go_back_in_time(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path)
    with node:
        node.advance(10**6)
        before = int(node.endpoint.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    with node:
        node.mine()
        after = int(node.endpoint.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        assert before < after < before + 60


def test_node_of_an_owner_that_is_killed_ends_too_and_keeps_its_blocks(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert alive(pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert until(lambda: not alive(pid))
    with AnvilNode(tmp_path) as node:
        assert head(node) == 3


def test_node_started_in_a_thread_outlives_the_thread() -> None:
    node = AnvilNode()
    thread = threading.Thread(target=node.start)
    thread.start()
    thread.join()
    with node:
        assert head(node) == 0


def test_start_ends_an_orphan_of_an_earlier_run(tmp_path: Path) -> None:
    program = "import time; print('ready', flush=True); time.sleep(600)"
    orphan = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert orphan.stdout is not None
    orphan.stdout.readline()
    (tmp_path / "anvil.pid").write_text(str(orphan.pid))
    with AnvilNode(tmp_path) as node:
        assert orphan.wait(timeout=20) == -signal.SIGTERM
        assert head(node) == 0
    orphan.stdout.close()


def test_end_orphan_leaves_a_process_alone_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    assert not end_orphan(tmp_path / "pid", "no such mark anywhere")
    assert not (tmp_path / "pid").exists()


def test_second_process_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with AnvilNode(tmp_path) as node:
        with pytest.raises(StorageError) as caught:
            AnvilNode(tmp_path).start()
        assert caught.value.code == "ChainHeld"
        assert head(node) == 0


def test_node_on_a_port_that_is_taken_is_refused_with_anvils_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError) as caught:
            AnvilNode(port=taken.getsockname()[1]).start()
    assert caught.value.code == "AnvilFailed"
    assert "in use" in caught.value.message


def test_node_without_folder_leaves_nothing_behind() -> None:
    with AnvilNode() as node:
        folder, pid = node.folder, node.pid
        assert pid is not None
    assert not folder.exists()
    assert not alive(pid)


def test_node_with_options_has_that_chain() -> None:
    with AnvilNode(chain_id=1234, block_time=1) as node:
        assert node.endpoint.chain_id == 1234
        account = node.development_accounts()[1]
        sender = TransactionSender(node.endpoint)
        signed = sender.prepare(account, account.address)
        sender.broadcast(signed.raw)
        assert sender.wait(signed)["status"] == "0x1"


def test_set_balance_gives_coin(fresh_anvil: AnvilNode) -> None:
    fresh_anvil.set_balance(b"\x77" * 20, 5)
    assert fresh_anvil.endpoint.call("eth_getBalance", to_hex(b"\x77" * 20), "latest") == "0x5"


def test_find_anvil_that_is_named_wrongly_or_missing_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_anvil({"CONCORDAT_ANVIL": str(tmp_path / "anvil")})
    assert caught.value.code == "NoAnvil"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("concordat.chain.anvil.__file__", str(tmp_path / "anvil.py"))
    with pytest.raises(ConfigurationError) as caught:
        find_anvil({"PATH": str(tmp_path)})
    assert "make setup" in caught.value.hint


def test_find_anvil_prefers_the_program_that_is_named() -> None:
    assert find_anvil({"CONCORDAT_ANVIL": sys.executable}) == Path(sys.executable)


def test_child_process_that_cannot_be_started_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        ChildProcess([str(tmp_path / "none")], log=tmp_path / "log", pid_file=tmp_path / "pid")


def test_child_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    child = ChildProcess([sys.executable, "-c", program], log=tmp_path / "log", pid_file=tmp_path / "pid")
    assert until(lambda: "ready" in child.output())
    child.end(timeout=0.05)
    assert not child.running
    assert not (tmp_path / "pid").exists()
