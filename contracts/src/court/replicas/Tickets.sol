// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title Tickets by place, as they were at any block
/// @notice 4,096 places, each with a number of tickets, under a tree of four levels: a node keeps the sums of its eight
/// children in one checkpoint. Setting a place writes four checkpoints, finding the place of a ticket reads four. As every
/// node remembers its past, a draw can look at the places as they stood before anybody could know its outcome.
library Tickets {
    using Checkpoints for Checkpoints.Trace224;

    /// @dev How many places there are.
    uint256 internal constant PLACES = 4096;
    uint256 private constant LEVELS = 4;
    uint256 private constant SUM_BITS = 28;
    uint256 private constant SUM = (1 << SUM_BITS) - 1;

    /// @dev By `level << 16 | first places >> (3 * levels below)`.
    struct Tree {
        mapping(uint256 node => Checkpoints.Trace224) nodes;
    }

    /// @dev Some consecutive tickets.
    struct Run {
        uint256 start;
        uint256 length;
    }

    /// @notice Sets the tickets of a place from this block on. All of them together fit 28 bits.
    function set(Tree storage tree, uint256 place, uint256 tickets) internal {
        uint256 had = 0;
        for (uint256 level = LEVELS; level > 0; --level) {
            (uint256 node, uint256 shift) = _at(place, level - 1);
            uint256 sums = tree.nodes[node].latest();
            if (level == LEVELS) had = (sums >> shift) & SUM;
            sums = sums - (had << shift) + (tickets << shift);
            tree.nodes[node].push(uint32(block.number), uint224(sums));
        }
    }

    /// @notice All tickets at the end of a block.
    function total(Tree storage tree, uint256 blockNumber) internal view returns (uint256 sum) {
        uint256 sums = tree.nodes[0].upperLookupRecent(uint32(blockNumber));
        for (; sums != 0; sums >>= SUM_BITS) {
            sum += sums & SUM;
        }
    }

    /// @notice The place that had a ticket at the end of a block, and its run of tickets.
    function find(Tree storage tree, uint256 ticket, uint256 blockNumber)
        internal
        view
        returns (uint256 place, Run memory run)
    {
        uint256 rest = ticket;
        for (uint256 level = 0; level < LEVELS; ++level) {
            uint256 sums = tree.nodes[(level << 16) | place].upperLookupRecent(uint32(blockNumber));
            uint256 child = 0;
            while (rest >= sums & SUM) {
                rest -= sums & SUM;
                sums >>= SUM_BITS;
                ++child;
            }
            place = (place << 3) | child;
            run.length = sums & SUM;
        }
        run.start = ticket - rest;
    }

    /// @notice The run of tickets of a place at the end of a block.
    function runOf(Tree storage tree, uint256 place, uint256 blockNumber) internal view returns (Run memory run) {
        for (uint256 level = 0; level < LEVELS; ++level) {
            (uint256 node, uint256 shift) = _at(place, level);
            uint256 sums = tree.nodes[node].upperLookupRecent(uint32(blockNumber));
            run.length = (sums >> shift) & SUM;
            for (uint256 left = 0; left < shift; left += SUM_BITS) {
                run.start += (sums >> left) & SUM;
            }
        }
    }

    function _at(uint256 place, uint256 level) private pure returns (uint256 node, uint256 shift) {
        uint256 below = 3 * (LEVELS - level);
        node = (level << 16) | (place >> below);
        shift = SUM_BITS * ((place >> (below - 3)) & 7);
    }
}
