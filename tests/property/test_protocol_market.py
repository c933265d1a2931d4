"""Laws of the market that hold after any conversation, whoever plays whom (docs/explain/orders-and-disputes.md)."""

from __future__ import annotations

from itertools import combinations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from concordat.primitives.errors import ProtocolError
from concordat.protocol.events import FraudProven, Paid, ResultOpened, Slashed
from concordat.protocol.evidence import EvidenceKind, is_private
from concordat.protocol.execution import commit_result
from concordat.protocol.ledger import BURN_ADDRESS, Balance
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import (
    OPENING_PART,
    CloseDemand,
    CloseDispute,
    CommitFind,
    Deposit,
    Expire,
    Finalize,
    OpenDispute,
    OpenResult,
    Pick,
    Prove,
    ProveElement,
    ProveOutput,
    Release,
    Reveal,
    RevealLeaf,
    TimeOut,
    TimeOutDemand,
    Withdraw,
    find_digest,
)
from concordat.protocol.order import OrderStatus
from concordat.testing.conversation import Conversation
from concordat.testing.demanding import DEMANDING, open_demands
from concordat.testing.stage import Actor, Ladder

MODEL = Ladder(5)
ACTORS = [Actor(f"actor {i}") for i in range(5)]
STRANGER = Actor("stranger")
MINTED = 20_000_000
DICE = st.randoms(use_true_random=False)
DISPUTING = (CommitFind, ProveElement, ProveOutput, OpenDispute, Reveal, Pick, RevealLeaf, TimeOut, CloseDispute)


class Market(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.ledger = MemoryLedger(judge=MODEL, modules={EvidenceKind.NATIVE: MODEL}, block_time=0)
        for actor in ACTORS:
            self.ledger.mint(actor.address, MINTED)
            self.ledger.send(Deposit(amount=MINTED // 2), sender=actor.address)
        self.talk = Conversation(self.ledger, MODEL, ACTORS)
        self.ended, self.opened_by = {}, {}
        self.burned = 0

    # -- what happens ------------------------------------------------------------------------------------------------

    @rule(dice=DICE)
    def somebody_speaks(self, dice):
        self.play(self.talk.propose(dice))

    @rule(dice=DICE, kind=st.sampled_from(DISPUTING))
    def somebody_disputes(self, dice, kind):
        self.play(self.talk.propose(dice, kind))

    @rule(dice=DICE, kind=st.sampled_from(tuple(DEMANDING)))
    def somebody_demands(self, dice, kind):
        self.play(self.talk.propose(dice, kind))

    @rule(seconds=st.integers(1, 30_000))
    def time_passes(self, seconds):
        self.ledger.advance(seconds)

    def play(self, step):
        self.ledger.advance(step.wait)
        before = self.ledger.world
        try:
            receipt = self.ledger.send(step.message, sender=step.sender.address)
        except ProtocolError:
            assert self.ledger.world is before, "a refused message changes nothing"
            return
        for event in receipt.events:
            if isinstance(event, ResultOpened):
                self.opened_by[event.order_id] = step.sender.address
            if isinstance(event, Slashed):
                self.nobody_gains_by(event, before)
            if isinstance(event, FraudProven):
                assert not self.is_honest(self.case_of(event.order_id)), "honest work is never convicted"

    def nobody_gains_by(self, slashed, before):
        """Whoever conspires with the provider, together they lose at least a quarter of the bond."""
        order = self.case_of(slashed.order_id).order
        parties = {order.provider, order.client, slashed.challenger}
        for size in range(len(parties) + 1):
            for others in combinations(parties, size):
                coalition = {order.provider, *others}
                escrow = order.price if order.client in coalition else 0
                gain = self.wealth(self.ledger.world, coalition) - self.wealth(before, coalition) - escrow
                assert 4 * gain <= -order.bond

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def money_is_conserved(self):
        world = self.ledger.world
        free = sum(balance.free for balance in world.balances.values())
        locked = sum(balance.locked for balance in world.balances.values())
        escrow = sum(case.order.price for case, state in self.orders() if not state.status.terminal)
        assert world.token_balance(self.ledger.vault) == free + locked + escrow
        assert sum(world.tokens.values()) == MINTED * len(ACTORS)

    @invariant()
    def locked_money_is_the_bonds_of_open_orders_and_disputes(self):
        locked = {}
        for case, state in self.orders():
            if not state.status.terminal:
                locked[case.order.provider] = locked.get(case.order.provider, 0) + case.order.bond
        for (_, challenger), dispute in self.ledger.world.disputes.items():
            locked[challenger] = locked.get(challenger, 0) + dispute.bond
        for demand in self.ledger.world.demands.values():
            if not demand.shown:
                locked[demand.demander] = locked.get(demand.demander, 0) + demand.bond
        for account, balance in self.ledger.world.balances.items():
            assert balance.locked == locked.get(account, 0)
            assert balance.free >= 0

    @invariant()
    def terminal_orders_never_change(self):
        for key, state in self.ledger.world.orders.items():
            if state.status.terminal:
                assert self.ended.setdefault(key, state) == state

    @invariant()
    def burned_money_stays_burned(self):
        balance = self.ledger.balance(BURN_ADDRESS)
        assert balance.free >= self.burned
        assert balance.locked == 0
        self.burned = balance.free

    @invariant()
    def the_slot_counts_the_open_disputes(self):
        for key, state in self.ledger.world.orders.items():
            disputes = sum(1 for order, _ in self.ledger.world.disputes if order == key)
            disputes += len(open_demands(self.ledger.world, key))
            if state.status is OrderStatus.DELIVERED:
                assert state.open_disputes == disputes
            else:
                assert state.open_disputes == 0
                assert disputes == 0 or state.status is OrderStatus.SLASHED

    @invariant()
    def delivered_and_unchallenged_work_is_paid_by_anybodys_word(self):
        for case, state in self.orders(OrderStatus.DELIVERED):
            if state.open_disputes == 0:
                later, provider = self.ledger.fork(), case.order.provider
                later.advance(max(state.until - later.now(), 0))
                before = later.balance(provider)
                later.send(Finalize(order=case.order), sender=STRANGER.address)
                free, locked = before.free + case.order.price + case.order.bond, before.locked - case.order.bond
                assert later.balance(provider) == Balance(free=free, locked=locked)

    @invariant()
    def a_client_gets_his_money_back_alone(self):
        for case, _ in self.orders(OrderStatus.FUNDED):
            later, client = self.ledger.fork(), case.order.client
            later.advance(max(case.order.deliver_by + 1 - later.now(), 0))
            before = later.token_balance(client) + later.balance(client).free
            later.send(Expire(order=case.order), sender=client)
            later.send(Withdraw(amount=later.balance(client).free, to=client), sender=client)
            assert later.token_balance(client) >= before + case.order.price

    @invariant()
    def an_open_dispute_blocks_payment(self):
        for case, state in self.orders(OrderStatus.DELIVERED):
            if state.open_disputes:
                later, result = self.ledger.fork(), case.work.result
                later.advance(max(state.until - later.now(), 0))
                prove = Prove(
                    order=case.order,
                    kind=EvidenceKind.NATIVE,
                    output=result.output,
                    trace_root=result.trace_root,
                    proof=b"",
                )
                for message in (Release(order=case.order), Finalize(order=case.order), prove):
                    assert Paid not in self.heard(later, message, case.order.client)

    @invariant()
    def every_dispute_can_be_ended_by_anybody(self):
        for (key, challenger), dispute in self.ledger.world.disputes.items():
            later, order = self.ledger.fork(), self.case_of(key).order
            later.advance(max(dispute.deadline + 1 - later.now(), 0))
            slashed = later.state(key).status is OrderStatus.SLASHED
            end = (CloseDispute if slashed else TimeOut)(order=order, challenger=challenger)
            later.send(end, sender=STRANGER.address)
            assert (key, challenger) not in later.world.disputes

    @invariant()
    def every_demand_can_be_ended_by_anybody(self):
        for (key, part), demand in self.ledger.world.demands.items():
            if not demand.shown:
                later, order = self.ledger.fork(), self.case_of(key).order
                later.advance(max(demand.deadline + 1 - later.now(), 0))
                slashed = later.state(key).status is OrderStatus.SLASHED
                end = (CloseDemand if slashed else TimeOutDemand)(order=order, part=part)
                later.send(end, sender=STRANGER.address)
                assert (key, part) not in later.world.demands

    @invariant()
    def what_is_private_is_opened_by_its_client_or_because_he_asked(self):
        for key in self.ledger.world.opened:
            case, demand = self.case_of(key), self.ledger.world.demands.get((key, OPENING_PART))
            asked = demand is not None and demand.shown and demand.demander == case.order.client
            assert is_private(case.order.evidence)
            assert asked or self.opened_by[key] == case.order.client

    @invariant()
    def wrong_private_work_can_be_convicted_once_its_client_opens_it(self):
        for case, _ in self.orders(OrderStatus.DELIVERED):
            key = self.talk.venue.id_of(case.order)
            opens = OpenResult(order=case.order, header=case.header, opening=case.opening)
            if is_private(case.order.evidence) and key not in self.ledger.world.opened and not self.is_honest(case):
                later = self.ledger.fork()
                if ResultOpened in self.heard(later, opens, case.order.client):
                    self.convict(later, case)

    @invariant()
    def wrong_work_can_be_convicted_by_a_stranger_without_money(self):
        for case, state in self.orders(OrderStatus.DELIVERED):
            if not self.is_honest(case) and self.is_known(case, state):
                self.convict(self.ledger.fork(), case)

    def convict(self, later, case):
        key, work = self.talk.venue.id_of(case.order), case.work
        proof = work.element_proof(work.wrong[0]) if work.wrong else work.output_proof()
        digest = find_digest(key, proof.tile, STRANGER.address, bytes(32))
        later.send(CommitFind(digest=digest), sender=STRANGER.address)
        kind = ProveElement if work.wrong else ProveOutput
        message = kind(order=case.order, header=work.header, model=MODEL.commitment, proof=proof, salt=bytes(32))
        later.send(message, sender=STRANGER.address)
        assert later.state(key).status is OrderStatus.SLASHED

    # -- looking around ----------------------------------------------------------------------------------------------

    def orders(self, status=None):
        """Cases that were accepted, with their slots."""
        for case in [*self.talk.cases, *self.talk.past]:
            state = self.ledger.state(self.talk.venue.id_of(case.order))
            if state.status is not OrderStatus.NONE and status in (None, state.status):
                yield case, state

    def case_of(self, key):
        return next(case for case, _ in self.orders() if self.talk.venue.id_of(case.order) == key)

    def is_known(self, case, state):
        """Whether what was delivered is what the conversation knows; a spoilt submission is not."""
        header = case.work.header
        key = self.talk.venue.id_of(case.order)
        commitment = commit_result(key, case.order.provider, header.trace_root, header.output_hash)
        delivered = self.ledger.world.opened.get(key) if is_private(case.order.evidence) else state.commitment
        return commitment == delivered

    @staticmethod
    def is_honest(case):
        return not case.work.wrong and case.work.result.output == case.work.words[-1]

    @staticmethod
    def wealth(world, accounts):
        return sum(
            world.token_balance(account) + world.balance(account).free + world.balance(account).locked
            for account in accounts
        )

    @staticmethod
    def heard(ledger, message, sender):
        try:
            return {type(event) for event in ledger.send(message, sender=sender).events}
        except ProtocolError:
            return set()


Market.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMarket = Market.TestCase
