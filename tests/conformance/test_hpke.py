"""What we seal is HPKE: a plain reading of RFC 9180 that reproduces the RFC's own vector opens it."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from concordat.client.sealing import OVERHEAD_BYTES, Purpose, SealingPair, seal, unseal
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.units import Bytes32, OrderId
from concordat.protocol.order import Domain

KEM = b"KEM" + (0x20).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x20, 0x01, 0x03))
ORDER, DOMAIN = OrderId(bytes(range(32))), Domain(chain_id=31337, market=bytes(range(20)))


def extract(salt: bytes, label: bytes, key: bytes, suite: bytes) -> bytes:
    """LabeledExtract, section 4."""
    return hmac.new(salt, b"HPKE-v1" + suite + label + key, sha256).digest()


def expand(key: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    """LabeledExpand, section 4; one block is enough for us."""
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(key, text + b"\1", sha256).digest()[:length]


def open_base(sealed: bytes, private: bytes, info: bytes, aad: bytes) -> bytes:
    """Decap, KeyScheduleR and the first Open of base mode, sections 4.1, 5.1 and 5.2."""
    key, enc = X25519PrivateKey.from_private_bytes(private), sealed[:32]
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + key.public_key().public_bytes_raw()
    secret = expand(extract(b"", b"eae_prk", shared, KEM), b"shared_secret", context, 32, KEM)
    hashes = extract(b"", b"psk_id_hash", b"", SUITE) + extract(b"", b"info_hash", info, SUITE)
    schedule, start = b"\0" + hashes, extract(secret, b"secret", b"", SUITE)
    used, nonce = expand(start, b"key", schedule, 32, SUITE), expand(start, b"base_nonce", schedule, 12, SUITE)
    return ChaCha20Poly1305(used).decrypt(nonce, sealed[32:], aad)


def test_plain_reading_of_the_rfc_opens_the_vector_of_its_appendix_a2() -> None:
    sealed = bytes.fromhex(
        "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    )
    private = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    plain = open_base(sealed, private, b"Ode on a Grecian Urn", b"Count-0")
    assert plain == b"Beauty is truth, truth beauty"


@pytest.mark.parametrize("size", [0, 1, 80, 5_000])
def test_sealed_bytes_are_hpke_in_base_mode_with_the_order_as_context(size: int) -> None:
    pair, data = SealingPair.draw(), bytes(range(256)) * 20
    sealed = seal(data[:size], pair.public, Purpose.RESULT, ORDER, DOMAIN)
    assert len(sealed) == size + OVERHEAD_BYTES
    context = b"concordat result".ljust(26) + (31337).to_bytes(32, "big") + bytes(12) + DOMAIN.market + ORDER
    assert open_base(sealed, pair.private, context, b"") == data[:size]
    assert unseal(sealed, pair, Purpose.RESULT, ORDER, DOMAIN) == data[:size]


def test_sealed_bytes_open_for_nobody_and_nothing_else() -> None:
    pair = SealingPair.draw()
    sealed = seal(b"private", pair.public, Purpose.OFFER, ORDER, DOMAIN)
    other = Domain(chain_id=1, market=DOMAIN.market)
    attempts = [
        (sealed, SealingPair.draw(), Purpose.OFFER, ORDER, DOMAIN),
        (sealed, pair, Purpose.RESULT, ORDER, DOMAIN),
        (sealed, pair, Purpose.OFFER, OrderId(bytes(32)), DOMAIN),
        (sealed, pair, Purpose.OFFER, ORDER, other),
        *((sealed[:cut], pair, Purpose.OFFER, ORDER, DOMAIN) for cut in (0, 31, 47, len(sealed) - 1)),
        *((_flipped(sealed, at), pair, Purpose.OFFER, ORDER, DOMAIN) for at in range(0, len(sealed), 7)),
    ]
    for attempt in attempts:
        with pytest.raises(VerificationError) as caught:
            unseal(*attempt)
        assert caught.value.code == "SealBroken"
        assert "private" not in str(caught.value)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), bytes(33)])
def test_key_that_nobody_can_hold_is_refused(key: bytes) -> None:
    with pytest.raises(InputError):
        seal(b"x", key, Purpose.OFFER, ORDER, DOMAIN)


def test_private_key_of_another_length_is_refused_and_never_shown() -> None:
    with pytest.raises(InputError):
        SealingPair(Bytes32(bytes(31)))
    assert "private" not in repr(SealingPair.draw())


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
