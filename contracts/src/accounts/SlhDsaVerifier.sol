// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";
import {SlhDsaPaths} from "./SlhDsaPaths.sol";

/// @title SLH-DSA-SHA2-128s signatures (FIPS 205), pure, with an empty context
/// @notice What is signed are the 32 bytes of the hash. Keys are PK.seed and PK.root, 32 bytes; signatures 7,856 bytes.
/// Twin of `concordat.primitives.slh_dsa`.
/// @dev Addresses are right-aligned: layer at bit 168, tree at 104, type at 96, key pair at 64, height at 32, index at
/// 0.
contract SlhDsaVerifier is IERC7913SignatureVerifier, SlhDsaPaths {
    /// @notice This chain has no SHA-256 precompile.
    error NoSha256();

    uint256 private constant LAYERS = 7;
    uint256 private constant FORS_TREES = 14;

    constructor() {
        if (sha256("") != 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855) revert NoSha256();
    }

    /// @inheritdoc IERC7913SignatureVerifier
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4 answer) {
        // CHECK: lengths
        if (key.length != 32 || signature.length != 7856) return 0xffffffff;
        uint256 from;
        assembly {
            from := signature.offset
        }
        // 1. FORS: fourteen revealed secrets stand for the digest
        (uint256 digest, uint256 tree, uint256 leaf) = _digest(key, hash, from);
        _prepare(key);
        uint256 node = _fors(digest, tree, leaf, from + 16);
        // 2. Seven one-time signatures, each of the root below
        node = _hypertree(node, tree, leaf, from + 2928);
        // 3. The last root is the key's
        answer = node >> 128 == uint128(uint256(bytes32(key)))
            ? IERC7913SignatureVerifier.verify.selector
            : bytes4(0xffffffff);
        assembly {
            mstore(0, answer)
            return(0, 32)
        }
    }

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @dev H_msg: the bits that choose FORS secrets (at the top of `digest`), the tree and its leaf.
    function _digest(bytes calldata key, bytes32 hash, uint256 from)
        private
        view
        returns (uint256 digest, uint256 tree, uint256 leaf)
    {
        assembly {
            calldatacopy(0, from, 16)
            calldatacopy(16, key.offset, 32)
            mstore(48, 0)
            mstore(50, hash)
            pop(staticcall(gas(), 2, 0, 82, 32, 32))
            mstore(64, 0)
            pop(staticcall(gas(), 2, 0, 68, 0, 32))
            digest := mload(0)
            tree := and(shr(32, digest), 0x3fffffffffffff)
            leaf := and(shr(16, digest), 0x1ff)
        }
    }

    /// @dev PK.seed and zeros in front of both hash inputs.
    function _prepare(bytes calldata key) private pure {
        assembly {
            let seed := shl(128, shr(128, calldataload(key.offset)))
            mstore(0, seed)
            mstore(32, 0)
            mstore(256, seed)
            mstore(288, 0)
        }
    }

    function _fors(uint256 digest, uint256 tree, uint256 leaf, uint256 from) private view returns (uint256 node) {
        uint256 place;
        assembly {
            place := or(shl(104, tree), shl(64, leaf))
        }
        uint256 secrets = place | 3 << 96;
        // At most fourteen rounds over 208 bytes of the signature each.
        unchecked {
            for (uint256 i = 0; i < FORS_TREES; ++i) {
                uint256 index = i << 12 | digest >> 244;
                digest <<= 12;
                uint256 at = 86 + ((index & 1) << 4);
                assembly {
                    mstore(54, or(secrets, index))
                    calldatacopy(86, from, 16)
                    pop(staticcall(gas(), 2, 0, 102, at, 32))
                }
                at = _climb9(secrets, index, from + 16, at);
                at = _climb3(secrets, index, from + 16, at);
                from += 208;
                assembly {
                    mstore(add(342, shl(4, i)), mload(at))
                }
            }
        }
        assembly {
            mstore(310, or(place, shl(96, 4)))
            pop(staticcall(gas(), 2, 256, 310, 86, 32))
            node := mload(86)
        }
    }

    function _hypertree(uint256 node, uint256 tree, uint256 leaf, uint256 from) private view returns (uint256) {
        uint256 table = _table();
        // At most seven rounds over 704 bytes of the signature each.
        unchecked {
            for (uint256 layer = 0; layer < LAYERS; ++layer) {
                uint256 place = layer << 168 | tree << 104;
                uint256 at = 86 + ((leaf & 1) << 4);
                _chains(table, from, place | leaf << 64, node >> 128);
                assembly {
                    mstore(310, or(place, or(shl(96, 1), shl(64, leaf))))
                    pop(staticcall(gas(), 2, 256, 646, at, 32))
                }
                at = _climb9(place | 2 << 96, leaf, from + 560, at);
                assembly {
                    node := mload(at)
                }
                leaf = tree & 0x1ff;
                tree >>= 9;
                from += 704;
            }
        }
        return node;
    }

    /// @dev Digits of the node (32, then three of the checksum: 480 less their sum), and the chains from there.
    function _chains(uint256 table, uint256 from, uint256 place, uint256 node) private view {
        uint256 even;
        uint256 odd;
        assembly {
            mstore(54, place)
            let sum :=
                add(
                    and(node, 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f),
                    and(shr(4, node), 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f)
                )
            sum := add(
                and(sum, 0x00ff00ff00ff00ff00ff00ff00ff00ff),
                and(shr(8, sum), 0x00ff00ff00ff00ff00ff00ff00ff00ff)
            )
            sum := and(shr(112, mul(sum, 0x00010001000100010001000100010001)), 0xffff)
            odd := and(shl(8, or(shl(12, node), sub(480, sum))), 0xf0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0)
            even := and(shl(4, or(shl(12, node), sub(480, sum))), 0xf0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0)
        }
        _walkChains(table, from, even, odd);
    }
}
