"""Hidden models of a provider: kept in a folder that only he can read, and proofs of what they say.

A proof is made before its order is accepted, sent with the acceptance, and shown to others only once it is paid for. It
is not kept: the same order proven again gives the same bytes, and counts as no further opening of the commitment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from concordat.client.offer import Offer
from concordat.client.secret import SecretModel
from concordat.node.recent import Recent
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.errors import NotFoundError
from concordat.protocol.execution import Result
from concordat.protocol.order import Domain, order_id
from concordat.storage.openings import Openings
from concordat.zk.hidden import Answer

__all__ = ["Proven", "Shelf"]

MODELS = 8
"""Hidden models kept at hand."""
PROOFS = 32
"""Proofs kept at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a hidden model said of an order, and what shows it."""

    result: Result
    """As it is delivered: the public output, without a trace."""
    evidence: bytes = field(repr=False)
    """What the module for validity evidence reads."""
    answer: Answer = field(repr=False)
    """What everybody else reads."""


class Shelf:
    """The hidden models in a folder.

    Parameters
    ----------
    folder : Path
        Where `concordat.client.registry.Registry.publish` has put them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._openings = Openings(folder / "openings")
        self._models: Recent[bytes, SecretModel] = Recent(MODELS)
        self._proofs: Recent[bytes, Proven] = Recent(PROOFS)

    def has(self, model: bytes) -> bool:
        """Whether this provider owns a hidden model."""
        return (self._folder / to_hex(model)).is_dir()

    def model(self, model: bytes) -> SecretModel:
        """A hidden model; `NotFoundError` ``UnknownArtifact`` if it is somebody else's."""
        if not self.has(model):
            raise NotFoundError("This provider does not own that hidden model.", code="UnknownArtifact")
        return self._models.get(model, lambda: SecretModel.load(self._folder / to_hex(model)))

    def left(self, model: bytes) -> int:
        """Answers that a model's commitment is still good for."""
        owned = self.model(model)
        return self._openings.left(owned.weights.commitment.root, owned.limit)

    def prove(self, offer: Offer, domain: Domain) -> Proven:
        """Run a model on an order's input and prove what it said.

        Raises
        ------
        InputError
            If the input is not one of the model's; ``CommitmentSpent`` if its commitment is used up.
        """
        name = order_id(offer.order, domain)

        def make() -> Proven:
            owned, opening = self.model(offer.order.model), offer.opening
            output, answer = owned.answer(opening.words, opening.salt, name, offer.order, domain, self._openings)
            evidence = owned.hidden.evidence(owned.manifest.digest(), answer)
            return Proven(result=Result(trace_root=ZERO32, output=output), evidence=evidence, answer=answer)

        return self._proofs.get(name, make)
