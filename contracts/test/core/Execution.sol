// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, ModelCommitment, Opening, ResultHeader} from "../../src/types/Types.sol";

/// @dev A Merkle tree with its data in front and one repeated leaf behind, built the plain way.
library Trees {
    struct Tree {
        bytes32[] leaves;
        uint256 depth;
        bytes32 filler;
    }

    function ofWords(bytes32[] memory words, uint256 depth) internal pure returns (Tree memory) {
        bytes32[] memory leaves = new bytes32[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            leaves[i] = keccak256(abi.encode(words[i]));
        }
        return Tree(leaves, depth, keccak256(abi.encode(bytes32(0))));
    }

    function node(Tree memory tree, uint256 height, uint256 index) internal pure returns (bytes32 hash) {
        if (index << height >= tree.leaves.length) {
            hash = tree.filler;
            for (uint256 i = 0; i < height; ++i) {
                hash = keccak256(abi.encode(hash, hash));
            }
            return hash;
        }
        if (height == 0) return tree.leaves[index];
        return keccak256(abi.encode(node(tree, height - 1, 2 * index), node(tree, height - 1, 2 * index + 1)));
    }

    function root(Tree memory tree) internal pure returns (bytes32) {
        return node(tree, tree.depth, 0);
    }

    function prove(Tree memory tree, uint256 first, uint256 count) internal pure returns (bytes32[] memory path) {
        bytes32[] memory all = new bytes32[](2 * tree.depth);
        uint256 length = 0;
        (uint256 low, uint256 high) = (first, first + count);
        for (uint256 height = 0; height < tree.depth; ++height) {
            if (low % 2 == 1) all[length++] = node(tree, height, low - 1);
            if (high % 2 == 1) all[length++] = node(tree, height, high);
            (low, high) = (low / 2, (high + 1) / 2);
        }
        path = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            path[i] = all[i];
        }
    }

    /// @dev One hash of a row, followed by its siblings from the bottom up.
    function childWithPath(bytes32[] memory children, uint256 index) internal pure returns (bytes32[] memory shown) {
        uint256 levels = 0;
        while (1 << levels < children.length) ++levels;
        bytes32[] memory path = prove(Tree(children, levels, 0), index, 1);
        shown = new bytes32[](levels + 1);
        shown[0] = children[index];
        for (uint256 i = 0; i < levels; ++i) {
            shown[i + 1] = path[i];
        }
    }

    /// @dev The row that is revealed for a node.
    function row(Tree memory tree, uint256 height, uint256 index) internal pure returns (bytes32[] memory children) {
        uint256 levels = height < 4 ? height : 4;
        children = new bytes32[](1 << levels);
        for (uint256 i = 0; i < children.length; ++i) {
            children[i] = node(tree, height - levels, (index << levels) + i);
        }
    }
}

/// @dev A model of two nodes, 256 inputs (i8) and their products with four rows of weights (i64), and executions of it:
/// leaves 0 to 7 of the trace are the input, leaf 8 is the result, everything behind is padding.
library Execution {
    using Trees for Trees.Tree;

    struct Model {
        ModelCommitment commitment;
        bytes[2] descriptors;
        Trees.Tree program;
        Trees.Tree weights;
        bytes32[] weightWords;
    }

    struct Run {
        bytes32[] inputWords;
        bytes32 inputSalt;
        Trees.Tree input;
        bytes32[] words;
        Trees.Tree trace;
    }

    uint256 internal constant RESULT_LEAF = 8;

    function model(uint256 traceDepth) internal pure returns (Model memory made) {
        made.descriptors[0] = abi.encode(_head(0, 0, 0, 8, 256, 1, 0), 0, 0, 0, 0, 0);
        // A: trace elements from 0; B: weights elements from 256 * column
        made.descriptors[1] = abi.encode(
            _head(1, 3, 8, uint32((1 << traceDepth) - 8), 4, 4, 256),
            _operand(1, 0, 0, 0, 0, 0),
            _operand(2, 0, 0, 0, 0, 256),
            0,
            0,
            0
        );
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = keccak256(made.descriptors[0]);
        leaves[1] = keccak256(made.descriptors[1]);
        made.program = Trees.Tree(leaves, 1, 0);
        made.weightWords = noise("weights", 32);
        made.weights = Trees.ofWords(made.weightWords, 5);
        made.commitment = ModelCommitment({
            programRoot: made.program.root(),
            weightsRoot: made.weights.root(),
            dimensions: bytes32(
                abi.encodePacked(
                    uint8(1), uint8(5), uint8(traceDepth), uint8(3), uint32(2), uint32(8), uint32(1), uint32(8)
                )
            ),
            nativeDigest: 0,
            manifestDigest: keccak256("manifest")
        });
    }

    /// @dev An execution; a lie replaces result element 1, an input lie the first word of the trace.
    function run(Model memory made, int64 lie, bool inputLie) internal pure returns (Run memory done) {
        done.inputWords = noise("input", 8);
        done.inputSalt = keccak256("input salt");
        bytes32[] memory leaves = new bytes32[](8);
        for (uint256 i = 0; i < 8; ++i) {
            leaves[i] = keccak256(abi.encode(leafSalt(done, i), i, done.inputWords[i]));
        }
        done.input = Trees.Tree(leaves, 3, 0);
        done.words = new bytes32[](9);
        for (uint256 i = 0; i < 8; ++i) {
            done.words[i] = done.inputWords[i];
        }
        if (inputLie) done.words[0] = keccak256("another input");
        int64[4] memory result;
        for (uint256 column = 0; column < 4; ++column) {
            result[column] = int64(dot(done.words, 0, made.weightWords, 8 * column));
        }
        result[1] += lie;
        done.words[8] = bytes32(abi.encodePacked(result[0], result[1], result[2], result[3]));
        done.trace = Trees.ofWords(done.words, uint8(made.commitment.dimensions[2]));
    }

    function header(Run memory done, bytes memory output) internal pure returns (ResultHeader memory) {
        return ResultHeader({traceRoot: done.trace.root(), outputHash: keccak256(output)});
    }

    function outputOf(Run memory done) internal pure returns (bytes memory) {
        return abi.encode(done.words[RESULT_LEAF]);
    }

    /// @dev Opens everything that one result element depends on.
    function resultProof(Model memory made, Run memory done, uint32 element)
        internal
        pure
        returns (ElementProof memory proof)
    {
        proof.node = 1;
        proof.element = element;
        proof.descriptor = made.descriptors[1];
        proof.descriptorPath = made.program.prove(1, 1);
        proof.claimed = open(done.trace, done.words, RESULT_LEAF, 1);
        proof.a = open(done.trace, done.words, 0, 8);
        proof.b = open(made.weights, made.weightWords, 8 * uint256(element), 8);
    }

    /// @dev Opens an element of the input region, and the word of the committed input.
    function inputProof(Model memory made, Run memory done, uint32 element)
        internal
        pure
        returns (ElementProof memory proof)
    {
        proof.element = element;
        proof.descriptor = made.descriptors[0];
        proof.descriptorPath = made.program.prove(0, 1);
        proof.claimed = open(done.trace, done.words, element / 32, 1);
        proof.a = open(done.input, done.inputWords, element / 32, 1);
        proof.leafSalt = leafSalt(done, element / 32);
    }

    function open(Trees.Tree memory tree, bytes32[] memory words, uint256 first, uint256 count)
        internal
        pure
        returns (Opening memory opening)
    {
        opening.words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            opening.words[i] = words[first + i];
        }
        opening.path = tree.prove(first, count);
    }

    function leafSalt(Run memory done, uint256 index) internal pure returns (bytes32) {
        return keccak256(abi.encode(done.inputSalt, index));
    }

    function noise(string memory name, uint256 count) internal pure returns (bytes32[] memory words) {
        words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            words[i] = keccak256(abi.encode(name, i));
        }
    }

    /// @dev Product of two runs of 256 bytes, byte by byte.
    function dot(bytes32[] memory a, uint256 atA, bytes32[] memory b, uint256 atB) internal pure returns (int256 sum) {
        for (uint256 i = 0; i < 256; ++i) {
            sum += int256(int8(uint8(a[atA + i / 32][i % 32]))) * int8(uint8(b[atB + i / 32][i % 32]));
        }
    }

    function _head(uint8 op, uint8 outType, uint32 start, uint32 leaves, uint32 n, uint32 cols, uint32 k)
        private
        pure
        returns (bytes32)
    {
        return bytes32(abi.encodePacked(op, outType, uint8(0), uint8(0), start, leaves, n, cols, k));
    }

    function _operand(uint8 space, uint8 kind, uint32 start, uint32 base, uint32 row, uint32 col)
        private
        pure
        returns (bytes32)
    {
        return bytes32(abi.encodePacked(space, kind, uint16(0), start, base, row, col));
    }
}
