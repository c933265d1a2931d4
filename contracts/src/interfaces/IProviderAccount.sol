// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title An account whose calls are authorised by signers of any kind, and relayed by anybody
/// @notice A signer is what ERC-7913 calls so: an address, or a verifier followed by a key. Each has a weight; a batch
/// of calls needs signers of at least the threshold's weight. Whoever pays for the gas may bring it.
///
/// Every batch has a number, and numbers only grow. What is skipped is lost for ever, so that a signed batch that was
/// never brought cannot be brought later. A signer whose signatures are counted (`IIndexedVerifier`) signs batch number
/// n under index n less the number at which it was added: no index can serve twice, nor can one that was passed over.
/// Its last index only signs calls to the account itself: there is always one left to replace the key with.
interface IProviderAccount {
    /// @notice One call of a batch; all succeed or none does.
    struct Call {
        /// Who is called.
        address target;
        /// Wei sent along.
        uint256 value;
        /// Selector and arguments.
        bytes data;
    }

    /// @notice The account made the calls of one signed batch.
    /// @param number Number of the batch.
    /// @param relayer Who brought it.
    event Executed(uint64 indexed number, address indexed relayer);
    /// @notice The account vouches for a digest to those who ask by ERC-1271, or no longer does.
    /// @param digest What others ask about.
    /// @param approved Whether it vouches.
    event Approved(bytes32 indexed digest, bool approved);

    /// @notice The batch has a number below the next one.
    error NumberUsed();
    /// @notice The batch was good until an earlier time.
    error BatchExpired();
    /// @notice The signatures are not those of signers of enough weight over exactly this batch.
    error BadSignatures();
    /// @notice A counted signature was made under another index than the batch's number asks for.
    error WrongIndex();
    /// @notice The last index of a counted signer is for calls to the account itself.
    error LastIndex();
    /// @notice Only the account itself can do this, by a signed batch.
    error OnlyAccount();
    /// @notice A call failed without saying why.
    error CallFailed();

    /// @notice Makes the calls of a signed batch. What one of them reverts with is passed on; nothing has happened
    /// then.
    /// @param calls In order.
    /// @param number The next number, or a later one.
    /// @param deadline Last time at which the batch is good.
    /// @param signers Different signers of the account, sorted by their Keccak hash where gas matters.
    /// @param signatures One of each signer over `digestOf` the batch.
    function execute(
        Call[] calldata calls,
        uint64 number,
        uint40 deadline,
        bytes[] calldata signers,
        bytes[] calldata signatures
    ) external;

    /// @notice Adds signers with their weights, removes others, and sets the threshold, all at once.
    /// @dev Only by the account itself. Weights are at least 1 and together reach the threshold.
    function changeSigners(
        bytes[] calldata added,
        uint64[] calldata weights,
        bytes[] calldata removed,
        uint64 threshold_
    ) external;

    /// @notice Vouches for a digest to those who ask by ERC-1271 with an empty signature, or no longer does.
    /// @dev Only by the account itself.
    function approve(bytes32 digest, bool approved) external;

    /// @notice What the signers of a batch sign (EIP-712).
    function digestOf(Call[] calldata calls, uint64 number, uint40 deadline) external view returns (bytes32);

    /// @notice What signers sign for those who ask by ERC-1271 about a digest. Counted signatures do not count there.
    function wrapped(bytes32 digest) external view returns (bytes32);

    /// @notice Number of the next batch.
    function next() external view returns (uint64);

    /// @notice Number at which a counted signer was added, which its index 0 signs, and how many signatures it can
    /// make; zeros for other signers.
    function indicesOf(bytes calldata signer) external view returns (uint64 first, uint64 capacity);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
