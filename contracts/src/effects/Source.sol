// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISource} from "../interfaces/ISource.sol";
import {InputTree} from "./InputTree.sol";

/// @title What all sources share: the clock, and one input for each epoch
/// @dev The salt of an open input is public and nobody's choice, because watchers need it to open the input's leaves.
abstract contract Source is ISource {
    uint256 private constant MAX_DEPTH = 10;

    uint40 private immutable GENESIS;
    uint32 private immutable LENGTH;
    uint32 private immutable OBSERVE_WITHIN;
    uint16 private immutable WORDS;
    uint8 private immutable DEPTH;

    mapping(uint256 epoch => bytes32 root) private _inputs;

    /// @param schedule_ How time is cut into epochs.
    /// @param shape_ Size of an input.
    constructor(Schedule memory schedule_, Shape memory shape_) {
        bool timesFit = schedule_.observeWithin > 0 && schedule_.observeWithin <= schedule_.length;
        bool shapeFits = shape_.depth <= MAX_DEPTH && shape_.words > 0 && shape_.words <= 1 << shape_.depth;
        if (!timesFit || !shapeFits) revert BadSource();
        GENESIS = schedule_.genesis;
        LENGTH = schedule_.length;
        OBSERVE_WITHIN = schedule_.observeWithin;
        WORDS = shape_.words;
        DEPTH = shape_.depth;
    }

    /// @inheritdoc ISource
    function input(uint32 epoch) external view returns (bytes32 root) {
        return _inputs[epoch];
    }

    /// @inheritdoc ISource
    function schedule() external view returns (Schedule memory) {
        return Schedule({genesis: GENESIS, length: LENGTH, observeWithin: OBSERVE_WITHIN});
    }

    /// @inheritdoc ISource
    function shape() external view returns (Shape memory) {
        return Shape({words: WORDS, depth: DEPTH});
    }

    /// @inheritdoc ISource
    function saltOf(uint32 epoch) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), epoch));
    }

    /// @inheritdoc ISource
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function _checkUnobserved(uint32 epoch) internal view {
        if (epoch == 0) revert EpochNotOpen();
        uint256 start = GENESIS + uint256(epoch - 1) * LENGTH;
        if (block.timestamp < start) revert EpochNotOpen();
        if (block.timestamp >= start + OBSERVE_WITHIN) revert EpochClosed();
        if (_inputs[epoch] != 0) revert AlreadyObserved();
    }

    /// @dev Root of an open input.
    function _rootOf(uint32 epoch, bytes memory words) internal view returns (bytes32) {
        if (words.length != 32 * uint256(WORDS)) revert BadObservation();
        return InputTree.root(words, saltOf(epoch), DEPTH);
    }

    /// @dev The caller has checked that nothing was observed.
    function _fix(uint32 epoch, bytes32 root, bytes memory words) internal {
        // EFFECT
        _inputs[epoch] = root;
        // EVENT
        emit Observed(epoch, root, words);
    }
}
