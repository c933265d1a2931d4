// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {JobStatus} from "../../src/interfaces/IErc8183.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {JobBase} from "./JobBase.sol";
import {JobHandler} from "./JobHandler.sol";

/// @dev What holds of the evaluator after any sequence of jobs.
contract JobInvariantsTest is JobBase {
    JobHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new JobHandler(vault, market, court, evaluator, jobs, token);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_evaluatorsBalance_isWhatItOwes_toTheLastUnit() external view {
        uint256 owed = evaluator.credit(handler.CLIENT()) + evaluator.credit(handler.PROVIDER());
        for (uint256 jobId = 1; jobId <= jobs.jobCounter(); ++jobId) {
            owed += uncollected(handler.order(jobId));
        }
        assertEq(pooled(), owed, "pool");
        assertEq(locked(address(evaluator)), 0, "nothing locked");
        assertEq(token.balanceOf(address(evaluator)), 0, "nothing outside the vault");
        assertEq(handler.broken(), "", "rule");
    }

    function invariant_budgets_areWithTheJobsOrPaidOut() external view {
        uint256 held = 0;
        for (uint256 jobId = 1; jobId <= jobs.jobCounter(); ++jobId) {
            JobStatus status = jobs.getJob(jobId).status;
            if (status == JobStatus.Funded || status == JobStatus.Submitted) held += BUDGET;
        }
        assertEq(token.balanceOf(address(jobs)), held, "budgets");
    }

    /// @dev The handler is no use if its steps are refused.
    function test_handler_givenEnoughTries_reachesEveryKindOfEnd() external {
        bytes4[12] memory steps = [
            handler.create.selector,
            handler.back.selector,
            handler.back.selector,
            handler.accept.selector,
            handler.deliver.selector,
            handler.convict.selector,
            handler.end.selector,
            handler.settle.selector,
            handler.refund.selector,
            handler.collect.selector,
            handler.withdraw.selector,
            handler.wait.selector
        ];
        for (uint256 i = 0; i < 1500; ++i) {
            uint256 x = uint256(keccak256(abi.encode("job", i)));
            bytes4 step = steps[x % steps.length];
            bytes memory data = step == handler.withdraw.selector
                ? abi.encodeWithSelector(step, (x >> 16) & 1)
                : abi.encodeWithSelector(step, x >> 8, (x >> 16) & 1);
            (bool ignored,) = address(handler).call(data);
            ignored;
        }
        string[11] memory ends = [
            "create",
            "back",
            "accept",
            "deliver",
            "convict",
            "finalize",
            "expire",
            "complete",
            "reject",
            "collect",
            "withdraw"
        ];
        for (uint256 i = 0; i < ends.length; ++i) {
            assertTrue(handler.done(ends[i]) > 0, ends[i]);
        }
        this.invariant_evaluatorsBalance_isWhatItOwes_toTheLastUnit();
        this.invariant_budgets_areWithTheJobsOrPaidOut();
    }

    /// @dev What an order's unit or end has brought and nobody has collected.
    function uncollected(Order memory order) private view returns (uint256) {
        if (order.client == address(0)) return 0;
        (,, bool collected) = evaluator.backing(market.orderId(order));
        if (collected) return 0;
        OrderStatus now_ = status(order);
        if (now_ == OrderStatus.NONE) return 1;
        if (now_ == OrderStatus.SLASHED || now_ == OrderStatus.EXPIRED) return 1 + uint256(BOND) * 25 / 100;
        return 0;
    }
}
