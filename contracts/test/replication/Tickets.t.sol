// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BlockHeader} from "../../src/court/replicas/BlockHeader.sol";
import {Tickets} from "../../src/court/replicas/Tickets.sol";
import {Test} from "../Vm.sol";

/// @dev The tree of sums against a plain list, and a header's random number against headers of real blocks.
contract TicketsTest is Test {
    using Tickets for Tickets.Tree;

    uint256 private constant PLACES = 24;
    Tickets.Tree private _tree;
    uint256[PLACES] private _plain;

    /// @dev Places that are far apart, so that every level of the tree branches.
    function placeOf(uint256 i) private pure returns (uint256) {
        return (i * 1021) % Tickets.PLACES;
    }

    /// forge-config: default.fuzz.runs = 32
    function test_tree_afterAnyChanges_findsEveryTicketOfAPlainList(uint256 seed) public {
        for (uint256 change = 0; change < 40; ++change) {
            uint256 dice = uint256(keccak256(abi.encode(seed, change)));
            _plain[dice % PLACES] = (dice >> 16) % 5 == 0 ? 0 : (dice >> 32) % 9;
            _tree.set(placeOf(dice % PLACES), _plain[dice % PLACES]);
            if (dice >> 255 == 1) vm.roll(block.number + 1);
        }
        uint256 sum = 0;
        for (uint256 i = 0; i < PLACES; ++i) {
            checkPlace(i);
            sum += _plain[i];
        }
        assertEq(_tree.total(block.number), sum, "total");
    }

    function checkPlace(uint256 i) private view {
        uint256 start = 0;
        for (uint256 other = 0; other < PLACES; ++other) {
            if (placeOf(other) < placeOf(i)) start += _plain[other];
        }
        Tickets.Run memory run = _tree.runOf(placeOf(i), block.number);
        assertEq(run.length, _plain[i], "length");
        assertEq(run.start, start, "start");
        for (uint256 ticket = start; ticket < start + _plain[i]; ++ticket) {
            (uint256 found, Tickets.Run memory its) = _tree.find(ticket, block.number);
            assertEq(found, placeOf(i), "place of a ticket");
            assertEq(its.start, start, "start of its run");
            assertEq(its.length, run.length, "length of its run");
        }
    }

    function test_tree_atAnEarlierBlock_isAsItWas(uint256 first, uint256 second) public {
        first = bound(first, 1, 65_535);
        second = bound(second, 0, 65_535);
        vm.roll(10);
        _tree.set(7, first);
        vm.roll(20);
        _tree.set(7, second);
        _tree.set(4095, 3);
        assertEq(_tree.total(9), 0, "before anything");
        assertEq(_tree.total(19), first, "before the change");
        assertEq(_tree.total(20), second + 3, "after it");
        (uint256 place,) = _tree.find(first - 1, 15);
        assertEq(place, 7, "place of the last ticket then");
        assertEq(_tree.runOf(4095, 20).start, second, "start now");
    }

    function test_tree_withEveryPlaceFull_keepsItsSums() public {
        for (uint256 place = 0; place < Tickets.PLACES; place += 64) {
            _tree.set(place, type(uint16).max);
        }
        assertEq(_tree.total(block.number), 64 * uint256(type(uint16).max), "total");
        (uint256 last,) = _tree.find(64 * uint256(type(uint16).max) - 1, block.number);
        assertEq(last, Tickets.PLACES - 64, "last place");
    }

    // -- headers -----------------------------------------------------------------------------------------------------

    function prevRandao(bytes calldata header) external pure returns (bytes32) {
        return BlockHeader.prevRandao(header);
    }

    function test_header_ofALondonBlock_hasItsRandomNumber() public view {
        // 15 fields and a base fee, lengths of every kind: bloom 256 bytes, extra data 3, number 2.
        bytes memory fields = abi.encodePacked(
            hex"a0",
            keccak256("parent"),
            hex"a0",
            keccak256("uncles"),
            hex"94",
            address(this),
            hex"a0",
            keccak256("s"),
            hex"a0",
            keccak256("t"),
            hex"a0",
            keccak256("r"),
            hex"b90100",
            new bytes(256)
        );
        fields = abi.encodePacked(
            fields,
            hex"80",
            hex"820401",
            hex"8401c9c380",
            hex"825208",
            hex"8468000000",
            hex"83616263",
            hex"a0",
            keccak256("random"),
            hex"880000000000000000",
            hex"07"
        );
        bytes memory header = abi.encodePacked(hex"f9", uint16(fields.length), fields);
        assertEq(this.prevRandao(header), keccak256("random"), "random number");
    }

    function test_header_ofAnyBytes_isReadWithoutHarm(bytes calldata header) public view {
        try this.prevRandao(header) returns (bytes32) {}
        catch (bytes memory reason) {
            assertTrue(reason.length == 0 || bytes4(reason) == bytes4(keccak256("Panic(uint256)")), "panic at worst");
        }
    }

    function test_header_thatIsShort_hasNone() public view {
        assertEq(this.prevRandao(""), bytes32(0), "empty");
        assertEq(this.prevRandao(hex"c0"), bytes32(0), "empty list");
        assertEq(this.prevRandao(hex"cd80808080808080808080808080"), bytes32(0), "thirteen fields");
        assertEq(this.prevRandao(hex"cfc0808080808080808080808080a000"), bytes32(0), "a list within");
        assertEq(this.prevRandao(hex"f9ffffb9ffff"), bytes32(0), "a string past the end");
    }
}
