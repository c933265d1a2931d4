// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../interfaces/IMarket.sol";
import {IIdentityRegistry} from "../interfaces/IReputation.sol";
import {IValidation} from "../interfaces/IValidation.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {Order, OrderStatus} from "../types/Types.sol";
import {SettledOrders} from "./SettledOrders.sol";

/// @title Validator of ERC-8004 that says what a market says
/// @notice An agent that was named in an order asks this contract under `requestHashOf(orderId, agentId, salt)`; anybody
/// makes it answer, and answer again, from the order's state:
///
/// | order | answer | tag |
/// |---|---|---|
/// | paid, with the evidence it asked for | 100 | `settled` |
/// | paid on the client's word, or without all the evidence it asked for | 50 | `unproven` |
/// | delivered, open to challenge | 50 | `delivered` |
/// | slashed | 0 | `slashed` |
/// | not delivered in time | 0 | `expired` |
///
/// The response hash is the order's slot. A cancelled order says nothing about anybody.
contract OrderValidator {
    using SettledOrders for IMarket;
    using SettledOrders for OrderSlot;

    /// @notice The order's state says nothing, or nothing that was not said.
    error NothingToSay();
    /// @notice The order's provider is not the wallet of the agent.
    error ForeignAgent();
    /// @notice Nobody asked this contract about that order under that salt.
    error UnknownRequest();

    uint8 private constant GOOD = 100;
    uint8 private constant SOFT = 50;
    uint8 private constant BAD = 0;

    IMarket private immutable MARKET;
    IValidation private immutable REGISTRY;
    IIdentityRegistry private immutable IDENTITY;

    /// @param market_ Whose orders are spoken of.
    /// @param registry_ Where the answers go.
    constructor(IMarket market_, IValidation registry_) {
        MARKET = market_;
        REGISTRY = registry_;
        IDENTITY = IIdentityRegistry(registry_.getIdentityRegistry());
    }

    /// @notice Anybody brings the answer about an order up to date.
    /// @param order The order.
    /// @param agentId Agent that asked; the order's provider is its wallet.
    /// @param salt What the agent made the request's hash unguessable with.
    function poke(Order calldata order, uint256 agentId, bytes32 salt) external {
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        bytes32 requestHash = requestHashOf(id, agentId, salt);
        (address validator, uint256 asking,, bytes32 lastHash,,) = REGISTRY.getValidationStatus(requestHash);
        // CHECK
        if (validator != address(this) || asking != agentId) revert UnknownRequest();
        if (bytes32(OrderSlot.unwrap(slot)) == lastHash) revert NothingToSay();
        (uint8 response, string memory tag) = opinion(order, slot);
        if (IDENTITY.getAgentWallet(agentId) != order.provider) revert ForeignAgent();
        // EFFECT, EVENT
        REGISTRY.validationResponse(requestHash, response, "", bytes32(OrderSlot.unwrap(slot)), tag);
    }

    /// @notice The market.
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @notice The registry of validations.
    function registry() external view returns (address) {
        return address(REGISTRY);
    }

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @notice Hash under which an agent asks about an order. The salt keeps others from using the hash up first.
    function requestHashOf(bytes32 orderId, uint256 agentId, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(orderId, agentId, salt));
    }

    /// @notice Answer and tag for an order in some state.
    function opinion(Order calldata order, OrderSlot slot) public pure returns (uint8 response, string memory tag) {
        OrderStatus status = slot.status();
        if (slot.isProven(order.evidence)) return (GOOD, "settled");
        if (status == OrderStatus.PAID) return (SOFT, "unproven");
        if (status == OrderStatus.DELIVERED) return (SOFT, "delivered");
        if (status == OrderStatus.SLASHED) return (BAD, "slashed");
        if (status == OrderStatus.EXPIRED) return (BAD, "expired");
        revert NothingToSay();
    }
}
