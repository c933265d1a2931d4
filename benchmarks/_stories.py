"""The stories whose gas is measured, each played twice: what the second time takes is the figure."""

from __future__ import annotations

from typing import Any

from _stage import Bill, Stage
from _workload import INPUT_SALT, Cheat, cheat, dense_network, weights_of
from concordat.chain.contracts import contract
from concordat.graph.elements import WORD
from concordat.graph.evm import chunks, encode_native_proof, native_digest, pack_native
from concordat.graph.execute import run
from concordat.graph.trace import Dissection, revealed_children
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, ModelId, usd
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import Result, input_root
from concordat.protocol.messages import (
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    CommitFind,
    Finalize,
    OpenDispute,
    Pick,
    ProveElement,
    Reveal,
    RevealLeaf,
    Submit,
    Withdraw,
    find_digest,
)
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.protocol.transparency import join

__all__ = ["measure_disputes", "measure_native", "measure_orders", "measure_records"]

SIZES = (30, 64, 64, 1)
"""Layers of the network that the contract runs itself: 6,209 weights and biases."""
DECISIONS = 1_000_000
"""Decisions between two checkpoints of a log."""
PATH = 20
"""Hashes of an inclusion proof in a log of 2^20 entries."""
YES = "0x60015f5260205ff3"
"""Code of a contract that answers true to whatever it is asked."""
MODEL, INPUT = ModelId(keccak256(b"some model")), keccak256(b"some input")
RESULT = Result(trace_root=keccak256(b"some trace"), output=keccak256(b"some output"))
Figures = dict[str, Any]


# -- orders ------------------------------------------------------------------------------------------------------------


def measure_orders(stage: Stage) -> Figures:
    """An order in two transactions and in three, and the way out."""
    for story in (order_in_two, order_in_three, withdrawal):
        story(stage)
    with stage.billing() as two:
        order_in_two(stage)
    with stage.billing() as three:
        order_in_three(stage)
    return {
        "order_total_gas": two.gas,
        "order_txs": len(two.entries),
        "client_txs": stage.transactions_of_the_client(),
        "order_steps": two.steps(),
        "order_funded_first_gas": three.gas,
        "order_funded_first_txs": len(three.entries),
        "order_funded_first_steps": three.steps(),
        "withdrawal_gas": withdrawal(stage),
    }


def order_in_two(stage: Stage) -> None:
    """Accepted and delivered at once; paid after the window."""
    order, funding = stage.offer(MODEL, INPUT)
    stage.send("provider", AcceptAndSubmit(order=order, funding=funding, result=RESULT))
    finalize(stage, order)


def order_in_three(stage: Stage) -> None:
    """Accepted, then delivered, then paid."""
    order, funding = stage.offer(MODEL, INPUT)
    stage.send("provider", Accept(order=order, funding=funding))
    stage.send("provider", Submit(order=order, result=RESULT))
    finalize(stage, order)


def finalize(stage: Stage, order: Order) -> None:
    """Let the window pass and have the order paid."""
    stage.ledger.advance(order.window)
    stage.send("keeper", Finalize(order=order))
    expect(stage, order, OrderStatus.PAID)


def withdrawal(stage: Stage) -> int:
    """Gas of taking money out of the vault, to an account that holds tokens."""
    return stage.send("provider", Withdraw(amount=usd(1), to=stage.address("provider")))


def expect(stage: Stage, order: Order, status: OrderStatus) -> None:
    """Raise unless an order ended as the story has it."""
    found = stage.ledger.state(order_id(order, stage.ledger.domain)).status
    if found is not status:
        raise RuntimeError(f"The order is {found.name}, not {status.name}: the figure would be worth nothing.")


# -- disputes ----------------------------------------------------------------------------------------------------------


def measure_disputes(stage: Stage) -> Figures:
    """Fraud proofs by kind of product, and a dissection that ends in the dearest of the usual ones."""
    show_fraud(stage, cheat("int8", 1))
    bills = {kind: show_fraud(stage, cheat(kind, 2)) for kind in ("int8", "int16", "straddling")}
    proofs = {kind: bill.steps()["ProveElement"] for kind, bill in bills.items()}
    dissection = dissect(stage, cheat("int16", 3))
    return {
        "fraud_commit_gas": bills["int16"].steps()["CommitFind"],
        "fraud_proof_gas": max(proofs["int8"], proofs["int16"]),
        "fraud_proof_int8_gas": proofs["int8"],
        "fraud_proof_int16_gas": proofs["int16"],
        "fraud_proof_worst_placed_gas": proofs["straddling"],
        "withheld_trace_gas": dissection.gas,
        "withheld_trace_txs": len(dissection.entries),
        "withheld_trace_challenger_gas": dissection.of("challenger"),
        "withheld_trace_provider_gas": dissection.of("provider"),
        "withheld_trace_steps": dissection.steps(),
    }


def deliver(stage: Stage, work: Cheat) -> Order:
    """An order delivered with a wrong trace."""
    order, funding = stage.offer(work.model.model_id(), work.input_root)
    with stage.billing():
        stage.send("provider", AcceptAndSubmit(order=order, funding=funding, result=work.result))
    return order


def show_fraud(stage: Stage, work: Cheat) -> Bill:
    """From the find to the slash."""
    order = deliver(stage, work)
    with stage.billing() as bill:
        commit_and_prove(stage, order, work)
    return bill


def commit_and_prove(stage: Stage, order: Order, work: Cheat) -> None:
    """Fix the find, show it a block later."""
    name, salt = order_id(order, stage.ledger.domain), keccak256(b"salt of the find")
    digest = find_digest(name, work.proof.tile, stage.address("challenger"), salt)
    stage.send("challenger", CommitFind(digest=digest))
    stage.send(
        "challenger", ProveElement(order=order, header=work.header, model=work.model, proof=work.proof, salt=salt)
    )
    expect(stage, order, OrderStatus.SLASHED)


def dissect(stage: Stage, work: Cheat) -> Bill:
    """A provider keeps the trace to himself; every transaction from the opening of the dispute to the slash."""
    order, challenger = deliver(stage, work), stage.address("challenger")
    search = Dissection(work.graph, work.honest, work.input_words, INPUT_SALT)
    with stage.billing() as bill:
        stage.send("challenger", OpenDispute(order=order, header=work.header, model=work.model))
        while search.place[0]:
            children = revealed_children(work.view.tree, search.picks)
            stage.send("provider", Reveal(order=order, challenger=challenger, children=children))
            index = search.leftmost_difference(children)
            stage.send("challenger", Pick(order=order, children=children, index=index))
            search = search.descend(children, index)
        leaf = search.place[1]
        word = Bytes32(work.view.words[leaf * WORD : (leaf + 1) * WORD])
        stage.send("provider", RevealLeaf(order=order, challenger=challenger, word=word))
        if search.proof(word) != work.proof:
            raise RuntimeError("The dissection led to another element than the wrong one.")
        commit_and_prove(stage, order, work)
    return bill


# -- native execution --------------------------------------------------------------------------------------------------


def measure_native(stage: Stage) -> Figures:
    """The network run by the contract itself, against the same order with a module that says yes to everything.

    The difference is everything that running the model costs: the module's work, and calldata of input and salt.
    """
    graph = dense_network(SIZES)
    model = graph.commitment(Bytes32(keccak256(b"manifest")), native_digest(graph))
    published = stage.call(
        "provider", "NativeExecutor", stage.deployment.native, "publish", model, chunks(pack_native(graph))
    )
    name = model.model_id()
    native_order(stage, name, 1, prove=True)
    with stage.aside():
        whole = native_order(stage, name, 2, prove=True)
    with stage.aside():
        stage.node.endpoint.call("anvil_setCode", to_hex(stage.deployment.native), YES)
        order_only = native_order(stage, name, 2, prove=False)
    return {
        "native_mlp_6k_gas": whole - order_only,
        "native_weights": weights_of(SIZES),
        "native_order_gas": whole,
        "native_order_without_model_gas": order_only,
        "native_publish_gas": int(published["gasUsed"], 16),
    }


def native_order(stage: Stage, model: ModelId, seed: int, *, prove: bool) -> int:
    """Gas of an order from offer to paid in one transaction; the same order for the same seed."""
    graph = dense_network(SIZES)
    words = keccak256(b"input %d" % seed) + keccak256(b"rest %d" % seed)[:28] + bytes(4)
    order, funding = stage.offer(model, input_root(words, INPUT_SALT, graph.input_depth))
    message = AcceptAndProve(
        order=order,
        funding=funding,
        kind=EvidenceKind.NATIVE,
        output=run(graph, words).output,
        proof=encode_native_proof(words, INPUT_SALT) if prove else b"",
    )
    gas = stage.send("provider", message)
    expect(stage, order, OrderStatus.PAID)
    return gas


# -- records -----------------------------------------------------------------------------------------------------------


def measure_records(stage: Stage) -> Figures:
    """A checkpoint a million decisions after the last, and the proof on chain that one of 2^20 is in the log."""
    post(stage, 1, keccak256(b"first"))
    posted = int(post(stage, 1 + DECISIONS, keccak256(b"second"))["gasUsed"], 16)
    inclusion, whole = check_inclusion(stage)
    return {
        "record_gas_per_decision_at_1e6": posted / DECISIONS,
        "checkpoint_gas": posted,
        "inclusion_proof_gas": inclusion,
        "inclusion_proof_transaction_gas": whole,
    }


def post(stage: Stage, size: int, root: bytes, who: str = "keeper") -> dict[str, Any]:
    """Receipt of a checkpoint."""
    return stage.call(who, "Checkpoints", stage.deployment.checkpoints, "post", size, root)


def check_inclusion(stage: Stage) -> tuple[int, int]:
    """Execution gas, and gas of the whole transaction, of the proof for the last entry (every hash on the left)."""
    index, leaf = (1 << PATH) - 1, keccak256(b"leaf")
    path = [keccak256(b"sibling %d" % level) for level in range(PATH)]
    root = leaf
    for sibling in path:
        root = join(sibling, root)
    receipt = post(stage, 1 << PATH, root, who="challenger")
    block = stage.node.endpoint.call("eth_getBlockByHash", receipt["blockHash"], False)
    link = {"size": 1 << PATH, "root": root, "time": int(block["timestamp"], 16)}
    log = stage.address("challenger").rjust(WORD, b"\0")
    arguments = (log, bytes(24), [link], leaf, index, path)
    asked = stage.call("keeper", "Checkpoints", stage.deployment.checkpoints, "verifyInclusion", *arguments)
    if int(asked["status"], 16) != 1:
        raise RuntimeError("The proof was refused.")
    data = contract("Checkpoints").call("verifyInclusion", *arguments)
    return execution_gas(stage, stage.deployment.checkpoints, data), int(asked["gasUsed"], 16)


def execution_gas(stage: Stage, to: Address, data: bytes) -> int:
    """Gas of a call's instructions alone: before the first of them less after the last."""
    call = {"from": to_hex(stage.address("keeper")), "to": to_hex(to), "data": to_hex(data)}
    bare = {"disableStack": True, "disableStorage": True, "enableMemory": False}
    steps = stage.node.endpoint.call("debug_traceCall", call, "latest", bare)["structLogs"]
    first, last = steps[0], steps[-1]
    return int(first["gas"]) - int(last["gas"]) + int(last["gasCost"])
