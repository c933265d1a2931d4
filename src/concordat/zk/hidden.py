"""Hidden models: what everybody gets of a model whose weights stay with their owner, and what their answers show.

A hidden model's id is the hash of a `ModelCommitment` like any other. Its roots are the digest of the relation and the
root of the committed weights. So an order names exactly one relation, one commitment and one set of parameters, and
whoever checks an answer needs nothing else: the order's input hash fixes the committed input, the output is the public
vector. ``contracts/src/zk/ValidityEvidence.sol`` reads the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from concordat.graph.elements import WORD, ElementType, pack_elements, unpack_elements, words_needed
from concordat.primitives.errors import ConcordatError, InputError, ModelError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import depth_for
from concordat.primitives.units import Bytes32, OrderId
from concordat.protocol.artifact import HIDDEN, Dimensions, ModelCommitment
from concordat.protocol.execution import MAX_OUTPUT_BYTES
from concordat.protocol.order import Domain, Order
from concordat.zk.circuit.ranges import check_ranges, compile_ranges
from concordat.zk.circuit.sums import wrapping
from concordat.zk.parameters import Parameters, check
from concordat.zk.prover import commit_input
from concordat.zk.relation import Relation
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment
from concordat.zk.verification import verify, verify_registration
from concordat.zk.verifier import verify as plain_verify
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.registration import Registration
from concordat.zk.verifier.registration import verify_registration as plain_registration
from concordat.zk.wellformed import check_relation

__all__ = ["EVIDENCE_HEAD", "Answer", "Bounds", "HiddenModel", "claimed_statement", "input_hash", "read_evidence"]

_MAGIC = b"CCHIDDEN"
_HEAD = len(_MAGIC) + 1 + 4 + 52 + 32 + 4
_ROOTS = 32 + 24
EVIDENCE_HEAD = 32 + 32 + 4 + 52 + 32 + _ROOTS
"""Bytes of evidence before the relation: what opens an order's model and input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What shows that an output came from a hidden model: the committed input, and the proof."""

    input: InputCommitment
    """Opens the order's input hash."""
    proof: bytes
    """As the verifier reads it."""

    def encode(self) -> bytes:
        """56 bytes and the proof."""
        return self.input.encode() + self.proof

    @classmethod
    def decode(cls, data: bytes) -> Answer:
        """Inverse of :meth:`encode`; `VerificationError` ``BadProof`` if it is too short or not canonical."""
        if len(data) < _ROOTS:
            raise VerificationError("The proof is cut off.", code="BadProof")
        outside = ProofReader(data[32:_ROOTS]).elements(1)[0]
        return cls(input=InputCommitment(root=data[:32], outside=outside), proof=data[_ROOTS:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Shows that committed weights are as small as their types, so that no sum of theirs wraps around."""

    bits: tuple[int, ...]
    """Of the weights in each row of the matrix."""
    parameters: Parameters
    """Of the proof."""
    proof: bytes
    """As the verifier reads it."""

    def encode(self) -> bytes:
        """A byte for each row, the parameters, the proof."""
        return bytes(self.bits) + self.parameters.encode() + self.proof


def input_hash(commitment: InputCommitment) -> Bytes32:
    """What an order for a hidden model names as its input: ``keccak256(abi.encode(root, outside))``."""
    encoded = commitment.encode()
    return keccak256(encoded[:32] + encoded[32:].ljust(32, b"\0"))


@dataclass(frozen=True, kw_only=True)
class HiddenModel:
    """The public part of a model that nobody sees."""

    relation: Relation
    """What holds between weights, input and output."""
    parameters: Parameters
    """Sizes of the codes."""
    weights: WeightCommitment
    """The committed weights."""
    version: int
    """Counts rotations of the commitment's randomness."""
    input_type: ElementType
    """How input elements are packed."""
    registration: bytes = b""
    """Shows that the committed weights are close to a codeword; empty in evidence for a chain."""
    bounds: Bounds | None = None
    """Shows that they are small; ``None`` in evidence for a chain."""

    def encode(self) -> bytes:
        """The public file."""
        relation = self.relation.encode()
        head = _MAGIC + bytes([self.input_type]) + self.version.to_bytes(4, "big") + self.parameters.encode()
        parts = [head, self.weights.root]
        for part in (relation, self.registration):
            parts += [len(part).to_bytes(4, "big"), part]
        return b"".join([*parts, self.bounds.encode() if self.bounds is not None else b""])

    @classmethod
    def decode(cls, data: bytes) -> HiddenModel:
        """Inverse of :meth:`encode`.

        Raises
        ------
        VerificationError
            ``BadHiddenModel`` if the bytes are not the file of one.
        """
        if len(data) < _HEAD or not data.startswith(_MAGIC) or data[8] > ElementType.I64:
            raise _malformed()
        relation, rest = _counted(data[_HEAD - 4 :])
        registration, rest = _counted(rest)
        try:
            read = _relation(relation)
            rows = read.weight_rows
            return cls(
                relation=read,
                parameters=Parameters.decode(data[13:65]),
                weights=WeightCommitment(root=data[65:97]),
                version=int.from_bytes(data[9:13], "big"),
                input_type=ElementType(data[8]),
                registration=registration,
                bounds=Bounds(
                    bits=tuple(rest[:rows]),
                    parameters=Parameters.decode(rest[rows : rows + 52]),
                    proof=rest[rows + 52 :],
                ),
            )
        except (ConcordatError, ValueError) as error:
            raise _malformed() from error

    @property
    def outputs(self) -> int:
        """Numbers that become public."""
        return self.relation.publics[0]

    @cached_property
    def input_words(self) -> int:
        """Words of a packed input."""
        return words_needed(self.relation.input_count, self.input_type)

    @cached_property
    def dimensions(self) -> Bytes32:
        """As in any model's commitment; then how many elements are public, how an input's are packed, and a mark."""
        shape = Dimensions(
            program_depth=0,
            weights_depth=0,
            trace_depth=0,
            input_depth=depth_for(self.input_words),
            nodes=0,
            output_start=0,
            output_leaves=words_needed(self.outputs, ElementType.I32),
            input_leaves=self.input_words,
        )
        marks = self.outputs.to_bytes(4, "big") + bytes([self.input_type]) + bytes(6) + HIDDEN
        return Bytes32(shape.pack()[:20] + marks)

    def commitment(self, manifest_digest: bytes) -> ModelCommitment:
        """What the model's id is the hash of."""
        return ModelCommitment(
            program_root=Bytes32(self.relation.digest),
            weights_root=Bytes32(self.weights.root),
            dimensions=self.dimensions,
            native_digest=keccak256(self.version.to_bytes(4, "big") + self.parameters.encode()),
            manifest_digest=Bytes32(manifest_digest),
        )

    def check(self, *, plain: bool = False) -> None:
        """Refuse a model whose answers could not be believed.

        Parameters
        ----------
        plain : bool
            Whether to use the plain verifiers, which define what is checked, even where compiled ones are.

        Raises
        ------
        VerificationError
            If the parameters prove fewer than 100 bits, the output does not fit a submission, or it is not shown that
            the weights are close to a codeword and small.
        """
        if len(self.relation.publics) != 1 or not 0 < 4 * self.outputs <= MAX_OUTPUT_BYTES:
            raise VerificationError("The model's output does not fit a submission.", code="BadHiddenModel")
        check(self.relation, self.parameters)
        made = Registration(
            relation=self.relation, parameters=self.parameters, commitment=self.weights, proof=self.registration
        )
        (plain_registration if plain else verify_registration)(made)
        bounds = self.bounds
        if bounds is None:
            raise VerificationError("Nothing shows that the model's weights are small.", code="BadHiddenModel")
        try:
            shown = self.bounded(bounds.bits, bounds.parameters)
        except ModelError as error:
            raise VerificationError("The bounds do not fit the model's weights.", code="BadHiddenModel") from error
        if wrapping(self.relation, bounds.bits):
            raise VerificationError("Weights of these bounds could wrap a sum around.", code="BadHiddenModel")
        check_ranges(shown, made, bounds.bits)
        (plain_verify if plain else verify)(shown, bounds.proof)

    def bounded(self, bits: Sequence[int], parameters: Parameters) -> Statement:
        """That the weights in each row of the matrix have so many bits; `ModelError` if that cannot be said."""
        ranges = compile_ranges(self.relation, bits)
        nowhere = bytes(20)
        return ranges.statement(
            self.weights, parameters, chain_id=0, contract=nowhere, model=bytes(32), version=self.version
        )

    def input_root(self, words: bytes, salt: bytes) -> Bytes32:
        """What an order names as its input: the hash of the input's commitment under a secret salt of 32 bytes.

        Raises
        ------
        InputError
            ``InputLength`` if it is not an input of the model.
        """
        if len(words) != WORD * self.input_words or len(salt) != 32:
            raise InputError(f"{len(words)} bytes are not an input of this model.", code="InputLength")
        numbers = unpack_elements(words, self.input_type, self.relation.input_count)
        if any(words[self.relation.input_count * self.input_type.bytes :]):
            raise InputError("There is something after the input's last element.", code="InputLength")
        return input_hash(commit_input(self.parameters, numbers, salt).commitment)

    def output(self, publics: list[int]) -> bytes:
        """Output words of a public vector."""
        return pack_elements(publics, ElementType.I32)

    def statement(self, name: OrderId, order: Order, domain: Domain, output: bytes, answer: Answer) -> Statement:
        """What a proof has to show for an order and an output.

        Raises
        ------
        VerificationError
            ``BadStatement`` if the output is not one of this model, or the input is not the order's.
        """
        if input_hash(answer.input) != order.input:
            raise VerificationError("The proof is about another input than the order's.", code="BadStatement")
        return self.claim(order.model, name, output, answer, chain_id=domain.chain_id, contract=domain.market)

    def claim(
        self,
        model: bytes,
        name: bytes,
        output: bytes,
        answer: Answer,
        *,
        chain_id: int = 0,
        contract: bytes = bytes(20),
    ) -> Statement:
        """What a proof has to show of an output, for an order or for anything else that has a name of 32 bytes.

        Raises
        ------
        VerificationError
            ``BadStatement`` if the output is not one of this model.
        """
        if len(output) != WORD * words_needed(self.outputs, ElementType.I32) or any(output[4 * self.outputs :]):
            raise VerificationError("This is not an output of the hidden model.", code="BadStatement")
        publics = tuple(int(n) for n in unpack_elements(output, ElementType.I32, self.outputs))
        return Statement(
            chain_id=chain_id,
            contract=contract,
            order=name,
            model=model,
            version=self.version,
            relation=self.relation,
            parameters=self.parameters,
            weights=self.weights,
            input=answer.input,
            publics=(publics,),
        )

    def evidence(self, manifest_digest: bytes, answer: Answer) -> bytes:
        """What the module for validity evidence reads, in the contract and in memory."""
        relation = self.relation.encode()
        parts = [
            manifest_digest,
            self.dimensions,
            self.version.to_bytes(4, "big"),
            self.parameters.encode(),
            self.weights.root,
            answer.input.encode(),
            len(relation).to_bytes(4, "big"),
            relation,
            answer.proof,
        ]
        return b"".join(parts)


def _relation(data: bytes) -> Relation:
    """A relation that refers to nothing that is not there."""
    relation = Relation.decode(data)
    check_relation(relation)
    return relation


def read_evidence(data: bytes) -> tuple[HiddenModel, ModelCommitment, Answer]:
    """Model (without its registration), commitment and answer of :meth:`HiddenModel.evidence`.

    Raises
    ------
    VerificationError
        ``BadProof`` if the bytes are not evidence.
    """
    head, length = EVIDENCE_HEAD, int.from_bytes(data[EVIDENCE_HEAD : EVIDENCE_HEAD + 4], "big")
    if len(data) < head + 4 + length:
        raise VerificationError("The evidence is cut off.", code="BadProof")
    try:
        model = HiddenModel(
            relation=_relation(data[head + 4 : head + 4 + length]),
            parameters=Parameters.decode(data[68:120]),
            weights=WeightCommitment(root=data[120:152]),
            version=int.from_bytes(data[64:68], "big"),
            input_type=ElementType(data[56]),
        )
    except (ConcordatError, ValueError) as error:
        raise VerificationError("The evidence is malformed.", code="BadProof") from error
    answer = Answer.decode(data[152:head] + data[head + 4 + length :])
    if len(model.relation.publics) != 1 or model.dimensions != data[32:64]:
        raise VerificationError("The evidence contradicts itself.", code="BadProof")
    return model, model.commitment(data[:32]), answer


def claimed_statement(
    order: Order, name: OrderId, domain: Domain, head: bytes, relation: bytes, output: bytes
) -> Statement:
    """What a claim on chain has to show: head and relation as in :meth:`HiddenModel.evidence`.

    Raises
    ------
    VerificationError
        If they do not open the order's model and input, or the output is none of the model's.
    """
    model, commitment, answer = read_evidence(head + len(relation).to_bytes(4, "big") + relation)
    if commitment.model_id() != order.model:
        raise VerificationError("The claim is about another model than the order's.", code="BadStatement")
    return model.statement(name, order, domain, output, answer)


def _counted(data: bytes) -> tuple[bytes, bytes]:
    """What is in front of which its length stands, and the rest."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length:
        raise _malformed()
    return data[4 : 4 + length], data[4 + length :]


def _malformed() -> VerificationError:
    return VerificationError(
        "This is not the public file of a hidden model.", code="BadHiddenModel", hint="Ask its publisher for it."
    )
