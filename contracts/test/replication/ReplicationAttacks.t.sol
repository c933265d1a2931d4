// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IReplication, Round, Seat} from "../../src/interfaces/IReplication.sol";
import {ElementProof, ModelCommitment, Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {Execution, Trees} from "../core/Execution.sol";
import {PanelBase} from "./PanelBase.sol";

/// @dev Every way in which somebody could use replicas against somebody, and how it ends.
contract ReplicationAttacksTest is PanelBase {
    using Trees for Trees.Tree;

    bytes32 private constant OTHER_ROOT = keccak256("another trace");

    function setUp() public override {
        super.setUp();
        fillPool(6);
    }

    // -- replicas ----------------------------------------------------------------------------------------------------

    function test_attack_copyOfAnothersCommitment_cannotBeRevealed() public {
        Order memory order = replicated(2, 2, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        bytes32 copied = seatDigest(order, drawn[0], TRACE_ROOT);
        bytes32 id = market.orderId(order);
        vm.prank(drawn[1]);
        replication.commit(id, copied);
        submit(order, TRACE_ROOT);
        revealSeat(order, drawn[0], TRACE_ROOT);
        ResultHeader memory result = headerWith(TRACE_ROOT);
        vm.expectRevert(IReplication.BadReveal.selector);
        vm.prank(drawn[1]);
        replication.reveal(order, result, SEAT_SALT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        replication.settle(order, drawn[1]);
        assertEq(ticketsOf(drawn[1]), 1, "and the copy costs a ticket");
    }

    function test_attack_waitingForTheResultBeforeCommitting_isTooLate() public {
        Order memory order = replicated(1, 2, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], TRACE_ROOT);
        vm.expectRevert(IReplication.CommitsOpen.selector);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        vm.warp(block.timestamp + COMMIT_TIME + 1);
        submit(order, TRACE_ROOT);
        bytes32 digest = seatDigest(order, drawn[1], TRACE_ROOT);
        bytes32 id = market.orderId(order);
        vm.expectRevert(IReplication.TooLate.selector);
        vm.prank(drawn[1]);
        replication.commit(id, digest);
    }

    function test_attack_blockingTheEvidenceWithAFalseResult_costsATicketEachTime() public {
        Order memory order = replicated(1, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order);
        for (uint256 i = 0; i < 3; ++i) {
            commitSeat(order, drawn[i], i == 0 ? OTHER_ROOT : TRACE_ROOT);
        }
        submit(order, TRACE_ROOT);
        revealSeat(order, drawn[0], OTHER_ROOT);
        revealSeat(order, drawn[1], TRACE_ROOT);
        revealSeat(order, drawn[2], TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, KIND, output, TRACE_ROOT, "");
        warpPastWindow();
        market.finalize(order);
        uint256 burned = free(BURN);
        replication.settle(order, drawn[0]);
        assertEq(ticketsOf(drawn[0]), 1, "nobody could show a fraud: he was wrong");
        assertEq(free(BURN), burned + TICKET, "nobody gains by that");
        assertEq(free(drawn[0]), 0, "and he earned nothing");
        assertEq(uint256(gathered(order)), 1 << FRAUD_PROVABLE, "the order stands on its window alone");
    }

    function test_attack_takingTheStakeAwayBeforeARoundEnds_isImpossible() public {
        Order memory order = replicated(1, 1, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address one = draw(order)[0];
        vm.prank(one);
        replication.leave();
        commitSeat(order, one, TRACE_ROOT);
        submit(order, TRACE_ROOT);
        warpPastWindow();
        vm.expectRevert(IReplication.StillBound.selector);
        replication.collect(one);
        replication.settle(order, one);
        assertEq(ticketsOf(one), 1, "silence still costs");
    }

    function test_attack_lastTicketLost_leavesThePool() public {
        join(replicaNumber(40), 1);
        for (uint256 i = 0; i < 6; ++i) {
            vm.prank(replicaNumber(i));
            replication.leave();
        }
        vm.roll(block.number + 1);
        Order memory order = replicated(1, 1, 0);
        acceptAndSeal(order, TRACE_ROOT);
        draw40(order);
        commitSeat(order, replicaNumber(40), TRACE_ROOT);
        submit(order, TRACE_ROOT);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        replication.settle(order, replicaNumber(40));
        assertEq(replication.totalTickets(), 0, "nobody is left");
        vm.warp(block.timestamp + UNBONDING);
        replication.collect(replicaNumber(40));
        assertEq(locked(replicaNumber(40)), 0, "nothing is bound");
    }

    function draw40(Order memory order) private {
        Round memory one = replication.round(market.orderId(order));
        vm.roll(uint256(one.drawBlock) + 1);
        vm.setBlockhash(one.drawBlock, keccak256(header(RANDOM)));
        replication.draw(order, header(RANDOM));
    }

    // -- providers ---------------------------------------------------------------------------------------------------

    function test_attack_anotherResultThanTheSealedOne_isNotDelivered() public {
        Order memory order = replicated(1, 1, 0);
        acceptAndSeal(order, TRACE_ROOT);
        commitSeat(order, draw(order)[0], TRACE_ROOT);
        vm.expectRevert(IReplication.WrongResult.selector);
        vm.prank(provider);
        market.submit(order, OTHER_ROOT, output);
    }

    function test_attack_deliveringWithoutReplicas_fails() public {
        Order memory order = replicated(2, 3, 1 << FRAUD_PROVABLE);
        bytes memory signature = authorization(order);
        vm.startPrank(provider);
        vm.expectRevert(IReplication.NotSealed.selector);
        market.acceptAndSubmit(order, AUTHORIZATION, signature, TRACE_ROOT, output);
        market.accept(order, AUTHORIZATION, signature);
        vm.expectRevert(IReplication.NotSealed.selector);
        market.submit(order, TRACE_ROOT, output);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, KIND, output, TRACE_ROOT, "");
    }

    function test_attack_grindingTheDraw_hasOneRandomNumberOnly(bytes32 liked) public {
        vm.assume(liked != RANDOM && liked != 0);
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        bytes32 id = market.orderId(order);
        uint256 drawBlock = replication.round(id).drawBlock;
        vm.roll(drawBlock + 9);
        vm.setBlockhash(drawBlock, keccak256(header(RANDOM)));
        vm.setBlockhash(drawBlock + 1, keccak256(header(liked)));
        vm.expectRevert(IReplication.BadHeader.selector);
        replication.draw(order, header(liked));
        vm.expectRevert(IReplication.AlreadySealed.selector);
        vm.prank(provider);
        replication.seal(order, 0);
        // Waiting does not help either: until the chain forgets the block, anybody draws with its number.
        vm.prank(stranger);
        replication.draw(order, header(RANDOM));
        assertEq(uint256(replication.round(id).drawn), 3, "drawn with the one number");
    }

    function test_attack_builderOfTheBlock_cannotChooseAmongHashes() public {
        Order memory order = replicated(1, 1, 0);
        acceptAndSeal(order, TRACE_ROOT);
        uint256 drawBlock = replication.round(market.orderId(order)).drawBlock;
        vm.roll(drawBlock + 1);
        uint256 state = vm.snapshotState();
        address first = address(0);
        for (uint256 i = 0; i < 8; ++i) {
            // The same random number in blocks of other content: the hash differs, the draw does not.
            bytes memory other = abi.encodePacked(hex"ef80808080808080808080808080a0", RANDOM, bytes1(uint8(i + 1)));
            vm.setBlockhash(drawBlock, keccak256(other));
            replication.draw(order, other);
            address drawn = drawnFor(order)[0];
            if (first == address(0)) first = drawn;
            assertEq(drawn, first, "whatever he puts into the block");
            vm.revertToState(state);
        }
    }

    function test_attack_joiningAfterTheSeal_isTooLateForTheDraw() public {
        Order memory order = replicated(2, 3, 0);
        acceptAndSeal(order, TRACE_ROOT);
        uint256 state = vm.snapshotState();
        address[] memory drawn = draw(order);
        vm.revertToState(state);
        join(replicaNumber(7), 60_000);
        vm.prank(replicaNumber(0));
        replication.leave();
        address[] memory again = draw(order);
        assertEq(keccak256(abi.encode(again)), keccak256(abi.encode(drawn)), "the draw");
    }

    // -- all of them together ----------------------------------------------------------------------------------------

    function test_attack_providerAndAllReplicas_loseToOneHonestChallenger() public {
        Execution.Run memory run = cheat();
        Order memory order = replicatedRun(2, 2, run);
        bytes32 root = run.trace.root();
        address[] memory drawn = deliverAgreed(order, root);
        revealAll(order, drawn, root);
        vm.expectRevert(IMarket.EvidenceRejected.selector);
        market.prove(order, KIND, output, root, "");
        convict(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
        for (uint256 i = 0; i < drawn.length; ++i) {
            uint256 before = free(challenger);
            convictReplica(order, run, drawn[i]);
            assertEq(free(challenger), before + TICKET, "half of the stake of two tickets");
            assertEq(ticketsOf(drawn[i]), 0, "all of it is gone");
            assertSeat(order, drawn[i], Seat.CONVICTED);
        }
    }

    function test_attack_replicasOfAPaidFraud_areStillConvicted() public {
        Execution.Run memory run = cheat();
        Order memory order = replicatedRun(2, 2, run);
        bytes32 root = run.trace.root();
        address[] memory drawn = deliverAgreed(order, root);
        revealAll(order, drawn, root);
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, root, "");
        assertStatus(order, OrderStatus.PAID);
        convictReplica(order, run, drawn[0]);
        assertEq(ticketsOf(drawn[0]), 0, "the stake is gone");
    }

    function test_attack_convictingAnHonestReplica_fails() public {
        Execution.Run memory run = honest();
        Order memory order = replicatedRun(1, 1, run);
        bytes32 root = run.trace.root();
        address one = deliverAgreed(order, root)[0];
        revealSeat(order, one, root);
        ElementProof memory proof = Execution.resultProof(theModel(), run, WRONG_ELEMENT);
        ResultHeader memory result = headerWith(root);
        ModelCommitment memory model = commitment();
        commitToReplica(order, one);
        vm.expectRevert(IReplication.NoFraud.selector);
        vm.prank(challenger);
        replication.convictElement(order, one, result, model, proof, SALT);
    }

    function test_attack_stealingAFindAboutAReplica_fails() public {
        Execution.Run memory run = cheat();
        Order memory order = replicatedRun(1, 1, run);
        bytes32 root = run.trace.root();
        address one = deliverAgreed(order, root)[0];
        revealSeat(order, one, root);
        commitToReplica(order, one);
        ElementProof memory proof = Execution.resultProof(theModel(), run, WRONG_ELEMENT);
        ResultHeader memory result = headerWith(root);
        ModelCommitment memory model = commitment();
        vm.expectRevert(IReplication.FindNotCommitted.selector);
        vm.prank(stranger);
        replication.convictElement(order, one, result, model, proof, SALT);
    }

    function test_dissenter_whoIsConvicted_noLongerBlocksTheEvidence() public {
        Execution.Run memory right = honest();
        Execution.Run memory wrong = cheat();
        bytes memory wrongOutput = Execution.outputOf(wrong);
        Order memory order = replicatedRun(1, 2, right);
        acceptAndSeal(order, right.trace.root());
        address[] memory drawn = draw(order);
        commitSeat(order, drawn[0], right.trace.root());
        bytes memory rightOutput = output;
        output = wrongOutput;
        commitSeat(order, drawn[1], wrong.trace.root());
        output = rightOutput;
        submit(order, right.trace.root());
        revealSeat(order, drawn[0], right.trace.root());
        output = wrongOutput;
        revealSeat(order, drawn[1], wrong.trace.root());
        assertSeat(order, drawn[1], Seat.DISAGREED);
        convictReplica(order, wrong, drawn[1]);
        output = rightOutput;
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, right.trace.root(), "");
        assertStatus(order, OrderStatus.PAID);
        replication.close(order);
        assertEq(locked(provider), 0, "nothing is left locked");
    }

    function commitToReplica(Order memory order, address replica) private {
        bytes32 about = keccak256(abi.encode(market.orderId(order), replica));
        bytes32 digest = keccak256(abi.encode(about, elementTile(1, WRONG_ELEMENT), challenger, SALT));
        vm.prank(challenger);
        court.commitFind(digest);
        vm.roll(block.number + 1);
    }

    function convictReplica(Order memory order, Execution.Run memory run, address replica) private {
        commitToReplica(order, replica);
        ElementProof memory proof = Execution.resultProof(theModel(), run, WRONG_ELEMENT);
        ResultHeader memory result = headerWith(run.trace.root());
        ModelCommitment memory model = commitment();
        vm.prank(challenger);
        replication.convictElement(order, replica, result, model, proof, SALT);
    }
}
