// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Agents} from "../../src/agents/Agents.sol";
import {Reputation} from "../../src/agents/Reputation.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IIdentityRegistry, IReputation} from "../../src/interfaces/IReputation.sol";
import {Order} from "../../src/types/Types.sol";
import {CourtBase} from "../core/CourtBase.sol";

/// @dev A market with an identity registry in which the provider is an agent, and orders that end as a test likes.
abstract contract StandardsBase is CourtBase {
    uint256 internal constant FEE_BPS = 200;
    uint96 internal constant FEE = PRICE * 2 / 100;

    Agents internal agents;
    Reputation internal reputation;
    uint256 internal agent;

    function setUp() public virtual override {
        super.setUp();
        agents = new Agents();
        agents.register("somebody else's, number nought");
        vm.prank(provider);
        agent = agents.register("provider");
        reputation = new Reputation(IMarket(address(market)), IIdentityRegistry(address(agents)), FEE_BPS);
        vm.prank(client);
        token.approve(address(reputation), type(uint256).max);
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    function orderNumber(uint256 number) internal view returns (Order memory order) {
        order = someOrder();
        order.salt = keccak256(abi.encode("salt", number));
    }

    /// @dev Delivered, and paid after its window.
    function paidOrder(uint256 number) internal returns (Order memory order) {
        order = orderNumber(number);
        deliver(order);
        warpPastWindow();
        market.finalize(order);
    }

    /// @dev Delivered with a wrong element, and convicted by the challenger.
    function slashedOrder() internal returns (Order memory order) {
        order = deliverRun(cheat());
        convict(order, cheat(), challenger);
    }

    // -- ratings -----------------------------------------------------------------------------------------------------

    function ratingOf(int128 value) internal pure returns (IReputation.Rating memory) {
        return IReputation.Rating({
            value: value,
            valueDecimals: 0,
            tag1: "starred",
            tag2: "",
            endpoint: "https://provider.example",
            feedbackURI: "",
            feedbackHash: 0
        });
    }

    function rate(Order memory order, int128 value) internal {
        vm.prank(order.client);
        reputation.giveFeedbackFor(order, agent, ratingOf(value));
    }

    function ratePlainly(address who, int128 value) internal {
        vm.prank(who);
        reputation.giveFeedback(agent, value, 0, "starred", "", "", "", 0);
    }
}
