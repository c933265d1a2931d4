// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, ISteward, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {Market} from "../../src/market/Market.sol";
import {OrderDomain} from "../../src/types/OrderDomain.sol";
import {OrderSlots} from "../../src/types/OrderSlot.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {EffectBase, HandSource} from "./EffectBase.sol";

/// @dev A source that calls the steward and itself while it is read.
contract ReentrantSource is HandSource {
    Steward public target;
    bytes public call;

    constructor(Schedule memory schedule_) HandSource(schedule_) {}

    function aim(Steward target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _read() internal override returns (bytes memory) {
        if (address(target) != address(0)) {
            (bool done,) = address(target).call(call);
            require(!done, "the steward listened");
        }
        return words;
    }
}

/// @dev Observes an epoch while it is asked what it sees, and then sees something else.
contract SelfObservingSource is HandSource {
    bool private _inside;

    constructor(Schedule memory schedule_) HandSource(schedule_) {}

    function _read() internal override returns (bytes memory) {
        if (_inside) return abi.encode(uint256(8));
        _inside = true;
        this.observe(1);
        return words;
    }
}

/// @dev A market whose slots are what a test says.
contract FixedMarket is OrderDomain {
    mapping(bytes32 id => bytes32 slot) public state;

    constructor() OrderDomain(address(this)) {}

    function orderId(Order calldata order) external view returns (bytes32) {
        return _orderId(order);
    }

    function pay(bytes32 id, uint256 kind, address by, bytes calldata output) external {
        uint256 commitment = OrderSlots.commit(id, by, 0, keccak256(output));
        state[id] = bytes32((uint256(OrderStatus.PAID) << 253) | ((1 << kind) << 245) | commitment);
    }
}

/// @title What one might try to move a steward with
contract EffectAttacksTest is EffectBase {
    // -- input -------------------------------------------------------------------------------------------------------

    function test_attack_inventedInput_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.input = keccak256("whatever gives a nice answer");
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.WrongInput.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_inputOfAnUnobservedEpoch_movesNothing() public {
        begin(1);
        Order memory order = orderFor(1);
        assertEq(order.input, bytes32(0), "input");
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.NotObserved.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_observingAgainForABetterInput_isRefused() public {
        observe(1);
        source.set(abi.encode(uint256(8)));
        vm.expectRevert(ISource.AlreadyObserved.selector);
        source.observe(1);
    }

    function test_attack_inputOfAnotherSource_movesNothing() public {
        HandSource other = new HandSource(schedule());
        observe(1);
        other.observe(1);
        Order memory order = orderFor(1);
        order.effect = keccak256(
            abi.encode(
                keccak256("Effect(address steward,uint32 epoch,address source)"),
                address(steward),
                uint32(1),
                address(other)
            )
        );
        order.input = other.input(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.WrongEffect.selector);
        steward.applyDecision(order, 1, delivery);
    }

    // -- epoch -------------------------------------------------------------------------------------------------------

    function test_attack_cherryPickedEpoch_onlyNewerOnesCount() public {
        observe(1);
        Order memory first = orderFor(1);
        Delivery memory old = settleNative(first, 5_150);
        observe(2);
        Order memory second = orderFor(2);
        Delivery memory late = settleNative(second, 4_950);
        vm.warp(START + 25 hours);
        steward.applyDecision(second, 2, late);
        vm.expectRevert(ISteward.EpochClosed.selector);
        steward.applyDecision(first, 1, old);
        assertEq(value(), 4_950, "value");
    }

    function test_attack_orderingUntilTheAnswerIsNice_theFirstAppliedCounts() public {
        observe(1);
        Order memory first = orderFor(1);
        Delivery memory delivery = settleNative(first, 4_900);
        Order memory second = orderFor(1);
        second.salt = keccak256("again");
        Delivery memory nicer = settleNative(second, 5_100);
        steward.applyDecision(first, 1, delivery);
        vm.expectRevert(ISteward.EpochDone.selector);
        steward.applyDecision(second, 1, nicer);
    }

    function test_attack_overlappingEpochs_anOlderOneDoesNotComeBack() public {
        StewardTerms memory terms = theTerms();
        terms.applyWithin = 2 * EPOCH;
        steward = new Steward(terms, guardian);
        observe(1);
        Order memory first = orderFor(1);
        Delivery memory old = settleNative(first, 5_150);
        decide(2, 4_950);
        vm.expectRevert(ISteward.EpochDone.selector);
        steward.applyDecision(first, 1, old);
    }

    function test_attack_decisionOfAnEpochToCome_isRefused() public {
        observe(1);
        Order memory order = orderFor(2);
        order.input = source.input(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.EpochNotOpen.selector);
        steward.applyDecision(order, 2, delivery);
    }

    function test_attack_staleDecision_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.warp(START + APPLY_WITHIN);
        vm.expectRevert(ISteward.EpochClosed.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_replayedDecision_countsOnce() public {
        (Order memory order, Delivery memory delivery) = decide(1, 5_100);
        vm.expectRevert(ISteward.EpochDone.selector);
        steward.applyDecision(order, 1, delivery);
        observe(2);
        vm.expectRevert(ISteward.WrongEffect.selector);
        steward.applyDecision(order, 2, delivery);
    }

    // -- elsewhere ---------------------------------------------------------------------------------------------------

    function test_attack_decisionForAnotherSteward_movesNothing() public {
        Steward other = new Steward(theTerms(), guardian);
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.WrongEffect.selector);
        other.applyDecision(order, 1, delivery);
    }

    function test_attack_decisionOfAnotherMarket_movesNothing() public {
        Market mine = market;
        (, market,) = deploy(IERC20(address(token)));
        StewardTerms memory terms = theTerms();
        market = mine;
        Steward elsewhere = new Steward(terms, guardian);
        observe(1);
        Order memory order = orderFor(1);
        order.effect = elsewhere.effectOf(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.NotSettled.selector);
        elsewhere.applyDecision(order, 1, delivery);
    }

    function test_attack_decisionOfAnotherChain_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(ISteward.NotSettled.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_wrongModelVersion_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.model = keccak256("risk model, version 2");
        Delivery memory delivery = settleNative(order, 5_100);
        vm.expectRevert(ISteward.OtherModel.selector);
        steward.applyDecision(order, 1, delivery);
    }

    // -- evidence ----------------------------------------------------------------------------------------------------

    function test_attack_colludingRelease_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = deliverSaying(order, 8_000);
        release(order);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_policyThatIsContentWithARelease_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.evidence = policy(1 << FRAUD_PROVABLE, 1 << RELEASE);
        Delivery memory delivery = deliverSaying(order, 8_000);
        release(order);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_optimisticShortcutBeforeTheWindowEnds_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = deliverSaying(order, 8_000);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectRevert(ISteward.NotSettled.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_windowOfASecond_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.window = WINDOW - 1;
        Delivery memory delivery = settleByWindow(order, 8_000);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_bondOfACent_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.bond = BOND - 1;
        Delivery memory delivery = settleByWindow(order, 8_000);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_windowOfAnOrderThatNobodyWatches_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        // The market pays after the window whatever the policy, and says FRAUD_PROVABLE; nobody was asked to watch.
        order.evidence = policy(1 << SCORED, 0);
        Delivery memory delivery = settleByWindow(order, 8_000);
        assertEq(gathered(order), 1 << FRAUD_PROVABLE, "gathered");
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_evidenceThatTheStewardDoesNotAccept_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.evidence = policy(1 << VALIDITY, 0);
        output = saying(8_000);
        bytes memory signature = authorization(order);
        vm.prank(provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, VALIDITY, output, output);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: 0, output: output}));
    }

    function test_attack_sealedOutputReadAsANumber_movesNothing() public {
        StewardTerms memory terms = theTerms();
        terms.accepts = uint8((1 << NATIVE) | (1 << VALIDITY));
        steward = new Steward(terms, guardian);
        observe(1);
        Order memory order = orderFor(1);
        // For this policy the provider delivers a ciphertext, which proves nothing about the number in its first bytes.
        order.evidence = policy(1 << VALIDITY, 0);
        output = saying(8_000);
        bytes memory signature = authorization(order);
        vm.prank(provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, VALIDITY, output, output);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: 0, output: output}));
    }

    function test_attack_traceRootInPlaceOfALargeOutput_isNoNumber() public {
        observe(1);
        Order memory order = orderFor(1);
        output = abi.encode(TRACE_ROOT);
        deliver(order);
        vm.warp(block.timestamp + WINDOW);
        market.finalize(order);
        vm.expectRevert(ISteward.OutputTooShort.selector);
        steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: TRACE_ROOT, output: output}));
    }

    function test_attack_oneReplicaThatAgreesWithItself_movesNothing() public {
        StewardTerms memory terms = theTerms();
        terms.accepts = uint8(1 << REPLICATED);
        FixedMarket slots = new FixedMarket();
        terms.market = address(slots);
        steward = new Steward(terms, guardian);
        observe(1);
        for (uint256 k = 1; k <= 2; ++k) {
            Order memory order = orderFor(1);
            order.evidence = policy(1 << REPLICATED, 0) | bytes32((k << 4) | 3);
            output = saying(5_100);
            slots.pay(slots.orderId(order), REPLICATED, provider, output);
            if (k == 1) vm.expectRevert(ISteward.EvidenceTooWeak.selector);
            steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: 0, output: output}));
        }
        assertEq(value(), 5_100, "value");
    }

    function test_attack_proofFollowedByARelease_countsAsTheProof() public {
        observe(1);
        Order memory order = orderFor(1);
        order.evidence = policy((1 << NATIVE) | (1 << VALIDITY), 1 << NATIVE);
        Delivery memory delivery = deliverSaying(order, 5_100);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        steward.applyDecision(order, 1, delivery);
        assertEq(uint256(steward.decision(1).settledBy), 1 << NATIVE, "settled by");
    }

    function test_attack_partOfAPolicyThenARelease_movesNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        order.evidence = policy((1 << NATIVE) | (1 << VALIDITY), 0);
        Delivery memory delivery = deliverSaying(order, 5_100);
        market.prove(order, NATIVE, output, TRACE_ROOT, output);
        release(order);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_cancelledOrExpiredOrders_moveNothing() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = deliverSaying(order, 8_000);
        bytes memory consent = signed(PROVIDER_KEY, wordDigest("Cancel(bytes32 order)", market.orderId(order)));
        vm.prank(client);
        market.cancel(order, "", consent);
        vm.expectRevert(ISteward.NotSettled.selector);
        steward.applyDecision(order, 1, delivery);
    }

    // -- output ------------------------------------------------------------------------------------------------------

    function test_attack_forgedOutput_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        delivery.output = saying(5_200);
        vm.expectRevert(ISteward.WrongResult.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_outputUnderAnotherTraceOrProvider_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        delivery.traceRoot = TRACE_ROOT;
        vm.expectRevert(ISteward.WrongResult.selector);
        steward.applyDecision(order, 1, delivery);
        (delivery.traceRoot, delivery.provider) = (0, stranger);
        vm.expectRevert(ISteward.WrongResult.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_outputWithoutTheElement_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        output = hex"00ffff";
        bytes memory signature = authorization(order);
        vm.prank(provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        vm.expectRevert(ISteward.OutputTooShort.selector);
        steward.applyDecision(order, 1, Delivery({provider: provider, traceRoot: 0, output: output}));
    }

    // -- guard -------------------------------------------------------------------------------------------------------

    function test_attack_oneGiantStep_isCutToTheStep() public {
        decide(1, 8_000);
        assertEq(value(), 5_200, "value");
        assertEq(steward.decision(1).said, int256(8_000), "said");
    }

    function test_attack_numbersOutsideTheRange_saturate() public {
        StewardTerms memory terms = theTerms();
        (terms.guard.step, terms.guard.perDay) = (type(uint64).max, type(uint64).max);
        steward = new Steward(terms, guardian);
        decide(1, type(int32).max);
        assertEq(value(), 8_000, "high");
        decide(2, type(int32).min);
        assertEq(value(), 4_000, "low");
    }

    function test_attack_manySmallStepsInADay_moveNoMoreThanTheDayAllows() public {
        ISource.Schedule memory quick = schedule();
        (quick.length, quick.observeWithin) = (600, 300);
        source = new HandSource(quick);
        StewardTerms memory terms = theTerms();
        terms.applyWithin = 600;
        steward = new Steward(terms, guardian);
        // 144 epochs of ten minutes, each wanting the top.
        for (uint32 epoch = 1; epoch <= 144; ++epoch) {
            vm.warp(START + uint256(epoch - 1) * 600);
            source.observe(epoch);
            Order memory order = orderFor(epoch);
            Delivery memory delivery = settleNative(order, 8_000);
            steward.applyDecision(order, epoch, delivery);
        }
        assertLe(uint256(value() - RESTING), 500, "moved in a day");
        assertGe(uint256(value() - RESTING), 490, "moved in a day");
    }

    function test_attack_goingUpAndDown_usesUpTheDayToo() public {
        ISource.Schedule memory quick = schedule();
        (quick.length, quick.observeWithin) = (600, 300);
        source = new HandSource(quick);
        StewardTerms memory terms = theTerms();
        terms.applyWithin = 600;
        steward = new Steward(terms, guardian);
        uint256 moved = 0;
        int256 last = value();
        for (uint32 epoch = 1; epoch <= 24; ++epoch) {
            vm.warp(START + uint256(epoch - 1) * 600);
            source.observe(epoch);
            Order memory order = orderFor(epoch);
            Delivery memory delivery = settleNative(order, epoch % 2 == 0 ? int32(4_000) : int32(8_000));
            steward.applyDecision(order, epoch, delivery);
            moved += value() > last ? uint256(value() - last) : uint256(last - value());
            last = value();
        }
        assertLe(moved, 500, "moved");
    }

    // -- kill switch -------------------------------------------------------------------------------------------------

    function test_attack_killSwitchByAnybody_isRefused() public {
        vm.prank(stranger);
        vm.expectRevert(ISteward.NotGuardian.selector);
        steward.stop();
        vm.prank(address(0));
        vm.expectRevert(ISteward.NotGuardian.selector);
        steward.stop();
    }

    function test_attack_guardianWhoWantsToSetOrRestart_canOnlyStop() public {
        decide(1, 5_100);
        vm.startPrank(guardian);
        steward.stop();
        assertEq(value(), RESTING, "the resting value and no other");
        vm.expectRevert(ISteward.StewardStopped.selector);
        steward.stop();
        vm.expectRevert(ISteward.NotGovernor.selector);
        steward.restart(guardian);
        vm.stopPrank();
    }

    function test_attack_guardianWhoStopsAgainAndAgain_isReplaced() public {
        vm.prank(guardian);
        steward.stop();
        vm.prank(governor);
        steward.restart(stranger);
        vm.prank(guardian);
        vm.expectRevert(ISteward.NotGuardian.selector);
        steward.stop();
        assertEq(steward.guardian(), stranger, "guardian");
    }

    function test_attack_restartToGainMovement_keepsWhatIsUsedUp() public {
        decide(1, 8_000);
        vm.prank(guardian);
        steward.stop();
        vm.prank(governor);
        steward.restart(guardian);
        assertEq(uint256(steward.state().level), 200 * 86_400, "level");
    }

    function test_attack_decisionWhileStopped_isRefused() public {
        observe(1);
        Order memory order = orderFor(1);
        Delivery memory delivery = settleNative(order, 5_100);
        vm.prank(guardian);
        steward.stop();
        vm.expectRevert(ISteward.StewardStopped.selector);
        steward.applyDecision(order, 1, delivery);
    }

    function test_attack_oldContradictionAfterARestart_doesNotStopAgain() public {
        decide(1, 5_100);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory contrary = settleNative(other, 4_900);
        steward.contradict(other, 1, contrary);
        vm.prank(governor);
        steward.restart(guardian);
        vm.expectRevert(ISteward.NoContradiction.selector);
        steward.contradict(other, 1, contrary);
    }

    function test_attack_weakContradictionOfAProof_isRefused() public {
        decide(1, 5_100);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory contrary = settleByWindow(other, 4_900);
        vm.expectRevert(ISteward.NoContradiction.selector);
        steward.contradict(other, 1, contrary);
    }

    function test_attack_contradictionByAColludingRelease_isRefused() public {
        decide(1, 5_100);
        Order memory other = orderFor(1);
        other.salt = keccak256("another");
        Delivery memory contrary = deliverSaying(other, 4_900);
        release(other);
        vm.expectRevert(ISteward.EvidenceTooWeak.selector);
        steward.contradict(other, 1, contrary);
    }

    // -- re-entrancy -------------------------------------------------------------------------------------------------

    function test_attack_sourceThatReentersTheSteward_changesNothing() public {
        ReentrantSource tricky = new ReentrantSource(schedule());
        source = tricky;
        steward = new Steward(theTerms(), guardian);
        begin(1);
        Order memory order = orderFor(1);
        order.input = keccak256("not there yet");
        Delivery memory delivery = settleNative(order, 8_000);
        tricky.aim(steward, abi.encodeCall(ISteward.applyDecision, (order, 1, delivery)));
        source.observe(1);
        assertEq(value(), RESTING, "value");
        assertEq(uint256(steward.state().epoch), 0, "epoch");
    }

    function test_attack_sourceThatObservesItselfMeanwhile_fixesOneInput() public {
        SelfObservingSource tricky = new SelfObservingSource(schedule());
        begin(1);
        vm.expectRevert(ISource.AlreadyObserved.selector);
        tricky.observe(1);
        assertEq(tricky.input(1), bytes32(0), "input");
    }
}
