"""``memory://``: the ledger that is nothing but the pure rules, for notebooks, tests and simulations.

One block per accepted message; the clock moves only when told, or by `block_time` with every block. States are
frozen values, so a fork costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import RLock

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import TokenDomain
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds, Timestamp
from concordat.protocol.events import Event
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import Balance, Parameters, Placed, Receipt
from concordat.protocol.messages import Message
from concordat.protocol.order import Domain, OrderState
from concordat.protocol.panel import Member
from concordat.protocol.state import Call, EvidenceModule, Judge, Rules, WorldState
from concordat.protocol.transition import apply_message

__all__ = ["MEMORY_CHAIN_ID", "MemoryLedger"]

MEMORY_CHAIN_ID = 1_337
"""Chain id of a memory ledger unless another is given."""
REMEMBERED_BLOCKS = 256
"""Blocks whose random numbers can still be used, as on a chain."""
_START = Timestamp(1_800_000_000)
_SECOND = Seconds(1)


def _address(name: str) -> Address:
    return Address(keccak256(b"concordat memory " + name.encode())[12:])


class _Randomness(Mapping[int, Bytes32]):
    """Random numbers of the last blocks, made of their hashes."""

    def __init__(self, hashes: list[Bytes32]) -> None:
        self._hashes = hashes

    def __getitem__(self, block: int) -> Bytes32:
        if not len(self._hashes) - len(self) <= block < len(self._hashes):
            raise KeyError(block)
        return keccak256(b"random number" + self._hashes[block])

    def __iter__(self) -> Iterator[int]:
        return iter(range(max(len(self._hashes) - REMEMBERED_BLOCKS, 0), len(self._hashes)))

    def __len__(self) -> int:
        return min(len(self._hashes), REMEMBERED_BLOCKS)


class MemoryLedger:
    """`Ledger` in memory.

    Parameters
    ----------
    judge : Judge, optional
        Recomputes elements for fraud proofs (`concordat.graph`); without one no fraud proof verifies.
    modules : mapping of EvidenceKind to EvidenceModule, optional
        Kinds of evidence that can be proven.
    parameters : Parameters, optional
        Clocks, costs and shares.
    chain_id : int
        In every signature.
    rules : Rules, optional
        Everything above at once: those of another deployment, to rehearse what it would answer.
    start : int
        Time of block 0.
    block_time : int
        Seconds from one block to the next when nobody moves the clock; 0 lets many blocks share a second.
    """

    def __init__(
        self,
        *,
        judge: Judge | None = None,
        modules: Mapping[EvidenceKind, EvidenceModule] | None = None,
        parameters: Parameters | None = None,
        chain_id: int = MEMORY_CHAIN_ID,
        rules: Rules | None = None,
        start: Timestamp = _START,
        block_time: Seconds = _SECOND,
    ) -> None:
        self.rules = rules or Rules(
            domain=Domain(chain_id=chain_id, market=_address("market")),
            token_domain=TokenDomain(name="Concordat Dollar", version="1", chain_id=chain_id, token=_address("token")),
            vault=_address("vault"),
            parameters=parameters or Parameters(),
            judge=judge,
            modules=dict(modules or {}),
        )
        self.domain, self.parameters = self.rules.domain, self.rules.parameters
        self.token_domain, self.vault = self.rules.token_domain, self.rules.vault
        self.world = WorldState()
        self.block_time = block_time
        self._lock = RLock()
        self._placed: list[Placed] = []
        self._times: list[Timestamp] = []
        self._hashes: list[Bytes32] = []
        self._seal(start, Bytes32(bytes(32)))

    # -- what every ledger does --------------------------------------------------------------------------------------

    def send(self, message: Message, *, sender: Address) -> Receipt:
        """Apply one message in a block of its own; a refused one leaves no block."""
        with self._lock:
            call = Call(
                sender=sender,
                now=Timestamp(self.now() + self.block_time),
                block=self.head() + 1,
                randomness=_Randomness(self._hashes),
            )
            self.world, events = apply_message(self.rules, self.world, message, call)
            transaction = keccak256(self._hashes[-1] + sender + repr(message).encode())
            block_hash = self._seal(call.now, transaction)
            self._place(events, call, transaction, block_hash)
            return Receipt(events=events, transaction=transaction, block=call.block, gas_used=0)

    def state(self, order: OrderId) -> OrderState:
        """One order's slot."""
        return self.world.order(order)

    def balance(self, account: Address) -> Balance:
        """One account in the vault."""
        return self.world.balance(account)

    def token_balance(self, account: Address) -> Amount:
        """Settlement tokens held outside the vault."""
        return self.world.token_balance(account)

    def member(self, replica: Address) -> Member:
        """One member of the pool of replicas; place zero if it is none."""
        return self.world.pool.members.get(replica, Member())

    def now(self) -> Timestamp:
        """Time of the latest block."""
        return self._times[-1]

    def head(self) -> int:
        """Number of the latest block."""
        return len(self._times) - 1

    def events(self, *, start: int = 0, end: int | None = None) -> list[Placed]:
        """All events in blocks ``start … end``, both included."""
        with self._lock:
            first = bisect_left(self._placed, start, key=lambda placed: placed.block)
            last = len(self._placed) if end is None else bisect_left(self._placed, end + 1, key=lambda p: p.block)
            return self._placed[first:last]

    # -- what only a ledger of one's own does ------------------------------------------------------------------------

    def mint(self, account: Address, amount: Amount) -> None:
        """Give an account settlement tokens, in a block of its own."""
        if amount < 0:
            raise InputError(f"{amount} tokens cannot be minted.", code="BadAmount")
        with self._lock:
            held = self.world.token_balance(account)
            self.world = replace(self.world, tokens=self.world.tokens.put(account, Amount(held + amount)))
            self._seal(Timestamp(self.now() + self.block_time), keccak256(b"mint" + account))

    def advance(self, seconds: Seconds) -> Timestamp:
        """Let time pass in an empty block; returns the new time."""
        if seconds < 0:
            raise InputError(f"The clock cannot go back {-seconds} seconds.", code="BadDuration")
        with self._lock:
            self._seal(Timestamp(self.now() + seconds), Bytes32(bytes(32)))
            return self.now()

    def fork(self) -> MemoryLedger:
        """A second ledger with the same past and its own future."""
        with self._lock:
            twin = MemoryLedger.__new__(MemoryLedger)
            twin.__dict__.update(self.__dict__)
            twin._lock = RLock()
            twin._placed, twin._times, twin._hashes = list(self._placed), list(self._times), list(self._hashes)
            return twin

    def _seal(self, time: Timestamp, content: Bytes32) -> Bytes32:
        parent = self._hashes[-1] if self._hashes else Bytes32(bytes(32))
        self._times.append(time)
        self._hashes.append(keccak256(abi_words(parent, len(self._hashes), time, content)))
        return self._hashes[-1]

    def _place(self, events: tuple[Event, ...], call: Call, transaction: Bytes32, block_hash: Bytes32) -> None:
        for index, event in enumerate(events):
            self._placed.append(
                Placed(
                    event=event,
                    block=call.block,
                    index=index,
                    time=call.now,
                    transaction=transaction,
                    block_hash=block_hash,
                )
            )
