// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guard} from "../../src/interfaces/ISteward.sol";
import {Test} from "../Vm.sol";
import {GuardGrid} from "./GuardGrid.sol";

/// @title The guard's laws at full width, and over every case of small guards
contract GuardsTest is Test {
    uint256 private constant DAY = 86_400;
    GuardGrid private _grid;

    function setUp() public {
        _grid = new GuardGrid();
    }

    // -- one decision ------------------------------------------------------------------------------------------------

    function testFuzz_admit_ofAnything_staysInTheRangeAndWithinTheStep(
        Guard memory guard,
        int64 from,
        int256 wanted,
        uint256 level,
        uint40 elapsed
    ) public view {
        (guard, from, level) = _sane(guard, from, level);
        (int64 admitted, uint256 after_) = _grid.admit(guard, from, wanted, level, elapsed);
        assertTrue(guard.low <= admitted && admitted <= guard.high, "range");
        assertLe(_distance(from, admitted), guard.step, "step");
        assertLe(after_, uint256(guard.step) * DAY, "level");
        int256 goal = wanted < guard.low ? int256(guard.low) : wanted > guard.high ? int256(guard.high) : wanted;
        bool onTheWay = from <= goal ? from <= admitted && admitted <= goal : goal <= admitted && admitted <= from;
        assertTrue(onTheWay, "towards what was wanted, and not past it");
    }

    function testFuzz_admit_ofAnything_paysForItsMovement(
        Guard memory guard,
        int64 from,
        int256 wanted,
        uint256 level,
        uint40 elapsed
    ) public view {
        (guard, from, level) = _sane(guard, from, level);
        (int64 admitted, uint256 after_) = _grid.admit(guard, from, wanted, level, elapsed);
        uint256 outflow = uint256(guard.perDay - guard.step) * elapsed;
        uint256 left = level > outflow ? level - outflow : 0;
        assertEq(after_, left + _distance(from, admitted) * DAY, "level");
    }

    function testFuzz_admit_withoutALimit_isTheRange(Guard memory guard, int64 from, int256 wanted, uint40 elapsed)
        public
        view
    {
        (guard, from,) = _sane(guard, from, 0);
        (guard.step, guard.perDay) = (type(uint64).max, type(uint64).max);
        (int64 admitted, uint256 after_) = _grid.admit(guard, from, wanted, 0, elapsed);
        int256 goal = wanted < guard.low ? int256(guard.low) : wanted > guard.high ? int256(guard.high) : wanted;
        assertEq(int256(admitted), goal, "value");
        assertEq(after_, 0, "level");
    }

    // -- many decisions ----------------------------------------------------------------------------------------------

    /// @dev Twelve decisions at any times; whatever falls into one day of them moves at most `perDay`.
    function testFuzz_admit_ofManyDecisions_keepsTheDaysLimit(
        Guard memory guard,
        int64 from,
        int64[12] memory wanted,
        uint24[12] memory pauses
    ) public view {
        (guard, from,) = _sane(guard, from, 0);
        uint256[12] memory times;
        uint256[12] memory moves;
        uint256 level = 0;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 pause = pauses[i] % 30_000;
            times[i] = (i == 0 ? 0 : times[i - 1]) + pause;
            int64 before = from;
            (from, level) = _grid.admit(guard, before, wanted[i], level, pause);
            moves[i] = _distance(before, from);
        }
        _checkDays(guard.perDay, times, moves);
    }

    /// @dev Every value, wish, level and time of every guard of up to four steps: the laws, case by case.
    function test_admit_ofEverySmallCase_keepsTheLaws() public view {
        uint256 cases = 0;
        for (uint64 step = 1; step <= 3; ++step) {
            for (uint64 perDay = step + 1; perDay <= 4; ++perDay) {
                Guard memory guard = Guard({low: -2, high: 2, resting: 0, step: step, perDay: perDay, lifetime: 1});
                (, uint256 count) = _grid.digest(guard);
                cases += count;
                _checkGrid(guard);
            }
        }
        assertEq(cases, 45 * 13 * (3 * 5 + 2 * 9 + 13), "cases");
    }

    // -- which guards there are --------------------------------------------------------------------------------------

    function test_holds_ofContradictoryLimits_saysNo() public view {
        Guard memory fine = Guard({low: -2, high: 2, resting: 0, step: 1, perDay: 2, lifetime: 1});
        assertTrue(_grid.holds(fine), "fine");
        Guard memory guard = _copy(fine);
        guard.resting = 3;
        assertTrue(!_grid.holds(guard), "resting value outside");
        guard = _copy(fine);
        guard.low = 3;
        assertTrue(!_grid.holds(guard), "range upside down");
        guard = _copy(fine);
        guard.step = 0;
        assertTrue(!_grid.holds(guard), "never moves");
        guard = _copy(fine);
        guard.perDay = 1;
        assertTrue(!_grid.holds(guard), "moves once and never again");
        guard = _copy(fine);
        guard.step = type(uint64).max;
        assertTrue(!_grid.holds(guard), "a rate without a step");
        guard = _copy(fine);
        guard.lifetime = 0;
        assertTrue(!_grid.holds(guard), "expired at once");
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkDays(uint256 perDay, uint256[12] memory times, uint256[12] memory moves) private pure {
        for (uint256 first = 0; first < 12; ++first) {
            uint256 sum = 0;
            for (uint256 i = first; i < 12 && times[i] - times[first] <= DAY; ++i) {
                sum += moves[i];
            }
            assertLe(sum, perDay, "a day's movement");
        }
    }

    function _checkGrid(Guard memory guard) private view {
        for (int64 from = guard.low; from <= guard.high; ++from) {
            for (int256 wanted = int256(guard.low) - 2; wanted <= int256(guard.high) + 2; ++wanted) {
                for (uint256 quarters = 0; quarters <= 4 * uint256(guard.step); ++quarters) {
                    (int64 admitted, uint256 after_) = _grid.admit(guard, from, wanted, quarters * 21_600, 10_800);
                    assertTrue(guard.low <= admitted && admitted <= guard.high, "range");
                    assertLe(_distance(from, admitted), guard.step, "step");
                    assertLe(after_, uint256(guard.step) * DAY, "level");
                }
            }
        }
    }

    function _sane(Guard memory guard, int64 from, uint256 level) private pure returns (Guard memory, int64, uint256) {
        if (guard.low > guard.high) (guard.low, guard.high) = (guard.high, guard.low);
        guard.step = uint64(bound(guard.step, 1, type(uint64).max - 2));
        guard.perDay = uint64(bound(guard.perDay, uint256(guard.step) + 1, type(uint64).max));
        if (from < guard.low) from = guard.low;
        if (from > guard.high) from = guard.high;
        return (guard, from, bound(level, 0, uint256(guard.step) * DAY));
    }

    function _copy(Guard memory guard) private pure returns (Guard memory) {
        return abi.decode(abi.encode(guard), (Guard));
    }

    function _distance(int256 from, int256 to) private pure returns (uint256) {
        return from < to ? uint256(to - from) : uint256(from - to);
    }
}
