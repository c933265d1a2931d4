// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {
    ModelCommitment,
    Opening,
    Order,
    OrderStatus,
    OutputProof,
    ResultHeader,
    ResultOpening
} from "../../src/types/Types.sol";
import {CourtBase} from "../core/CourtBase.sol";
import {Execution, Trees} from "../core/Execution.sol";

/// @dev A large output (140 of 256 trace words, two parts) and a private one, demanded, shown, opened and withheld.
contract DemandsTest is CourtBase {
    using Trees for Trees.Tree;

    uint32 private constant OPENING = 1 << 31;
    uint32 private constant FIRST = 100;
    uint32 private constant COUNT = 140;
    uint8 private constant RELEASE = 7;

    bytes32[] private words;
    Trees.Tree private tree;
    Order private large;
    Order private hidden;
    Execution.Run private cheated;
    ResultOpening private opening;

    function setUp() public override {
        super.setUp();
        words = Execution.noise("trace", 256);
        tree = Trees.ofWords(words, 8);
        large = someOrder();
        large.model = keccak256(abi.encode(largeModel()));
        output = abi.encode(tree.root());
        deliver(large, tree.root());
        cheated = cheat();
        hidden = orderOf(cheated);
        hidden.evidence = policy(1 << RELEASE, 0);
        hidden.salt = keccak256("hidden");
        opening = ResultOpening(keccak256("secret"), cheated.trace.root(), Execution.outputOf(cheated));
        output = "a ciphertext";
        deliver(hidden, hiddenRoot());
    }

    // -- parts of a large output -------------------------------------------------------------------------------------

    function test_demand_ofAPart_locksTheBondAndBlocksPayment() public {
        vm.expectEmit(address(court));
        emit IDemands.Demanded(idOf(large), stranger, 1, uint40(block.timestamp + MOVE_TIME));
        demand(large, stranger, 1);
        assertEq(locked(stranger), RESPONDENT_COST, "bond");
        assertEq(openDisputes(large), 1, "counts as open");
        (address who, uint40 deadline, bool shown) = court.demandFor(idOf(large), 1);
        assertEq(who, stranger, "demander");
        assertEq(deadline, block.timestamp + MOVE_TIME, "deadline");
        assertTrue(!shown, "not shown");
        warpPastWindow();
        vm.expectRevert(IMarket.DisputesOpen.selector);
        market.finalize(large);
    }

    function test_supply_ofExactlyThePart_paysTheProviderAndLeavesTimeToLook() public {
        demand(large, stranger, 1);
        vm.warp(block.timestamp + MOVE_TIME);
        vm.expectEmit(address(court));
        Opening memory part = partOf(1);
        emit IDemands.Supplied(idOf(large), 1, part.words, uint40(block.timestamp + MOVE_TIME));
        supply(large, 1, part);
        assertEq(free(stranger), FORTUNE - RESPONDENT_COST, "the demander paid for it");
        assertEq(free(provider), FORTUNE + RESPONDENT_COST - 2 * uint256(BOND), "the provider has it");
        assertEq(until(large), block.timestamp + MOVE_TIME, "time to look");
        (,, bool shown) = court.demandFor(idOf(large), 1);
        assertTrue(shown, "shown");
        vm.warp(until(large));
        market.finalize(large);
        assertStatus(large, OrderStatus.PAID);
    }

    function testFuzz_supply_ofAnyOtherWords_isRefused(uint256 seed) public {
        demand(large, stranger, 0);
        Opening memory part = partOf(0);
        uint256 kind = seed % 4;
        if (kind == 0) part.words[(seed >> 8) % 128] ^= bytes32(uint256(1) << ((seed >> 16) % 256));
        if (kind == 1) part.path[(seed >> 8) % part.path.length] ^= bytes32(uint256(1) << ((seed >> 16) % 256));
        if (kind == 2) part = partOf(1);
        if (kind == 3) part = Execution.open(tree, words, FIRST, 1 + ((seed >> 8) % 127));
        vm.expectRevert(ICourt.BadOpening.selector);
        this.trySupply(0, part);
    }

    function test_supply_byAnybodyElseOrTooLateOrUnasked_isRefused() public {
        vm.expectRevert(IDemands.NoDemand.selector);
        this.trySupply(0, partOf(0));
        demand(large, stranger, 0);
        Opening memory part = partOf(0);
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.expectRevert(ICourt.NotProvider.selector);
        vm.prank(stranger);
        court.supply(large, header, model, 0, part);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        vm.expectRevert(ICourt.TooLate.selector);
        this.trySupply(0, part);
    }

    function test_demand_ofAnOutputThatWasDelivered_isRefused() public {
        Execution.Run memory run = honest();
        output = Execution.outputOf(run);
        Order memory small = orderOf(run);
        deliver(small, run.trace.root());
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.expectRevert(IDemands.NothingToDemand.selector);
        vm.prank(stranger);
        court.demand(small, header, model, 0);
    }

    function test_demand_ofAPartThatIsNotThere_isRefused() public {
        vm.expectRevert(ICourt.BadIndex.selector);
        this.tryDemand(stranger, 2);
    }

    function test_demand_withoutTheBond_isRefused() public {
        vm.prank(stranger);
        vault.withdraw(FORTUNE - RESPONDENT_COST + 1, stranger);
        vm.expectRevert(IVault.InsufficientFree.selector);
        this.tryDemand(stranger, 0);
    }

    function test_timeOutDemand_slashesForTheDemander() public {
        demand(large, stranger, 0);
        vm.warp(block.timestamp + MOVE_TIME);
        vm.expectRevert(ICourt.NotTimedOut.selector);
        court.timeOutDemand(large, 0);
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(court));
        emit IDemands.DemandClosed(idOf(large), stranger, 0);
        court.timeOutDemand(large, 0);
        assertStatus(large, OrderStatus.SLASHED);
        assertEq(free(stranger), FORTUNE + uint256(BOND) / 2, "bond back, and a challenger's share");
        assertEq(locked(stranger), 0, "nothing locked");
        assertEq(free(client), FORTUNE + PRICE + uint256(BOND) / 4, "client");
    }

    function test_closeDemand_afterAnotherOneWasTimedOut_returnsTheBond() public {
        demand(large, stranger, 0);
        demand(large, challenger, 1);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.closeDemand(large, 1);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOutDemand(large, 0);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.timeOutDemand(large, 1);
        court.closeDemand(large, 1);
        assertEq(free(challenger), FORTUNE, "bond");
        vm.expectRevert(IDemands.NoDemand.selector);
        court.closeDemand(large, 1);
    }

    // -- attacks on and with demands ---------------------------------------------------------------------------------

    function test_attack_demandingTheSamePartAgain_isRefused() public {
        demand(large, stranger, 0);
        vm.expectRevert(IDemands.DemandExists.selector);
        this.tryDemand(challenger, 0);
        supply(large, 0, partOf(0));
        vm.expectRevert(IDemands.DemandExists.selector);
        this.tryDemand(challenger, 0);
    }

    function test_attack_demandsCannotDelayPaymentBeyondTwoMoves() public {
        uint256 last = uint256(large.deliverBy) + large.window - 1;
        demand(large, stranger, 0);
        vm.warp(block.timestamp + MOVE_TIME);
        supply(large, 0, partOf(0));
        uint256 first = until(large);
        vm.warp(first - 1);
        demand(large, stranger, 1);
        vm.warp(block.timestamp + MOVE_TIME);
        supply(large, 1, partOf(1));
        assertLe(until(large), last + 2 * MOVE_TIME, "bounded");
        vm.warp(until(large));
        market.finalize(large);
        assertStatus(large, OrderStatus.PAID);
    }

    function test_attack_demandAfterTheWindowOrAfterPayment_isRefused() public {
        vm.warp(until(large));
        vm.expectRevert(ICourt.WindowClosed.selector);
        this.tryDemand(stranger, 0);
        market.finalize(large);
        vm.expectRevert(ICourt.WrongStatus.selector);
        this.tryDemand(stranger, 0);
    }

    function test_attack_demandLateInAWindowThatALostDisputeExtended_isRefused() public {
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.warp(until(large) - 1);
        vm.prank(challenger);
        court.openDispute(large, header, model);
        bytes32[] memory row = tree.row(8, 0);
        vm.prank(provider);
        court.reveal(large, challenger, row);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOut(large, challenger);
        assertTrue(until(large) > uint256(large.deliverBy) + large.window, "extended");
        vm.expectRevert(ICourt.WindowClosed.selector);
        this.tryDemand(stranger, 0);
    }

    function test_attack_slashThroughADemandCannotBeTakenTwiceThroughADispute() public {
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.prank(challenger);
        court.openDispute(large, header, model);
        demand(large, stranger, 0);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOutDemand(large, 0);
        uint256 left = locked(provider);
        vm.expectRevert(ICourt.WrongStatus.selector);
        court.timeOut(large, challenger);
        court.closeDispute(large, challenger);
        assertEq(locked(provider), left, "only one bond is gone");
        assertEq(free(challenger), FORTUNE, "the dispute's bond is back");
    }

    function test_attack_demandingOfOneself_losesAQuarterOfTheBond() public {
        demand(large, provider, 0);
        uint256 before = free(provider) + locked(provider);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOutDemand(large, 0);
        uint256 lost = before - free(provider) - locked(provider);
        assertTrue(4 * lost >= BOND, "at least a quarter");
    }

    function test_attack_referenceToAnotherRoot_isFraud() public {
        Order memory order = large;
        order.salt = keccak256("another");
        output = abi.encode(keccak256("not the trace"));
        deliver(order, tree.root());
        OutputProof memory proof;
        proof.output = output;
        ResultHeader memory header = ResultHeader(tree.root(), keccak256(output));
        ModelCommitment memory model = largeModel();
        commitInEarlierBlock(order, 1 << 255, challenger);
        vm.prank(challenger);
        court.proveOutput(order, header, model, proof, SALT);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_attack_honestReferenceCalledFraud_isRefused() public {
        OutputProof memory proof;
        proof.output = abi.encode(tree.root());
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        commitInEarlierBlock(large, 1 << 255, challenger);
        vm.expectRevert(ICourt.NoFraud.selector);
        vm.prank(challenger);
        court.proveOutput(large, header, model, proof, SALT);
    }

    // -- private results ---------------------------------------------------------------------------------------------

    function test_openResult_byTheClient_letsTheCourtJudge() public {
        vm.expectRevert(IDemands.NotOpened.selector);
        this.tryConvict();
        vm.prank(client);
        court.openResult(hidden, hiddenHeader(), opening);
        assertTrue(court.opened(idOf(hidden)) != bytes25(0), "opened");
        convictHidden();
        assertStatus(hidden, OrderStatus.SLASHED);
    }

    function test_openResult_byTheProviderOnDemand_paysHim() public {
        demandOpening(client);
        vm.prank(provider);
        court.openResult(hidden, hiddenHeader(), opening);
        assertEq(free(client), FORTUNE - RESPONDENT_COST, "the client paid for it");
        assertEq(openDisputes(hidden), 0, "answered");
    }

    function test_timeOutDemand_ofAnOpening_refundsTheClient() public {
        demandOpening(client);
        vm.warp(block.timestamp + MOVE_TIME + 1);
        court.timeOutDemand(hidden, OPENING);
        assertStatus(hidden, OrderStatus.SLASHED);
        assertEq(free(client), FORTUNE + PRICE + uint256(BOND) / 2 + uint256(BOND) / 4, "price and both shares");
    }

    function test_attack_strangerDemandsOrOpensAPrivateResult_isRefused() public {
        vm.expectRevert(IDemands.NotClient.selector);
        this.tryDemandOpening(stranger);
        vm.expectRevert(IDemands.NotClient.selector);
        this.tryOpen(stranger, opening);
        vm.expectRevert(IDemands.NotClient.selector);
        this.tryOpen(provider, opening);
        vm.expectRevert(IDemands.NotOpened.selector);
        this.tryDispute(stranger);
    }

    function test_attack_ciphertextCalledAWrongOutput_isNotJudged() public {
        OutputProof memory proof;
        proof.output = "a ciphertext";
        commitInEarlierBlock(hidden, 1 << 255, challenger);
        ResultHeader memory header = hiddenHeader();
        ModelCommitment memory model = commitment();
        vm.expectRevert(IDemands.NotOpened.selector);
        vm.prank(challenger);
        court.proveOutput(hidden, header, model, proof, SALT);
    }

    function testFuzz_attack_openingToAnythingElse_isRefused(uint256 seed) public {
        ResultOpening memory other = opening;
        if (seed % 3 == 0) other.salt = keccak256(abi.encode(seed));
        if (seed % 3 == 1) other.traceRoot = keccak256(abi.encode(seed));
        if (seed % 3 == 2) other.output = abi.encode(seed);
        vm.assume(keccak256(abi.encode(other)) != keccak256(abi.encode(opening)));
        vm.expectRevert(ICourt.BadOpening.selector);
        this.tryOpen(client, other);
    }

    function test_attack_openingTwiceOrOfAnOpenOrder_isRefused() public {
        vm.prank(client);
        court.openResult(hidden, hiddenHeader(), opening);
        vm.expectRevert(IDemands.AlreadyOpened.selector);
        this.tryOpen(client, opening);
        vm.expectRevert(IDemands.AlreadyOpened.selector);
        this.tryDemandOpening(client);
        ResultHeader memory header = largeHeader();
        vm.expectRevert(IDemands.NotPrivate.selector);
        vm.prank(client);
        court.openResult(large, header, opening);
        ModelCommitment memory model = largeModel();
        vm.expectRevert(IDemands.NotPrivate.selector);
        vm.prank(client);
        court.demand(large, header, model, OPENING);
    }

    // -- gas ---------------------------------------------------------------------------------------------------------

    function test_gas_demandAndAnswers_areRecorded() public {
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.prank(stranger);
        uint256 before = gasleft();
        court.demand(large, header, model, 0);
        vm.snapshotValue("demands", "demand: execution", before - gasleft());
        Opening memory part = partOf(0);
        bytes memory data = abi.encodeCall(court.supply, (large, header, model, 0, part));
        vm.snapshotValue("demands", "supply: bytes of calldata for 4,096 bytes", data.length);
        vm.prank(provider);
        before = gasleft();
        court.supply(large, header, model, 0, part);
        vm.snapshotValue("demands", "supply: execution for 4,096 bytes", before - gasleft());
        header = hiddenHeader();
        ResultOpening memory shown = opening;
        vm.prank(client);
        before = gasleft();
        court.openResult(hidden, header, shown);
        vm.snapshotValue("demands", "openResult: execution", before - gasleft());
    }

    // -- what is needed for it ---------------------------------------------------------------------------------------

    function trySupply(uint32 part, Opening memory shown) external {
        supply(large, part, shown);
    }

    function tryDemand(address who, uint32 part) external {
        demand(large, who, part);
    }

    function tryDemandOpening(address who) external {
        demandOpening(who);
    }

    function tryOpen(address who, ResultOpening memory shown) external {
        ResultHeader memory header = hiddenHeader();
        vm.prank(who);
        court.openResult(hidden, header, shown);
    }

    function tryDispute(address who) external {
        openDispute(hidden, cheated, who);
    }

    function tryConvict() external {
        convictHidden();
    }

    function convictHidden() private {
        output = Execution.outputOf(cheated);
        convict(hidden, cheated, challenger);
    }

    function demand(Order memory order, address who, uint32 part) private {
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.prank(who);
        court.demand(order, header, model, part);
    }

    function supply(Order memory order, uint32 part, Opening memory shown) private {
        ResultHeader memory header = largeHeader();
        ModelCommitment memory model = largeModel();
        vm.prank(provider);
        court.supply(order, header, model, part, shown);
    }

    function demandOpening(address who) private {
        ResultHeader memory header = hiddenHeader();
        ModelCommitment memory model = commitment();
        vm.prank(who);
        court.demand(hidden, header, model, OPENING);
    }

    function partOf(uint32 part) private view returns (Opening memory) {
        return Execution.open(tree, words, FIRST + 128 * part, part == 0 ? 128 : COUNT - 128);
    }

    function idOf(Order memory order) private view returns (bytes32) {
        return market.orderId(order);
    }

    function largeHeader() private view returns (ResultHeader memory) {
        return ResultHeader(tree.root(), keccak256(abi.encode(tree.root())));
    }

    function hiddenRoot() private view returns (bytes32) {
        return keccak256(abi.encode(opening.salt, opening.traceRoot, keccak256(opening.output)));
    }

    function hiddenHeader() private view returns (ResultHeader memory) {
        return ResultHeader(hiddenRoot(), keccak256("a ciphertext"));
    }

    function largeModel() private pure returns (ModelCommitment memory model) {
        model.dimensions =
            bytes32(abi.encodePacked(uint8(0), uint8(0), uint8(8), uint8(0), uint32(1), FIRST, COUNT, uint32(1)));
    }
}
