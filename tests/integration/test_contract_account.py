"""Providers whose address is a contract and whose key is hash-based: whole orders on a chain, and everything stolen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from concordat.chain.account_contracts import (
    change_signers,
    check_verifier,
    create_account,
    create_verifier,
    indices_of,
    signers_of,
)
from concordat.chain.accounts import Account
from concordat.chain.answers import Refusal
from concordat.chain.contract_account import (
    SLH_DSA_STEPS,
    AddressSigner,
    ContractAccount,
    LmsSigner,
    SlhDsaSigner,
)
from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.development import DevelopmentLedger
from concordat.primitives.errors import ConfigurationError, InputError, OrderError, StorageError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.lms import LmsKey
from concordat.primitives.signatures import cancel_digest, receive_authorization_digest
from concordat.primitives.slh_dsa import SlhDsaKey, slh_dsa_steps
from concordat.primitives.units import Address, Amount, Bytes32, Timestamp, usd
from concordat.protocol.batch import AccountDomain, Batch, Call
from concordat.protocol.evidence import FraudProvable, encode_policy
from concordat.protocol.execution import Result
from concordat.protocol.messages import (
    Accept,
    AcceptAndSubmit,
    Cancel,
    Deposit,
    Finalize,
    Funding,
    FundingMode,
    Submit,
    Withdraw,
)
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.storage.indices import IndexBook

pytestmark = pytest.mark.chain

RESULT = Result(trace_root=Bytes32(b"\x05" * 32), output=b"yes")
LMS = LmsKey(seed=sha256(b"a provider's key") + bytes(8), height=5)
SLH_DSA = SlhDsaKey(seed=sha256(b"a recovery key") + bytes(16))


class Scene:
    """A provider account on a market, with its client and whoever relays."""

    def __init__(self, ledger: DevelopmentLedger, accounts: list[Account], folder: Path) -> None:
        self.ledger, self.accounts, self.folder = ledger, accounts, folder
        self.client, self.relayer, self.stranger = accounts[1:4]
        self.lms = create_verifier(ledger.endpoint, self.relayer, "lms")
        self.slh_dsa = create_verifier(ledger.endpoint, self.relayer, "slh-dsa")
        self.books: list[IndexBook] = []

    def book(self, key: LmsKey = LMS, name: str = "key.index") -> IndexBook:
        self.books.append(IndexBook(self.folder / name, key.public, key.capacity))
        return self.books[-1]

    def lms_signer(self, key: LmsKey = LMS, name: str = "key.index", **options: int) -> LmsSigner:
        return LmsSigner(self.lms, key, self.book(key, name), **options)

    def account(self, *signers: LmsSigner | SlhDsaSigner | AddressSigner, threshold: int = 1) -> ContractAccount:
        """A new account of these signers, with 20 dollars in the vault."""
        names = [signer.signer for signer in signers]
        address = create_account(self.ledger.endpoint, self.relayer, names, [1] * len(names), threshold)
        made = ContractAccount(self.ledger.endpoint, address, signers, self.relayer)
        self.ledger.add(made)
        self.ledger.mint(address, usd(50))
        return made

    def offer(self, provider: Address, salt: int = 1) -> tuple[Order, Funding]:
        now = self.ledger.now()
        order = Order(
            client=self.client.address,
            provider=provider,
            price=usd(1),
            bond=usd(4),
            accept_by=Timestamp(now + 600),
            deliver_by=Timestamp(now + 1200),
            window=100,
            model=b"\x01" * 32,
            input=b"\x02" * 32,
            evidence=encode_policy(FraudProvable()),
            salt=salt.to_bytes(32, "big"),
        )
        digest = receive_authorization_digest(
            self.ledger.token_domain,
            payer=order.client,
            payee=self.ledger.vault,
            value=Amount(order.price),
            valid_after=0,
            valid_before=order.accept_by + 1,
            nonce=order_id(order, self.ledger.domain),
        )
        return order, Funding(mode=FundingMode.AUTHORIZATION, signature=self.client.sign(digest))

    def status(self, order: Order) -> OrderStatus:
        return self.ledger.state(order_id(order, self.ledger.domain)).status


@pytest.fixture
def scene(evm_ledger: DevelopmentLedger, accounts: list[Account], tmp_path: Path) -> Iterator[Scene]:
    made = Scene(evm_ledger, accounts, tmp_path)
    yield made
    for book in made.books:
        book.close()


def test_provider_with_a_hash_based_key_earns_and_withdraws(scene: Scene) -> None:
    ledger, provider = scene.ledger, scene.account(scene.lms_signer())
    ledger.send(Deposit(amount=usd(20)), sender=provider.address)
    order, funding = scene.offer(provider.address)
    ledger.send(Accept(order=order, funding=funding), sender=provider.address)
    assert ledger.balance(provider.address).locked == usd(4)
    ledger.send(Submit(order=order, result=RESULT), sender=provider.address)
    ledger.advance(101)
    ledger.send(Finalize(order=order), sender=scene.stranger.address)
    assert scene.status(order) is OrderStatus.PAID
    assert ledger.balance(provider.address).free == usd(21)
    ledger.send(Withdraw(amount=usd(21), to=provider.address), sender=provider.address)
    assert ledger.token_balance(provider.address) == usd(51)
    assert indices_of(ledger.endpoint, provider.address, signers_of(ledger.endpoint, provider.address)[0]) == (0, 32, 5)


def test_provider_of_two_kinds_of_key_needs_both(scene: Scene) -> None:
    both = scene.account(SlhDsaSigner(scene.slh_dsa, SLH_DSA), AddressSigner(scene.stranger), threshold=2)
    scene.ledger.send(Deposit(amount=usd(4)), sender=both.address)
    assert scene.ledger.balance(both.address).free == usd(4)
    half = ContractAccount(scene.ledger.endpoint, both.address, [AddressSigner(scene.stranger)], scene.relayer)
    data = contract("Vault").call("withdraw", usd(4), scene.stranger.address)
    with pytest.raises(Refusal):
        scene.ledger.sender.send(half, scene.ledger.vault, data)


def test_dear_slh_dsa_signature_is_made_again_until_it_is_cheap_and_holds(scene: Scene) -> None:
    numbered = (keccak256(b"digest %d" % number) for number in range(20))
    dear = next(d for d in numbered if slh_dsa_steps(SLH_DSA.public, d, SLH_DSA.sign(d)) > SLH_DSA_STEPS)
    signature = SlhDsaSigner(scene.slh_dsa, SLH_DSA).sign(dear, 0, own=False)
    assert slh_dsa_steps(SLH_DSA.public, dear, signature) <= SLH_DSA_STEPS
    asked = ("SlhDsaVerifier", scene.slh_dsa, "verify", (SLH_DSA.public, dear, signature))
    assert read(scene.ledger.endpoint, [asked]) == [bytes.fromhex("024ad318")]


def test_cancellation_by_a_contract_account_is_signed_without_a_transaction(scene: Scene) -> None:
    quantum, plain = SlhDsaSigner(scene.slh_dsa, SLH_DSA), AddressSigner(scene.stranger)
    both = scene.account(quantum, plain)
    provider = ContractAccount(scene.ledger.endpoint, both.address, [plain], scene.relayer)
    scene.ledger.add(provider)
    scene.ledger.send(Deposit(amount=usd(20)), sender=provider.address)
    order, funding = scene.offer(provider.address)
    scene.ledger.send(Accept(order=order, funding=funding), sender=provider.address)
    digest = cancel_digest(order_id(order, scene.ledger.domain), scene.ledger.domain)
    signature = ContractAccount(scene.ledger.endpoint, both.address, [quantum], scene.relayer).sign(digest)
    message = Cancel(order=order, client_signature=scene.client.sign(digest), provider_signature=signature)
    scene.ledger.send(message, sender=scene.stranger.address)
    assert scene.status(order) is OrderStatus.CANCELLED


def test_counted_key_signs_no_digest_for_others(scene: Scene) -> None:
    with pytest.raises(InputError) as refused:
        scene.account(scene.lms_signer()).sign(keccak256(b"anything"))
    assert refused.value.code == "CountedSigner"


def test_message_that_would_be_refused_takes_no_index(scene: Scene) -> None:
    provider = scene.account(scene.lms_signer())
    order, _ = scene.offer(provider.address)
    with pytest.raises(OrderError):
        scene.ledger.send(Submit(order=order, result=RESULT), sender=provider.address)
    assert scene.books[0].next == 0


def test_prepared_bytes_are_sent_again_under_the_same_index(scene: Scene) -> None:
    provider = scene.account(scene.lms_signer())
    scene.ledger.send(Deposit(amount=usd(20)), sender=provider.address)
    order, funding = scene.offer(provider.address)
    taken = scene.books[0].next
    message = AcceptAndSubmit(order=order, funding=funding, result=RESULT)
    signed = scene.ledger.prepare(message, sender=provider.address)
    assert scene.books[0].next == taken + 1
    for _ in range(2):
        scene.ledger.deliver(signed.raw, signed.hash)
    assert scene.status(order) is OrderStatus.DELIVERED
    assert scene.books[0].next == taken + 1


def test_higher_fee_takes_no_new_index(scene: Scene) -> None:
    provider = scene.account(scene.lms_signer())
    scene.ledger.send(Deposit(amount=usd(20)), sender=provider.address)
    data = contract("Vault").call("withdraw", usd(1), provider.address)
    signed = scene.ledger.sender.prepare(provider, scene.ledger.vault, data)
    taken = scene.books[0].next
    dearer = scene.ledger.sender.reprice(signed, scene.relayer)
    assert dearer.hash != signed.hash
    scene.ledger.sender.deliver(dearer)
    assert (scene.books[0].next, scene.ledger.balance(provider.address).free) == (taken, usd(19))


def test_key_that_was_rotated_no_longer_signs_and_its_successor_does(scene: Scene) -> None:
    ledger, old = scene.ledger, scene.lms_signer()
    account = scene.account(old)
    ledger.send(Deposit(amount=usd(1)), sender=account.address)
    fresh = LmsKey(seed=sha256(b"the next key") + bytes(8), height=5)
    book = scene.book(fresh, "next.index")
    change_signers(
        account, ledger.sender, added=[scene.lms + fresh.public], weights=[1], removed=[old.signer], threshold=1
    )
    first, capacity, following = indices_of(ledger.endpoint, account.address, scene.lms + fresh.public)
    assert (first, capacity, following) == (3, 32, 3)
    data = contract("Vault").call("withdraw", usd(1), account.address)
    with pytest.raises(Refusal):
        ledger.sender.send(account, ledger.vault, data)
    successor = LmsSigner(scene.lms, fresh, book, first=first)
    ledger.add(ContractAccount(ledger.endpoint, account.address, [successor], scene.relayer))
    ledger.send(Withdraw(amount=usd(1), to=account.address), sender=account.address)
    assert ledger.balance(account.address).free == 0


def test_last_index_is_kept_for_the_rotation(scene: Scene) -> None:
    signer = scene.lms_signer()
    account = scene.account(signer)
    scene.books[0].skip(31)
    with pytest.raises(InputError) as refused:
        scene.ledger.send(Deposit(amount=usd(1)), sender=account.address)
    assert refused.value.code == "KeyExhausted"
    owner = bytes(scene.stranger.address)
    change_signers(account, scene.ledger.sender, added=[owner], weights=[1], removed=[signer.signer], threshold=1)
    assert signers_of(scene.ledger.endpoint, account.address) == [owner]


# -- theft ------------------------------------------------------------------------------------------------------------


def test_relayer_can_neither_change_nor_repeat_a_batch(scene: Scene) -> None:
    provider = scene.account(scene.lms_signer())
    scene.ledger.send(Deposit(amount=usd(20)), sender=provider.address)
    call = Call(target=scene.ledger.vault, data=contract("Vault").call("withdraw", usd(1), provider.address))
    batch = provider.batch([call])
    stolen = batch.replace(provider.address, scene.stranger.address)
    assert stolen != batch
    with pytest.raises(Refusal):
        scene.ledger.sender.send(scene.stranger, provider.address, stolen)
    scene.ledger.sender.send(scene.stranger, provider.address, batch)
    with pytest.raises(Refusal):
        scene.ledger.sender.send(scene.stranger, provider.address, batch)
    assert scene.ledger.balance(provider.address).free == usd(19)


def test_index_below_the_accounts_number_is_refused_on_chain(scene: Scene) -> None:
    account = scene.account(scene.lms_signer())
    for _ in range(2):
        scene.ledger.sender.send(account, scene.ledger.vault, contract("Vault").call("version"))
    domain = AccountDomain(chain_id=scene.ledger.domain.chain_id, account=account.address)
    now = scene.ledger.now()
    for number, index in ((1, 1), (2, 1), (2, 3)):
        calls = [Call(target=scene.ledger.vault, data=b"\x54\xfd\x4d\x50")]
        batch = Batch(calls=calls, number=number, deadline=Timestamp(now + 60))
        signature = LMS.sign(index, batch.digest(domain))
        arguments = calls, number, batch.deadline, [scene.lms + LMS.public], [signature]
        with pytest.raises(Refusal):
            scene.ledger.sender.send(
                scene.stranger, account.address, contract("ProviderAccount").call("execute", *arguments)
            )


def test_old_copy_of_the_book_is_told_by_the_chain_and_signs_nothing(scene: Scene, tmp_path: Path) -> None:
    account = scene.account(scene.lms_signer())
    scene.ledger.send(Deposit(amount=usd(20)), sender=account.address)
    # The machine was set back to before the first batch: book and mark are those of a fresh key.
    book = IndexBook(tmp_path / "restored.index", LMS.public, LMS.capacity)
    scene.books.append(book)
    restored = ContractAccount(scene.ledger.endpoint, account.address, [LmsSigner(scene.lms, LMS, book)], scene.relayer)
    data = contract("Vault").call("withdraw", usd(1), account.address)
    with pytest.raises(StorageError) as refused:
        scene.ledger.sender.send(restored, scene.ledger.vault, data)
    assert (refused.value.code, book.next) == ("IndexBehind", 0)


def test_digests_of_batches_are_the_contracts(scene: Scene) -> None:
    account = scene.account(AddressSigner(scene.stranger))
    domain = AccountDomain(chain_id=scene.ledger.domain.chain_id, account=account.address)
    calls = [Call(target=scene.ledger.vault, value=3, data=b"12345"), Call(target=account.address, data=b"")]
    batch = Batch(calls=calls, number=7, deadline=Timestamp(1_900_000_000))
    asked = [
        ("ProviderAccount", account.address, "digestOf", (calls, 7, batch.deadline)),
        ("ProviderAccount", account.address, "wrapped", (b"\x07" * 32,)),
    ]
    assert read(scene.ledger.endpoint, asked) == [batch.digest(domain), domain.wrapped(b"\x07" * 32)]


def test_verifier_that_is_another_contract_is_refused(scene: Scene) -> None:
    check_verifier(scene.ledger.endpoint, scene.lms, "lms")
    check_verifier(scene.ledger.endpoint, scene.slh_dsa, "slh-dsa")
    for address, scheme in ((scene.lms, "slh-dsa"), (scene.ledger.vault, "lms"), (scene.stranger.address, "lms")):
        with pytest.raises(ConfigurationError):
            check_verifier(scene.ledger.endpoint, address, scheme)
