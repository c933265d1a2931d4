"""Contract accounts in a folder: made, rotated, revoked, adopted; and whole after a cut in between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from concordat.chain import keystore
from concordat.chain.account_contracts import signers_of
from concordat.chain.accounts import Account
from concordat.chain.development import DevelopmentLedger
from concordat.client import contract_accounts
from concordat.client.contract_accounts import ContractAccounts
from concordat.primitives.errors import InputError, NotFoundError, ProtocolError, StorageError
from concordat.primitives.units import usd
from concordat.protocol.messages import Deposit, Withdraw

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True)
def _light_keystores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keystores that take milliseconds instead of half a second."""
    seal = keystore.seal_keystore
    monkeypatch.setattr(contract_accounts, "seal_keystore", lambda secret, password: seal(secret, password, cost=1024))


@pytest.fixture
def people(accounts: list[Account]) -> dict[str, Account]:
    return {"helper": accounts[1], "second": accounts[2]}


@pytest.fixture
def book(evm_ledger: DevelopmentLedger, people: dict[str, Account], tmp_path: Path) -> ContractAccounts:
    return ContractAccounts(tmp_path, evm_ledger.endpoint, people.__getitem__, lambda _: "password")


def use(ledger: DevelopmentLedger, book: ContractAccounts, name: str) -> int:
    """What the account has in the vault after it moved a dollar there."""
    account = book.open(name)
    ledger.add(account)
    ledger.mint(account.address, usd(1))
    ledger.send(Deposit(amount=usd(1)), sender=account.address)
    return ledger.balance(account.address).free


def test_account_works_again_from_its_files(evm_ledger: DevelopmentLedger, book: ContractAccounts) -> None:
    book.create("a", "lms", relayer="helper", height=5)
    assert use(evm_ledger, book, "a") == usd(1)
    assert use(evm_ledger, book, "a") == usd(2)
    assert book.left("a", book.file("a").signers[0]) == 32 - 4


def test_secrets_are_in_encrypted_keystores_only(book: ContractAccounts, tmp_path: Path) -> None:
    book.create("a", "lms", relayer="helper", height=5, recovery="slh-dsa")
    files = {path.name.split(".")[-1]: path for path in tmp_path.iterdir()}
    assert {"json", "tree", "index"} <= set(files)
    key = next(path for path in tmp_path.glob("a.*.json") if "account" not in path.name)
    assert key.stat().st_mode & 0o077 == 0
    wrong = ContractAccounts(tmp_path, book._endpoint, lambda _: Account(bytes(31) + b"\1"), lambda _: "other")
    with pytest.raises(InputError) as refused:
        wrong.open("a")
    assert refused.value.code == "WrongPassword"


def test_account_of_two_keys_needs_both_and_its_recovery_key_neither(
    evm_ledger: DevelopmentLedger, book: ContractAccounts
) -> None:
    file = book.create("a", "lms", relayer="helper", height=5, beside="second", recovery="slh-dsa")
    assert (file.threshold, [entry.weight for entry in file.signers]) == (2, [1, 1, 2])
    assert use(evm_ledger, book, "a") == usd(1)
    spare = book.open("a", recovery=True)
    evm_ledger.add(spare)
    evm_ledger.send(Withdraw(amount=usd(1), to=spare.address), sender=spare.address)
    assert evm_ledger.balance(spare.address).free == 0


def test_rotated_key_signs_and_the_one_before_is_gone(evm_ledger: DevelopmentLedger, book: ContractAccounts) -> None:
    old = book.create("a", "lms", relayer="helper", height=5, recovery="second").signers[0]
    use(evm_ledger, book, "a")
    fresh = book.rotate("a", evm_ledger)
    assert (fresh.first, fresh.kind, fresh.signer != old.signer) == (3, "lms", True)
    assert use(evm_ledger, book, "a") == usd(2)
    again = book.rotate("a", evm_ledger, by_recovery=True)
    assert again.signer in signers_of(evm_ledger.endpoint, book.file("a").address)
    assert use(evm_ledger, book, "a") == usd(3)


@pytest.mark.parametrize("sent", [False, True])
def test_rotation_cut_off_before_or_after_the_chain_heard_of_it_is_settled(
    evm_ledger: DevelopmentLedger, book: ContractAccounts, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    book.create("a", "lms", relayer="helper", height=5)
    change = contract_accounts.change_signers

    def cut(*arguments: object, **options: object) -> None:
        if sent:
            change(*arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    before = book.file("a").signers[0].signer
    monkeypatch.setattr(contract_accounts, "change_signers", cut)
    with pytest.raises(KeyboardInterrupt):
        book.rotate("a", evm_ledger)
    assert use(evm_ledger, book, "a") == usd(1)
    assert (book.file("a").signers[0].signer != before) is sent


def test_revoked_signer_no_longer_counts_and_the_last_cannot_go(
    evm_ledger: DevelopmentLedger, book: ContractAccounts
) -> None:
    file = book.create("a", "slh-dsa", relayer="helper", recovery="second")
    with pytest.raises(NotFoundError):
        book.revoke("a", evm_ledger, "nothing")
    left = book.revoke("a", evm_ledger, file.signers[0].name, by_recovery=True)
    assert [entry.name for entry in left.signers] == ["second"]
    with pytest.raises(ProtocolError):
        book.revoke("a", evm_ledger, "second", by_recovery=True)


def test_account_moved_elsewhere_signs_after_it_was_adopted(
    evm_ledger: DevelopmentLedger, book: ContractAccounts, tmp_path: Path, people: dict[str, Account]
) -> None:
    book.create("a", "lms", relayer="helper", height=5)
    use(evm_ledger, book, "a")
    shutil.copytree(tmp_path, tmp_path / "moved")
    moved = ContractAccounts(tmp_path / "moved", evm_ledger.endpoint, people.__getitem__, lambda _: "password")
    with pytest.raises(StorageError) as refused:
        use(evm_ledger, moved, "a")
    assert refused.value.code == "IndexCopied"
    moved.adopt("a", 10)
    assert use(evm_ledger, moved, "a") == usd(2)
    with pytest.raises(StorageError) as behind:
        use(evm_ledger, book, "a")
    assert behind.value.code == "IndexBehind"


def test_unknown_and_existing_names_are_refused(book: ContractAccounts) -> None:
    assert book.find("a") is None
    with pytest.raises(NotFoundError):
        book.file("a")
    book.create("a", "slh-dsa", relayer="helper")
    with pytest.raises(InputError):
        book.create("a", "slh-dsa", relayer="helper")
    with pytest.raises(InputError):
        book.adopt("a", 3)
    with pytest.raises(InputError):
        book.open("a", recovery=True)
