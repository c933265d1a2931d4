// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    A,
    A_COL,
    A_CUT,
    A_KIND,
    A_ROW,
    B,
    B_COL,
    B_CUT,
    B_KIND,
    B_ROW,
    COLS,
    COUNT,
    K,
    LANES,
    LANES_END,
    LANES_START,
    OUT,
    OUT_CUT,
    OUT_SIZE,
    PADDED,
    Registers
} from "./Registers.sol";

/// @title Fills the region of a MATMUL node
/// @notice One row of each pair is mostly the same for many outputs: the activations. It is spread once over words of
/// eight 32-bit lanes (or four of 64 bits), lanes reversed, one word for every fourth element. The other row, the weights,
/// streams by: a load, four masks and four multiplications handle 32 of them (or 16), because the topmost lane of a
/// product of two such words is a sum of eight (or four) products.
///
/// Bounds: with 8-bit streamed and at most 16-bit spread elements, 256 products sum up to at most 2^31 - 2^23 in any
/// lane, biased, and 2^30 unbiased; with 16-bit ones to 2^39 in 64 bits. No lane overflows, whatever the program.
library Products {
    /// @dev The lowest byte of each 32-bit lane.
    uint256 private constant BYTES = 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff;
    /// @dev The lowest two bytes of each 64-bit lane.
    uint256 private constant PAIRS = 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;
    /// @dev Added to streamed elements, so that they start at zero.
    uint256 private constant BIAS8 = 0x8080808080808080808080808080808080808080808080808080808080808080;
    uint256 private constant BIAS16 = 0x8000800080008000800080008000800080008000800080008000800080008000;
    /// @dev Rows shorter than this are multiplied element by element.
    uint256 private constant SHORT = 4;

    /// @notice Computes every element of the node in the registers.
    function fill() internal pure {
        Registers.flatten();
        if (_load(A_KIND) > 1 || _load(B_KIND) > 1 || _load(K) < SHORT) return _single();
        if (_load(A_COL) == 0) return _byRows();
        if (_load(B_COL) == 0) {
            _swap();
            return _byRows();
        }
        if (_load(A_ROW) != 0) {
            if (_load(B_ROW) != 0) return _single();
            _swap();
        }
        _byColumns();
    }

    /// @dev A stays the same along a row of the output.
    function _byRows() private pure {
        unchecked {
            uint256 cols = _load(COLS);
            uint256 size = _load(OUT_SIZE);
            for (uint256 left = _load(COUNT);;) {
                uint256 count = left < cols ? left : cols;
                _spread();
                _stream(_load(B), _load(B_COL), _load(OUT) + count * size);
                left -= count;
                if (left == 0) return;
                Registers.advance(count);
            }
        }
    }

    /// @dev A stays the same along a column of the output.
    function _byColumns() private pure {
        unchecked {
            uint256 cols = _load(COLS);
            uint256 n = _load(COUNT);
            uint256 size = _load(OUT_SIZE);
            uint256 end = _load(OUT) + n * size;
            for (uint256 c = 0; c < cols && c < n; ++c) {
                _spread();
                uint256 out = _load(OUT);
                _streamInto(_load(B), _load(B_ROW), out, cols * size, end);
                _store(A, _load(A) + _load(A_COL));
                _store(B, _load(B) + _load(B_COL));
                _store(OUT, _load(OUT) + size);
            }
        }
    }

    /// @dev Element by element.
    function _single() private pure {
        unchecked {
            uint256 cols = _load(COLS);
            for (uint256 left = _load(COUNT);;) {
                uint256 count = left < cols ? left : cols;
                _singleRow(_load(OUT) + count * _load(OUT_SIZE));
                left -= count;
                if (left == 0) return;
                Registers.advance(count);
            }
        }
    }

    function _singleRow(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let b := mload(B)
            let length := shl(mload(A_KIND), mload(K))
            let sizeA := shl(mload(A_KIND), 1)
            let sizeB := shl(mload(B_KIND), 1)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let sum := 0
                let y := b
                let last := add(a, length)
                for { let x := a } lt(x, last) { x := add(x, sizeA) } {
                    sum := add(sum, mul(sar(mload(A_CUT), mload(x)), sar(mload(B_CUT), mload(y))))
                    y := add(y, sizeB)
                }
                mstore(out, shl(mload(OUT_CUT), sum))
                a := add(a, mload(A_COL))
                b := add(b, mload(B_COL))
            }
        }
    }

    // -- spread and stream -------------------------------------------------------------------------------------------

    /// @dev Spreads the K elements at A: element 4l + 3 - j of a block of 32 (or 16) goes into lane l, from the bottom, of
    /// the block's j-th word. Elements past the row are zero.
    function _spread() private pure {
        assembly ("memory-safe") {
            let cut := mload(A_CUT)
            let size := shl(mload(A_KIND), 1)
            let length := mul(mload(K), size)
            mcopy(PADDED, mload(A), length)
            mstore(add(PADDED, length), 0)
            mstore(add(PADDED, add(length, 0x20)), 0)

            let laneBits := shl(mload(B_KIND), 32)
            let to := LANES
            let total := 0
            let end := add(PADDED, length)
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

            // The streamed elements come with 2^7 (2^15) added to each; this takes it off again, and adds half a unit of the
            // topmost lane to undo the borrow of those below.
            let bias := 0x0000008000000080000000800000008000000080000000800000008000000080
            if eq(laneBits, 64) { bias := 0x0000000000008000000000000000800000000000000080000000000000008000 }
            mstore(LANES_START, sub(shl(sub(255, laneBits), 1), mul(bias, total)))
            mstore(LANES_END, to)
        }
    }

    /// @dev Sums of products of the spread row with rows that lie `step` bytes apart, into neighbouring elements.
    function _stream(uint256 from, uint256 step, uint256 end) private pure {
        if (_load(B_KIND) != 0) return _streamInto(from, step, _load(OUT), _load(OUT_SIZE), end);
        uint256 lanes = _load(LANES_END) - LANES;
        if (lanes == 0x80) return _stream32(from, step, end);
        if (lanes == 0x100) return _stream64(from, step, end);
        _streamInto(from, step, _load(OUT), _load(OUT_SIZE), end);
    }

    /// @dev Rows of at most 32 elements of 8 bits.
    function _stream32(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            function four(w, lane) -> sum {
                sum := add(
                    add(mul(and(w, BYTES), mload(lane)), mul(and(shr(8, w), BYTES), mload(add(lane, 0x20)))),
                    add(
                        mul(and(shr(16, w), BYTES), mload(add(lane, 0x40))),
                        mul(and(shr(24, w), BYTES), mload(add(lane, 0x60)))
                    )
                )
            }
            let size := mload(OUT_SIZE)
            let cut := mload(OUT_CUT)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, size) } {
                let sum := add(mload(LANES_START), four(xor(mload(from), BIAS8), LANES))
                mstore(out, shl(cut, sar(224, sum)))
                from := add(from, step)
            }
        }
    }

    /// @dev Rows of 33 to 64 elements of 8 bits.
    function _stream64(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            function four(w, lane) -> sum {
                sum := add(
                    add(mul(and(w, BYTES), mload(lane)), mul(and(shr(8, w), BYTES), mload(add(lane, 0x20)))),
                    add(
                        mul(and(shr(16, w), BYTES), mload(add(lane, 0x40))),
                        mul(and(shr(24, w), BYTES), mload(add(lane, 0x60)))
                    )
                )
            }
            let size := mload(OUT_SIZE)
            let cut := mload(OUT_CUT)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, size) } {
                let sum := add(mload(LANES_START), four(xor(mload(from), BIAS8), LANES))
                sum := add(sum, four(xor(mload(add(from, 0x20)), BIAS8), 0x500))
                mstore(out, shl(cut, sar(224, sum)))
                from := add(from, step)
            }
        }
    }

    /// @dev Any rows, into elements that lie `outStep` bytes apart.
    function _streamInto(uint256 from, uint256 step, uint256 out, uint256 outStep, uint256 end) private pure {
        assembly ("memory-safe") {
            let rest := shr(shl(3, mload(OUT_SIZE)), not(0))
            let wide := mload(B_KIND)
            let bias := BIAS8
            let mask := BYTES
            let shift := shl(wide, 8)
            if wide {
                bias := BIAS16
                mask := PAIRS
            }
            for {} lt(out, end) { out := add(out, outStep) } {
                let sum := mload(LANES_START)
                let at := from
                for { let lane := LANES } lt(lane, mload(LANES_END)) { lane := add(lane, 0x80) } {
                    let w := xor(mload(at), bias)
                    sum := add(sum, mul(mload(lane), and(w, mask)))
                    w := shr(shift, w)
                    sum := add(sum, mul(mload(add(lane, 0x20)), and(w, mask)))
                    w := shr(shift, w)
                    sum := add(sum, mul(mload(add(lane, 0x40)), and(w, mask)))
                    sum := add(sum, mul(mload(add(lane, 0x60)), and(shr(shift, w), mask)))
                    at := add(at, 0x20)
                }
                sum := sar(sub(256, shl(2, shift)), sum)
                mstore(out, or(shl(mload(OUT_CUT), sum), and(mload(out), rest)))
                from := add(from, step)
            }
        }
    }

    // -- registers ---------------------------------------------------------------------------------------------------

    /// @dev Exchanges A and B: products commute.
    function _swap() private pure {
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 0xa0) { i := add(i, 0x20) } {
                let held := mload(add(A, i))
                mstore(add(A, i), mload(add(B, i)))
                mstore(add(B, i), held)
            }
        }
    }

    function _load(uint256 register) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(register)
        }
    }

    function _store(uint256 register, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(register, value)
        }
    }
}
