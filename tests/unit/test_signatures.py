"""Signatures against the vectors of the standards that define them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concordat.primitives.encoding import checksum_address, from_hex
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import (
    TokenDomain,
    address_of,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    public_key,
    recover,
    sign_digest,
    typed_digest,
)
from concordat.primitives.units import Address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
COW = keccak256(b"cow")
COW_ADDRESS = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
# "Example" of EIP-712: Mail from Cow to Bob.
MAIL = TokenDomain(name="Ether Mail", version="1", chain_id=1, token=Address(bytes.fromhex("cc" * 20)))
MAIL_STRUCT = from_hex("0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e")
MAIL_DIGEST = from_hex("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
MAIL_SIGNATURE = from_hex(
    "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
    "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
)
# RFC 8032, section 7.1, test 2.
ED_SEED = from_hex("0x4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
ED_PUBLIC = from_hex("0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
ED_SIGNATURE = from_hex(
    "0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_domain_of_the_eip712_example_has_its_separator() -> None:
    assert MAIL.separator().hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"


def test_typed_digest_of_the_eip712_example_is_its_digest() -> None:
    assert typed_digest(MAIL, MAIL_STRUCT) == MAIL_DIGEST


def test_sign_digest_of_the_eip712_example_gives_its_signature() -> None:
    assert sign_digest(COW, MAIL_DIGEST) == MAIL_SIGNATURE


def test_recover_of_the_eip712_example_gives_its_signer() -> None:
    assert checksum_address(recover(MAIL_DIGEST, MAIL_SIGNATURE)) == COW_ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_address_of_the_eip55_vectors_keeps_their_case(text: str) -> None:
    assert checksum_address(from_hex(text.lower())) == text


def test_address_of_secret_and_every_form_of_public_key_agrees() -> None:
    whole = public_key(COW)
    compressed = bytes([2 + whole[64] % 2]) + whole[1:33]
    addresses = {address_of(key) for key in (COW, whole, whole[1:], compressed)}
    assert [checksum_address(address) for address in addresses] == [COW_ADDRESS]


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_recover_of_any_signature_gives_its_signer_with_low_s(secret: int, digest: bytes) -> None:
    key = secret.to_bytes(32, "big")
    signature = sign_digest(key, digest)
    assert recover(digest, signature) == address_of(key)
    assert int.from_bytes(signature[32:64], "big") <= ORDER // 2


def _with_high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        MAIL_SIGNATURE[:64],
        MAIL_SIGNATURE + b"\0",
        MAIL_SIGNATURE[:64] + b"\x00",
        MAIL_SIGNATURE[:64] + b"\x1d",
        _with_high_s(MAIL_SIGNATURE),
        bytes(32) + MAIL_SIGNATURE[32:],
        MAIL_SIGNATURE[:32] + bytes(32) + MAIL_SIGNATURE[64:],
        ORDER.to_bytes(32, "big") + MAIL_SIGNATURE[32:],
        (5).to_bytes(32, "big") + MAIL_SIGNATURE[32:],  # no point of the curve has x = 5
    ],
)
def test_recover_of_a_malformed_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        recover(MAIL_DIGEST, signature)
    assert caught.value.code == "BadSignature"


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, ORDER.to_bytes(32, "big"), COW[:31]])
def test_sign_digest_with_no_key_is_refused_without_showing_it(key: bytes) -> None:
    with pytest.raises(InputError) as caught:
        sign_digest(key, MAIL_DIGEST)
    assert caught.value.code == "BadKey"
    assert not key or key.hex() not in repr(caught.value) + str(caught.value.fields)


def test_ed25519_of_the_rfc8032_vector_gives_its_values() -> None:
    assert ed25519_public(ED_SEED) == ED_PUBLIC
    assert ed25519_sign(ED_SEED, b"\x72") == ED_SIGNATURE
    ed25519_verify(ED_PUBLIC, b"\x72", ED_SIGNATURE)


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        (ED_PUBLIC, b"\x73", ED_SIGNATURE),
        (ED_PUBLIC, b"\x72", ED_SIGNATURE[:-1]),
        (ED_PUBLIC[:-1], b"\x72", ED_SIGNATURE),
        (ED_SIGNATURE[:32], b"\x72", ED_SIGNATURE),
    ],
)
def test_ed25519_verify_of_a_wrong_signature_is_refused(public: bytes, message: bytes, signature: bytes) -> None:
    with pytest.raises(VerificationError):
        ed25519_verify(public, message, signature)
