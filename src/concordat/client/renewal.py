"""From one commitment of a hidden model to the next, as everybody sees it: does the new one hold the same weights?

A renewed model names the one before as its parent, and its owner publishes the rotation that shows it. Whoever trusts
the first commitment follows the rotations to the newest; each of them on the way has shown for itself that it is
close to a codeword and that its weights are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from concordat.client.public import PublicData, hidden_model, rotation_to
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, NotFoundError, VerificationError
from concordat.primitives.units import ModelId
from concordat.primitives.wire import parse_json
from concordat.zk.hidden import HiddenModel
from concordat.zk.rotation import Rotation
from concordat.zk.verification import verify_rotation

__all__ = ["Renewal", "check_renewal", "follow_renewals"]

_OWN = ("hidden", "parents")
"""What the manifests of two versions do not share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One step from a commitment to the next."""

    old: ModelId
    """The model before."""
    new: ModelId
    """The model that says it holds the same weights."""
    version: int
    """Of the new one."""
    fault: str
    """Why that cannot be believed; empty if it can."""

    @property
    def holds(self) -> bool:
        """Whether both hold the same weights, and those of both are as small as is said."""
        return not self.fault

    def line(self) -> str:
        """A sentence."""
        names = f"version {self.version} {to_hex(self.new)[:18]}… renews {to_hex(self.old)[:18]}…"
        return f"{names}: " + (self.fault or "the same weights; bounds shown again")


def check_renewal(old: ModelId, before: HiddenModel, after: HiddenModel, rotation: Rotation) -> None:
    """Check that one hidden model holds the weights of another; both were checked for themselves.

    Parameters
    ----------
    old : ModelId
        Id of the model before.
    before, after : HiddenModel
        Both.
    rotation : Rotation
        What is to show it.

    Raises
    ------
    VerificationError
        ``BadRotation`` if it does not.
    """
    numbers = rotation.version == after.version == before.version + 1
    codes = (rotation.old_parameters, rotation.new_parameters) == (before.parameters, after.parameters)
    roots = (rotation.old, rotation.new) == (before.weights, after.weights)
    same = before.relation.digest == after.relation.digest == rotation.relation.digest
    if not (rotation.model == old and numbers and codes and roots and same and before.input_type is after.input_type):
        raise VerificationError("The rotation is between other models.", code="BadRotation")
    verify_rotation(rotation)


def follow_renewals(public: PublicData, model: ModelId) -> tuple[Renewal, ...]:
    """The steps from a model back to its first commitment, the newest first, up to one that cannot be believed.

    Raises
    ------
    ConcordatError
        If the model itself is not public, or its manifest cannot be read.
    """
    if not public.commitment(model).hidden:
        return ()
    found: list[Renewal] = []
    new, after = model, hidden_model(public, model)
    while after.version > 1:
        parents = _manifest(public, new).get("parents")
        if not isinstance(parents, list) or len(parents) != 1:
            break
        old, fault, before = ModelId(from_hex(str(parents[0]), length=32)), "", after
        try:
            before = hidden_model(public, old)
            _check_step(public, old, before, new, after)
        except NotFoundError:
            fault = "what shows that it holds the same weights is not public here"
        except ConcordatError as error:
            fault = error.message
        found.append(Renewal(old=old, new=new, version=after.version, fault=fault))
        if fault:
            break
        new, after = old, before
    return tuple(found)


def _check_step(public: PublicData, old: ModelId, before: HiddenModel, new: ModelId, after: HiddenModel) -> None:
    said = [{k: v for k, v in _manifest(public, one).items() if k not in _OWN} for one in (old, new)]
    if said[0] != said[1]:
        raise VerificationError("The manifest says other things than the one before.", code="BadRotation")
    rotation_to(public, new, after.relation, lambda rotation: check_renewal(old, before, after, rotation))


def _manifest(public: PublicData, model: ModelId) -> dict[str, Any]:
    try:
        found = parse_json(public.manifest(model))
    except (ValueError, RecursionError) as error:
        raise VerificationError("The manifest cannot be read.", code="BadManifest") from error
    return found if isinstance(found, dict) else {}
