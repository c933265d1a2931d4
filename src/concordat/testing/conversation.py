"""Random conversations with a market: valid and invalid messages mixed, so that most paths are reached.

A `Conversation` watches a reference `MemoryLedger`, knows all keys and all executions, and proposes what somebody
might say next. Whoever writes another ledger sends it the same steps and compares (tests/differential does so with
the deployed contracts). All randomness comes from the caller's dice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds
from concordat.protocol.demand import parts_of
from concordat.protocol.evidence import EvidenceKind, is_private
from concordat.protocol.ledger import CHILDREN_LEVELS
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import (
    OPENING_PART,
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    AcceptOpen,
    Cancel,
    CloseDemand,
    CloseDispute,
    CommitFind,
    Demand,
    Deposit,
    ElementProof,
    Expire,
    Finalize,
    Funding,
    OpenDispute,
    OpenResult,
    OutputProof,
    Pick,
    Prove,
    ProveElement,
    ProveOutput,
    Release,
    Reveal,
    RevealLeaf,
    Submit,
    Supply,
    TimeOut,
    TimeOutDemand,
    Withdraw,
    find_digest,
)
from concordat.protocol.order import OrderStatus
from concordat.protocol.state import Dispute, Turn
from concordat.testing.cases import Case, Proposal, Step, Work, Workload, sealed
from concordat.testing.demanding import DEMANDING, Propose, open_demands
from concordat.testing.spoil import spoil
from concordat.testing.stage import Actor, Venue, offer

__all__ = ["Case", "Conversation", "Step", "Work", "Workload"]


class Conversation:
    """Proposes the next step, from what the reference ledger knows.

    Parameters
    ----------
    ledger : MemoryLedger
        The reference; the caller sends it the steps.
    workload : Workload
        What is bought.
    actors : sequence of Actor
        At least two; each may be client, provider and challenger, of himself too.
    most_cases : int
        How many orders are talked about.
    """

    def __init__(
        self, ledger: MemoryLedger, workload: Workload, actors: Sequence[Actor], *, most_cases: int = 3
    ) -> None:
        self.ledger, self.workload, self.actors, self.most_cases = ledger, workload, actors, most_cases
        self.venue = Venue(domain=ledger.domain, token_domain=ledger.token_domain, vault=ledger.vault)
        self.cases: list[Case] = []
        self.past: list[Case] = []
        self.kinds: dict[type, Callable[[Case, Random], Proposal]] = {
            Deposit: self._deposit,
            Withdraw: self._withdraw,
            Accept: self._accept,
            Submit: self._submit,
            AcceptAndSubmit: self._accept_and_submit,
            AcceptOpen: self._accept_open,
            Prove: self._prove,
            AcceptAndProve: self._accept_and_prove,
            Release: self._release,
            Finalize: lambda case, dice: (self._anybody(dice), Finalize(order=case.order)),
            Expire: lambda case, dice: (self._anybody(dice), Expire(order=case.order)),
            Cancel: self._cancel,
            CommitFind: self._commit_find,
            ProveElement: self._prove_element,
            ProveOutput: self._prove_output,
            OpenDispute: self._open_dispute,
            Reveal: self._reveal,
            Pick: self._pick,
            RevealLeaf: self._reveal_leaf,
            TimeOut: self._time_out,
            CloseDispute: self._close_dispute,
            **{kind: self._about_demands(propose) for kind, propose in DEMANDING.items()},
        }

    def _about_demands(self, propose: Propose) -> Callable[[Case, Random], Proposal]:
        return lambda case, dice: propose(
            self.ledger.world, self.workload.commitment, self.venue, self.actors, case, dice
        )

    def propose(self, dice: Random, kind: type | None = None) -> Step:
        """The next step: mostly one that makes sense, sometimes any, sometimes a spoilt one."""
        case = self._some_case(dice)
        if kind is None:
            kind = dice.choice(self._sensible(case, dice) if dice.random() < 0.9 else list(self.kinds))
        sender, message = self.kinds[kind](case, dice)
        if dice.random() < 0.08:
            message = spoil(message, dice)
        if dice.random() < 0.05:
            sender = self._anybody(dice)
        return Step(wait=self._wait(case, dice, kind), sender=sender, message=message)

    # -- who, what and when ------------------------------------------------------------------------------------------

    def _some_case(self, dice: Random) -> Case:
        if not self.cases or (len(self.cases) < self.most_cases and dice.random() < 0.2):
            self.cases.append(self._new_case(dice))
        if self.past and dice.random() < 0.05:
            return dice.choice(self.past)
        at = dice.randrange(len(self.cases))
        if self._is_over(self.cases[at]) and dice.random() < 0.7:
            self.past.append(self.cases[at])
            self.cases[at] = self._new_case(dice)
        self.cases[at].tried = True
        return self.cases[at]

    def _is_over(self, case: Case) -> bool:
        """Ended, with no bond left; or offered in vain."""
        key = self.venue.id_of(case.order)
        status = self.ledger.state(key).status
        left = self._disputes(key) or open_demands(self.ledger.world, key)
        return case.tried if status is OrderStatus.NONE else status.terminal and not left

    def _new_case(self, dice: Random) -> Case:
        client, provider = self._anybody(dice), self._anybody(dice)
        input_root, work = self.workload.perform(dice)
        now = self.ledger.now()
        accept_by = now + dice.choice([1, 20, 500, 5_000, 5_000])
        order = offer(
            client,
            provider,
            self.workload.commitment,
            now=now,
            price=Amount(dice.choice([1, 99, 1_000_000, 1_000_001, 3_000_000])),
            bond=Amount(dice.choice([0, 7, 333_333, 2_000_003, 4_000_000])),
            accept_by=accept_by,
            deliver_by=accept_by + dice.choice([-1, *[0, 100, 1_000, 10_000, 10_000] * 4]),
            window=Seconds(dice.choice([0, *[1, 60, 20_000, 20_000, 20_000] * 4])),
            input=input_root,
            evidence=Bytes32(bytes(dice.choice(_POLICIES)).ljust(32, b"\0")),
            salt=Bytes32(dice.randbytes(32)),
        )
        return sealed(order, client, provider, work, dice)

    def _anybody(self, dice: Random) -> Actor:
        return dice.choice(self.actors)

    def _sensible(self, case: Case, dice: Random) -> list[type]:
        key, world = self.venue.id_of(case.order), self.ledger.world
        state = world.order(key)
        disputes = self._disputes(key)
        if state.status is OrderStatus.NONE:
            return [Accept, Accept, AcceptOpen, *[AcceptAndSubmit] * 6, AcceptAndProve, Deposit]
        if state.status is OrderStatus.FUNDED:
            return [*[Submit] * 6, Prove, Expire, Expire, Cancel]
        demands = open_demands(self.ledger.world, key)
        if state.status.terminal:
            left = [*[CloseDispute] * bool(disputes), *[CloseDemand] * bool(demands)]
            return left or [Withdraw, Deposit, Finalize]
        due = [self._due(case, who, dispute) for who, dispute in disputes.items()]
        due += [OpenResult if part == OPENING_PART else Supply for part in demands]
        planned = [_PROVING[type(proof)] for proof, _ in case.plans.values()]
        if demands and parts_of(self.workload.commitment) and dice.random() < 0.3:
            return planned or [CommitFind]
        if due and dice.random() < 0.7:
            return due
        if (sealed := is_private(case.order.evidence)) or parts_of(self.workload.commitment):
            shown = key in world.opened or not sealed
            if dice.random() < (0.2 if shown and not parts_of(self.workload.commitment) else 0.7):
                return [Demand, Demand, OpenResult if sealed else Supply, *[TimeOutDemand] * (3 * len(demands))]
        if dice.random() < (0.6 if state.gathered else 0.3):
            return [Release, Finalize, Prove, Prove, Cancel, Submit]
        return [OpenDispute, OpenDispute, CommitFind, *planned, *planned, *[TimeOut] * len(disputes)]

    def _due(self, case: Case, challenger: Address, dispute: Dispute) -> type:
        """The move that a dispute waits for."""
        if dispute.turn is Turn.PROVIDER:
            return Reveal if dispute.height else RevealLeaf
        if dispute.turn is Turn.CHALLENGER_PICKS:
            return Pick
        return ProveElement if challenger in case.plans else CommitFind

    def _disputes(self, key: OrderId) -> dict[Address, Dispute]:
        return {who: dispute for (order, who), dispute in self.ledger.world.disputes.items() if order == key}

    def _wait(self, case: Case, dice: Random, kind: type) -> Seconds:
        """Mostly a second; sometimes to just before, at or just after something that matters."""
        if dice.random() < (0.3 if kind in _WAITING else 0.95):
            return Seconds(1)
        key, now = self.venue.id_of(case.order), self.ledger.now()
        dates = [case.order.accept_by, case.order.deliver_by, self.ledger.state(key).until]
        dates += [dispute.deadline for dispute in self._disputes(key).values()]
        dates += [demand.deadline for demand in open_demands(self.ledger.world, key).values()]
        waits = [date - now + by for date in dates for by in (-1, 0, 1)]
        return Seconds(dice.choice([wait for wait in waits if wait >= 1] or [30]))

    def _challenger(self, case: Case, dice: Random, *turns: tuple[Turn, bool]) -> Actor:
        """Somebody whose dispute waits for such a move, if there is one."""
        disputes = self._disputes(self.venue.id_of(case.order))
        due = {who for who, dispute in disputes.items() if (dispute.turn, dispute.height == 0) in turns or not turns}
        fitting = [actor for actor in self.actors if actor.address in due]
        return dice.choice(fitting) if fitting and dice.random() < 0.95 else self._anybody(dice)

    # -- vault and market --------------------------------------------------------------------------------------------

    def _deposit(self, case: Case, dice: Random) -> Proposal:
        sender = self._anybody(dice)
        held = self.ledger.token_balance(sender.address)
        return sender, Deposit(amount=Amount(dice.choice([0, 1, 5_000_000, held, held + 1])))

    def _withdraw(self, case: Case, dice: Random) -> Proposal:
        sender, to = self._anybody(dice), self._anybody(dice).address
        free = self.ledger.balance(sender.address).free
        return sender, Withdraw(amount=Amount(dice.choice([0, 1, free, free + 1])), to=to)

    def _funding(self, case: Case, dice: Random) -> Funding:
        signer = case.client if dice.random() < 0.95 else self._anybody(dice)
        sign = self.venue.authorization if dice.random() < 0.6 else self.venue.credit
        return sign(case.order, signer)

    def _accept(self, case: Case, dice: Random) -> Proposal:
        return case.provider, Accept(order=case.order, funding=self._funding(case, dice))

    def _accept_open(self, case: Case, dice: Random) -> Proposal:
        signer = case.client if dice.random() < 0.95 else self._anybody(dice)
        sign = self.venue.authorization if dice.random() < 0.6 else self.venue.credit
        funding = sign(replace(case.order, provider=ZERO_ADDRESS), signer)
        return case.provider, AcceptOpen(order=case.order, funding=funding)

    def _submit(self, case: Case, dice: Random) -> Proposal:
        return case.provider, Submit(order=case.order, result=case.delivered)

    def _accept_and_submit(self, case: Case, dice: Random) -> Proposal:
        funding = self._funding(case, dice)
        return case.provider, AcceptAndSubmit(order=case.order, funding=funding, result=case.delivered)

    def _kind(self, dice: Random) -> EvidenceKind:
        return EvidenceKind.NATIVE if dice.random() < 0.85 else dice.choice(list(EvidenceKind))

    def _prove(self, case: Case, dice: Random) -> Proposal:
        result = case.delivered
        return self._anybody(dice), Prove(
            order=case.order,
            kind=self._kind(dice),
            output=result.output,
            trace_root=result.trace_root,
            proof=case.work.evidence,
        )

    def _accept_and_prove(self, case: Case, dice: Random) -> Proposal:
        return case.provider, AcceptAndProve(
            order=case.order,
            funding=self._funding(case, dice),
            kind=self._kind(dice),
            output=case.delivered.output,
            proof=case.work.evidence,
        )

    def _release(self, case: Case, dice: Random) -> Proposal:
        if dice.random() < 0.3:
            return case.client, Release(order=case.order)
        signer = case.client if dice.random() < 0.8 else self._anybody(dice)
        return self._anybody(dice), Release(order=case.order, signature=self.venue.release(case.order, signer))

    def _cancel(self, case: Case, dice: Random) -> Proposal:
        def signature(party: Actor) -> bytes:
            return self.venue.cancel(case.order, party) if dice.random() < 0.8 else b""

        message = Cancel(
            order=case.order,
            client_signature=signature(case.client),
            provider_signature=signature(case.provider),
        )
        return self._anybody(dice), message

    # -- court -------------------------------------------------------------------------------------------------------

    def _commit_find(self, case: Case, dice: Random) -> Proposal:
        sender, key = self._challenger(case, dice, (Turn.CHALLENGER_PROVES, True)), self.venue.id_of(case.order)
        proof = case.work.prove_output(dice) if dice.random() < 0.3 else case.work.prove_element(dice)
        proof, salt = case.plans.setdefault(sender.address, (proof, Bytes32(dice.randbytes(32))))
        return sender, CommitFind(digest=find_digest(key, proof.tile, sender.address, salt))

    def _plan(
        self, case: Case, dice: Random, kind: type[ElementProof] | type[OutputProof]
    ) -> tuple[Actor, ElementProof | OutputProof, Bytes32]:
        planned = [a for a in self.actors if a.address in case.plans and isinstance(case.plans[a.address][0], kind)]
        if planned and dice.random() < 0.95:
            due = self._challenger(case, dice, (Turn.CHALLENGER_PROVES, True))
            sender = due if due in planned else dice.choice(planned)
            proof, salt = case.plans[sender.address]
            if dice.random() < 0.15:
                proof = replace(proof, claimed=spoil(proof.claimed, dice))
            return sender, proof, salt
        proof = case.work.prove_element(dice) if kind is ElementProof else case.work.prove_output(dice)
        return self._anybody(dice), proof, Bytes32(dice.randbytes(32))

    def _prove_element(self, case: Case, dice: Random) -> Proposal:
        sender, proof, salt = self._plan(case, dice, ElementProof)
        assert isinstance(proof, ElementProof), "asked for"
        return sender, ProveElement(
            order=case.order, header=case.work.header, model=self.workload.commitment, proof=proof, salt=salt
        )

    def _prove_output(self, case: Case, dice: Random) -> Proposal:
        sender, proof, salt = self._plan(case, dice, OutputProof)
        assert isinstance(proof, OutputProof), "asked for"
        return sender, ProveOutput(
            order=case.order, header=case.work.header, model=self.workload.commitment, proof=proof, salt=salt
        )

    def _open_dispute(self, case: Case, dice: Random) -> Proposal:
        message = OpenDispute(order=case.order, header=case.work.header, model=self.workload.commitment)
        return self._anybody(dice), message

    def _children(self, case: Case, challenger: Actor, dice: Random) -> tuple[int, tuple[Bytes32, ...]]:
        """First leaf under the node in question, and its descendants; the root's if there is no dispute."""
        tree = case.work.tree
        dispute = self._disputes(self.venue.id_of(case.order)).get(challenger.address)
        height, at = (dispute.height, self._place(case, dispute)) if dispute else (tree.depth, 0)
        levels = min(CHILDREN_LEVELS, height)
        return at << height, tuple(tree.children(height, at, levels))

    def _place(self, case: Case, dispute: Dispute) -> int:
        tree, height = case.work.tree, dispute.height
        places = range(1 << max(tree.depth - height, 0))
        return next((i for i in places if tree.node(height, i) == dispute.node), 0)

    def _reveal(self, case: Case, dice: Random) -> Proposal:
        challenger = self._challenger(case, dice, (Turn.PROVIDER, False))
        _, children = self._children(case, challenger, dice)
        return case.provider, Reveal(order=case.order, challenger=challenger.address, children=children)

    def _pick(self, case: Case, dice: Random) -> Proposal:
        challenger = self._challenger(case, dice, (Turn.CHALLENGER_PICKS, False))
        first, children = self._children(case, challenger, dice)
        span = max(len(case.work.words) // max(len(children), 1), 1)
        index = (case.work.suspect(dice) - first) // span if dice.random() < 0.7 else -1
        index = index if 0 <= index < len(children) else dice.randrange(len(children) + 1)
        return challenger, Pick(order=case.order, children=children, index=index)

    def _reveal_leaf(self, case: Case, dice: Random) -> Proposal:
        challenger = self._challenger(case, dice, (Turn.PROVIDER, True))
        first, _ = self._children(case, challenger, dice)
        word = case.work.words[min(first, len(case.work.words) - 1)]
        return case.provider, RevealLeaf(order=case.order, challenger=challenger.address, word=word)

    def _time_out(self, case: Case, dice: Random) -> Proposal:
        return self._anybody(dice), TimeOut(order=case.order, challenger=self._challenger(case, dice).address)

    def _close_dispute(self, case: Case, dice: Random) -> Proposal:
        return self._anybody(dice), CloseDispute(order=case.order, challenger=self._challenger(case, dice).address)


_POLICIES = [*[[1, 2], [2], [1], [3], [3, 128], [1, 130], [0, 3, 0, 4]] * 3, *[[128]] * 4, []]
"""Clauses: native or fraud-provable; one of them; both; with the client's word; in no canonical form; private; none."""
_WAITING = (Finalize, Expire, TimeOut, CloseDispute, TimeOutDemand, CloseDemand)
"""What is said when a clock has run out."""
_PROVING: dict[type, type] = {ElementProof: ProveElement, OutputProof: ProveOutput}
