// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {JointClaim} from "./JointClaim.sol";
import {Ladders} from "./Ladders.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {Shape} from "./RelationReader.sol";
import {Sizes} from "./Soundness.sol";
import {Folded, Sumchecks} from "./Sumchecks.sol";

/// @dev All that is claimed of the hub's elements, in the order in which it is batched.
struct Claims {
    /// First elements of weights, witness, hidden scalars and input; last the number of all.
    uint256[5] offsets;
    /// Factors of the first claim: of weights, hidden scalars and input, each from its segment's first element on.
    K[] weights;
    K[] scalars;
    K[] input;
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
        c.offsets = offsets(z, s);
    }

    /// @notice First elements in the hub of weights, witness, hidden scalars and input; last the number of all.
    function offsets(Sizes memory z, Shape memory s) internal pure returns (uint256[5] memory first) {
        first[1] = z.weightTail == 0 ? 0 : (1 << (s.slotBits + s.groupBits)) + z.weightTail;
        first[2] = first[1] + (1 << z.logWidth) + z.queries;
        first[3] = first[2] + 3 + 2 * s.productRounds + 4 * s.logRows + z.queries;
        first[4] = first[3] + s.inputCount + z.inputQueries + 3;
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
    function dot(K[] memory factors, uint256 at, uint256 count, uint256 step) internal pure returns (K total) {
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
            total := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
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
        /// The shown row and then the shown pads, and where they and the rows' weights are laid out for ladders.
        K[] row;
        uint256 length;
        uint256 padLength;
        uint256 rowAt;
        uint256 weightsAt;
        /// Columns at which segments begin and end, ascending, from zero to the width; where each offset is among them;
        /// and the ladder from each of them to the row's end, for the point at hand.
        uint256[] cuts;
        uint256[5] places;
        K[] ladder;
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
        o.length = o.width + z.hubQueries;
        o.padLength = 2 * o.bits + z.hubQueries;
        o.row = s.elements(11, o.length + o.padLength);
        o.rowAt = Ladders.lay(o.row);
        o.weightsAt = Ladders.lay(o.rowWeights);
        K shown = _batched(c, o, delta);
        for (uint256 i = 0; i < o.padFactors.length; ++i) {
            shown = Cubics.normal(Cubics.minus(shown, o.row[o.length + i] * o.padFactors[i]));
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
        Folded memory f = Sumchecks.fold(point, sent, 2);
        (o.constants, o.carry, o.padFactors) = (f.constants, f.carry, f.pads);
        o.rowWeights = Evaluation.table(point, 0, o.bits);
    }

    /// @dev The shown row times all claims, batched and folded over the rows; adds the claims' values to the constant.
    function _batched(Claims memory c, Opening memory o, K delta) private pure returns (K shown) {
        shown = _sum(o, 0, c.weights) + _sum(o, c.offsets[2], c.scalars) + _sum(o, c.offsets[3], c.input);
        K weight = delta;
        shown = shown + weight * _sum(o, c.offsets[1], c.eq);
        K value = c.values[0] + weight * c.values[1];
        _cut(c, o);
        uint256 climbed;
        for (uint256 i = 0; i < c.count; ++i) {
            weight = weight * delta;
            K part;
            uint256 base = c.points[i];
            (uint256 from, uint256 to) = (c.offsets[c.segments[i]], c.offsets[c.segments[i] + 1]);
            if (from / o.width == to / o.width) {
                part = Ladders.climb(o.rowAt + 64 * (from % o.width), to - from, base, Cubics.ZERO);
                part = part * o.rowWeights[from / o.width];
            } else {
                if (climbed != base) _climb(o, base);
                climbed = base;
                part = _powers(o, c.segments[i], from, to, base);
            }
            value = Cubics.normal(value + weight * c.evaluations[i]);
            shown = Cubics.normal(shown + weight * part);
        }
        weight = weight * delta;
        K[] memory outside = JointClaim.powers(Cubics.ONE, c.outside, c.offsets[4] - c.offsets[3]);
        shown = Cubics.normal(shown + weight * _sum(o, c.offsets[3], outside));
        o.constants = Cubics.normal(o.constants + o.carry * (value + weight * c.outsideValue));
    }

    function _sum(Opening memory o, uint256 from, K[] memory factors) private pure returns (K) {
        return sum(o.rowWeights, o.row, o.width, from, factors);
    }

    /// @notice Factors times consecutive elements of the hub.
    /// @param rows eq over the hub's rows.
    /// @param row The shown row, of at least `width` elements.
    /// @param from First element.
    function sum(K[] memory rows, K[] memory row, uint256 width, uint256 from, K[] memory factors)
        internal
        pure
        returns (K total)
    {
        for (uint256 i = 0; i < factors.length;) {
            uint256 column = (from + i) % width;
            uint256 count = width - column;
            if (count > factors.length - i) count = factors.length - i;
            total = Cubics.normal(total + rows[(from + i) / width] * _inner(factors, i, row, column, count));
            i += count;
        }
    }

    /// @dev Sum of a[i + k] * b[j + k] over k < count.
    function _inner(K[] memory a, uint256 i, K[] memory b, uint256 j, uint256 count) private pure returns (K total) {
        unchecked {
            // both are read within their lengths: `sum` cuts them where either ends
            for (uint256 k = 0; k < count; ++k) {
                K left;
                K right;
                assembly ("memory-safe") {
                    left := mload(add(a, shl(5, add(add(i, k), 1))))
                    right := mload(add(b, shl(5, add(add(j, k), 1))))
                }
                total = total + left * right;
                if (k & 0xFFF == 0xFFF) total = Cubics.normal(total);
            }
            return Cubics.normal(total);
        }
    }

    /// @dev Columns at which a segment begins or ends.
    function _cut(Claims memory c, Opening memory o) private pure {
        uint256[] memory cuts = new uint256[](7);
        cuts[1] = o.width;
        uint256 have = 2;
        for (uint256 i = 0; i < 5; ++i) {
            uint256 column = c.offsets[i] % o.width;
            uint256 place = 0;
            while (cuts[place] < column) ++place;
            if (cuts[place] == column) continue;
            for (uint256 k = have; k > place; --k) {
                cuts[k] = cuts[k - 1];
            }
            cuts[place] = column;
            ++have;
        }
        assembly ("memory-safe") {
            mstore(cuts, have)
        }
        for (uint256 i = 0; i < 5; ++i) {
            while (cuts[o.places[i]] < c.offsets[i] % o.width) ++o.places[i];
        }
        o.cuts = cuts;
        o.ladder = new K[](have);
    }

    /// @dev The shown row times the powers of a point, from each cut on.
    function _climb(Opening memory o, uint256 base) private pure {
        for (uint256 i = o.cuts.length - 1; i != 0; --i) {
            uint256 from = o.cuts[i - 1];
            o.ladder[i - 1] = Ladders.climb(o.rowAt + 64 * from, o.cuts[i] - from, base, o.ladder[i]);
        }
    }

    /// @dev Sum of base^(element - from) * weight[row] * shown[column] over a segment of more than one row: its first
    /// row from its column on, the others whole, without what the last one has from the segment's end on.
    function _powers(Opening memory o, uint256 segment, uint256 from, uint256 to, uint256 base)
        private
        pure
        returns (K result)
    {
        uint256 first = from / o.width;
        uint256 last = to / o.width;
        bool whole = to % o.width == 0;
        uint256 step = Cubics.basePower(base, o.width);
        uint256 others = whole ? last - first - 1 : last - first;
        K rows = Ladders.climb(o.weightsAt + 64 * (first + 1), others, step, Cubics.ZERO);
        rows = Cubics.scale(rows, Cubics.basePower(base, o.width - from % o.width));
        result = Cubics.fuse(rows, o.ladder[0], o.rowWeights[first], o.ladder[o.places[segment]]);
        if (whole) return result;
        K beyond = o.rowWeights[last] * o.ladder[o.places[segment + 1]];
        result = Cubics.minus(result, Cubics.scale(beyond, Cubics.basePower(base, to - from)));
    }

    /// @dev The shown rows are the committed ones, folded.
    function _spots(Stream memory s, Sizes memory z, Opening memory o, bytes32 root) private view {
        uint256[] memory at = s.positions(z.hubQueries, z.hubLogDomain);
        uint256 from = s.columns(root, at, z.hubLogDomain, 3 * (o.rows + 3));
        uint256 generator = Cubics.rootOfUnity(z.hubLogDomain);
        uint256 weights = Ladders.spread(o.rowWeights);
        for (uint256 i = 0; i < at.length; ++i) {
            K folded = Ladders.dotElements(weights, from, o.rows);
            K[] memory masks = ProofStream.decode(from + 24 * o.rows, 3);
            uint256 base = Cubics.basePower(generator, at[i]);
            K shown = Ladders.climb(o.rowAt, o.length, base, Cubics.ZERO);
            if (!Cubics.same(shown, masks[0] + o.mask * folded)) revert BadOpening();
            K pads = Ladders.climb(o.rowAt + 64 * o.length, o.padLength, base, Cubics.ZERO);
            if (!Cubics.same(pads, masks[2] + o.mask * masks[1])) revert BadOpening();
            from += 24 * (o.rows + 3) + 16;
        }
    }
}
