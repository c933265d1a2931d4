// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The long repetitions of SLH-DSA-SHA2-128s: WOTS+ chains and Merkle paths, unrolled
/// @notice Four fifths of a verification are the 1,870 steps of its 245 chains. A step costs 208 gas in the precompile
/// and 26 here, since its result is written to where the next step reads it.
/// @dev Memory, which is all ours until the contract returns: at 0 what is hashed (PK.seed 16, zeros 48, compressed
/// address 22, data 16 or 32); at 256 the same of the next longer hash, with all 35 ends. A word that ends at 86 is the
/// address. The address's last eight bytes are chain and step, or height and index: 78 to 82 and 82 to 86.
/// The walks are called through a table of their places in the code, 16 bits each: one jump, where a tree of
/// comparisons takes 100 gas. They are written out because a loop takes 45 gas a step.
/// Success of the precompile is not looked at, see `LmsVerifier`; it is also what makes `returndatasize()` 32.
abstract contract SlhDsaPaths {
    // forgefmt: disable-start
    /// @dev The walks from a digit to the end of a chain, by digit.
    function _table() internal pure returns (uint256 table) {
        function() internal view run;
        run = _from0; assembly { table := or(table, shl(0, run)) }
        run = _from1; assembly { table := or(table, shl(16, run)) }
        run = _from2; assembly { table := or(table, shl(32, run)) }
        run = _from3; assembly { table := or(table, shl(48, run)) }
        run = _from4; assembly { table := or(table, shl(64, run)) }
        run = _from5; assembly { table := or(table, shl(80, run)) }
        run = _from6; assembly { table := or(table, shl(96, run)) }
        run = _from7; assembly { table := or(table, shl(112, run)) }
        run = _from8; assembly { table := or(table, shl(128, run)) }
        run = _from9; assembly { table := or(table, shl(144, run)) }
        run = _from10; assembly { table := or(table, shl(160, run)) }
        run = _from11; assembly { table := or(table, shl(176, run)) }
        run = _from12; assembly { table := or(table, shl(192, run)) }
        run = _from13; assembly { table := or(table, shl(208, run)) }
        run = _from14; assembly { table := or(table, shl(224, run)) }
        run = _from15; assembly { table := or(table, shl(240, run)) }
    }

    /// @dev Walks the 35 chains of a one-time signature. `even` and `odd` are the digits, each the high half of a byte:
    /// bytes 14 to 31 of the first for chains 0, 2, 4 …, of the second for 1, 3, 5 … The ends are written at 342.
    function _walkChains(uint256 table, uint256 from, uint256 even, uint256 odd) internal view {
        function() internal view run;
        assembly { mstore8(81, 0) calldatacopy(86, from, 16) run := and(shr(byte(14, even), table), 0xffff) }
        run(); assembly { mstore(342, mload(86)) }
        assembly { mstore8(81, 1) calldatacopy(86, add(from, 16), 16) run := and(shr(byte(14, odd), table), 0xffff) }
        run(); assembly { mstore(358, mload(86)) }
        assembly { mstore8(81, 2) calldatacopy(86, add(from, 32), 16) run := and(shr(byte(15, even), table), 0xffff) }
        run(); assembly { mstore(374, mload(86)) }
        assembly { mstore8(81, 3) calldatacopy(86, add(from, 48), 16) run := and(shr(byte(15, odd), table), 0xffff) }
        run(); assembly { mstore(390, mload(86)) }
        assembly { mstore8(81, 4) calldatacopy(86, add(from, 64), 16) run := and(shr(byte(16, even), table), 0xffff) }
        run(); assembly { mstore(406, mload(86)) }
        assembly { mstore8(81, 5) calldatacopy(86, add(from, 80), 16) run := and(shr(byte(16, odd), table), 0xffff) }
        run(); assembly { mstore(422, mload(86)) }
        assembly { mstore8(81, 6) calldatacopy(86, add(from, 96), 16) run := and(shr(byte(17, even), table), 0xffff) }
        run(); assembly { mstore(438, mload(86)) }
        assembly { mstore8(81, 7) calldatacopy(86, add(from, 112), 16) run := and(shr(byte(17, odd), table), 0xffff) }
        run(); assembly { mstore(454, mload(86)) }
        assembly { mstore8(81, 8) calldatacopy(86, add(from, 128), 16) run := and(shr(byte(18, even), table), 0xffff) }
        run(); assembly { mstore(470, mload(86)) }
        assembly { mstore8(81, 9) calldatacopy(86, add(from, 144), 16) run := and(shr(byte(18, odd), table), 0xffff) }
        run(); assembly { mstore(486, mload(86)) }
        assembly { mstore8(81, 10) calldatacopy(86, add(from, 160), 16) run := and(shr(byte(19, even), table), 0xffff) }
        run(); assembly { mstore(502, mload(86)) }
        assembly { mstore8(81, 11) calldatacopy(86, add(from, 176), 16) run := and(shr(byte(19, odd), table), 0xffff) }
        run(); assembly { mstore(518, mload(86)) }
        assembly { mstore8(81, 12) calldatacopy(86, add(from, 192), 16) run := and(shr(byte(20, even), table), 0xffff) }
        run(); assembly { mstore(534, mload(86)) }
        assembly { mstore8(81, 13) calldatacopy(86, add(from, 208), 16) run := and(shr(byte(20, odd), table), 0xffff) }
        run(); assembly { mstore(550, mload(86)) }
        assembly { mstore8(81, 14) calldatacopy(86, add(from, 224), 16) run := and(shr(byte(21, even), table), 0xffff) }
        run(); assembly { mstore(566, mload(86)) }
        assembly { mstore8(81, 15) calldatacopy(86, add(from, 240), 16) run := and(shr(byte(21, odd), table), 0xffff) }
        run(); assembly { mstore(582, mload(86)) }
        assembly { mstore8(81, 16) calldatacopy(86, add(from, 256), 16) run := and(shr(byte(22, even), table), 0xffff) }
        run(); assembly { mstore(598, mload(86)) }
        assembly { mstore8(81, 17) calldatacopy(86, add(from, 272), 16) run := and(shr(byte(22, odd), table), 0xffff) }
        run(); assembly { mstore(614, mload(86)) }
        assembly { mstore8(81, 18) calldatacopy(86, add(from, 288), 16) run := and(shr(byte(23, even), table), 0xffff) }
        run(); assembly { mstore(630, mload(86)) }
        assembly { mstore8(81, 19) calldatacopy(86, add(from, 304), 16) run := and(shr(byte(23, odd), table), 0xffff) }
        run(); assembly { mstore(646, mload(86)) }
        assembly { mstore8(81, 20) calldatacopy(86, add(from, 320), 16) run := and(shr(byte(24, even), table), 0xffff) }
        run(); assembly { mstore(662, mload(86)) }
        assembly { mstore8(81, 21) calldatacopy(86, add(from, 336), 16) run := and(shr(byte(24, odd), table), 0xffff) }
        run(); assembly { mstore(678, mload(86)) }
        assembly { mstore8(81, 22) calldatacopy(86, add(from, 352), 16) run := and(shr(byte(25, even), table), 0xffff) }
        run(); assembly { mstore(694, mload(86)) }
        assembly { mstore8(81, 23) calldatacopy(86, add(from, 368), 16) run := and(shr(byte(25, odd), table), 0xffff) }
        run(); assembly { mstore(710, mload(86)) }
        assembly { mstore8(81, 24) calldatacopy(86, add(from, 384), 16) run := and(shr(byte(26, even), table), 0xffff) }
        run(); assembly { mstore(726, mload(86)) }
        assembly { mstore8(81, 25) calldatacopy(86, add(from, 400), 16) run := and(shr(byte(26, odd), table), 0xffff) }
        run(); assembly { mstore(742, mload(86)) }
        assembly { mstore8(81, 26) calldatacopy(86, add(from, 416), 16) run := and(shr(byte(27, even), table), 0xffff) }
        run(); assembly { mstore(758, mload(86)) }
        assembly { mstore8(81, 27) calldatacopy(86, add(from, 432), 16) run := and(shr(byte(27, odd), table), 0xffff) }
        run(); assembly { mstore(774, mload(86)) }
        assembly { mstore8(81, 28) calldatacopy(86, add(from, 448), 16) run := and(shr(byte(28, even), table), 0xffff) }
        run(); assembly { mstore(790, mload(86)) }
        assembly { mstore8(81, 29) calldatacopy(86, add(from, 464), 16) run := and(shr(byte(28, odd), table), 0xffff) }
        run(); assembly { mstore(806, mload(86)) }
        assembly { mstore8(81, 30) calldatacopy(86, add(from, 480), 16) run := and(shr(byte(29, even), table), 0xffff) }
        run(); assembly { mstore(822, mload(86)) }
        assembly { mstore8(81, 31) calldatacopy(86, add(from, 496), 16) run := and(shr(byte(29, odd), table), 0xffff) }
        run(); assembly { mstore(838, mload(86)) }
        assembly { mstore8(81, 32) calldatacopy(86, add(from, 512), 16) run := and(shr(byte(30, even), table), 0xffff) }
        run(); assembly { mstore(854, mload(86)) }
        assembly { mstore8(81, 33) calldatacopy(86, add(from, 528), 16) run := and(shr(byte(30, odd), table), 0xffff) }
        run(); assembly { mstore(870, mload(86)) }
        assembly { mstore8(81, 34) calldatacopy(86, add(from, 544), 16) run := and(shr(byte(31, even), table), 0xffff) }
        run(); assembly { mstore(886, mload(86)) }
    }

    /// @dev Nine levels of a Merkle tree. The node lies at `at`, 86 for a left child, 102 for a right one; so does the
    /// result.
    function _climb9(uint256 address_, uint256 index, uint256 from, uint256 at) internal view returns (uint256) {
        assembly {
            calldatacopy(sub(188, at), add(from, 0), 16) mstore(54, or(add(address_, 0x100000000), shr(1, index)))
            at := add(86, and(shl(3, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 16), 16) mstore(54, or(add(address_, 0x200000000), shr(2, index)))
            at := add(86, and(shl(2, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 32), 16) mstore(54, or(add(address_, 0x300000000), shr(3, index)))
            at := add(86, and(shl(1, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 48), 16) mstore(54, or(add(address_, 0x400000000), shr(4, index)))
            at := add(86, and(index, 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 64), 16) mstore(54, or(add(address_, 0x500000000), shr(5, index)))
            at := add(86, and(shr(1, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 80), 16) mstore(54, or(add(address_, 0x600000000), shr(6, index)))
            at := add(86, and(shr(2, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 96), 16) mstore(54, or(add(address_, 0x700000000), shr(7, index)))
            at := add(86, and(shr(3, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 112), 16) mstore(54, or(add(address_, 0x800000000), shr(8, index)))
            at := add(86, and(shr(4, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 128), 16) mstore(54, or(add(address_, 0x900000000), shr(9, index)))
            at := add(86, and(shr(5, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
        }
        return at;
    }

    /// @dev The three levels after them.
    function _climb3(uint256 address_, uint256 index, uint256 from, uint256 at) internal view returns (uint256) {
        assembly {
            calldatacopy(sub(188, at), add(from, 144), 16) mstore(54, or(add(address_, 0xa00000000), shr(10, index)))
            at := add(86, and(shr(6, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 160), 16) mstore(54, or(add(address_, 0xb00000000), shr(11, index)))
            at := add(86, and(shr(7, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
            calldatacopy(sub(188, at), add(from, 176), 16) mstore(54, or(add(address_, 0xc00000000), shr(12, index)))
            at := add(86, and(shr(8, index), 16)) pop(staticcall(gas(), 2, 0, 118, at, returndatasize()))
        }
        return at;
    }

    function _from0() private view { assembly {
        mstore8(85, 0) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 1) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 2) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 3) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 4) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from1() private view { assembly {
        mstore8(85, 1) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 2) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 3) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 4) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from2() private view { assembly {
        mstore8(85, 2) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 3) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 4) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from3() private view { assembly {
        mstore8(85, 3) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 4) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from4() private view { assembly {
        mstore8(85, 4) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from5() private view { assembly {
        mstore8(85, 5) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from6() private view { assembly {
        mstore8(85, 6) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from7() private view { assembly {
        mstore8(85, 7) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from8() private view { assembly {
        mstore8(85, 8) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from9() private view { assembly {
        mstore8(85, 9) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from10() private view { assembly {
        mstore8(85, 10) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from11() private view { assembly {
        mstore8(85, 11) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from12() private view { assembly {
        mstore8(85, 12) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from13() private view { assembly {
        mstore8(85, 13) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from14() private view { assembly {
        mstore8(85, 14) pop(staticcall(gas(), 2, 0, 102, 86, returndatasize()))
    } }
    function _from15() private pure {}
    // forgefmt: disable-end
}
