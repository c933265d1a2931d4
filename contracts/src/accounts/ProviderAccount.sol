// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {
    MultiSignerERC7913Weighted
} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913Weighted.sol";
import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";
import {IIndexedVerifier} from "../interfaces/IIndexedVerifier.sol";
import {IProviderAccount} from "../interfaces/IProviderAccount.sol";

/// @title ProviderAccount
/// @notice See `IProviderAccount`. Providers, and anybody whom `msg.sender` stands for, can be such an account.
/// @dev The number is advanced before the first call, so that a call that comes back finds it used.
contract ProviderAccount is IProviderAccount, IERC1271, MultiSignerERC7913Weighted, EIP712 {
    bytes32 private constant CALL_TYPEHASH = keccak256("Call(address target,uint256 value,bytes data)");
    bytes32 private constant BATCH_TYPEHASH =
        keccak256("Batch(Call[] calls,uint64 number,uint40 deadline)Call(address target,uint256 value,bytes data)");
    bytes32 private constant WRAPPED_TYPEHASH = keccak256("Approved(bytes32 digest)");

    /// @dev Of a counted signer: where its indices begin, and how many there are.
    struct Indices {
        uint64 first;
        uint64 capacity;
    }

    uint64 private _next;
    mapping(bytes32 signer => Indices) private _indices;
    mapping(bytes32 digest => bool) private _approved;

    modifier onlyAccount() {
        if (msg.sender != address(this)) revert OnlyAccount();
        _;
    }

    /// @param signers As ERC-7913 writes them.
    /// @param weights One for each, at least 1.
    /// @param threshold_ Weight that a batch needs.
    constructor(bytes[] memory signers, uint64[] memory weights, uint64 threshold_)
        MultiSignerERC7913Weighted(signers, weights, threshold_)
        EIP712("Concordat account", "1")
    {}

    /// @dev A token or a market may pay in wei.
    receive() external payable {}

    // -- acting ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IProviderAccount
    function execute(
        Call[] calldata calls,
        uint64 number,
        uint40 deadline,
        bytes[] calldata signers,
        bytes[] calldata signatures
    ) external {
        // CHECK
        if (number < _next) revert NumberUsed();
        if (block.timestamp > deadline) revert BatchExpired();
        _checkIndices(calls, number, signers, signatures);
        bytes32 digest = digestOf(calls, number, deadline);
        if (!_validateThreshold(signers) || !_validateSignatures(digest, signers, signatures)) revert BadSignatures();
        // EFFECT
        _next = number + 1;
        // EVENT
        emit Executed(number, msg.sender);
        for (uint256 i = 0; i < calls.length; ++i) {
            _make(calls[i]);
        }
    }

    /// @inheritdoc IProviderAccount
    function changeSigners(
        bytes[] calldata added,
        uint64[] calldata weights,
        bytes[] calldata removed,
        uint64 threshold_
    ) external onlyAccount {
        _addSigners(added);
        _setSignerWeights(added, weights);
        // Between two thresholds the lower one must not be out of reach when signers go.
        if (threshold_ < threshold()) _setThreshold(threshold_);
        _removeSigners(removed);
        if (threshold_ != threshold()) _setThreshold(threshold_);
    }

    /// @inheritdoc IProviderAccount
    function approve(bytes32 digest, bool approved) external onlyAccount {
        _approved[digest] = approved;
        emit Approved(digest, approved);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IERC1271
    /// @dev An empty signature asks for approved digests; any other is `abi.encode(signers, signatures)` over what
    /// `wrapped` says.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bool vouched = signature.length == 0 ? _approved[digest] : _rawSignatureValidation(wrapped(digest), signature);
        return vouched ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    /// @inheritdoc IProviderAccount
    function next() external view returns (uint64) {
        return _next;
    }

    /// @inheritdoc IProviderAccount
    function indicesOf(bytes calldata signer) external view returns (uint64, uint64) {
        Indices storage indices = _indices[keccak256(signer)];
        return (indices.first, indices.capacity);
    }

    /// @inheritdoc IProviderAccount
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IProviderAccount
    function digestOf(Call[] calldata calls, uint64 number, uint40 deadline) public view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            Call calldata call = calls[i];
            hashes[i] = keccak256(abi.encode(CALL_TYPEHASH, call.target, call.value, keccak256(call.data)));
        }
        bytes32 list = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(keccak256(abi.encode(BATCH_TYPEHASH, list, number, deadline)));
    }

    /// @inheritdoc IProviderAccount
    function wrapped(bytes32 digest) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(WRAPPED_TYPEHASH, digest)));
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    /// @dev Only the ERC-1271 path comes here. A counted signature would be good there for ever, and its index could
    /// not be marked as used.
    function _rawSignatureValidation(bytes32 digest, bytes calldata signature) internal view override returns (bool) {
        (bytes[] memory signers,) = abi.decode(signature, (bytes[], bytes[]));
        for (uint256 i = 0; i < signers.length; ++i) {
            if (_indices[keccak256(signers[i])].capacity != 0) return false;
        }
        return super._rawSignatureValidation(digest, signature);
    }

    /// @dev Asks the verifier of a new signer whether its signatures are counted.
    function _addSigners(bytes[] memory signers) internal override {
        super._addSigners(signers);
        for (uint256 i = 0; i < signers.length; ++i) {
            uint64 capacity = _capacity(signers[i]);
            if (capacity != 0) _indices[keccak256(signers[i])] = Indices({first: _next, capacity: capacity});
        }
    }

    /// @dev A counted signer that was removed keeps its place: adding it again lets no index serve twice.
    function _capacity(bytes memory signer) private view returns (uint64) {
        if (signer.length <= 20 || _indices[keccak256(signer)].capacity != 0) return 0;
        bytes memory key = new bytes(signer.length - 20);
        assembly ("memory-safe") {
            mcopy(add(key, 0x20), add(signer, 0x34), mload(key))
        }
        (bool success, bytes memory answer) =
            address(bytes20(signer)).staticcall(abi.encodeCall(IIndexedVerifier.capacity, (key)));
        return success && answer.length == 32 ? uint64(abi.decode(answer, (uint256))) : 0;
    }

    function _checkIndices(Call[] calldata calls, uint64 number, bytes[] calldata signers, bytes[] calldata signatures)
        private
        view
    {
        // An array of signatures of another length is refused by `_validateSignatures`.
        for (uint256 i = 0; i < signers.length && i < signatures.length; ++i) {
            Indices storage indices = _indices[keccak256(signers[i])];
            (uint64 first, uint64 capacity) = (indices.first, indices.capacity);
            if (capacity == 0) continue;
            bytes calldata signature = signatures[i];
            if (signature.length < 4 || uint256(uint32(bytes4(signature))) + first != number) revert WrongIndex();
            if (number == first + capacity - 1) _checkOwn(calls);
        }
    }

    function _checkOwn(Call[] calldata calls) private view {
        if (calls.length == 0) revert LastIndex();
        for (uint256 i = 0; i < calls.length; ++i) {
            if (calls[i].target != address(this)) revert LastIndex();
        }
    }

    function _make(Call calldata call) private {
        (bool success, bytes memory answer) = call.target.call{value: call.value}(call.data);
        if (success) return;
        if (answer.length == 0) revert CallFailed();
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}
