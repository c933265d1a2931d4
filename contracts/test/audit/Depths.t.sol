// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelCommitment, Order, ResultHeader, Turn} from "../../src/types/Types.sol";
import {CourtBase} from "../core/CourtBase.sol";
import {Execution, Trees} from "../core/Execution.sol";

/// @dev A dissection comes to the leaf that was picked in traces of every depth around the rows of sixteen, whether the
/// challenger shows whole rows or picked children with their siblings.
contract DepthsTest is CourtBase {
    using Trees for Trees.Tree;

    function test_dissection_ofTracesOfManyDepths_comesToThePickedLeaf() public {
        for (uint256 depth = 1; depth <= 9; ++depth) {
            uint256 last = (1 << depth) - 1;
            uint256 middle = uint256(keccak256(abi.encode(depth))) & last;
            for (uint256 form = 0; form < 2; ++form) {
                _descend(depth, 0, form == 0);
                _descend(depth, last, form == 0);
                if (middle != 0 && middle != last) _descend(depth, middle, form == 0);
            }
        }
    }

    /// @param whole A row of two is shown whole: it is as long as one child with its sibling.
    function _descend(uint256 depth, uint256 leaf, bool whole) private {
        bytes32[] memory words = Execution.noise("words", 1 << depth);
        Trees.Tree memory trace = Trees.ofWords(words, depth);
        (Order memory order, ModelCommitment memory model) = _order(depth, leaf, whole);
        deliver(order, trace.root());
        ResultHeader memory header = ResultHeader(trace.root(), keccak256(output));
        vm.prank(challenger);
        court.openDispute(order, header, model);
        for (uint256 height = depth; height > 0;) {
            uint256 levels = height < 4 ? height : 4;
            bytes32[] memory row = trace.row(height, leaf >> height);
            revealTo(order, challenger, row);
            uint256 index = (leaf >> (height - levels)) & ((1 << levels) - 1);
            pickBy(order, challenger, whole || levels == 1 ? row : Trees.childWithPath(row, index), index);
            height -= levels;
        }
        vm.prank(provider);
        court.revealLeaf(order, challenger, words[leaf]);
        assertEq(
            uint256(court.dispute(market.orderId(order), challenger).turn), uint256(Turn.CHALLENGER_PROVES), "turn"
        );
    }

    function _order(uint256 depth, uint256 leaf, bool whole)
        private
        view
        returns (Order memory order, ModelCommitment memory model)
    {
        model = commitment();
        model.dimensions = bytes32(depth << 232);
        order = someOrder();
        order.model = keccak256(abi.encode(model));
        order.salt = keccak256(abi.encode(depth, leaf, whole));
    }
}
