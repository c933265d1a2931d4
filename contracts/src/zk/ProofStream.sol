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
        uint256 mark = _mark();
        s.state = sha256(abi.encodePacked(s.state, uint8(0), uint8(tag), uint64(data.length), data));
        _release(mark);
    }

    /// @notice Read and absorb the next bytes.
    function take(Stream memory s, uint256 tag, uint256 count) internal pure returns (uint256 at) {
        at = skip(s, count);
        uint256 mark = _mark();
        bytes memory message = new bytes(42 + count);
        assembly ("memory-safe") {
            // state | 0 | tag | length | data
            mstore(add(message, 32), mload(add(s, 64)))
            mstore(add(message, 64), or(shl(240, tag), shl(176, count)))
            calldatacopy(add(message, 74), at, count)
        }
        s.state = sha256(message);
        _release(mark);
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
    function challenge(Stream memory s) internal pure returns (K c) {
        uint256 p = Cubics.P;
        uint256 word = _squeeze(s);
        assembly ("memory-safe") {
            let low := 0xFFFFFFFFFFFFFFFF
            c := or(mod(shr(192, word), p), shl(80, mod(and(shr(128, word), low), p)))
            c := or(c, shl(160, mod(and(shr(64, word), low), p)))
        }
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
            uint256 state = _squeeze(s);
            for (uint256 i = 0; i < 8 && drawn < count; ++i) {
                ++drawn;
                have = _insert(sorted, have, (state >> (224 - 32 * i)) & mask);
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
        uint256[] memory level = new uint256[](count);
        bool good = true;
        for (uint256 i = 0; i < count; ++i) {
            uint256 from = at + i * (size + 16);
            good = canonical(from, height) && good;
            uint256 place = known[i];
            assembly ("memory-safe") {
                // 0 | salt | column
                let buffer := mload(0x40)
                mstore8(buffer, 0)
                calldatacopy(add(buffer, 1), add(from, size), 16)
                calldatacopy(add(buffer, 17), from, size)
                if iszero(staticcall(gas(), 2, buffer, add(size, 17), 0, 32)) { revert(0, 0) }
                // the first 27 bytes, and where it belongs in the last five
                mstore(add(add(level, 32), shl(5, i)), or(and(mload(0), not(0xFFFFFFFFFF)), place))
            }
        }
        if (!good) revert BadEncoding();
        if (_fold(s, level, log) != expected) revert BadColumn();
    }

    /// @notice Whether numbers of eight bytes in the call data are all below the prime.
    function canonical(uint256 at, uint256 count) internal pure returns (bool good) {
        assembly ("memory-safe") {
            // n >= p exactly if n + 2^32 - 1 does not fit 64 bits; four numbers at a time, every second one in its place
            let even := 0x0000000000000000FFFFFFFFFFFFFFFF0000000000000000FFFFFFFFFFFFFFFF
            let more := 0x000000000000000000000000FFFFFFFF000000000000000000000000FFFFFFFF
            let carry := 0
            for { let end := add(at, shl(3, count)) } lt(at, end) { at := add(at, 32) } {
                let word := calldataload(at)
                let left := sub(end, at)
                if lt(left, 32) { word := shr(sub(256, shl(3, left)), word) }
                carry := or(carry, add(and(word, even), more))
                carry := or(carry, add(and(shr(64, word), even), more))
            }
            good := iszero(and(carry, not(even)))
        }
    }

    /// @notice Refuse bytes after the end.
    function finish(Stream memory s) internal pure {
        if (s.at != s.end) revert BadEncoding();
    }

    function _squeeze(Stream memory s) private pure returns (uint256) {
        uint256 mark = _mark();
        s.state = sha256(abi.encodePacked(s.state, uint8(1)));
        _release(mark);
        return uint256(s.state);
    }

    /// @dev Where memory is free.
    function _mark() private pure returns (uint256 mark) {
        assembly ("memory-safe") {
            mark := mload(0x40)
        }
    }

    /// @dev Take memory back that nothing refers to any more: what is hashed is as long as the proof, and memory gets
    /// dearer the more of it there is.
    function _release(uint256 mark) private pure {
        assembly ("memory-safe") {
            mstore(0x40, mark)
        }
    }

    function _insert(uint256[] memory sorted, uint256 have, uint256 position) private pure returns (uint256 now_) {
        assembly ("memory-safe") {
            now_ := have
            let first := add(sorted, 32)
            let place := add(first, shl(5, have))
            for {} gt(place, first) { place := sub(place, 32) } {
                if iszero(gt(mload(sub(place, 32)), position)) { break }
            }
            // not greater than the position: equal, or the last that is less
            let known := 0
            if gt(place, first) { known := eq(mload(sub(place, 32)), position) }
            if iszero(known) {
                mcopy(add(place, 32), place, sub(add(first, shl(5, have)), place))
                mstore(place, position)
                now_ := add(have, 1)
            }
        }
    }

    /// @dev From digests of leaves, each with its place in the last five bytes, to the root.
    function _fold(Stream memory s, uint256[] memory level, uint256 log) private view returns (bytes32 digest) {
        uint256 at = s.at;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            let left := add(buffer, 1)
            let right := add(buffer, 28)
            let first := add(level, 32)
            let end := add(first, shl(5, mload(level)))
            for {} log { log := sub(log, 1) } {
                let to := first
                for { let from := first } lt(from, end) {} {
                    let mine := mload(from)
                    from := add(from, 32)
                    switch and(mine, 1)
                    case 1 {
                        mstore(left, calldataload(at))
                        mstore(right, mine)
                        at := add(at, 27)
                    }
                    default {
                        // the sibling is the next one, or comes with the proof
                        let other := mload(from)
                        mstore(left, mine)
                        switch and(lt(from, end), eq(and(other, 0xFFFFFFFFFF), add(and(mine, 0xFFFFFFFFFF), 1)))
                        case 1 {
                            mstore(right, other)
                            from := add(from, 32)
                        }
                        default {
                            mstore(right, calldataload(at))
                            at := add(at, 27)
                        }
                    }
                    if iszero(staticcall(gas(), 2, buffer, 55, 0, 32)) { revert(0, 0) }
                    digest := mload(0)
                    mstore(to, or(and(digest, not(0xFFFFFFFFFF)), shr(1, and(mine, 0xFFFFFFFFFF))))
                    to := add(to, 32)
                }
                end := to
            }
        }
        if (at > s.end) revert BadEncoding();
        s.at = at;
    }
}
