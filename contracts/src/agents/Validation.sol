// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IIdentityRegistry} from "../interfaces/IReputation.sol";
import {IValidation} from "../interfaces/IValidation.sol";

/// @title Validation
/// @notice See `IValidation`.
/// @dev No owner, no upgrade, no money. Loops are in views only.
contract Validation is IValidation {
    struct Status {
        address validator;
        uint8 response;
        bool answered;
        uint40 lastUpdate;
        uint256 agentId;
        bytes32 responseHash;
        string tag;
    }

    uint256 private constant MAX_TAG_BYTES = 64;

    IIdentityRegistry private immutable IDENTITY;

    mapping(bytes32 requestHash => Status) private _requests;
    mapping(uint256 agentId => bytes32[]) private _ofAgent;
    mapping(address validator => bytes32[]) private _ofValidator;

    /// @param identity Registry of the agents.
    constructor(IIdentityRegistry identity) {
        IDENTITY = identity;
    }

    /// @inheritdoc IValidation
    function validationRequest(
        address validatorAddress,
        uint256 agentId,
        string calldata requestURI,
        bytes32 requestHash
    ) external {
        Status storage status = _requests[requestHash];
        // CHECK
        if (validatorAddress == address(0)) revert ZeroValidator();
        if (status.validator != address(0)) revert RequestExists();
        if (!IDENTITY.isAuthorizedOrOwner(msg.sender, agentId)) revert NotOwner();
        // EFFECT
        (status.validator, status.agentId, status.lastUpdate) = (validatorAddress, agentId, uint40(block.timestamp));
        _ofAgent[agentId].push(requestHash);
        _ofValidator[validatorAddress].push(requestHash);
        // EVENT
        emit ValidationRequest(validatorAddress, agentId, requestURI, requestHash);
    }

    /// @inheritdoc IValidation
    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external {
        Status storage status = _requests[requestHash];
        // CHECK
        if (status.validator == address(0)) revert UnknownRequest();
        if (status.validator != msg.sender) revert NotValidator();
        if (response > 100 || bytes(tag).length > MAX_TAG_BYTES) revert BadResponse();
        // EFFECT
        (status.response, status.answered, status.lastUpdate) = (response, true, uint40(block.timestamp));
        (status.responseHash, status.tag) = (responseHash, tag);
        // EVENT
        emit ValidationResponse(msg.sender, status.agentId, requestHash, response, responseURI, responseHash, tag);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IValidation
    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        Status memory status = _requests[requestHash];
        if (status.validator == address(0)) revert UnknownRequest();
        return (status.validator, status.agentId, status.response, status.responseHash, status.tag, status.lastUpdate);
    }

    /// @inheritdoc IValidation
    function getSummary(uint256 agentId, address[] calldata validatorAddresses, string calldata tag)
        external
        view
        returns (uint64 count, uint8 averageResponse)
    {
        bytes32[] storage hashes = _ofAgent[agentId];
        bytes32 wanted = keccak256(bytes(tag));
        uint256 sum = 0;
        for (uint256 i = 0; i < hashes.length; ++i) {
            Status storage status = _requests[hashes[i]];
            if (!status.answered || !_isAmong(status.validator, validatorAddresses)) continue;
            if (bytes(tag).length != 0 && wanted != keccak256(bytes(status.tag))) continue;
            sum += status.response;
            ++count;
        }
        averageResponse = count == 0 ? 0 : uint8(sum / count);
    }

    /// @inheritdoc IValidation
    function getAgentValidations(uint256 agentId) external view returns (bytes32[] memory) {
        return _ofAgent[agentId];
    }

    /// @inheritdoc IValidation
    function getValidatorRequests(address validatorAddress) external view returns (bytes32[] memory) {
        return _ofValidator[validatorAddress];
    }

    /// @inheritdoc IValidation
    function getIdentityRegistry() external view returns (address) {
        return address(IDENTITY);
    }

    /// @inheritdoc IValidation
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @dev An empty list names everybody.
    function _isAmong(address validator, address[] calldata list) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == validator) return true;
        }
        return list.length == 0;
    }
}
