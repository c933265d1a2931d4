// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, ModelCommitment, Order, OutputProof, ResultHeader} from "../../src/types/Types.sol";
import {Base} from "./Base.sol";
import {Execution, Trees} from "./Execution.sol";

/// @dev A cheated, delivered order, and short forms of what people do in court. The trace has 64 words, so a dissection
/// goes down four levels and then two.
abstract contract CourtBase is Base {
    using Trees for Trees.Tree;

    uint256 internal constant DEPTH = 6;
    uint256 internal constant DISPUTE_BOND = RESPONDENT_COST + uint256(PRICE) * 10 / 100;
    bytes32 internal constant SALT = keccak256("find");
    uint32 internal constant WRONG_ELEMENT = 1;

    // -- executions --------------------------------------------------------------------------------------------------

    function theModel() internal pure returns (Execution.Model memory) {
        return Execution.model(DEPTH);
    }

    function cheat() internal pure returns (Execution.Run memory) {
        return Execution.run(theModel(), 1, false);
    }

    function honest() internal pure returns (Execution.Run memory) {
        return Execution.run(theModel(), 0, false);
    }

    function orderOf(Execution.Run memory run) internal view returns (Order memory order) {
        order = someOrder();
        order.model = keccak256(abi.encode(theModel().commitment));
        order.input = run.input.root();
    }

    function deliverRun(Execution.Run memory run) internal returns (Order memory order) {
        output = Execution.outputOf(run);
        order = orderOf(run);
        deliver(order, run.trace.root());
    }

    function headerOf(Execution.Run memory run) internal view returns (ResultHeader memory) {
        return Execution.header(run, output);
    }

    function commitment() internal pure returns (ModelCommitment memory) {
        return theModel().commitment;
    }

    // -- fraud proofs ------------------------------------------------------------------------------------------------

    function elementTile(uint32 node, uint32 element) internal pure returns (uint256) {
        return (uint256(node) << 32) | element;
    }

    function commitTo(Order memory order, uint256 tile, address who) internal {
        bytes32 digest = keccak256(abi.encode(market.orderId(order), tile, who, SALT));
        vm.prank(who);
        court.commitFind(digest);
    }

    function commitInEarlierBlock(Order memory order, uint256 tile, address who) internal {
        commitTo(order, tile, who);
        vm.roll(block.number + 1);
    }

    function proveWrong(Order memory order, Execution.Run memory run, address who) internal {
        ElementProof memory proof = Execution.resultProof(theModel(), run, WRONG_ELEMENT);
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.prank(who);
        court.proveElement(order, header, model, proof, SALT);
    }

    function convict(Order memory order, Execution.Run memory run, address who) internal {
        commitInEarlierBlock(order, elementTile(1, WRONG_ELEMENT), who);
        proveWrong(order, run, who);
    }

    function proveOutput(Order memory order, Execution.Run memory run, OutputProof memory proof, address who) internal {
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.prank(who);
        court.proveOutput(order, header, model, proof, SALT);
    }

    // -- dissection --------------------------------------------------------------------------------------------------

    function openDispute(Order memory order, Execution.Run memory run, address who) internal {
        ResultHeader memory header = headerOf(run);
        ModelCommitment memory model = commitment();
        vm.prank(who);
        court.openDispute(order, header, model);
    }

    /// @dev Descendants of the node above the wrong word at that height.
    function rowAt(Execution.Run memory run, uint256 height) internal pure returns (bytes32[] memory) {
        return run.trace.row(height, Execution.RESULT_LEAF >> height);
    }

    function revealTo(Order memory order, address who, bytes32[] memory row) internal {
        vm.prank(provider);
        court.reveal(order, who, row);
    }

    function pickBy(Order memory order, address who, bytes32[] memory row, uint256 index) internal {
        vm.prank(who);
        court.pick(order, row, index);
    }

    /// @dev From the root down to the leaf with the wrong word: 64 words, 16 children and then 4.
    function descend(Order memory order, Execution.Run memory run, address who) internal {
        bytes32[] memory row = rowAt(run, 6);
        revealTo(order, who, row);
        pickBy(order, who, row, Execution.RESULT_LEAF >> 2);
        row = rowAt(run, 2);
        revealTo(order, who, row);
        pickBy(order, who, row, Execution.RESULT_LEAF & 3);
    }

    function showLeaf(Order memory order, Execution.Run memory run, address who) internal {
        vm.prank(provider);
        court.revealLeaf(order, who, run.words[Execution.RESULT_LEAF]);
    }
}
