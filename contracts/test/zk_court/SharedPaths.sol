// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Shape} from "../../src/zk/RelationReader.sol";

/// @dev The whole proof that a claim's data holds. In data each column has a path of its own, in a proof the columns of
/// a commitment come first and then those siblings that do not follow from other columns, from the leaves up.
library SharedPaths {
    uint256 private constant NODE = 27;
    uint256 private constant SALT = 16;

    /// @dev Columns of one commitment, and what is written so far.
    struct Columns {
        uint256 at;
        uint256 stride;
        uint256 body;
        uint256 log;
        uint256[] positions;
    }

    /// @dev Where the parts of the data are.
    struct Parts {
        uint256 hub;
        uint256 drawn;
        uint256 positions;
        uint256 columns;
    }

    /// @param parameters The thirteen numbers of the proof's parameters.
    function proofOf(bytes memory data, bytes memory parameters, Shape memory s, Parts memory at)
        internal
        pure
        returns (bytes memory proof)
    {
        proof = new bytes(data.length);
        uint256[4] memory counts = [word(data, 0, 2), word(data, 2, 2), word(data, 4, 2), word(data, 6, 2)];
        uint256 length = copy(proof, 0, data, 8, at.hub - 8);
        Columns memory c;
        (c.at, c.log) = (at.columns, word(parameters, 4, 4));
        c.positions = list(data, at.positions, counts[0]);
        uint256 width = 1 << word(parameters, 0, 4);
        uint256 cells = 16 * ((s.usedRows + 7 + width) / width) + 24 + SALT;
        uint256 inverses = 24 * ((s.lookupRows + 7 + width) / width) + SALT;
        (c.body, c.stride) = (cells, cells + inverses + 2 * NODE * c.log);
        length = share(proof, length, data, c);
        (c.body, c.at) = (inverses, c.at + cells + NODE * c.log);
        length = share(proof, length, data, c);
        c.at = at.columns + counts[0] * c.stride;
        at.positions += 4 * counts[0];
        length = next(proof, length, data, at, c, 8 * s.weightRows + SALT, word(parameters, 28, 4), counts[1]);
        length = next(proof, length, data, at, c, 8 + SALT, word(parameters, 40, 4), counts[2]);
        length = copy(proof, length, data, at.hub, at.drawn - at.hub);
        c.log = word(parameters, 16, 4);
        length = next(proof, length, data, at, c, (data.length - c.at) / counts[3] - NODE * c.log, c.log, counts[3]);
        assembly ("memory-safe") {
            mstore(proof, length)
        }
    }

    /// @dev A commitment whose columns stand alone.
    function next(
        bytes memory proof,
        uint256 length,
        bytes memory data,
        Parts memory at,
        Columns memory c,
        uint256 body,
        uint256 log,
        uint256 count
    ) private pure returns (uint256 end) {
        (c.body, c.log, c.stride) = (body, log, body + NODE * log);
        c.positions = list(data, at.positions, count);
        at.positions += 4 * count;
        end = share(proof, length, data, c);
        c.at += count * c.stride;
    }

    function share(bytes memory proof, uint256 length, bytes memory data, Columns memory c)
        private
        pure
        returns (uint256)
    {
        uint256 count = c.positions.length;
        for (uint256 i = 0; i < count; ++i) {
            length = copy(proof, length, data, c.at + i * c.stride, c.body);
        }
        for (uint256 height = 0; height < c.log; ++height) {
            for (uint256 i = 0; i < count; ++i) {
                if (i != 0 && c.positions[i] >> height == c.positions[i - 1] >> height) continue;
                if (known(c.positions, height, (c.positions[i] >> height) ^ 1)) continue;
                length = copy(proof, length, data, c.at + i * c.stride + c.body + NODE * height, NODE);
            }
        }
        return length;
    }

    /// @dev Whether a node lies above one of the columns.
    function known(uint256[] memory positions, uint256 height, uint256 node) private pure returns (bool) {
        for (uint256 i = 0; i < positions.length; ++i) {
            if (positions[i] >> height == node) return true;
        }
        return false;
    }

    function list(bytes memory data, uint256 at, uint256 count) private pure returns (uint256[] memory numbers) {
        numbers = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            numbers[i] = word(data, at + 4 * i, 4);
        }
    }

    function word(bytes memory data, uint256 at, uint256 size) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, mul(8, size)), mload(add(add(data, 32), at)))
        }
    }

    function copy(bytes memory to, uint256 length, bytes memory from, uint256 at, uint256 size)
        private
        pure
        returns (uint256)
    {
        assembly ("memory-safe") {
            mcopy(add(add(to, 32), length), add(add(from, 32), at), size)
        }
        return length + size;
    }
}
