"""What offline verification may reach: no network, no chain, no settings, no importer."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = {
    "asyncio",
    "concordat.chain",
    "concordat.client",
    "concordat.graph.onnx",
    "concordat.node",
    "concordat.storage",
    "http.client",
    "httpx",
    "onnx",
    "onnxruntime",
    "pydantic",
    "socket",
    "sqlite3",
    "urllib.request",
}


@pytest.mark.parametrize("module", ["concordat.verify", "concordat.verify.replay"])
def test_verification_reaches_no_network_and_no_server_side(module: str) -> None:
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not FORBIDDEN & set(loaded)
