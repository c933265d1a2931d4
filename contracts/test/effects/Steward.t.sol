// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, EpochDecision, ISteward, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {Order} from "../../src/types/Types.sol";
import {EffectBase, HandSource} from "./EffectBase.sol";

/// @title A steward from its first decision to its last
contract StewardTest is EffectBase {
    // -- deciding ----------------------------------------------------------------------------------------------------

    function test_value_beforeTheFirstDecision_isTheRestingOne() public {
        assertEq(value(), RESTING, "value");
        observe(1);
        assertEq(value(), RESTING, "value after an observation");
    }

    function test_applyDecision_ofANativeOrder_countsAtOnceAndIsKept() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_150);
        vm.expectEmit(address(steward));
        emit ISteward.Applied(1, market.orderId(order), 5_150, 5_150, uint8(1 << NATIVE));
        vm.prank(stranger);
        steward.applyDecision(order, 1, delivery);
        assertEq(value(), 5_150, "value");
        EpochDecision memory decided = steward.decision(1);
        assertEq(uint256(decided.settledBy), 1 << NATIVE, "settled by");
        assertEq(uint256(decided.appliedAt), block.timestamp, "time");
        assertEq(uint256(steward.state().epoch), 1, "epoch");
    }

    function test_applyDecision_afterTheWholeWindow_counts() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleByWindow(order, 4_900);
        steward.applyDecision(order, 1, delivery);
        assertEq(value(), 4_900, "value");
        assertEq(uint256(steward.decision(1).settledBy), 1 << FRAUD_PROVABLE, "settled by");
    }

    function test_applyDecision_withoutStrengthForOptimism_stillCountsProofs() public {
        observe(1);
        Order memory order = orderFor(1);
        (order.bond, order.window) = (1, 1);
        Delivery memory delivery = settleNative(order, 5_150);
        steward.applyDecision(order, 1, delivery);
        assertEq(value(), 5_150, "value");
    }

    function test_applyDecision_ofASkippedEpoch_goesOnWithTheNext() public {
        decide(1, 5_100);
        decide(4, 5_200);
        assertEq(value(), 5_200, "value");
    }

    function test_applyDecision_readsTheElementInItsScale() public {
        StewardTerms memory terms = theTerms();
        (terms.reading.element, terms.reading.numerator) = (2, 3);
        (terms.reading.denominator, terms.reading.offset) = (2, 5_000);
        steward = new Steward(terms, guardian);
        observe(1);
        Order memory order = orderFor(1);
        output = abi.encodePacked(int32(1), int32(2), int32(-33), bytes20(0));
        bytes memory signature = authorization(order);
        vm.prank(provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: 0, output: output}));
        assertEq(value(), 5_000 - 49, "rounded to zero");
    }

    // -- expiry ------------------------------------------------------------------------------------------------------

    function test_value_afterItsLifetime_isTheRestingOne() public {
        decide(1, 5_150);
        vm.warp(START + LIFETIME - 1);
        assertEq(value(), 5_150, "last second");
        vm.warp(START + LIFETIME);
        assertEq(value(), RESTING, "expired");
    }

    function test_applyDecision_afterAnExpiry_movesFromTheRestingValue() public {
        decide(1, 5_200);
        decide(2, 5_400);
        decide(9, 8_000);
        assertEq(value(), 5_200, "value");
    }

    function test_applyDecision_late_isAsOldAsItsEpoch() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_150);
        vm.warp(START + APPLY_WITHIN - 1);
        steward.applyDecision(order, 1, delivery);
        vm.warp(START + LIFETIME);
        assertEq(value(), RESTING, "expired by its epoch, not by when it was applied");
    }

    // -- contradiction and kill switch -------------------------------------------------------------------------------

    function test_contradict_byAProofOfSomethingElse_stopsAndMarksTheEpoch() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleByWindow(order, 5_150);
        steward.applyDecision(order, 1, delivery);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory contrary = settleNative(other, 4_850);
        vm.expectEmit(address(steward));
        emit ISteward.Contradicted(1, market.orderId(other), 4_850, uint8(1 << NATIVE));
        steward.contradict(other, 1, contrary);
        assertTrue(steward.state().stopped, "stopped");
        assertTrue(steward.decision(1).contradicted, "marked");
        assertEq(value(), RESTING, "value");
    }

    function test_contradict_byAnOrderThatAgrees_isRefused() public {
        decide(1, 5_150);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory same = settleNative(other, 5_150);
        vm.expectRevert(ISteward.NoContradiction.selector);
        steward.contradict(other, 1, same);
    }

    function test_contradict_ofAnUndecidedOrExpiredEpoch_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_150);
        vm.expectRevert(ISteward.NoContradiction.selector);
        steward.contradict(order, 1, delivery);
        steward.applyDecision(order, 1, delivery);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory contrary = settleNative(other, 4_850);
        vm.warp(START + LIFETIME);
        vm.expectRevert(ISteward.EpochClosed.selector);
        steward.contradict(other, 1, contrary);
    }

    function test_restart_byTheGovernor_goesOnFromTheRestingValue() public {
        decide(1, 5_200);
        vm.prank(governor);
        steward.stop();
        vm.prank(governor);
        vm.expectEmit(address(steward));
        emit ISteward.Restarted(stranger);
        steward.restart(stranger);
        assertEq(value(), RESTING, "value");
        decide(2, 8_000);
        assertEq(value(), 5_200, "a step from the resting value");
    }

    function test_restart_ofWhatRuns_isRefused() public {
        vm.prank(governor);
        vm.expectRevert(ISteward.NotStopped.selector);
        steward.restart(guardian);
    }

    // -- terms -------------------------------------------------------------------------------------------------------

    function test_terms_ofASteward_areThoseOfItsDeployment() public view {
        assertEq(keccak256(abi.encode(steward.terms())), keccak256(abi.encode(theTerms())), "terms");
        assertEq(steward.guardian(), guardian, "guardian");
    }

    function test_effectOf_anEpoch_isTheStructHashOfItsNames() public view {
        bytes32 typehash = keccak256("Effect(address steward,uint32 epoch,address source)");
        bytes32 expected = keccak256(abi.encode(typehash, address(steward), uint256(5), address(source)));
        assertEq(steward.effectOf(5), expected, "effect");
    }

    function test_deployment_withTermsThatContradictEachOther_isRefused() public {
        for (uint256 wrong = 0; wrong < 10; ++wrong) {
            StewardTerms memory terms = theTerms();
            if (wrong == 0) terms.accepts = 0;
            if (wrong == 1) terms.accepts = uint8(1 << RELEASE);
            if (wrong == 2) terms.accepts |= uint8(1 << 4);
            if (wrong == 3) terms.minWindow = 0;
            if (wrong == 4) terms.applyWithin = OBSERVE_WITHIN;
            if (wrong == 5) terms.applyWithin = LIFETIME + 1;
            if (wrong == 6) terms.reading.denominator = 0;
            if (wrong == 7) terms.model = 0;
            if (wrong == 9) (terms.accepts, terms.minReplicas) = (uint8(1 << REPLICATED), 1);
            if (wrong == 8) terms.guard.perDay = terms.guard.step;
            vm.expectRevert(ISteward.BadSteward.selector);
            new Steward(terms, guardian);
        }
    }

    // -- sources -----------------------------------------------------------------------------------------------------

    function test_observe_outsideItsTime_isRefused() public {
        vm.warp(START - 1);
        vm.expectRevert(ISource.EpochNotOpen.selector);
        source.observe(1);
        vm.expectRevert(ISource.EpochNotOpen.selector);
        source.observe(0);
        vm.warp(START + OBSERVE_WITHIN);
        vm.expectRevert(ISource.EpochClosed.selector);
        source.observe(1);
    }

    function test_observe_ofTooManyWords_isRefused() public {
        source.set(abi.encode(uint256(1), uint256(2)));
        begin(1);
        vm.expectRevert(ISource.BadObservation.selector);
        source.observe(1);
    }

    function test_observe_ofTheSameWordsInTwoEpochs_givesTwoRoots() public {
        observe(1);
        observe(2);
        assertTrue(source.input(1) != source.input(2), "an order for one is none for the other");
    }

    function test_source_withAnImpossibleSchedule_isRefused() public {
        ISource.Schedule memory times = schedule();
        times.observeWithin = times.length + 1;
        vm.expectRevert(ISource.BadSource.selector);
        new HandSource(times);
    }
}
