// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Anchors of transparency logs
/// @notice A log's owner posts size and RFC 6962 root of the log, each time larger than before. Only the end of a hash
/// chain over all of a log's checkpoints is kept, in one slot that is used again and again; the checkpoints themselves
/// are in the events. Whoever shows the links from a checkpoint to the end of the chain has proven that it was posted.
/// @dev A log's id is its owner's address, so nobody can post for somebody else or take a name before him. Nothing
/// here can know whether a larger log still contains the smaller one: that is what consistency proofs are for, and two
/// posted roots that have none convict the owner.
interface ICheckpoints {
    /// @notice One posted checkpoint, as it enters the hash chain.
    struct Link {
        /// Entries of the log.
        uint64 size;
        /// RFC 6962 root of these entries.
        bytes32 root;
        /// Time of the block in which it was posted.
        uint40 time;
    }

    /// @notice A log grew.
    /// @param log The log's id.
    /// @param size Entries of the log.
    /// @param root RFC 6962 root of these entries.
    /// @param head End of the log's hash chain with this checkpoint.
    event Posted(bytes32 indexed log, uint64 size, bytes32 root, bytes24 head);

    /// @notice The size is not larger than that of the checkpoint before.
    error NotGrowing();
    /// @notice The links do not lead to the end of the log's hash chain.
    error UnknownCheckpoint();
    /// @notice The audit path does not lead from the leaf to the checkpoint's root.
    error NotIncluded();

    /// @notice Posts the next checkpoint of the sender's log.
    function post(uint64 size, bytes32 root) external;

    /// @notice Reverts unless a leaf is in the log under a posted checkpoint.
    /// @param log The log's id.
    /// @param before End of the hash chain before the checkpoint; zero if it was the first.
    /// @param links The checkpoint, and all that were posted after it, in order.
    /// @param leaf RFC 6962 hash of the entry, as `leafOf` gives it.
    /// @param index Zero-based place of the entry.
    /// @param path Audit path, the leaf's sibling first.
    /// @return postedAt When the checkpoint was posted: the entry is at least that old.
    function verifyInclusion(
        bytes32 log,
        bytes24 before,
        Link[] calldata links,
        bytes32 leaf,
        uint64 index,
        bytes32[] calldata path
    ) external view returns (uint40 postedAt);

    /// @notice RFC 6962 leaf hash of a log entry.
    function leafOf(bytes calldata entry) external pure returns (bytes32);

    /// @notice Id of an owner's log.
    function logOf(address owner) external pure returns (bytes32 log);

    /// @notice Size that was posted last, and end of the hash chain; zeros for a log without checkpoints.
    function head(bytes32 log) external view returns (uint64 size, bytes24 head);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
