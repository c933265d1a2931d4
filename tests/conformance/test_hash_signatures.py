"""LMS and SLH-DSA against other people's implementations, in both directions, and against every changed byte.

`pyhsslms` (LMS, in Python) and `pqcrypto` (FIPS 205, in Rust) share no code with ours or with each other.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pqcrypto.sign.slh_dsa_sha2_128s as reference
import pyhsslms
import pytest

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.lms import LmsKey, lms_height, lms_index, lms_signature_size, lms_steps, lms_verify
from concordat.primitives.slh_dsa import SIGNATURE_BYTES, SlhDsaKey, slh_dsa_verify

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "postquantum.json").read_text())
MESSAGE = keccak256(b"message")
LMS = LmsKey(seed=sha256(b"conformance") + bytes(8), height=5)
SLH_DSA = SlhDsaKey(seed=sha256(b"conformance") + bytes(range(16)))
SIGNED = {"lms": LMS.sign(3, MESSAGE), "slh_dsa": SLH_DSA.sign(MESSAGE)}


def parts(vector: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    key, digest, signature = (bytes.fromhex(vector[name][2:]) for name in ("key", "digest", "signature"))
    return key, digest, signature


# -- other implementations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["lms"], ids=lambda v: v["digest"][:8])
def test_lms_vector_of_the_contracts_holds_elsewhere_and_here(vector: dict[str, str]) -> None:
    key, digest, signature = parts(vector)
    assert pyhsslms.LmsPublicKey.deserialize(key).verify(digest, signature)
    lms_verify(key, digest, signature)


@pytest.mark.parametrize("vector", VECTORS["slh_dsa"], ids=lambda v: v["digest"][:8])
def test_slh_dsa_vector_of_the_contracts_holds_elsewhere_and_here(vector: dict[str, str]) -> None:
    key, digest, signature = parts(vector)
    reference.verify(key, digest, signature)
    slh_dsa_verify(key, digest, signature)


def test_lms_signature_made_elsewhere_holds_here() -> None:
    private = pyhsslms.LmsPrivateKey(lms_type=pyhsslms.lms_sha256_m24_h5, lmots_type=pyhsslms.lmots_sha256_n24_w4)
    public = private.publicKey().serialize()
    for index in range(3):
        signature = private.sign(MESSAGE)
        lms_verify(public, MESSAGE, signature)
        assert lms_index(signature) == index


def test_lms_key_of_a_seed_made_elsewhere_is_ours() -> None:
    private = pyhsslms.LmsPrivateKey(
        lms_type=pyhsslms.lms_sha256_m24_h5,
        lmots_type=pyhsslms.lmots_sha256_n24_w4,
        SEED=LMS.seed[16:],
        I=LMS.seed[:16],
    )
    assert private.publicKey().serialize() == LMS.public


def test_slh_dsa_signature_and_key_made_elsewhere_hold_here() -> None:
    public, secret = reference.keygen()
    slh_dsa_verify(public, MESSAGE, reference.sign(secret, MESSAGE))
    ours = SlhDsaKey(seed=secret[:48])
    assert ours.public == public
    reference.verify(public, b"of any length", ours.sign(b"of any length", randomness=bytes(16)))


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_every_byte_of_an_lms_signature_changed_is_refused() -> None:
    for at in range(len(SIGNED["lms"])):
        refuses(lms_verify, LMS.public, MESSAGE, changed(SIGNED["lms"], at))


def test_sampled_bytes_of_an_slh_dsa_signature_changed_are_refused() -> None:
    random = Random(1)
    for _ in range(200):
        refuses(slh_dsa_verify, SLH_DSA.public, MESSAGE, changed(SIGNED["slh_dsa"], random.randrange(SIGNATURE_BYTES)))


@pytest.mark.parametrize("scheme", ["lms", "slh_dsa"])
def test_other_message_key_or_length_is_refused(scheme: str) -> None:
    verify, key = (lms_verify, LMS.public) if scheme == "lms" else (slh_dsa_verify, SLH_DSA.public)
    signature = SIGNED[scheme]
    verify(key, MESSAGE, signature)
    refuses(verify, key, MESSAGE + b"\0", signature)
    for at in range(len(key)):
        refuses(verify, changed(key, at), MESSAGE, signature)
    for other in (b"", signature[:-1], signature + b"\0", signature[:3]):
        refuses(verify, key, MESSAGE, other)
    for short in (b"", key[:-1], key + b"\0"):
        refuses(verify, short, MESSAGE, signature)


def test_random_bytes_are_refused_with_a_typed_error() -> None:
    random = Random(2)
    for length in (0, 4, 48, 1380, 1500, SIGNATURE_BYTES):
        noise = random.randbytes(length)
        refuses(lms_verify, LMS.public, MESSAGE, noise)
        refuses(slh_dsa_verify, SLH_DSA.public, MESSAGE, noise)
        refuses(lms_verify, noise, MESSAGE, SIGNED["lms"])


# -- laws --------------------------------------------------------------------------------------------------------------


def test_same_index_and_message_always_give_the_same_signature() -> None:
    assert LmsKey(seed=LMS.seed, height=5).sign(3, MESSAGE) == SIGNED["lms"]
    assert lms_index(SIGNED["lms"]) == 3
    assert len(SIGNED["lms"]) == lms_signature_size(lms_height(LMS.public)) == 1380


def test_chosen_randomizer_makes_verifying_a_quarter_cheaper() -> None:
    first = LMS.sign(4, MESSAGE, tries=1)
    chosen = LMS.sign(4, MESSAGE)
    lms_verify(LMS.public, MESSAGE, first)
    assert lms_steps(LMS.public, MESSAGE, chosen) <= 270 < 3 * lms_steps(LMS.public, MESSAGE, first)


def test_tree_that_was_kept_is_taken_and_another_keys_is_refused() -> None:
    again = LmsKey(seed=LMS.seed, height=5).with_tree(LMS.tree)
    assert again.public == LMS.public
    for bad in (LMS.tree[:-24], changed(LMS.tree, 24), changed(LMS.tree, len(LMS.tree) - 1), b""):
        with pytest.raises(InputError):
            LmsKey(seed=LMS.seed, height=5).with_tree(bad)


@pytest.mark.parametrize("index", [-1, 32, 1 << 40])
def test_index_that_the_key_does_not_have_is_refused(index: int) -> None:
    with pytest.raises(InputError):
        LMS.sign(index, MESSAGE)


def test_seeds_of_another_length_are_refused_and_no_key_shows_its_own() -> None:
    with pytest.raises(InputError):
        LmsKey(seed=bytes(39))
    with pytest.raises(InputError):
        LmsKey(seed=bytes(40), height=7)
    with pytest.raises(InputError):
        SlhDsaKey(seed=bytes(47))
    assert "seed" not in repr(LMS) + repr(SLH_DSA)


def refuses(verify: Any, *arguments: bytes) -> None:
    with pytest.raises(VerificationError):
        verify(*arguments)


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :]
