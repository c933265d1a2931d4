"""A small market's worth of settled decisions with everything around them, made from a seed.

For tests of logs, bundles and verifiers, ours or anybody's: real signatures, a real program, no chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.signatures import TokenDomain, address_of, receive_authorization_digest, sign_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.protocol.artifact import ArtifactKind, Manifest, ModelCommitment
from concordat.protocol.bundle import Anchor, Bundle, DisclosedInput, SettlementToken
from concordat.protocol.checkpoint import Checkpoint, InclusionProof, KeyKind, NoteSigner, sign_checkpoint
from concordat.protocol.evidence import AnyOf, FraudProvable, Native, Policy, encode_policy
from concordat.protocol.execution import Result, commit_result, input_root
from concordat.protocol.messages import Funding, FundingMode
from concordat.protocol.order import Domain, Order, OrderState, OrderStatus, order_id
from concordat.protocol.record import DecisionRecord, Placement, RecordSalts, record_decision
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import AnchoredRoot, ChainFacts, SettledOrder

__all__ = ["SampleDecision", "SampleMarket"]

FRAUD_PROVABLE = 2
START = 1_800_000_000


@dataclass(frozen=True, kw_only=True)
class SampleDecision:
    """One settled order."""

    market: SampleMarket
    """Where it was settled."""
    order: Order
    """What the client signed."""
    funding: Funding
    """The client's signature."""
    input: DisclosedInput
    """The question."""
    result: Result
    """The answer."""
    settlement: tuple[Placement, ...]
    """Where the events stand."""
    salts: RecordSalts
    """Secrets of the record."""
    record: DecisionRecord
    """The log entry."""

    @property
    def id(self) -> OrderId:
        """The order's id."""
        return order_id(self.order, self.market.domain)

    def bundle(self, proof: InclusionProof | None, *, anchor: Anchor | None = None) -> Bundle:
        """Everything disclosed; without `proof` as it stands before logging."""
        logged = proof is not None
        return Bundle.assemble(
            domain=self.market.domain,
            order=self.order,
            funding=self.funding,
            token=self.market.token,
            model=self.market.model,
            result=self.result,
            manifest=self.market.manifest.encode(),
            program=self.market.graph.to_bytes(),
            input=self.input,
            record=self.record if logged else None,
            salts=self.salts if logged else None,
            settlement=self.settlement if logged else (),
            proof=proof,
            anchor=anchor,
        )

    def alone(self) -> Bundle:
        """Its bundle from a log that holds nothing else."""
        checkpoint = Checkpoint(origin=self.market.log.key.name, size=1, root=self.record.leaf())
        return self.bundle(InclusionProof(index=0, path=(), note=sign_checkpoint(checkpoint, self.market.log)))

    def settled(self) -> SettledOrder:
        """Its `Paid` event."""
        paid = self.settlement[-1]
        return SettledOrder(
            order_id=self.id,
            model=ModelId(self.order.model),
            provider=self.order.provider,
            gathered=self.record.gathered,
            time=paid.time,
            block=paid.block,
            index=paid.index,
        )


class SampleMarket:
    """One client, one provider, one model, as many settled orders as a test likes.

    Parameters
    ----------
    seed : str
        Equal seeds give equal markets.
    chain_id : int
        Of its chain.
    """

    def __init__(self, seed: str = "sample", *, chain_id: int = 31_337) -> None:
        self._seed = seed
        self.domain = Domain(chain_id=chain_id, market=self.address("market"))
        self.token = SettlementToken(
            name="US Dollar", version="2", token=self.address("token"), vault=self.address("vault")
        )
        self.checkpoints, self.log_id = self.address("checkpoints"), self.secret("log id")
        self.provider = address_of(self.secret("provider"))
        self.log = NoteSigner.from_seed("log.example/decisions", self.secret("log"))
        self.witnesses = tuple(
            NoteSigner.from_seed(f"witness{i}.example", self.secret(f"witness{i}"), KeyKind.WITNESS) for i in range(3)
        )
        self.manifest = Manifest(kind=ArtifactKind.MODEL, content={"name": f"sum of {seed}", "version": "1.0.0"})

    def secret(self, name: str) -> Bytes32:
        """Reproducible secret."""
        return keccak256(f"{self._seed}/{name}".encode())

    def address(self, name: str) -> Address:
        """Reproducible contract address."""
        return Address(self.secret(name)[:20])

    @cached_property
    def graph(self) -> Graph:
        """Two scores over four inputs."""
        rows = np.frombuffer(self.secret("weights")[:8], dtype=np.int8).reshape(2, 4)
        builder = GraphBuilder()
        return builder.build(builder.matmul(builder.input(4, ElementType.I16), rows, ElementType.I32))

    @cached_property
    def model(self) -> ModelCommitment:
        """Of :attr:`graph`."""
        return self.graph.commitment(self.manifest.digest())

    def trust(self, *, quorum: int = 0) -> TrustRoot:
        """Trust root that accepts this market and log."""
        return TrustRoot(
            log_keys=(self.log.key,),
            witness_keys=tuple(witness.key for witness in self.witnesses) if quorum else (),
            quorum=quorum,
            chain_id=self.domain.chain_id,
            market=self.domain.market,
            token=self.token.token,
            vault=self.token.vault,
            checkpoints=self.checkpoints,
            log=self.log_id,
        )

    def decide(
        self,
        sequence: int,
        *,
        policy: Policy | None = None,
        gathered: int = FRAUD_PROVABLE,
        mode: FundingMode = FundingMode.AUTHORIZATION,
    ) -> SampleDecision:
        """The settled order number `sequence`."""
        elements = np.arange(4) * 100 + sequence % 1000
        disclosed = DisclosedInput(words=pack_elements(elements, ElementType.I16), salt=self.secret(f"x{sequence}"))
        order = self._order(sequence, disclosed, policy or AnyOf(Native(), FraudProvable()))
        result = _result(run(self.graph, disclosed.words))
        settlement = self._placements(sequence)
        salts = RecordSalts(output=self.secret(f"o{sequence}"), evidence=self.secret(f"e{sequence}"))
        return SampleDecision(
            market=self,
            order=order,
            funding=self._fund(order, mode),
            input=disclosed,
            result=result,
            settlement=settlement,
            salts=salts,
            record=record_decision(
                domain=self.domain,
                order=order,
                result=result,
                gathered=gathered,
                settlement=settlement,
                sequence=sequence,
                salts=salts,
            ),
        )

    def facts(
        self, decision: SampleDecision, decisions: list[SampleDecision], anchors: tuple[AnchoredRoot, ...] = ()
    ) -> ChainFacts:
        """What an honest endpoint says."""
        commitment = commit_result(
            decision.id, decision.order.provider, decision.result.trace_root, decision.result.output_hash
        )
        state = OrderState(
            status=OrderStatus.PAID,
            gathered=decision.record.gathered,
            until=decision.record.time,
            commitment=commitment,
        )
        return ChainFacts(
            domain=self.domain,
            state=state,
            placements=decision.settlement,
            settled=tuple(other.settled() for other in decisions),
            anchors=anchors,
        )

    def _order(self, sequence: int, disclosed: DisclosedInput, policy: Policy) -> Order:
        time = START + 100 * sequence
        return Order(
            client=address_of(self.secret("client")),
            provider=self.provider,
            price=Amount(500_000),
            bond=Amount(2_000_000),
            accept_by=Timestamp(time + 60),
            deliver_by=Timestamp(time + 600),
            window=Seconds(60),
            model=self.model.model_id(),
            input=input_root(disclosed.words, disclosed.salt, self.graph.input_depth),
            evidence=encode_policy(policy),
            salt=self.secret(f"order{sequence}"),
        )

    def _fund(self, order: Order, mode: FundingMode) -> Funding:
        digest = order_id(order, self.domain)
        if mode is FundingMode.AUTHORIZATION:
            token = self.token
            digest = OrderId(
                receive_authorization_digest(
                    TokenDomain(
                        name=token.name, version=token.version, chain_id=self.domain.chain_id, token=token.token
                    ),
                    payer=order.client,
                    payee=token.vault,
                    value=order.price,
                    valid_after=0,
                    valid_before=order.accept_by + 1,
                    nonce=digest,
                )
            )
        return Funding(mode=mode, signature=sign_digest(self.secret("client"), digest))

    def _placements(self, sequence: int) -> tuple[Placement, ...]:
        return tuple(
            Placement(
                event=event,
                block=10 * sequence + offset,
                index=offset,
                time=Timestamp(START + 100 * sequence + 10 * offset),
                transaction=sha256(f"{event} {sequence}".encode()),
                block_hash=sha256(f"block {sequence} {offset}".encode()),
            )
            for offset, event in enumerate(("Accepted", "Delivered", "Paid"), start=1)
        )


def _result(execution: Execution) -> Result:
    tree = MerkleTree.of_words(execution.trace, execution.graph.trace_depth)
    return Result(trace_root=tree.root, output=execution.output)
