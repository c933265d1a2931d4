// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelCommitment, Order} from "../types/Types.sol";
import {IAgenticCommerce} from "./IErc8183.sol";

/// @title Evaluator for the jobs of anybody's ERC-8183 contract
/// @notice ERC-8183 trusts its evaluator with everything and has no disputes. This one decides by the market's rules: the
/// provider *backs* a job with an order of the market, whose client is this contract, whose price is one unit and whose
/// bond is what the job's client asked for. The order is delivered, challenged and settled like any other, so that bonds
/// lie in the vault and fraud is judged by the court. How the order ends decides the job:
///
/// * paid, or not convicted when every dispute opened in its window must be over: `complete`;
/// * slashed: `reject`, and the client gets the market's compensation as well;
/// * not delivered in time, or submitted without backing: `reject`.
///
/// Anybody may bring about what is due. Jobs that expire before it can be due are refused, so that a client never wins by
/// silence or by disputes that lead nowhere.
/// @dev The job's description begins with `descriptionOf(order)`: what the client wants, hashed. The order's salt is the
/// job's key. This contract holds tokens in the vault only: what is credited to people, and the units that prices of
/// orders are paid with.
interface IJobEvaluator {
    /// @notice A provider stands in for a job with an order.
    event JobBacked(address indexed commerce, uint256 indexed jobId, bytes32 indexed orderId, uint40 decidedAfter);
    /// @notice A job was completed or rejected.
    event JobDecided(address indexed commerce, uint256 indexed jobId, bytes32 indexed orderId, bool completed);
    /// @notice Money that the order's end brought is credited to the job's client, or back to its provider.
    event Collected(bytes32 indexed orderId, address indexed account, uint256 amount);
    /// @notice Somebody took his credit.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice The job has another evaluator.
    error NotEvaluator();
    /// @notice The sender is not the provider of job and order.
    error NotProvider();
    /// @notice The job does not stand where this needs it.
    error WrongStatus();
    /// @notice Job or order is backed already.
    error AlreadyBacked();
    /// @notice Nothing backs the job, or not this order.
    error NotBacked();
    /// @notice Client, price, salt, effect or policy of the order are not what an evaluator's order has.
    error BadTerms();
    /// @notice The job's description does not begin with what the order does.
    error WrongDescription();
    /// @notice The commitment does not hash to the order's model.
    error WrongModel();
    /// @notice The job could expire before it is decided, or the year 2106 come.
    error ExpiresTooSoon();
    /// @notice The deliverable is not the commitment of the delivered order.
    error WrongDeliverable();
    /// @notice Nothing is due.
    error Undecided();
    /// @notice The order brought nothing, or it was collected.
    error NothingToCollect();
    /// @notice The sender has no credit.
    error NoCredit();

    /// @notice The provider backs a funded job; pays one unit of the settlement token, which comes back with the order.
    /// @param commerce Contract of the job.
    /// @param jobId Number of the job.
    /// @param order Still to be accepted by the provider, from this contract's credit (`FundingMode.CREDIT`).
    /// @param model Opens the order's model: how deep its trace is says how long a dispute can take.
    function back(IAgenticCommerce commerce, uint256 jobId, Order calldata order, ModelCommitment calldata model)
        external;

    /// @notice Anybody lets a job be completed or rejected as its order says. An evaluator's fee goes to the sender.
    function settle(IAgenticCommerce commerce, uint256 jobId, Order calldata order) external;

    /// @notice Anybody lets a job be rejected that was submitted without backing.
    function rejectUnbacked(IAgenticCommerce commerce, uint256 jobId) external;

    /// @notice Anybody lets the money be credited that an order brought which was slashed, expired or never accepted.
    function collect(Order calldata order) external;

    /// @notice Takes the sender's credit.
    function withdraw(address to) external;

    /// @notice What the description of a job begins with whose client wants this done; salt, times and parties do not
    /// count.
    function descriptionOf(Order calldata order) external pure returns (string memory);

    /// @notice The deliverable: what the leading 200 bits of the market's commitment are of.
    function deliverableOf(Order calldata order, bytes32 traceRoot, bytes32 outputHash) external view returns (bytes32);

    /// @notice Salt of a job's order.
    function keyOf(IAgenticCommerce commerce, uint256 jobId) external pure returns (bytes32);

    /// @notice Seconds after the window's last in which a dispute opened there is over.
    function longestDispute(uint256 traceDepth) external view returns (uint256);

    /// @notice Order that backs a job; zero for none.
    function orderOf(IAgenticCommerce commerce, uint256 jobId) external view returns (bytes32 orderId);

    /// @notice The job's client, and the second after which a delivered and unconvicted order completes the job.
    function backing(bytes32 orderId) external view returns (address client, uint40 decidedAfter, bool collected);

    /// @notice What somebody can withdraw.
    function credit(address account) external view returns (uint256);

    /// @notice The market whose orders back jobs.
    function market() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
