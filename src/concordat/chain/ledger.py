"""`EvmLedger`: the protocol's ledger on a deployed market.

Every message becomes a call, every log an event, every custom error the protocol's error of that name. A message that
would be refused is refused by simulation on the pending block, and costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from concordat.chain.accounts import Relayed, Signer, payer
from concordat.chain.answers import Refusal, hex_bytes, member, quantity
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.claim_data import ClaimSource
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment, read
from concordat.chain.envelope import SignedTransaction, call_of
from concordat.chain.events import Cursor, EventFollower
from concordat.chain.headers import block_header
from concordat.chain.logs import block_times, fetch_logs
from concordat.chain.pool import carry
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.chain.transactions import TransactionSender, request_for
from concordat.chain.translate import call_for, error_for, event_of, placed
from concordat.chain.waiting import Patience
from concordat.primitives.encoding import ZERO_ADDRESS, checksum_address, from_hex, to_hex
from concordat.primitives.errors import (
    ConfigurationError,
    EndpointError,
    InputError,
    TransactionError,
)
from concordat.primitives.signatures import permit_digest
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.claim_messages import Carrier, PostClaim
from concordat.protocol.events import Event
from concordat.protocol.ledger import Balance, Placed, Receipt
from concordat.protocol.messages import Deposit, Message
from concordat.protocol.order import Order, OrderState, order_id
from concordat.protocol.panel import Member
from concordat.protocol.panel_messages import DrawPanel
from concordat.protocol.refusals import refusal

__all__ = ["EvmLedger"]

PERMIT_SECONDS = 3600
"""How long a deposit's permit is good."""


class EvmLedger:
    """`Ledger` on an EVM chain; safe to share between threads.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    deployment : Deployment
        Where the contracts are. It is checked against the endpoint before first use.
    signers : iterable of Signer
        Accounts that messages can be sent from.
    patience : Patience, optional
        How long to wait for a transaction, and how deep.
    beacon : str
        URL of the consensus node from which old blobs are read; none if empty.

    Raises
    ------
    ConfigurationError
        If the endpoint does not have this deployment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        deployment: Deployment,
        signers: Iterable[Signer] = (),
        *,
        patience: Patience | None = None,
        beacon: str = "",
    ) -> None:
        deployment.verify(endpoint)
        self.endpoint, self.deployment, self.beacon = endpoint, deployment, beacon
        self.domain, self.parameters = deployment.domain, deployment.parameters
        self.vault, self.token_domain = deployment.vault, deployment.token_domain
        self.sender = TransactionSender(endpoint, patience=patience)
        self._signers = {signer.address: signer for signer in signers}
        self._contracts = {"Vault": deployment.vault, "Market": deployment.market, "Court": deployment.court}
        self._contracts["Replication"] = deployment.replication
        if deployment.validity != ZERO_ADDRESS:
            self._contracts["ProofCourt"] = deployment.validity
        self.claims = ClaimSource(endpoint, deployment.validity, BlobArchive.of(endpoint, beacon))
        self._names = {address: name for name, address in self._contracts.items()}
        self._lock = threading.Lock()

    def add(self, signer: Signer) -> Address:
        """Let messages be sent from one more account."""
        with self._lock:
            self._signers[signer.address] = signer
            if isinstance(signer, Relayed):  # who can price its transactions up
                self._signers.setdefault(signer.relayer.address, payer(signer))
        return signer.address

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, message: Message, *, sender: Address) -> Receipt:
        """Apply one message and wait until it is in.

        Raises
        ------
        ProtocolError
            If the contracts refuse it; nothing was sent then.
        ChainError
            If the endpoint or the transaction fails for another reason.
        """
        signer = self._signer(sender)
        to, data = self._call(message, signer)
        sidecar = self._sidecar(message)
        try:
            raw_receipt = self.sender.send(signer, to, data, sidecar=sidecar)
        except Refusal as refusal:
            raise self._reverted(refusal) from refusal
        return self._receipt(raw_receipt, request_for(sender, to, data, sidecar=sidecar))

    def prepare(self, message: Message, *, sender: Address) -> SignedTransaction:
        """Simulate, price, number and sign a message without sending it: for journals.

        Raises
        ------
        ProtocolError
            If the contracts would refuse it.
        """
        signer = self._signer(sender)
        to, data = self._call(message, signer)
        try:
            return self.sender.prepare(signer, to, data, sidecar=self._sidecar(message))
        except Refusal as refusal:
            raise self._reverted(refusal) from refusal

    def deliver(
        self, raw: bytes, hash: bytes, *, on_reprice: Callable[[SignedTransaction], None] | None = None
    ) -> Receipt:
        """Broadcast prepared bytes, again if need be, and wait.

        Parameters
        ----------
        raw, hash : bytes
            As prepared.
        on_reprice : callable, optional
            Gets each dearer replacement before it is sent, to write it down instead.

        Raises
        ------
        ProtocolError
            If the contracts refused it.
        TransactionError
            ``NonceSpent`` if another transaction took its number: prepare it again.
        """
        signed = SignedTransaction.of(raw)
        if signed.hash != hash:
            raise InputError("These are not the bytes that were signed.", code="BadTransaction")
        call = call_of(raw)
        assert call.to is not None, "messages call contracts"
        raw_receipt = self.sender.deliver(signed, signer=self._signers.get(signed.sender), on_reprice=on_reprice)
        return self._receipt(raw_receipt, request_for(signed.sender, call.to, call.data, sidecar=call.sidecar))

    def stranded(self, raw: bytes) -> bool:
        """Whether the account still has a number free before that of these bytes: they cannot be mined then."""
        signed = SignedTransaction.of(raw)
        return quantity(self.endpoint.call("eth_getTransactionCount", to_hex(signed.sender), "pending")) < signed.nonce

    def simulate(self, message: Message, *, sender: Address) -> int:
        """Gas that a message would use now.

        Raises
        ------
        ProtocolError
            If the contracts would refuse it.
        """
        to, data = self._call(message, self._signer(sender))
        call = request_for(sender, to, data, sidecar=self._sidecar(message))
        try:
            return quantity(self.endpoint.call("eth_estimateGas", call, "pending"))
        except Refusal as refusal:
            raise self._reverted(refusal) from refusal

    def _signer(self, address: Address) -> Signer:
        with self._lock:
            signer = self._signers.get(address)
        if signer is None:
            raise ConfigurationError(
                f"Nobody here can sign for {checksum_address(address)}.",
                code="NoAccount",
                hint="Add the account's signer to the ledger.",
            )
        return signer

    def _call(self, message: Message, signer: Signer) -> tuple[Address, bytes]:
        if isinstance(message, Deposit) and 0 < message.amount < 2**128:
            return self.vault, self._deposit(message.amount, signer)
        if isinstance(message, DrawPanel) and not message.header:
            message = replace(message, header=self._drawing_header(message.order))
        name, data = call_for(message)
        if name not in self._contracts:  # a market from before there were claims
            raise refusal("NotAdmitted")
        return self._contracts[name], data

    def _sidecar(self, message: Message) -> Sidecar | None:
        """What travels beside a message."""
        if isinstance(message, PostClaim) and message.carrier is Carrier.BLOB:
            return carry(self.endpoint, message.data)
        return None

    def _drawing_header(self, order: Order) -> bytes:
        """Header of the block that draws an order's replicas; nothing where there is no such block yet."""
        key = order_id(order, self.domain)
        number = self._read("Replication", self.deployment.replication, "round", key)["draw_block"]
        return block_header(self.endpoint, number) if 0 < number <= self.head() else b""

    def _deposit(self, amount: int, signer: Signer) -> bytes:
        """A deposit out of the allowance if there is enough, else with a permit signed on the spot."""
        token, owner = self.deployment.token, signer.address
        allowance, nonce = read(
            self.endpoint,
            [("DevToken", token, "allowance", (owner, self.vault)), ("DevToken", token, "nonces", (owner,))],
        )
        if allowance < amount and isinstance(signer, Relayed):
            self.sender.send(signer, token, contract("DevToken").call("approve", self.vault, amount))
            allowance = amount
        if allowance >= amount:
            return contract("Vault").call("deposit", amount)
        deadline = self.now() + PERMIT_SECONDS
        digest = permit_digest(
            self.token_domain, owner=owner, spender=self.vault, value=amount, nonce=nonce, deadline=deadline
        )
        signature = signer.sign(digest)
        parts = signature[64], signature[:32], signature[32:64]
        return contract("Vault").call("depositWithPermit", amount, deadline, *parts)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def _receipt(self, receipt: Any, call: dict[str, Any]) -> Receipt:
        if quantity(member(receipt, "status")) != 1:
            raise self._explain(receipt, call)
        return Receipt(
            events=tuple(event for _, event in self._decoded(member(receipt, "logs"))),
            transaction=Bytes32(hex_bytes(member(receipt, "transactionHash"), length=32)),
            block=quantity(member(receipt, "blockNumber")),
            gas_used=quantity(member(receipt, "gasUsed")),
        )

    def _explain(self, receipt: Any, call: dict[str, Any]) -> Exception:
        """Why a mined transaction reverted: what the same call says on top of the block it is in."""
        try:
            self.endpoint.call("eth_call", call, receipt["blockNumber"])
        except Refusal as refusal:
            if refusal.data:
                return self._reverted(refusal)
        return TransactionError(
            "The transaction was mined but reverted.",
            code="Reverted",
            hint="Another message came first, or its gas ran out; look at the order's state.",
            transaction=receipt["transactionHash"],
        )

    @staticmethod
    def _reverted(refusal: Refusal) -> Exception:
        return error_for(refusal.data, refusal.text) if refusal.reverted else refusal

    def _decoded(self, logs: Any) -> list[tuple[Any, Event]]:
        """Protocol events among some logs, each with its log."""
        found = []
        try:
            for log in logs:
                name = self._names.get(Address(from_hex(log["address"])))
                event = event_of(name, log) if name is not None else None
                if event is not None:
                    found.append((log, event))
        except (KeyError, TypeError, InputError) as error:
            raise EndpointError(f"{self.endpoint.name} sent a malformed log.", code="EndpointGarbage") from error
        return found

    # -- reading -----------------------------------------------------------------------------------------------------

    def state(self, order: OrderId) -> OrderState:
        """One order's slot."""
        slot = self._read("Market", self.deployment.market, "state", order)
        try:
            return OrderState.unpack(slot)
        except ValueError as error:
            raise EndpointError("The market's slot of this order means nothing.", code="EndpointGarbage") from error

    def balance(self, account: Address) -> Balance:
        """One account in the vault."""
        free, locked = self._read("Vault", self.vault, "balance", account)
        return Balance(free=Amount(free), locked=Amount(locked))

    def token_balance(self, account: Address) -> Amount:
        """Settlement tokens held outside the vault."""
        return Amount(self._read("DevToken", self.deployment.token, "balanceOf", account))

    def member(self, replica: Address) -> Member:
        """One member of the pool of replicas; place zero if it is none."""
        return Member(**self._read("Replication", self.deployment.replication, "member", replica))

    def now(self) -> Timestamp:
        """Time that a message sent now would see: the pending block's, or the latest's where there is none.

        The latest block of a chain that mines on demand is as old as the last message.
        """
        asked: list[tuple[str, list[Any]]] = [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "pending")]
        latest, pending = self.endpoint.batch(asked)
        blocks = [latest] if pending is None else [latest, pending]
        return Timestamp(max(quantity(member(block, "timestamp")) for block in blocks))

    def head(self) -> int:
        """Number of the latest block."""
        return quantity(self.endpoint.call("eth_blockNumber"))

    def events(self, *, start: int = 0, end: int | None = None) -> list[Placed]:
        """All events in blocks ``start … end``, both included."""
        first = max(start, self.deployment.block)
        last = self.head() if end is None else end
        return self.placed(fetch_logs(self.endpoint, list(self._names), first, last))

    def follower(self, *, cursor: Cursor | None = None, confirmations: int = 0) -> EventFollower:
        """A follower of the deployment's logs; :meth:`placed` makes events of them."""
        return EventFollower(
            self.endpoint, self._names, start=self.deployment.block, cursor=cursor, confirmations=confirmations
        )

    def placed(self, logs: Sequence[dict[str, Any]]) -> list[Placed]:
        """Protocol events among some logs, with their places."""
        decoded = self._decoded(logs)
        times = block_times(self.endpoint, [log for log, _ in decoded])
        return [placed(event, log, times[log["blockNumber"]]) for log, event in decoded]

    def _read(self, name: str, address: Address, function: str, *arguments: Any) -> Any:
        return read(self.endpoint, [(name, address, function, arguments)])[0]
