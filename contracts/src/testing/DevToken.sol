// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title USD Dev
/// @notice Settlement token of development chains: anybody mints. It signs like the dollar tokens of public chains
/// (ERC-3009, ERC-2612, six decimals, EIP-712 name "USD Dev", version "1").
contract DevToken is ERC20Permit, ERC3009 {
    constructor() ERC20("USD Dev", "USDd") ERC20Permit("USD Dev") {}

    /// @notice Makes tokens out of nothing.
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    /// @notice As in the dollar tokens of public chains.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Version in the EIP-712 domain, under the name that other dollar tokens use for it.
    function version() external pure returns (string memory) {
        return "1";
    }
}
