// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Court} from "../../src/court/Court.sol";
import {JobEvaluator} from "../../src/faces/JobEvaluator.sol";
import {JobStatus} from "../../src/interfaces/IErc8183.sol";
import {Market} from "../../src/market/Market.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {ElementProof, ModelCommitment, Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Test} from "../Vm.sol";
import {Execution, Trees} from "../core/Execution.sol";
import {Jobs} from "./Jobs.sol";

/// @dev Random jobs with random ends; remembers what must hold of each.
contract JobHandler is Test {
    using Trees for Trees.Tree;

    uint256 private constant DEPTH = 6;
    uint32 private constant WINDOW = 1200;
    uint96 private constant BOND = 2_000_001;
    uint256 private constant BUDGET = 1_000_000;

    Market private immutable MARKET;
    Court private immutable COURT;
    JobEvaluator public immutable EVALUATOR;
    Jobs public immutable JOBS;
    DevToken private immutable TOKEN;
    address public immutable CLIENT = address(0xC0FFEE);
    address public immutable PROVIDER = address(0x9999);
    address private immutable CHALLENGER = address(0x7777);

    /// First rule that was broken; empty if none was.
    string public broken;
    mapping(string step => uint256) public done;
    mapping(uint256 jobId => Order) private _orders;
    mapping(uint256 jobId => bool) public lied;
    ModelCommitment private _model;
    bytes32 private _input;
    bytes[2] private _outputs;
    bytes32[2] private _roots;
    bytes private _proof;

    constructor(Vault vault, Market market, Court court, JobEvaluator evaluator, Jobs jobs, DevToken token) {
        (MARKET, COURT, EVALUATOR, JOBS, TOKEN) = (market, court, evaluator, jobs, token);
        Execution.Model memory model = Execution.model(DEPTH);
        _model = model.commitment;
        for (uint256 i = 0; i < 2; ++i) {
            Execution.Run memory run = Execution.run(model, int64(int256(i)), false);
            _input = run.input.root();
            (_outputs[i], _roots[i]) = (Execution.outputOf(run), run.trace.root());
            if (i == 1) _proof = abi.encode(Execution.resultProof(model, run, 1));
        }
        token.mint(CLIENT, 1e15);
        token.mint(PROVIDER, 1e15);
        vm.prank(CLIENT);
        token.approve(address(jobs), type(uint256).max);
        vm.startPrank(PROVIDER);
        token.approve(address(evaluator), type(uint256).max);
        token.approve(address(vault), type(uint256).max);
        vault.deposit(5e14);
        vm.stopPrank();
    }

    function order(uint256 jobId) external view returns (Order memory) {
        return _orders[jobId];
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function create(uint256 slack) external {
        Order memory wanted = _wish(0);
        uint256 expiry = block.timestamp + 1200 + WINDOW + EVALUATOR.longestDispute(DEPTH) + 1 hours;
        expiry += bound(slack, 0, 4 hours);
        string memory text = EVALUATOR.descriptionOf(wanted);
        vm.startPrank(CLIENT);
        uint256 jobId = JOBS.createJob(PROVIDER, address(EVALUATOR), expiry, text, address(0), 0);
        JOBS.setBudget(jobId, address(TOKEN), BUDGET, "");
        JOBS.fund(jobId, BUDGET, "");
        vm.stopPrank();
        ++done["create"];
    }

    function back(uint256 which) external {
        uint256 jobId = _pick(which);
        Order memory made = _wish(jobId);
        vm.prank(PROVIDER);
        EVALUATOR.back(JOBS, jobId, made, _model);
        _orders[jobId] = made;
        ++done["back"];
    }

    function accept(uint256 which) external {
        uint256 jobId = _pick(which);
        vm.prank(PROVIDER);
        MARKET.accept(_orders[jobId], 1, "");
        ++done["accept"];
    }

    function deliver(uint256 which, bool lie) external {
        uint256 jobId = _pick(which);
        uint256 kind = lie ? 1 : 0;
        lied[jobId] = lie;
        bool accepted = uint256(MARKET.state(MARKET.orderId(_orders[jobId]))) >> 253 == uint256(OrderStatus.FUNDED);
        vm.startPrank(PROVIDER);
        if (accepted) MARKET.submit(_orders[jobId], _roots[kind], _outputs[kind]);
        else MARKET.acceptAndSubmit(_orders[jobId], 1, "", _roots[kind], _outputs[kind]);
        JOBS.submit(jobId, keccak256("result"), "");
        vm.stopPrank();
        ++done["deliver"];
    }

    function convict(uint256 which) external {
        uint256 jobId = _pick(which);
        Order memory made = _orders[jobId];
        vm.startPrank(CHALLENGER);
        COURT.commitFind(keccak256(abi.encode(MARKET.orderId(made), (uint256(1) << 32) | 1, CHALLENGER, bytes32(0))));
        vm.roll(block.number + 1);
        ResultHeader memory header = ResultHeader({traceRoot: _roots[1], outputHash: keccak256(_outputs[1])});
        COURT.proveElement(made, header, _model, abi.decode(_proof, (ElementProof)), 0);
        vm.stopPrank();
        ++done["convict"];
    }

    function end(uint256 which, bool late) external {
        Order memory made = _orders[_pick(which)];
        uint256 slot = uint256(MARKET.state(MARKET.orderId(made)));
        uint256 due = slot >> 253 == uint256(OrderStatus.FUNDED) ? uint256(made.deliverBy) + 1 : uint32(slot >> 200);
        if (late && block.timestamp < due) vm.warp(due);
        if (slot >> 253 == uint256(OrderStatus.FUNDED)) MARKET.expire(made);
        else MARKET.finalize(made);
        ++done[slot >> 253 == uint256(OrderStatus.FUNDED) ? "expire" : "finalize"];
    }

    function settle(uint256 which) external {
        uint256 jobId = _pick(which);
        EVALUATOR.settle(JOBS, jobId, _orders[jobId]);
        bool paid = JOBS.getJob(jobId).status == JobStatus.Completed;
        uint256 status = uint256(MARKET.state(MARKET.orderId(_orders[jobId]))) >> 253;
        if (paid && status == uint256(OrderStatus.SLASHED)) broken = "convicted work was paid";
        if (!paid && status == uint256(OrderStatus.PAID)) broken = "good work was rejected";
        ++done[paid ? "complete" : "reject"];
    }

    function refund(uint256 which) external {
        uint256 jobId = _pick(which);
        (, uint40 decidedAfter,) = EVALUATOR.backing(EVALUATOR.orderOf(JOBS, jobId));
        bool submitted = JOBS.getJob(jobId).status == JobStatus.Submitted;
        vm.prank(CLIENT);
        JOBS.claimRefund(jobId);
        if (submitted && decidedAfter != 0 && block.timestamp <= uint256(decidedAfter) + 1 hours) {
            broken = "a client took back what was not decided";
        }
        ++done["refund"];
    }

    function collect(uint256 which) external {
        EVALUATOR.collect(_orders[_pick(which)]);
        ++done["collect"];
    }

    function withdraw(bool ofClient) external {
        vm.prank(ofClient ? CLIENT : PROVIDER);
        EVALUATOR.withdraw(address(0xFEED));
        ++done["withdraw"];
    }

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 1, 2000));
    }

    /// @dev One of the latest four.
    function _pick(uint256 which) private view returns (uint256) {
        uint256 last = JOBS.jobCounter();
        return bound(which, last > 3 ? last - 3 : 1, last);
    }

    function _wish(uint256 jobId) private view returns (Order memory made) {
        made.client = address(EVALUATOR);
        made.provider = PROVIDER;
        (made.price, made.bond, made.window) = (1, BOND, WINDOW);
        (made.acceptBy, made.deliverBy) = (uint40(block.timestamp + 600), uint40(block.timestamp + 1200));
        (made.model, made.input) = (keccak256(abi.encode(_model)), _input);
        made.evidence = bytes32(uint256(1 << 1) << 248);
        made.salt = EVALUATOR.keyOf(JOBS, jobId);
    }
}
