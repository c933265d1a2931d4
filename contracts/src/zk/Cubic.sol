// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev An element c0 + c1 x + c2 x^2 of the cubic extension of Goldilocks by x^3 = 2, in lanes of 80 bits from the
/// least significant. Lanes may exceed the prime: products and `normal` reduce them, sums do not. Every function says
/// how large its lanes may get; none reaches 2^80.
type K is uint256;

using {plus as +, times as *} for K global;

/// @dev Sum; lanes add up, so that 2^15 products may be summed.
function plus(K a, K b) pure returns (K) {
    unchecked {
        return K.wrap(K.unwrap(a) + K.unwrap(b));
    }
}

/// @dev Product, with lanes below the prime.
function times(K a, K b) pure returns (K c) {
    assembly ("memory-safe") {
        let p := 0xFFFFFFFF00000001
        // shifts cut lanes out: the compiler writes a mask as three instructions
        let a0 := shr(176, shl(176, a))
        let a1 := shr(176, shl(96, a))
        let a2 := shr(160, a)
        let b0 := shr(176, shl(176, b))
        let b1 := shr(176, shl(96, b))
        let b2 := shr(160, b)
        c := mod(add(mul(a0, b0), shl(1, add(mul(a1, b2), mul(a2, b1)))), p)
        c := or(c, shl(80, mod(add(add(mul(a0, b1), mul(a1, b0)), shl(1, mul(a2, b2))), p)))
        c := or(c, shl(160, mod(add(add(mul(a0, b2), mul(a1, b1)), mul(a2, b0)), p)))
    }
}

/// @title Arithmetic of the proof system's extension field
/// @notice Twin of `concordat.zk.field`.
library Cubics {
    uint256 internal constant P = 0xFFFFFFFF00000001;
    uint256 internal constant LANE = 0xFFFFFFFFFFFFFFFFFFFF;
    /// @dev P in each lane.
    uint256 internal constant PPP = P | (P << 80) | (P << 160);
    K internal constant ZERO = K.wrap(0);
    K internal constant ONE = K.wrap(1);

    /// @notice Lanes below the prime.
    function normal(K a) internal pure returns (K c) {
        assembly ("memory-safe") {
            c := or(
                mod(shr(176, shl(176, a)), P),
                or(shl(80, mod(shr(176, shl(96, a)), P)), shl(160, mod(shr(160, a), P)))
            )
        }
    }

    /// @notice Negative, lanes at most the prime.
    function neg(K a) internal pure returns (K) {
        unchecked {
            return K.wrap(PPP - K.unwrap(normal(a)));
        }
    }

    /// @notice Difference.
    function minus(K a, K b) internal pure returns (K) {
        return plus(a, neg(b));
    }

    /// @notice Difference to an element whose lanes are at most the prime: no lane is reduced.
    function less(K a, K b) internal pure returns (K) {
        unchecked {
            return K.wrap(K.unwrap(a) + PPP - K.unwrap(b));
        }
    }

    /// @notice a * b + c * d with lanes below the prime, for one reduction instead of two.
    function fuse(K a, K b, K c, K d) internal pure returns (K e) {
        assembly ("memory-safe") {
            let a1 := shr(176, shl(96, a))
            let a2 := shr(160, a)
            let b1 := shr(176, shl(96, b))
            let b2 := shr(160, b)
            a := shr(176, shl(176, a))
            b := shr(176, shl(176, b))
            let e0 := add(mul(a, b), shl(1, add(mul(a1, b2), mul(a2, b1))))
            let e1 := add(add(mul(a, b1), mul(a1, b)), shl(1, mul(a2, b2)))
            let e2 := add(add(mul(a, b2), mul(a1, b1)), mul(a2, b))
            a1 := shr(176, shl(96, c))
            a2 := shr(160, c)
            b1 := shr(176, shl(96, d))
            b2 := shr(160, d)
            a := shr(176, shl(176, c))
            b := shr(176, shl(176, d))
            e := mod(add(e0, add(mul(a, b), shl(1, add(mul(a1, b2), mul(a2, b1))))), P)
            e := or(e, shl(80, mod(add(e1, add(add(mul(a, b1), mul(a1, b)), shl(1, mul(a2, b2)))), P)))
            e := or(e, shl(160, mod(add(e2, add(add(mul(a, b2), mul(a1, b1)), mul(a2, b))), P)))
        }
    }

    /// @notice Product with a number below 2^64.
    function scale(K a, uint256 factor) internal pure returns (K c) {
        assembly ("memory-safe") {
            c := mod(mul(shr(176, shl(176, a)), factor), P)
            c := or(c, shl(80, mod(mul(shr(176, shl(96, a)), factor), P)))
            c := or(c, shl(160, mod(mul(shr(160, a), factor), P)))
        }
    }

    /// @notice Product with a signed integer of 64 bits.
    function scaleSigned(K a, int256 factor) internal pure returns (K) {
        return scale(a, base(factor));
    }

    /// @notice A signed integer of 64 bits as an element of the prime field.
    function base(int256 value) internal pure returns (uint256) {
        unchecked {
            return value < 0 ? P - uint256(-value) % P : uint256(value) % P;
        }
    }

    /// @notice Equality of elements.
    function same(K a, K b) internal pure returns (bool) {
        return K.unwrap(normal(a)) == K.unwrap(normal(b));
    }

    /// @notice Power.
    function power(K a, uint256 exponent) internal pure returns (K result) {
        result = ONE;
        while (exponent != 0) {
            if (exponent & 1 != 0) result = result * a;
            exponent >>= 1;
            if (exponent != 0) a = a * a;
        }
    }

    /// @notice Power in the prime field.
    function basePower(uint256 a, uint256 exponent) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := 1
            for {} exponent { exponent := shr(1, exponent) } {
                if and(exponent, 1) { result := mulmod(result, a, P) }
                a := mulmod(a, a, P)
            }
        }
    }

    /// @notice Multiplicative inverse; zero for zero.
    function inverse(K a) internal pure returns (K) {
        K n = normal(a);
        uint256 raw = K.unwrap(n);
        uint256 a0 = raw & LANE;
        uint256 a1 = (raw >> 80) & LANE;
        uint256 a2 = raw >> 160;
        unchecked {
            uint256 big = P << 66;
            uint256 c0 = (a0 * a0 + 2 * (big - a1 * a2)) % P;
            uint256 c1 = (2 * a2 * a2 + big - a0 * a1) % P;
            uint256 c2 = (a1 * a1 + big - a0 * a2) % P;
            uint256 norm = (a0 * c0 + 2 * (a2 * c1 + a1 * c2)) % P;
            return scale(K.wrap(c0 | (c1 << 80) | (c2 << 160)), basePower(norm, P - 2));
        }
    }

    /// @notice 1 + a + … + a^(count - 1).
    function geometric(K a, uint256 count) internal pure returns (K sums) {
        K at = ONE;
        K step = a;
        K inner = ONE;
        while (count != 0) {
            if (count & 1 != 0) {
                sums = normal(sums + at * inner);
                at = at * step;
            }
            inner = normal(inner + inner * step);
            step = step * step;
            count >>= 1;
        }
    }

    /// @notice Generator of the subgroup of order 2^log.
    function rootOfUnity(uint256 log) internal pure returns (uint256 root) {
        root = basePower(7, (P - 1) >> 32);
        for (uint256 i = log; i < 32; ++i) {
            root = mulmod(root, root, P);
        }
    }
}
