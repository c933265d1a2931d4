// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../types/Types.sol";

/// @title Checks one kind of evidence
/// @notice The market asks a module whether a proof shows that an output is what an order asked for. A module is fixed
/// when the market is deployed, is called by staticcall, and holds no money.
interface IEvidence {
    /// @notice Whether the proof shows that `output` is the order's model applied to the order's input.
    /// @param orderId EIP-712 hash of the order.
    /// @param order The order; the caller has checked that it hashes to `orderId`.
    /// @param output What the evidence is about.
    /// @param proof What the module reads.
    function verify(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bool);
}
