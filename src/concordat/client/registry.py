"""Publishing artifacts and finding them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from concordat.client.dataset import Dataset
from concordat.client.keyring import Keyring
from concordat.client.model import Model
from concordat.client.offer import InputOpening
from concordat.client.public import PublicData, hidden_model, put_rotation
from concordat.client.renewal import Renewal, follow_renewals
from concordat.client.secret import SecretModel
from concordat.graph.elements import ElementType
from concordat.graph.ir import Graph
from concordat.graph.schema import ModelSchema
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import (
    ConcordatError,
    ConfigurationError,
    CorruptionError,
    InputError,
    ModelError,
    NotFoundError,
    StorageError,
)
from concordat.primitives.units import Address, Bytes32, ModelId
from concordat.primitives.wire import parse_json
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.execution import input_root
from concordat.protocol.registry import Registration, artifact_id
from concordat.storage.openings import Openings
from concordat.zk.hidden import HiddenModel

__all__ = ["ArtifactLedger", "Lineage", "PublishedModel", "Registry"]


class ArtifactLedger(Protocol):
    """Where artifacts are registered: a contract, or memory."""

    def register_model(
        self, commitment: ModelCommitment, parents: Sequence[bytes], *, royalty: int, uri: str, sender: Address
    ) -> None:
        """Register a model under the hash of its commitment."""
        ...

    def register(
        self,
        kind: ArtifactKind,
        manifest_digest: Bytes32,
        parents: Sequence[bytes],
        *,
        royalty: int,
        uri: str,
        sender: Address,
    ) -> None:
        """Register anything else under `artifact_id`."""
        ...

    def entry(self, artifact: bytes) -> Registration:
        """What is registered under an id; `NotFoundError` if nothing is."""
        ...

    def entries(self) -> list[Registration]:
        """Everything, in order of registration."""
        ...

    def publish_native(self, commitment: ModelCommitment, native: bytes, *, sender: Address) -> None:
        """Put a model's native form on the ledger, so that the contract can run it."""
        ...

    def has_native(self, model: ModelId) -> bool:
        """Whether the contract can run that model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """A model as anybody finds it."""

    id: ModelId
    """Content-addressed id."""
    name: str
    """From its card."""
    version: str
    """From its card."""
    schema: ModelSchema
    """Inputs and outputs."""
    program: Graph | HiddenModel = field(repr=False)
    """The integer program; of a hidden model what everybody gets of it."""
    commitment: ModelCommitment
    """What the id is the hash of."""
    manifest: dict[str, Any]
    """Everything that was committed with it."""
    native: bool
    """Whether the contract can run it whole."""

    @property
    def hidden(self) -> HiddenModel | None:
        """What everybody gets of a hidden model; ``None`` for one that is public."""
        return self.program if isinstance(self.program, HiddenModel) else None

    @property
    def graph(self) -> Graph:
        """The integer program; `ModelError` ``HiddenProgram`` if nobody sees it."""
        if isinstance(self.program, HiddenModel):
            raise ModelError(
                f"{self.name} is a hidden model: its program is not public.",
                code="HiddenProgram",
                hint="Ask for evidence by ZeroKnowledge(): its answers are proven, not run again.",
            )
        return self.program

    @property
    def file(self) -> bytes:
        """What opens the commitment: the program, or what everybody gets of a hidden one."""
        return self.program.encode() if isinstance(self.program, HiddenModel) else self.program.to_bytes()

    def input_root(self, opening: InputOpening) -> Bytes32:
        """What an order names as its input."""
        if self.hidden is not None:
            return self.hidden.input_root(opening.words, opening.salt)
        return input_root(opening.words, opening.salt, self.graph.input_depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """An artifact and where it comes from."""

    entry: Registration
    """The artifact."""
    name: str
    """From its manifest."""
    parents: tuple[Lineage, ...]
    """What it descends from."""

    def lines(self, indent: str = "") -> list[str]:
        """A drawing in text."""
        own = f"{indent}{self.entry.kind.name.lower()} {self.name}  {to_hex(self.entry.id)[:18]}…"
        return [own, *(line for parent in self.parents for line in parent.lines(indent + "  └ "))]


_HOME_HINT = "Connect with a home: concordat.open(url, home=...)."
_LIST_HINT = "See: concordat artifact list"
_SPENT_HINT = "Renew the model: concordat artifact renew MODEL"
_OWNER_HINT = "Renew it in the home of its owner."


class Registry:
    """Publish and resolve artifacts on one network.

    Parameters
    ----------
    secrets : Path, optional
        Where hidden models are kept when they are published; without it none can be.
    """

    def __init__(
        self, ledger: ArtifactLedger, public: PublicData, keyring: Keyring, *, secrets: Path | None = None
    ) -> None:
        self._secrets = secrets
        self._ledger = ledger
        self._public = public
        self._keyring = keyring
        self._models: dict[bytes, PublishedModel] = {}

    def publish(
        self, item: Model | SecretModel | Dataset, *, signer: str, royalty: int = 0
    ) -> PublishedModel | Registration:
        """Make an artifact public and register it; publishing it again does nothing.

        Of a `SecretModel` only what hides it becomes public; the rest stays in the home, for its owner's provider.

        Parameters
        ----------
        item : Model, SecretModel or Dataset
            What.
        signer : str
            Name of the account that will own it.
        royalty : int
            Hundredths of a per cent of resale, 0 to 10,000.
        """
        sender = self._keyring.signer(signer).address
        if isinstance(item, Dataset):
            return self._publish_dataset(item, sender, royalty)
        if isinstance(item, SecretModel):
            self._require_unspent(item)
            item.save(self._kept())
        program = item.hidden if isinstance(item, SecretModel) else item.graph
        self._public.put_model(item.commitment, program, item.manifest.encode())
        if not self._known(item.id):
            self._ledger.register_model(
                item.commitment, item.parents, royalty=royalty, uri=f"concordat:{to_hex(item.id)}", sender=sender
            )
        native = item.native if isinstance(item, Model) else None
        if native is not None and not self._ledger.has_native(item.id):
            self._ledger.publish_native(item.commitment, native, sender=sender)
        return self.model(item.id)

    def renew(self, model: ModelId, *, signer: str) -> PublishedModel:
        """Publish a hidden model of this home under a fresh commitment, with what shows that its weights are the same.

        The opening that takes is counted first. Whenever this was interrupted, the same call again goes on, and gives
        the same model. A renewed model with which nothing was proven yet is given back as it is.

        Parameters
        ----------
        model : ModelId
            Which; it is the parent of the new one.
        signer : str
            Name of the account that owns it.

        Raises
        ------
        NotFoundError
            ``UnknownArtifact`` if it is not registered, or not a hidden model of this home.
        InputError
            ``WrongOwner`` if it is another account's.
        """
        entry, folder = self._ledger.entry(model), self._kept()
        if entry.owner != self._keyring.signer(signer).address:
            raise InputError(f"{signer} does not own this model.", code="WrongOwner", hint="Renew it as its owner.")
        place = folder / to_hex(model)
        if not place.is_dir():
            raise NotFoundError("This is no hidden model of this home.", code="UnknownArtifact", hint=_OWNER_HINT)
        owned = SecretModel.load(place)
        with Openings(folder / "openings") as openings:
            if owned.hidden.version > 1 and _untouched(owned, openings):
                return self.model(model)
            made, rotation = owned.renewed(openings)
        put_rotation(self._public, made.id, rotation)
        self.publish(made, signer=signer, royalty=entry.royalty)
        return self.model(made.id)

    def renewals(self, model: ModelId) -> tuple[Renewal, ...]:
        """The steps that lead from a model back to its first commitment, each with whether it can be believed.

        Empty for a model that is not hidden or was never renewed. Errors as for :meth:`model`.
        """
        return follow_renewals(self._public, model)

    def _kept(self) -> Path:
        """Where hidden models are kept."""
        if self._secrets is None:
            said = "There is nowhere that hidden models are kept."
            raise ConfigurationError(said, code="NoSecrets", hint=_HOME_HINT)
        return self._secrets

    def _require_unspent(self, item: SecretModel) -> None:
        """Refuse to publish a commitment that is good for no more answers."""
        if not (self._kept() / to_hex(item.id)).is_dir():
            return
        with Openings(self._kept() / "openings") as openings:
            if self._known(item.id) or openings.left(item.weights.commitment.root, item.limit) > 0:
                return
        raise InputError("The commitment is used up.", code="CommitmentSpent", hint=_SPENT_HINT)

    def _publish_dataset(self, item: Dataset, sender: Address, royalty: int) -> Registration:
        digest = item.manifest.digest()
        name = artifact_id(ArtifactKind.DATASET, digest)
        self._public.put_manifest(name, item.manifest.encode())
        if not self._known(name):
            uri = f"concordat:{to_hex(name)}"
            self._ledger.register(ArtifactKind.DATASET, digest, (), royalty=royalty, uri=uri, sender=sender)
        return self._ledger.entry(name)

    def _known(self, artifact: bytes) -> bool:
        try:
            self._ledger.entry(artifact)
        except NotFoundError:
            return False
        return True

    def model(self, model: ModelId) -> PublishedModel:
        """Find a model by its id.

        Raises
        ------
        NotFoundError
            If its program is not in the public data.
        """
        if model not in self._models:
            self._models[model] = self._read_model(model)
        return self._models[model]

    def _read_model(self, model: ModelId) -> PublishedModel:
        try:
            manifest = parse_json(self._public.manifest(model))
            name, version, schema = str(manifest["name"]), str(manifest["version"]), manifest["schema"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError("The model's manifest lacks its name, version or schema.", code="BadManifest") from error
        commitment = self._public.commitment(model)
        published = PublishedModel(
            id=model,
            name=name,
            version=version,
            schema=ModelSchema.from_json(schema),
            program=hidden_model(self._public, model) if commitment.hidden else self._public.graph(model),
            commitment=commitment,
            manifest=manifest,
            native=self._ledger.has_native(model),
        )
        if not _fits(published.schema, published.program):
            raise ModelError("The model's schema is not that of its program.", code="BadManifest")
        return published

    def find(self, text: str) -> Bytes32:
        """Id of an artifact by its id, the beginning of its id, its name, or its name and version.

        Of a hidden model and those that its owner renewed it to, the newest is meant.

        Raises
        ------
        NotFoundError
            If nothing fits.
        InputError
            If several do.
        """
        if len(text) == 66 and text.startswith("0x"):
            return Bytes32(from_hex(text, length=32))
        fitting = []
        for entry in self._ledger.entries():
            name = self.name(entry)
            if (text.startswith("0x") and to_hex(entry.id).startswith(text)) or text in (name, name.rpartition(" ")[0]):
                fitting.append(entry.id)
        if not fitting:
            raise NotFoundError(f"Nothing registered fits {text[:80]!r}.", code="UnknownArtifact", hint=_LIST_HINT)
        if len(fitting) > 1:
            renewed = {old for one in fitting for old in self._renewed(one)}
            fitting = [one for one in fitting if one not in renewed]
        if len(fitting) > 1:
            raise InputError(f"{len(fitting)} artifacts fit {text[:80]!r}.", code="AmbiguousArtifact", hint=_LIST_HINT)
        return fitting[0]

    def _renewed(self, artifact: bytes) -> set[bytes]:
        """Models whose weights an artifact of the same owner was shown to hold."""
        try:
            steps = self.renewals(ModelId(artifact))
        except ConcordatError:
            return set()
        owner = self._ledger.entry(artifact).owner
        return {step.old for step in steps if step.holds and self._ledger.entry(step.old).owner == owner}

    def entries(self) -> list[Registration]:
        """Everything registered, in order."""
        return self._ledger.entries()

    def entry(self, artifact: bytes) -> Registration:
        """What the ledger knows of an artifact."""
        return self._ledger.entry(artifact)

    def lineage(self, artifact: bytes) -> Lineage:
        """Where an artifact comes from, all the way up; the parents of one that comes up again are not repeated."""
        return self._lineage(artifact, set())

    def _lineage(self, artifact: bytes, seen: set[bytes]) -> Lineage:
        entry = self._ledger.entry(artifact)
        first = entry.id not in seen
        seen.add(entry.id)
        parents = tuple(self._lineage(parent, seen) for parent in dict.fromkeys(entry.parents)) if first else ()
        return Lineage(entry=entry, name=self.name(entry), parents=parents)

    def name(self, entry: Registration) -> str:
        """Name and version from an artifact's manifest, as far as it is public and has them."""
        try:
            manifest = parse_json(self._public.any_manifest(entry.id, entry.manifest_digest))
            return f"{manifest['name']} {manifest['version']}"
        except (NotFoundError, CorruptionError):
            return "(manifest not public)"
        except (ValueError, KeyError, TypeError, RecursionError):
            return "(manifest without a name)"


def _untouched(owned: SecretModel, openings: Openings) -> bool:
    """Whether nothing was proven with a commitment, as far as its count knows."""
    try:
        return openings.left(owned.weights.commitment.root, owned.limit) == owned.limit
    except StorageError as error:
        if error.code != "OpeningsCopied":
            raise
        return False


def _fits(schema: ModelSchema, program: Graph | HiddenModel) -> bool:
    """Whether inputs in that schema are inputs of the program, and its outputs can be read in it."""
    if isinstance(program, HiddenModel):
        inputs = len(schema.names) == program.relation.input_count and schema.element_type is program.input_type
        return inputs and schema.output.elements == program.outputs
    inputs = len(schema.names) == program.input_elements and schema.element_type is program.nodes[0].out_type
    return inputs and schema.output.elements == program.output_elements and program.output.out_type is ElementType.I32
