// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ArtifactKind, IArtifacts} from "../interfaces/IArtifacts.sol";
import {ModelCommitment} from "../types/Types.sol";

/// @title Artifacts
/// @notice See `IArtifacts`.
/// @dev Nothing is ever burned: a parent that exists goes on existing. No foreign code is called.
contract Artifacts is IArtifacts, ERC721URIStorage, ERC2981 {
    bytes4 private constant PROOF_SYSTEM = bytes4(keccak256("concordat-integer-graph-v1"));
    uint256 private constant MAX_PARENTS = 64;

    struct Entry {
        ArtifactKind kind;
        uint40 atBlock;
        bytes25 parentsDigest;
    }

    mapping(bytes32 id => Entry) private _entries;

    constructor() ERC721("Concordat Artifacts", "ARTIFACT") {}

    /// @inheritdoc IArtifacts
    function registerModel(
        ModelCommitment calldata commitment,
        bytes32[] calldata parents,
        uint96 royaltyBps,
        string calldata uri
    ) external returns (bytes32 id) {
        id = modelId(commitment);
        _register(id, ArtifactKind.MODEL, commitment.manifestDigest, parents, royaltyBps, uri);
        emit ModelRegistered(id, commitment);
    }

    /// @inheritdoc IArtifacts
    function registerArtifact(
        ArtifactKind kind,
        bytes32 manifestDigest,
        bytes32[] calldata parents,
        uint96 royaltyBps,
        string calldata uri
    ) external returns (bytes32 id) {
        if (kind == ArtifactKind.MODEL || kind == ArtifactKind.NONE) revert WrongKind();
        id = artifactId(kind, manifestDigest);
        _register(id, kind, manifestDigest, parents, royaltyBps, uri);
    }

    /// @inheritdoc IArtifacts
    function setURI(bytes32 id, string calldata uri) external {
        if (!_isAuthorized(ownerOf(uint256(id)), msg.sender, uint256(id))) revert NotOwner();
        _setTokenURI(uint256(id), uri);
    }

    /// @inheritdoc IArtifacts
    function entry(bytes32 id) external view returns (ArtifactKind, uint40, bytes25) {
        Entry memory found = _entries[id];
        return (found.kind, found.atBlock, found.parentsDigest);
    }

    /// @inheritdoc IArtifacts
    function descendsFrom(bytes32 id, bytes32[] calldata parents) external view returns (bool) {
        Entry memory found = _entries[id];
        return found.kind != ArtifactKind.NONE && found.parentsDigest == _digest(parents);
    }

    /// @inheritdoc IArtifacts
    function getModel(uint256 modelId_) external view returns (ModelInfo memory) {
        bytes32 id = bytes32(modelId_);
        if (_entries[id].kind != ArtifactKind.MODEL) revert UnknownModel(modelId_);
        return ModelInfo({
            modelHash: id, circuitHash: id, vkHash: bytes32(0), proofSystemId: PROOF_SYSTEM, uri: tokenURI(modelId_)
        });
    }

    /// @inheritdoc IArtifacts
    function version() external pure returns (string memory) {
        return "0.1.0";
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721URIStorage, ERC2981) returns (bool) {
        return interfaceId == type(IArtifacts).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @inheritdoc IArtifacts
    function modelId(ModelCommitment calldata commitment) public pure returns (bytes32) {
        return keccak256(abi.encode(commitment));
    }

    /// @inheritdoc IArtifacts
    function artifactId(ArtifactKind kind, bytes32 manifestDigest) public pure returns (bytes32) {
        return keccak256(abi.encode(kind, manifestDigest));
    }

    function _register(
        bytes32 id,
        ArtifactKind kind,
        bytes32 manifestDigest,
        bytes32[] calldata parents,
        uint96 royaltyBps,
        string calldata uri
    ) private {
        // CHECK
        if (_entries[id].kind != ArtifactKind.NONE) revert AlreadyRegistered(id);
        if (parents.length > MAX_PARENTS) revert TooManyParents();
        for (uint256 i = 0; i < parents.length; ++i) {
            if (_entries[parents[i]].kind == ArtifactKind.NONE) revert UnknownParent(parents[i]);
        }
        // EFFECT
        _entries[id] = Entry({kind: kind, atBlock: uint40(block.number), parentsDigest: _digest(parents)});
        _mint(msg.sender, uint256(id));
        if (royaltyBps != 0) _setTokenRoyalty(uint256(id), msg.sender, royaltyBps);
        if (bytes(uri).length != 0) _setTokenURI(uint256(id), uri);
        // EVENT
        emit Registered(id, kind, msg.sender, manifestDigest, parents, royaltyBps, uri);
    }

    function _digest(bytes32[] calldata parents) private pure returns (bytes25) {
        return bytes25(keccak256(abi.encodePacked(parents)));
    }
}
