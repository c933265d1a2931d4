// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICheckpoints} from "../interfaces/ICheckpoints.sol";
import {TransparencyTree} from "./TransparencyTree.sol";

/// @title Checkpoints
/// @notice See `ICheckpoints`.
/// @dev The hash chain is cut to 192 bits, so that it shares a slot with the size. A log's owner who wants two histories
/// needs a collision, about 2^96 hashes.
contract Checkpoints is ICheckpoints {
    struct Head {
        uint64 size;
        bytes24 chain;
    }

    mapping(bytes32 log => Head) private _heads;

    /// @inheritdoc ICheckpoints
    function post(uint64 size, bytes32 root) external {
        bytes32 log = logOf(msg.sender);
        Head memory last = _heads[log];
        // CHECK
        if (size <= last.size) revert NotGrowing();
        // EFFECT
        bytes24 chain = _extend(last.chain, size, root, uint40(block.timestamp));
        _heads[log] = Head({size: size, chain: chain});
        // EVENT
        emit Posted(log, size, root, chain);
    }

    /// @inheritdoc ICheckpoints
    function verifyInclusion(
        bytes32 log,
        bytes24 before,
        Link[] calldata links,
        bytes32 leaf,
        uint64 index,
        bytes32[] calldata path
    ) external view returns (uint40 postedAt) {
        if (links.length == 0) revert UnknownCheckpoint();
        bytes24 chain = before;
        for (uint256 i = 0; i < links.length; ++i) {
            chain = _extend(chain, links[i].size, links[i].root, links[i].time);
        }
        if (chain != _heads[log].chain) revert UnknownCheckpoint();
        Link calldata shown = links[0];
        if (TransparencyTree.rootOf(leaf, index, shown.size, path) != shown.root) revert NotIncluded();
        return shown.time;
    }

    /// @inheritdoc ICheckpoints
    function leafOf(bytes calldata entry) external pure returns (bytes32) {
        return TransparencyTree.leafOf(entry);
    }

    /// @inheritdoc ICheckpoints
    function head(bytes32 log) external view returns (uint64, bytes24) {
        return (_heads[log].size, _heads[log].chain);
    }

    /// @inheritdoc ICheckpoints
    function version() external pure returns (string memory) {
        return "0.1.0";
    }

    /// @inheritdoc ICheckpoints
    function logOf(address owner) public pure returns (bytes32) {
        return bytes32(uint256(uint160(owner)));
    }

    function _extend(bytes24 before, uint64 size, bytes32 root, uint40 time) private pure returns (bytes24) {
        return bytes24(keccak256(abi.encode(before, size, root, time)));
    }
}
