// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";

/// @dev A proof that is read once from front to back, and the transcript that absorbs it.
struct Stream {
    /// Where the next byte is in the call data.
    uint256 at;
    /// Where the proof ends.
    uint256 end;
    /// The transcript.
    bytes32 state;
}

/// @title The proof as a stream, and Fiat–Shamir
/// @notice Twins of `concordat.zk.transcript` and `concordat.zk.verifier.reader`.
library ProofStream {
    /// @dev Bytes of a digest below the root that are sent and hashed.
    uint256 private constant NODE_BYTES = 27;

    /// @notice The proof is cut short, goes on after its end, or has a number that is not canonical.
    error BadEncoding();
    /// @notice A column does not belong to its commitment.
    error BadColumn();

    /// @notice The state before anything is absorbed.
    function begin(bytes calldata proof) internal pure returns (Stream memory s) {
        assembly ("memory-safe") {
            mstore(s, proof.offset)
            mstore(add(s, 32), add(proof.offset, proof.length))
        }
        s.state = sha256("concordat zero-knowledge inference 1");
    }

    /// @notice Absorb bytes of memory.
    function absorb(Stream memory s, uint256 tag, bytes memory data) internal pure {
        s.state = sha256(abi.encodePacked(s.state, uint8(0), uint8(tag), uint64(data.length), data));
    }

    /// @notice Read and absorb the next bytes.
    function take(Stream memory s, uint256 tag, uint256 count) internal pure returns (uint256 at) {
        at = skip(s, count);
        bytes memory data = new bytes(count);
        assembly ("memory-safe") {
            calldatacopy(add(data, 32), at, count)
        }
        absorb(s, tag, data);
    }

    /// @notice Pass over the next bytes.
    function skip(Stream memory s, uint256 count) internal pure returns (uint256 at) {
        at = s.at;
        unchecked {
            if (count > s.end - at) revert BadEncoding();
            s.at = at + count;
        }
    }

    /// @notice Read and absorb a root.
    function root(Stream memory s, uint256 tag) internal pure returns (bytes32 value) {
        uint256 at = take(s, tag, 32);
        assembly ("memory-safe") {
            value := calldataload(at)
        }
    }

    /// @notice Read and absorb elements.
    function elements(Stream memory s, uint256 tag, uint256 count) internal pure returns (K[] memory) {
        return decode(take(s, tag, 24 * count), count);
    }

    /// @notice Elements in the call data.
    function decode(uint256 at, uint256 count) internal pure returns (K[] memory values) {
        values = new K[](count);
        uint256 p = Cubics.P;
        bool good = true;
        assembly ("memory-safe") {
            let out := add(values, 32)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let word := calldataload(at)
                let c0 := shr(192, word)
                let c1 := and(shr(128, word), 0xFFFFFFFFFFFFFFFF)
                let c2 := and(shr(64, word), 0xFFFFFFFFFFFFFFFF)
                good := and(good, and(lt(c0, p), and(lt(c1, p), lt(c2, p))))
                mstore(out, or(c0, or(shl(80, c1), shl(160, c2))))
                out := add(out, 32)
                at := add(at, 24)
            }
        }
        if (!good) revert BadEncoding();
    }

    /// @notice A random element.
    function challenge(Stream memory s) internal pure returns (K) {
        bytes32 state = sha256(abi.encodePacked(s.state, uint8(1)));
        s.state = state;
        uint256 word = uint256(state);
        uint256 c0 = (word >> 192) % Cubics.P;
        uint256 c1 = ((word >> 128) & type(uint64).max) % Cubics.P;
        uint256 c2 = ((word >> 64) & type(uint64).max) % Cubics.P;
        return K.wrap(c0 | (c1 << 80) | (c2 << 160));
    }

    /// @notice Whether the next eight bytes do the work.
    function grinds(Stream memory s, uint256 bits) internal pure returns (bool) {
        uint256 at = skip(s, 8);
        uint64 nonce;
        assembly ("memory-safe") {
            nonce := shr(192, calldataload(at))
        }
        s.state = sha256(abi.encodePacked(s.state, uint8(2), nonce));
        return bits == 0 ? nonce == 0 : uint256(s.state) >> (256 - bits) == 0;
    }

    /// @notice Distinct query positions, ascending.
    function positions(Stream memory s, uint256 count, uint256 log) internal pure returns (uint256[] memory sorted) {
        sorted = new uint256[](count);
        uint256 mask = (1 << log) - 1;
        uint256 have;
        for (uint256 drawn = 0; drawn < count;) {
            bytes32 state = sha256(abi.encodePacked(s.state, uint8(1)));
            s.state = state;
            for (uint256 i = 0; i < 8 && drawn < count; ++i) {
                uint256 position = (uint256(state) >> (224 - 32 * i)) & mask;
                ++drawn;
                have = _insert(sorted, have, position);
            }
        }
        assembly ("memory-safe") {
            mstore(sorted, have)
        }
    }

    /// @notice Check opened columns against a root.
    /// @return at Where the columns are in the call data: `height` elements of 8 bytes and 16 bytes of salt each.
    function columns(Stream memory s, bytes32 expected, uint256[] memory known, uint256 log, uint256 height)
        internal
        view
        returns (uint256 at)
    {
        uint256 count = known.length;
        uint256 size = 8 * height;
        at = skip(s, count * (size + 16));
        bytes32[] memory level = new bytes32[](count);
        uint256[] memory places = new uint256[](count);
        bytes memory buffer = new bytes(size + 17);
        bool good = true;
        for (uint256 i = 0; i < count; ++i) {
            places[i] = known[i];
            bytes32 digest;
            uint256 from = at + i * (size + 16);
            uint256 p = Cubics.P;
            assembly ("memory-safe") {
                let data := add(buffer, 32)
                mstore8(data, 0)
                calldatacopy(add(data, 1), add(from, size), 16)
                calldatacopy(add(data, 17), from, size)
                for { let k := 0 } lt(k, size) { k := add(k, 8) } {
                    good := and(good, lt(shr(192, calldataload(add(from, k))), p))
                }
                pop(staticcall(gas(), 2, data, add(size, 17), 0, 32))
                digest := mload(0)
            }
            level[i] = digest;
        }
        if (!good) revert BadEncoding();
        if (_fold(s, level, places, log) != expected) revert BadColumn();
    }

    /// @notice Refuse bytes after the end.
    function finish(Stream memory s) internal pure {
        if (s.at != s.end) revert BadEncoding();
    }

    function _insert(uint256[] memory sorted, uint256 have, uint256 position) private pure returns (uint256) {
        uint256 place = have;
        while (place != 0 && sorted[place - 1] >= position) {
            if (sorted[place - 1] == position) return have;
            --place;
        }
        for (uint256 i = have; i > place; --i) {
            sorted[i] = sorted[i - 1];
        }
        sorted[place] = position;
        return have + 1;
    }

    function _fold(Stream memory s, bytes32[] memory level, uint256[] memory places, uint256 log)
        private
        view
        returns (bytes32)
    {
        uint256 count = level.length;
        bytes memory buffer = new bytes(65);
        buffer[0] = 0x01;
        for (uint256 height = 0; height < log; ++height) {
            uint256 kept = 0;
            for (uint256 i = 0; i < count;) {
                uint256 place = places[i];
                bytes32 other;
                uint256 step = 1;
                if (place & 1 == 0 && i + 1 < count && places[i + 1] == place + 1) {
                    other = level[i + 1];
                    step = 2;
                } else {
                    uint256 at = skip(s, NODE_BYTES);
                    assembly ("memory-safe") {
                        other := calldataload(at)
                    }
                }
                bytes32 mine = level[i];
                (bytes32 left, bytes32 right) = place & 1 == 0 ? (mine, other) : (other, mine);
                bytes32 digest;
                assembly ("memory-safe") {
                    let data := add(buffer, 32)
                    mstore(add(data, 1), left)
                    mstore(add(data, 28), right)
                    pop(staticcall(gas(), 2, data, 55, 0, 32))
                    digest := mload(0)
                }
                level[kept] = digest;
                places[kept] = place >> 1;
                ++kept;
                i += step;
            }
            count = kept;
        }
        return level[0];
    }
}
