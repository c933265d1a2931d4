// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Evaluated} from "./ConstraintEvaluator.sol";
import {Cubics, K} from "./Cubic.sol";
import {Shape} from "./RelationReader.sol";
import {Folded} from "./Sumchecks.sol";

/// @dev Both sumchecks, and what was sent and drawn between them.
struct Joint {
    /// Whether the relation has matrix products; without them there is no first sumcheck.
    bool multiplies;
    Folded products;
    Folded rounds;
    /// Sum of all products with its pad, and the right and left factor at the end.
    K begun;
    K right;
    K left;
    /// Values of both columns and of the inverses at the final point.
    K a;
    K b;
    K h;
    K alpha;
    K beta;
    K[4] lambdas;
    K balance;
}

/// @title The joint claim
/// @notice Both sumchecks' last claims, as one sum over hidden scalars, folded weights and the input: its value, and the
/// factors of its three parts. Twin of `concordat.zk.verifier.verify`, for the whole verifier and for its steps.
library JointClaim {
    /// @notice The constraint polynomial at the final point, less what the sumchecks leave.
    function value(Joint memory j, Evaluated memory e) internal pure returns (K) {
        K first = Cubics.neg(j.begun + e.constants);
        first = Cubics.normal(first + j.lambdas[0] * j.right + j.lambdas[1] * j.left);
        K constants = j.rounds.constants + j.rounds.carry * first;
        if (j.multiplies) {
            K ended = Cubics.minus(j.products.constants + j.products.carry * j.begun, j.left * j.right);
            constants = constants + j.balance * ended;
        }
        return Cubics.normal(Cubics.minus(_polynomial(j, e), constants));
    }

    function _polynomial(Joint memory j, Evaluated memory e) private pure returns (K sum) {
        K u = Cubics.minus(Cubics.minus(j.alpha, e.tableA * j.beta), j.a);
        K v = Cubics.minus(Cubics.minus(j.alpha, e.tableB * j.beta), j.b);
        K w = Cubics.minus(u, j.b * (j.beta * j.beta));
        sum = e.pair * Cubics.minus(j.h * u * v, u + v);
        sum = sum + e.functions * Cubics.minus(j.h * w, Cubics.ONE);
        sum = sum + e.single * Cubics.minus(j.h * u, Cubics.ONE);
        sum = sum + e.product * (j.a * j.b) + e.cells[0] * j.a + e.cells[1] * j.b + e.inverses * j.h;
    }

    /// @notice Factors of the hidden scalars: three masks, then the pads of both sumchecks.
    function scalars(Joint memory j, K maskRight, K maskLeft) internal pure returns (K[] memory factors) {
        uint256 count = j.products.pads.length;
        K[] memory rounds = j.rounds.pads;
        factors = new K[](3 + count + rounds.length);
        if (j.multiplies) {
            K carry = j.rounds.carry;
            factors[0] = Cubics.minus(carry, j.balance * j.products.carry);
            factors[1] = Cubics.neg(carry * j.lambdas[0] * maskRight);
            factors[2] = Cubics.neg(carry * j.lambdas[1] * maskLeft);
            for (uint256 i = 0; i < count; ++i) {
                factors[3 + i] = j.balance * j.products.pads[i];
            }
        }
        for (uint256 i = 0; i < rounds.length; ++i) {
            factors[3 + count + i] = rounds[i];
        }
    }

    /// @notice Factors of the folded weights: powers of theta by output, eq by place in a slot.
    /// @param first The constraint sumcheck's carry.
    /// @param eq Over a slot; empty without matrix products, where every place is an output.
    function weights(Shape memory s, K first, K theta, K[] memory eq) internal pure returns (K[] memory factors) {
        uint256 slot = 1 << s.slotBits;
        factors = new K[](s.weightRows == 0 ? 0 : slot << s.groupBits);
        bool plain = s.matmuls == 0;
        for (uint256 k = 0; k < factors.length; ++k) {
            if (k != 0 && (plain || k % slot == 0)) first = first * theta;
            factors[k] = plain ? first : first * eq[k % slot];
        }
    }

    /// @notice `first`, and each time `base` times as much: factors of the input, and of its polynomial at a point.
    function powers(K first, K base, uint256 count) internal pure returns (K[] memory factors) {
        factors = new K[](count);
        for (uint256 i = 0; i < count; ++i) {
            factors[i] = first;
            first = first * base;
        }
    }

    /// @notice The point outside the input's domain that its root determines.
    function outside(bytes32 root) internal pure returns (K) {
        uint256 word = uint256(sha256(abi.encodePacked("concordat input point", root)));
        uint256 last = ((word >> 64) & type(uint64).max) % Cubics.P;
        uint256 others = (word >> 192) % Cubics.P | ((((word >> 128) & type(uint64).max) % Cubics.P) << 80);
        return K.wrap(others | ((last == 0 ? 1 : last) << 160));
    }

    /// @notice The input polynomial's value there, as a claim has it.
    function outsideValue(bytes24 said) internal pure returns (K) {
        uint256 word = uint256(uint192(said));
        return K.wrap((word >> 128) | (((word >> 64) & type(uint64).max) << 80) | ((word & type(uint64).max) << 160));
    }
}
