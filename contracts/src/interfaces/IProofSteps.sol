// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Case, Step} from "../zk/ProofData.sol";

/// @title Replays single steps of a verification
interface IProofSteps {
    /// @notice Whether a step gives what the data says it gave. Reverts where the data is malformed, which is as good as
    /// no; and with `NotOpened` or `NoStep` where the question is.
    /// @param c The claim, and the pieces of its data that the step reads.
    /// @param step Which step.
    /// @param index Which of several of its kind; zero where there is one.
    function holds(Case calldata c, Step step, uint256 index) external view returns (bool);
}
