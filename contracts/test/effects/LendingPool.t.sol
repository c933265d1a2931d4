// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LendingPool} from "../../src/applications/LendingPool.sol";
import {PoolSource} from "../../src/applications/PoolSource.sol";
import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, ISteward, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {Order} from "../../src/types/Types.sol";
import {EffectBase} from "./EffectBase.sol";

/// @title A collateral factor that follows a model
contract LendingPoolTest is EffectBase {
    uint256 private constant THRESHOLD = 9_000;
    uint256 private constant DOLLAR = 1e6;

    LendingPool private _pool;
    PoolSource private _source;
    DevToken private _collateral;

    function setUp() public override {
        super.setUp();
        _collateral = new DevToken();
        uint256 nonce = vm.getNonce(address(this));
        address stewardAt = vm.computeCreateAddress(address(this), nonce + 2);
        _pool = new LendingPool(token, _collateral, ISteward(stewardAt), THRESHOLD);
        _source = new PoolSource(schedule(), 0, _pool, 4);
        StewardTerms memory terms = theTerms();
        terms.source = address(_source);
        steward = new Steward(terms, guardian);
        assertEq(address(steward), stewardAt, "steward's address was predicted");
        address[2] memory people = [client, stranger];
        for (uint256 i = 0; i < 2; ++i) {
            _collateral.mint(people[i], FORTUNE);
            vm.startPrank(people[i]);
            token.approve(address(_pool), type(uint256).max);
            _collateral.approve(address(_pool), type(uint256).max);
            vm.stopPrank();
        }
        vm.prank(client);
        _pool.supply(1_000 * DOLLAR);
    }

    function test_borrow_upToTheFactor_followsTheModel() public {
        vm.startPrank(stranger);
        _pool.secure(100 * DOLLAR);
        _pool.borrow(50 * DOLLAR);
        vm.expectRevert(LendingPool.TooLittleCollateral.selector);
        _pool.borrow(1);
        vm.stopPrank();
        _decideInPool(2, 5_200);
        vm.prank(stranger);
        _pool.borrow(2 * DOLLAR);
        assertEq(_pool.debt(stranger), 52 * DOLLAR, "debt");
    }

    function test_source_sees_meansOverTime() public {
        vm.warp(START + 43_200);
        vm.startPrank(stranger);
        _pool.secure(100 * DOLLAR);
        _pool.borrow(40 * DOLLAR);
        vm.stopPrank();
        vm.warp(START + 86_400);
        vm.expectEmit(address(_source));
        // Half a day nothing, half a day 4 per cent of the supply; half a day without debt, half a day cover of 250 per cent.
        bytes memory words = abi.encodePacked(int32(200), int32((60_000 + 25_000) / 2), bytes24(0));
        emit ISource.Observed(2, _rootOf(2, words), words);
        _source.observe(2);
    }

    function test_attack_flashPositionBeforeAnObservation_movesNoMean() public {
        vm.warp(START + 86_400);
        vm.startPrank(stranger);
        _pool.secure(1_000 * DOLLAR);
        _pool.borrow(500 * DOLLAR);
        vm.expectEmit(address(_source));
        bytes memory words = abi.encodePacked(int32(0), int32(60_000), bytes24(0));
        emit ISource.Observed(2, _rootOf(2, words), words);
        _source.observe(2);
        vm.stopPrank();
    }

    function test_attack_lapseOfDecisions_liquidatesNobody() public {
        _decideInPool(2, 5_200);
        vm.startPrank(stranger);
        _pool.secure(100 * DOLLAR);
        _pool.borrow(52 * DOLLAR);
        vm.stopPrank();
        vm.warp(block.timestamp + 30 days);
        assertEq(_pool.factor(), RESTING, "factor");
        vm.prank(client);
        vm.expectRevert(LendingPool.Healthy.selector);
        _pool.liquidate(stranger);
        vm.prank(stranger);
        vm.expectRevert(LendingPool.TooLittleCollateral.selector);
        _pool.borrow(1);
    }

    function test_liquidate_whatNobodyOwes_isRefused() public {
        vm.expectRevert(LendingPool.Healthy.selector);
        _pool.liquidate(stranger);
    }

    function test_unsecure_beyondTheDebt_isRefused() public {
        vm.startPrank(stranger);
        _pool.secure(100 * DOLLAR);
        _pool.borrow(40 * DOLLAR);
        _pool.unsecure(20 * DOLLAR);
        vm.expectRevert(LendingPool.TooLittleCollateral.selector);
        _pool.unsecure(1);
        token.approve(address(_pool), type(uint256).max);
        _pool.repay(40 * DOLLAR);
        _pool.unsecure(80 * DOLLAR);
        vm.stopPrank();
        vm.prank(client);
        _pool.withdraw(1_000 * DOLLAR);
        assertEq(token.balanceOf(address(_pool)), 0, "left over");
    }

    function _decideInPool(uint32 epoch, int32 said) private {
        begin(epoch);
        _source.observe(epoch);
        Order memory order = orderFor(epoch);
        order.input = _source.input(epoch);
        Delivery memory delivery = settleNative(order, said);
        steward.applyDecision(order, epoch, delivery);
    }

    /// @dev A tree of one leaf.
    function _rootOf(uint32 epoch, bytes memory words) private view returns (bytes32) {
        bytes32 salt = keccak256(abi.encode(address(_source), epoch));
        return keccak256(abi.encode(keccak256(abi.encode(salt, uint256(0))), uint256(0), bytes32(words)));
    }
}
