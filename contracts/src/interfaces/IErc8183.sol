// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";

/// @notice Where a job of ERC-8183 stands.
enum JobStatus {
    Open,
    Funded,
    Submitted,
    Completed,
    Rejected,
    Expired
}

/// @notice A job of ERC-8183, as the contracts published under it return it.
struct Job {
    /// Number of the job.
    uint256 id;
    /// Who pays.
    address client;
    /// Who does the work.
    address provider;
    /// Who decides.
    address evaluator;
    /// What is to be done.
    string description;
    /// What the provider gets.
    uint256 budget;
    /// From this second on the client can take the money back.
    uint256 expiredAt;
    /// Where it stands.
    JobStatus status;
    /// Contract told of every step; zero for none.
    address hook;
    /// Token of the budget.
    address paymentToken;
    /// ERC-8004 identity of the provider.
    uint256 providerAgentId;
    /// When the provider submitted.
    uint256 submittedAt;
}

/// @title What an evaluator uses of a contract with jobs of ERC-8183
interface IAgenticCommerce {
    /// @notice One job.
    function getJob(uint256 jobId) external view returns (Job memory);

    /// @notice Provider only: the work is done.
    function submit(uint256 jobId, bytes32 deliverable, bytes calldata optParams) external;

    /// @notice Evaluator only: the provider is paid.
    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    /// @notice Evaluator only, once it is funded: the client is refunded.
    function reject(uint256 jobId, bytes32 reason, bytes calldata optParams) external;
}

/// @title Hook of ERC-8183: told before and after every step of a job, and able to refuse it
interface IJobHook is IERC165 {
    /// @notice Before a step; reverts to refuse it.
    function beforeAction(uint256 jobId, bytes4 selector, bytes calldata data) external;

    /// @notice After a step; reverts to undo it.
    function afterAction(uint256 jobId, bytes4 selector, bytes calldata data) external;
}
