// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IJobHook, JobStatus} from "../../src/interfaces/IErc8183.sol";
import {IJobEvaluator} from "../../src/interfaces/IJobEvaluator.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ModelCommitment, Order} from "../../src/types/Types.sol";
import {Execution} from "../core/Execution.sol";
import {JobBase} from "./JobBase.sol";
import {Jobs} from "./Jobs.sol";

contract JobEvaluatorTest is JobBase {
    // -- the honest way ----------------------------------------------------------------------------------------------

    function test_job_deliveredAndUnchallenged_isCompletedAfterTheWindow() external {
        (uint256 jobId, Order memory order) = work(honest());
        vm.expectRevert(IJobEvaluator.Undecided.selector);
        settle(jobId, order);
        warpPastWindow();
        market.finalize(order);
        (uint256 providers, uint256 callers) = (token.balanceOf(provider), token.balanceOf(stranger));
        settle(jobId, order);
        assertJob(jobId, JobStatus.Completed);
        assertEq(token.balanceOf(provider) - providers, BUDGET * 99 / 100, "provider is paid");
        assertEq(token.balanceOf(stranger) - callers, BUDGET / 100, "evaluator's fee goes to whoever calls");
        assertEq(free(provider), FORTUNE + 1, "bond and unit are free");
        assertEq(pooled(), 0, "nothing stays");
    }

    function test_job_provenNatively_isCompletedAtOnce() external {
        uint256 jobId = createJob(address(0));
        Order memory order = back(jobId);
        vm.prank(provider);
        market.acceptAndProve(order, CREDIT, "", NATIVE, output, output);
        vm.prank(provider);
        jobs.submit(jobId, keccak256("whatever"), "");
        settle(jobId, order);
        assertJob(jobId, JobStatus.Completed);
    }

    function test_job_withFraudShown_isRejectedAndItsClientCompensated() external {
        (uint256 jobId, Order memory order) = work(cheat());
        convict(order, cheat(), challenger);
        uint256 before = token.balanceOf(client);
        settle(jobId, order);
        assertJob(jobId, JobStatus.Rejected);
        assertEq(token.balanceOf(client) - before, BUDGET, "refunded");
        evaluator.collect(order);
        uint256 compensation = 1 + uint256(BOND) * 25 / 100;
        assertEq(evaluator.credit(client), compensation, "credit");
        vm.prank(client);
        evaluator.withdraw(client);
        assertEq(token.balanceOf(client) - before, BUDGET + compensation, "compensated");
        assertEq(pooled(), 0, "nothing stays");
    }

    function test_job_neverAccepted_isRejectedAndTheUnitGoesBack() external {
        uint256 jobId = createJob(address(0));
        Order memory order = back(jobId);
        vm.expectRevert(IJobEvaluator.NothingToCollect.selector);
        evaluator.collect(order);
        vm.warp(order.acceptBy + 1);
        settle(jobId, order);
        assertJob(jobId, JobStatus.Rejected);
        evaluator.collect(order);
        assertEq(evaluator.credit(provider), 1, "unit");
    }

    function test_job_acceptedAndNotDelivered_isRejectedWithPenalty() external {
        uint256 jobId = createJob(address(0));
        Order memory order = back(jobId);
        vm.prank(provider);
        market.accept(order, CREDIT, "");
        vm.warp(order.deliverBy + 1);
        settle(jobId, order);
        assertJob(jobId, JobStatus.Rejected);
        market.expire(order);
        evaluator.collect(order);
        assertEq(evaluator.credit(client), 1 + uint256(BOND) * 25 / 100, "no-show penalty");
    }

    function test_job_submittedWithoutBacking_isRejected() external {
        uint256 jobId = createJob(address(0));
        vm.expectRevert(IJobEvaluator.WrongStatus.selector);
        evaluator.rejectUnbacked(jobs, jobId);
        vm.prank(provider);
        jobs.submit(jobId, keccak256("nothing"), "");
        evaluator.rejectUnbacked(jobs, jobId);
        assertJob(jobId, JobStatus.Rejected);
    }

    // -- terms -------------------------------------------------------------------------------------------------------

    function test_back_jobThatExpiresBeforeTheLongestDispute_reverts() external {
        uint256 jobId = createJob(longEnough() - 1, evaluator.descriptionOf(wish()), address(0));
        expectRefused(jobId, orderFor(jobs, jobId), IJobEvaluator.ExpiresTooSoon.selector);
        jobId = createJob(longEnough(), evaluator.descriptionOf(wish()), address(0));
        back(jobId);
    }

    function test_back_orderThatIsNotWhatTheClientWants_reverts() external {
        uint256 jobId = createJob(address(0));
        Order memory order = orderFor(jobs, jobId);
        order.bond -= 1;
        expectRefused(jobId, order, IJobEvaluator.WrongDescription.selector);
        order = orderFor(jobs, jobId);
        order.input = keccak256("an easier input");
        expectRefused(jobId, order, IJobEvaluator.WrongDescription.selector);
        order = orderFor(jobs, jobId);
        order.window = 1;
        expectRefused(jobId, order, IJobEvaluator.WrongDescription.selector);
        jobId = createJob(longEnough(), "please", address(0));
        expectRefused(jobId, orderFor(jobs, jobId), IJobEvaluator.WrongDescription.selector);
    }

    function test_back_orderThatIsNotAnEvaluators_reverts() external {
        uint256 jobId = createJob(address(0));
        Order memory order = orderFor(jobs, jobId);
        order.client = provider;
        expectRefused(jobId, order, IJobEvaluator.BadTerms.selector);
        order = orderFor(jobs, jobId);
        order.price = 2;
        expectRefused(jobId, order, IJobEvaluator.BadTerms.selector);
        order = orderFor(jobs, jobId);
        order.salt = 0;
        expectRefused(jobId, order, IJobEvaluator.BadTerms.selector);
        order = orderFor(jobs, jobId);
        order.effect = keccak256("effect");
        expectRefused(jobId, order, IJobEvaluator.BadTerms.selector);
        order = orderFor(jobs, jobId);
        order.evidence = policy(1 << NATIVE, 0);
        expectRefused(jobId, order, IJobEvaluator.BadTerms.selector);
    }

    function test_back_anotherModelOpening_reverts() external {
        uint256 jobId = createJob(address(0));
        Order memory order = orderFor(jobs, jobId);
        ModelCommitment memory flat = commitment();
        flat.dimensions = 0;
        vm.prank(provider);
        vm.expectRevert(IJobEvaluator.WrongModel.selector);
        evaluator.back(jobs, jobId, order, flat);
    }

    function test_back_jobThatIsNotFunded_reverts() external {
        string memory wanted = evaluator.descriptionOf(wish());
        vm.prank(client);
        uint256 jobId = jobs.createJob(provider, address(evaluator), longEnough(), wanted, address(0), 0);
        expectRefused(jobId, orderFor(jobs, jobId), IJobEvaluator.WrongStatus.selector);
    }

    function testFuzz_longestDispute_ofAnyDepth_outlastsEveryMove(uint8 depth) external view {
        uint256 rows = depth / 4 + (depth % 4 == 0 ? 0 : 1);
        assertGe(evaluator.longestDispute(depth), MOVE_TIME * (2 * rows + 2) + 1, "row and choice each, leaf, proof");
    }

    function test_supportsInterface_ofHookAndEvaluator_holds() external view {
        bytes4 hook = IJobHook.beforeAction.selector ^ IJobHook.afterAction.selector;
        assertTrue(evaluator.supportsInterface(hook), "hook");
        assertTrue(evaluator.supportsInterface(type(IERC165).interfaceId), "165");
        assertTrue(evaluator.supportsInterface(0x1626ba7e), "1271");
        assertTrue(!evaluator.supportsInterface(0xffffffff), "nothing else");
    }

    // -- hook --------------------------------------------------------------------------------------------------------

    function test_hook_submissionOfTheDeliveredResult_passesAndOthersRevert() external {
        uint256 jobId = createJob(address(evaluator));
        vm.prank(provider);
        vm.expectRevert(IJobEvaluator.NotBacked.selector);
        jobs.submit(jobId, 0, "");
        Order memory order = back(jobId);
        vm.prank(provider);
        vm.expectRevert(IJobEvaluator.WrongDeliverable.selector);
        jobs.submit(jobId, 0, "");
        deliverTo(order, honest());
        vm.prank(provider);
        vm.expectRevert(IJobEvaluator.WrongDeliverable.selector);
        jobs.submit(jobId, keccak256("another"), "");
        submitJob(jobId, order, honest());
        assertJob(jobId, JobStatus.Submitted);
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_clientStallsWithShamDisputes_isCompletedBeforeTheJobExpires() external {
        (uint256 jobId, Order memory order) = work(honest());
        vm.warp(block.timestamp + WINDOW - 1);
        openDispute(order, honest(), client);
        (, uint40 decidedAfter,) = evaluator.backing(market.orderId(order));
        // One sham after the other, each running out, each extending the window.
        while (block.timestamp <= decidedAfter) {
            bytes32[] memory row = rowAt(honest(), 6);
            revealTo(order, client, row);
            vm.warp(block.timestamp + MOVE_TIME + 1);
            court.timeOut(order, client);
            openDispute(order, honest(), client);
        }
        assertTrue(block.timestamp < jobs.getJob(jobId).expiredAt, "in time");
        settle(jobId, order);
        assertJob(jobId, JobStatus.Completed);
    }

    function test_attack_silentClient_neverWins() external {
        (uint256 jobId, Order memory order) = work(honest());
        (, uint40 decidedAfter,) = evaluator.backing(market.orderId(order));
        vm.warp(uint256(decidedAfter) + 1);
        vm.prank(client);
        vm.expectRevert(Jobs.WrongStatus.selector);
        jobs.claimRefund(jobId);
        settle(jobId, order);
        assertJob(jobId, JobStatus.Completed);
    }

    function test_attack_slowestHonestDispute_isOverBeforeTheJobIsDecided() external {
        (uint256 jobId, Order memory order) = work(cheat());
        vm.warp(block.timestamp + WINDOW - 1);
        openDispute(order, cheat(), challenger);
        for (uint256 height = 6; height > 0; height = height > 4 ? height - 4 : 0) {
            vm.warp(block.timestamp + MOVE_TIME);
            bytes32[] memory row = rowAt(cheat(), height);
            revealTo(order, challenger, row);
            vm.warp(block.timestamp + MOVE_TIME);
            pickBy(order, challenger, row, height == 6 ? Execution.RESULT_LEAF >> 2 : Execution.RESULT_LEAF & 3);
        }
        vm.warp(block.timestamp + MOVE_TIME);
        showLeaf(order, cheat(), challenger);
        commitInEarlierBlock(order, elementTile(1, WRONG_ELEMENT), challenger);
        vm.warp(block.timestamp + MOVE_TIME);
        (, uint40 decidedAfter,) = evaluator.backing(market.orderId(order));
        assertTrue(block.timestamp <= decidedAfter, "still open");
        vm.expectRevert(IJobEvaluator.Undecided.selector);
        settle(jobId, order);
        proveWrong(order, cheat(), challenger);
        settle(jobId, order);
        assertJob(jobId, JobStatus.Rejected);
    }

    function test_attack_providerReleasesOrCancelsHisOwnOrder_fails() external {
        (, Order memory order) = work(cheat());
        vm.startPrank(provider);
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, "");
        vm.expectRevert(IMarket.BadSignature.selector);
        market.cancel(order, "", "");
        vm.stopPrank();
    }

    function test_attack_backingSomebodyElsesJob_reverts() external {
        uint256 jobId = createJob(address(0));
        Order memory order = orderFor(jobs, jobId);
        order.provider = stranger;
        vm.prank(stranger);
        vm.expectRevert(IJobEvaluator.NotProvider.selector);
        evaluator.back(jobs, jobId, order, commitment());
        order = orderFor(jobs, jobId);
        vm.prank(stranger);
        vm.expectRevert(IJobEvaluator.NotProvider.selector);
        evaluator.back(jobs, jobId, order, commitment());
    }

    function test_attack_oneOrderForTwoJobs_reverts() external {
        uint256 first = createJob(address(0));
        uint256 second = createJob(address(0));
        Order memory order = back(first);
        expectRefused(second, order, IJobEvaluator.BadTerms.selector);
        expectRefused(first, order, IJobEvaluator.AlreadyBacked.selector);
        Order memory other = back(second);
        vm.expectRevert(IJobEvaluator.NotBacked.selector);
        settle(first, other);
    }

    function test_attack_secondOrderForAJobWhoseFirstFailed_reverts() external {
        uint256 jobId = createJob(address(0));
        Order memory order = back(jobId);
        deliverTo(order, cheat());
        convict(order, cheat(), challenger);
        order.acceptBy += 1;
        expectRefused(jobId, order, IJobEvaluator.AlreadyBacked.selector);
    }

    function test_attack_jobWithAnotherEvaluator_reverts() external {
        string memory wanted = evaluator.descriptionOf(wish());
        vm.prank(client);
        uint256 jobId = jobs.createJob(provider, stranger, longEnough(), wanted, address(0), 0);
        expectRefused(jobId, orderFor(jobs, jobId), IJobEvaluator.NotEvaluator.selector);
    }

    function test_attack_collectingTwice_reverts() external {
        (, Order memory order) = work(cheat());
        convict(order, cheat(), challenger);
        evaluator.collect(order);
        vm.expectRevert(IJobEvaluator.NothingToCollect.selector);
        evaluator.collect(order);
        vm.prank(client);
        evaluator.withdraw(client);
        vm.prank(client);
        vm.expectRevert(IJobEvaluator.NoCredit.selector);
        evaluator.withdraw(client);
    }

    function test_attack_collectingAnOrderThatBacksNothing_reverts() external {
        Order memory order = orderFor(jobs, 77);
        vm.warp(order.acceptBy + 1);
        vm.expectRevert(IJobEvaluator.NotBacked.selector);
        evaluator.collect(order);
    }

    function test_attack_spendingThePoolOnAnOrderThatBacksNothing_reverts() external {
        back(createJob(address(0)));
        assertEq(pooled(), 1, "somebody's unit");
        Order memory order = orderFor(jobs, 77);
        order.provider = stranger;
        vm.prank(stranger);
        vm.expectRevert(IMarket.BadSignature.selector);
        market.accept(order, CREDIT, "");
    }

    function test_attack_providerIsHisOwnClientAndChallenger_losesMoney() external {
        uint256 before = free(provider) + token.balanceOf(provider);
        vm.startPrank(provider);
        token.approve(address(jobs), type(uint256).max);
        string memory wanted = evaluator.descriptionOf(wish());
        uint256 jobId = jobs.createJob(provider, address(evaluator), longEnough(), wanted, address(0), 0);
        jobs.setBudget(jobId, address(token), BUDGET, "");
        jobs.fund(jobId, BUDGET, "");
        vm.stopPrank();
        Order memory order = back(jobId);
        deliverTo(order, cheat());
        convict(order, cheat(), provider);
        settle(jobId, order);
        evaluator.collect(order);
        vm.prank(provider);
        evaluator.withdraw(provider);
        uint256 lost = before - free(provider) - token.balanceOf(provider);
        assertGe(lost, uint256(BOND) * 25 / 100, "a quarter of the bond is burned");
    }

    function expectRefused(uint256 jobId, Order memory order, bytes4 error) private {
        vm.prank(provider);
        vm.expectRevert(error);
        evaluator.back(jobs, jobId, order, commitment());
    }
}
