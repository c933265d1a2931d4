"""A market run as its operators run it: asked how it is, looked at by the doctor, logged, backed up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import concordat as cd
from concordat.chain.deployment import Deployment
from concordat.client.connect import connect_home, running_url
from concordat.client.home import Home
from concordat.client.keyring import development_account
from concordat.client.placed import PlacedOrder
from concordat.primitives.encoding import to_hex
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

pytestmark = [pytest.mark.chain, pytest.mark.slow]

NODES = {"provider": "provider", "challenger": "challenger", "keeper": "keeper"}


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "concordat", "--home", str(home), "--json", *words]


def ask(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(command(home, *words), capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["data"]


def until(condition: Callable[[], object]) -> None:
    pause = Event()
    for _ in range(1200):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("never")


@pytest.fixture(scope="module")
def order_ids() -> dict[str, PlacedOrder]:
    return {}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, order_ids: dict[str, PlacedOrder]) -> Iterator[Path]:
    """A market with JSON logs that has sold one decision."""
    path = tmp_path_factory.mktemp("operated") / "home"
    environment = {**os.environ, "CONCORDAT_LOG_FORMAT": "json"}
    said = path.with_name("said.txt").open("w+")
    up = subprocess.Popen(command(path, "up"), stdout=said, stderr=said, env=environment)
    until(lambda: (path / "running.json").exists() and all(Home(path).ready(node).exists() for node in NODES))
    url = running_url(Home(path))
    assert url is not None
    with connect_home(Home(path), url) as network:
        model = network.registry.publish(small_model(), signer="lender")
        placed = network.orders.place(model, ROW, pay=cd.usd("0.50"))
        placed.wait("recorded", timeout=120)
        order_ids["native"] = placed
    yield path
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 0
    said.close()


def door(home: Path, node: str) -> str:
    return str(json.loads((home / "nodes" / node / "status.json").read_text())["url"])


def get(url: str) -> tuple[int, bytes]:
    try:
        with urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def lines(home: Path, node: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "nodes" / node / "node.log").read_text().splitlines()]


@pytest.mark.parametrize("node", NODES)
def test_every_node_says_how_it_is(home: Path, node: str) -> None:
    url = door(home, node)
    status, body = get(f"{url}/health")
    assert (status, json.loads(body)["data"]["role"]) == (200, NODES[node])
    until(lambda: get(f"{url}/ready")[0] == 200)
    status, body = get(f"{url}/metrics")
    text = body.decode()
    assert status == 200
    assert 'concordat_up{part="chain"} 1.0' in text
    assert "concordat_step_seconds_count" in text
    assert "process_resident_memory_bytes" in text
    assert 'concordat_blocks_behind{feed="' in text
    assert "0x" not in text.replace("0x0", "")


def test_metrics_of_the_provider_count_the_decision_it_sold(home: Path, order_ids: dict[str, PlacedOrder]) -> None:
    text = get(f"{door(home, 'provider')}/metrics")[1].decode()
    assert 'concordat_transactions_total{action="AcceptAndProve",outcome="done"} 1.0' in text
    assert 'concordat_items{kind="offer",stage="closed"} 1.0' in text
    assert 'concordat_market_events_total{kind="Paid"} 1.0' in text
    assert 'concordat_money_base_units{where="free"} 5.005e+08' in text


def test_log_is_one_object_a_line_and_tells_what_was_sent(home: Path, order_ids: dict[str, PlacedOrder]) -> None:
    sent = [line for line in lines(home, "provider") if line["event"] == "sent"]
    assert [line["action"] for line in sent] == ["AcceptAndProve"]
    assert sent[0]["order"] == to_hex(order_ids["native"].id)
    assert len(sent[0]["tx"]) == 66
    assert {"time", "level", "role", "node", "event", "message"} <= set(sent[0])
    assert lines(home, "keeper")[0]["event"] == "started"


def test_nothing_that_is_said_or_counted_holds_keys_salts_or_inputs(
    home: Path, order_ids: dict[str, PlacedOrder]
) -> None:
    offer = order_ids["native"].offer
    secrets = [
        offer.opening.salt.hex(),
        offer.opening.words.hex(),
        offer.funding.signature.hex(),
        *(development_account(name)._key.hex() for name in (*NODES, "client")),
        *(path.read_bytes().hex() for path in (home / "keys").glob("*.seed")),
        *json.loads((home / "nodes" / "provider" / "seal.keys").read_text()),
        *map(str, ROW.values()),
    ]
    said = "".join(path.read_text() for path in home.rglob("*.log"))
    for node in NODES:
        said += "".join(get(f"{door(home, node)}/{path}")[1].decode() for path in ("health", "ready"))
        said += "".join(line for line in get(f"{door(home, node)}/metrics")[1].decode().splitlines() if "{" in line)
    words = set(said.replace('"', " ").replace("=", " ").replace(",", " ").split())
    long = [secret.removeprefix("0x") for secret in secrets if len(secret) > 8]
    assert [secret for secret in long if secret in said] == []
    assert {secret for secret in secrets if 4 <= len(secret) <= 8} & words == set()


def test_doctor_finds_nothing_wrong_with_a_running_market(home: Path) -> None:
    code, data = ask(home, "doctor")
    failed = [check for check in data["checks"] if check["grade"] == "fail"]
    assert failed == []
    assert (code, data["ok"]) == (0, True)
    assert [check["number"] for check in data["checks"]] == list(range(1, 22))
    passed = {check["name"] for check in data["checks"] if check["grade"] == "pass"}
    assert {"endpoint", "network", "contracts", "gas money", "stake", "journals", "log", "nodes"} <= passed


def test_doctor_names_what_is_wrong_and_what_to_do(home: Path, tmp_path: Path) -> None:
    """A copy of the home with a torn journal, another log, a forged deployment and a node that is gone."""
    done = subprocess.run(command(home, "backup", "create", str(tmp_path / "b.tar")), capture_output=True, check=False)
    assert done.returncode == 0
    ask(tmp_path, "backup", "restore", str(tmp_path / "b.tar"), "--into", str(tmp_path / "sick"))
    sick = tmp_path / "sick"
    journal = sick / "nodes" / "provider" / "journal.db"
    journal.write_bytes(journal.read_bytes()[:4096] + b"\xff" * 20_000)
    entries = next((sick / "log" / "tile" / "entries").rglob("*.p/*"))
    entries.write_bytes(entries.read_bytes()[:-1] + b"?")
    deployment = json.loads((sick / "deployment.json").read_text())
    deployment["vault"], deployment["court"] = deployment["court"], deployment["vault"]
    (sick / "deployment.json").write_text(json.dumps(deployment))
    (sick / "nodes" / "keeper" / "status.json").write_text('{"url": "http://127.0.0.1:9"}')
    code, data = ask(sick, "--url", str(running_url(Home(home))), "doctor")
    failed = {check["name"]: check for check in data["checks"] if check["grade"] == "fail"}
    assert code == 1
    assert {"contracts", "journals", "log", "nodes"} <= set(failed)
    assert all(check["advice"] for check in failed.values())
    assert "nodes/provider/journal.db" in failed["journals"]["detail"]


def test_backup_of_a_running_market_is_whole(home: Path, tmp_path: Path) -> None:
    code, made = ask(home, "backup", "create", str(tmp_path / "b.tar"))
    assert code == 0
    assert ask(home, "backup", "verify", str(tmp_path / "b.tar"), "--digest", made["digest"])[0] == 0
    code, data = ask(home, "backup", "restore", str(tmp_path / "b.tar"), "--into", str(tmp_path / "again"))
    assert (code, data["files"]) == (0, made["files"])
    assert Deployment.load(tmp_path / "again" / "deployment.json") == Deployment.load(home / "deployment.json")


def test_deploy_verify_tells_the_deployment_from_a_tampered_one(home: Path, tmp_path: Path) -> None:
    code, data = ask(home, "deploy", "verify")
    assert (code, data["ok"], data["complete"]) == (0, True, True)
    wanted = json.loads((home / "deployment.json").read_text())
    wanted["parameters"]["slash_client"] += 1
    (tmp_path / "claimed.json").write_text(json.dumps(wanted))
    code, data = ask(home, "deploy", "verify", str(tmp_path / "claimed.json"))
    assert code == 1
    assert {(c["contract"], c["check"]) for c in data["checks"] if c["verdict"] == "fail"} == {
        ("Market", check) for check in ("constructor", "creation", "shares")
    }


def test_upgrade_under_running_nodes_ends_open_orders_and_serves_new_ones(home: Path) -> None:
    url = str(running_url(Home(home)))
    with connect_home(Home(home), url) as network:
        model = network.registry.publish(small_model(), signer="lender")
        placed = network.orders.place(model, ROW, pay=cd.usd("0.50"), evidence=cd.FraudProvable())
        placed.wait("delivered", timeout=120)
        market = network.ledger.domain.market
    code, data = ask(home, "deploy", "upgrade", "--move-time", "1800")
    assert (code, data["version"], data["earlier"][0]["market"]) == (0, 2, to_hex(market))
    for node in NODES:
        until(
            lambda node=node: any(line.get("version") == 2 for line in lines(home, node) if line["event"] == "started")
        )
    assert ask(home, "deploy", "verify")[0] == 0
    with connect_home(Home(home), url) as network:
        fresh = network.orders.place(network.registry.model(model.id), ROW, pay=cd.usd("0.50"))
        assert fresh.wait("recorded", timeout=120).bundle.domain.market != market
        assert [version["open"] for version in ask(home, "deploy", "versions")[1]] == [0, 1]
        old = network.orders.get(placed.id)
        old.release()
        decision = old.wait("recorded", timeout=120)
        assert decision.bundle.domain.market == market
        trust = network.records.trust_root()
        assert cd.verify(decision.bundle, trust, endpoint_facts=network.records.facts(decision.bundle)).ok
        assert cd.verify(fresh.decision().bundle, trust).ok
    assert ask(home, "deploy", "retire", "1")[0] == 0
    assert [version["served"] for version in ask(home, "deploy", "versions")[1]] == [True, False]
