// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputation} from "../../src/interfaces/IReputation.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {Test} from "../Vm.sol";
import {StandardsBase} from "./StandardsBase.sol";

/// @dev Everybody tries to rate, admit, endow, link, sell and revoke in any order.
contract Raters is Test {
    IReputation private immutable REPUTATION;
    address[3] public people;
    Order[] private _orders;
    uint256 public given;
    uint256 public praised;
    uint256 public blamed;

    constructor(IReputation reputation, address[3] memory people_, Order[] memory orders) {
        (REPUTATION, people) = (reputation, people_);
        for (uint256 i = 0; i < orders.length; ++i) {
            _orders.push(orders[i]);
        }
    }

    function rate(uint256 who, uint256 which, uint256 agent, int128 value) external {
        IReputation.Rating memory rating;
        rating.value = int128(int256(uint256(uint128(value)) % 101));
        vm.prank(people[who % 3]);
        REPUTATION.giveFeedbackFor(_orders[which % _orders.length], agent % 2, rating);
        _count(rating.value);
    }

    function admit(uint256 who, uint256 which, uint256 agent) external {
        vm.prank(people[who % 3]);
        REPUTATION.admit(_orders[which % _orders.length], agent % 2);
    }

    function plain(uint256 who, uint256 agent, int128 value) external {
        value = value % 101;
        vm.prank(people[who % 3]);
        REPUTATION.giveFeedback(agent % 2, value, 0, "", "", "", "", 0);
        _count(value);
    }

    function endow(uint256 who, uint256 which) external {
        vm.prank(people[who % 3]);
        REPUTATION.endow(_orders[which % _orders.length]);
    }

    function revoke(uint256 who, uint256 agent, uint64 index) external {
        vm.prank(people[who % 3]);
        REPUTATION.revokeFeedback(agent % 2, index % 8);
    }

    function link(uint256 agent) external {
        REPUTATION.link(agent % 2);
    }

    function _count(int128 value) private {
        ++given;
        if (value < 50) ++blamed;
        else ++praised;
    }
}

contract ReputationInvariantsTest is StandardsBase {
    uint256 private constant ORDERS = 24;

    Raters private raters;
    Order[] private _orders;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < ORDERS; ++i) {
            Order memory order = orderNumber(i);
            if (i % 3 != 2) deliver(order);
            _orders.push(order);
        }
        warpPastWindow();
        for (uint256 i = 0; i < ORDERS; ++i) {
            if (i % 3 == 0) market.finalize(_orders[i]);
        }
        raters = new Raters(reputation, [client, provider, stranger], _orders);
        address[2] memory rich = [provider, stranger];
        for (uint256 i = 0; i < rich.length; ++i) {
            vm.prank(rich[i]);
            token.approve(address(reputation), type(uint256).max);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(raters);
    }

    function invariant_feedback_isOneForEachSettledOrder_atMost() external view {
        uint256 rated = 0;
        for (uint256 i = 0; i < ORDERS; ++i) {
            (bool used, bool endowed) = reputation.used(market.orderId(_orders[i]));
            if (used || endowed) assertTrue(status(_orders[i]) == OrderStatus.PAID, "settled");
            if (used) ++rated;
        }
        uint256 kept = 0;
        for (uint256 id = 0; id < 2; ++id) {
            kept += reputation.getLastIndex(id, client) + reputation.getLastIndex(id, provider)
            + reputation.getLastIndex(id, stranger);
        }
        assertEq(rated, raters.given(), "orders");
        assertEq(kept, raters.given(), "feedback");
        assertEq(reputation.getLastIndex(0, client), 0, "nothing under an agent that delivered nothing");
    }

    function invariant_burnedFees_coverAllPraise() external view {
        assertGe(token.balanceOf(BURN), raters.praised() * FEE, "burned");
        assertEq(token.balanceOf(address(reputation)), 0, "nothing is held");
    }

    function test_raters_givenEnoughTries_praiseAndBlame() external {
        for (uint256 i = 0; i < 400; ++i) {
            uint256 x = uint256(keccak256(abi.encode("rate", i)));
            try raters.rate(x, x >> 16, x >> 32, int128(int256(x >> 48))) {} catch {}
            try raters.admit(x, x >> 64, 1) {} catch {}
            try raters.endow(x, x >> 96) {} catch {}
        }
        assertTrue(raters.praised() > 0 && raters.blamed() > 0, "both");
        this.invariant_feedback_isOneForEachSettledOrder_atMost();
        this.invariant_burnedFees_coverAllPraise();
    }
}
