// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev What a verifier needs to know of a relation before it reads it, and where its parts begin (numbers, not bytes).
struct Shape {
    uint256 usedRows;
    uint256 lookupRows;
    uint256 slotBits;
    uint256 groupBits;
    uint256 weightRows;
    uint256 lookupsAt;
    uint256 tablesAt;
    uint256 familiesAt;
    uint256 matmulsAt;
    uint256 copiesAt;
    uint256 inputColumn;
    uint256 inputStart;
    uint256 inputCount;
    uint256 publicCount;
    uint256 matmuls;
    uint256 runs;
    uint256 logRows;
    uint256 runBits;
    uint256 productRounds;
}

/// @title The encoding of relations
/// @notice Twin of `concordat.zk.relation`: eight bytes of magic, then signed numbers of eight bytes.
library RelationReader {
    /// @notice The bytes are no relation.
    error BadRelation();

    /// @notice Number `index`.
    function at(bytes calldata relation, uint256 index) internal pure returns (int256 value) {
        bool beyond;
        assembly ("memory-safe") {
            // indices are sums of sizes that were checked: nothing overflows
            beyond := gt(add(index, 2), shr(3, relation.length))
            value := sar(192, calldataload(add(relation.offset, add(8, shl(3, index)))))
        }
        if (beyond) revert BadRelation();
    }

    /// @notice Number `index`, which has to be a size.
    function size(bytes calldata relation, uint256 index) internal pure returns (uint256 value) {
        value = uint256(at(relation, index));
        // a negative number has its highest bits set
        if (value >> 39 != 0) revert BadRelation();
    }

    /// @notice Where the numbers after an optional list begin.
    function afterList(bytes calldata relation, uint256 index) internal pure returns (uint256) {
        int256 count = at(relation, index);
        return count < 0 ? index + 1 : index + 1 + uint256(count);
    }

    /// @notice Walk over a relation once.
    function shape(bytes calldata r) internal pure returns (Shape memory s) {
        if (r.length < 48 || bytes8(r[:8]) != "CCZKREL\x01") revert BadRelation();
        s.usedRows = size(r, 0);
        s.lookupRows = size(r, 1);
        s.slotBits = size(r, 2);
        s.groupBits = size(r, 3);
        s.weightRows = size(r, 4);
        s.lookupsAt = 5;
        s.tablesAt = 6 + 5 * size(r, 5);
        uint256 index = s.tablesAt + 1;
        for (uint256 i = size(r, s.tablesAt); i != 0; --i) {
            index += 4 + 2 * size(r, index + 1);
        }
        s.familiesAt = index;
        index = _overFamilies(r, index);
        s.matmulsAt = index;
        index = _overMatmuls(r, index, s);
        s.copiesAt = index;
        index += 1 + 4 * size(r, index);
        s.inputColumn = size(r, index) & 1;
        s.inputStart = size(r, index + 1);
        s.inputCount = size(r, index + 2);
        if (size(r, index + 3) != 1) revert BadRelation();
        s.publicCount = size(r, index + 4);
        if (8 * (index + 5) + 8 != r.length) revert BadRelation();
        s.logRows = bits(s.usedRows + 7);
        s.runBits = bits(s.runs + 1);
        s.productRounds = s.matmuls == 0 ? 0 : s.runBits + s.slotBits;
    }

    /// @notice Bits of a number.
    function bits(uint256 value) internal pure returns (uint256 count) {
        while (value != 0) {
            ++count;
            value >>= 1;
        }
    }

    function _overFamilies(bytes calldata r, uint256 index) private pure returns (uint256) {
        uint256 families = size(r, index);
        ++index;
        for (; families != 0; --families) {
            uint256 terms = size(r, index + 4);
            index += 5;
            for (; terms != 0; --terms) {
                index = afterList(r, index + 4);
            }
        }
        return index;
    }

    function _overMatmuls(bytes calldata r, uint256 index, Shape memory s) private pure returns (uint256) {
        s.matmuls = size(r, index);
        ++index;
        for (uint256 i = s.matmuls; i != 0; --i) {
            s.runs += (size(r, index + 2) + (1 << s.slotBits) - 1) >> s.slotBits;
            index = afterList(r, index + 6);
            index = size(r, index) == 0 ? index + 2 : afterList(r, index + 4);
        }
        return index;
    }
}
