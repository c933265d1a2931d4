// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, ModelCommitment, Opening} from "../../src/types/Types.sol";
import {Test} from "../Vm.sol";
import {Harness} from "./Harness.sol";
import {Trees} from "./Trees.sol";

/// @title A program of three nodes of which the second is under test, and proofs about it
/// @notice Trace: node 0 (the input) owns leaves 0 to 15, node 1 leaves 16 to 23, node 2 the rest of 32. Words of trace,
/// weights and input are random; node 1 is whatever a test says.
abstract contract ElementCase is Test {
    uint256 internal constant TRACE_DEPTH = 5;
    uint256 internal constant WEIGHTS_DEPTH = 4;
    uint256 internal constant START = 16;
    uint256 internal constant LEAVES = 8;

    struct Operand {
        uint8 space;
        uint8 kind;
        uint32 start;
        uint32 base;
        uint32 row;
        uint32 col;
    }

    struct Node {
        uint8 op;
        uint8 kind;
        uint8 flags;
        uint8 shift;
        uint32 n;
        uint32 cols;
        uint32 k;
        Operand a;
        Operand b;
        Operand c;
        int64 m0;
        int64 m1;
        int64 add;
        int64 lo;
        int64 hi;
    }

    Harness internal immutable HARNESS = new Harness();

    bytes32[] internal trace;
    bytes32[] internal weights;
    bytes32[] internal input;
    bytes32 internal constant SALT = keccak256("salt of the input");

    function _fill(bytes32 seed) internal {
        trace = new bytes32[](1 << TRACE_DEPTH);
        weights = new bytes32[](1 << WEIGHTS_DEPTH);
        input = new bytes32[](16);
        for (uint256 i = 0; i < 32; ++i) {
            trace[i] = keccak256(abi.encode(seed, "trace", i));
            if (i < 16) (weights[i], input[i]) = (keccak256(abi.encode(seed, "weights", i)), trace[i]);
        }
    }

    // -- elements, the plain way -------------------------------------------------------------------------------------

    function _bytesOf(bytes32[] memory words, uint256 start, uint256 kind, uint256 index)
        private
        pure
        returns (uint256 word, uint256 at)
    {
        uint256 size = 1 << kind;
        word = start + index * size / 32;
        at = index * size % 32;
        require(word < words.length, "outside");
    }

    function _element(bytes32[] memory words, uint256 start, uint256 kind, uint256 index)
        internal
        pure
        returns (int256 value)
    {
        (uint256 word, uint256 at) = _bytesOf(words, start, kind, index);
        uint256 size = 1 << kind;
        for (uint256 i = 0; i < size; ++i) {
            value = value * 256 + int256(uint256(uint8(words[word][at + i])));
        }
        if (value >= int256(1 << (8 * size - 1))) value -= int256(1 << (8 * size));
    }

    /// @dev Puts the low bytes of a value into an element of node 1.
    function _setElement(Node memory node, uint256 index, int256 value) internal {
        (uint256 word, uint256 at) = _bytesOf(trace, START, node.kind, index);
        uint256 size = 1 << node.kind;
        bytes memory changed = abi.encodePacked(trace[word]);
        for (uint256 i = 0; i < size; ++i) {
            changed[at + size - 1 - i] = bytes1(uint8(uint256(value) >> (8 * i)));
        }
        trace[word] = bytes32(changed);
    }

    function _index(Node memory node, Operand memory operand, uint256 element) internal pure returns (uint256) {
        return uint256(operand.base) + element / node.cols * operand.row + element % node.cols * uint256(operand.col);
    }

    // -- commitments and proofs --------------------------------------------------------------------------------------

    function _operandWord(Operand memory o) private pure returns (bytes32) {
        return bytes32(abi.encodePacked(o.space, o.kind, uint16(0), o.start, o.base, o.row, o.col, bytes12(0)));
    }

    function _descriptor(Node memory node) internal pure returns (bytes memory) {
        bytes32 head = bytes32(
            abi.encodePacked(
                node.op,
                node.kind,
                node.flags,
                node.shift,
                uint32(START),
                uint32(LEAVES),
                node.n,
                node.cols,
                node.k,
                bytes8(0)
            )
        );
        return abi.encodePacked(
            head,
            _operandWord(node.a),
            _operandWord(node.b),
            _operandWord(node.c),
            abi.encodePacked(node.m0, node.m1, node.add, bytes8(0)),
            abi.encodePacked(node.lo, node.hi, bytes16(0))
        );
    }

    function _program(Node memory node) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](4);
        hashes[0] = keccak256("descriptor of node 0");
        hashes[1] = keccak256(_descriptor(node));
        hashes[2] = keccak256("descriptor of node 2");
    }

    function _model(Node memory node) internal view returns (ModelCommitment memory model) {
        model.programRoot = Trees.root(_program(node));
        model.weightsRoot = Trees.root(Trees.leaves(weights));
        model.dimensions = bytes32(
            abi.encodePacked(
                uint8(2),
                uint8(WEIGHTS_DEPTH),
                uint8(TRACE_DEPTH),
                uint8(4),
                uint32(3),
                uint32(20),
                uint32(3),
                uint32(16)
            )
        );
    }

    function _inputLeaves() private view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](input.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(keccak256(abi.encode(SALT, i)), i, input[i]));
        }
    }

    function _inputRoot() internal view returns (bytes32) {
        return Trees.root(_inputLeaves());
    }

    function _traceRoot() internal view returns (bytes32) {
        return Trees.root(Trees.leaves(trace));
    }

    function _openElements(Operand memory operand, uint256 index, uint256 count)
        internal
        view
        returns (Opening memory)
    {
        uint256 perWord = 32 >> operand.kind;
        uint256 first = index / perWord;
        bytes32[] memory words = operand.space == 1 ? trace : weights;
        return Trees.open(words, operand.start + first, (index + count - 1) / perWord - first + 1);
    }

    /// @dev What every proof about an element of node 1 has; operands are up to the caller.
    function _proof(Node memory node, uint256 element) internal view returns (ElementProof memory proof) {
        proof.node = 1;
        proof.element = uint32(element);
        proof.descriptor = _descriptor(node);
        proof.descriptorPath = Trees.path(_program(node), 1, 1);
        proof.claimed = Trees.open(trace, START + element / (32 >> node.kind), 1);
    }

    function _openInput(Node memory node, uint256 element, ElementProof memory proof) internal view {
        uint256 word = element / (32 >> node.kind);
        proof.a.words = new bytes32[](1);
        proof.a.words[0] = input[word];
        proof.a.path = Trees.path(_inputLeaves(), word, 1);
        proof.leafSalt = keccak256(abi.encode(SALT, word));
    }

    function _judge(Node memory node, ElementProof memory proof) internal view returns (bool) {
        return HARNESS.isWrong(_model(node), _inputRoot(), _traceRoot(), proof);
    }
}
