// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Source} from "./Source.sol";

/// @title An input that named signers vouch for
/// @notice A majority of fixed signers sign the root of an epoch's input (EIP-712). An open source also wants the words,
/// so that everybody can run the model on them; a sealed one keeps them private, and then optimistic evidence does not count.
contract SignedSource is Source, EIP712 {
    /// @notice A signature is malformed, of nobody named, or out of order; or there are too few.
    error TooFewSigners();

    bytes32 private constant OBSERVATION_TYPEHASH = keccak256("Observation(uint32 epoch,bytes32 input)");
    uint256 private constant MAX_SIGNERS = 32;

    bool private immutable OPEN;
    uint256 private immutable QUORUM;

    address[] private _signers;
    mapping(address => bool) private _isSigner;

    /// @param schedule_ How time is cut into epochs.
    /// @param shape_ Size of an input.
    /// @param signers_ In ascending order, without repetition.
    /// @param quorum_ How many must sign: more than half.
    /// @param open_ Whether the words are public.
    constructor(Schedule memory schedule_, Shape memory shape_, address[] memory signers_, uint256 quorum_, bool open_)
        Source(schedule_, shape_)
        EIP712("Concordat Source", "1")
    {
        if (signers_.length > MAX_SIGNERS || quorum_ > signers_.length || 2 * quorum_ <= signers_.length) {
            revert BadSource();
        }
        address last = address(0);
        for (uint256 i = 0; i < signers_.length; ++i) {
            if (signers_[i] <= last) revert BadSource();
            last = signers_[i];
            _isSigner[last] = true;
        }
        _signers = signers_;
        QUORUM = quorum_;
        OPEN = open_;
    }

    /// @notice Anyone brings what the signers signed and so fixes an epoch's input.
    /// @param epoch The epoch.
    /// @param root Root of the salted input tree.
    /// @param words The input; empty where the source is sealed.
    /// @param signatures `r ‖ s ‖ v` over the digest, in ascending order of their signers.
    function observe(uint32 epoch, bytes32 root, bytes calldata words, bytes[] calldata signatures) external {
        // CHECK
        _checkUnobserved(epoch);
        if (OPEN ? _rootOf(epoch, words) != root : words.length != 0 || root == 0) revert BadObservation();
        _checkSignatures(digestOf(epoch, root), signatures);
        // EFFECT, EVENT
        _fix(epoch, root, words);
    }

    /// @notice Whether the words of every input are public.
    function isOpen() external view returns (bool) {
        return OPEN;
    }

    /// @notice Who is named, and how many of them must sign.
    function signers() external view returns (address[] memory named, uint256 quorum) {
        return (_signers, QUORUM);
    }

    /// @notice What a signer signs: EIP-712 `Observation(uint32 epoch,bytes32 input)` in this contract's domain.
    function digestOf(uint32 epoch, bytes32 root) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(OBSERVATION_TYPEHASH, epoch, root)));
    }

    function _checkSignatures(bytes32 digest, bytes[] calldata signatures) private view {
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (signer <= last || !_isSigner[signer]) revert TooFewSigners();
            last = signer;
        }
        if (signatures.length < QUORUM) revert TooFewSigners();
    }
}
