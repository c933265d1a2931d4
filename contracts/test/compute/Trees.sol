// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Opening} from "../../src/types/Types.sol";

/// @title Plain Merkle trees, to compare with: every level in full, no short cuts
library Trees {
    function leaves(bytes32[] memory words) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            hashes[i] = keccak256(abi.encode(words[i]));
        }
    }

    function above(bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = keccak256(abi.encode(level[2 * i], level[2 * i + 1]));
        }
    }

    /// @dev Root over a power of two of hashes.
    function root(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) {
            level = above(level);
        }
        return level[0];
    }

    /// @dev Siblings of a run of leaves, level by level, left before right.
    function path(bytes32[] memory level, uint256 first, uint256 count) internal pure returns (bytes32[] memory found) {
        bytes32[] memory all = new bytes32[](512);
        uint256 used = 0;
        for (uint256 end = first + count; level.length > 1; (first, end) = (first / 2, (end + 1) / 2)) {
            if (first % 2 == 1) all[used++] = level[first - 1];
            if (end % 2 == 1) all[used++] = level[end];
            level = above(level);
        }
        found = new bytes32[](used);
        for (uint256 i = 0; i < used; ++i) {
            found[i] = all[i];
        }
    }

    /// @dev Opens some words of a tree.
    function open(bytes32[] memory words, uint256 first, uint256 count) internal pure returns (Opening memory opening) {
        opening.words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            opening.words[i] = words[first + i];
        }
        opening.path = path(leaves(words), first, count);
    }
}
