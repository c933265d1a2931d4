"""Accounts: keystores of the format's own vectors, derivation, external signers, and secrets that stay secret."""

from __future__ import annotations

import json
import pickle
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.accounts import Account, ExternalSigner, command_signer, development_accounts
from concordat.chain.keystore import open_keystore, seal_keystore
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import ConcordatError, ConfigurationError, InputError, NotFoundError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover

# Test vectors of the Web3 Secret Storage Definition.
SECRET = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
PASSWORD = "testpassword"
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
KEY = keccak256(b"cow")


def _changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    node = copy
    *parents, last = path.split(".")
    for name in parents:
        node = node[name]
    node[last] = value
    return copy


@pytest.mark.parametrize("document", [PBKDF2, SCRYPT], ids=["pbkdf2", "scrypt"])
def test_open_keystore_of_the_formats_vectors_gives_their_key(document: dict[str, Any]) -> None:
    assert open_keystore(document, PASSWORD).hex() == SECRET


def test_open_keystore_with_another_password_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        open_keystore(PBKDF2, "testpassworD")
    assert caught.value.code == "WrongPassword"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 1),
        ("crypto.cipher", "aes-256-ctr"),
        ("crypto.ciphertext", "53"),
        ("crypto.ciphertext", "zz"),
        ("crypto.cipherparams", None),
        ("crypto.kdf", "argon2"),
        ("crypto.kdfparams.dklen", 1 << 40),
        ("crypto.kdfparams.c", 1 << 60),
        ("crypto.kdfparams.c", "262144"),
        ("crypto.kdfparams.prf", "hmac-md5"),
        ("crypto.kdfparams.salt", 5),
    ],
)
def test_open_keystore_of_a_malformed_or_hostile_document_is_refused(path: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        open_keystore(_changed(PBKDF2, path, value), PASSWORD)
    assert caught.value.code == "BadKeystore"


@pytest.mark.parametrize("value", [0, -1, 3, 1 << 40, "262144"])
def test_open_keystore_that_asks_for_absurd_scrypt_work_is_refused(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        open_keystore(_changed(SCRYPT, "crypto.kdfparams.n", value), PASSWORD)
    assert caught.value.code == "BadKeystore"


def test_seal_keystore_then_open_gives_the_key_and_names_the_address() -> None:
    document = seal_keystore(KEY, "pässwörd", cost=1 << 12)
    assert open_keystore(json.loads(json.dumps(document)), "pässwörd") == KEY
    assert document["address"] == "cd2a3d9f938e13cd947ec05abc7fe734df8dd826"


def test_save_keystore_is_private_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "cow.json"
    Account(KEY).save_keystore(path, "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Account.from_keystore(path, "secret").address == Account(KEY).address
    with pytest.raises(InputError) as caught:
        Account(KEY).save_keystore(path, "secret")
    assert caught.value.code == "KeystoreExists"


def test_from_keystore_of_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Account.from_keystore(tmp_path / "none.json", "x")
    (tmp_path / "text.json").write_text("hello")
    with pytest.raises(InputError):
        Account.from_keystore(tmp_path / "text.json", "x")


def test_development_accounts_are_those_every_development_chain_funds() -> None:
    shown = [checksum_address(account.address) for account in development_accounts(3)]
    assert shown == [
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    ]


def test_account_never_shows_its_key() -> None:
    account = Account(KEY)
    shown = repr(account) + str(account) + f"{account!r:>80}"
    assert KEY.hex() not in shown.lower()
    with pytest.raises(TypeError):
        pickle.dumps(account)


@pytest.mark.parametrize("value", ["", "0x12", "zz" * 32, KEY.hex() + "00"])
def test_from_environment_without_a_key_names_the_variable_and_not_the_value(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Account.from_environment("CONCORDAT_KEY", {"CONCORDAT_KEY": value})
    assert "CONCORDAT_KEY" in caught.value.message
    assert not value or value not in str(caught.value)
    assert caught.value.__cause__ is None


def test_from_environment_with_and_without_prefix_gives_the_same_account() -> None:
    accounts = [Account.from_environment("K", {"K": text}) for text in (KEY.hex(), to_hex(KEY), f" {KEY.hex()}\n")]
    assert {account.address for account in accounts} == {Account(KEY).address}


def test_external_signer_that_holds_the_key_signs() -> None:
    account = Account(KEY)
    signer = ExternalSigner(account.address, account.sign)
    digest = keccak256(b"message")
    assert recover(digest, signer.sign(digest)) == account.address


@pytest.mark.parametrize("answer", [b"", bytes(65), Account(keccak256(b"horse")).sign(keccak256(b"message"))])
def test_external_signer_with_a_wrong_answer_is_refused(answer: bytes) -> None:
    signer = ExternalSigner(Account(KEY).address, lambda _: answer)
    with pytest.raises(ConfigurationError) as caught:
        signer.sign(keccak256(b"message"))
    assert caught.value.code == "BadSigner"


def test_command_signer_asks_the_program(tmp_path: Path) -> None:
    program = tmp_path / "signer.py"
    program.write_text(
        "import sys\n"
        "from concordat.primitives.signatures import sign_digest\n"
        "address, digest = sys.stdin.readline().split()\n"
        f"print('0x' + sign_digest(bytes.fromhex('{KEY.hex()}'), bytes.fromhex(digest[2:])).hex())\n"
    )
    digest = keccak256(b"message")
    signature = command_signer(Account(KEY).address, [sys.executable, str(program)]).sign(digest)
    assert recover(digest, signature) == Account(KEY).address


@pytest.mark.parametrize("command", [["/nonexistent/signer"], [sys.executable, "-c", "raise SystemExit(1)"]])
def test_command_signer_that_fails_is_a_typed_error(command: list[str]) -> None:
    with pytest.raises(ConcordatError) as caught:
        command_signer(Account(KEY).address, command).sign(keccak256(b"message"))
    assert caught.value.code == "BadSigner"
