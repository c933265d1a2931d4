"""A model ready to be published: integer program, schema, manifest, native form."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.graph.evm import native_digest, pack_native
from concordat.graph.ir import Graph
from concordat.graph.onnx import ImportedModel, import_onnx
from concordat.graph.schema import ModelSchema
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import ModelId
from concordat.protocol.artifact import ArtifactKind, Manifest, ModelCommitment

__all__ = ["Card", "Model", "calibration_rows", "onnx_bytes"]

_CARD_FIELDS = {
    "name",
    "version",
    "licence",
    "description",
    "intended_use",
    "limits",
    "contact",
    "columns",
    "calibration",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a publisher says about an artifact; read from TOML, committed with it."""

    name: str
    """Short name."""
    version: str
    """Version, such as ``1.0.0``."""
    licence: str
    """SPDX licence expression."""
    texts: Mapping[str, str]
    """Description, intended use, limits, contact."""
    columns: Mapping[str, Mapping[str, Any]]
    """Overrides of the input columns: step, minimum, maximum, categories."""
    calibration: str | None = None
    """CSV file with rows like those the model will see, relative to the card."""

    @classmethod
    def load(cls, source: Path | str | Mapping[str, Any]) -> Card:
        """Read a card.

        Raises
        ------
        InputError
            If the file is not TOML, a required field is missing or a field is unknown.
        """
        data = source if isinstance(source, Mapping) else _read_toml(Path(source))
        if unknown := set(data) - _CARD_FIELDS:
            raise InputError(f"The card has unknown fields: {', '.join(sorted(unknown))}.", code="BadCard")
        if missing := {"name", "version", "licence"} - set(data):
            raise InputError(
                f"The card lacks {', '.join(sorted(missing))}.", code="BadCard", hint="Add them at the top of the file."
            )
        texts = {key: str(data[key]) for key in ("description", "intended_use", "limits", "contact") if key in data}
        return cls(
            name=str(data["name"]),
            version=str(data["version"]),
            licence=str(data["licence"]),
            texts=texts,
            columns=data.get("columns", {}),
            calibration=data.get("calibration"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An importable, publishable, executable model."""

    graph: Graph
    """The integer program."""
    schema: ModelSchema
    """How the outside world becomes input words, and output words answers."""
    manifest: Manifest
    """What is committed beside the program."""
    native: bytes | None
    """Form that a contract can run whole; ``None`` if it is too large or not supported there."""

    @classmethod
    def from_onnx(
        cls,
        source: Path | str | bytes,
        *,
        card: Path | str | Mapping[str, Any] | Card,
        calibration: Any = None,
        parents: tuple[bytes, ...] = (),
        **options: Any,
    ) -> Model:
        """Import an ONNX file.

        Parameters
        ----------
        source : path or bytes
            ONNX, opset 13 or newer.
        card : path, mapping or Card
            Name, version, licence and texts; ``calibration`` in it names a CSV file beside it.
        calibration : DataFrame or ndarray, optional
            Rows that fix scales and ranges; overrides the card's file.
        parents : tuple of bytes
            Artifact ids this model descends from (training data, base model).
        **options
            ``bits``, ``tolerance`` of `concordat.graph.onnx.import_onnx`.

        Raises
        ------
        ModelError
            If the file is hostile, uses an unsupported operator, or cannot be kept within the tolerance.
        """
        said = card if isinstance(card, Card) else Card.load(card)
        rows = calibration if calibration is not None else calibration_rows(said, card)
        data = onnx_bytes(source)
        return cls.of_import(
            import_onnx(data, calibration=rows, schema=said.columns or None, **options), data, said, parents
        )

    @classmethod
    def of_import(cls, imported: ImportedModel, onnx: bytes, card: Card, parents: tuple[bytes, ...] = ()) -> Model:
        """Put an imported model together with its card."""
        manifest = Manifest(
            kind=ArtifactKind.MODEL,
            content={
                "name": card.name,
                "version": card.version,
                "licence": card.licence,
                "card": dict(card.texts),
                "parents": [to_hex(parent) for parent in parents],
                "files": {
                    "model.onnx": to_hex(sha256(onnx)),
                    "program.bin": to_hex(sha256(imported.graph.to_bytes())),
                },
                "import": imported.to_json(),
                "schema": imported.schema.to_json(),
            },
        )
        digest = native_digest(imported.graph)
        native = None if digest == ZERO32 else pack_native(imported.graph)
        return cls(graph=imported.graph, schema=imported.schema, manifest=manifest, native=native)

    @property
    def commitment(self) -> ModelCommitment:
        """What the id is the hash of."""
        return self.graph.commitment(self.manifest.digest(), native_digest(self.graph))

    @property
    def id(self) -> ModelId:
        """Content-addressed id."""
        return self.commitment.model_id()

    @property
    def parents(self) -> tuple[bytes, ...]:
        """Artifact ids this model descends from."""
        return tuple(bytes.fromhex(parent[2:]) for parent in self.manifest.content["parents"])


def onnx_bytes(source: Path | str | bytes) -> bytes:
    """An ONNX file's bytes; `InputError` ``FileUnreadable`` if there is no such file."""
    return source if isinstance(source, bytes) else _read(Path(source))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", code="FileUnreadable") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}.", code="BadCard") from error


def calibration_rows(card: Card, source: object) -> Any:
    """Rows of the CSV file that a card names beside itself; `InputError` ``NoCalibration`` if it names none."""
    if card.calibration is None or not isinstance(source, Path | str):
        raise InputError(
            "No calibration rows were given.",
            code="NoCalibration",
            hint="Pass calibration=rows, or name a CSV file as `calibration` in the card.",
        )
    return read_csv(Path(source).parent / card.calibration)


def read_csv(path: Path) -> dict[str, list[Any]]:
    """Columns of a CSV file with a header: numbers where every cell is one or empty, text otherwise.

    Raises
    ------
    InputError
        If the file is not text, has no rows, or a line is too short.
    """
    try:
        header, *lines = csv.reader(_read(path).decode().splitlines())
        columns = {name: [line[place] for line in lines] for place, name in enumerate(header)}
    except (UnicodeDecodeError, csv.Error, ValueError, IndexError) as error:
        raise InputError(f"{path} is no table: {error}.", code="BadCsv", hint="Use CSV with a header.") from error
    if not lines:
        raise InputError(f"{path} has no rows.", code="EmptyFile")
    return {name: _numbers(cells) for name, cells in columns.items()}


def _numbers(cells: list[str]) -> list[Any]:
    try:
        return [float(cell) if cell.strip() else None for cell in cells]
    except ValueError:
        return list(cells)
