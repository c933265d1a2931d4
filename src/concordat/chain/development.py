"""`DevelopmentLedger`: a market on an embedded chain, where coin and tokens are free and time can be moved."""

from __future__ import annotations

from collections.abc import Iterable

from concordat.chain.accounts import Account, Signer
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment
from concordat.chain.ledger import EvmLedger
from concordat.chain.waiting import Patience
from concordat.primitives.units import Address, Amount, Seconds, Timestamp

__all__ = ["DevelopmentLedger"]

COIN = 10**20
"""Wei that every account gets for gas: a hundred whole coins."""


class DevelopmentLedger(EvmLedger):
    """`EvmLedger` on an `AnvilNode`, with the powers that only a chain of one's own gives.

    Parameters
    ----------
    node : AnvilNode
        The running chain.
    deployment : Deployment
        With a development token.
    signers : iterable of Signer
        Accounts that messages can be sent from; they get coin for gas.
    patience : Patience, optional
        How long to wait for a transaction, and how deep.
    """

    def __init__(
        self,
        node: AnvilNode,
        deployment: Deployment,
        signers: Iterable[Signer] = (),
        *,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(node.endpoint, deployment, patience=patience)
        self.node = node
        self._minter: Account = node.development_accounts(1)[0]
        for signer in signers:
            self.add(signer)

    def add(self, signer: Signer) -> Address:
        """Let messages be sent from one more account, and give it coin for gas."""
        self.node.set_balance(signer.address, COIN)
        return super().add(signer)

    def mint(self, account: Address, amount: Amount) -> None:
        """Give an account settlement tokens."""
        self.sender.send(self._minter, self.deployment.token, contract("DevToken").call("mint", account, amount))

    def advance(self, seconds: Seconds) -> Timestamp:
        """Let time pass in an empty block; returns the new time."""
        self.node.advance(seconds)
        return self.now()
