// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAgents} from "../interfaces/IAgents.sol";

/// @title Agents
/// @notice See `IAgents`.
/// @dev No owner, no upgrade. The only foreign code reached is a wallet's ERC-1271 check, by staticcall.
contract Agents is IAgents, ERC721URIStorage, EIP712 {
    bytes32 private constant WALLET_TYPEHASH =
        keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
    string private constant WALLET_KEY = "agentWallet";
    bytes32 private constant WALLET_KEY_HASH = keccak256(bytes(WALLET_KEY));
    uint256 private constant LONGEST_DEADLINE = 5 minutes;

    uint256 private _next;
    mapping(uint256 agentId => address) private _wallets;
    mapping(uint256 agentId => mapping(string key => bytes)) private _metadata;

    modifier onlyAuthorized(uint256 agentId) {
        if (!_isAuthorized(ownerOf(agentId), msg.sender, agentId)) revert NotOwner();
        _;
    }

    constructor() ERC721("Concordat Agents", "AGENT") EIP712("ERC8004IdentityRegistry", "1") {}

    /// @inheritdoc IAgents
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId) {
        agentId = _register(agentURI);
        for (uint256 i = 0; i < metadata.length; ++i) {
            _set(agentId, metadata[i].metadataKey, metadata[i].metadataValue);
        }
    }

    /// @inheritdoc IAgents
    function register(string calldata agentURI) external returns (uint256 agentId) {
        return _register(agentURI);
    }

    /// @inheritdoc IAgents
    function register() external returns (uint256 agentId) {
        return _register("");
    }

    /// @inheritdoc IAgents
    function setAgentURI(uint256 agentId, string calldata newURI) external onlyAuthorized(agentId) {
        _setTokenURI(agentId, newURI);
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    /// @inheritdoc IAgents
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue)
        external
        onlyAuthorized(agentId)
    {
        _set(agentId, metadataKey, metadataValue);
    }

    /// @inheritdoc IAgents
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature)
        external
        onlyAuthorized(agentId)
    {
        if (newWallet == address(0)) revert ZeroWallet();
        if (deadline < block.timestamp || deadline > block.timestamp + LONGEST_DEADLINE) revert BadDeadline();
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(WALLET_TYPEHASH, agentId, newWallet, ownerOf(agentId), deadline)));
        if (!_signed(newWallet, digest, signature)) revert BadSignature();
        _setWallet(agentId, newWallet);
    }

    /// @inheritdoc IAgents
    function unsetAgentWallet(uint256 agentId) external onlyAuthorized(agentId) {
        _setWallet(agentId, address(0));
    }

    /// @inheritdoc IAgents
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory) {
        if (_reserved(metadataKey)) return _packed(_wallets[agentId]);
        return _metadata[agentId][metadataKey];
    }

    /// @inheritdoc IAgents
    function getAgentWallet(uint256 agentId) external view returns (address) {
        return _wallets[agentId];
    }

    /// @inheritdoc IAgents
    function isAuthorizedOrOwner(address spender, uint256 agentId) external view returns (bool) {
        return _isAuthorized(ownerOf(agentId), spender, agentId);
    }

    /// @inheritdoc IAgents
    function version() external pure returns (string memory) {
        return "0.1.0";
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721URIStorage) returns (bool) {
        return interfaceId == type(IAgents).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @dev A transfer clears the wallet: the seller's must not go on being paid for the buyer's agent.
    function _update(address to, uint256 agentId, address auth) internal override(ERC721) returns (address from) {
        from = super._update(to, agentId, auth);
        if (from != address(0)) _setWallet(agentId, address(0));
    }

    function _register(string memory agentURI) private returns (uint256 agentId) {
        agentId = _next++;
        _mint(msg.sender, agentId);
        if (bytes(agentURI).length != 0) _setTokenURI(agentId, agentURI);
        emit Registered(agentId, agentURI, msg.sender);
        _setWallet(agentId, msg.sender);
    }

    function _set(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) private {
        if (_reserved(metadataKey)) revert ReservedKey();
        _metadata[agentId][metadataKey] = metadataValue;
        emit MetadataSet(agentId, metadataKey, metadataKey, metadataValue);
    }

    function _setWallet(uint256 agentId, address wallet) private {
        _wallets[agentId] = wallet;
        emit MetadataSet(agentId, WALLET_KEY, WALLET_KEY, _packed(wallet));
    }

    /// @dev A plain key first: an account that delegates its code (EIP-7702) still signs with its key.
    function _signed(address wallet, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        return (problem == ECDSA.RecoverError.NoError && recovered == wallet)
            || SignatureChecker.isValidERC1271SignatureNowCalldata(wallet, digest, signature);
    }

    function _packed(address wallet) private pure returns (bytes memory) {
        return wallet == address(0) ? bytes("") : abi.encodePacked(wallet);
    }

    function _reserved(string calldata key) private pure returns (bool) {
        return keccak256(bytes(key)) == WALLET_KEY_HASH;
    }
}
