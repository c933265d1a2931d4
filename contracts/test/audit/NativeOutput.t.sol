// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NativeExecutor} from "../../src/court/NativeExecutor.sol";
import {ModelCommitment, Order} from "../../src/types/Types.sol";
import {Trees} from "../compute/Trees.sol";

/// @title The executor compares an output with what it computed, not with what was claimed
/// @notice A model of 16 input words whose output of 17 words follows at once: element e is input element e mod 68, plus 1.
/// Its trace begins where free memory does, so anything that uses free memory between execution and comparison would
/// write the claimed output over the computed one.
contract NativeOutputTest {
    bytes32 private constant SALT = keccak256("salt");

    NativeExecutor private _executor;
    ModelCommitment private _model;
    Order private _order;
    bytes private _input;
    bytes private _output;

    function setUp() public {
        _executor = new NativeExecutor();
        bytes memory input = _descriptor(0, 0, 16, 128, 1, 0, 0);
        bytes memory affine = _descriptor(2, 16, 48, 136, 68, (uint256(1) << 248) | (2 << 240) | (1 << 96), 1);
        _publish(input, affine);
        for (uint256 e = 0; e < 128; ++e) {
            _input = bytes.concat(_input, bytes4(uint32(7 * e)));
        }
        for (uint256 e = 0; e < 136; ++e) {
            _output = bytes.concat(_output, bytes4(uint32(7 * (e % 68) + 1)));
        }
        _order.model = keccak256(abi.encode(_model));
        _order.input = _inputRoot();
    }

    function test_output_computed_isAccepted() public view {
        require(keccak256(_executor.execute(_order.model, _input)) == keccak256(_output), "output");
        require(_verify(_output), "refused");
    }

    function test_output_madeOfItsOwnCopy_isRefused() public view {
        // If the claim were copied to where the trace begins, its word 16 would lie over the first computed word, and the
        // zeros that solc puts behind a copy over the second.
        bytes memory claimed = bytes.concat(_output);
        for (uint256 i = 0; i < 32; ++i) {
            (claimed[i], claimed[32 + i]) = (_output[512 + i], 0);
        }
        require(keccak256(claimed) != keccak256(_output), "not a lie");
        require(!_verify(claimed), "accepted");
    }

    function test_output_ofTheInputNode_isComparedToo() public {
        bytes memory input = _descriptor(0, 0, 16, 128, 1, 0, 0);
        bytes memory affine = _descriptor(2, 16, 48, 136, 68, (uint256(1) << 248) | (2 << 240) | (1 << 96), 1);
        _publishOutput(input, affine, 0, 128, 0, 16);
        _order.model = keccak256(abi.encode(_model));
        require(_verify(_input), "refused");
        bytes memory claimed = bytes.concat(_input);
        claimed[0] = 0x77;
        require(!_verify(claimed), "accepted");
    }

    function _verify(bytes memory output) private view returns (bool) {
        return _executor.verify(0, _order, output, abi.encodePacked(_input, SALT));
    }

    function _publish(bytes memory input, bytes memory affine) private {
        _publishOutput(input, affine, 1, 136, 16, 17);
    }

    function _publishOutput(
        bytes memory input,
        bytes memory affine,
        uint32 node,
        uint32 elements,
        uint32 start,
        uint32 words
    ) private {
        bytes memory header = abi.encodePacked(
            bytes8(0x434f4e434f524401), uint32(2), uint32(0), uint32(6), uint32(128), node, elements, bytes32(0)
        );
        bytes[] memory chunks = new bytes[](1);
        chunks[0] = bytes.concat(header, input, affine);
        _model = ModelCommitment({
            programRoot: keccak256(abi.encode(keccak256(input), keccak256(affine))),
            weightsRoot: keccak256(abi.encode(bytes32(0))),
            dimensions: bytes32(
                abi.encodePacked(
                    uint8(1), uint8(0), uint8(6), uint8(4), uint32(2), start, words, uint32(16), bytes12(0)
                )
            ),
            nativeDigest: keccak256(chunks[0]),
            manifestDigest: 0
        });
        _executor.publish(_model, chunks);
    }

    function _inputRoot() private view returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](16);
        bytes memory words = _input;
        for (uint256 i = 0; i < 16; ++i) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(words, 0x20), shl(5, i)))
            }
            leaves[i] = keccak256(abi.encode(keccak256(abi.encode(SALT, i)), i, word));
        }
        return Trees.root(leaves);
    }

    /// @dev 32-bit elements; AFFINE with factor 1, summand `add` and no clamp.
    function _descriptor(uint8 op, uint32 start, uint32 leaves, uint32 n, uint32 cols, uint256 a, uint64 add)
        private
        pure
        returns (bytes memory)
    {
        bool affine = op == 2;
        return abi.encode(
            bytes32(abi.encodePacked(op, uint8(2), uint16(0), start, leaves, n, cols, uint32(0), bytes8(0))),
            a,
            0,
            0,
            bytes32(abi.encodePacked(uint64(affine ? 1 : 0), uint64(0), add, bytes8(0))),
            bytes32(
                abi.encodePacked(affine ? type(int64).min : int64(0), affine ? type(int64).max : int64(0), bytes16(0))
            )
        );
    }
}
