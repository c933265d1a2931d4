// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guard} from "../interfaces/ISteward.sol";

/// @title Arithmetic of the guard
/// @notice Composes range, step and rate: a wanted value is brought into the range first and then as near as the movement
/// that is left allows. Both ends of that way are in the range, so the result is.
/// @dev The movement is a bucket of `step` that `perDay - step` a day flow out of. In a time T at most
/// `step + (perDay - step) * T / DAY` moves, hence at most `perDay` in any day, however many decisions there are. The
/// level is kept times DAY, so that nothing is rounded in anybody's favour: what flows out is exact, and what is left is
/// rounded down. `concordat.protocol.effect.admit` is the twin.
library Guards {
    /// @dev Seconds in a day.
    uint256 internal constant DAY = 86_400;
    /// @dev A `step` without limit.
    uint64 internal constant ANY = type(uint64).max;

    /// @notice Whether the limits go together.
    function holds(Guard memory guard) internal pure returns (bool) {
        bool ordered = guard.low <= guard.resting && guard.resting <= guard.high;
        bool moves = guard.step == ANY ? guard.perDay == ANY : guard.step > 0 && guard.step < guard.perDay;
        return ordered && moves && guard.lifetime > 0;
    }

    /// @notice The value that is let through, and the level after it.
    /// @param guard Limits that `holds` approved of.
    /// @param from Value in force, within the range.
    /// @param wanted Any value.
    /// @param level After the last decision; at most `step * DAY`.
    /// @param elapsed Seconds since then, fewer than 2^64.
    function admit(Guard memory guard, int64 from, int256 wanted, uint256 level, uint256 elapsed)
        internal
        pure
        returns (int64 admitted, uint256 levelAfter)
    {
        if (wanted < guard.low) wanted = guard.low;
        if (wanted > guard.high) wanted = guard.high;
        if (guard.step == ANY) return (int64(wanted), 0);
        uint256 outflow = uint256(guard.perDay - guard.step) * elapsed;
        level = level > outflow ? level - outflow : 0;
        uint256 room = (uint256(guard.step) * DAY - level) / DAY;
        uint256 distance = wanted > from ? uint256(wanted - from) : uint256(from - wanted);
        if (distance > room) distance = room;
        // Between `from` and `wanted`, which both fit.
        admitted = int64(wanted > from ? from + int256(distance) : from - int256(distance));
        return (admitted, level + distance * DAY);
    }
}
