// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
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
    Registers
} from "./Registers.sol";

/// @title Multiplies the spread row with the rows that stream by
/// @notice A load, four masks and four multiplications handle 32 elements of 8 bits, or 16 of 16 bits. The kernels for
/// short rows name the spread words by their places: 0x520 is `LANES`, and each block has 0x80 bytes.
library Stream {
    /// @notice Sums of products of the spread row with rows that lie `step` bytes apart, into neighbouring elements.
    ///
    /// Where an output element has as many bits as a lane, the sum is stored as it is, topmost lane first: what the other
    /// lanes leave behind is overwritten by the elements that follow, and after the last one by zeros.
    function run(uint256 from, uint256 step, uint256 end) internal pure {
        if (Registers.get(OUT_CUT) != Registers.get(LANES_TOP)) {
            return into(from, step, Registers.get(OUT), Registers.get(OUT_SIZE), end);
        }
        uint256 lanesEnd = Registers.get(LANES_END);
        if (lanesEnd == LANES + 0x80) _one(from, step, end);
        else if (lanesEnd == LANES + 0x100) _two(from, step, end);
        else if (lanesEnd <= LANES + 0x200) _four(from, step, end);
        else _longer(from, step, end);
        Registers.set(end, 0);
    }

    /// @dev Rows of one block: 32 elements of 8 bits or 16 of 16 bits. Two at a time: a last odd row has a companion whose sum
    /// is overwritten afterwards.
    function _one(uint256 from, uint256 step, uint256 end) private pure {
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
    function _two(uint256 from, uint256 step, uint256 end) private pure {
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
    function _four(uint256 from, uint256 step, uint256 end) private pure {
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
    function _longer(uint256 from, uint256 step, uint256 end) private pure {
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

    /// @notice The same for any rows, into elements that lie `outStep` bytes apart.
    function into(uint256 from, uint256 step, uint256 out, uint256 outStep, uint256 end) internal pure {
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
}
