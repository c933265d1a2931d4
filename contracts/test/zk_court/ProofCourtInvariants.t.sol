// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "../Vm.sol";
import {ClaimHandler} from "./ClaimHandler.sol";

/// @title What holds after any sequence of steps by provider, watcher, client, attacker and time
/// @dev Runs and depth are few because a step reads and hashes 94 KB, some several times.
contract ProofCourtInvariantsTest is Test {
    ClaimHandler private handler;

    function setUp() external {
        handler = new ClaimHandler();
        handler.setUp();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory steps = new bytes4[](8);
        steps[0] = handler.posts.selector;
        steps[1] = handler.postsAsAnother.selector;
        steps[2] = handler.submits.selector;
        steps[3] = handler.collects.selector;
        steps[4] = handler.expires.selector;
        steps[5] = handler.accuses.selector;
        steps[6] = handler.watches.selector;
        steps[7] = handler.waits.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(handler), selectors: steps});
    }

    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.depth = 40
    function invariant_afterAnySteps_truthIsPaidAndLiesAreSlashedOnce() external view {
        check();
    }

    /// @dev The handler is no use if its steps are refused: every kind goes through within a few hundred tries.
    function test_handler_givenEnoughTries_reachesEveryKindOfStep() external {
        uint256 reached = 0;
        for (uint256 round = 0; round < 8; ++round) {
            uint256 state = vm.snapshotState();
            for (uint256 i = 0; i < 40; ++i) {
                tryStep(uint256(keccak256(abi.encode("try", round, i))));
            }
            check();
            string[8] memory steps = ["post", "submit", "prove", "finalize", "expire", "accuse", "convict", "wait"];
            for (uint256 i = 0; i < steps.length; ++i) {
                if (handler.done(steps[i]) != 0) reached |= 1 << i;
            }
            vm.revertToState(state);
        }
        handler.posts(0, 0, 0);
        handler.submits(0, 0);
        handler.waits(499);
        handler.collects(0, 2);
        if (handler.done("finalize") != 0) reached |= 8;
        for (uint256 i = 0; i < 3; ++i) {
            handler.waits(499);
        }
        handler.expires(1);
        if (handler.done("expire") != 0) reached |= 16;
        check();
        assertEq(reached, 255, "kinds of step");
    }

    function tryStep(uint256 random) private {
        uint256 kind = random % 10;
        (uint256 a, uint256 b, uint256 c) = (random >> 8 & 0xff, random >> 16 & 0xff, random >> 24 & 0xffffff);
        if (kind < 2) handler.posts(a, b, c);
        else if (kind == 2) handler.postsAsAnother(a, b);
        else if (kind == 3) handler.submits(a, b);
        else if (kind < 6) handler.collects(a, b);
        else if (kind == 6) handler.expires(a);
        else if (kind == 7) handler.accuses(a, c, b);
        else if (kind == 8) handler.watches(a);
        else handler.waits(c);
    }

    function check() private view {
        assertEq(handler.broken(), "", "rule");
        assertEq(handler.paidForLies(), 0, "a false claim was paid");
        assertEq(handler.slashedForTruth(), 0, "a true claim was slashed");
        assertTrue(!handler.slashedTwice(), "slashes");
        assertTrue(handler.claimsUnchanged(), "a claim changed");
        (uint256 held, uint256 owed) = handler.imbalance();
        assertEq(held, owed, "conservation to the last unit");
    }
}
