"""A tiny real model with every operation in it, and executions of it that are right or wrong in every place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import WORD, ElementType, align
from concordat.graph.execute import run
from concordat.graph.ir import Comparison, Graph
from concordat.graph.trace import ElementFault, OutputFault, TraceView, element_proof, find_fault
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Bytes32, OrderId
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.execution import MAX_OUTPUT_BYTES, Result, carried_output, input_root
from concordat.protocol.messages import ElementProof, Opening, OutputProof, ResultHeader
from concordat.protocol.order import Order

__all__ = ["TinyModel", "TinyWork", "tiny_graph", "wide_graph"]

_INPUTS = 9


@cache
def tiny_graph(bias: int = 3) -> Graph:
    """Nine bytes in, two words out; all operations, operands of every width, padding in most regions."""
    builder = GraphBuilder()
    x = builder.input(_INPUTS, ElementType.I8)
    first = builder.matmul(x, [[(7 * i + 3 * k) % 11 - 5 for k in range(_INPUTS)] for i in range(20)])
    scaled = builder.affine(first, c=builder.weights([bias] * 20), m0=5, shift=3, lo=-100, hi=100)
    curved = builder.table(scaled, [i * i % 97 - 40 for i in range(64)], lo=-32)
    chosen = builder.select(curved, Comparison.GREATER, 0, scaled)
    turned = builder.gather(chosen, [[19 - i for i in range(10)], list(range(10))])
    product = builder.affine(turned, b=turned.part(rows=slice(0, 1)), add=1, shift=1)
    sums, best, place = builder.sum(product), builder.max(product), builder.argmax(product)
    return builder.build(builder.concatenate([sums, best, place, turned]))


@cache
def wide_graph() -> Graph:
    """Nine bytes in, 140 words out: more than a submission carries, and two parts to demand."""
    builder = GraphBuilder()
    x = builder.input(_INPUTS, ElementType.I8)
    scaled = builder.affine(x, m0=3, add=1)
    return builder.build(builder.convert(builder.gather(scaled, [[i % _INPUTS for i in range(560)]]), ElementType.I64))


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyWork:
    """One execution of a `TinyModel`, with all that its provider knows."""

    graph: Graph
    """The program that it claims to be of."""
    view: TraceView
    """The claimed trace."""
    result: Result
    """What is delivered."""
    input_words: bytes
    """Packed input."""
    input_salt: Bytes32
    """Of the input tree."""
    fault: ElementFault | OutputFault | None
    """Leftmost thing that is wrong."""

    @property
    def header(self) -> ResultHeader:
        """Opens the result's commitment."""
        return ResultHeader(trace_root=self.result.trace_root, output_hash=self.result.output_hash)

    @property
    def tree(self) -> MerkleTree:
        """Trace tree."""
        return self.view.tree

    @property
    def words(self) -> tuple[Bytes32, ...]:
        """All trace words."""
        data = self.view.words.ljust(WORD << self.tree.depth, b"\0")
        return tuple(Bytes32(data[i : i + WORD]) for i in range(0, len(data), WORD))

    @property
    def evidence(self) -> bytes:
        """Proof for `EvidenceKind.NATIVE`: the input and its salt."""
        return self.input_words + self.input_salt

    def suspect(self, dice: Random) -> int:
        """The wrong word, if there is one."""
        if isinstance(self.fault, ElementFault):
            node = self.graph.nodes[self.fault.node]
            return node.start + self.fault.element // node.out_type.per_word
        return dice.randrange(1 << self.tree.depth)

    def prove_element(self, dice: Random) -> ElementProof:
        """Mostly about the wrong element; else about any, padding and regions' ends included."""
        fault = self.fault
        if not isinstance(fault, ElementFault) or dice.random() < 0.2:
            index = dice.randrange(len(self.graph.nodes))
            node = self.graph.nodes[index]
            last = align(node.n, node.out_type.per_word) if dice.random() < 0.3 else node.n
            fault = ElementFault(node=index, element=dice.randrange(last))
        return element_proof(self.graph, self.view, fault.node, fault.element, self.input_words, self.input_salt)

    def prove_output(self, dice: Random) -> OutputProof:
        """Mostly about the wrong word."""
        node, output = self.graph.output, self.result.output
        if node.words * WORD > MAX_OUTPUT_BYTES:
            return OutputProof(output=output, word=0, claimed=Opening())
        wrong = isinstance(self.fault, OutputFault) and dice.random() < 0.8
        word = self.fault.word if wrong and isinstance(self.fault, OutputFault) else dice.randrange(node.words)
        fits = len(output) == node.words * WORD
        return OutputProof(
            output=output, word=word, claimed=self.view.opening(node.start + word, 1) if fits else Opening()
        )


def _spoilt(output: bytes, dice: Random) -> bytes:
    if dice.random() < 0.25:
        return dice.choice([output[:-1], output + bytes(WORD), output[: WORD // 2]])
    place = dice.randrange(len(output))
    return output[:place] + bytes([output[place] ^ 1]) + output[place + 1 :]


class TinyModel:
    """Sells executions of `tiny_graph`, or of another: honest ones, and the ways in which one can cheat."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph or tiny_graph()
        self.file = self.graph.to_bytes()
        self._manifest = keccak256(b"tiny manifest")

    @property
    def commitment(self) -> ModelCommitment:
        """What orders name."""
        return self.graph.commitment(self._manifest, keccak256(self.file))

    def perform(self, dice: Random) -> tuple[Bytes32, TinyWork]:
        """An input root and an execution."""
        words, salt = dice.randbytes(_INPUTS).ljust(WORD, b"\0"), Bytes32(dice.randbytes(WORD))
        how = dice.choices(["honest", "element", "input", "weights", "output", "length"], [6, 6, 2, 2, 3, 1])[0]
        return input_root(words, salt, self.graph.input_depth), self.work(words, salt, how, dice)

    def work(self, words: bytes, salt: Bytes32, how: str, dice: Random) -> TinyWork:
        """An execution on an input: ``honest``, or wrong in one of the ways that `perform` draws from."""
        honest = run(self.graph, words)
        trace, spoilt = bytearray(honest.trace), False
        match how:
            case "element":  # one byte, which may lie in the input, in padding or in the output
                trace[dice.randrange(len(trace))] ^= 1 << dice.randrange(8)
            case "input":
                trace = bytearray(run(self.graph, dice.randbytes(_INPUTS).ljust(WORD, b"\0")).trace)
            case "weights" if self.graph is tiny_graph():
                trace = bytearray(run(tiny_graph(bias=40), words).trace)
            case "output" | "length":
                spoilt = True
        view = TraceView.whole(self.graph, bytes(trace))
        region = self.graph.output.start * WORD
        output = carried_output(view.tree.root, bytes(trace[region : region + len(honest.output)]))
        output = _spoilt(output, dice) if spoilt else output
        return TinyWork(
            graph=self.graph,
            view=view,
            result=Result(trace_root=view.tree.root, output=output),
            input_words=words,
            input_salt=salt,
            fault=find_fault(self.graph, bytes(trace), words, output, honest=honest),
        )

    # -- EvidenceModule ----------------------------------------------------------------------------------------------

    def verify(self, order_id: OrderId, order: Order, output: bytes, proof: bytes) -> bool:
        """`EvidenceModule` NATIVE: runs the program on the input that the proof opens."""
        words, salt = proof[:-WORD], proof[-WORD:]
        if order.model != self.commitment.model_id() or len(words) != WORD * self.graph.nodes[0].words:
            return False
        try:
            opened = input_root(words, salt, self.graph.input_depth) == order.input
            return opened and run(self.graph, words).output == output
        except InputError:
            return False
