// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenges, ConstraintEvaluator, Evaluated} from "./ConstraintEvaluator.sol";
import {Cubics, K} from "./Cubic.sol";
import {Evaluation} from "./Evaluation.sol";
import {Claims, HubOpening} from "./HubOpening.sol";
import {Ladders} from "./Ladders.sol";
import {ProofStream, Stream} from "./ProofStream.sol";
import {RelationReader, Shape} from "./RelationReader.sol";
import {Sizes, Soundness} from "./Soundness.sol";

/// @dev What a proof says; see `concordat.zk.statement`.
struct Claimed {
    uint64 chainId;
    address market;
    bytes32 order;
    bytes32 model;
    uint32 version;
    /// Thirteen numbers of four bytes.
    bytes parameters;
    bytes32 weightsRoot;
    bytes32 inputRoot;
    /// The input polynomial's value outside the domain: three numbers of eight bytes.
    bytes24 inputOutside;
    int256[] publics;
}

/// @title Zero-knowledge proofs of inference, verified in full
/// @notice Twin of `concordat.zk.verifier`, for committed weights and committed input. Meant for second layers and
/// batches: a proof is some 70 KB of call data.
contract ProofVerifier {
    using ProofStream for Stream;
    using RelationReader for bytes;

    /// @notice A check of the proof failed.
    error BadProof();

    ConstraintEvaluator private immutable EVALUATOR;

    /// @dev A sumcheck, folded: last claim = constant + carry * first claim + the sum of pads times their factors.
    struct Folded {
        K[] point;
        K constants;
        K carry;
        K[] pads;
    }

    /// @dev What the steps share.
    struct Run {
        Stream stream;
        Shape shape;
        Sizes sizes;
        Challenges drawn;
        Folded products;
        Folded rounds;
        K[3] shown;
        K[] values;
        K mu;
        K balance;
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
        r.stream.absorb(0, _statement(relation, claimed, r.shape));
        _sumchecks(r);
        Evaluated memory e = EVALUATOR.evaluate(relation, r.drawn, r.products.point, r.rounds.point, claimed.publics);
        Claims memory claims = HubOpening.begin(r.sizes, r.shape);
        _joint(r, e, claims);
        r.hubRoot = r.stream.root(8);
        _columns(r, e, claims, claimed);
        HubOpening.open(r.stream, r.sizes, claims, r.hubRoot);
        r.stream.finish();
    }

    // -- statement ---------------------------------------------------------------------------------------------------

    function _statement(bytes calldata relation, Claimed calldata c, Shape memory s)
        private
        pure
        returns (bytes memory)
    {
        bytes memory publics = _numbers(c.publics);
        bytes memory names = abi.encodePacked(c.chainId, c.market, c.order, c.model, c.version, sha256(relation));
        bytes memory commitments = abi.encodePacked(
            s.weightRows == 0 ? bytes1(0) : bytes1(0x01), c.weightsRoot, bytes1(0x01), c.inputRoot, c.inputOutside
        );
        return abi.encodePacked(names, c.parameters, commitments, publics);
    }

    /// @dev Their count in four bytes, and eight bytes for each.
    function _numbers(int256[] calldata values) private pure returns (bytes memory encoded) {
        uint256 count = values.length;
        // a word more than is used, because numbers are written as words, each over the last one's end
        encoded = new bytes(36 + 8 * count);
        assembly ("memory-safe") {
            mstore(add(encoded, 32), shl(224, count))
        }
        for (uint256 i = 0; i < count; ++i) {
            int256 value = values[i];
            if (value != int64(value)) revert BadProof();
            assembly ("memory-safe") {
                mstore(add(add(encoded, 36), shl(3, i)), shl(192, value))
            }
        }
        assembly ("memory-safe") {
            mstore(encoded, add(4, shl(3, count)))
        }
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
        bool multiplies = r.shape.matmuls != 0;
        if (multiplies) r.shown[0] = s.elements(3, 1)[0];
        else s.absorb(3, new bytes(24));
        r.products = _sumcheck(s, 4, r.shape.productRounds, 2);
        if (multiplies) {
            K[] memory both = s.elements(5, 2);
            r.shown[1] = both[0];
            r.shown[2] = both[1];
        } else {
            s.absorb(5, new bytes(48));
        }
        for (uint256 i = 0; i < 4; ++i) {
            r.drawn.lambdas[i] = s.challenge();
        }
        r.rounds = _sumcheck(s, 6, r.shape.logRows, 4);
        r.values = s.elements(7, 3);
        r.mu = s.challenge();
        r.balance = s.challenge();
    }

    function _sumcheck(Stream memory s, uint256 tag, uint256 rounds, uint256 degree)
        private
        pure
        returns (Folded memory f)
    {
        f.point = new K[](rounds);
        f.pads = new K[](rounds * degree);
        K[] memory sent = new K[](rounds * degree);
        for (uint256 i = 0; i < rounds; ++i) {
            K[] memory message = s.elements(tag, degree);
            for (uint256 k = 0; k < degree; ++k) {
                sent[i * degree + k] = message[k];
            }
            f.point[i] = s.challenge();
        }
        f.carry = Cubics.ONE;
        for (uint256 i = rounds; i != 0; --i) {
            K[] memory lag = HubOpening.lagrange(f.point[i - 1], degree);
            for (uint256 k = 0; k < degree; ++k) {
                K weight = k == 0 ? Cubics.minus(lag[0], lag[1]) : lag[k + 1];
                K factor = f.carry * weight;
                uint256 at = (i - 1) * degree + k;
                f.constants = Cubics.normal(f.constants + sent[at] * factor);
                f.pads[at] = Cubics.neg(factor);
            }
            f.carry = f.carry * lag[1];
        }
    }

    // -- the linear claim --------------------------------------------------------------------------------------------

    /// @dev Both last claims, as one sum over hidden scalars, folded weights and the input.
    function _joint(Run memory r, Evaluated memory e, Claims memory claims) private pure {
        K carry = r.rounds.carry;
        K[4] memory lambdas = r.drawn.lambdas;
        K first = Cubics.neg(r.shown[0] + e.constants);
        first = Cubics.normal(first + lambdas[0] * r.shown[1] + lambdas[1] * r.shown[2]);
        K constants = r.rounds.constants + carry * first;
        uint256 offset = claims.offsets[2];
        uint256 next = 3;
        if (r.shape.matmuls != 0) {
            HubOpening.put(claims, offset, Cubics.minus(carry, r.balance * r.products.carry));
            HubOpening.put(claims, offset + 1, Cubics.neg(carry * lambdas[0] * e.maskRight));
            HubOpening.put(claims, offset + 2, Cubics.neg(carry * lambdas[1] * e.maskLeft));
            for (uint256 i = 0; i < r.products.pads.length; ++i) {
                HubOpening.put(claims, offset + next + i, r.balance * r.products.pads[i]);
            }
            next += r.products.pads.length;
            K ended = r.products.constants + r.products.carry * r.shown[0];
            ended = Cubics.minus(ended, r.shown[2] * r.shown[1]);
            constants = constants + r.balance * ended;
        }
        for (uint256 i = 0; i < r.rounds.pads.length; ++i) {
            HubOpening.put(claims, offset + next + i, r.rounds.pads[i]);
        }
        K power = carry * lambdas[3];
        for (uint256 i = 0; i < r.shape.inputCount; ++i) {
            HubOpening.put(claims, claims.offsets[3] + i, power);
            power = power * r.drawn.xi;
        }
        if (r.shape.weightRows != 0) _weightColumns(r, e, claims, carry);
        claims.values[0] = Cubics.normal(Cubics.minus(_polynomial(r, e), constants));
    }

    /// @dev Factors of the folded weights: powers of theta by output, eq by place in a slot.
    function _weightColumns(Run memory r, Evaluated memory e, Claims memory claims, K carry) private pure {
        uint256 slot = 1 << r.shape.slotBits;
        uint256 width = slot << r.shape.groupBits;
        bool plain = r.shape.matmuls == 0;
        K weight = carry;
        for (uint256 k = 0; k < width; ++k) {
            if (k != 0 && (plain || k % slot == 0)) weight = weight * r.drawn.theta;
            HubOpening.put(claims, k, plain ? weight : weight * e.slot[k % slot]);
        }
    }

    function _polynomial(Run memory r, Evaluated memory e) private pure returns (K value) {
        (K a, K b, K h) = (r.values[0], r.values[1], r.values[2]);
        K u = Cubics.minus(Cubics.minus(r.drawn.alpha, e.tableA * r.drawn.beta), a);
        K v = Cubics.minus(Cubics.minus(r.drawn.alpha, e.tableB * r.drawn.beta), b);
        K w = Cubics.minus(u, b * (r.drawn.beta * r.drawn.beta));
        value = e.pair * Cubics.minus(h * u * v, u + v);
        value = value + e.functions * Cubics.minus(h * w, Cubics.ONE);
        value = value + e.single * Cubics.minus(h * u, Cubics.ONE);
        value = value + e.product * (a * b) + e.cells[0] * a + e.cells[1] * b + e.inverses * h;
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
        K[] memory factors = Evaluation.table(r.rounds.point, 0, split);
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
        K[] memory eq = Evaluation.table(r.rounds.point, split, r.rounds.point.length);
        claims.eq = eq;
        K shown = r.values[0] + r.mu * r.values[1] + r.mu * r.mu * r.values[2];
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
        uint256 word = uint256(sha256(abi.encodePacked("concordat input point", claimed.inputRoot)));
        uint256 c2 = ((word >> 64) & type(uint64).max) % Cubics.P;
        uint256 c01 = (word >> 192) % Cubics.P | ((((word >> 128) & type(uint64).max) % Cubics.P) << 80);
        claims.outside = K.wrap(c01 | ((c2 == 0 ? 1 : c2) << 160));
        word = uint256(uint192(claimed.inputOutside));
        claims.outsideValue =
            K.wrap((word >> 128) | (((word >> 64) & type(uint64).max) << 80) | ((word & type(uint64).max) << 160));
    }
}
