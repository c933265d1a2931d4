"""A market with a proof court on a development chain, one proven order, and claims about it, true and false."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from concordat.chain.accounts import Account
from concordat.chain.answers import Refusal, quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract, custom_error
from concordat.chain.deploy import deploy
from concordat.chain.disclosure import refutation
from concordat.chain.proof_court import PostedClaim, ProofCourt
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.chain.translate import call_for
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds, Timestamp
from concordat.protocol.claim_messages import claim_find_digest, data_root
from concordat.protocol.evidence import ZeroKnowledge, encode_policy
from concordat.protocol.order import Domain, Order, order_id
from concordat.testing.inference import ProvenCase
from concordat.zk.hidden import Answer, input_hash
from concordat.zk.statement import Statement
from concordat.zk.steps import Layout, Step, claim_data, find_failing_step

__all__ = ["ClaimStage", "flipped"]

_MANIFEST = bytes(31) + b"\x07"
_VALIDITY = 2


def flipped(data: bytes, at: int, bits: int = 1) -> bytes:
    """The data with bits of one byte changed."""
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


@dataclass(frozen=True, kw_only=True)
class ClaimStage:
    """Client is account 1, provider 2, challenger 3; the order is funded."""

    endpoint: Endpoint
    """The chain."""
    at: dict[str, Address]
    """Contracts."""
    accounts: list[Account]
    """Development accounts."""
    court: ProofCourt
    """The proof court."""
    order: Order
    """A funded order for a hidden model's answer."""
    statement: Statement
    """What its proof shows."""
    head: bytes
    """Opens model and input."""
    output: bytes
    """The right output."""
    proof: bytes
    """A proof of it."""
    data: bytes
    """The proof with what its steps give."""

    @classmethod
    def build(cls, node: AnvilNode, case: ProvenCase) -> ClaimStage:
        """Deploy, place, fund, prove."""
        accounts, endpoint = node.development_accounts(), node.endpoint
        at = _deploy(endpoint, accounts[0])
        send = TransactionSender(endpoint).send
        model = case.hidden
        now = quantity(endpoint.call("eth_getBlockByNumber", "latest", False)["timestamp"])
        taken = case.taken.commitment
        order = Order(
            client=accounts[1].address,
            provider=accounts[2].address,
            price=Amount(1_000_000),
            bond=Amount(4_000_000),
            accept_by=Timestamp(now + 1000),
            deliver_by=Timestamp(now + 2000),
            window=Seconds(300),
            model=model.commitment(_MANIFEST).model_id(),
            input=input_hash(taken),
            evidence=encode_policy(ZeroKnowledge()),
            salt=Bytes32(keccak256(b"salt")),
        )
        name = order_id(order, Domain(chain_id=endpoint.chain_id, market=at["Market"]))
        for account in accounts[1:3]:
            send(account, at["DevToken"], contract("DevToken").call("mint", account.address, 10_000_000))
            send(account, at["DevToken"], contract("DevToken").call("approve", at["Vault"], 10_000_000))
            send(account, at["Vault"], contract("Vault").call("deposit", 10_000_000))
        court = ProofCourt(endpoint, at["ProofCourt"])
        court.admit(accounts[4], case.statement.relation)
        send(accounts[2], at["Market"], contract("Market").call("accept", order, 1, accounts[1].sign(name)))
        statement = replace(
            case.statement, chain_id=endpoint.chain_id, contract=at["Market"], order=name, model=order.model
        )
        proof = case.prove(statement=statement)
        return cls(
            endpoint=endpoint,
            at=at,
            accounts=accounts,
            court=court,
            order=order,
            statement=statement,
            head=model.evidence(_MANIFEST, Answer(input=taken, proof=b""))[:208],
            output=model.output(list(statement.publics[0])),
            proof=proof,
            data=claim_data(statement, proof),
        )

    @property
    def name(self) -> OrderId:
        """The order's id."""
        return OrderId(Bytes32(self.statement.order))

    def stating(self, output: bytes) -> Statement:
        """The statement with another output."""
        count = len(self.statement.publics[0])
        numbers = [int.from_bytes(output[4 * i : 4 * i + 4], "big", signed=True) for i in range(count)]
        return replace(self.statement, publics=(tuple(numbers),))

    def post(self, data: bytes | None = None, output: bytes | None = None) -> dict[str, Any]:
        """The provider posts a claim; the receipt."""
        receipt: dict[str, Any] = self.court.post(
            self.accounts[2],
            self.order,
            head=self.head,
            relation=self.statement.relation,
            output=output or self.output,
            data=data or self.data,
        )
        return receipt

    def claim(self) -> PostedClaim:
        """The last claim."""
        return list(self.court.claims())[-1]

    def submit(self, output: bytes | None = None) -> dict[str, Any]:
        """The provider delivers a bare result."""
        return self.market(self.accounts[2], "submit", self.order, ZERO32, output or self.output)

    def prove(self, proof: bytes = b"", output: bytes | None = None) -> dict[str, Any]:
        """Anybody brings validity evidence."""
        return self.market(self.accounts[4], "prove", self.order, _VALIDITY, output or self.output, ZERO32, proof)

    def market(self, sender: Account, function: str, *arguments: Any) -> dict[str, Any]:
        """A transaction to the market."""
        call = contract("Market").call(function, *arguments)
        return TransactionSender(self.endpoint).send(sender, self.at["Market"], call)

    def status(self) -> int:
        """`OrderStatus`."""
        slot = self.endpoint.call(
            "eth_call",
            {"to": to_hex(self.at["Market"]), "data": to_hex(contract("Market").call("state", self.name))},
            "latest",
        )
        return int(slot, 16) >> 253

    def judged(
        self,
        claim: PostedClaim,
        data: bytes,
        step: Step,
        index: int,
        *,
        output: bytes | None = None,
        gas: int = 1 << 24,
    ) -> str:
        """What the court would say to a refutation: the name of its error, or nothing if it convicts."""
        salt, sender = bytes(32), self.accounts[3].address
        statement = self.stating(output or self.output)
        call = call_for(refutation(self.order, claim.posted, statement, data, step, index, salt))[1]
        digest = claim_find_digest(self.name, step, index, sender, salt)
        slot = keccak256(digest + (2).to_bytes(32, "big"))
        found = {to_hex(self.court.address): {"stateDiff": {to_hex(slot): to_hex((1).to_bytes(32, "big"))}}}
        request = {
            "from": to_hex(sender),
            "to": to_hex(self.court.address),
            "data": to_hex(call),
            "gas": hex(gas),
        }
        try:
            self.endpoint.call("eth_call", request, "latest", found)
        except Refusal as refusal:
            return self.error(refusal)
        return ""

    def layout(self) -> Layout:
        """Where the parts of the data are."""
        counts = tuple(int.from_bytes(self.data[i : i + 2], "big") for i in range(0, 8, 2))
        return Layout.of(self.statement.relation, self.statement.parameters, counts)  # type: ignore[arg-type]

    def convicted(self, data: bytes, output: bytes | None = None) -> tuple[Step, int]:
        """Post false data, find, judge, and take it back: the step that the twin names, which convicts."""
        found = find_failing_step(self.stating(output or self.output), data)
        assert found is not None
        snapshot = self.endpoint.call("evm_snapshot")
        self.post(data, output)
        assert self.judged(self.claim(), data, *found, output=output) == "", found
        self.endpoint.call("evm_revert", snapshot)
        return found

    @staticmethod
    def error(refusal: Refusal) -> str:
        """Name of the custom error that a call reverted with."""
        known = custom_error(refusal.data) if refusal.data else None
        return known.name if known else "reverted"

    def refute(self, data: bytes, step: Step, index: int, *, output: bytes | None = None) -> dict[str, Any]:
        """The challenger commits to a find and shows it; the receipt."""
        claim, salt = self.claim(), keccak256(b"find")
        assert data_root(data) == claim.posted.root
        self.court.commit_find(self.accounts[3], claim, step, index, salt)
        statement = self.stating(output or self.output)
        return self.court.refute(self.accounts[3], self.order, claim, statement, data, step, index, salt)


def _deploy(endpoint: Endpoint, signer: Account) -> dict[str, Address]:
    """Contracts of a whole market, by name."""
    made = deploy(endpoint, signer)
    return dict(made.named()) | {"DevToken": made.token}
