// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Affine} from "./Affine.sol";
import {Descriptor} from "./Descriptor.sol";
import {Products} from "./Products.sol";
import {
    A,
    ADD,
    A_COL,
    A_CUT,
    A_KIND,
    B,
    B_COL,
    B_CUT,
    B_DEFAULT,
    B_KIND,
    C,
    COLS,
    COUNT,
    C_COL,
    C_CUT,
    C_DEFAULT,
    FLAGS,
    HI,
    K,
    LO,
    OUT,
    OUT_CUT,
    OUT_SIZE,
    Registers
} from "./Registers.sol";

/// @title Runs a program of the integer graph in memory
/// @notice The trace is laid out in memory exactly as it is committed. Elements are read with one unaligned load, and
/// written in ascending order with one store of 32 bytes: what it writes past its element are zeros, where the next
/// elements come or nothing does. For programs that validation accepts the result is that of the reference executor;
/// for others nothing is promised (the arithmetic is modulo 2^256, and reads may go astray in memory).
library Interpreter {
    /// @notice Fills the trace. Node 0 is the input, which lies there already.
    /// @param program Place in memory of the first descriptor.
    function run(uint256 program, uint256 nodes, uint256 trace, uint256 weights) internal pure {
        unchecked {
            Registers.setMemories(trace, weights);
            uint256 end = program + nodes * Descriptor.SIZE;
            for (uint256 at = program + Descriptor.SIZE; at < end; at += Descriptor.SIZE) {
                _node(Registers.load(at));
            }
        }
    }

    function _node(uint256 op) private pure {
        if (op == Descriptor.MATMUL) return Products.fill();
        _setDefaults(op);
        Registers.flatten();
        unchecked {
            uint256 cols = Registers.get(COLS);
            for (uint256 left = Registers.get(COUNT);;) {
                uint256 count = left < cols ? left : cols;
                _row(op, Registers.get(OUT) + count * Registers.get(OUT_SIZE));
                left -= count;
                if (left == 0) return;
                Registers.advance(count);
            }
        }
    }

    function _row(uint256 op, uint256 end) private pure {
        if (op == Descriptor.AFFINE) return Affine.fill(end);
        if (op == Descriptor.SELECT) return _select(end);
        if (op == Descriptor.GATHER) return _gather(end);
        if (op == Descriptor.TABLE) return _table(end);
        if (op == Descriptor.SUM) return _sum(end);
        if (op == Descriptor.MAX) return _greatest(end, false);
        if (op == Descriptor.ARGMAX) return _greatest(end, true);
        revert();
    }

    /// @dev What stands for a left-out B and C. A GATHER without offsets or TABLE without entries does not exist.
    function _setDefaults(uint256 op) private pure {
        bool selects = op == Descriptor.SELECT;
        assembly ("memory-safe") {
            let b := 1
            if selects { b := mload(ADD) }
            mstore(B_DEFAULT, shl(192, b))
            mstore(C_DEFAULT, shl(192, selects))
        }
    }

    /// @dev `a >= b` is `a > b - 1`, `a <= b` is not `a > b`, `a < b` is not `a > b - 1`.
    function _select(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let b := mload(B)
            let c := mload(C)
            let flags := mload(FLAGS)
            let less := or(eq(flags, 0), eq(flags, 4))
            let not_ := gt(flags, 2)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let x := sar(mload(A_CUT), mload(a))
                let y := sar(mload(B_CUT), mload(b))
                let holds := xor(not_, sgt(x, sub(y, less)))
                if eq(flags, 2) { holds := eq(x, y) }
                mstore(out, shl(mload(OUT_CUT), mul(holds, sar(mload(C_CUT), mload(c)))))
                a := add(a, mload(A_COL))
                b := add(b, mload(B_COL))
                c := add(c, mload(C_COL))
            }
        }
    }

    function _gather(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let b := mload(B)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let at := add(a, shl(mload(A_KIND), sar(mload(B_CUT), mload(b))))
                mstore(out, shl(mload(OUT_CUT), sar(mload(A_CUT), mload(at))))
                a := add(a, mload(A_COL))
                b := add(b, mload(B_COL))
            }
        }
    }

    function _table(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let b := mload(B)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let x := sar(mload(A_CUT), mload(a))
                if slt(x, mload(LO)) { x := mload(LO) }
                if sgt(x, mload(HI)) { x := mload(HI) }
                let at := add(b, shl(mload(B_KIND), sub(x, mload(LO))))
                mstore(out, shl(mload(OUT_CUT), sar(mload(B_CUT), mload(at))))
                a := add(a, mload(A_COL))
                b := add(b, mload(B_COL))
            }
        }
    }

    function _sum(uint256 end) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let cut := mload(A_CUT)
            let size := shl(mload(A_KIND), 1)
            let length := mul(mload(K), size)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let sum := 0
                let last := add(a, length)
                for { let at := a } lt(at, last) { at := add(at, size) } { sum := add(sum, sar(cut, mload(at))) }
                mstore(out, shl(mload(OUT_CUT), sum))
                a := add(a, mload(A_COL))
            }
        }
    }

    /// @dev The greatest element of each row, or the place of the first that is as great.
    function _greatest(uint256 end, bool place) private pure {
        assembly ("memory-safe") {
            let a := mload(A)
            let cut := mload(A_CUT)
            let size := shl(mload(A_KIND), 1)
            let length := mul(mload(K), size)
            for { let out := mload(OUT) } lt(out, end) { out := add(out, mload(OUT_SIZE)) } {
                let best := sar(cut, mload(a))
                let where := a
                let last := add(a, length)
                for { let at := add(a, size) } lt(at, last) { at := add(at, size) } {
                    let x := sar(cut, mload(at))
                    if sgt(x, best) {
                        best := x
                        where := at
                    }
                }
                if place { best := shr(mload(A_KIND), sub(where, a)) }
                mstore(out, shl(mload(OUT_CUT), best))
                a := add(a, mload(A_COL))
            }
        }
    }
}
