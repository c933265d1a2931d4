// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Reads the random number in a block's header
/// @notice The hash of a block is no good dice: whoever builds the block can try many. The number that the beacon chain's
/// RANDAO gives it (EIP-4399, the header's 14th field) is not his to choose; he can only leave his block out, and lose it.
/// A header is believed because it hashes to a hash that the chain remembers, so it is only read here, not judged.
library BlockHeader {
    /// @dev Place of `prevRandao`, once `mixHash`, among the fields.
    uint256 private constant FIELD = 13;

    /// @notice The random number of a header.
    /// @param header RLP as it is hashed; zero is returned where it is no list of at least 14 strings with 32 bytes there.
    function prevRandao(bytes calldata header) internal pure returns (bytes32) {
        if (header.length < 2 || uint8(header[0]) < 0xc0) return 0;
        uint256 at = uint8(header[0]) < 0xf8 ? 1 : uint256(uint8(header[0])) - 0xf6;
        for (uint256 field = 0; field < FIELD; ++field) {
            if (at >= header.length) return 0;
            at += _size(header, at);
        }
        if (at + 33 > header.length || header[at] != 0xa0) return 0;
        return bytes32(header[at + 1:at + 33]);
    }

    /// @dev Bytes of the string at a place; past the end where it is none.
    function _size(bytes calldata header, uint256 at) private pure returns (uint256) {
        uint256 first = uint8(header[at]);
        if (first < 0x80) return 1;
        if (first < 0xb8) return first - 0x7f;
        uint256 width = first - 0xb7;
        if (first >= 0xc0 || at + 1 + width > header.length) return header.length;
        return 1 + width + uint256(bytes32(header[at + 1:]) >> (256 - 8 * width));
    }
}
