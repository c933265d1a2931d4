"""Renewing a hidden model: what everybody finds, what its owner may go on with, and what a kill in between leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from concordat.cli.hidden import find_secret
from concordat.cli.main import main
from concordat.client import registry as registering
from concordat.client import secret as keeping
from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain
from concordat.client.model import Card
from concordat.client.public import put_rotation
from concordat.client.registry import PublishedModel
from concordat.client.secret import SecretModel, secrets_of
from concordat.node.embedded import EmbeddedMarket
from concordat.primitives.errors import CorruptionError, InputError, NotFoundError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import ModelId
from concordat.storage import openings as counting
from concordat.storage.openings import Openings
from concordat.testing.offers import ROW
from concordat.testing.small import small_graph, small_model
from concordat.zk.rotation import Rotation

CARD = Card.load({"name": "hidden", "version": "1.0.0", "licence": "LicenseRef-private"})


@pytest.fixture(scope="module", autouse=True)
def made_once() -> Iterator[None]:
    """A renewal is a function of its seed, and takes its time: what one test has made the next does not make again."""
    with pytest.MonkeyPatch.context() as patched:
        for place, name in ((SecretModel, "_committed"), (keeping, "rotate")):
            patched.setattr(place, name, remembered(getattr(place, name)))
        yield


def remembered(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what was made of a seed kept."""
    kept: dict[bytes, Any] = {}

    def remembering(*args: Any, seed: bytes | None = None, **kwargs: Any) -> Any:
        if seed is None:
            return make(*args, **kwargs)
        if seed not in kept:
            kept[seed] = make(*args, seed=seed, **kwargs)
        return kept[seed]

    return remembering


@pytest.fixture(scope="module")
def secret() -> SecretModel:
    return SecretModel.of_program(small_graph(), small_model().schema, CARD)


class Owner:
    """An embedded market, and who has published a hidden model there."""

    def __init__(self, market: EmbeddedMarket, secret: SecretModel) -> None:
        self.registry = market.network.registry
        self.public = market.network.registry._public
        self.folder = secrets_of(market.home.path)
        self.secret = secret
        self.first: Any = self.registry.publish(secret, signer="owner")

    def spend(self, secret: SecretModel, count: int = 1) -> None:
        """Count proofs as if they had been made."""
        root = secret.weights.commitment.root
        with Openings(self.folder / "openings") as openings:
            for number in range(count):
                openings.reserve(root, secret.limit, sha256(root + b"%d" % number))

    def renewed(self, model: ModelId) -> PublishedModel:
        return self.registry.renew(model, signer="owner")

    def loaded(self, model: bytes) -> SecretModel:
        return SecretModel.load(self.folder / f"0x{model.hex()}")


@pytest.fixture
def owner(secret: SecretModel) -> Iterator[Owner]:
    market = in_memory()
    yield Owner(market, secret)
    market.close()


def in_memory() -> EmbeddedMarket:
    chain = MemoryChain()
    return EmbeddedMarket(chain, chain.content, Keyring(development=True))


def test_renewed_twice_is_followed_back_to_the_first_commitment(owner: Owner) -> None:
    second: Any = owner.renewed(owner.first.id)
    assert owner.renewed(owner.first.id).id == second.id
    assert owner.renewed(second.id).id == second.id  # nothing was proven with it yet
    owner.spend(owner.loaded(second.id))
    third: Any = owner.renewed(second.id)
    steps = owner.registry.renewals(third.id)
    ids = [(step.old, step.new, step.version, step.holds) for step in steps]
    assert ids == [(second.id, third.id, 3, True), (owner.first.id, second.id, 2, True)]
    assert "the same weights" in steps[0].line()
    assert owner.registry.renewals(owner.first.id) == ()
    assert owner.registry.lineage(third.id).parents[0].entry.id == second.id
    # a name means the newest, an id what it says; on the owner's disk too
    assert owner.registry.find("hidden") == owner.registry.find("hidden 1.0.0") == third.id
    assert owner.registry.find(f"0x{owner.first.id.hex()}") == owner.first.id
    assert find_secret(owner.folder, "hidden").name == f"0x{third.id.hex()}"
    assert find_secret(owner.folder, f"0x{second.id.hex()}"[:20]).name == f"0x{second.id.hex()}"


def test_renewal_that_is_not_shown_or_shown_falsely_is_told(owner: Owner, secret: SecretModel) -> None:
    with Openings(owner.folder / "openings") as openings:
        made, rotation = secret.renewed(openings)
    published = owner.registry.publish(made, signer="owner")
    assert isinstance(published, PublishedModel)
    (step,) = owner.registry.renewals(published.id)
    assert "not public" in step.fault
    with pytest.raises(InputError):
        owner.registry.find("hidden")  # two models of one name, as far as anybody can tell

    def told(shown: Rotation) -> str:
        put_rotation(owner.public, made.id, shown)
        return owner.registry.renewals(made.id)[0].fault

    for change in (
        {"proof": rotation.proof[:-1] + b"\0"},
        {"model": bytes(32)},
        {"version": 3},
        {"old": rotation.new},
        {"queries": rotation.queries + 1},
    ):
        assert told(replace(rotation, **change)), change
    assert told(rotation) == ""


def test_weights_of_another_model_cannot_be_passed_off_as_renewed(owner: Owner, secret: SecretModel) -> None:
    """A model that names a stranger's as its parent takes over neither his weights nor his name."""
    other = SecretModel.of_program(small_graph(seed=2), small_model().schema, CARD)
    content = {**other.manifest.content, "parents": [f"0x{secret.id.hex()}"]}
    false = replace(
        other, manifest=replace(other.manifest, content=content), hidden=replace(other.hidden, version=2)
    )  # fmt: skip
    published = owner.registry.publish
    with pytest.raises(CorruptionError):  # its bounds were shown for version 1
        published(false, signer="thief")
    assert owner.registry.renewals(owner.first.id) == ()


def test_only_the_owner_renews_and_only_what_is_in_his_home(owner: Owner, secret: SecretModel) -> None:
    with pytest.raises(InputError) as caught:
        owner.registry.renew(owner.first.id, signer="thief")
    assert caught.value.code == "WrongOwner"
    with pytest.raises(NotFoundError):
        owner.renewed(ModelId(bytes(32)))
    shutil.rmtree(owner.folder / f"0x{secret.id.hex()}")
    with pytest.raises(NotFoundError):
        owner.renewed(owner.first.id)


def test_spent_commitment_is_neither_published_nor_proven_with_but_renewed(owner: Owner, secret: SecretModel) -> None:
    owner.spend(secret, secret.limit)
    assert owner.registry.publish(secret, signer="owner") == owner.first  # it was public before
    elsewhere = in_memory()
    elsewhere.network.registry._secrets = owner.folder
    with pytest.raises(InputError, match="used up"):
        elsewhere.network.registry.publish(secret, signer="owner")
    elsewhere.close()
    words = ["--home", str(owner.folder.parent), "--json", "prove", "hidden", json.dumps(ROW)]
    refused = json.loads(CliRunner().invoke(main, [*words, "--save", "nowhere"]).stdout)["error"]
    assert refused["code"] == "CommitmentSpent"
    assert "artifact renew" in refused["hint"]
    renewed = owner.loaded(owner.renewed(owner.first.id).id)
    with Openings(owner.folder / "openings") as openings:
        assert openings.left(secret.weights.commitment.root, secret.limit) == 0
        assert openings.left(renewed.weights.commitment.root, renewed.limit) == renewed.limit


class Killed(BaseException):
    """Stands for the end of the process."""


def at_event(monkeypatch: pytest.MonkeyPatch, owner: Owner, number: int, end: Callable[[], None]) -> None:
    """Let `end` happen right before the renewal's event of that number that outlives the process."""
    left = [number]

    def before(place: Any, name: str) -> None:
        honest = getattr(place, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                end()
            return honest(*args, **kwargs)

        monkeypatch.setattr(place, name, counted)

    before(counting.Openings, "once")
    before(keeping, "write_file")
    before(keeping, "sync_directory")
    before(registering, "put_rotation")
    before(owner.public, "put_model")
    before(owner.registry._ledger, "register_model")


def stop() -> None:
    raise Killed


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def looks_whole(owner: Owner) -> None:
    """Whatever is there is there whole."""
    for entry in owner.registry.entries():
        assert owner.registry.model(ModelId(entry.id)).hidden
    for place in owner.folder.glob("0x*"):
        assert SecretModel.load(place).id.hex() == place.name[2:]


def test_renewal_stopped_at_any_step_goes_on_where_it_was(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two openings counted, the rotation public, five files, the model public, the model registered."""
    for number in count():
        with monkeypatch.context() as patched:
            at_event(patched, owner, number, stop)
            try:
                made = owner.renewed(owner.first.id)
                break
            except Killed:
                looks_whole(owner)
                assert len(owner.registry.entries()) == 1
    assert number == 10
    assert owner.renewed(ModelId(owner.registry.find("hidden"))).id == made.id
    assert [entry.id for entry in owner.registry.entries()] == [owner.first.id, made.id]
    assert owner.registry.renewals(made.id)[0].holds
    books = sorted(path.name.split(".")[1] for path in (owner.folder / "openings").glob("*.rotated-*.index"))
    assert books == ["rotated-in", "rotated-out"]  # one commitment was opened for one other


@pytest.mark.parametrize("number", [1, 5, 8])
def test_renewal_killed_on_its_way_to_the_disk_is_the_same_afterwards(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    child = os.fork()
    if not child:
        at_event(monkeypatch, owner, number, kill)
        try:
            owner.renewed(owner.first.id)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    looks_whole(owner)
    made = owner.renewed(owner.first.id)
    assert owner.registry.renewals(made.id)[0].holds
    assert len(list((owner.folder / "openings").glob("*.rotated-out.index"))) == 1


def test_restored_count_goes_on_by_command_after_it_was_said_how_far(owner: Owner, tmp_path: Path) -> None:
    second = owner.renewed(owner.first.id)
    owner.spend(owner.loaded(second.id))
    owner.spend(owner.secret, 5)
    name = f"0x{owner.secret.id.hex()}"
    home = tmp_path / "restored"
    shutil.copytree(owner.folder, secrets_of(home))

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, ["--home", str(home), "--json", *words])

    assert json.loads(run("prove", name, json.dumps(ROW)).stdout)["error"]["code"] == "OpeningsCopied"
    with Openings(secrets_of(home) / "openings") as openings:
        root, limit = owner.secret.weights.commitment.root, owner.secret.limit
        assert run("artifact", "adopt", name, "--made", "5", "--yes").exit_code == 2
        assert run("artifact", "adopt", name, "--made", "9").exit_code == 1  # nobody said yes
        assert run("artifact", "adopt", name, "--made", "9", "--yes").exit_code == 0
        assert openings.left(root, limit) == limit - 9
    owner.registry._secrets = secrets_of(home)
    assert owner.renewed(second.id).id != second.id  # who knows what was proven with it
