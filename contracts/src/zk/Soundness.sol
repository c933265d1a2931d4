// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RelationReader, Shape} from "./RelationReader.sol";

/// @dev Parameters of the codes, and what follows from them.
struct Sizes {
    uint256 logWidth;
    uint256 logDomain;
    uint256 queries;
    uint256 hubLogWidth;
    uint256 hubLogDomain;
    uint256 hubQueries;
    uint256 weightTail;
    uint256 weightLogDomain;
    uint256 weightQueries;
    uint256 weightAudits;
    uint256 inputLogDomain;
    uint256 inputQueries;
    uint256 grinding;
    uint256 blocks;
    uint256 inverseBlocks;
}

/// @title Bits of soundness of a choice of parameters
/// @notice A coarser twin of `concordat.zk.parameters.soundness`: it never says more bits than that.
library Soundness {
    /// @notice The parameters are worth fewer than 100 bits, or out of range.
    error BadParameters();

    /// @dev Thousandths of a bit that each draw of queries has to be worth, so that all of them add up to 100 bits.
    uint256 private constant WANTED = 102_340;

    /// @notice Decode and account for parameters.
    function check(bytes calldata data, Shape memory s) internal pure returns (Sizes memory z) {
        if (data.length != 52) revert BadParameters();
        uint256[13] memory n;
        for (uint256 i = 0; i < 13; ++i) {
            n[i] = uint32(bytes4(data[4 * i:4 * i + 4]));
        }
        (z.logWidth, z.logDomain, z.queries) = (n[0], n[1], n[2]);
        (z.hubLogWidth, z.hubLogDomain, z.hubQueries) = (n[3], n[4], n[5]);
        (z.weightTail, z.weightLogDomain, z.weightQueries, z.weightAudits) = (n[6], n[7], n[8], n[9]);
        (z.inputLogDomain, z.inputQueries, z.grinding) = (n[10], n[11], n[12]);
        bool fits = z.logWidth >= 6 && z.logWidth <= s.logRows && z.logDomain <= 20 && z.hubLogWidth >= 5
            && z.hubLogDomain <= 22 && z.weightLogDomain <= 26 && z.inputLogDomain <= 20 && z.grinding <= 24
            && s.logRows <= 20;
        if (!fits || (s.weightRows == 0) != (z.weightTail == 0)) revert BadParameters();
        z.blocks = (s.usedRows + 8 + (1 << z.logWidth) - 1) >> z.logWidth;
        z.inverseBlocks = (s.lookupRows + 8 + (1 << z.logWidth) - 1) >> z.logWidth;
        uint256 pads = 3 + 2 * s.productRounds + 4 * s.logRows;
        _johnson((1 << z.logWidth) + z.queries, z.logDomain, z.queries, z.grinding);
        _johnson(pads + z.queries, z.logDomain, z.queries, z.grinding);
        _johnson((1 << z.hubLogWidth) + z.hubQueries, z.hubLogDomain, z.hubQueries, z.grinding);
        _gap((1 << z.logWidth) + z.queries, z.logDomain, 5 * z.blocks + 3);
        uint256 elements = (1 << z.logWidth) + z.queries + pads + z.queries + s.inputCount + z.inputQueries + 3;
        if (z.weightTail != 0) elements += (1 << (s.slotBits + s.groupBits)) + z.weightTail;
        _gap((1 << z.hubLogWidth) + z.hubQueries, z.hubLogDomain, (elements >> z.hubLogWidth) + 3);
        _johnson(s.inputCount + z.inputQueries + 3, z.inputLogDomain, z.inputQueries, z.grinding);
        if (z.weightTail != 0) {
            uint256 length = (1 << (s.slotBits + s.groupBits)) + z.weightTail;
            _registered(length, z);
        }
    }

    /// @dev Queries within the Johnson radius: half the bits of the rate, less 0.045 for its multiplicity of 16.
    function _johnson(uint256 length, uint256 log, uint256 queries, uint256 grinding) private pure {
        uint256 inverse = (1 << log) / length;
        uint256 halves;
        for (; inverse > 30; inverse >>= 1) {
            ++halves;
        }
        // 4 … 30, thousandths rounded down
        uint16[27] memory known = [
            955,
            1116,
            1248,
            1359,
            1455,
            1540,
            1616,
            1685,
            1748,
            1805,
            1859,
            1909,
            1955,
            1999,
            2040,
            2079,
            2116,
            2151,
            2185,
            2217,
            2248,
            2277,
            2305,
            2333,
            2359,
            2384,
            2409
        ];
        uint256 bits = inverse < 4 ? 0 : known[inverse - 4] + 500 * halves;
        if (queries * bits + 1000 * grinding < WANTED) revert BadParameters();
    }

    /// @dev The proximity gap of a random combination of rows: 189 bits of a challenge, less 26.8 for the multiplicity,
    /// one and a half of the rate, two of the domain and one of the rows, all rounded up.
    function _gap(uint256 length, uint256 log, uint256 rows) private pure {
        uint256 lost = 3 * RelationReader.bits((1 << log) / length) + 4 * log + 2 * RelationReader.bits(rows);
        if (lost > 2 * (189 - 27 - 107)) revert BadParameters();
    }

    /// @dev Queries against a word that is within 1/16 of a codeword, as a registration of 1,100 audits shows, or within
    /// 1/23, as one of 1,600 does.
    function _registered(uint256 length, Sizes memory z) private pure {
        uint256 inverse = (1 << z.weightLogDomain) / length;
        bool closer = z.weightAudits >= 1600;
        uint256 bits;
        if (inverse >= 128) bits = closer ? 4285 : 3830;
        else if (inverse >= 64) bits = closer ? 4080 : 3678;
        else if (inverse >= 31) bits = closer ? 3723 : 3398;
        else if (inverse >= 26) bits = closer ? 3609 : 3307;
        else if (inverse >= 22) bits = closer ? 3491 : 3210;
        else if (inverse >= 18) bits = closer ? 3336 : 3080;
        else if (inverse >= 16) bits = closer ? 3238 : 2995;
        if (z.weightAudits < 1100 || z.weightQueries * bits + 1000 * z.grinding < WANTED) revert BadParameters();
    }
}
