// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IReplication} from "../interfaces/IReplication.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {EvidenceKind, Order, OrderStatus} from "../types/Types.sol";

/// @title Market
/// @notice Life of an order: see `IMarket`.
/// @dev The order's slot is written before the vault is called, and the vault calls nothing but the token. Checks stand
/// in the order of the rules even where a failing one could be found earlier.
contract Market is IMarket, OrderDomain {
    using Policy for bytes32;

    bytes32 private constant RELEASE_TYPEHASH = keccak256("Release(bytes32 order)");
    bytes32 private constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 order)");
    uint256 private constant MAX_OUTPUT_BYTES = 1024;

    IVault private immutable VAULT;
    address private immutable COURT;
    uint256 private immutable NO_SHOW_SHARE;
    uint256 private immutable SLASH_CHALLENGER;
    uint256 private immutable SLASH_CLIENT;

    mapping(bytes32 orderId => OrderSlot) private _orders;
    /// @dev Written by the constructor only.
    address[8] private _modules;

    modifier onlyCourt() {
        if (msg.sender != COURT) revert NotAuthorized();
        _;
    }

    /// @dev The court, and the module for validity, which judges what was claimed to be proven.
    modifier onlyJudge() {
        if (msg.sender != COURT && msg.sender != _modules[uint256(EvidenceKind.VALIDITY)]) revert NotAuthorized();
        _;
    }

    /// @param vault_ Address at which the vault is or will be deployed.
    /// @param court_ Address at which the court is or will be deployed.
    /// @param noShowShare Per cent of the bond that an undelivered order pays to the client.
    /// @param slashChallenger Per cent of a slashed bond for the challenger.
    /// @param slashClient Per cent of a slashed bond for the client; the rest is burned.
    /// @param modules By `EvidenceKind`; zero where nothing checks a kind.
    constructor(
        IVault vault_,
        address court_,
        uint256 noShowShare,
        uint256 slashChallenger,
        uint256 slashClient,
        address[8] memory modules
    ) OrderDomain(address(this)) {
        bool sharesFit =
            noShowShare <= 100 && slashChallenger <= 100 && slashClient <= 100 - slashChallenger;
        bool ownKindsFree = modules[uint256(EvidenceKind.FRAUD_PROVABLE)] == address(0)
            && modules[uint256(EvidenceKind.CLIENT_RELEASE)] == address(0);
        if (!sharesFit || !ownKindsFree) revert BadParameters();
        VAULT = vault_;
        COURT = court_;
        NO_SHOW_SHARE = noShowShare;
        SLASH_CHALLENGER = slashChallenger;
        SLASH_CLIENT = slashClient;
        _modules = modules;
    }

    // -- accepting and delivering ------------------------------------------------------------------------------------

    /// @inheritdoc IMarket
    function accept(Order calldata order, uint8 mode, bytes calldata signature) external {
        // CHECK
        bytes32 id = _checkOffer(order);
        // EFFECT
        _orders[id] = OrderSlots.funded();
        // EVENT
        emit Accepted(id, order.client, order.provider, order);
        VAULT.fund(_funding(id, order, mode), signature);
    }

    /// @inheritdoc IMarket
    function acceptOpen(Order calldata order, uint8 mode, bytes calldata signature) external {
        // CHECK
        bytes32 id = _checkOffer(order);
        bytes32 openId = _openOrderId(order);
        if (OrderSlot.unwrap(_orders[openId]) != 0) revert WrongStatus();
        // EFFECT
        _orders[openId] = OrderSlots.taken(order.provider);
        _orders[id] = OrderSlots.fundedNow();
        // EVENT
        emit Accepted(id, order.client, order.provider, order);
        VAULT.fund(_funding(openId, order, mode), signature);
    }

    /// @inheritdoc IMarket
    function submit(Order calldata order, bytes32 traceRoot, bytes calldata output) external {
        bytes32 id = _orderId(order);
        // CHECK
        if (msg.sender != order.provider) revert NotProvider();
        _checkFunded(_orders[id], order);
        _checkSize(output);
        // EFFECT, EVENT
        _checkDelivery(id, order, _deliver(id, order, traceRoot, output));
    }

    /// @inheritdoc IMarket
    function acceptAndSubmit(
        Order calldata order,
        uint8 mode,
        bytes calldata signature,
        bytes32 traceRoot,
        bytes calldata output
    ) external {
        // CHECK
        bytes32 id = _checkOffer(order);
        // EFFECT, EVENT
        emit Accepted(id, order.client, order.provider, order);
        uint256 commitment = _deliver(id, order, traceRoot, output);
        VAULT.fund(_funding(id, order, mode), signature);
        _checkSize(output);
        _checkDelivery(id, order, commitment);
    }

    // -- evidence ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarket
    function prove(Order calldata order, uint8 kind, bytes calldata output, bytes32 traceRoot, bytes calldata proof)
        external
    {
        bytes32 id = _orderId(order);
        OrderSlot slot = _orders[id];
        bytes32 outputHash = keccak256(output);
        bool delivered = slot.status() == OrderStatus.DELIVERED;
        // CHECK
        if (delivered) {
            uint256 commitment = OrderSlots.commit(id, order.provider, traceRoot, outputHash);
            if (commitment != slot.commitment()) revert WrongResult();
        } else {
            _checkFunded(slot, order);
            _checkSize(output);
        }
        _checkEvidence(id, order, kind, output, proof);
        slot = (delivered ? slot : _deliverProven(id, order, output)).withEvidence(kind);
        if (order.evidence.satisfied(slot.gathered()) && slot.openDisputes() == 0) {
            // EFFECT, EVENT
            _pay(id, order, slot, outputHash);
        } else if (delivered) {
            // EFFECT
            _orders[id] = slot;
        } else {
            revert NotInPolicy();
        }
    }

    /// @inheritdoc IMarket
    function acceptAndProve(
        Order calldata order,
        uint8 mode,
        bytes calldata signature,
        uint8 kind,
        bytes calldata output,
        bytes calldata proof
    ) external {
        bytes32 id = _payProven(order, kind, output);
        VAULT.fundAndPay(_funding(id, order, mode), signature);
        // CHECK: the rules look at the evidence after the money
        _checkSize(output);
        _checkEvidence(id, order, kind, output, proof);
        if (!order.evidence.satisfied(1 << kind)) revert NotInPolicy();
    }

    // -- settling ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarket
    function release(Order calldata order, bytes calldata signature) external {
        bytes32 id = _orderId(order);
        OrderSlot slot = _orders[id];
        // CHECK
        _checkParty(order.client, RELEASE_TYPEHASH, id, signature);
        if (slot.status() != OrderStatus.DELIVERED) revert WrongStatus();
        if (slot.openDisputes() != 0) revert DisputesOpen();
        // EFFECT, EVENT
        _pay(id, order, slot.withEvidence(uint256(EvidenceKind.CLIENT_RELEASE)), 0);
    }

    /// @inheritdoc IMarket
    function finalize(Order calldata order) external {
        bytes32 id = _orderId(order);
        OrderSlot slot = _orders[id];
        // CHECK
        if (slot.status() != OrderStatus.DELIVERED) revert WrongStatus();
        if (block.timestamp < slot.until()) revert WindowOpen();
        if (slot.openDisputes() != 0) revert DisputesOpen();
        // Nobody could watch what the policy keeps private, and nobody could judge what it wants to be proven.
        bool watched = !order.evidence.isPrivate() && !order.evidence.names(uint256(EvidenceKind.VALIDITY));
        if (watched) slot = slot.withEvidence(uint256(EvidenceKind.FRAUD_PROVABLE));
        // EFFECT, EVENT
        _pay(id, order, slot, 0);
    }

    /// @inheritdoc IMarket
    function expire(Order calldata order) external {
        bytes32 id = _orderId(order);
        OrderSlot slot = _orders[id];
        // CHECK
        if (slot.status() != OrderStatus.FUNDED) revert WrongStatus();
        if (block.timestamp <= order.deliverBy) revert NotExpired();
        // EFFECT
        uint256 penalty = uint256(order.bond) * NO_SHOW_SHARE / 100;
        _orders[id] = slot.ended(OrderStatus.EXPIRED);
        // EVENT
        emit Expired(id, penalty);
        VAULT.refund(order.client, order.provider, order.price, order.bond, penalty);
    }

    /// @inheritdoc IMarket
    function cancel(Order calldata order, bytes calldata clientSignature, bytes calldata providerSignature) external {
        bytes32 id = _orderId(order);
        OrderSlot slot = _orders[id];
        OrderStatus status = slot.status();
        // CHECK
        _checkParty(order.client, CANCEL_TYPEHASH, id, clientSignature);
        _checkParty(order.provider, CANCEL_TYPEHASH, id, providerSignature);
        if (status != OrderStatus.FUNDED && status != OrderStatus.DELIVERED) revert WrongStatus();
        if (slot.openDisputes() != 0) revert DisputesOpen();
        // EFFECT
        _orders[id] = slot.ended(OrderStatus.CANCELLED);
        // EVENT
        emit Cancelled(id);
        VAULT.refund(order.client, order.provider, order.price, order.bond, 0);
    }

    // -- court -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarket
    function slash(bytes32 id, address client, address provider, uint256 price, uint256 bond, address challenger)
        external
        onlyJudge
    {
        uint256 toChallenger = bond * SLASH_CHALLENGER / 100;
        uint256 compensation = bond * SLASH_CLIENT / 100;
        uint256 burned = bond - toChallenger - compensation;
        // EFFECT
        _orders[id] = _orders[id].ended(OrderStatus.SLASHED);
        // EVENT
        emit Slashed(id, challenger, price + compensation, toChallenger, burned);
        VAULT.slash(provider, bond, client, price + compensation, challenger, toChallenger, burned);
    }

    /// @inheritdoc IMarket
    function disputeOpened(bytes32 id) external onlyCourt {
        OrderSlot slot = _orders[id];
        if (slot.openDisputes() == OrderSlots.MAX_DISPUTES) revert TooManyDisputes();
        _orders[id] = OrderSlot.wrap(OrderSlot.unwrap(slot) + OrderSlots.ONE_DISPUTE);
    }

    /// @inheritdoc IMarket
    function disputeClosed(bytes32 id, uint256 until) external onlyCourt returns (uint40 extended) {
        OrderSlot slot = _orders[id];
        if (until > type(uint32).max) until = type(uint32).max;
        if (until < slot.until()) until = slot.until();
        _orders[id] = OrderSlot.wrap(OrderSlot.unwrap(slot.withUntil(until)) - OrderSlots.ONE_DISPUTE);
        return uint40(until);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarket
    function state(bytes32 id) external view returns (bytes32 slot) {
        return bytes32(OrderSlot.unwrap(_orders[id]));
    }

    /// @inheritdoc IMarket
    function orderId(Order calldata order) external view returns (bytes32) {
        return _orderId(order);
    }

    /// @inheritdoc IMarket
    function module(uint8 kind) external view returns (address) {
        return kind < 8 ? _modules[kind] : address(0);
    }

    /// @inheritdoc IMarket
    function vault() external view returns (address) {
        return address(VAULT);
    }

    /// @inheritdoc IMarket
    function court() external view returns (address) {
        return COURT;
    }

    /// @inheritdoc IMarket
    function shares() external view returns (uint256 noShow, uint256 slashChallenger, uint256 slashClient) {
        return (NO_SHOW_SHARE, SLASH_CHALLENGER, SLASH_CLIENT);
    }

    /// @inheritdoc IMarket
    function version() external pure returns (string memory) {
        return "1.1.0";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkOffer(Order calldata order) private view returns (bytes32 id) {
        if (msg.sender != order.provider) revert NotProvider();
        if (block.timestamp > order.acceptBy) revert OfferExpired();
        bool windowFits = order.window > 0 && uint256(order.deliverBy) + order.window <= type(uint32).max;
        if (order.acceptBy > order.deliverBy || order.price == 0 || !order.evidence.hasClause() || !windowFits) {
            revert BadTerms();
        }
        id = _orderId(order);
        if (OrderSlot.unwrap(_orders[id]) != 0) revert WrongStatus();
    }

    /// @dev An order that was accepted under its own id has no time in its slot.
    function _checkFunded(OrderSlot slot, Order calldata order) private view {
        if (slot.status() != OrderStatus.FUNDED) revert WrongStatus();
        if (block.timestamp > order.deliverBy) revert DeliveryLate();
        if (block.timestamp <= slot.until()) revert JustTaken();
    }

    function _checkSize(bytes calldata output) private pure {
        if (output.length == 0 || output.length > MAX_OUTPUT_BYTES) revert OutputSize();
    }

    function _checkEvidence(bytes32 id, Order calldata order, uint8 kind, bytes calldata output, bytes calldata proof)
        private
        view
    {
        address checker = kind < 8 ? _modules[kind] : address(0);
        if (checker == address(0)) revert NoModule();
        if (!order.evidence.names(kind)) revert NotInPolicy();
        if (!IEvidence(checker).verify(id, order, output, proof)) revert EvidenceRejected();
    }

    function _checkParty(address party, bytes32 typehash, bytes32 id, bytes calldata signature) private view {
        if (msg.sender == party) return;
        bytes32 digest = _digest(keccak256(abi.encode(typehash, id)));
        if (!SignatureChecker.isValidSignatureNowCalldata(party, digest, signature)) revert BadSignature();
    }

    function _deliver(bytes32 id, Order calldata order, bytes32 traceRoot, bytes calldata output)
        private
        returns (uint256 commitment)
    {
        uint256 until = block.timestamp + order.window;
        commitment = OrderSlots.commit(id, order.provider, traceRoot, keccak256(output));
        // EFFECT
        _orders[id] = OrderSlots.delivered(until, commitment);
        // EVENT
        emit Delivered(id, order.provider, traceRoot, output, uint40(until));
    }

    /// @dev A result that replicas are to agree with must be the one that was sealed before they were drawn; one that is to
    /// be proven must have been claimed, for nobody could judge it otherwise.
    function _checkDelivery(bytes32 id, Order calldata order, uint256 commitment) private {
        if (order.evidence.names(uint256(EvidenceKind.REPLICATED))) {
            address replication = _modules[uint256(EvidenceKind.REPLICATED)];
            if (replication != address(0)) IReplication(replication).delivering(id, order.evidence, commitment);
        }
        if (order.evidence.names(uint256(EvidenceKind.VALIDITY))) {
            address validity = _modules[uint256(EvidenceKind.VALIDITY)];
            if (validity == address(0)) revert NoModule();
            IClaims(validity).delivering(id, commitment);
        }
    }

    /// @dev From offer to payment; everything is undone if the evidence does not hold.
    function _payProven(Order calldata order, uint8 kind, bytes calldata output) private returns (bytes32 id) {
        // CHECK
        id = _checkOffer(order);
        emit Accepted(id, order.client, order.provider, order);
        OrderSlot slot = _deliverProven(id, order, output).withEvidence(kind).ended(OrderStatus.PAID);
        // EFFECT
        _orders[id] = slot;
        // EVENT
        emit Paid(id, order.model, order.provider, keccak256(output), slot.gathered());
    }

    /// @dev What is proven needs no trace: its root is zero.
    function _deliverProven(bytes32 id, Order calldata order, bytes calldata output) private returns (OrderSlot) {
        // EVENT
        emit Delivered(id, order.provider, 0, output, uint40(block.timestamp));
        return OrderSlots.delivered(block.timestamp, OrderSlots.commit(id, order.provider, 0, keccak256(output)));
    }

    function _pay(bytes32 id, Order calldata order, OrderSlot slot, bytes32 outputHash) private {
        // EFFECT
        _orders[id] = slot.ended(OrderStatus.PAID);
        // EVENT
        emit Paid(id, order.model, order.provider, outputHash, slot.gathered());
        VAULT.pay(order.provider, order.price, order.bond);
    }

    function _funding(bytes32 id, Order calldata order, uint8 mode) private pure returns (IVault.Funding memory) {
        return IVault.Funding({
            orderId: id,
            client: order.client,
            provider: order.provider,
            price: order.price,
            bond: order.bond,
            acceptBy: order.acceptBy,
            mode: mode
        });
    }
}
