// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProofSteps} from "../interfaces/IProofSteps.sol";
import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {HubOpening} from "./HubOpening.sol";
import {Case, Frame, ProofData, Step} from "./ProofData.sol";
import {Shape} from "./RelationReader.sol";

/// @title Steps that fold, batch and sum
/// @notice Twin of `concordat.zk.steps.sums`.
contract SumSteps is IProofSteps {
    using ProofData for Case;

    /// @dev A sumcheck, folded: last claim = constants + carry * first claim + the sum of pads times their factors.
    struct Folded {
        K constants;
        K carry;
        K[] pads;
    }

    /// @inheritdoc IProofSteps
    function holds(Case calldata c, Step step, uint256 index) external pure returns (bool) {
        if (index != 0) revert ProofData.NoStep();
        Frame memory f = c.frame();
        if (step == Step.FOLDS) return _folds(c, f);
        if (step == Step.JOINT) return c.says(f.at.sums, _joint(c, f));
        if (step == Step.PADS) return _pads(c, f);
        if (step == Step.WEIGHTS) return c.says(f.at.sums + 24, _weights(c, f));
        if (step == Step.INPUT) return c.says(f.at.sums + 72, _input(c, f));
        if (step == Step.WITNESS) return c.says(f.at.sums + 96, _witness(c, f));
        if (step == Step.OUTSIDE) return c.says(f.at.sums + 120, _outside(c, f));
        if (step == Step.BALANCE) return _balances(c, f);
        revert ProofData.NoStep();
    }

    // -- sumchecks ---------------------------------------------------------------------------------------------------

    function _folds(Case calldata c, Frame memory f) private pure returns (bool) {
        K[] memory values = new K[](6);
        Folded memory part = _products(c, f);
        (values[0], values[1]) = (part.constants, part.carry);
        part = _constraints(c, f);
        (values[2], values[3]) = (part.constants, part.carry);
        part = _rows(c, f);
        (values[4], values[5]) = (part.constants, part.carry);
        return c.says(f.at.folds, values);
    }

    function _products(Case calldata c, Frame memory f) private pure returns (Folded memory) {
        Shape memory s = f.shape;
        return _fold(c, 8 + 64 + (s.matmuls == 0 ? 0 : 24), f.at.drawn + 24 * 11, s.productRounds, 2);
    }

    function _constraints(Case calldata c, Frame memory f) private pure returns (Folded memory) {
        Shape memory s = f.shape;
        uint256 sent = f.at.nonce - 32 - 72 - 96 * s.logRows;
        return _fold(c, sent, f.at.drawn + 24 * (11 + s.productRounds), s.logRows, 4);
    }

    function _rows(Case calldata c, Frame memory f) private pure returns (Folded memory) {
        return _fold(c, f.at.hub, f.at.hubDrawn + 24, f.bits, 2);
    }

    function _fold(Case calldata c, uint256 messages, uint256 drawn, uint256 rounds, uint256 degree)
        private
        pure
        returns (Folded memory f)
    {
        K[] memory sent = c.elements(messages, rounds * degree);
        K[] memory point = c.elements(drawn, rounds);
        f.pads = new K[](rounds * degree);
        f.carry = Cubics.ONE;
        for (uint256 i = rounds; i != 0; --i) {
            K[] memory lag = HubOpening.lagrange(point[i - 1], degree);
            for (uint256 k = 0; k < degree; ++k) {
                uint256 at = (i - 1) * degree + k;
                K factor = f.carry * (k == 0 ? Cubics.minus(lag[0], lag[1]) : lag[k + 1]);
                f.constants = Cubics.normal(f.constants + sent[at] * factor);
                f.pads[at] = Cubics.neg(factor);
            }
            f.carry = f.carry * lag[1];
        }
    }

    // -- the joint claim ---------------------------------------------------------------------------------------------

    /// @dev Value of the joint claim: the constraint polynomial at the final point, less what the sumchecks leave.
    function _joint(Case calldata c, Frame memory f) private pure returns (K) {
        Shape memory s = f.shape;
        K[] memory drawn = c.elements(f.at.drawn, 13 + s.productRounds + s.logRows);
        K[] memory folds = c.elements(f.at.folds, 6);
        K[] memory e = c.elements(f.at.evaluated, 12);
        (K begun, K right, K left) = _shown(c, f);
        K first = Cubics.normal(Cubics.neg(begun + e[9]) + drawn[7] * right + drawn[8] * left);
        K constants = folds[2] + folds[3] * first;
        if (s.matmuls != 0) {
            K ended = Cubics.minus(folds[0] + folds[1] * begun, left * right);
            constants = constants + drawn[drawn.length - 1] * ended;
        }
        return Cubics.minus(_polynomial(c, f, drawn, e), constants);
    }

    /// @dev Sum of all products with its pad, and the two factors at the end.
    function _shown(Case calldata c, Frame memory f) private pure returns (K begun, K right, K left) {
        if (f.shape.matmuls == 0) return (Cubics.ZERO, Cubics.ZERO, Cubics.ZERO);
        begun = c.element(8 + 64);
        K[] memory both = c.elements(8 + 64 + 24 + 48 * f.shape.productRounds, 2);
        (right, left) = (both[0], both[1]);
    }

    function _polynomial(Case calldata c, Frame memory f, K[] memory drawn, K[] memory e)
        private
        pure
        returns (K value)
    {
        K[] memory shown = c.elements(f.at.nonce - 32 - 72, 3);
        (K a, K b, K h) = (shown[0], shown[1], shown[2]);
        K u = Cubics.minus(Cubics.minus(drawn[0], e[3] * drawn[1]), a);
        K v = Cubics.minus(Cubics.minus(drawn[0], e[4] * drawn[1]), b);
        value = e[0] * Cubics.minus(h * u * v, u + v);
        value = value + e[1] * Cubics.minus(h * Cubics.minus(u, b * (drawn[1] * drawn[1])), Cubics.ONE);
        value = value + e[2] * Cubics.minus(h * u, Cubics.ONE);
        value = value + e[5] * (a * b) + e[6] * a + e[7] * b + e[8] * h;
    }

    // -- sums over the shown row -------------------------------------------------------------------------------------

    /// @dev The hidden scalars' part of the joint claim, and the pads of the hub's own sumcheck.
    function _pads(Case calldata c, Frame memory f) private pure returns (bool) {
        Folded memory own = _rows(c, f);
        K[] memory shown = c.elements(f.at.pads, own.pads.length);
        K hidden = Cubics.ZERO;
        for (uint256 i = 0; i < shown.length; ++i) {
            hidden = hidden + shown[i] * own.pads[i];
        }
        return c.says(f.at.sums + 144, hidden) && c.says(f.at.sums + 48, _sum(c, f, f.offsets[2], _factors(c, f)));
    }

    function _factors(Case calldata c, Frame memory f) private pure returns (K[] memory factors) {
        Shape memory s = f.shape;
        Folded memory products = _products(c, f);
        K[] memory rounds = _constraints(c, f).pads;
        factors = new K[](3 + products.pads.length + rounds.length);
        K carry = c.element(f.at.folds + 72);
        if (s.matmuls != 0) {
            K balance = c.element(f.at.hubDrawn - 32 - 24);
            K[] memory lambdas = c.elements(f.at.drawn + 24 * 7, 2);
            K[] memory masks = c.elements(f.at.evaluated + 24 * 10, 2);
            factors[0] = Cubics.minus(carry, balance * products.carry);
            factors[1] = Cubics.neg(carry * lambdas[0] * masks[0]);
            factors[2] = Cubics.neg(carry * lambdas[1] * masks[1]);
            for (uint256 i = 0; i < products.pads.length; ++i) {
                factors[3 + i] = balance * products.pads[i];
            }
        }
        for (uint256 i = 0; i < rounds.length; ++i) {
            factors[3 + products.pads.length + i] = rounds[i];
        }
    }

    /// @dev The weights' part: powers of theta by output, eq by place in a slot.
    function _weights(Case calldata c, Frame memory f) private pure returns (K) {
        Shape memory s = f.shape;
        if (s.weightRows == 0) return Cubics.ZERO;
        uint256 slot = 1 << s.slotBits;
        K[] memory factors = new K[](slot << s.groupBits);
        bool plain = s.matmuls == 0;
        K theta = c.element(f.at.drawn + 48);
        K weight = c.element(f.at.folds + 72);
        K[] memory eq;
        if (!plain) {
            K[] memory point = c.elements(f.at.drawn + 24 * 11, s.productRounds);
            eq = Evaluation.table(point, s.runBits, s.productRounds);
        }
        for (uint256 k = 0; k < factors.length; ++k) {
            if (k != 0 && (plain || k % slot == 0)) weight = weight * theta;
            factors[k] = plain ? weight : weight * eq[k % slot];
        }
        return _sum(c, f, 0, factors);
    }

    /// @dev The input's part: powers of xi.
    function _input(Case calldata c, Frame memory f) private pure returns (K) {
        K scale = c.element(f.at.folds + 72) * c.element(f.at.drawn + 240);
        return _sum(c, f, f.offsets[3], _powers(scale, c.element(f.at.drawn + 144), f.shape.inputCount));
    }

    /// @dev The folded witness at the columns' part of the final point.
    function _witness(Case calldata c, Frame memory f) private pure returns (K) {
        Shape memory s = f.shape;
        K[] memory point = c.elements(f.at.drawn + 24 * (11 + s.productRounds), s.logRows);
        return _sum(c, f, f.offsets[1], Evaluation.table(point, s.logRows - f.sizes.logWidth, s.logRows));
    }

    /// @dev The input's polynomial at the point that its root determines.
    function _outside(Case calldata c, Frame memory f) private pure returns (K) {
        uint256 word = uint256(sha256(abi.encodePacked("concordat input point", c.claimed.inputRoot)));
        uint256 last = ((word >> 64) & type(uint64).max) % Cubics.P;
        uint256 raw = (word >> 192) % Cubics.P | ((((word >> 128) & type(uint64).max) % Cubics.P) << 80);
        K base = K.wrap(raw | ((last == 0 ? 1 : last) << 160));
        return _sum(c, f, f.offsets[3], _powers(Cubics.ONE, base, f.offsets[4] - f.offsets[3]));
    }

    function _powers(K first, K base, uint256 count) private pure returns (K[] memory factors) {
        factors = new K[](count);
        for (uint256 i = 0; i < count; ++i) {
            factors[i] = first;
            first = first * base;
        }
    }

    /// @dev Factors times the shown row, from an element of the hub on, folded over the rows.
    function _sum(Case calldata c, Frame memory f, uint256 from, K[] memory factors) private pure returns (K total) {
        K[] memory shown = c.elements(f.at.row, f.width);
        K[] memory rows = Evaluation.table(c.elements(f.at.hubDrawn + 24, f.bits), 0, f.bits);
        uint256 done = 0;
        while (done < factors.length) {
            uint256 column = (from + done) % f.width;
            K inner = Cubics.ZERO;
            uint256 count = f.width - column;
            if (count > factors.length - done) count = factors.length - done;
            for (uint256 i = 0; i < count; ++i) {
                inner = inner + factors[done + i] * shown[column + i];
            }
            total = total + Cubics.normal(inner) * rows[(from + done) / f.width];
            done += count;
        }
        total = Cubics.normal(total);
    }

    // -- the end -----------------------------------------------------------------------------------------------------

    /// @dev All claims, batched by powers of delta, against the mask's share.
    function _balances(Case calldata c, Frame memory f) private pure returns (bool) {
        c.countColumns(f);
        K[] memory sums = c.elements(f.at.sums, 7);
        K[] memory claims = c.elements(f.at.claims, 2 * (2 * f.counts[0] + f.counts[1] + f.counts[2]));
        K[] memory values = c.elements(f.at.nonce - 32 - 72, 3);
        K mu = c.element(f.at.hubDrawn - 32 - 48);
        K delta = c.element(f.at.hubDrawn);
        K shown = sums[1] + sums[2] + sums[3] + delta * sums[4];
        K value = sums[0] + delta * Cubics.normal(values[0] + mu * values[1] + mu * mu * values[2]);
        K weight = delta;
        for (uint256 i = 0; i < claims.length; i += 2) {
            weight = weight * delta;
            value = value + weight * claims[i];
            shown = shown + weight * claims[i + 1];
        }
        weight = weight * delta;
        value = value + weight * _outsideValue(c);
        shown = Cubics.minus(shown + weight * sums[5], sums[6]);
        K[] memory own = c.elements(f.at.folds + 96, 2);
        K expected = own[0] + own[1] * Cubics.normal(value);
        K mask = c.element(f.at.hubDrawn + 24 * (f.bits + 1));
        return Cubics.same(shown, c.element(f.at.row - 24) + mask * expected);
    }

    function _outsideValue(Case calldata c) private pure returns (K) {
        uint256 word = uint256(uint192(c.claimed.inputOutside));
        return K.wrap((word >> 128) | (((word >> 64) & type(uint64).max) << 80) | ((word & type(uint64).max) << 160));
    }
}
