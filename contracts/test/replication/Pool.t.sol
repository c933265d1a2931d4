// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Replication} from "../../src/court/Replication.sol";
import {IReplication, ReplicationParameters} from "../../src/interfaces/IReplication.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Order} from "../../src/types/Types.sol";
import {PanelBase} from "./PanelBase.sol";

contract PoolTest is PanelBase {
    function test_join_locksAStakePerTicket(uint256 tickets) public {
        tickets = bound(tickets, 1, type(uint16).max);
        address one = replicaNumber(0);
        join(one, tickets);
        assertEq(locked(one), tickets * TICKET, "stake");
        assertEq(ticketsOf(one), tickets, "tickets");
        assertEq(replication.totalTickets(), tickets, "all tickets");
    }

    function test_join_againAddsTickets() public {
        join(replicaNumber(0), 2);
        join(replicaNumber(0), 3);
        assertEq(ticketsOf(replicaNumber(0)), 5, "tickets");
        assertEq(replication.totalTickets(), 5, "all tickets");
    }

    function test_join_withNoTicketsOrTooMany_isRefused() public {
        vm.startPrank(provider);
        vm.expectRevert(IReplication.BadTickets.selector);
        replication.join(0);
        vm.expectRevert(IReplication.BadTickets.selector);
        replication.join(1 << 16);
        vm.expectRevert(IReplication.BadTickets.selector);
        replication.join(type(uint256).max);
        replication.join(1);
        vm.expectRevert(IReplication.BadTickets.selector);
        replication.join(type(uint16).max);
    }

    function test_join_withoutTheStake_isRefused() public {
        vm.expectRevert(IVault.InsufficientFree.selector);
        vm.prank(replicaNumber(0));
        replication.join(1);
    }

    function test_join_ofMoreThanThereArePlaces_isRefused() public {
        join(replicaNumber(0), 1);
        bytes32 slot = usedPlacesSlot();
        vm.store(address(replication), slot, bytes32(uint256(4096)));
        token.mint(stranger, TICKET);
        vm.expectRevert(IReplication.PoolFull.selector);
        vm.prank(stranger);
        replication.join(1);
    }

    /// @dev The slot that counts one place after one member joined.
    function usedPlacesSlot() private view returns (bytes32) {
        for (uint256 slot = 0; slot < 16; ++slot) {
            if (uint256(vm.load(address(replication), bytes32(slot))) == 1) return bytes32(slot);
        }
        revert("no such slot");
    }

    function test_leave_endsWithTheStakeOnceItIsFree() public {
        address one = replicaNumber(0);
        join(one, 4);
        vm.prank(one);
        replication.leave();
        assertEq(replication.totalTickets(), 0, "cannot be drawn");
        vm.expectRevert(IReplication.StillBound.selector);
        replication.collect(one);
        vm.expectRevert(IReplication.Leaving.selector);
        vm.prank(one);
        replication.join(1);
        vm.warp(block.timestamp + UNBONDING);
        replication.collect(one);
        assertEq(free(one), 4 * TICKET, "stake is back");
        assertEq(locked(one), 0, "nothing is bound");
    }

    function test_collect_givesThePlaceToTheNext() public {
        fillPool(3);
        address second = replicaNumber(1);
        uint16 place = replication.member(second).place;
        vm.prank(second);
        replication.leave();
        vm.warp(block.timestamp + UNBONDING);
        replication.collect(second);
        join(replicaNumber(9), 1);
        assertEq(uint256(replication.member(replicaNumber(9)).place), uint256(place), "place");
    }

    function test_leave_andCollect_ofOthers_areRefused() public {
        vm.expectRevert(IReplication.NotMember.selector);
        replication.leave();
        vm.expectRevert(IReplication.NotMember.selector);
        replication.collect(stranger);
        join(replicaNumber(0), 1);
        vm.expectRevert(IReplication.NotMember.selector);
        replication.collect(replicaNumber(0));
        vm.startPrank(replicaNumber(0));
        replication.leave();
        vm.expectRevert(IReplication.NotMember.selector);
        replication.leave();
    }

    function test_constructor_withClocksThatDoNotFit_isRefused() public {
        ReplicationParameters memory numbers = replicationParameters();
        numbers.unbonding = 2 * (COMMIT_TIME + REVEAL_TIME);
        refuse(numbers);
        numbers = replicationParameters();
        numbers.ticket = 0;
        refuse(numbers);
        numbers = replicationParameters();
        numbers.drawDelay = 0;
        refuse(numbers);
        numbers = replicationParameters();
        numbers.commitTime = 0;
        refuse(numbers);
        numbers = replicationParameters();
        numbers.revealTime = 0;
        refuse(numbers);
    }

    function refuse(ReplicationParameters memory numbers) private {
        vm.expectRevert(IReplication.BadParameters.selector);
        new Replication(market, vault, court, numbers);
    }

    function test_views_nameItsParts() public view {
        assertEq(replication.market(), address(market), "market");
        assertEq(replication.vault(), address(vault), "vault");
        assertEq(replication.court(), address(court), "court");
        assertEq(
            keccak256(abi.encode(replication.parameters())), keccak256(abi.encode(replicationParameters())), "numbers"
        );
        assertEq(replication.version(), "1.0.0", "version");
    }

    // -- the draw ----------------------------------------------------------------------------------------------------

    function test_draw_neverTakesAnybodyTwiceNorAParty(uint256 members, uint256 n, bytes32 random) public {
        members = bound(members, 1, 20);
        n = bound(n, 1, 15);
        join(client, 50);
        join(provider, 50);
        fillPool(members);
        Order memory order = replicated(1, n, 0);
        acceptAndSeal(order, TRACE_ROOT);
        address[] memory drawn = draw(order, random == 0 ? RANDOM : random);
        assertEq(drawn.length, n < members ? n : members, "as many as there are");
        assertEq(uint256(seatOf(order, client)), 0, "the client is not drawn");
        assertEq(uint256(seatOf(order, provider)), 0, "the provider is not drawn");
    }

    function test_draw_ofOneAmongTwo_followsTheirTickets() public {
        join(replicaNumber(0), 9);
        join(replicaNumber(1), 1);
        vm.roll(block.number + 1);
        Order memory order = replicated(1, 1, 0);
        acceptAndSeal(order, TRACE_ROOT);
        uint256 state = vm.snapshotState();
        uint256 often = 0;
        for (uint256 i = 1; i <= 200; ++i) {
            if (draw(order, keccak256(abi.encode(i)))[0] == replicaNumber(0)) ++often;
            vm.revertToState(state);
        }
        assertTrue(often >= 160 && often <= 198, "nine of ten, within four standard deviations");
    }
}
