// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Dispute, Turn} from "../types/Types.sol";

/// @notice A dispute's storage slot: `node 200 | deadline 40 | height 8 | turn 8` bits; zero where there is none.
type DisputeSlot is uint256;

using Dissection for DisputeSlot global;

/// @title Sixteen-ary descent from a trace's root to one of its words
/// @notice Every move shows hashes that fold to the node in question, so nobody can change his story on the way. Nodes are
/// kept and compared by their leading 200 bits, like the result commitment that the descent starts from.
library Dissection {
    uint256 private constant LEVELS = 4;

    /// @notice A dispute about a node.
    function open(bytes32 node_, uint256 height_, Turn turn_, uint256 deadline_) internal pure returns (DisputeSlot) {
        return DisputeSlot.wrap(_leading(node_) | (deadline_ << 16) | (height_ << 8) | uint256(turn_));
    }

    /// @notice The same node, waiting for the next move.
    function next(DisputeSlot slot, Turn turn_, uint256 deadline_) internal pure returns (DisputeSlot) {
        uint256 word = DisputeSlot.unwrap(slot);
        return DisputeSlot.wrap((word >> 56 << 56) | (deadline_ << 16) | (word & 0xff00) | uint256(turn_));
    }

    /// @notice Levels between a node and its descendants that are shown in one move.
    function levels(DisputeSlot slot) internal pure returns (uint256) {
        return slot.height() < LEVELS ? slot.height() : LEVELS;
    }

    /// @notice Whether this is the row of descendants of the node in question.
    function isRow(DisputeSlot slot, bytes32[] calldata children) internal pure returns (bool) {
        return children.length == 1 << slot.levels() && slot.isNode(fold(children));
    }

    /// @notice Whether this is one of the descendants, followed by its siblings from the bottom up.
    function isChildWithPath(DisputeSlot slot, bytes32[] calldata shown, uint256 index) internal pure returns (bool) {
        if (shown.length != slot.levels() + 1) return false;
        bytes32 hash = shown[0];
        for (uint256 i = 1; i < shown.length; ++i) {
            hash = index & 1 == 0 ? _pair(hash, shown[i]) : _pair(shown[i], hash);
            index >>= 1;
        }
        return slot.isNode(hash);
    }

    /// @notice Whether a hash is the node in question.
    function isNode(DisputeSlot slot, bytes32 hash) internal pure returns (bool) {
        return _leading(hash) == _leading(bytes32(DisputeSlot.unwrap(slot)));
    }

    /// @notice Root of a perfect subtree of which the lowest row is given (1, 2, 4, 8 or 16 hashes).
    function fold(bytes32[] calldata row) internal pure returns (bytes32 root) {
        // Hashes each row over the one below it, in place. Only memory past the free pointer is written.
        assembly ("memory-safe") {
            let at := mload(0x40)
            let size := shl(5, row.length)
            calldatacopy(at, row.offset, size)
            for {} gt(size, 0x20) {} {
                size := shr(1, size)
                for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                    mstore(add(at, i), keccak256(add(at, shl(1, i)), 0x40))
                }
            }
            root := mload(at)
        }
    }

    /// @notice Last second for the next move.
    function deadline(DisputeSlot slot) internal pure returns (uint256) {
        return uint40(DisputeSlot.unwrap(slot) >> 16);
    }

    /// @notice Levels between the node and the leaves.
    function height(DisputeSlot slot) internal pure returns (uint256) {
        return uint8(DisputeSlot.unwrap(slot) >> 8);
    }

    /// @notice Whose move it is.
    function turn(DisputeSlot slot) internal pure returns (Turn) {
        return Turn(uint8(DisputeSlot.unwrap(slot)));
    }

    /// @notice The slot's fields.
    function unpack(DisputeSlot slot) internal pure returns (Dispute memory) {
        return Dispute({
            node: bytes25(bytes32(DisputeSlot.unwrap(slot))),
            deadline: uint40(slot.deadline()),
            height: uint8(slot.height()),
            turn: slot.turn()
        });
    }

    function _pair(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        // The scratch space holds exactly the two.
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }

    function _leading(bytes32 hash) private pure returns (uint256) {
        return uint256(hash) >> 56 << 56;
    }
}
