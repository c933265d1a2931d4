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

/// @dev base^i for many i: the exponent's bits in three digits, one table for each.
struct PowerTable {
    K base;
    uint256 low;
    uint256 middle;
    uint256 bits;
    K[3][] digits;
}

/// @dev The same sums as `EqSums`, for many runs: a row's bits in three digits, and for each digit's values the form's
/// part and the sum of all parts before it. What follows a digit is summed into it, so that a prefix is two products.
struct RunSums {
    uint256 low;
    uint256 middle;
    uint256 bits;
    K[] high;
    K[] highBefore;
    K[] mid;
    K[] midBefore;
    K[] lowBefore;
    PowerTable back;
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
            _double(values, have, z);
            have <<= 1;
        }
    }

    /// @dev Every value v of the first `have` becomes v - v*z and v*z.
    function _double(K[] memory values, uint256 have, K z) private pure {
        unchecked {
            uint256 at_;
            assembly ("memory-safe") {
                at_ := add(values, shl(5, have))
            }
            for (uint256 to = at_ + 32 * have; have != 0; --have) {
                K v;
                assembly ("memory-safe") {
                    v := mload(at_)
                }
                K high = v * z;
                K low = Cubics.normal(Cubics.less(v, high));
                assembly ("memory-safe") {
                    mstore(to, high)
                    mstore(sub(to, 32), low)
                    at_ := sub(at_, 32)
                    to := sub(to, 64)
                }
            }
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
        K low;
        K[] memory values = t.low;
        assembly ("memory-safe") {
            // the length is a power of two
            low := mload(add(add(values, 32), shl(5, and(row, sub(mload(values), 1)))))
        }
        return t.high[row >> t.shift] * low;
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

    // -- many runs ---------------------------------------------------------------------------------------------------

    /// @notice Prepare powers with exponents below 2^bits; greater ones work too, but are not cheap.
    function powers(K base, uint256 bits) internal pure returns (PowerTable memory t) {
        t.base = base;
        t.bits = bits;
        t.low = (bits + 2) / 3;
        t.middle = (bits - t.low + 1) / 2;
        t.digits = new K[3][](1 << t.low);
        K[3] memory step = [base, K.wrap(0), K.wrap(0)];
        K[3] memory value = [Cubics.ONE, Cubics.ONE, Cubics.ONE];
        step[1] = _squared(step[0], t.low);
        step[2] = _squared(step[1], t.middle);
        for (uint256 i = 0; i < t.digits.length; ++i) {
            for (uint256 k = 0; k < 3; ++k) {
                t.digits[i][k] = value[k];
                value[k] = value[k] * step[k];
            }
        }
    }

    /// @notice base^exponent.
    function power(PowerTable memory t, uint256 exponent) internal pure returns (K) {
        unchecked {
            if (exponent >> t.bits != 0) return Cubics.power(t.base, exponent);
            if (exponent >> t.low == 0) return t.digits[exponent][0];
            K value = t.digits[exponent & ((1 << t.low) - 1)][0];
            exponent >>= t.low;
            value = value * t.digits[exponent & ((1 << t.middle) - 1)][1];
            exponent >>= t.middle;
            return exponent == 0 ? value : value * t.digits[exponent][2];
        }
    }

    /// @notice Prepare sums of base^e * eq(point, row) over many runs.
    function runs(K[] memory point, K base) internal pure returns (RunSums memory s) {
        uint256 n = point.length;
        s.bits = n;
        s.low = (n + 2) / 3;
        s.middle = (n - s.low + 1) / 2;
        K step = base;
        K all;
        K[] memory low;
        (low, step) = _form(point, n - s.low, n, step);
        (s.lowBefore, all) = _before(low, Cubics.ONE);
        (s.mid, step) = _form(point, n - s.low - s.middle, n - s.low, step);
        (s.midBefore, all) = _before(s.mid, all);
        (s.high, step) = _form(point, 0, n - s.low - s.middle, step);
        (s.highBefore,) = _before(s.high, all);
        if (!Cubics.same(base, Cubics.ONE)) s.back = powers(Cubics.inverse(base), n);
    }

    /// @notice Sum of base^i * eq(point, i) over i below `count`.
    function prefix(RunSums memory s, uint256 count) internal pure returns (K) {
        unchecked {
            if (count >> s.bits != 0) return s.highBefore[s.highBefore.length - 1];
            uint256 place = count & ((1 << s.low) - 1);
            count >>= s.low;
            K inner = s.mid[count & ((1 << s.middle) - 1)] * s.lowBefore[place];
            inner = inner + s.midBefore[count & ((1 << s.middle) - 1)];
            count >>= s.middle;
            return s.high[count] * inner + s.highBefore[count];
        }
    }

    /// @notice Sum over first <= i < end, with base^i.
    function between(RunSums memory s, uint256 first, uint256 end) internal pure returns (K) {
        return Cubics.normal(Cubics.minus(prefix(s, end), prefix(s, first)));
    }

    /// @notice Sum over e < count of base^e * eq(point, start + e); the base is not one.
    function run(RunSums memory s, uint256 start, uint256 count) internal pure returns (K) {
        return Cubics.minus(prefix(s, start + count), prefix(s, start)) * power(s.back, start);
    }

    function _squared(K a, uint256 times_) private pure returns (K) {
        for (; times_ != 0; --times_) {
            a = a * a;
        }
        return a;
    }

    /// @dev Values of eq times powers over some variables; `step` is the base's power of the last one.
    function _form(K[] memory point, uint256 from, uint256 to, K step) private pure returns (K[] memory values, K) {
        values = new K[](1 << (to - from));
        values[0] = Cubics.ONE;
        for (uint256 t = to; t > from; --t) {
            K one = point[t - 1] * step;
            K zero = Cubics.minus(Cubics.ONE, point[t - 1]);
            uint256 have = 1 << (to - t);
            for (uint256 i = 0; i < have; ++i) {
                values[have + i] = values[i] * one;
                values[i] = values[i] * zero;
            }
            step = step * step;
        }
        return (values, step);
    }

    /// @dev Sums of all values before each, times a factor, and the factor times the sum of all.
    function _before(K[] memory values, K factor) private pure returns (K[] memory sums_, K all) {
        sums_ = new K[](values.length + 1);
        for (uint256 i = 0; i < values.length; ++i) {
            sums_[i] = all;
            all = Cubics.normal(all + values[i] * factor);
        }
        sums_[values.length] = all;
    }
}
