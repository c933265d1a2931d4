// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProofSteps} from "../interfaces/IProofSteps.sol";
import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {HubOpening} from "./HubOpening.sol";
import {Case, Frame, ProofData, Step} from "./ProofData.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {Shape} from "./RelationReader.sol";
import {Sizes} from "./Soundness.sol";

/// @title Steps that look at one column, or at one point
/// @notice Twin of `concordat.zk.steps.columns`.
contract ColumnSteps is IProofSteps {
    using ProofData for Case;
    using ProofStream for Stream;

    /// @inheritdoc IProofSteps
    function holds(Case calldata c, Step step, uint256 index) external view returns (bool) {
        Frame memory f = c.frame();
        c.countColumns(f);
        if (step == Step.WITNESS_COLUMN) return _witness(c, f, _below(index, f.counts[0]));
        if (step == Step.WEIGHT_COLUMN) return _weights(c, f, _below(index, f.counts[1]));
        if (step == Step.INPUT_COLUMN) return _input(c, f, _below(index, f.counts[2]));
        if (step == Step.HUB_COLUMN) return _hub(c, f, _below(index, f.counts[3]));
        if (step == Step.POWERS) {
            return _powers(c, f, _below(index, 2 * f.counts[0] + f.counts[1] + f.counts[2]));
        }
        revert ProofData.NoStep();
    }

    function _below(uint256 index, uint256 count) private pure returns (uint256) {
        if (index >= count) revert ProofData.NoStep();
        return index;
    }

    // -- columns -----------------------------------------------------------------------------------------------------

    /// @dev Check a column's own path; returns where its numbers are in the call data.
    function _open(
        Case calldata c,
        uint256 from,
        uint256 size,
        bytes32 root,
        uint256 position,
        uint256 log,
        uint256 height
    ) private view returns (uint256 at) {
        Stream memory stream = ProofStream.begin(c.slice(from, size));
        uint256[] memory one = new uint256[](1);
        one[0] = position;
        at = stream.columns(root, one, log, height);
        stream.finish();
    }

    /// @dev The value is that of `ProofVerifier`, which multiplies the factors by mu once for all columns and lays them out:
    /// for one column that takes more gas than it saves.
    function _witness(Case calldata c, Frame memory f, uint256 k) private view returns (bool) {
        Sizes memory z = f.sizes;
        uint256 position = c.position(f, k);
        uint256 from = f.at.witness + k * (f.columns[0] + f.columns[1]);
        uint256 cells = _open(c, from, f.columns[0], c.word(8), position, z.logDomain, 2 * z.blocks + 3);
        from += f.columns[0];
        _open(c, from, f.columns[1], c.word(40), position, z.logDomain, 3 * z.inverseBlocks);
        (K[] memory factors, K mu) = _factors(c, f);
        K value = HubOpening.dot(factors, cells, z.blocks, 8);
        value = value + mu * HubOpening.dot(factors, cells + 8 * z.blocks, z.blocks, 8);
        K[] memory h = c.elements(from, z.inverseBlocks);
        K inverses = Cubics.ZERO;
        for (uint256 i = 0; i < h.length; ++i) {
            inverses = inverses + h[i] * factors[i];
        }
        value = value + Cubics.normal(inverses) * (mu * mu);
        K[] memory hidden = ProofStream.decode(cells + 16 * z.blocks, 1);
        uint256 claim = f.at.claims + 96 * k;
        return c.says(claim, value) && c.says(claim + 48, hidden[0]);
    }

    /// @dev eq over the rows' part of the final point, and mu.
    function _factors(Case calldata c, Frame memory f) private pure returns (K[] memory, K mu) {
        Shape memory s = f.shape;
        uint256 split = s.logRows - f.sizes.logWidth;
        K[] memory point = c.elements(f.at.drawn + 24 * (11 + s.productRounds), split);
        return (Evaluation.table(point, 0, split), c.element(f.at.hubDrawn - 32 - 48));
    }

    function _weights(Case calldata c, Frame memory f, uint256 k) private view returns (bool) {
        uint256 height = f.shape.weightRows;
        uint256 from = f.at.weights + k * f.columns[2];
        uint256 position = c.position(f, f.counts[0] + k);
        bytes32 root = c.claimed.weightsRoot;
        uint256 column = _open(c, from, f.columns[2], root, position, f.sizes.weightLogDomain, height);
        K value = HubOpening.dot(c.elements(f.at.evaluated + 24 * 12, height), column, height, 8);
        return c.says(f.at.claims + 48 * (2 * f.counts[0] + k), value);
    }

    function _input(Case calldata c, Frame memory f, uint256 k) private view returns (bool) {
        uint256 from = f.at.input + k * f.columns[3];
        uint256 position = c.position(f, f.counts[0] + f.counts[1] + k);
        uint256 column = _open(c, from, f.columns[3], c.claimed.inputRoot, position, f.sizes.inputLogDomain, 1);
        K[] memory one = new K[](1);
        one[0] = Cubics.ONE;
        K value = HubOpening.dot(one, column, 1, 8);
        return c.says(f.at.claims + 48 * (2 * f.counts[0] + f.counts[1] + k), value);
    }

    function _hub(Case calldata c, Frame memory f, uint256 k) private view returns (bool) {
        Sizes memory z = f.sizes;
        uint256 from = f.at.hubColumns + k * f.columns[4];
        uint256 position = c.position(f, f.counts[0] + f.counts[1] + f.counts[2] + k);
        _open(c, from, f.columns[4], c.word(f.at.nonce - 32), position, z.hubLogDomain, 3 * (f.rows + 3));
        K[] memory column = c.elements(from, f.rows + 3);
        K[] memory rows = _rows(c, f);
        K folded = Cubics.ZERO;
        for (uint256 i = 0; i < f.rows; ++i) {
            folded = folded + rows[i] * column[i];
        }
        folded = Cubics.normal(folded);
        K mask = c.element(f.at.hubDrawn + 24 * (f.bits + 1));
        uint256 base = Cubics.basePower(Cubics.rootOfUnity(z.hubLogDomain), position);
        K[] memory shown = c.elements(f.at.row, f.width + z.hubQueries);
        if (!Cubics.same(_ladder(shown, base, 0, shown.length), column[f.rows] + mask * folded)) return false;
        shown = c.elements(f.at.pads, 2 * f.bits + z.hubQueries);
        return Cubics.same(_ladder(shown, base, 0, shown.length), column[f.rows + 2] + mask * column[f.rows + 1]);
    }

    // -- points ------------------------------------------------------------------------------------------------------

    /// @dev Powers of a point of a domain times the shown row, over one segment of the hub.
    function _powers(Case calldata c, Frame memory f, uint256 claim) private pure returns (bool) {
        (uint256 segment, uint256 base) = _point(c, f, claim);
        K[] memory shown = c.elements(f.at.row, f.width);
        K[] memory rows = _rows(c, f);
        uint256 element = f.offsets[segment];
        uint256 end = f.offsets[segment + 1];
        uint256 step = Cubics.basePower(base, f.width);
        uint256 power = 1;
        K total = Cubics.ZERO;
        K whole = Cubics.ZERO;
        // a shown row may be all zeros: whether its sum is known is not told by the sum
        bool known = false;
        while (element < end) {
            uint256 column = element % f.width;
            uint256 count = f.width - column < end - element ? f.width - column : end - element;
            K part = whole;
            if (count != f.width || !known) part = _ladder(shown, base, column, column + count);
            if (count == f.width) (whole, known) = (part, true);
            total = total + rows[element / f.width] * Cubics.scale(part, power);
            power = mulmod(power, count == f.width ? step : Cubics.basePower(base, count), Cubics.P);
            element += count;
        }
        return c.says(f.at.claims + 48 * claim + 24, Cubics.normal(total));
    }

    /// @dev Which segment a claim is about, and at which point.
    function _point(Case calldata c, Frame memory f, uint256 claim) private pure returns (uint256, uint256) {
        Sizes memory z = f.sizes;
        uint256 witness = 2 * f.counts[0];
        if (claim < witness) return (1 + claim % 2, _base(z.logDomain, c.position(f, claim / 2)));
        claim -= witness;
        uint256 position = c.position(f, f.counts[0] + claim);
        if (claim < f.counts[1]) return (0, _base(z.weightLogDomain, position));
        return (3, _base(z.inputLogDomain, position));
    }

    function _base(uint256 log, uint256 position) private pure returns (uint256) {
        return Cubics.basePower(Cubics.rootOfUnity(log), position);
    }

    /// @dev eq over the hub's rows.
    function _rows(Case calldata c, Frame memory f) private pure returns (K[] memory) {
        return Evaluation.table(c.elements(f.at.hubDrawn + 24, f.bits), 0, f.bits);
    }

    /// @dev Sum of base^(i - from) * values[i] over from <= i < to. `Ladders` climbs what was laid out for it, which pays for
    /// itself only over many columns; a step has one. Lanes are below 2^64, so no sum leaves its word.
    function _ladder(K[] memory values, uint256 base, uint256 from, uint256 to) private pure returns (K sum) {
        assembly ("memory-safe") {
            let p := 0xFFFFFFFF00000001
            let mask := 0xFFFFFFFFFFFFFFFFFFFF
            let at := add(add(values, 32), mul(32, from))
            let end := add(add(values, 32), mul(32, to))
            let s0 := 0
            let s1 := 0
            let s2 := 0
            for { let power := 1 } lt(at, end) { power := mulmod(power, base, p) } {
                let value := mload(at)
                s0 := add(s0, mul(and(value, mask), power))
                s1 := add(s1, mul(and(shr(80, value), mask), power))
                s2 := add(s2, mul(shr(160, value), power))
                at := add(at, 32)
            }
            sum := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
        }
    }
}
