// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {ElementProof, ModelCommitment, Opening, OutputProof} from "../types/Types.sol";
import {Descriptor, Dimensions, Head, Operand} from "./compute/Descriptor.sol";
import {Dot} from "./compute/Dot.sol";
import {Memories, Openings} from "./compute/Openings.sol";
import {Merkle} from "./Merkle.sol";

/// @title Judges one element of an execution, and one word of a delivered output
/// @notice An element of the trace is a function of its node's descriptor and of at most a few hundred operands. A proof
/// opens all of them against the committed roots; this library recomputes the element with integers that cannot overflow
/// and says whether the claimed one differs (docs/explain/integer-graph.md, sections 3 and 5).
/// A proof that does not open exactly what the element depends on reverts with `BadOpening`.
library Element {
    /// @dev Longest output that a submission carries itself.
    uint256 private constant MAX_OUTPUT_BYTES = 1024;

    /// @dev The element in question, with all that its descriptor says.
    struct Case {
        Head head;
        Operand a;
        Operand b;
        Operand c;
        uint256 row;
        uint256 col;
        int256 m0;
        int256 m1;
        int256 add;
        int256 lo;
        int256 hi;
    }

    /// @notice Whether the claimed element is not what its node makes of the opened operands.
    /// @param model Opens the order's model.
    /// @param inputRoot The order's salted input tree.
    /// @param traceRoot The delivered trace.
    function isWrong(ModelCommitment calldata model, bytes32 inputRoot, bytes32 traceRoot, ElementProof calldata proof)
        internal
        pure
        returns (bool)
    {
        Dimensions dimensions = Dimensions.wrap(model.dimensions);
        Memories memory memories = Memories({
            traceRoot: traceRoot,
            traceDepth: dimensions.traceDepth(),
            weightsRoot: model.weightsRoot,
            weightsDepth: dimensions.weightsDepth()
        });
        _requireDescriptor(model.programRoot, dimensions.programDepth(), proof);
        Case memory case_ = _read(proof.descriptor, proof.element);
        uint256 kind = case_.head.kind();
        if (proof.element >> Openings.perWordLog2(kind) >= case_.head.leaves()) revert ICourt.BadOpening();
        uint256 at = memories.openTrace(proof.claimed, case_.head.start(), proof.element, kind);
        int256 claimed = Dot.element(at, kind);
        if (proof.element >= case_.head.n()) return claimed != _padding(proof);
        if (case_.head.op() == Descriptor.INPUT) {
            return claimed != _input(inputRoot, dimensions.inputDepth(), kind, proof);
        }
        return claimed != _compute(memories, case_, proof);
    }

    /// @notice Whether the delivered output has the wrong length, or differs from the trace in the word shown. Of an
    /// output too large for a submission the trace root is delivered, and nothing else can be right.
    function outputIsWrong(ModelCommitment calldata model, bytes32 traceRoot, OutputProof calldata proof)
        internal
        pure
        returns (bool)
    {
        Dimensions dimensions = Dimensions.wrap(model.dimensions);
        if (32 * dimensions.outputLeaves() > MAX_OUTPUT_BYTES) {
            Openings.requireEmpty(proof.claimed);
            return keccak256(proof.output) != keccak256(abi.encode(traceRoot));
        }
        if (proof.output.length != 32 * dimensions.outputLeaves()) {
            Openings.requireEmpty(proof.claimed);
            return true;
        }
        if (proof.word >= dimensions.outputLeaves() || proof.claimed.words.length != 1) revert ICourt.BadOpening();
        uint256 leaf = dimensions.outputStart() + proof.word;
        if (Merkle.wordsRoot(proof.claimed, leaf, dimensions.traceDepth()) != traceRoot) revert ICourt.BadOpening();
        uint256 at = 32 * uint256(proof.word);
        return bytes32(proof.output[at:at + 32]) != proof.claimed.words[0];
    }

    // -- the case ----------------------------------------------------------------------------------------------------

    function _requireDescriptor(bytes32 programRoot, uint256 depth, ElementProof calldata proof) private pure {
        if (proof.descriptor.length != Descriptor.SIZE) revert ICourt.BadOpening();
        bytes32 leaf = keccak256(proof.descriptor);
        if (Merkle.leafRoot(leaf, proof.node, depth, proof.descriptorPath) != programRoot) revert ICourt.BadOpening();
    }

    function _read(bytes calldata descriptor, uint256 element) private pure returns (Case memory case_) {
        uint256[6] memory words = abi.decode(descriptor, (uint256[6]));
        case_.head = Head.wrap(words[0]);
        case_.a = Operand.wrap(words[1]);
        case_.b = Operand.wrap(words[2]);
        case_.c = Operand.wrap(words[3]);
        case_.m0 = int64(uint64(words[4] >> 192));
        case_.m1 = int64(uint64(words[4] >> 128));
        case_.add = int64(uint64(words[4] >> 64));
        case_.lo = int64(uint64(words[5] >> 192));
        case_.hi = int64(uint64(words[5] >> 128));
        uint256 cols = case_.head.cols();
        if (cols == 0) revert ICourt.BadOpening();
        case_.row = element / cols;
        case_.col = element % cols;
    }

    /// @dev What stands past the last element of a region.
    function _padding(ElementProof calldata proof) private pure returns (int256) {
        Openings.requireEmpty(proof.a);
        Openings.requireEmpty(proof.b);
        Openings.requireEmpty(proof.c);
        return 0;
    }

    function _input(bytes32 inputRoot, uint256 depth, uint256 kind, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        Openings.requireEmpty(proof.b);
        Openings.requireEmpty(proof.c);
        uint256 at = Openings.openInput(inputRoot, depth, proof.a, proof.leafSalt, proof.element, kind);
        return Dot.element(at, kind);
    }

    // -- operands ----------------------------------------------------------------------------------------------------

    /// @dev The one element of an operand.
    function _one(Memories memory memories, Case memory case_, Operand operand, Opening calldata opening)
        private
        pure
        returns (int256)
    {
        return _moved(memories, case_, operand, opening, 0);
    }

    /// @dev The element `by` after the one that the index rule gives.
    function _moved(Memories memory memories, Case memory case_, Operand operand, Opening calldata opening, int256 by)
        private
        pure
        returns (int256)
    {
        int256 index = int256(operand.index(case_.row, case_.col)) + by;
        if (index < 0) revert ICourt.BadOpening();
        return Dot.element(memories.open(operand, opening, uint256(index), 1), operand.kind());
    }

    /// @dev An operand that the node may leave out, with the value that then stands for it.
    function _oneOr(
        int256 otherwise,
        Memories memory memories,
        Case memory case_,
        Operand operand,
        Opening calldata opening
    ) private pure returns (int256) {
        if (operand.space() != Descriptor.ABSENT) return _one(memories, case_, operand, opening);
        Openings.requireEmpty(opening);
        return otherwise;
    }

    /// @dev Place in calldata of the first of an operand's K elements.
    function _row(Memories memory memories, Case memory case_, Operand operand, Opening calldata opening)
        private
        pure
        returns (uint256 at)
    {
        return memories.open(operand, opening, operand.index(case_.row, case_.col), case_.head.k());
    }

    // -- operations --------------------------------------------------------------------------------------------------

    function _compute(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        uint256 op = case_.head.op();
        if (op == Descriptor.AFFINE) return _affine(memories, case_, proof);
        if (op == Descriptor.SELECT) return _select(memories, case_, proof);
        Openings.requireEmpty(proof.c);
        if (op == Descriptor.MATMUL) return _matmul(memories, case_, proof);
        if (op == Descriptor.TABLE) return _table(memories, case_, proof);
        if (op == Descriptor.GATHER) return _gather(memories, case_, proof);
        Openings.requireEmpty(proof.b);
        return _reduce(memories, case_, proof);
    }

    function _matmul(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        uint256 a = _row(memories, case_, case_.a, proof.a);
        uint256 b = _row(memories, case_, case_.b, proof.b);
        return Dot.product(a, case_.a.kind(), b, case_.b.kind(), case_.head.k());
    }

    /// @dev Three factors of 64 bits, two of them added up: nothing can leave 256 bits.
    function _affine(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256 x)
    {
        int256 a = _one(memories, case_, case_.a, proof.a);
        int256 b = _oneOr(1, memories, case_, case_.b, proof.b);
        int256 c = _oneOr(0, memories, case_, case_.c, proof.c);
        uint256 shift = case_.head.shift();
        unchecked {
            x = case_.m0 * a * b + case_.m1 * c + case_.add;
            if (shift != 0) x = (x + int256(1 << (shift - 1))) >> shift;
        }
        return _clamp(x, case_.lo, case_.hi);
    }

    function _table(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        int256 a = _one(memories, case_, case_.a, proof.a);
        return _moved(memories, case_, case_.b, proof.b, _clamp(a, case_.lo, case_.hi) - case_.lo);
    }

    function _gather(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        return _moved(memories, case_, case_.a, proof.a, _one(memories, case_, case_.b, proof.b));
    }

    function _select(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        int256 a = _one(memories, case_, case_.a, proof.a);
        int256 b = _oneOr(case_.add, memories, case_, case_.b, proof.b);
        int256 c = _oneOr(1, memories, case_, case_.c, proof.c);
        return _holds(case_.head.flags(), a, b) ? c : int256(0);
    }

    function _holds(uint256 comparison, int256 a, int256 b) private pure returns (bool) {
        if (comparison == 0) return a >= b;
        if (comparison == 1) return a > b;
        if (comparison == 2) return a == b;
        if (comparison == 3) return a <= b;
        if (comparison == 4) return a < b;
        revert ICourt.BadOpening();
    }

    function _reduce(Memories memory memories, Case memory case_, ElementProof calldata proof)
        private
        pure
        returns (int256)
    {
        uint256 op = case_.head.op();
        uint256 at = _row(memories, case_, case_.a, proof.a);
        uint256 kind = case_.a.kind();
        int256 sum = 0;
        int256 greatest = type(int256).min;
        uint256 where = 0;
        unchecked {
            for (uint256 i = 0; i < case_.head.k(); ++i) {
                int256 x = Dot.element(at + (i << kind), kind);
                sum += x;
                if (x > greatest) (greatest, where) = (x, i);
            }
        }
        if (op == Descriptor.SUM) return sum;
        if (op == Descriptor.MAX) return greatest;
        if (op == Descriptor.ARGMAX) return int256(where);
        revert ICourt.BadOpening();
    }

    function _clamp(int256 x, int256 lo, int256 hi) private pure returns (int256) {
        if (x < lo) x = lo;
        return x > hi ? hi : x;
    }
}
