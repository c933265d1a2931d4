// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Element} from "../../src/court/Element.sol";
import {Interpreter} from "../../src/court/compute/Interpreter.sol";
import {ProgramFile, ProgramFiles} from "../../src/court/compute/ProgramFile.sol";
import {Registers} from "../../src/court/compute/Registers.sol";
import {Merkle} from "../../src/court/Merkle.sol";
import {ElementProof, ModelCommitment, Opening, OutputProof} from "../../src/types/Types.sol";

/// @title Hands calldata to the libraries under test
contract Harness {
    function isWrong(ModelCommitment calldata model, bytes32 inputRoot, bytes32 traceRoot, ElementProof calldata proof)
        external
        pure
        returns (bool)
    {
        return Element.isWrong(model, inputRoot, traceRoot, proof);
    }

    function outputIsWrong(ModelCommitment calldata model, bytes32 traceRoot, OutputProof calldata proof)
        external
        pure
        returns (bool)
    {
        return Element.outputIsWrong(model, traceRoot, proof);
    }

    function wordsRoot(Opening calldata opening, uint256 first, uint256 depth) external pure returns (bytes32) {
        return Merkle.wordsRoot(opening, first, depth);
    }

    function leafRoot(bytes32 leaf, uint256 index, uint256 depth, bytes32[] calldata path)
        external
        pure
        returns (bytes32)
    {
        return Merkle.leafRoot(leaf, index, depth, path);
    }

    function saltedRoot(bytes calldata words, bytes32 salt, uint256 depth) external pure returns (bytes32) {
        return Merkle.inputRoot(words, salt, depth);
    }

    /// @dev Root over the first `count` words of `words` in a tree of that depth, zero words after them.
    function treeRoot(bytes32[] memory words, uint256 depth) external pure returns (bytes32) {
        uint256 at;
        assembly ("memory-safe") {
            at := add(words, 0x20)
        }
        at = Merkle.hashMemory(at, 32, words.length);
        return Merkle.treeRoot(at, words.length, depth, Merkle.hashWord(bytes32(0)));
    }

    /// @dev The first `size` bytes of the trace of a program file, and the gas that running it took.
    function run(bytes calldata form, bytes calldata input, uint256 size)
        external
        view
        returns (bytes memory trace, uint256 used)
    {
        uint256 at = Registers.reserve();
        assembly ("memory-safe") {
            calldatacopy(at, form.offset, form.length)
            mstore(0x40, add(at, form.length))
        }
        ProgramFile memory file = ProgramFiles.read(at, form.length);
        uint256 inputBytes = file.inputBytes;
        assembly ("memory-safe") {
            trace := mload(0x40)
            mstore(0x40, add(trace, 0x20))
            calldatacopy(add(trace, 0x20), input.offset, inputBytes)
        }
        used = gasleft();
        Interpreter.run(file.program, file.nodes, _after(trace), file.weights);
        used -= gasleft();
        assembly ("memory-safe") {
            mstore(trace, size)
            mstore(0x40, add(add(trace, 0x20), size))
        }
    }

    function _after(bytes memory data) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(data, 0x20)
        }
    }
}
