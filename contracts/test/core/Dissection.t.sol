// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Court} from "../../src/court/Court.sol";
import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Dispute, ModelCommitment, Order, OrderStatus, ResultHeader, Turn} from "../../src/types/Types.sol";
import {CourtBase} from "./CourtBase.sol";
import {Execution, Trees} from "./Execution.sol";

/// @dev Disputes about a withheld trace, move by move.
contract DissectionTest is CourtBase {
    using Trees for Trees.Tree;

    Execution.Run private run;
    Order private order;
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        run = cheat();
        order = deliverRun(run);
        id = market.orderId(order);
    }

    // -- open --------------------------------------------------------------------------------------------------------

    function test_openDispute_inTheWindow_locksTheBondAndBlocksPayment() public {
        vm.expectEmit(address(court));
        emit ICourt.DisputeOpened(id, challenger, uint40(block.timestamp + MOVE_TIME));
        openDispute(order, run, challenger);
        assertEq(locked(challenger), DISPUTE_BOND, "bond");
        assertEq(court.disputeBond(PRICE), DISPUTE_BOND, "bond as told");
        assertEq(openDisputes(order), 1, "open disputes");
        assertDispute(run.trace.root(), 6, Turn.PROVIDER);
        warpPastWindow();
        vm.expectRevert(IMarket.DisputesOpen.selector);
        market.finalize(order);
        vm.expectRevert(IMarket.DisputesOpen.selector);
        vm.prank(client);
        market.release(order, "");
        bytes memory agreed = signed(PROVIDER_KEY, wordDigest("Cancel(bytes32 order)", id));
        vm.expectRevert(IMarket.DisputesOpen.selector);
        vm.prank(client);
        market.cancel(order, "", agreed);
    }

    function test_prove_whileADisputeIsOpen_isGatheredButDoesNotPay() public {
        openDispute(order, run, challenger);
        market.prove(order, NATIVE, output, run.trace.root(), output);
        assertStatus(order, OrderStatus.DELIVERED);
        assertEq(gathered(order), 1, "gathered");
        assertEq(openDisputes(order), 1, "still open");
    }

    function test_openDispute_ofATraceOfOneWord_asksForTheLeaf() public {
        Order memory small = someOrder();
        ModelCommitment memory model = commitment();
        model.dimensions = 0;
        small.model = keccak256(abi.encode(model));
        bytes32 word = keccak256("only word");
        bytes32 root = keccak256(abi.encode(word));
        deliver(small, root);
        vm.prank(challenger);
        court.openDispute(small, ResultHeader(root, keccak256(output)), model);
        bytes32[] memory row = new bytes32[](1);
        row[0] = root;
        vm.startPrank(provider);
        vm.expectRevert(ICourt.WrongTurn.selector);
        court.reveal(small, challenger, row);
        court.revealLeaf(small, challenger, word);
        vm.stopPrank();
    }

    function test_openDispute_afterTheWindow_isRefused() public {
        warpPastWindow();
        vm.expectRevert(ICourt.WindowClosed.selector);
        this.tryOpen();
    }

    function test_openDispute_ofAnOrderThatIsNotDelivered_isRefused() public {
        vm.prank(client);
        market.release(order, "");
        vm.expectRevert(ICourt.WrongStatus.selector);
        this.tryOpen();
    }

    function test_openDispute_aboutAnotherResultOrModel_isRefused() public {
        ModelCommitment memory model = commitment();
        ResultHeader memory header = headerOf(run);
        header.outputHash = 0;
        vm.startPrank(challenger);
        vm.expectRevert(ICourt.WrongResult.selector);
        court.openDispute(order, header, model);
        header = headerOf(run);
        model.dimensions = 0;
        vm.expectRevert(ICourt.WrongModel.selector);
        court.openDispute(order, header, model);
        vm.stopPrank();
    }

    function test_openDispute_twiceByOneChallenger_isRefused() public {
        openDispute(order, run, challenger);
        vm.expectRevert(ICourt.DisputeExists.selector);
        this.tryOpen();
    }

    function test_openDispute_withoutABond_isRefused() public {
        vm.prank(challenger);
        vault.withdraw(FORTUNE - DISPUTE_BOND + 1, challenger);
        vm.expectRevert(IVault.InsufficientFree.selector);
        this.tryOpen();
    }

    // -- moves -------------------------------------------------------------------------------------------------------

    function test_dissection_ofAWrongWord_endsInAFraudProof() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        vm.expectEmit(address(court));
        emit ICourt.ChildrenRevealed(id, challenger, row, uint40(block.timestamp + MOVE_TIME));
        revealTo(order, challenger, row);
        assertDispute(run.trace.root(), 6, Turn.CHALLENGER_PICKS);
        vm.expectEmit(address(court));
        emit ICourt.ChildPicked(id, challenger, 2, uint40(block.timestamp + MOVE_TIME));
        pickBy(order, challenger, row, 2);
        assertDispute(row[2], 2, Turn.PROVIDER);
        row = rowAt(run, 2);
        assertEq(row.length, 4, "fewer children at the bottom");
        revealTo(order, challenger, row);
        pickBy(order, challenger, row, 0);
        assertDispute(run.trace.node(0, 8), 0, Turn.PROVIDER);
        vm.expectEmit(address(court));
        emit ICourt.LeafRevealed(id, challenger, run.words[8], uint40(block.timestamp + MOVE_TIME));
        showLeaf(order, run, challenger);
        assertDispute(run.trace.node(0, 8), 0, Turn.CHALLENGER_PROVES);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        vm.expectEmit(address(court));
        emit ICourt.DisputeClosed(id, challenger);
        proveWrong(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
        assertEq(locked(challenger), 0, "bond came back");
        assertDispute(0, 0, Turn.NONE);
    }

    function test_pick_ofAChildWithItsPath_endsLikePickFromTheRow(uint256 index) public {
        index = bound(index, 0, 15);
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        revealTo(order, challenger, row);
        pickBy(order, challenger, Trees.childWithPath(row, index), index);
        assertDispute(row[index], 2, Turn.PROVIDER);
        row = run.trace.row(2, index);
        revealTo(order, challenger, row);
        pickBy(order, challenger, Trees.childWithPath(row, index % 4), index % 4);
        assertDispute(row[index % 4], 0, Turn.PROVIDER);
    }

    function test_pick_ofAChildWithAnotherIndex_isRefused(uint256 index, uint256 claimed) public {
        index = bound(index, 0, 15);
        vm.assume(claimed % 16 != index);
        openDispute(order, run, challenger);
        bytes32[] memory row = randomRow();
        Order memory other = deliverRoot(fold(row));
        openOther(other, fold(row));
        revealTo(other, challenger, row);
        bytes32[] memory shown = Trees.childWithPath(row, index);
        vm.expectRevert(ICourt.BadChildren.selector);
        vm.prank(challenger);
        court.pick(other, shown, claimed);
    }

    function test_pick_outOfRange_isRefused(uint256 index) public {
        index = bound(index, 16, type(uint256).max);
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        revealTo(order, challenger, row);
        vm.startPrank(challenger);
        vm.expectRevert(ICourt.BadIndex.selector);
        court.pick(order, row, index);
        bytes32[] memory shown = Trees.childWithPath(row, 3);
        vm.expectRevert(ICourt.BadIndex.selector);
        court.pick(order, shown, (index & ~uint256(15)) | 3);
        vm.stopPrank();
    }

    function test_reveal_ofAnythingButTheRow_isRefused() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        row[7] ^= bytes32(uint256(1) << 255);
        refuseReveal(row, ICourt.BadChildren.selector);
        refuseReveal(new bytes32[](0), ICourt.BadChildren.selector);
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (run.trace.node(5, 0), run.trace.node(5, 1));
        refuseReveal(two, ICourt.BadChildren.selector);
        bytes32[] memory one = new bytes32[](1);
        one[0] = run.trace.root();
        refuseReveal(one, ICourt.BadChildren.selector);
    }

    function test_pick_ofAnythingButTheRow_isRefused() public {
        openDispute(order, run, challenger);
        revealTo(order, challenger, rowAt(run, 6));
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (run.trace.node(5, 0), run.trace.node(5, 1));
        vm.startPrank(challenger);
        vm.expectRevert(ICourt.BadChildren.selector);
        court.pick(order, two, 0);
        vm.expectRevert(ICourt.BadChildren.selector);
        court.pick(order, new bytes32[](0), 0);
        vm.stopPrank();
    }

    function test_revealLeaf_ofAnotherWord_isRefused() public {
        openDispute(order, run, challenger);
        descend(order, run, challenger);
        vm.expectRevert(ICourt.BadChildren.selector);
        vm.prank(provider);
        court.revealLeaf(order, challenger, honest().words[8]);
    }

    function test_moves_outOfTurn_areRefused() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        vm.expectRevert(ICourt.WrongTurn.selector);
        vm.prank(challenger);
        court.pick(order, row, 0);
        vm.expectRevert(ICourt.WrongTurn.selector);
        vm.prank(provider);
        court.revealLeaf(order, challenger, 0);
        revealTo(order, challenger, row);
        refuseReveal(row, ICourt.WrongTurn.selector);
    }

    function test_moves_ofTheProvider_bySomebodyElse_areRefused() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        vm.startPrank(challenger);
        vm.expectRevert(ICourt.NotProvider.selector);
        court.reveal(order, challenger, row);
        vm.expectRevert(ICourt.NotProvider.selector);
        court.revealLeaf(order, challenger, 0);
        vm.stopPrank();
    }

    function test_moves_inTheLastSecond_areInTime() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        vm.warp(block.timestamp + MOVE_TIME);
        revealTo(order, challenger, row);
        vm.warp(block.timestamp + MOVE_TIME);
        pickBy(order, challenger, row, 2);
    }

    function test_moves_afterTheClock_areRefused() public {
        openDispute(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        uint256 before = vm.snapshotState();
        vm.warp(block.timestamp + MOVE_TIME + 1);
        refuseReveal(row, ICourt.TooLate.selector);
        vm.revertToState(before);
        revealTo(order, challenger, row);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        vm.expectRevert(ICourt.TooLate.selector);
        vm.prank(challenger);
        court.pick(order, row, 2);
        vm.revertToState(before);
        descend(order, run, challenger);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        vm.expectRevert(ICourt.TooLate.selector);
        vm.prank(provider);
        court.revealLeaf(order, challenger, run.words[8]);
    }

    function test_moves_withoutADispute_areRefused() public {
        bytes32[] memory row = rowAt(run, 6);
        refuseReveal(row, ICourt.NoDispute.selector);
        vm.expectRevert(ICourt.NoDispute.selector);
        court.timeOut(order, challenger);
        vm.prank(client);
        market.release(order, "");
        refuseReveal(row, ICourt.WrongStatus.selector);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.timeOut(order, challenger);
    }

    // -- time-outs ---------------------------------------------------------------------------------------------------

    function test_timeOut_ofASilentProvider_slashes() public {
        openDispute(order, run, challenger);
        vm.warp(block.timestamp + MOVE_TIME);
        vm.expectRevert(ICourt.NotTimedOut.selector);
        court.timeOut(order, challenger);
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(market));
        emit IMarket.Slashed(id, challenger, PRICE + uint256(BOND) / 4, uint256(BOND) / 2, uint256(BOND) / 4 + 1);
        vm.expectEmit(address(court));
        emit ICourt.DisputeClosed(id, challenger);
        vm.prank(stranger);
        court.timeOut(order, challenger);
        assertStatus(order, OrderStatus.SLASHED);
        assertEq(free(challenger), FORTUNE + uint256(BOND) / 2, "reward and bond");
        assertEq(locked(challenger), 0, "bond");
    }

    function test_timeOut_ofASilentChallenger_costsHisBondAndExtendsTheWindow() public {
        openDispute(order, run, challenger);
        revealTo(order, challenger, rowAt(run, 6));
        vm.warp(block.timestamp + MOVE_TIME + 1);
        uint256 end = block.timestamp + WINDOW;
        vm.expectEmit(address(court));
        emit ICourt.DisputeLost(id, challenger, RESPONDENT_COST, DISPUTE_BOND - RESPONDENT_COST, uint40(end));
        court.timeOut(order, challenger);
        assertStatus(order, OrderStatus.DELIVERED);
        assertEq(openDisputes(order), 0, "open disputes");
        assertEq(until(order), end, "window");
        assertEq(free(challenger), FORTUNE - DISPUTE_BOND, "challenger");
        assertEq(locked(challenger), 0, "bond");
        assertEq(free(provider), FORTUNE - BOND + RESPONDENT_COST, "provider");
        assertEq(free(BURN), DISPUTE_BOND - RESPONDENT_COST, "burned");
        openDispute(order, run, challenger);
        assertEq(openDisputes(order), 1, "the same challenger may try again");
    }

    function test_timeOut_ofAChallengerWhoCannotProve_costsHisBond() public {
        openDispute(order, run, challenger);
        descend(order, run, challenger);
        showLeaf(order, run, challenger);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(order, challenger);
        assertEq(free(challenger), FORTUNE - DISPUTE_BOND, "challenger");
        vm.warp(until(order));
        market.finalize(order);
        assertStatus(order, OrderStatus.PAID);
    }

    function test_disputes_ofAnOrderSlashedByAnother_areClosedWithTheirBond() public {
        openDispute(order, run, challenger);
        openDispute(order, run, stranger);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.closeDispute(order, stranger);
        convict(order, run, challenger);
        bytes32[] memory row = rowAt(run, 6);
        vm.expectRevert(ICourt.WrongStatus.selector);
        vm.prank(provider);
        court.reveal(order, stranger, row);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.timeOut(order, stranger);
        vm.expectRevert(ICourt.NoDispute.selector);
        court.closeDispute(order, challenger);
        vm.expectEmit(address(court));
        emit ICourt.DisputeClosed(id, stranger);
        court.closeDispute(order, stranger);
        assertEq(free(stranger), FORTUNE, "bond came back");
        vm.expectRevert(ICourt.NoDispute.selector);
        court.closeDispute(order, stranger);
    }

    function test_disputes_whenABystanderProves_canAllBeClosed() public {
        openDispute(order, run, challenger);
        convict(order, run, stranger);
        bytes32[] memory row = rowAt(run, 6);
        refuseReveal(row, ICourt.WrongStatus.selector);
        court.closeDispute(order, challenger);
        assertEq(free(challenger), FORTUNE, "bond came back");
    }

    // -- deployment --------------------------------------------------------------------------------------------------

    function test_constructor_withUselessParameters_isRefused() public {
        vm.expectRevert(ICourt.BadParameters.selector);
        new Court(market, vault, 0, RESPONDENT_COST, 10);
        vm.expectRevert(ICourt.BadParameters.selector);
        new Court(market, vault, 1 << 32, RESPONDENT_COST, 10);
        vm.expectRevert(ICourt.BadParameters.selector);
        new Court(market, vault, MOVE_TIME, 1 << 96, 10);
        vm.expectRevert(ICourt.BadParameters.selector);
        new Court(market, vault, MOVE_TIME, RESPONDENT_COST, 101);
    }

    function test_views_ofTheCourt_nameItsParts() public view {
        assertEq(court.market(), address(market), "market");
        assertEq(court.vault(), address(vault), "vault");
        (uint256 moveTime, uint256 respondentCost, uint256 share) = court.parameters();
        assertEq(moveTime, MOVE_TIME, "move time");
        assertEq(respondentCost, RESPONDENT_COST, "respondent's cost");
        assertEq(share, 10, "share of the price");
        assertEq(court.version(), "1.0.0", "version");
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function tryOpen() external {
        openDispute(order, run, challenger);
    }

    function refuseReveal(bytes32[] memory row, bytes4 reason) private {
        vm.expectRevert(reason);
        vm.prank(provider);
        court.reveal(order, challenger, row);
    }

    function assertDispute(bytes32 node, uint256 height, Turn turn) private view {
        Dispute memory dispute = court.dispute(id, challenger);
        assertEq(bytes32(dispute.node), bytes32(bytes25(node)), "node");
        assertEq(uint256(dispute.height), height, "height");
        assertEq(uint256(dispute.turn), uint256(turn), "turn");
        assertEq(dispute.deadline, turn == Turn.NONE ? 0 : block.timestamp + MOVE_TIME, "deadline");
    }

    /// @dev Sixteen different hashes: in the cheated trace some subtrees are equal.
    function randomRow() private pure returns (bytes32[] memory) {
        return Execution.noise("row", 16);
    }

    function fold(bytes32[] memory row) private pure returns (bytes32) {
        return Trees.Tree(row, 4, 0).root();
    }

    function deliverRoot(bytes32 root) private returns (Order memory other) {
        other = someOrder();
        other.salt = keccak256("other");
        other.model = keccak256(abi.encode(commitment()));
        deliver(other, root);
    }

    function openOther(Order memory other, bytes32 root) private {
        ModelCommitment memory model = commitment();
        vm.prank(challenger);
        court.openDispute(other, ResultHeader(root, keccak256(output)), model);
    }
}
