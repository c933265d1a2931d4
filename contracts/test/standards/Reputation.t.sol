// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Reputation} from "../../src/agents/Reputation.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IIdentityRegistry, IReputation} from "../../src/interfaces/IReputation.sol";
import {Order} from "../../src/types/Types.sol";
import {StandardsBase} from "./StandardsBase.sol";

contract ReputationTest is StandardsBase {
    // -- feedback stands on a settled order ---------------------------------------------------------------------------

    function test_giveFeedbackFor_paidOrder_isKeptAndAnnounced() external {
        Order memory order = paidOrder(1);
        bytes32 id = market.orderId(order);
        vm.expectEmit(address(reputation));
        emit IReputation.NewFeedback(
            agent, client, 1, 90, 0, "starred", "starred", "", "https://provider.example", "", 0
        );
        vm.expectEmit(address(reputation));
        emit IReputation.FeedbackSettled(agent, client, id, 1, PRICE, FEE, uint40(block.timestamp), false);
        rate(order, 90);
        (int128 value, uint8 decimals, string memory tag1, string memory tag2, bool revoked) =
            reputation.readFeedback(agent, client, 1);
        assertEq(int256(value), 90, "value");
        assertEq(uint256(decimals), 0, "decimals");
        assertEq(tag1, "starred", "tag1");
        assertEq(tag2, "", "tag2");
        assertTrue(!revoked, "stands");
        assertEq(reputation.getClients(agent)[0], client, "client");
        assertEq(uint256(reputation.getLastIndex(agent, client)), 1, "index");
        (bool rated,) = reputation.used(id);
        assertTrue(rated, "used");
    }

    function test_giveFeedback_afterAdmission_isAnUnmodifiedCallOfTheErc() external {
        Order memory order = paidOrder(1);
        vm.prank(client);
        reputation.admit(order, agent);
        ratePlainly(client, 77);
        (int128 value,,,,) = reputation.readFeedback(agent, client, 1);
        assertEq(int256(value), 77, "value");
        vm.expectRevert(IReputation.NoSettledOrder.selector);
        ratePlainly(client, 77);
    }

    function test_giveFeedbackFor_slashedOrder_saysSo() external {
        Order memory order = slashedOrder();
        vm.expectEmit(address(reputation));
        emit IReputation.NewFeedback(
            agent, client, 1, 0, 0, "starred", "starred", "", "https://provider.example", "", 0
        );
        vm.expectEmit(address(reputation));
        emit IReputation.FeedbackSettled(
            agent, client, market.orderId(order), 1, PRICE, 0, uint40(block.timestamp), true
        );
        rate(order, 0);
    }

    function test_giveFeedbackFor_twoOrders_haveTwoIndices() external {
        rate(paidOrder(1), 80);
        rate(paidOrder(2), 100);
        assertEq(uint256(reputation.getLastIndex(agent, client)), 2, "index");
        assertEq(reputation.getClients(agent).length, 1, "one client");
    }

    // -- fees --------------------------------------------------------------------------------------------------------

    function test_praise_ofAnOrder_burnsItsFee() external {
        Order memory order = paidOrder(1);
        uint256 before = token.balanceOf(client);
        rate(order, 50);
        assertEq(before - token.balanceOf(client), FEE, "paid");
        assertEq(token.balanceOf(BURN), FEE, "burned");
        assertEq(token.balanceOf(address(reputation)), 0, "nothing stays");
    }

    function test_blame_ofAnOrder_costsNothing() external {
        Order memory order = paidOrder(1);
        uint256 before = token.balanceOf(client);
        rate(order, 49);
        assertEq(token.balanceOf(client), before, "free");
    }

    function test_praise_ofAnEndowedOrder_isPaidFor() external {
        Order memory order = paidOrder(1);
        vm.startPrank(provider);
        token.approve(address(reputation), FEE);
        reputation.endow(order);
        vm.stopPrank();
        vm.prank(client);
        token.approve(address(reputation), 0);
        vm.expectEmit(address(reputation));
        emit IReputation.NewFeedback(
            agent, client, 1, 99, 0, "starred", "starred", "", "https://provider.example", "", 0
        );
        vm.expectEmit(address(reputation));
        emit IReputation.FeedbackSettled(
            agent, client, market.orderId(order), 1, PRICE, FEE, uint40(block.timestamp), false
        );
        rate(order, 99);
        assertEq(token.balanceOf(BURN), FEE, "burned once");
    }

    function test_endow_twiceOrTooEarly_reverts() external {
        Order memory order = orderNumber(1);
        vm.expectRevert(IReputation.NotSettled.selector);
        reputation.endow(order);
        order = paidOrder(2);
        vm.startPrank(client);
        reputation.endow(order);
        vm.expectRevert(IReputation.AlreadyUsed.selector);
        reputation.endow(order);
        vm.stopPrank();
    }

    function testFuzz_fee_ofOrdersThatAreSplit_isNotSmaller(uint96 a, uint96 b) external view {
        (a, b) = (a / 2, b / 2);
        assertGe(uint256(reputation.fee(a)) + reputation.fee(b), reputation.fee(a + b), "splitting saves nothing");
        assertGe(uint256(reputation.fee(a)) * 10_000, uint256(a) * FEE_BPS, "never less than the share");
    }

    function testFuzz_praise_inAnyScale_paysIffItIsHalfOrMore(int64 points, uint8 decimals) external {
        decimals = decimals % 19;
        int128 value = int128(points % 101) * int128(int256(10 ** uint256(decimals)));
        Order memory order = paidOrder(1);
        uint256 before = token.balanceOf(client);
        IReputation.Rating memory rating = ratingOf(value);
        rating.valueDecimals = decimals;
        vm.prank(client);
        reputation.giveFeedbackFor(order, agent, rating);
        assertEq(before - token.balanceOf(client), points % 101 >= 50 ? FEE : 0, "fee");
    }

    function test_constructor_impossibleFee_reverts() external {
        vm.expectRevert(IReputation.BadParameters.selector);
        new Reputation(IMarket(address(market)), IIdentityRegistry(address(agents)), 0);
        vm.expectRevert(IReputation.BadParameters.selector);
        new Reputation(IMarket(address(market)), IIdentityRegistry(address(agents)), 10_001);
    }

    // -- what may be said ---------------------------------------------------------------------------------------------

    function test_giveFeedbackFor_valuesTheErcForbids_revert() external {
        Order memory order = paidOrder(1);
        IReputation.Rating memory rating = ratingOf(1e38 + 1);
        expectBadValue(order, rating);
        rating = ratingOf(-1e38 - 1);
        expectBadValue(order, rating);
        rating = ratingOf(1);
        rating.valueDecimals = 19;
        expectBadValue(order, rating);
        rating = ratingOf(1);
        rating.tag2 = "a tag that is longer than the sixty-four bytes that views can bear";
        expectBadValue(order, rating);
    }

    function expectBadValue(Order memory order, IReputation.Rating memory rating) private {
        vm.prank(client);
        vm.expectRevert(IReputation.BadValue.selector);
        reputation.giveFeedbackFor(order, agent, rating);
    }

    // -- revocation and responses -------------------------------------------------------------------------------------

    function test_revokeFeedback_byItsClient_leavesTheSummary() external {
        rate(paidOrder(1), 10);
        rate(paidOrder(2), 90);
        vm.prank(client);
        reputation.revokeFeedback(agent, 1);
        (uint64 count, int128 value, uint8 decimals) = reputation.getSummary(agent, list(client), "", "");
        assertEq(uint256(count), 1, "count");
        assertEq(int256(value), 90, "value");
        assertEq(uint256(decimals), 0, "decimals");
        (,,,, bool revoked) = reputation.readFeedback(agent, client, 1);
        assertTrue(revoked, "revoked");
    }

    function test_revokeFeedback_ofOthersOrTwice_reverts() external {
        rate(paidOrder(1), 10);
        vm.prank(stranger);
        vm.expectRevert(IReputation.UnknownFeedback.selector);
        reputation.revokeFeedback(agent, 1);
        vm.startPrank(client);
        vm.expectRevert(IReputation.UnknownFeedback.selector);
        reputation.revokeFeedback(agent, 0);
        reputation.revokeFeedback(agent, 1);
        vm.expectRevert(IReputation.AlreadyRevoked.selector);
        reputation.revokeFeedback(agent, 1);
        vm.stopPrank();
    }

    function test_appendResponse_byAnybody_isCounted() external {
        rate(paidOrder(1), 10);
        rate(paidOrder(2), 10);
        respond(provider, 1);
        respond(provider, 1);
        respond(stranger, 2);
        address[] memory none = new address[](0);
        assertEq(uint256(reputation.getResponseCount(agent, client, 1, none)), 2, "one feedback");
        assertEq(uint256(reputation.getResponseCount(agent, client, 0, none)), 3, "one client");
        assertEq(uint256(reputation.getResponseCount(agent, address(0), 0, none)), 3, "everybody");
        assertEq(uint256(reputation.getResponseCount(agent, address(0), 0, list(stranger))), 1, "one responder");
    }

    function test_appendResponse_withoutPlaceOrFeedback_reverts() external {
        rate(paidOrder(1), 10);
        vm.expectRevert(IReputation.EmptyURI.selector);
        reputation.appendResponse(agent, client, 1, "", 0);
        vm.expectRevert(IReputation.UnknownFeedback.selector);
        reputation.appendResponse(agent, client, 2, "ipfs://answer", 0);
    }

    function respond(address who, uint64 index) private {
        vm.prank(who);
        reputation.appendResponse(agent, client, index, "ipfs://answer", 0);
    }

    // -- summaries ---------------------------------------------------------------------------------------------------

    function test_getSummary_withoutClients_reverts() external {
        vm.expectRevert(IReputation.ClientsRequired.selector);
        reputation.getSummary(agent, new address[](0), "", "");
    }

    function test_getSummary_mixedDecimals_usesTheMostFrequent() external {
        rate(paidOrder(1), 50);
        rateIn(paidOrder(2), 9977, 2, "uptime");
        rateIn(paidOrder(3), 9000, 2, "starred");
        (uint64 count, int128 value, uint8 decimals) = reputation.getSummary(agent, list(client), "", "");
        assertEq(uint256(count), 3, "count");
        assertEq(int256(value), int256(7992), "mean");
        assertEq(uint256(decimals), 2, "decimals");
        (count, value,) = reputation.getSummary(agent, list(client), "uptime", "");
        assertEq(uint256(count), 1, "by tag");
        assertEq(int256(value), 9977, "by tag");
        (count,,) = reputation.getSummary(agent, list(stranger), "", "");
        assertEq(uint256(count), 0, "nobody asked him");
    }

    function test_readAllFeedback_withAndWithoutFilter_listsWhatFits() external {
        rate(paidOrder(1), 50);
        rateIn(paidOrder(2), 9977, 2, "uptime");
        vm.prank(client);
        reputation.revokeFeedback(agent, 1);
        (address[] memory clients, uint64[] memory indexes, int128[] memory values,,,,) =
            reputation.readAllFeedback(agent, new address[](0), "", "", false);
        assertEq(clients.length, 1, "the one that stands");
        assertEq(uint256(indexes[0]), 2, "index");
        assertEq(int256(values[0]), 9977, "value");
        string[] memory tags;
        bool[] memory revoked;
        (clients,,,, tags,, revoked) = reputation.readAllFeedback(agent, list(client), "starred", "", true);
        assertEq(clients.length, 1, "by tag");
        assertEq(tags[0], "starred", "tag");
        assertTrue(revoked[0], "revoked");
    }

    function rateIn(Order memory order, int128 value, uint8 decimals, string memory tag) private {
        IReputation.Rating memory rating = ratingOf(value);
        (rating.valueDecimals, rating.tag1) = (decimals, tag);
        vm.prank(client);
        reputation.giveFeedbackFor(order, agent, rating);
    }

    function list(address one) private pure returns (address[] memory all) {
        all = new address[](1);
        all[0] = one;
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_feedbackWithoutAnyOrder_reverts() external {
        vm.expectRevert(IReputation.NoSettledOrder.selector);
        ratePlainly(stranger, 100);
    }

    function test_attack_feedbackForUnsettledOrders_reverts() external {
        Order memory order = orderNumber(1);
        expectRefused(order, client, IReputation.NotSettled.selector);
        accept(order);
        expectRefused(order, client, IReputation.NotSettled.selector);
        vm.prank(provider);
        market.submit(order, TRACE_ROOT, output);
        expectRefused(order, client, IReputation.NotSettled.selector);
        market.cancel(order, signed(CLIENT_KEY, cancelDigest(order)), signed(PROVIDER_KEY, cancelDigest(order)));
        expectRefused(order, client, IReputation.NotSettled.selector);
        order = orderNumber(2);
        accept(order);
        vm.warp(order.deliverBy + 1);
        market.expire(order);
        expectRefused(order, client, IReputation.NotSettled.selector);
    }

    function test_attack_replayedFeedback_reverts() external {
        Order memory order = paidOrder(1);
        rate(order, 90);
        expectRefused(order, client, IReputation.AlreadyUsed.selector);
        vm.prank(client);
        reputation.admit(order, agent);
        vm.expectRevert(IReputation.AlreadyUsed.selector);
        ratePlainly(client, 90);
        vm.prank(client);
        reputation.revokeFeedback(agent, 1);
        expectRefused(order, client, IReputation.AlreadyUsed.selector);
    }

    function test_attack_ticketUsedAfterItsOrderWasRated_reverts() external {
        Order memory order = paidOrder(1);
        vm.prank(client);
        reputation.admit(order, agent);
        rate(order, 90);
        vm.expectRevert(IReputation.AlreadyUsed.selector);
        ratePlainly(client, 90);
    }

    function test_attack_feedbackForSomebodyElsesOrder_reverts() external {
        Order memory order = paidOrder(1);
        expectRefused(order, stranger, IReputation.NotClient.selector);
        vm.prank(stranger);
        vm.expectRevert(IReputation.NotClient.selector);
        reputation.admit(order, agent);
    }

    function test_attack_orderWithChangedTerms_reverts() external {
        Order memory order = paidOrder(1);
        order.price = PRICE * 1000;
        expectRefused(order, client, IReputation.NotSettled.selector);
        order = paidOrder(2);
        order.client = stranger;
        expectRefused(order, stranger, IReputation.NotSettled.selector);
    }

    function test_attack_ratingAnAgentThatDidNotDeliver_reverts() external {
        Order memory order = paidOrder(1);
        vm.prank(client);
        vm.expectRevert(IReputation.ForeignAgent.selector);
        reputation.giveFeedbackFor(order, 0, ratingOf(0));
        vm.prank(client);
        vm.expectRevert(abi.encodeWithSelector(IReputation.ForeignAgent.selector));
        reputation.giveFeedbackFor(order, 99, ratingOf(0));
    }

    function test_attack_ownerOperatorOrWalletRatesItself_reverts() external {
        vm.prank(provider);
        agents.setApprovalForAll(client, true);
        Order memory order = paidOrder(1);
        expectRefused(order, client, IReputation.SelfFeedback.selector);
        vm.prank(provider);
        agents.setApprovalForAll(client, false);
        reputation.link(agent);
        vm.prank(provider);
        agents.transferFrom(provider, client, agent);
        expectRefused(order, client, IReputation.SelfFeedback.selector);
    }

    function test_attack_buyingTheAgentBetweenAdmissionAndFeedback_reverts() external {
        Order memory order = paidOrder(1);
        vm.prank(client);
        reputation.admit(order, agent);
        vm.prank(provider);
        agents.transferFrom(provider, client, agent);
        vm.expectRevert(IReputation.SelfFeedback.selector);
        ratePlainly(client, 100);
    }

    function test_attack_providerWhoIsHisOwnClient_leavesNoFeedback() external {
        Order memory order = orderNumber(1);
        order.client = provider;
        bytes memory signature = signed(PROVIDER_KEY, market.orderId(order));
        vm.prank(provider);
        market.acceptAndSubmit(order, CREDIT, signature, TRACE_ROOT, output);
        warpPastWindow();
        market.finalize(order);
        vm.prank(provider);
        vm.expectRevert(IReputation.SelfFeedback.selector);
        reputation.giveFeedbackFor(order, agent, ratingOf(100));
    }

    function test_attack_sellingTheAgentToEscapeBlame_failsOnceItIsLinked() external {
        reputation.link(agent);
        Order memory order = paidOrder(1);
        vm.prank(provider);
        agents.transferFrom(provider, stranger, agent);
        rate(order, 0);
        assertEq(uint256(reputation.getLastIndex(agent, client)), 1, "the agent answers for it");
    }

    function test_attack_linkingAnAgentThatWasPushedOnSomebody_reverts() external {
        vm.prank(stranger);
        uint256 trap = agents.register("trap");
        vm.prank(stranger);
        agents.transferFrom(stranger, provider, trap);
        vm.expectRevert(IReputation.ForeignAgent.selector);
        reputation.link(trap);
    }

    function test_attack_praiseWithoutMoney_reverts() external {
        Order memory order = paidOrder(1);
        vm.prank(client);
        token.approve(address(reputation), FEE - 1);
        vm.prank(client);
        vm.expectRevert();
        reputation.giveFeedbackFor(order, agent, ratingOf(100));
        (bool rated,) = reputation.used(market.orderId(order));
        assertTrue(!rated, "nothing happened");
    }

    function test_giveFeedback_forAnAgentThatDoesNotExist_reverts() external {
        vm.prank(client);
        vm.expectRevert(IReputation.NoSettledOrder.selector);
        reputation.giveFeedback(1234, 1, 0, "", "", "", "", 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1234));
        agents.isAuthorizedOrOwner(client, 1234);
    }

    function expectRefused(Order memory order, address who, bytes4 error) private {
        vm.prank(who);
        vm.expectRevert(error);
        reputation.giveFeedbackFor(order, agent, ratingOf(100));
    }

    function cancelDigest(Order memory order) private view returns (bytes32) {
        return wordDigest("Cancel(bytes32 order)", market.orderId(order));
    }
}
