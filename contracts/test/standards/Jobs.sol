// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAgenticCommerce, IJobHook, Job, JobStatus} from "../../src/interfaces/IErc8183.sol";

/// @dev Jobs of ERC-8183 in their smallest form: functions, events, states and rights of the contracts published under
/// it, an evaluator's fee, and a client who takes everything back when the job expires.
contract Jobs is IAgenticCommerce {
    event JobCreated(
        uint256 indexed jobId,
        address indexed client,
        address indexed provider,
        address evaluator,
        uint256 expiredAt,
        address hook
    );
    event ProviderSet(uint256 indexed jobId, address indexed provider, uint256 agentId);
    event BudgetSet(uint256 indexed jobId, address indexed token, uint256 amount);
    event JobFunded(uint256 indexed jobId, address indexed client, uint256 amount);
    event JobSubmitted(uint256 indexed jobId, address indexed provider, bytes32 deliverable);
    event JobCompleted(uint256 indexed jobId, address indexed evaluator, bytes32 reason);
    event JobRejected(uint256 indexed jobId, address indexed rejector, bytes32 reason);
    event JobExpired(uint256 indexed jobId);
    event PaymentReleased(uint256 indexed jobId, address indexed provider, uint256 amount);
    event EvaluatorFeePaid(uint256 indexed jobId, address indexed evaluator, uint256 amount);
    event Refunded(uint256 indexed jobId, address indexed client, uint256 amount);

    error InvalidJob();
    error WrongStatus();
    error Unauthorized();
    error GracePeriodActive();

    uint256 public constant EVALUATION_GRACE_PERIOD = 1 hours;

    uint256 public evaluatorFeeBP;
    uint256 public jobCounter;
    mapping(uint256 jobId => Job) private _jobs;

    constructor(uint256 evaluatorFee) {
        evaluatorFeeBP = evaluatorFee;
    }

    function createJob(
        address provider,
        address evaluator,
        uint256 expiredAt,
        string calldata description,
        address hook,
        uint256 providerAgentId
    ) external returns (uint256 jobId) {
        if (expiredAt <= block.timestamp + 5 minutes) revert WrongStatus();
        jobId = ++jobCounter;
        Job storage job = _jobs[jobId];
        (job.id, job.client, job.provider, job.evaluator) = (jobId, msg.sender, provider, evaluator);
        (job.expiredAt, job.description) = (expiredAt, description);
        (job.hook, job.providerAgentId) = (hook, providerAgentId);
        emit JobCreated(jobId, msg.sender, provider, evaluator, expiredAt, hook);
        if (hook != address(0)) {
            IJobHook(hook).afterAction(jobId, msg.sig, abi.encode(msg.sender, provider, evaluator));
        }
    }

    function setProvider(uint256 jobId, address provider, uint256 agentId) external {
        Job storage job = _job(jobId, JobStatus.Open);
        if (msg.sender != job.client || job.provider != address(0)) revert Unauthorized();
        (job.provider, job.providerAgentId) = (provider, agentId);
        emit ProviderSet(jobId, provider, agentId);
    }

    function setBudget(uint256 jobId, address token, uint256 amount, bytes calldata) external {
        Job storage job = _job(jobId, JobStatus.Open);
        if (msg.sender != job.client && msg.sender != job.provider) revert Unauthorized();
        (job.paymentToken, job.budget) = (token, amount);
        emit BudgetSet(jobId, token, amount);
    }

    function fund(uint256 jobId, uint256 expectedBudget, bytes calldata) external {
        Job storage job = _job(jobId, JobStatus.Open);
        if (msg.sender != job.client || job.budget != expectedBudget) revert Unauthorized();
        job.status = JobStatus.Funded;
        if (job.budget != 0) IERC20(job.paymentToken).transferFrom(msg.sender, address(this), job.budget);
        emit JobFunded(jobId, msg.sender, job.budget);
    }

    function submit(uint256 jobId, bytes32 deliverable, bytes calldata optParams) external {
        Job storage job = _job(jobId, JobStatus.Funded);
        if (msg.sender != job.provider) revert Unauthorized();
        if (job.hook != address(0)) {
            IJobHook(job.hook).beforeAction(jobId, msg.sig, abi.encode(msg.sender, deliverable, optParams));
        }
        (job.status, job.submittedAt) = (JobStatus.Submitted, block.timestamp);
        emit JobSubmitted(jobId, msg.sender, deliverable);
    }

    function complete(uint256 jobId, bytes32 reason, bytes calldata) external virtual {
        Job storage job = _job(jobId, JobStatus.Submitted);
        if (msg.sender != job.evaluator) revert Unauthorized();
        job.status = JobStatus.Completed;
        uint256 fee = job.budget * evaluatorFeeBP / 10_000;
        if (fee != 0) IERC20(job.paymentToken).transfer(job.evaluator, fee);
        if (job.budget != fee) IERC20(job.paymentToken).transfer(job.provider, job.budget - fee);
        emit EvaluatorFeePaid(jobId, job.evaluator, fee);
        emit JobCompleted(jobId, job.evaluator, reason);
        emit PaymentReleased(jobId, job.provider, job.budget - fee);
    }

    function reject(uint256 jobId, bytes32 reason, bytes calldata) external {
        Job storage job = _jobs[jobId];
        if (job.id == 0) revert InvalidJob();
        if (job.status != JobStatus.Funded && job.status != JobStatus.Submitted) revert WrongStatus();
        if (msg.sender != job.evaluator) revert Unauthorized();
        job.status = JobStatus.Rejected;
        _refund(job);
        emit JobRejected(jobId, msg.sender, reason);
    }

    function claimRefund(uint256 jobId) external {
        Job storage job = _jobs[jobId];
        if (job.id == 0) revert InvalidJob();
        if (job.status > JobStatus.Submitted || block.timestamp < job.expiredAt) revert WrongStatus();
        bool fresh = block.timestamp < job.submittedAt + EVALUATION_GRACE_PERIOD;
        if (job.status == JobStatus.Submitted && fresh) revert GracePeriodActive();
        job.status = JobStatus.Expired;
        _refund(job);
        emit JobExpired(jobId);
    }

    function getJob(uint256 jobId) external view virtual returns (Job memory) {
        return _jobs[jobId];
    }

    function _job(uint256 jobId, JobStatus status) private view returns (Job storage job) {
        job = _jobs[jobId];
        if (job.id == 0) revert InvalidJob();
        if (job.status != status) revert WrongStatus();
    }

    function _refund(Job storage job) private {
        if (job.budget == 0) return;
        IERC20(job.paymentToken).transfer(job.client, job.budget);
        emit Refunded(job.id, job.client, job.budget);
    }
}
