"""One key per person: what is kept about somebody is encrypted under a key of his own, and erased by erasing the key.

A *subject* is whoever the data are about, under whatever name the owner has for him. The name is written nowhere: a
keyed hash of it, the *handle*, leads to a file with the subject's data key, wrapped by the owner's key-encryption key.
Without that file nothing that was encrypted for the subject can be read, wherever copies of it may lie.

References
----------
NIST SP 800-38D (AES-256-GCM, by `cryptography`), RFC 5869 (HKDF-SHA256).
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from concordat.primitives.errors import ConfigurationError, CorruptionError, InputError, NotFoundError, StorageError
from concordat.storage.files import read_file, sync_directory, write_file

__all__ = ["SubjectKeys", "load_owner_key"]

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
MOST_NAME = 1_024


class SubjectKeys:
    """The data keys of all subjects of one owner.

    Parameters
    ----------
    folder : Path
        One file per subject.
    owner_key : bytes
        32 bytes that wrap all of them.
    """

    def __init__(self, folder: Path, owner_key: bytes) -> None:
        if len(owner_key) != KEY_BYTES:
            raise ConfigurationError("The owner's key has 32 bytes.", code="BadOwnerKey")
        self._folder = folder
        self._wrap = AESGCM(_derive(owner_key, b"concordat wrap"))
        self._name = _derive(owner_key, b"concordat name")

    def handle(self, subject: str) -> str:
        """What stands for a subject in stores; says nothing about him without the owner's key."""
        name = subject.encode()
        if not 0 < len(name) <= MOST_NAME:
            raise InputError("A subject's name has between 1 and 1,024 bytes.", code="BadSubject")
        return hmac.new(self._name, name, sha256).hexdigest()[:32]

    def has(self, handle: str) -> bool:
        """Whether there is a key."""
        return self._path(handle).is_file()

    def count(self) -> int:
        """How many subjects have one."""
        return sum(1 for _ in self._folder.glob("*.key"))

    def seal(self, handle: str, context: bytes, data: bytes) -> bytes:
        """Encrypt for a subject, whose key is drawn the first time.

        Parameters
        ----------
        context : bytes
            What the data belong to; must be the same when they are read.
        """
        if not self.has(handle):
            nonce, key = secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(KEY_BYTES)
            write_file(self._path(handle), nonce + self._wrap.encrypt(nonce, key, handle.encode()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._key(handle).encrypt(nonce, data, context)

    def open(self, handle: str, context: bytes, sealed: bytes) -> bytes:
        """Decrypt.

        Raises
        ------
        NotFoundError
            ``Erased`` if the subject's key is gone.
        CorruptionError
            If it was changed, or belongs to something else.
        """
        try:
            return self._key(handle).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise CorruptionError(
                "What is kept about a subject cannot be read.",
                code="SubjectDataCorrupt",
                hint="Restore it from a backup that is younger than its order.",
            ) from error

    def erase(self, handle: str) -> None:
        """Destroy a subject's key, durably; a missing one is no error.

        The file is overwritten before it is deleted. What an SSD or a copying file system keeps of it is wrapped by the
        owner's key; what a backup keeps is not erased by this.
        """
        path = self._path(handle)
        try:
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(WRAPPED_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_directory(self._folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"A subject's key cannot be erased: {error.strerror}.", code="DiskRefused") from error

    def _key(self, handle: str) -> AESGCM:
        stored = read_file(self._path(handle), limit=WRAPPED_BYTES)
        if stored is None:
            raise NotFoundError("These data have been erased.", code="Erased")
        try:
            return AESGCM(self._wrap.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], handle.encode()))
        except (InvalidTag, ValueError) as error:
            raise CorruptionError(
                "A subject's key cannot be unwrapped.",
                code="SubjectKeyCorrupt",
                hint="Use the owner's key that it was wrapped with, or restore the file from a backup.",
            ) from error

    def _path(self, handle: str) -> Path:
        return self._folder / f"{handle}.key"


def load_owner_key(path: Path) -> bytes:
    """The owner's key-encryption key; made the first time, readable by its owner only.

    Raises
    ------
    ConfigurationError
        If the file holds something else.
    """
    key = read_file(path, limit=KEY_BYTES)
    if key is None:
        key = secrets.token_bytes(KEY_BYTES)
        write_file(path, key)
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{path} does not hold 32 bytes.", code="BadOwnerKey")
    return key


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, purpose).derive(key)
