// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title An ERC-7913 verifier of signatures that must be counted
/// @notice Each signature of a key is made under an index, and two messages under one index give the key away. Its
/// signatures begin with the index: four bytes, the highest first. The verifier keeps no state and accepts an index as
/// often as it is asked; whoever acts on signatures refuses indices that were used.
interface IIndexedVerifier is IERC7913SignatureVerifier {
    /// @notice How many signatures a key can make; its indices are smaller. Zero for what is no key.
    function capacity(bytes calldata key) external pure returns (uint256);
}
