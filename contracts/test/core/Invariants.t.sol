// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order, OrderStatus, Turn} from "../../src/types/Types.sol";
import {Base} from "./Base.sol";
import {Handler} from "./Handler.sol";

/// @dev What holds after any sequence of steps by anybody.
contract InvariantsTest is Base {
    Handler private handler;

    function setUp() public override {
        super.setUp();
        // The people of the other tests take their money out: the vault then holds the handler's only.
        address[4] memory people = [client, provider, challenger, stranger];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.prank(people[i]);
            vault.withdraw(FORTUNE, people[i]);
        }
        handler = new Handler(vault, market, court, token);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_afterAnySteps_theBooksBalance() external view {
        checkTokens();
        checkLocked();
        checkDisputeCounters();
        // Nobody's free balance was taken, nothing burned came back, no terminal state changed, no slash was cheap.
        assertEq(handler.broken(), "", "rule");
    }

    /// @dev The handler is no use if its steps are refused: all kinds go through within a few thousand tries.
    function test_handler_givenEnoughTries_reachesEveryKindOfStep() external {
        for (uint256 i = 0; i < 900; ++i) {
            tryStep(uint256(keccak256(abi.encode("try", i))));
        }
        string[18] memory steps = [
            "deposit",
            "withdraw",
            "accept",
            "acceptAndSubmit",
            "acceptAndProve",
            "submit",
            "prove",
            "release",
            "finalize",
            "expire",
            "cancel",
            "openDispute",
            "reveal",
            "pick",
            "revealLeaf",
            "timeOut",
            "closeDispute",
            "proveFraud"
        ];
        for (uint256 i = 0; i < steps.length; ++i) {
            assertTrue(handler.done(steps[i]) > 0, steps[i]);
        }
        this.invariant_afterAnySteps_theBooksBalance();
    }

    // -- money -------------------------------------------------------------------------------------------------------

    /// @dev Conservation.
    function checkTokens() private view {
        uint256 credited = free(BURN) + locked(BURN);
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            credited += free(handler.person(i)) + locked(handler.person(i));
        }
        uint256 escrow = 0;
        for (uint256 i = 0; i < handler.orderCount(); ++i) {
            if (isOpen(handler.order(i))) escrow += handler.order(i).price;
        }
        assertEq(token.balanceOf(address(vault)), credited + escrow, "conservation to the last unit");
    }

    function checkLocked() private view {
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            address person = handler.person(i);
            uint256 bonds = 0;
            for (uint256 j = 0; j < handler.orderCount(); ++j) {
                Order memory order = handler.order(j);
                if (isOpen(order) && order.provider == person) bonds += order.bond;
                if (hasDispute(order, person)) bonds += court.disputeBond(order.price);
            }
            assertEq(locked(person), bonds, "locked");
        }
    }

    function checkDisputeCounters() private view {
        for (uint256 i = 0; i < handler.orderCount(); ++i) {
            Order memory order = handler.order(i);
            if (status(order) != OrderStatus.DELIVERED) continue;
            uint256 count = 0;
            for (uint256 j = 0; j < handler.PEOPLE(); ++j) {
                if (hasDispute(order, handler.person(j))) ++count;
            }
            assertEq(openDisputes(order), count, "open disputes");
        }
    }

    // -- nobody's money is stuck -------------------------------------------------------------------------------------

    function invariant_everyOpenOrder_canBeEndedByAnybody() external {
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < handler.orderCount(); ++i) {
            Order memory order = handler.order(i);
            if (status(order) == OrderStatus.FUNDED) expireByClient(order);
            if (status(order) == OrderStatus.DELIVERED) endDelivered(order);
            closeDisputes(order);
        }
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            address person = handler.person(i);
            assertEq(locked(person), 0, "nothing stays locked");
            uint256 amount = free(person);
            if (amount == 0) continue;
            vm.prank(person);
            vault.withdraw(amount, person);
        }
        assertEq(token.balanceOf(address(vault)), free(BURN), "only burned money is left");
        vm.revertToState(before);
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function tryStep(uint256 x) private {
        uint256 kind = x % 18;
        (uint256 a, uint256 b, uint256 c) = ((x >> 8) & 0xffff, (x >> 24) & 0xffff, x >> 40);
        (uint96 price, uint96 bond, bool yes) = (uint96(c), uint96(c >> 96), x & 128 == 0);
        if (kind == 0) handler.deposit(a, b);
        if (kind == 1) handler.withdraw(a, b, c);
        if (kind == 2) handler.accept(a, b, price, bond, yes);
        if (kind < 5 && kind > 2) handler.acceptAndSubmit(a, b, price, bond, yes, x & 256 == 0);
        if (kind == 5) handler.acceptAndProve(a, b, price, bond, yes);
        if (kind == 6) handler.submit(a, yes);
        if (kind == 7) handler.prove(a, b, c % 8 == 0);
        if (kind == 8) handler.release(a, c % 8 == 0 ? 0 : 1);
        if (kind == 9) handler.finalize(a, b);
        if (kind == 10) handler.expire(a, b);
        if (kind == 11) handler.cancel(a, yes);
        if (kind == 12) handler.openDispute(a, b);
        if (kind < 15 && kind > 12) handler.move(a, b);
        if (kind == 15) handler.timeOut(a, b);
        if (kind == 16) handler.closeDispute(a, b);
        if (kind == 17) handler.proveFraud(a, b, yes);
        if (x >> 250 == 0) handler.wait(c);
    }

    function isOpen(Order memory order) private view returns (bool) {
        return status(order) == OrderStatus.FUNDED || status(order) == OrderStatus.DELIVERED;
    }

    function hasDispute(Order memory order, address person) private view returns (bool) {
        return court.dispute(market.orderId(order), person).turn != Turn.NONE;
    }

    /// @dev A refund needs no third party.
    function expireByClient(Order memory order) private {
        if (block.timestamp <= order.deliverBy) vm.warp(order.deliverBy + 1);
        vm.prank(order.client);
        market.expire(order);
    }

    /// @dev Disputes run out, and what then is unchallenged is paid.
    function endDelivered(Order memory order) private {
        vm.warp(block.timestamp + MOVE_TIME + 1);
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            address person = handler.person(i);
            if (status(order) == OrderStatus.DELIVERED && hasDispute(order, person)) court.timeOut(order, person);
        }
        if (status(order) != OrderStatus.DELIVERED) return;
        if (block.timestamp < until(order)) vm.warp(until(order));
        uint256 before = free(order.provider);
        market.finalize(order);
        assertEq(free(order.provider), before + order.price + order.bond, "unchallenged work is paid in full");
    }

    function closeDisputes(Order memory order) private {
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            if (hasDispute(order, handler.person(i))) court.closeDispute(order, handler.person(i));
        }
    }
}
