// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";
import {EqTable, Evaluation, PowerTable, RunSums} from "./Evaluation.sol";
import {Fractions} from "./Fractions.sol";
import {RelationReader, Shape} from "./RelationReader.sol";

/// @dev What the transcript drew before the final point.
struct Challenges {
    K alpha;
    K beta;
    K theta;
    K tau;
    K eta;
    K zeta;
    K xi;
    K[4] lambdas;
}

/// @dev The constraint polynomial's coefficients at the final point, and what is asked of the weights.
struct Evaluated {
    K pair;
    K functions;
    K single;
    K tableA;
    K tableB;
    K product;
    K[2] cells;
    K inverses;
    /// Public numbers and constants of the families.
    K constants;
    /// Factors of the hidden scalars in F and X.
    K maskRight;
    K maskLeft;
    /// Factors of the rows of the weight matrix.
    K[] rows;
    /// eq over a slot, for the columns of the weight matrix.
    K[] slot;
}

/// @title The public polynomials of a relation at a point
/// @notice Twin of `concordat.zk.verifier.constraints` and `products`. Holds nothing; split from the verifier because
/// a contract has room for 24,576 bytes.
contract ConstraintEvaluator {
    using RelationReader for bytes;

    /// @notice A denominator of a look-up is zero.
    error ZeroDenominator();

    uint256 private constant NOWHERE = 0xFFFFFFFF;
    /// @dev Runs up to this length are summed one by one.
    uint256 private constant SHORT = 3;
    /// @dev Below this, entries of range tables are summed two by two.
    uint256 private constant PAIRED = 1 << 14;

    /// @dev What several steps share.
    struct Work {
        Shape shape;
        Challenges drawn;
        K[] productPoint;
        EqTable eq;
        RunSums byTheta;
        PowerTable thetas;
        K[] point;
        K[] scales;
        uint256[] strides;
    }

    /// @notice Everything that the verifier asks of a relation.
    /// @param relation Its encoding.
    /// @param drawn Challenges.
    /// @param productPoint Final point of the product sumcheck; empty without matrix products.
    /// @param point Final point of the constraint sumcheck.
    /// @param publics The public vector.
    function evaluate(
        bytes calldata relation,
        Challenges calldata drawn,
        K[] calldata productPoint,
        K[] calldata point,
        int256[] calldata publics
    ) external pure returns (Evaluated memory out) {
        Work memory w;
        w.shape = relation.shape();
        w.drawn = drawn;
        w.productPoint = productPoint;
        w.point = point;
        w.eq = Evaluation.split(w.point);
        w.byTheta = Evaluation.runs(w.point, drawn.theta);
        w.thetas = Evaluation.powers(drawn.theta, w.point.length);
        w.scales = new K[](w.shape.matmuls);
        w.strides = new uint256[](w.shape.matmuls);
        out.rows = new K[](w.shape.weightRows);
        _lookups(relation, w, out);
        _tables(relation, w, out);
        _families(relation, w, out, publics);
        _matmuls(relation, w, out);
        _copies(relation, w, out);
        uint256 column = w.shape.inputColumn;
        K taken = Evaluation.run(Evaluation.runs(w.point, drawn.xi), w.shape.inputStart, w.shape.inputCount);
        out.cells[column] = Cubics.normal(out.cells[column] + taken * drawn.lambdas[3]);
    }

    function _lookups(bytes calldata r, Work memory w, Evaluated memory out) private pure {
        RunSums memory ones = Evaluation.runs(w.point, Cubics.ONE);
        RunSums memory byTau = Evaluation.runs(w.point, w.drawn.tau);
        uint256 index = w.shape.lookupsAt + 1;
        for (uint256 i = r.size(w.shape.lookupsAt); i != 0; --i) {
            uint256 first = r.size(index + 1);
            uint256 end = first + r.size(index + 2);
            K selected = Evaluation.between(ones, first, end);
            out.tableA = out.tableA + Cubics.scale(selected, r.size(index + 3));
            out.tableB = out.tableB + Cubics.scale(selected, r.size(index + 4));
            out.inverses = out.inverses + selected * w.drawn.eta;
            K weighted = Evaluation.between(byTau, first, end);
            uint256 kind = r.size(index);
            if (kind == 1) out.pair = out.pair + weighted;
            else if (kind == 2) out.functions = out.functions + weighted;
            else out.single = out.single + weighted;
            index += 5;
        }
    }

    /// @dev Multiplicities over their denominators: one fraction for each column, one inversion for both.
    function _tables(bytes calldata r, Work memory w, Evaluated memory out) private pure {
        K[2] memory over;
        K[2] memory under = [Cubics.ONE, Cubics.ONE];
        uint256 index = w.shape.tablesAt + 1;
        for (uint256 i = r.size(w.shape.tablesAt); i != 0; --i) {
            uint256 entries = r.size(index + 1);
            uint256 number = r.size(index);
            uint256 end = index + 2 + 2 * entries;
            uint256 column = r.size(end) & 1;
            K base = Cubics.normal(Cubics.minus(w.drawn.alpha, Cubics.scale(w.drawn.beta, number)));
            uint256 start = r.size(end + 1);
            if (number < 64) _range(w, base, start, 1 << number, over, under, column);
            else _function(r, w, base, start, index + 2, entries, over, under, column);
            index = end + 2;
        }
        K all = under[0] * under[1];
        if (K.unwrap(all) == 0) revert ZeroDenominator();
        all = Cubics.inverse(all) * w.drawn.eta;
        out.cells[0] = Cubics.minus(out.cells[0], over[0] * under[1] * all);
        out.cells[1] = Cubics.minus(out.cells[1], over[1] * under[0] * all);
    }

    /// @dev Add the sum of eq(point, start + j) / (base - j).
    function _range(
        Work memory w,
        K base,
        uint256 start,
        uint256 count,
        K[2] memory over,
        K[2] memory under,
        uint256 column
    ) private pure {
        unchecked {
            uint256 shift = w.eq.shift;
            K square = base * base;
            for (uint256 j = 0; j < count;) {
                uint256 row = start + j;
                (uint256 low, uint256 stop) = _block(w, row, count - j);
                uint256 fraction = Fractions.begin();
                while (low != stop) {
                    uint256 taken = stop - low > 32 && j < PAIRED ? 2 : 1;
                    if (taken == 2) _pair(fraction, low, base, square, j);
                    else _one(fraction, low, K.wrap(K.unwrap(base) + Cubics.P - j % Cubics.P));
                    j += taken;
                    low += 32 * taken;
                }
                _join(fraction, w.eq.high[row >> shift], over, under, column);
            }
        }
    }

    /// @dev Add the element at `low` over a denominator.
    function _one(uint256 fraction, uint256 low, K d) private pure {
        uint256 raw = K.unwrap(d);
        Fractions.add(fraction, low, raw & Cubics.LANE, (raw >> 80) & Cubics.LANE, raw >> 160);
    }

    /// @dev Add u / y + v / (y - 1) for the two elements at `low` and y = base - j, as one fraction: it is
    /// ((u + v) * y - u) / (y^2 - y), and y^2 - y = base^2 - (2j + 1) * base + j^2 + j takes one product of a word.
    function _pair(uint256 fraction, uint256 low, K base, K square, uint256 j) private pure {
        unchecked {
            K u;
            K v;
            assembly ("memory-safe") {
                u := mload(low)
                v := mload(add(low, 32))
            }
            K over = Cubics.less((u + v) * K.wrap(K.unwrap(base) + Cubics.P - j), u);
            // (2j + 1) is below 2^15, so that lanes stay below 2^80
            uint256 under = K.unwrap(square) + (2 * j + 1) * (Cubics.PPP - K.unwrap(base)) + j * j + j;
            assembly ("memory-safe") {
                mstore(0, over)
            }
            _one(fraction, 0, K.wrap(under));
        }
    }

    /// @dev Add the sum of eq(point, start + j) / (base - x - beta^2 * y) for the pairs (x, y) from number `index` on.
    function _function(
        bytes calldata r,
        Work memory w,
        K base,
        uint256 start,
        uint256 index,
        uint256 count,
        K[2] memory over,
        K[2] memory under,
        uint256 column
    ) private pure {
        r.at(index + 2 * count);
        uint256 pair;
        assembly ("memory-safe") {
            pair := add(r.offset, add(8, shl(3, index)))
        }
        K square = Cubics.neg(w.drawn.beta * w.drawn.beta);
        unchecked {
            uint256 shift = w.eq.shift;
            for (uint256 j = 0; j < count;) {
                uint256 row = start + j;
                (uint256 low, uint256 stop) = _block(w, row, count - j);
                j += (stop - low) >> 5;
                uint256 fraction = Fractions.begin();
                for (; low != stop; low += 32) {
                    (uint256 c0, uint256 c1, uint256 c2) = _denominator(base, square, pair);
                    Fractions.add(fraction, low, c0, c1, c2);
                    pair += 16;
                }
                _join(fraction, w.eq.high[row >> shift], over, under, column);
            }
        }
    }

    /// @dev Where eq's lower factors of rows with one upper factor lie in memory, from a row on.
    function _block(Work memory w, uint256 row, uint256 most) private pure returns (uint256 from, uint256 to) {
        K[] memory low = w.eq.low;
        uint256 place = row & (low.length - 1);
        if (most > low.length - place) most = low.length - place;
        assembly ("memory-safe") {
            from := add(add(low, 32), shl(5, place))
            to := add(from, shl(5, most))
        }
    }

    /// @dev Add a block's fraction, times its upper factor, to the column's.
    function _join(uint256 fraction, K high, K[2] memory over, K[2] memory under, uint256 column) private pure {
        (K n, K d) = Fractions.end(fraction);
        over[column] = Cubics.fuse(over[column], d, n * high, under[column]);
        under[column] = under[column] * d;
    }

    /// @dev base - x + square * y for the two numbers at `pair` in the call data; coordinates below 2^130.
    function _denominator(K base, K square, uint256 pair) private pure returns (uint256 c0, uint256 c1, uint256 c2) {
        assembly ("memory-safe") {
            let p := 0xFFFFFFFF00000001
            let y := sar(192, calldataload(add(pair, 8)))
            if slt(y, 0) { y := add(y, p) }
            // a prime more, because x is less than that in size
            c0 := add(add(shr(176, shl(176, base)), p), mul(shr(176, shl(176, square)), y))
            c0 := sub(c0, sar(192, calldataload(pair)))
            c1 := add(shr(176, shl(96, base)), mul(shr(176, shl(96, square)), y))
            c2 := add(shr(160, base), mul(shr(160, square), y))
        }
    }

    function _families(bytes calldata r, Work memory w, Evaluated memory out, int256[] calldata publics) private pure {
        uint256 index = w.shape.familiesAt + 1;
        uint256 offset = 1; // theta^0 would be tau^0, the first look-up's
        K weight = Cubics.ONE;
        uint256 reached = 0;
        for (uint256 i = r.size(w.shape.familiesAt); i != 0; --i) {
            weight = weight * Evaluation.power(w.thetas, offset - reached);
            reached = offset;
            uint256 span = r.size(index) / r.size(index + 1) * r.size(index + 2);
            index = _family(r, w, out, publics, index, weight);
            offset += span;
        }
        out.cells[0] = Cubics.normal(out.cells[0]);
        out.cells[1] = Cubics.normal(out.cells[1]);
    }

    function _family(
        bytes calldata r,
        Work memory w,
        Evaluated memory out,
        int256[] calldata publics,
        uint256 index,
        K weight
    ) private pure returns (uint256) {
        uint256[3] memory sizes = [r.size(index), r.size(index + 1), r.size(index + 2)];
        int256 constant_ = r.at(index + 3);
        if (constant_ != 0) {
            K rows = Cubics.geometric(Cubics.power(w.drawn.theta, sizes[2]), sizes[0] / sizes[1]);
            K all = rows * Cubics.geometric(w.drawn.theta, sizes[1]);
            out.constants = Cubics.normal(out.constants + weight * Cubics.scaleSigned(all, constant_));
        }
        uint256 terms = r.size(index + 4);
        index += 5;
        for (; terms != 0; --terms) {
            uint256 kind = r.size(index);
            K factor = Cubics.scaleSigned(weight, r.at(index + 1));
            uint256 column = r.size(index + 2);
            if (kind == 3) {
                w.scales[column] = Cubics.normal(w.scales[column] + factor);
                if (w.strides[column] == 0) w.strides[column] = sizes[2];
            } else if (kind == 2) {
                K value = _publics(w, publics, r.size(index + 3), sizes);
                out.constants = Cubics.normal(out.constants + factor * value);
            } else {
                K value = _term(r, w, index + 3, sizes) * factor;
                if (kind == 1) out.product = Cubics.normal(out.product + value);
                else out.cells[column & 1] = Cubics.normal(out.cells[column & 1] + value);
            }
            index = r.afterList(index + 4);
        }
        return index;
    }

    function _publics(Work memory w, int256[] calldata publics, uint256 start, uint256[3] memory sizes)
        private
        pure
        returns (K total)
    {
        K weight = Cubics.ONE;
        K step = Cubics.power(w.drawn.theta, sizes[2] - sizes[1]);
        for (uint256 e = 0; e < sizes[0]; ++e) {
            total = Cubics.normal(total + Cubics.scaleSigned(weight, publics[start + e]));
            weight = weight * w.drawn.theta;
            if ((e + 1) % sizes[1] == 0) weight = weight * step;
        }
    }

    /// @dev Sum of theta^exponent * eq over the rows of a term; `index` is that of its start, a list may follow.
    function _term(bytes calldata r, Work memory w, uint256 index, uint256[3] memory sizes)
        private
        pure
        returns (K total)
    {
        uint256 start = r.size(index);
        bool listed = r.at(index + 1) >= 0;
        if (!listed && sizes[1] == sizes[2]) return _consecutive(w, start, sizes[0]);
        K weight = Cubics.ONE;
        if (!listed) {
            K stride = Cubics.power(w.drawn.theta, sizes[2]);
            for (uint256 e = 0; e < sizes[0]; e += sizes[1]) {
                total = Cubics.normal(total + weight * _consecutive(w, start + e, sizes[1]));
                weight = weight * stride;
            }
            return total;
        }
        K step = Cubics.power(w.drawn.theta, sizes[2] - sizes[1]);
        for (uint256 e = 0; e < sizes[0]; ++e) {
            uint256 row = r.size(index + 2 + e);
            if (row != NOWHERE) total = Cubics.normal(total + weight * Evaluation.at(w.eq, row));
            weight = weight * w.drawn.theta;
            if ((e + 1) % sizes[1] == 0) weight = weight * step;
        }
    }

    /// @dev Sum of theta^e * eq(point, start + e) over e < count.
    function _consecutive(Work memory w, uint256 start, uint256 count) private pure returns (K total) {
        if (count == 1) return Evaluation.at(w.eq, start);
        if (count > SHORT) return Evaluation.run(w.byTheta, start, count);
        for (; count != 0; --count) {
            total = total * w.drawn.theta + Evaluation.at(w.eq, start + count - 1);
        }
    }

    function _matmuls(bytes calldata r, Work memory w, Evaluated memory out) private pure {
        Shape memory s = w.shape;
        if (s.matmuls == 0) return;
        out.slot = Evaluation.table(w.productPoint, s.runBits, w.productPoint.length);
        uint256 index = s.matmulsAt + 1;
        uint256 run = 0;
        for (uint256 m = 0; m < s.matmuls; ++m) {
            uint256 inner = r.size(index + 2);
            uint256 chunks = (inner + (1 << s.slotBits) - 1) >> s.slotBits;
            K[] memory weights = _runWeights(w, out, run, chunks, inner);
            K ratio = Cubics.power(w.drawn.theta, w.strides[m]);
            K left = _operand(r, w, index + 3, r.size(index), ratio, weights);
            uint256 column = r.size(index + 3) & 1;
            out.cells[column] = Cubics.normal(out.cells[column] + left * w.drawn.lambdas[1]);
            uint256 cols = r.size(index + 1);
            index = r.afterList(index + 6);
            if (r.size(index) != 0) {
                K right = _operand(r, w, index + 1, cols, w.drawn.theta, weights) * w.scales[m];
                column = r.size(index + 1) & 1;
                out.cells[column] = Cubics.normal(out.cells[column] + right * w.drawn.lambdas[0]);
                index = r.afterList(index + 4);
            } else {
                _weightRows(w, out, r.size(index + 1), cols, m, run, chunks);
                index += 2;
            }
            run += chunks;
        }
        K first = out.slot[0];
        out.maskRight = Evaluation.index(w.productPoint, 0, s.runBits, run) * first;
        out.maskLeft = Evaluation.index(w.productPoint, 0, s.runBits, run + 1) * first;
    }

    function _runWeights(Work memory w, Evaluated memory out, uint256 run, uint256 chunks, uint256 inner)
        private
        pure
        returns (K[] memory weights)
    {
        weights = new K[](inner);
        uint256 slot = 1 << w.shape.slotBits;
        for (uint256 q = 0; q < chunks; ++q) {
            K weight = Evaluation.index(w.productPoint, 0, w.shape.runBits, run + q);
            for (uint256 k = q * slot; k < inner && k < (q + 1) * slot; ++k) {
                weights[k] = weight * out.slot[k - q * slot];
            }
        }
    }

    function _operand(bytes calldata r, Work memory w, uint256 index, uint256 count, K ratio, K[] memory weights)
        private
        pure
        returns (K total)
    {
        uint256 start = r.size(index + 1);
        uint256 step = r.size(index + 2);
        bool listed = r.at(index + 3) >= 0;
        K weight = Cubics.ONE;
        for (uint256 row = 0; row < count; ++row) {
            K sum = Cubics.ZERO;
            for (uint256 k = 0; k < weights.length; ++k) {
                uint256 cell = listed ? r.size(index + 4 + row * weights.length + k) : start + row * step + k;
                if (cell != NOWHERE) sum = sum + weights[k] * Evaluation.at(w.eq, cell);
            }
            total = Cubics.normal(total + weight * sum);
            weight = weight * ratio;
        }
    }

    function _weightRows(
        Work memory w,
        Evaluated memory out,
        uint256 row,
        uint256 cols,
        uint256 m,
        uint256 run,
        uint256 chunks
    ) private pure {
        Shape memory s = w.shape;
        uint256 height = (cols + (1 << s.groupBits) - 1) >> s.groupBits;
        K group = Cubics.power(w.drawn.theta, 1 << s.groupBits);
        for (uint256 q = 0; q < chunks; ++q) {
            K weight = w.scales[m] * Evaluation.index(w.productPoint, 0, s.runBits, run + q);
            weight = Cubics.normal(Cubics.neg(weight * w.drawn.lambdas[0]));
            for (uint256 k = 0; k < height; ++k) {
                out.rows[row] = Cubics.normal(out.rows[row] + weight);
                weight = weight * group;
                ++row;
            }
        }
    }

    function _copies(bytes calldata r, Work memory w, Evaluated memory out) private pure {
        Shape memory s = w.shape;
        uint256 index = s.copiesAt + 1;
        uint256 width = 1 << (s.slotBits + s.groupBits);
        K weight = w.drawn.lambdas[2];
        for (uint256 i = r.size(s.copiesAt); i != 0; --i) {
            uint256 row = r.size(index);
            uint256 column = r.size(index + 1) & 1;
            uint256 start = r.size(index + 2);
            uint256 count = r.size(index + 3);
            for (uint256 begin = 0; begin < count; begin += width) {
                uint256 length = count - begin < width ? count - begin : width;
                K value = _copied(w, out, start + begin, length) * weight;
                out.cells[column] = Cubics.normal(out.cells[column] + value);
                out.rows[row] = Cubics.normal(out.rows[row] + weight);
                ++row;
                weight = weight * w.drawn.zeta;
            }
            index += 4;
        }
    }

    /// @dev Sum of the column factors times eq over consecutive cells.
    function _copied(Work memory w, Evaluated memory out, uint256 start, uint256 length)
        private
        pure
        returns (K total)
    {
        Shape memory s = w.shape;
        if (s.matmuls == 0) return _consecutive(w, start, length);
        uint256 slot = 1 << s.slotBits;
        K weight = Cubics.ONE;
        for (uint256 k = 0; k < length; ++k) {
            if (k != 0 && k % slot == 0) weight = weight * w.drawn.theta;
            total = Cubics.normal(total + weight * out.slot[k % slot] * Evaluation.at(w.eq, start + k));
        }
    }
}
