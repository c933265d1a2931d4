"""Signed notes, checkpoints, cosignatures and proofs against the texts in the C2SP specifications."""

from __future__ import annotations

import dataclasses

import pytest

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.signatures import ed25519_verify
from concordat.primitives.units import Timestamp
from concordat.protocol.checkpoint import (
    Checkpoint,
    InclusionProof,
    KeyKind,
    NoteKey,
    NoteSigner,
    SignedNote,
    cosign,
    sign_checkpoint,
    verified_by,
)

# c2sp.org/signed-note, section "Example".
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# c2sp.org/tlog-cosignature, the example checkpoint.
SPEC_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
    "zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0"
    "xUe+mbIUBkBIfZ+qnA==\n"
)
LOG = NoteSigner.from_seed("log.example", sha256(b"log"))
WITNESS = NoteSigner.from_seed("witness.example", sha256(b"witness"), KeyKind.WITNESS)
CHECKPOINT = Checkpoint(origin="log.example", size=3, root=sha256(b"root"))
NOTE = sign_checkpoint(CHECKPOINT, LOG)


def test_note_of_the_specification_verifies_under_its_key() -> None:
    key, note = NoteKey.parse(SPEC_KEY), SignedNote.parse(SPEC_NOTE)
    assert verified_by(note, [key]) == {key}
    assert (key.encode(), note.encode()) == (SPEC_KEY, SPEC_NOTE)


def test_note_of_the_specification_with_another_text_is_refused() -> None:
    note = SignedNote.parse(SPEC_NOTE.replace("an example", "no example"))
    with pytest.raises(VerificationError, match="signature of example"):
        verified_by(note, [NoteKey.parse(SPEC_KEY)])


def test_checkpoint_of_the_specification_round_trips() -> None:
    note = SignedNote.parse(SPEC_CHECKPOINT)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert (note.encode(), checkpoint.body()) == (SPEC_CHECKPOINT, note.text)
    assert [line.key_id.hex() for line in note.signatures] == ["033de0ae", "8d66cf3f"]
    assert int.from_bytes(note.signatures[1].blob[:8], "big") == 1_679_315_147


def test_cosignature_signs_the_message_of_the_specification() -> None:
    line = cosign(NOTE, WITNESS, Timestamp(1_679_315_147)).signatures[-1]
    message = b"cosignature/v1\ntime 1679315147\n" + NOTE.text.encode()
    ed25519_verify(WITNESS.key.public, message, line.blob[8:])
    assert len(line.blob) == 72


def test_cosigned_checkpoint_is_verified_by_log_and_witness() -> None:
    note = cosign(NOTE, WITNESS, Timestamp(5))
    stranger = NoteSigner.from_seed("stranger.example", sha256(b"stranger")).key
    assert verified_by(note, [LOG.key, WITNESS.key, stranger]) == {LOG.key, WITNESS.key}
    assert verified_by(note, [stranger]) == frozenset()


def test_cosignature_with_another_time_is_refused() -> None:
    note = cosign(NOTE, WITNESS, Timestamp(5))
    line = note.signatures[1]
    moved = dataclasses.replace(line, blob=(6).to_bytes(8, "big") + line.blob[8:])
    with pytest.raises(VerificationError):
        verified_by(SignedNote(text=note.text, signatures=(note.signatures[0], moved)), [WITNESS.key])


def test_key_of_a_witness_does_not_sign_for_a_log() -> None:
    with pytest.raises(InputError):
        sign_checkpoint(CHECKPOINT, NoteSigner.from_seed("log.example", sha256(b"log"), KeyKind.WITNESS))
    with pytest.raises(InputError):
        sign_checkpoint(CHECKPOINT, NoteSigner.from_seed("other.example", sha256(b"log")))
    with pytest.raises(InputError):
        cosign(NOTE, LOG, Timestamp(1))


def test_same_secret_has_another_id_as_log_and_as_witness() -> None:
    assert (
        NoteSigner.from_seed("a", sha256(b"")).key.key_id
        != NoteSigner.from_seed("a", sha256(b""), KeyKind.WITNESS).key.key_id
    )


@pytest.mark.parametrize(
    "text",
    [
        SPEC_KEY.replace("530d903a", "530d903b"),
        SPEC_KEY.replace("530d903a", "530D903A"),
        SPEC_KEY[:-1],
        SPEC_KEY + "=",
        "example.com/foo+530d903a",
        "",
        SPEC_KEY.replace("example.com", "example com"),
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_verifier_key_that_is_not_exactly_one_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        NoteKey.parse(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        SPEC_NOTE[:-1],
        SPEC_NOTE + "\n",
        SPEC_NOTE + " ",
        SPEC_NOTE.replace("—", "-"),
        SPEC_NOTE.replace("— ", "—  "),
        SPEC_NOTE.replace("aQM=", "aQN="),
        SPEC_NOTE.replace("aQM=", "aQM"),
        SPEC_NOTE.replace("Uw2Q", "Uw\r2Q"),
        SPEC_NOTE.replace("example message", "example\tmessage"),
        SPEC_NOTE.replace("example message", "example\ud800message"),
        "text\n\n— a AAAAAA==\n",
        "text\n\n" + "— a AAAAAAA=\n" * 65,
    ],
)
def test_note_that_is_not_exactly_one_is_refused(note: str) -> None:
    with pytest.raises(VerificationError):
        SignedNote.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        CHECKPOINT.body()[:-1],
        CHECKPOINT.body() + "\n",
        CHECKPOINT.body() + "extension\n",
        CHECKPOINT.body().replace("\n3\n", "\n03\n"),
        CHECKPOINT.body().replace("\n3\n", "\n+3\n"),
        CHECKPOINT.body().replace("\n3\n", "\n٣\n"),
        CHECKPOINT.body().replace("\n3\n", "\n99999999999999999999\n"),
        CHECKPOINT.body().replace("\n3\n", "\n9999999999999999999\n"),
        CHECKPOINT.body().replace("=", ""),
        CHECKPOINT.body().replace("log.example", ""),
        "log.example\n3\nAAAA\n",
    ],
)
def test_checkpoint_that_is_not_exactly_one_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        Checkpoint.parse(text)


def test_inclusion_proof_has_the_form_of_the_specification() -> None:
    proof = InclusionProof(index=2, path=(sha256(b"a"), sha256(b"b")), note=NOTE)
    lines = proof.encode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert lines[4] == ""
    assert "\n".join(lines[5:]) == NOTE.encode()
    assert InclusionProof.parse(proof.encode()) == proof


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 2", "index 02"),
        ("index 2", "index  2"),
        ("index 2", "extra AAAA\nindex 2"),
        ("index 2\n", ""),
        ("index 2\n", "index 2\nAAAA\n"),
        ("index 2\n", "index 2\n\n"),
        ("\n\n", "\n"),
    ],
)
def test_inclusion_proof_that_is_not_exactly_one_is_refused(old: str, new: str) -> None:
    text = InclusionProof(index=2, path=(sha256(b"a"), sha256(b"b")), note=NOTE).encode()
    assert old in text
    with pytest.raises(VerificationError):
        InclusionProof.parse(text.replace(old, new, 1))
