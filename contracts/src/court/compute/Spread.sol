// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    A,
    A_CUT,
    A_KIND,
    B_KIND,
    K,
    LANES,
    LANES_BIAS,
    LANES_END,
    LANES_MASK,
    LANES_SHIFT,
    LANES_START,
    LANES_TOP,
    PADDED,
    Registers
} from "./Registers.sol";

/// @title Spreads a row of 8 or 16-bit elements over lanes, in reverse order
/// @notice Eight 32-bit lanes to a word where the streamed elements have 8 bits, four of 64 bits where they have 16. The
/// topmost lane of the product of a spread word with a word of streamed elements, masked likewise, is a sum of eight (or
/// four) products.
///
/// Bounds: with 8-bit streamed and at most 16-bit spread elements, 256 products sum up to at most 2^31 - 2^23 in any
/// lane, biased, and 2^30 unbiased; with 16-bit ones to 2^39 in 64 bits. No lane overflows, whatever the program.
library Spread {
    /// @dev The lowest byte of each 32-bit lane.
    uint256 private constant BYTES = 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff;
    /// @dev The lowest two bytes of each 64-bit lane.
    uint256 private constant PAIRS = 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;
    /// @dev Added to streamed elements, so that they start at zero.
    uint256 private constant BIAS8 = 0x8080808080808080808080808080808080808080808080808080808080808080;
    uint256 private constant BIAS16 = 0x8000800080008000800080008000800080008000800080008000800080008000;

    /// @notice Spreads the K elements at A: element 4l + 3 - j of a block of 32 (or 16) goes into lane l, from the bottom, of
    /// the block's j-th word. Elements past the row are zero.
    function spread() internal pure {
        bool wide = Registers.get(B_KIND) == 1;
        uint256 total = wide ? _spreadElements() : Registers.get(A_KIND) == 0 ? _spreadBytes() : _spreadPairs();
        uint256 laneBits = wide ? 64 : 32;
        // Zeros behind an odd last block, for those who take two at a time.
        uint256 last = Registers.get(LANES_END);
        Registers.set(last, 0);
        Registers.set(last + 0x20, 0);
        Registers.set(last + 0x40, 0);
        Registers.set(last + 0x60, 0);
        Registers.set(LANES_MASK, wide ? PAIRS : BYTES);
        Registers.set(LANES_BIAS, wide ? BIAS16 : BIAS8);
        Registers.set(LANES_SHIFT, laneBits >> 2);
        Registers.set(LANES_TOP, 256 - laneBits);
        // The streamed elements come with 2^7 (2^15) added to each; this takes it off again, and adds half a unit of the
        // topmost lane to undo the borrow of those below.
        unchecked {
            uint256 bias = wide ? PAIRS & BIAS16 : BYTES & BIAS8;
            Registers.set(LANES_START, (1 << (255 - laneBits)) - bias * total);
        }
    }

    /// @dev Copies the row to `PADDED`, zeros after it.
    function _pad() private pure returns (uint256 end) {
        assembly ("memory-safe") {
            let length := shl(mload(A_KIND), mload(K))
            mcopy(PADDED, mload(A), length)
            end := add(PADDED, length)
            mstore(end, 0)
            mstore(add(end, 0x20), 0)
        }
    }

    /// @dev Spreads element by element.
    /// @return total Sum of all words.
    function _spreadElements() private pure returns (uint256 total) {
        uint256 end = _pad();
        assembly ("memory-safe") {
            let cut := mload(A_CUT)
            let size := shl(mload(A_KIND), 1)
            let laneBits := shl(mload(B_KIND), 32)
            let to := LANES
            for { let from := PADDED } lt(from, end) {} {
                let lane0 := 0
                let lane1 := 0
                let lane2 := 0
                let lane3 := 0
                for { let bits := 0 } lt(bits, 256) { bits := add(bits, laneBits) } {
                    lane3 := add(lane3, shl(bits, sar(cut, mload(from))))
                    from := add(from, size)
                    lane2 := add(lane2, shl(bits, sar(cut, mload(from))))
                    from := add(from, size)
                    lane1 := add(lane1, shl(bits, sar(cut, mload(from))))
                    from := add(from, size)
                    lane0 := add(lane0, shl(bits, sar(cut, mload(from))))
                    from := add(from, size)
                }
                mstore(to, lane0)
                mstore(add(to, 0x20), lane1)
                mstore(add(to, 0x40), lane2)
                mstore(add(to, 0x60), lane3)
                to := add(to, 0x80)
                total := add(total, add(add(lane0, lane1), add(lane2, lane3)))
            }
            mstore(LANES_END, to)
        }
    }

    /// @dev Spreads bytes for 32-bit lanes: 32 at a time, by reversing the eight parts of their word.
    /// @return total Sum of all words.
    function _spreadBytes() private pure returns (uint256 total) {
        uint256 end = _pad();
        assembly ("memory-safe") {
            let mask := BYTES
            let bias := and(BYTES, BIAS8)
            let to := LANES
            for { let from := PADDED } lt(from, end) { from := add(from, 0x20) } {
                let x := xor(mload(from), BIAS8)
                x := or(shl(128, x), shr(128, x))
                x := or(
                    and(shl(64, x), 0xffffffffffffffff0000000000000000ffffffffffffffff0000000000000000),
                    and(shr(64, x), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                )
                x := or(
                    and(shl(32, x), 0xffffffff00000000ffffffff00000000ffffffff00000000ffffffff00000000),
                    and(shr(32, x), 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)
                )
                for { let last := add(to, 0x80) } lt(to, last) { to := add(to, 0x20) } {
                    let lane := sub(and(x, mask), bias)
                    mstore(to, lane)
                    total := add(total, lane)
                    x := shr(8, x)
                }
            }
            mstore(LANES_END, to)
        }
    }

    /// @dev Spreads 16-bit elements for 32-bit lanes: 32 at a time, by reversing the quarters of two words.
    /// @return total Sum of all words.
    function _spreadPairs() private pure returns (uint256 total) {
        uint256 end = _pad();
        assembly ("memory-safe") {
            // Quarters in reverse order, each element offset by 2^15.
            function reversed(from) -> x {
                x := xor(mload(from), BIAS16)
                x := or(shl(128, x), shr(128, x))
                x := or(
                    and(shl(64, x), 0xffffffffffffffff0000000000000000ffffffffffffffff0000000000000000),
                    and(shr(64, x), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                )
            }
            let mask := PAIRS
            let halves := 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff
            let low := 0xffffffffffffffffffffffffffffffff
            let bias := 0x0000800000008000000080000000800000008000000080000000800000008000
            let to := LANES
            for { let from := PADDED } lt(from, end) { from := add(from, 0x40) } {
                let x := reversed(from)
                let y := reversed(add(from, 0x20))
                for { let last := add(to, 0x80) } lt(to, last) { to := add(to, 0x20) } {
                    // Every fourth element, brought from 64 bits apart to 32.
                    let p := and(x, mask)
                    p := and(or(p, shr(32, p)), halves)
                    let q := and(y, mask)
                    q := and(or(q, shr(32, q)), halves)
                    let lane := sub(or(and(or(p, shr(64, p)), low), shl(128, or(q, shr(64, q)))), bias)
                    mstore(to, lane)
                    total := add(total, lane)
                    x := shr(16, x)
                    y := shr(16, y)
                }
            }
            mstore(LANES_END, to)
        }
    }
}
