"""The registry: who published which artifact, and what it descends from. ``(state, message) -> (state, events)``.

An artifact's id is the hash of what it is, so nobody can register an id without showing what is behind it, and nobody
can change what it stands for. Parents are registered before their children and a hash cannot contain itself: lineage
has no cycles. The contract twin is ``contracts/src/assets/Artifacts.sol``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from concordat.primitives.encoding import ZERO_ADDRESS, abi_words
from concordat.primitives.errors import NotFoundError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.refusals import require
from concordat.protocol.state import Call, Table

__all__ = [
    "MAX_PARENTS",
    "MAX_ROYALTY",
    "ModelRegistered",
    "Registered",
    "Registration",
    "RegistryEvent",
    "RegistryState",
    "Transfer",
    "ancestors",
    "artifact_id",
    "register",
    "register_model",
    "set_uri",
    "transfer",
]

MAX_PARENTS = 64
"""Most parents of one artifact."""
MAX_ROYALTY = 10_000
"""All of a sale, in hundredths of a per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One artifact in the registry."""

    id: Bytes32
    """Content-addressed id."""
    kind: ArtifactKind
    """What it is."""
    owner: Address
    """Who owns it now."""
    manifest_digest: Bytes32
    """SHA-256 of its manifest."""
    parents: tuple[Bytes32, ...]
    """What it descends from."""
    royalty: int
    """Share of a sale for who registered it, hundredths of a per cent."""
    uri: str
    """Where manifest and files are."""
    block: int
    """In which it was registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An artifact is there."""

    id: Bytes32
    """Which."""
    kind: ArtifactKind
    """What it is."""
    owner: Address
    """Who registered it."""
    manifest_digest: Bytes32
    """SHA-256 of its manifest."""
    parents: tuple[Bytes32, ...]
    """What it descends from."""
    royalty_bps: int
    """Share of a sale, hundredths of a per cent."""
    uri: str
    """Where manifest and files are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered:
    """What a registered model's id is the hash of."""

    id: Bytes32
    """Which."""
    commitment: ModelCommitment
    """All of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An artifact has another owner (ERC-721); from the zero address when it is registered."""

    source: Address
    """Who had it."""
    target: Address
    """Who has it."""
    id: Bytes32
    """Which."""


RegistryEvent = Registered | ModelRegistered | Transfer
"""Any of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryState:
    """Everything that is registered."""

    entries: Table[Bytes32, Registration] = field(default_factory=Table)
    """By id."""

    def entry(self, artifact: Bytes32) -> Registration:
        """One artifact.

        Raises
        ------
        NotFoundError
            If it is not registered.
        """
        found = self.entries.get(artifact)
        if found is None:
            raise NotFoundError(f"No artifact 0x{artifact.hex()} is registered.", code="UnknownArtifact")
        return found


Outcome = tuple[RegistryState, tuple[RegistryEvent, ...]]


def artifact_id(kind: ArtifactKind, manifest_digest: bytes) -> Bytes32:
    """Id of anything but a model: ``keccak256(abi.encode(kind, manifestDigest))``."""
    return keccak256(abi_words(kind, manifest_digest))


def register_model(
    state: RegistryState,
    commitment: ModelCommitment,
    parents: tuple[Bytes32, ...],
    call: Call,
    *,
    royalty: int = 0,
    uri: str = "",
) -> Outcome:
    """A model comes into the registry, under the hash of its commitment; the sender owns it."""
    name = Bytes32(commitment.model_id())
    state, events = _register(
        state, name, ArtifactKind.MODEL, commitment.manifest_digest, parents, call, royalty=royalty, uri=uri
    )
    return state, (*events, ModelRegistered(id=name, commitment=commitment))


def register(
    state: RegistryState,
    kind: ArtifactKind,
    manifest_digest: Bytes32,
    parents: tuple[Bytes32, ...],
    call: Call,
    *,
    royalty: int = 0,
    uri: str = "",
) -> Outcome:
    """Anything but a model comes into the registry; the sender owns it."""
    require(kind is not ArtifactKind.MODEL, "WrongKind")
    name = artifact_id(kind, manifest_digest)
    return _register(state, name, kind, manifest_digest, parents, call, royalty=royalty, uri=uri)


def _register(
    state: RegistryState,
    name: Bytes32,
    kind: ArtifactKind,
    manifest_digest: Bytes32,
    parents: tuple[Bytes32, ...],
    call: Call,
    *,
    royalty: int,
    uri: str,
) -> Outcome:
    # CHECK
    require(name not in state.entries, "AlreadyRegistered", id=name.hex())
    require(len(parents) <= MAX_PARENTS, "TooManyParents", parents=len(parents))
    for parent in parents:
        require(parent in state.entries, "UnknownParent", parent=parent.hex())
    require(0 <= royalty <= MAX_ROYALTY, "ERC2981InvalidTokenRoyalty", royalty=royalty)
    # EFFECT
    entry = Registration(
        id=name,
        kind=kind,
        owner=call.sender,
        manifest_digest=manifest_digest,
        parents=parents,
        royalty=royalty,
        uri=uri,
        block=call.block,
    )
    state = replace(state, entries=state.entries.put(name, entry))
    # EVENT
    registered = Registered(
        id=name,
        kind=kind,
        owner=call.sender,
        manifest_digest=manifest_digest,
        parents=parents,
        royalty_bps=royalty,
        uri=uri,
    )
    return state, (Transfer(source=ZERO_ADDRESS, target=call.sender, id=name), registered)


def set_uri(state: RegistryState, artifact: Bytes32, uri: str, call: Call) -> Outcome:
    """The files have moved; their digests stay."""
    # CHECK
    entry = state.entry(artifact)
    require(call.sender == entry.owner, "NotOwner", id=artifact.hex())
    # EFFECT
    return replace(state, entries=state.entries.put(artifact, replace(entry, uri=uri))), ()


def transfer(state: RegistryState, artifact: Bytes32, target: Address, call: Call) -> Outcome:
    """The owner gives an artifact to somebody else."""
    # CHECK
    require(target != ZERO_ADDRESS, "ERC721InvalidReceiver")
    entry = state.entry(artifact)
    require(call.sender == entry.owner, "ERC721InsufficientApproval", id=artifact.hex())
    # EFFECT
    state = replace(state, entries=state.entries.put(artifact, replace(entry, owner=target)))
    # EVENT
    return state, (Transfer(source=entry.owner, target=target, id=artifact),)


def ancestors(state: RegistryState, artifact: Bytes32) -> Iterator[Registration]:
    """What an artifact descends from, nearest first, everything once.

    Raises
    ------
    NotFoundError
        If the artifact is not registered.
    """
    row, seen = list(state.entry(artifact).parents), {artifact}
    while row:
        found = [state.entry(parent) for parent in dict.fromkeys(row) if parent not in seen]
        seen |= {entry.id for entry in found}
        yield from found
        row = [parent for entry in found for parent in entry.parents]
