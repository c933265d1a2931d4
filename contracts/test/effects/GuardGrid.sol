// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guards} from "../../src/effects/Guards.sol";
import {Guard} from "../../src/interfaces/ISteward.sol";

/// @dev The guard's arithmetic from outside, alone and over whole grids of small numbers.
contract GuardGrid {
    function admit(Guard memory guard, int64 from, int256 wanted, uint256 level, uint256 elapsed)
        external
        pure
        returns (int64 admitted, uint256 levelAfter)
    {
        return Guards.admit(guard, from, wanted, level, elapsed);
    }

    function holds(Guard memory guard) external pure returns (bool) {
        return Guards.holds(guard);
    }

    /// @dev Every value in the range, every wanted one in and around it, levels in quarters of a unit, and eighths of a day
    /// up to one and a half. The digest chains all results in order, so that a twin can compare a whole grid at once.
    function digest(Guard memory guard) external pure returns (bytes32 all, uint256 count) {
        for (int64 from = guard.low; from <= guard.high; ++from) {
            for (int256 wanted = int256(guard.low) - 2; wanted <= int256(guard.high) + 2; ++wanted) {
                for (uint256 quarters = 0; quarters <= 4 * uint256(guard.step); ++quarters) {
                    for (uint256 eighths = 0; eighths <= 12; ++eighths) {
                        (int64 admitted, uint256 level) =
                            Guards.admit(guard, from, wanted, quarters * 21_600, eighths * 10_800);
                        all = keccak256(abi.encode(all, admitted, level));
                        ++count;
                    }
                }
            }
        }
    }
}
