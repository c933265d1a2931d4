// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Market} from "../../src/market/Market.sol";
import {EvidenceKind, Order, OrderStatus} from "../../src/types/Types.sol";
import {Base} from "./Base.sol";

/// @dev Accepting, delivering and proving, row by row of the rules.
contract MarketTest is Base {
    // -- identity ----------------------------------------------------------------------------------------------------

    function test_orderId_ofAnyOrder_isTheEip712Digest(Order memory order) public view {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Order(address client,address provider,uint96 price,uint96 bond,uint40 acceptBy,uint40 deliverBy,uint32 window,bytes32 model,bytes32 input,bytes32 evidence,bytes32 effect,bytes32 terms,bytes32 salt)"
                ),
                order
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Concordat Market"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        assertEq(market.orderId(order), keccak256(abi.encodePacked(hex"1901", domain, structHash)), "order id");
    }

    // -- accept ------------------------------------------------------------------------------------------------------

    function test_accept_ofASignedOffer_takesPriceAndLocksBond() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        vm.expectEmit(address(market));
        emit IMarket.Accepted(market.orderId(order), client, provider, order);
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
        assertEq(uint256(market.state(market.orderId(order))), uint256(1) << 253, "slot");
        assertEq(token.balanceOf(client), FORTUNE - PRICE, "client's tokens");
        assertEq(free(client), FORTUNE, "client's free balance is untouched");
        assertEq(free(provider), FORTUNE - BOND, "provider's free balance");
        assertEq(locked(provider), BOND, "bond");
    }

    function test_accept_fromCredit_takesFreeBalance() public {
        Order memory order = someOrder();
        bytes memory signature = signed(CLIENT_KEY, market.orderId(order));
        vm.prank(provider);
        market.accept(order, CREDIT, signature);
        assertEq(free(client), FORTUNE - PRICE, "client's free balance");
        assertEq(token.balanceOf(client), FORTUNE, "client's tokens are untouched");
        assertEq(locked(provider), BOND, "bond");
    }

    function test_accept_bySomebodyElse_isRefused() public {
        Order memory order = someOrder();
        refuse(stranger, order, IMarket.NotProvider.selector);
    }

    function test_accept_inTheLastSecond_succeeds() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        vm.warp(order.acceptBy);
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
    }

    function test_accept_afterTheLastSecond_isRefused() public {
        Order memory order = someOrder();
        vm.warp(order.acceptBy + 1);
        refuse(provider, order, IMarket.OfferExpired.selector);
    }

    function test_accept_ofContradictoryTerms_isRefused() public {
        Order memory order = someOrder();
        order.deliverBy = order.acceptBy - 1;
        refuse(provider, order, IMarket.BadTerms.selector);
        order = someOrder();
        order.price = 0;
        refuse(provider, order, IMarket.BadTerms.selector);
        order = someOrder();
        order.evidence = 0;
        refuse(provider, order, IMarket.BadTerms.selector);
        order = someOrder();
        order.window = 0;
        refuse(provider, order, IMarket.BadTerms.selector);
        order = someOrder();
        order.window = type(uint32).max - uint32(order.deliverBy) + 1;
        refuse(provider, order, IMarket.BadTerms.selector);
    }

    function test_accept_twice_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        refuse(provider, order, IMarket.WrongStatus.selector);
    }

    function test_accept_withoutFreeBond_isRefused() public {
        Order memory order = someOrder();
        order.bond = uint96(FORTUNE + 1);
        refuse(provider, order, IVault.InsufficientFree.selector);
    }

    function test_accept_withTheWrongSignature_isRefused() public {
        Order memory order = someOrder();
        bytes32 digest = authorizationDigest(order, address(vault), market.orderId(order));
        refuse(order, AUTHORIZATION, signed(PROVIDER_KEY, digest), IVault.BadSignature.selector);
        refuse(order, AUTHORIZATION, "", IVault.BadSignature.selector);
        refuse(order, AUTHORIZATION, new bytes(65), IVault.BadSignature.selector);
        refuse(order, CREDIT, signed(PROVIDER_KEY, market.orderId(order)), IVault.BadSignature.selector);
        refuse(order, 2, authorization(order), IVault.BadSignature.selector);
    }

    function test_accept_whenTheClientIsPoor_isRefused() public {
        Order memory order = someOrder();
        order.price = uint96(FORTUNE + 1);
        refuse(order, AUTHORIZATION, authorization(order), IVault.InsufficientFunds.selector);
        refuse(order, CREDIT, signed(CLIENT_KEY, market.orderId(order)), IVault.InsufficientFree.selector);
    }

    function test_accept_whenTheAuthorizationWasCancelled_isTheTokensError() public {
        Order memory order = someOrder();
        bytes32 id = market.orderId(order);
        bytes32 structHash =
            keccak256(abi.encode(keccak256("CancelAuthorization(address authorizer,bytes32 nonce)"), client, id));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(CLIENT_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
        token.cancelAuthorization(client, id, v, r, s);
        bytes memory signature = authorization(order);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, client, id));
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
    }

    // -- submit ------------------------------------------------------------------------------------------------------

    function test_submit_ofAFundedOrder_fixesResultAndWindow() public {
        Order memory order = someOrder();
        accept(order);
        bytes32 id = market.orderId(order);
        uint256 end = block.timestamp + WINDOW;
        vm.expectEmit(address(market));
        emit IMarket.Delivered(id, provider, TRACE_ROOT, output, uint40(end));
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        uint256 commitment = uint256(keccak256(abi.encode(id, provider, TRACE_ROOT, keccak256(output)))) >> 56;
        assertEq(uint256(market.state(id)), (uint256(2) << 253) | (end << 200) | commitment, "slot");
    }

    function test_submit_bySomebodyElse_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.expectRevert(IMarket.NotProvider.selector);
        market.submit(order, TRACE_ROOT, output);
    }

    function test_submit_ofAnOrderThatIsNotFunded_isRefused() public {
        Order memory order = someOrder();
        vm.startPrank(provider);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.submit(order, TRACE_ROOT, output);
        vm.stopPrank();
        deliver(order);
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
    }

    function test_submit_afterTheLastSecond_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.warp(order.deliverBy + 1);
        vm.expectRevert(IMarket.DeliveryLate.selector);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
    }

    function test_submit_ofNothingOrTooMuch_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.startPrank(provider);
        vm.expectRevert(IMarket.OutputSize.selector);
        market.submit(order, TRACE_ROOT, "");
        vm.expectRevert(IMarket.OutputSize.selector);
        market.submit(order, TRACE_ROOT, new bytes(1025));
        market.submit(order, TRACE_ROOT, new bytes(1024));
        vm.stopPrank();
        assertStatus(order, OrderStatus.DELIVERED);
    }

    function test_acceptAndSubmit_ofASignedOffer_endsLikeBothSteps() public {
        Order memory order = someOrder();
        uint256 before = vm.snapshotState();
        accept(order);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        bytes32 twoSteps = market.state(market.orderId(order));
        (uint256 freeAfter, uint256 lockedAfter) = (free(provider), locked(provider));
        vm.revertToState(before);
        deliver(order);
        assertEq(market.state(market.orderId(order)), twoSteps, "slot");
        assertEq(free(provider), freeAfter, "free");
        assertEq(locked(provider), lockedAfter, "locked");
    }

    function test_acceptAndSubmit_ofNothing_isRefused() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        vm.expectRevert(IMarket.OutputSize.selector);
        vm.prank(provider);
        market.acceptAndSubmit(order, AUTHORIZATION, signature, TRACE_ROOT, "");
    }

    // -- prove -------------------------------------------------------------------------------------------------------

    function test_prove_ofADeliveredOrder_paysAtOnce() public {
        Order memory order = someOrder();
        deliver(order);
        vm.expectEmit(address(market));
        emit IMarket.Paid(market.orderId(order), order.model, provider, keccak256(output), 1);
        vm.prank(stranger);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        assertPaid(order, 1);
    }

    function test_prove_ofAFundedOrder_paysAtOnce() public {
        Order memory order = someOrder();
        accept(order);
        bytes32 id = market.orderId(order);
        vm.expectEmit(address(market));
        emit IMarket.Delivered(id, provider, 0, output, uint40(block.timestamp));
        vm.expectEmit(address(market));
        emit IMarket.Paid(id, order.model, provider, keccak256(output), 1);
        market.prove(order, NATIVE, output, 0, output);
        assertPaid(order, 1);
        uint256 commitment = uint256(keccak256(abi.encode(id, provider, bytes32(0), keccak256(output)))) >> 56;
        assertEq(uint200(uint256(market.state(id))), commitment, "the output is committed to, with no trace");
    }

    function test_prove_ofNothingOrTooMuchWhileFunded_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.expectRevert(IMarket.OutputSize.selector);
        market.prove(order, NATIVE, "", 0, "");
        vm.expectRevert(IMarket.OutputSize.selector);
        market.prove(order, NATIVE, new bytes(1025), 0, new bytes(1025));
    }

    function test_prove_ofOneKindOfTwo_isGatheredButDoesNotPay() public {
        Order memory order = someOrder();
        order.evidence = policy((1 << NATIVE) | (1 << VALIDITY), 0);
        deliver(order);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        assertStatus(order, OrderStatus.DELIVERED);
        assertEq(gathered(order), 1, "gathered");
        market.prove(order, VALIDITY, output, TRACE_ROOT, output);
        assertPaid(order, 5);
    }

    function test_prove_ofAnOtherResult_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.expectRevert(IMarket.WrongResult.selector);
        market.prove(order, NATIVE, "other", TRACE_ROOT, "other");
        vm.expectRevert(IMarket.WrongResult.selector);
        market.prove(order, NATIVE, output, keccak256("other root"), output);
    }

    function test_prove_inAnotherStatus_isRefused() public {
        Order memory order = someOrder();
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        deliver(order);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        vm.expectRevert(IMarket.WrongStatus.selector);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
    }

    function test_prove_ofAFundedOrderAfterItsTime_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.warp(order.deliverBy + 1);
        vm.expectRevert(IMarket.DeliveryLate.selector);
        market.prove(order, NATIVE, output, 0, output);
    }

    function test_prove_ofAKindWithoutModule_isRefused(uint8 kind) public {
        vm.assume(kind != NATIVE && kind != VALIDITY && kind != uint8(EvidenceKind.REPLICATED));
        Order memory order = someOrder();
        order.evidence = policy(0xff, 1 << NATIVE);
        deliver(order);
        vm.expectRevert(IMarket.NoModule.selector);
        market.prove(order, kind, output, TRACE_ROOT, output);
    }

    function test_prove_ofAKindThatNobodyAskedFor_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.expectRevert(IMarket.NotInPolicy.selector);
        market.prove(order, VALIDITY, output, TRACE_ROOT, output);
    }

    function test_prove_whenTheModuleSaysNo_isRefused() public {
        Order memory order = someOrder();
        deliver(order);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, NATIVE, output, TRACE_ROOT, "no");
    }

    function test_prove_ofAPartWhileFunded_isRefused() public {
        Order memory order = someOrder();
        order.evidence = policy((1 << NATIVE) | (1 << FRAUD_PROVABLE), 0);
        accept(order);
        vm.expectRevert(IMarket.NotInPolicy.selector);
        market.prove(order, NATIVE, output, 0, output);
    }

    // -- acceptAndProve ----------------------------------------------------------------------------------------------

    function test_acceptAndProve_ofASignedOffer_paysWithoutEscrow() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        vm.expectEmit(address(market));
        emit IMarket.Accepted(market.orderId(order), client, provider, order);
        vm.expectEmit(address(market));
        emit IMarket.Delivered(market.orderId(order), provider, 0, output, uint40(block.timestamp));
        vm.expectEmit(address(market));
        emit IMarket.Paid(market.orderId(order), order.model, provider, keccak256(output), 1);
        vm.prank(provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        assertPaid(order, 1);
    }

    function test_acceptAndProve_fromCredit_movesTheFreeBalance() public {
        Order memory order = someOrder();
        bytes memory signature = signed(CLIENT_KEY, market.orderId(order));
        vm.prank(provider);
        market.acceptAndProve(order, CREDIT, signature, NATIVE, output, output);
        assertEq(free(client), FORTUNE - PRICE, "client");
        assertPaid(order, 1);
    }

    function test_acceptAndProve_refusesWhatAcceptAndProveRefuse() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        vm.expectRevert(IMarket.NotProvider.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        vm.startPrank(provider);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, "no");
        vm.expectRevert(IMarket.OutputSize.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, "", "");
        vm.expectRevert(IMarket.NoModule.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, FRAUD_PROVABLE, output, output);
        vm.expectRevert(IMarket.NotInPolicy.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, VALIDITY, output, output);
        vm.expectRevert(IVault.BadSignature.selector);
        market.acceptAndProve(order, CREDIT, signature, NATIVE, output, output);
        order.evidence = policy((1 << NATIVE) | (1 << VALIDITY), 0);
        signature = authorization(order);
        vm.expectRevert(IMarket.NotInPolicy.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        order = someOrder();
        order.bond = uint96(FORTUNE + 1);
        signature = authorization(order);
        vm.expectRevert(IVault.InsufficientFree.selector);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        vm.stopPrank();
    }

    // -- deployment --------------------------------------------------------------------------------------------------

    function test_constructor_withSharesOverAHundred_isRefused() public {
        address[8] memory modules;
        vm.expectRevert(IMarket.BadParameters.selector);
        new Market(vault, address(court), 101, 50, 25, modules);
        vm.expectRevert(IMarket.BadParameters.selector);
        new Market(vault, address(court), 25, 101, 0, modules);
        vm.expectRevert(IMarket.BadParameters.selector);
        new Market(vault, address(court), 25, 76, 25, modules);
    }

    function test_constructor_withAModuleForTheMarketsOwnKinds_isRefused() public {
        address[8] memory modules;
        modules[FRAUD_PROVABLE] = stranger;
        vm.expectRevert(IMarket.BadParameters.selector);
        new Market(vault, address(court), 25, 50, 25, modules);
        modules[FRAUD_PROVABLE] = address(0);
        modules[7] = stranger;
        vm.expectRevert(IMarket.BadParameters.selector);
        new Market(vault, address(court), 25, 50, 25, modules);
    }

    function test_views_ofTheMarket_nameItsParts() public view {
        assertEq(market.vault(), address(vault), "vault");
        assertEq(market.court(), address(court), "court");
        (uint256 noShow, uint256 toChallenger, uint256 toClient) = market.shares();
        assertEq(noShow, 25, "no show");
        assertEq(toChallenger, 50, "challenger");
        assertEq(toClient, 25, "client");
        assertTrue(market.module(NATIVE) != address(0), "a module");
        assertEq(market.module(FRAUD_PROVABLE), address(0), "no module");
        assertEq(market.module(200), address(0), "no such kind");
        assertEq(market.version(), "1.1.0", "version");
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function refuse(address sender, Order memory order, bytes4 reason) private {
        bytes memory signature = authorization(order);
        vm.expectRevert(reason);
        vm.prank(sender);
        market.accept(order, AUTHORIZATION, signature);
    }

    function refuse(Order memory order, uint8 mode, bytes memory signature, bytes4 reason) private {
        vm.expectRevert(reason);
        vm.prank(provider);
        market.accept(order, mode, signature);
    }

    function assertPaid(Order memory order, uint8 kinds) private view {
        assertStatus(order, OrderStatus.PAID);
        assertEq(gathered(order), kinds, "gathered");
        assertEq(until(order), block.timestamp, "ended now");
        assertEq(free(provider), FORTUNE + PRICE, "provider's free balance");
        assertEq(locked(provider), 0, "nothing locked");
    }
}
