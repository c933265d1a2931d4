// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Validation} from "../../src/agents/Validation.sol";
import {OrderValidator} from "../../src/faces/OrderValidator.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IIdentityRegistry} from "../../src/interfaces/IReputation.sol";
import {Order} from "../../src/types/Types.sol";
import {JobBase} from "./JobBase.sol";
import {StandardsBase} from "./StandardsBase.sol";

/// @dev Gas of whole transactions in the steady state: everybody has done it before.
/// forge-config: default.isolate = true
contract ReputationGasTest is StandardsBase {
    string private constant GROUP = "standards";

    function test_gas_praiseAndBlame_areRecorded() external {
        rate(paidOrder(1), 90);
        Order memory order = paidOrder(2);
        vm.prank(client);
        reputation.giveFeedbackFor(order, agent, ratingOf(90));
        vm.snapshotGasLastCall(GROUP, "reputation: praise, whole transaction");
        order = paidOrder(3);
        vm.prank(client);
        reputation.giveFeedbackFor(order, agent, ratingOf(10));
        vm.snapshotGasLastCall(GROUP, "reputation: blame, whole transaction");
    }

    function test_gas_validation_isRecorded() external {
        Validation validation = new Validation(IIdentityRegistry(address(agents)));
        OrderValidator validator = new OrderValidator(IMarket(address(market)), validation);
        for (uint256 number = 1; number < 3; ++number) {
            Order memory order = paidOrder(number);
            bytes32 hash = validator.requestHashOf(market.orderId(order), agent, 0);
            vm.prank(provider);
            validation.validationRequest(address(validator), agent, "", hash);
            vm.snapshotGasLastCall(GROUP, "validation: request, whole transaction");
            validator.poke(order, agent, 0);
            vm.snapshotGasLastCall(GROUP, "validation: answer, whole transaction");
        }
    }
}

/// @dev The same of jobs.
/// forge-config: default.isolate = true
contract JobGasTest is JobBase {
    string private constant GROUP = "standards";

    function test_gas_job_isRecorded() external {
        for (uint256 round = 0; round < 2; ++round) {
            uint256 jobId = createJob(address(0));
            Order memory order = back(jobId);
            vm.snapshotGasLastCall(GROUP, "job: back, whole transaction");
            deliverTo(order, honest());
            vm.snapshotGasLastCall(GROUP, "job: acceptAndSubmit, whole transaction");
            submitJob(jobId, order, honest());
            warpPastWindow();
            market.finalize(order);
            settle(jobId, order);
            vm.snapshotGasLastCall(GROUP, "job: settle, whole transaction");
        }
    }
}
