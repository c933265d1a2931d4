// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cubics, K} from "../../src/zk/Cubic.sol";
import {EqSums, Evaluation, PowerTable, RunSums} from "../../src/zk/Evaluation.sol";
import {Fractions} from "../../src/zk/Fractions.sol";
import {HubOpening} from "../../src/zk/HubOpening.sol";
import {Ladders} from "../../src/zk/Ladders.sol";
import {ProofStream, Stream} from "../../src/zk/ProofStream.sol";
import {Sumchecks} from "../../src/zk/Sumchecks.sol";

/// @title The verifier's fast sums against the definitions, and against numbers of the verifier in Python
contract LibrariesTest {
    uint256 private constant P = Cubics.P;
    /// Elements a and b, their product and the inverse of a, as `concordat.zk.field` gives them.
    K private constant A = K.wrap(0xdb4da5f49f8b4780000ffffffff00000000000001b69b4ba630f34e);
    K private constant B = K.wrap(0x9a3298afb5ac71c7000000000000000000050000fffffffeffffffff);
    K private constant AB = K.wrap(0x34928d3664e0b80200000c9f01c5696c38fa0000513e1fc12bfc4287);
    K private constant INVERSE = K.wrap(0x88d67f253f02c1a50000a5766a29a61941a5000006ec53931086c22d);
    /// Sum of a^e * eq(point, 37 + e) over e < 61, and b^77.
    K private constant RUN = K.wrap(0x7d1c6455fce46a9e000089cee1adf8216a3c0000e73ef2f755cef23c);
    K private constant POWER = K.wrap(0x9fe5a5b8dc8469be0000f5a51753afafa6bc0000ce66222c2e96471a);

    function test_field_agrees_with_python() external pure {
        require(Cubics.same(A * B, AB) && Cubics.same(Cubics.inverse(A), INVERSE));
        require(Cubics.same(Cubics.power(B, 77), POWER));
        require(Cubics.same(Evaluation.power(Evaluation.powers(B, 7), 77), POWER));
    }

    function test_run_agrees_with_python() external pure {
        K[] memory point = new K[](7);
        for (uint256 i = 0; i < 7; ++i) {
            point[i] = K.wrap((i * 1234567 + 1) | (i + 7) << 80 | (99999999999 * i + 3) << 160);
        }
        require(Cubics.same(Evaluation.run(Evaluation.runs(point, A), 37, 61), RUN));
    }

    /// @dev As many as a claim may have: three such lists are sorted within a transaction.
    function test_positions_of_the_most_queries_take_little_gas() external view {
        Stream memory stream;
        uint256 before = gasleft();
        uint256[] memory drawn = ProofStream.positions(stream, 256, 26);
        require(before - gasleft() < 3_000_000);
        for (uint256 i = 1; i < drawn.length; ++i) {
            require(drawn[i - 1] < drawn[i]);
        }
    }

    function testFuzz_fused_products_are_products(uint256[4] calldata seeds) external pure {
        (K a, K b, K c, K d) = (_element(seeds[0]), _element(seeds[1]), _element(seeds[2]), _element(seeds[3]));
        require(Cubics.same(Cubics.fuse(a, b, c, d), a * b + c * d));
        require(Cubics.same(Cubics.less(a, b) + b, a) && Cubics.same(Cubics.minus(a, b) + b, a));
    }

    function testFuzz_ladder_is_a_polynomial(uint256 seed, uint256 base, uint8 count) external pure {
        K[] memory values = _elements(seed, count % 40);
        base = base % P;
        K after_ = _element(base);
        K expected = after_;
        for (uint256 i = values.length; i != 0; --i) {
            expected = Cubics.normal(Cubics.scale(expected, base) + values[i - 1]);
        }
        require(Cubics.same(Ladders.climb(Ladders.lay(values), values.length, base, after_), expected));
    }

    function test_ladder_of_greatest_numbers_does_not_overflow() external pure {
        K greatest = K.wrap((P - 1) | (P - 1) << 80 | (P - 1) << 160);
        K[] memory values = new K[](1024);
        for (uint256 i = 0; i < values.length; ++i) {
            values[i] = greatest;
        }
        // -1 - (-1) + … : every coordinate is alternately -1 and +1 times -1
        require(Cubics.same(Ladders.climb(Ladders.lay(values), 1024, P - 1, Cubics.ZERO), Cubics.ZERO));
        require(Cubics.same(Ladders.climb(Ladders.lay(values), 1023, P - 1, Cubics.ZERO), greatest));
    }

    function testFuzz_dot_products_are_sums(uint256 seed, uint8 count) external view {
        K[] memory values = _elements(seed, count % 20);
        K[] memory factors = _elements(~seed, count % 20);
        bytes memory elements;
        bytes memory numbers;
        K ofElements;
        K ofNumbers;
        for (uint256 i = 0; i < values.length; ++i) {
            uint256 raw = K.unwrap(values[i]);
            uint64 first = uint64(raw);
            elements = abi.encodePacked(elements, first, uint64(raw >> 80), uint64(raw >> 160));
            numbers = abi.encodePacked(numbers, first);
            ofElements = Cubics.normal(ofElements + factors[i] * values[i]);
            ofNumbers = Cubics.normal(ofNumbers + Cubics.scale(factors[i], first));
        }
        (K sum,) = this.dots(factors, elements, values.length);
        require(Cubics.same(sum, ofElements));
        (, sum) = this.dots(factors, numbers, values.length);
        require(Cubics.same(sum, ofNumbers));
    }

    function dots(K[] memory factors, bytes calldata data, uint256 count) external pure returns (K, K) {
        uint256 at;
        assembly ("memory-safe") {
            at := data.offset
        }
        uint256 spread = Ladders.spread(factors);
        return (Ladders.dotElements(spread, at, count), Ladders.dotNumbers(spread, at, count));
    }

    function testFuzz_numbers_not_below_the_prime_are_seen(uint64[] calldata numbers, uint256 place, uint32 over)
        external
        view
    {
        bytes memory data;
        for (uint256 i = 0; i < numbers.length; ++i) {
            data = abi.encodePacked(data, uint64(numbers[i] % P));
        }
        // what follows the numbers is none of theirs
        data = abi.encodePacked(data, type(uint256).max);
        require(this.canonical(data, numbers.length));
        if (numbers.length == 0) return;
        place = place % numbers.length;
        uint256 value = P + over % (2 ** 32 - 1);
        for (uint256 i = 0; i < 8; ++i) {
            data[8 * place + i] = bytes1(uint8(value >> (56 - 8 * i)));
        }
        require(!this.canonical(data, numbers.length));
    }

    function canonical(bytes calldata data, uint256 count) external pure returns (bool) {
        uint256 at;
        assembly ("memory-safe") {
            at := data.offset
        }
        return ProofStream.canonical(at, count);
    }

    function testFuzz_fractions_add_up(uint256 seed, uint8 count) external pure {
        K[] memory over = _elements(seed, count % 12);
        K[] memory under = _elements(~seed, count % 12);
        uint256 at = Fractions.begin();
        K expected;
        for (uint256 i = 0; i < over.length; ++i) {
            uint256 raw = K.unwrap(under[i]);
            uint256 place;
            assembly ("memory-safe") {
                place := add(over, shl(5, add(i, 1)))
            }
            // denominators need not be reduced
            Fractions.add(at, place, (raw & Cubics.LANE) + P * 2 ** 60, (raw >> 80) & Cubics.LANE, raw >> 160);
            expected = Cubics.normal(expected + over[i] * Cubics.inverse(under[i]));
        }
        (K n, K d) = Fractions.end(at);
        require(Cubics.same(n * Cubics.inverse(d), expected));
    }

    function testFuzz_runs_are_the_plain_sums(uint256 seed, uint8 bits, uint16 start, uint16 count, bool one)
        external
        pure
    {
        uint256 n = 3 + bits % 8;
        K[] memory point = _elements(seed, n);
        K base = one ? Cubics.ONE : _element(~seed);
        uint256 from = start % (1 << n);
        uint256 length = count % ((1 << n) - from + 1);
        RunSums memory fast = Evaluation.runs(point, base);
        EqSums memory plain = Evaluation.sums(point, base);
        K expected = Evaluation.between(plain, from, from + length);
        require(Cubics.same(Evaluation.between(fast, from, from + length), expected));
        if (!one) require(Cubics.same(Evaluation.run(fast, from, length), Evaluation.run(plain, from, length)));
    }

    function testFuzz_powers_are_powers(uint256 seed, uint16 exponent, uint8 bits) external pure {
        K base = _element(seed);
        PowerTable memory table = Evaluation.powers(base, 3 + bits % 14);
        require(Cubics.same(Evaluation.power(table, exponent), Cubics.power(base, exponent)));
    }

    function testFuzz_lagrange_interpolates(uint256 seed, bool quartic) external pure {
        uint256 degree = quartic ? 4 : 2;
        K at = _element(seed);
        K[] memory values = Sumchecks.lagrange(at, degree);
        for (uint256 power = 0; power <= degree; ++power) {
            K sum;
            for (uint256 i = 0; i <= degree; ++i) {
                sum = Cubics.normal(sum + Cubics.scale(values[i], i ** power));
            }
            require(Cubics.same(sum, Cubics.power(at, power)));
        }
    }

    function _element(uint256 seed) private pure returns (K) {
        uint256 word = uint256(keccak256(abi.encode(seed)));
        return K.wrap(word % P | ((word >> 64) % P) << 80 | ((word >> 128) % P) << 160);
    }

    function _elements(uint256 seed, uint256 count) private pure returns (K[] memory values) {
        values = new K[](count);
        for (uint256 i = 0; i < count; ++i) {
            values[i] = _element(uint256(keccak256(abi.encode(seed, i))));
        }
    }
}
