// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// The node that the interpreter is at, decoded. Each name is a fixed place in memory, so that the inner loops read it
// with `mload(CONSTANT)`. `Registers.reserve` takes the memory for it.
//
// For operands A, B and C: place of the first element that the present row reads, step in bytes to the next row and to
// the next column, binary logarithm of the element's bytes, and the bits that a loaded word is shifted right by.
uint256 constant A = 0x80;
uint256 constant A_ROW = 0xa0;
uint256 constant A_COL = 0xc0;
uint256 constant A_KIND = 0xe0;
uint256 constant A_CUT = 0x100;
uint256 constant B = 0x120;
uint256 constant B_ROW = 0x140;
uint256 constant B_COL = 0x160;
uint256 constant B_KIND = 0x180;
uint256 constant B_CUT = 0x1a0;
uint256 constant C = 0x1c0;
uint256 constant C_ROW = 0x1e0;
uint256 constant C_COL = 0x200;
uint256 constant C_CUT = 0x240;
// Output: place of the present row, bits that a value is shifted left by before it is stored, bytes of an element.
uint256 constant OUT = 0x260;
uint256 constant OUT_CUT = 0x280;
uint256 constant OUT_SIZE = 0x2a0;
// Constants of the node.
uint256 constant FLAGS = 0x2c0;
uint256 constant SHIFT = 0x2e0;
uint256 constant COLS = 0x300;
uint256 constant COUNT = 0x320;
uint256 constant K = 0x340;
uint256 constant M0 = 0x360;
uint256 constant M1 = 0x380;
uint256 constant ADD = 0x3a0;
uint256 constant LO = 0x3c0;
uint256 constant HI = 0x3e0;
// Where a left-out operand is read from: a 64-bit element each.
uint256 constant B_DEFAULT = 0x400;
uint256 constant C_DEFAULT = 0x420;
// Products of rows: what their sum starts from, the end of the spread elements, how streamed words are taken apart, the
// bits above which the topmost lane lies, 64 words of spread elements, and room for a padded row.
uint256 constant LANES_START = 0x440;
uint256 constant LANES_END = 0x460;
uint256 constant LANES_BIAS = 0x480;
uint256 constant LANES_MASK = 0x4a0;
uint256 constant LANES_SHIFT = 0x4c0;
uint256 constant LANES_TOP = 0x4e0;
uint256 constant LANES = 0x520;
uint256 constant PADDED = 0xd20;
// Constants of an AFFINE node that runs on four 64-bit lanes, in place of the spread elements.
uint256 constant FOUR_ONES = 0x520;
uint256 constant FOUR_TOP = 0x540;
uint256 constant FOUR_HALVES = 0x560;
uint256 constant FOUR_A = 0x580;
uint256 constant FOUR_START = 0x5a0;
uint256 constant FOUR_KEEP = 0x5c0;
uint256 constant FOUR_LOW = 0x5e0;
uint256 constant FOUR_SPAN = 0x600;
uint256 constant FOUR_HIGH = 0x620;
uint256 constant FOUR_MASK = 0x640;
uint256 constant FOUR_PAIRS = 0x660;
uint256 constant FOUR_C = 0x680;
uint256 constant FOUR_PAIR_SHIFT = 0x6a0;
uint256 constant FOUR_SHIFT = 0x6c0;
uint256 constant FOUR_CUT = 0x6e0;
uint256 constant FOUR_BIAS = 0x700;
uint256 constant FOUR_SIZE = 0x720;
uint256 constant FOUR_C_STEP = 0x740;
// Where the memories are that operands lie in, by their code: 0 is none, 1 the trace, 2 the weights.
uint256 constant MEMORIES = 0xf80;
uint256 constant TRACE = 0xfa0;
uint256 constant WEIGHTS = 0xfc0;
uint256 constant REGISTERS_END = 0x1000;

/// @title Decodes a node for the interpreter
library Registers {
    /// @notice Takes the memory from 0x80 to `REGISTERS_END`. To be called before anything else allocates.
    /// @return end Where free memory begins; all of it is zero.
    function reserve() internal pure returns (uint256 end) {
        assembly ("memory-safe") {
            end := mload(0x40)
            if iszero(eq(end, 0x80)) { revert(0, 0) }
            end := REGISTERS_END
            mstore(0x40, end)
        }
    }

    /// @notice Says where in memory the trace and the weights are.
    function setMemories(uint256 trace, uint256 weights) internal pure {
        assembly ("memory-safe") {
            mstore(TRACE, trace)
            mstore(WEIGHTS, weights)
        }
    }

    /// @notice Fills the registers from the descriptor at `at`.
    /// @return op The operation's code.
    function load(uint256 at) internal pure returns (uint256 op) {
        assembly ("memory-safe") {
            function first(word, kind) -> start {
                start := add(
                    mload(add(MEMORIES, shl(5, byte(0, word)))),
                    add(shl(5, and(shr(192, word), 0xffffffff)), shl(kind, and(shr(160, word), 0xffffffff)))
                )
            }
            function leftOut(register, place) {
                mstore(register, place)
                mstore(add(register, 0x20), 0)
                mstore(add(register, 0x40), 0)
                mstore(add(register, 0x80), 192)
            }

            let word := mload(at)
            op := byte(0, word)
            let kind := byte(1, word)
            mstore(FLAGS, byte(2, word))
            mstore(SHIFT, byte(3, word))
            mstore(OUT, add(mload(TRACE), shl(5, and(shr(192, word), 0xffffffff))))
            mstore(OUT_CUT, sub(256, shl(kind, 8)))
            mstore(OUT_SIZE, shl(kind, 1))
            mstore(COUNT, and(shr(128, word), 0xffffffff))
            mstore(COLS, and(shr(96, word), 0xffffffff))
            mstore(K, and(shr(64, word), 0xffffffff))

            word := mload(add(at, 0x20))
            kind := byte(1, word)
            mstore(A, first(word, kind))
            mstore(A_ROW, shl(kind, and(shr(128, word), 0xffffffff)))
            mstore(A_COL, shl(kind, and(shr(96, word), 0xffffffff)))
            mstore(A_KIND, kind)
            mstore(A_CUT, sub(256, shl(kind, 8)))
            word := mload(add(at, 0x40))
            switch word
            case 0 { leftOut(B, B_DEFAULT) }
            default {
                kind := byte(1, word)
                mstore(B, first(word, kind))
                mstore(B_ROW, shl(kind, and(shr(128, word), 0xffffffff)))
                mstore(B_COL, shl(kind, and(shr(96, word), 0xffffffff)))
                mstore(B_KIND, kind)
                mstore(B_CUT, sub(256, shl(kind, 8)))
            }
            word := mload(add(at, 0x60))
            switch word
            case 0 { leftOut(C, C_DEFAULT) }
            default {
                kind := byte(1, word)
                mstore(C, first(word, kind))
                mstore(C_ROW, shl(kind, and(shr(128, word), 0xffffffff)))
                mstore(C_COL, shl(kind, and(shr(96, word), 0xffffffff)))
                mstore(C_CUT, sub(256, shl(kind, 8)))
            }

            word := mload(add(at, 0x80))
            mstore(M0, sar(192, word))
            mstore(M1, sar(192, shl(64, word)))
            mstore(ADD, sar(192, shl(128, word)))
            word := mload(add(at, 0xa0))
            mstore(LO, sar(192, word))
            mstore(HI, sar(192, shl(64, word)))
        }
    }

    /// @notice Makes one row of the node's rows where every operand advances evenly, which spares the row loop.
    function flatten() internal pure {
        assembly ("memory-safe") {
            let cols := mload(COLS)
            switch cols
            case 1 {
                mstore(COLS, mload(COUNT))
                mstore(A_COL, mload(A_ROW))
                mstore(B_COL, mload(B_ROW))
                mstore(C_COL, mload(C_ROW))
            }
            default {
                if and(
                    and(eq(mload(A_ROW), mul(cols, mload(A_COL))), eq(mload(B_ROW), mul(cols, mload(B_COL)))),
                    eq(mload(C_ROW), mul(cols, mload(C_COL)))
                ) { mstore(COLS, mload(COUNT)) }
            }
        }
    }

    /// @notice Goes on to the row after one of `count` elements.
    function advance(uint256 count) internal pure {
        assembly ("memory-safe") {
            mstore(A, add(mload(A), mload(A_ROW)))
            mstore(B, add(mload(B), mload(B_ROW)))
            mstore(C, add(mload(C), mload(C_ROW)))
            mstore(OUT, add(mload(OUT), mul(count, mload(OUT_SIZE))))
        }
    }

    /// @notice What a register holds.
    function get(uint256 register) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(register)
        }
    }

    /// @notice Writes a register.
    function set(uint256 register, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(register, value)
        }
    }
}
