// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, Order, OrderStatus} from "../../src/types/Types.sol";
import {Base} from "./Base.sol";
import {Execution, Trees} from "./Execution.sol";

/// @dev Gas of whole transactions in the steady state: every account has been used before. Every call is made as a
/// transaction of its own (isolation), so that intrinsic gas, calldata, cold storage and refunds are all in the figure.
/// forge-config: default.isolate = true
contract GasTest is Base {
    using Trees for Trees.Tree;

    string private constant GROUP = "core";

    function test_gas_order_fromOfferToPaid_staysUnderTheBound() public {
        deliver(warmUp());
        Order memory order = fresh("measured");
        bytes memory signature = authorization(order);
        uint256 first = send(
            provider,
            address(market),
            abi.encodeCall(market.acceptAndSubmit, (order, AUTHORIZATION, signature, TRACE_ROOT, output))
        );
        warpPastWindow();
        uint256 second = send(stranger, address(market), abi.encodeCall(market.finalize, (order)));
        assertStatus(order, OrderStatus.PAID);
        vm.snapshotValue(GROUP, "order: acceptAndSubmit", first);
        vm.snapshotValue(GROUP, "order: finalize", second);
        vm.snapshotValue(GROUP, "order: total", first + second);
        assertLe(first + second, 170_000, "order from offer to paid");
    }

    function test_gas_order_fundedFirst_isRecorded() public {
        deliver(warmUp());
        Order memory order = fresh("measured");
        bytes memory signature = authorization(order);
        vm.snapshotValue(
            GROUP,
            "funded first: accept",
            send(provider, address(market), abi.encodeCall(market.accept, (order, AUTHORIZATION, signature)))
        );
        vm.snapshotValue(
            GROUP,
            "funded first: submit",
            send(provider, address(market), abi.encodeCall(market.submit, (order, TRACE_ROOT, output)))
        );
        vm.snapshotValue(
            GROUP, "order: release", send(client, address(market), abi.encodeCall(market.release, (order, "")))
        );
    }

    function test_gas_order_provedAtOnce_isRecorded() public {
        deliver(warmUp());
        Order memory order = fresh("measured");
        bytes memory signature = authorization(order);
        vm.snapshotValue(
            GROUP,
            "order: acceptAndProve, without the module's work",
            send(
                provider,
                address(market),
                abi.encodeCall(market.acceptAndProve, (order, AUTHORIZATION, signature, NATIVE, output, output))
            )
        );
    }

    function test_gas_vault_depositAndWithdraw_areRecorded() public {
        vm.snapshotValue(GROUP, "vault: deposit", send(client, address(vault), abi.encodeCall(vault.deposit, (1e6))));
        vm.snapshotValue(
            GROUP, "vault: withdraw", send(client, address(vault), abi.encodeCall(vault.withdraw, (1e6, client)))
        );
    }

    function test_gas_fraudProof_ofOneElement_staysUnderTheBound() public {
        Execution.Model memory model = Execution.model(16);
        Execution.Run memory cheat = Execution.run(model, 1, false);
        slashOnce(model, cheat);
        Order memory order = cheatedOrder(model, cheat, "measured");
        bytes32 salt = keccak256("find");
        ElementProof memory proof = Execution.resultProof(model, cheat, 1);
        (uint256 commit, uint256 prove) = commitAndProve(order, model, cheat, proof, salt);
        assertStatus(order, OrderStatus.SLASHED);
        vm.snapshotValue(GROUP, "fraud proof: commitFind", commit);
        vm.snapshotValue(GROUP, "fraud proof: proveElement", prove);
        assertLe(prove, 200_000, "one-transaction fraud proof");
    }

    function test_gas_dissection_ofSixtyFourThousandWords_staysUnderTheBound() public {
        Execution.Model memory model = Execution.model(16);
        Execution.Run memory cheat = Execution.run(model, 1, false);
        slashOnce(model, cheat);
        Order memory order = cheatedOrder(model, cheat, "measured");
        uint256 opened = send(
            challenger,
            address(court),
            abi.encodeCall(court.openDispute, (order, Execution.header(cheat, output), model.commitment))
        );
        uint256 moves = descend(order, cheat);
        uint256 leaf = send(
            provider,
            address(court),
            abi.encodeCall(court.revealLeaf, (order, challenger, cheat.words[Execution.RESULT_LEAF]))
        );
        ElementProof memory proof = Execution.resultProof(model, cheat, 1);
        (uint256 commit, uint256 prove) = commitAndProve(order, model, cheat, proof, keccak256("find"));
        assertStatus(order, OrderStatus.SLASHED);
        assertEq(locked(challenger), 0, "bond came back");
        vm.snapshotValue(GROUP, "dissection 2^16: open", opened);
        vm.snapshotValue(GROUP, "dissection 2^16: four reveals and picks", moves);
        vm.snapshotValue(GROUP, "dissection 2^16: leaf", leaf);
        vm.snapshotValue(GROUP, "dissection 2^16: commitFind and proof", commit + prove);
        vm.snapshotValue(GROUP, "dissection 2^16: total", opened + moves + leaf + commit + prove);
        assertLe(opened + moves + leaf + commit + prove, 700_000, "dissection of a withheld trace");
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function descend(Order memory order, Execution.Run memory cheat) private returns (uint256 gas) {
        uint256 height = 16;
        while (height > 0) {
            bytes32[] memory row = cheat.trace.row(height, Execution.RESULT_LEAF >> height);
            gas += send(provider, address(court), abi.encodeCall(court.reveal, (order, challenger, row)));
            height -= 4;
            uint256 index = (Execution.RESULT_LEAF >> height) & 15;
            bytes32[] memory child = Trees.childWithPath(row, index);
            gas += send(challenger, address(court), abi.encodeCall(court.pick, (order, child, index)));
        }
    }

    function commitAndProve(
        Order memory order,
        Execution.Model memory model,
        Execution.Run memory cheat,
        ElementProof memory proof,
        bytes32 salt
    ) private returns (uint256 commit, uint256 prove) {
        uint256 tile = (uint256(proof.node) << 32) | proof.element;
        bytes32 digest = keccak256(abi.encode(market.orderId(order), tile, challenger, salt));
        commit = send(challenger, address(court), abi.encodeCall(court.commitFind, (digest)));
        vm.roll(block.number + 1);
        prove = send(
            challenger,
            address(court),
            abi.encodeCall(court.proveElement, (order, Execution.header(cheat, output), model.commitment, proof, salt))
        );
    }

    /// @dev One slash before the measured one: the account that burns is no longer empty.
    function slashOnce(Execution.Model memory model, Execution.Run memory cheat) private {
        Order memory order = cheatedOrder(model, cheat, "first");
        commitAndProve(order, model, cheat, Execution.resultProof(model, cheat, 1), keccak256("first find"));
    }

    function cheatedOrder(Execution.Model memory model, Execution.Run memory cheat, bytes memory salt)
        private
        returns (Order memory order)
    {
        order = fresh(salt);
        order.model = keccak256(abi.encode(model.commitment));
        order.input = cheat.input.root();
        output = Execution.outputOf(cheat);
        deliver(order, cheat.trace.root());
    }

    function warmUp() private view returns (Order memory) {
        return fresh("warm up");
    }

    function fresh(bytes memory salt) private view returns (Order memory order) {
        order = someOrder();
        order.salt = keccak256(salt);
    }

    // -- the meter ---------------------------------------------------------------------------------------------------

    /// @dev Sends one transaction and returns the gas that its sender pays for.
    function send(address sender, address target, bytes memory data) private returns (uint256) {
        vm.prank(sender);
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return vm.lastCallGas().gasTotalUsed;
    }
}
