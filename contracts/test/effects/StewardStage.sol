// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISource} from "../../src/interfaces/ISource.sol";

/// @dev Market and source in one, with whatever slots and inputs a test wants: a steward sees no more of the world.
contract StewardStage {
    mapping(bytes32 orderId => bytes32) public state;
    mapping(uint32 epoch => bytes32) public input;
    bool public constant isOpen = true;
    uint40 private immutable GENESIS;

    constructor(uint40 genesis) {
        GENESIS = genesis;
    }

    function setSlot(bytes32 orderId, bytes32 slot) external {
        state[orderId] = slot;
    }

    function setInput(uint32 epoch, bytes32 root) external {
        input[epoch] = root;
    }

    function schedule() external view returns (ISource.Schedule memory) {
        return ISource.Schedule({genesis: GENESIS, length: 3600, observeWithin: 1800});
    }
}
