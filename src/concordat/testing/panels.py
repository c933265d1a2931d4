"""Random conversations about replicas: joining the pool, sealing, drawing, committing, revealing, and who is wrong.

A `PanelTalk` watches a reference, knows all keys and all executions, and proposes what somebody might say next, valid
or not. All randomness comes from the caller's dice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds, Timestamp
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import commit_result, input_root
from concordat.protocol.ledger import Parameters
from concordat.protocol.messages import (
    Accept,
    AcceptAndSubmit,
    AcceptOpen,
    Cancel,
    CommitFind,
    ElementProof,
    Expire,
    Finalize,
    Message,
    OutputProof,
    Prove,
    ProveElement,
    ProveOutput,
    Release,
    ResultHeader,
    Submit,
    find_digest,
)
from concordat.protocol.order import Order, OrderStatus
from concordat.protocol.panel import Seat
from concordat.protocol.panel_messages import (
    ClosePanel,
    CollectStake,
    CommitSeat,
    ConvictElement,
    ConvictOutput,
    DrawPanel,
    JoinPool,
    LeavePool,
    RevealSeat,
    SealResult,
    SettleSeat,
)
from concordat.protocol.replication import seat_digest, seat_id
from concordat.protocol.state import WorldState
from concordat.testing.cases import Proposal, Step
from concordat.testing.stage import Actor, Venue, offer
from concordat.testing.tiny import TinyModel, TinyWork

__all__ = ["PanelCase", "PanelTalk", "Reference"]

_WRONG = ("element", "input", "weights", "output")
_POLICIES = [*[[8]] * 6, [10], [9], [2, 8], [1, 8], [2], [136]]
"""Clauses: replicated; with fraud-provable; with native; or one of these; not at all; with the client's word."""
_COUNTS = [*[0x11, 0x12, 0x22, 0x23, 0x13, 0x24] * 6, 0x00, 0x32, 0x05]
"""How many must agree (upper half) of how many that are drawn; the last three make no sense."""


class Reference(Protocol):
    """Whose world is talked about."""

    world: WorldState
    parameters: Parameters

    def now(self) -> Timestamp:
        """Its time."""
        ...

    def head(self) -> int:
        """Its latest block."""
        ...


@dataclass(slots=True)
class PanelCase:
    """One order, what its provider did, and what each replica makes of it."""

    order: Order
    """The order."""
    client: Actor
    """Who pays."""
    provider: Actor
    """Who works."""
    work: TinyWork
    """What he did."""
    views: dict[Address, tuple[TinyWork, Bytes32]] = field(default_factory=dict)
    """By replica: what it computed, and its salt."""
    finds: dict[tuple[Address, Address], tuple[ElementProof | OutputProof, Bytes32]] = field(default_factory=dict)
    """By challenger and whom he accuses: a proof that was committed to, and its salt."""


class PanelTalk:
    """Proposes the next step, from what the reference knows.

    Parameters
    ----------
    reference : Reference
        The caller applies the steps to it.
    venue : Venue
        Where orders are signed for.
    model : TinyModel
        What is bought.
    actors : sequence of Actor
        At least four; each may be client, provider, replica and challenger.
    honest : collection of Actor
        Who never computes or reveals anything but what the model says.
    """

    def __init__(
        self,
        reference: Reference,
        venue: Venue,
        model: TinyModel,
        actors: Sequence[Actor],
        *,
        honest: Sequence[Actor] = (),
    ) -> None:
        self.reference, self.venue, self.model, self.actors = reference, venue, model, actors
        self.honest = {actor.address for actor in honest}
        self.by_address = {actor.address: actor for actor in actors}
        self.cases: list[PanelCase] = []

    def propose(self, dice: Random) -> Step:
        """The next step: mostly one that makes sense."""
        case = self._some_case(dice)
        if dice.random() < (0.9 if len(self._candidates()) < 3 else 0.06):
            sender, message = self._about_the_pool(dice)
            return Step(wait=Seconds(1), sender=sender, message=message)
        say = dice.choice(self._sensible(case) if dice.random() < 0.95 else list(_ALL))
        sender, message = say(self, case, dice)
        if dice.random() < 0.04:
            sender = dice.choice(self.actors)
        return Step(wait=self._wait(case, dice, say), sender=sender, message=message)

    # -- who, what and when ------------------------------------------------------------------------------------------

    def key(self, case: PanelCase) -> OrderId:
        """Id of a case's order."""
        return self.venue.id_of(case.order)

    def _candidates(self) -> list[Address]:
        return [one.replica for one in self.reference.world.pool.candidates.values()]

    def _some_case(self, dice: Random) -> PanelCase:
        open_cases = [case for case in self.cases[-3:] if not self._is_over(case)]
        if open_cases and dice.random() < 0.95:
            return dice.choice(open_cases)
        if self.cases and dice.random() < 0.1:
            return dice.choice(self.cases)
        self.cases.append(self._new_case(dice))
        return self.cases[-1]

    def _is_over(self, case: PanelCase) -> bool:
        world, key = self.reference.world, self.key(case)
        panel = world.panels.get(key)
        if world.order(key).status is OrderStatus.NONE:
            return self.reference.now() > case.order.accept_by
        return world.order(key).status.terminal and (panel is None or panel.closed)

    def _new_case(self, dice: Random) -> PanelCase:
        client, provider = dice.choice(self.actors), dice.choice(self.actors)
        words, salt = dice.randbytes(9).ljust(32, b"\0"), Bytes32(dice.randbytes(32))
        how = "honest" if provider.address in self.honest or dice.random() < 0.6 else dice.choice(_WRONG)
        now = self.reference.now()
        accept_by = Timestamp(now + dice.choice([30, 500, 5_000]))
        order = offer(
            client,
            provider,
            self.model.commitment,
            now=now,
            price=Amount(dice.choice([1, 3, 1_000_000, 1_000_003])),
            bond=Amount(dice.choice([0, 2_000_003, 4_000_000])),
            accept_by=accept_by,
            deliver_by=Timestamp(accept_by + dice.choice([0, *[2_000, 10_000] * 9])),
            window=Seconds(dice.choice([60, 600, *[1_000, 20_000] * 9, 800_000])),
            input=input_root(words, salt, self.model.graph.input_depth),
            evidence=Bytes32(bytes(dice.choice(_POLICIES)).ljust(31, b"\0") + bytes([dice.choice(_COUNTS)])),
            salt=Bytes32(dice.randbytes(32)),
        )
        return PanelCase(order, client, provider, self.model.work(words, salt, how, dice))

    def _sensible(self, case: PanelCase) -> list[Say]:
        world, key = self.reference.world, self.key(case)
        status, panel = world.order(key).status, world.panels.get(key)
        if status is OrderStatus.NONE:
            return [PanelTalk._accept]
        if status is OrderStatus.FUNDED:
            if panel is None:
                return [*[PanelTalk._seal] * 4, PanelTalk._submit, PanelTalk._cancel, PanelTalk._expire]
            if not panel.drawn:
                return [*[PanelTalk._draw] * 12, PanelTalk._submit, PanelTalk._cancel]
            if panel.committed < panel.drawn:
                return [*[PanelTalk._commit] * 12, PanelTalk._submit, PanelTalk._expire, PanelTalk._draw]
            return [*[PanelTalk._submit] * 6, PanelTalk._expire]
        judging = [PanelTalk._commit_find, PanelTalk._convict, PanelTalk._convict]
        if status is OrderStatus.DELIVERED:
            ending = [PanelTalk._prove, PanelTalk._prove, PanelTalk._finalize, PanelTalk._release, PanelTalk._slash]
            return [*[PanelTalk._reveal] * 8, *ending, PanelTalk._slash, PanelTalk._settle, *judging]
        return [*[PanelTalk._reveal] * 2, *[PanelTalk._settle] * 3, *[PanelTalk._close] * 2, *judging]

    def _wait(self, case: PanelCase, dice: Random, say: Say) -> Seconds:
        """Mostly a second; sometimes to just before, at or just after something that matters."""
        patient = (PanelTalk._prove, PanelTalk._finalize, PanelTalk._settle, PanelTalk._expire, PanelTalk._cancel)
        if dice.random() < (0.4 if say in patient else 0.97):
            return Seconds(1)
        world, now = self.reference.world, self.reference.now()
        panel, state = world.panels.get(self.key(case)), world.order(self.key(case))
        dates = [case.order.deliver_by, state.until, state.until + self.reference.parameters.reveal_time]
        dates += [panel.commit_by, panel.reveal_by] if panel else []
        waits = [date - now + by for date in dates for by in (0, 1)]
        return Seconds(dice.choice([wait for wait in waits if wait >= 1] or [30]))

    def _seats(self, case: PanelCase, *states: Seat) -> list[Actor]:
        key = self.key(case)
        return [
            self.by_address[replica]
            for (order, replica), seat in self.reference.world.seats.items()
            if order == key and seat.state in states
        ]

    def _seat(self, case: PanelCase, dice: Random, *states: Seat) -> Actor:
        fitting = self._seats(case, *states)
        return dice.choice(fitting) if fitting and dice.random() < 0.95 else dice.choice(self.actors)

    def view(self, case: PanelCase, replica: Address, dice: Random) -> tuple[TinyWork, Bytes32]:
        """What a replica makes of an order: the truth, the provider's lie, or one of its own."""
        if replica not in case.views:
            how = "honest"
            if replica not in self.honest:
                how = dice.choice(["honest", "honest", "provider's", dice.choice(_WRONG)])
            work = case.work
            if how != "provider's":
                work = self.model.work(work.input_words, work.input_salt, how, dice)
            case.views[replica] = work, Bytes32(dice.randbytes(32))
        return case.views[replica]

    # -- pool --------------------------------------------------------------------------------------------------------

    def _about_the_pool(self, dice: Random) -> Proposal:
        sender, members = dice.choice(self.actors), self.reference.world.pool.members
        left = [replica for replica, one in members.items() if one.free_at]
        if dice.random() < 0.2 and left:
            return sender, CollectStake(replica=dice.choice(left))
        if dice.random() < 0.12:
            return sender, LeavePool()
        return sender, JoinPool(tickets=dice.choice([1, 1, 2, 3, 0, 2**16]))

    # -- orders ------------------------------------------------------------------------------------------------------

    def _accept(self, case: PanelCase, dice: Random) -> Proposal:
        sign = self.venue.authorization if dice.random() < 0.5 else self.venue.credit
        if dice.random() < 0.2:
            funding = sign(replace(case.order, provider=ZERO_ADDRESS), case.client)
            return case.provider, AcceptOpen(order=case.order, funding=funding)
        funding = sign(case.order, case.client)
        if dice.random() < 0.05:
            return case.provider, AcceptAndSubmit(order=case.order, funding=funding, result=case.work.result)
        return case.provider, Accept(order=case.order, funding=funding)

    def _submit(self, case: PanelCase, dice: Random) -> Proposal:
        result = case.work.result
        if dice.random() < 0.05 and case.provider.address not in self.honest:
            result = replace(result, trace_root=keccak256(b"another"))
        return case.provider, Submit(order=case.order, result=result)

    def _prove(self, case: PanelCase, dice: Random) -> Proposal:
        result, kind = case.work.result, EvidenceKind.REPLICATED
        if dice.random() < 0.2:
            kind = EvidenceKind.NATIVE
        return dice.choice(self.actors), Prove(
            order=case.order,
            kind=kind,
            output=result.output,
            trace_root=result.trace_root,
            proof=case.work.evidence,
        )

    def _finalize(self, case: PanelCase, dice: Random) -> Proposal:
        return dice.choice(self.actors), Finalize(order=case.order)

    def _release(self, case: PanelCase, dice: Random) -> Proposal:
        return case.client, Release(order=case.order)

    def _expire(self, case: PanelCase, dice: Random) -> Proposal:
        return dice.choice(self.actors), Expire(order=case.order)

    def _cancel(self, case: PanelCase, dice: Random) -> Proposal:
        client, provider = (self.venue.cancel(case.order, party) for party in (case.client, case.provider))
        return dice.choice(self.actors), Cancel(order=case.order, client_signature=client, provider_signature=provider)

    # -- panels ------------------------------------------------------------------------------------------------------

    def _seal(self, case: PanelCase, dice: Random) -> Proposal:
        result = case.work.result
        commitment = commit_result(self.key(case), case.order.provider, result.trace_root, keccak256(result.output))
        return case.provider, SealResult(order=case.order, result=commitment)

    def _draw(self, case: PanelCase, dice: Random) -> Proposal:
        return dice.choice(self.actors), DrawPanel(order=case.order)

    def _commit(self, case: PanelCase, dice: Random) -> Proposal:
        sender = self._seat(case, dice, Seat.DRAWN)
        work, salt = self.view(case, sender.address, dice)
        digest = seat_digest(self.key(case), sender.address, work.header, salt)
        return sender, CommitSeat(order_id=self.key(case), digest=digest)

    def _reveal(self, case: PanelCase, dice: Random) -> Proposal:
        sender = self._seat(case, dice, Seat.COMMITTED)
        work, salt = self.view(case, sender.address, dice)
        if dice.random() < 0.15 and sender.address not in self.honest:
            salt = Bytes32(dice.randbytes(32))
        return sender, RevealSeat(order=case.order, header=work.header, salt=salt)

    def _settle(self, case: PanelCase, dice: Random) -> Proposal:
        replica = self._seat(case, dice, Seat.COMMITTED, Seat.DISAGREED).address
        return dice.choice(self.actors), SettleSeat(order=case.order, replica=replica)

    def _close(self, case: PanelCase, dice: Random) -> Proposal:
        return dice.choice(self.actors), ClosePanel(order=case.order)

    # -- who is wrong ------------------------------------------------------------------------------------------------

    def _accused(self, case: PanelCase, dice: Random) -> tuple[Address, TinyWork]:
        """The provider, or a replica; better one that is wrong."""
        known = {replica: case.views[replica][0] for replica in case.views}
        known[case.order.provider] = case.work
        wrong = [who for who, work in known.items() if work.fault is not None]
        who = dice.choice(wrong if wrong and dice.random() < 0.9 else sorted(known))
        return who, known[who]

    def _commit_find(self, case: PanelCase, dice: Random, accused: Address | None = None) -> Proposal:
        sender, (who, work) = dice.choice(self.actors), self._accused(case, dice)
        if accused is not None:
            who, work = accused, case.work
        proof: ElementProof | OutputProof = work.prove_element(dice)
        if work.fault is not None and hasattr(work.fault, "word"):
            proof = work.prove_output(dice)
        salt = Bytes32(dice.randbytes(32))
        proof, salt = case.finds.setdefault((sender.address, who), (proof, salt))
        about = self.key(case) if accused is not None else seat_id(self.key(case), who)
        return sender, CommitFind(digest=find_digest(about, proof.tile, sender.address, salt))

    def _convict(self, case: PanelCase, dice: Random) -> Proposal:
        against = [pair for pair in case.finds if pair[1] in case.views]
        if not against:
            return self._commit_find(case, dice)
        sender, replica = dice.choice(against)
        proof, salt = case.finds[sender, replica]
        header = case.views[replica][0].header
        if dice.random() < 0.05:
            header = ResultHeader(trace_root=keccak256(b"another"), output_hash=header.output_hash)
        model, order = self.model.commitment, case.order
        message: Message
        if isinstance(proof, ElementProof):
            message = ConvictElement(order=order, replica=replica, header=header, model=model, proof=proof, salt=salt)
        else:
            message = ConvictOutput(order=order, replica=replica, header=header, model=model, proof=proof, salt=salt)
        return self.by_address[sender], message

    def _slash(self, case: PanelCase, dice: Random) -> Proposal:
        """An ordinary fraud proof against the provider, where a find was committed for it."""
        key, provider = self.key(case), case.order.provider
        for (sender, who), (proof, salt) in case.finds.items():
            known = find_digest(key, proof.tile, sender, salt) in self.reference.world.finds
            if who != provider or not known:
                continue
            header, model = case.work.header, self.model.commitment
            message: Message
            if isinstance(proof, ElementProof):
                message = ProveElement(order=case.order, header=header, model=model, proof=proof, salt=salt)
            else:
                message = ProveOutput(order=case.order, header=header, model=model, proof=proof, salt=salt)
            return self.by_address[sender], message
        return self._commit_find(case, dice, provider)


Say = Callable[[PanelTalk, PanelCase, Random], Proposal]
_ALL: tuple[Say, ...] = (
    PanelTalk._accept,
    PanelTalk._submit,
    PanelTalk._prove,
    PanelTalk._finalize,
    PanelTalk._release,
    PanelTalk._expire,
    PanelTalk._cancel,
    PanelTalk._seal,
    PanelTalk._draw,
    PanelTalk._commit,
    PanelTalk._reveal,
    PanelTalk._settle,
    PanelTalk._close,
    PanelTalk._commit_find,
    PanelTalk._convict,
    PanelTalk._slash,
)
