// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ChainSource} from "../../src/effects/ChainSource.sol";
import {Source} from "../../src/effects/Source.sol";
import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, Guard, Reading, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {Order} from "../../src/types/Types.sol";
import {Base} from "../core/Base.sol";

/// @dev Reads whatever a test put there.
contract HandSource is ChainSource {
    bytes public words = abi.encode(uint256(7));

    constructor(Schedule memory schedule_) Source(schedule_, Shape({words: 1, depth: 0})) {}

    function set(bytes calldata words_) external {
        words = words_;
    }

    function _read() internal virtual override returns (bytes memory) {
        return words;
    }
}

/// @dev A steward over a real market, epochs of a day, and short forms of what people do.
abstract contract EffectBase is Base {
    uint8 internal constant REPLICATED = 3;
    uint8 internal constant SCORED = 4;
    uint8 internal constant RELEASE = 7;
    uint32 internal constant EPOCH = 86_400;
    uint32 internal constant OBSERVE_WITHIN = 6 hours;
    uint32 internal constant APPLY_WITHIN = 20 hours;
    uint32 internal constant LIFETIME = 3 days;
    int64 internal constant RESTING = 5_000;
    bytes32 internal constant MODEL = keccak256("risk model");

    address internal guardian = vm.addr(0x64A4D);
    address internal governor = vm.addr(0x6073);

    HandSource internal source;
    Steward internal steward;

    function setUp() public virtual override {
        super.setUp();
        source = new HandSource(schedule());
        steward = new Steward(theTerms(), guardian);
    }

    function schedule() internal pure returns (ISource.Schedule memory) {
        return ISource.Schedule({genesis: uint40(START), length: EPOCH, observeWithin: OBSERVE_WITHIN});
    }

    /// @dev From 40 to 80 per cent, two a decision, five a day.
    function theTerms() internal view returns (StewardTerms memory) {
        return StewardTerms({
            market: address(market),
            source: address(source),
            model: MODEL,
            accepts: uint8((1 << NATIVE) | (1 << FRAUD_PROVABLE)),
            applyWithin: APPLY_WITHIN,
            minWindow: WINDOW,
            minBond: BOND,
            minReplicas: 2,
            governor: governor,
            reading: Reading({element: 0, numerator: 1, denominator: 1, offset: 0}),
            guard: Guard({low: 4_000, high: 8_000, resting: RESTING, step: 200, perDay: 500, lifetime: LIFETIME})
        });
    }

    // -- what people do ----------------------------------------------------------------------------------------------

    /// @dev First second of an epoch.
    function begin(uint32 epoch) internal {
        vm.warp(START + uint256(epoch - 1) * EPOCH);
    }

    function observe(uint32 epoch) internal {
        begin(epoch);
        source.observe(epoch);
    }

    function orderFor(uint32 epoch) internal view returns (Order memory order) {
        order = someOrder();
        order.model = MODEL;
        order.input = source.input(epoch);
        order.effect = steward.effectOf(epoch);
        order.salt = keccak256(abi.encode("order", epoch, block.timestamp));
    }

    function saying(int32 element) internal pure returns (bytes memory) {
        return abi.encodePacked(element, bytes28(0));
    }

    function settleNative(Order memory order, int32 said) internal returns (Delivery memory) {
        output = saying(said);
        bytes memory signature = authorization(order);
        vm.prank(order.provider);
        market.acceptAndProve(order, AUTHORIZATION, signature, NATIVE, output, output);
        return Delivery({provider: order.provider, traceRoot: 0, output: output});
    }

    function deliverSaying(Order memory order, int32 said) internal returns (Delivery memory) {
        output = saying(said);
        deliver(order);
        return Delivery({provider: order.provider, traceRoot: TRACE_ROOT, output: output});
    }

    function settleByWindow(Order memory order, int32 said) internal returns (Delivery memory delivery) {
        delivery = deliverSaying(order, said);
        vm.warp(block.timestamp + order.window);
        market.finalize(order);
    }

    function release(Order memory order) internal {
        vm.prank(order.client);
        market.release(order, "");
    }

    /// @dev Observes, orders, settles natively and applies.
    function decide(uint32 epoch, int32 said) internal returns (Order memory order, Delivery memory delivery) {
        observe(epoch);
        order = orderFor(epoch);
        delivery = settleNative(order, said);
        steward.applyDecision(order, epoch, delivery);
    }

    function value() internal view returns (int256) {
        return steward.value();
    }
}
