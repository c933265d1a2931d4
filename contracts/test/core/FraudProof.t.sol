// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ElementProof, ModelCommitment, Order, OrderStatus, OutputProof, ResultHeader} from "../../src/types/Types.sol";
import {CourtBase} from "./CourtBase.sol";
import {Execution} from "./Execution.sol";

/// @dev Fraud proofs in one transaction, judged by the real library.
contract FraudProofTest is CourtBase {
    function test_commitFind_forTheFirstTime_storesTheBlock() public {
        bytes32 digest = keccak256("digest");
        vm.expectEmit(address(court));
        emit ICourt.FindCommitted(challenger, digest);
        vm.prank(challenger);
        court.commitFind(digest);
        assertEq(court.find(digest), 1000, "block");
        vm.roll(2000);
        court.commitFind(digest);
        assertEq(court.find(digest), 1000, "the first stays");
    }

    function test_proveElement_ofAWrongElement_slashes() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        bytes32 before = market.state(market.orderId(order));
        bytes32 id = market.orderId(order);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        (uint256 toChallenger, uint256 compensation) = (uint256(BOND) / 2, uint256(BOND) / 4);
        uint256 burned = BOND - toChallenger - compensation;
        vm.expectEmit(address(court));
        emit ICourt.FraudProven(id, challenger, elementTile(1, 1));
        vm.expectEmit(address(market));
        emit IMarket.Slashed(id, challenger, PRICE + compensation, toChallenger, burned);
        proveWrong(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
        assertEq(until(order), block.timestamp, "ended now");
        assertEq(uint200(uint256(market.state(id))), uint200(uint256(before)), "commitment stays");
        assertEq(free(client), FORTUNE + PRICE + compensation, "client");
        assertEq(free(challenger), FORTUNE + toChallenger, "challenger");
        assertEq(free(provider), FORTUNE - BOND, "provider");
        assertEq(locked(provider), 0, "bond");
        assertEq(free(BURN), burned, "burned, rounding included");
    }

    function test_proveElement_ofAWrongInput_slashes() public {
        Execution.Run memory run = Execution.run(theModel(), 0, true);
        Order memory order = deliverRun(run);
        ElementProof memory proof = Execution.inputProof(theModel(), run, 3);
        commitInEarlierBlock(order, elementTile(0, 3), challenger);
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.prank(challenger);
        court.proveElement(order, header, model, proof, SALT);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_proveElement_afterTheWindowButBeforePayment_slashes() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        warpPastWindow();
        convict(order, run, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_proveElement_bySomebodyWithoutAnyBalance_slashes() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        convict(order, run, address(0x9009));
        assertEq(free(address(0x9009)), uint256(BOND) / 2, "reward");
    }

    function test_proveElement_ofARightElement_isRefused() public {
        Execution.Run memory run = honest();
        Order memory order = deliverRun(run);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        vm.expectRevert(ICourt.NoFraud.selector);
        this.tryProve(order, run);
    }

    function test_proveElement_withoutAnEarlierCommitment_isRefused() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        vm.expectRevert(ICourt.FindNotCommitted.selector);
        this.tryProve(order, run);
    }

    function test_proveElement_ofAnOrderThatIsNotDelivered_isRefused() public {
        Execution.Run memory run = cheat();
        output = Execution.outputOf(run);
        Order memory order = orderOf(run);
        accept(order);
        vm.expectRevert(ICourt.WrongStatus.selector);
        this.tryProve(order, run);
    }

    function test_proveElement_afterPayment_isRefused() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        warpPastWindow();
        market.finalize(order);
        vm.expectRevert(ICourt.WrongStatus.selector);
        this.tryProve(order, run);
    }

    function test_proveElement_withAnotherResult_isRefused() public {
        Execution.Run memory run = honest();
        Order memory order = deliverRun(run);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        vm.expectRevert(ICourt.WrongResult.selector);
        this.tryProve(order, cheat());
    }

    function test_proveElement_withAnotherModel_isRefused() public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        ModelCommitment memory model = commitment();
        model.manifestDigest = keccak256("another manifest");
        ElementProof memory proof = Execution.resultProof(theModel(), run, 1);
        ResultHeader memory header = headerOf(run);
        vm.expectRevert(ICourt.WrongModel.selector);
        vm.prank(challenger);
        court.proveElement(order, header, model, proof, SALT);
    }

    function test_proveElement_withABentPath_isRefused(uint256 which) public {
        Execution.Run memory run = cheat();
        Order memory order = deliverRun(run);
        commitInEarlierBlock(order, elementTile(1, 1), challenger);
        ElementProof memory proof = Execution.resultProof(theModel(), run, 1);
        bytes32[] memory bent = [
            proof.descriptorPath, proof.claimed.path, proof.a.path, proof.b.path, proof.claimed.words, proof.b.words
        ][which % 6];
        bent[which % bent.length] ^= bytes32(uint256(1));
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.expectRevert(ICourt.BadOpening.selector);
        vm.prank(challenger);
        court.proveElement(order, header, model, proof, SALT);
    }

    // -- output ------------------------------------------------------------------------------------------------------

    function test_proveOutput_ofAnotherWord_slashes() public {
        Execution.Run memory run = honest();
        output = abi.encode(keccak256("made up"));
        Order memory order = orderOf(run);
        bytes32 root = headerOf(run).traceRoot;
        deliver(order, root);
        OutputProof memory proof;
        proof.output = output;
        proof.claimed = Execution.open(run.trace, run.words, Execution.RESULT_LEAF, 1);
        commitInEarlierBlock(order, 1 << 255, challenger);
        vm.expectEmit(address(court));
        emit ICourt.FraudProven(market.orderId(order), challenger, 1 << 255);
        proveOutput(order, run, proof, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_proveOutput_ofAnotherLength_slashes() public {
        Execution.Run memory run = honest();
        output = "short";
        Order memory order = orderOf(run);
        deliver(order, headerOf(run).traceRoot);
        OutputProof memory proof;
        proof.output = output;
        commitInEarlierBlock(order, 1 << 255, challenger);
        proveOutput(order, run, proof, challenger);
        assertStatus(order, OrderStatus.SLASHED);
    }

    function test_proveOutput_ofTheRightWord_isRefused() public {
        Execution.Run memory run = honest();
        Order memory order = deliverRun(run);
        OutputProof memory proof;
        proof.output = output;
        proof.claimed = Execution.open(run.trace, run.words, Execution.RESULT_LEAF, 1);
        commitInEarlierBlock(order, 1 << 255, challenger);
        vm.expectRevert(ICourt.NoFraud.selector);
        this.tryProveOutput(order, run, proof);
    }

    function test_proveOutput_ofAnOutputThatWasNotDelivered_isRefused() public {
        Execution.Run memory run = honest();
        Order memory order = deliverRun(run);
        OutputProof memory proof;
        proof.output = "short";
        commitInEarlierBlock(order, 1 << 255, challenger);
        vm.expectRevert(ICourt.BadOpening.selector);
        this.tryProveOutput(order, run, proof);
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    /// @dev One external call, so that an expected refusal covers all of it.
    function tryProve(Order memory order, Execution.Run memory run) external {
        proveWrong(order, run, challenger);
    }

    function tryProveOutput(Order memory order, Execution.Run memory run, OutputProof memory proof) external {
        proveOutput(order, run, proof, challenger);
    }
}
