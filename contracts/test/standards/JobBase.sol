// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {JobEvaluator} from "../../src/faces/JobEvaluator.sol";
import {JobStatus} from "../../src/interfaces/IErc8183.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Order} from "../../src/types/Types.sol";
import {CourtBase} from "../core/CourtBase.sol";
import {Execution} from "../core/Execution.sol";
import {Jobs} from "./Jobs.sol";

/// @dev An evaluator and a contract with jobs; short forms of what client and provider do.
abstract contract JobBase is CourtBase {
    uint256 internal constant BUDGET = 1_000_000;
    uint256 internal constant EVALUATOR_FEE_BP = 100;

    JobEvaluator internal evaluator;
    Jobs internal jobs;

    function setUp() public virtual override {
        super.setUp();
        evaluator = new JobEvaluator(IMarket(address(market)));
        jobs = new Jobs(EVALUATOR_FEE_BP);
        vm.prank(client);
        token.approve(address(jobs), type(uint256).max);
        vm.prank(provider);
        token.approve(address(evaluator), type(uint256).max);
    }

    // -- jobs --------------------------------------------------------------------------------------------------------

    function longEnough() internal view returns (uint256) {
        return block.timestamp + 1200 + WINDOW + evaluator.longestDispute(DEPTH) + 1 hours;
    }

    function wish() internal view returns (Order memory) {
        return orderFor(jobs, 0);
    }

    /// @dev What backs a job: the model of the executions on their input, so that it can be convicted.
    function orderFor(Jobs where, uint256 jobId) internal view returns (Order memory order) {
        order = orderOf(honest());
        (order.client, order.price) = (address(evaluator), 1);
        order.salt = evaluator.keyOf(where, jobId);
    }

    /// @dev A funded job whose description says what the order does, and then something for people.
    function createJob(address hook) internal returns (uint256 jobId) {
        return createJob(longEnough(), evaluator.descriptionOf(wish()), hook);
    }

    function createJob(uint256 expiredAt, string memory wanted, address hook) internal returns (uint256 jobId) {
        string memory text = string.concat(wanted, " Score these applications, please.");
        vm.startPrank(client);
        jobId = jobs.createJob(provider, address(evaluator), expiredAt, text, hook, 0);
        jobs.setBudget(jobId, address(token), BUDGET, "");
        jobs.fund(jobId, BUDGET, "");
        vm.stopPrank();
    }

    function back(uint256 jobId) internal returns (Order memory order) {
        order = orderFor(jobs, jobId);
        vm.prank(provider);
        evaluator.back(jobs, jobId, order, commitment());
    }

    function deliverTo(Order memory order, Execution.Run memory run) internal {
        output = Execution.outputOf(run);
        bytes32 root = Execution.header(run, output).traceRoot;
        vm.prank(provider);
        market.acceptAndSubmit(order, CREDIT, "", root, output);
    }

    function submitJob(uint256 jobId, Order memory order, Execution.Run memory run) internal {
        bytes memory made = Execution.outputOf(run);
        bytes32 root = Execution.header(run, made).traceRoot;
        bytes32 deliverable = evaluator.deliverableOf(order, root, keccak256(made));
        vm.prank(provider);
        jobs.submit(jobId, deliverable, "");
    }

    /// @dev Backed, delivered and submitted.
    function work(Execution.Run memory run) internal returns (uint256 jobId, Order memory order) {
        jobId = createJob(address(0));
        order = back(jobId);
        deliverTo(order, run);
        submitJob(jobId, order, run);
    }

    function settle(uint256 jobId, Order memory order) internal {
        vm.prank(stranger);
        evaluator.settle(jobs, jobId, order);
    }

    function assertJob(uint256 jobId, JobStatus expected) internal view {
        assertEq(uint256(jobs.getJob(jobId).status), uint256(expected), "job");
    }

    function pooled() internal view returns (uint256) {
        return free(address(evaluator));
    }
}
