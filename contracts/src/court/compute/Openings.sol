// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../../interfaces/ICourt.sol";
import {Opening} from "../../types/Types.sol";
import {Merkle} from "../Merkle.sol";
import {Descriptor, Operand} from "./Descriptor.sol";

/// @notice Roots and depths of the two memories that operands lie in.
struct Memories {
    /// The delivered trace.
    bytes32 traceRoot;
    uint256 traceDepth;
    /// The model's constants.
    bytes32 weightsRoot;
    uint256 weightsDepth;
}

using Openings for Memories global;

/// @title Opens elements of the trace, of the weights and of the order's input
/// @notice Every function reverts with `BadOpening` unless exactly the words in question are opened, and tells where in
/// calldata the first byte of the wanted element then lies.
library Openings {
    /// @notice Elements `index` to `index + count - 1` of an operand's memory.
    function open(Memories memory memories, Operand operand, Opening calldata opening, uint256 index, uint256 count)
        internal
        pure
        returns (uint256 at)
    {
        uint256 perWord = perWordLog2(operand.kind());
        uint256 first = index >> perWord;
        if (count == 0 || opening.words.length != ((index + count - 1) >> perWord) - first + 1) {
            revert ICourt.BadOpening();
        }
        uint256 leaf = operand.start() + first;
        if (operand.space() == Descriptor.TRACE) {
            _requireRoot(opening, leaf, memories.traceDepth, memories.traceRoot);
        } else if (operand.space() == Descriptor.WEIGHTS) {
            _requireRoot(opening, leaf, memories.weightsDepth, memories.weightsRoot);
        } else {
            revert ICourt.BadOpening();
        }
        return _place(opening, index, operand.kind());
    }

    /// @notice Element `index` of the trace region that starts at leaf `start`.
    function openTrace(Memories memory memories, Opening calldata opening, uint256 start, uint256 index, uint256 kind)
        internal
        pure
        returns (uint256 at)
    {
        if (opening.words.length != 1) revert ICourt.BadOpening();
        uint256 leaf = start + (index >> perWordLog2(kind));
        _requireRoot(opening, leaf, memories.traceDepth, memories.traceRoot);
        return _place(opening, index, kind);
    }

    /// @notice Element `index` of an order's salted input.
    function openInput(
        bytes32 inputRoot,
        uint256 depth,
        Opening calldata opening,
        bytes32 leafSalt,
        uint256 index,
        uint256 kind
    ) internal pure returns (uint256 at) {
        if (opening.words.length != 1) revert ICourt.BadOpening();
        uint256 word = index >> perWordLog2(kind);
        bytes32 leaf = keccak256(abi.encode(leafSalt, word, opening.words[0]));
        if (Merkle.leafRoot(leaf, word, depth, opening.path) != inputRoot) revert ICourt.BadOpening();
        return _place(opening, index, kind);
    }

    /// @notice What is not depended on is not opened.
    function requireEmpty(Opening calldata opening) internal pure {
        if (opening.words.length != 0 || opening.path.length != 0) revert ICourt.BadOpening();
    }

    /// @notice Binary logarithm of the elements in one word.
    function perWordLog2(uint256 kind) internal pure returns (uint256) {
        if (kind > 3) revert ICourt.BadOpening();
        return 5 - kind;
    }

    function _requireRoot(Opening calldata opening, uint256 leaf, uint256 depth, bytes32 root) private pure {
        if (Merkle.wordsRoot(opening, leaf, depth) != root) revert ICourt.BadOpening();
    }

    /// @dev Place in calldata of an element whose word is the first one opened.
    function _place(Opening calldata opening, uint256 index, uint256 kind) private pure returns (uint256 at) {
        bytes32[] calldata words = opening.words;
        assembly ("memory-safe") {
            at := add(words.offset, and(shl(kind, index), 0x1f))
        }
    }
}
