"""Write contracts/test/zk_court/fixture/*: a true claim and a false one, for Solidity tests of the proof court.

Chain, market and order are part of what is proven, so the tests deploy from the same account in the same order, and
accept the same order. Everything is derived from fixed seeds: a test compares the files with what this would write.

    claim.json     the order, and what opens its model and input
    relation.bin   the relation of a small classifier, with every kind of step
    true.bin       data of a claim that holds
    false.bin      data of a claim of another output, proven by a prover who did not mind: only the balance fails
    spans.bin      which step convicts where a byte changes: u32 first, u32 behind the last, u8 step, u16 index
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from concordat.chain.accounts import Account
from concordat.chain.envelope import contract_address
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.ir import Graph
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, Seconds, Timestamp
from concordat.protocol.evidence import ZeroKnowledge, encode_policy
from concordat.protocol.order import Domain, Order, order_id
from concordat.testing.inference import prove_inference
from concordat.zk.hidden import Answer, HiddenModel, input_hash
from concordat.zk.parameters import choose
from concordat.zk.statement import InputCommitment, Statement
from concordat.zk.steps import Layout, Step, claim_data, find_failing_step, steps

FOLDER = Path(__file__).parent.parent / "contracts" / "test" / "zk_court" / "fixture"
DEPLOYER = Address(bytes(18) + b"\xd3\xb1")
MARKET = contract_address(DEPLOYER, 2)
CLIENT, PROVIDER = (Account(key.to_bytes(32, "big")) for key in (0xC11E, 0x9401))
START = 1_800_000_000
MANIFEST = bytes(31) + b"\x07"
_COUNTS = 8


def graph() -> Graph:
    """Two numbers in, two out: matrix products, requantisation, a table."""
    builder = GraphBuilder()
    x = builder.input(2, ElementType.I32)
    scaled = builder.affine(x, m0=1, shift=4, lo=-8, hi=7)
    bent = builder.table(scaled, [i * i % 23 - 9 for i in range(-8, 8)], lo=-8)
    return builder.build(builder.affine(builder.matmul(bent, [[3, -2], [1, 5]]), m0=1, shift=2, lo=-100, hi=100))


def some_order(model: HiddenModel, taken: InputCommitment) -> Order:
    """The order that the claims answer."""
    return Order(
        client=CLIENT.address,
        provider=PROVIDER.address,
        price=Amount(500_000),
        bond=Amount(2_000_001),
        accept_by=Timestamp(START + 600),
        deliver_by=Timestamp(START + 1200),
        window=Seconds(300),
        model=model.commitment(MANIFEST).model_id(),
        input=input_hash(taken),
        evidence=encode_policy(ZeroKnowledge()),
        salt=Bytes32(keccak256(b"salt")),
    )


def spans(statement: Statement, data: bytes) -> bytes:
    """The step that reads each byte first, in order and without a gap."""
    counts = tuple(int.from_bytes(data[i : i + 2], "big") for i in range(0, _COUNTS, 2))
    at = Layout.of(statement.relation, statement.parameters, counts)  # type: ignore[arg-type]
    rows = [(0, _COUNTS, Step.LENGTH, 0), (_COUNTS, at.nonce, Step.SUMCHECKS, 0)]
    rows += [(at.nonce, at.hub, Step.POSITIONS, 0), (at.hub, at.drawn, Step.HUB, 0)]
    for outcome in steps(statement, data):
        rows += [(first, first + len(out), outcome.step, outcome.index) for first, out in outcome.outputs]
    sizes = (at.columns[0] + at.columns[1], *at.columns[2:])
    places = (at.witness, at.weights, at.input, at.hub_columns)
    kinds = (Step.WITNESS_COLUMN, Step.WEIGHT_COLUMN, Step.INPUT_COLUMN, Step.HUB_COLUMN)
    for place, size, kind, count in zip(places, sizes, kinds, counts, strict=True):
        rows += [(place + k * size, place + (k + 1) * size, kind, k) for k in range(count)]
    rows.sort()
    assert [row[0] for row in rows] == [0, *(row[1] for row in rows[:-1])]
    assert rows[-1][1] == len(data)
    return b"".join(
        first.to_bytes(4, "big") + end.to_bytes(4, "big") + bytes([step]) + index.to_bytes(2, "big")
        for first, end, step, index in rows
    )


def fixture() -> dict[str, bytes]:
    """Name and bytes of each file."""
    case = prove_inference(graph(), parameters=lambda relation: choose(relation, proofs=4, limit=0, grinding=16))
    taken, model = case.taken.commitment, case.hidden
    order = some_order(model, taken)
    name = order_id(order, Domain(chain_id=case.statement.chain_id, market=MARKET))
    statement = replace(case.statement, contract=MARKET, order=name, model=order.model)
    first, *others = statement.publics[0]
    lie = replace(statement, publics=((first + 1, *others),))
    true, false = (claim_data(said, case.prove(statement=said)) for said in (statement, lie))
    assert find_failing_step(statement, true) is None
    assert find_failing_step(lie, false) == (Step.BALANCE, 0)
    described = {
        "market": to_hex(MARKET),
        "order": to_hex(name),
        "model": to_hex(order.model),
        "input": to_hex(order.input),
        "evidence": to_hex(order.evidence),
        "salt": to_hex(order.salt),
        "head": to_hex(model.evidence(MANIFEST, Answer(input=taken, proof=b""))[:208]),
        "output": to_hex(model.output(list(statement.publics[0]))),
        "lie": to_hex(model.output(list(lie.publics[0]))),
    }
    return {
        "claim.json": (json.dumps(described, indent=1) + "\n").encode(),
        "relation.bin": statement.relation.encode(),
        "true.bin": true,
        "false.bin": false,
        "spans.bin": spans(statement, true),
    }


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in fixture().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
