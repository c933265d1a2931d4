// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, EpochDecision, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {Order} from "../../src/types/Types.sol";
import {EffectBase, HandSource} from "./EffectBase.sol";

/// @dev Anybody doing anything to one steward, and a book of how it moved.
contract EffectHandler is EffectBase {
    uint256 private constant HOUR = 3600;

    uint256[] public times;
    uint256[] public moves;
    uint256 public applied;
    uint256 public badReleases;
    uint32 private _epoch;
    uint256 private _salt;

    /// @dev Epochs of an hour, so that many decisions want to move the value in one day.
    function setUp() public override {
        super.setUp();
        ISource.Schedule memory hourly = schedule();
        (hourly.length, hourly.observeWithin) = (uint32(HOUR), uint32(HOUR));
        source = new HandSource(hourly);
        steward = new Steward(theTerms(), guardian);
    }

    function pass(uint32 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 10_000);
    }

    function look() public {
        _epoch = uint32((block.timestamp - START) / HOUR + 1);
        if (source.input(_epoch) == 0) source.observe(_epoch);
    }

    function decideAnything(int16 said, uint8 how) external {
        look();
        Order memory order = _order();
        Delivery memory delivery;
        if (how % 3 == 0) {
            delivery = deliverSaying(order, said);
            release(order);
        } else {
            delivery = how % 3 == 1 ? settleNative(order, said) : settleByWindow(order, said);
        }
        int256 before = _inForce();
        try steward.applyDecision(order, _epoch, delivery) {
            ++applied;
            if (how % 3 == 0) ++badReleases;
            int256 now_ = steward.state().value;
            times.push(block.timestamp);
            moves.push(before < now_ ? uint256(now_ - before) : uint256(before - now_));
        } catch {}
    }

    /// @dev Seldom something else than what was decided: it stops the steward.
    function contradictAnything(int16 said) external {
        if (said % 4 != 0) said = int16(steward.decision(_epoch).said);
        Order memory order = _order();
        if (order.input == 0) return;
        Delivery memory delivery = settleNative(order, said);
        try steward.contradict(order, _epoch, delivery) {} catch {}
    }

    function stopIt(uint8 dice) external {
        if (dice % 4 != 0) return;
        vm.prank(dice % 8 == 0 ? governor : guardian);
        try steward.stop() {} catch {}
    }

    function restartIt() external {
        vm.prank(governor);
        try steward.restart(guardian) {} catch {}
    }

    function book() external view returns (uint256[] memory, uint256[] memory) {
        return (times, moves);
    }

    function theSteward() external view returns (Steward) {
        return steward;
    }

    function _order() private returns (Order memory order) {
        order = orderFor(_epoch);
        order.salt = bytes32(++_salt);
    }

    function _inForce() private view returns (int256) {
        return steward.state().stopped ? int256(steward.state().value) : int256(steward.value());
    }
}

/// @title What holds of a steward after anything
contract EffectInvariants is EffectBase {
    EffectHandler private _handler;

    function setUp() public override {
        _handler = new EffectHandler();
        _handler.setUp();
        steward = _handler.theSteward();
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = EffectHandler.pass.selector;
        selectors[1] = EffectHandler.look.selector;
        selectors[2] = EffectHandler.decideAnything.selector;
        selectors[3] = EffectHandler.contradictAnything.selector;
        selectors[4] = EffectHandler.stopIt.selector;
        selectors[5] = EffectHandler.restartIt.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector({addr: address(_handler), selectors: selectors});
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_value_afterAnything_isInTheRange() public view {
        assertTrue(4_000 <= steward.value() && steward.value() <= 8_000, "in force");
        assertTrue(4_000 <= steward.state().value && steward.state().value <= 8_000, "kept");
    }

    function invariant_value_whileStopped_isTheRestingOne() public view {
        if (steward.state().stopped) assertEq(int256(steward.value()), RESTING, "value");
    }

    function invariant_movement_ofAnyDay_isWithinTheLimit() public view {
        (uint256[] memory times, uint256[] memory moves) = _handler.book();
        for (uint256 first = 0; first < times.length; ++first) {
            uint256 sum = 0;
            for (uint256 i = first; i < times.length && times[i] - times[first] <= 86_400; ++i) {
                sum += moves[i];
                assertLe(moves[i], 200, "step");
            }
            assertLe(sum, 500, "day");
        }
    }

    function invariant_evidence_ofEveryDecision_isNoRelease() public view {
        assertEq(_handler.badReleases(), 0, "releases that counted");
        uint32 last = steward.state().epoch;
        uint256 found = 0;
        for (uint32 epoch = 1; epoch <= last; ++epoch) {
            EpochDecision memory decided = steward.decision(epoch);
            if (decided.appliedAt == 0) continue;
            ++found;
            assertEq(uint256(decided.settledBy) & ~uint256(3), 0, "settled by");
            assertTrue(decided.settledBy != 0, "settled by nothing");
        }
        assertEq(found, _handler.applied(), "one decision an epoch");
    }
}
