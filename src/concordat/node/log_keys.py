"""The keys of a home's log on disk: an Ed25519 and an ML-DSA-44 seed, made once, changed together.

While keys change, the new seeds lie beside the old ones. Whether the change happened is read from the log itself, so a
process that is killed in between finishes or forgets it at the next start.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from concordat.client.home import Home
from concordat.primitives.errors import InputError, NotFoundError
from concordat.primitives.units import Timestamp
from concordat.protocol.log_keys import KeyStatement, Revocation
from concordat.protocol.note import KeyKind, NoteKey, NoteSigner
from concordat.storage.files import write_file
from concordat.storage.log import LogReader, TransparencyLog

__all__ = [
    "LOG_ORIGIN",
    "change_log_keys",
    "log_signers",
    "make_recovery_keys",
    "open_recovery_keys",
    "signers_of_seeds",
]

LOG_ORIGIN = "concordat.local/log"
"""Origin of a home's log."""
_FILES = {KeyKind.LOG: "log.seed", KeyKind.ML_DSA_44: "log.ml-dsa.seed"}
_NEXT = {KeyKind.LOG: "log.next.seed", KeyKind.ML_DSA_44: "log.ml-dsa.next.seed"}


def signers_of_seeds(ed25519: bytes, ml_dsa: bytes, origin: str = LOG_ORIGIN) -> tuple[NoteSigner, ...]:
    """Both signers of a log."""
    return NoteSigner.from_seed(origin, ed25519), NoteSigner.from_seed(origin, ml_dsa, KeyKind.ML_DSA_44)


def log_signers(home: Home) -> tuple[NoteSigner, ...]:
    """The log's keys, readable by their owner only; a change of keys that was cut off is finished or forgotten."""
    _settle(home)
    signers = _load(home, _FILES, make=True)
    _publish(home, [signer.key for signer in signers])
    return signers


def change_log_keys(
    home: Home,
    *,
    time: Timestamp,
    lost: bool = False,
    stolen_since: Timestamp | None = None,
    by: Sequence[NoteSigner] = (),
    recovery: Sequence[NoteKey] = (),
) -> KeyStatement:
    """Make new keys and let them speak for the log; the keeper must not run.

    Parameters
    ----------
    time : Timestamp
        Now.
    lost : bool
        The present seeds are gone: only recovery keys sign, or the log's owner anchors the change.
    stolen_since : Timestamp, optional
        Others may hold the present keys since then.
    by : sequence of NoteSigner
        Recovery keys.
    recovery : sequence of NoteKey
        Keys that may make the next change if the new ones are lost.

    Raises
    ------
    StorageError
        ``Locked`` if the keeper runs.
    """
    _settle(home)
    present = [NoteKey.parse(line) for line in home.log_key.read_text().split()]
    old = () if lost else _load(home, _FILES, make=False)
    fresh = _load(home, _NEXT, make=True)
    with TransparencyLog(home.open_log(exclusive=True), old, keys=present) as log:
        named = recovery or (log.statements()[-1].statement.recovery if log.statements() else ())
        revoked = [] if stolen_since is None else [Revocation(key=key, since=stolen_since) for key in present]
        statement = log.change_keys(fresh, time=time, by=by, recovery=named, revoked=revoked)
    _settle(home)
    _publish(home, statement.keys)
    return statement


def make_recovery_keys(path: Path) -> tuple[NoteKey, ...]:
    """Write two fresh seeds into a file, to be kept elsewhere, and return the public keys."""
    if path.exists():
        raise InputError(f"{path} exists and is not overwritten.", code="KeystoreExists")
    seeds = {"ed25519": secrets.token_hex(32), "ml-dsa-44": secrets.token_hex(32)}
    write_file(path, json.dumps(seeds).encode())
    return tuple(signer.key for signer in open_recovery_keys(path))


def open_recovery_keys(path: Path) -> tuple[NoteSigner, ...]:
    """Signers of a file that :func:`make_recovery_keys` wrote; `InputError` if it is none."""
    try:
        seeds = json.loads(path.read_bytes())
        return signers_of_seeds(bytes.fromhex(seeds["ed25519"]), bytes.fromhex(seeds["ml-dsa-44"]))
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", code="NoKeystore") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no recovery keys.", code="BadKeystore") from error


def _load(home: Home, files: dict[KeyKind, str], *, make: bool) -> tuple[NoteSigner, ...]:
    signers = []
    for kind, name in files.items():
        path = home.keys / name
        if make and not path.exists():
            write_file(path, secrets.token_bytes(32))  # readable by its owner only, from the first byte
        if path.exists():
            signers.append(NoteSigner.from_seed(LOG_ORIGIN, path.read_bytes(), kind))
    if not signers:
        raise NotFoundError(
            "The log's seeds are not there.",
            code="NoKeystore",
            hint="If they are lost, replace them: concordat record rotate --lost",
        )
    return tuple(signers)


def _settle(home: Home) -> None:
    """Move new seeds into place if the log names them; forget them if it does not."""
    paths = [home.keys / name for name in _NEXT.values()]
    if not any(path.exists() for path in paths):
        return
    fresh = _load(home, _NEXT, make=False)
    if {signer.key for signer in fresh} <= _named_last(home, fresh):  # some may be in place already
        for kind, name in _NEXT.items():
            if (home.keys / name).exists():
                (home.keys / name).replace(home.keys / _FILES[kind])
        return
    for path in paths:
        path.unlink(missing_ok=True)


def _named_last(home: Home, fresh: Sequence[NoteSigner]) -> set[NoteKey]:
    """Keys that the log's last change names, as far as it stands under one of the fresh ones."""
    for signer in fresh:
        try:
            statements = LogReader(home.open_log().read, signer.key).statements()
        except Exception:  # noqa: BLE001, S112 (whatever it is, this key does not speak for the log)
            continue
        if statements:
            return set(statements[-1].statement.keys)
    return set()


def _publish(home: Home, keys: Sequence[NoteKey]) -> None:
    write_file(home.log_key, "".join(key.encode() + "\n" for key in keys).encode())
