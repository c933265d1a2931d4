// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DecisionResolver} from "../../src/faces/DecisionResolver.sol";
import {Attestation} from "../../src/interfaces/IEas.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {StandardsBase} from "./StandardsBase.sol";

contract DecisionResolverTest is StandardsBase {
    DecisionResolver private resolver;

    /// @dev This contract stands in for the attestation service.
    function setUp() public override {
        super.setUp();
        resolver = new DecisionResolver(address(this), IMarket(address(market)));
    }

    function test_attest_factsOfAPaidOrder_pass() external {
        assertTrue(resolver.attest(statement(paidOrder(1), TRACE_ROOT)), "true");
    }

    function test_attest_factsOfASlashedOrder_pass() external {
        Order memory order = slashedOrder();
        assertTrue(resolver.attest(statement(order, headerOf(cheat()).traceRoot)), "true");
    }

    function test_multiAttest_oneFalse_refusesAll() external {
        Attestation[] memory all = new Attestation[](2);
        all[0] = statement(paidOrder(1), TRACE_ROOT);
        all[1] = statement(paidOrder(2), TRACE_ROOT);
        assertTrue(resolver.multiAttest(all, new uint256[](2)), "both true");
        all[1] = statement(orderNumber(3), TRACE_ROOT);
        assertTrue(!resolver.multiAttest(all, new uint256[](2)), "one false");
    }

    function test_revoke_ofFacts_isRefused() external {
        Attestation[] memory all = new Attestation[](1);
        all[0] = statement(paidOrder(1), TRACE_ROOT);
        assertTrue(!resolver.revoke(all[0]), "one");
        assertTrue(!resolver.multiRevoke(all, new uint256[](1)), "several");
    }

    function test_schemaUid_ofItsSchema_isAsTheServiceMakesIt() external view {
        bytes32 uid = keccak256(abi.encodePacked(resolver.SCHEMA(), address(resolver), false));
        assertEq(resolver.schemaUid(), uid, "uid");
        assertTrue(!resolver.isPayable(), "no ether");
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_callByAnybodyElseOrWithEther_reverts() external {
        Attestation memory made = statement(paidOrder(1), TRACE_ROOT);
        vm.prank(stranger);
        vm.expectRevert(DecisionResolver.NotAttestationService.selector);
        resolver.attest(made);
        vm.expectRevert(DecisionResolver.NotPayable.selector);
        resolver.attest{value: 1}(made);
    }

    function test_attack_unsettledOrders_areRefused() external {
        Order memory order = orderNumber(1);
        assertTrue(!resolver.attest(statement(order, TRACE_ROOT)), "not accepted");
        deliver(order);
        assertTrue(!resolver.attest(statement(order, TRACE_ROOT)), "open");
    }

    function test_attack_aboutAnotherProviderOrUnderAnotherSchema_isRefused() external {
        Attestation memory made = statement(paidOrder(1), TRACE_ROOT);
        made.recipient = stranger;
        assertTrue(!resolver.attest(made), "recipient");
        made.recipient = provider;
        made.schema = keccak256("another schema");
        assertTrue(!resolver.attest(made), "schema");
        made.schema = resolver.schemaUid();
        made.expirationTime = 1;
        assertTrue(!resolver.attest(made), "lapsing");
        made.expirationTime = 0;
        made.data = abi.encodePacked(made.data, bytes32(0));
        assertTrue(!resolver.attest(made), "more than the schema says");
    }

    function testFuzz_attack_anyChangedWord_isRefusedAndNeverReverts(uint256 which, uint256 word) external {
        Attestation memory made = statement(paidOrder(1), TRACE_ROOT);
        bytes memory data = made.data;
        uint256 at = 32 + 32 * (which % 18);
        uint256 before;
        assembly ("memory-safe") {
            before := mload(add(data, at))
            mstore(add(data, at), word)
        }
        vm.assume(before != word);
        assertTrue(!resolver.attest(made), "changed");
    }

    function testFuzz_attack_anyBytes_areRefusedAndNeverRevert(bytes calldata data) external {
        Attestation memory made = statement(paidOrder(1), TRACE_ROOT);
        made.data = data;
        assertTrue(!resolver.attest(made), "noise");
    }

    function statement(Order memory order, bytes32 traceRoot) private view returns (Attestation memory made) {
        made.schema = resolver.schemaUid();
        made.recipient = order.provider;
        made.attester = stranger;
        made.data = abi.encodePacked(
            abi.encode(order), abi.encode(traceRoot, keccak256(output), status(order), gathered(order), until(order))
        );
    }
}
