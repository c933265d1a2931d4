// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {K} from "./Cubic.sol";

/// @title Sums of fractions in K, without a division
/// @notice A fraction lies in six words of memory, numerator and denominator by coordinate, each below the prime.
library Fractions {
    /// @notice Zero over one, in memory of its own.
    function begin() internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(0x40, add(at, 192))
            calldatacopy(at, calldatasize(), 192)
            mstore(add(at, 96), 1)
        }
    }

    /// @notice Add e / d, with e the element of K at `element` in memory and d by coordinate, each below 2^130.
    function add(uint256 at, uint256 element, uint256 d0, uint256 d1, uint256 d2) internal pure {
        assembly ("memory-safe") {
            // n * d + m * e over m * d: products are below 2^194, and no sum has more than twelve of them
            let e := mload(element)
            let e2 := shr(160, e)
            let e1 := shr(176, shl(96, e))
            e := shr(176, shl(176, e))
            let m := mload(at)
            let s0 := mul(m, d0)
            let s1 := mul(m, d1)
            let s2 := mul(m, d2)
            m := mload(add(at, 32))
            let t := mul(m, d2)
            s1 := add(s1, mul(m, d0))
            s2 := add(s2, mul(m, d1))
            m := mload(add(at, 64))
            s0 := add(s0, shl(1, add(t, mul(m, d1))))
            s1 := add(s1, shl(1, mul(m, d2)))
            s2 := add(s2, mul(m, d0))
            m := mload(add(at, 96))
            s0 := add(s0, mul(m, e))
            s1 := add(s1, mul(m, e1))
            s2 := add(s2, mul(m, e2))
            m := mload(add(at, 128))
            t := mul(m, e2)
            s1 := add(s1, mul(m, e))
            s2 := add(s2, mul(m, e1))
            m := mload(add(at, 160))
            s0 := add(s0, shl(1, add(t, mul(m, e1))))
            s1 := add(s1, shl(1, mul(m, e2)))
            s2 := add(s2, mul(m, e))
            mstore(at, mod(s0, 0xFFFFFFFF00000001))
            mstore(add(at, 32), mod(s1, 0xFFFFFFFF00000001))
            mstore(add(at, 64), mod(s2, 0xFFFFFFFF00000001))
            s0 := mul(m, d1)
            s1 := mul(m, d2)
            s2 := mul(m, d0)
            m := mload(add(at, 128))
            s0 := shl(1, add(s0, mul(m, d2)))
            s1 := add(shl(1, s1), mul(m, d0))
            s2 := add(s2, mul(m, d1))
            m := mload(add(at, 96))
            mstore(add(at, 96), mod(add(s0, mul(m, d0)), 0xFFFFFFFF00000001))
            mstore(add(at, 128), mod(add(s1, mul(m, d1)), 0xFFFFFFFF00000001))
            mstore(add(at, 160), mod(add(s2, mul(m, d2)), 0xFFFFFFFF00000001))
        }
    }

    /// @notice Numerator and denominator.
    function end(uint256 at) internal pure returns (K numerator, K denominator) {
        assembly ("memory-safe") {
            numerator := or(mload(at), or(shl(80, mload(add(at, 32))), shl(160, mload(add(at, 64)))))
            at := add(at, 96)
            denominator := or(mload(at), or(shl(80, mload(add(at, 32))), shl(160, mload(add(at, 64)))))
        }
    }
}
