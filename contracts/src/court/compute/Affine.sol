// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    A,
    ADD,
    A_COL,
    A_CUT,
    B,
    B_COL,
    B_CUT,
    B_DEFAULT,
    C,
    C_COL,
    C_CUT,
    FOUR_A,
    FOUR_BIAS,
    FOUR_C,
    FOUR_CUT,
    FOUR_C_STEP,
    FOUR_HALVES,
    FOUR_HIGH,
    FOUR_KEEP,
    FOUR_LOW,
    FOUR_MASK,
    FOUR_ONES,
    FOUR_PAIRS,
    FOUR_PAIR_SHIFT,
    FOUR_SHIFT,
    FOUR_SIZE,
    FOUR_SPAN,
    FOUR_START,
    FOUR_TOP,
    HI,
    LO,
    M0,
    M1,
    OUT,
    OUT_CUT,
    OUT_SIZE,
    SHIFT
} from "./Registers.sol";

/// @title Fills a row of an AFFINE node's region
/// @notice Four elements at a time, in the four 64-bit lanes of a word. Validation bounds every intermediate value by 2^62,
/// so that lanes hold signed digits that do not run into each other; what validation did not see (elements past the row)
/// is never put into a lane.
library Affine {
    /// @dev Rows shorter than this do not repay the preparation.
    uint256 private constant SHORT = 8;

    /// @notice Computes the elements from the present row's first up to the place `end`.
    function fill(uint256 end) internal pure {
        if (_isShort(end) || !_prepare()) return _oneAtATime(end);
        (uint256 a, uint256 b, uint256 c, uint256 out) = _places();
        _fourAtATime(end);
        _oneAtATime(end);
        _setPlaces(a, b, c, out);
    }

    function _places() private pure returns (uint256 a, uint256 b, uint256 c, uint256 out) {
        assembly ("memory-safe") {
            a := mload(A)
            b := mload(B)
            c := mload(C)
            out := mload(OUT)
        }
    }

    function _setPlaces(uint256 a, uint256 b, uint256 c, uint256 out) private pure {
        assembly ("memory-safe") {
            mstore(A, a)
            mstore(B, b)
            mstore(C, c)
            mstore(OUT, out)
        }
    }

    function _oneAtATime(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let b := mload(B)
            let c := mload(C)
            let shift := mload(SHIFT)
            let add_ := add(mload(ADD), shr(1, shl(shift, 1)))
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let x := mul(mul(mload(M0), sar(mload(A_CUT), mload(a))), sar(mload(B_CUT), mload(b)))
                x := sar(shift, add(add_, add(x, mul(mload(M1), sar(mload(C_CUT), mload(c))))))
                if slt(x, mload(LO)) { x := mload(LO) }
                if sgt(x, mload(HI)) { x := mload(HI) }
                mstore(out, shl(mload(OUT_CUT), x))
                a := add(a, mload(A_COL))
                b := add(b, mload(B_COL))
                c := add(c, mload(C_COL))
            }
        }
    }

    function _isShort(uint256 end) private pure returns (bool short) {
        assembly ("memory-safe") {
            short := gt(add(mload(OUT), mul(SHORT, mload(OUT_SIZE))), end)
        }
    }

    /// @dev Whether four at a time is possible: neighbours of 32 or 64 bits times a constant or times neighbours of 32 bits,
    /// plus the like or a constant, a right shift, and bounds less than 2^32 apart.
    function _prepare() private pure returns (bool possible) {
        assembly ("memory-safe") {
            // 32 or 64 for neighbours of so many bits, else 0.
            function near(col, cut) -> bits {
                if or(eq(cut, 224), eq(cut, 192)) { bits := mul(eq(shl(3, col), sub(256, cut)), sub(256, cut)) }
            }
            let single := eq(mload(B), B_DEFAULT)
            let a := near(mload(A_COL), mload(A_CUT))
            let c := iszero(mload(C_COL))
            if iszero(c) { c := near(mload(C_COL), mload(C_CUT)) }
            possible := and(and(gt(a, 0), gt(c, 0)), and(gt(mload(SHIFT), 0), lt(mload(OUT_SIZE), 8)))
            if iszero(single) { possible := and(possible, and(eq(mload(B_CUT), 224), eq(mload(B_COL), 4))) }
            mstore(FOUR_A, mul(a, single))
            mstore(FOUR_C, c)
            mstore(FOUR_C_STEP, mul(gt(c, 1), shr(1, c)))
        }
        if (possible) possible = _prepareLanes();
    }

    /// @dev Sets up the lanes' constants. With bias 2^(63 - shift), a shifted lane is in [0, 2^63); `low` and `high` are the
    /// bounds in these terms.
    function _prepareLanes() private pure returns (bool narrow) {
        assembly ("memory-safe") {
            let shift := mload(SHIFT)
            let bias := shl(sub(63, shift), 1)
            let low := add(mload(LO), bias)
            if slt(low, 0) { low := 0 }
            let high := add(mload(HI), bias)
            if sgt(high, 0x7fffffffffffffff) { high := 0x7fffffffffffffff }
            let span := sub(high, low)
            narrow := lt(span, 0x100000000)

            let ones := 0x0000000000000001000000000000000100000000000000010000000000000001
            mstore(FOUR_ONES, ones)
            mstore(FOUR_TOP, shl(63, ones))
            mstore(FOUR_HALVES, sub(shl(32, ones), ones))
            mstore(FOUR_BIAS, shl(31, ones))
            mstore(FOUR_KEEP, sub(shl(sub(64, shift), ones), ones))
            mstore(FOUR_LOW, mul(low, ones))
            mstore(FOUR_SPAN, mul(add(shl(63, 1), span), ones))
            mstore(FOUR_HIGH, mul(add(shl(32, 1), and(sub(high, bias), 0xffffffff)), ones))
            let bits := shl(3, mload(OUT_SIZE))
            mstore(FOUR_MASK, sub(shl(bits, ones), ones))
            mstore(FOUR_PAIRS, mul(sub(shl(shl(1, bits), 1), 1), 0x100000000000000000000000000000001))
            mstore(FOUR_PAIR_SHIFT, sub(64, bits))
            mstore(FOUR_SHIFT, sub(128, shl(1, bits)))
            mstore(FOUR_CUT, sub(256, shl(2, bits)))
            mstore(FOUR_SIZE, shr(1, bits))

            // What is the same for all elements: summand, rounding, the bias of the whole, those with which A and C are read,
            // and C itself where it stands still.
            let start := add(add(mload(ADD), shl(sub(shift, 1), 1)), shl(63, 1))
            if mload(FOUR_A) { start := sub(start, shl(sub(mload(FOUR_A), 1), mload(M0))) }
            switch mload(FOUR_C)
            case 1 { start := add(start, mul(mload(M1), sar(mload(C_CUT), mload(mload(C))))) }
            default { start := sub(start, shl(sub(mload(FOUR_C), 1), mload(M1))) }
            mstore(FOUR_START, mul(start, ones))
        }
    }

    /// @dev Four elements per turn; the places in the registers go on to the first that is left.
    function _fourAtATime(uint256 end) private pure {
        assembly ("memory-safe") {
            // Four 32-bit neighbours, biased by 2^31.
            function near32(at) -> x {
                x := shr(128, mload(at))
                x := and(or(x, shl(64, x)), 0xffffffffffffffff0000000000000000ffffffffffffffff)
                x := xor(and(or(x, shl(32, x)), mload(FOUR_HALVES)), mload(FOUR_BIAS))
            }

            let a := mload(A)
            let b := mload(B)
            let c := mload(C)
            let out := mload(OUT)
            let last := sub(end, mload(FOUR_SIZE))
            // Where C stands still, it is in the start already, and x xor x is zero.
            if iszero(mload(FOUR_C_STEP)) { c := FOUR_TOP }
            switch mload(FOUR_A)
            case 0 {
                let cut := mload(A_CUT)
                let step := mload(A_COL)
                let step2 := add(step, step)
                for {} iszero(gt(out, last)) { out := add(out, mload(FOUR_SIZE)) } {
                    let x :=
                        add(
                            shl(192, mul(sar(cut, mload(a)), sar(224, mload(b)))),
                            shl(128, mul(sar(cut, mload(add(a, step))), sar(224, mload(add(b, 0x04)))))
                        )
                    a := add(a, step2)
                    x := add(
                        mul(sar(cut, mload(add(a, step))), sar(224, mload(add(b, 0x0c)))),
                        add(x, shl(64, mul(sar(cut, mload(a)), sar(224, mload(add(b, 0x08))))))
                    )
                    a := add(a, step2)
                    b := add(b, 0x10)
                    let y := xor(mload(c), mload(FOUR_TOP))
                    if eq(mload(FOUR_C), 32) { y := near32(c) }
                    c := add(c, mload(FOUR_C_STEP))
                    y := add(mload(FOUR_START), add(mul(mload(M0), x), mul(mload(M1), y)))
                    // max(y - low, 0): the topmost bit tells which lanes are not below.
                    y := sub(or(and(shr(mload(SHIFT), y), mload(FOUR_KEEP)), mload(FOUR_TOP)), mload(FOUR_LOW))
                    x := and(shr(63, y), mload(FOUR_ONES))
                    // What the result stays below the upper bound, likewise.
                    y := sub(mload(FOUR_SPAN), and(y, sub(shl(63, x), x)))
                    x := and(shr(63, y), mload(FOUR_ONES))
                    y := and(sub(mload(FOUR_HIGH), and(y, sub(shl(63, x), x))), mload(FOUR_MASK))
                    // Two lanes side by side, then four.
                    y := and(or(y, shr(mload(FOUR_PAIR_SHIFT), y)), mload(FOUR_PAIRS))
                    mstore(out, shl(mload(FOUR_CUT), or(y, shr(mload(FOUR_SHIFT), y))))
                }
            }
            default {
                let step := shl(2, mload(A_COL))
                for {} iszero(gt(out, last)) { out := add(out, mload(FOUR_SIZE)) } {
                    let x := xor(mload(a), mload(FOUR_TOP))
                    if eq(step, 0x10) { x := near32(a) }
                    a := add(a, step)
                    let y := xor(mload(c), mload(FOUR_TOP))
                    if eq(mload(FOUR_C), 32) { y := near32(c) }
                    c := add(c, mload(FOUR_C_STEP))
                    y := add(mload(FOUR_START), add(mul(mload(M0), x), mul(mload(M1), y)))
                    // max(y - low, 0): the topmost bit tells which lanes are not below.
                    y := sub(or(and(shr(mload(SHIFT), y), mload(FOUR_KEEP)), mload(FOUR_TOP)), mload(FOUR_LOW))
                    x := and(shr(63, y), mload(FOUR_ONES))
                    // What the result stays below the upper bound, likewise.
                    y := sub(mload(FOUR_SPAN), and(y, sub(shl(63, x), x)))
                    x := and(shr(63, y), mload(FOUR_ONES))
                    y := and(sub(mload(FOUR_HIGH), and(y, sub(shl(63, x), x))), mload(FOUR_MASK))
                    // Two lanes side by side, then four.
                    y := and(or(y, shr(mload(FOUR_PAIR_SHIFT), y)), mload(FOUR_PAIRS))
                    mstore(out, shl(mload(FOUR_CUT), or(y, shr(mload(FOUR_SHIFT), y))))
                }
            }
            mstore(A, a)
            mstore(B, b)
            if mload(FOUR_C_STEP) { mstore(C, c) }
            mstore(OUT, out)
        }
    }
}
