"""The follower against the truth: whatever happens to the chain, it ends with the chain's own logs, each once."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from concordat.chain.accounts import Account
from concordat.chain.answers import Refusal
from concordat.chain.anvil import AnvilNode
from concordat.chain.deploy import deploy
from concordat.chain.development import DevelopmentLedger
from concordat.chain.events import Cursor, EventFollower, Read, Reorganised
from concordat.chain.logs import block_times, fetch_logs
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.messages import CommitFind
from concordat.testing.faults import Fault, FaultyEndpoint

pytestmark = pytest.mark.chain


class Follows:
    """A consumer: keeps the logs by block, and drops those that are gone."""

    def __init__(self, follower: EventFollower) -> None:
        self.follower = follower
        self.logs: dict[int, list[dict[str, Any]]] = {}
        self.undone = 0

    def poll(self) -> None:
        for step in self.follower.poll():
            if isinstance(step, Reorganised):
                self.undone += 1
                self.logs = {block: logs for block, logs in self.logs.items() if block < step.block}
                continue
            assert isinstance(step, Read)
            for log in step.logs:
                self.logs.setdefault(int(log["blockNumber"], 16), []).append(log)

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(log["blockHash"], log["logIndex"]) for block in sorted(self.logs) for log in self.logs[block]]


class Scene:
    """A chain with a market on which finds are committed, one log each."""

    def __init__(self, node: AnvilNode, accounts: list[Account]) -> None:
        self.node, self.account = node, accounts[1]
        self.ledger = DevelopmentLedger(node, deploy(node.endpoint, accounts[0]), accounts)
        self.addresses: list[Address] = [self.ledger.deployment.court]
        self.count = 0

    def commit(self, times: int = 1) -> None:
        for _ in range(times):
            self.count += 1
            digest = keccak256(self.count.to_bytes(4, "big"))
            self.ledger.send(CommitFind(digest=digest), sender=self.account.address)

    def truth(self) -> list[tuple[str, str]]:
        query = {"address": to_hex(self.addresses[0]), "fromBlock": "0x0", "toBlock": "latest"}
        return [(log["blockHash"], log["logIndex"]) for log in self.node.endpoint.call("eth_getLogs", query)]

    def follow(self, endpoint: Endpoint | None = None, **options: Any) -> Follows:
        return Follows(EventFollower(endpoint or self.node.endpoint, self.addresses, **options))


@pytest.fixture
def scene(fresh_anvil: AnvilNode, accounts: list[Account]) -> Scene:
    return Scene(fresh_anvil, accounts)


@pytest.fixture
def faulty(scene: Scene) -> Iterator[FaultyEndpoint]:
    with FaultyEndpoint(scene.node.url) as proxy:
        yield proxy


@pytest.mark.parametrize("depth", [1, 3, 64])
def test_poll_reads_every_log_once_and_then_nothing(scene: Scene, depth: int) -> None:
    follows = scene.follow(depth=depth)
    scene.commit(7)
    follows.poll()
    assert follows.seen == scene.truth()
    assert len(follows.seen) == 7
    assert follows.follower.poll() == []
    scene.commit(2)
    follows.poll()
    assert follows.seen == scene.truth()


def test_poll_after_a_restart_goes_on_from_the_cursor(scene: Scene) -> None:
    follows = scene.follow()
    scene.commit(3)
    follows.poll()
    kept = to_wire(follows.follower.cursor)
    scene.commit(3)
    restarted = scene.follow(cursor=from_wire(Cursor, kept))
    restarted.poll()
    assert follows.seen + restarted.seen == scene.truth()


def test_poll_with_confirmations_stays_below_the_head(scene: Scene) -> None:
    follows = scene.follow(confirmations=2)
    scene.commit(5)
    follows.poll()
    assert follows.seen == scene.truth()[:3]
    scene.node.mine(2)
    follows.poll()
    assert follows.seen == scene.truth()


def test_poll_after_a_reorganisation_undoes_and_reads_the_other_branch(scene: Scene) -> None:
    follows = scene.follow()
    scene.commit(6)
    follows.poll()
    scene.node.reorganise(3)
    scene.commit(1)
    follows.poll()
    follows.poll()
    assert follows.undone == 1
    assert follows.seen == scene.truth()


def test_poll_when_the_other_branch_is_still_shorter_waits_or_undoes_but_never_errs(scene: Scene) -> None:
    follows = scene.follow()
    scene.commit(2)
    snapshot = scene.node.endpoint.call("evm_snapshot")
    scene.commit(4)
    follows.poll()
    scene.node.endpoint.call("evm_revert", snapshot)
    follows.poll()
    scene.commit(2)
    follows.poll()
    scene.commit(4)
    follows.poll()
    follows.poll()
    assert follows.undone == 1
    assert follows.seen == scene.truth()


def test_poll_after_a_reorganisation_deeper_than_remembered_begins_anew(scene: Scene) -> None:
    follows = scene.follow(depth=2)
    scene.commit(8)
    follows.poll()
    scene.node.reorganise(6)
    scene.commit(2)
    follows.poll()
    follows.poll()
    assert follows.undone == 1
    assert follows.seen == scene.truth()


@pytest.mark.parametrize("seed", range(6))
def test_poll_through_random_history_ends_with_the_truth(scene: Scene, seed: int) -> None:
    dice, follows = Random(seed), scene.follow(depth=8)
    for _ in range(25):
        match dice.randrange(5):
            case 0:
                scene.node.reorganise(dice.randint(1, 5))
            case 1:
                scene.node.mine(dice.randint(1, 3))
            case 2:
                follows.poll()
            case _:
                scene.commit(dice.randint(1, 3))
    scene.node.mine(10)
    follows.poll()
    follows.poll()
    assert follows.seen == scene.truth()


def test_poll_at_a_lagging_endpoint_reads_later_and_undoes_nothing(scene: Scene, faulty: FaultyEndpoint) -> None:
    follows = scene.follow(Endpoint(faulty.url))
    scene.commit(6)
    follows.poll()
    faulty.lag = 3
    follows.poll()
    scene.commit(2)
    follows.poll()
    assert len(follows.seen) == 6
    faulty.lag = 0
    follows.poll()
    assert follows.undone == 0
    assert follows.seen == scene.truth()


def test_poll_when_logs_are_missing_asks_each_block_that_should_have_some(scene: Scene, faulty: FaultyEndpoint) -> None:
    follows = scene.follow(Endpoint(faulty.url))
    scene.commit(4)
    faulty.inject(Fault.EMPTY_LOGS, method="eth_getLogs")
    follows.poll()
    assert faulty.pending == 0
    assert follows.seen == scene.truth()


@pytest.mark.parametrize(
    "fault", [Fault.RESET, Fault.GARBAGE, Fault.DUPLICATED_REQUEST, Fault.DUPLICATED_ANSWER, Fault.OTHER_QUESTION]
)
def test_poll_through_passing_faults_reads_every_log_once(scene: Scene, faulty: FaultyEndpoint, fault: Fault) -> None:
    follows = scene.follow(Endpoint(faulty.url, pause=0.001))
    for _ in range(4):
        scene.commit(2)
        faulty.inject(fault)
        follows.poll()
    assert follows.seen == scene.truth()


def test_poll_at_a_dead_endpoint_raises_and_keeps_the_cursor(scene: Scene, faulty: FaultyEndpoint) -> None:
    follows = scene.follow(Endpoint(faulty.url, retries=0))
    scene.commit(2)
    follows.poll()
    cursor = follows.follower.cursor
    scene.commit(1)
    faulty.inject(Fault.RESET, method="eth_getLogs")
    with pytest.raises(EndpointError):
        follows.poll()
    assert follows.follower.cursor == cursor
    follows.poll()
    assert follows.seen == scene.truth()


class Narrow:
    """An endpoint that refuses wide ranges, repeats logs and mixes up their order."""

    name = "narrow"

    def __init__(self, endpoint: Endpoint, widest: int) -> None:
        self.endpoint, self.widest, self.asked = endpoint, widest, 0

    def call(self, method: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked += 1
        if int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= self.widest:
            raise Refusal(-32000, "range too wide", b"", self.name)
        logs: list[dict[str, Any]] = self.endpoint.call(method, query)
        return [*reversed(logs), *logs]


@pytest.mark.parametrize("widest", [1, 2, 7, 10_000])
def test_fetch_logs_at_a_narrow_endpoint_gets_every_log_once_in_order(scene: Scene, widest: int) -> None:
    scene.commit(12)
    head = scene.ledger.head()
    logs = fetch_logs(Narrow(scene.node.endpoint, widest), scene.addresses, 0, head)  # type: ignore[arg-type]
    assert [(log["blockHash"], log["logIndex"]) for log in logs] == scene.truth()


def test_fetch_logs_at_an_endpoint_that_refuses_everything_ends(scene: Scene) -> None:
    with pytest.raises(Refusal):
        fetch_logs(Narrow(scene.node.endpoint, 0), scene.addresses, 0, 100)  # type: ignore[arg-type]


def test_fetch_logs_that_nobody_asked_for_are_refused(scene: Scene) -> None:
    scene.commit(1)

    class Foreign(Narrow):
        def call(self, method: str, query: dict[str, Any]) -> list[dict[str, Any]]:
            return [{**log, "address": "0x" + "99" * 20} for log in super().call(method, query)]

    with pytest.raises(EndpointError) as caught:
        fetch_logs(Foreign(scene.node.endpoint, 10**6), scene.addresses, 0, scene.ledger.head())  # type: ignore[arg-type]
    assert caught.value.code == "EndpointGarbage"


def test_block_times_without_times_in_the_logs_are_read_from_the_blocks(scene: Scene) -> None:
    scene.commit(3)
    logs = fetch_logs(scene.node.endpoint, scene.addresses, 0, scene.ledger.head())
    bare = [{name: value for name, value in log.items() if name != "blockTimestamp"} for log in logs]
    assert block_times(scene.node.endpoint, bare) == block_times(scene.node.endpoint, logs)


def test_follower_of_the_ledger_gives_the_ledgers_events(scene: Scene) -> None:
    scene.commit(3)
    steps = scene.ledger.follower().poll()
    placed = [one for step in steps if isinstance(step, Read) for one in scene.ledger.placed(step.logs)]
    assert placed == scene.ledger.events()
    assert len(placed) == 3
