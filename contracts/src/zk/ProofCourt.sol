// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims} from "../interfaces/IClaims.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {BlobHalf, Disclosed, IProofCourt, Posted} from "../interfaces/IProofCourt.sol";
import {IProofSteps} from "../interfaces/IProofSteps.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Order, OrderStatus} from "../types/Types.sol";
import {BlobData} from "./BlobData.sol";
import {Challenges, ConstraintEvaluator} from "./ConstraintEvaluator.sol";
import {K} from "./Cubic.sol";
import {Case, ProofData, Step} from "./ProofData.sol";
import {Claimed} from "./ProofStatement.sol";
import {ProofStream} from "./ProofStream.sol";
import {RelationReader, Shape} from "./RelationReader.sol";
import {Sizes, Soundness} from "./Soundness.sol";
import {ValidityEvidence} from "./ValidityEvidence.sol";

/// @title ProofCourt
/// @notice The module for VALIDITY that also takes claims: see `IProofCourt`. Nobody has a right here.
/// @dev A claim is one slot: `digest 216 | time 40`. It is for the result with a zero trace root, as proven results are.
contract ProofCourt is IProofCourt, IEvidence, IClaims, OrderDomain {
    using RelationReader for bytes;

    uint256 private constant CHUNK = 1024;
    /// @dev Gas that evaluating an admitted relation may take: what is left of a transaction of 2^24 has room for the rest.
    uint256 private constant EVALUATION_GAS = 12_000_000;
    /// @dev Bytes of a relation: with what EVALUATION reads besides, it has to fit a transaction that nodes pass on (131,072
    /// bytes), and copies of it the gas that its evaluation leaves.
    uint256 private constant MAX_RELATION = 98_304;
    /// @dev Longest loops that other steps run.
    uint256 private constant MAX_LOOP = 4096;
    /// @dev Most queries of one commitment: sorting their positions takes a number of steps that is quadratic in them.
    uint256 private constant MAX_QUERIES = 256;
    /// @dev Most random symbols in a row of the weights, which is what may make the hub long.
    uint256 private constant MAX_TAIL = 1 << 17;
    uint256 private constant ROOT_STEP = 255;

    IMarket private immutable MARKET;
    ValidityEvidence private immutable EVIDENCE;
    ConstraintEvaluator private immutable EVALUATOR;
    IProofSteps private immutable TRANSCRIPT;
    IProofSteps private immutable SUMS;
    IProofSteps private immutable COLUMNS;

    mapping(bytes32 relation => bytes32 shape) private _shapes;
    mapping(bytes32 orderId => mapping(uint256 commitment => uint256 slot)) private _claims;
    mapping(bytes32 digest => uint256 blockNumber) private _finds;
    /// @dev What lower halves of blobs were found to be, by blob, both halves and the length of the data.
    mapping(bytes32 shown => bytes32 half) private _halves;

    /// @param market_ Address at which the market is or will be deployed.
    /// @param evidence Opens models and inputs, and checks whole proofs.
    /// @param evaluator Evaluates relations.
    /// @param steps Replay transcript, sums and columns.
    constructor(IMarket market_, ValidityEvidence evidence, ConstraintEvaluator evaluator, IProofSteps[3] memory steps)
        OrderDomain(address(market_))
    {
        MARKET = market_;
        EVIDENCE = evidence;
        EVALUATOR = evaluator;
        TRANSCRIPT = steps[0];
        SUMS = steps[1];
        COLUMNS = steps[2];
    }

    // -- evidence ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IEvidence
    /// @dev A whole proof is checked; no proof asks for a claim that stood for the order's window.
    function verify(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (proof.length != 0) return EVIDENCE.verify(orderId, order, output, proof);
        uint256 posted = uint40(_claims[orderId][_commitment(orderId, order, output)]);
        return posted != 0 && block.timestamp >= posted + order.window;
    }

    /// @inheritdoc IClaims
    function delivering(bytes32 orderId, uint256 commitment) external view {
        if (_claims[orderId][commitment] == 0) revert NotClaimed();
    }

    // -- claims ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IProofCourt
    function admit(bytes calldata relation) external {
        // CHECK
        if (relation.length > MAX_RELATION) revert TooLarge();
        Shape memory s = relation.shape();
        bool small = s.weightRows <= MAX_LOOP && s.inputCount <= MAX_LOOP && s.logRows <= 20 && s.productRounds <= 40
            && s.publicCount <= 256 && s.slotBits + s.groupBits <= 12;
        if (!small) revert TooLarge();
        Challenges memory drawn = Challenges({
            alpha: _any(1),
            beta: _any(2),
            theta: _any(3),
            tau: _any(4),
            eta: _any(5),
            zeta: _any(6),
            xi: _any(7),
            lambdas: [_any(8), _any(9), _any(10), _any(11)]
        });
        K[] memory products = _point(s.productRounds, 100);
        K[] memory point = _point(s.logRows, 200);
        int256[] memory publics = new int256[](s.publicCount);
        uint256 before = gasleft();
        EVALUATOR.evaluate(relation, drawn, products, point, publics);
        if (before - gasleft() > EVALUATION_GAS) revert TooLarge();
        // EFFECT
        bytes32 digest = sha256(relation);
        _shapes[digest] = keccak256(abi.encode(s));
        // EVENT
        emit RelationAdmitted(digest, s);
    }

    /// @inheritdoc IProofCourt
    function postCalldata(Order calldata order, Shape calldata shape, Posted calldata posted, bytes calldata data)
        external
    {
        Posted memory p = posted;
        p.root = _root(data);
        p.length = data.length;
        p.blob = 0;
        _post(order, shape, p);
    }

    /// @inheritdoc IProofCourt
    function postBlob(Order calldata order, Shape calldata shape, Posted calldata posted, uint256 index) external {
        Posted memory p = posted;
        p.blob = blobhash(index);
        if (p.blob == 0) revert BadBlob();
        _post(order, shape, p);
    }

    function _post(Order calldata order, Shape calldata shape, Posted memory p) private {
        bytes32 id = _orderId(order);
        // CHECK
        if (msg.sender != order.provider) revert NotProvider();
        if (_status(id) != OrderStatus.FUNDED) revert WrongStatus();
        if (p.length == 0 || p.length > BlobData.BYTES) revert DataSize();
        _checkSizes(id, order, shape, p);
        uint256 commitment = OrderSlots.commit(id, order.provider, 0, keccak256(p.output));
        if (_claims[id][commitment] != 0) revert ClaimExists();
        // EFFECT
        _claims[id][commitment] = (_digest(id, p) << 40) | uint40(block.timestamp);
        // EVENT
        emit ClaimPosted(id, msg.sender, p);
    }

    /// @dev Whatever is claimed can be judged: the relation is known, and no loop over its parameters is too long.
    function _checkSizes(bytes32 id, Order calldata order, Shape calldata shape, Posted memory p) private view {
        if (_shapes[p.relation] != keccak256(abi.encode(shape))) revert NotAdmitted();
        (bool opens, Claimed memory claimed) = EVIDENCE.claim(id, order, p.output, p.head, p.relation);
        if (!opens || claimed.publics.length != shape.publicCount) revert WrongModel();
        Sizes memory z = this.sizes(claimed.parameters, shape);
        if (1 << z.logWidth > MAX_LOOP || 1 << z.hubLogWidth > MAX_LOOP) revert TooLarge();
        if (z.queries > MAX_QUERIES || z.hubQueries > MAX_QUERIES) revert TooLarge();
        if (z.weightQueries > MAX_QUERIES || z.inputQueries > MAX_QUERIES) revert TooLarge();
        if (z.weightTail > MAX_TAIL || z.weightTail >> z.hubLogWidth > MAX_LOOP) revert TooLarge();
    }

    /// @notice Parameters of a proof, if they are worth enough bits.
    function sizes(bytes calldata parameters, Shape calldata shape) external pure returns (Sizes memory) {
        return Soundness.check(parameters, shape);
    }

    // -- refutation --------------------------------------------------------------------------------------------------

    /// @inheritdoc IProofCourt
    function commitFind(bytes32 digest) external {
        // EFFECT
        if (_finds[digest] == 0) _finds[digest] = block.number;
        // EVENT
        emit FindCommitted(msg.sender, digest);
    }

    /// @inheritdoc IProofCourt
    function refuteStep(
        Order calldata order,
        Posted calldata posted,
        Shape calldata shape,
        bytes calldata relation,
        Disclosed calldata disclosed,
        Step step,
        uint256 index,
        bytes32 salt
    ) external {
        // CHECK
        bytes32 id = _accused(order, posted);
        _useFind(id, uint256(step), index, salt);
        if (_shapes[posted.relation] != keccak256(abi.encode(shape))) revert NotAdmitted();
        Case memory c;
        c.shape = shape;
        (, c.claimed) = EVIDENCE.claim(id, order, posted.output, posted.head, posted.relation);
        c.digest = posted.relation;
        c.relation = relation;
        c.length = posted.length;
        c.pieces = disclosed.pieces;
        c.starts = _open(posted, disclosed);
        if (_holds(c, step, index)) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, order, uint256(step), index);
    }

    /// @inheritdoc IProofCourt
    function showHalf(bytes32 blob, bytes calldata words, bytes32 second, uint256 length) external {
        // CHECK
        bytes32 first = keccak256(words);
        BlobHalf memory half;
        bool canonical;
        (canonical, half.value) = BlobData.evaluate(words, BlobData.point(blob, first, second));
        if (!canonical) revert BadBlob();
        bytes memory data;
        (half.readable, data) = BlobData.unpack(words, _lower(length));
        half.chunks = _chunks(data);
        // EFFECT
        _halves[keccak256(abi.encode(blob, first, second, length))] = keccak256(abi.encode(half));
        // EVENT
        emit HalfShown(blob, first, second);
    }

    /// @inheritdoc IProofCourt
    function refuteRoot(
        Order calldata order,
        Posted calldata posted,
        bytes32 first,
        BlobHalf calldata half,
        bytes calldata words,
        bytes calldata commitment,
        bytes calldata proof,
        bytes32 salt
    ) external {
        // CHECK
        bytes32 id = _accused(order, posted);
        _useFind(id, ROOT_STEP, 0, salt);
        bytes32 second = keccak256(words);
        if (_halves[keccak256(abi.encode(posted.blob, first, second, posted.length))] != keccak256(abi.encode(half))) {
            revert HalfNotShown();
        }
        uint256 z = BlobData.point(posted.blob, first, second);
        (bool canonical, uint256 upper) = BlobData.evaluate(words, z);
        if (!canonical || !BlobData.isBlob(posted.blob, z, half.value, upper, commitment, proof)) revert BadBlob();
        (bool readable, bytes memory data) = BlobData.unpack(words, posted.length - _lower(posted.length));
        bytes32 root = keccak256(abi.encodePacked(half.chunks, _chunks(data)));
        if (half.readable && readable && root == posted.root) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, order, ROOT_STEP, 0);
    }

    /// @dev How much of some data the lower half of a blob carries.
    function _lower(uint256 length) private pure returns (uint256) {
        return length < BlobData.HALF_BYTES ? length : BlobData.HALF_BYTES;
    }

    function _accused(Order calldata order, Posted calldata posted) private view returns (bytes32 id) {
        id = _orderId(order);
        OrderStatus status = _status(id);
        if (status != OrderStatus.FUNDED && status != OrderStatus.DELIVERED) revert WrongStatus();
        uint256 slot = _claims[id][_commitment(id, order, posted.output)];
        if (slot == 0 || slot >> 40 != _digest(id, posted)) revert NoClaim();
    }

    /// @dev A find serves once. One of this block is not good enough, or whoever sees a refutation on its way could commit
    /// to it and show it first.
    function _useFind(bytes32 id, uint256 step, uint256 index, bytes32 salt) private {
        bytes32 digest = keccak256(abi.encode(id, step, index, msg.sender, salt));
        uint256 committed = _finds[digest];
        if (committed == 0 || committed == block.number) revert FindNotCommitted();
        delete _finds[digest];
    }

    /// @dev First bytes of the pieces, which are what was posted.
    function _open(Posted calldata posted, Disclosed calldata d) private pure returns (uint256[] memory starts) {
        if (keccak256(abi.encodePacked(d.chunks)) != posted.root || d.first.length != d.pieces.length) {
            revert BadOpening();
        }
        if (d.chunks.length != (posted.length + CHUNK - 1) / CHUNK) revert BadOpening();
        starts = new uint256[](d.first.length);
        for (uint256 i = 0; i < starts.length; ++i) {
            uint256 chunk = d.first[i];
            if (chunk >= d.chunks.length) revert BadOpening();
            starts[i] = chunk * CHUNK;
            bytes calldata piece = d.pieces[i];
            for (uint256 at = 0; at < piece.length; at += CHUNK) {
                uint256 end = at + CHUNK < piece.length ? at + CHUNK : piece.length;
                if (chunk >= d.chunks.length || keccak256(piece[at:end]) != d.chunks[chunk]) revert BadOpening();
                ++chunk;
            }
        }
    }

    /// @dev A revert is as good as no where its reason says that the data is bad, for what the step reads has been opened.
    /// Everything else, gas that ran out above all, says nothing.
    function _holds(Case memory c, Step step, uint256 index) private view returns (bool) {
        IProofSteps judge =
            step <= Step.HUB || step == Step.EVALUATION ? TRANSCRIPT : step <= Step.BALANCE ? SUMS : COLUMNS;
        try judge.holds(c, step, index) returns (bool answer) {
            return answer;
        } catch Panic(uint256) {
            return false;
        } catch (bytes memory reason) {
            bytes4 name = bytes4(reason);
            if (name != ProofStream.BadEncoding.selector && name != ProofStream.BadColumn.selector) revert Unjudged();
            return false;
        }
    }

    function _convict(bytes32 id, Order calldata order, uint256 step, uint256 index) private {
        // EVENT
        emit ClaimRefuted(id, msg.sender, step, index);
        MARKET.slash(id, order.client, order.provider, order.price, order.bond, msg.sender);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IProofCourt
    function postedAt(bytes32 orderId, uint256 commitment) external view returns (uint256) {
        return uint40(_claims[orderId][commitment]);
    }

    /// @inheritdoc IProofCourt
    function find(bytes32 digest) external view returns (uint256 blockNumber) {
        return _finds[digest];
    }

    /// @inheritdoc IProofCourt
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc IProofCourt
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _status(bytes32 id) private view returns (OrderStatus) {
        return OrderSlot.wrap(uint256(MARKET.state(id))).status();
    }

    function _commitment(bytes32 id, Order calldata order, bytes calldata output) private pure returns (uint256) {
        return OrderSlots.commit(id, order.provider, 0, keccak256(output));
    }

    function _point(uint256 variables, uint256 from) private pure returns (K[] memory point) {
        point = new K[](variables);
        for (uint256 i = 0; i < variables; ++i) {
            point[i] = _any(from + i);
        }
    }

    /// @dev Some element: what an evaluation takes does not depend on which.
    function _any(uint256 number) private pure returns (K) {
        uint256 word = uint256(keccak256(abi.encode(number)));
        uint256 lane = type(uint64).max >> 1;
        return K.wrap((word & lane) | (((word >> 64) & lane) << 80) | (((word >> 128) & lane) << 160));
    }

    /// @dev Leading 216 bits of what opens a claim.
    function _digest(bytes32 id, Posted memory p) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(id, p))) >> 40;
    }

    /// @dev Hash of the hashes of chunks.
    function _root(bytes memory data) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(_chunks(data)));
    }

    function _chunks(bytes memory data) private pure returns (bytes32[] memory chunks) {
        uint256 count = (data.length + CHUNK - 1) / CHUNK;
        chunks = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 from = i * CHUNK;
            uint256 size = data.length - from < CHUNK ? data.length - from : CHUNK;
            bytes32 digest;
            assembly ("memory-safe") {
                digest := keccak256(add(add(data, 32), from), size)
            }
            chunks[i] = digest;
        }
    }
}
