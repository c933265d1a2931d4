// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Bytes in a blob
/// @notice Twin of `concordat.chain.blobs`. Data is the coefficients of the blob's polynomial, 31 bytes to each: whoever
/// has to show a whole blob to a contract then evaluates it by Horner's rule, without an inversion and without a table
/// of roots; who reads it from a blob transforms it once.
/// A transaction that carries all 131,072 bytes is longer than nodes pass on, so a blob is shown in two halves.
library BlobData {
    /// @notice What a blob holds.
    uint256 internal constant BYTES = 2 * HALF_BYTES;
    /// @notice What the coefficients of a half carry; whole chunks of 1,024 bytes.
    uint256 internal constant HALF_BYTES = 31 * HALF;
    uint256 private constant HALF = 2048;
    /// @dev Order of the group of BLS12-381.
    uint256 private constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    /// @notice Where coefficients are compared with a blob: the blob and all of them determine it.
    /// @param blob Versioned hash.
    /// @param first Keccak-256 of the lower half, 65,536 bytes.
    /// @param second Keccak-256 of the upper half.
    function point(bytes32 blob, bytes32 first, bytes32 second) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(blob, first, second))) % R;
    }

    /// @notice Value of the polynomial with half of the coefficients, lowest first.
    /// @return canonical Whether there are so many, all of them below the group's order.
    function evaluate(bytes calldata words, uint256 z) internal pure returns (bool canonical, uint256 y) {
        if (words.length != 32 * HALF) return (false, 0);
        canonical = true;
        assembly ("memory-safe") {
            let begin := words.offset
            for { let at := add(begin, mul(32, HALF)) } gt(at, begin) {} {
                at := sub(at, 32)
                let word := calldataload(at)
                canonical := and(canonical, lt(word, R))
                y := addmod(mulmod(y, z, R), word, R)
            }
        }
    }

    /// @notice Whether the polynomial of a blob, of whose halves the values are given, has that value.
    /// @param commitment Of 48 bytes; the versioned hash is of it.
    /// @param proof Of 48 bytes.
    function isBlob(
        bytes32 blob,
        uint256 z,
        uint256 lower,
        uint256 upper,
        bytes calldata commitment,
        bytes calldata proof
    ) internal view returns (bool right) {
        if (commitment.length != 48 || proof.length != 48) return false;
        uint256 step = z;
        for (uint256 i = 1; i < HALF; i *= 2) {
            step = mulmod(step, step, R);
        }
        uint256 y = addmod(lower, mulmod(upper, step, R), R);
        (right,) = address(0x0A).staticcall(abi.encodePacked(blob, z, y, commitment, proof));
    }

    /// @notice The leading bytes that half of the coefficients carry.
    /// @return whole Whether every coefficient is below 2^248.
    function unpack(bytes calldata words, uint256 length) internal pure returns (bool whole, bytes memory data) {
        data = new bytes(32 * HALF);
        uint256 high = 0;
        assembly ("memory-safe") {
            let to := add(data, 32)
            let end := add(words.offset, mul(32, HALF))
            for { let at := words.offset } lt(at, end) { at := add(at, 32) } {
                let word := calldataload(at)
                high := or(high, shr(248, word))
                mstore(to, shl(8, word))
                to := add(to, 31)
            }
            mstore(data, length)
        }
        whole = high == 0;
    }
}
