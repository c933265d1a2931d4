// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Sum of products of two rows of packed integers that lie in calldata
/// @notice Sixteen elements at a time are spread over four words of four 64-bit lanes. Multiplying two such words, one of
/// them with its lanes reversed, adds four products in the topmost lane: about 35 gas for each product instead of 150.
library Dot {
    /// @dev 2^15 in sixteen 16-bit lanes: turns two's complement into numbers that start at zero.
    uint256 private constant BIAS = 0x8000800080008000800080008000800080008000800080008000800080008000;
    /// @dev The lowest 16 bits of each 64-bit lane.
    uint256 private constant LANES = 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;

    /// @notice `sum_k a[k] * b[k]` for 0 <= k < count <= 256.
    /// @param a Place in calldata of the first row's first byte; `kindA` its type code.
    /// @param b The same of the second row.
    function product(uint256 a, uint256 kindA, uint256 b, uint256 kindB, uint256 count) internal pure returns (int256) {
        if (kindA > 1 || kindB > 1) return _wide(a, kindA, b, kindB, count);
        // Constants of 32 bytes are dear where they are used, and cheap on the stack.
        uint256 mask = LANES;
        uint256 bias = LANES & BIAS;
        uint256 lanes = 0;
        unchecked {
            for (uint256 left = count;; left -= 16) {
                uint256 x = _sixteen(a, kindA);
                if (left < 16) x = _cut(x, left);
                uint256 y = _reversed(_sixteen(b, kindB));
                lanes += ((x & mask) - bias) * ((y & mask) - bias);
                (x, y) = (x >> 16, y >> 16);
                lanes += ((x & mask) - bias) * ((y & mask) - bias);
                (x, y) = (x >> 16, y >> 16);
                lanes += ((x & mask) - bias) * ((y & mask) - bias);
                (x, y) = (x >> 16, y >> 16);
                lanes += ((x & mask) - bias) * ((y & mask) - bias);
                if (left <= 16) break;
                a += 16 << kindA;
                b += 16 << kindB;
            }
            // The topmost lane holds the sum. No lane exceeds 2^38, so half a unit of it undoes the borrow of those below.
            return int256(lanes + (1 << 191)) >> 192;
        }
    }

    /// @notice The element whose first byte is at a place in calldata.
    function element(uint256 at, uint256 kind) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(sub(256, shl(kind, 8)), calldataload(at))
        }
    }

    /// @dev One element at a time, for rows of 32 or 64-bit integers.
    function _wide(uint256 a, uint256 kindA, uint256 b, uint256 kindB, uint256 count)
        private
        pure
        returns (int256 sum)
    {
        assembly ("memory-safe") {
            let cutA := sub(256, shl(kindA, 8))
            let cutB := sub(256, shl(kindB, 8))
            let sizeA := shl(kindA, 1)
            let sizeB := shl(kindB, 1)
            for { let end := add(a, mul(count, sizeA)) } lt(a, end) { a := add(a, sizeA) } {
                sum := add(sum, mul(sar(cutA, calldataload(a)), sar(cutB, calldataload(b))))
                b := add(b, sizeB)
            }
        }
    }

    /// @dev Sixteen elements of 8 or 16 bits as 16-bit lanes, each offset by 2^15.
    function _sixteen(uint256 at, uint256 kind) private pure returns (uint256 x) {
        assembly ("memory-safe") {
            x := calldataload(at)
            switch kind
            case 0 {
                // Bytes offset by 2^7, spread to 16 bits; 2^15 - 2^7 more makes the offset 2^15.
                x := xor(shr(128, x), 0x80808080808080808080808080808080)
                x := and(or(x, shl(64, x)), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                x := and(or(x, shl(32, x)), 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)
                x := and(or(x, shl(16, x)), 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff)
                x := and(or(x, shl(8, x)), 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff)
                x := add(x, 0x7f807f807f807f807f807f807f807f807f807f807f807f807f807f807f807f80)
            }
            default { x := xor(x, BIAS) }
        }
    }

    /// @dev Keeps the first `left` lanes and makes the others zero.
    function _cut(uint256 x, uint256 left) private pure returns (uint256) {
        unchecked {
            uint256 rest = type(uint256).max >> (left << 4);
            return (x & ~rest) | (BIAS & rest);
        }
    }

    /// @dev The four 64-bit lanes in reverse order.
    function _reversed(uint256 x) private pure returns (uint256) {
        x = (x << 128) | (x >> 128);
        uint256 even = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        return ((x & even) << 64) | ((x >> 64) & even);
    }
}
