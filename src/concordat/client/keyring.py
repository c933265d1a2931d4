"""Names for accounts, so that people write ``signer="lender"`` and not a key.

On a development chain a name stands for a key derived from it: anybody can derive it, and nothing there has value.
Anywhere else a name is an encrypted keystore ``<name>.json`` in the keys folder, or whatever the program knows it by: a
key from its environment, a signer in another process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from concordat.chain.accounts import Account, Signer
from concordat.primitives.errors import ConfigurationError, InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address

__all__ = ["Keyring", "development_account"]


def development_account(name: str) -> Account:
    """Account that a name stands for on development chains; its key is public knowledge."""
    return Account(keccak256(b"concordat development account " + name.encode()))


class Keyring:
    """Accounts by name.

    Parameters
    ----------
    folder : Path, optional
        Where keystores are.
    password : callable, optional
        Asked for the password of a keystore, given its name.
    find : callable, optional
        Asked for a name first; ``None`` if it does not know it.
    development : bool
        Whether unknown names stand for public development keys.
    on_new : callable, optional
        Told about every account the first time it is used (development chains fund it).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        password: Callable[[str], str] | None = None,
        find: Callable[[str], Signer | None] | None = None,
        development: bool = False,
        on_new: Callable[[Signer], object] | None = None,
    ) -> None:
        self._folder = folder
        self._password = password
        self._elsewhere = find or (lambda _: None)
        self._development = development
        self.on_new = on_new or (lambda _: None)
        self._signers: dict[str, Signer] = {}

    def add(self, name: str, signer: Signer) -> Address:
        """Let a name stand for an account."""
        if name in self._signers and self._signers[name].address != signer.address:
            raise InputError(f"The name {name!r} stands for another account.", code="NameTaken")
        self._signers[name] = signer
        self.on_new(signer)
        return signer.address

    def signer(self, name: str) -> Signer:
        """The account of a name.

        Raises
        ------
        ConfigurationError
            If there is none.
        """
        if name not in self._signers:
            self.add(name, self._find(name))
        return self._signers[name]

    def signers(self) -> dict[Address, Signer]:
        """Every account used so far, by address."""
        return {signer.address: signer for signer in self._signers.values()}

    def _find(self, name: str) -> Signer:
        elsewhere = self._elsewhere(name)
        if elsewhere is not None:
            return elsewhere
        if self._folder is not None and (path := self._folder / f"{name}.json").exists():
            if self._password is None:
                raise ConfigurationError(f"The keystore of {name!r} needs a password.", code="NoPassword")
            return Account.from_keystore(path, self._password(name))
        if self._development:
            return development_account(name)
        raise ConfigurationError(
            f"There is no account named {name!r}.",
            code="NoAccount",
            hint=f"Create one with: concordat account new {name}",
        )
