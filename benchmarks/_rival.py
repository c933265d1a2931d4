"""ezkl on an ONNX file, end to end; run by an interpreter that has it: ``python _rival.py FOLDER``.

The folder holds ``network.onnx``, ``input.json`` and ``calibration.json``. Input private, weights fixed (ezkl's own
default for them is to be public in the circuit), output public; everything else as its calibration chooses for few
resources. Prints one JSON object with the seconds of each stage; each stage is a process of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

STAGES = ("settings", "calibrate", "compile", "srs", "witness", "setup", "prove", "verify")


def stage(name: str, folder: Path) -> None:
    """Do one of the stages."""
    import ezkl

    def at(file: str) -> str:
        return str(folder / file)

    arguments = ezkl.PyRunArgs()
    arguments.input_visibility, arguments.param_visibility, arguments.output_visibility = "private", "fixed", "public"
    rows = 0
    if (folder / "settings.json").exists():
        rows = json.loads((folder / "settings.json").read_text())["run_args"]["logrows"]
    reference, keys = at(f"kzg{rows}.srs"), (at("verifying.key"), at("proving.key"))
    network, settings, witness, proof = at("network.ezkl"), at("settings.json"), at("witness.json"), at("proof.json")
    calls: dict[str, Callable[[], Any]] = {
        "settings": lambda: ezkl.gen_settings(at("network.onnx"), settings, py_run_args=arguments),
        "calibrate": lambda: ezkl.calibrate_settings(at("calibration.json"), at("network.onnx"), settings, "resources"),
        "compile": lambda: ezkl.compile_circuit(at("network.onnx"), network, settings),
        "srs": lambda: ezkl.gen_srs(reference, rows),
        "witness": lambda: ezkl.gen_witness(at("input.json"), network, witness),
        "setup": lambda: ezkl.setup(network, *keys, reference),
        "prove": lambda: ezkl.prove(witness, network, keys[1], proof, reference),
        "verify": lambda: ezkl.verify(proof, settings, keys[0], reference),
    }
    asyncio.run(waited(calls[name]))


async def waited(call: Callable[[], Any]) -> None:
    """Some of its functions are coroutines, and which ones depends on the version."""
    result = call()
    if inspect.isawaitable(result):
        await result


def main() -> None:
    """All stages, each measured in its own process."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        started = time.perf_counter()
        stage(sys.argv[2], folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        figures = {"s": time.perf_counter() - started, "cpu_s": used.ru_utime + used.ru_stime}
        print("\n" + json.dumps(figures | {"peak_rss_mb": used.ru_maxrss / 1024}))
        return
    found: dict[str, Any] = {"ezkl": version("ezkl")}
    for name in STAGES:
        done = subprocess.run([sys.executable, __file__, folder, name], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"ezkl fails at {name}: {done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    made = json.loads((folder / "proof.json").read_text())["proof"]
    found["proof_bytes"] = len(made) if isinstance(made, list) else (len(made) - 2) // 2
    found["proving_key_bytes"] = (folder / "proving.key").stat().st_size
    print(json.dumps(found))


if __name__ == "__main__":
    main()
