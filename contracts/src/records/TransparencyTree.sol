// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title RFC 6962 Merkle trees with SHA-256
/// @notice A leaf is `sha256(0x00 ‖ entry)`, a node `sha256(0x01 ‖ left ‖ right)`, and a tree of n leaves splits at the
/// largest power of two below n. Twin of `concordat.protocol.transparency`.
/// @dev On its way up, a leaf has siblings on either side as long as its index and the last one's differ in a higher
/// bit; from there on it is on the right edge, where only the levels with a sibling on the left count.
library TransparencyTree {
    /// @notice The index is not in the tree, or the path has another length than the tree's shape asks for.
    error BadPath();

    /// @notice Leaf hash of an entry.
    function leafOf(bytes calldata entry) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", entry));
    }

    /// @notice Root implied by a leaf, its place, the size of the tree and the audit path.
    function rootOf(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata path)
        internal
        view
        returns (bytes32 root)
    {
        if (index >= size) revert BadPath();
        uint256 inner = _bitLength(index ^ (size - 1));
        if (path.length != inner + _ones(index >> inner)) revert BadPath();
        // On the edge every sibling is on the left: as if the index had only ones there.
        uint256 sides = index | (type(uint256).max << inner);
        bool hashed = true;
        // About 290 gas a level, of which 196 are the precompile's; Solidity's sha256 takes about 900. Words used: one
        // past the free pointer for the prefix, two for the children; nothing is kept there.
        assembly ("memory-safe") {
            let prefix := mload(0x40)
            let left := add(prefix, 0x20)
            mstore(prefix, 0x01)
            root := leaf
            let end := add(path.offset, shl(5, path.length))
            for { let at := path.offset } lt(at, end) { at := add(at, 0x20) } {
                let side := shl(5, and(sides, 1))
                mstore(add(left, side), root)
                mstore(add(left, xor(side, 0x20)), calldataload(at))
                hashed := and(hashed, staticcall(gas(), 0x02, add(prefix, 0x1f), 0x41, 0x00, 0x20))
                root := mload(0x00)
                sides := shr(1, sides)
            }
        }
        if (!hashed) revert BadPath();
    }

    function _bitLength(uint256 x) private pure returns (uint256) {
        return x == 0 ? 0 : Math.log2(x) + 1;
    }

    function _ones(uint256 x) private pure returns (uint256 count) {
        // At most 64 rounds; x - 1 is only taken of x > 0.
        unchecked {
            for (; x != 0; x &= x - 1) {
                ++count;
            }
        }
    }
}
