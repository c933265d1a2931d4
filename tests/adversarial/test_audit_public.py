"""Public data from people who mean harm: manifests, lineages and salts that must not stop, mislead or mute a reader."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from concordat.cli.main import main
from concordat.cli.output import one_line, plain_table
from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain, MemoryContent
from concordat.client.model import Model
from concordat.client.public import PublicData
from concordat.client.records import Records
from concordat.graph.columns import NumericColumn
from concordat.graph.schema import ModelSchema
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, open_market
from concordat.node.recorder import FINAL_DEPTH, Recorder
from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import ConcordatError, ModelError, NotFoundError, SchemaError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.units import Bytes32, usd
from concordat.protocol.artifact import ArtifactKind
from concordat.protocol.bundle import Bundle
from concordat.protocol.evidence import FraudProvable
from concordat.protocol.record import RecordSalts
from concordat.protocol.registry import artifact_id
from concordat.testing.offers import ROW
from concordat.testing.records import SampleMarket
from concordat.testing.small import small_model
from concordat.verify import verify

MARKET = SampleMarket()
SCHEMA: dict[str, Any] = small_model().schema.to_json()


def with_column(**changes: Any) -> dict[str, Any]:
    """The small model's schema with its first column changed."""
    first, *others = SCHEMA["input"]["columns"]
    return {**SCHEMA, "input": {**SCHEMA["input"], "columns": [{**first, **changes}, *others]}}


def with_output(**changes: Any) -> dict[str, Any]:
    """The small model's schema with another output."""
    return {**SCHEMA, "output": {**SCHEMA["output"], **changes}}


HOSTILE_SCHEMAS = {
    "a run of a thousand billion": with_column(count=10**12),
    "a run of 2**20 for each of several": {
        **SCHEMA,
        "input": {
            **SCHEMA["input"],
            "columns": [{**SCHEMA["input"]["columns"][0], "name": f"x{i}_", "count": 1 << 20} for i in range(64)],
        },
    },
    "an infinite run": with_column(count=float("inf")),
    "a negative run": with_column(count=-1),
    "a minimum beyond all measure": with_column(minimum="-1e999999999"),
    "a step of nothing": with_column(step="1e-999999999"),
    "a score's step beyond all measure": with_output(scores=[{"name": "score", "step": "1e999999"}]),
    "a score's step that is no number": with_output(scores=[{"name": "score", "step": "NaN"}]),
    "a label that is a list": with_output(labels=[[0], 1]),
}


@pytest.mark.parametrize("name", HOSTILE_SCHEMAS)
def test_schema_that_would_fill_memory_is_refused_at_once(name: str) -> None:
    with pytest.raises(SchemaError):
        ModelSchema.from_json(HOSTILE_SCHEMAS[name])


@pytest.mark.parametrize("name", HOSTILE_SCHEMAS)
def test_bundle_with_a_hostile_schema_fails_and_stops(name: str) -> None:
    honest = MARKET.decide(0).alone()
    report = verify(dataclasses.replace(honest, manifest=json.dumps({"schema": HOSTILE_SCHEMAS[name]})))
    assert report.exit_code == 1


def test_schema_with_a_long_run_of_pixels_is_read() -> None:
    column = NumericColumn(name="p", step=Decimal(1), minimum=Decimal(0), maximum=Decimal(255), count=1 << 18)
    schema = dataclasses.replace(small_model().schema, columns=(column,))
    assert ModelSchema.from_json(schema.to_json()) == schema


def hostile_label() -> Bundle:
    """A bundle whose scores have names that pretend to be a verdict, in markup and with a cursor of their own."""
    name = "yes\n\x1b[2J\x9b2J[/][green]\nVERIFIED: everything that was required was checked and holds."
    scores = [{"name": f"{name} {place}", "step": "1"} for place in range(MARKET.graph.output_elements)]
    schema = {"input": SCHEMA["input"], "output": {"labels": [], "scores": scores}}
    return dataclasses.replace(MARKET.decide(0).alone(), manifest=json.dumps({"schema": schema}))


def test_label_that_pretends_to_be_a_verdict_stays_within_its_line(tmp_path: Path) -> None:
    bundle = hostile_label()
    report = verify(bundle)
    said = dict(report.subject)["Output"]
    assert "VERIFIED" in said, "the test shows nothing"
    assert said.isprintable()
    path = tmp_path / "bundle.json"
    path.write_bytes(bundle.encode())
    for options in ([], ["--explain"]):
        shown = CliRunner().invoke(main, ["verify", str(path), *options], catch_exceptions=False)
        assert shown.exit_code == report.exit_code
        assert not [line for line in shown.stdout.splitlines() if line.startswith("VERIFIED")]
        assert "\x1b" not in shown.stdout.replace("\x1b[0m", "")
        assert "\x9b" not in shown.stdout


def test_table_of_other_peoples_names_has_no_markup() -> None:
    table = plain_table(("name",), [("[/]",), ("[red]x[/red]\n\x1b[2J",)])
    assert [str(cell) for cell in table.columns[0].cells] == ["[/]", "[red]x[/red]\ufffd\ufffd[2J"]
    assert one_line("a\tb").plain == "a\ufffdb"


# -- registry ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def market() -> Any:
    made = open_market("memory://")
    made.add_provider("provider", TERMS)
    yield made
    made.close()


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"name": 1}', b"\xff", b"[" * 100_000])
def test_artifact_with_a_hostile_manifest_is_listed_without_name(market: EmbeddedMarket, manifest: bytes) -> None:
    registry, sender = market.network.registry, development_account("lender").address
    market.network.public.put_manifest(artifact_id(ArtifactKind.DATASET, sha256(manifest)), manifest)
    market.backend.artifacts.register(ArtifactKind.DATASET, sha256(manifest), (), royalty=0, uri="", sender=sender)
    (entry,) = registry.entries()
    assert registry.name(entry) == registry.lineage(entry.id).name == "(manifest without a name)"


def test_lineage_of_many_paths_is_walked_once(market: EmbeddedMarket) -> None:
    """Sixteen parents sixteen levels deep: 16**16 paths, sixteen artifacts."""
    registry, sender = market.network.registry, development_account("lender").address
    parents: tuple[bytes, ...] = ()
    for level in range(16):
        digest = sha256(bytes([level]))
        market.backend.artifacts.register(ArtifactKind.DATASET, digest, parents, royalty=0, uri="", sender=sender)
        name = artifact_id(ArtifactKind.DATASET, digest)
        parents = (name,) * 8 + parents[:8]
    assert len(registry.lineage(name).lines()) < 200


def other_schema(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Model:
    model = small_model()
    content = {**model.manifest.content, "schema": change(SCHEMA)}
    return dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, content=content))


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: {**schema, "input": {**schema["input"], "elements": "i64"}},
        lambda schema: {**schema, "input": {**schema["input"], "columns": schema["input"]["columns"][1:]}},
        lambda schema: {**schema, "output": {**schema["output"], "labels": []}},
    ],
    ids=["other elements", "a column less", "no labels"],
)
def test_model_whose_schema_is_not_its_programs_is_not_offered(market: EmbeddedMarket, change: Any) -> None:
    """Its clients would pay for an answer that they cannot read."""
    with pytest.raises(ModelError):
        market.network.registry.publish(other_schema(change), signer="lender")


# -- salts -------------------------------------------------------------------------------------------------------------


def test_false_salts_of_a_stranger_are_neither_used_nor_kept(market: EmbeddedMarket) -> None:
    """With them the client's bundle would contradict itself: he could no longer show his own decision."""
    network = market.network
    network.registry.publish(small_model(), signer="lender")
    placed = network.orders.place(small_model().id, ROW, pay=usd("0.50"), evidence=FraudProvable())
    honest = placed.wait("recorded").bundle
    assert honest.record is not None

    name = keccak256(b"salts:" + placed.id)
    true = market.public.named(name)
    assert true is not None
    false = PublicData(MemoryContent())
    false.put_salts(placed.id, RecordSalts(output=Bytes32(bytes(32)), evidence=Bytes32(bytes(32))))
    holders: list[Any] = [false.named]
    own = PublicData(market.backend.content, lambda: holders)  # type: ignore[attr-defined]
    market.backend.content._blobs.pop(name)  # type: ignore[attr-defined]
    records = Records(network.ledger, own, lambda: market.log)
    model = network.registry.model(small_model().id)

    muted = records.decision(placed.offer, placed.id, model).bundle
    assert muted.record is None
    assert not verify(muted).failed
    assert own.named(name) is None

    holders.append(lambda wanted: true if wanted == name else None)
    assert records.decision(placed.offer, placed.id, model).bundle.output_salt == honest.output_salt


# -- the recorder's patience -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chain_id", "depth"), [(31_337, 0), (1, FINAL_DEPTH), (8453, FINAL_DEPTH)])
def test_keeper_process_waits_for_finality_where_the_chain_is_not_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chain_id: int, depth: int
) -> None:
    """A log cannot take an entry back, and a chain of many can take a payment back."""
    from concordat.cli import roles
    from concordat.client.home import Home
    from concordat.storage.journal import Journal

    given: list[Any] = []

    def recorder(*_: Any, **options: Any) -> Recorder:
        given.append(options.get("depth", 0))
        return Recorder.__new__(Recorder)

    class Place:
        ledger = MemoryChain().ledger
        home, name, label, journal = Home(tmp_path), "keeper", "keeper", Journal(tmp_path / "journal.db")
        public = outbox = None

        @staticmethod
        def earlier() -> tuple[Any, ...]:
            return ()

        class keyring:  # noqa: N801
            signer = staticmethod(development_account)

    Place.ledger.deployment = type("Deployment", (), {"chain_id": chain_id})()  # type: ignore[attr-defined]
    anchors = type("Anchors", (), {"anchor": None, "anchors": staticmethod(lambda: ())})
    monkeypatch.setattr(roles, "Recorder", recorder)
    monkeypatch.setattr(roles, "EvmAnchors", lambda *_: anchors())
    _, close = roles.keeper(Place())  # type: ignore[arg-type]
    close()
    Place.journal.close()
    assert given == [depth]


def test_named_errors_carry_no_input() -> None:
    """What a public reader raises names keys, not contents."""
    store = MemoryContent()
    PublicData(store).put_manifest(b"\1" * 32, canonical_json({"secret": "4711"}))
    with pytest.raises(ConcordatError) as caught:
        PublicData(store).any_manifest(b"\1" * 32, bytes(32))
    assert "4711" not in str(caught.value)
    with pytest.raises(NotFoundError):
        PublicData(store).any_manifest(b"\2" * 32, bytes(32))
