"""The command line's manners: results on stdout, one JSON envelope, exit codes, hints instead of tracebacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import concordat as cd
from concordat.cli.main import main
from concordat.node.open import TERMS, open_market
from concordat.testing.mutants import mutants
from concordat.testing.small import small_model


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recorded decision and the trust file of its network."""
    folder = tmp_path_factory.mktemp("bundle")
    market = open_market("memory://")
    market.add_provider("provider", TERMS)
    network = market.network
    model = network.registry.publish(small_model(), signer="lender")
    row = {"income": 5200, "debt": 900, "age": 44, "years": 3}
    decision = network.orders.place(model.id, row, pay=cd.usd("0.50"), evidence=cd.Native()).wait("recorded")
    path = decision.save(folder / "decision.json")
    (folder / "trust.toml").write_text(network.records.trust_root().encode())
    network.close()
    return path, folder / "trust.toml"


def test_verify_trusted_bundle_exits_zero(bundle: tuple[Path, Path]) -> None:
    result = run("verify", bundle[0], "--trust", bundle[1])
    assert result.exit_code == 0
    assert "VERIFIED" in result.stdout


def test_verify_without_trust_exits_three(bundle: tuple[Path, Path]) -> None:
    result = run("--json", "verify", bundle[0])
    envelope = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (envelope["ok"], envelope["data"]["ok"], envelope["data"]["exit_code"]) == (True, False, 3)
    assert [check["number"] for check in envelope["data"]["checks"]] == list(range(1, 17))


def test_verify_without_rerun_leaves_check_thirteen_open(bundle: tuple[Path, Path]) -> None:
    result = run("--json", "verify", bundle[0], "--trust", bundle[1], "--no-rerun")
    checks = {check["number"]: check["outcome"] for check in json.loads(result.stdout)["data"]["checks"]}
    assert checks[13] == "not checked"
    assert result.exit_code == 3  # the policy's evidence was not checked, and that is not a pass


def test_verify_explains_in_plain_language(bundle: tuple[Path, Path]) -> None:
    result = run("verify", bundle[0], "--trust", bundle[1], "--explain")
    assert "What was checked and holds" in result.stdout


def test_verify_every_changed_field_exits_one_or_three_never_zero(bundle: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "mutant.json"
    count = 0
    for path, mutant in mutants(bundle[0].read_bytes()):
        target.write_bytes(mutant)
        result = run("verify", target, "--trust", bundle[1])
        assert result.exit_code == 1, (path, result.stdout)
        assert "Traceback" not in result.output
        count += 1
    assert count > 60


def test_verify_of_something_else_reports_an_error_in_the_envelope(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    result = run("--json", "verify", tmp_path / "x.json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "BundleFormat"


def test_command_without_a_running_market_says_how_to_start_one(tmp_path: Path) -> None:
    result = run("--home", tmp_path, "artifact", "list")
    assert result.exit_code == 2
    assert "NotRunning" in result.stderr
    assert "concordat up" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("order", "place", "0x00", "[1]", "--pay", "0.5"),
        ("order", "quote", "nothex"),
        ("record", "audit", "0x12"),
        ("artifact", "show", "0x"),
    ],
)
def test_command_with_bad_words_exits_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run("--home", tmp_path, *arguments).exit_code == 2


def test_command_at_a_dead_endpoint_exits_with_a_hint(tmp_path: Path) -> None:
    result = run("--home", tmp_path, "--url", "http://127.0.0.1:9", "--json", "account", "show")
    envelope = json.loads(result.stdout)
    assert result.exit_code in (1, 2)
    assert envelope["ok"] is False
    assert envelope["error"]["hint"]


def test_account_new_never_overwrites_and_never_prints_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORDAT_PASSWORD", "correct horse")
    first = run("--home", tmp_path, "--json", "account", "new", "auditor")
    assert first.exit_code == 0
    stored = (tmp_path / "keys" / "auditor.json").read_text()
    assert json.loads(first.stdout)["data"]["address"].startswith("0x")
    assert "correct horse" not in first.output + stored
    again = run("--home", tmp_path, "account", "new", "auditor")
    assert again.exit_code == 2
    assert (tmp_path / "keys" / "auditor.json").read_text() == stored
    assert run("--home", tmp_path, "account", "new", "../evil").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_CONCORDAT_COMPLETE" in result.stdout


def test_every_command_explains_itself() -> None:
    def walk(command: object, words: tuple[str, ...]) -> None:
        result = run(*words, "--help")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 4
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*words, name))

    walk(main, ())
