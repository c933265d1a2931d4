"""Hidden models from the command line: publish, order, prove, verify; chain and nodes in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Commands

from concordat.chain.anvil import find_anvil
from concordat.primitives.errors import ConfigurationError
from concordat.testing.credit import train_credit

pytestmark = [pytest.mark.chain, pytest.mark.slow]
CARD = 'name = "scorecard"\nversion = "1.0.0"\nlicence = "LicenseRef-private"\ncalibration = "rows.csv"\n'


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    pytest.importorskip("skl2onnx")
    try:
        find_anvil()
    except ConfigurationError as error:
        pytest.skip(error.message)
    credit = train_credit("logistic")
    (tmp_path / "model.onnx").write_bytes(credit.onnx)
    (tmp_path / "card.toml").write_text(CARD)
    credit.training.to_csv(tmp_path / "rows.csv", index=False)
    row = {name: float(value) for name, value in credit.held_out.iloc[0].to_dict().items()}
    (tmp_path / "row.json").write_text(json.dumps(row))
    with Commands(tmp_path / "home", folder=tmp_path).market() as run:
        yield run


def test_hidden_model_is_published_bought_proven_and_verified_by_commands(commands: Commands) -> None:
    published = commands("artifact", "publish", "model.onnx", "--card", "card.toml", "--hidden", "--show", "label")
    commands("order", "place", "scorecard", "--input", "row.json", "--pay", "0.50", "--yes", "--save", "bundle.json")
    report = commands("verify", "bundle.json", code=3)  # no trust root was named, and it is not logged yet
    thirteen = next(check for check in report["checks"] if check["number"] == 13)
    assert thirteen["outcome"] == "pass"
    assert "zero-knowledge proof" in thirteen["reason"]

    bits = commands("artifact", "show", "scorecard")["soundness"]
    assert bits["total"] >= 100
    assert min(bits.values()) == bits["total"]

    cost = commands("prove", "scorecard", "--input", "row.json")
    assert cost["model"] == published["id"]
    assert 50_000 < cost["bytes"] < 130_000
    shown = commands("prove", published["id"][:10], "--input", "row.json", "--context", "a", "--save", "shown.json")
    assert shown["left"] == cost["left"]
    assert commands("prove", "scorecard", "--input", "row.json")["left"] == cost["left"] - 1
    said = commands("verify", "shown.json")
    assert (said["model"], said["context"]) == (published["id"], "a")
    assert said["output"] == shown["output"]
    for change in (('"context":"a"', '"context":"b"'), ('"version\\":\\"1', '"version\\":\\"2')):
        text = (commands.folder / "shown.json").read_text()
        assert change[0] in text
        (commands.folder / "forged.json").write_text(text.replace(*change))
        commands("verify", "forged.json", code=1)
    (commands.folder / "forged.json").write_text(text[:-9])
    assert commands("verify", "forged.json", code=1)["code"] == "ShownFormat"

    assert commands("prove", "scorecard", "--input", "row.json", "--memory", "1", code=2)["code"] == "ProofSize"
    assert commands("prove", "another", "--input", "row.json", code=1)["code"] == "UnknownArtifact"
    renewed = commands("artifact", "renew", "scorecard")
    assert (renewed["version"], renewed["holds"]) == (2, True)
    assert commands("artifact", "renew", "scorecard")["id"] == renewed["id"]  # nothing was proven with it yet
    shown = commands("artifact", "show", "scorecard")
    assert shown["id"] == renewed["id"]
    (step,) = shown["renewals"]
    assert (step["old"], step["new"], step["holds"]) == (published["id"], renewed["id"], True)
    assert len(shown["lineage"]) == 2
    assert commands("prove", "scorecard", "--input", "row.json")["left"] == cost["left"] + 1

    wrong = commands("artifact", "publish", "model.onnx", "--card", "card.toml", "--show", "label", code=2)
    assert wrong["code"] == "NotHidden"
