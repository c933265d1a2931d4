"""Replays a verification step by step over a claim's data, and makes the data of a proof."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from concordat.primitives.errors import VerificationError
from concordat.zk.challenges import Tag
from concordat.zk.field import ONE, K, P, add, embed, encode, mul, powers, root_of_unity, scale, sub, total
from concordat.zk.multilinear import eq_table
from concordat.zk.parameters import hub_rows, segment_lengths
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment
from concordat.zk.steps.layout import COUNTS_BYTES, Layout, Step
from concordat.zk.verifier.constraints import family_constant
from concordat.zk.verifier.hub import Explicit, Folded, Powers, Tensor, point_powers
from concordat.zk.verifier.reader import NODE_BYTES, ProofReader
from concordat.zk.verifier.sumcheck import HiddenSumcheck, run_sumcheck
from concordat.zk.verifier.verify import Verification, column_value, input_point, shown_value

__all__ = ["Outcome", "claim_data", "find_failing_step", "rewrite", "steps"]

_SALT = 16
_Counts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one step gives."""

    step: Step
    """Which."""
    index: int = 0
    """Which of several of its kind."""
    outputs: tuple[tuple[int, bytes], ...] = ()
    """What the data has to have at which place."""
    holds: bool = True
    """Whether its own equation holds; the outputs are compared apart."""

    def agrees(self, data: bytes) -> bool:
        """Whether the data says the same, and the equation holds."""
        return self.holds and all(data[at : at + len(out)] == out for at, out in self.outputs)


def find_failing_step(statement: Statement, data: bytes) -> tuple[Step, int] | None:
    """The first step of a claim that can be refuted; ``None`` if the data shows the statement."""
    found = next((outcome for outcome in steps(statement, data) if not outcome.agrees(data)), None)
    return None if found is None else (found.step, found.index)


def claim_data(statement: Statement, proof: bytes) -> bytes:
    """The data of a proof.

    Raises
    ------
    VerificationError
        If the proof is too short or has numbers that are not canonical. That it verifies is not checked.
    """
    return _Assembly(statement, proof).data()


def rewrite(statement: Statement, data: bytes) -> bytes:
    """The data with what every step gives written anew: a false proof told as truly as can be.

    Everything up to the first step that fails for itself is written.
    """
    out = bytearray(data)
    for outcome in steps(statement, data):
        for at, written in outcome.outputs:
            out[at : at + len(written)] = written
        if not outcome.holds:
            break
    return bytes(out)


def steps(statement: Statement, data: bytes) -> Iterator[Outcome]:
    """Replay the steps in order; ends behind the first that fails for itself."""
    replay = _Replay(statement, data)
    for step, part in replay.parts():
        try:
            for outcome in part():
                yield outcome
                if not outcome.holds:
                    return
        except VerificationError:
            yield Outcome(step=step, index=replay.index, holds=False)
            return


@dataclass(slots=True)
class _Hub:
    """The hub's opening as the data has it."""

    delta: K
    check: HiddenSumcheck
    sigma: K
    mask: K
    row: list[K]
    pads: list[K]
    weights: list[K] = field(init=False)
    lanes: tuple[list[int], list[int], list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.weights = eq_table(self.check.point)
        self.lanes = ([r[0] for r in self.row], [r[1] for r in self.row], [r[2] for r in self.row])

    def sum(self, width: int, part: Explicit | Powers | Tensor) -> K:
        """A part of a claim, times the shown row."""
        folded = Folded(width, self.weights)
        folded.add(part, ONE)
        return folded.inner_product(self.row, self.lanes)


class _Replay:
    """What the steps share; every step builds on what the ones before it gave here, not on what the data says."""

    def __init__(self, statement: Statement, data: bytes) -> None:
        self.statement, self.relation, self.parameters, self.data = (
            statement,
            statement.relation,
            statement.parameters,
            data,
        )
        self.index = 0
        counts = data[:COUNTS_BYTES].ljust(COUNTS_BYTES, b"\0")
        self.counts: _Counts = struct.unpack(">4H", counts)
        self.at = Layout.of(self.relation, self.parameters, self.counts)
        lengths = segment_lengths(self.relation, self.parameters)
        self.lengths, self.offsets = lengths, Verification(statement, b"").offsets()
        self.width, self.rows = 1 << self.parameters.hub_log_width, hub_rows(self.relation, self.parameters)
        self.bits = (self.rows - 1).bit_length()
        self.claims: list[tuple[K, K]] = []

    def parts(self) -> Iterator[tuple[Step, Callable[[], Iterator[Outcome]]]]:
        """The steps by kind, in an order in which each needs only earlier ones."""
        yield Step.LENGTH, self._length
        yield Step.SUMCHECKS, self._sumchecks
        yield Step.POSITIONS, self._positions
        yield Step.HUB, self._hub
        yield Step.FOLDS, self._folds
        yield Step.EVALUATION, self._evaluation
        yield Step.JOINT, self._sums
        yield Step.WITNESS_COLUMN, self._witness_columns
        yield Step.WEIGHT_COLUMN, self._weight_columns
        yield Step.INPUT_COLUMN, self._input_columns
        yield Step.POWERS, self._powers
        yield Step.HUB_COLUMN, self._hub_columns
        yield Step.BALANCE, self._balance

    def _length(self) -> Iterator[Outcome]:
        yield Outcome(step=Step.LENGTH, holds=len(self.data) == self.at.end)

    # -- transcript --------------------------------------------------------------------------------------------------

    def _sumchecks(self) -> Iterator[Outcome]:
        at = self.at
        self.run = Verification(self.statement, self.data[COUNTS_BYTES : at.hub])
        self.begun = b = self.run.begin()
        self.run.commit_hub()
        first = (b.keys.alpha, b.keys.beta, b.batching.theta, b.batching.tau, b.batching.eta, b.batching.zeta)
        drawn = [*first, b.batching.xi, *b.lambdas, *b.products.point, *b.rounds.point, b.mu, b.balance]
        yield Outcome(step=Step.SUMCHECKS, outputs=((at.drawn, encode(drawn) + self.run.transcript.state),))

    def draw_positions(self) -> list[list[int]]:
        """Distinct positions of witness, weights and input, ascending."""
        return [sorted(set(drawn)) for drawn in self.run.draw_positions()]

    def _positions(self) -> Iterator[Outcome]:
        self.places = self.draw_positions()
        packed = self._packed(0, self.places)
        yield Outcome(
            step=Step.POSITIONS,
            outputs=((self.at.folds - 32, self.run.transcript.state), (self.at.positions, packed)),
            holds=[len(p) for p in self.places] == list(self.counts[:3]),
        )

    def _packed(self, first: int, lists: Sequence[Sequence[int]]) -> bytes:
        return b"".join(position.to_bytes(4, "big") for positions in lists for position in positions)

    def open_hub(self) -> _Hub:
        """The hub's transcript up to its work."""
        reader, transcript, p = (
            ProofReader(self.data[self.at.hub : self.at.drawn]),
            self.run.transcript,
            self.parameters,
        )
        delta = transcript.challenge()
        check = run_sumcheck(reader, transcript, tag=Tag.HUB_ROUND, rounds=self.bits, degree=2)
        sigma = reader.elements(1)
        transcript.absorb_elements(Tag.HUB_MASK, sigma)
        mask = transcript.challenge()
        both = reader.elements(self.width + 2 * self.bits + 2 * p.hub_queries)
        transcript.absorb_elements(Tag.HUB_ROW, both)
        if not transcript.grinds(reader.nonce(), p.grinding):
            raise VerificationError("The proof lacks its work.", code="BadProof")
        length = self.width + p.hub_queries
        return _Hub(delta=delta, check=check, sigma=sigma[0], mask=mask, row=both[:length], pads=both[length:])

    def hub_positions(self) -> list[int]:
        """Distinct positions of the hub, ascending."""
        p = self.parameters
        return sorted(set(self.run.transcript.positions(p.hub_queries, p.hub_log_domain)))

    def _hub(self) -> Iterator[Outcome]:
        self.hub = self.open_hub()
        positions = self.hub_positions()
        self.places.append(positions)
        drawn = encode([self.hub.delta, *self.hub.check.point, self.hub.mask])
        place = self.at.positions + 4 * sum(self.counts[:3])
        outputs = ((self.at.hub_drawn, drawn), (place, self._packed(3, [positions])))
        yield Outcome(step=Step.HUB, outputs=outputs, holds=len(positions) == self.counts[3])

    # -- sums --------------------------------------------------------------------------------------------------------

    def _folds(self) -> Iterator[Outcome]:
        parts = (self.begun.products, self.begun.rounds, self.hub.check)
        values = [value for part in parts for value in (part.constant, part.carry)]
        yield Outcome(step=Step.FOLDS, outputs=((self.at.folds, encode(values)),))

    def _evaluation(self) -> Iterator[Outcome]:
        self.reduced = r = self.run.reduce(self.begun)
        c = r.coefficients
        constant = family_constant(self.relation, self.begun.batching.theta, self.statement.publics)
        values = [c.pair, c.function, c.single, c.table_a, c.table_b, c.product, *c.cells, c.inverses, constant]
        values += [r.claims.mask_right, r.claims.mask_left, *r.rows]
        yield Outcome(step=Step.EVALUATION, outputs=((self.at.evaluated, encode(values)),))

    def _sums(self) -> Iterator[Outcome]:
        at, hub, begun = self.at.sums, self.hub, self.begun
        joint = self.run.joint_claim(self.reduced, begun.batching, self.offsets)
        pads, *others = joint.parts
        parts: dict[Step, K] = {Step.PADS: hub.sum(self.width, pads)}
        for part in others:
            parts[Step.WEIGHTS if isinstance(part, Tensor) else Step.INPUT] = hub.sum(self.width, part)
        split = self.relation.log_rows - self.parameters.log_width
        folded = Explicit(self.offsets[1], eq_table(begun.rounds.point[split:]))
        parts[Step.WITNESS] = hub.sum(self.width, folded)
        outside = powers(input_point(self._taken().root), self.lengths[3])
        parts[Step.OUTSIDE] = hub.sum(self.width, Explicit(self.offsets[3], outside))
        hidden = total(mul(pad, factor) for pad, factor in zip(hub.pads, hub.check.pads, strict=False))
        self.joint, self.parts_, self.hidden = joint.value, parts, hidden
        yield Outcome(step=Step.JOINT, outputs=((at, encode([joint.value])),))
        places = {Step.WEIGHTS: 24, Step.PADS: 48, Step.INPUT: 72, Step.WITNESS: 96, Step.OUTSIDE: 120}
        for step in sorted(places):
            outputs = [(at + places[step], encode([parts.get(step, (0, 0, 0))]))]
            if step is Step.PADS:
                outputs.append((at + 144, encode([hidden])))
            yield Outcome(step=step, outputs=tuple(outputs))

    def _taken(self) -> InputCommitment:
        if not isinstance(self.statement.input, InputCommitment):
            raise VerificationError("A claim on chain is about a committed input.", code="BadStatement")
        return self.statement.input

    def _balance(self) -> Iterator[Outcome]:
        hub, parts = self.hub, self.parts_
        shown = total((parts[Step.PADS], parts.get(Step.WEIGHTS, (0, 0, 0)), parts[Step.INPUT]))
        shown = add(shown, mul(hub.delta, parts[Step.WITNESS]))
        value = add(self.joint, mul(hub.delta, shown_value(self.begun)))
        weight = hub.delta
        for claimed, found in [*self.claims, (self._taken().outside, parts[Step.OUTSIDE])]:
            weight = mul(weight, hub.delta)
            value, shown = add(value, mul(weight, claimed)), add(shown, mul(weight, found))
        constant = add(hub.check.constant, mul(hub.check.carry, value))
        holds = sub(shown, self.hidden) == add(hub.sigma, mul(hub.mask, constant))
        yield Outcome(step=Step.BALANCE, holds=holds)

    # -- columns -----------------------------------------------------------------------------------------------------

    def _column(self, root: bytes, position: int, at: int, size: int, log_size: int, height: int) -> list[int]:
        reader = ProofReader(self.data[at : at + size])
        return reader.columns(root, [position], log_size, height)[position]

    def _witness_columns(self) -> Iterator[Outcome]:
        at, p, run, begun = self.at, self.parameters, self.run, self.begun
        blocks, inverse_blocks = p.blocks(self.relation), p.inverse_blocks(self.relation)
        factors = eq_table(begun.rounds.point[: self.relation.log_rows - p.log_width])[: max(blocks, inverse_blocks)]
        for k, position in enumerate(self.places[0]):
            self.index = k
            place = at.witness + k * (at.columns[0] + at.columns[1])
            cells = self._column(run.witness_root, position, place, at.columns[0], p.log_domain, 2 * blocks + 3)
            place += at.columns[0]
            h = self._column(run.inverse_root, position, place, at.columns[1], p.log_domain, 3 * inverse_blocks)
            values = [column_value(factors, begun.mu, blocks, cells, h)]
            values.append((cells[2 * blocks], cells[2 * blocks + 1], cells[2 * blocks + 2]))
            yield self._claimed(Step.WITNESS_COLUMN, k, values)

    def _weight_columns(self) -> Iterator[Outcome]:
        at, p, height = self.at, self.parameters, self.relation.weight_rows
        for k, position in enumerate(self.places[1]):
            self.index = k
            assert isinstance(self.statement.weights, WeightCommitment)
            place, root = at.weights + k * at.columns[2], self.statement.weights.root
            column = self._column(root, position, place, at.columns[2], p.weight_log_domain, height)
            value = total(scale(factor, n) for factor, n in zip(self.reduced.rows, column, strict=True))
            yield self._claimed(Step.WEIGHT_COLUMN, k, [value])

    def _input_columns(self) -> Iterator[Outcome]:
        at, root = self.at, self._taken().root
        for k, position in enumerate(self.places[2]):
            self.index = k
            place = at.input + k * at.columns[3]
            column = self._column(root, position, place, at.columns[3], self.parameters.input_log_domain, 1)
            yield self._claimed(Step.INPUT_COLUMN, k, [embed(column[0])])

    def _claimed(self, step: Step, index: int, values: Sequence[K]) -> Outcome:
        outputs = []
        for value in values:
            outputs.append((self.at.claims + 48 * len(self.claims), encode([value])))
            self.claims.append((value, (0, 0, 0)))
        return Outcome(step=step, index=index, outputs=tuple(outputs))

    def _powers(self) -> Iterator[Outcome]:
        p = self.parameters
        points = [(s, p.log_domain, position) for position in self.places[0] for s in (1, 2)]
        points += [(0, p.weight_log_domain, position) for position in self.places[1]]
        points += [(3, p.input_log_domain, position) for position in self.places[2]]
        for index, (segment, log_size, position) in enumerate(points):
            self.index = index
            base = pow(root_of_unity(log_size), position, P)
            found = self.hub.sum(self.width, Powers(self.offsets[segment], self.lengths[segment], base))
            self.claims[index] = (self.claims[index][0], found)
            outputs = ((self.at.claims + 48 * index + 24, encode([found])),)
            yield Outcome(step=Step.POWERS, index=index, outputs=outputs)

    def _hub_columns(self) -> Iterator[Outcome]:
        at, p, hub = self.at, self.parameters, self.hub
        pads = ([v[0] for v in hub.pads], [v[1] for v in hub.pads], [v[2] for v in hub.pads])
        generator = root_of_unity(p.hub_log_domain)
        for k, position in enumerate(self.places[3]):
            self.index = k
            place, height = at.hub_columns + k * at.columns[4], 3 * (self.rows + 3)
            column = self._column(self.run.hub_root, position, place, at.columns[4], p.hub_log_domain, height)
            elements = list(zip(column[0::3], column[1::3], column[2::3], strict=True))
            folded = total(mul(w, e) for w, e in zip(hub.weights, elements[: self.rows], strict=False))
            ladder = point_powers(pow(generator, position, P), max(len(hub.row), len(hub.pads)))
            row = point_row(hub.lanes, ladder) == add(elements[self.rows], mul(hub.mask, folded))
            pad = add(elements[self.rows + 2], mul(hub.mask, elements[self.rows + 1]))
            yield Outcome(step=Step.HUB_COLUMN, index=k, holds=row and point_row(pads, ladder) == pad)


def point_row(lanes: tuple[list[int], list[int], list[int]], ladder: Sequence[int]) -> K:
    """A shown row's code word at a point, by its powers."""
    sums = [sum(n * power for n, power in zip(lane, ladder, strict=False)) % P for lane in lanes]
    return sums[0], sums[1], sums[2]


class _Assembly:
    """The data of a proof: read once as the verifier does, with every column's path on its own."""

    def __init__(self, statement: Statement, proof: bytes) -> None:
        self._statement, self._reader = statement, ProofReader(proof)

    def data(self) -> bytes:
        """All of it."""
        statement, reader = self._statement, self._reader
        relation, p = statement.relation, statement.parameters
        fixed = Layout.of(relation, p, (0, 0, 0, 0))
        head = reader.take(fixed.hub - COUNTS_BYTES)
        replay = _Replay(statement, bytes(COUNTS_BYTES) + head)
        list(replay._sumchecks())
        places = replay.draw_positions()
        sizes = [size - _SALT - NODE_BYTES * log for size, log in zip(fixed.columns, self._logs(), strict=True)]
        logs = self._logs()
        cells = self._columns(places[0], sizes[0], logs[0])
        inverses = self._columns(places[0], sizes[1], logs[1])
        weights = self._columns(places[1], sizes[2], logs[2]) if p.weight_tail else []
        taken = self._columns(places[2], sizes[3], logs[3])
        shown = reader.take(fixed.drawn - fixed.hub)
        replay.data = replay.data + shown
        replay.open_hub()
        places.append(replay.hub_positions())
        hub = self._columns(places[3], sizes[4], logs[4])
        reader.end()
        witness = [piece for both in zip(cells, inverses, strict=True) for piece in both]
        counts = (len(places[0]), len(places[1]), len(places[2]), len(places[3]))
        layout = Layout.of(relation, p, counts)
        front = struct.pack(">4H", *counts) + head + shown
        data = front + bytes(layout.witness - len(front)) + b"".join([*witness, *weights, *taken, *hub])
        return rewrite(statement, data)

    def _logs(self) -> tuple[int, int, int, int, int]:
        p = self._statement.parameters
        return p.log_domain, p.log_domain, p.weight_log_domain, p.input_log_domain, p.hub_log_domain

    def _columns(self, positions: Sequence[int], size: int, log_size: int) -> list[bytes]:
        """Columns with salts and whole paths; which siblings a proof leaves out, it shows."""
        leaves = {position: self._reader.take(size + _SALT) for position in positions}
        paths: dict[int, list[bytes]] = {position: [] for position in positions}
        level = {at: sha256(b"\x00" + leaf[size:] + leaf[:size]).digest() for at, leaf in leaves.items()}
        for height in range(log_size):
            others: dict[int, bytes] = {}
            parents: dict[int, bytes] = {}
            for position, digest in level.items():
                others[position] = level.get(position ^ 1) or others.get(position, b"") or self._reader.take(NODE_BYTES)
                left, right = (others[position], digest) if position & 1 else (digest, others[position])
                parents[position >> 1] = sha256(b"\x01" + left[:NODE_BYTES] + right[:NODE_BYTES]).digest()
            for position, path in paths.items():
                path.append(others[position >> height][:NODE_BYTES])
            level = parents
        return [leaves[position] + b"".join(paths[position]) for position in positions]
