// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {IDemands} from "../interfaces/IDemands.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {ModelCommitment, Opening, Order, OrderStatus, ResultHeader, ResultOpening} from "../types/Types.sol";
import {Descriptor, Dimensions} from "./compute/Descriptor.sol";
import {Merkle} from "./Merkle.sol";
import {Proceedings} from "./Proceedings.sol";

/// @title Demands
/// @notice The part of the court that makes providers show what they delivered: see `IDemands`.
abstract contract Demands is IDemands, Proceedings {
    using Policy for bytes32;

    /// @dev Words of one part: 4,096 bytes.
    uint256 private constant PART_WORDS = 128;
    /// @dev Longest output that a submission carries itself.
    uint256 private constant MAX_OUTPUT_BYTES = 1024;
    /// @dev Number of the part that is the opening of a private result.
    uint32 private constant OPENING = 1 << 31;
    /// @dev Slot of a part that was shown; no demander has this address.
    uint256 private constant SHOWN = type(uint256).max;

    /// @dev `deadline | demander 160`, zero where nothing was demanded, `SHOWN` once it was shown.
    mapping(bytes32 orderId => mapping(uint32 part => uint256)) private _demands;

    /// @inheritdoc IDemands
    function demand(Order calldata order, ResultHeader calldata header, ModelCommitment calldata model, uint32 part)
        external
    {
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        if (part == OPENING) _checkOpeningDemand(id, slot, order, header, model);
        else _checkPartDemand(id, slot, order, header, model, part);
        if (block.timestamp >= slot.until() || block.timestamp >= uint256(order.deliverBy) + order.window) {
            revert ICourt.WindowClosed();
        }
        if (_demands[id][part] != 0) revert DemandExists();
        // EFFECT
        uint256 deadline = block.timestamp + MOVE_TIME;
        _demands[id][part] = (deadline << 160) | uint160(msg.sender);
        // EVENT
        emit Demanded(id, msg.sender, part, uint40(deadline));
        MARKET.disputeOpened(id);
        VAULT.lock(msg.sender, RESPONDENT_COST);
    }

    /// @inheritdoc IDemands
    function supply(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        uint32 part,
        Opening calldata words
    ) external {
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        address demander = _answerable(id, order, part);
        _checkOpenings(id, slot, order, header, model);
        _checkWords(header.traceRoot, Dimensions.wrap(model.dimensions), part, words);
        // EFFECT, EVENT
        uint40 until = _show(id, part);
        emit Supplied(id, part, words.words, until);
        VAULT.forfeit(demander, order.provider, RESPONDENT_COST, 0);
    }

    /// @inheritdoc IDemands
    function openResult(Order calldata order, ResultHeader calldata header, ResultOpening calldata opening) external {
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        if (!order.evidence.isSealed()) revert NotPrivate();
        if (_opened[id] != 0) revert AlreadyOpened();
        address demander = address(0);
        if (_demands[id][OPENING] != 0) demander = _answerable(id, order, OPENING);
        else if (msg.sender != order.client) revert NotClient();
        _checkResult(id, slot.commitment(), order, header);
        bytes32 outputHash = keccak256(opening.output);
        bytes32 commitment = keccak256(abi.encode(opening.salt, opening.traceRoot, outputHash));
        if (commitment != header.traceRoot || opening.output.length > MAX_OUTPUT_BYTES) revert ICourt.BadOpening();
        // EFFECT, EVENT
        _opened[id] = OrderSlots.commit(id, order.provider, opening.traceRoot, outputHash);
        uint40 until = demander == address(0) ? uint40(slot.until()) : _show(id, OPENING);
        emit ResultOpened(id, opening.traceRoot, opening.output, until);
        if (demander != address(0)) VAULT.forfeit(demander, order.provider, RESPONDENT_COST, 0);
    }

    /// @inheritdoc IDemands
    function timeOutDemand(Order calldata order, uint32 part) external {
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        (address demander, uint256 deadline) = _open(id, part);
        if (block.timestamp <= deadline) revert ICourt.NotTimedOut();
        // EFFECT, EVENT
        _slash(id, slot, order, demander);
        _closeDemand(id, part, demander);
    }

    /// @inheritdoc IDemands
    function closeDemand(Order calldata order, uint32 part) external {
        bytes32 id = _orderId(order);
        // CHECK
        if (_state(id).status() != OrderStatus.SLASHED) revert ICourt.WrongStatus();
        (address demander,) = _open(id, part);
        // EFFECT, EVENT
        _closeDemand(id, part, demander);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IDemands
    function demandFor(bytes32 orderId, uint32 part)
        external
        view
        returns (address demander, uint40 deadline, bool shown)
    {
        uint256 slot = _demands[orderId][part];
        if (slot == SHOWN) return (address(0), 0, true);
        return (address(uint160(slot)), uint40(slot >> 160), false);
    }

    /// @inheritdoc IDemands
    function opened(bytes32 orderId) external view returns (bytes25 commitment) {
        return bytes25(uint200(_opened[orderId]));
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkOpeningDemand(
        bytes32 id,
        OrderSlot slot,
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model
    ) private view {
        if (!order.evidence.isSealed()) revert NotPrivate();
        if (_opened[id] != 0) revert AlreadyOpened();
        if (msg.sender != order.client) revert NotClient();
        _checkResult(id, slot.commitment(), order, header);
        _checkModel(order, model);
    }

    function _checkPartDemand(
        bytes32 id,
        OrderSlot slot,
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        uint32 part
    ) private view {
        _checkOpenings(id, slot, order, header, model);
        uint256 leaves = Dimensions.wrap(model.dimensions).outputLeaves();
        if (32 * leaves <= MAX_OUTPUT_BYTES) revert NothingToDemand();
        if (PART_WORDS * part >= leaves) revert ICourt.BadIndex();
    }

    function _open(bytes32 id, uint32 part) private view returns (address demander, uint256 deadline) {
        uint256 slot = _demands[id][part];
        if (slot == 0 || slot == SHOWN) revert NoDemand();
        return (address(uint160(slot)), slot >> 160);
    }

    /// @dev Whose demand the sender may answer now.
    function _answerable(bytes32 id, Order calldata order, uint32 part) private view returns (address demander) {
        if (msg.sender != order.provider) revert ICourt.NotProvider();
        uint256 deadline;
        (demander, deadline) = _open(id, part);
        if (block.timestamp > deadline) revert ICourt.TooLate();
    }

    function _checkWords(bytes32 traceRoot, Dimensions dimensions, uint32 part, Opening calldata words) private pure {
        uint256 first = PART_WORDS * part;
        uint256 left = dimensions.outputLeaves() - first;
        if (words.words.length != (left < PART_WORDS ? left : PART_WORDS)) revert ICourt.BadOpening();
        uint256 place = dimensions.outputStart() + first;
        if (Merkle.wordsRoot(words, place, dimensions.traceDepth()) != traceRoot) revert ICourt.BadOpening();
    }

    /// @dev Whoever demanded it has the time of one move to look at what is shown.
    function _show(bytes32 id, uint32 part) private returns (uint40 until) {
        _demands[id][part] = SHOWN;
        return MARKET.disputeClosed(id, block.timestamp + MOVE_TIME);
    }

    function _closeDemand(bytes32 id, uint32 part, address demander) private {
        // EFFECT
        delete _demands[id][part];
        // EVENT
        emit DemandClosed(id, demander, part);
        VAULT.unlock(demander, RESPONDENT_COST);
    }
}
