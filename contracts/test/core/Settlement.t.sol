// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {Base} from "./Base.sol";

/// @dev Release, finalisation, expiry and cancellation, row by row of the rules.
contract SettlementTest is Base {
    // -- release -----------------------------------------------------------------------------------------------------

    function test_release_byTheClient_pays() public {
        Order memory order = someOrder();
        deliver(order);
        bytes32 before = market.state(market.orderId(order));
        vm.expectEmit(address(market));
        emit IMarket.Paid(market.orderId(order), order.model, provider, 0, 128);
        vm.prank(client);
        market.release(order, "");
        assertEq(free(provider), FORTUNE + PRICE, "provider");
        bytes32 slot = market.state(market.orderId(order));
        assertEq(uint256(slot) >> 253, uint256(OrderStatus.PAID), "status");
        assertEq(gathered(order), 128, "gathered");
        assertEq(uint256(uint200(uint256(slot))), uint256(uint200(uint256(before))), "commitment stays");
    }

    function test_release_withTheClientsSignature_paysWhoeverSends() public {
        Order memory order = someOrder();
        deliver(order);
        bytes memory signature = signed(CLIENT_KEY, wordDigest("Release(bytes32 order)", market.orderId(order)));
        vm.prank(stranger);
        market.release(order, signature);
        assertStatus(order, OrderStatus.PAID);
    }

    function test_release_withoutTheClientsWord_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        bytes32 id = market.orderId(order);
        bytes memory wrongKey = signed(PROVIDER_KEY, wordDigest("Release(bytes32 order)", id));
        bytes memory wrongWord = signed(CLIENT_KEY, wordDigest("Cancel(bytes32 order)", id));
        vm.startPrank(provider);
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, "");
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, wrongKey);
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, wrongWord);
        vm.stopPrank();
    }

    function test_release_beforeDelivery_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(client);
        market.release(order, "");
    }

    // -- finalize ----------------------------------------------------------------------------------------------------

    function test_finalize_afterTheWindow_paysWhateverThePolicy() public {
        Order memory order = someOrder();
        order.evidence = policy(1 << NATIVE, 0);
        deliver(order);
        warpPastWindow();
        vm.prank(stranger);
        market.finalize(order);
        assertStatus(order, OrderStatus.PAID);
        assertEq(gathered(order), 2, "gathered");
        assertEq(until(order), block.timestamp, "ended now");
        assertEq(free(provider), FORTUNE + PRICE, "provider");
    }

    function test_finalize_ofAPrivateOrder_paysButGathersNothingThatNobodyCouldSee() public {
        Order memory order = someOrder();
        order.evidence = policy(1 << VALIDITY, 1 << 7);
        deliver(order);
        warpPastWindow();
        market.finalize(order);
        assertStatus(order, OrderStatus.PAID);
        assertEq(gathered(order), 0, "gathered");
    }

    function test_finalize_inTheLastSecondOfTheWindow_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectRevert(IMarket.WindowOpen.selector);
        market.finalize(order);
    }

    function test_finalize_ofAnythingButADeliveredOrder_isRefused() public {
        Order memory order = someOrder();
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.finalize(order);
        accept(order);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.finalize(order);
    }

    // -- expire ------------------------------------------------------------------------------------------------------

    function test_expire_ofALateOrder_refundsWithPenalty() public {
        Order memory order = someOrder();
        accept(order);
        vm.warp(order.deliverBy + 1);
        uint256 penalty = uint256(BOND) * 25 / 100;
        vm.expectEmit(address(market));
        emit IMarket.Expired(market.orderId(order), penalty);
        vm.prank(stranger);
        market.expire(order);
        assertStatus(order, OrderStatus.EXPIRED);
        assertEq(free(client), FORTUNE + PRICE + penalty, "client");
        assertEq(free(provider), FORTUNE - penalty, "provider");
        assertEq(locked(provider), 0, "bond");
    }

    function test_expire_inTheLastSecondForDelivery_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.warp(order.deliverBy);
        vm.expectRevert(IMarket.NotExpired.selector);
        market.expire(order);
    }

    function test_expire_ofADeliveredOrder_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.warp(order.deliverBy + 1);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.expire(order);
    }

    function test_expire_ofAnyBond_conservesEveryToken(uint96 bond) public {
        Order memory order = someOrder();
        order.bond = uint96(bound(bond, 0, FORTUNE));
        accept(order);
        vm.warp(order.deliverBy + 1);
        market.expire(order);
        assertEq(free(client) + free(provider), 2 * FORTUNE + PRICE, "sum");
        assertEq(locked(provider), 0, "bond");
    }

    // -- cancel ------------------------------------------------------------------------------------------------------

    function test_cancel_byOnePartyWithTheOthersSignature_undoesTheOrder() public {
        Order memory order = someOrder();
        accept(order);
        bytes memory signature = signed(PROVIDER_KEY, wordDigest("Cancel(bytes32 order)", market.orderId(order)));
        vm.expectEmit(address(market));
        emit IMarket.Cancelled(market.orderId(order));
        vm.prank(client);
        market.cancel(order, "", signature);
        assertStatus(order, OrderStatus.CANCELLED);
        assertEq(free(client), FORTUNE + PRICE, "client");
        assertEq(free(provider), FORTUNE, "provider");
        assertEq(locked(provider), 0, "bond");
    }

    function test_cancel_bySomebodyWithBothSignatures_undoesADeliveredOrder() public {
        Order memory order = someOrder();
        deliver(order);
        bytes32 digest = wordDigest("Cancel(bytes32 order)", market.orderId(order));
        vm.prank(stranger);
        market.cancel(order, signed(CLIENT_KEY, digest), signed(PROVIDER_KEY, digest));
        assertStatus(order, OrderStatus.CANCELLED);
    }

    function test_cancel_byOnePartyAlone_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.expectRevert(IMarket.BadSignature.selector);
        vm.prank(client);
        market.cancel(order, "", "");
        vm.expectRevert(IMarket.BadSignature.selector);
        vm.prank(provider);
        market.cancel(order, "", "");
    }

    function test_cancel_ofAnOrderThatEnded_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.prank(client);
        market.release(order, "");
        bytes memory signature = signed(PROVIDER_KEY, wordDigest("Cancel(bytes32 order)", market.orderId(order)));
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(client);
        market.cancel(order, "", signature);
    }

    // -- the court's door --------------------------------------------------------------------------------------------

    function test_courtFunctions_fromAnybodyElse_areRefused() public {
        Order memory order = someOrder();
        deliver(order);
        bytes32 id = market.orderId(order);
        vm.startPrank(client);
        vm.expectRevert(IMarket.NotAuthorized.selector);
        market.slash(id, client, provider, PRICE, BOND, client);
        vm.expectRevert(IMarket.NotAuthorized.selector);
        market.disputeOpened(id);
        vm.expectRevert(IMarket.NotAuthorized.selector);
        market.disputeClosed(id, 0);
        vm.stopPrank();
    }
}
