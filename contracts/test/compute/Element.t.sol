// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, Opening} from "../../src/types/Types.sol";
import {ElementCase} from "./ElementCase.sol";

/// @title Every operation against plain arithmetic, for all types, strides and values
contract ElementTest is ElementCase {
    /// @dev A node whose operands lie anywhere in the memories.
    function _random(bytes32 seed, uint8 op, uint32 k) private pure returns (Node memory node) {
        bytes32 dice = keccak256(abi.encode(seed, "node"));
        node.op = op;
        node.kind = uint8(dice[0]) % 4;
        node.cols = 1 + uint32(uint8(dice[1])) % 5;
        node.n = uint32(LEAVES) * uint32(32 >> node.kind) - uint32(uint8(dice[2])) % 3;
        node.k = k;
        node.a = _operand(dice, 3, 1 + uint8(dice[3]) % 2);
        node.b = _operand(dice, 9, 1 + uint8(dice[9]) % 2);
        node.c = _operand(dice, 15, 1 + uint8(dice[15]) % 2);
        node.m0 = int64(uint64(bytes8(keccak256(abi.encode(dice, 1))))) >> uint8(dice[21]) % 64;
        node.m1 = int64(uint64(bytes8(keccak256(abi.encode(dice, 2))))) >> uint8(dice[22]) % 64;
        node.add = int64(uint64(bytes8(keccak256(abi.encode(dice, 3))))) >> uint8(dice[23]) % 64;
        node.shift = uint8(dice[24]) % 63;
    }

    function _operand(bytes32 dice, uint256 i, uint8 space) private pure returns (Operand memory operand) {
        operand.space = space;
        operand.kind = uint8(dice[i + 1]) % 4;
        operand.start = uint32(uint8(dice[i + 2])) % 3;
        operand.base = uint32(uint8(dice[i + 3])) % 7;
        operand.row = uint32(uint8(dice[i + 4])) % 2;
        operand.col = uint32(uint8(dice[i + 5])) % 3;
    }

    /// @dev An element low enough for every operand to stay inside its memory.
    function _low(Node memory node, bytes32 seed) private pure returns (uint256) {
        return uint256(seed) % (node.cols * 4 < node.n ? node.cols * 4 : node.n);
    }

    function _read(Node memory node, Operand memory operand, uint256 element, uint256 k) private view returns (int256) {
        bytes32[] memory words = operand.space == 1 ? trace : weights;
        return _element(words, operand.start, operand.kind, _index(node, operand, element) + k);
    }

    function _open(Node memory node, Operand memory operand, uint256 element, uint256 count)
        private
        view
        returns (Opening memory)
    {
        return _openElements(operand, _index(node, operand, element), count);
    }

    function _inside(Node memory node, int256 value) private pure returns (bool) {
        int256 limit = int256(1 << (8 * (1 << node.kind) - 1));
        return -limit <= value && value < limit;
    }

    /// @dev The element as expected is right, the element next to it wrong.
    function _check(Node memory node, uint256 element, int256 expected, ElementProof memory proof) private {
        _setElement(node, element, expected);
        _refresh(node, element, proof);
        vm.assertEq(_judge(node, proof), !_inside(node, expected), "the expected value");
        _setElement(node, element, expected + 1);
        _refresh(node, element, proof);
        vm.assertTrue(_judge(node, proof), "another value");
    }

    /// @dev Openings of the trace after it changed.
    function _refresh(Node memory node, uint256 element, ElementProof memory proof) private view {
        ElementProof memory fresh = _proof(node, element);
        proof.claimed = fresh.claimed;
        if (node.a.space == 1) proof.a = _again(proof.a);
        if (node.b.space == 1) proof.b = _again(proof.b);
        if (node.c.space == 1) proof.c = _again(proof.c);
    }

    /// @dev The same words of the trace with their new siblings.
    function _again(Opening memory old) private view returns (Opening memory) {
        for (uint256 first = 0; first < START; ++first) {
            if (trace[first] == old.words[0]) return _openWords(first, old.words.length);
        }
        revert("not found");
    }

    function _openWords(uint256 first, uint256 count) private view returns (Opening memory) {
        Operand memory words = Operand({space: 1, kind: 3, start: uint32(first), base: 0, row: 0, col: 0});
        return _openElements(words, 0, 4 * count);
    }

    // -- operations --------------------------------------------------------------------------------------------------

    function test_matmul_ofAnyTypes_isTheSumOfProducts(bytes32 seed) external {
        _fill(seed);
        Node memory node = _random(seed, 1, uint32(1 + uint256(seed) % 24));
        uint256 element = _low(node, seed);
        int256 sum = 0;
        for (uint256 k = 0; k < node.k; ++k) {
            sum += _read(node, node.a, element, k) * _read(node, node.b, element, k);
        }
        ElementProof memory proof = _proof(node, element);
        proof.a = _open(node, node.a, element, node.k);
        proof.b = _open(node, node.b, element, node.k);
        node.c.space = 0;
        proof = _withDescriptor(node, element, proof);
        _check(node, element, sum, proof);
    }

    function test_matmul_of256ExtremeElements_isExact(uint8 a, uint8 b, bool negativeA, bool negativeB) external {
        _fill(0);
        Node memory node = _random(0, 1, 256);
        node.kind = 3;
        node.a = Operand({space: 1, kind: a % 2, start: 0, base: 0, row: 0, col: 0});
        node.b = Operand({space: 2, kind: b % 2, start: 0, base: 0, row: 0, col: 0});
        node.c.space = 0;
        int256 x = _extreme(a % 2, negativeA);
        int256 y = _extreme(b % 2, negativeB);
        for (uint256 i = 0; i < 16; ++i) {
            trace[i] = _repeated(a % 2, x);
            weights[i] = _repeated(b % 2, y);
        }
        ElementProof memory proof = _proof(node, 0);
        proof.a = _open(node, node.a, 0, 256);
        proof.b = _open(node, node.b, 0, 256);
        _check(node, 0, 256 * x * y, proof);
    }

    function _extreme(uint8 kind, bool negative) private pure returns (int256) {
        int256 limit = int256(1 << (8 * (1 << kind) - 1));
        return negative ? -limit : limit - 1;
    }

    function _repeated(uint8 kind, int256 x) private pure returns (bytes32 word) {
        for (uint256 i = 0; i < (32 >> kind); ++i) {
            word = bytes32((uint256(word) << (8 << kind)) | (uint256(x) & ((1 << (8 << kind)) - 1)));
        }
    }

    function _withDescriptor(Node memory node, uint256 element, ElementProof memory proof)
        private
        view
        returns (ElementProof memory)
    {
        ElementProof memory fresh = _proof(node, element);
        proof.descriptor = fresh.descriptor;
        proof.descriptorPath = fresh.descriptorPath;
        return proof;
    }

    function test_affine_withAnyOperands_followsTheFormula(bytes32 seed, bool hasB, bool hasC, int64 lo, int64 hi)
        external
    {
        _fill(seed);
        Node memory node = _random(seed, 2, 0);
        (node.lo, node.hi) = lo < hi ? (lo, hi) : (hi, lo);
        if (!hasB) node.b = _none();
        if (!hasC) node.c = _none();
        uint256 element = _low(node, seed);
        ElementProof memory proof = _proof(node, element);
        proof.a = _open(node, node.a, element, 1);
        if (hasB) proof.b = _open(node, node.b, element, 1);
        if (hasC) proof.c = _open(node, node.c, element, 1);

        int256 x = node.m0 * _read(node, node.a, element, 0) * (hasB ? _read(node, node.b, element, 0) : int256(1));
        x += node.m1 * (hasC ? _read(node, node.c, element, 0) : int256(0)) + node.add;
        if (node.shift > 0) x = _floor(x + int256(1 << (node.shift - 1)), int256(1 << node.shift));
        x = x < node.lo ? node.lo : x > node.hi ? node.hi : x;
        _check(node, element, x, proof);
    }

    function _floor(int256 x, int256 by) private pure returns (int256) {
        return x / by - (x % by < 0 ? int256(1) : int256(0));
    }

    function _none() private pure returns (Operand memory) {
        return Operand({space: 0, kind: 0, start: 0, base: 0, row: 0, col: 0});
    }

    function test_select_withAnyComparison_choosesCOrZero(bytes32 seed, uint8 comparison, bool hasB, bool hasC)
        external
    {
        _fill(seed);
        Node memory node = _random(seed, 4, 0);
        node.flags = comparison % 5;
        if (!hasB) node.b = _none();
        if (!hasC) node.c = _none();
        uint256 element = _low(node, seed);
        ElementProof memory proof = _proof(node, element);
        proof.a = _open(node, node.a, element, 1);
        if (hasB) proof.b = _open(node, node.b, element, 1);
        if (hasC) proof.c = _open(node, node.c, element, 1);

        int256 x = _read(node, node.a, element, 0);
        if (!hasB && seed[31] < 0x40) node.add = int64(x);
        int256 y = hasB ? _read(node, node.b, element, 0) : int256(node.add);
        bool holds = [x >= y, x > y, x == y, x <= y, x < y][node.flags];
        int256 chosen = hasC ? _read(node, node.c, element, 0) : int256(1);
        _check(node, element, holds ? chosen : int256(0), _withDescriptor(node, element, proof));
    }

    function test_table_atAnyEntry_opensTheEntry(bytes32 seed, int64 lo, uint8 entries) external {
        _fill(seed);
        Node memory node = _random(seed, 3, 0);
        node.c = _none();
        node.lo = lo > type(int64).max - 64 ? type(int64).max - 64 : lo;
        node.hi = node.lo + int64(uint64(entries % 24));
        uint256 element = _low(node, seed);
        if (seed[30] < 0x80) (node.lo, node.hi) = _around(_read(node, node.a, element, 0), entries % 24);
        int256 a = _read(node, node.a, element, 0);
        a = a < node.lo ? node.lo : a > node.hi ? node.hi : a;
        uint256 entry = uint256(a - node.lo);
        ElementProof memory proof = _proof(node, element);
        proof.a = _open(node, node.a, element, 1);
        proof.b = _openElements(node.b, _index(node, node.b, element) + entry, 1);
        _check(node, element, _read(node, node.b, element, entry), proof);
    }

    function _around(int256 a, uint256 entries) private pure returns (int64 lo, int64 hi) {
        int256 limit = type(int64).max - 64;
        a -= int256(entries / 2);
        lo = int64(a > limit ? limit : a < -limit ? -limit : a);
        hi = lo + int64(uint64(entries));
    }

    function test_gather_withAnyOffset_opensTheElement(bytes32 seed, int8 offset) external {
        _fill(seed);
        Node memory node = _random(seed, 8, 0);
        node.c = _none();
        node.b = Operand({space: 2, kind: 0, start: 0, base: 0, row: 3, col: 1});
        node.a.base = 8;
        uint256 element = _low(node, seed);
        int256 by = int256(offset) % 8;
        weights[0] = _repeated(0, by);
        ElementProof memory proof = _proof(node, element);
        proof.a = _openElements(node.a, uint256(int256(_index(node, node.a, element)) + by), 1);
        proof.b = _open(node, node.b, element, 1);
        bytes32[] memory words = node.a.space == 1 ? trace : weights;
        uint256 index = uint256(int256(_index(node, node.a, element)) + by);
        _check(node, element, _element(words, node.a.start, node.a.kind, index), proof);
    }

    function test_reductions_ofAnyRow_areMaxSumAndArgmax(bytes32 seed, uint8 which) external {
        _fill(seed);
        uint8 op = 5 + which % 3;
        Node memory node = _random(seed, op, uint32(1 + uint256(seed) % 24));
        (node.b, node.c) = (_none(), _none());
        if (seed[29] < 0x40) (trace[1], weights[1]) = (_repeated(1, 0x7f7f), _repeated(0, 0x7f));
        uint256 element = _low(node, seed);
        int256 best = _read(node, node.a, element, 0);
        int256 sum = 0;
        uint256 place = 0;
        for (uint256 k = 0; k < node.k; ++k) {
            int256 x = _read(node, node.a, element, k);
            sum += x;
            if (x > best) (best, place) = (x, k);
        }
        ElementProof memory proof = _proof(node, element);
        proof.a = _open(node, node.a, element, node.k);
        _check(node, element, op == 5 ? best : op == 6 ? sum : int256(place), proof);
    }

    function test_input_element_isTheOrdersInput(bytes32 seed, uint8 kind) external {
        _fill(seed);
        Node memory node = _random(seed, 0, 0);
        (node.a, node.b, node.c) = (_none(), _none(), _none());
        node.kind = kind % 4;
        node.n = uint32(LEAVES) * uint32(32 >> node.kind);
        uint256 element = uint256(seed) % node.n;
        ElementProof memory proof = _proof(node, element);
        _openInput(node, element, proof);
        _check(node, element, _element(input, 0, node.kind, element), proof);
    }

    function test_padding_elements_areZero(bytes32 seed, uint8 op, bool zero) external {
        _fill(seed);
        Node memory node = _random(seed, op % 9, op % 9 == 1 || op % 9 > 4 ? 3 : 0);
        node.n = 1 + uint32(uint256(seed)) % 6;
        uint256 element = node.n + uint256(seed) % (LEAVES * (32 >> node.kind) - node.n);
        _setElement(node, element, zero ? int256(0) : int256(1 + uint256(seed) % 100));
        vm.assertEq(_judge(node, _proof(node, element)), !zero, "padding");
    }
}
