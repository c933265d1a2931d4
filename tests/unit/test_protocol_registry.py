"""The registry: ids, lineage, ownership, and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.errors import NotFoundError, ProtocolError
from concordat.primitives.hashing import keccak256, sha256
from concordat.protocol.artifact import ArtifactKind
from concordat.protocol.registry import (
    MAX_PARENTS,
    MAX_ROYALTY,
    ModelRegistered,
    Registered,
    RegistryState,
    Transfer,
    ancestors,
    artifact_id,
    register,
    register_model,
    set_uri,
    transfer,
)
from concordat.protocol.state import Call
from concordat.testing.stage import Actor, Ladder

OWNER, OTHER = Actor("owner"), Actor("other")
CALL = Call(sender=OWNER.address, now=1_800_000_000, block=7)
MODEL = Ladder(2).commitment


def dataset(name):
    return artifact_id(ArtifactKind.DATASET, sha256(name))


def with_datasets(*names, parents=()):
    state = RegistryState()
    for name in names:
        state, _ = register(state, ArtifactKind.DATASET, sha256(name), parents, CALL)
    return state


def refused(code, act, *arguments, **options):
    with pytest.raises(ProtocolError) as caught:
        act(*arguments, **options)
    assert caught.value.code == code


def test_register_of_a_dataset_gives_it_to_the_sender():
    state, events = register(
        RegistryState(), ArtifactKind.DATASET, sha256(b"loans"), (), CALL, royalty=250, uri="concordat:x"
    )
    name = dataset(b"loans")
    assert name == keccak256(ArtifactKind.DATASET.to_bytes(32, "big") + sha256(b"loans"))
    assert events == (
        Transfer(source=ZERO_ADDRESS, target=OWNER.address, id=name),
        Registered(
            id=name,
            kind=ArtifactKind.DATASET,
            owner=OWNER.address,
            manifest_digest=sha256(b"loans"),
            parents=(),
            royalty_bps=250,
            uri="concordat:x",
        ),
    )
    entry = state.entry(name)
    assert (entry.owner, entry.block, entry.royalty, entry.uri) == (OWNER.address, 7, 250, "concordat:x")


def test_register_of_a_model_shows_its_commitment():
    state, events = register_model(with_datasets(b"loans"), MODEL, (dataset(b"loans"),), CALL)
    assert events[-1] == ModelRegistered(id=MODEL.model_id(), commitment=MODEL)
    assert state.entry(MODEL.model_id()).parents == (dataset(b"loans"),)
    assert state.entry(MODEL.model_id()).manifest_digest == MODEL.manifest_digest


def test_register_twice_is_refused_whoever_asks():
    state = with_datasets(b"loans")
    theirs = replace(CALL, sender=OTHER.address)
    refused("AlreadyRegistered", register, state, ArtifactKind.DATASET, sha256(b"loans"), (), theirs)
    assert register(state, ArtifactKind.POLICY, sha256(b"loans"), (), theirs)


def test_register_of_a_model_without_commitment_is_refused():
    refused("WrongKind", register, RegistryState(), ArtifactKind.MODEL, sha256(b"model"), (), CALL)


def test_register_with_unknown_parent_is_refused():
    refused("UnknownParent", register_model, RegistryState(), MODEL, (dataset(b"loans"),), CALL)


def test_register_with_too_many_parents_is_refused():
    state = with_datasets(b"loans")
    parents = (dataset(b"loans"),) * (MAX_PARENTS + 1)
    refused("TooManyParents", register_model, state, MODEL, parents, CALL)
    assert register_model(state, MODEL, parents[1:], CALL)


@pytest.mark.parametrize("royalty", [-1, MAX_ROYALTY + 1])
def test_register_with_impossible_royalty_is_refused(royalty):
    refused("ERC2981InvalidTokenRoyalty", register_model, RegistryState(), MODEL, (), CALL, royalty=royalty)


def test_transfer_gives_an_artifact_and_the_right_to_move_its_files():
    name, theirs = dataset(b"loans"), replace(CALL, sender=OTHER.address)
    state, events = transfer(with_datasets(b"loans"), name, OTHER.address, CALL)
    assert events == (Transfer(source=OWNER.address, target=OTHER.address, id=name),)
    refused("NotOwner", set_uri, state, name, "concordat:y", CALL)
    state, _ = set_uri(state, name, "concordat:y", theirs)
    assert state.entry(name).uri == "concordat:y"


def test_transfer_by_somebody_else_or_to_nobody_is_refused():
    state, name = with_datasets(b"loans"), dataset(b"loans")
    theirs = replace(CALL, sender=OTHER.address)
    refused("ERC721InsufficientApproval", transfer, state, name, OTHER.address, theirs)
    refused("ERC721InvalidReceiver", transfer, state, name, ZERO_ADDRESS, CALL)


def test_unknown_artifact_is_not_found():
    with pytest.raises(NotFoundError):
        RegistryState().entry(dataset(b"loans"))
    with pytest.raises(NotFoundError):
        list(ancestors(RegistryState(), dataset(b"loans")))


def test_ancestors_come_nearest_first_and_once():
    """raw → clean → (train, test) → model; the model also names raw."""
    raw, clean, train, test = (dataset(name) for name in (b"raw", b"clean", b"train", b"test"))
    state = with_datasets(b"raw")
    for name, parent in ((b"clean", raw), (b"train", clean), (b"test", clean)):
        state, _ = register(state, ArtifactKind.DATASET, sha256(name), (parent,), CALL)
    state, _ = register_model(state, MODEL, (train, test, raw), CALL)
    assert [entry.id for entry in ancestors(state, MODEL.model_id())] == [train, test, raw, clean]
    assert list(ancestors(state, raw)) == []
