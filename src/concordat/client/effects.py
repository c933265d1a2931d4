"""Numbers on chain that follow a model: deploy a steward, or find one by its address.

Those deployed or looked at from here are kept in a book, from which the node ``steward`` takes what it works for.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from concordat.client.registry import PublishedModel
from concordat.client.steward import ORDERABLE, Steward, StewardTools
from concordat.client.steward_book import StewardBook
from concordat.graph.schema import ModelSchema
from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, Amount, Seconds, Timestamp
from concordat.protocol.evidence import EvidenceKind, mask_of
from concordat.protocol.execution import MAX_OUTPUT_BYTES
from concordat.protocol.guard import Guard
from concordat.protocol.source import Schedule, Shape, SourceTerms
from concordat.protocol.steward import Reading, StewardTerms

__all__ = ["Stewards", "reading_of"]


def reading_of(schema: ModelSchema, score: str | None = None, *, unit: Decimal = Decimal(1)) -> Reading:
    """How a steward reads a number from a model's output.

    Parameters
    ----------
    schema : ModelSchema
        Of the model.
    score : str, optional
        Name of the score; the label's place among the labels if none is given.
    unit : Decimal
        What one unit of the steward's value is worth, such as ``Decimal("0.0001")`` for hundredths of a per cent.

    Raises
    ------
    InputError
        If there is no such score, or the scale does not fit 64 bits.
    """
    names = [item.name for item in schema.output.scores]
    if score is None:
        if not schema.output.labels:
            raise InputError(f"The model has no labels; name one of: {', '.join(names)}.", code="UnknownScore")
        return Reading(element=0)
    if score not in names:
        raise InputError(f"The model has no score {score!r}; it has: {', '.join(names)}.", code="UnknownScore")
    place = names.index(score)
    scale = Fraction(schema.output.scores[place].step) / Fraction(unit)
    if not 0 < scale.numerator < 2**63 or scale.denominator >= 2**64:
        raise InputError("The scale does not fit 64 bits.", code="BadScale", hint="Choose a coarser unit.")
    element = bool(schema.output.labels) + place
    return Reading(element=element, numerator=scale.numerator, denominator=scale.denominator)


class Stewards:
    """Stewards of one network; made by `concordat.client.network.Network`."""

    def __init__(self, tools: StewardTools, book: StewardBook) -> None:
        self.tools = tools
        self.book = book

    def create_source(
        self,
        model: PublishedModel,
        *,
        signers: Iterable[Address],
        quorum: int,
        length: Seconds,
        observe_within: Seconds,
        genesis: Timestamp | None = None,
        public: bool = True,
        account: str,
    ) -> Address:
        """Deploy a source of inputs for a model that a majority of named signers vouch for.

        Parameters
        ----------
        signers, quorum : iterable of Address, int
            Who, and how many of them must sign: more than half.
        length, observe_within : Seconds
            Of an epoch, and from its start until it can be observed no more.
        genesis : Timestamp, optional
            First second of epoch 1; default now.
        public : bool
            Whether everybody sees the inputs; without that, optimistic evidence cannot count.
        account : str
            Who sends the transaction; has no rights afterwards.
        """
        start = self.tools.ledger.now() if genesis is None else genesis
        terms = SourceTerms(
            schedule=Schedule(genesis=start, length=length, observe_within=observe_within),
            shape=Shape(words=model.graph.nodes[0].words, depth=model.graph.input_depth),
            open=public,
            signers=tuple(sorted(signers)),
            quorum=quorum,
        )
        return self.tools.effects.create_source(terms, sender=self.tools.keyring.signer(account).address)

    def create(
        self,
        model: PublishedModel,
        *,
        source: Address,
        reading: Reading,
        guard: Guard,
        account: str,
        accepts: Iterable[EvidenceKind] = ORDERABLE,
        apply_within: Seconds | None = None,
        min_window: Seconds = Seconds(3_600),
        min_bond: Amount = Amount(0),
        min_replicas: int = 2,
        governor: Address = ZERO_ADDRESS,
        guardian: Address = ZERO_ADDRESS,
    ) -> Steward:
        """Deploy a steward.

        Parameters
        ----------
        model : PublishedModel
            Which model is followed, in exactly this version.
        source : Address
            Where its input comes from.
        reading, guard : Reading, Guard
            How the number is read (:func:`reading_of`), and its limits.
        account : str
            Who sends the transaction; has no rights afterwards.
        accepts : iterable of EvidenceKind
            Evidence that counts; default native, and fraud-provable after its whole window.
        apply_within : Seconds, optional
            From its start until an epoch's decision counts no more; default its length.
        min_window, min_bond, min_replicas : Seconds, Amount, int
            Weakest order whose window or replicas count. The bond should be four times what a wrong decision can gain.
        governor, guardian : Address
            Who can start it again, and who can stop it.

        Raises
        ------
        InputError
            If the source's inputs are not the model's, or its output is too large to be read on chain.
        ProtocolError
            ``BadSteward`` if the terms contradict each other.
        """
        seen = self.tools.effects.source(source)
        _check_fit(model, seen, reading)
        terms = StewardTerms(
            market=self.tools.ledger.domain.market,
            source=source,
            model=model.id,
            accepts=mask_of(accepts),
            apply_within=seen.schedule.length if apply_within is None else apply_within,
            min_window=min_window,
            min_bond=min_bond,
            min_replicas=min_replicas,
            governor=governor,
            reading=reading,
            guard=guard,
        )
        return self.at(
            self.tools.effects.create_steward(terms, guardian, sender=self.tools.keyring.signer(account).address)
        )

    def at(self, address: Address) -> Steward:
        """A steward that is there already; it is kept in the book.

        Raises
        ------
        ConfigurationError or NotFoundError
            If there is none at this address, or it follows another market.
        """
        terms = self.tools.effects.terms(address)
        self.book.add(address)
        return Steward(self.tools, address, terms, self.tools.effects.source(terms.source))

    def all(self) -> list[Steward]:
        """Every steward in the book."""
        return [self.at(address) for address in self.book.addresses()]


def _check_fit(model: PublishedModel, source: SourceTerms, reading: Reading) -> None:
    shape = Shape(words=model.graph.nodes[0].words, depth=model.graph.input_depth)
    if source.shape != shape:
        raise InputError(
            f"The source's inputs have {source.shape.words} words, the model's {shape.words}.", code="WrongShape"
        )
    if 32 * model.graph.output.words > MAX_OUTPUT_BYTES or reading.element >= model.graph.output_elements:
        raise InputError(
            "The number cannot be read from the model's output.",
            code="BadReading",
            hint=f"It must be one of its elements, and the output at most {MAX_OUTPUT_BYTES} bytes.",
        )
