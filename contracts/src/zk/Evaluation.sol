// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";

/// @dev Sums of base^e * eq(point, start + e) over runs, for one point and one base.
struct EqSums {
    K[] zeros;
    K[] ones;
    K[] below;
    K unshift;
    bool plain;
}

/// @dev eq(point, row) for many rows: two tables of half the variables each.
struct EqTable {
    K[] high;
    K[] low;
    uint256 shift;
}

/// @title Multilinear sums
/// @notice Twin of `concordat.zk.multilinear`. Points have their most significant variable first.
library Evaluation {
    /// @notice All values of eq over some variables of a point.
    function table(K[] memory point, uint256 from, uint256 to) internal pure returns (K[] memory values) {
        values = new K[](1 << (to - from));
        values[0] = Cubics.ONE;
        uint256 have = 1;
        for (uint256 t = from; t < to; ++t) {
            K z = point[t];
            for (uint256 i = have; i != 0; --i) {
                K v = values[i - 1];
                K high = v * z;
                values[2 * i - 1] = high;
                values[2 * i - 2] = Cubics.normal(Cubics.minus(v, high));
            }
            have <<= 1;
        }
    }

    /// @notice Tables to look eq up in.
    function split(K[] memory point) internal pure returns (EqTable memory t) {
        uint256 half = point.length / 2;
        t.high = table(point, 0, half);
        t.low = table(point, half, point.length);
        t.shift = point.length - half;
    }

    /// @notice eq(point, row).
    function at(EqTable memory t, uint256 row) internal pure returns (K) {
        return t.high[row >> t.shift] * t.low[row & ((1 << t.shift) - 1)];
    }

    /// @notice eq over some variables of a point at one index.
    function index(K[] memory point, uint256 from, uint256 to, uint256 row) internal pure returns (K value) {
        value = Cubics.ONE;
        for (uint256 t = to; t > from; --t) {
            K z = point[t - 1];
            value = value * (row & 1 == 1 ? z : Cubics.minus(Cubics.ONE, z));
            row >>= 1;
        }
    }

    /// @notice Prepare sums with a base.
    function sums(K[] memory point, K base) internal pure returns (EqSums memory s) {
        uint256 n = point.length;
        s.zeros = new K[](n);
        s.ones = new K[](n);
        s.below = new K[](n + 1);
        s.plain = Cubics.same(base, Cubics.ONE);
        s.unshift = s.plain ? Cubics.ONE : Cubics.inverse(base);
        s.below[0] = Cubics.ONE;
        K square = base;
        for (uint256 t = 0; t < n; ++t) {
            K z = point[n - 1 - t];
            K one = z * square;
            K zero = Cubics.normal(Cubics.minus(Cubics.ONE, z));
            s.zeros[n - 1 - t] = zero;
            s.ones[n - 1 - t] = one;
            s.below[t + 1] = s.below[t] * (zero + one);
            square = square * square;
        }
    }

    /// @notice Sum of base^i * eq(point, i) over i below `count`.
    function prefix(EqSums memory s, uint256 count) internal pure returns (K total) {
        uint256 n = s.zeros.length;
        if (count >> n != 0) return s.below[n];
        K path = Cubics.ONE;
        for (uint256 t = 0; t < n; ++t) {
            uint256 remaining = n - 1 - t;
            if ((count >> remaining) & 1 == 1) {
                total = total + path * s.zeros[t] * s.below[remaining];
                path = path * s.ones[t];
            } else {
                if (count & ((1 << remaining) - 1) == 0) return total;
                path = path * s.zeros[t];
            }
        }
    }

    /// @notice Sum over first <= i < end, with base^i.
    function between(EqSums memory s, uint256 first, uint256 end) internal pure returns (K) {
        return Cubics.normal(Cubics.minus(prefix(s, end), prefix(s, first)));
    }

    /// @notice Sum over e < count of base^e * eq(point, start + e).
    function run(EqSums memory s, uint256 start, uint256 count) internal pure returns (K difference) {
        difference = between(s, start, start + count);
        if (!s.plain && start != 0) difference = difference * Cubics.power(s.unshift, start);
    }
}
