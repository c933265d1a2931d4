"""The doctor on this machine: programs, folder, keys."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from concordat.chain.anvil import find_anvil
from concordat.node.operations.symptoms import Patient, Symptom, fine, sick, suspect, unseen
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.native import NATIVE_VERSION, rust

__all__ = ["anvil", "disk", "folder", "keystores", "native", "node_program", "python", "secrets"]

LEAST_PYTHON = (3, 11)
LEAST_FREE = 1 << 30
"""Bytes of free disk below which the doctor warns: journals, log and traces grow."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SECRETS = ("keys", "client", "nodes")
"""Folders of the home with keys, or with people's inputs."""


def python(_: Patient) -> Symptom:
    """Which Python this is."""
    said = f"Python {platform.python_version()}, concordat {importlib.metadata.version('concordat')}."
    if sys.version_info < LEAST_PYTHON:
        return sick(said, "Install Python 3.11 or newer.")
    return fine(said)


def native(_: Patient) -> Symptom:
    """Whether the compiled twins are there, and of this version."""
    try:
        found = importlib.metadata.version("concordat-native")
    except importlib.metadata.PackageNotFoundError:
        return suspect("Plain Python: slower, and proofs of small models only.", "Install concordat-native.")
    if found != NATIVE_VERSION:
        advice = f"Install concordat-native=={NATIVE_VERSION}."
        return sick(f"concordat-native {found} is not used: {NATIVE_VERSION} is wanted.", advice)
    if rust is None:
        return suspect(f"concordat-native {found} is not used.", "Unset CONCORDAT_NO_NATIVE.")
    return fine(f"concordat-native {found}.")


def anvil(_: Patient) -> Symptom:
    """Whether a development chain can be started."""
    try:
        program = find_anvil()
    except ConfigurationError as error:
        return suspect(error.message, f"Only needed for a chain of your own. {error.hint}")
    return _version(program, "Only needed for a chain of your own.")


def node_program(_: Patient) -> Symptom:
    """Whether there is Node, with which Anvil is installed."""
    program = shutil.which("node")
    if program is None:
        return suspect("There is no Node.", "Only needed to install Anvil: pip install concordat[node]")
    return _version(Path(program), "Only needed to install Anvil.")


def _version(program: Path, advice: str) -> Symptom:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return suspect(f"{program} does not run: {type(error).__name__}.", advice)
    return fine(f"{program.name}: {done.stdout.splitlines()[0] if done.stdout else 'no version'}.")


def folder(patient: Patient) -> Symptom:
    """Whether the home is there and can be written."""
    path = patient.home.path
    if not path.is_dir():
        return sick(f"There is no home {path}.", "Begin with concordat up or concordat deploy, or name it with --home.")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return sick(f"{path} cannot be written by this user.", "Run as its owner, or change its owner.")
    return fine(f"{path}.")


def secrets(patient: Patient) -> Symptom:
    """Whether others on this machine can read keys or people's inputs."""
    if not patient.home.path.is_dir():
        return unseen("There is no home.")
    if not patient.home.path.stat().st_mode & _OTHERS:
        return fine("Only its owner can enter the home.")
    open_files = [
        path
        for name in _SECRETS
        for path in sorted((patient.home.path / name).rglob("*"))
        if path.is_file() and path.suffix != ".log" and path.stat().st_mode & _OTHERS
    ]
    if open_files:
        shown = open_files[0].relative_to(patient.home.path)
        return suspect(
            f"Others on this machine can read {len(open_files)} files with keys or inputs, such as {shown}.",
            f"chmod 700 {patient.home.path}",
        )
    return fine("Others can read nothing that holds keys or inputs.")


def keystores(patient: Patient) -> Symptom:
    """Whether keystores are such; they are not opened."""
    paths = sorted(patient.home.keys.glob("*.json")) if patient.home.keys.is_dir() else []
    for path in paths:
        try:
            document = json.loads(path.read_bytes())
            known = document["version"] == 3 and len(bytes.fromhex(document["address"])) == 20
        except (OSError, ValueError, KeyError, TypeError):
            known = False
        if not known and not _is_account(path):
            return sick(f"{path.name} is no keystore.", "Restore it from a back-up: concordat backup restore")
    return fine(f"{len(paths)} files, not opened.")


def _is_account(path: Path) -> bool:
    """Whether it says what a contract account is, which lies beside keystores."""
    try:
        return "signers" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def disk(patient: Patient) -> Symptom:
    """Whether there is room to grow."""
    path = next((path for path in (patient.home.path, *patient.home.path.parents) if path.is_dir()), Path("/"))
    free = shutil.disk_usage(path).free
    if free < LEAST_FREE:
        return suspect(f"{free >> 20} MiB are free.", "Free some: a node that cannot write its journal stops.")
    return fine(f"{free >> 30} GiB are free.")
