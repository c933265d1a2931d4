// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";

/// @title Long sums of products
/// @notice Where a verifier's gas goes. Elements of K lie *spread* in memory, a word for each coordinate, so that no lane
/// has to be cut out; products are summed up and reduced once in the end. Every function says why nothing overflows.
library Ladders {
    /// @notice Spread elements.
    /// @return at Where they begin: three words for each.
    function spread(K[] memory values) internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            let lane := 0xFFFFFFFFFFFFFFFFFFFF
            at := mload(0x40)
            let to := at
            let from := add(values, 32)
            for { let end := add(from, shl(5, mload(values))) } lt(from, end) { from := add(from, 32) } {
                let value := mload(from)
                mstore(to, and(value, lane))
                mstore(add(to, 32), and(shr(80, value), lane))
                mstore(add(to, 64), shr(160, value))
                to := add(to, 96)
            }
            mstore(0x40, to)
        }
    }

    /// @notice Lay elements out for ladders: two words each, the first two coordinates in the halves of one.
    /// @return at Where they begin.
    function lay(K[] memory values) internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            let lane := 0xFFFFFFFFFFFFFFFFFFFF
            at := mload(0x40)
            let to := at
            let from := add(values, 32)
            for { let end := add(from, shl(5, mload(values))) } lt(from, end) { from := add(from, 32) } {
                let value := mload(from)
                mstore(to, or(and(value, lane), shl(128, and(shr(80, value), lane))))
                mstore(add(to, 32), shr(160, value))
                to := add(to, 64)
            }
            mstore(0x40, to)
        }
    }

    /// @notice v[0] + base * v[1] + base^2 * v[2] + … + base^count * after, by Horner's rule, for elements that were laid
    /// out, have coordinates below the prime, and a base below the prime. Lanes of the sum are below twice the prime.
    /// @dev Calls itself for a count that is no multiple of four: a function that does is not inlined, so that the loop
    /// has the stack to itself; inlined it takes twice the gas.
    function climb(uint256 at, uint256 count, uint256 base, K after_) internal pure returns (K sum) {
        if (count & 3 != 0) {
            sum = Cubics.scale(climb(at + 64, count - 1, base, after_), base);
            assembly ("memory-safe") {
                let u := mload(at)
                let first := or(and(u, 0xFFFFFFFFFFFFFFFFFFFF), shl(80, shr(128, u)))
                sum := add(sum, or(first, shl(160, mload(add(at, 32)))))
            }
            return sum;
        }
        assembly ("memory-safe") {
            let s0 := and(after_, 0xFFFFFFFFFFFFFFFFFFFF)
            let s1 := and(shr(80, after_), 0xFFFFFFFFFFFFFFFFFFFF)
            let s2 := shr(160, after_)
            let square := mulmod(base, base, 0xFFFFFFFF00000001)
            let fourth := mulmod(square, square, 0xFFFFFFFF00000001)
            // four steps at a time. In u and v a number and another's product with the base fit half a word:
            // (p - 1) + (p - 1)^2 < 2^128; times the square that is less than 2^192, and nothing else is added to it
            for { let to := add(at, shl(6, count)) } gt(to, at) {} {
                to := sub(to, 256)
                let u := add(mload(to), mul(mload(add(to, 64)), base))
                let v := add(mload(add(to, 128)), mul(mload(add(to, 192)), base))
                s1 := add(add(mulmod(s1, fourth, 0xFFFFFFFF00000001), shr(128, u)), mul(shr(128, v), square))
                u := and(u, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF)
                v := and(v, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF)
                s0 := add(add(mulmod(s0, fourth, 0xFFFFFFFF00000001), u), mul(v, square))
                u := add(mload(add(to, 32)), mul(mload(add(to, 96)), base))
                v := add(mload(add(to, 160)), mul(mload(add(to, 224)), base))
                s2 := add(add(mulmod(s2, fourth, 0xFFFFFFFF00000001), u), mul(v, square))
            }
            sum := mod(s0, 0xFFFFFFFF00000001)
            sum := or(sum, shl(80, mod(s1, 0xFFFFFFFF00000001)))
            sum := or(sum, shl(160, mod(s2, 0xFFFFFFFF00000001)))
        }
    }

    /// @notice Sum of spread factors times elements of 24 bytes in the call data; both have coordinates below 2^80.
    function dotElements(uint256 factors, uint256 at, uint256 count) internal pure returns (K sum) {
        assembly ("memory-safe") {
            let low := 0xFFFFFFFFFFFFFFFF
            // coefficients of the product as polynomials: less than 2^162 each, 2^90 of them fit
            let t0 := 0
            let t1 := 0
            let t2 := 0
            let t3 := 0
            let t4 := 0
            for { let end := add(at, mul(24, count)) } lt(at, end) { at := add(at, 24) } {
                let c2 := calldataload(at)
                let c0 := shr(192, c2)
                let c1 := and(shr(128, c2), low)
                c2 := and(shr(64, c2), low)
                let f := mload(factors)
                t0 := add(t0, mul(f, c0))
                t1 := add(t1, mul(f, c1))
                t2 := add(t2, mul(f, c2))
                f := mload(add(factors, 32))
                t1 := add(t1, mul(f, c0))
                t2 := add(t2, mul(f, c1))
                t3 := add(t3, mul(f, c2))
                f := mload(add(factors, 64))
                t2 := add(t2, mul(f, c0))
                t3 := add(t3, mul(f, c1))
                t4 := add(t4, mul(f, c2))
                factors := add(factors, 96)
            }
            // x^3 = 2
            let p := 0xFFFFFFFF00000001
            sum := mod(add(t0, shl(1, t3)), p)
            sum := or(sum, shl(80, mod(add(t1, shl(1, t4)), p)))
            sum := or(sum, shl(160, mod(t2, p)))
        }
    }

    /// @notice Sum of spread factors times numbers of eight bytes in the call data.
    function dotNumbers(uint256 factors, uint256 at, uint256 count) internal pure returns (K sum) {
        assembly ("memory-safe") {
            let s0 := 0
            let s1 := 0
            let s2 := 0
            for { let end := add(at, shl(3, count)) } lt(at, end) { at := add(at, 8) } {
                let n := shr(192, calldataload(at))
                s0 := add(s0, mul(mload(factors), n))
                s1 := add(s1, mul(mload(add(factors, 32)), n))
                s2 := add(s2, mul(mload(add(factors, 64)), n))
                factors := add(factors, 96)
            }
            let p := 0xFFFFFFFF00000001
            sum := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
        }
    }
}
