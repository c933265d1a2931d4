// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Court} from "../../src/court/Court.sol";
import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Market} from "../../src/market/Market.sol";
import {Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {CourtBase} from "./CourtBase.sol";
import {Execution} from "./Execution.sol";

/// @dev Each test is named after the attack that must fail.
contract AttacksTest is CourtBase {
    // -- replays and signatures --------------------------------------------------------------------------------------

    function test_attack_replayOfAnOrderOnAnotherChain_fails() public {
        Order memory order = someOrder();
        bytes memory funding = authorization(order);
        bytes memory credit = signed(CLIENT_KEY, market.orderId(order));
        bytes32 id = market.orderId(order);
        vm.chainId(424242);
        assertTrue(market.orderId(order) != id, "another id");
        vm.startPrank(provider);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(order, AUTHORIZATION, funding);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(order, CREDIT, credit);
        vm.stopPrank();
    }

    function test_attack_replayOfAnOrderOnAnotherMarket_fails() public {
        Order memory order = someOrder();
        accept(order);
        bytes memory funding = authorization(order);
        bytes memory credit = signed(CLIENT_KEY, market.orderId(order));
        (Vault otherVault, Market otherMarket,) = deploy(IERC20(address(token)));
        vm.startPrank(provider);
        token.approve(address(otherVault), type(uint256).max);
        otherVault.deposit(BOND);
        vm.expectRevert(IVault.BadSignature.selector);
        otherMarket.accept(order, AUTHORIZATION, funding);
        vm.expectRevert(IVault.BadSignature.selector);
        otherMarket.accept(order, CREDIT, credit);
        vm.stopPrank();
    }

    function test_attack_reuseOfAnAuthorizationAfterTheOrderEnded_fails() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        accept(order);
        bytes32 digest = wordDigest("Cancel(bytes32 order)", market.orderId(order));
        market.cancel(order, signed(CLIENT_KEY, digest), signed(PROVIDER_KEY, digest));
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
    }

    function test_attack_takingAnAuthorizationToTheTokenDirectly_fails() public {
        Order memory order = someOrder();
        bytes32 id = market.orderId(order);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CLIENT_KEY, authorizationDigest(order, address(vault), id));
        vm.startPrank(provider);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(vault)));
        token.receiveWithAuthorization(client, address(vault), PRICE, 0, order.acceptBy + 1, id, v, r, s);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(client, address(vault), PRICE, 0, order.acceptBy + 1, id, v, r, s);
        vm.stopPrank();
    }

    function test_attack_changingAnyTermOfASignedOrder_fails(uint256 which) public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        which = which % 9;
        if (which == 0) order.price += 1;
        if (which == 1) order.bond -= 1;
        if (which == 2) order.acceptBy += 1;
        if (which == 3) order.deliverBy += 1;
        if (which == 4) order.window -= 1;
        if (which == 5) order.model = 0;
        if (which == 6) order.input = 0;
        if (which == 7) order.evidence = policy(128, 0);
        if (which == 8) order.salt = 0;
        vm.expectRevert(IVault.BadSignature.selector);
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
    }

    function test_attack_malleatedSignature_fails() public {
        Order memory order = someOrder();
        bytes32 id = market.orderId(order);
        bytes memory funding = mirrored(authorizationDigest(order, address(vault), id));
        bytes memory credit = mirrored(id);
        vm.startPrank(provider);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(order, AUTHORIZATION, funding);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(order, CREDIT, credit);
        vm.stopPrank();
        deliver(order);
        bytes memory release = mirrored(wordDigest("Release(bytes32 order)", id));
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, release);
    }

    function test_attack_addressWithDirtyHighBits_fails() public {
        Order memory order = someOrder();
        deliver(order);
        warpPastWindow();
        bytes memory data = abi.encodeCall(market.finalize, (order));
        data[4] = 0x01;
        vm.expectRevert(IMarket.WrongStatus.selector);
        this.callMarket(data);
    }

    // -- copying -----------------------------------------------------------------------------------------------------

    function test_attack_copiedFraudProofWithoutCommitment_fails() public {
        (Order memory order, Execution.Run memory run) = cheated();
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        vm.expectRevert(ICourt.FindNotCommitted.selector);
        this.tryProve(order, run, stranger);
        proveWrong(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_attack_copiedFraudProofWithCommitmentInTheSameBlock_fails() public {
        (Order memory order, Execution.Run memory run) = cheated();
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        commitTo(order, elementTile(1, 1), stranger);
        vm.expectRevert(ICourt.FindNotCommitted.selector);
        this.tryProve(order, run, stranger);
    }

    function test_attack_copyingTheCommitment_helpsItsOwnerOnly() public {
        (Order memory order, Execution.Run memory run) = cheated();
        bytes32 digest = keccak256(abi.encode(market.orderId(order), elementTile(1, 1), challenger, SALT));
        vm.prank(stranger);
        court.commitFind(digest);
        vm.roll(block.number + 1);
        vm.expectRevert(ICourt.FindNotCommitted.selector);
        this.tryProve(order, run, stranger);
        proveWrong(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_attack_commitmentToAnotherElement_fails() public {
        (Order memory order, Execution.Run memory run) = cheated();
        commitInEarlierBlock(order, elementTile(1, 2), challenger);
        vm.expectRevert(ICourt.FindNotCommitted.selector);
        this.tryProve(order, run, challenger);
    }

    function test_attack_headerOfAnotherProvidersResult_fails() public {
        (Order memory order, Execution.Run memory run) = cheated();
        ResultHeader memory header = headerOf(run);
        Order memory other = orderOf(run);
        other.provider = challenger;
        bytes memory signature = authorization(other);
        vm.prank(challenger);
        market.acceptAndSubmit(other, AUTHORIZATION, signature, keccak256("own root"), output);
        vm.expectRevert(ICourt.WrongResult.selector);
        court.openDispute(other, header, commitment());
        assertStatus(order, OrderStatus.DELIVERED);
    }

    // -- shielding a cheat -------------------------------------------------------------------------------------------

    function test_attack_shamDispute_doesNotShieldFromAFraudProof() public {
        (Order memory order, Execution.Run memory run) = cheated();
        openDispute(order, run, client);
        convict(order, run, challenger);
        assertEq(free(challenger), FORTUNE + uint256(BOND) / 2, "challenger");
    }

    function test_attack_shamDispute_doesNotShieldFromARealDispute() public {
        (Order memory order, Execution.Run memory run) = cheated();
        openDispute(order, run, client);
        openDispute(order, run, challenger);
        descend(order, run, client);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, challenger);
        assertStatus(order, OrderStatus.SLASHED);
        assertEq(free(challenger), FORTUNE + uint256(BOND) / 2, "challenger");
    }

    function test_attack_spendingTheWindowOnALostDispute_extendsIt() public {
        (Order memory order, Execution.Run memory run) = cheated();
        vm.warp(until(order) - 1);
        openDispute(order, run, client);
        revealTo(order, client, rowAt(run, 6));
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, client);
        vm.expectRevert(IMarket.WindowOpen.selector);
        market.finalize(order);
        openDispute(order, run, challenger);
        assertEq(openDisputes(order), 1, "there was time");
    }

    function test_attack_twoDisputes_payOnlyWhenBothAreOver() public {
        (Order memory order, Execution.Run memory run) = cheated();
        openDispute(order, run, challenger);
        openDispute(order, run, stranger);
        revealTo(order, challenger, rowAt(run, 6));
        revealTo(order, stranger, rowAt(run, 6));
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, challenger);
        vm.warp(until(order));
        vm.expectRevert(IMarket.DisputesOpen.selector);
        market.finalize(order);
        court.timeOut(order, stranger);
        vm.warp(until(order));
        market.finalize(order);
        assertEq(free(provider), FORTUNE + PRICE + 2 * RESPONDENT_COST, "provider");
    }

    function test_attack_fillingTheDisputeCounter_neitherOverflowsNorStopsAProof() public {
        (Order memory order, Execution.Run memory run) = cheated();
        bytes32 id = market.orderId(order);
        bytes32 place = keccak256(abi.encode(id, uint256(0)));
        assertEq(vm.load(address(market), place), market.state(id), "the order's slot");
        vm.store(address(market), place, market.state(id) | bytes32(uint256(8191) << 232));
        vm.expectRevert(IMarket.TooManyDisputes.selector);
        this.tryOpen(order, run, challenger);
        convict(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_attack_silentProviderWhoAnswersLate_isStillSlashed() public {
        (Order memory order, Execution.Run memory run) = cheated();
        openDispute(order, run, challenger);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        bytes32[] memory row = rowAt(run, 6);
        vm.expectRevert(ICourt.TooLate.selector);
        vm.prank(provider);
        court.reveal(order, challenger, row);
        court.timeOut(order, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    // -- self-dealing ------------------------------------------------------------------------------------------------

    function test_attack_challengingOneself_losesAQuarterOfTheBond(uint96 price, uint96 bond) public {
        (Order memory order, Execution.Run memory run) = selfDeal(price, bond);
        uint256 before = wealth(client);
        convict(order, run, client);
        assertLe(wealth(client) + (uint256(order.bond) + 3) / 4, before + order.price, "a quarter is burned");
    }

    function test_attack_lettingAnOwnDisputeRunOut_losesAQuarterOfTheBond(uint96 price, uint96 bond) public {
        (Order memory order, Execution.Run memory run) = selfDeal(price, bond);
        uint256 before = wealth(client);
        openDispute(order, run, client);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, client);
        assertLe(wealth(client) + (uint256(order.bond) + 3) / 4, before + order.price, "a quarter is burned");
    }

    function test_attack_losingAnOwnDispute_losesThePriceShare(uint96 price, uint96 bond) public {
        (Order memory order, Execution.Run memory run) = selfDeal(price, bond);
        uint256 before = wealth(client);
        openDispute(order, run, client);
        bytes32[] memory row = rowAt(run, 6);
        vm.prank(client);
        court.reveal(order, client, row);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, client);
        assertEq(wealth(client) + uint256(order.price) / 10, before, "the share is burned");
    }

    // -- wrong party, wrong time, griefing ---------------------------------------------------------------------------

    function test_attack_strangerTouchingAnOrder_changesNothing() public {
        Order memory order = someOrder();
        accept(order);
        bytes[6] memory calls = [
            abi.encodeCall(market.submit, (order, TRACE_ROOT, output)),
            abi.encodeCall(market.release, (order, "")),
            abi.encodeCall(market.finalize, (order)),
            abi.encodeCall(market.expire, (order)),
            abi.encodeCall(market.cancel, (order, "", "")),
            abi.encodeCall(market.prove, (order, NATIVE, output, 0, "no"))
        ];
        assertAllFail(order, calls);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        assertAllFail(order, calls);
    }

    function test_attack_expiringADeliveryMadeInTheLastSecond_fails() public {
        Order memory order = someOrder();
        accept(order);
        vm.warp(order.deliverBy);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        vm.warp(order.deliverBy + 1);
        vm.expectRevert(IMarket.WrongStatus.selector);
        vm.prank(client);
        market.expire(order);
    }

    function test_attack_clientWithdrawingAfterAcceptance_cannotTouchTheEscrow() public {
        Order memory order = someOrder();
        deliver(order);
        vm.startPrank(client);
        vault.withdraw(FORTUNE, client);
        vm.expectRevert(IVault.InsufficientFree.selector);
        vault.withdraw(1, client);
        vm.stopPrank();
        warpPastWindow();
        market.finalize(order);
        assertEq(free(provider), FORTUNE + PRICE, "provider");
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function cheated() private returns (Order memory order, Execution.Run memory run) {
        run = cheat();
        order = deliverRun(run);
    }

    /// @dev One account is client, provider and, later, challenger.
    function selfDeal(uint96 price, uint96 bond) private returns (Order memory order, Execution.Run memory run) {
        run = cheat();
        output = Execution.outputOf(run);
        order = orderOf(run);
        order.provider = client;
        order.price = uint96(bound(price, 1, FORTUNE / 4));
        order.bond = uint96(bound(bond, 0, FORTUNE / 4));
        deliver(order, headerOf(run).traceRoot);
    }

    function wealth(address account) private view returns (uint256) {
        return free(account) + locked(account) + token.balanceOf(account);
    }

    function mirrored(bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CLIENT_KEY, digest);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        return abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? 28 : 27);
    }

    function assertAllFail(Order memory order, bytes[6] memory calls) private {
        bytes32 before = market.state(market.orderId(order));
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool done,) = address(market).call(calls[i]);
            assertTrue(!done, "refused");
        }
        assertEq(market.state(market.orderId(order)), before, "nothing changed");
    }

    function callMarket(bytes memory data) external {
        (bool done, bytes memory answer) = address(market).call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function tryProve(Order memory order, Execution.Run memory run, address who) external {
        proveWrong(order, run, who);
    }

    function tryOpen(Order memory order, Execution.Run memory run, address who) external {
        openDispute(order, run, who);
    }
}
