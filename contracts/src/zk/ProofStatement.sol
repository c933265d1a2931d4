// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Shape} from "./RelationReader.sol";

/// @dev What a proof says; see `concordat.zk.statement`.
struct Claimed {
    uint64 chainId;
    address market;
    bytes32 order;
    bytes32 model;
    uint32 version;
    /// Thirteen numbers of four bytes.
    bytes parameters;
    bytes32 weightsRoot;
    bytes32 inputRoot;
    /// The input polynomial's value outside the domain: three numbers of eight bytes.
    bytes24 inputOutside;
    int256[] publics;
}

/// @title What is absorbed before a proof's first message
library ProofStatement {
    /// @notice A public element does not fit eight bytes.
    error BadPublic();

    /// @param digest SHA-256 of the relation.
    function encode(Claimed calldata c, bytes32 digest, Shape memory s) internal pure returns (bytes memory) {
        bytes memory publics = _numbers(c.publics);
        bytes memory names = abi.encodePacked(c.chainId, c.market, c.order, c.model, c.version, digest);
        bytes memory commitments = abi.encodePacked(
            s.weightRows == 0 ? bytes1(0) : bytes1(0x01), c.weightsRoot, bytes1(0x01), c.inputRoot, c.inputOutside
        );
        return abi.encodePacked(names, c.parameters, commitments, publics);
    }

    /// @dev Their count in four bytes, and eight bytes for each.
    function _numbers(int256[] calldata values) private pure returns (bytes memory encoded) {
        uint256 count = values.length;
        // a word more than is used, because numbers are written as words, each over the last one's end
        encoded = new bytes(36 + 8 * count);
        assembly ("memory-safe") {
            mstore(add(encoded, 32), shl(224, count))
        }
        for (uint256 i = 0; i < count; ++i) {
            int256 value = values[i];
            if (value != int64(value)) revert BadPublic();
            assembly ("memory-safe") {
                mstore(add(add(encoded, 36), shl(3, i)), shl(192, value))
            }
        }
        assembly ("memory-safe") {
            mstore(encoded, add(4, shl(3, count)))
        }
    }
}
