// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Replication} from "../../src/court/Replication.sol";
import {Member, Round, Seat} from "../../src/interfaces/IReplication.sol";
import {Market} from "../../src/market/Market.sol";
import {Order, OrderStatus, ResultHeader} from "../../src/types/Types.sol";
import {Test} from "../Vm.sol";
import {PanelBase} from "./PanelBase.sol";

/// @dev Plays one step of somebody's life after another; what is refused is let go.
contract PanelHandler is PanelBase {
    uint256 internal constant REPLICAS = 5;
    bytes32 private constant OTHER_ROOT = keccak256("another trace");

    Order[] internal _orders;

    function setUp() public override {
        super.setUp();
        fillPool(REPLICAS);
    }

    // -- what people do ----------------------------------------------------------------------------------------------

    function order_(uint256 k, uint256 n, bool both) external {
        Order memory order = replicated(bound(k, 1, 3), bound(n, 1, 5), both ? 1 << FRAUD_PROVABLE : 0);
        order.salt = keccak256(abi.encode(_orders.length));
        acceptAndSeal(order, TRACE_ROOT);
        _orders.push(order);
    }

    function draw_(uint256 which, bytes32 random) external {
        Order memory order = _some(which);
        Round memory one = replication.round(market.orderId(order));
        vm.roll(uint256(one.drawBlock) + 1);
        vm.setBlockhash(one.drawBlock, keccak256(header(random)));
        replication.draw(order, header(random));
    }

    function commit_(uint256 which, uint256 who, bool right) external {
        commitSeat(_some(which), _replica(who), right ? TRACE_ROOT : OTHER_ROOT);
    }

    function submit_(uint256 which) external {
        submit(_some(which), TRACE_ROOT);
    }

    function reveal_(uint256 which, uint256 who, bool right) external {
        revealSeat(_some(which), _replica(who), right ? TRACE_ROOT : OTHER_ROOT);
    }

    function settle_(uint256 which, uint256 who) external {
        replication.settle(_some(which), _replica(who));
    }

    function end_(uint256 which, uint256 how) external {
        Order memory order = _some(which);
        if (how % 4 == 0) market.finalize(order);
        if (how % 4 == 1) market.prove(order, KIND, output, TRACE_ROOT, "");
        if (how % 4 == 2) market.expire(order);
        if (how % 4 == 3) {
            vm.prank(client);
            market.release(order, "");
        }
    }

    /// @dev The next thing that is due for an order, by everybody whose turn it is; `dice` says who is silent or lies.
    function goOn_(uint256 which, uint256 dice) external {
        Order memory order = _some(which);
        Round memory one = replication.round(market.orderId(order));
        OrderStatus at = status(order);
        if (at == OrderStatus.FUNDED && one.drawn == 0) {
            draw(order, keccak256(abi.encode(dice)));
        } else if (at == OrderStatus.FUNDED && one.committed == 0 && block.timestamp <= one.commitBy) {
            _each(order, dice, Seat.DRAWN);
        } else if (at == OrderStatus.FUNDED) {
            if (one.committed < one.drawn) vm.warp(uint256(one.commitBy) + 1);
            submit(order, TRACE_ROOT);
        } else {
            _each(order, dice, Seat.COMMITTED);
        }
    }

    function _each(Order memory order, uint256 dice, Seat state) private {
        for (uint256 i = 0; i < REPLICAS; ++i) {
            uint256 mood = (dice >> (8 * i)) % 8;
            address one = replicaNumber(i);
            if (seatOf(order, one) != state || (mood == 0 && state == Seat.COMMITTED)) continue;
            bytes32 root = (dice >> (8 * i + 4)) % 5 == 0 ? OTHER_ROOT : TRACE_ROOT;
            if (state == Seat.DRAWN && mood != 1) commitSeat(order, one, root);
            else if (state == Seat.COMMITTED) _tryReveal(order, one);
        }
    }

    function _tryReveal(Order memory order, address one) private {
        (, uint256 content) = replication.seat(market.orderId(order), one);
        bool right = uint256(seatDigest(order, one, TRACE_ROOT)) >> 8 == content;
        revealSeat(order, one, right ? TRACE_ROOT : OTHER_ROOT);
    }

    function close_(uint256 which) external {
        replication.close(_some(which));
    }

    function leave_(uint256 who) external {
        vm.prank(_replica(who));
        replication.leave();
    }

    function collect_(uint256 who) external {
        replication.collect(_replica(who));
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 4000));
    }

    // -- what is there -----------------------------------------------------------------------------------------------

    function _some(uint256 which) private view returns (Order memory) {
        uint256 from = _orders.length > 3 ? _orders.length - 3 : 0;
        return _orders[from + which % (_orders.length - from)];
    }

    function _replica(uint256 who) private pure returns (address) {
        return replicaNumber(who % REPLICAS);
    }

    /// @dev What must be locked for somebody: stake, bonds of open orders, and fees that no seat has earned yet.
    function expectedLock(address account) public view returns (uint256 amount) {
        amount = ticketsOf(account) * uint256(TICKET);
        for (uint256 i = 0; i < _orders.length && account == provider; ++i) {
            OrderStatus at = status(_orders[i]);
            if (at == OrderStatus.FUNDED || at == OrderStatus.DELIVERED) amount += BOND;
            Round memory one = replication.round(market.orderId(_orders[i]));
            if (!one.closed) amount += uint256(one.fee) * (one.seats - one.paid);
        }
    }

    function lockOf(address account) external view returns (uint256) {
        return locked(account);
    }

    function everything() external view returns (uint256 held, uint256 counted) {
        held = token.balanceOf(address(vault));
        address[5] memory people = [client, provider, challenger, stranger, BURN];
        for (uint256 i = 0; i < people.length; ++i) {
            counted += free(people[i]) + locked(people[i]);
        }
        for (uint256 i = 0; i < REPLICAS; ++i) {
            counted += free(replicaNumber(i)) + locked(replicaNumber(i));
        }
        for (uint256 i = 0; i < _orders.length; ++i) {
            OrderStatus at = status(_orders[i]);
            if (at == OrderStatus.FUNDED || at == OrderStatus.DELIVERED) counted += PRICE;
        }
    }

    function theProvider() external view returns (address) {
        return provider;
    }
}

contract ReplicationInvariants is Test {
    PanelHandler private _handler;

    function setUp() public {
        _handler = new PanelHandler();
        _handler.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory selectors) {
        bytes4[] memory all = new bytes4[](18);
        (all[0], all[1], all[2]) =
        (PanelHandler.order_.selector, PanelHandler.draw_.selector, PanelHandler.draw_.selector);
        (all[3], all[4], all[5]) =
        (PanelHandler.commit_.selector, PanelHandler.commit_.selector, PanelHandler.submit_.selector);
        (all[6], all[7], all[8]) =
        (PanelHandler.reveal_.selector, PanelHandler.reveal_.selector, PanelHandler.settle_.selector);
        (all[9], all[10], all[11]) =
        (PanelHandler.end_.selector, PanelHandler.close_.selector, PanelHandler.wait_.selector);
        (all[12], all[13]) = (PanelHandler.leave_.selector, PanelHandler.collect_.selector);
        (all[14], all[15], all[16], all[17]) =
        (
            PanelHandler.goOn_.selector,
            PanelHandler.goOn_.selector,
            PanelHandler.goOn_.selector,
            PanelHandler.goOn_.selector
        );
        selectors = new FuzzSelector[](1);
        selectors[0] = FuzzSelector(address(_handler), all);
    }

    function invariant_money_isConservedToTheUnit() public view {
        (uint256 held, uint256 counted) = _handler.everything();
        assertEq(held, counted, "vault");
    }

    function invariant_whatIsLocked_isStakesBondsAndUnearnedFees() public view {
        address provider = _handler.theProvider();
        assertEq(_handler.lockOf(provider), _handler.expectedLock(provider), "provider");
        for (uint256 i = 0; i < 5; ++i) {
            address replica = vm.addr(0x4E91CA00 + i);
            assertEq(_handler.lockOf(replica), _handler.expectedLock(replica), "replica");
        }
    }
}
