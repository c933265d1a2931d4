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
    OUT,
    OUT_CUT,
    OUT_SIZE,
    Registers
} from "./Registers.sol";
import {Spread} from "./Spread.sol";
import {Stream} from "./Stream.sol";

/// @title Fills the region of a MATMUL node
/// @notice One row of each pair is mostly the same for many outputs: the activations. `Spread` lays it out once, and
/// `Stream` multiplies the other rows, the weights, with it.
library Products {
    /// @dev Rows shorter than this are multiplied element by element.
    uint256 private constant SHORT = 4;
    /// @dev Rows shorter than this are not spread for a single product.
    uint256 private constant LONG = 32;

    /// @notice Computes every element of the node in the registers.
    function fill() internal pure {
        Registers.flatten();
        if (Registers.get(A_KIND) > 1 || Registers.get(B_KIND) > 1 || Registers.get(K) < SHORT) return _single();
        if (Registers.get(A_COL) == 0) return _byRows();
        if (Registers.get(B_COL) == 0) {
            _swap();
            return _byRows();
        }
        if (Registers.get(COLS) >= Registers.get(COUNT)) {
            if (Registers.get(K) < LONG) return _single();
        } else if (Registers.get(A_ROW) != 0) {
            if (Registers.get(B_ROW) != 0) return _single();
            _swap();
        }
        _byColumns();
    }

    /// @dev A stays the same along a row of the output.
    function _byRows() private pure {
        unchecked {
            uint256 cols = Registers.get(COLS);
            uint256 size = Registers.get(OUT_SIZE);
            for (uint256 left = Registers.get(COUNT);;) {
                uint256 count = left < cols ? left : cols;
                Spread.spread();
                Stream.run(Registers.get(B), Registers.get(B_COL), Registers.get(OUT) + count * size);
                left -= count;
                if (left == 0) return;
                Registers.advance(count);
            }
        }
    }

    /// @dev A stays the same along a column of the output.
    function _byColumns() private pure {
        unchecked {
            uint256 cols = Registers.get(COLS);
            uint256 n = Registers.get(COUNT);
            uint256 size = Registers.get(OUT_SIZE);
            uint256 end = Registers.get(OUT) + n * size;
            for (uint256 c = 0; c < cols && c < n; ++c) {
                Spread.spread();
                uint256 out = Registers.get(OUT);
                Stream.into(Registers.get(B), Registers.get(B_ROW), out, cols * size, end);
                Registers.set(A, Registers.get(A) + Registers.get(A_COL));
                Registers.set(B, Registers.get(B) + Registers.get(B_COL));
                Registers.set(OUT, Registers.get(OUT) + size);
            }
        }
    }

    /// @dev Element by element.
    function _single() private pure {
        unchecked {
            uint256 cols = Registers.get(COLS);
            for (uint256 left = Registers.get(COUNT);;) {
                uint256 count = left < cols ? left : cols;
                _singleRow(Registers.get(OUT) + count * Registers.get(OUT_SIZE));
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
}
