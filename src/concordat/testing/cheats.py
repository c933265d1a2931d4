"""Providers and challengers that misbehave, each in one way, for the demo and the adversarial tests."""

from __future__ import annotations

from dataclasses import replace

from concordat.client.offer import Offer
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph, Node, Op
from concordat.graph.trace import trace_tree
from concordat.node.challenger import Challenger
from concordat.node.provider import Provider
from concordat.node.replica import Replica
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.execution import Result
from concordat.protocol.messages import Funding, FundingMode
from concordat.protocol.order import Order

__all__ = [
    "AgreesWithAnything",
    "AlteredInput",
    "AlteredMiddle",
    "AlteredOutput",
    "AlteredWeight",
    "Dissents",
    "FallsSilent",
    "FalseChallenger",
    "NeverDelivers",
    "WithheldTrace",
]


class AlteredOutput(Provider):
    """Executes honestly, publishes the honest trace, and delivers another output."""

    def work(self, offer: Offer) -> Result:
        """One bit of the output is flipped."""
        honest = super().work(offer)
        flipped = bytes([honest.output[3] ^ 1])
        return Result(trace_root=honest.trace_root, output=honest.output[:3] + flipped + honest.output[4:])


class AlteredMiddle(Provider):
    """Computes one node in the middle wrongly and everything after it rightly from there."""

    def execute(self, offer: Offer) -> Execution:
        """One node adds more than the committed program says."""
        graph = self.graph(offer.order.model)
        middle = _middle(graph)
        wrong = replace(graph.nodes[middle], add=graph.nodes[middle].add + _step(graph.nodes[middle]))
        nodes = (*graph.nodes[:middle], wrong, *graph.nodes[middle + 1 :])
        return _pretend(graph, run(replace(graph, nodes=nodes), offer.opening.words))


class AlteredWeight(Provider):
    """Runs a model that differs from the committed one in one weight."""

    def execute(self, offer: Offer) -> Execution:
        """The weight is the first whose change alters the trace."""
        graph = self.graph(offer.order.model)
        honest = run(graph, offer.opening.words)
        start = next(node.b.start for node in graph.nodes if node.op is Op.MATMUL)
        for place in range(32 * start, len(graph.weights)):
            weights = bytearray(graph.weights)
            weights[place] ^= 1
            cheated = run(replace(graph, weights=bytes(weights)), offer.opening.words)
            if cheated.trace != honest.trace:
                return _pretend(graph, cheated)
        return honest


class AlteredInput(Provider):
    """Runs the right model on another input."""

    def execute(self, offer: Offer) -> Execution:
        """The last bit of the first input element is flipped."""
        graph, words = self.graph(offer.order.model), bytearray(offer.opening.words)
        words[graph.nodes[0].out_type.bytes - 1] ^= 1
        return run(graph, bytes(words))


class WithheldTrace(AlteredMiddle):
    """Cheats in the middle and shows nobody the trace; answers a dispute as far as it must."""

    def publish(self, graph: Graph, execution: Execution) -> Bytes32:
        """The trace stays here."""
        return trace_tree(graph, execution.trace).root


class NeverDelivers(Provider):
    """Takes the order and the money into escrow, and does nothing."""

    def _deliver(self, key: str, body: dict[str, object]) -> int:
        """Accept what is offered; never get further."""
        self.journal.set_item("offer", key, "dropped")
        return 1


class FalseChallenger(Challenger):
    """Disputes every delivery, right or wrong, and falls silent when it has to prove."""

    def _check(self, key: str, body: dict[str, object], order: object) -> int:
        self.journal.set_item("delivery", key, "wrong", {**body, "salt": to_hex(bytes(32))})
        return 1

    def _proof(self, body: dict[str, object], order: object) -> None:
        return None

    def _dispute(self, key: str, body: dict[str, object], order: object) -> int:
        return 0


def _pretend(graph: Graph, execution: Execution) -> Execution:
    """The trace of another program, claimed for this one."""
    return Execution(graph=graph, trace=execution.trace)


def _middle(graph: Graph) -> int:
    """An affine node as near to the middle as there is."""
    found = [index for index, node in enumerate(graph.nodes) if node.op is Op.AFFINE]
    return min(found, key=lambda index: abs(index - len(graph.nodes) // 2))


def _step(node: Node) -> int:
    """Enough to change the node's elements after its shift."""
    return 1 << max(node.shift, 1)


class AgreesWithAnything(Replica):
    """Says what a provider it is in league with told it, without computing anything itself."""

    accomplice: Provider
    """Whom it is in league with."""

    def execute(self, order: Order) -> tuple[Bytes32, Bytes32]:
        """Trace root and output hash that the accomplice sealed."""
        opening = self.public.opening(order.input, self.accomplice.graph(order.model).input_depth)
        funding = Funding(mode=FundingMode.AUTHORIZATION, signature=b"")
        result = self.accomplice.work(Offer(order=order, funding=funding, opening=opening))
        return result.trace_root, Bytes32(keccak256(result.output))


class Dissents(Replica):
    """Disagrees with everybody, for nothing."""

    def execute(self, order: Order) -> tuple[Bytes32, Bytes32]:
        """Roots of nothing."""
        return keccak256(b"no trace"), keccak256(b"no output")


class FallsSilent(Replica):
    """Commits, and never reveals."""

    def _reveal(self, key: str, body: dict[str, object]) -> int:
        return 0
