// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, ISchemaResolver} from "../interfaces/IEas.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {Order} from "../types/Types.sol";
import {SettledOrders} from "./SettledOrders.sol";

/// @title DecisionResolver
/// @notice Resolver of the Ethereum Attestation Service under which only the truth about settled orders can be attested:
/// who ordered what of whom, what was delivered, and how it ended. Anybody attests; the recipient is the provider.
/// Facts do not lapse and are not taken back.
contract DecisionResolver is ISchemaResolver {
    using SettledOrders for IMarket;
    using SettledOrders for OrderSlot;

    /// @notice Only the attestation service asks.
    error NotAttestationService();
    /// @notice This resolver takes no ether.
    error NotPayable();

    /// @notice What an attestation says, field by field: an order, its result, and the end of it.
    string public constant SCHEMA = "address client,address provider,uint96 price,uint96 bond,uint40 acceptBy,uint40 deliverBy,uint32 window,"
        "bytes32 model,bytes32 input,bytes32 evidence,bytes32 effect,bytes32 terms,bytes32 salt,"
        "bytes32 traceRoot,bytes32 outputHash,uint8 status,uint8 gathered,uint40 settledAt";

    uint256 private constant FACT_WORDS = 5;

    address private immutable EAS;
    IMarket private immutable MARKET;

    modifier onlyService() {
        if (msg.sender != EAS) revert NotAttestationService();
        if (msg.value != 0) revert NotPayable();
        _;
    }

    /// @param eas The attestation service.
    /// @param market_ Whose orders are attested.
    constructor(address eas, IMarket market_) {
        EAS = eas;
        MARKET = market_;
    }

    /// @inheritdoc ISchemaResolver
    function attest(Attestation calldata attestation) external payable onlyService returns (bool) {
        return _isTrue(attestation);
    }

    /// @inheritdoc ISchemaResolver
    function multiAttest(Attestation[] calldata attestations, uint256[] calldata)
        external
        payable
        onlyService
        returns (bool)
    {
        for (uint256 i = 0; i < attestations.length; ++i) {
            if (!_isTrue(attestations[i])) return false;
        }
        return true;
    }

    /// @inheritdoc ISchemaResolver
    function revoke(Attestation calldata) external payable onlyService returns (bool) {
        return false;
    }

    /// @inheritdoc ISchemaResolver
    function multiRevoke(Attestation[] calldata, uint256[] calldata) external payable onlyService returns (bool) {
        return false;
    }

    /// @notice The market.
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc ISchemaResolver
    function isPayable() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc ISchemaResolver
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @notice Id of the schema, registered with this resolver and not revocable.
    function schemaUid() public view returns (bytes32) {
        return keccak256(abi.encodePacked(SCHEMA, address(this), false));
    }

    function _isTrue(Attestation calldata attestation) private view returns (bool) {
        bytes calldata data = attestation.data;
        if (data.length != SettledOrders.ORDER_BYTES + 32 * FACT_WORDS) return false;
        (bool valid, Order calldata order) = SettledOrders.decode(data);
        if (!valid || attestation.schema != schemaUid() || attestation.recipient != order.provider) return false;
        if (attestation.expirationTime != 0) return false;
        uint256[FACT_WORDS] memory facts = abi.decode(data[SettledOrders.ORDER_BYTES:], (uint256[5]));
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        bool same = slot.isResult(id, order.provider, bytes32(facts[0]), bytes32(facts[1]));
        bool ended = facts[2] == uint256(slot.status()) && facts[3] == slot.gathered() && facts[4] == slot.until();
        return slot.isSettled() && same && ended;
    }
}
