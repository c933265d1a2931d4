// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Validation registry of ERC-8004
/// @notice An agent asks a validator, and the validator answers with nought to a hundred, again whenever he knows better.
/// @dev Functions, events and views are those of the ERC. A request's hash is taken by whoever uses it first: let it
/// contain something random.
interface IValidation {
    /// @notice ERC-8004: an agent asked.
    event ValidationRequest(
        address indexed validatorAddress, uint256 indexed agentId, string requestURI, bytes32 indexed requestHash
    );
    /// @notice ERC-8004: a validator answered.
    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );

    /// @notice The zero address validates nothing.
    error ZeroValidator();
    /// @notice Somebody used this hash before.
    error RequestExists();
    /// @notice Only the agent's owner, or whom he approved, may ask.
    error NotOwner();
    /// @notice Nobody asked this.
    error UnknownRequest();
    /// @notice Somebody else was asked.
    error NotValidator();
    /// @notice More than a hundred, or a tag of more than 64 bytes.
    error BadResponse();

    /// @notice ERC-8004: the owner of an agent, or whom he approved, asks a validator.
    function validationRequest(
        address validatorAddress,
        uint256 agentId,
        string calldata requestURI,
        bytes32 requestHash
    ) external;

    /// @notice ERC-8004: the validator answers, as often as he likes.
    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external;

    /// @notice ERC-8004: the last answer; a response of nought and an empty tag where there is none yet.
    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (
            address validatorAddress,
            uint256 agentId,
            uint8 response,
            bytes32 responseHash,
            string memory tag,
            uint256 lastUpdate
        );

    /// @notice ERC-8004: number and average of an agent's answered requests; no validators or an empty tag mean any.
    function getSummary(uint256 agentId, address[] calldata validatorAddresses, string calldata tag)
        external
        view
        returns (uint64 count, uint8 averageResponse);

    /// @notice ERC-8004: what an agent asked.
    function getAgentValidations(uint256 agentId) external view returns (bytes32[] memory requestHashes);

    /// @notice ERC-8004: what a validator was asked.
    function getValidatorRequests(address validatorAddress) external view returns (bytes32[] memory requestHashes);

    /// @notice ERC-8004: the registry of the agents.
    function getIdentityRegistry() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
