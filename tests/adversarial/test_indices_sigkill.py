"""A signer that is killed at any moment and started again never puts two messages under one index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from concordat.storage.indices import IndexBook

SIGNER = """
import sys
from pathlib import Path
from concordat.primitives.hashing import sha256
from concordat.primitives.lms import LmsKey
from concordat.storage.indices import IndexBook

key = LmsKey(seed=bytes(40), height=10)
run = sys.argv[2]
with IndexBook(Path(sys.argv[1]), b"the key", key.capacity) as book:
    print("ready", flush=True)
    for count in range(200):
        index, digest = book.next, sha256(f"{run} {count}".encode())
        book.reserve(index, digest)
        sys.stdout.write(f"{index} {digest.hex()}\\n")
        sys.stdout.flush()
"""
"""Promises and tells at once; a signature is a function of the two, and would only take longer."""


def test_signer_killed_at_any_moment_never_uses_an_index_twice(tmp_path: Path) -> None:
    random, told = Random(7), {}
    for run in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", SIGNER, str(tmp_path / "key.index"), str(run)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(random.randrange(12))]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
        process.wait()
        process.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                index, digest = line.split()
                assert told.setdefault(int(index), digest) == digest
    assert len(told) > 8


def test_promise_that_was_told_is_on_the_disk_after_the_kill(tmp_path: Path) -> None:
    path = tmp_path / "key.index"
    process = subprocess.Popen([sys.executable, "-c", SIGNER, str(path), "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(5):
        last = process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with IndexBook(path, b"the key", 1024) as book:
        index, digest = last.split()
        assert book.promised(int(index)) == bytes.fromhex(digest)
        assert book.next > int(index)
