// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Registry of models as ERC-7992 describes it
/// @dev Events and functions of the draft. Its error `ModelDeprecated` has the name of one of its events, which no
/// contract can have: the verifier's `VerificationRefused_ModelDeprecated` serves for both.
interface IModelRegistry7992 {
    /// @notice What a model id stands for.
    struct ModelCommitment {
        /// Weights and architecture.
        bytes32 modelHash;
        /// Circuit.
        bytes32 circuitHash;
        /// Verifying key.
        bytes32 vkHash;
        /// `bytes4(keccak256(name-and-version))`.
        bytes4 proofSystemId;
        /// Where more is said.
        string uri;
    }

    /// @notice A model can be verified here.
    event ModelRegistered(uint256 indexed modelId, address indexed owner, ModelCommitment commitment);
    /// @notice A model's commitment changed.
    event ModelUpdated(uint256 indexed modelId, ModelCommitment oldCommitment, ModelCommitment newCommitment);
    /// @notice A model is no longer verified here.
    event ModelDeprecated(uint256 indexed modelId);

    /// @notice There is no such model.
    error ModelNotFound(uint256 modelId);
    /// @notice Only the owner may do this.
    error NotModelOwner(uint256 modelId, address caller);

    /// @notice Registers a model.
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);

    /// @notice Owner only: changes what may change.
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;

    /// @notice Owner only: ends verification.
    function deprecateModel(uint256 modelId) external;

    /// @notice One model.
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner);
}

/// @title Verifier of inferences as ERC-7992 describes it
interface IInferenceVerifier7992 {
    /// @notice The model makes this output of the committed input.
    event InferenceVerified(
        uint256 indexed modelId, bytes32 indexed inputCommitment, bytes output, address indexed caller
    );

    /// @notice The proof does not show it.
    error InvalidProof();
    /// @notice The hashes are not those of one model, or not those of this one.
    error ModelMismatch();
    /// @notice Nothing here checks proofs of that system.
    error UnsupportedProofSystem(bytes4 proofSystemId);
    /// @notice The model's owner ended verification.
    error VerificationRefused_ModelDeprecated(uint256 modelId);

    /// @notice Returns only if the proof shows that the model makes this output of the committed input.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external;

    /// @notice Proof system of a model.
    function proofSystemOf(uint256 modelId) external view returns (bytes4);

    /// @notice Registry of the models.
    function registry() external view returns (address registryAddress);
}
