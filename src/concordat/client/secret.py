"""A hidden model as its owner has it: program, weights, and the randomness that hides them. It never leaves his disk.

What becomes public is a `concordat.zk.hidden.HiddenModel` and a manifest; from those everybody can order answers and
check them, and nobody learns more of the weights than the answers themselves say.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal, InvalidOperation
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from concordat.client.model import Card, calibration_rows, onnx_bytes
from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.onnx import ImportedModel, import_onnx
from concordat.graph.schema import ModelSchema, OutputSchema
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import CorruptionError, InputError, ModelError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32, ModelId, OrderId
from concordat.primitives.wire import parse_json
from concordat.protocol.artifact import ArtifactKind, Manifest, ModelCommitment
from concordat.protocol.order import Domain, Order
from concordat.storage.files import sync_directory, write_file
from concordat.storage.openings import Once, Openings, proof_seed
from concordat.zk.circuit import Circuit, Disclosure, compile_graph
from concordat.zk.circuit.ranges import compile_ranges, range_parameters, weight_bits
from concordat.zk.circuit.sums import wrapping
from concordat.zk.estimate import estimate
from concordat.zk.hidden import Answer, Bounds, HiddenModel
from concordat.zk.onchain import choose_for_contract
from concordat.zk.parameters import Parameters, choose, soundness
from concordat.zk.prover import (
    Weights,
    Witness,
    commit_input,
    commit_weights,
    prove,
    weights_of_words,
    words_of_weights,
)
from concordat.zk.prover.progress import Progress
from concordat.zk.prover.register import register
from concordat.zk.prover.rotate import rotate
from concordat.zk.relation import Relation
from concordat.zk.rotation import Rotation, proof_limit
from concordat.zk.shown import ShownAnswer, context_name
from concordat.zk.statement import Statement

__all__ = ["SecretModel", "disclosure_of", "free_memory", "secrets_of"]

_THRESHOLD = re.compile(r"^(?P<name>.+?)\s*>=\s*(?P<least>-?[0-9.]+)$")
_PROOFS = 64
"""Answers that one commitment is good for, unless asked otherwise: its size grows with them."""
_MOST_BYTES = 1 << 29
"""Of a committed matrix on disk, for the sake of cheap checks by a contract."""


@dataclass(frozen=True, kw_only=True)
class SecretModel:
    """A model whose answers are proven and whose weights stay where they are."""

    graph: Graph = field(repr=False)
    """The integer program: secret."""
    schema: ModelSchema
    """Inputs, and what is shown of the output."""
    manifest: Manifest
    """What is committed with it."""
    hidden: HiddenModel = field(repr=False)
    """What everybody gets."""
    circuit: Circuit = field(repr=False)
    """The relation and how executions satisfy it."""
    weights: Weights = field(repr=False)
    """The opened commitment: secret."""
    seed: Bytes32 = field(repr=False)
    """What all randomness of its proofs comes from: secret."""

    @classmethod
    def from_onnx(
        cls,
        source: Path | str | bytes,
        *,
        card: Path | str | Mapping[str, Any] | Card,
        show: str = "all",
        calibration: Any = None,
        proofs: int = _PROOFS,
        parents: tuple[bytes, ...] = (),
        **options: Any,
    ) -> SecretModel:
        """Import an ONNX file and commit its weights.

        Parameters
        ----------
        source, card, calibration, parents, **options
            As for `concordat.client.model.Model.from_onnx`.
        show : str
            What becomes public of an answer: ``all``, ``label``, ``argmax``, or for example ``approve >= 0.5``.
        proofs : int
            How many answers the commitment is good for at least.

        Raises
        ------
        ModelError
            If the importer refuses the file, or the program has no relation or nothing to hide.
        """
        said = card if isinstance(card, Card) else Card.load(card)
        rows = calibration if calibration is not None else calibration_rows(said, card)
        imported = import_onnx(onnx_bytes(source), calibration=rows, schema=said.columns or None, **options)
        return cls.of_import(imported, said, show=show, proofs=proofs, parents=parents)

    @classmethod
    def of_import(
        cls,
        imported: ImportedModel,
        card: Card,
        *,
        show: str = "all",
        proofs: int = _PROOFS,
        parents: tuple[bytes, ...] = (),
    ) -> SecretModel:
        """Commit the weights of an imported model."""
        return cls.of_program(imported.graph, imported.schema, card, show=show, proofs=proofs, parents=parents)

    @classmethod
    def of_program(
        cls,
        graph: Graph,
        schema: ModelSchema,
        card: Card,
        *,
        show: str = "all",
        proofs: int = _PROOFS,
        parents: tuple[bytes, ...] = (),
    ) -> SecretModel:
        """Commit the weights of an integer program; as for :meth:`from_onnx`."""
        disclosure, output = disclosure_of(show, schema.output)
        circuit = compile_graph(graph, disclosure=disclosure)
        if not circuit.relation.weight_rows:
            raise ModelError(
                "The model has no weights that could be hidden.", code="NothingToHide", hint="Publish it openly."
            )
        schema = ModelSchema(columns=schema.columns, element_type=schema.element_type, output=output)
        content = {
            "name": card.name,
            "version": card.version,
            "licence": card.licence,
            "card": dict(card.texts),
            "parents": [to_hex(parent) for parent in parents],
            "schema": schema.to_json(),
        }
        parameters = _parameters(circuit.relation, proofs)
        return cls._committed(circuit, schema, content, parameters, show=show, version=1)

    @classmethod
    def _committed(
        cls,
        circuit: Circuit,
        schema: ModelSchema,
        content: Mapping[str, Any],
        parameters: Parameters,
        *,
        show: str,
        version: int,
        seed: bytes | None = None,
    ) -> SecretModel:
        """Commit the weights of a circuit, and show once what has to be shown of them."""
        relation = circuit.relation
        seed = Bytes32(seed or secrets.token_bytes(32))
        weights = commit_weights(relation, parameters, circuit.weights, sha256(b"weights" + seed))
        hidden = HiddenModel(
            relation=relation,
            parameters=parameters,
            weights=weights.commitment,
            version=version,
            input_type=schema.element_type,
            registration=register(relation, parameters, weights, sha256(b"registration" + seed)).proof,
        )
        hidden = replace(hidden, bounds=_bounds(hidden, circuit, weights, seed))
        said = {
            "show": show,
            "soundness_bits": int(soundness(relation, parameters)["total"]),
            "registration": to_hex(sha256(hidden.registration)),
        }
        return cls(
            graph=circuit.graph,
            schema=schema,
            manifest=Manifest(kind=ArtifactKind.MODEL, content={**content, "hidden": said}),
            hidden=hidden,
            circuit=circuit,
            weights=weights,
            seed=seed,
        )

    def renewed(self, openings: Openings) -> tuple[SecretModel, Rotation]:
        """The same weights under fresh randomness, for when a commitment is nearly spent; and what shows that.

        `concordat.client.registry.Registry.renew` does this and publishes both. The new model names this one as its
        parent. The same call again gives the same: the randomness of the next commitment follows from this one's.

        Parameters
        ----------
        openings : Openings
            Where the proofs of this commitment are counted: a rotation opens both once more.

        Returns
        -------
        SecretModel, Rotation
            `concordat.zk.verifier.rotation.verify_rotation` checks the latter.

        Raises
        ------
        InputError
            ``CommitmentSpent`` if this commitment was rotated into another one.
        """
        seed = sha256(b"renewed" + self.seed)
        kept = {name: value for name, value in self.manifest.content.items() if name != "hidden"}
        made = type(self)._committed(
            self.circuit,
            self.schema,
            {**kept, "parents": [to_hex(self.id)]},
            self.hidden.parameters,
            show=self.manifest.content["hidden"]["show"],
            version=self.hidden.version + 1,
            seed=seed,
        )
        root, next_root = self.weights.commitment.root, made.weights.commitment.root
        openings.once(root, Once.ROTATED_OUT, sha256(root + next_root))
        openings.once(next_root, Once.ROTATED_IN, sha256(root + next_root))
        rotation = rotate(
            self.hidden.relation,
            self.hidden.parameters,
            self.weights,
            made.hidden.parameters,
            made.weights,
            model=self.id,
            version=made.hidden.version,
            seed=sha256(b"rotation" + seed),
        )
        return made, rotation

    @property
    def commitment(self) -> ModelCommitment:
        """What the id is the hash of."""
        return self.hidden.commitment(self.manifest.digest())

    @property
    def id(self) -> ModelId:
        """Content-addressed id."""
        return self.commitment.model_id()

    @property
    def parents(self) -> tuple[bytes, ...]:
        """Artifact ids this model descends from."""
        return tuple(from_hex(parent) for parent in self.manifest.content["parents"])

    @property
    def limit(self) -> int:
        """Answers that the commitment is good for; the proof of the weights' bounds was its first."""
        return proof_limit(self.hidden.parameters) - 1

    def answer(
        self, words: bytes, salt: bytes, name: OrderId, order: Order, domain: Domain, openings: Openings
    ) -> tuple[bytes, Answer]:
        """Run the model on an order's input and prove what it said.

        Every proof opens some columns of the commitment, so it is counted before it is made. Proving the same order
        again gives the same bytes, and shows nothing more.

        Parameters
        ----------
        words, salt : bytes
            Open the order's input.
        openings : Openings
            Where the proofs of this commitment are counted.

        Returns
        -------
        bytes, Answer
            The public output, and what shows it.

        Raises
        ------
        InputError
            If the input is not one of the program's; ``CommitmentSpent`` if all proofs are made.
        ModelError
            ``ProofSize`` if the proof would take more memory than there is.
        """

        def statement(output: bytes, claimed: Answer) -> Statement:
            return self.hidden.statement(name, order, domain, output, claimed)

        return self._prove(words, salt, statement, openings, None)

    def show(
        self, words: bytes, salt: bytes, context: str, openings: Openings, progress: Progress | None = None
    ) -> ShownAnswer:
        """Run the model and prove what it said, for no order; errors as for :meth:`answer`.

        Parameters
        ----------
        context : str
            What the answer is for: a proof for one context is none for another.
        progress : callable, optional
            Told the phases of the proof.
        """
        name = context_name(context)

        def statement(output: bytes, claimed: Answer) -> Statement:
            return self.hidden.claim(self.id, name, output, claimed)

        output, answer = self._prove(words, salt, statement, openings, progress)
        return ShownAnswer(
            context=context,
            model=self.commitment,
            manifest=self.manifest.encode().decode(),
            program=self.hidden.encode(),
            output=output,
            proof=answer.encode(),
        )

    def _prove(
        self,
        words: bytes,
        salt: bytes,
        statement_of: Callable[[bytes, Answer], Statement],
        openings: Openings,
        progress: Progress | None,
    ) -> tuple[bytes, Answer]:
        estimate(self.hidden.relation, self.hidden.parameters).require(memory_bytes=free_memory())
        execution = run(self.graph, words)
        circuit, hidden = self.circuit, self.hidden
        taken = commit_input(hidden.parameters, circuit.inputs([execution]), salt)
        output = hidden.output(list(circuit.publics([execution])[0]))
        statement = statement_of(output, Answer(input=taken.commitment, proof=b""))
        a, b = circuit.witness([execution])
        digest, root = sha256(statement.encode()), self.weights.commitment.root
        seed = proof_seed(self.seed, root, openings.reserve(root, self.limit, digest), digest)
        witness = Witness(a=a, b=b)
        proof = prove(statement, witness, seed=seed, weights=self.weights, taken=taken, progress=progress)
        return output, Answer(input=taken.commitment, proof=proof)

    # -- on the owner's disk -----------------------------------------------------------------------------------------

    def save(self, folder: Path) -> Path:
        """Write everything into a folder that only the owner can read; returns it. It is there whole or not at all."""
        place = folder / to_hex(self.id)
        if place.is_dir():
            self._write(place)
            return place
        part = folder / f".{place.name}.part"
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(part)
        part.rename(place)
        sync_directory(folder)
        return place

    def _write(self, place: Path) -> None:
        kept = {"seed": to_hex(self.seed), "disclosure": asdict(self.circuit.disclosure)}
        write_file(place / "program.bin", self.graph.to_bytes())
        write_file(place / "public.bin", self.hidden.encode())
        write_file(place / "manifest.json", self.manifest.encode())
        write_file(place / "weights.words", np.ascontiguousarray(words_of_weights(self.weights)).tobytes())
        write_file(place / "secret.json", json.dumps(kept).encode())

    @classmethod
    def load(cls, place: Path) -> SecretModel:
        """Read what :meth:`save` wrote; the weights are mapped, not read.

        Raises
        ------
        CorruptionError
            If a file is missing or damaged.
        """
        try:
            kept = json.loads((place / "secret.json").read_bytes())
            graph = Graph.from_bytes((place / "program.bin").read_bytes())
            fields = parse_json((place / "manifest.json").read_bytes())
            hidden = HiddenModel.decode((place / "public.bin").read_bytes())
            words = np.memmap(place / "weights.words", dtype="<u8", mode="r")
        except (OSError, ValueError) as error:
            raise CorruptionError(f"{place} is no hidden model: {error}.", code="SecretDamaged") from error
        content = {key: value for key, value in fields.items() if key not in ("concordat", "kind")}
        circuit = compile_graph(graph, disclosure=Disclosure(**kept["disclosure"]))
        if circuit.relation.digest != hidden.relation.digest:
            raise CorruptionError(f"The program in {place} is not that of its relation.", code="SecretDamaged")
        return cls(
            graph=graph,
            schema=ModelSchema.from_json(content["schema"]),
            manifest=Manifest(kind=ArtifactKind.MODEL, content=content),
            hidden=hidden,
            circuit=circuit,
            weights=weights_of_words(hidden.relation, hidden.parameters, words),
            seed=Bytes32(from_hex(kept["seed"], length=32)),
        )


def secrets_of(home: Path) -> Path:
    """Where a home keeps the hidden models of its owner, and the count of their openings."""
    return home / "secrets"


def free_memory() -> int:
    """Bytes of memory that can be had; all there is where the system does not say."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def disclosure_of(show: str, output: OutputSchema) -> tuple[Disclosure, OutputSchema]:
    """What a wish to show means for a model, and how its public output is read.

    Raises
    ------
    InputError
        If the model has no such output.
    """
    names = [score.name for score in output.scores]
    if show == "all":
        return Disclosure(), output
    if show == "label" and output.labels:
        return Disclosure(kind="element"), OutputSchema(labels=output.labels, scores=())
    if show == "argmax" and not output.labels:
        return Disclosure(kind="argmax"), OutputSchema(labels=tuple(names), scores=())
    match = _THRESHOLD.match(show)
    try:
        if match is None or names.count(match["name"]) != 1:
            raise KeyError(show)
        place, least = names.index(match["name"]), Decimal(match["least"])
    except (KeyError, InvalidOperation):
        known = ["all", "label" if output.labels else "argmax", *(f"{name} >= 0.5" for name in names[:4])]
        raise InputError(
            f"{show[:80]!r} is nothing that this model could show.",
            code="BadDisclosure",
            hint=f"Say one of: {', '.join(known)}.",
        ) from None
    step = output.scores[place].step
    threshold = ceil(least / step)
    said = (f"{match['name']} < {least}", f"{match['name']} >= {least}")
    element = bool(output.labels) + place
    return Disclosure(kind="threshold", element=element, threshold=threshold), OutputSchema(labels=said, scores=())


def _bounds(hidden: HiddenModel, circuit: Circuit, weights: Weights, seed: bytes) -> Bounds:
    """Show that the weights are as small as their types: the first proof with their commitment."""
    bits = weight_bits(hidden.relation, circuit.weights)
    if wrapping(hidden.relation, bits):  # the types say too little; what is needed is said of each layer
        bits = weight_bits(hidden.relation, circuit.weights, widths=range(1, 63))
    ranges = compile_ranges(hidden.relation, bits)
    parameters = range_parameters(ranges, hidden.parameters)
    statement = hidden.bounded(bits, parameters)
    proof = prove(statement, ranges.witness(circuit.weights), seed=sha256(b"bounds" + seed), weights=weights)
    return Bounds(bits=bits, parameters=parameters, proof=proof)


def _parameters(relation: Relation, proofs: int) -> Parameters:
    """Sizes that a contract checks cheaply; where that takes too large a matrix on disk, such as prove fast."""
    cheap = choose_for_contract(relation, proofs=proofs)
    fits = 8 * relation.weight_rows << cheap.weight_log_domain <= _MOST_BYTES
    return cheap if fits else choose(relation, proofs=proofs)
