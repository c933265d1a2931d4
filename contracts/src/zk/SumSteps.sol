// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProofSteps} from "../interfaces/IProofSteps.sol";
import {Evaluated} from "./ConstraintEvaluator.sol";
import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {HubOpening} from "./HubOpening.sol";
import {Joint, JointClaim} from "./JointClaim.sol";
import {Case, Frame, ProofData, Step} from "./ProofData.sol";
import {Shape} from "./RelationReader.sol";
import {Folded, Sumchecks} from "./Sumchecks.sol";

/// @title Steps that fold, batch and sum
/// @notice Twin of `concordat.zk.steps.sums`.
contract SumSteps is IProofSteps {
    using ProofData for Case;

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
        returns (Folded memory)
    {
        return Sumchecks.fold(c.elements(drawn, rounds), c.elements(messages, rounds * degree), degree);
    }

    // -- the joint claim ---------------------------------------------------------------------------------------------

    function _joint(Case calldata c, Frame memory f) private pure returns (K) {
        Joint memory j = _drawn(c, f);
        K[] memory folds = c.elements(f.at.folds, 4);
        (j.products.constants, j.products.carry) = (folds[0], folds[1]);
        (j.rounds.constants, j.rounds.carry) = (folds[2], folds[3]);
        if (j.multiplies) {
            j.begun = c.element(8 + 64);
            K[] memory both = c.elements(8 + 64 + 24 + 48 * f.shape.productRounds, 2);
            (j.right, j.left) = (both[0], both[1]);
        }
        K[] memory shown = c.elements(f.at.nonce - 32 - 72, 3);
        (j.a, j.b, j.h) = (shown[0], shown[1], shown[2]);
        Evaluated memory e;
        K[] memory values = c.elements(f.at.evaluated, 10);
        (e.pair, e.functions, e.single) = (values[0], values[1], values[2]);
        (e.tableA, e.tableB, e.product) = (values[3], values[4], values[5]);
        (e.cells[0], e.cells[1], e.inverses, e.constants) = (values[6], values[7], values[8], values[9]);
        return JointClaim.value(j, e);
    }

    /// @dev What was drawn before the sumchecks and after them.
    function _drawn(Case calldata c, Frame memory f) private pure returns (Joint memory j) {
        Shape memory s = f.shape;
        K[] memory drawn = c.elements(f.at.drawn, 13 + s.productRounds + s.logRows);
        j.multiplies = s.matmuls != 0;
        (j.alpha, j.beta, j.balance) = (drawn[0], drawn[1], drawn[drawn.length - 1]);
        j.lambdas = [drawn[7], drawn[8], drawn[9], drawn[10]];
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

    function _factors(Case calldata c, Frame memory f) private pure returns (K[] memory) {
        Joint memory j = _drawn(c, f);
        (j.products, j.rounds) = (_products(c, f), _constraints(c, f));
        K[] memory masks = c.elements(f.at.evaluated + 24 * 10, 2);
        return JointClaim.scalars(j, masks[0], masks[1]);
    }

    function _weights(Case calldata c, Frame memory f) private pure returns (K) {
        Shape memory s = f.shape;
        K[] memory eq;
        if (s.matmuls != 0) {
            eq = Evaluation.table(c.elements(f.at.drawn + 24 * 11, s.productRounds), s.runBits, s.productRounds);
        }
        K carry = c.element(f.at.folds + 72);
        return _sum(c, f, 0, JointClaim.weights(s, carry, c.element(f.at.drawn + 48), eq));
    }

    function _input(Case calldata c, Frame memory f) private pure returns (K) {
        K first = c.element(f.at.folds + 72) * c.element(f.at.drawn + 240);
        return _sum(c, f, f.offsets[3], JointClaim.powers(first, c.element(f.at.drawn + 144), f.shape.inputCount));
    }

    /// @dev The folded witness at the columns' part of the final point.
    function _witness(Case calldata c, Frame memory f) private pure returns (K) {
        Shape memory s = f.shape;
        K[] memory point = c.elements(f.at.drawn + 24 * (11 + s.productRounds), s.logRows);
        return _sum(c, f, f.offsets[1], Evaluation.table(point, s.logRows - f.sizes.logWidth, s.logRows));
    }

    /// @dev The input's polynomial at the point that its root determines.
    function _outside(Case calldata c, Frame memory f) private pure returns (K) {
        K base = JointClaim.outside(c.claimed.inputRoot);
        return _sum(c, f, f.offsets[3], JointClaim.powers(Cubics.ONE, base, f.offsets[4] - f.offsets[3]));
    }

    /// @dev Factors times the shown row, from an element of the hub on, folded over the rows.
    function _sum(Case calldata c, Frame memory f, uint256 from, K[] memory factors) private pure returns (K) {
        K[] memory rows = Evaluation.table(c.elements(f.at.hubDrawn + 24, f.bits), 0, f.bits);
        return HubOpening.sum(rows, c.elements(f.at.row, f.width), f.width, from, factors);
    }

    // -- the end -----------------------------------------------------------------------------------------------------

    /// @dev All claims, batched by powers of delta, against the mask's share. `HubOpening` batches while it sums, and never
    /// has all sums at once: one function for both would cost it an array.
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
        value = value + weight * JointClaim.outsideValue(c.claimed.inputOutside);
        shown = Cubics.minus(shown + weight * sums[5], sums[6]);
        K[] memory own = c.elements(f.at.folds + 96, 2);
        K expected = own[0] + own[1] * Cubics.normal(value);
        K mask = c.element(f.at.hubDrawn + 24 * (f.bits + 1));
        return Cubics.same(shown, c.element(f.at.row - 24) + mask * expected);
    }
}
