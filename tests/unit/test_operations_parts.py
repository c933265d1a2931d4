"""Logs, counts and conditions of one node, without a chain."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from concordat.node.operations.health import Needs, Pulse, operations_routes, readiness
from concordat.node.operations.logs import JsonLines, say_on
from concordat.node.operations.metrics import Metrics
from concordat.node.operations.sight import ChainSight, Lookout, Sight
from concordat.primitives.errors import EndpointError, StorageError
from concordat.primitives.units import Amount
from concordat.protocol.ledger import Balance
from concordat.storage.journal import Journal

LOG = logging.getLogger("concordat.node")
CHAIN = ChainSight(
    chain_id=5,
    head=100,
    head_time=1_000,
    coin=10**18,
    balance=Balance(free=Amount(70), locked=Amount(30)),
    tokens=5,
)
NEEDS = Needs(chain_id=5, stake=100)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal(None)
    yield made
    made.close()


@pytest.fixture
def metrics(journal: Journal) -> Iterator[Metrics]:
    level = LOG.parent.level if LOG.parent else 0
    logging.getLogger("concordat").setLevel(logging.DEBUG)
    made = Metrics(Lookout(lambda: CHAIN, journal), clock=lambda: 1_012.0).attach()
    yield made
    made.detach()
    logging.getLogger("concordat").setLevel(level)


def told(event: str, **fields: object) -> None:
    LOG.debug("said", extra={"event": event, "fields": fields})


def values(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_json_line_has_the_listed_fields_and_no_others() -> None:
    record = logging.makeLogRecord(
        {
            "msg": "sent %s",
            "args": ("x",),
            "levelname": "INFO",
            "created": 0.5,
            "event": "sent",
            "fields": {"order": "0x01", "gas": 7, "salt": "secret", "input": "secret"},
        }
    )
    line = json.loads(JsonLines("provider", "p1").format(record))
    assert line == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "role": "provider",
        "node": "p1",
        "event": "sent",
        "message": "sent x",
        "order": "0x01",
        "gas": 7,
    }


def test_log_of_other_libraries_is_written_from_warnings_on_and_ours_from_information_on() -> None:
    stream = io.StringIO()
    handler = say_on("keeper", "k", form="json", stream=stream)
    try:
        LOG.debug("counted only")
        LOG.info("written\nin one line")
        logging.getLogger("httpx").info("GET /quote?model=0x00")
        logging.getLogger("httpx").warning("odd")
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["written\nin one line", "odd"]


def test_metrics_count_what_is_logged(metrics: Metrics) -> None:
    told("sent", action="Submit", gas=90_000)
    told("sent", action="Submit", gas=80_000)
    told("refused", action="Accept", code="WrongStatus")
    told("market", kind="Paid", block=3)
    told("reorganised", block=9)
    told("endpoint", code="EndpointDown")
    told("failed", kind="EndpointError", code="EndpointDown")
    told("looked", feed="provider", block=98, blocks=0)
    told("looked", feed="recorder", block=37, blocks=64)
    told("unheard of", anything="at all")
    found = values(metrics)
    assert found['concordat_transactions_total{action="Submit",outcome="done"}'] == 2
    assert found['concordat_gas_used_total{action="Submit"}'] == 170_000
    assert found['concordat_transactions_total{action="Accept",outcome="refused"}'] == 1
    assert found['concordat_market_events_total{kind="Paid"}'] == 1
    assert found["concordat_reorganisations_total"] == 1
    assert found['concordat_endpoint_errors_total{code="EndpointDown"}'] == 1
    assert found['concordat_step_failures_total{kind="EndpointError"}'] == 1
    assert found['concordat_blocks_behind{feed="provider"}'] == 3
    assert found['concordat_blocks_behind{feed="recorder"}'] == 0


def test_metrics_show_journal_and_account(metrics: Metrics, journal: Journal) -> None:
    for number, stage in enumerate(["honest", "disputed", "shown", "shown", "lost"]):
        journal.set_item("delivery", str(number), stage, {"salt": "0xsecret"})
    journal.set_item("offer", "0xabc", "received", {"offer": "5200"})
    journal.set_intent("submit:0xabc", "planned")
    journal.set_intent("submit:0xdef", "done")
    found = values(metrics)
    assert found['concordat_items{kind="offer",stage="received"}'] == 1
    assert [found[f'concordat_challenges{{state="{state}"}}'] for state in ("opened", "won", "lost")] == [1, 2, 1]
    assert found["concordat_receipts_waiting"] == 1
    assert found["concordat_journal_rows"] == 8
    assert [found[f'concordat_money_base_units{{where="{where}"}}'] for where in ("free", "locked", "outside")] == [
        70,
        30,
        5,
    ]
    assert found["concordat_coin_wei"] == 10**18
    assert found["concordat_head_age_seconds"] == 12
    text = metrics.text().decode()
    assert all(word not in text for word in ("secret", "0xabc", "5200"))


def test_metrics_of_two_nodes_do_not_share_a_registry(journal: Journal, metrics: Metrics) -> None:
    other = Metrics(Lookout(lambda: CHAIN, journal))
    told("sent", action="Submit", gas=1)
    assert "concordat_gas_used_total{" not in other.text().decode()


def test_metrics_without_a_chain_say_so_and_still_show_the_journal(journal: Journal) -> None:
    def down() -> ChainSight:
        raise EndpointError("down", code="EndpointDown")

    found = values(Metrics(Lookout(down, journal)))
    assert found['concordat_up{part="chain"}'] == 0
    assert found['concordat_up{part="journal"}'] == 1
    assert "concordat_head_block" not in found


def test_lookout_asks_the_chain_once_for_many_questions(journal: Journal) -> None:
    asked, clock = [], Clock()

    def look() -> ChainSight:
        asked.append(1)
        return CHAIN

    lookout = Lookout(look, journal, clock=clock)
    for _ in range(50):
        lookout.look()
    clock.now = 3.0
    lookout.look()
    assert len(asked) == 2


def sight(**changes: int) -> Sight:
    return Sight(chain=replace(CHAIN, **changes), store=Lookout(lambda: CHAIN, Journal(None)).look().store)


@pytest.mark.parametrize(
    ("changes", "feeds", "missing"),
    [
        ({}, {"provider": (101, 0)}, set()),
        ({"chain_id": 6}, {"provider": (101, 0)}, {"network"}),
        ({}, {"provider": (84, 0)}, {"synced"}),
        ({}, {"provider": (85, 0)}, set()),
        ({}, {"recorder": (37, 64)}, set()),
        ({}, {}, {"synced"}),
        ({"coin": 10**16 - 1}, {"provider": (101, 0)}, {"gas"}),
    ],
)
def test_readiness_misses_exactly_what_is_missing(
    changes: dict[str, int], feeds: dict[str, tuple[int, int]], missing: set[str]
) -> None:
    reasons = readiness(sight(**changes), NEEDS, feeds)
    assert {reason.name for reason in reasons if not reason.ok} == missing


def test_readiness_misses_stake_below_what_is_asked_for() -> None:
    poor = Sight(chain=replace(CHAIN, balance=Balance(free=Amount(99))), store=sight().store)
    assert {r.name for r in readiness(poor, NEEDS, {"provider": (101, 0)}) if not r.ok} == {"stake"}


def test_readiness_without_chain_and_journal_names_both() -> None:
    failures = {"chain": EndpointError("x", code="EndpointSlow"), "journal": StorageError("x", code="JournalWrite")}
    reasons = readiness(Sight(chain=None, store=None, failures=failures), NEEDS, {})
    assert {(reason.name, reason.detail) for reason in reasons} == {
        ("chain", "EndpointSlow"),
        ("journal", "JournalWrite"),
    }


def test_node_whose_loop_stopped_turning_is_not_alive(metrics: Metrics, journal: Journal) -> None:
    clock = Clock()
    pulse = Pulse(clock)
    routes = operations_routes("provider", "p", metrics, Lookout(lambda: CHAIN, journal), pulse, NEEDS)
    assert routes["GET /health"]({}).status == 200
    clock.now = 901.0
    assert routes["GET /health"]({}).status == 503
    pulse.beat()
    assert routes["GET /health"]({}).status == 200
    assert routes["GET /ready"]({}).status == 503
    assert json.loads(routes["GET /ready"]({}).body)["ok"] is False
    assert routes["GET /metrics"]({}).content_type.startswith("text/plain")
