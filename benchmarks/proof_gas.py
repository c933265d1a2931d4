"""Gas of checking zero-knowledge proofs of inference in a contract, alone and in batches.

The model is the logistic one for loans (18 inputs, real applications), its output shown as whether the score reaches
one half; weights and input are commitments. Parameters are those of `concordat.zk.onchain.choose_for_contract`. A
figure is `gasUsed` of a real transaction on a fresh Anvil, so that its 21,000 and its call data are in it.
Seeds are fixed: two runs agree. A batch of 64 takes a minute to prove, one of 256 two.

    python benchmarks/proof_gas.py            a table
    python benchmarks/proof_gas.py --json     one object
    python benchmarks/proof_gas.py --batches 1 16 64
    python benchmarks/proof_gas.py --batches 1 --cases a b c e f g
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from _networks import CASES
from concordat.chain.accounts import Account
from concordat.chain.answers import quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.proofs import check_call, deploy_proof_verifier
from concordat.chain.transactions import TransactionSender
from concordat.graph.onnx import import_onnx
from concordat.testing.credit import train_credit
from concordat.testing.inference import ProvenCase, prove_inference
from concordat.zk.circuit import Disclosure
from concordat.zk.onchain import choose_for_contract
from concordat.zk.parameters import soundness
from concordat.zk.steps import claim_data

__all__ = ["EZKL_GAS", "main", "measure"]

BATCHES = (1, 16, 64)
EZKL_GAS = (538_144, 661_856)
"""Measured for one proof with the verifier contract that ezkl 23.0.5 generates: pairings, and a trusted set-up."""


def loans(batch: int) -> ProvenCase:
    """So many decisions about loans."""
    credit = train_credit("logistic")
    model = import_onnx(credit.onnx, calibration=credit.training)
    shown = Disclosure(kind="threshold", element=2, threshold=500_000)
    rows = [credit.held_out.iloc[i % len(credit.held_out)].to_dict() for i in range(batch)]
    inputs = [model.schema.encode_one(row) for row in rows]
    return prove_inference(
        model.graph, batch=batch, disclosure=shown, parameters=choose_for_contract, inputs=inputs, compiled=True
    )


def measured_elsewhere(letter: str) -> ProvenCase:
    """One inference of a case of `prove.py`."""
    network = CASES[letter]()
    model = import_onnx(network.onnx, calibration=network.rows, bits=network.bits)
    inputs = [model.schema.pack(model.schema.encode(network.rows[:1]))]
    return prove_inference(model.graph, parameters=choose_for_contract, inputs=inputs, compiled=True)


def calldata(data: bytes) -> int:
    """Its price: 4 for a zero, 16 for any other byte."""
    return sum(4 if byte == 0 else 16 for byte in data)


def figures(node: AnvilNode, signer: Account, verifier: Any, case: ProvenCase) -> dict[str, Any]:
    """Gas of one proof, and of what."""
    statement, proof = case.statement, case.prove()
    data, batch = check_call(statement, proof), case.circuit.batch
    receipt = TransactionSender(node.endpoint).send(signer, verifier, data)
    if quantity(receipt["status"]) != 1:
        raise SystemExit(f"The contract refuses a proof of {batch} inferences.")
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
        "claim_bytes": len(claim_data(statement, proof)),
        "relation_bytes": len(relation),
        "soundness_bits": soundness(statement.relation, statement.parameters)["total"],
    }


def measure(batches: tuple[int, ...] = BATCHES, cases: Sequence[str] = ()) -> dict[str, Any]:
    """Figures by the number of inferences in a proof, and by case."""
    with AnvilNode() as node:
        signer = node.development_accounts()[0]
        verifier = deploy_proof_verifier(node.endpoint, signer)
        found = {str(batch): figures(node, signer, verifier, loans(batch)) for batch in batches}
        others = {letter: figures(node, signer, verifier, measured_elsewhere(letter)) for letter in cases}
    return {"logistic": found, "cases": others, "ezkl_gas": EZKL_GAS}


def table(found: dict[str, Any]) -> Table:
    """A line for each kind of gas, a column for each batch."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    columns = {f"{batch} in a proof": column for batch, column in found["logistic"].items()}
    columns |= {f"case {letter}": column for letter, column in found["cases"].items()}
    drawn.add_column("")
    for name in columns:
        drawn.add_column(name, justify="right")
    for key in next(iter(columns.values())):
        drawn.add_row(key, *(f"{column[key]:,.0f}" for column in columns.values()))
    drawn.add_row("ezkl 23.0.5, a proof", " to ".join(f"{gas:,}" for gas in found["ezkl_gas"]))
    return drawn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), help="inferences in a proof")
    parser.add_argument("--cases", choices=sorted(CASES), nargs="+", default=[], help="cases of prove.py as well")
    asked = parser.parse_args()
    found = measure(tuple(asked.batches), asked.cases)
    if asked.json:
        print(json.dumps(found, indent=1))
    else:
        Console(width=max(Console().width, 100)).print(table(found))


if __name__ == "__main__":
    main()
