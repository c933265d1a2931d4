// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice First word of a node's descriptor.
type Head is uint256;

/// @notice One operand of a node; the descriptor's second to fourth words.
type Operand is uint256;

/// @notice The four depths and the ranges of a model's trees, as in its commitment.
type Dimensions is bytes32;

using Descriptor for Head global;
using Descriptor for Operand global;
using Descriptor for Dimensions global;

/// @title Reads node descriptors and dimensions, field by field
/// @notice The layout is in docs/explain/integer-graph.md, sections 2 and 3.
library Descriptor {
    /// @dev Bytes of a descriptor.
    uint256 internal constant SIZE = 192;

    uint256 internal constant INPUT = 0;
    uint256 internal constant MATMUL = 1;
    uint256 internal constant AFFINE = 2;
    uint256 internal constant TABLE = 3;
    uint256 internal constant SELECT = 4;
    uint256 internal constant MAX = 5;
    uint256 internal constant SUM = 6;
    uint256 internal constant ARGMAX = 7;
    uint256 internal constant GATHER = 8;

    uint256 internal constant ABSENT = 0;
    uint256 internal constant TRACE = 1;
    uint256 internal constant WEIGHTS = 2;

    // -- head --------------------------------------------------------------------------------------------------------

    function op(Head head) internal pure returns (uint256) {
        return Head.unwrap(head) >> 248;
    }

    /// @notice Type code of the node's elements: 0 to 3 for 1, 2, 4 and 8 bytes.
    function kind(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> 240);
    }

    function flags(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> 232);
    }

    function shift(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> 224);
    }

    function start(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 192);
    }

    function leaves(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 160);
    }

    function n(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 128);
    }

    function cols(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 96);
    }

    function k(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 64);
    }

    // -- operand -----------------------------------------------------------------------------------------------------

    function space(Operand operand) internal pure returns (uint256) {
        return Operand.unwrap(operand) >> 248;
    }

    function kind(Operand operand) internal pure returns (uint256) {
        return uint8(Operand.unwrap(operand) >> 240);
    }

    function start(Operand operand) internal pure returns (uint256) {
        return uint32(Operand.unwrap(operand) >> 192);
    }

    function base(Operand operand) internal pure returns (uint256) {
        return uint32(Operand.unwrap(operand) >> 160);
    }

    function row(Operand operand) internal pure returns (uint256) {
        return uint32(Operand.unwrap(operand) >> 128);
    }

    function col(Operand operand) internal pure returns (uint256) {
        return uint32(Operand.unwrap(operand) >> 96);
    }

    /// @notice Index of the first element that output element (r, c) reads. No sum of 32-bit products can wrap.
    function index(Operand operand, uint256 r, uint256 c) internal pure returns (uint256) {
        unchecked {
            return operand.base() + r * operand.row() + c * operand.col();
        }
    }

    // -- dimensions --------------------------------------------------------------------------------------------------

    function programDepth(Dimensions dimensions) internal pure returns (uint256) {
        return uint256(Dimensions.unwrap(dimensions)) >> 248;
    }

    function weightsDepth(Dimensions dimensions) internal pure returns (uint256) {
        return uint8(uint256(Dimensions.unwrap(dimensions)) >> 240);
    }

    function traceDepth(Dimensions dimensions) internal pure returns (uint256) {
        return uint8(uint256(Dimensions.unwrap(dimensions)) >> 232);
    }

    function inputDepth(Dimensions dimensions) internal pure returns (uint256) {
        return uint8(uint256(Dimensions.unwrap(dimensions)) >> 224);
    }

    function nodes(Dimensions dimensions) internal pure returns (uint256) {
        return uint32(uint256(Dimensions.unwrap(dimensions)) >> 192);
    }

    function outputStart(Dimensions dimensions) internal pure returns (uint256) {
        return uint32(uint256(Dimensions.unwrap(dimensions)) >> 160);
    }

    function outputLeaves(Dimensions dimensions) internal pure returns (uint256) {
        return uint32(uint256(Dimensions.unwrap(dimensions)) >> 128);
    }

    function inputLeaves(Dimensions dimensions) internal pure returns (uint256) {
        return uint32(uint256(Dimensions.unwrap(dimensions)) >> 96);
    }
}
