"""Endpoints that are down, slow, lagging, lying or repeating themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from concordat.chain.accounts import Account
from concordat.chain.answers import Refusal
from concordat.chain.anvil import AnvilNode
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.claim_data import ClaimSource
from concordat.chain.deployment import Deployment
from concordat.chain.development import DevelopmentLedger
from concordat.chain.events import Cursor, SeenBlock
from concordat.chain.ledger import EvmLedger
from concordat.chain.pool import takes_blobs, wants_cells
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender, request_for
from concordat.chain.waiting import Patience
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConcordatError, ConfigurationError, EndpointError
from concordat.primitives.hashing import keccak256
from concordat.protocol.claim_messages import Posted
from concordat.testing.faults import Fault, FaultyEndpoint

pytestmark = pytest.mark.chain

PASSING = [
    Fault.RESET,
    Fault.LOST_ANSWER,
    Fault.GARBAGE,
    Fault.TRUNCATED,
    Fault.BUSY,
    Fault.DUPLICATED_REQUEST,
    Fault.DUPLICATED_ANSWER,
    Fault.OTHER_QUESTION,
]


@pytest.fixture
def faulty(fresh_anvil: AnvilNode) -> Iterator[FaultyEndpoint]:
    with FaultyEndpoint(fresh_anvil.url) as proxy:
        yield proxy


def endpoint_of(proxy: FaultyEndpoint, **options: object) -> Endpoint:
    return Endpoint(proxy.url, pause=0.001, **options)  # type: ignore[arg-type]


def balance(node: AnvilNode, account: Account) -> int:
    return int(node.endpoint.call("eth_getBalance", to_hex(account.address), "latest"), 16)


@pytest.mark.parametrize("fault", PASSING)
def test_read_through_a_passing_fault_gets_its_own_answer(fault: Fault, faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty)
    endpoint.call("eth_chainId")
    faulty.inject(fault, fault)
    answers = [endpoint.call("eth_getBlockByNumber", "0x0", False)["number"] for _ in range(3)]
    answers += [endpoint.call("eth_chainId"), *endpoint.batch([("eth_blockNumber", []), ("eth_chainId", [])])]
    assert answers == ["0x0", "0x0", "0x0", "0x7a69", "0x0", "0x7a69"]
    assert faulty.pending == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.RESET, "EndpointDown"),
        (Fault.TRUNCATED, "EndpointDown"),
        (Fault.GARBAGE, "EndpointGarbage"),
        (Fault.OTHER_QUESTION, "EndpointGarbage"),
        (Fault.BUSY, "EndpointBusy"),
    ],
)
def test_read_through_a_lasting_fault_ends_with_its_name_after_bounded_attempts(
    fault: Fault, code: str, faulty: FaultyEndpoint
) -> None:
    endpoint = endpoint_of(faulty, retries=3)
    endpoint.call("eth_chainId")
    faulty.methods.clear()
    faulty.inject(*[fault] * 20, method="eth_blockNumber")
    with pytest.raises(EndpointError) as caught:
        endpoint.call("eth_blockNumber")
    assert caught.value.code == code
    assert faulty.methods.count("eth_blockNumber") == 4


def test_read_from_a_silent_endpoint_ends_as_slow(faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty, timeout=0.1, retries=1)
    faulty.inject(*[Fault.SILENCE] * 4)
    with pytest.raises(EndpointError) as caught:
        endpoint.call("eth_blockNumber")
    assert caught.value.code == "EndpointSlow"


def test_write_that_may_have_happened_is_not_repeated(faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty)
    endpoint.call("eth_chainId")
    faulty.inject(Fault.LOST_ANSWER, method="anvil_mine")
    with pytest.raises(EndpointError):
        endpoint.call("anvil_mine", "0x1")
    assert endpoint.call("eth_blockNumber") == "0x1"


def test_read_that_is_refused_is_not_repeated(faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty)
    with pytest.raises(Refusal):
        endpoint.call("eth_noSuchMethod")
    assert faulty.methods.count("eth_noSuchMethod") == 1


def test_endpoint_of_another_chain_is_refused(faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty, chain_id=1)
    with pytest.raises(EndpointError) as caught:
        endpoint.call("eth_blockNumber")
    assert caught.value.code == "WrongChain"
    assert "eth_blockNumber" not in faulty.methods


def test_endpoint_that_comes_back_as_another_chain_is_refused(faulty: FaultyEndpoint) -> None:
    endpoint = endpoint_of(faulty)
    assert endpoint.chain_id == 31337
    faulty.chain_id = 1
    faulty.inject(Fault.RESET)
    with pytest.raises(EndpointError) as caught:
        endpoint.call("eth_blockNumber")
    assert caught.value.code == "WrongChain"


@pytest.mark.parametrize("url", ["", "localhost:8545", "ws://localhost:8545", "http://", "file:///etc/passwd"])
def test_endpoint_with_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Endpoint(url)


def test_endpoint_never_shows_the_secrets_in_its_url() -> None:
    endpoint = Endpoint("http://user:hunter2@127.0.0.1:1/v3/api-key?token=s3cret", retries=0)
    with pytest.raises(EndpointError) as caught:
        endpoint.call("eth_blockNumber")
    shown = repr(endpoint) + str(caught.value) + repr(caught.value.fields)
    assert not any(secret in shown for secret in ("hunter2", "api-key", "s3cret"))


@pytest.mark.parametrize("fault", PASSING)
def test_send_through_a_passing_fault_pays_exactly_once(
    fault: Fault, faulty: FaultyEndpoint, fresh_anvil: AnvilNode
) -> None:
    payee, account = Account(keccak256(b"payee")), fresh_anvil.development_accounts()[1]
    faulty.inject(fault, method="eth_sendRawTransaction")
    receipt = TransactionSender(endpoint_of(faulty)).send(account, payee.address, value=5)
    assert receipt["status"] == "0x1"
    assert faulty.pending == 0
    assert balance(fresh_anvil, payee) == 5
    count = fresh_anvil.endpoint.call("eth_getTransactionCount", to_hex(account.address), "latest")
    assert count == "0x1"


def test_wait_through_an_outage_finds_the_receipt(faulty: FaultyEndpoint, fresh_anvil: AnvilNode) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(endpoint_of(faulty))
    signed = sender.prepare(account, account.address)
    sender.broadcast(signed.raw)
    faulty.inject(*[Fault.RESET] * 12)
    assert sender.wait(signed)["status"] == "0x1"


def test_wait_through_an_endless_outage_ends_with_the_endpoints_error(
    faulty: FaultyEndpoint, fresh_anvil: AnvilNode
) -> None:
    account = fresh_anvil.development_accounts()[1]
    ticks = iter(range(10**6))
    sender = TransactionSender(
        endpoint_of(faulty, retries=0), patience=Patience(outage=10), clock=lambda: float(next(ticks))
    )
    signed = sender.prepare(account, account.address)
    sender.broadcast(signed.raw)
    faulty.down = True
    with pytest.raises(EndpointError) as caught:
        sender.wait(signed)
    assert caught.value.code == "EndpointDown"


def test_wait_at_an_endpoint_that_lags_is_patient(faulty: FaultyEndpoint, fresh_anvil: AnvilNode) -> None:
    account = fresh_anvil.development_accounts()[1]
    fresh_anvil.mine(3)
    sender = TransactionSender(endpoint_of(faulty))
    signed = sender.prepare(account, account.address)
    sender.broadcast(signed.raw)
    faulty.lag = 2
    looks = iter(range(10**6))

    def clock() -> float:
        if next(looks) == 20:
            faulty.lag = 0
        return 0.0

    patient = TransactionSender(endpoint_of(faulty), clock=clock)
    assert patient.wait(signed)["status"] == "0x1"


def test_ledger_on_a_chain_without_its_contracts_is_refused(deployment: Deployment, fresh_anvil: AnvilNode) -> None:
    with pytest.raises(ConfigurationError) as caught:
        EvmLedger(fresh_anvil.endpoint, deployment)
    assert caught.value.code == "WrongContracts"


class Lying(Endpoint):
    """Says the same nonsense to every question."""

    def __init__(self, nonsense: Any) -> None:
        super().__init__("http://127.0.0.1:1", chain_id=31337)
        self.nonsense = nonsense

    def call(self, method: str, *params: Any) -> Any:
        return self.nonsense

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, partial: bool = False) -> list[Any]:
        return [self.nonsense for _ in calls]


NONSENSE: list[Any] = [
    None,
    True,
    0,
    1.5,
    "",
    "0x",
    "0x1",
    "0xzz",
    "0x" + "ff" * 32,
    [],
    [None],
    [{}],
    [{"address": 5}],
    {},
    {"number": 5},
    {"number": "0x5", "hash": "0x12", "parentHash": [], "timestamp": None, "logsBloom": "0x"},
    {"blockNumber": "0x5", "logs": 7, "status": "0x1", "transactionHash": "0x"},
    {"baseFeePerGas": ["abc"]},
    {"baseFeePerGas": []},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_everything_that_reads_from_a_lying_endpoint_ends_in_a_typed_error_or_nothing(
    nonsense: Any, evm_ledger: DevelopmentLedger, accounts: list[Account]
) -> None:
    endpoint = Lying(nonsense)
    ledger = EvmLedger(evm_ledger.endpoint, evm_ledger.deployment, accounts)
    ledger.endpoint = endpoint
    sender = TransactionSender(endpoint, patience=Patience(outage=-1, give_up_after=-1))
    signed = TransactionSender(evm_ledger.endpoint).prepare(accounts[1], accounts[2].address)
    me = accounts[1].address
    posted = Posted(output=b"", head=b"", relation=keccak256(b"relation"), blob=keccak256(b"blob"))
    for ask in (
        lambda: evm_ledger.deployment.verify(endpoint),
        lambda: ledger.state(keccak256(b"order")),
        lambda: ledger.balance(me),
        lambda: ledger.token_balance(me),
        ledger.now,
        ledger.head,
        ledger.events,
        lambda: ledger.follower().poll(),
        lambda: ledger.follower(cursor=Cursor(next=6, seen=(SeenBlock(number=5, hash=keccak256(b"")),))).poll(),
        lambda: sender.prepare(accounts[1], me),
        lambda: sender.wait(signed),
        lambda: ledger._receipt(nonsense, request_for(me, me, b"")),
        lambda: wants_cells(endpoint),
        lambda: takes_blobs(endpoint),
        lambda: ClaimSource(endpoint, me, BlobArchive.of(endpoint)).data(posted, keccak256(b"claim")),
        lambda: BlobArchive.of(endpoint, "http://127.0.0.1:9").blob(posted.blob, 1),
    ):
        with contextlib.suppress(ConcordatError):
            ask()
