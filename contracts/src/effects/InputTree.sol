// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Merkle} from "../court/Merkle.sol";

/// @title The salted tree over an input that lies in memory
/// @notice The same root as `Merkle.inputRoot` computes from calldata: what orders commit to.
library InputTree {
    /// @param words A multiple of 32 bytes, at most `32 << depth`.
    function root(bytes memory words, bytes32 salt, uint256 depth) internal pure returns (bytes32) {
        uint256 count = 1 << depth;
        // One word more than there are leaves: the fold may put a sibling behind them.
        bytes32[] memory leaves = new bytes32[](count + 1);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 word = 0;
            if (32 * i < words.length) {
                assembly ("memory-safe") {
                    word := mload(add(add(words, 0x20), shl(5, i)))
                }
            }
            leaves[i] = keccak256(abi.encode(keccak256(abi.encode(salt, i)), i, word));
        }
        uint256 at;
        assembly ("memory-safe") {
            at := add(leaves, 0x20)
        }
        return Merkle.treeRoot(at, count, depth, 0);
    }
}
