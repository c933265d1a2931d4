// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {PanelBase} from "./PanelBase.sol";

/// @dev Gas of the steps of a replicated order, each as a transaction of its own.
/// forge-config: default.isolate = true
contract PanelGasTest is PanelBase {
    string private constant GROUP = "replication";

    function test_gas_replicatedOrder_ofTwoOfThree_isRecorded() public {
        fillPool(8);
        Order memory order = replicated(2, 3, 0);
        accept(order);
        bytes32 result = resultOf(order, TRACE_ROOT);
        bytes32 id = market.orderId(order);
        record("seal", provider, abi.encodeCall(replication.seal, (order, result)));
        uint256 drawBlock = replication.round(id).drawBlock;
        vm.roll(drawBlock + 1);
        vm.setBlockhash(drawBlock, keccak256(header(RANDOM)));
        record("draw of three from eight", stranger, abi.encodeCall(replication.draw, (order, header(RANDOM))));
        address[] memory drawn = drawnFor(order);
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 digest = seatDigest(order, drawn[i], TRACE_ROOT);
            record("commit", drawn[i], abi.encodeCall(replication.commit, (id, digest)));
        }
        submit(order, TRACE_ROOT);
        ResultHeader memory shown = headerWith(TRACE_ROOT);
        for (uint256 i = 0; i < 3; ++i) {
            record("reveal", drawn[i], abi.encodeCall(replication.reveal, (order, shown, SEAT_SALT)));
        }
        vm.warp(block.timestamp + REVEAL_TIME + 1);
        market.prove(order, KIND, output, TRACE_ROOT, "");
        assertStatus(order, OrderStatus.PAID);
        record("close", stranger, abi.encodeCall(replication.close, (order)));
    }

    function test_gas_pool_joinAndLeave_areRecorded() public {
        fillPool(2);
        address one = replicaNumber(5);
        token.mint(one, TICKET);
        vm.startPrank(one);
        token.approve(address(vault), TICKET);
        vault.deposit(TICKET);
        vm.stopPrank();
        record("join", one, abi.encodeCall(replication.join, (1)));
        record("leave", one, abi.encodeCall(replication.leave, ()));
    }

    function record(string memory name, address sender, bytes memory data) private {
        vm.prank(sender);
        (bool done,) = address(replication).call(data);
        assertTrue(done, name);
        vm.snapshotValue(GROUP, name, vm.lastCallGas().gasTotalUsed);
    }
}
