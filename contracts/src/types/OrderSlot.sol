// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OrderStatus} from "./Types.sol";

/// @notice An order's storage slot: `status 3 | gathered 8 | openDisputes 13 | until 32 | commitment 200` bits.
type OrderSlot is uint256;

using OrderSlots for OrderSlot global;

/// @title Reads and writes the one slot of an order
library OrderSlots {
    /// @dev Most disputes that can be open at once.
    uint256 internal constant MAX_DISPUTES = (1 << 13) - 1;
    /// @dev One open dispute.
    uint256 internal constant ONE_DISPUTE = 1 << 232;
    uint256 private constant COMMITMENT = (1 << 200) - 1;
    uint256 private constant GATHERED_AND_COMMITMENT = (0xff << 245) | COMMITMENT;

    /// @notice Leading 200 bits of what a provider delivers; his address is inside, so that a copy is worth nothing.
    function commit(bytes32 orderId, address provider, bytes32 traceRoot, bytes32 outputHash)
        internal
        pure
        returns (uint256)
    {
        return uint256(keccak256(abi.encode(orderId, provider, traceRoot, outputHash))) >> 56;
    }

    /// @notice Slot of an open order that a provider has just taken: it is not delivered in this very second.
    function fundedNow() internal view returns (OrderSlot) {
        return OrderSlot.wrap((uint256(OrderStatus.FUNDED) << 253) | (uint256(uint32(block.timestamp)) << 200));
    }

    /// @notice What is left under the id of an open order that was taken: when, and in the commitment's place by whom.
    function taken(address provider) internal view returns (OrderSlot) {
        uint256 head = (uint256(OrderStatus.TAKEN) << 253) | (uint256(uint32(block.timestamp)) << 200);
        return OrderSlot.wrap(head | uint160(provider));
    }

    /// @notice Slot of an order that was just funded.
    function funded() internal pure returns (OrderSlot) {
        return OrderSlot.wrap(uint256(OrderStatus.FUNDED) << 253);
    }

    /// @notice Slot of a delivered order. `until` fits 32 bits: acceptance refuses windows that could end later.
    function delivered(uint256 until_, uint256 commitment_) internal pure returns (OrderSlot) {
        return OrderSlot.wrap((uint256(OrderStatus.DELIVERED) << 253) | (until_ << 200) | commitment_);
    }

    /// @notice The same order ended now: gathered kinds and commitment stay, no dispute is open.
    function ended(OrderSlot slot, OrderStatus how) internal view returns (OrderSlot) {
        uint256 kept = OrderSlot.unwrap(slot) & GATHERED_AND_COMMITMENT;
        return OrderSlot.wrap((uint256(how) << 253) | kept | (uint256(uint32(block.timestamp)) << 200));
    }

    /// @notice The same slot with one more kind of evidence.
    function withEvidence(OrderSlot slot, uint256 kind) internal pure returns (OrderSlot) {
        return OrderSlot.wrap(OrderSlot.unwrap(slot) | ((1 << kind) << 245));
    }

    /// @notice The same slot with another end of the window.
    function withUntil(OrderSlot slot, uint256 until_) internal pure returns (OrderSlot) {
        return OrderSlot.wrap((OrderSlot.unwrap(slot) & ~(uint256(type(uint32).max) << 200)) | (until_ << 200));
    }

    /// @notice Where the order stands.
    function status(OrderSlot slot) internal pure returns (OrderStatus) {
        return OrderStatus(OrderSlot.unwrap(slot) >> 253);
    }

    /// @notice Bit mask of the kinds of evidence gathered.
    function gathered(OrderSlot slot) internal pure returns (uint8) {
        return uint8(OrderSlot.unwrap(slot) >> 245);
    }

    /// @notice Number of disputes that block payment.
    function openDisputes(OrderSlot slot) internal pure returns (uint256) {
        return (OrderSlot.unwrap(slot) >> 232) & MAX_DISPUTES;
    }

    /// @notice First second after the window; or the second in which the order ended, or an open one was taken.
    function until(OrderSlot slot) internal pure returns (uint256) {
        return uint32(OrderSlot.unwrap(slot) >> 200);
    }

    /// @notice Leading 200 bits of the result commitment.
    function commitment(OrderSlot slot) internal pure returns (uint256) {
        return OrderSlot.unwrap(slot) & COMMITMENT;
    }
}
