// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {IDemands} from "../interfaces/IDemands.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {EvidenceKind, ModelCommitment, Order, OrderStatus, ResultHeader} from "../types/Types.sol";

/// @title What every proceeding in court begins with
/// @notice Which order it is about, whether it is delivered, and what opens its result and its model.
abstract contract Proceedings is OrderDomain {
    using Policy for bytes32;

    IMarket internal immutable MARKET;
    IVault internal immutable VAULT;
    uint256 internal immutable MOVE_TIME;
    uint256 internal immutable RESPONDENT_COST;

    /// @dev Commitments to opened private results, as `OrderSlots.commit` makes them.
    mapping(bytes32 orderId => uint256 commitment) internal _opened;

    constructor(IMarket market_, IVault vault_, uint256 moveTime, uint256 respondentCost) {
        MARKET = market_;
        VAULT = vault_;
        MOVE_TIME = moveTime;
        RESPONDENT_COST = respondentCost;
    }

    function _state(bytes32 id) internal view returns (OrderSlot) {
        return OrderSlot.wrap(uint256(MARKET.state(id)));
    }

    function _delivered(Order calldata order) internal view returns (bytes32 id, OrderSlot slot) {
        id = _orderId(order);
        slot = _state(id);
        // What was claimed to be proven has no trace, and another judge: two could slash one order twice.
        bool claimed = order.evidence.names(uint256(EvidenceKind.VALIDITY));
        if (slot.status() != OrderStatus.DELIVERED || claimed) revert ICourt.WrongStatus();
    }

    /// @dev What is judged: the delivered result, or where the policy keeps that private the one it was opened to.
    function _checkOpenings(
        bytes32 id,
        OrderSlot slot,
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model
    ) internal view {
        uint256 commitment = slot.commitment();
        if (order.evidence.isPrivate()) {
            commitment = _opened[id];
            if (commitment == 0) revert IDemands.NotOpened();
        }
        _checkResult(id, commitment, order, header);
        _checkModel(order, model);
    }

    function _checkResult(bytes32 id, uint256 commitment, Order calldata order, ResultHeader calldata header)
        internal
        pure
    {
        if (OrderSlots.commit(id, order.provider, header.traceRoot, header.outputHash) != commitment) {
            revert ICourt.WrongResult();
        }
    }

    function _checkModel(Order calldata order, ModelCommitment calldata model) internal pure {
        if (keccak256(abi.encode(model)) != order.model) revert ICourt.WrongModel();
    }

    /// @dev Slashes an order in favour of a challenger, whose own dispute on it is closed.
    function _slash(bytes32 id, OrderSlot slot, Order calldata order, address challenger) internal virtual;
}
