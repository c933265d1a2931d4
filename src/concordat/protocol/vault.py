"""The vault: one token, one ``free | locked`` pair per account, and the five ways in which money moves.

Conservation: ``tokens[vault] = Σ free + Σ locked + Σ price of orders in FUNDED or DELIVERED``, plus tokens that
somebody sent by accident. The contract twin is ``contracts/src/vault/Vault.sol``.
"""

from __future__ import annotations

from dataclasses import replace

from concordat.primitives.units import Address, Amount
from concordat.protocol.events import Deposited, Withdrawn
from concordat.protocol.ledger import Balance
from concordat.protocol.messages import Deposit, Withdraw
from concordat.protocol.refusals import require
from concordat.protocol.state import Call, Outcome, Rules, WorldState

__all__ = ["change", "deposit", "lock", "transfer_tokens", "unlock", "withdraw"]


def change(world: WorldState, account: Address, *, free: int = 0, locked: int = 0) -> WorldState:
    """Add to (or take from) an account; neither part can become negative.

    Raises
    ------
    FundsError
        ``InsufficientFree`` if the free part does not cover it.
    """
    old = world.balance(account)
    require(old.free + free >= 0, "InsufficientFree", account=account.hex(), free=old.free, needed=-free)
    assert old.locked + locked >= 0, "a bond is unlocked once"
    new = Balance(free=Amount(old.free + free), locked=Amount(old.locked + locked))
    return replace(world, balances=world.balances.put(account, new))


def lock(world: WorldState, account: Address, amount: int) -> WorldState:
    """Free to locked."""
    return change(world, account, free=-amount, locked=amount)


def unlock(world: WorldState, account: Address, amount: int) -> WorldState:
    """Locked to free."""
    return change(world, account, free=amount, locked=-amount)


def transfer_tokens(world: WorldState, source: Address, target: Address, amount: int) -> WorldState:
    """What the settlement token does.

    Raises
    ------
    FundsError
        ``InsufficientFunds`` if the source holds less.
    """
    held = world.token_balance(source)
    require(held >= amount, "InsufficientFunds", account=source.hex(), held=held, needed=amount)
    tokens = world.tokens.put(source, Amount(held - amount))
    return replace(world, tokens=tokens.put(target, Amount(tokens.get(target, 0) + amount)))


def deposit(rules: Rules, world: WorldState, message: Deposit, call: Call) -> Outcome:
    """Tokens of the sender become his free balance."""
    # CHECK
    require(message.amount > 0, "ZeroAmount")
    require(message.amount < 2**128, "AmountTooLarge", amount=message.amount)
    # EFFECT
    world = transfer_tokens(world, call.sender, rules.vault, message.amount)
    world = change(world, call.sender, free=message.amount)
    # EVENT
    return world, (Deposited(account=call.sender, amount=message.amount),)


def withdraw(rules: Rules, world: WorldState, message: Withdraw, call: Call) -> Outcome:
    """Free balance of the sender becomes somebody's tokens."""
    # CHECK
    require(message.amount > 0, "ZeroAmount")
    # EFFECT
    world = change(world, call.sender, free=-message.amount)
    world = transfer_tokens(world, rules.vault, message.to, message.amount)
    # EVENT
    return world, (Withdrawn(account=call.sender, to=message.to, amount=message.amount),)
