// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Validation} from "../../src/agents/Validation.sol";
import {OrderValidator} from "../../src/faces/OrderValidator.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IIdentityRegistry} from "../../src/interfaces/IReputation.sol";
import {IValidation} from "../../src/interfaces/IValidation.sol";
import {Order} from "../../src/types/Types.sol";
import {StandardsBase} from "./StandardsBase.sol";

contract ValidationTest is StandardsBase {
    bytes32 private constant REQUEST = keccak256("request");
    bytes32 private constant ASKED = keccak256("asked");

    Validation private validation;
    OrderValidator private validator;

    function setUp() public override {
        super.setUp();
        validation = new Validation(IIdentityRegistry(address(agents)));
        validator = new OrderValidator(IMarket(address(market)), validation);
    }

    // -- registry ----------------------------------------------------------------------------------------------------

    function test_validation_requestAndAnswers_areKeptAndAnnounced() external {
        vm.expectEmit(address(validation));
        emit IValidation.ValidationRequest(stranger, agent, "ipfs://request", REQUEST);
        request(stranger, REQUEST);
        (address who, uint256 of_, uint8 response,, string memory tag, uint256 at) =
            validation.getValidationStatus(REQUEST);
        assertEq(who, stranger, "validator");
        assertEq(of_, agent, "agent");
        assertEq(uint256(response), 0, "no answer");
        assertEq(tag, "", "no tag");
        assertEq(at, block.timestamp, "asked now");
        vm.expectEmit(address(validation));
        emit IValidation.ValidationResponse(stranger, agent, REQUEST, 100, "ipfs://why", keccak256("why"), "hard");
        answer(100, "hard");
        (,, response,, tag,) = validation.getValidationStatus(REQUEST);
        assertEq(uint256(response), 100, "answer");
        assertEq(tag, "hard", "tag");
        assertEq(validation.getAgentValidations(agent)[0], REQUEST, "of the agent");
        assertEq(validation.getValidatorRequests(stranger)[0], REQUEST, "of the validator");
    }

    function test_getSummary_byValidatorAndTag_averagesAnswersOnly() external {
        request(stranger, REQUEST);
        request(challenger, keccak256("unanswered"));
        (uint64 count, uint8 average) = validation.getSummary(agent, new address[](0), "");
        assertEq(uint256(count), 0, "nobody answered");
        answer(40, "soft");
        request(stranger, keccak256("second"));
        vm.prank(stranger);
        validation.validationResponse(keccak256("second"), 71, "", 0, "hard");
        (count, average) = validation.getSummary(agent, new address[](0), "");
        assertEq(uint256(count), 2, "both");
        assertEq(uint256(average), 55, "mean");
        (count, average) = validation.getSummary(agent, new address[](0), "hard");
        assertEq(uint256(average), 71, "by tag");
        address[] memory other = new address[](1);
        other[0] = challenger;
        (count,) = validation.getSummary(agent, other, "");
        assertEq(uint256(count), 0, "by validator");
    }

    function test_attack_requestByAStrangerOrTwice_reverts() external {
        vm.expectRevert(IValidation.NotOwner.selector);
        validation.validationRequest(stranger, agent, "", REQUEST);
        request(stranger, REQUEST);
        vm.startPrank(provider);
        vm.expectRevert(IValidation.RequestExists.selector);
        validation.validationRequest(stranger, agent, "", REQUEST);
        vm.expectRevert(IValidation.ZeroValidator.selector);
        validation.validationRequest(address(0), agent, "", ASKED);
        vm.stopPrank();
    }

    function test_attack_answerByAnybodyElseOrOutOfRange_reverts() external {
        vm.expectRevert(IValidation.UnknownRequest.selector);
        answer(1, "");
        request(stranger, REQUEST);
        vm.prank(provider);
        vm.expectRevert(IValidation.NotValidator.selector);
        validation.validationResponse(REQUEST, 100, "", 0, "");
        vm.expectRevert(IValidation.BadResponse.selector);
        answer(101, "");
    }

    // -- the market's answers ----------------------------------------------------------------------------------------

    function test_poke_deliveredThenPaid_saysFiftyThenAHundred() external {
        Order memory order = orderNumber(1);
        bytes32 hash = ask(order);
        vm.expectRevert(OrderValidator.NothingToSay.selector);
        validator.poke(order, agent, ASKED);
        deliver(order);
        validator.poke(order, agent, ASKED);
        expectStatus(hash, 50, "delivered");
        vm.expectRevert(OrderValidator.NothingToSay.selector);
        validator.poke(order, agent, ASKED);
        warpPastWindow();
        market.finalize(order);
        validator.poke(order, agent, ASKED);
        expectStatus(hash, 100, "settled");
    }

    function test_poke_slashedOrExpired_saysNothingGood() external {
        Order memory order = slashedOrder();
        bytes32 hash = ask(order);
        validator.poke(order, agent, ASKED);
        expectStatus(hash, 0, "slashed");
        order = orderNumber(2);
        hash = ask(order);
        accept(order);
        vm.warp(order.deliverBy + 1);
        market.expire(order);
        validator.poke(order, agent, ASKED);
        expectStatus(hash, 0, "expired");
    }

    function test_attack_colludingClientReleases_isNoEvidence() external {
        Order memory order = orderNumber(1);
        order.evidence = policy(1 << FRAUD_PROVABLE, 1 << 7);
        deliver(order);
        vm.prank(client);
        market.release(order, "");
        bytes32 hash = ask(order);
        validator.poke(order, agent, ASKED);
        expectStatus(hash, 50, "unproven");
    }

    function test_attack_orderOfAnotherProvider_isNotAnsweredFor() external {
        Order memory order = paidOrder(1);
        bytes32 id = market.orderId(order);
        agents.register("impostor");
        bytes32 hash = validator.requestHashOf(id, 2, ASKED);
        validation.validationRequest(address(validator), 2, "", hash);
        vm.expectRevert(OrderValidator.ForeignAgent.selector);
        validator.poke(order, 2, ASKED);
    }

    function test_attack_hashUsedUpByAnother_leavesTheAgentAnotherSalt() external {
        Order memory order = paidOrder(1);
        bytes32 hash = validator.requestHashOf(market.orderId(order), agent, ASKED);
        vm.prank(stranger);
        uint256 squatter = agents.register("squatter");
        vm.prank(stranger);
        validation.validationRequest(address(validator), squatter, "", hash);
        vm.expectRevert(OrderValidator.UnknownRequest.selector);
        validator.poke(order, agent, ASKED);
        hash = validator.requestHashOf(market.orderId(order), agent, keccak256("another salt"));
        request(address(validator), hash);
        validator.poke(order, agent, keccak256("another salt"));
        expectStatus(hash, 100, "settled");
    }

    function test_attack_requestToAnotherValidator_isNotAnswered() external {
        Order memory order = paidOrder(1);
        request(stranger, validator.requestHashOf(market.orderId(order), agent, ASKED));
        vm.expectRevert(OrderValidator.UnknownRequest.selector);
        validator.poke(order, agent, ASKED);
    }

    // -- short forms -------------------------------------------------------------------------------------------------

    function request(address who, bytes32 hash) private {
        vm.prank(provider);
        validation.validationRequest(who, agent, "ipfs://request", hash);
    }

    function answer(uint8 response, string memory tag) private {
        vm.prank(stranger);
        validation.validationResponse(REQUEST, response, "ipfs://why", keccak256("why"), tag);
    }

    function ask(Order memory order) private returns (bytes32 hash) {
        hash = validator.requestHashOf(market.orderId(order), agent, ASKED);
        request(address(validator), hash);
    }

    function expectStatus(bytes32 hash, uint256 expected, string memory tag) private view {
        (,, uint8 response,, string memory found,) = validation.getValidationStatus(hash);
        assertEq(uint256(response), expected, "response");
        assertEq(found, tag, "tag");
    }
}
