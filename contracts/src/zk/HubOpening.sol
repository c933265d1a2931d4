// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {Shape} from "./RelationReader.sol";
import {Sizes} from "./Soundness.sol";

/// @dev All that is claimed of the hub's elements, in the order in which it is batched.
struct Claims {
    /// First elements of weights, witness, hidden scalars and input; last the number of all.
    uint256[5] offsets;
    /// Factors of the first claim, by element.
    K[] joint;
    /// Factors of the second claim, from the witness's first element on.
    K[] eq;
    /// Values of the first two claims.
    K[2] values;
    /// Claims at points of a domain: segment, point, value.
    uint256[] segments;
    uint256[] points;
    K[] evaluations;
    uint256 count;
    /// The input's point outside its domain, and the value there.
    K outside;
    K outsideValue;
}

/// @title The linear opening of the hub
/// @notice Twin of `concordat.zk.verifier.hub`.
library HubOpening {
    using ProofStream for Stream;

    /// @notice The claims about the hub do not hold.
    error BadOpening();

    /// @notice No claims yet.
    function begin(Sizes memory z, Shape memory s) internal pure returns (Claims memory c) {
        uint256 width = 1 << (s.slotBits + s.groupBits);
        uint256 pads = 3 + 2 * s.productRounds + 4 * s.logRows;
        c.offsets[1] = z.weightTail == 0 ? 0 : width + z.weightTail;
        c.offsets[2] = c.offsets[1] + (1 << z.logWidth) + z.queries;
        c.offsets[3] = c.offsets[2] + pads + z.queries;
        c.offsets[4] = c.offsets[3] + s.inputCount + z.inputQueries + 3;
        c.joint = new K[](c.offsets[4]);
    }

    /// @notice A factor of the first claim.
    function put(Claims memory c, uint256 element, K factor) internal pure {
        c.joint[element] = factor;
    }

    /// @notice Make room for claims at points.
    function reserve(Claims memory c, uint256 count) internal pure {
        c.segments = new uint256[](count);
        c.points = new uint256[](count);
        c.evaluations = new K[](count);
    }

    /// @notice Claim what a segment's polynomial is at a point.
    function claim(Claims memory c, uint256 segment, uint256 point, K value) internal pure {
        c.segments[c.count] = segment;
        c.points[c.count] = point;
        c.evaluations[c.count] = value;
        ++c.count;
    }

    /// @notice Sum of factors times numbers of eight bytes in the call data.
    function dot(K[] memory factors, uint256 at, uint256 count, uint256 step) internal pure returns (K sum) {
        assembly ("memory-safe") {
            let s0 := 0
            let s1 := 0
            let s2 := 0
            let mask := 0xFFFFFFFFFFFFFFFFFFFF
            let factor := add(factors, 32)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let n := shr(192, calldataload(at))
                let f := mload(factor)
                s0 := add(s0, mul(and(f, mask), n))
                s1 := add(s1, mul(and(shr(80, f), mask), n))
                s2 := add(s2, mul(shr(160, f), n))
                at := add(at, step)
                factor := add(factor, 32)
            }
            let p := 0xFFFFFFFF00000001
            sum := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
        }
    }

    /// @notice Values at r of the Lagrange polynomials of the nodes 0 … degree.
    function lagrange(K r, uint256 degree) internal pure returns (K[] memory values) {
        values = new K[](degree + 1);
        for (uint256 i = 0; i <= degree; ++i) {
            K value = Cubics.ONE;
            uint256 weight = 1;
            for (uint256 j = 0; j <= degree; ++j) {
                if (j == i) continue;
                value = value * Cubics.minus(r, K.wrap(j));
                weight = mulmod(weight, i > j ? i - j : Cubics.P - (j - i), Cubics.P);
            }
            values[i] = Cubics.scale(value, Cubics.basePower(weight, Cubics.P - 2));
        }
    }

    /// @dev What the steps of the opening share.
    struct Opening {
        uint256 width;
        uint256 rows;
        uint256 bits;
        K[] rowWeights;
        K[] padFactors;
        K constants;
        K carry;
        K mask;
        K[] row;
        K[] pads;
        uint256[3] lanes;
    }

    /// @notice Revert unless all claims hold for the committed hub.
    function open(Stream memory s, Sizes memory z, Claims memory c, bytes32 root) internal view {
        Opening memory o;
        o.width = 1 << z.hubLogWidth;
        o.rows = (c.offsets[4] + o.width - 1) / o.width;
        while (1 << o.bits < o.rows) ++o.bits;
        K delta = s.challenge();
        _rounds(s, o);
        K sigma = s.elements(9 + 1, 1)[0];
        o.mask = s.challenge();
        uint256 length = o.width + z.hubQueries;
        uint256 padLength = 2 * o.bits + z.hubQueries;
        K[] memory both = s.elements(11, length + padLength);
        (o.row, o.pads) = _cut(both, length, padLength);
        _lanes(o);
        K shown = _batched(z, c, o, delta);
        for (uint256 i = 0; i < o.padFactors.length; ++i) {
            shown = Cubics.minus(shown, o.pads[i] * o.padFactors[i]);
            shown = Cubics.normal(shown);
        }
        if (!Cubics.same(shown, sigma + o.mask * o.constants)) revert BadOpening();
        if (!s.grinds(z.grinding)) revert BadOpening();
        _spots(s, z, o, root);
    }

    function _rounds(Stream memory s, Opening memory o) private pure {
        K[] memory point = new K[](o.bits);
        K[] memory sent = new K[](2 * o.bits);
        for (uint256 i = 0; i < o.bits; ++i) {
            K[] memory message = s.elements(9, 2);
            (sent[2 * i], sent[2 * i + 1]) = (message[0], message[1]);
            point[i] = s.challenge();
        }
        o.carry = Cubics.ONE;
        o.padFactors = new K[](2 * o.bits);
        for (uint256 i = o.bits; i != 0; --i) {
            K[] memory lag = lagrange(point[i - 1], 2);
            for (uint256 k = 0; k < 2; ++k) {
                K factor = o.carry * (k == 0 ? Cubics.minus(lag[0], lag[1]) : lag[2]);
                o.constants = Cubics.normal(o.constants + sent[2 * i - 2 + k] * factor);
                o.padFactors[2 * i - 2 + k] = Cubics.neg(factor);
            }
            o.carry = o.carry * lag[1];
        }
        o.rowWeights = Evaluation.table(point, 0, o.bits);
    }

    function _cut(K[] memory both, uint256 length, uint256 padLength)
        private
        pure
        returns (K[] memory row, K[] memory pads)
    {
        row = new K[](length);
        pads = new K[](padLength);
        for (uint256 i = 0; i < length; ++i) {
            row[i] = both[i];
        }
        for (uint256 i = 0; i < padLength; ++i) {
            pads[i] = both[length + i];
        }
    }

    /// @dev The shown row by coordinate, for sums over a ladder of powers.
    function _lanes(Opening memory o) private pure {
        K[] memory row = o.row;
        uint256 length = row.length;
        for (uint256 lane = 0; lane < 3; ++lane) {
            uint256[] memory out = new uint256[](length);
            for (uint256 i = 0; i < length; ++i) {
                out[i] = (K.unwrap(row[i]) >> (80 * lane)) & Cubics.LANE;
            }
            uint256 at;
            assembly ("memory-safe") {
                at := add(out, 32)
            }
            o.lanes[lane] = at;
        }
    }

    /// @dev The shown row times all claims, batched and folded over the rows; adds the claims' values to the constant.
    function _batched(Sizes memory z, Claims memory c, Opening memory o, K delta) private pure returns (K shown) {
        K value = c.values[0];
        for (uint256 i = 0; i < c.joint.length; ++i) {
            if (K.unwrap(c.joint[i]) != 0) shown = _more(o, shown, i, c.joint[i]);
        }
        K weight = delta;
        for (uint256 i = 0; i < c.eq.length; ++i) {
            shown = _more(o, shown, c.offsets[1] + i, c.eq[i] * weight);
        }
        value = value + weight * c.values[1];
        for (uint256 i = 0; i < c.count; ++i) {
            weight = weight * delta;
            value = Cubics.normal(value + weight * c.evaluations[i]);
            uint256 segment = c.segments[i];
            K part = _powers(o, c.offsets[segment], c.offsets[segment + 1], c.points[i]);
            shown = Cubics.normal(shown + weight * part);
        }
        weight = weight * delta;
        value = value + weight * c.outsideValue;
        for (uint256 i = c.offsets[3]; i < c.offsets[4]; ++i) {
            shown = _more(o, shown, i, weight);
            weight = weight * c.outside;
        }
        o.constants = Cubics.normal(o.constants + o.carry * value);
        z;
    }

    function _more(Opening memory o, K sum, uint256 element, K factor) private pure returns (K) {
        return Cubics.normal(sum + o.rowWeights[element / o.width] * factor * o.row[element % o.width]);
    }

    /// @dev Sum over rows and columns of weight[row] * base^(element - begin) * shown[column], within bounds.
    function _powers(Opening memory o, uint256 begin_, uint256 end, uint256 base) private pure returns (K result) {
        uint256[4] memory cuts = [0, begin_ % o.width, end % o.width, o.width];
        if (cuts[1] > cuts[2]) (cuts[1], cuts[2]) = (cuts[2], cuts[1]);
        uint256 step = Cubics.basePower(base, o.width);
        for (uint256 i = 0; i < 3; ++i) {
            if (cuts[i] == cuts[i + 1]) continue;
            uint256 first = begin_ / o.width + (cuts[i] < begin_ % o.width ? 1 : 0);
            uint256 last = end / o.width + (cuts[i] < end % o.width ? 1 : 0);
            if (first >= last) continue;
            // base^(first * width + cut - begin), which is not negative
            uint256 power = Cubics.basePower(base, first * o.width + cuts[i] - begin_);
            K factor = Cubics.ZERO;
            for (uint256 row = first; row < last; ++row) {
                factor = factor + Cubics.scale(o.rowWeights[row], power);
                power = mulmod(power, step, Cubics.P);
            }
            result = result + factor * _ladder(o, base, cuts[i], cuts[i + 1]);
        }
        result = Cubics.normal(result);
    }

    /// @dev Sum of base^(i - from) * shown[i] over from <= i < to.
    function _ladder(Opening memory o, uint256 base, uint256 from, uint256 to) private pure returns (K sum) {
        uint256[3] memory lanes = o.lanes;
        assembly ("memory-safe") {
            let p := 0xFFFFFFFF00000001
            let at0 := add(mload(lanes), mul(32, from))
            let at1 := add(mload(add(lanes, 32)), mul(32, from))
            let at2 := add(mload(add(lanes, 64)), mul(32, from))
            let end := add(mload(lanes), mul(32, to))
            let s0 := 0
            let s1 := 0
            let s2 := 0
            for { let power := 1 } lt(at0, end) { power := mulmod(power, base, p) } {
                s0 := add(s0, mul(mload(at0), power))
                s1 := add(s1, mul(mload(at1), power))
                s2 := add(s2, mul(mload(at2), power))
                at0 := add(at0, 32)
                at1 := add(at1, 32)
                at2 := add(at2, 32)
            }
            sum := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
        }
    }

    /// @dev The shown rows are the committed ones, folded.
    function _spots(Stream memory s, Sizes memory z, Opening memory o, bytes32 root) private view {
        uint256[] memory at = s.positions(z.hubQueries, z.hubLogDomain);
        uint256 from = s.columns(root, at, z.hubLogDomain, 3 * (o.rows + 3));
        uint256 generator = Cubics.rootOfUnity(z.hubLogDomain);
        for (uint256 i = 0; i < at.length; ++i) {
            K[] memory column = ProofStream.decode(from + i * (24 * (o.rows + 3) + 16), o.rows + 3);
            K folded = Cubics.ZERO;
            for (uint256 k = 0; k < o.rows; ++k) {
                folded = folded + o.rowWeights[k] * column[k];
            }
            uint256 base = Cubics.basePower(generator, at[i]);
            K shown = _ladder(o, base, 0, o.row.length);
            if (!Cubics.same(shown, column[o.rows] + o.mask * folded)) revert BadOpening();
            K pads = Cubics.ZERO;
            for (uint256 k = o.pads.length; k != 0; --k) {
                pads = Cubics.normal(Cubics.scale(pads, base) + o.pads[k - 1]);
            }
            if (!Cubics.same(pads, column[o.rows + 2] + o.mask * column[o.rows + 1])) revert BadOpening();
        }
    }
}
