"""Hidden models from end to end: what is sold, what is shown, what a liar gets, on the plain rules and on a chain."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain
from concordat.client.model import Card
from concordat.client.placed import PlacedOrder
from concordat.client.secret import SecretModel, disclosure_of, secrets_of
from concordat.graph.execute import run
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import (
    ChainError,
    CorruptionError,
    InputError,
    NotFoundError,
    OrderError,
    PolicyError,
    VerificationError,
)
from concordat.primitives.units import usd
from concordat.protocol.evidence import ClientRelease, EvidenceKind, Native, ZeroKnowledge
from concordat.protocol.execution import Result
from concordat.protocol.messages import AcceptAndProve, AcceptAndSubmit
from concordat.protocol.order import OrderStatus
from concordat.storage.openings import Openings
from concordat.testing.offers import ROW
from concordat.testing.small import small_graph, small_model
from concordat.verify import verify
from concordat.zk.hidden import Answer, HiddenModel, read_evidence
from concordat.zk.verifier.registration import Registration
from concordat.zk.verifier.rotation import check_registered, verify_rotation

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
PAY = usd("0.50")
CARD = Card.load({"name": "hidden", "version": "1.0.0", "licence": "LicenseRef-private"})


class Lazy(Provider):
    """Takes offers and leaves the rest to the test."""

    def step(self) -> int:
        return 0


@pytest.fixture(scope="module")
def secret() -> SecretModel:
    return SecretModel.of_program(small_graph(), small_model().schema, CARD)


@pytest.fixture(scope="module")
def swapped() -> SecretModel:
    """The same architecture with other weights."""
    return SecretModel.of_program(small_graph(seed=2), small_model().schema, CARD)


class Market:
    """An embedded market with one provider, who owns a hidden model."""

    def __init__(self, market: EmbeddedMarket, secret: SecretModel, kind: type[Provider] = Provider) -> None:
        self.market, self.network = market, market.network
        self.provider = market.add_provider("provider", TERMS, kind=kind)
        self.network.deposit("client", usd(100))
        self.model: Any = self.network.registry.publish(secret, signer="provider")

    def place(self, **wishes: Any) -> PlacedOrder:
        return self.network.orders.place(self.model, ROW, pay=PAY, **wishes)

    def evidence(self, placed: PlacedOrder) -> tuple[bytes, bytes]:
        """What the provider would send: output and evidence."""
        assert self.provider.shelf is not None
        proven = self.provider.shelf.prove(placed.offer, self.network.ledger.domain)
        return proven.result.output, proven.evidence

    def send(self, placed: PlacedOrder, output: bytes, evidence: bytes) -> None:
        message = AcceptAndProve(
            order=placed.order, funding=placed.offer.funding, kind=EvidenceKind.VALIDITY, output=output, proof=evidence
        )
        self.network.ledger.send(message, sender=self.provider.address)


def in_memory(secret: SecretModel, kind: type[Provider] = Provider) -> Market:
    chain = MemoryChain()
    keyring = Keyring(development=True, on_new=lambda signer: chain.welcome(signer.address, usd(10_000)))
    return Market(EmbeddedMarket(chain, chain.content, keyring), secret, kind)


@pytest.fixture
def market(secret: SecretModel) -> Iterator[Market]:
    made = in_memory(secret)
    yield made
    made.market.close()


@pytest.fixture(params=["memory", "anvil"])
def lazy(request: pytest.FixtureRequest, secret: SecretModel, tmp_path: Path) -> Iterator[Market]:
    """A market whose provider does nothing by himself, on the rules and on a chain."""
    if request.param == "memory":
        made = in_memory(secret, Lazy)
    else:
        made = Market(open_market("anvil://", home=Home(tmp_path)), secret, Lazy)
    yield made
    made.market.close()


def refused(market: Market, placed: PlacedOrder, output: bytes, evidence: bytes) -> str:
    with pytest.raises((OrderError, ChainError)) as caught:
        market.send(placed, output, evidence)
    assert placed.status is OrderStatus.NONE
    return str(caught.value.code)


# -- what is sold ----------------------------------------------------------------------------------------------------


def test_answer_of_a_hidden_model_is_paid_for_its_proof_and_verifies_without_model_or_input(market: Market) -> None:
    placed = market.place()
    decision = placed.wait("recorded")
    assert decision.state.status is OrderStatus.PAID
    assert decision.state.gathered == 1 << EvidenceKind.VALIDITY
    expected = run(small_graph(), placed.offer.opening.words).output
    assert market.model.schema.decode(expected) == decision.output
    shown = replace(decision.bundle, input=None)
    report = verify(shown.encode(), market.network.records.trust_root())
    assert report.ok, report.verdict
    assert {5} <= {check.number for check in report.checks if check.outcome.name == "NOT_CHECKED"}


def test_bundle_of_a_hidden_model_with_anything_changed_is_refused(market: Market) -> None:
    bundle = market.place().wait("recorded").bundle
    trust = market.network.records.trust_root()
    assert bundle.proof is not None
    assert bundle.program is not None
    assert bundle.output is not None
    flip = lambda data, at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]  # noqa: E731
    size = len(bundle.proof)
    changed = [
        *(replace(bundle, proof=flip(bundle.proof, at)) for at in (0, 40, 60, size // 3, size // 2, size - 1)),
        replace(bundle, proof=bundle.proof[:-1]),
        replace(bundle, proof=bundle.proof + b"\0"),
        replace(bundle, proof=b""),
        *(replace(bundle, program=flip(bundle.program, at)) for at in (0, 9, 20, 70, 200, len(bundle.program) - 9)),
        replace(bundle, output=flip(bundle.output, 3)),
        replace(bundle, output=flip(bundle.output, len(bundle.output) - 1)),
    ]
    assert bundle.input is not None
    changed.append(replace(bundle, input=replace(bundle.input, words=flip(bundle.input.words, 3))))
    changed.append(replace(bundle, input=replace(bundle.input, salt=flip(bundle.input.salt, 3))))
    for number, mutant in enumerate(changed):
        assert verify(mutant.encode(), trust).failed, number
    silent = verify(replace(bundle, proof=None).encode(), trust)
    assert not silent.ok
    assert not silent.failed


def test_what_is_published_of_a_hidden_model_is_not_its_program(market: Market, secret: SecretModel) -> None:
    with pytest.raises(NotFoundError) as caught:
        market.network.public.graph(market.model.id)
    assert caught.value.code == "HiddenProgram"
    weights = secret.graph.weights[:64]
    assert weights not in market.model.file
    assert "model.onnx" not in str(market.model.manifest)
    for path in secrets_of(market.market.home.path).rglob("*"):
        if path.is_file() and "openings" not in path.parts:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_hidden_model_is_loaded_as_it_was_saved(secret: SecretModel, tmp_path: Path) -> None:
    place = secret.save(tmp_path)
    loaded = SecretModel.load(place)
    assert (loaded.id, loaded.seed, loaded.hidden.encode()) == (secret.id, secret.seed, secret.hidden.encode())
    (place / "program.bin").write_bytes(small_graph(seed=2).to_bytes())
    (place / "public.bin").write_bytes(b"CCHIDDEN")
    with pytest.raises(VerificationError):
        SecretModel.load(place)
    (place / "public.bin").unlink()
    with pytest.raises(CorruptionError):
        SecretModel.load(place)


def test_proof_made_again_is_the_same_and_counted_once(market: Market) -> None:
    placed, shelf = market.place(), market.provider.shelf
    placed.wait("settled")
    assert shelf is not None
    left = shelf.left(market.model.id)
    shelf._proofs = type(shelf._proofs)(1)  # as after a restart
    again = shelf.prove(placed.offer, market.network.ledger.domain)
    assert shelf.left(market.model.id) == left
    assert market.network.public.answers.proof(placed.id, lambda _: True) == again.answer


def test_proof_that_does_not_fit_into_memory_is_refused_before_anything_is_accepted(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concordat.client.secret.free_memory", lambda: 100_000)
    placed = market.place()
    market.market.settle()
    stage, body = market.provider.journal.item("offer", f"0x{placed.id.hex()}") or ("", {})
    assert (stage, body["reason"]["code"]) == ("refused", "ProofSize")
    assert placed.status is OrderStatus.NONE


def test_commitment_that_is_used_up_is_quoted_no_more(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecretModel, "limit", 1)
    market.place().wait("settled")
    with pytest.raises(OrderError) as caught:
        market.place()
    assert caught.value.code == "NoProvider"


def test_renewed_commitment_holds_the_same_weights_and_answers_on(market: Market, secret: SecretModel) -> None:
    openings = Openings(secrets_of(market.market.home.path) / "openings")
    renewed, rotation = secret.renewed(openings)
    again, same = secret.renewed(openings)
    assert (again.id, same.proof) == (renewed.id, rotation.proof)
    assert renewed.id != secret.id
    assert renewed.weights.commitment != secret.weights.commitment
    verify_rotation(rotation)
    registrations = [
        Registration(
            relation=model.hidden.relation,
            parameters=model.hidden.parameters,
            commitment=model.hidden.weights,
            proof=model.hidden.registration,
        )
        for model in (secret, renewed)
    ]
    check_registered(rotation, *registrations)
    market.model = market.network.registry.publish(renewed, signer="provider")
    decision = market.place().wait("settled")
    assert decision.state.gathered == 1 << EvidenceKind.VALIDITY
    assert market.network.registry.lineage(renewed.id).parents[0].entry.id == secret.id


def test_provider_who_does_not_own_a_hidden_model_is_not_asked_to_prove(market: Market, secret: SecretModel) -> None:
    other = in_memory(secret)
    stolen = secrets_of(market.market.home.path)
    try:
        for path in (secrets_of(other.market.home.path) / f"0x{secret.id.hex()}").iterdir():
            path.unlink()
        (secrets_of(other.market.home.path) / f"0x{secret.id.hex()}").rmdir()
        with pytest.raises(OrderError) as caught:
            other.place()
        assert caught.value.code == "NoProvider"
        assert stolen.exists()
    finally:
        other.market.close()


def test_policies_that_cannot_be_had_are_refused(market: Market) -> None:
    for evidence in (Native(), ClientRelease()):
        with pytest.raises(PolicyError) as caught:
            market.place(evidence=evidence)
        assert caught.value.code == "HiddenModel"
    public = market.network.registry.publish(small_model(), signer="publisher")
    with pytest.raises(PolicyError) as caught:
        market.network.orders.place(public, ROW, pay=PAY, evidence=ZeroKnowledge())  # type: ignore[arg-type]
    assert caught.value.code == "NotHidden"


@pytest.mark.parametrize(
    ("show", "kind", "labels"),
    [
        ("all", "all", (0, 1)),
        ("label", "element", (0, 1)),
        ("score >= -12.5", "threshold", ("score < -12.5", "score >= -12.5")),
    ],
)
def test_wish_to_show_is_understood(show: str, kind: str, labels: tuple[Any, ...]) -> None:
    disclosure, output = disclosure_of(show, small_model().schema.output)
    assert (disclosure.kind, output.labels) == (kind, labels)
    assert kind != "threshold" or (disclosure.element, disclosure.threshold) == (1, -12)


@pytest.mark.parametrize("show", ["argmax", "nothing", "score > 1", "score >= many", "scores >= 1", ""])
def test_wish_that_a_model_cannot_show_is_refused(show: str) -> None:
    with pytest.raises(InputError) as caught:
        disclosure_of(show, small_model().schema.output)
    assert caught.value.code == "BadDisclosure"


# -- what a liar gets ------------------------------------------------------------------------------------------------


def test_attack_bare_result_for_a_hidden_model_is_refused(lazy: Market) -> None:
    placed = lazy.place()
    output, evidence = lazy.evidence(placed)
    lie = Result(trace_root=ZERO32, output=output)
    message = AcceptAndSubmit(order=placed.order, funding=placed.offer.funding, result=lie)
    with pytest.raises((OrderError, ChainError)) as caught:
        lazy.network.ledger.send(message, sender=lazy.provider.address)
    assert caught.value.code == "NotClaimed"
    assert placed.status is OrderStatus.NONE
    lazy.send(placed, output, evidence)
    assert placed.status is OrderStatus.PAID


def test_attack_evidence_moved_cut_or_changed_is_rejected(lazy: Market) -> None:
    placed, other = lazy.place(), lazy.place()
    output, evidence = lazy.evidence(placed)
    _, elsewhere = lazy.evidence(other)
    wrong = bytearray(output)
    wrong[7] ^= 1
    length = int.from_bytes(evidence[208:212], "big")
    assert refused(lazy, other, output, evidence) == "EvidenceRejected"  # of another order
    assert refused(lazy, placed, bytes(wrong), evidence) == "EvidenceRejected"  # for another output
    assert refused(lazy, placed, output + bytes(32), evidence) == "EvidenceRejected"
    spliced = evidence[: 212 + length] + elsewhere[212 + length :]
    assert refused(lazy, placed, output, spliced) == "EvidenceRejected"
    for at in (0, 35, 63, 67, 100, 130, 170, 200, 211, 300, 212 + length + 10, len(evidence) - 1):
        changed = bytearray(evidence)
        changed[at] ^= 1
        assert refused(lazy, placed, output, bytes(changed)) == "EvidenceRejected", at
    for cut in (b"", evidence[:100], evidence[:211], evidence[:-1], evidence + b"\0"):
        assert refused(lazy, placed, output, cut) == "EvidenceRejected", len(cut)


def test_attack_owner_with_other_weights_than_committed_cannot_answer(
    lazy: Market, secret: SecretModel, swapped: SecretModel
) -> None:
    placed = lazy.place()
    assert lazy.provider.shelf is not None
    openings, opening = lazy.provider.shelf._openings, placed.offer.opening
    domain = lazy.network.ledger.domain
    output, answer = swapped.answer(opening.words, opening.salt, placed.id, placed.order, domain, openings)
    as_committed = secret.hidden.evidence(secret.manifest.digest(), answer)
    as_made = swapped.hidden.evidence(swapped.manifest.digest(), answer)
    assert refused(lazy, placed, output, as_committed) == "EvidenceRejected"
    assert refused(lazy, placed, output, as_made) == "EvidenceRejected"


@pytest.mark.parametrize("part", ["registration", "bounds", "weights", "version"])
def test_attack_hidden_model_with_a_part_of_another_is_refused(
    secret: SecretModel, swapped: SecretModel, part: str
) -> None:
    value = 2 if part == "version" else getattr(swapped.hidden, part)
    mixed = replace(secret.hidden, **{part: value})
    with pytest.raises(VerificationError):
        HiddenModel.decode(mixed.encode()).check()


# -- files -----------------------------------------------------------------------------------------------------------


def test_hidden_file_and_evidence_have_one_encoding(secret: SecretModel) -> None:
    data = secret.hidden.encode()
    assert HiddenModel.decode(data).encode() == data
    answer = Answer.decode(bytes(56) + b"proof")
    evidence = secret.hidden.evidence(secret.manifest.digest(), answer)
    model, commitment, read = read_evidence(evidence)
    assert (commitment, read) == (secret.commitment, answer)
    assert model.evidence(secret.manifest.digest(), read) == evidence
    for cut in (b"", data[:8], data[:60], data[:100], b"x" + data[1:], data[:8] + b"\x09" + data[9:]):
        with pytest.raises(VerificationError):
            HiddenModel.decode(cut)
    for cut in (b"", evidence[:60], evidence[:212], bytes(len(evidence))):
        with pytest.raises(VerificationError):
            read_evidence(cut)
