// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ParametricCover} from "../../src/applications/ParametricCover.sol";
import {Steward} from "../../src/effects/Steward.sol";
import {ISteward, StewardTerms, Delivery} from "../../src/interfaces/ISteward.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {Order} from "../../src/types/Types.sol";
import {EffectBase} from "./EffectBase.sol";

/// @dev A token that refuses some recipients, as dollar tokens do.
contract ChoosyToken is DevToken {
    mapping(address => bool) public refused;

    function refuse(address account) external {
        refused[account] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!refused[to], "refused");
        super._update(from, to, amount);
    }
}

/// @title An insurance that pays when a model says so
contract ParametricCoverTest is EffectBase {
    uint256 private constant DELAY = 4 hours;
    uint128 private constant SUM = 1_000e6;
    int32 private constant TRIGGER = 6_000;

    ParametricCover private _cover;
    ChoosyToken private _money;
    address private _insurer = vm.addr(0x145);

    function setUp() public override {
        super.setUp();
        _money = new ChoosyToken();
        StewardTerms memory terms = theTerms();
        (terms.guard.step, terms.guard.perDay) = (type(uint64).max, type(uint64).max);
        steward = new Steward(terms, guardian);
        _cover = new ParametricCover(IERC20(address(_money)), steward, _insurer, TRIGGER, 1_000, DELAY);
        address[3] memory people = [client, stranger, _insurer];
        for (uint256 i = 0; i < 3; ++i) {
            _money.mint(people[i], 10_000e6);
            vm.prank(people[i]);
            _money.approve(address(_cover), type(uint256).max);
        }
        vm.prank(_insurer);
        _cover.fund(5_000e6);
    }

    function test_settle_ofADecisionAtTheThreshold_paysTheSum() public {
        uint256 cover = _buy(client, 2);
        decide(2, TRIGGER);
        vm.warp(block.timestamp + DELAY);
        vm.expectEmit(address(_cover));
        emit ParametricCover.Settled(cover, ParametricCover.Outcome.PAID_OUT);
        _cover.settle(cover);
        uint256 before = _money.balanceOf(client);
        vm.prank(client);
        _cover.claim(client);
        assertEq(_money.balanceOf(client) - before, SUM, "paid");
        assertEq(_cover.capacity(), 5_000e6 - SUM + SUM / 10, "the insurer keeps the premium");
    }

    function test_settle_ofADecisionBelowTheThreshold_lapses() public {
        uint256 cover = _buy(client, 2);
        decide(2, TRIGGER - 1);
        vm.warp(block.timestamp + DELAY);
        _cover.settle(cover);
        assertEq(uint256(_cover.coverOf(cover).outcome), uint256(ParametricCover.Outcome.LAPSED), "outcome");
        assertEq(_cover.capacity(), 5_000e6 + SUM / 10, "capacity");
    }

    function test_settle_withoutADecision_givesThePremiumBack() public {
        uint256 cover = _buy(client, 2);
        observe(2);
        vm.warp(START + EPOCH + APPLY_WITHIN - 1);
        vm.expectRevert(ParametricCover.TooEarly.selector);
        _cover.settle(cover);
        vm.warp(START + EPOCH + APPLY_WITHIN);
        _cover.settle(cover);
        assertEq(_cover.credit(client), SUM / 10, "credit");
        assertEq(_cover.capacity(), 5_000e6, "capacity");
    }

    function test_settle_ofAContradictedDecision_givesThePremiumBack() public {
        uint256 cover = _buy(client, 2);
        observe(2);
        Order memory order = orderFor(2);
        Delivery memory delivery = settleByWindow(order, TRIGGER);
        steward.applyDecision(order, 2, delivery);
        Order memory other = orderFor(2);
        Delivery memory contrary = settleNative(other, TRIGGER - 1);
        steward.contradict(other, 2, contrary);
        vm.warp(block.timestamp + DELAY);
        _cover.settle(cover);
        assertEq(uint256(_cover.coverOf(cover).outcome), uint256(ParametricCover.Outcome.REFUNDED), "outcome");
    }

    function test_settle_ofACoverForAnotherEpoch_looksAtItsOwn() public {
        uint256 first = _buy(client, 2);
        uint256 second = _buy(stranger, 3);
        decide(2, TRIGGER);
        decide(3, TRIGGER - 1);
        vm.warp(block.timestamp + DELAY);
        _cover.settle(second);
        _cover.settle(first);
        assertEq(_cover.credit(client), SUM, "first");
        assertEq(_cover.credit(stranger), 0, "second");
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_coverBoughtWhenTheEpochHasBegun_isRefused() public {
        begin(2);
        vm.prank(client);
        vm.expectRevert(ParametricCover.TooLate.selector);
        _cover.buy(2, SUM);
    }

    function test_attack_coverPaidTwice_isRefused() public {
        uint256 cover = _buy(client, 2);
        decide(2, TRIGGER);
        vm.warp(block.timestamp + DELAY);
        _cover.settle(cover);
        vm.expectRevert(ParametricCover.NotOpen.selector);
        _cover.settle(cover);
        vm.startPrank(client);
        _cover.claim(client);
        uint256 held = _money.balanceOf(client);
        _cover.claim(client);
        assertEq(_money.balanceOf(client), held, "nothing twice");
        vm.stopPrank();
    }

    function test_attack_recipientThatTheTokenRefuses_blocksOnlyItself() public {
        uint256 first = _buy(client, 2);
        uint256 second = _buy(stranger, 2);
        _money.refuse(client);
        decide(2, TRIGGER);
        vm.warp(block.timestamp + DELAY);
        _cover.settle(first);
        _cover.settle(second);
        vm.prank(stranger);
        _cover.claim(stranger);
        vm.startPrank(client);
        vm.expectRevert();
        _cover.claim(client);
        _cover.claim(vm.addr(0xC01D));
        vm.stopPrank();
        assertEq(_money.balanceOf(vm.addr(0xC01D)), SUM, "paid elsewhere");
    }

    function test_attack_guardianOfTheInsurer_takesNoDecisionBack() public {
        uint256 cover = _buy(client, 2);
        decide(2, TRIGGER);
        vm.prank(guardian);
        steward.stop();
        vm.warp(block.timestamp + DELAY);
        _cover.settle(cover);
        assertEq(_cover.credit(client), SUM, "credit");
    }

    function test_attack_insurerWhoTakesReservedMoney_isRefused() public {
        _buy(client, 2);
        vm.startPrank(_insurer);
        vm.expectRevert(ParametricCover.NoCapacity.selector);
        _cover.defund(5_000e6 - SUM + 1);
        _cover.defund(5_000e6 - SUM);
        _cover.claim(_insurer);
        vm.stopPrank();
        assertEq(_money.balanceOf(address(_cover)), SUM + SUM / 10, "what is reserved is there");
    }

    function test_attack_sumBeyondWhatIsThere_isRefused() public {
        vm.startPrank(client);
        vm.expectRevert(ParametricCover.NoCapacity.selector);
        _cover.buy(2, 5_000e6 + 1);
        vm.expectRevert(ParametricCover.NoCapacity.selector);
        _cover.buy(2, 0);
        vm.stopPrank();
    }

    /// @dev Whatever is bought, decided and settled, the money is there.
    function testFuzz_books_afterAnything_balance(uint8[6] memory sums, bool[6] memory late, int16 said) public {
        uint256 open = 0;
        for (uint256 i = 0; i < 6; ++i) {
            uint128 sum = uint128(sums[i]) * 3e6 + 7;
            vm.prank(i % 2 == 0 ? client : stranger);
            _cover.buy(late[i] ? 3 : 2, sum);
        }
        decide(2, said);
        vm.warp(block.timestamp + DELAY);
        for (uint256 i = 0; i < 6; ++i) {
            if (late[i]) open += _cover.coverOf(i).sum + _cover.coverOf(i).premium;
            else _cover.settle(i);
        }
        uint256 owed = _cover.credit(client) + _cover.credit(stranger) + _cover.capacity() + open;
        assertEq(_money.balanceOf(address(_cover)), owed, "books");
    }

    function _buy(address holder, uint32 epoch) private returns (uint256) {
        vm.prank(holder);
        return _cover.buy(epoch, SUM);
    }
}
