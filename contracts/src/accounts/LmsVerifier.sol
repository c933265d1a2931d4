// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";
import {IIndexedVerifier} from "../interfaces/IIndexedVerifier.sol";

/// @title LMS signatures: LMS_SHA256_M24 of height 5 to 25 over LMOTS_SHA256_N24_W4
/// @notice Keys and signatures as RFC 8554 writes them, with the parameters of NIST SP 800-208; what is signed are the
/// 32 bytes of the hash. One signature is one string of bytes: any other length or type, and an index beyond the tree,
/// is refused. Twin of `concordat.primitives.lms`.
/// @dev All hashing happens in the first memory words, which is why the function ends in assembly. Whether the
/// precompile succeeded is not looked at: it fails only for want of gas, and then takes all of it but a 64th, which is
/// eight units at most; no path from there to an answer is that short.
contract LmsVerifier is IIndexedVerifier {
    /// @notice This chain has no SHA-256 precompile.
    error NoSha256();

    uint256 private constant OTS_TYPE = 7;
    bytes4 private constant REFUSED = 0xffffffff;

    constructor() {
        if (sha256("") != 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855) revert NoSha256();
    }

    /// @inheritdoc IERC7913SignatureVerifier
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        uint256 height = _height(key);
        // CHECK: types, lengths and index; the tree's type stands after 32 + 51 · 24 bytes
        if (height == 0 || signature.length != 1260 + 24 * height) return REFUSED;
        uint256 index = uint32(bytes4(signature));
        bool sameTypes = uint32(bytes4(signature[4:])) == OTS_TYPE && bytes4(signature[1256:]) == bytes4(key);
        if (!sameTypes || index >> height != 0) return REFUSED;
        bytes4 accepted = IERC7913SignatureVerifier.verify.selector;
        // Memory: a chain's input at 0 (identifier 16, index 4, chain 2, step 1, value 24); from 128 on everything else
        // that begins with the identifier. A word that ends at 150 is identifier, number and domain in one.
        assembly {
            let identifier := shl(48, shr(128, calldataload(add(key.offset, 8))))
            let head := or(identifier, shl(16, index))

            // 1. Digits: the digest's 48, and three of the checksum, which is 720 less their sum
            mstore(118, or(head, 0x8181))
            calldatacopy(150, add(signature.offset, 8), 24)
            mstore(174, hash)
            pop(staticcall(gas(), 2, 128, 78, 0, 32))
            let digits := shr(64, mload(0))
            let sum :=
                add(
                    and(digits, 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f),
                    and(shr(4, digits), 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f)
                )
            sum := add(
                and(sum, 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff),
                and(shr(8, sum), 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff)
            )
            sum := and(shr(176, mul(sum, 0x000100010001000100010001000100010001000100010001)), 0xffff)
            digits := shl(52, or(shl(12, digits), sub(720, sum)))

            // 2. Every chain from its digit to its end. Steps are taken by the binary digits of how many are left, the
            // fewest first, so that the last eight are always 7 to 14. Each result is where the next input is read.
            mstore(0, shl(80, head))
            mstore(118, or(head, 0x8080))
            let from := add(signature.offset, 32)
            for { let chain := 0 } lt(chain, 51) { chain := add(chain, 1) } {
                mstore8(21, chain)
                calldatacopy(23, from, 24)
                from := add(from, 24)
                let digit := shr(252, digits)
                digits := shl(4, digits)
                let left := sub(15, digit)
                if and(left, 1) {
                    mstore8(22, digit)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    digit := add(digit, 1)
                }
                if and(left, 2) {
                    mstore8(22, digit)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, add(digit, 1))
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    digit := add(digit, 2)
                }
                if and(left, 4) {
                    mstore8(22, digit)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, add(digit, 1))
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, add(digit, 2))
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, add(digit, 3))
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                }
                if and(left, 8) {
                    mstore8(22, 7)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 8)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 9)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 10)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 11)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 12)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 13)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                    mstore8(22, 14)
                    pop(staticcall(gas(), 2, 0, 47, 23, 32))
                }
                mstore(add(150, mul(24, chain)), mload(23))
            }
            pop(staticcall(gas(), 2, 128, 1246, 150, 32))

            // 3. Leaf, and up the tree: a hash lies at 150 if it is a left child, at 174 if it is a right one
            let node := or(shl(height, 1), index)
            mstore(118, or(identifier, or(shl(16, node), 0x8282)))
            let at := add(150, mul(24, and(node, 1)))
            pop(staticcall(gas(), 2, 128, 46, at, 32))
            for { from := add(from, 4) } gt(node, 1) { from := add(from, 24) } {
                calldatacopy(sub(324, at), from, 24)
                node := shr(1, node)
                mstore(118, or(identifier, or(shl(16, node), 0x8383)))
                at := add(150, mul(24, and(node, 1)))
                pop(staticcall(gas(), 2, 128, 70, at, 32))
            }

            // 4. The root is the key's
            if xor(shr(64, mload(at)), shr(64, calldataload(add(key.offset, 24)))) {
                accepted := shl(224, 0xffffffff)
            }
            mstore(0, accepted)
            return(0, 32)
        }
    }

    /// @inheritdoc IIndexedVerifier
    function capacity(bytes calldata key) external pure returns (uint256) {
        uint256 height = _height(key);
        return height == 0 ? 0 : 1 << height;
    }

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @dev 5, 10, … 25 for the tree types 10 to 14; zero for anything that is no key of the family.
    function _height(bytes calldata key) private pure returns (uint256) {
        if (key.length != 48 || uint32(bytes4(key[4:])) != OTS_TYPE) return 0;
        uint256 kind = uint32(bytes4(key));
        return kind < 10 || kind > 14 ? 0 : 5 * (kind - 9);
    }
}
