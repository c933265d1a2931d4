"""The deployed pool and panels against the pure rules: the same messages must have the same consequences.

Chain and rules go hand in hand: every message is sent to the chain first, and the rules are then told the block, the
time and the random numbers that the chain gave it. After every message there must be the same success with the same
events, or the same refusal; at the end the same members, panels, seats, slots and balances.

``CONCORDAT_DIFF_PANELS`` says how many conversations, ``CONCORDAT_DIFF_SEED`` which.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import get_args

import pytest

from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.headers import block_header
from concordat.chain.rpc import quantity
from concordat.chain.translate import call_for, error_for, event_of
from concordat.client.indexing import ChainIndexer
from concordat.client.memory import ValidityModule
from concordat.client.search import Search
from concordat.graph.judge import GraphJudge
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Address, Amount
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import BURN_ADDRESS, Balance
from concordat.protocol.messages import Deposit
from concordat.protocol.order import OrderState
from concordat.protocol.panel import Member, Seat
from concordat.protocol.panel_messages import DrawPanel, PanelMessage
from concordat.protocol.refusals import REPLICATION_REFUSALS
from concordat.protocol.state import Call, Rules, WorldState
from concordat.protocol.tables import Table
from concordat.protocol.transition import apply_message
from concordat.storage.index.chain_index import ChainIndex
from concordat.storage.index.happening import MemberStatus, PanelStatus
from concordat.testing.panels import PanelTalk
from concordat.testing.stage import Actor, Venue
from concordat.testing.tiny import TinyModel

CONVERSATIONS = int(os.environ.get("CONCORDAT_DIFF_PANELS", "30"))
SEED = int(os.environ.get("CONCORDAT_DIFF_SEED", "1559"))
LENGTH = 70
MODEL = TinyModel()
ACTORS = [Actor(f"actor {i}") for i in range(6)]
MINTED, DEPOSITED = 200_000_000, 100_000_000
GAS = hex(8_000_000)
pytestmark = pytest.mark.chain


class Randomness(Mapping):
    """What the chain still remembers before a block."""

    def __init__(self, endpoint, block):
        self.endpoint, self.blocks = endpoint, range(max(block - 256, 0), block)

    def __getitem__(self, block):
        if block not in self.blocks:
            raise KeyError(block)
        return from_hex(self.endpoint.call("eth_getBlockByNumber", hex(block), False)["mixHash"])

    def __iter__(self):
        return iter(self.blocks)

    def __len__(self):
        return len(self.blocks)


class Lockstep:
    """The deployed contracts, and the rules that follow them."""

    def __init__(self, node, deployment):
        self.endpoint, self.call, self.deployment = node.endpoint, node.endpoint.call, deployment
        self.parameters = deployment.parameters
        self.contracts = {"Vault": deployment.vault, "Market": deployment.market, "Court": deployment.court}
        self.contracts |= {"Replication": deployment.replication, "DevToken": deployment.token}
        self.contracts |= {"NativeExecutor": deployment.native}
        self.names = {address: name for name, address in self.contracts.items()}
        self.call("anvil_autoImpersonateAccount", True)
        token = contract("DevToken")
        for actor in ACTORS:
            node.set_balance(actor.address, 10**20)
            self.do(actor.address, "DevToken", token.call("mint", actor.address, MINTED))
            self.do(actor.address, "DevToken", token.call("approve", deployment.vault, 2**256 - 1))
            self.do(actor.address, *call_for(Deposit(amount=DEPOSITED)))
        publish = contract("NativeExecutor").call("publish", MODEL.commitment, [MODEL.file])
        self.do(ACTORS[0].address, "NativeExecutor", publish)
        self.rules = Rules(
            domain=deployment.domain,
            token_domain=deployment.token_domain,
            vault=deployment.vault,
            parameters=deployment.parameters,
            judge=GraphJudge(),
            modules={
                EvidenceKind.NATIVE: MODEL,
                EvidenceKind.VALIDITY: ValidityModule(lambda: self.deployment.domain),
            },
        )
        self.snapshot = self.call("evm_snapshot")

    def begin(self):
        assert self.call("evm_revert", self.snapshot)
        self.snapshot = self.call("evm_snapshot")
        holders = {actor.address: Amount(MINTED - DEPOSITED) for actor in ACTORS}
        holders[self.deployment.vault] = Amount(len(ACTORS) * DEPOSITED)
        balances = {actor.address: Balance(free=Amount(DEPOSITED)) for actor in ACTORS}
        self.world = WorldState(tokens=Table(holders), balances=Table(balances))

    def do(self, sender: Address, name: str, data: bytes):
        transaction = {"from": to_hex(sender), "to": to_hex(self.contracts[name]), "data": to_hex(data), "gas": GAS}
        return self.call("eth_sendTransactionSync", transaction)

    def latest(self):
        return self.call("eth_getBlockByNumber", "latest", False)

    def now(self):
        return quantity(self.latest()["timestamp"])

    def head(self):
        return quantity(self.latest()["number"])

    def tell(self, step):
        """What the chain says, and what the rules say of the same block."""
        self.call("evm_setNextBlockTimestamp", hex(self.now() + step.wait))
        message = step.message
        if isinstance(message, DrawPanel):
            panel = self.world.panels.get(self.id_of(message.order))
            if panel is not None and panel.draw_block <= self.head():
                message = replace(message, header=block_header(self.endpoint, panel.draw_block))
        receipt = self.do(step.sender.address, *call_for(message))
        return self.chain_says(receipt), self.rules_say(step, receipt)

    def id_of(self, order):
        rules = self.rules
        return Venue(domain=rules.domain, token_domain=rules.token_domain, vault=rules.vault).id_of(order)

    def chain_says(self, receipt):
        if quantity(receipt["status"]) == 0:
            trace = self.call("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
            return error_for(from_hex(trace.get("output", "0x"))).code
        found = [event_of(self.names[Address(from_hex(log["address"]))], log) for log in receipt["logs"]]
        return tuple(event for event in found if event is not None)

    def rules_say(self, step, receipt):
        block = quantity(receipt["blockNumber"])
        call = Call(
            sender=step.sender.address,
            now=self.now(),
            block=block,
            randomness=Randomness(self.endpoint, block),
        )
        try:
            self.world, events = apply_message(self.rules, self.world, step.message, call)
        except ProtocolError as error:
            return error.code
        return events

    def compare(self, talk):
        d, asked = self.deployment, []
        asked += [("Replication", d.replication, "member", (actor.address,)) for actor in ACTORS]
        asked += [("Vault", d.vault, "balance", (one,)) for one in [*(a.address for a in ACTORS), BURN_ADDRESS]]
        asked += [("Replication", d.replication, "round", (key,)) for key in self.world.panels]
        asked += [("Replication", d.replication, "seat", key) for key in self.world.seats]
        asked += [("Market", d.market, "state", (key,)) for key in self.world.orders]
        asked += [("Replication", d.replication, "totalTickets", ())]
        found = iter(read(self.endpoint, asked))
        for actor in ACTORS:
            assert Member(**next(found)) == self.world.pool.members.get(actor.address, Member(place=0, tickets=0))
        for account in [*(actor.address for actor in ACTORS), BURN_ADDRESS]:
            balance = self.world.balance(account)
            assert next(found) == (balance.free, balance.locked)
        for panel in self.world.panels.values():
            said = next(found)
            assert said.pop("result") == int.from_bytes(panel.result, "big")
            assert said == {name: getattr(panel, name) for name in said}
        for seat in self.world.seats.values():
            state, content = next(found)
            assert (Seat(state), content) == (seat.state, int.from_bytes(seat.content, "big"))
        for state in self.world.orders.values():
            assert OrderState.unpack(next(found)) == state
        assert next(found) == sum(one.tickets for one in self.world.pool.candidates.values())


@pytest.fixture(scope="module")
def lockstep(anvil, deployment):
    snapshot = anvil.endpoint.call("evm_snapshot")
    yield Lockstep(anvil, deployment)
    anvil.endpoint.call("anvil_autoImpersonateAccount", False)
    anvil.endpoint.call("evm_revert", snapshot)


def let_blocks_pass(lockstep, step, dice):
    """A draw mostly waits for its block; sometimes for so long that the chain has forgotten it."""
    panel = lockstep.world.panels.get(lockstep.id_of(step.message.order))
    behind = panel.draw_block - lockstep.head() if panel is not None else 0
    if dice.random() < 0.04:
        behind += 257
    if behind > 0 and dice.random() < 0.9:
        lockstep.call("anvil_mine", hex(behind), "0x0")


def test_replication_on_chain_answers_any_conversation_as_the_rules_do(lockstep):
    reached = Counter()
    for number in range(CONVERSATIONS):
        dice = Random(SEED + number)
        lockstep.begin()
        venue = Venue(
            domain=lockstep.rules.domain, token_domain=lockstep.rules.token_domain, vault=lockstep.rules.vault
        )
        talk = PanelTalk(lockstep, venue, MODEL, ACTORS)
        for place in range(LENGTH):
            step = talk.propose(dice)
            if isinstance(step.message, DrawPanel):
                let_blocks_pass(lockstep, step, dice)
            if dice.random() < 0.01:
                step = replace(step, wait=700_000)
            chain, rules = lockstep.tell(step)
            assert chain == rules, f"CONCORDAT_DIFF_SEED={SEED + number}, step {place}: {step.message}"
            reached[type(step.message), chain if isinstance(chain, str) else ""] += 1
        lockstep.compare(talk)
    if CONVERSATIONS >= 30:
        assert {kind for kind, refused in reached if not refused} >= set(get_args(PanelMessage))
        missed = REPLICATION_REFUSALS - {refused for _, refused in reached}
        assert missed <= {"PoolFull", "BadHeader"}, reached


def test_index_of_replication_on_chain_is_the_rules_state(lockstep):
    lockstep.begin()
    rules, dice = lockstep.rules, Random(SEED)
    venue = Venue(domain=rules.domain, token_domain=rules.token_domain, vault=rules.vault)
    talk = PanelTalk(lockstep, venue, MODEL, ACTORS)
    for _ in range(2 * LENGTH):
        step = talk.propose(dice)
        if isinstance(step.message, DrawPanel):
            let_blocks_pass(lockstep, step, dice)
        lockstep.tell(step)
    index = ChainIndex(None, rules.domain, start=lockstep.deployment.block)
    search, world = Search(lambda: ChainIndexer(lockstep, index)), lockstep.world
    members = {entry.replica: entry for entry in search.members(limit=1_000).items}
    there = {who for who, entry in members.items() if entry.status is not MemberStatus.GONE}
    assert there == set(world.pool.members)
    assert {who: members[who].tickets for who in there} == {w: m.tickets for w, m in world.pool.members.items()}
    panels = {entry.order: entry.status is PanelStatus.CLOSED for entry in search.panels(limit=1_000).items}
    assert panels == {key: panel.closed for key, panel in world.panels.items()}
    seats = {(entry.order, entry.replica): entry.status for entry in search.seats(limit=1_000).items}
    assert seats == {key: seat.state for key, seat in world.seats.items()}
    assert len(seats) > 3
    (order, replica), status = next(iter(seats.items()))
    assert replica in {entry.replica for entry in search.seats(order=order).items}
    assert order in {entry.order for entry in search.seats(replica=replica, status=status).items}
    digest = index.digest()
    search.rebuild()
    assert index.digest() == digest
