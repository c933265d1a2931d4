// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Source} from "./Source.sol";

/// @title An input that is read on chain
/// @notice Anyone takes the observation; what it says is not up to him. He does choose the moment, within
/// `observeWithin`, and perhaps a transaction around it: what is read must be a mean over time, not a spot value that one
/// transaction can move.
abstract contract ChainSource is Source {
    /// @notice Fixes an epoch's input.
    function observe(uint32 epoch) external {
        bytes memory words = _read();
        // CHECK: after foreign code, which may have observed meanwhile
        _checkUnobserved(epoch);
        // EFFECT, EVENT
        _fix(epoch, _rootOf(epoch, words), words);
    }

    /// @notice Everything that is observed is public.
    function isOpen() external pure returns (bool) {
        return true;
    }

    /// @dev Packed words of the model's input, as things stand now.
    function _read() internal virtual returns (bytes memory words);
}
