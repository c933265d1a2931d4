"""Reading what was delivered, whichever way it came: in plain, sealed to the client, by its trace root, on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from concordat.client.offer import Offer
from concordat.client.private import open_result, result_salt, unseal_output
from concordat.client.public import PublicData
from concordat.client.registry import PublishedModel
from concordat.client.sealing import SealingPair
from concordat.primitives.errors import CorruptionError, NotFoundError, OrderError, VerificationError
from concordat.primitives.units import Bytes32, OrderId
from concordat.protocol.bundle import OutputOpening
from concordat.protocol.demand import opens_output, parts_of
from concordat.protocol.events import Delivered, Event, ResultOpened, Supplied
from concordat.protocol.evidence import is_sealed
from concordat.protocol.execution import MAX_OUTPUT_BYTES, Result
from concordat.protocol.messages import Opening
from concordat.protocol.order import Domain

__all__ = ["Delivery", "Reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a provider delivered, as its client can read it."""

    result: Result
    """As it stands on chain."""
    output: bytes
    """The whole output in plain."""
    opening: OutputOpening | None
    """How the output opens the result, where it was not delivered in plain."""
    shown: bool
    """Whether the opening is complete, so that others can check it; not where parts were only shown on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads deliveries of one order.

    What comes from elsewhere is checked against what was delivered; a provider can withhold, but not deceive.
    """

    offer: Offer
    """The order, with the input that opens it."""
    name: OrderId
    """Its id."""
    model: PublishedModel
    """What it was placed for."""
    reply: SealingPair | None
    """The client's key pair for this order, if it is private."""
    domain: Domain
    """The market."""
    public: PublicData
    """Where outputs are looked for."""

    def read(self, found: Sequence[Event]) -> Delivery:
        """The delivery among an order's events.

        Raises
        ------
        OrderError
            ``NotDelivered`` if there is none, ``OutputWithheld`` if the output cannot be found: then demand it.
        VerificationError
            If what was sealed does not open, or is not what was committed to.
        """
        delivered = next((event for event in found if isinstance(event, Delivered)), None)
        if delivered is None:
            raise OrderError("Nothing has been delivered for this order.", code="NotDelivered")
        result = Result(trace_root=delivered.trace_root, output=delivered.output)
        parts = {event.part: event.words for event in found if isinstance(event, Supplied)}
        opened = next((event for event in found if isinstance(event, ResultOpened)), None)
        if not is_sealed(self.offer.order.evidence):
            return self._plain(result, result.trace_root, result.output, parts, salt=None)
        salt = result_salt(self.offer.opening)
        if opened is not None:
            return self._plain(result, opened.trace_root, opened.output, parts, salt=salt)
        return self._sealed(result, salt)

    def _plain(
        self, result: Result, root: Bytes32, carried: bytes, parts: dict[int, tuple[Bytes32, ...]], salt: Bytes32 | None
    ) -> Delivery:
        count = parts_of(self.model.commitment)
        if not count:
            opening = OutputOpening(salt=salt, trace_root=root, path=()) if salt else None
            return Delivery(result=result, output=carried, opening=opening, shown=True)
        if carried != root:
            raise VerificationError("The provider delivered no reference to an output.", code="WrongReference")
        if set(parts) == set(range(count)):
            output = b"".join(word for part in range(count) for word in parts[part])
            opening = OutputOpening(salt=salt, trace_root=root, path=())
            return Delivery(result=result, output=output, opening=opening, shown=False)
        try:
            shown = self.public.answers.get(root, self.model.id)
        except (NotFoundError, CorruptionError) as error:
            raise _withheld() from error
        opening = OutputOpening(salt=salt, trace_root=root, path=shown.path)
        return Delivery(result=result, output=b"".join(shown.words), opening=opening, shown=True)

    def _sealed(self, result: Result, salt: Bytes32) -> Delivery:
        if self.reply is None:
            raise OrderError(
                "The answer is sealed to a key that is not here.",
                code="NoReplyKey",
                hint="Read it where the order was placed.",
            )
        path: tuple[Bytes32, ...] = ()

        def elsewhere(root: Bytes32) -> bytes:
            nonlocal path
            opening = self._content(root)
            path = opening.path
            return b"".join(opening.words)

        root, output = open_result(result, self.offer, self.reply, self.domain, elsewhere)
        path = path if len(output) > MAX_OUTPUT_BYTES else ()
        opening = OutputOpening(salt=salt, trace_root=root, path=path)
        return Delivery(result=result, output=output, opening=opening, shown=True)

    def _content(self, root: Bytes32) -> Opening:
        """The output that no submission has room for, as it was left sealed."""
        model, reply = self.model.commitment, self.reply
        assert reply is not None, "asked before"

        def read(data: bytes) -> Opening:
            opening = unseal_output(data, self.model.graph.output.words, reply, self.name, self.domain)
            if not opens_output(model, root, opening):
                raise VerificationError("This is another output.", code="SealedGarbage")
            return opening

        try:
            return self.public.answers.sealed(self.name, read)
        except (NotFoundError, CorruptionError) as error:
            raise _withheld() from error


def _withheld() -> OrderError:
    return OrderError(
        "Nobody shows the output that was delivered.",
        code="OutputWithheld",
        hint="Demand it before the window ends: a provider who does not show it is slashed.",
    )
