// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../../src/interfaces/ICourt.sol";
import {Opening} from "../../src/types/Types.sol";
import {Test} from "../Vm.sol";
import {Harness} from "./Harness.sol";
import {Trees} from "./Trees.sol";

contract MerkleTest is Test {
    Harness private immutable HARNESS = new Harness();

    function _words(uint256 count, bytes32 seed) private pure returns (bytes32[] memory words) {
        words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            words[i] = keccak256(abi.encode(seed, i));
        }
    }

    function _pick(uint256 depth, uint256 first, uint256 count) private pure returns (uint256, uint256, uint256) {
        depth %= 7;
        first %= 1 << depth;
        return (depth, first, 1 + count % ((1 << depth) - first));
    }

    function test_range_opened_givesTheTreesRoot(bytes32 seed, uint256 depth, uint256 first, uint256 count)
        external
        view
    {
        (depth, first, count) = _pick(depth, first, count);
        bytes32[] memory words = _words(1 << depth, seed);
        Opening memory opening = Trees.open(words, first, count);
        vm.assertEq(HARNESS.wordsRoot(opening, first, depth), Trees.root(Trees.leaves(words)), "root");
    }

    function test_range_withASiblingTooManyOrTooFew_reverts(
        bytes32 seed,
        uint256 depth,
        uint256 first,
        uint256 count,
        bool more
    ) external {
        (depth, first, count) = _pick(depth, first, count);
        Opening memory opening = Trees.open(_words(1 << depth, seed), first, count);
        uint256 length = opening.path.length;
        vm.assume(more || length > 0);
        bytes32[] memory path = new bytes32[](more ? length + 1 : length - 1);
        for (uint256 i = 0; i < path.length && i < length; ++i) {
            path[i] = opening.path[i];
        }
        opening.path = path;
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.wordsRoot(opening, first, depth);
    }

    function test_range_atAnotherPlace_givesAnotherRootOrReverts(
        bytes32 seed,
        uint256 depth,
        uint256 first,
        uint256 count,
        uint256 other
    ) external view {
        (depth, first, count) = _pick(depth, first, count);
        vm.assume(depth > 0);
        bytes32[] memory words = _words(1 << depth, seed);
        Opening memory opening = Trees.open(words, first, count);
        other %= 1 << depth;
        vm.assume(other != first);
        try HARNESS.wordsRoot(opening, other, depth) returns (bytes32 root) {
            vm.assertTrue(root != Trees.root(Trees.leaves(words)), "same root at another place");
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(reason), bytes32(ICourt.BadOpening.selector), "reason");
        }
    }

    function test_range_outsideTheTree_reverts(uint256 depth, uint256 count) external {
        depth = 2 + depth % 5;
        count = 1 + count % 4;
        Opening memory opening = Opening({words: _words(count, 0), path: new bytes32[](depth)});
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.wordsRoot(opening, (1 << depth) - count + 1, depth);
    }

    function test_range_ofNothing_reverts() external {
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.wordsRoot(Opening({words: new bytes32[](0), path: new bytes32[](0)}), 0, 0);
    }

    function test_leaf_ofADepthThatDiffersFromThePath_reverts() external {
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.leafRoot(bytes32(0), 0, 3, new bytes32[](4));
    }

    function test_wholeTree_ofFewerWords_isFilledWithZeroWords(bytes32 seed, uint256 depth, uint256 count)
        external
        view
    {
        depth %= 7;
        count %= (1 << depth) + 1;
        bytes32[] memory words = _words(count, seed);
        bytes32[] memory filled = new bytes32[](1 << depth);
        for (uint256 i = 0; i < count; ++i) {
            filled[i] = words[i];
        }
        vm.assertEq(HARNESS.treeRoot(words, depth), Trees.root(Trees.leaves(filled)), "root");
    }

    function test_inputTree_saltsEveryLeaf(bytes32 salt, bytes32 seed, uint256 depth, uint256 count) external view {
        depth %= 5;
        count %= (1 << depth) + 1;
        bytes32[] memory words = _words(count, seed);
        bytes32[] memory hashes = new bytes32[](1 << depth);
        for (uint256 i = 0; i < hashes.length; ++i) {
            bytes32 word = i < count ? words[i] : bytes32(0);
            hashes[i] = keccak256(abi.encode(keccak256(abi.encode(salt, i)), i, word));
        }
        vm.assertEq(HARNESS.saltedRoot(abi.encodePacked(words), salt, depth), Trees.root(hashes), "root");
    }
}
