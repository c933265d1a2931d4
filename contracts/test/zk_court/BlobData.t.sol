// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BlobData} from "../../src/zk/BlobData.sol";

/// @dev Takes call data, which libraries of call data need.
contract BlobReader {
    function unpack(bytes calldata words, uint256 length) external pure returns (bool, bytes memory) {
        return BlobData.unpack(words, length);
    }

    function evaluate(bytes calldata words, uint256 z) external pure returns (bool, uint256) {
        return BlobData.evaluate(words, z);
    }

    function isBlob(bytes32 blob, bytes calldata commitment, bytes calldata proof) external view returns (bool) {
        return BlobData.isBlob(blob, 1, 2, 3, commitment, proof);
    }
}

/// @title Bytes in a blob, against their definition
contract BlobDataTest {
    uint256 private constant WORDS = 2048;

    BlobReader private immutable READER = new BlobReader();

    function testFuzz_unpack_ofAnyWords_givesTheLow31BytesOfEach(bytes32 seed, uint256 length) external view {
        length = length % (BlobData.HALF_BYTES + 1);
        bytes memory words = new bytes(32 * WORDS);
        _put(words, 0, bytes32(uint256(seed) >> 8));
        _put(words, 7, bytes32(uint256(keccak256(abi.encode(seed))) >> 8));
        _put(words, WORDS - 1, bytes32(uint256(seed) >> 9));
        (bool whole, bytes memory data) = READER.unpack(words, length);
        require(whole && data.length == length, "whole");
        for (uint256 i = 0; i < length; i += 1 + i / 8) {
            require(data[i] == words[32 * (i / 31) + 1 + i % 31], "byte");
        }
    }

    function testFuzz_unpack_ofAWordTooLarge_isNotWhole(uint256 place, uint8 high) external view {
        bytes memory words = new bytes(32 * WORDS);
        words[32 * (place % WORDS)] = bytes1(high == 0 ? 1 : high);
        (bool whole,) = READER.unpack(words, 31);
        require(!whole, "whole");
    }

    function test_evaluate_ofTwoCoefficients_isALinearFunction() external view {
        bytes memory words = new bytes(32 * WORDS);
        _put(words, 0, bytes32(uint256(7)));
        _put(words, 1, bytes32(uint256(5)));
        (bool canonical, uint256 y) = READER.evaluate(words, 100);
        require(canonical && y == 507, "value");
    }

    function test_evaluate_ofAnotherSizeOrANumberBeyondTheField_isNotCanonical() external view {
        (bool canonical,) = READER.evaluate(new bytes(32), 1);
        require(!canonical, "size");
        bytes memory words = new bytes(32 * WORDS);
        _put(words, WORDS - 1, bytes32(type(uint256).max));
        (canonical,) = READER.evaluate(words, 1);
        require(!canonical, "number");
    }

    function test_isBlob_ofOtherSizesOrAnUnprovenPoint_isFalse() external view {
        require(!READER.isBlob(0, new bytes(48), new bytes(48)), "unproven");
        require(!READER.isBlob(0, new bytes(47), new bytes(48)), "commitment");
        require(!READER.isBlob(0, new bytes(48), new bytes(49)), "proof");
    }

    function _put(bytes memory words, uint256 index, bytes32 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(words, 32), mul(32, index)), value)
        }
    }
}
