// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IReplication, Round, Seat} from "../../src/interfaces/IReplication.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {PanelBase} from "./PanelBase.sol";

contract ReplicationTest is PanelBase {
    bytes32 private constant OTHER_ROOT = keccak256("another trace");

    function setUp() public override {
        super.setUp();
        fillPool(6);
    }

    // -- a whole life ------------------------------------------------------------------------------------------------

    function test_order_withThreeWhoAgree_isPaidOnTheirWord() public {
        Order memory order = replicated(2, 3, 0);
        uint256 before = free(provider);
        address[] memory drawn = deliverAgreed(order, TRACE_ROOT);
        revealAll(order, drawn, TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, TRACE_ROOT, "");
        replication.close(order);
        assertStatus(order, OrderStatus.PAID);
        assertEq(uint256(gathered(order)), 1 << KIND, "settled by replicas");
        assertEq(free(provider), before + PRICE - 3 * uint256(FEE), "the provider keeps his part of the price");
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(free(drawn[i]), FEE, "so does every replica");
        }
        assertEq(locked(provider), 0, "nothing is left locked");
    }

    function test_order_withAllOfTwoKinds_isPaidAfterTheWindowWithBoth() public {
        Order memory order = replicated(2, 3, 1 << FRAUD_PROVABLE);
        address[] memory drawn = deliverAgreed(order, TRACE_ROOT);
        revealAll(order, drawn, TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, TRACE_ROOT, "");
        assertStatus(order, OrderStatus.DELIVERED);
        warpPastWindow();
        market.finalize(order);
        assertEq(uint256(gathered(order)), (1 << KIND) | (1 << FRAUD_PROVABLE), "both kinds");
    }

    function test_order_thatNeedsNoReplicas_isDeliveredWithout() public {
        Order memory order = replicated(2, 3, 0);
        order.evidence |= bytes32(uint256(1 << FRAUD_PROVABLE) << 240);
        deliver(order);
        assertStatus(order, OrderStatus.DELIVERED);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, KIND, output, TRACE_ROOT, "");
    }

    function test_seats_nobodyEarned_goBackToTheClient() public {
        Order memory order = replicated(1, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        submit(order, TRACE_ROOT);
        revealSeat(order, drawn[0], TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, TRACE_ROOT, "");
        uint256 before = free(client);
        replication.close(order);
        assertEq(free(client), before + 2 * uint256(FEE), "fees of those who were silent");
        assertEq(ticketsOf(drawn[1]), 2, "who never committed loses nothing");
    }

    function test_order_thatExpires_paysWhoCommitted_andTheRestToTheProvider() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        commitSeat(order, drawn[1], OTHER_ROOT);
        vm.warp(uint256(order.deliverBy) + 1);
        market.expire(order);
        revealSeat(order, drawn[0], TRACE_ROOT);
        revealSeat(order, drawn[1], OTHER_ROOT);
        uint256 before = free(provider);
        replication.close(order);
        assertEq(free(drawn[0]), FEE, "whoever worked is paid");
        assertEq(free(drawn[1]), FEE, "whatever came out");
        assertEq(free(provider), before + FEE, "what was not earned is the provider's");
        assertEq(locked(provider), 0, "nothing is left locked");
    }

    function test_order_releasedByTheClient_stillPaysReplicas() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        commitSeat(order, drawn[1], OTHER_ROOT);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        submit(order, TRACE_ROOT);
        vm.prank(client);
        market.release(order, "");
        revealSeat(order, drawn[0], TRACE_ROOT);
        revealSeat(order, drawn[1], OTHER_ROOT);
        replication.settle(order, drawn[1]);
        assertEq(free(drawn[0]), FEE, "who agreed");
        assertEq(free(drawn[1]), FEE, "who disagreed: a release overrules nobody");
        assertEq(ticketsOf(drawn[1]), 2, "nor does it cost him");
    }

    // -- what is refused ---------------------------------------------------------------------------------------------

    function test_seal_byOthersOrTwice_isRefused() public {
        Order memory order = replicated(2, 3, 0);
        vm.expectRevert(IReplication.NotProvider.selector);
        replication.seal(order, 0);
        vm.startPrank(provider);
        vm.expectRevert(IReplication.WrongStatus.selector);
        replication.seal(order, 0);
        vm.stopPrank();
        acceptAndSeal(order, TRACE_ROOT);
        vm.expectRevert(IReplication.AlreadySealed.selector);
        vm.prank(provider);
        replication.seal(order, 0);
    }

    function test_seal_ofAnOrderWithoutReplicas_isRefused() public {
        Order memory order = someOrder();
        accept(order);
        vm.expectRevert(IReplication.NotInPolicy.selector);
        vm.prank(provider);
        replication.seal(order, 0);
    }

    function test_seal_withNumbersOrTimesThatDoNotFit_isRefused() public {
        refuseToSeal(replicated(0, 3, 0));
        refuseToSeal(replicated(4, 3, 0));
        Order memory order = replicated(1, 1, 0);
        order.deliverBy = uint40(block.timestamp + 2 * COMMIT_TIME);
        refuseToSeal(order);
        order = replicated(1, 1, 0);
        order.window = 2 * REVEAL_TIME - 1;
        refuseToSeal(order);
        order = replicated(1, 1, 0);
        order.window = UNBONDING;
        refuseToSeal(order);
    }

    function refuseToSeal(Order memory order) private {
        accept(order);
        vm.expectRevert(IReplication.BadTerms.selector);
        vm.prank(provider);
        replication.seal(order, 0);
    }

    function test_seal_withoutMoneyForTheFees_isRefused() public {
        Order memory order = replicated(2, 3, 0);
        accept(order);
        vm.startPrank(provider);
        vault.withdraw(free(provider) - 3 * uint256(FEE) + 1, provider);
        vm.expectRevert(IVault.InsufficientFree.selector);
        replication.seal(order, 0);
    }

    function test_draw_atTheWrongTime_isRefused() public {
        Order memory order = replicated(2, 3, 0);
        vm.expectRevert(IReplication.WrongStatus.selector);
        replication.draw(order, header(RANDOM));
        accept(order);
        vm.expectRevert(IReplication.NotSealed.selector);
        replication.draw(order, header(RANDOM));
        seal(order, TRACE_ROOT);
        vm.expectRevert(IReplication.DrawTooEarly.selector);
        replication.draw(order, header(RANDOM));
        uint256 state = vm.snapshotState();
        draw(order);
        vm.expectRevert(IReplication.AlreadyDrawn.selector);
        replication.draw(order, header(RANDOM));
        vm.revertToState(state);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        vm.expectRevert(IReplication.TooLate.selector);
        replication.draw(order, header(RANDOM));
    }

    function test_draw_ofABlockThatIsForgotten_movesToAnother() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        bytes32 id = market.orderId(order);
        vm.roll(uint256(replication.round(id).drawBlock) + 257);
        replication.draw(order, header(RANDOM));
        assertEq(uint256(replication.round(id).drawBlock), block.number + DRAW_DELAY, "another block");
        assertEq(draw(order).length, 3, "drawn after all");
    }

    function test_draw_fromAnEmptyPool_isRefused_andTheOrderIsDeliveredWithout() public {
        for (uint256 i = 0; i < 6; ++i) {
            vm.prank(replicaNumber(i));
            replication.leave();
        }
        vm.roll(block.number + 1);
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        Round memory one = replication.round(market.orderId(order));
        vm.roll(uint256(one.drawBlock) + 1);
        vm.setBlockhash(one.drawBlock, keccak256(header(RANDOM)));
        vm.expectRevert(IReplication.PoolEmpty.selector);
        replication.draw(order, header(RANDOM));
        vm.expectRevert(IReplication.CommitsOpen.selector);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        submit(order, TRACE_ROOT);
        assertStatus(order, OrderStatus.DELIVERED);
    }

    function test_commit_byOthersTwiceOrLate_isRefused() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        bytes32 id = market.orderId(order);
        vm.expectRevert(IReplication.NoSeat.selector);
        vm.prank(stranger);
        replication.commit(id, 0);
        commitSeat(order, drawn[0], TRACE_ROOT);
        vm.expectRevert(IReplication.NoSeat.selector);
        vm.prank(drawn[0]);
        replication.commit(id, 0);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        vm.expectRevert(IReplication.TooLate.selector);
        vm.prank(drawn[1]);
        replication.commit(id, 0);
    }

    function test_commit_afterTheOrderEnded_isRefused() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        bytes32 id = market.orderId(order);
        bytes memory clientSays = signed(CLIENT_KEY, wordDigest("Cancel(bytes32 order)", id));
        vm.prank(provider);
        market.cancel(order, clientSays, "");
        vm.expectRevert(IReplication.WrongStatus.selector);
        vm.prank(drawn[0]);
        replication.commit(id, 0);
    }

    function test_reveal_beforeDeliveryOrLate_isRefused() public {
        Order memory order = replicated(1, 2, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        commitSeat(order, drawn[1], TRACE_ROOT);
        ResultHeader memory result = headerWith(TRACE_ROOT);
        vm.expectRevert(IReplication.TooEarly.selector);
        vm.prank(drawn[0]);
        replication.reveal(order, result, SEAT_SALT);
        submit(order, TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        vm.expectRevert(IReplication.TooLate.selector);
        vm.prank(drawn[0]);
        replication.reveal(order, result, SEAT_SALT);
    }

    function test_settle_andClose_beforeTheirTime_areRefused() public {
        Order memory order = replicated(1, 2, 0);
        vm.expectRevert(IReplication.NotSealed.selector);
        replication.close(order);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        commitSeat(order, drawn[1], OTHER_ROOT);
        submit(order, TRACE_ROOT);
        vm.expectRevert(IReplication.TooEarly.selector);
        replication.settle(order, drawn[0]);
        vm.expectRevert(IReplication.WrongStatus.selector);
        replication.close(order);
        revealSeat(order, drawn[0], TRACE_ROOT);
        revealSeat(order, drawn[1], OTHER_ROOT);
        vm.expectRevert(IReplication.TooEarly.selector);
        replication.settle(order, drawn[1]);
        vm.expectRevert(IReplication.NoSeat.selector);
        replication.settle(order, drawn[0]);
        warpPastWindow();
        market.finalize(order);
        vm.expectRevert(IReplication.SeatsOpen.selector);
        replication.close(order);
        replication.settle(order, drawn[1]);
        replication.close(order);
        vm.expectRevert(IReplication.WrongStatus.selector);
        replication.close(order);
    }

    function test_delivering_bySomebodyElse_isRefused() public {
        vm.expectRevert(IReplication.NotAuthorized.selector);
        replication.delivering(bytes32(0), 0, 0);
    }

    function test_prove_beforeTheRevealsAreOver_orWithTooFew_isRefused() public {
        Order memory order = replicated(3, 3, 0);
        address[] memory drawn = deliverAgreed(order, TRACE_ROOT);
        revealSeat(order, drawn[0], TRACE_ROOT);
        revealSeat(order, drawn[1], TRACE_ROOT);
        refuseEvidence(order);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        refuseEvidence(order);
        replication.settle(order, drawn[2]);
        assertEq(ticketsOf(drawn[2]), 1, "silence costs a ticket");
        assertSeat(order, drawn[2], Seat.SETTLED);
        refuseEvidence(order);
    }

    function refuseEvidence(Order memory order) private {
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, KIND, output, TRACE_ROOT, "");
    }
}
