// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelCommitment} from "../types/Types.sol";

/// @notice What an artifact is; NONE where there is none.
enum ArtifactKind {
    NONE,
    DATASET,
    MODEL,
    POLICY,
    AGENT
}

/// @title Registry of artifacts: who published what, and what it descends from
/// @notice Every artifact is an ERC-721 token whose id is the hash of what it is: nobody can register an id without
/// showing the commitment behind it, and nobody can change what it stands for. The first to register a commitment owns
/// it; a publisher who fears to be copied from the mempool names himself in the manifest, whose digest is committed.
/// @dev Parents are registered before their children and a hash cannot contain itself, so lineage has no cycles.
/// Commitments and lineage are in the events; a slot per artifact keeps kind, block and a digest of the parents.
interface IArtifacts {
    /// @notice A model as ERC-7992 describes one. Its id commits to program, weights and shape at once.
    struct ModelInfo {
        /// The model id.
        bytes32 modelHash;
        /// The model id: the circuit is the committed program.
        bytes32 circuitHash;
        /// Zero: no proving key is needed to show a wrong execution.
        bytes32 vkHash;
        /// `bytes4(keccak256("concordat-integer-graph-v1"))`.
        bytes4 proofSystemId;
        /// Where the manifest and files are.
        string uri;
    }

    /// @notice An artifact is there.
    event Registered(
        bytes32 indexed id,
        ArtifactKind kind,
        address indexed owner,
        bytes32 manifestDigest,
        bytes32[] parents,
        uint96 royaltyBps,
        string uri
    );
    /// @notice What a registered model's id is the hash of.
    event ModelRegistered(bytes32 indexed id, ModelCommitment commitment);

    /// @notice Somebody registered it before.
    error AlreadyRegistered(bytes32 id);
    /// @notice A parent that is not registered.
    error UnknownParent(bytes32 parent);
    /// @notice More parents than an artifact can have.
    error TooManyParents();
    /// @notice Models are registered with their commitment, and nothing is registered as NONE.
    error WrongKind();
    /// @notice No such model.
    error UnknownModel(uint256 modelId);
    /// @notice Only the owner, or whom he approved, may do this.
    error NotOwner();

    /// @notice Registers a model under `keccak256(abi.encode(commitment))`; the sender owns it.
    /// @param commitment What the id is the hash of.
    /// @param parents Ids of what it descends from, such as training data and base models.
    /// @param royaltyBps ERC-2981 share of a sale for the sender, in hundredths of a per cent.
    /// @param uri Where manifest and files are.
    function registerModel(
        ModelCommitment calldata commitment,
        bytes32[] calldata parents,
        uint96 royaltyBps,
        string calldata uri
    ) external returns (bytes32 id);

    /// @notice Registers anything else under `keccak256(abi.encode(kind, manifestDigest))`; the sender owns it.
    function registerArtifact(
        ArtifactKind kind,
        bytes32 manifestDigest,
        bytes32[] calldata parents,
        uint96 royaltyBps,
        string calldata uri
    ) external returns (bytes32 id);

    /// @notice Owner only: the files have moved. Their digests stay.
    function setURI(bytes32 id, string calldata uri) external;

    /// @notice Kind, block of registration and digest of the parents; zeros if it is not registered.
    function entry(bytes32 id) external view returns (ArtifactKind kind, uint40 atBlock, bytes25 parentsDigest);

    /// @notice Whether `parents` is the list that an artifact was registered with.
    function descendsFrom(bytes32 id, bytes32[] calldata parents) external view returns (bool);

    /// @notice A model in the form of ERC-7992.
    function getModel(uint256 modelId) external view returns (ModelInfo memory);

    /// @notice Id of a model.
    function modelId(ModelCommitment calldata commitment) external pure returns (bytes32);

    /// @notice Id of anything else.
    function artifactId(ArtifactKind kind, bytes32 manifestDigest) external pure returns (bytes32);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
