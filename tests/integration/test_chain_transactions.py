"""Transactions on a real chain node: envelopes, nonces, prices, waiting, re-organisations."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise

import pytest

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.envelope import Call, Fees, SignedTransaction, call_of, contract_address, sign_call
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.chain.waiting import Patience
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError, TransactionError
from concordat.primitives.hashing import keccak256

pytestmark = pytest.mark.chain


@pytest.fixture
def payee() -> Account:
    return Account(keccak256(b"payee"))


@pytest.fixture
def quiet(fresh_anvil: AnvilNode) -> AnvilNode:
    """A chain that mines only when told."""
    fresh_anvil.endpoint.call("evm_setAutomine", False)
    return fresh_anvil


def every_look(seconds: float) -> Callable[[], float]:
    """A clock that moves by that much each time it is read."""
    ticks = count()
    return lambda: next(ticks) * seconds


def nonces_of(endpoint: Endpoint, account: Account) -> Counter[int]:
    """How often each nonce of an account was mined."""
    head = int(endpoint.call("eth_blockNumber"), 16)
    blocks = endpoint.batch([("eth_getBlockByNumber", [hex(number), True]) for number in range(head + 1)])
    sender = to_hex(account.address)
    return Counter(int(tx["nonce"], 16) for block in blocks for tx in block["transactions"] if tx["from"] == sender)


@pytest.mark.parametrize(
    ("to", "data", "value"),
    [(b"\x11" * 20, b"", 10**18), (b"\x11" * 20, b"\x00\x01data", 0), (None, b"\x5f\x5f\xf3", 0)],
)
def test_sign_call_gives_the_bytes_that_the_node_itself_signs(
    anvil: AnvilNode, accounts: list[Account], to: bytes | None, data: bytes, value: int
) -> None:
    call = Call(chain_id=31337, nonce=7, fees=Fees(max_fee=5 * 10**9, tip=3), gas=90_000, to=to, value=value, data=data)
    fields = {
        "from": to_hex(accounts[1].address),
        "nonce": "0x7",
        "gas": hex(90_000),
        "maxFeePerGas": hex(5 * 10**9),
        "maxPriorityFeePerGas": "0x3",
        "value": hex(value),
        "data": to_hex(data),
        "chainId": hex(31337),
    } | ({"to": to_hex(to)} if to else {})
    signed = sign_call(call, accounts[1])
    assert to_hex(signed.raw) == anvil.endpoint.call("eth_signTransaction", fields)
    assert call_of(signed.raw) == call
    assert SignedTransaction.of(signed.raw) == signed


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\x01\xc0", b"\x02" + b"\xf8" * 40, b"\x02\x80"])
def test_signed_transaction_of_other_bytes_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError) as caught:
        SignedTransaction.of(raw)
    assert caught.value.code == "BadTransaction"


def test_contract_address_is_where_the_node_puts_the_contract(anvil: AnvilNode, accounts: list[Account]) -> None:
    sender = TransactionSender(anvil.endpoint)
    signed = sender.prepare(accounts[1], None, bytes.fromhex("60015f5360015ff3"))
    sender.broadcast(signed.raw)
    receipt = sender.wait(signed)
    assert from_hex(receipt["contractAddress"]) == contract_address(accounts[1].address, signed.nonce)


def test_send_from_parallel_threads_leaves_no_gap_and_no_double(fresh_anvil: AnvilNode, payee: Account) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda value: sender.send(account, payee.address, value=value), range(1, 101)))
    assert {receipt["status"] for receipt in receipts} == {"0x1"}
    assert nonces_of(fresh_anvil.endpoint, account) == Counter(range(100))
    assert int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16) == sum(range(1, 101))


def test_send_with_one_key_in_two_independent_senders_loses_nothing(fresh_anvil: AnvilNode, payee: Account) -> None:
    account = fresh_anvil.development_accounts()[1]
    senders = [TransactionSender(Endpoint(fresh_anvil.url)) for _ in range(2)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda value: senders[value % 2].send(account, payee.address, value=value), range(1, 61)))
    balance = int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16)
    assert balance == sum(range(1, 61))
    assert set(nonces_of(fresh_anvil.endpoint, account).values()) == {1}


def test_prepare_in_parallel_before_any_broadcast_gives_consecutive_nonces(quiet: AnvilNode, payee: Account) -> None:
    account = quiet.development_accounts()[1]
    sender = TransactionSender(quiet.endpoint)
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(lambda _: sender.prepare(account, payee.address, value=1), range(20)))
    assert sorted(one.nonce for one in signed) == list(range(20))


def test_broadcast_of_the_same_bytes_many_times_pays_once(fresh_anvil: AnvilNode, payee: Account) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint)
    signed = sender.prepare(account, payee.address, value=5)
    for _ in range(3):
        sender.broadcast(signed.raw)
        sender.wait(signed)
    assert int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16) == 5


def test_broadcast_in_a_new_process_of_bytes_kept_from_an_old_one_is_mined(
    fresh_anvil: AnvilNode, payee: Account
) -> None:
    account = fresh_anvil.development_accounts()[1]
    raw = TransactionSender(fresh_anvil.endpoint).prepare(account, payee.address, value=5).raw
    later = TransactionSender(Endpoint(fresh_anvil.url))
    later.broadcast(raw)
    assert later.wait(SignedTransaction.of(raw))["status"] == "0x1"


def test_give_back_of_a_number_in_the_middle_hands_it_to_the_next(quiet: AnvilNode, payee: Account) -> None:
    account = quiet.development_accounts()[1]
    sender = TransactionSender(quiet.endpoint)
    first, second, third = (sender.prepare(account, payee.address, value=1) for _ in range(3))
    sender.give_back(second)
    for one in (first, third):
        sender.broadcast(one.raw)
    assert sender.prepare(account, payee.address, value=1).nonce == second.nonce


def test_prepare_after_the_chain_lost_what_it_was_offered_starts_from_its_count(
    fresh_anvil: AnvilNode, payee: Account
) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint)
    sender.send(account, payee.address, value=1)
    snapshot = fresh_anvil.endpoint.call("evm_snapshot")
    for _ in range(3):
        sender.send(account, payee.address, value=1)
    fresh_anvil.endpoint.call("evm_revert", snapshot)
    assert sender.prepare(account, payee.address, value=1).nonce == 1


def test_broadcast_with_a_nonce_that_another_transaction_used_is_refused(anvil: AnvilNode, payee: Account) -> None:
    account = anvil.development_accounts()[2]
    one, other = TransactionSender(anvil.endpoint), TransactionSender(anvil.endpoint)
    late = other.prepare(account, payee.address, value=1)
    one.send(account, payee.address, value=2)
    with pytest.raises(TransactionError) as caught:
        other.broadcast(late.raw)
    assert caught.value.code == "NonceSpent"


def test_broadcast_from_an_empty_account_is_refused_and_frees_its_nonce(anvil: AnvilNode, payee: Account) -> None:
    poor = Account(keccak256(b"poor"))
    sender = TransactionSender(anvil.endpoint)
    for _ in range(2):
        signed = sender.prepare(poor, payee.address, value=1, gas=21_000)
        assert signed.nonce == 0
        with pytest.raises(TransactionError) as caught:
            sender.broadcast(signed.raw)
        assert caught.value.code == "Unfunded"


def test_send_above_the_fee_ceiling_is_refused(anvil: AnvilNode, accounts: list[Account], payee: Account) -> None:
    with pytest.raises(TransactionError) as caught:
        TransactionSender(anvil.endpoint, fee_ceiling=1).send(accounts[1], payee.address, value=1)
    assert caught.value.code == "FeeTooHigh"


def test_wait_for_a_stuck_transaction_replaces_it_at_a_higher_price(quiet: AnvilNode, payee: Account) -> None:
    account = quiet.development_accounts()[1]
    sender = TransactionSender(
        quiet.endpoint, patience=Patience(resend_after=3, reprice_after=5, give_up_after=1e6), clock=every_look(1.0)
    )
    signed = sender.prepare(account, payee.address, value=1)
    sender.broadcast(signed.raw)
    replacements: list[SignedTransaction] = []

    def written_down(replacement: SignedTransaction) -> None:
        replacements.append(replacement)
        if len(replacements) == 2:
            quiet.mine()  # the first replacement is in the pool, the second was not offered yet

    receipt = sender.wait(signed, signer=account, on_reprice=written_down)
    assert from_hex(receipt["transactionHash"]) == replacements[0].hash
    prices = [call_of(one.raw).fees for one in (signed, *replacements)]
    for before, after in pairwise(prices):
        assert after.max_fee * 8 >= before.max_fee * 9
        assert after.tip * 8 >= before.tip * 9
    assert {one.nonce for one in replacements} == {signed.nonce}


def test_wait_for_a_transaction_that_is_never_mined_ends_as_stuck(quiet: AnvilNode, payee: Account) -> None:
    account = quiet.development_accounts()[1]
    sender = TransactionSender(quiet.endpoint, patience=Patience(give_up_after=30), clock=every_look(1.0))
    signed = sender.prepare(account, payee.address, value=1)
    sender.broadcast(signed.raw)
    with pytest.raises(TransactionError) as caught:
        sender.wait(signed)
    assert caught.value.code == "Stuck"


def test_wait_for_a_transaction_that_another_replaced_says_so(quiet: AnvilNode, payee: Account) -> None:
    account = quiet.development_accounts()[1]
    sender = TransactionSender(quiet.endpoint)
    signed = sender.prepare(account, payee.address, value=1)
    sender.broadcast(signed.raw)
    sender.broadcast(sender.reprice(signed, account).raw)
    quiet.mine()
    with pytest.raises(TransactionError) as caught:
        sender.wait(signed)
    assert caught.value.code == "NonceSpent"


@pytest.fixture
def mining(fresh_anvil: AnvilNode) -> Callable[[], float]:
    """A clock that mines a block whenever it is read."""

    def tick() -> float:
        fresh_anvil.mine()
        return 0.0

    return tick


def test_wait_with_confirmations_returns_only_when_the_block_lies_that_deep(
    fresh_anvil: AnvilNode, mining: Callable[[], float], payee: Account
) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint, patience=Patience(confirmations=4), clock=mining)
    receipt = sender.send(account, payee.address, value=1)
    head = int(fresh_anvil.endpoint.call("eth_blockNumber"), 16)
    assert head - int(receipt["blockNumber"], 16) >= 4


def test_wait_when_a_reorganisation_throws_the_transaction_out_brings_it_back(
    fresh_anvil: AnvilNode, payee: Account
) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint)
    fresh_anvil.mine(2)
    signed = sender.prepare(account, payee.address, value=1)
    snapshot = fresh_anvil.endpoint.call("evm_snapshot")
    sender.broadcast(signed.raw)
    first = sender.wait(signed)
    ticks = count()

    def reorganising() -> float:
        if (tick := next(ticks)) == 2:
            fresh_anvil.endpoint.call("evm_revert", snapshot)
        fresh_anvil.mine()
        return float(tick)

    patient = TransactionSender(
        fresh_anvil.endpoint, patience=Patience(confirmations=6, resend_after=1), clock=reorganising
    )
    again = patient.wait(signed)
    assert again["transactionHash"] == first["transactionHash"]
    assert again["blockHash"] != first["blockHash"]
    assert int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16) == 1


def test_deliver_of_bytes_that_became_too_cheap_prices_them_up(fresh_anvil: AnvilNode, payee: Account) -> None:
    account = fresh_anvil.development_accounts()[1]
    sender = TransactionSender(fresh_anvil.endpoint)
    signed = sender.prepare(account, payee.address, value=5)
    fresh_anvil.endpoint.call("anvil_setNextBlockBaseFeePerGas", hex(call_of(signed.raw).fees.max_fee * 5))
    fresh_anvil.mine()
    written: list[SignedTransaction] = []
    receipt = sender.deliver(signed, signer=account, on_reprice=written.append)
    assert [to_hex(one.hash) for one in written] == [receipt["transactionHash"]]
    with pytest.raises(TransactionError) as caught:
        sender.deliver(signed, signer=account)
    assert caught.value.code == "NonceSpent"
    assert int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16) == 5


SENDER_PROCESS = """
import sys
from concordat.chain.accounts import development_accounts
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
sender, account = TransactionSender(Endpoint(sys.argv[1])), development_accounts(2)[1]
for _ in range(25):
    sender.send(account, bytes.fromhex(sys.argv[2]), value=1)
"""


def test_send_from_two_processes_with_one_key_loses_nothing(fresh_anvil: AnvilNode, payee: Account) -> None:
    command = [sys.executable, "-c", SENDER_PROCESS, fresh_anvil.url, payee.address.hex()]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert int(fresh_anvil.endpoint.call("eth_getBalance", to_hex(payee.address), "latest"), 16) == 50
    assert nonces_of(fresh_anvil.endpoint, fresh_anvil.development_accounts()[1]) == Counter(range(50))
