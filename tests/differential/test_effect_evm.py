"""The steward's rules in Python and in Solidity: a whole grid of guards by digest, and random conversations."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from concordat.chain.answers import Refusal
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import Contract, contract
from concordat.chain.translate import error_for
from concordat.primitives.encoding import abi_words, from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.protocol.effect import Surroundings, effect_of, move_steward, steward_value
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import commit_result
from concordat.protocol.guard import ANY_STEP, DAY, Guard, admit
from concordat.protocol.order import Domain, Order, OrderState, OrderStatus, order_id
from concordat.protocol.source import Schedule
from concordat.protocol.state import Call
from concordat.protocol.steward import (
    COUNTABLE,
    ApplyDecision,
    Contradict,
    Delivery,
    Reading,
    Restart,
    StewardMessage,
    StewardState,
    StewardTerms,
    Stop,
)

ROOT = Path(__file__).resolve().parents[2]
FORGE = ROOT / "node_modules" / ".bin" / "forge"
SOURCES = ("contracts/test/effects/GuardGrid.sol", "contracts/test/effects/StewardStage.sol")
GAS = hex(30_000_000)
GENESIS = Timestamp(2_000_000_000)
MODEL = ModelId(keccak256(b"model"))
EVIDENCE = Bytes32(bytes([1 << EvidenceKind.NATIVE, 1 << EvidenceKind.FRAUD_PROVABLE]).ljust(31, b"\0") + b"\x23")
pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forge's output folder for the stage and the grid."""
    if not FORGE.exists():
        pytest.skip("forge is not installed")
    folder = tmp_path_factory.mktemp("effects")
    path = os.pathsep.join([str(ROOT / ".venv" / "node-shim"), os.environ.get("PATH", "")])
    command = [str(FORGE), "build", *SOURCES, "--out", str(folder / "out"), "--cache-path", str(folder / "cache")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"PATH": path})
    return folder / "out"


def compiled(folder: Path, name: str) -> Contract:
    artifact = json.loads((folder / f"{name}.sol" / f"{name}.json").read_text())
    return Contract(name, artifact["abi"], from_hex(artifact["bytecode"]["object"]))


def create(anvil: AnvilNode, code: bytes) -> Address:
    sender = to_hex(anvil.development_accounts(1)[0].address)
    receipt = anvil.endpoint.call("eth_sendTransactionSync", {"from": sender, "gas": GAS, "data": to_hex(code)})
    assert receipt["status"] == "0x1"
    return Address(from_hex(receipt["contractAddress"]))


# -- the guard ---------------------------------------------------------------------------------------------------------


GRIDS = [
    Guard(low=low, high=high, resting=low, step=step, per_day=per_day, lifetime=Seconds(1))
    for low, high in ((-2, 2), (3, 5))
    for step, per_day in ((1, 2), (1, 3), (2, 3), (3, 5), (3, 8))
]


def digest(guard: Guard) -> tuple[bytes, int]:
    """As ``GuardGrid.digest``."""
    chained, count = bytes(32), 0
    spans = range(guard.low, guard.high + 1), range(guard.low - 2, guard.high + 3), range(4 * guard.step + 1), range(13)
    for current, wanted, quarters, eighths in product(*spans):
        value, level = admit(guard, current, wanted, quarters * DAY // 4, eighths * DAY // 8)
        chained, count = keccak256(abi_words(Bytes32(chained), value, level)), count + 1
    return chained, count


def test_guard_of_every_small_case_agrees_with_solidity(anvil: AnvilNode, output: Path) -> None:
    grid = compiled(output, "GuardGrid")
    address = create(anvil, grid.creation())
    for guard in GRIDS:
        call = {"to": to_hex(address), "data": to_hex(grid.call("digest", guard)), "gas": hex(2_000_000_000)}
        assert grid.result("digest", from_hex(anvil.endpoint.call("eth_call", call, "latest"))) == digest(guard)


def test_guard_at_full_width_agrees_with_solidity(anvil: AnvilNode, output: Path) -> None:
    grid, dice = compiled(output, "GuardGrid"), Random(20)
    address, cases = create(anvil, grid.creation()), []
    edges = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 2, 2**63 - 1]
    for _ in range(400):
        low, current, high = sorted(dice.choice([*edges, dice.randrange(-(2**63), 2**63)]) for _ in range(3))
        step = dice.choice([1, 2**64 - 3, ANY_STEP, dice.randrange(1, 2**63)])
        per_day = ANY_STEP if step == ANY_STEP else dice.choice([step + 1, ANY_STEP])
        guard = Guard(low=low, high=high, resting=low, step=step, per_day=per_day, lifetime=Seconds(1))
        level = 0 if step == ANY_STEP else dice.randrange(step * DAY + 1)
        cases.append((guard, current, dice.choice([*edges, 2**200, -(2**200)]), level, dice.choice([0, 1, DAY, 2**40])))
    calls = [({"to": to_hex(address), "data": to_hex(grid.call("admit", *case))}, "latest") for case in cases]
    answers = anvil.endpoint.batch([("eth_call", call) for call in calls])
    for case, answer in zip(cases, answers, strict=True):
        assert grid.result("admit", from_hex(answer)) == admit(*case), case


# -- conversations -----------------------------------------------------------------------------------------------------


class Stage:
    """A steward in Python beside one on a chain, in a world that a test makes up."""

    def __init__(self, anvil: AnvilNode, folder: Path, dice: Random) -> None:
        self.anvil, self.dice, self.time = anvil, dice, GENESIS + 10 * 3600
        self.people = [account.address for account in anvil.development_accounts(4)]
        stage = compiled(folder, "StewardStage")
        self.stage, self.at = stage, create(anvil, stage.creation(GENESIS))
        self.terms = self._terms()
        self.address = create(anvil, contract("Steward").creation(self.terms, self.people[1]))
        self.state = StewardState(value=self.terms.guard.resting, guardian=self.people[1])
        self.slots: dict[OrderId, OrderState] = {}
        self.inputs: dict[int, Bytes32] = {}
        self.around = Surroundings(
            address=self.address,
            domain=Domain(chain_id=anvil.endpoint.chain_id, market=self.at),
            schedule=Schedule(genesis=GENESIS, length=Seconds(3600), observe_within=Seconds(1800)),
            order=lambda key: self.slots.get(key, OrderState()),
            input=lambda epoch: self.inputs.get(epoch, Bytes32(bytes(32))),
        )
        self.orders: list[tuple[Order, int, Delivery]] = []

    def _terms(self) -> StewardTerms:
        dice = self.dice
        return StewardTerms(
            market=self.at,
            source=self.at,
            model=MODEL,
            accepts=dice.choice([1, 3, COUNTABLE]),
            apply_within=Seconds(3 * 3600),
            min_window=Seconds(600),
            min_bond=Amount(5),
            min_replicas=2,
            governor=self.people[2],
            reading=Reading(element=dice.randrange(3), numerator=dice.choice([1, -7]), denominator=3, offset=11),
            guard=Guard(low=-50, high=90, resting=10, step=30, per_day=70, lifetime=Seconds(5 * 3600)),
        )

    def observe(self) -> None:
        """The epoch that runs gets an input, mostly."""
        epoch = self.around.schedule.epoch_at(self.time)
        if epoch not in self.inputs and self.dice.random() < 0.9:
            self.inputs[epoch] = keccak256(abi_words(epoch))
            self._send(self.at, self.stage.call("setInput", epoch, self.inputs[epoch]))

    def settle(self) -> None:
        """An order that is right, or wrong in some way, in some state."""
        dice, now = self.dice, self.around.schedule.epoch_at(self.time)
        epoch = now if dice.random() < 0.8 else max(0, now + dice.randrange(-4, 3))
        order = Order(
            client=self.people[0],
            provider=self.people[3],
            price=Amount(1),
            bond=Amount(dice.choice([5, 5, 5, 4])),
            accept_by=Timestamp(self.time),
            deliver_by=Timestamp(self.time),
            window=Seconds(dice.choice([600, 600, 600, 599])),
            model=MODEL if dice.random() < 0.95 else ModelId(bytes(32)),
            input=self.around.input(epoch) if dice.random() < 0.95 else keccak256(b"invented"),
            evidence=dice.choice([EVIDENCE, EVIDENCE, Bytes32(b"\x04".ljust(32, b"\0")), self._replicated()]),
            effect=effect_of(self.address, epoch if dice.random() < 0.95 else epoch + 1, self.at),
            salt=Bytes32(dice.randbytes(32)),
        )
        words = b"".join(dice.randrange(-200, 200).to_bytes(4, "big", signed=True) for _ in range(3))
        output = words if dice.random() < 0.9 else words[: dice.choice([1, 4, 8])]
        root = Bytes32(dice.choice([bytes(32), keccak256(output)]))
        if dice.random() < 0.05:
            output, root = keccak256(b"root"), keccak256(b"root")
        key = order_id(order, self.around.domain)
        state = OrderState(
            status=dice.choice([OrderStatus.PAID] * 8 + [OrderStatus.DELIVERED, OrderStatus.SLASHED]),
            gathered=dice.choice([1, 1, 2, 2, 4, 8, 128, 129, 130, 0, 10]),
            until=1,
            commitment=commit_result(key, order.provider, root, keccak256(output)),
        )
        self.slots[key] = state
        self._send(self.at, self.stage.call("setSlot", key, state.pack()))
        if dice.random() < 0.05:
            output = output[:-1] + b"\xff"
        self.orders.append((order, epoch, Delivery(provider=order.provider, trace_root=root, output=output)))

    def _replicated(self) -> Bytes32:
        return Bytes32(bytes([1 << EvidenceKind.REPLICATED]).ljust(31, b"\0") + bytes([self.dice.choice([0x13, 0x23])]))

    def message(self) -> tuple[StewardMessage, Address]:
        """Something that somebody says."""
        dice = self.dice
        sender = dice.choice(self.people[:3])
        kind = dice.choices(["apply", "contradict", "stop", "restart"], [8, 3, 1, 2])[0]
        if kind == "stop":
            return Stop(), sender
        if kind == "restart":
            return Restart(guardian=self.people[1]), dice.choice([sender, self.people[2]])
        order, epoch, delivery = dice.choice(self.orders[-3:])
        if dice.random() < 0.05:
            epoch = max(0, epoch + dice.choice([-1, 1]))
        what = ApplyDecision if kind == "apply" else Contradict
        return what(order=order, epoch=epoch, delivery=delivery), sender

    def compare(self, message: StewardMessage, sender: Address) -> str:
        """Say it on both sides; what came of it, which is the same."""
        self.time += self.dice.choice([1, 60, 900])
        call = Call(sender=sender, now=Timestamp(self.time), block=1)
        data = _data(message)
        try:
            state, events = move_steward(self.terms, self.around, self.state, message, call)
        except ProtocolError as error:
            refused = error.code
        else:
            refused = ""
        if refused:
            assert self._refusal(sender, data) == refused
            return refused
        found = self._send(self.address, data, sender)
        logs = [contract("Steward").log([from_hex(t) for t in log["topics"]], from_hex(log["data"])) for log in found]
        assert logs == [(type(event).__name__, _fields(event)) for event in events]
        self.state = state
        self._compare_views()
        return type(message).__name__

    def _compare_views(self) -> None:
        seen = self._view("state")
        for name in ("value", "level", "epoch", "applied_at", "stopped"):
            assert seen[name] == getattr(self.state, name), name
        assert self._view("guardian") == self.state.guardian
        assert self._view("value") == steward_value(self.terms, self.around.schedule, self.state, self.time)
        assert self._view("decision", self.state.epoch) == _fields(self.state.decision(self.state.epoch))

    def _view(self, function: str, *arguments: Any) -> Any:
        call = {"to": to_hex(self.address), "data": to_hex(contract("Steward").call(function, *arguments))}
        answer = self.anvil.endpoint.call("eth_call", call, "latest")
        return contract("Steward").result(function, from_hex(answer))

    def _refusal(self, sender: Address, data: bytes) -> str:
        call = {"from": to_hex(sender), "to": to_hex(self.address), "data": to_hex(data)}
        try:
            self.anvil.endpoint.call("eth_call", call, "latest", {}, {"time": hex(self.time)})
        except Refusal as refusal:
            raised = error_for(refusal.data, refusal.text)
            assert isinstance(raised, ProtocolError)
            return raised.code
        return "accepted"

    def _send(self, to: Address, data: bytes, sender: Address | None = None) -> list[Any]:
        self.time += sender is None
        self.anvil.endpoint.call("evm_setNextBlockTimestamp", self.time)
        request = {"from": to_hex(sender or self.people[0]), "to": to_hex(to), "data": to_hex(data), "gas": GAS}
        receipt = self.anvil.endpoint.call("eth_sendTransactionSync", request)
        assert receipt["status"] == "0x1"
        logs: list[Any] = receipt["logs"]
        return logs


def _data(message: StewardMessage) -> bytes:
    steward = contract("Steward")
    if isinstance(message, ApplyDecision | Contradict):
        function = "applyDecision" if isinstance(message, ApplyDecision) else "contradict"
        return steward.call(function, message.order, message.epoch, message.delivery)
    return steward.call("stop") if isinstance(message, Stop) else steward.call("restart", message.guardian)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


@pytest.fixture(scope="module")
def own_anvil() -> Iterator[AnvilNode]:
    with AnvilNode() as node:
        yield node


def test_steward_on_chain_answers_any_conversation_as_the_rules_do(own_anvil: AnvilNode, output: Path) -> None:
    met: set[str] = set()
    snapshot = own_anvil.endpoint.call("evm_snapshot")
    for seed in range(8):
        stage = Stage(own_anvil, output, Random(seed))
        for _ in range(90):
            stage.observe()
            stage.settle()
            met.add(stage.compare(*stage.message()))
        own_anvil.endpoint.call("evm_revert", snapshot)
        snapshot = own_anvil.endpoint.call("evm_snapshot")
    everything = {"ApplyDecision", "Contradict", "Stop", "Restart", "EvidenceTooWeak", "WrongInput", "WrongEffect"}
    everything |= {"EpochDone", "NotSettled", "StewardStopped", "NotGuardian", "NotGovernor", "NoContradiction"}
    assert everything <= met


def test_effect_hash_and_terms_agree_with_solidity(own_anvil: AnvilNode, output: Path) -> None:
    stage = Stage(own_anvil, output, Random(99))
    assert stage._view("effectOf", 7) == effect_of(stage.address, 7, stage.at)
    terms = stage._view("terms")
    expected = _fields(replace(stage.terms))
    assert terms == expected | {"reading": _fields(stage.terms.reading), "guard": _fields(stage.terms.guard)}
