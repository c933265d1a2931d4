// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ArtifactKind, IArtifacts} from "../interfaces/IArtifacts.sol";
import {IInferenceVerifier7992, IModelRegistry7992} from "../interfaces/IErc7992.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {Order} from "../types/Types.sol";

/// @title InferenceVerifier
/// @notice ERC-7992 over the registry of artifacts: registry and verifier in one. Anybody's contract learns by
/// `verifyInference` that a published model makes an output of a committed input, whatever system proves it.
/// @dev A model's `modelHash` is its id among the artifacts, and its owner is the artifact's. `inputCommitment` is the root
/// of the salted input, as in orders. Versions: what was registered never changes but for its `uri`; another circuit,
/// key or system is another id. Proof systems are modules as the market has them (`IEvidence`), fixed when this is
/// deployed: more come with the next deployment, and models keep their ids. A module is asked about an order with
/// model, input and, as its terms, the key's hash; everything else is zero.
contract InferenceVerifier is IModelRegistry7992, IInferenceVerifier7992, IERC165 {
    struct Entry {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        bytes4 proofSystemId;
        bool deprecated;
        string uri;
    }

    /// @notice Proof system of programs that the chain runs itself: circuit and model are one, and there is no key.
    bytes4 public constant NATIVE_SYSTEM = bytes4(keccak256("concordat-integer-graph-v1"));

    IArtifacts private immutable ARTIFACTS;

    /// @dev Written by the constructor only.
    mapping(bytes4 proofSystemId => IEvidence) private _modules;
    mapping(uint256 modelId => Entry) private _models;

    /// @param artifacts Where models are published.
    /// @param proofSystemIds Names of proof systems.
    /// @param modules What checks each of them.
    constructor(IArtifacts artifacts, bytes4[] memory proofSystemIds, IEvidence[] memory modules) {
        if (proofSystemIds.length != modules.length) revert ModelMismatch();
        ARTIFACTS = artifacts;
        for (uint256 i = 0; i < modules.length; ++i) {
            _modules[proofSystemIds[i]] = modules[i];
        }
    }

    // -- registry ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry7992
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId) {
        modelId = modelIdOf(commitment);
        // CHECK
        (ArtifactKind kind,,) = ARTIFACTS.entry(commitment.modelHash);
        bool native = commitment.proofSystemId == NATIVE_SYSTEM;
        bool plain = commitment.circuitHash == commitment.modelHash && commitment.vkHash == 0;
        if (kind != ArtifactKind.MODEL || (native && !plain)) revert ModelMismatch();
        if (_models[modelId].modelHash != 0) revert ModelMismatch();
        _checkSystem(commitment.proofSystemId);
        address owner = _checkOwner(modelId, commitment.modelHash);
        // EFFECT
        _models[modelId] = Entry({
            modelHash: commitment.modelHash,
            circuitHash: commitment.circuitHash,
            vkHash: commitment.vkHash,
            proofSystemId: commitment.proofSystemId,
            deprecated: false,
            uri: commitment.uri
        });
        // EVENT
        emit ModelRegistered(modelId, owner, commitment);
    }

    /// @inheritdoc IModelRegistry7992
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external {
        Entry storage entry = _find(modelId);
        // CHECK
        _checkOwner(modelId, entry.modelHash);
        if (entry.deprecated) revert VerificationRefused_ModelDeprecated(modelId);
        if (modelIdOf(newCommitment) != modelId) revert ModelMismatch();
        // EVENT, EFFECT
        emit ModelUpdated(modelId, _described(entry), newCommitment);
        entry.uri = newCommitment.uri;
    }

    /// @inheritdoc IModelRegistry7992
    function deprecateModel(uint256 modelId) external {
        Entry storage entry = _find(modelId);
        // CHECK
        _checkOwner(modelId, entry.modelHash);
        if (entry.deprecated) revert VerificationRefused_ModelDeprecated(modelId);
        // EFFECT
        entry.deprecated = true;
        // EVENT
        emit ModelDeprecated(modelId);
    }

    // -- verification ------------------------------------------------------------------------------------------------

    /// @inheritdoc IInferenceVerifier7992
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
    {
        Entry storage entry = _find(modelId);
        // CHECK
        if (entry.deprecated) revert VerificationRefused_ModelDeprecated(modelId);
        Order memory order;
        (order.model, order.input, order.terms) = (entry.modelHash, inputCommitment, entry.vkHash);
        if (!_modules[entry.proofSystemId].verify(0, order, output, proof)) revert InvalidProof();
        // EVENT
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry7992
    function getModel(uint256 modelId) external view returns (ModelCommitment memory, bool, address) {
        Entry storage entry = _find(modelId);
        return (_described(entry), entry.deprecated, IERC721(address(ARTIFACTS)).ownerOf(uint256(entry.modelHash)));
    }

    /// @inheritdoc IInferenceVerifier7992
    function proofSystemOf(uint256 modelId) external view returns (bytes4) {
        return _find(modelId).proofSystemId;
    }

    /// @inheritdoc IInferenceVerifier7992
    function registry() external view returns (address) {
        return address(this);
    }

    /// @notice What checks proofs of a system; zero for nothing.
    function module(bytes4 proofSystemId) external view returns (address) {
        return address(_modules[proofSystemId]);
    }

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IModelRegistry7992).interfaceId
            || interfaceId == type(IInferenceVerifier7992).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    /// @notice Id of a commitment; its `uri` does not count.
    function modelIdOf(ModelCommitment calldata commitment) public pure returns (uint256) {
        return uint256(
            keccak256(
                abi.encode(commitment.modelHash, commitment.circuitHash, commitment.vkHash, commitment.proofSystemId)
            )
        );
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _find(uint256 modelId) private view returns (Entry storage entry) {
        entry = _models[modelId];
        if (entry.modelHash == 0) revert ModelNotFound(modelId);
    }

    function _checkSystem(bytes4 proofSystemId) private view {
        if (address(_modules[proofSystemId]) == address(0)) revert UnsupportedProofSystem(proofSystemId);
    }

    function _checkOwner(uint256 modelId, bytes32 modelHash) private view returns (address owner) {
        owner = IERC721(address(ARTIFACTS)).ownerOf(uint256(modelHash));
        if (owner != msg.sender) revert NotModelOwner(modelId, msg.sender);
    }

    function _described(Entry storage entry) private view returns (ModelCommitment memory) {
        return ModelCommitment({
            modelHash: entry.modelHash,
            circuitHash: entry.circuitHash,
            vkHash: entry.vkHash,
            proofSystemId: entry.proofSystemId,
            uri: entry.uri
        });
    }
}
