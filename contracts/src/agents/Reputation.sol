// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SettledOrders} from "../faces/SettledOrders.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IIdentityRegistry, IReputation} from "../interfaces/IReputation.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {Order, OrderStatus} from "../types/Types.sol";
import {FeedbackStore} from "./FeedbackStore.sol";

/// @title Reputation
/// @notice See `IReputation`. How a score follows from it is in `concordat.protocol.reputation`.
/// @dev Holds no money: fees go from their payer to the burn address. No owner, no upgrade.
contract Reputation is IReputation, FeedbackStore {
    using SafeERC20 for IERC20;
    using SettledOrders for IMarket;
    using SettledOrders for OrderSlot;

    /// @dev The order that a client's next plain feedback for an agent is about.
    struct Ticket {
        bytes32 orderId;
        uint96 price;
        uint40 settledAt;
        bool slashed;
    }

    address private constant BURN = 0x000000000000000000000000000000000000dEaD;
    int128 private constant MAX_VALUE = 1e38;
    uint8 private constant MAX_DECIMALS = 18;
    uint256 private constant MAX_TAG_BYTES = 64;
    int256 private constant HALF = 50;
    uint8 private constant RATED = 1;
    uint8 private constant ENDOWED = 2;

    IMarket private immutable MARKET;
    IERC20 private immutable TOKEN;
    IIdentityRegistry private immutable IDENTITY;
    uint256 private immutable FEE_BPS;

    mapping(bytes32 orderId => uint8 flags) private _used;
    mapping(uint256 agentId => mapping(address client => Ticket)) private _tickets;
    mapping(uint256 agentId => mapping(address account => bool)) private _linked;

    /// @param market_ Whose orders count; fees are in its settlement token.
    /// @param identity Registry of the agents.
    /// @param feeBps Hundredths of a per cent of the price that praise burns.
    constructor(IMarket market_, IIdentityRegistry identity, uint256 feeBps) {
        if (feeBps == 0 || feeBps > 10_000) revert BadParameters();
        MARKET = market_;
        TOKEN = IERC20(IVault(market_.vault()).token());
        IDENTITY = identity;
        FEE_BPS = feeBps;
    }

    // -- rating ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IReputation
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external {
        Rating memory rating;
        (rating.value, rating.valueDecimals, rating.feedbackHash) = (value, valueDecimals, feedbackHash);
        (rating.tag1, rating.tag2) = (tag1, tag2);
        (rating.endpoint, rating.feedbackURI) = (endpoint, feedbackURI);
        Ticket memory ticket = _tickets[agentId][msg.sender];
        // CHECK
        if (ticket.orderId == 0) revert NoSettledOrder();
        _checkRater(agentId);
        // EFFECT, EVENT
        delete _tickets[agentId][msg.sender];
        _give(agentId, ticket, rating);
    }

    /// @inheritdoc IReputation
    function giveFeedbackFor(Order calldata order, uint256 agentId, Rating calldata rating) external {
        _give(agentId, _ticketFor(order, agentId), rating);
    }

    /// @inheritdoc IReputation
    function admit(Order calldata order, uint256 agentId) external {
        _tickets[agentId][msg.sender] = _ticketFor(order, agentId);
    }

    /// @inheritdoc IReputation
    function endow(Order calldata order) external {
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        // CHECK
        if (!slot.isSettled()) revert NotSettled();
        if (_used[id] != 0) revert AlreadyUsed();
        // EFFECT
        uint96 burned = fee(order.price);
        _used[id] = ENDOWED;
        // EVENT
        emit Endowed(id, msg.sender, burned);
        TOKEN.safeTransferFrom(msg.sender, BURN, burned);
    }

    /// @inheritdoc IReputation
    function link(uint256 agentId) external {
        address wallet = IDENTITY.getAgentWallet(agentId);
        // CHECK
        if (wallet == address(0)) revert ForeignAgent();
        // EFFECT
        _linked[agentId][wallet] = true;
        // EVENT
        emit Linked(agentId, wallet);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IReputation
    function getIdentityRegistry() external view returns (address) {
        return address(IDENTITY);
    }

    /// @inheritdoc IReputation
    function used(bytes32 orderId) external view returns (bool rated, bool endowed) {
        uint8 flags = _used[orderId];
        return (flags & RATED != 0, flags & ENDOWED != 0);
    }

    /// @inheritdoc IReputation
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc IReputation
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IReputation
    /// @dev Rounded up, so that splitting an order into small ones saves nothing.
    function fee(uint96 price) public view returns (uint96) {
        return uint96((uint256(price) * FEE_BPS + 9_999) / 10_000);
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _ticketFor(Order calldata order, uint256 agentId) private view returns (Ticket memory) {
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        if (msg.sender != order.client) revert NotClient();
        if (!slot.isSettled()) revert NotSettled();
        if (order.client == order.provider) revert SelfFeedback();
        address wallet = IDENTITY.getAgentWallet(agentId);
        if (wallet != order.provider && !_linked[agentId][order.provider]) revert ForeignAgent();
        if (wallet == msg.sender || _linked[agentId][msg.sender]) revert SelfFeedback();
        _checkRater(agentId);
        return Ticket({
            orderId: id,
            price: order.price,
            settledAt: uint40(slot.until()),
            slashed: slot.status() == OrderStatus.SLASHED
        });
    }

    /// @dev Asked again by a plain feedback: its sender may have acquired the agent since he admitted the order.
    function _checkRater(uint256 agentId) private view {
        if (IDENTITY.isAuthorizedOrOwner(msg.sender, agentId)) revert SelfFeedback();
    }

    function _give(uint256 agentId, Ticket memory ticket, Rating memory rating) private {
        uint8 flags = _used[ticket.orderId];
        // CHECK
        if (flags & RATED != 0) revert AlreadyUsed();
        if (rating.valueDecimals > MAX_DECIMALS || rating.value > MAX_VALUE || rating.value < -MAX_VALUE) {
            revert BadValue();
        }
        if (bytes(rating.tag1).length > MAX_TAG_BYTES || bytes(rating.tag2).length > MAX_TAG_BYTES) revert BadValue();
        // EFFECT
        bool praise = rating.value >= HALF * int256(10 ** uint256(rating.valueDecimals));
        uint96 due = praise && flags & ENDOWED == 0 ? fee(ticket.price) : 0;
        _used[ticket.orderId] = flags | RATED;
        uint64 index = _store(agentId, rating);
        // EVENT
        _announce(agentId, index, rating);
        emit FeedbackSettled(
            agentId,
            msg.sender,
            ticket.orderId,
            index,
            ticket.price,
            flags & ENDOWED == 0 ? due : fee(ticket.price),
            ticket.settledAt,
            ticket.slashed
        );
        if (due != 0) TOKEN.safeTransferFrom(msg.sender, BURN, due);
    }

    function _announce(uint256 agentId, uint64 index, Rating memory rating) private {
        emit NewFeedback(
            agentId,
            msg.sender,
            index,
            rating.value,
            rating.valueDecimals,
            rating.tag1,
            rating.tag1,
            rating.tag2,
            rating.endpoint,
            rating.feedbackURI,
            rating.feedbackHash
        );
    }
}
