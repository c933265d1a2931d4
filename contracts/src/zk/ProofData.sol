// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "./Cubic.sol";
import {HubOpening} from "./HubOpening.sol";
import {Claimed} from "./ProofStatement.sol";
import {ProofStream} from "./ProofStream.sol";
import {Shape} from "./RelationReader.sol";
import {Sizes, Soundness} from "./Soundness.sol";

/// @dev Steps of a verification; each can be replayed alone, given what the earlier ones are said to have given.
enum Step {
    /// The data is as long as it says, and states as many publics as the relation has.
    LENGTH,
    /// Transcript up to the hub's root: challenges and points.
    SUMCHECKS,
    /// Work and positions of witness, weights and input.
    POSITIONS,
    /// Transcript of the hub's opening, its work and positions.
    HUB,
    /// Constants and carries of the three sumchecks.
    FOLDS,
    /// The relation's public polynomials.
    EVALUATION,
    /// Value of the joint claim.
    JOINT,
    /// Sums over the shown row: the hidden scalars, …
    PADS,
    /// … the weights' part of the joint claim, …
    WEIGHTS,
    /// … the input's, …
    INPUT,
    /// … the folded witness at the final point, …
    WITNESS,
    /// … and the input outside its domain.
    OUTSIDE,
    /// All claims, batched, are what the shown row says.
    BALANCE,
    /// A column of witness and inverses: paths, and the values of two claims.
    WITNESS_COLUMN,
    /// A column of the weights.
    WEIGHT_COLUMN,
    /// A column of the input.
    INPUT_COLUMN,
    /// Sum over the shown row of one claim at a point.
    POWERS,
    /// A column of the hub agrees with the shown row.
    HUB_COLUMN
}

/// @dev What a step is judged by: the claim, and pieces of the data.
struct Case {
    /// What is known of the relation.
    Shape shape;
    /// What the data claims to show.
    Claimed claimed;
    /// SHA-256 of the relation.
    bytes32 digest;
    /// Its encoding for EVALUATION, else empty.
    bytes relation;
    /// Bytes of the data.
    uint256 length;
    /// First byte of each piece, ascending.
    uint256[] starts;
    /// The pieces.
    bytes[] pieces;
}

/// @dev Where the parts of the data begin. Parts up to `positions` depend on the claim alone.
struct Layout {
    uint256 nonce;
    uint256 hub;
    uint256 row;
    uint256 pads;
    uint256 drawn;
    uint256 hubDrawn;
    uint256 folds;
    uint256 evaluated;
    uint256 sums;
    uint256 positions;
    uint256 claims;
    uint256 witness;
    uint256 weights;
    uint256 input;
    uint256 hubColumns;
    uint256 end;
}

/// @dev What every step needs.
struct Frame {
    Shape shape;
    Sizes sizes;
    Layout at;
    /// First elements in the hub of weights, witness, hidden scalars and input; last the number of all.
    uint256[5] offsets;
    /// Elements of a hub row, rows, and bits of the row index.
    uint256 width;
    uint256 rows;
    uint256 bits;
    /// Columns of witness, weights, input and hub, as the data has it.
    uint256[4] counts;
    /// Bytes of a column with salt and path: witness, inverses, weights, input, hub.
    uint256[5] columns;
}

/// @title The data of an optimistic claim
/// @notice Twin of `concordat.zk.steps.layout`: the proof, each column with a path of its own, and what every step gave.
library ProofData {
    /// @notice A step was asked about bytes that nobody opened.
    error NotOpened();
    /// @notice There is no such step.
    error NoStep();

    uint256 private constant NODE_BYTES = 27;
    uint256 private constant SALT_BYTES = 16;

    /// @notice Bytes of the data, wherever they were opened.
    function slice(Case calldata c, uint256 from, uint256 count) internal pure returns (bytes calldata) {
        for (uint256 i = 0; i < c.pieces.length; ++i) {
            uint256 start = c.starts[i];
            if (start <= from && from + count <= start + c.pieces[i].length) {
                return c.pieces[i][from - start:from - start + count];
            }
        }
        revert NotOpened();
    }

    /// @notice Elements of the data.
    function elements(Case calldata c, uint256 from, uint256 count) internal pure returns (K[] memory) {
        return ProofStream.decode(place(c, from, 24 * count), count);
    }

    /// @notice One element of the data.
    function element(Case calldata c, uint256 from) internal pure returns (K) {
        return elements(c, from, 1)[0];
    }

    /// @notice A word of the data.
    function word(Case calldata c, uint256 from) internal pure returns (bytes32) {
        return bytes32(slice(c, from, 32));
    }

    /// @notice A position that the data says was drawn; `index` counts through all four lists.
    function position(Case calldata c, Frame memory f, uint256 index) internal pure returns (uint256) {
        return uint32(bytes4(slice(c, f.at.positions + 4 * index, 4)));
    }

    /// @notice Where bytes of the data lie in the call data.
    function place(Case calldata c, uint256 from, uint256 count) internal pure returns (uint256 at) {
        bytes calldata found = slice(c, from, count);
        assembly ("memory-safe") {
            at := found.offset
        }
    }

    /// @notice Whether the data has these elements at a place.
    function says(Case calldata c, uint256 from, K[] memory values) internal pure returns (bool same) {
        K[] memory said = elements(c, from, values.length);
        same = true;
        for (uint256 i = 0; i < values.length; ++i) {
            if (!Cubics.same(said[i], values[i])) same = false;
        }
    }

    /// @notice Whether the data has this element at a place.
    function says(Case calldata c, uint256 from, K value) internal pure returns (bool) {
        return Cubics.same(element(c, from), value);
    }

    /// @notice Sizes and places up to the positions.
    function frame(Case calldata c) internal pure returns (Frame memory f) {
        f.shape = c.shape;
        f.sizes = Soundness.check(c.claimed.parameters, f.shape);
        Shape memory s = f.shape;
        Sizes memory z = f.sizes;
        f.width = 1 << z.hubLogWidth;
        f.offsets = HubOpening.offsets(z, s);
        f.rows = (f.offsets[4] + f.width - 1) / f.width;
        while (1 << f.bits < f.rows) ++f.bits;
        Layout memory at = f.at;
        at.nonce = 8 + 168 + (s.matmuls == 0 ? 0 : 72) + 48 * s.productRounds + 96 * s.logRows;
        at.hub = at.nonce + 8;
        at.row = at.hub + 48 * f.bits + 24;
        at.pads = at.row + 24 * (f.width + z.hubQueries);
        at.drawn = at.pads + 24 * (2 * f.bits + z.hubQueries) + 8;
        at.hubDrawn = at.drawn + 24 * (13 + s.productRounds + s.logRows) + 32;
        at.folds = at.hubDrawn + 32 + 24 * (f.bits + 2);
        at.evaluated = at.folds + 24 * 6;
        at.sums = at.evaluated + 24 * (12 + s.weightRows);
        at.positions = at.sums + 24 * 7;
    }

    /// @notice Places that depend on how many columns there are.
    function countColumns(Case calldata c, Frame memory f) internal pure {
        uint64 packed = uint64(bytes8(slice(c, 0, 8)));
        for (uint256 i = 0; i < 4; ++i) {
            f.counts[i] = uint16(packed >> (48 - 16 * i));
        }
        Sizes memory z = f.sizes;
        f.columns[0] = _column(16 * z.blocks + 24, z.logDomain);
        f.columns[1] = _column(24 * z.inverseBlocks, z.logDomain);
        f.columns[2] = _column(8 * f.shape.weightRows, z.weightLogDomain);
        f.columns[3] = _column(8, z.inputLogDomain);
        f.columns[4] = _column(24 * (f.rows + 3), z.hubLogDomain);
        Layout memory at = f.at;
        uint256 claims = 2 * f.counts[0] + f.counts[1] + f.counts[2];
        at.claims = at.positions + 4 * (f.counts[0] + f.counts[1] + f.counts[2] + f.counts[3]);
        at.witness = at.claims + 48 * claims;
        at.weights = at.witness + f.counts[0] * (f.columns[0] + f.columns[1]);
        at.input = at.weights + f.counts[1] * f.columns[2];
        at.hubColumns = at.input + f.counts[2] * f.columns[3];
        at.end = at.hubColumns + f.counts[3] * f.columns[4];
    }

    function _column(uint256 bytes_, uint256 log) private pure returns (uint256) {
        return bytes_ + SALT_BYTES + NODE_BYTES * log;
    }
}
