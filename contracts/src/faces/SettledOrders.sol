// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../interfaces/IMarket.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {EvidenceKind, Order, OrderStatus} from "../types/Types.sol";

/// @title What a market's storage says of an order
/// @notice The faces hold no opinion of their own: they read the one slot that the market keeps.
library SettledOrders {
    using Policy for bytes32;

    /// @dev The thirteen words of an order, ABI-encoded.
    uint256 internal constant ORDER_BYTES = 13 * 32;
    uint256 private constant CLIENTS_WORD = 1 << uint256(EvidenceKind.CLIENT_RELEASE);

    /// @notice Id and slot of an order.
    function read(IMarket market, Order calldata order) internal view returns (bytes32 id, OrderSlot slot) {
        id = market.orderId(order);
        slot = OrderSlot.wrap(uint256(market.state(id)));
    }

    /// @notice Whether an order ended by its result: paid for it, or slashed for it.
    function isSettled(OrderSlot slot) internal pure returns (bool) {
        OrderStatus status = slot.status();
        return status == OrderStatus.PAID || status == OrderStatus.SLASHED;
    }

    /// @notice Whether an order was paid on the evidence that it asked for. The client's word is not evidence for others:
    /// he may be in league with the provider.
    function isProven(OrderSlot slot, bytes32 policy) internal pure returns (bool) {
        return slot.status() == OrderStatus.PAID && policy.satisfied(slot.gathered() & ~CLIENTS_WORD);
    }

    /// @notice Whether the slot is that of this result.
    function isResult(OrderSlot slot, bytes32 id, address provider, bytes32 traceRoot, bytes32 outputHash)
        internal
        pure
        returns (bool)
    {
        return slot.commitment() == OrderSlots.commit(id, provider, traceRoot, outputHash);
    }

    /// @notice Reads the order at the beginning of some bytes; not valid where they are too short or a field too wide, so
    /// that hostile bytes are answered and do not revert.
    function decode(bytes calldata data) internal pure returns (bool valid, Order calldata order) {
        assembly ("memory-safe") {
            order := data.offset
        }
        if (data.length < ORDER_BYTES) return (false, order);
        uint256 excess = (_word(data, 0) | _word(data, 1)) >> 160;
        excess |= (_word(data, 2) | _word(data, 3)) >> 96;
        excess |= (_word(data, 4) | _word(data, 5)) >> 40;
        excess |= _word(data, 6) >> 32;
        return (excess == 0, order);
    }

    /// @dev The caller has seen that the word is there.
    function _word(bytes calldata data, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, shl(5, index)))
        }
    }
}
