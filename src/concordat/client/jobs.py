"""Jobs of anybody's ERC-8183 contract, decided by this market's evaluator.

The job's client names the evaluator and begins the description with what `description` returns. The provider backs
the funded job with an order of the market (`order_for`, `back`), accepts and delivers that order like any other, and
submits `deliverable` to the job's contract. Anybody then calls `settle` and `collect`.
"""

from __future__ import annotations

from concordat.chain.accounts import Signer
from concordat.chain.contracts import contract
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import Standards
from concordat.client.caller import Caller
from concordat.primitives.encoding import ZERO32, abi_words, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.evidence import FraudProvable, Policy, encode_policy
from concordat.protocol.execution import Result
from concordat.protocol.order import Order, order_id

__all__ = ["Jobs"]

UNIT = Amount(1)
"""Price of an order that backs a job: the job pays for the work, the order secures it."""


class Jobs:
    """The evaluator of one market.

    Parameters
    ----------
    ledger : EvmLedger
        The market.
    standards : Standards
        Where its evaluator is.
    """

    def __init__(self, ledger: EvmLedger, standards: Standards) -> None:
        self._ledger, self.evaluator = ledger, standards.evaluator
        self._caller = Caller(ledger, "JobEvaluator", standards.evaluator)

    # -- what is wanted ----------------------------------------------------------------------------------------------

    def description(
        self,
        model: ModelId,
        input_root: Bytes32,
        *,
        bond: Amount,
        window: Seconds,
        evidence: Policy | None = None,
        terms: Bytes32 = ZERO32,
    ) -> str:
        """What a job's description begins with; words for people may follow.

        Parameters
        ----------
        model : ModelId
            Which model shall decide.
        input_root : bytes
            Commitment to the salted input.
        bond : Amount
            What the provider puts at risk: four times what a false result could bring him.
        window : Seconds
            Time to challenge.
        evidence : Policy, optional
            Must be met by the window alone; default a fraud-provable trace.
        terms : bytes
            Hash of further terms.
        """
        policy = encode_policy(evidence or FraudProvable())
        return f"concordat:1:{to_hex(keccak256(abi_words(model, input_root, policy, window, bond, terms)))}"

    def order_for(
        self,
        commerce: Address,
        job: int,
        provider: Address,
        model: ModelId,
        input_root: Bytes32,
        *,
        bond: Amount,
        window: Seconds,
        until: Timestamp,
        evidence: Policy | None = None,
        terms: Bytes32 = ZERO32,
    ) -> Order:
        """The order that backs a job, to be accepted and delivered until some time; the rest as for `description`."""
        return Order(
            client=self.evaluator,
            provider=provider,
            price=UNIT,
            bond=bond,
            accept_by=until,
            deliver_by=until,
            window=window,
            model=model,
            input=input_root,
            evidence=encode_policy(evidence or FraudProvable()),
            terms=terms,
            salt=keccak256(abi_words(commerce, job)),
        )

    def deliverable(self, order: Order, result: Result) -> Bytes32:
        """What is submitted to the job's contract."""
        name = order_id(order, self._ledger.domain)
        return keccak256(abi_words(name, order.provider, result.trace_root, result.output_hash))

    # -- what is done ------------------------------------------------------------------------------------------------

    def back(self, signer: Signer, commerce: Address, job: int, order: Order, model: ModelCommitment) -> None:
        """Stand in for a funded job; pays one unit, which comes back with the order."""
        data = contract("DevToken").call("approve", self.evaluator, UNIT)
        self._ledger.sender.send(signer, self._ledger.deployment.token, data)
        self._caller.send(signer, "back", commerce, job, order, model)

    def settle(self, signer: Signer, commerce: Address, job: int, order: Order) -> None:
        """Let a job be completed or rejected as its order says; the evaluator's fee goes to the signer."""
        self._caller.send(signer, "settle", commerce, job, order)

    def reject_unbacked(self, signer: Signer, commerce: Address, job: int) -> None:
        """Let a job be rejected that was submitted without backing."""
        self._caller.send(signer, "rejectUnbacked", commerce, job)

    def collect(self, signer: Signer, order: Order) -> None:
        """Credit what a slashed, expired or never accepted order brought."""
        self._caller.send(signer, "collect", order)

    def withdraw(self, signer: Signer, to: Address) -> None:
        """Take one's credit."""
        self._caller.send(signer, "withdraw", to)

    def credit(self, account: Address) -> Amount:
        """What an account can withdraw."""
        return Amount(self._caller.read("credit", account))

    def order_of(self, commerce: Address, job: int) -> OrderId | None:
        """The order that backs a job, if one does."""
        found = self._caller.read("orderOf", commerce, job)
        return OrderId(found) if any(found) else None
