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
// Products of rows: what their sum starts from, the end of the spread elements, 64 words for these, and room for a
// padded row.
uint256 constant LANES_START = 0x440;
uint256 constant LANES_END = 0x460;
uint256 constant LANES = 0x480;
uint256 constant PADDED = 0xc80;
uint256 constant REGISTERS_END = 0xf00;

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

    /// @notice Fills the registers from the descriptor at `at`.
    /// @param trace Place in memory of the trace.
    /// @param weights Place in memory of the weights.
    /// @return op The operation's code.
    function load(uint256 at, uint256 trace, uint256 weights) internal pure returns (uint256 op) {
        assembly ("memory-safe") {
            function field(word, bits) -> value {
                value := and(shr(bits, word), 0xffffffff)
            }
            function signed(word, bits) -> value {
                value := signextend(7, shr(bits, word))
            }
            function operand(register, word, memory1, memory2, otherwise) {
                let kind := byte(1, word)
                let place := otherwise
                switch byte(0, word)
                case 0 { kind := 3 }
                case 1 { place := memory1 }
                default { place := memory2 }
                mstore(register, add(place, add(shl(5, field(word, 192)), shl(kind, field(word, 160)))))
                mstore(add(register, 0x20), shl(kind, field(word, 128)))
                mstore(add(register, 0x40), shl(kind, field(word, 96)))
                mstore(add(register, 0x60), kind)
                mstore(add(register, 0x80), sub(256, shl(kind, 8)))
            }

            let head := mload(at)
            op := byte(0, head)
            let kind := byte(1, head)
            mstore(FLAGS, byte(2, head))
            mstore(SHIFT, byte(3, head))
            mstore(OUT, add(trace, shl(5, field(head, 192))))
            mstore(OUT_CUT, sub(256, shl(kind, 8)))
            mstore(OUT_SIZE, shl(kind, 1))
            mstore(COUNT, field(head, 128))
            mstore(COLS, field(head, 96))
            mstore(K, field(head, 64))

            operand(A, mload(add(at, 0x20)), trace, weights, 0)
            operand(B, mload(add(at, 0x40)), trace, weights, B_DEFAULT)
            operand(C, mload(add(at, 0x60)), trace, weights, C_DEFAULT)

            let word := mload(add(at, 0x80))
            mstore(M0, signed(word, 192))
            mstore(M1, signed(word, 128))
            mstore(ADD, signed(word, 64))
            word := mload(add(at, 0xa0))
            mstore(LO, signed(word, 192))
            mstore(HI, signed(word, 128))
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
}
