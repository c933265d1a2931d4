"""Private orders and erasure from the command line, with chain and nodes in processes of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commandline import CONCORDAT, Commands

from concordat.chain.anvil import find_anvil
from concordat.node.open import open as connect
from concordat.primitives.errors import ConfigurationError
from concordat.testing.small import small_model

pytestmark = [pytest.mark.chain, pytest.mark.slow]
ROW = '{"income": 77123, "debt": 66789, "age": 55432, "years": 44321}'
SUBJECT = "patient 4711"


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    try:
        find_anvil()
    except ConfigurationError as error:
        pytest.skip(error.message)
    with Commands(tmp_path, CONCORDAT_CONTENT=str(tmp_path / "elsewhere")).market() as run:
        yield run


def test_private_order_is_placed_read_released_and_erased_by_commands(commands: Commands, tmp_path: Path) -> None:
    with connect("anvil://", home=tmp_path, content=str(tmp_path / "elsewhere")) as market:
        market.registry.publish(small_model(native=False), signer="publisher")
    assert list((tmp_path / "elsewhere").rglob("*")), "public data are where the setting says"
    bundle, left, trust = tmp_path / "bundle.json", tmp_path / "left.json", tmp_path / "trust.toml"
    order = commands("order", "place", "small", ROW, "--pay", "0.50", "--subject", SUBJECT, "--wait", "delivered")[
        "order"
    ]
    assert commands("record", "erase", SUBJECT, "--yes", code=1)["code"] == "StillOpen"
    commands("order", "release", order)
    commands("order", "wait", order, "--until", "recorded", "--save", str(bundle))
    trust.write_text(commands("record", "trust")["trust"])
    assert commands("account", "seals")["subjects"] == 1
    assert commands("record", "erase", SUBJECT, "--yes") == {"orders": [order], "unreached": []}
    while "code" in commands_or_error(commands, "record", "remains", order, "--save", str(left)):
        pass
    done = subprocess.run(
        [*CONCORDAT, "verify", str(left), "--trust", str(trust), "--rpc"],
        env=commands.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout
    assert "ERASED" in done.stdout
    bundle.unlink()
    wanted = (SUBJECT.encode(), bytes.fromhex(f"{77123:08x}{66789:08x}"), f"{77123:08x}{66789:08x}".encode())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files for needle in wanted if needle in path.read_bytes()] == []


def commands_or_error(commands: Commands, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [*CONCORDAT, "--json", *words], env=commands.environment, capture_output=True, text=True, timeout=60
    )
    answer = json.loads(done.stdout)
    return answer["data"] if answer["ok"] else answer["error"]
