"""The judge's and the interpreter's libraries behind a contract of their own, and the executor, freshly compiled."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import Contract
from concordat.chain.rpc import Refusal
from concordat.primitives.encoding import from_hex, to_hex

ROOT = Path(__file__).resolve().parents[2]
FORGE = ROOT / "node_modules" / ".bin" / "forge"
SOURCES = ("contracts/test/compute/Harness.sol", "contracts/src/court/NativeExecutor.sol")
GAS = hex(30_000_000)


@dataclass(frozen=True)
class Deployed:
    """A contract on the shared chain."""

    anvil: AnvilNode
    address: str
    contract: Contract

    def calls(self, function: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Results of many calls; a `Refusal` where one reverted."""
        data = [to_hex(self.contract.call(function, *one)) for one in arguments]
        calls = [("eth_call", ({"to": self.address, "gas": GAS, "data": one}, "latest")) for one in data]
        answers = self.anvil.endpoint.batch(calls, partial=True)
        return [
            answer if isinstance(answer, Refusal) else self.contract.result(function, from_hex(answer))
            for answer in answers
        ]

    def send(self, data: bytes) -> dict[str, Any]:
        """Receipt of a transaction."""
        return _send(self.anvil, {"to": self.address, "data": to_hex(data)})


def _send(anvil: AnvilNode, request: dict[str, str]) -> dict[str, Any]:
    sender = to_hex(anvil.development_accounts(1)[0].address)
    receipt: dict[str, Any] = anvil.endpoint.call("eth_sendTransactionSync", {"from": sender, "gas": GAS, **request})
    return receipt


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forge's output folder for the sources above."""
    if not FORGE.exists():
        pytest.skip("forge is not installed")
    folder = tmp_path_factory.mktemp("compiled")
    path = os.pathsep.join([str(ROOT / ".venv" / "node-shim"), os.environ.get("PATH", "")])
    command = [FORGE, "build", *SOURCES, "--out", folder / "out", "--cache-path", folder / "cache"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"PATH": path})
    return folder / "out"


def _deploy(anvil: AnvilNode, compiled: Path, name: str) -> Deployed:
    artifact = json.loads((compiled / f"{name}.sol" / f"{name}.json").read_text())
    contract = Contract(name, artifact["abi"], from_hex(artifact["bytecode"]["object"]))
    return Deployed(anvil, _send(anvil, {"data": to_hex(contract.creation())})["contractAddress"], contract)


@pytest.fixture(scope="session")
def harness(anvil: AnvilNode, compiled: Path) -> Deployed:
    """contracts/test/compute/Harness.sol."""
    return _deploy(anvil, compiled, "Harness")


@pytest.fixture(scope="session")
def executor(anvil: AnvilNode, compiled: Path) -> Deployed:
    """The native executor."""
    return _deploy(anvil, compiled, "NativeExecutor")
