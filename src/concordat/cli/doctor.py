"""``concordat doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click
from rich.text import Text

from concordat.chain.deployment import Deployment
from concordat.chain.rpc import Endpoint
from concordat.cli.connect import chain_url
from concordat.cli.output import command_errors, one_line, speaker_of
from concordat.cli.settings import Settings
from concordat.client.evm import is_development
from concordat.client.home import Home
from concordat.client.keyring import development_account
from concordat.node.operations.doctor import Diagnosis, examine
from concordat.node.operations.symptoms import Grade, Patient
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import Address

__all__ = ["doctor"]

_COLOURS = {Grade.PASS: "green", Grade.WARN: "yellow", Grade.FAIL: "bold red", Grade.SKIP: "dim"}


@click.command()
@command_errors
def doctor() -> None:
    """Look at machine, home, chain, contracts, money, journals, log and nodes; say what is wrong and what to do.

    Ends with 1 if anything fails; warnings do not count.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    found = []
    for diagnosis in examine(patient_of(settings)):
        found.append(diagnosis)
        if not settings.json:
            for line in _lines(diagnosis):
                speaker.out.print(line)
    ok = all(diagnosis.symptom.grade is not Grade.FAIL for diagnosis in found)
    if settings.json:
        speaker.result({"ok": ok, "checks": [_row(diagnosis) for diagnosis in found]}, "")
    if not ok:
        sys.exit(1)


def patient_of(settings: Settings) -> Patient:
    """What the settings mean, as far as it is there."""
    home = settings.place
    try:
        endpoint: Endpoint | None = Endpoint(chain_url(settings), retries=1, timeout=5.0)
    except ConfigurationError:
        endpoint = None
    try:
        deployment: Deployment | None = Deployment.load(home.deployment)
    except ConfigurationError:
        deployment = None
    accounts = _accounts(settings, home, deployment)
    return Patient(home=home, endpoint=endpoint, deployment=deployment, accounts=accounts, clock=time.time)


def _accounts(settings: Settings, home: Home, deployment: Deployment | None) -> dict[str, Address]:
    """Accounts of the home's nodes; keystores are not opened for it."""
    found: dict[str, Address] = {}
    for folder in sorted(home.path.glob("nodes/*/")):
        name, path = folder.name, home.keys / f"{folder.name}.json"
        signer = settings.signer(name)
        if signer is not None:
            found[name] = signer.address
        elif (address := _address_in(path)) is not None:
            found[name] = address
        elif deployment is not None and is_development(deployment.chain_id) and not path.exists():
            found[name] = development_account(name).address
    return found


def _address_in(path: Path) -> Address | None:
    try:
        return Address(bytes.fromhex(str(json.loads(path.read_bytes())["address"]).removeprefix("0x")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lines(diagnosis: Diagnosis) -> list[Text]:
    symptom = diagnosis.symptom
    head = Text(f"{diagnosis.number:>2} ")
    head.append(f"{symptom.grade.value:<11} ", style=_COLOURS[symptom.grade])
    head.append(f"{diagnosis.name:<10} ").append_text(one_line(symptom.detail))
    return [head, *([Text(f"   → {symptom.advice}", style="dim")] if symptom.advice else [])]


def _row(diagnosis: Diagnosis) -> dict[str, object]:
    symptom = diagnosis.symptom
    return {
        "number": diagnosis.number,
        "name": diagnosis.name,
        "grade": symptom.grade.value,
        "detail": symptom.detail,
        "advice": symptom.advice,
    }
