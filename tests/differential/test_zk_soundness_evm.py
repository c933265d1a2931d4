"""The contract's coarser account of parameters: it refuses whatever the verifier in Python refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.chain.proofs import check_call, deploy_proof_verifier
from concordat.chain.rpc import Endpoint, Refusal
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address
from concordat.testing.small import small_graph
from concordat.zk.circuit import compile_graph
from concordat.zk.parameters import SECURITY_BITS, Parameters, choose, soundness
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment

pytestmark = pytest.mark.chain

RELATION = compile_graph(small_graph(hidden=6)).relation
BAD = to_hex(keccak256(b"BadParameters()")[:4])
WEAKER = {
    "queries": -1,
    "log_domain": -1,
    "hub_queries": -1,
    "hub_log_domain": -1,
    "weight_queries": -1,
    "weight_audits": -20,
    "weight_log_domain": -1,
    "weight_tail": 400,
    "input_queries": -1,
    "input_log_domain": -1,
    "grinding": -1,
}


def refused_for_its_parameters(endpoint: Endpoint, verifier: Address, p: Parameters) -> bool:
    """Whether a call without any proof comes back for its parameters rather than for the proof."""
    statement = Statement(
        chain_id=31337,
        contract=bytes(20),
        order=bytes(32),
        model=bytes(32),
        version=1,
        relation=RELATION,
        parameters=p,
        weights=WeightCommitment(root=bytes(32)),
        input=InputCommitment(root=bytes(32), outside=(1, 2, 3)),
        publics=tuple((0,) * length for length in RELATION.publics),
    )
    call = {"to": to_hex(verifier), "data": to_hex(check_call(statement, b"")), "gas": hex(30_000_000)}
    try:
        endpoint.call("eth_call", call, "latest")
    except Refusal as refusal:
        return BAD in f"{refusal.fields} {refusal}"
    raise AssertionError("an empty proof was accepted")


def test_contract_refuses_parameters_as_soon_as_the_verifier_does(anvil: AnvilNode) -> None:
    with Endpoint(anvil.url) as endpoint:
        verifier = deploy_proof_verifier(endpoint, anvil.development_accounts()[0])
        honest = choose(RELATION)
        assert not refused_for_its_parameters(endpoint, verifier, honest)
        for name, step in WEAKER.items():
            p = honest
            while soundness(RELATION, p)["total"] >= SECURITY_BITS:
                p = replace(p, **{name: getattr(p, name) + step})
            assert refused_for_its_parameters(endpoint, verifier, p), name
