// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../interfaces/ICourt.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {
    Dispute,
    ElementProof,
    ModelCommitment,
    Order,
    OrderStatus,
    OutputProof,
    ResultHeader,
    Turn
} from "../types/Types.sol";
import {Demands} from "./Demands.sol";
import {DisputeSlot, Dissection} from "./Dissection.sol";
import {Element} from "./Element.sol";
import {Proceedings} from "./Proceedings.sol";

/// @title Court
/// @notice Fraud proofs, dissection and demands: see `ICourt` and `IDemands`.
/// @dev The court holds no money and calls only market and vault, which are as immutable as itself.
contract Court is ICourt, Demands {
    uint256 private immutable DISPUTE_PRICE_SHARE;

    mapping(bytes32 digest => uint256 blockNumber) private _finds;
    mapping(bytes32 orderId => mapping(address challenger => DisputeSlot)) private _disputes;
    /// @dev Orders slashed while more disputes (or demands) than the successful one were open. An open dispute keeps its order
    /// DELIVERED in every other way, so a move need not ask the market.
    mapping(bytes32 orderId => bool) private _slashedUnderDispute;

    /// @param market_ Address at which the market is or will be deployed.
    /// @param vault_ Address at which the vault is or will be deployed.
    /// @param moveTime Seconds for every move in a dispute.
    /// @param respondentCost What a lost dispute pays the provider for answering.
    /// @param disputePriceShare Per cent of the price in a challenger's bond, beyond `respondentCost`.
    constructor(IMarket market_, IVault vault_, uint256 moveTime, uint256 respondentCost, uint256 disputePriceShare)
        OrderDomain(address(market_))
        Proceedings(market_, vault_, moveTime, respondentCost)
    {
        if (
            moveTime == 0 || moveTime > type(uint32).max || respondentCost > type(uint96).max || disputePriceShare > 100
        ) {
            revert BadParameters();
        }
        DISPUTE_PRICE_SHARE = disputePriceShare;
    }

    // -- fraud proofs ------------------------------------------------------------------------------------------------

    /// @inheritdoc ICourt
    function commitFind(bytes32 digest) external {
        // EFFECT
        if (_finds[digest] == 0) _finds[digest] = block.number;
        // EVENT
        emit FindCommitted(msg.sender, digest);
    }

    /// @inheritdoc ICourt
    function proveElement(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        ElementProof calldata proof,
        bytes32 salt
    ) external {
        uint256 tile = (uint256(proof.node) << 32) | proof.element;
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        _useFind(id, tile, salt);
        _checkOpenings(id, slot, order, header, model);
        if (!Element.isWrong(model, order.input, header.traceRoot, proof)) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, slot, order, tile);
    }

    /// @inheritdoc ICourt
    function proveOutput(
        Order calldata order,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        OutputProof calldata proof,
        bytes32 salt
    ) external {
        uint256 tile = (1 << 255) | uint256(proof.word);
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        _useFind(id, tile, salt);
        _checkOpenings(id, slot, order, header, model);
        if (keccak256(proof.output) != header.outputHash) revert BadOpening();
        if (!Element.outputIsWrong(model, header.traceRoot, proof)) revert NoFraud();
        // EFFECT, EVENT
        _convict(id, slot, order, tile);
    }

    // -- dissection --------------------------------------------------------------------------------------------------

    /// @inheritdoc ICourt
    function openDispute(Order calldata order, ResultHeader calldata header, ModelCommitment calldata model) external {
        // CHECK
        (bytes32 id, OrderSlot slot) = _delivered(order);
        if (block.timestamp >= slot.until()) revert WindowClosed();
        _checkOpenings(id, slot, order, header, model);
        if (DisputeSlot.unwrap(_disputes[id][msg.sender]) != 0) revert DisputeExists();
        // EFFECT
        uint256 deadline = block.timestamp + MOVE_TIME;
        uint256 traceDepth = uint8(model.dimensions[2]);
        _disputes[id][msg.sender] = Dissection.open(header.traceRoot, traceDepth, Turn.PROVIDER, deadline);
        // EVENT
        emit DisputeOpened(id, msg.sender, uint40(deadline));
        MARKET.disputeOpened(id);
        VAULT.lock(msg.sender, _bond(order.price));
    }

    /// @inheritdoc ICourt
    function reveal(Order calldata order, address challenger, bytes32[] calldata children) external {
        // CHECK
        (bytes32 id, DisputeSlot slot) = _open(order, challenger);
        if (msg.sender != order.provider) revert NotProvider();
        if (slot.turn() != Turn.PROVIDER || slot.height() == 0) revert WrongTurn();
        if (block.timestamp > slot.deadline()) revert TooLate();
        if (!slot.isRow(children)) revert BadChildren();
        // EFFECT
        uint256 deadline = block.timestamp + MOVE_TIME;
        _disputes[id][challenger] = slot.next(Turn.CHALLENGER_PICKS, deadline);
        // EVENT
        emit ChildrenRevealed(id, challenger, children, uint40(deadline));
    }

    /// @inheritdoc ICourt
    function pick(Order calldata order, bytes32[] calldata children, uint256 index) external {
        // CHECK
        (bytes32 id, DisputeSlot slot) = _open(order, msg.sender);
        if (slot.turn() != Turn.CHALLENGER_PICKS) revert WrongTurn();
        if (block.timestamp > slot.deadline()) revert TooLate();
        bool whole = children.length == 1 << slot.levels();
        if (!(whole ? slot.isRow(children) : slot.isChildWithPath(children, index))) revert BadChildren();
        if (index >> slot.levels() != 0) revert BadIndex();
        // EFFECT
        bytes32 child = children[whole ? index : 0];
        uint256 deadline = block.timestamp + MOVE_TIME;
        _disputes[id][msg.sender] = Dissection.open(child, slot.height() - slot.levels(), Turn.PROVIDER, deadline);
        // EVENT
        emit ChildPicked(id, msg.sender, index, uint40(deadline));
    }

    /// @inheritdoc ICourt
    function revealLeaf(Order calldata order, address challenger, bytes32 word) external {
        // CHECK
        (bytes32 id, DisputeSlot slot) = _open(order, challenger);
        if (msg.sender != order.provider) revert NotProvider();
        if (slot.turn() != Turn.PROVIDER || slot.height() != 0) revert WrongTurn();
        if (block.timestamp > slot.deadline()) revert TooLate();
        if (!slot.isNode(keccak256(abi.encode(word)))) revert BadChildren();
        // EFFECT
        uint256 deadline = block.timestamp + MOVE_TIME;
        _disputes[id][challenger] = slot.next(Turn.CHALLENGER_PROVES, deadline);
        // EVENT
        emit LeafRevealed(id, challenger, word, uint40(deadline));
    }

    /// @inheritdoc ICourt
    function timeOut(Order calldata order, address challenger) external {
        // CHECK
        (bytes32 id, DisputeSlot slot) = _open(order, challenger);
        if (block.timestamp <= slot.deadline()) revert NotTimedOut();
        if (slot.turn() == Turn.PROVIDER) {
            // EFFECT, EVENT
            _slash(id, _state(id), order, challenger);
        } else {
            // EFFECT, EVENT
            _disputes[id][challenger] = DisputeSlot.wrap(0);
            uint40 until = MARKET.disputeClosed(id, block.timestamp + order.window);
            uint256 burned = _bond(order.price) - RESPONDENT_COST;
            emit DisputeLost(id, challenger, RESPONDENT_COST, burned, until);
            VAULT.forfeit(challenger, order.provider, RESPONDENT_COST, burned);
        }
    }

    /// @inheritdoc ICourt
    function closeDispute(Order calldata order, address challenger) external {
        bytes32 id = _orderId(order);
        // CHECK
        if (_state(id).status() != OrderStatus.SLASHED) revert WrongStatus();
        if (DisputeSlot.unwrap(_disputes[id][challenger]) == 0) revert NoDispute();
        // EFFECT, EVENT
        _close(id, order, challenger);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICourt
    function elementIsWrong(
        ModelCommitment calldata model,
        bytes32 inputRoot,
        bytes32 traceRoot,
        ElementProof calldata proof
    ) external pure returns (bool) {
        return Element.isWrong(model, inputRoot, traceRoot, proof);
    }

    /// @inheritdoc ICourt
    function outputIsWrong(ModelCommitment calldata model, bytes32 traceRoot, OutputProof calldata proof)
        external
        pure
        returns (bool)
    {
        return Element.outputIsWrong(model, traceRoot, proof);
    }

    /// @inheritdoc ICourt
    function dispute(bytes32 orderId, address challenger) external view returns (Dispute memory) {
        return _disputes[orderId][challenger].unpack();
    }

    /// @inheritdoc ICourt
    function find(bytes32 digest) external view returns (uint256 blockNumber) {
        return _finds[digest];
    }

    /// @inheritdoc ICourt
    function disputeBond(uint256 price) external view returns (uint256) {
        return _bond(price);
    }

    /// @inheritdoc ICourt
    function parameters() external view returns (uint256 moveTime, uint256 respondentCost, uint256 disputePriceShare) {
        return (MOVE_TIME, RESPONDENT_COST, DISPUTE_PRICE_SHARE);
    }

    /// @inheritdoc ICourt
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc ICourt
    function vault() external view returns (address) {
        return address(VAULT);
    }

    /// @inheritdoc ICourt
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _open(Order calldata order, address challenger) private view returns (bytes32 id, DisputeSlot slot) {
        id = _orderId(order);
        slot = _disputes[id][challenger];
        if (DisputeSlot.unwrap(slot) == 0) {
            _delivered(order);
            revert NoDispute();
        }
        if (_slashedUnderDispute[id]) revert WrongStatus();
    }

    /// @dev A find serves once; its slot is cleared, which gives gas back. A find of this block is not good enough, or
    /// whoever sees a fraud proof on its way could commit to it and show it first.
    function _useFind(bytes32 id, uint256 tile, bytes32 salt) private {
        bytes32 digest = keccak256(abi.encode(id, tile, msg.sender, salt));
        uint256 committed = _finds[digest];
        if (committed == 0 || committed == block.number) revert FindNotCommitted();
        delete _finds[digest];
    }

    function _convict(bytes32 id, OrderSlot slot, Order calldata order, uint256 tile) private {
        // EVENT
        emit FraudProven(id, msg.sender, tile);
        // EFFECT, EVENT
        _slash(id, slot, order, msg.sender);
    }

    /// @dev Slashes an order, gives the successful challenger's bond back, and remembers if others still wait for theirs.
    function _slash(bytes32 id, OrderSlot slot, Order calldata order, address challenger) internal override {
        bool own = slot.openDisputes() != 0 && DisputeSlot.unwrap(_disputes[id][challenger]) != 0;
        if (slot.openDisputes() > (own ? 1 : 0)) _slashedUnderDispute[id] = true;
        MARKET.slash(id, order.client, order.provider, order.price, order.bond, challenger);
        if (own) _close(id, order, challenger);
    }

    /// @dev Only market and vault have been called so far, and neither calls anybody when it slashes.
    function _close(bytes32 id, Order calldata order, address challenger) private {
        // EFFECT
        _disputes[id][challenger] = DisputeSlot.wrap(0);
        // EVENT
        emit DisputeClosed(id, challenger);
        VAULT.unlock(challenger, _bond(order.price));
    }

    function _bond(uint256 price) private view returns (uint256) {
        return RESPONDENT_COST + price * DISPUTE_PRICE_SHARE / 100;
    }
}
