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
    LANES_BIAS,
    LANES_END,
    LANES_MASK,
    LANES_SHIFT,
    LANES_START,
    LANES_TOP,
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
        bool wide = _load(B_KIND) == 1;
        uint256 total = wide ? _spreadElements() : _load(A_KIND) == 0 ? _spreadBytes() : _spreadPairs();
        uint256 laneBits = wide ? 64 : 32;
        // Zeros behind an odd last block, for those who take two at a time.
        uint256 last = _load(LANES_END);
        _store(last, 0);
        _store(last + 0x20, 0);
        _store(last + 0x40, 0);
        _store(last + 0x60, 0);
        _store(LANES_MASK, wide ? PAIRS : BYTES);
        _store(LANES_BIAS, wide ? BIAS16 : BIAS8);
        _store(LANES_SHIFT, laneBits >> 2);
        _store(LANES_TOP, 256 - laneBits);
        // The streamed elements come with 2^7 (2^15) added to each; this takes it off again, and adds half a unit of the
        // topmost lane to undo the borrow of those below.
        unchecked {
            uint256 bias = wide ? PAIRS & BIAS16 : BYTES & BIAS8;
            _store(LANES_START, (1 << (255 - laneBits)) - bias * total);
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

    /// @dev Sums of products of the spread row with rows that lie `step` bytes apart, into neighbouring elements.
    ///
    /// Where an output element has as many bits as a lane, the sum is stored as it is, topmost lane first: what the other
    /// lanes leave behind is overwritten by the elements that follow, and after the last one by zeros.
    function _stream(uint256 from, uint256 step, uint256 end) private pure {
        if (_load(OUT_CUT) != _load(LANES_TOP)) return _streamInto(from, step, _load(OUT), _load(OUT_SIZE), end);
        uint256 lanesEnd = _load(LANES_END);
        if (lanesEnd == LANES + 0x80) _streamOne(from, step, end);
        else if (lanesEnd == LANES + 0x100) _streamTwo(from, step, end);
        else if (lanesEnd <= LANES + 0x200) _streamFour(from, step, end);
        else _streamTwos(from, step, end);
        _store(end, 0);
    }

    /// @dev Rows of one block: 32 elements of 8 bits or 16 of 16 bits. Two at a time: a last odd row has a companion whose sum
    /// is overwritten afterwards.
    function _streamOne(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            let size := mload(OUT_SIZE)
            let mask := mload(LANES_MASK)
            let shift := mload(LANES_SHIFT)
            let shift2 := shl(1, shift)
            let shift3 := add(shift, shift2)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, shl(1, size)) } {
                let sum := mload(LANES_START)
                {
                    let x := xor(mload(from), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x520)), mul(and(shr(shift, x), mask), mload(0x540))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x560)),
                                mul(and(shr(shift3, x), mask), mload(0x580))
                            ),
                            sum
                        )
                    )
                }
                mstore(out, sum)
                from := add(from, step)
                sum := mload(LANES_START)
                {
                    let x := xor(mload(from), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x520)), mul(and(shr(shift, x), mask), mload(0x540))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x560)),
                                mul(and(shr(shift3, x), mask), mload(0x580))
                            ),
                            sum
                        )
                    )
                }
                mstore(add(out, size), sum)
                from := add(from, step)
            }
        }
    }

    /// @dev Rows of two blocks, likewise.
    function _streamTwo(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            let size := mload(OUT_SIZE)
            let mask := mload(LANES_MASK)
            let shift := mload(LANES_SHIFT)
            let shift2 := shl(1, shift)
            let shift3 := add(shift, shift2)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, shl(1, size)) } {
                let sum := mload(LANES_START)
                {
                    let x := xor(mload(from), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x520)), mul(and(shr(shift, x), mask), mload(0x540))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x560)),
                                mul(and(shr(shift3, x), mask), mload(0x580))
                            ),
                            sum
                        )
                    )
                }
                {
                    let x := xor(mload(add(from, 0x20)), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x5a0)), mul(and(shr(shift, x), mask), mload(0x5c0))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x5e0)),
                                mul(and(shr(shift3, x), mask), mload(0x600))
                            ),
                            sum
                        )
                    )
                }
                mstore(out, sum)
                from := add(from, step)
                sum := mload(LANES_START)
                {
                    let x := xor(mload(from), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x520)), mul(and(shr(shift, x), mask), mload(0x540))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x560)),
                                mul(and(shr(shift3, x), mask), mload(0x580))
                            ),
                            sum
                        )
                    )
                }
                {
                    let x := xor(mload(add(from, 0x20)), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x5a0)), mul(and(shr(shift, x), mask), mload(0x5c0))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x5e0)),
                                mul(and(shr(shift3, x), mask), mload(0x600))
                            ),
                            sum
                        )
                    )
                }
                mstore(add(out, size), sum)
                from := add(from, step)
            }
        }
    }

    /// @dev Rows of three or four blocks.
    function _streamFour(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            let size := mload(OUT_SIZE)
            let mask := mload(LANES_MASK)
            let shift := mload(LANES_SHIFT)
            let shift2 := shl(1, shift)
            let shift3 := add(shift, shift2)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, size) } {
                let sum := mload(LANES_START)
                {
                    let x := xor(mload(from), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x520)), mul(and(shr(shift, x), mask), mload(0x540))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x560)),
                                mul(and(shr(shift3, x), mask), mload(0x580))
                            ),
                            sum
                        )
                    )
                }
                {
                    let x := xor(mload(add(from, 0x20)), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x5a0)), mul(and(shr(shift, x), mask), mload(0x5c0))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x5e0)),
                                mul(and(shr(shift3, x), mask), mload(0x600))
                            ),
                            sum
                        )
                    )
                }
                {
                    let x := xor(mload(add(from, 0x40)), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x620)), mul(and(shr(shift, x), mask), mload(0x640))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x660)),
                                mul(and(shr(shift3, x), mask), mload(0x680))
                            ),
                            sum
                        )
                    )
                }
                {
                    let x := xor(mload(add(from, 0x60)), mload(LANES_BIAS))
                    sum := add(
                        add(mul(and(x, mask), mload(0x6a0)), mul(and(shr(shift, x), mask), mload(0x6c0))),
                        add(
                            add(
                                mul(and(shr(shift2, x), mask), mload(0x6e0)),
                                mul(and(shr(shift3, x), mask), mload(0x700))
                            ),
                            sum
                        )
                    )
                }
                mstore(out, sum)
                from := add(from, step)
            }
        }
    }

    /// @dev Longer rows, two blocks at a time.
    function _streamTwos(uint256 from, uint256 step, uint256 end) private pure {
        assembly ("memory-safe") {
            let mask := mload(LANES_MASK)
            let shift := mload(LANES_SHIFT)
            let shift2 := shl(1, shift)
            let shift3 := add(shift, shift2)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let sum := mload(LANES_START)
                let at := from
                for { let lane := LANES } lt(lane, mload(LANES_END)) { lane := add(lane, 0x100) } {
                    {
                        let x := xor(mload(at), mload(LANES_BIAS))
                        sum := add(
                            add(mul(and(x, mask), mload(lane)), mul(and(shr(shift, x), mask), mload(add(lane, 0x20)))),
                            add(
                                add(
                                    mul(and(shr(shift2, x), mask), mload(add(lane, 0x40))),
                                    mul(and(shr(shift3, x), mask), mload(add(lane, 0x60)))
                                ),
                                sum
                            )
                        )
                    }
                    {
                        let x := xor(mload(add(at, 0x20)), mload(LANES_BIAS))
                        sum := add(
                            add(
                                mul(and(x, mask), mload(add(lane, 0x80))),
                                mul(and(shr(shift, x), mask), mload(add(lane, 0xa0)))
                            ),
                            add(
                                add(
                                    mul(and(shr(shift2, x), mask), mload(add(lane, 0xc0))),
                                    mul(and(shr(shift3, x), mask), mload(add(lane, 0xe0)))
                                ),
                                sum
                            )
                        )
                    }
                    at := add(at, 0x40)
                }
                mstore(out, sum)
                from := add(from, step)
            }
        }
    }

    /// @dev Any rows, into elements that lie `outStep` bytes apart.
    function _streamInto(uint256 from, uint256 step, uint256 out, uint256 outStep, uint256 end) private pure {
        assembly ("memory-safe") {
            let rest := shr(shl(3, mload(OUT_SIZE)), not(0))
            let bias := mload(LANES_BIAS)
            let mask := mload(LANES_MASK)
            let shift := mload(LANES_SHIFT)
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
                sum := sar(mload(LANES_TOP), sum)
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
