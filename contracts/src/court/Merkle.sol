// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {Opening} from "../types/Types.sol";

/// @title Keccak Merkle trees over 32-byte words, with proofs of contiguous runs of leaves
/// @notice A tree of depth d has exactly 2^d leaves, and d comes from the statement, never from the proof. A leaf is the
/// hash of 32 bytes and a node the hash of 64, so that one is never taken for the other. Every malformed proof (a run
/// that is empty or outside the tree, siblings missing or left over) reverts with `BadOpening`. What comes back is the
/// root that the proof implies; the caller compares it.
library Merkle {
    /// @notice Root implied by a run of words that starts at leaf `first`.
    function wordsRoot(Opening calldata opening, uint256 first, uint256 depth) internal pure returns (bytes32) {
        bytes32[] calldata words = opening.words;
        if (words.length == 1) return leafRoot(hashWord(words[0]), first, depth, opening.path);
        if (words.length == 0 || first + words.length > 1 << depth) revert ICourt.BadOpening();
        return _rangeRoot(_hashWords(words), words.length, first, depth, opening.path);
    }

    /// @notice Root implied by one leaf hash.
    function leafRoot(bytes32 leaf, uint256 index, uint256 depth, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        if (index >> depth != 0 || path.length != depth) revert ICourt.BadOpening();
        return _climb(leaf, index, path, 0);
    }

    /// @notice Hash of one word.
    function hashWord(bytes32 word) internal pure returns (bytes32 hash) {
        // Scratch space; saves a copy through the free memory pointer.
        assembly ("memory-safe") {
            mstore(0x00, word)
            hash := keccak256(0x00, 0x20)
        }
    }

    /// @notice Hashes of `count` pieces of `size` bytes that follow one another in memory.
    /// @return at Place of the hashes, with room for one more after them.
    function hashMemory(uint256 from, uint256 size, uint256 count) internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
            let end := add(at, shl(5, count))
            mstore(0x40, add(end, 0x20))
            for { let to := at } lt(to, end) { to := add(to, 0x20) } {
                mstore(to, keccak256(from, size))
                from := add(from, size)
            }
        }
    }

    /// @notice Root of a whole tree of which all leaf hashes past the first `count` are `zero`.
    /// @param at Place of the leaf hashes in memory, with room for one more after them. They are overwritten.
    function treeRoot(uint256 at, uint256 count, uint256 depth, bytes32 zero) internal pure returns (bytes32 root) {
        if (count == 0) {
            _store(at, zero);
            count = 1;
        }
        for (uint256 height = 0; height < depth; ++height) {
            if (count & 1 == 1) _store(at + (count << 5), zero);
            count = (count + 1) >> 1;
            _foldPairs(at, at, count);
            zero = _hashPair(zero, zero);
        }
        assembly ("memory-safe") {
            root := mload(at)
        }
    }

    /// @notice Root of the salted tree over an order's input; leaves past the words hold salted zero words.
    function inputRoot(bytes calldata words, bytes32 salt, uint256 depth) internal pure returns (bytes32) {
        uint256 at;
        uint256 count = 1 << depth;
        assembly ("memory-safe") {
            at := mload(0x40)
            let end := add(at, shl(5, count))
            // 96 bytes at `end`: leaf salt, index, word. The leaf salt is the hash of (salt, index).
            mstore(0x40, add(end, 0x60))
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                mstore(0x00, salt)
                mstore(0x20, i)
                mstore(end, keccak256(0x00, 0x40))
                mstore(add(end, 0x20), i)
                let offset := shl(5, i)
                mstore(add(end, 0x40), 0)
                if lt(offset, words.length) { calldatacopy(add(end, 0x40), add(words.offset, offset), 0x20) }
                mstore(add(at, offset), keccak256(end, 0x60))
            }
        }
        return treeRoot(at, count, depth, bytes32(0));
    }

    /// @dev Leaf hashes of the words, in fresh memory with one free word in front and one behind, for siblings.
    function _hashWords(bytes32[] calldata words) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(mload(0x40), 0x20)
            let to := at
            let end := add(words.offset, shl(5, words.length))
            for { let from := words.offset } lt(from, end) { from := add(from, 0x20) } {
                mstore(0x00, calldataload(from))
                mstore(to, keccak256(0x00, 0x20))
                to := add(to, 0x20)
            }
            mstore(0x40, add(to, 0x20))
        }
    }

    /// @dev Folds a run level by level until one node is left, then climbs. Both ends of a run of more than one node may
    /// need a sibling: it goes into the word in front of the run (`at - 32`) or behind it.
    function _rangeRoot(uint256 at, uint256 count, uint256 low, uint256 depth, bytes32[] calldata path)
        private
        pure
        returns (bytes32 root)
    {
        uint256 used = 0;
        uint256 height = 0;
        for (; count > 1; ++height) {
            uint256 from = at;
            if (low & 1 == 1) {
                from -= 0x20;
                _store(from, _sibling(path, used++));
            }
            if ((low + count) & 1 == 1) _store(at + (count << 5), _sibling(path, used++));
            uint256 next = (low + count + 1) >> 1;
            low >>= 1;
            count = next - low;
            _foldPairs(from, at, count);
        }
        if (path.length - used != depth - height) revert ICourt.BadOpening();
        assembly ("memory-safe") {
            root := mload(at)
        }
        return _climb(root, low, path, used);
    }

    /// @dev Hashes `count` pairs from `from` into `count` words at `to`. `to` is `from` or the word after it, so no pair
    /// is overwritten before it is read.
    function _foldPairs(uint256 from, uint256 to, uint256 count) private pure {
        assembly ("memory-safe") {
            let end := add(to, shl(5, count))
            for {} lt(to, end) { to := add(to, 0x20) } {
                mstore(to, keccak256(from, 0x40))
                from := add(from, 0x40)
            }
        }
    }

    /// @dev From one node to the root, with all siblings from `used` on.
    function _climb(bytes32 node, uint256 index, bytes32[] calldata path, uint256 used)
        private
        pure
        returns (bytes32 root)
    {
        // About 85 gas a level instead of 350.
        assembly ("memory-safe") {
            root := node
            let end := add(path.offset, shl(5, path.length))
            for { let at := add(path.offset, shl(5, used)) } lt(at, end) { at := add(at, 0x20) } {
                let side := shl(5, and(index, 1))
                mstore(side, root)
                mstore(xor(side, 0x20), calldataload(at))
                root := keccak256(0x00, 0x40)
                index := shr(1, index)
            }
        }
    }

    function _hashPair(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }

    function _sibling(bytes32[] calldata path, uint256 at) private pure returns (bytes32) {
        if (at >= path.length) revert ICourt.BadOpening();
        return path[at];
    }

    /// @dev Only called with places inside the words that `_hashWords` allocated.
    function _store(uint256 at, bytes32 node) private pure {
        assembly ("memory-safe") {
            mstore(at, node)
        }
    }
}
