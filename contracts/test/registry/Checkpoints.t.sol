// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICheckpoints} from "../../src/interfaces/ICheckpoints.sol";
import {Checkpoints} from "../../src/records/Checkpoints.sol";
import {TransparencyTree} from "../../src/records/TransparencyTree.sol";
import {Test} from "../Vm.sol";

/// @dev RFC 6962 word for word, as the reference.
library Reference {
    function root(bytes32[] memory leaves, uint256 start, uint256 stop) internal pure returns (bytes32) {
        if (stop - start == 1) return leaves[start];
        uint256 split = start + largestPowerBelow(stop - start);
        return sha256(abi.encodePacked(hex"01", root(leaves, start, split), root(leaves, split, stop)));
    }

    function path(bytes32[] memory leaves, uint256 index, uint256 start, uint256 stop)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (stop - start == 1) return new bytes32[](0);
        uint256 split = start + largestPowerBelow(stop - start);
        return index < split
            ? append(path(leaves, index, start, split), root(leaves, split, stop))
            : append(path(leaves, index, split, stop), root(leaves, start, split));
    }

    function append(bytes32[] memory list, bytes32 last) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }

    function largestPowerBelow(uint256 count) internal pure returns (uint256 power) {
        power = 1;
        while (power * 2 < count) power *= 2;
    }
}

contract CheckpointsTest is Test {
    Checkpoints private checkpoints;
    address private constant OWNER = address(0x106);
    bytes32 private constant LOG = bytes32(uint256(0x106));
    string private constant GROUP = "registry";

    function setUp() public {
        checkpoints = new Checkpoints();
        vm.warp(1_800_000_000);
    }

    // -- posting ------------------------------------------------------------------------------------------------------

    function test_post_checkpoint_extendsTheChainAndTellsAll() public {
        bytes24 first = _chain(bytes24(0), 3, keccak256("a"));
        vm.expectEmit(address(checkpoints));
        emit ICheckpoints.Posted(LOG, 3, keccak256("a"), first);
        _post(3, keccak256("a"));
        vm.warp(block.timestamp + 60);
        bytes24 second = _chain(first, 9, keccak256("b"));
        vm.expectEmit(address(checkpoints));
        emit ICheckpoints.Posted(LOG, 9, keccak256("b"), second);
        _post(9, keccak256("b"));
        (uint64 size, bytes24 head) = checkpoints.head(LOG);
        assertEq(size, 9, "size");
        assertEq(bytes32(head), bytes32(second), "head");
    }

    function testFuzz_post_sizeThatDoesNotGrow_reverts(uint64 size, uint64 next) public {
        size = uint64(bound(size, 1, type(uint64).max));
        _post(size, keccak256("a"));
        vm.expectRevert(ICheckpoints.NotGrowing.selector);
        _post(uint64(bound(next, 0, size)), keccak256("b"));
    }

    function test_post_emptyLog_reverts() public {
        vm.expectRevert(ICheckpoints.NotGrowing.selector);
        _post(0, keccak256("a"));
    }

    function testFuzz_post_byAStranger_touchesOnlyHisOwnLog(address stranger) public {
        vm.assume(stranger != OWNER);
        _post(3, keccak256("a"));
        vm.prank(stranger);
        checkpoints.post(type(uint64).max, keccak256("b"));
        (uint64 size,) = checkpoints.head(LOG);
        assertEq(size, 3, "the owner's log stands");
        assertEq(checkpoints.logOf(OWNER), LOG, "a log's id is its owner");
    }

    // -- inclusion ----------------------------------------------------------------------------------------------------

    function test_leafOf_referenceEntries_isThePublishedRootOfOne() public view {
        assertEq(
            checkpoints.leafOf(""), 0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d, "CT leaf 0"
        );
        bytes32[] memory leaves = _referenceLeaves();
        assertEq(
            Reference.root(leaves, 0, 8),
            0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328,
            "CT root of eight"
        );
    }

    function test_verifyInclusion_referenceTrees_everyLeafOfEverySizeIsIn() public {
        bytes32[] memory leaves = _referenceLeaves();
        bytes24 before;
        for (uint64 size = 1; size <= 8; ++size) {
            bytes32 root = Reference.root(leaves, 0, size);
            _post(size, root);
            for (uint64 index = 0; index < size; ++index) {
                bytes32[] memory path = Reference.path(leaves, index, 0, size);
                uint40 time = checkpoints.verifyInclusion(LOG, before, _one(size, root), leaves[index], index, path);
                assertEq(time, block.timestamp, "time");
            }
            before = _chain(before, size, root);
        }
    }

    function testFuzz_verifyInclusion_anyTree_acceptsTheLeafAndNoOther(uint64 size, uint64 index, uint256 flaw) public {
        size = uint64(bound(size, 1, 70));
        index = uint64(bound(index, 0, size - 1));
        bytes32[] memory leaves = _leaves(size);
        bytes32 root = Reference.root(leaves, 0, size);
        bytes32[] memory path = Reference.path(leaves, index, 0, size);
        _post(size, root);
        checkpoints.verifyInclusion(LOG, 0, _one(size, root), leaves[index], index, path);
        vm.expectRevert(ICheckpoints.NotIncluded.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(size, root), keccak256("forged"), index, path);
        if (path.length == 0) return;
        path[flaw % path.length] ^= bytes32(uint256(1) << flaw % 256);
        vm.expectRevert(ICheckpoints.NotIncluded.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(size, root), leaves[index], index, path);
    }

    function testFuzz_verifyInclusion_otherPlace_reverts(uint64 size, uint64 index, uint64 claimed) public {
        size = uint64(bound(size, 2, 40));
        index = uint64(bound(index, 0, size - 1));
        vm.assume(claimed != index);
        bytes32[] memory leaves = _leaves(size);
        bytes32 root = Reference.root(leaves, 0, size);
        bytes32[] memory path = Reference.path(leaves, index, 0, size);
        _post(size, root);
        vm.expectRevert();
        checkpoints.verifyInclusion(LOG, 0, _one(size, root), leaves[index], claimed, path);
        vm.expectRevert();
        checkpoints.verifyInclusion(
            LOG, 0, _one(size, root), leaves[index], claimed % size == index ? size : claimed % size, path
        );
    }

    function test_verifyInclusion_pathTooLongOrShort_reverts() public {
        bytes32[] memory leaves = _leaves(7);
        bytes32 root = Reference.root(leaves, 0, 7);
        _post(7, root);
        bytes32[] memory path = Reference.path(leaves, 2, 0, 7);
        vm.expectRevert(TransparencyTree.BadPath.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(7, root), leaves[2], 2, Reference.append(path, root));
        bytes32[] memory short = new bytes32[](path.length - 1);
        vm.expectRevert(TransparencyTree.BadPath.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(7, root), leaves[2], 2, short);
    }

    function test_verifyInclusion_nodeOfTheTreeAsLeafOfASmallerOne_reverts() public {
        bytes32[] memory leaves = _leaves(4);
        bytes32 root = Reference.root(leaves, 0, 4);
        _post(4, root);
        bytes32[] memory path = new bytes32[](1);
        path[0] = Reference.root(leaves, 2, 4);
        bytes32 node = Reference.root(leaves, 0, 2);
        vm.expectRevert(TransparencyTree.BadPath.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(4, root), node, 0, path);
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(2, root), node, 0, path);
    }

    function test_verifyInclusion_olderCheckpoint_needsAllLinksSince() public {
        bytes32[] memory leaves = _leaves(9);
        ICheckpoints.Link[] memory links = new ICheckpoints.Link[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint64 size = uint64(3 * (i + 1));
            bytes32 root = Reference.root(leaves, 0, size);
            _post(size, root);
            links[i] = ICheckpoints.Link({size: size, root: root, time: uint40(block.timestamp)});
            vm.warp(block.timestamp + 100);
        }
        bytes32[] memory path = Reference.path(leaves, 1, 0, 3);
        assertEq(checkpoints.verifyInclusion(LOG, 0, links, leaves[1], 1, path), links[0].time, "time of the older one");
        ICheckpoints.Link memory swapped = links[1];
        links[1] = links[2];
        links[2] = swapped;
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, links, leaves[1], 1, path);
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(links[0].size, links[0].root), leaves[1], 1, path);
    }

    function test_verifyInclusion_checkpointThatWasNeverPosted_reverts() public {
        bytes32[] memory leaves = _leaves(5);
        bytes32 root = Reference.root(leaves, 0, 5);
        bytes32[] memory path = Reference.path(leaves, 0, 0, 5);
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, _one(5, root), leaves[0], 0, path);
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, new ICheckpoints.Link[](0), leaves[0], 0, path);
        _post(4, root);
        ICheckpoints.Link[] memory earlier = _one(4, root);
        earlier[0].time -= 1;
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, earlier, leaves[0], 0, path);
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, bytes24(uint192(1)), _one(4, root), leaves[0], 0, path);
    }

    function test_verifyInclusion_logWithoutCheckpoints_acceptsNoEmptyChain() public {
        vm.expectRevert(ICheckpoints.UnknownCheckpoint.selector);
        checkpoints.verifyInclusion(LOG, 0, new ICheckpoints.Link[](0), 0, 0, new bytes32[](0));
    }

    // -- gas ----------------------------------------------------------------------------------------------------------

    function test_gas_verifyInclusion_twentyHashes_staysUnderTheBound() public {
        assertLe(_measure(0x5a5a5), 15_000, "an entry in the middle");
        uint256 last = _measure((1 << 20) - 1);
        assertLe(last, 15_000, "the last entry");
        vm.snapshotValue(GROUP, "inclusion of one entry in 2^20, execution", last);
    }

    function _measure(uint64 index) private returns (uint256) {
        bytes32[] memory path = new bytes32[](20);
        bytes32 root = keccak256("leaf");
        for (uint256 i = 0; i < 20; ++i) {
            path[i] = keccak256(abi.encode(i));
            root = index >> i & 1 == 1
                ? sha256(abi.encodePacked(hex"01", path[i], root))
                : sha256(abi.encodePacked(hex"01", root, path[i]));
        }
        checkpoints = new Checkpoints();
        _post(1 << 20, root);
        ICheckpoints.Link[] memory links = _one(1 << 20, root);
        vm.cool(address(checkpoints));
        checkpoints.verifyInclusion(LOG, 0, links, keccak256("leaf"), index, path);
        return vm.lastCallGas().gasTotalUsed;
    }

    /// forge-config: default.isolate = true
    function test_gas_post_amortisedOverAMillionDecisions_staysUnderTheBound() public {
        _post(1, keccak256("a"));
        _post(1_000_001, keccak256("b"));
        uint256 used = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue(GROUP, "checkpoint: post, whole transaction", used);
        assertLe(used, 76_000, "0.076 gas a decision at a million");
    }

    // -- pieces -------------------------------------------------------------------------------------------------------

    function _post(uint64 size, bytes32 root) private {
        vm.prank(OWNER);
        checkpoints.post(size, root);
    }

    function _one(uint64 size, bytes32 root) private view returns (ICheckpoints.Link[] memory links) {
        links = new ICheckpoints.Link[](1);
        links[0] = ICheckpoints.Link({size: size, root: root, time: uint40(block.timestamp)});
    }

    function _chain(bytes24 before, uint64 size, bytes32 root) private view returns (bytes24) {
        return bytes24(keccak256(abi.encode(before, size, root, uint40(block.timestamp))));
    }

    function _leaves(uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = sha256(abi.encodePacked(hex"00", i));
        }
    }

    /// @dev The eight entries of the Certificate Transparency reference tests.
    function _referenceLeaves() private view returns (bytes32[] memory leaves) {
        bytes[8] memory entries = [
            bytes(""),
            hex"00",
            hex"10",
            hex"2021",
            hex"3031",
            hex"40414243",
            hex"5051525354555657",
            hex"606162636465666768696a6b6c6d6e6f"
        ];
        leaves = new bytes32[](8);
        for (uint256 i = 0; i < 8; ++i) {
            leaves[i] = checkpoints.leafOf(entries[i]);
        }
    }
}
