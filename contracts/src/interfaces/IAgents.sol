// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Identity registry of ERC-8004
/// @notice Every agent is an ERC-721 token whose URI resolves to its registration file. The reserved metadata key
/// `agentWallet` says where the agent is paid; only an address that signed for it can stand there.
/// @dev Names, events and the signed message are those of the ERC and of the registries deployed under it.
interface IAgents {
    /// @notice One piece of metadata.
    struct MetadataEntry {
        /// Any key but `agentWallet`.
        string metadataKey;
        /// Opaque.
        bytes metadataValue;
    }

    /// @notice A new agent.
    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    /// @notice Metadata changed; an empty value means that it is cleared.
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );
    /// @notice The registration file is elsewhere.
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);

    /// @notice `agentWallet` is not set like other metadata.
    error ReservedKey();
    /// @notice Only the owner, or whom he approved, may do this.
    error NotOwner();
    /// @notice The zero address is no wallet.
    error ZeroWallet();
    /// @notice The signature's time is over, or further ahead than a signature may be good.
    error BadDeadline();
    /// @notice The new wallet did not sign.
    error BadSignature();

    /// @notice Registers an agent with metadata; the sender owns it and is its wallet.
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId);

    /// @notice Registers an agent; the sender owns it and is its wallet.
    function register(string calldata agentURI) external returns (uint256 agentId);

    /// @notice Registers an agent whose URI comes later.
    function register() external returns (uint256 agentId);

    /// @notice Owner only: moves the registration file.
    function setAgentURI(uint256 agentId, string calldata newURI) external;

    /// @notice Owner only: sets metadata under any key but `agentWallet`.
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external;

    /// @notice Owner only: sets the wallet, which agrees by EIP-712 or ERC-1271 signature over
    /// `AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)`.
    /// @param deadline Last second at which the signature is good, at most five minutes ahead.
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature) external;

    /// @notice Owner only: clears the wallet.
    function unsetAgentWallet(uint256 agentId) external;

    /// @notice Metadata under a key; empty if there is none.
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory);

    /// @notice Where the agent is paid; zero after a transfer until the new owner sets it.
    function getAgentWallet(uint256 agentId) external view returns (address);

    /// @notice Whether an account may act for an agent.
    function isAuthorizedOrOwner(address spender, uint256 agentId) external view returns (bool);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
