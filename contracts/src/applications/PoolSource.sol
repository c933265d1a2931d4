// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ChainSource} from "../effects/ChainSource.sol";
import {Source} from "../effects/Source.sol";
import {LendingPool} from "./LendingPool.sol";

/// @title What a lending pool's risk model looks at
/// @notice Two whole numbers, in hundredths of a per cent: use (debt over supply) and cover (collateral over debt), each
/// the mean since the last observation. To move a mean one has to hold a position for that part of an epoch.
contract PoolSource is ChainSource {
    LendingPool private immutable POOL;
    uint256 private immutable ELEMENT_BITS;

    uint256 private _usedSeconds;
    uint256 private _coverSeconds;
    uint256 private _time;

    /// @param schedule_ How time is cut into epochs.
    /// @param depth Of the model's input tree.
    /// @param pool What is observed.
    /// @param elementBytes How wide the model's input elements are: 4 or 8.
    constructor(Schedule memory schedule_, uint8 depth, LendingPool pool, uint8 elementBytes)
        Source(schedule_, Shape({words: 1, depth: depth}))
    {
        if (elementBytes != 4 && elementBytes != 8) revert BadSource();
        POOL = pool;
        ELEMENT_BITS = 8 * uint256(elementBytes);
        (_usedSeconds, _coverSeconds) = pool.sums();
        _time = block.timestamp;
    }

    /// @inheritdoc ChainSource
    function _read() internal override returns (bytes memory words) {
        uint256 elapsed = block.timestamp - _time;
        // Two observations in one second, of epochs of one second: nothing lasted.
        if (elapsed == 0) revert EpochNotOpen();
        (uint256 usedSeconds, uint256 coverSeconds) = POOL.sums();
        uint256 used = (usedSeconds - _usedSeconds) / elapsed;
        uint256 cover = (coverSeconds - _coverSeconds) / elapsed;
        (_usedSeconds, _coverSeconds, _time) = (usedSeconds, coverSeconds, block.timestamp);
        return abi.encode((used << (256 - ELEMENT_BITS)) | (cover << (256 - 2 * ELEMENT_BITS)));
    }
}
