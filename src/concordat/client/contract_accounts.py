"""Contract accounts by name: a file that says what they are, encrypted keys, and the books of counted ones.

``<name>.account.json`` holds nothing secret. Each key has a keystore ``<name>.<id>.json``; a counted one also a book of
promised indices ``<name>.<id>.index`` and the hashes of its tree.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from concordat.chain.account_contracts import (
    change_signers,
    check_verifier,
    create_account,
    create_verifier,
    indices_of,
    signers_of,
)
from concordat.chain.accounts import Signer
from concordat.chain.contract_account import AddressSigner, BatchSigner, ContractAccount, LmsSigner, SlhDsaSigner
from concordat.chain.keystore import open_keystore, seal_keystore
from concordat.chain.ledger import EvmLedger
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, InputError, NotFoundError
from concordat.primitives.hashing import sha256
from concordat.primitives.lms import LmsKey
from concordat.primitives.slh_dsa import SlhDsaKey
from concordat.primitives.units import Address
from concordat.primitives.wire import from_wire, to_wire
from concordat.storage.files import read_file, write_file
from concordat.storage.indices import IndexBook, SharedIndexBook

__all__ = ["AccountFile", "ContractAccounts", "SignerEntry"]

LMS, SLH_DSA, ADDRESS = "lms", "slh-dsa", "address"
_FILE_LIMIT = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerEntry:
    """One signer of an account."""

    kind: str
    """``lms``, ``slh-dsa`` or ``address``."""
    signer: bytes
    """As ERC-7913 writes it."""
    name: str
    """File id of its key; for an address the account's name."""
    weight: int
    """What its signature counts."""
    daily: bool
    """Whether it signs every batch; the others are kept for recovery."""
    first: int = 0
    """Number that index 0 of a counted key signs."""
    height: int = 0
    """Of a counted key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFile:
    """What an account is."""

    address: Address
    """The contract."""
    relayer: str
    """Name of the account that sends and pays."""
    threshold: int
    """Weight that a batch needs."""
    signers: tuple[SignerEntry, ...]
    """All of them."""


class ContractAccounts:
    """The contract accounts in a folder of keys.

    Parameters
    ----------
    folder : Path
        Where keys are.
    endpoint : Endpoint
        The chain they are on.
    signer : callable
        Finds ordinary accounts by name: relayers, and addresses among the signers.
    password : callable, optional
        Asked for the password of an account's keys, given its name.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: Endpoint,
        signer: Callable[[str], Signer],
        password: Callable[[str], str] | None = None,
    ) -> None:
        self._folder, self._endpoint, self._signer = folder, endpoint, signer
        self._password = password or (lambda _: "")

    def find(self, name: str) -> ContractAccount | None:
        """The account of a name, signing with its daily keys; ``None`` if there is none."""
        return self.open(name) if self._path(name).exists() else None

    def file(self, name: str) -> AccountFile:
        """What the account of a name is; `NotFoundError` if there is none."""
        data = read_file(self._path(name), limit=_FILE_LIMIT)
        if data is None:
            raise NotFoundError(
                f"There is no contract account {name!r}.",
                code="NoAccount",
                hint="Create one with: concordat account create",
            )
        try:
            return from_wire(AccountFile, json.loads(data))
        except (ValueError, InputError) as error:
            raise ConfigurationError(f"{self._path(name)} is no account file.", code="BadAccount") from error

    def open(self, name: str, *, recovery: bool = False) -> ContractAccount:
        """The account of a name, signing with its daily keys, or with those kept for recovery."""
        self.settle(name)
        file = self.file(name)
        signers = [self._open_signer(name, entry) for entry in file.signers if entry.daily is not recovery]
        if not signers:
            raise InputError(f"The account {name!r} has no such keys.", code="NoKey")
        return ContractAccount(self._endpoint, file.address, signers, self._signer(file.relayer))

    def create(
        self,
        name: str,
        scheme: str,
        *,
        relayer: str,
        height: int = 10,
        beside: str = "",
        recovery: str = "",
    ) -> AccountFile:
        """Make keys, and deploy an account that they sign for.

        Parameters
        ----------
        name, scheme : str
            Of the account; ``lms`` or ``slh-dsa``.
        relayer : str
            Ordinary account that pays, now and later.
        height : int
            Of an LMS key: it signs 2^height batches.
        beside : str
            Ordinary account that must sign every batch too.
        recovery : str
            ``slh-dsa`` for a key, or the name of an ordinary account, that can act alone if the others are lost.
        """
        if self._path(name).exists():
            raise InputError(f"The account {name!r} exists and is not overwritten.", code="KeystoreExists")
        verifiers = {kind: self._verifier(kind, relayer) for kind in {scheme, recovery} & {LMS, SLH_DSA}}
        entries = [self._make_key(name, scheme, verifiers[scheme], height=height)]
        if beside:
            entries.append(self._address_entry(beside))
        threshold = len(entries)
        if recovery:
            spare = (
                self._make_key(name, SLH_DSA, verifiers[SLH_DSA])
                if recovery == SLH_DSA
                else self._address_entry(recovery)
            )
            entries.append(replace(spare, weight=threshold, daily=False))
        address = create_account(
            self._endpoint,
            self._signer(relayer),
            [entry.signer for entry in entries],
            [entry.weight for entry in entries],
            threshold,
        )
        file = AccountFile(address=address, relayer=relayer, threshold=threshold, signers=tuple(entries))
        self._save(name, file)
        return file

    def rotate(self, name: str, ledger: EvmLedger, *, by_recovery: bool = False) -> SignerEntry:
        """Put a new key of the same kind in place of the account's first, on chain and here.

        The new key is on the disk before the chain hears of it; what the chain does not take is not used.
        """
        file, account = self.file(name), self.open(name, recovery=by_recovery)
        old = file.signers[0]
        fresh = self._make_key(name, old.kind, Address(old.signer[:20]), height=old.height)
        fresh = replace(fresh, weight=old.weight)
        self._save(name, file, pending=fresh)
        change_signers(
            account,
            ledger.sender,
            added=[fresh.signer],
            weights=[fresh.weight],
            removed=[old.signer],
            threshold=file.threshold,
        )
        return self.settle(name)

    def revoke(self, name: str, ledger: EvmLedger, signer: str, *, by_recovery: bool = False) -> AccountFile:
        """Take a signer away; refused on chain if those that stay do not reach the threshold."""
        file = self.file(name)
        gone = [entry for entry in file.signers if signer in (entry.name, to_hex(entry.signer))]
        if len(gone) != 1:
            raise NotFoundError(f"{name!r} has no signer {signer!r}.", code="NoKey", hint="See: concordat account keys")
        account = self.open(name, recovery=by_recovery)
        change_signers(account, ledger.sender, removed=[gone[0].signer], threshold=file.threshold)
        left = replace(file, signers=tuple(entry for entry in file.signers if entry is not gone[0]))
        self._save(name, left)
        return left

    def settle(self, name: str) -> SignerEntry:
        """Finish a rotation that was cut off: the chain says which key counts. Returns the account's first signer."""
        file, pending = self.file(name), self._pending(name)
        if pending is None:
            return file.signers[0]
        on_chain = signers_of(self._endpoint, file.address)
        if pending.signer in on_chain:
            first, _, _ = indices_of(self._endpoint, file.address, pending.signer)
            signers = (replace(pending, first=first), *file.signers[1:])
            self._save(name, replace(file, signers=signers))
        else:
            self._save(name, file)
        return self.file(name).signers[0]

    def left(self, name: str, entry: SignerEntry) -> int | None:
        """Indices that a counted key still has; ``None`` for other keys."""
        if entry.kind != LMS:
            return None
        capacity = 1 << entry.height
        with IndexBook(self._key_path(name, entry, "index"), entry.signer[20:], capacity) as book:
            return book.left

    def adopt(self, name: str, next_index: int) -> None:
        """Say from which index on a restored copy of the account's counted key may sign; see `IndexBook.adopt`."""
        for entry in self.file(name).signers:
            if entry.kind == LMS:
                path = self._key_path(name, entry, "index")
                IndexBook.adopt(path, entry.signer[20:], 1 << entry.height, next_index=next_index)
                return
        raise InputError(f"The account {name!r} has no counted key.", code="NoKey")

    # -- keys --------------------------------------------------------------------------------------------------------

    def _open_signer(self, name: str, entry: SignerEntry) -> BatchSigner:
        if entry.kind == ADDRESS:
            return AddressSigner(self._signer(entry.name))
        verifier = Address(entry.signer[:20])
        check_verifier(self._endpoint, verifier, entry.kind)
        document = json.loads(read_file(self._key_path(name, entry, "json"), limit=_FILE_LIMIT) or b"null")
        secret = open_keystore(document, self._password(name))
        if entry.kind == SLH_DSA:
            return SlhDsaSigner(verifier, SlhDsaKey.from_secret(secret))
        key = LmsKey.from_secret(secret, entry.height)
        tree = read_file(self._key_path(name, entry, "tree"), limit=_FILE_LIMIT)
        if tree is not None:
            key = key.with_tree(tree)
        book = SharedIndexBook(self._key_path(name, entry, "index"), key.public, key.capacity)
        return LmsSigner(verifier, key, book, first=entry.first)

    def _make_key(self, name: str, scheme: str, verifier: Address, *, height: int = 0) -> SignerEntry:
        secret = secrets.token_bytes(32)
        lms = LmsKey.from_secret(secret, height) if scheme == LMS else None
        public = lms.public if lms else SlhDsaKey.from_secret(secret).public
        entry = SignerEntry(
            kind=scheme,
            signer=verifier + public,
            name=sha256(public).hex()[:12],
            weight=1,
            daily=True,
            height=height if lms else 0,
        )
        document = json.dumps(seal_keystore(secret, self._password(name)), indent=1).encode()
        write_file(self._key_path(name, entry, "json"), document)
        if lms:
            write_file(self._key_path(name, entry, "tree"), lms.tree)
            IndexBook(self._key_path(name, entry, "index"), public, lms.capacity).close()
        return entry

    def _address_entry(self, name: str) -> SignerEntry:
        return SignerEntry(kind=ADDRESS, signer=bytes(self._signer(name).address), name=name, weight=1, daily=True)

    def _verifier(self, scheme: str, deployer: str) -> Address:
        """The verifier that this folder has used on this chain before, or a new one."""
        path = self._folder / f"verifier.{scheme}.{self._endpoint.chain_id}"
        known = read_file(path, limit=64)
        if known is not None:
            address = Address(from_hex(known.decode(), length=20))
            try:
                check_verifier(self._endpoint, address, scheme)
                return address
            except ConfigurationError:
                pass  # a development chain that began anew
        address = create_verifier(self._endpoint, self._signer(deployer), scheme)
        write_file(path, to_hex(address).encode())
        return address

    # -- files -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.account.json"

    def _key_path(self, name: str, entry: SignerEntry, ending: str) -> Path:
        return self._folder / f"{name}.{entry.name}.{ending}"

    def _save(self, name: str, file: AccountFile, *, pending: SignerEntry | None = None) -> None:
        waiting = self._path(name).with_suffix(".pending")
        if pending is not None:
            write_file(waiting, json.dumps(to_wire(pending)).encode())
            return
        write_file(self._path(name), (json.dumps(to_wire(file), indent=1) + "\n").encode())
        waiting.unlink(missing_ok=True)

    def _pending(self, name: str) -> SignerEntry | None:
        data = read_file(self._path(name).with_suffix(".pending"), limit=_FILE_LIMIT)
        return None if data is None else from_wire(SignerEntry, json.loads(data))
