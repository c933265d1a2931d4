// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Market} from "../../src/market/Market.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Base} from "../core/Base.sol";

/// @dev A provider that is a contract, and does what no account can: several calls in one transaction.
contract Snatcher {
    Market private immutable MARKET;

    constructor(Market market, Vault vault, DevToken token, uint256 stake) {
        MARKET = market;
        token.mint(address(this), stake);
        token.approve(address(vault), stake);
        vault.deposit(stake);
    }

    function take(Order calldata order, bytes calldata signature) public {
        MARKET.acceptOpen(order, 0, signature);
    }

    function takeAndSubmit(Order calldata order, bytes calldata signature, bytes32 root, bytes calldata output)
        external
    {
        take(order, signature);
        MARKET.submit(order, root, output);
    }

    function takeAndProve(Order calldata order, bytes calldata signature, bytes calldata output) external {
        take(order, signature);
        MARKET.prove(order, 0, output, 0, output);
    }
}

contract OpenOrdersTest is Base {
    function openOrder() internal view returns (Order memory order) {
        order = someOrder();
        order.provider = address(0);
    }

    function filledIn(Order memory order, address who) internal pure returns (Order memory) {
        Order memory filled = abi.decode(abi.encode(order), (Order));
        filled.provider = who;
        return filled;
    }

    function take(Order memory order, address who) internal returns (Order memory filled) {
        bytes memory signature = authorization(order);
        filled = filledIn(order, who);
        vm.prank(who);
        market.acceptOpen(filled, AUTHORIZATION, signature);
    }

    function test_openOrder_takenAndDelivered_isPaidLikeAnyOther() public {
        Order memory order = openOrder();
        Order memory filled = take(order, challenger);
        vm.warp(block.timestamp + 1);
        vm.prank(challenger);
        market.submit(filled, TRACE_ROOT, output);
        warpPastWindow();
        uint256 before = free(challenger);
        market.finalize(filled);
        assertStatus(filled, OrderStatus.PAID);
        assertEq(free(challenger), before + PRICE + BOND, "whoever took it is paid");
    }

    function test_openOrder_underTheSignedId_saysWhoTookIt() public {
        Order memory order = openOrder();
        take(order, challenger);
        uint256 slot = uint256(market.state(market.orderId(order)));
        assertEq(slot >> 253, uint256(OrderStatus.TAKEN), "taken");
        assertEq(address(uint160(slot)), challenger, "by whom");
    }

    function test_openOrder_byCredit_debitsTheClientOnce() public {
        Order memory order = openOrder();
        bytes memory signature = signed(CLIENT_KEY, market.orderId(order));
        Order memory filled = filledIn(order, provider);
        uint256 before = free(client);
        vm.prank(provider);
        market.acceptOpen(filled, CREDIT, signature);
        assertEq(free(client), before - PRICE, "price");
        filled.provider = challenger;
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(challenger);
        market.acceptOpen(filled, CREDIT, signature);
    }

    function test_openOrder_thatExpires_isRefundedWithAPenalty() public {
        Order memory filled = take(openOrder(), challenger);
        vm.warp(uint256(filled.deliverBy) + 1);
        uint256 before = free(client);
        market.expire(filled);
        assertEq(free(client), before + PRICE + BOND / 4, "price and penalty");
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_openOrder_takenTwice_fails() public {
        Order memory order = openOrder();
        take(order, challenger);
        bytes memory signature = authorization(order);
        Order memory filled = filledIn(order, provider);
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(provider);
        market.acceptOpen(filled, AUTHORIZATION, signature);
        vm.prank(challenger);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.acceptOpen(filledIn(order, challenger), AUTHORIZATION, signature);
    }

    function test_attack_openOrder_acceptedAndDeliveredInOneTransaction_fails() public {
        Snatcher snatcher = new Snatcher(market, vault, token, BOND);
        Order memory order = openOrder();
        bytes memory signature = authorization(order);
        Order memory filled = filledIn(order, address(snatcher));
        vm.expectRevert(IMarket.JustTaken.selector);
        snatcher.takeAndSubmit(filled, signature, TRACE_ROOT, output);
        vm.expectRevert(IMarket.JustTaken.selector);
        snatcher.takeAndProve(filled, signature, output);
    }

    function test_attack_openOrder_signatureDoesNotFundTheFilledInOrder() public {
        Order memory order = openOrder();
        bytes memory signature = authorization(order);
        Order memory filled = filledIn(order, provider);
        vm.startPrank(provider);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(filled, AUTHORIZATION, signature);
        vm.expectRevert(IVault.BadSignature.selector);
        market.acceptAndSubmit(filled, AUTHORIZATION, signature, TRACE_ROOT, output);
    }

    function test_attack_openOrder_stealingAResult_getsNothing() public {
        Order memory order = openOrder();
        Order memory filled = take(order, challenger);
        vm.warp(block.timestamp + 1);
        // Somebody sees the submission on its way. The order is taken, and he is not its provider.
        vm.startPrank(stranger);
        vm.expectRevert(IMarket.NotProvider.selector);
        market.submit(filled, TRACE_ROOT, output);
        filled.provider = stranger;
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.submit(filled, TRACE_ROOT, output);
    }

    function test_attack_openOrder_underItsSignedId_cannotBeEnded() public {
        Order memory order = openOrder();
        take(order, challenger);
        vm.warp(uint256(order.deliverBy) + 1);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.expire(order);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.finalize(order);
        vm.prank(client);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.release(order, "");
    }

    function test_attack_openOrder_nobodyCanBeItsProvider() public {
        Order memory order = openOrder();
        bytes memory signature = authorization(order);
        vm.expectRevert(IMarket.NotProvider.selector);
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
    }
}
