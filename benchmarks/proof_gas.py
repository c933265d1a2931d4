"""Gas of checking zero-knowledge proofs of inference in a contract, alone and in batches.

The model is the logistic one for loans (18 inputs, real applications), its output shown as whether the score reaches
one half; weights and input are commitments. Parameters are those of `concordat.zk.onchain.choose_for_contract`. A
figure is `gasUsed` of a real transaction on a fresh Anvil, so that its 21,000 and its call data are in it.
Seeds are fixed: two runs agree. A batch of 64 takes a minute to prove, one of 256 two.

    python benchmarks/proof_gas.py            a table
    python benchmarks/proof_gas.py --json     one object
    python benchmarks/proof_gas.py --batches 1 16 64
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from concordat.chain.accounts import Account
from concordat.chain.answers import quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.proofs import check_call, deploy_proof_verifier
from concordat.chain.transactions import TransactionSender
from concordat.graph.execute import run
from concordat.graph.onnx import import_onnx
from concordat.primitives.hashing import sha256
from concordat.testing.credit import train_credit
from concordat.zk.circuit import Disclosure, compile_graph
from concordat.zk.onchain import choose_for_contract
from concordat.zk.parameters import soundness
from concordat.zk.prover.commit import commit_input, commit_weights
from concordat.zk.prover.prove import Witness, prove
from concordat.zk.statement import Statement

__all__ = ["EZKL_GAS", "main", "measure"]

BATCHES = (1, 16, 64)
EZKL_GAS = (538_144, 661_856)
"""Measured for one proof with the verifier contract that ezkl 23.0.5 generates: pairings, and a trusted set-up."""


def proven(batch: int) -> tuple[Statement, bytes]:
    """A statement about so many inferences, and its proof."""
    credit = train_credit("logistic")
    model = import_onnx(credit.onnx, calibration=credit.training)
    shown = Disclosure(kind="threshold", element=2, threshold=500_000)
    circuit = compile_graph(model.graph, batch=batch, disclosure=shown)
    parameters = choose_for_contract(circuit.relation)
    rows = [credit.held_out.iloc[i % len(credit.held_out)].to_dict() for i in range(batch)]
    done = [run(model.graph, model.schema.encode_one(row)) for row in rows]
    weights = commit_weights(circuit.relation, parameters, circuit.weights, sha256(b"weights"))
    taken = commit_input(parameters, circuit.inputs(done), sha256(b"input"))
    statement = Statement(
        chain_id=31337,
        contract=b"\x11" * 20,
        order=b"\x22" * 32,
        model=b"\x33" * 32,
        version=1,
        relation=circuit.relation,
        parameters=parameters,
        weights=weights.commitment,
        input=taken.commitment,
        publics=circuit.publics(done),
    )
    a, b = circuit.witness(done)
    return statement, prove(statement, Witness(a=a, b=b), seed=sha256(b"proof"), weights=weights, taken=taken)


def calldata(data: bytes) -> int:
    """Its price: 4 for a zero, 16 for any other byte."""
    return sum(4 if byte == 0 else 16 for byte in data)


def figures(node: AnvilNode, signer: Account, verifier: Any, batch: int) -> dict[str, Any]:
    """Gas of one proof, and of what."""
    statement, proof = proven(batch)
    data = check_call(statement, proof)
    receipt = TransactionSender(node.endpoint).send(signer, verifier, data)
    if quantity(receipt["status"]) != 1:
        raise SystemExit(f"The contract refuses the proof of {batch} inferences.")
    gas, relation = quantity(receipt["gasUsed"]), statement.relation.encode()
    price = calldata(data)
    return {
        "gas": gas,
        "gas_per_inference": gas / batch,
        "calldata_proof_gas": calldata(proof),
        "calldata_relation_gas": calldata(relation),
        "calldata_rest_gas": price - calldata(proof) - calldata(relation),
        "execution_gas": gas - price - 21_000,
        "proof_bytes": len(proof),
        "relation_bytes": len(relation),
        "soundness_bits": soundness(statement.relation, statement.parameters)["total"],
    }


def measure(batches: tuple[int, ...] = BATCHES) -> dict[str, Any]:
    """Figures by the number of inferences in a proof."""
    with AnvilNode() as node:
        signer = node.development_accounts()[0]
        verifier = deploy_proof_verifier(node.endpoint, signer)
        found = {str(batch): figures(node, signer, verifier, batch) for batch in batches}
    return {"logistic": found, "ezkl_gas": EZKL_GAS}


def table(found: dict[str, Any]) -> Table:
    """A line for each kind of gas, a column for each batch."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("inferences in a proof")
    for batch in found["logistic"]:
        drawn.add_column(batch, justify="right")
    for key in next(iter(found["logistic"].values())):
        drawn.add_row(key, *(f"{column[key]:,.0f}" for column in found["logistic"].values()))
    drawn.add_row("ezkl 23.0.5, a proof", " to ".join(f"{gas:,}" for gas in found["ezkl_gas"]))
    return drawn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), help="inferences in a proof")
    asked = parser.parse_args()
    found = measure(tuple(asked.batches))
    if asked.json:
        print(json.dumps(found, indent=1))
    else:
        Console(width=max(Console().width, 100)).print(table(found))


if __name__ == "__main__":
    main()
