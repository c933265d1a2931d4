"""The deployed market, vault and court against the pure rules: the same messages must have the same consequences.

Random conversations (`concordat.testing.conversation`) are held with the reference first and then replayed on the
chain, block times included. Message by message there must be the same success with the same events, or the same
refusal; at the end the same slots, disputes and balances.

``CONCORDAT_DIFF_SEQUENCES`` says how many conversations, ``CONCORDAT_DIFF_SEED`` which.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import get_args

import pytest

from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.rpc import quantity
from concordat.chain.translate import call_for, error_for, event_of
from concordat.client.memory import ValidityModule
from concordat.graph.trace import GraphJudge
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Address
from concordat.protocol.claim_messages import ClaimMessage
from concordat.protocol.events import FraudProven, LeafRevealed
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import Deposit, Message
from concordat.protocol.order import OrderState
from concordat.protocol.panel_messages import PanelMessage
from concordat.protocol.refusals import CLAIM_REFUSALS, REFUSALS, REPLICATION_REFUSALS
from concordat.protocol.state import Rules, Turn
from concordat.testing.conversation import Conversation, Step
from concordat.testing.stage import Actor
from concordat.testing.tiny import TinyModel, wide_graph

SEQUENCES = int(os.environ.get("CONCORDAT_DIFF_SEQUENCES", "1000"))
SEED = int(os.environ.get("CONCORDAT_DIFF_SEED", "7992"))
PARTS = 10
LENGTH = 16
MODEL, WIDE = TinyModel(), TinyModel(wide_graph())
ACTORS = [Actor(f"actor {i}") for i in range(5)]
MINTED, DEPOSITED = 30_000_000, (20_000_000, 20_000_000, 12_000_000, 12_000_000, 3_000_000)
GAS = hex(8_000_000)


@dataclass(frozen=True)
class Heard:
    """What a ledger answers to one step."""

    refused: str = ""
    events: tuple = ()


@dataclass(frozen=True)
class Talk:
    """One conversation, and how the reference saw it."""

    seed: int
    steps: list[Step]
    heard: list[Heard]
    end: MemoryLedger


def listen(ledger: MemoryLedger, step: Step) -> Heard:
    ledger.advance(step.wait)
    try:
        return Heard(events=ledger.send(step.message, sender=step.sender.address).events)
    except ProtocolError as error:
        return Heard(refused=error.code)


def hold(base: MemoryLedger, seed: int) -> Talk:
    dice, ledger = Random(seed), base.fork()
    model = WIDE if dice.random() < 0.1 else MODEL
    talk = Conversation(ledger, model, ACTORS, most_cases=dice.choice([1, 1, 2, 3]))
    steps, heard = [], []
    for _ in range(LENGTH):
        steps.append(talk.propose(dice))
        heard.append(listen(ledger, steps[-1]))
    return Talk(seed, steps, heard, ledger)


class Chain:
    """The deployed contracts, spoken to in as few words as possible."""

    def __init__(self, node, deployment):
        self.call, self.endpoint, self.deployment = node.endpoint.call, node.endpoint, deployment
        self.contracts = {"Vault": deployment.vault, "Market": deployment.market, "Court": deployment.court}
        self.contracts |= {"DevToken": deployment.token, "NativeExecutor": deployment.native}
        self.names = {address: name for name, address in self.contracts.items()}
        self.call("anvil_autoImpersonateAccount", True)
        token, approval = contract("DevToken"), (deployment.vault, 2**256 - 1)
        for actor, deposited in zip(ACTORS, DEPOSITED, strict=True):
            node.set_balance(actor.address, 10**20)
            self.prepare(actor, "DevToken", token.call("mint", actor.address, MINTED))
            self.prepare(actor, "DevToken", token.call("approve", *approval))
            self.prepare(actor, *call_for(Deposit(amount=deposited)))
        publish = contract("NativeExecutor").call("publish", MODEL.commitment, [MODEL.file])
        self.prepare(ACTORS[0], "NativeExecutor", publish)
        self.time = quantity(self.call("eth_getBlockByNumber", "latest", False)["timestamp"])
        self.snapshot = self.call("evm_snapshot")

    def reference(self) -> MemoryLedger:
        """The pure rules in the same situation."""
        rules = Rules(
            domain=self.deployment.domain,
            token_domain=self.deployment.token_domain,
            vault=self.deployment.vault,
            parameters=self.deployment.parameters,
            judge=GraphJudge(),
            modules={
                EvidenceKind.NATIVE: MODEL,
                EvidenceKind.VALIDITY: ValidityModule(lambda: self.deployment.domain),
            },
        )
        ledger = MemoryLedger(rules=rules, start=self.time, block_time=0)
        for actor, deposited in zip(ACTORS, DEPOSITED, strict=True):
            ledger.mint(actor.address, MINTED)
            ledger.send(Deposit(amount=deposited), sender=actor.address)
        return ledger

    def rewind(self) -> None:
        assert self.call("evm_revert", self.snapshot)
        self.snapshot, self.now = self.call("evm_snapshot"), self.time

    def do(self, sender: Address, name: str, data: bytes):
        transaction = {"from": to_hex(sender), "to": to_hex(self.contracts[name]), "data": to_hex(data), "gas": GAS}
        return self.call("eth_sendTransactionSync", transaction)

    def prepare(self, sender: Actor, name: str, data: bytes) -> None:
        assert quantity(self.do(sender.address, name, data)["status"]) == 1

    def listen(self, step: Step) -> Heard:
        self.now += step.wait
        self.call("evm_setNextBlockTimestamp", hex(self.now))
        receipt = self.do(step.sender.address, *call_for(step.message))
        if quantity(receipt["status"]) == 0:
            trace = self.call("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
            return Heard(refused=error_for(from_hex(trace.get("output", "0x"))).code)
        found = [event_of(self.names[Address(from_hex(log["address"]))], log) for log in receipt["logs"]]
        return Heard(events=tuple(event for event in found if event is not None))

    def compare_end(self, reference: MemoryLedger) -> None:
        orders, disputes = list(reference.world.orders), list(reference.world.disputes)
        demands = list(reference.world.demands)
        holders = [actor.address for actor in ACTORS]
        accounts = [*holders, BURN_ADDRESS]
        d, asked = self.deployment, []
        asked += [("Market", d.market, "state", (order,)) for order in orders]
        asked += [("Vault", d.vault, "balance", (account,)) for account in accounts]
        asked += [("DevToken", d.token, "balanceOf", (holder,)) for holder in [*holders, d.vault]]
        asked += [("Court", d.court, "dispute", key) for key in disputes]
        asked += [("Court", d.court, "demandFor", key) for key in demands]
        asked += [("Court", d.court, "opened", (order,)) for order in orders]
        found = iter(read(self.endpoint, asked))
        for order in orders:
            slot = next(found)
            assert OrderState.unpack(slot) == reference.state(order)
            assert slot == reference.state(order).pack()
        for account in accounts:
            balance = reference.balance(account)
            assert next(found) == (balance.free, balance.locked)
        for holder in [*holders, d.vault]:
            assert next(found) == reference.token_balance(holder)
        for key in disputes:
            dispute, slot = reference.world.disputes[key], next(found)
            expected = (dispute.node[:25], dispute.deadline, dispute.height, dispute.turn)
            assert (slot["node"], slot["deadline"], slot["height"], Turn(slot["turn"])) == expected
        for key in demands:
            demand = reference.world.demands[key]
            left = (ZERO_ADDRESS, 0) if demand.shown else (demand.demander, demand.deadline)
            assert next(found) == (*left, demand.shown)
        for order in orders:
            assert next(found) == reference.world.opened.get(order, bytes(25))


@pytest.fixture(scope="module")
def chain(anvil, deployment):
    snapshot = anvil.endpoint.call("evm_snapshot")
    yield Chain(anvil, deployment)
    anvil.endpoint.call("anvil_autoImpersonateAccount", False)
    anvil.endpoint.call("evm_revert", snapshot)


@pytest.mark.chain
@pytest.mark.parametrize("part", range(PARTS))
def test_market_on_chain_answers_any_conversation_as_the_rules_do(chain, part):
    base = chain.reference()
    for number in range(part, SEQUENCES, PARTS):
        talk = hold(base, SEED + number)
        chain.rewind()
        for place, (step, expected) in enumerate(zip(talk.steps, talk.heard, strict=True)):
            heard = chain.listen(step)
            assert heard == expected, f"CONCORDAT_DIFF_SEED={talk.seed}, step {place}: {step.message}"
        chain.compare_end(talk.end)


def test_conversations_reach_every_message_every_refusal_and_whole_dissections(chain):
    base, reached, dissected = chain.reference(), Counter(), 0
    for number in range(max(SEQUENCES, 1000)):
        talk, leaves = hold(base, SEED + number), set()
        for step, heard in zip(talk.steps, talk.heard, strict=True):
            reached[type(step.message), heard.refused] += 1
            for event in heard.events:
                if isinstance(event, LeafRevealed):
                    leaves.add((event.order_id, event.challenger))
                dissected += isinstance(event, FraudProven) and (event.order_id, event.challenger) in leaves
    said = set(get_args(Message)) - set(get_args(PanelMessage | ClaimMessage))
    assert {kind for kind, refused in reached if not refused} == said
    elsewhere = REPLICATION_REFUSALS | CLAIM_REFUSALS | {"TooManyDisputes", "AmountTooLarge", "JustTaken"}
    assert set(REFUSALS) - {refused for _, refused in reached} <= elsewhere
    assert dissected >= 5
