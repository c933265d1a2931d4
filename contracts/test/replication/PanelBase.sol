// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReplication, Member, Round, Seat} from "../../src/interfaces/IReplication.sol";
import {EvidenceKind, Order, ResultHeader} from "../../src/types/Types.sol";
import {CourtBase} from "../core/CourtBase.sol";
import {Execution, Trees} from "../core/Execution.sol";

/// @dev A pool of replicas, and short forms of what providers and replicas do. Headers are the shortest lists that have
/// a random number in the right place.
abstract contract PanelBase is CourtBase {
    using Trees for Trees.Tree;

    uint8 internal constant KIND = uint8(EvidenceKind.REPLICATED);
    bytes32 internal constant RANDOM = keccak256("nobody knew");
    bytes32 internal constant SEAT_SALT = keccak256("seat");
    uint96 internal constant FEE = PRICE / 4;

    // -- pool --------------------------------------------------------------------------------------------------------

    function replicaNumber(uint256 i) internal pure returns (address) {
        return vm.addr(0x4E91CA00 + i);
    }

    function join(address replica, uint256 tickets) internal {
        token.mint(replica, tickets * TICKET);
        vm.startPrank(replica);
        token.approve(address(vault), type(uint256).max);
        vault.deposit(tickets * TICKET);
        replication.join(tickets);
        vm.stopPrank();
    }

    function fillPool(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            join(replicaNumber(i), 2);
        }
        vm.roll(block.number + 1);
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    /// @dev k of n replicas, or k of n replicas and a window in which nobody showed a fraud.
    function replicated(uint256 k, uint256 n, uint256 more) internal view returns (Order memory order) {
        order = someOrder();
        order.evidence = bytes32((((1 << KIND) | more) << 248) | (k << 4) | n);
    }

    /// @dev An order that an execution answers.
    function replicatedRun(uint256 k, uint256 n, Execution.Run memory run) internal returns (Order memory order) {
        output = Execution.outputOf(run);
        order = replicated(k, n, 0);
        order.model = keccak256(abi.encode(theModel().commitment));
        order.input = run.input.root();
    }

    function resultOf(Order memory order, bytes32 traceRoot) internal view returns (bytes32) {
        return keccak256(abi.encode(market.orderId(order), order.provider, traceRoot, keccak256(output)));
    }

    function seal(Order memory order, bytes32 traceRoot) internal {
        bytes32 result = resultOf(order, traceRoot);
        vm.prank(order.provider);
        replication.seal(order, result);
    }

    function acceptAndSeal(Order memory order, bytes32 traceRoot) internal {
        accept(order);
        seal(order, traceRoot);
    }

    function header(bytes32 random) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"ee80808080808080808080808080a0", random);
    }

    function draw(Order memory order) internal returns (address[] memory drawn) {
        return draw(order, RANDOM);
    }

    /// @dev Lets the blocks pass, and gives the one that draws a random number.
    function draw(Order memory order, bytes32 random) internal returns (address[] memory drawn) {
        Round memory one = replication.round(market.orderId(order));
        vm.roll(uint256(one.drawBlock) + 1);
        vm.setBlockhash(one.drawBlock, keccak256(header(random)));
        replication.draw(order, header(random));
        return drawnFor(order);
    }

    function drawnFor(Order memory order) internal view returns (address[] memory drawn) {
        bytes32 id = market.orderId(order);
        drawn = new address[](replication.round(id).drawn);
        uint256 count = 0;
        for (uint256 i = 0; count < drawn.length; ++i) {
            if (seatOf(order, replicaNumber(i)) != Seat.NONE) drawn[count++] = replicaNumber(i);
        }
    }

    // -- seats -------------------------------------------------------------------------------------------------------

    function headerWith(bytes32 traceRoot) internal view returns (ResultHeader memory) {
        return ResultHeader({traceRoot: traceRoot, outputHash: keccak256(output)});
    }

    function seatDigest(Order memory order, address replica, bytes32 traceRoot) internal view returns (bytes32) {
        return keccak256(abi.encode(market.orderId(order), replica, keccak256(output), traceRoot, SEAT_SALT));
    }

    function commitSeat(Order memory order, address replica, bytes32 traceRoot) internal {
        bytes32 digest = seatDigest(order, replica, traceRoot);
        bytes32 id = market.orderId(order);
        vm.prank(replica);
        replication.commit(id, digest);
    }

    function revealSeat(Order memory order, address replica, bytes32 traceRoot) internal {
        ResultHeader memory result = headerWith(traceRoot);
        vm.prank(replica);
        replication.reveal(order, result, SEAT_SALT);
    }

    function submit(Order memory order, bytes32 traceRoot) internal {
        vm.prank(order.provider);
        market.submit(order, traceRoot, output);
    }

    /// @dev From the offer to the delivery: everybody commits to the provider's result.
    function deliverAgreed(Order memory order, bytes32 traceRoot) internal returns (address[] memory drawn) {
        acceptAndSeal(order, traceRoot);
        drawn = draw(order);
        for (uint256 i = 0; i < drawn.length; ++i) {
            commitSeat(order, drawn[i], traceRoot);
        }
        submit(order, traceRoot);
    }

    function revealAll(Order memory order, address[] memory drawn, bytes32 traceRoot) internal {
        for (uint256 i = 0; i < drawn.length; ++i) {
            revealSeat(order, drawn[i], traceRoot);
        }
    }

    function seatOf(Order memory order, address replica) internal view returns (Seat state) {
        (state,) = replication.seat(market.orderId(order), replica);
    }

    function assertSeat(Order memory order, address replica, Seat expected) internal view {
        assertEq(uint256(seatOf(order, replica)), uint256(expected), "seat");
    }

    function ticketsOf(address replica) internal view returns (uint256) {
        Member memory one = replication.member(replica);
        return one.tickets;
    }
}
