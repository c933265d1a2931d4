// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IProofSteps} from "../interfaces/IProofSteps.sol";
import {Challenges, ConstraintEvaluator, Evaluated} from "./ConstraintEvaluator.sol";
import {K} from "./Cubic.sol";
import {Case, Frame, ProofData, Step} from "./ProofData.sol";
import {ProofStatement} from "./ProofStatement.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {Shape} from "./RelationReader.sol";
import {Sizes} from "./Soundness.sol";

/// @title Steps that replay the transcript and the relation
/// @notice Twin of `concordat.zk.steps.transcript`.
contract TranscriptSteps is IProofSteps {
    using ProofData for Case;
    using ProofStream for Stream;

    ConstraintEvaluator private immutable EVALUATOR;

    /// @param evaluator Evaluates relations.
    constructor(ConstraintEvaluator evaluator) {
        EVALUATOR = evaluator;
    }

    /// @inheritdoc IProofSteps
    function holds(Case calldata c, Step step, uint256 index) external view returns (bool) {
        if (index != 0) revert ProofData.NoStep();
        Frame memory f = c.frame();
        if (step == Step.LENGTH) return _length(c, f);
        if (step == Step.SUMCHECKS) return _sumchecks(c, f);
        if (step == Step.POSITIONS) return _positions(c, f);
        if (step == Step.HUB) return _hub(c, f);
        if (step == Step.EVALUATION) return _evaluation(c, f);
        revert ProofData.NoStep();
    }

    function _length(Case calldata c, Frame memory f) private pure returns (bool) {
        if (c.claimed.publics.length != f.shape.publicCount || c.length < f.at.positions) return false;
        c.countColumns(f);
        return c.length == f.at.end;
    }

    // -- transcript --------------------------------------------------------------------------------------------------

    function _sumchecks(Case calldata c, Frame memory f) private pure returns (bool) {
        Shape memory s = f.shape;
        Stream memory stream = ProofStream.begin(c.slice(8, f.at.nonce - 8));
        K[] memory drawn = new K[](13 + s.productRounds + s.logRows);
        stream.absorb(0, ProofStatement.encode(c.claimed, c.digest, s));
        stream.root(1);
        _draw(stream, drawn, 0, 2);
        stream.root(2);
        _draw(stream, drawn, 2, 5);
        _optional(stream, s, 3, 1);
        uint256 have = _rounds(stream, drawn, 11, s.productRounds, 4, 2);
        _optional(stream, s, 5, 2);
        _draw(stream, drawn, 7, 4);
        have = _rounds(stream, drawn, have, s.logRows, 6, 4);
        stream.elements(7, 3);
        _draw(stream, drawn, have, 2);
        stream.root(8);
        return c.says(f.at.drawn, drawn) && c.word(f.at.hubDrawn - 32) == stream.state;
    }

    function _draw(Stream memory stream, K[] memory drawn, uint256 from, uint256 count) private pure {
        for (uint256 i = 0; i < count; ++i) {
            drawn[from + i] = stream.challenge();
        }
    }

    /// @dev Without matrix products zeros are absorbed, and nothing is sent.
    function _optional(Stream memory stream, Shape memory s, uint256 tag, uint256 count) private pure {
        if (s.matmuls != 0) stream.elements(tag, count);
        else stream.absorb(tag, new bytes(24 * count));
    }

    function _rounds(Stream memory stream, K[] memory drawn, uint256 from, uint256 rounds, uint256 tag, uint256 degree)
        private
        pure
        returns (uint256)
    {
        for (uint256 i = 0; i < rounds; ++i) {
            stream.elements(tag, degree);
            drawn[from + i] = stream.challenge();
        }
        return from + rounds;
    }

    function _positions(Case calldata c, Frame memory f) private pure returns (bool) {
        Sizes memory z = f.sizes;
        Stream memory stream = ProofStream.begin(c.slice(f.at.nonce, 8));
        stream.state = c.word(f.at.hubDrawn - 32);
        if (!stream.grinds(z.grinding)) return false;
        c.countColumns(f);
        uint256 first = 0;
        if (!_drawn(c, f, stream.positions(z.queries, z.logDomain), 0, first)) return false;
        first += f.counts[0];
        uint256[] memory weights;
        if (z.weightTail != 0) weights = stream.positions(z.weightQueries, z.weightLogDomain);
        if (!_drawn(c, f, weights, 1, first)) return false;
        first += f.counts[1];
        if (!_drawn(c, f, stream.positions(z.inputQueries, z.inputLogDomain), 2, first)) return false;
        return c.word(f.at.folds - 32) == stream.state;
    }

    function _drawn(Case calldata c, Frame memory f, uint256[] memory positions, uint256 list, uint256 first)
        private
        pure
        returns (bool)
    {
        // the data's number of columns is looked at before anything that lies behind it
        if (positions.length != f.counts[list]) return false;
        for (uint256 i = 0; i < positions.length; ++i) {
            if (c.position(f, first + i) != positions[i]) return false;
        }
        return true;
    }

    function _hub(Case calldata c, Frame memory f) private pure returns (bool) {
        Sizes memory z = f.sizes;
        Stream memory stream = ProofStream.begin(c.slice(f.at.hub, f.at.drawn - f.at.hub));
        stream.state = c.word(f.at.folds - 32);
        K[] memory drawn = new K[](f.bits + 2);
        _draw(stream, drawn, 0, 1);
        _rounds(stream, drawn, 1, f.bits, 9, 2);
        stream.elements(10, 1);
        _draw(stream, drawn, f.bits + 1, 1);
        stream.elements(11, f.width + 2 * f.bits + 2 * z.hubQueries);
        if (!c.says(f.at.hubDrawn, drawn) || !stream.grinds(z.grinding)) return false;
        c.countColumns(f);
        uint256 first = f.counts[0] + f.counts[1] + f.counts[2];
        return _drawn(c, f, stream.positions(z.hubQueries, z.hubLogDomain), 3, first);
    }

    // -- relation ----------------------------------------------------------------------------------------------------

    function _evaluation(Case calldata c, Frame memory f) private view returns (bool) {
        if (sha256(c.relation) != c.digest) revert ProofData.NotOpened();
        Shape memory s = f.shape;
        K[] memory d = c.elements(f.at.drawn, 11);
        Challenges memory drawn = Challenges({
            alpha: d[0],
            beta: d[1],
            theta: d[2],
            tau: d[3],
            eta: d[4],
            zeta: d[5],
            xi: d[6],
            lambdas: [d[7], d[8], d[9], d[10]]
        });
        K[] memory products = c.elements(f.at.drawn + 24 * 11, s.productRounds);
        K[] memory point = c.elements(f.at.drawn + 24 * (11 + s.productRounds), s.logRows);
        Evaluated memory e = EVALUATOR.evaluate(c.relation, drawn, products, point, c.claimed.publics);
        K[] memory values = new K[](12);
        (values[0], values[1], values[2]) = (e.pair, e.functions, e.single);
        (values[3], values[4], values[5]) = (e.tableA, e.tableB, e.product);
        (values[6], values[7], values[8]) = (e.cells[0], e.cells[1], e.inverses);
        (values[9], values[10], values[11]) = (e.constants, e.maskRight, e.maskLeft);
        return c.says(f.at.evaluated, values) && c.says(f.at.evaluated + 24 * 12, e.rows);
    }
}
