"""The credit model's commitment over its life: registered, counted, used up, and rotated to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from concordat.graph.execute import run
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import sha256
from concordat.storage.openings import Once, Openings, proof_seed
from concordat.testing.credit import train_credit
from concordat.testing.proofs import secret
from concordat.zk.circuit import Disclosure, compile_graph
from concordat.zk.parameters import choose
from concordat.zk.prover import Weights, Witness, commit_input, commit_weights, prove
from concordat.zk.prover.register import register
from concordat.zk.prover.rotate import rotate
from concordat.zk.rotation import proof_limit
from concordat.zk.statement import Statement
from concordat.zk.verification import verify
from concordat.zk.verifier.registration import verify_registration
from concordat.zk.verifier.rotation import verify_rotation

MODEL = b"\x33" * 32


class Owner:
    """Whoever has the model, and makes proofs with it."""

    def __init__(self, journal: Path) -> None:
        example = train_credit("logistic")
        model = import_onnx(example.onnx, calibration=example.training)
        self.circuit = compile_graph(model.graph, disclosure=Disclosure(kind="threshold", element=2, threshold=500_000))
        self.relation = self.circuit.relation
        self.parameters = choose(self.relation, proofs=8)
        self.decided = run(model.graph, model.schema.encode_one(example.held_out.iloc[0].to_dict()))
        self.journal = Openings(journal)

    def commit(self, version: int) -> Weights:
        """A commitment with its registration, which everybody checks once."""
        seed = secret(f"registration {version}")
        weights = commit_weights(self.relation, self.parameters, self.circuit.weights, secret(f"weights {version}"))
        root = weights.commitment.root
        self.journal.once(root, Once.REGISTRATION, sha256(root + seed))
        verify_registration(register(self.relation, self.parameters, weights, seed))
        return weights

    def answer(self, weights: Weights, version: int, order: int) -> bytes:
        """A proof for an order, counted before it is made."""
        taken = commit_input(self.parameters, self.circuit.inputs([self.decided]), secret(f"input {order}"))
        statement = Statement(
            chain_id=31337,
            contract=b"\x11" * 20,
            order=secret(f"order {order}"),
            model=MODEL,
            version=version,
            relation=self.relation,
            parameters=self.parameters,
            weights=weights.commitment,
            input=taken.commitment,
            publics=self.circuit.publics([self.decided]),
        )
        root, digest = weights.commitment.root, sha256(statement.encode())
        number = self.journal.reserve(root, proof_limit(self.parameters), digest)
        a, b = self.circuit.witness([self.decided])
        seed = proof_seed(secret("prover"), root, number, digest)
        proof = prove(statement, Witness(a=a, b=b), seed=seed, weights=weights, taken=taken)
        verify(statement, proof)
        return proof


def test_model_whose_commitment_is_used_up_goes_on_with_the_next(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    old, limit = owner.commit(1), proof_limit(owner.parameters)
    proofs = [owner.answer(old, 1, order) for order in range(limit)]
    with pytest.raises(InputError) as spent:
        owner.answer(old, 1, limit)
    assert spent.value.code == "CommitmentSpent"
    assert owner.answer(old, 1, 0) == proofs[0]  # a prover that was killed makes the same again
    new, seed = owner.commit(2), secret("rotation")
    for weights, purpose in ((old, Once.ROTATED_OUT), (new, Once.ROTATED_IN)):
        owner.journal.once(weights.commitment.root, purpose, sha256(new.commitment.root + seed))
    rotation = rotate(
        owner.relation, owner.parameters, old, owner.parameters, new, model=MODEL, version=2, seed=seed
    )  # fmt: skip
    verify_rotation(rotation)
    assert owner.answer(new, 2, limit)
    assert owner.journal.left(new.commitment.root, limit) == limit - 1
