// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice An attestation of the Ethereum Attestation Service.
struct Attestation {
    /// Its id.
    bytes32 uid;
    /// Schema of its data.
    bytes32 schema;
    /// When it was made.
    uint64 time;
    /// When it ends; zero for never.
    uint64 expirationTime;
    /// When it was taken back; zero if it was not.
    uint64 revocationTime;
    /// Another attestation it speaks of.
    bytes32 refUID;
    /// About whom.
    address recipient;
    /// By whom.
    address attester;
    /// Whether it can be taken back.
    bool revocable;
    /// What it says.
    bytes data;
}

/// @title What the Ethereum Attestation Service asks of a schema's resolver
interface ISchemaResolver {
    /// @notice Whether it takes ether.
    function isPayable() external pure returns (bool);

    /// @notice Whether an attestation may be made.
    function attest(Attestation calldata attestation) external payable returns (bool);

    /// @notice Whether several may.
    function multiAttest(Attestation[] calldata attestations, uint256[] calldata values) external payable returns (bool);

    /// @notice Whether an attestation may be taken back.
    function revoke(Attestation calldata attestation) external payable returns (bool);

    /// @notice Whether several may.
    function multiRevoke(Attestation[] calldata attestations, uint256[] calldata values) external payable returns (bool);

    /// @notice Semantic version.
    function version() external view returns (string memory);
}
