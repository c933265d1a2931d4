"""``concordat backup``: a home as one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from concordat.chain.accounts import Account, Signer
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.home import Home
from concordat.node.operations.archive import Manifest
from concordat.node.operations.backup import create_backup
from concordat.node.operations.restore import restore_backup, verify_backup
from concordat.primitives.encoding import checksum_address, from_hex
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Address

__all__ = ["backup"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def backup() -> None:
    """Back up a home while its nodes run, check a back-up, restore it."""


@backup.command()
@click.argument("file", type=_FILE)
@click.option("--sign", is_flag=True, help="Sign it as --account.")
@command_errors
def create(file: Path, sign: bool) -> None:
    """Write everything that the home's nodes need into FILE; they may run meanwhile.

    FILE holds keys (keystores stay encrypted, the log's keys are not) and people's inputs: keep it as you keep those.
    What PostgreSQL keeps is left out: use pg_dump.
    """
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    signer = _signer(settings) if sign else None
    manifest = create_backup(settings.place, file, sign=signer.sign if signer else None)
    said = _told(manifest, file)
    speaker = speaker_of(context)
    for left in manifest.left_out:
        speaker.log.print(f"not in it: {left}", markup=False)
    signed = {"signer": checksum_address(signer.address)} if signer else {}
    speaker.result(said | signed, f"{said['files']} files, {said['bytes']:,} bytes, digest {said['digest']}")


@backup.command()
@click.argument("file", type=_FILE)
@click.option("--signer", help="Address that must have signed it.")
@click.option("--digest", default="", help="Digest that was printed when it was made.")
@command_errors
def verify(file: Path, signer: str | None, digest: str) -> None:
    """Check that FILE is whole and unchanged; with --signer or --digest, also that it is yours."""
    manifest = verify_backup(file, signer=_address(signer), digest=digest)
    said = _told(manifest, file)
    whose = "" if signer or digest else "; whose it is was not checked (--signer, --digest)"
    speaker_of(click.get_current_context()).result(said, f"{said['files']} files of {manifest.time}, unchanged{whose}")


@backup.command()
@click.argument("file", type=_FILE)
@click.option("--into", required=True, type=click.Path(path_type=Path), help="Folder that is not there yet, or empty.")
@click.option("--signer", help="Address that must have signed it.")
@click.option("--digest", default="", help="Digest that was printed when it was made.")
@command_errors
def restore(file: Path, into: Path, signer: str | None, digest: str) -> None:
    """Unpack FILE into a new home: all of it, or nothing. Stop the nodes of the old one for good before."""
    manifest = restore_backup(file, into.absolute(), signer=_address(signer), digest=digest)
    said = _told(manifest, file) | {"home": str(into)}
    speaker_of(click.get_current_context()).result(said, f"{said['files']} files of {manifest.time} in {into}")


def _told(manifest: Manifest, file: Path) -> dict[str, object]:
    return {
        "file": str(file),
        "time": manifest.time,
        "digest": sha256(manifest.encode()).hex(),
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
        "left_out": list(manifest.left_out),
    }


def _address(text: str | None) -> Address | None:
    return Address(from_hex(text, length=20)) if text else None


def _signer(settings: Settings) -> Signer:
    found = settings.signer(settings.account)
    if found is not None:
        return found
    return Account.from_keystore(Home(settings.home).keys / f"{settings.account}.json", settings.password)
