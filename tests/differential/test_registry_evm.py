"""The deployed registry against the pure rules: the same registrations, the same events and refusals."""

from __future__ import annotations

from random import Random

import pytest

from concordat.chain.contracts import contract
from concordat.chain.rpc import quantity
from concordat.chain.translate import error_for
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex, to_hex
from concordat.primitives.errors import NotFoundError, ProtocolError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Address
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.registry import (
    ModelRegistered,
    Registered,
    RegistryState,
    Transfer,
    artifact_id,
    register,
    register_model,
    transfer,
)
from concordat.protocol.state import Call
from concordat.testing.stage import Actor, Ladder

SEED, STEPS = 8004, 250
ACTORS = [Actor(f"actor {i}") for i in range(3)]


def commitment(number: int) -> ModelCommitment:
    model = Ladder(1).commitment
    return ModelCommitment(
        program_root=model.program_root,
        weights_root=model.weights_root,
        dimensions=model.dimensions,
        manifest_digest=sha256(bytes([number])),
    )


def propose(dice, known):
    """Function, its arguments in the pure rules, and the same for the contract."""
    number = dice.randrange(12)
    parents = tuple(
        dice.choice(known) if known and dice.random() < 0.9 else sha256(b"?") for _ in range(dice.choice([0, 1, 3]))
    )
    parents = parents * 22 if dice.random() < 0.03 else parents
    royalty, uri = dice.choice([0, 1, 10_000, 10_001]), dice.choice(["", "concordat:x"])
    match dice.choice(["model", "artifact", "transfer"]):
        case "model":
            model = commitment(number)
            return (register_model, (model, parents), {"royalty": royalty, "uri": uri}), (
                "registerModel",
                (model, list(parents), royalty, uri),
            )
        case "artifact":
            kind, digest = dice.choice(list(ArtifactKind)), sha256(bytes([number]))
            return (register, (kind, digest, parents), {"royalty": royalty, "uri": uri}), (
                "registerArtifact",
                (kind, digest, list(parents), royalty, uri),
            )
        case _:
            name = dice.choice(known) if known else artifact_id(ArtifactKind.DATASET, sha256(b"?"))
            target = dice.choice([*(actor.address for actor in ACTORS), ZERO_ADDRESS])
            return (transfer, (name, target), {}), ("transferFrom", (None, target, int.from_bytes(name, "big")))


def event_of(log):
    found = contract("Artifacts").log([from_hex(topic) for topic in log["topics"]], from_hex(log["data"]))
    match found:
        case ("Registered", values):
            return Registered(**{**values, "kind": ArtifactKind(values["kind"])})
        case ("ModelRegistered", values):
            return ModelRegistered(id=values["id"], commitment=ModelCommitment(**values["commitment"]))
        case ("Transfer", values):
            return Transfer(source=values["from"], target=values["to"], id=values["token_id"].to_bytes(32, "big"))
    return None


@pytest.mark.chain
def test_registry_on_chain_answers_as_the_rules_do(anvil, deployment):
    dice, state, chain = Random(SEED), RegistryState(), anvil.endpoint
    snapshot = chain.call("evm_snapshot")
    chain.call("anvil_autoImpersonateAccount", True)
    for actor in ACTORS:
        anvil.set_balance(actor.address, 10**20)
    for _ in range(STEPS):
        sender = dice.choice(ACTORS).address
        (rule, arguments, options), (function, values) = propose(dice, list(state.entries))
        if rule is transfer:
            owner = state.entries[arguments[0]].owner if arguments[0] in state.entries else sender
            values = (owner, *values[1:])
        try:
            call = Call(sender=sender, now=0, block=quantity(chain.call("eth_blockNumber")) + 1)
            state, expected = rule(state, *arguments, call, **options)
        except ProtocolError as error:
            expected = error.code
        except NotFoundError:
            expected = "ERC721NonexistentToken"
        assert ask(chain, sender, deployment.artifacts, function, values) == expected
    assert len(state.entries) > 20
    chain.call("anvil_autoImpersonateAccount", False)
    chain.call("evm_revert", snapshot)


def ask(chain, sender: Address, to: Address, function: str, values):
    data = contract("Artifacts").call(function, *values)
    transaction = {"from": to_hex(sender), "to": to_hex(to), "data": to_hex(data), "gas": hex(3_000_000)}
    receipt = chain.call("eth_sendTransactionSync", transaction)
    if quantity(receipt["status"]) == 0:
        trace = chain.call("debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
        return error_for(from_hex(trace["output"])).code
    return tuple(event for event in map(event_of, receipt["logs"]) if event is not None)
