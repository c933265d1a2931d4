// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {JobEvaluator} from "../../src/faces/JobEvaluator.sol";
import {IAgenticCommerce, Job, JobStatus} from "../../src/interfaces/IErc8183.sol";
import {IJobEvaluator} from "../../src/interfaces/IJobEvaluator.sol";
import {Order} from "../../src/types/Types.sol";
import {JobBase} from "./JobBase.sol";
import {Jobs} from "./Jobs.sol";

/// @dev Says of its jobs whatever its maker likes, and calls back when it is told to decide.
contract LyingJobs is IAgenticCommerce {
    Job private _job;
    address private _target;
    bytes private _data;
    bool public called;
    bytes public reason;

    function say(Job calldata job) external {
        _job = job;
    }

    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function getJob(uint256) external view returns (Job memory) {
        return _job;
    }

    function submit(uint256, bytes32, bytes calldata) external {}

    function complete(uint256, bytes32, bytes calldata) external {
        if (_target == address(0)) return;
        bool done;
        (done, reason) = _target.call(_data);
        called = done;
    }

    function reject(uint256, bytes32, bytes calldata) external {}
}

/// @dev A token that says whatever balance helps.
contract LyingToken {
    uint256 private _asked;

    function balanceOf(address) external returns (uint256) {
        return _asked++ * 1e18;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}

contract HostileJobsTest is JobBase {
    LyingJobs private lying;

    function setUp() public override {
        super.setUp();
        lying = new LyingJobs();
    }

    /// @dev Backed by the attacker, who is everything in it, and paid by the market.
    function completable(address paymentToken) private returns (Order memory order) {
        order = orderFor(Jobs(address(lying)), 1);
        order.provider = stranger;
        lying.say(
            Job({
                id: 1,
                client: stranger,
                provider: stranger,
                evaluator: address(evaluator),
                description: evaluator.descriptionOf(order),
                budget: 1e30,
                expiredAt: type(uint256).max,
                status: JobStatus.Funded,
                hook: address(0),
                paymentToken: paymentToken,
                providerAgentId: 0,
                submittedAt: 0
            })
        );
        vm.startPrank(stranger);
        token.approve(address(evaluator), type(uint256).max);
        evaluator.back(lying, 1, order, commitment());
        market.acceptAndProve(order, CREDIT, "", NATIVE, output, output);
        vm.stopPrank();
    }

    function test_attack_jobsThatReenterSettle_areRefused() external {
        Order memory order = completable(address(token));
        lying.arm(address(evaluator), abi.encodeCall(evaluator.settle, (lying, 1, order)));
        evaluator.settle(lying, 1, order);
        assertTrue(!lying.called(), "refused");
        assertEq(
            lying.reason(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "re-entrance"
        );
    }

    function test_attack_jobsThatClaimTokensOfOthers_getNothing() external {
        back(createJob(address(0)));
        Order memory order = completable(address(token));
        uint256 before = token.balanceOf(stranger);
        vm.prank(stranger);
        evaluator.settle(lying, 1, order);
        assertEq(token.balanceOf(stranger), before, "nothing gained");
        assertEq(pooled(), 1, "the other job's unit is there");
    }

    function test_attack_paymentTokenThatLies_movesNothing() external {
        back(createJob(address(0)));
        Order memory order = completable(address(new LyingToken()));
        (bool done,) = address(evaluator).call(abi.encodeCall(evaluator.settle, (lying, 1, order)));
        assertTrue(!done, "a view that writes reverts");
        assertEq(pooled(), 1, "the other job's unit is there");
    }

    function test_attack_jobThatChangesItsClientAfterwards_paysTheOneWhoWasNamed() external {
        Order memory order = orderFor(Jobs(address(lying)), 1);
        Job memory job = lying.getJob(1);
        (job.id, job.client, job.provider, job.evaluator) = (1, client, provider, address(evaluator));
        (job.status, job.expiredAt) = (JobStatus.Funded, type(uint256).max);
        job.description = evaluator.descriptionOf(order);
        lying.say(job);
        vm.prank(provider);
        evaluator.back(lying, 1, order, commitment());
        deliverTo(order, cheat());
        convict(order, cheat(), challenger);
        job.client = provider;
        lying.say(job);
        evaluator.collect(order);
        assertEq(evaluator.credit(client), 1 + uint256(BOND) * 25 / 100, "the client at the time of backing");
        assertEq(evaluator.credit(provider), 0, "not the provider");
    }

    function test_attack_jobWithoutATokenOfItsOwn_settlesAllTheSame() external {
        Order memory order = completable(address(0));
        evaluator.settle(lying, 1, order);
        assertEq(pooled(), 0, "nothing held");
    }

    function test_attack_completingBeforeTheProviderSubmitted_staysUndecided() external {
        uint256 jobId = createJob(address(0));
        Order memory order = back(jobId);
        deliverTo(order, honest());
        warpPastWindow();
        market.finalize(order);
        vm.expectRevert(Jobs.WrongStatus.selector);
        settle(jobId, order);
        submitJob(jobId, order, honest());
        settle(jobId, order);
        assertJob(jobId, JobStatus.Completed);
    }

    function test_attack_clientThatTheTokenRefuses_blocksOnlyItself() external {
        (uint256 jobId, Order memory order) = work(cheat());
        convict(order, cheat(), challenger);
        evaluator.collect(order);
        settle(jobId, order);
        vm.prank(client);
        vm.expectRevert();
        evaluator.withdraw(address(0));
        assertEq(evaluator.credit(client), 1 + uint256(BOND) * 25 / 100, "still there");
    }
}
