// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the market asks of the module for validity evidence before it takes a bare result
/// @notice Nobody can judge an answer of a model that nobody knows. So where an order's policy names validity, a result is
/// delivered with its proof, or after a claim was posted that anybody can refute.
interface IClaims {
    /// @notice There is no claim for this result.
    error NotClaimed();

    /// @notice Reverts unless a claim for exactly this result was posted.
    /// @param orderId The order that is being delivered.
    /// @param commitment Leading 200 bits of `keccak256(abi.encode(orderId, provider, traceRoot, outputHash))`.
    function delivering(bytes32 orderId, uint256 commitment) external view;
}
