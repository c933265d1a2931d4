"""Zero-knowledge proofs: how fast, how large, how much memory, and beside ezkl on the same file.

For each case an ONNX file is made, imported with 8-bit weights, compiled, committed, and proven in fresh processes
(`_prover.py`) that load what a provider loads. Weights and input are hidden, the output is shown.

What ``prove_s`` covers: from the packed input words to the proof's bytes, so the integer execution, the witness and
the proof. Not in it: compiling, committing (``setup_s``, once for a model), the client's commitment of its input.
Figures are the best of several proofs, since a shared machine only ever adds time; ``prove_median_s`` is there too.
``prove_cpu_s`` is time of all processors. ``peak_rss_mb`` is the most anonymous and shared memory that a process had
which imports, compiles, maps the committed weights and makes one proof; file-backed pages are left out.

    python benchmarks/prove.py --case b --json
    python benchmarks/prove.py --case b --json --rival ezkl --rival-python /path/to/venv/bin/python
    python benchmarks/prove.py                     a table of all cases
    python benchmarks/prove.py --batch             inferences of case b a second, many to a proof
    python benchmarks/prove.py --plot FILE         prove time by multiply-adds; .csv, or an image with matplotlib
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from _networks import CASES, Network, drawn
from concordat.graph.onnx import import_onnx
from concordat.graph.onnx.agreement import Tolerance

HERE = Path(__file__).resolve().parent
PROVEN = 8
"""Rows of which inputs are made."""
BATCHES = (16, 32, 64, 128)
SWEEP = ((16, 16, 4), (64, 64, 10), (128, 128, 64, 10), (256, 256, 128, 10), (512, 512, 256, 10), (784, 784, 512, 10))
LARGER = ((1024, 1536, 1024, 10), (2048, 2560, 1792, 10))


# -- a case ----------------------------------------------------------------------------------------------------------


def prepare(network: Network, folder: Path, tolerance: Tolerance | None = None) -> dict[str, Any]:
    """Import a model and write the program and its inputs."""
    started = time.perf_counter()
    model = import_onnx(network.onnx, calibration=network.rows, bits=network.bits, tolerance=tolerance)
    (folder / "network.onnx").write_bytes(network.matrices or network.onnx)
    (folder / "graph").write_bytes(model.graph.to_bytes())
    rows = [network.rows[i : i + 1] for i in range(PROVEN)]
    (folder / "words").write_bytes(b"".join(model.schema.pack(model.schema.encode(row)) for row in rows))
    return {
        "model": network.what,
        "import_s": time.perf_counter() - started,
        "agreement": model.agreement,
        "greatest_error": model.error,
    }


def child(mode: str, folder: Path, batch: int) -> dict[str, Any]:
    """What one of the processes finds."""
    found, _ = watched(mode, folder, batch, watch=False)
    return found


def watched(mode: str, folder: Path, batch: int, *, watch: bool = True) -> tuple[dict[str, Any], float]:
    """The same, with the most megabytes of memory that no file backs."""
    command = [sys.executable, str(HERE / "_prover.py"), mode, str(folder), str(batch)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    while watch and process.poll() is None:
        peak = max(peak, unbacked(process.pid))
        time.sleep(0.0005)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{mode} failed")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found, peak / 1024


def unbacked(pid: int) -> int:
    """Kilobytes of a process that are not pages of files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def measure(network: Network, *, batch: int = 1, tolerance: Tolerance | None = None) -> dict[str, Any]:
    """All figures of a model."""
    with tempfile.TemporaryDirectory() as name:
        return figures(network, Path(name), batch, tolerance)


def figures(network: Network, folder: Path, batch: int, tolerance: Tolerance | None) -> dict[str, Any]:
    """All figures of a model, its files in a folder."""
    found = prepare(network, folder, tolerance)
    committed, peak = watched("commit", folder, batch)
    found |= committed | {"commit_peak_rss_mb": peak}
    found |= child("prove", folder, batch)
    found |= child("check", folder, batch)
    _, found["peak_rss_mb"] = watched("once", folder, batch)
    return found


# -- the rival -------------------------------------------------------------------------------------------------------


def compare(network: Network, folder: Path, python: str) -> dict[str, Any]:
    """ezkl's figures for the file in a folder."""
    flat = network.rows.reshape(len(network.rows), -1)
    (folder / "input.json").write_text(json.dumps({"input_data": [flat[0].tolist()]}))
    (folder / "calibration.json").write_text(json.dumps({"input_data": [flat[:20].ravel().tolist()]}))
    done = subprocess.run([python, HERE / "_rival.py", folder], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ratios(own: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """How many times more the rival takes."""
    return {
        "prove_s": other["prove"]["s"] / own["prove_s"],
        "prove_cpu_s": other["prove"]["cpu_s"] / own["prove_cpu_s"],
        "verify_s": other["verify"]["s"] / own["verify_s"],
        "peak_rss_mb": other["prove"]["peak_rss_mb"] / own["peak_rss_mb"],
        "proof_bytes": other["proof_bytes"] / own["proof_bytes"],
    }


# -- what is asked ---------------------------------------------------------------------------------------------------


def one_case(letter: str, rival: str | None, python: str) -> dict[str, Any]:
    """A case by its letter, with the rival's figures if asked."""
    network = CASES[letter]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"case": letter} | figures(network, folder, 1, None)
        if rival is not None:
            found["rival"] = compare(network, folder, python)
            found["ratios"] = ratios(found, found["rival"])
    return found


def batches() -> list[dict[str, Any]]:
    """Case b, many inferences to a proof."""
    network = CASES["b"]()
    found = []
    for batch in BATCHES:
        one = {"case": "b", "batch": batch} | measure(network, batch=batch)
        found.append(
            one | {"inferences_per_s": batch / one["prove_s"], "inferences_per_cpu_s": batch / one["prove_cpu_s"]}
        )
    return found


def sweep(*, larger: bool) -> list[dict[str, Any]]:
    """Dense networks of random weights, from a thousand multiply-adds up; how faithful they are does not matter."""
    anything = Tolerance(agreement=0, error=np.inf)
    found = []
    for widths in SWEEP + (LARGER if larger else ()):
        found.append(measure(drawn(widths), tolerance=anything))
        print(line(found[-1]), file=sys.stderr)
    return found


def plot(found: list[dict[str, Any]], path: Path) -> None:
    """Write a picture, or the numbers for one."""
    columns = ("multiply_adds", "prove_s", "prove_cpu_s", "verify_s", "proof_bytes", "peak_rss_mb", "commit_s")
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([one[column] for column in columns] for one in found)
        return
    try:
        from matplotlib import pyplot
    except ImportError:
        raise SystemExit("matplotlib is not installed; give a file that ends in .csv") from None
    at = [one["multiply_adds"] for one in found]
    for column, label in (("prove_s", "wall"), ("prove_cpu_s", "processors"), ("verify_s", "verification")):
        pyplot.loglog(at, [one[column] for one in found], marker="o", label=label)
    pyplot.xlabel("multiply-adds of one inference")
    pyplot.ylabel("seconds")
    pyplot.legend()
    pyplot.savefig(path)


HEAD = (
    f"{'model':44} {'prove':>9} {'median':>9} {'CPU':>9} {'verify':>9} {'Python':>9} {'bytes':>8} {'memory':>8}"
    f" {'commit':>8} {'check':>9} {'bits':>6}"
)


def line(one: dict[str, Any]) -> str:
    """Figures for people."""
    check = f"{one['check_commitment_s'] * 1e3:6.1f} ms" if "check_commitment_s" in one else "        -"
    times = ("prove_s", "prove_median_s", "prove_cpu_s", "verify_s", "verify_python_s")
    return (
        f"{one['model']:44} "
        + " ".join(f"{one[name] * 1e3:6.1f} ms" for name in times)
        + f" {one['proof_bytes']:8,} {one['peak_rss_mb']:5.0f} MB {one['commit_s']:6.2f} s {check}"
        + f" {one['soundness_bits']:6.1f}"
    )


def main() -> None:
    """Measure what is asked and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--case", choices=sorted(CASES), help="one case")
    what.add_argument("--all", action="store_true", help="all cases, as without any of these")
    what.add_argument("--batch", action="store_true", help="inferences a second of case b")
    what.add_argument("--plot", type=Path, metavar="FILE", help="prove time by multiply-adds")
    parser.add_argument("--larger", action="store_true", help="go on with --plot to ten million weights")
    parser.add_argument("--rival", choices=["ezkl"], help="measure this too, on the same file")
    parser.add_argument("--rival-python", default=sys.executable, help="an interpreter that has it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    wanted = parser.parse_args()
    if wanted.plot:
        found = sweep(larger=wanted.larger)
        plot(found, wanted.plot)
    elif wanted.batch:
        found = batches()
    else:
        letters = [wanted.case] if wanted.case else sorted(CASES)
        found = [one_case(letter, wanted.rival, wanted.rival_python) for letter in letters]
    if wanted.json:
        print(json.dumps(found[0] if wanted.case else found, indent=2))
        return
    print(HEAD)
    for one in found:
        print(
            line(one)
            + (f" {one['inferences_per_s']:7.0f}/s {one['inferences_per_cpu_s']:7.0f}/CPU-s" if wanted.batch else "")
        )
        if "ratios" in one:
            print("    ezkl: " + ", ".join(f"{name} {value:,.3g}×" for name, value in one["ratios"].items()))


if __name__ == "__main__":
    main()
