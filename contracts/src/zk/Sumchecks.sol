// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";

/// @dev A sumcheck, folded: last claim = constants + carry * first claim + the sum of pads times their factors.
struct Folded {
    K constants;
    K carry;
    K[] pads;
}

/// @title Padded sumchecks
/// @notice Twin of `concordat.zk.verifier.sumcheck`, for the whole verifier and for its steps.
library Sumchecks {
    /// @notice Fold a sumcheck whose messages are read.
    /// @param point Its challenges.
    /// @param sent All messages: the values at 0, 2, … degree of each round's polynomial, padded.
    /// @param degree Of the rounds' polynomials, 2 or 4.
    function fold(K[] memory point, K[] memory sent, uint256 degree) internal pure returns (Folded memory f) {
        f.pads = new K[](sent.length);
        f.carry = Cubics.ONE;
        for (uint256 i = point.length; i != 0; --i) {
            K[] memory lag = lagrange(point[i - 1], degree);
            for (uint256 k = 0; k < degree; ++k) {
                K factor = f.carry * (k == 0 ? Cubics.minus(lag[0], lag[1]) : lag[k + 1]);
                uint256 at = (i - 1) * degree + k;
                f.constants = Cubics.normal(f.constants + sent[at] * factor);
                f.pads[at] = Cubics.neg(factor);
            }
            f.carry = f.carry * lag[1];
        }
    }

    /// @notice Values at r of the Lagrange polynomials of the nodes 0 … degree, which is 2 or 4.
    function lagrange(K r, uint256 degree) internal pure returns (K[] memory values) {
        values = new K[](degree + 1);
        K before = Cubics.ONE;
        for (uint256 i = 0; i <= degree; ++i) {
            values[i] = before;
            before = before * Cubics.minus(r, K.wrap(i));
        }
        K after_ = Cubics.ONE;
        for (uint256 i = degree + 1; i != 0; --i) {
            values[i - 1] = Cubics.scale(values[i - 1] * after_, _barycentric(i - 1, degree));
            after_ = after_ * Cubics.minus(r, K.wrap(i - 1));
        }
    }

    /// @dev 1 / (product of i - j over the other nodes j).
    function _barycentric(uint256 i, uint256 degree) private pure returns (uint256) {
        if (degree == 2) return i == 1 ? Cubics.P - 1 : 0x7fffffff80000001;
        if (i & 1 == 1) return 0x2aaaaaaa80000000;
        return i == 2 ? 0xbfffffff40000001 : 0xf555555460000001;
    }
}
