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
from concordat.testing.anchors import WEAKER
from concordat.testing.small import small_graph
from concordat.zk.circuit import compile_graph
from concordat.zk.parameters import SECURITY_BITS, Parameters, choose, soundness
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment

pytestmark = pytest.mark.chain

RELATION = compile_graph(small_graph(hidden=6)).relation
BAD = to_hex(keccak256(b"BadParameters()")[:4])


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


CORNERS = {
    "every draw at its least": {
        "log_width": 6, "log_domain": 10, "queries": 64, "hub_log_width": 5, "hub_log_domain": 10, "hub_queries": 53,
        "weight_tail": 2032, "weight_log_domain": 15, "weight_queries": 31, "weight_audits": 1100,
        "input_log_domain": 10, "input_queries": 44, "grinding": 9,
    },
    "proximity gap of a thin code": {"log_width": 6, "log_domain": 20, "queries": 60},
    "proximity gap of a thin hub": {"hub_log_width": 5, "hub_log_domain": 22, "hub_queries": 60},
}  # fmt: skip
"""Parameters that pass every check by itself, and are worth too little in all."""


@pytest.mark.parametrize("corner", CORNERS)
def test_contract_refuses_corners_where_only_the_sum_is_too_little(anvil: AnvilNode, corner: str) -> None:
    p = replace(choose(RELATION), **CORNERS[corner])
    assert soundness(RELATION, p)["total"] < SECURITY_BITS
    with Endpoint(anvil.url) as endpoint:
        verifier = deploy_proof_verifier(endpoint, anvil.development_accounts()[0])
        assert refused_for_its_parameters(endpoint, verifier, p)


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
