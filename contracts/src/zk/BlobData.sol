// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Bytes in a blob
/// @notice Twin of `concordat.chain.blobs`. Data is the coefficients of the blob's polynomial, 31 bytes to each: whoever
/// has to show a whole blob to a contract then evaluates it by Horner's rule, without an inversion and without a table
/// of roots; who reads it from a blob transforms it once.
library BlobData {
    /// @notice What a blob holds.
    uint256 internal constant BYTES = 31 * 4096;
    uint256 private constant WORDS = 4096;
    /// @dev Order of the group of BLS12-381.
    uint256 private constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    /// @notice Whether words are the coefficients of a blob's polynomial.
    /// @param blob Versioned hash.
    /// @param words 131,072 bytes.
    /// @param commitment Of 48 bytes; the versioned hash is of it.
    /// @param proof Of 48 bytes: the polynomial's value at a point that blob and words determine.
    function isBlob(bytes32 blob, bytes calldata words, bytes calldata commitment, bytes calldata proof)
        internal
        view
        returns (bool right)
    {
        if (words.length != 32 * WORDS || commitment.length != 48 || proof.length != 48) return false;
        uint256 z = uint256(keccak256(abi.encode(blob, keccak256(words)))) % R;
        uint256 y = 0;
        bool canonical = true;
        assembly ("memory-safe") {
            let begin := words.offset
            for { let at := add(begin, mul(32, WORDS)) } gt(at, begin) {} {
                at := sub(at, 32)
                let word := calldataload(at)
                canonical := and(canonical, lt(word, R))
                y := addmod(mulmod(y, z, R), word, R)
            }
        }
        bool answered;
        (answered,) = address(0x0A).staticcall(abi.encodePacked(blob, z, y, commitment, proof));
        right = canonical && answered;
    }

    /// @notice The bytes of a blob's coefficients.
    /// @return whole Whether every coefficient is below 2^248.
    function unpack(bytes calldata words, uint256 length) internal pure returns (bool whole, bytes memory data) {
        data = new bytes(32 * WORDS);
        uint256 high = 0;
        assembly ("memory-safe") {
            let to := add(data, 32)
            let end := add(words.offset, mul(32, WORDS))
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
