"""One way down: what may import what, as declared and as it really happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import concordat as cd
from concordat.testing.small import small_model

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("concordat.chain", "concordat.client", "concordat.node", "concordat.storage", "click", "httpx", "onnx",
         "onnxruntime", "pandas", "sklearn", "sqlite3", "socket")  # fmt: skip
"""What verification must never load."""


def loaded_after(source: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after some source."""
    script = source + "\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recorded decision with its model and input, and the trust root of its market."""
    folder = tmp_path_factory.mktemp("decision")
    with cd.open("memory://") as net:
        model = net.registry.publish(small_model(), signer="lender")
        row = {"income": 5200, "debt": 900, "age": 44, "years": 3}
        order = net.orders.place(model.id, row, pay=cd.usd("0.50"), evidence=cd.Native())
        order.wait(until="recorded").save(folder / "decision.json")
        (folder / "trust.toml").write_text(net.records.trust_root().encode())
    return folder / "decision.json", folder / "trust.toml"


def test_import_contracts_of_the_project_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "4 kept, 0 broken" in done.stdout


def test_verification_of_a_real_bundle_loads_nothing_heavy(files: tuple[Path, Path]) -> None:
    source = (
        "import concordat as cd\n"
        f"report = cd.verify({str(files[0])!r}, trust=cd.TrustRoot.load({str(files[1])!r}))\n"
        "assert report.ok and 13 not in [c.number for c in report.checks if c.outcome != 'pass']\n"
    )
    assert set(HEAVY) & loaded_after(source) == set()


def test_import_of_concordat_alone_loads_the_verification_closure_at_most() -> None:
    ours = {name.split(".")[1] for name in loaded_after("import concordat") if name.startswith("concordat.")}
    assert ours <= {"primitives", "protocol", "graph", "verify"}


def test_help_of_the_command_line_loads_no_importer() -> None:
    source = (
        "from click.testing import CliRunner\nfrom concordat.cli.main import main\nCliRunner().invoke(main, ['-h'])"
    )
    assert {"onnxruntime", "sklearn", "pandas", "skl2onnx"} & loaded_after(source) == set()
