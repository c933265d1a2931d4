// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IReplication, ReplicationParameters, Round, Seat} from "../interfaces/IReplication.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {
    ElementProof,
    EvidenceKind,
    ModelCommitment,
    Order,
    OrderStatus,
    OutputProof,
    ResultHeader
} from "../types/Types.sol";
import {BlockHeader} from "./replicas/BlockHeader.sol";
import {Pool} from "./replicas/Pool.sol";

/// @title Replication
/// @notice The evidence kind REPLICATED: see `IReplication`.
/// @dev Holds no money; calls market, vault and court, which are as immutable as itself. Every loop is over at most 15
/// seats, and only in a draw.
contract Replication is Pool, OrderDomain {
    using Policy for bytes32;

    /// @dev Kinds that say for sure, or after a whole window, that a paid order was right.
    uint256 private constant JUDGED = (1 << uint256(EvidenceKind.NATIVE)) | (1 << uint256(EvidenceKind.FRAUD_PROVABLE))
        | (1 << uint256(EvidenceKind.VALIDITY));
    uint256 private constant RELEASED = 1 << uint256(EvidenceKind.CLIENT_RELEASE);

    IMarket private immutable MARKET;
    ICourt private immutable COURT;
    uint256 private immutable DRAW_DELAY;
    uint256 private immutable COMMIT_TIME;
    uint256 private immutable REVEAL_TIME;

    mapping(bytes32 orderId => Round) private _rounds;
    /// @dev `seat 8 | content 248` bits.
    mapping(bytes32 orderId => mapping(address replica => uint256)) private _seats;

    /// @param market_ Address at which the market is or will be deployed.
    /// @param vault_ Address at which the vault is or will be deployed.
    /// @param court_ Address at which the court is or will be deployed.
    /// @param numbers Stake, delay and clocks.
    constructor(IMarket market_, IVault vault_, ICourt court_, ReplicationParameters memory numbers)
        OrderDomain(address(market_))
        Pool(vault_, numbers.ticket, numbers.unbonding)
    {
        bool clocksRun = numbers.drawDelay > 0 && numbers.commitTime > 0 && numbers.revealTime > 0;
        uint256 shortest = 2 * (uint256(numbers.commitTime) + numbers.revealTime);
        if (numbers.ticket == 0 || !clocksRun || numbers.unbonding <= shortest) revert BadParameters();
        MARKET = market_;
        COURT = court_;
        DRAW_DELAY = numbers.drawDelay;
        COMMIT_TIME = numbers.commitTime;
        REVEAL_TIME = numbers.revealTime;
    }

    // -- before delivery ---------------------------------------------------------------------------------------------

    /// @inheritdoc IReplication
    function seal(Order calldata order, bytes32 result) external {
        // CHECK
        if (msg.sender != order.provider) revert NotProvider();
        bytes32 id = _funded(order);
        if (!order.evidence.names(uint256(EvidenceKind.REPLICATED))) revert NotInPolicy();
        if (_rounds[id].sealedIn != 0) revert AlreadySealed();
        (uint256 k, uint256 n) = order.evidence.replicas();
        if (k == 0 || k > n || !_fits(order)) revert BadTerms();
        uint256 fee = order.price / (n + 1);
        uint40 drawBy = uint40(block.timestamp + COMMIT_TIME);
        uint256 drawBlock = block.number + DRAW_DELAY;
        // EFFECT
        Round storage one = _rounds[id];
        one.result = uint200(uint256(result) >> 56);
        (one.needed, one.seats) = (uint8(k), uint8(n));
        one.fee = uint96(fee);
        (one.sealedIn, one.drawBlock, one.commitBy) = (uint32(block.number), uint32(drawBlock), drawBy);
        // EVENT
        emit ResultSealed(id, msg.sender, fee, drawBlock, drawBy);
        VAULT.lock(msg.sender, n * fee);
    }

    /// @inheritdoc IReplication
    function draw(Order calldata order, bytes calldata header) external {
        // CHECK
        bytes32 id = _funded(order);
        Round storage one = _rounds[id];
        if (one.sealedIn == 0) revert NotSealed();
        if (one.drawn != 0) revert AlreadyDrawn();
        if (block.timestamp > one.commitBy) revert TooLate();
        if (block.number <= one.drawBlock) revert DrawTooEarly();
        bytes32 hash = blockhash(one.drawBlock);
        if (hash == 0) {
            // EFFECT
            one.drawBlock = uint32(block.number + DRAW_DELAY);
            // EVENT
            emit DrawMoved(id, one.drawBlock);
            return;
        }
        bytes32 random = BlockHeader.prevRandao(header);
        if (keccak256(header) != hash || random == 0) revert BadHeader();
        address[] memory replicas =
            _draw(keccak256(abi.encode(random, id)), one.seats, one.sealedIn - 1, [order.client, order.provider]);
        if (replicas.length == 0) revert PoolEmpty();
        // EFFECT
        for (uint256 i = 0; i < replicas.length; ++i) {
            _setSeat(id, replicas[i], Seat.DRAWN, 0);
        }
        one.drawn = uint8(replicas.length);
        one.commitBy = uint40(block.timestamp + COMMIT_TIME);
        // EVENT
        emit PanelDrawn(id, replicas, one.commitBy);
    }

    /// @inheritdoc IReplication
    function commit(bytes32 id, bytes32 digest) external {
        Round storage one = _rounds[id];
        (Seat state,) = seat(id, msg.sender);
        // CHECK
        if (state != Seat.DRAWN) revert NoSeat();
        if (block.timestamp > one.commitBy) revert TooLate();
        if (_state(id).status() != OrderStatus.FUNDED) revert WrongStatus();
        if (!_hasTickets(msg.sender)) revert NotMember();
        // EFFECT
        _setSeat(id, msg.sender, Seat.COMMITTED, uint256(digest) >> 8);
        ++one.committed;
        // EVENT
        emit SeatCommitted(id, msg.sender, digest);
    }

    /// @inheritdoc IReplication
    function delivering(bytes32 id, bytes32 policy, uint256 commitment) external {
        // CHECK
        if (msg.sender != address(MARKET)) revert NotAuthorized();
        Round storage one = _rounds[id];
        if (one.sealedIn == 0) {
            if (policy.requires(uint256(EvidenceKind.REPLICATED))) revert NotSealed();
            return;
        }
        if (commitment != one.result) revert WrongResult();
        bool complete = one.drawn != 0 && one.committed == one.drawn;
        if (!complete && block.timestamp <= one.commitBy) revert CommitsOpen();
        // EFFECT
        one.revealBy = uint40(block.timestamp + REVEAL_TIME);
        // EVENT
        emit RevealsOpened(id, one.revealBy);
    }

    // -- after it ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IReplication
    function reveal(Order calldata order, ResultHeader calldata header, bytes32 salt) external {
        bytes32 id = _orderId(order);
        Round storage one = _rounds[id];
        OrderSlot slot = _state(id);
        // CHECK
        _checkReveal(id, one, slot, header, salt);
        bool agrees = one.result == _commitment(id, order.provider, header);
        // EFFECT
        uint256 fee = _note(one, slot, agrees, id, _commitment(id, msg.sender, header));
        // EVENT
        emit SeatRevealed(id, msg.sender, header.traceRoot, header.outputHash, agrees, fee);
        _pay(one, order.provider, msg.sender, fee);
    }

    /// @inheritdoc IReplication
    function settle(Order calldata order, address replica) external {
        bytes32 id = _orderId(order);
        Round storage one = _rounds[id];
        OrderSlot slot = _state(id);
        (Seat state, uint256 content) = seat(id, replica);
        // CHECK
        if (state != Seat.COMMITTED && state != Seat.DISAGREED) revert NoSeat();
        bool silent = state == Seat.COMMITTED;
        if (silent ? block.timestamp <= _revealsEnd(one, slot) : !_ended(slot)) revert TooEarly();
        bool fined = silent ? one.revealBy != 0 : _overruled(slot);
        // EFFECT
        _setSeat(id, replica, Seat.SETTLED, silent ? 0 : content);
        ++one.settled;
        uint256 fee = silent || fined ? 0 : one.fee;
        uint256 fine = fined ? _fine(replica) : 0;
        // EVENT
        emit SeatSettled(id, replica, fee, fine);
        _pay(one, order.provider, replica, fee);
    }

    /// @inheritdoc IReplication
    function close(Order calldata order) external {
        bytes32 id = _orderId(order);
        Round storage one = _rounds[id];
        OrderSlot slot = _state(id);
        // CHECK
        if (one.sealedIn == 0) revert NotSealed();
        if (!_ended(slot) || one.closed) revert WrongStatus();
        if (one.settled != one.committed) revert SeatsOpen();
        // EFFECT
        one.closed = true;
        uint256 rest = uint256(one.fee) * (one.seats - one.paid);
        address account = slot.status() == OrderStatus.PAID ? order.client : order.provider;
        // EVENT
        emit PanelClosed(id, account, rest);
        VAULT.forfeit(order.provider, account, rest, 0);
    }

    // -- fraud proofs ------------------------------------------------------------------------------------------------

    /// @inheritdoc IReplication
    function convictElement(
        Order calldata order,
        address replica,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        ElementProof calldata proof,
        bytes32 salt
    ) external {
        uint256 tile = (uint256(proof.node) << 32) | proof.element;
        // CHECK
        bytes32 id = _checkClaim(order, replica, header, model, tile, salt);
        if (!COURT.elementIsWrong(model, order.input, header.traceRoot, proof)) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, order, replica);
    }

    /// @inheritdoc IReplication
    function convictOutput(
        Order calldata order,
        address replica,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        OutputProof calldata proof,
        bytes32 salt
    ) external {
        uint256 tile = (1 << 255) | uint256(proof.word);
        // CHECK
        bytes32 id = _checkClaim(order, replica, header, model, tile, salt);
        if (keccak256(proof.output) != header.outputHash) revert BadOpening();
        if (!COURT.outputIsWrong(model, header.traceRoot, proof)) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, order, replica);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEvidence
    /// @dev Enough replicas came to the delivered result, none to another, and there was time to show it wrong.
    function verify(bytes32 id, Order calldata, bytes calldata, bytes calldata) external view returns (bool) {
        Round storage one = _rounds[id];
        return one.revealBy != 0 && block.timestamp > one.revealBy && one.agreed >= one.needed && one.disagreed == 0;
    }

    /// @inheritdoc IReplication
    function round(bytes32 id) external view returns (Round memory) {
        return _rounds[id];
    }

    /// @inheritdoc IReplication
    function seat(bytes32 id, address replica) public view returns (Seat state, uint256 content) {
        uint256 packed = _seats[id][replica];
        return (Seat(packed >> 248), packed & ((1 << 248) - 1));
    }

    /// @inheritdoc IReplication
    function parameters() external view returns (ReplicationParameters memory) {
        return ReplicationParameters({
            ticket: uint96(TICKET),
            drawDelay: uint32(DRAW_DELAY),
            commitTime: uint32(COMMIT_TIME),
            revealTime: uint32(REVEAL_TIME),
            unbonding: uint32(UNBONDING)
        });
    }

    /// @inheritdoc IReplication
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc IReplication
    function vault() external view returns (address) {
        return address(VAULT);
    }

    /// @inheritdoc IReplication
    function court() external view returns (address) {
        return address(COURT);
    }

    /// @inheritdoc IReplication
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _state(bytes32 id) private view returns (OrderSlot) {
        return OrderSlot.wrap(uint256(MARKET.state(id)));
    }

    function _funded(Order calldata order) private view returns (bytes32 id) {
        id = _orderId(order);
        if (_state(id).status() != OrderStatus.FUNDED) revert WrongStatus();
    }

    function _ended(OrderSlot slot) private pure returns (bool) {
        return uint256(slot.status()) >= uint256(OrderStatus.PAID);
    }

    /// @dev Whether there is time to draw, commit and deliver; to show fraud after the last reveal; and no more time than
    /// a stake stays bound that was there when the result was sealed.
    function _fits(Order calldata order) private view returns (bool) {
        return block.timestamp + 2 * COMMIT_TIME < order.deliverBy && order.window >= 2 * REVEAL_TIME
            && uint256(order.deliverBy) + order.window <= block.timestamp + UNBONDING;
    }

    function _commitment(bytes32 id, address account, ResultHeader calldata header) private pure returns (uint256) {
        return OrderSlots.commit(id, account, header.traceRoot, header.outputHash);
    }

    /// @dev Writes down what the sender revealed, and says what he is paid now.
    function _note(Round storage one, OrderSlot slot, bool agrees, bytes32 id, uint256 content)
        private
        returns (uint256 fee)
    {
        bool slashed = slot.status() == OrderStatus.SLASHED;
        bool ends = agrees || slashed || one.revealBy == 0;
        if (agrees) ++one.agreed;
        else if (!ends) ++one.disagreed;
        if (ends) ++one.settled;
        Seat state = agrees ? Seat.AGREED : ends ? Seat.SETTLED : Seat.DISAGREED;
        _setSeat(id, msg.sender, state, content);
        return ends && !(agrees && slashed) ? one.fee : 0;
    }

    function _setSeat(bytes32 id, address replica, Seat state, uint256 content) private {
        _seats[id][replica] = (uint256(state) << 248) | content;
    }

    /// @dev Last second to reveal. Where nothing was delivered that time begins when the order ends.
    function _revealsEnd(Round storage one, OrderSlot slot) private view returns (uint256) {
        if (one.revealBy != 0) return one.revealBy;
        return _ended(slot) ? slot.until() + REVEAL_TIME : type(uint256).max;
    }

    function _checkReveal(bytes32 id, Round storage one, OrderSlot slot, ResultHeader calldata header, bytes32 salt)
        private
        view
    {
        (Seat state, uint256 content) = seat(id, msg.sender);
        if (state != Seat.COMMITTED) revert NoSeat();
        if (one.revealBy == 0 && !_ended(slot)) revert TooEarly();
        if (block.timestamp > _revealsEnd(one, slot)) revert TooLate();
        bytes32 digest = keccak256(abi.encode(id, msg.sender, header.outputHash, header.traceRoot, salt));
        if (uint256(digest) >> 8 != content) revert BadReveal();
    }

    /// @dev A paid order that was not simply let through says that whoever disagreed was wrong: he had all the window to
    /// show a fraud.
    function _overruled(OrderSlot slot) private pure returns (bool) {
        uint256 gathered = slot.gathered();
        return slot.status() == OrderStatus.PAID && gathered & JUDGED != 0 && gathered & RELEASED == 0;
    }

    /// @dev Pays a seat out of what the provider advanced.
    function _pay(Round storage one, address provider, address replica, uint256 fee) private {
        if (fee == 0) return;
        // EFFECT
        ++one.paid;
        VAULT.forfeit(provider, replica, fee, 0);
    }

    function _checkClaim(
        Order calldata order,
        address replica,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        uint256 tile,
        bytes32 salt
    ) private view returns (bytes32 id) {
        id = _orderId(order);
        (Seat state, uint256 content) = seat(id, replica);
        if (state != Seat.AGREED && state != Seat.DISAGREED && state != Seat.SETTLED) revert NoSeat();
        bytes32 digest = keccak256(abi.encode(keccak256(abi.encode(id, replica)), tile, msg.sender, salt));
        uint256 committed = COURT.find(digest);
        if (committed == 0 || committed == block.number) revert FindNotCommitted();
        if (_commitment(id, replica, header) != content) revert WrongResult();
        if (keccak256(abi.encode(model)) != order.model) revert WrongModel();
    }

    /// @dev The replica's stake is divided as a provider's bond is.
    function _convict(bytes32 id, Order calldata order, address replica) private {
        (Seat state,) = seat(id, replica);
        uint256 stake = _forfeitAll(replica);
        (, uint256 challengerShare, uint256 clientShare) = MARKET.shares();
        uint256 toChallenger = stake * challengerShare / 100;
        uint256 toClient = stake * clientShare / 100;
        // EFFECT
        Round storage one = _rounds[id];
        if (state == Seat.AGREED) --one.agreed;
        if (state == Seat.DISAGREED) (one.disagreed, one.settled) = (one.disagreed - 1, one.settled + 1);
        _setSeat(id, replica, Seat.CONVICTED, 0);
        // EVENT
        emit ReplicaSlashed(id, replica, msg.sender, toClient, toChallenger, stake - toClient - toChallenger);
        VAULT.forfeit(replica, msg.sender, toChallenger, 0);
        VAULT.forfeit(replica, order.client, toClient, stake - toClient - toChallenger);
    }
}
