"""The ABIs and bytecode inside the package are those of the Solidity beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORGE = ROOT / "node_modules" / ".bin" / "forge"


@pytest.mark.skipif(not FORGE.exists(), reason="forge is not installed")
def test_packaged_abi_after_fresh_build_equals_compiler_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = os.pathsep.join([str(ROOT / ".venv" / "node-shim"), os.environ.get("PATH", "")])
    subprocess.run(
        [FORGE, "build", "contracts/src", "--out", out, "--cache-path", tmp_path / "cache"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": path},
    )
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_abi.py", "--check", "--out", out], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


def test_abi_check_without_build_says_what_to_run(tmp_path: Path) -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_abi.py", "--check", "--out", tmp_path], capture_output=True, text=True
    )
    assert check.returncode == 1
    assert "forge build" in check.stderr
