// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelCommitment, Opening, Order, ResultHeader, ResultOpening} from "../types/Types.sol";

/// @title Demands: making a provider show what he delivered
/// @notice Two kinds of delivery do not carry their output in plain. One that is too large for a submission is the
/// region of the trace that the model's dimensions name; anybody may demand it, 128 words at a time. One that the
/// order's policy keeps private is a ciphertext and a salted commitment; only the client may demand that it be opened.
/// A demand locks a bond. The provider who answers in time gets it; the provider who does not is slashed.
/// @dev One slot per (order, part). Each part is shown at most once, so that nobody can be made to show it again, and no
/// part can be demanded after `deliverBy + window`, so that demands delay a payment by two moves beyond that at most.
interface IDemands {
    /// @notice A part was demanded; the provider's clock runs.
    event Demanded(bytes32 indexed orderId, address indexed demander, uint32 part, uint40 deadline);
    /// @notice The provider showed a part of the output: words from `128 * part` on.
    event Supplied(bytes32 indexed orderId, uint32 part, bytes32[] words, uint40 until);
    /// @notice A private result was opened: from now on it is judged like any other.
    event ResultOpened(bytes32 indexed orderId, bytes32 traceRoot, bytes output, uint40 until);
    /// @notice The demander's bond went back because the order was slashed.
    event DemandClosed(bytes32 indexed orderId, address indexed demander, uint32 part);

    /// @notice The sender is not the order's client.
    error NotClient();
    /// @notice The order's policy keeps nothing private.
    error NotPrivate();
    /// @notice The private result has not been opened.
    error NotOpened();
    /// @notice The private result has been opened already.
    error AlreadyOpened();
    /// @notice The whole output was delivered with the submission.
    error NothingToDemand();
    /// @notice This part was demanded or shown before.
    error DemandExists();
    /// @notice No demand for this part is open.
    error NoDemand();

    /// @notice The sender, with a bond, demands a part of a delivered output.
    /// @param part Words `128 * part` to `128 * part + 127`, or `1 << 31` for the opening of a private result.
    function demand(Order calldata order, ResultHeader calldata header, ModelCommitment calldata model, uint32 part)
        external;

    /// @notice The provider shows a part of a large output, and gets the demander's bond.
    /// @param words The part's words, which end with the output, and their siblings in the trace tree.
    function supply(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        uint32 part,
        Opening calldata words
    ) external;

    /// @notice Opens a private result: the client whenever he wants, or the provider to answer the client's demand.
    function openResult(Order calldata order, ResultHeader calldata header, ResultOpening calldata opening) external;

    /// @notice Anyone has a provider slashed who let a demand's clock run out.
    function timeOutDemand(Order calldata order, uint32 part) external;

    /// @notice Anyone returns the bond of a demand whose order was slashed through something else.
    function closeDemand(Order calldata order, uint32 part) external;

    /// @notice The demand for a part: who made it and until when it can be answered; `shown` once it was.
    function demandFor(bytes32 orderId, uint32 part)
        external
        view
        returns (address demander, uint40 deadline, bool shown);

    /// @notice Leading 200 bits of the commitment to an opened private result; zero before.
    function opened(bytes32 orderId) external view returns (bytes25 commitment);
}
