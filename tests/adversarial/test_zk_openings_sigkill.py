"""A prover that is killed at any moment and started again never opens a commitment without having counted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from concordat.primitives.hashing import sha256
from concordat.storage.openings import Openings

ROOT, LIMIT = sha256(b"root"), 1000
PROVER = """
import sys
from concordat.primitives.hashing import sha256
from concordat.storage.openings import Openings

root = sha256(b"root")
with Openings(sys.argv[1]) as openings:
    print("ready", flush=True)
    for count in range(100):
        statement = sha256(f"{sys.argv[2]} {count}".encode())
        number = openings.reserve(root, 1000, statement)
        sys.stdout.write(f"{number} {statement.hex()}\\n")
        sys.stdout.flush()
"""
"""Counts and tells at once; a proof is a function of the two, and would only take longer."""


def run_and_kill(place: str, run: int, lines: int) -> list[tuple[int, bytes]]:
    process = subprocess.Popen([sys.executable, "-c", PROVER, place, str(run)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    told = [process.stdout.readline() for _ in range(lines)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    whole = [line.split() for line in told if line.endswith("\n")]
    return [(int(number), bytes.fromhex(statement)) for number, statement in whole]


def test_prover_killed_at_any_moment_makes_no_proof_that_is_not_counted(tmp_path: Path) -> None:
    random, proofs = Random(11), dict[int, bytes]()
    place = f"sqlite://{tmp_path}"
    for run in range(4):
        for number, statement in run_and_kill(place, run, random.randrange(8)):
            assert proofs.setdefault(number, statement) == statement
            with Openings(place) as openings:
                assert openings.reserve(ROOT, LIMIT, statement) == number
    with Openings(place) as openings:
        assert len(proofs) <= LIMIT - openings.left(ROOT, LIMIT) <= len(proofs) + 4
    assert proofs
