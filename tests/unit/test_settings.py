"""Settings: one frozen value from file, environment and flags, in that order of precedence."""

from __future__ import annotations

from pathlib import Path

import pytest

from concordat.cli.settings import load_settings
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.signatures import address_of


def test_settings_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    (tmp_path / "concordat.toml").write_text('url = "http://file"\naccount = "file"\n')
    environment = {"CONCORDAT_URL": "http://environment", "CONCORDAT_ACCOUNT": "environment"}
    settings = load_settings({"url": "http://flag"}, environment=environment, folder=tmp_path)
    assert (settings.url, settings.account) == ("http://flag", "environment")
    assert load_settings({}, environment={}, folder=tmp_path).account == "file"


def test_settings_of_the_home_folder_are_read_where_the_working_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "concordat.toml").write_text('account = "auditor"\n')
    settings = load_settings({"home": tmp_path}, environment={}, folder=tmp_path / "elsewhere")
    assert (settings.account, settings.home) == ("auditor", tmp_path)


@pytest.mark.parametrize("text", ["account = ", "colour = 'red'\n", "\x00"])
def test_settings_file_that_is_none_raises(tmp_path: Path, text: str) -> None:
    (tmp_path / "concordat.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, environment={}, folder=tmp_path)
    assert caught.value.code == "BadSettings"


def test_settings_never_show_the_password(tmp_path: Path) -> None:
    settings = load_settings({}, environment={"CONCORDAT_PASSWORD": "sesame"}, folder=tmp_path)
    assert settings.password == "sesame"
    assert "sesame" not in repr(settings)


def test_settings_take_keys_from_the_environment_and_nowhere_else(tmp_path: Path) -> None:
    key = "0x" + "11" * 32
    settings = load_settings({}, environment={"CONCORDAT_KEY_MY_BANK": key}, folder=tmp_path)
    signer = settings.signer("my-bank")
    assert signer is not None
    assert signer.address == address_of(bytes.fromhex("11" * 32))
    assert settings.signer("other") is None
    assert "1111" not in repr(settings)
    (tmp_path / "concordat.toml").write_text(f'[keys]\nbank = "{key}"\n')
    with pytest.raises(ConfigurationError):
        load_settings({}, environment={}, folder=tmp_path)


def test_settings_name_external_signers_whose_answers_are_checked(tmp_path: Path) -> None:
    address = "0x" + address_of(bytes.fromhex("11" * 32)).hex()
    (tmp_path / "concordat.toml").write_text(
        f'[signers.bank]\naddress = "{address}"\ncommand = ["echo", "0x00"]\n[signers.broken]\naddress = "{address}"\n'
    )
    settings = load_settings({}, environment={}, folder=tmp_path)
    bank = settings.signer("bank")
    assert bank is not None
    with pytest.raises(ConfigurationError) as caught:
        bank.sign(bytes(32))
    assert caught.value.code == "BadSigner"
    with pytest.raises(ConfigurationError):
        settings.signer("broken")
