// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Content made by AI, as ERC-7007 describes it (id 0x702c55a6)
interface IErc7007 {
    /// @notice A token's content is known.
    event AigcData(uint256 indexed tokenId, bytes indexed prompt, bytes indexed aigcData, bytes proof);

    /// @notice Says what a token stands for; only if `verify` agrees.
    function addAigcData(uint256 tokenId, bytes calldata prompt, bytes calldata aigcData, bytes calldata proof) external;

    /// @notice Whether this is, for good, what the model made of the prompt.
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
        view
        returns (bool success);
}
