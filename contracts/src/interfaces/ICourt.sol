// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Dispute, ElementProof, ModelCommitment, Order, OutputProof, ResultHeader} from "../types/Types.sol";

/// @title Fraud proofs in one transaction, and dissection of a withheld trace
/// @notice Disputes are keyed by (order, challenger); each has its own clock. One slot per dispute, which keeps the
/// leading 200 bits of the node in question: as binding as the 200-bit result commitment above it.
interface ICourt {
    /// @notice A challenger fixed a find.
    event FindCommitted(address indexed challenger, bytes32 indexed digest);
    /// @notice The court agreed that an element (`node << 32 | element`) or output word (`1 << 255 | word`) is wrong.
    event FraudProven(bytes32 indexed orderId, address indexed challenger, uint256 tile);
    /// @notice A dissection began; the provider's clock runs.
    event DisputeOpened(bytes32 indexed orderId, address indexed challenger, uint40 deadline);
    /// @notice The provider moved; the challenger's clock runs.
    event ChildrenRevealed(bytes32 indexed orderId, address indexed challenger, bytes32[] children, uint40 deadline);
    /// @notice The challenger moved; the provider's clock runs.
    event ChildPicked(bytes32 indexed orderId, address indexed challenger, uint256 index, uint40 deadline);
    /// @notice The provider showed the word; the challenger must now prove fraud.
    event LeafRevealed(bytes32 indexed orderId, address indexed challenger, bytes32 word, uint40 deadline);
    /// @notice The challenger fell silent: his bond is gone, the order's window is extended.
    event DisputeLost(
        bytes32 indexed orderId, address indexed challenger, uint256 toProvider, uint256 burned, uint40 until
    );
    /// @notice The bond went back because the order was slashed, through this challenge or another.
    event DisputeClosed(bytes32 indexed orderId, address indexed challenger);

    /// @notice The order does not stand where this needs it.
    error WrongStatus();
    /// @notice The find was not committed in an earlier block.
    error FindNotCommitted();
    /// @notice The header does not open the delivered result.
    error WrongResult();
    /// @notice The commitment does not hash to the order's model.
    error WrongModel();
    /// @notice A descriptor, word or path of the proof does not verify.
    error BadOpening();
    /// @notice The element or output is right.
    error NoFraud();
    /// @notice The challenge window is over.
    error WindowClosed();
    /// @notice This challenger has a dispute on this order already.
    error DisputeExists();
    /// @notice This challenger has no dispute on this order.
    error NoDispute();
    /// @notice The sender is not the order's provider.
    error NotProvider();
    /// @notice Somebody else is to move, or another kind of move is due.
    error WrongTurn();
    /// @notice The mover's clock has run out.
    error TooLate();
    /// @notice The children do not fold to the node in question, or the word does not hash to it.
    error BadChildren();
    /// @notice There is no such child.
    error BadIndex();
    /// @notice The mover's clock has not run out.
    error NotTimedOut();
    /// @notice A move time of zero, or a share over one hundred per cent.
    error BadParameters();

    /// @notice Fixes a find at least one block before it is shown.
    /// @param digest `keccak256(abi.encode(orderId, tile, sender, salt))`; the first commitment stays.
    function commitFind(bytes32 digest) external;

    /// @notice Shows that one element of the trace is wrong. Needs no bond; slashes the order.
    function proveElement(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        ElementProof calldata proof,
        bytes32 salt
    ) external;

    /// @notice Shows that the delivered output is not the output region of the trace. Needs no bond; slashes the order.
    function proveOutput(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        OutputProof calldata proof,
        bytes32 salt
    ) external;

    /// @notice The sender, with a bond, demands that the trace be revealed where it differs from his own.
    function openDispute(Order calldata order, ResultHeader calldata header, ModelCommitment calldata model) external;

    /// @notice The provider shows the `2**min(4, height)` descendants of the node in question.
    function reveal(Order calldata order, address challenger, bytes32[] calldata children) external;

    /// @notice The sender descends to one of the revealed children.
    /// @param order The order.
    /// @param children The row as revealed; or, which costs a quarter less gas, the child followed by its siblings from
    /// the bottom up.
    /// @param index Which child.
    function pick(Order calldata order, bytes32[] calldata children, uint256 index) external;

    /// @notice The provider shows the word under the leaf that was reached.
    function revealLeaf(Order calldata order, address challenger, bytes32 word) external;

    /// @notice Anyone ends a dispute whose mover let his clock run out.
    function timeOut(Order calldata order, address challenger) external;

    /// @notice Anyone returns the bond of a dispute whose order was slashed through another challenge.
    function closeDispute(Order calldata order, address challenger) external;

    /// @notice Whether an element of a trace is not what its node makes of its operands: what `proveElement` judges.
    function elementIsWrong(
        ModelCommitment calldata model,
        bytes32 inputRoot,
        bytes32 traceRoot,
        ElementProof calldata proof
    ) external view returns (bool);

    /// @notice Whether an output is not the output region of a trace: what `proveOutput` judges.
    function outputIsWrong(ModelCommitment calldata model, bytes32 traceRoot, OutputProof calldata proof)
        external
        view
        returns (bool);

    /// @notice One challenger's dispute on an order.
    function dispute(bytes32 orderId, address challenger) external view returns (Dispute memory);

    /// @notice Block in which a find was first committed; zero if it was not, or was used.
    function find(bytes32 digest) external view returns (uint256 blockNumber);

    /// @notice What a challenger must have free to open a dispute on an order of that price.
    function disputeBond(uint256 price) external view returns (uint256);

    /// @notice Seconds per move, what a lost dispute pays the provider, and the bond's further share of the price.
    function parameters() external view returns (uint256 moveTime, uint256 respondentCost, uint256 disputePriceShare);

    /// @notice The market whose orders are judged.
    function market() external view returns (address);

    /// @notice The vault that holds the bonds.
    function vault() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
