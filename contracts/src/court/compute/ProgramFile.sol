// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelCommitment} from "../../types/Types.sol";
import {Merkle} from "../Merkle.sol";
import {Descriptor, Head} from "./Descriptor.sol";

/// @notice A program file in memory (docs/explain/integer-graph.md, section 4): where its parts are.
struct ProgramFile {
    /// Place of the first descriptor.
    uint256 program;
    /// Number of descriptors.
    uint256 nodes;
    /// Place of the weights.
    uint256 weights;
    /// Words of weights.
    uint256 weightWords;
    /// Depth of the trace tree.
    uint256 traceDepth;
    /// Bytes of the input's elements.
    uint256 inputBytes;
    /// First leaf of the output.
    uint256 outputStart;
    /// Words of the output.
    uint256 outputWords;
}

using ProgramFiles for ProgramFile global;

/// @title Reads program files, and compares them with what a model commits to
library ProgramFiles {
    /// @notice The bytes are not a program file, or not the one that the model commits to.
    error WrongProgram();

    uint256 private constant HEADER = 64;
    uint256 private constant MAGIC = 0x434f4e434f524401;

    /// @notice Parts of the file that lies in memory from `at` on, all of it below the free memory pointer.
    function read(uint256 at, uint256 size) internal pure returns (ProgramFile memory file) {
        uint256 header = _word(at);
        if (size < HEADER + Descriptor.SIZE || header >> 192 != MAGIC || _word(at + 32) != 0) revert WrongProgram();
        // All numbers are of 32 bits.
        unchecked {
            file.program = at + HEADER;
            file.nodes = uint32(header >> 160);
            file.weights = file.program + file.nodes * Descriptor.SIZE;
            file.weightWords = uint32(header >> 128);
            file.traceDepth = uint32(header >> 96);
            uint256 output = uint32(header >> 32);
            if (output >= file.nodes || file.weights + 32 * file.weightWords != at + size) revert WrongProgram();

            Head head = Head.wrap(_word(file.program));
            file.inputBytes = head.n() << head.kind();
            head = Head.wrap(_word(file.program + output * Descriptor.SIZE));
            file.outputStart = head.start();
            file.outputWords = _words(head.n() << head.kind());
        }
    }

    /// @notice Words of the input.
    function inputWords(ProgramFile memory file) internal pure returns (uint256) {
        return _words(file.inputBytes);
    }

    /// @notice Depth of the salted input tree.
    function inputDepth(ProgramFile memory file) internal pure returns (uint256) {
        return _depth(_words(file.inputBytes));
    }

    /// @notice Reverts unless descriptors, weights and dimensions are the committed ones. What is executed is then, by the
    /// same roots, what a fraud proof would be judged by.
    function requireCommitted(ProgramFile memory file, ModelCommitment calldata model) internal pure {
        if (file.dimensions() != model.dimensions) revert WrongProgram();
        uint256 at = Merkle.hashMemory(file.program, Descriptor.SIZE, file.nodes);
        if (Merkle.treeRoot(at, file.nodes, _depth(file.nodes), bytes32(0)) != model.programRoot) {
            revert WrongProgram();
        }
        at = Merkle.hashMemory(file.weights, 32, file.weightWords);
        bytes32 zero = Merkle.hashWord(bytes32(0));
        if (Merkle.treeRoot(at, file.weightWords, _depth(file.weightWords), zero) != model.weightsRoot) {
            revert WrongProgram();
        }
    }

    /// @notice The dimensions that the file implies, packed as in a commitment.
    function dimensions(ProgramFile memory file) internal pure returns (bytes32) {
        bytes4 depths = bytes4(
            abi.encodePacked(
                uint8(_depth(file.nodes)),
                uint8(_depth(file.weightWords)),
                uint8(file.traceDepth),
                uint8(inputDepth(file))
            )
        );
        uint32 nodes = uint32(file.nodes);
        return bytes32(
            abi.encodePacked(
                depths, nodes, uint32(file.outputStart), uint32(file.outputWords), uint32(inputWords(file)), bytes12(0)
            )
        );
    }

    function _words(uint256 size) private pure returns (uint256) {
        return (size + 31) >> 5;
    }

    /// @dev Smallest depth whose tree has room for that many leaves.
    function _depth(uint256 count) private pure returns (uint256 depth) {
        while (1 << depth < count) ++depth;
    }

    function _word(uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(at)
        }
    }
}
