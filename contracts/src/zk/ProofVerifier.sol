// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenges, ConstraintEvaluator, Evaluated} from "./ConstraintEvaluator.sol";
import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {Claims, HubOpening} from "./HubOpening.sol";
import {Joint, JointClaim} from "./JointClaim.sol";
import {Ladders} from "./Ladders.sol";
import {Claimed, ProofStatement} from "./ProofStatement.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {RelationReader, Shape} from "./RelationReader.sol";
import {Sizes, Soundness} from "./Soundness.sol";
import {Folded, Sumchecks} from "./Sumchecks.sol";

/// @title Zero-knowledge proofs of inference, verified in full
/// @notice Twin of `concordat.zk.verifier`, for committed weights and committed input. Meant for second layers and
/// batches: a proof is some 70 KB of call data.
contract ProofVerifier {
    using ProofStream for Stream;
    using RelationReader for bytes;

    /// @notice A check of the proof failed.
    error BadProof();

    ConstraintEvaluator private immutable EVALUATOR;

    /// @dev What the steps share.
    struct Run {
        Stream stream;
        Shape shape;
        Sizes sizes;
        Challenges drawn;
        Joint joint;
        K[] productPoint;
        K[] point;
        K mu;
        bytes32 witnessRoot;
        bytes32 inverseRoot;
        bytes32 hubRoot;
    }

    /// @param evaluator Evaluates relations.
    constructor(ConstraintEvaluator evaluator) {
        EVALUATOR = evaluator;
    }

    /// @notice Revert unless the proof shows the claim.
    /// @param relation Encoding of the relation.
    /// @param claimed What is claimed.
    /// @param proof The proof.
    function check(bytes calldata relation, Claimed calldata claimed, bytes calldata proof) external view {
        Run memory r;
        r.shape = relation.shape();
        r.sizes = Soundness.check(claimed.parameters, r.shape);
        if (claimed.publics.length != r.shape.publicCount) revert BadProof();
        r.stream = ProofStream.begin(proof);
        r.stream.absorb(0, ProofStatement.encode(claimed, sha256(relation), r.shape));
        _sumchecks(r);
        Evaluated memory e = EVALUATOR.evaluate(relation, r.drawn, r.productPoint, r.point, claimed.publics);
        Claims memory claims = HubOpening.begin(r.sizes, r.shape);
        _joint(r, e, claims);
        r.hubRoot = r.stream.root(8);
        _columns(r, e, claims, claimed);
        HubOpening.open(r.stream, r.sizes, claims, r.hubRoot);
        r.stream.finish();
    }

    // -- sumchecks ---------------------------------------------------------------------------------------------------

    function _sumchecks(Run memory r) private pure {
        Stream memory s = r.stream;
        r.witnessRoot = s.root(1);
        r.drawn.alpha = s.challenge();
        r.drawn.beta = s.challenge();
        r.inverseRoot = s.root(2);
        r.drawn.theta = s.challenge();
        r.drawn.tau = s.challenge();
        r.drawn.eta = s.challenge();
        r.drawn.zeta = s.challenge();
        r.drawn.xi = s.challenge();
        Joint memory j = r.joint;
        j.multiplies = r.shape.matmuls != 0;
        if (j.multiplies) j.begun = s.elements(3, 1)[0];
        else s.absorb(3, new bytes(24));
        (r.productPoint, j.products) = _sumcheck(s, 4, r.shape.productRounds, 2);
        if (j.multiplies) {
            K[] memory both = s.elements(5, 2);
            (j.right, j.left) = (both[0], both[1]);
        } else {
            s.absorb(5, new bytes(48));
        }
        for (uint256 i = 0; i < 4; ++i) {
            r.drawn.lambdas[i] = s.challenge();
        }
        (r.point, j.rounds) = _sumcheck(s, 6, r.shape.logRows, 4);
        K[] memory values = s.elements(7, 3);
        (j.a, j.b, j.h) = (values[0], values[1], values[2]);
        r.mu = s.challenge();
        j.balance = s.challenge();
        (j.alpha, j.beta, j.lambdas) = (r.drawn.alpha, r.drawn.beta, r.drawn.lambdas);
    }

    function _sumcheck(Stream memory s, uint256 tag, uint256 rounds, uint256 degree)
        private
        pure
        returns (K[] memory point, Folded memory)
    {
        point = new K[](rounds);
        K[] memory sent = new K[](rounds * degree);
        for (uint256 i = 0; i < rounds; ++i) {
            K[] memory message = s.elements(tag, degree);
            for (uint256 k = 0; k < degree; ++k) {
                sent[i * degree + k] = message[k];
            }
            point[i] = s.challenge();
        }
        return (point, Sumchecks.fold(point, sent, degree));
    }

    // -- the linear claim --------------------------------------------------------------------------------------------

    function _joint(Run memory r, Evaluated memory e, Claims memory claims) private pure {
        Joint memory j = r.joint;
        K carry = j.rounds.carry;
        claims.values[0] = JointClaim.value(j, e);
        claims.scalars = JointClaim.scalars(j, e.maskRight, e.maskLeft);
        claims.weights = JointClaim.weights(r.shape, carry, r.drawn.theta, e.slot);
        claims.input = JointClaim.powers(carry * j.lambdas[3], r.drawn.xi, r.shape.inputCount);
    }

    // -- columns -----------------------------------------------------------------------------------------------------

    function _columns(Run memory r, Evaluated memory e, Claims memory claims, Claimed calldata claimed) private view {
        Sizes memory z = r.sizes;
        Stream memory s = r.stream;
        if (!s.grinds(z.grinding)) revert BadProof();
        uint256[] memory at = s.positions(z.queries, z.logDomain);
        uint256[] memory weightsAt;
        if (z.weightTail != 0) weightsAt = s.positions(z.weightQueries, z.weightLogDomain);
        uint256[] memory inputAt = s.positions(z.inputQueries, z.inputLogDomain);
        HubOpening.reserve(claims, 2 * at.length + weightsAt.length + inputAt.length);
        _witness(r, claims, at);
        if (z.weightTail != 0) {
            uint256 height = r.shape.weightRows;
            uint256 from = s.columns(claimed.weightsRoot, weightsAt, z.weightLogDomain, height);
            uint256 root = Cubics.rootOfUnity(z.weightLogDomain);
            uint256 factors = Ladders.spread(e.rows);
            for (uint256 i = 0; i < weightsAt.length; ++i) {
                K value = Ladders.dotNumbers(factors, from + i * (8 * height + 16), height);
                HubOpening.claim(claims, 0, Cubics.basePower(root, weightsAt[i]), value);
            }
        }
        _input(r, claims, claimed, inputAt);
    }

    function _witness(Run memory r, Claims memory claims, uint256[] memory at) private view {
        Sizes memory z = r.sizes;
        uint256 split = r.shape.logRows - z.logWidth;
        K[] memory factors = Evaluation.table(r.point, 0, split);
        (uint256 plainAt, uint256 mixedAt, uint256 squaredAt) = _mixed(factors, r.mu);
        uint256 cells = r.stream.columns(r.witnessRoot, at, z.logDomain, 2 * z.blocks + 3);
        uint256 inverses = r.stream.columns(r.inverseRoot, at, z.logDomain, 3 * z.inverseBlocks);
        uint256 root = Cubics.rootOfUnity(z.logDomain);
        for (uint256 i = 0; i < at.length; ++i) {
            uint256 from = cells + i * (16 * z.blocks + 40);
            uint256 base = Cubics.basePower(root, at[i]);
            K value = Ladders.dotNumbers(plainAt, from, z.blocks);
            value = value + Ladders.dotNumbers(mixedAt, from + 8 * z.blocks, z.blocks);
            uint256 inverse = inverses + i * (24 * z.inverseBlocks + 16);
            value = value + Ladders.dotElements(squaredAt, inverse, z.inverseBlocks);
            HubOpening.claim(claims, 1, base, Cubics.normal(value));
            HubOpening.claim(claims, 2, base, ProofStream.decode(from + 16 * z.blocks, 1)[0]);
        }
        // the folded witness gives the shown values at the columns' part of the point
        K[] memory eq = Evaluation.table(r.point, split, r.point.length);
        claims.eq = eq;
        K shown = r.joint.a + r.mu * r.joint.b + r.mu * r.mu * r.joint.h;
        claims.values[1] = Cubics.normal(shown);
    }

    /// @dev Factors, and the same times mu and mu squared, spread.
    function _mixed(K[] memory factors, K mu) private pure returns (uint256 plain, uint256 mixed, uint256 squared) {
        plain = Ladders.spread(factors);
        for (uint256 i = 0; i < factors.length; ++i) {
            factors[i] = factors[i] * mu;
        }
        mixed = Ladders.spread(factors);
        for (uint256 i = 0; i < factors.length; ++i) {
            factors[i] = factors[i] * mu;
        }
        squared = Ladders.spread(factors);
    }

    function _input(Run memory r, Claims memory claims, Claimed calldata claimed, uint256[] memory at) private view {
        Sizes memory z = r.sizes;
        uint256 from = r.stream.columns(claimed.inputRoot, at, z.inputLogDomain, 1);
        uint256 root = Cubics.rootOfUnity(z.inputLogDomain);
        for (uint256 i = 0; i < at.length; ++i) {
            uint256 element;
            uint256 place = from + i * 24;
            assembly ("memory-safe") {
                element := shr(192, calldataload(place))
            }
            HubOpening.claim(claims, 3, Cubics.basePower(root, at[i]), K.wrap(element));
        }
        claims.outside = JointClaim.outside(claimed.inputRoot);
        claims.outsideValue = JointClaim.outsideValue(claimed.inputOutside);
    }
}
