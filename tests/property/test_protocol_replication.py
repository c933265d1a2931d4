"""Laws of replicated evidence that hold after any conversation, whoever plays whom."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from concordat.graph.judge import GraphJudge
from concordat.primitives.errors import ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import BURN_ADDRESS, Parameters
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import CommitFind, Deposit, ProveElement, ProveOutput, find_digest
from concordat.protocol.order import OrderStatus
from concordat.protocol.panel import Candidate, Seat
from concordat.protocol.panel_events import PanelDrawn, ReplicaSlashed
from concordat.protocol.panel_messages import CommitSeat, DrawPanel, JoinPool, LeavePool, RevealSeat
from concordat.protocol.pool import draw
from concordat.protocol.replication import seat_digest
from concordat.protocol.tables import Table
from concordat.testing.panels import PanelTalk
from concordat.testing.stage import Actor, Venue
from concordat.testing.tiny import TinyModel

MODEL = TinyModel()
ACTORS = [Actor(f"actor {i}") for i in range(5)]
UPRIGHT = Actor("upright")
MINTED = 100_000_000
DICE = st.randoms(use_true_random=False)
SALT = keccak256(b"upright")


class Replicating(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        parameters = Parameters(unbonding=100_000)
        self.ledger = MemoryLedger(
            judge=GraphJudge(), modules={EvidenceKind.NATIVE: MODEL}, block_time=0, parameters=parameters
        )
        for actor in [*ACTORS, UPRIGHT]:
            self.ledger.mint(actor.address, MINTED)
            self.ledger.send(Deposit(amount=MINTED), sender=actor.address)
        self.ledger.send(JoinPool(tickets=5), sender=UPRIGHT.address)
        venue = Venue(domain=self.ledger.domain, token_domain=self.ledger.token_domain, vault=self.ledger.vault)
        self.reference = _Reference(self.ledger)
        self.talk = PanelTalk(self.reference, venue, MODEL, ACTORS, honest=[UPRIGHT])
        self.talk.by_address[UPRIGHT.address] = UPRIGHT

    @rule(dice=DICE)
    def somebody_speaks(self, dice):
        self.play(dice)

    @rule(dice=DICE)
    def a_whole_life(self, dice):
        """Hypothesis starts small; so let something happen."""
        for _ in range(12):
            self.play(dice)

    @rule(seconds=st.sampled_from([1, 250, 301, 700, 20_000, 100_001]))
    def time_passes(self, seconds):
        self.ledger.advance(seconds)

    def play(self, dice):
        step = self.talk.propose(dice)
        self.ledger.advance(step.wait)
        if isinstance(step.message, DrawPanel):
            for _ in range(self.ledger.parameters.draw_delay):
                self.ledger.advance(0)
        self.send(step.sender, step.message)
        self.be_upright(dice)

    def send(self, sender, message):
        before = self.ledger.world
        try:
            receipt = self.ledger.send(message, sender=sender.address)
        except ProtocolError:
            assert self.ledger.world is before, "a refused message changes nothing"
            return
        for event in receipt.events:
            if isinstance(event, PanelDrawn):
                self.check_draw(event, message.order, before)
            if isinstance(event, ReplicaSlashed):
                assert event.replica != UPRIGHT.address, "honest work is never convicted"

    def check_draw(self, event, order, before):
        assert len(set(event.replicas)) == len(event.replicas), "nobody is drawn twice"
        assert not {order.client, order.provider} & set(event.replicas)
        possible = {one.replica for one in before.panels[event.order_id].candidates.values()}
        assert set(event.replicas) <= possible, "whoever joined later is not drawn"

    def be_upright(self, dice):
        """Commit to the truth, reveal it at once, and show the fraud of whoever said something else."""
        for case in self.talk.cases[-4:]:
            key = self.talk.key(case)
            seat = self.ledger.world.seats.get((key, UPRIGHT.address))
            if seat is None:
                continue
            work, _ = self.talk.view(case, UPRIGHT.address, dice)
            if seat.state is Seat.DRAWN:
                digest = seat_digest(key, UPRIGHT.address, work.header, SALT)
                self.send(UPRIGHT, CommitSeat(order_id=key, digest=digest))
            elif seat.state is Seat.COMMITTED:
                self.send(UPRIGHT, RevealSeat(order=case.order, header=work.header, salt=SALT))
            if self.ledger.world.seats[key, UPRIGHT.address].state is Seat.DISAGREED:
                self.show_fraud(case, key, dice)

    def show_fraud(self, case, key, dice):
        if self.ledger.state(key).status is not OrderStatus.DELIVERED:
            return
        word = hasattr(case.work.fault, "word")
        while True:
            proof = case.work.prove_output(dice) if word else case.work.prove_element(dice)
            if proof.tile == self.tile(case, word):
                break
        digest = find_digest(key, proof.tile, UPRIGHT.address, SALT)
        self.ledger.send(CommitFind(digest=digest), sender=UPRIGHT.address)
        kind = ProveOutput if word else ProveElement
        message = kind(order=case.order, header=case.work.header, model=MODEL.commitment, proof=proof, salt=SALT)
        self.ledger.send(message, sender=UPRIGHT.address)

    def tile(self, case, word):
        fault = case.work.fault
        return 1 << 255 | fault.word if word else fault.node << 32 | fault.element

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def money_is_conserved(self):
        world = self.ledger.world
        held = sum(balance.free + balance.locked for balance in world.balances.values())
        cases = {self.talk.key(case): case.order.price for case in self.talk.cases}
        escrow = sum(price for key, price in cases.items() if world.order(key).status in (1, 2))
        assert world.token_balance(self.ledger.vault) == held + escrow
        assert sum(world.tokens.values()) == MINTED * (len(ACTORS) + 1)

    @invariant()
    def locked_money_is_bonds_stakes_and_fees(self):
        world, expected = self.ledger.world, Counter()
        for case in {self.talk.key(case): case for case in self.talk.cases}.values():
            key, provider = self.talk.key(case), case.order.provider
            if world.order(key).status in (OrderStatus.FUNDED, OrderStatus.DELIVERED):
                expected[provider] += case.order.bond
            panel = world.panels.get(key)
            if panel is not None and not panel.closed:
                expected[provider] += panel.fee * (panel.seats - panel.paid)
        for replica, member in world.pool.members.items():
            expected[replica] += member.tickets * self.ledger.parameters.ticket
        for actor in [*ACTORS, UPRIGHT]:
            assert world.balance(actor.address).locked == expected[actor.address]
        assert world.balance(BURN_ADDRESS).locked == 0

    @invariant()
    def an_honest_replica_never_loses_anything(self):
        balance = self.ledger.balance(UPRIGHT.address)
        assert balance.free + balance.locked >= MINTED

    @invariant()
    def the_evidence_means_what_it_says(self):
        for case in self.talk.cases:
            key, state = self.talk.key(case), self.ledger.state(self.talk.key(case))
            if state.gathered >> EvidenceKind.REPLICATED & 1:
                panel = self.ledger.world.panels[key]
                assert panel.reveal_by > 0
                assert panel.needed <= panel.drawn


class _Reference:
    """A memory ledger as a conversation looks at it."""

    def __init__(self, ledger):
        self._ledger, self.parameters = ledger, ledger.parameters

    @property
    def world(self):
        return self._ledger.world

    def now(self):
        return self._ledger.now()

    def head(self):
        return self._ledger.head()


Replicating.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_replication_keeps_its_laws_in_any_conversation = Replicating.TestCase


# -- the draw ----------------------------------------------------------------------------------------------------------


def pool_of(*tickets: int) -> Table[int, Candidate]:
    """Candidates with that many tickets each."""
    return Table({i: Candidate(replica=Actor(f"member {i}").address, tickets=n) for i, n in enumerate(tickets)})


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.binary(min_size=32, max_size=32), st.integers(1, 15))
def test_draw_of_more_than_there_are_gives_everybody_once(tickets, seed, count):
    drawn = draw(pool_of(*tickets), seed, count, set())
    assert len(drawn) == len(set(drawn)) == min(count, len(tickets))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.binary(min_size=32, max_size=32))
def test_draw_without_somebody_is_the_draw_of_a_pool_that_never_had_him(tickets, seed):
    pool = pool_of(*tickets)
    excluded = pool[1].replica
    assert draw(pool, seed, 3, {excluded}) == draw(pool.put(1, None), seed, 3, set())


def test_attack_sybil_splitting_of_a_stake_gets_no_more_than_its_share_of_seats():
    """A third of the tickets, as one member and as thirty: as many small ones they get about a third of the seats."""
    whole, split = pool_of(30, 20, 20, 20), pool_of(*[1] * 30, 20, 20, 20)
    attackers = {split[i].replica for i in range(30)}
    draws, n = 3000, 2
    as_one = as_many = 0
    for number in range(draws):
        seed = keccak256(number.to_bytes(32, "big"))
        as_one += whole[0].replica in draw(whole, seed, n, set())
        as_many += len(attackers & set(draw(split, seed, n, set())))
    share = Fraction(30, 90)
    # An upper bound on the expectation: whenever an honest member is drawn, all of its tickets leave, so the
    # attackers' share of the second seat is at most 30 / 70. Five standard deviations on top.
    most = draws * (share + Fraction(2, 3) * Fraction(30, 70) + Fraction(1, 3) * Fraction(29, 89))
    assert as_many <= most + 5 * draws**0.5
    assert as_one / draws <= float(share + Fraction(2, 3) * Fraction(30, 70)) + 0.05


def test_attack_of_outsiders_who_join_or_leave_after_the_seal_changes_no_draw():
    outcomes = []
    for meddle in (False, True):
        machine = Replicating()
        dice = Random(7)
        for actor in ACTORS[:4]:
            machine.ledger.send(JoinPool(tickets=2), sender=actor.address)
        case, panel = sealed_case(machine, dice)
        if meddle:
            for actor in ACTORS[:2]:
                machine.ledger.send(LeavePool(), sender=actor.address)
            machine.ledger.send(JoinPool(tickets=7), sender=ACTORS[3].address)
        candidates = machine.ledger.world.panels[machine.talk.key(case)].candidates
        assert candidates == panel.candidates
        seed = keccak256(b"the number that nobody knew")
        outcomes.append(draw(candidates, seed, 3, {case.order.client, case.order.provider}))
    assert outcomes[0] == outcomes[1]


def sealed_case(machine, dice):
    """A funded order whose result is sealed."""
    while True:
        case = machine.talk._new_case(dice)
        machine.talk.cases.append(case)
        for say in (machine.talk._accept, machine.talk._seal):
            machine.send(*say(case, dice))
        panel = machine.ledger.world.panels.get(machine.talk.key(case))
        if panel is not None:
            return case, panel


def test_tickets_of_splits_add_up_the_same_way():
    whole, split = pool_of(6), pool_of(1, 2, 3)
    totals = [sum(one.tickets for one in pool.values()) for pool in (whole, split)]
    assert all(one == other for one, other in pairwise(totals))
