// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Base} from "./Base.sol";

/// @dev A settlement token that calls out once before it moves balances, and refuses some receivers. It has an account
/// in the vault itself, so that it can be depositor or provider.
contract HookToken is DevToken {
    address private _target;
    bytes private _data;
    bool public reentered;
    mapping(address account => bool) private _blocked;

    function arm(address target, bytes calldata data) external {
        (_target, _data, reentered) = (target, data, false);
    }

    function blockReceiver(address account) external {
        _blocked[account] = true;
    }

    function run(address target, bytes calldata data) external returns (bool done) {
        (done,) = target.call(data);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!_blocked[to], "blocked");
        address target = _target;
        _target = address(0);
        if (target != address(0)) (reentered,) = target.call(_data);
        super._update(from, to, value);
    }
}

/// @dev A smart account that says yes to every signature, and tries to take its money out while it is asked.
contract GreedyWallet {
    Vault private immutable VAULT;

    constructor(Vault vault_) {
        VAULT = vault_;
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool done,) = address(VAULT).call{gas: 100_000}(abi.encodeCall(VAULT.withdraw, (1, address(this))));
        return done ? bytes4(0) : IERC1271.isValidSignature.selector;
    }
}

/// @dev A smart account that refuses every signature.
contract SternWallet is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0xffffffff;
    }
}

/// @dev Re-entrancy, tokens that refuse, and smart accounts.
contract HostileCodeTest is Base {
    HookToken private hook;

    function setUp() public override {
        super.setUp();
        hook = new HookToken();
        token = hook;
        (vault, market, court) = deploy(IERC20(address(hook)));
        address[3] memory people = [client, provider, address(hook)];
        for (uint256 i = 0; i < people.length; ++i) {
            hook.mint(people[i], 2 * FORTUNE);
            vm.startPrank(people[i]);
            hook.approve(address(vault), type(uint256).max);
            vault.deposit(FORTUNE);
            vm.stopPrank();
        }
    }

    // -- re-entrancy -------------------------------------------------------------------------------------------------

    function test_attack_reentrantWithdraw_getsNothingTwice() public {
        bytes memory all = abi.encodeCall(vault.withdraw, (FORTUNE, address(hook)));
        hook.arm(address(vault), all);
        assertTrue(hook.run(address(vault), all), "the outer call");
        assertTrue(!hook.reentered(), "the inner call failed");
        assertConserved(0);
    }

    function test_attack_withdrawDuringDeposit_isConserved() public {
        hook.arm(address(vault), abi.encodeCall(vault.withdraw, (FORTUNE + 5, address(hook))));
        assertTrue(hook.run(address(vault), abi.encodeCall(vault.deposit, (5))), "the outer call");
        assertTrue(hook.reentered(), "the inner call took what was just credited");
        assertEq(free(address(hook)), 0, "and nothing is left");
        assertConserved(0);
    }

    function test_attack_acceptDuringAccept_happensOnce() public {
        Order memory order = hookOrder();
        bytes memory data = abi.encodeCall(market.accept, (order, AUTHORIZATION, authorization(order)));
        hook.arm(address(market), data);
        assertTrue(hook.run(address(market), data), "the outer call");
        assertTrue(!hook.reentered(), "the inner call failed");
        assertEq(locked(address(hook)), BOND, "one bond");
        assertConserved(PRICE);
    }

    function test_attack_acceptAndProveDuringAcceptAndProve_paysOnce() public {
        Order memory order = hookOrder();
        bytes memory signature = authorization(order);
        bytes memory data =
            abi.encodeCall(market.acceptAndProve, (order, AUTHORIZATION, signature, NATIVE, output, output));
        hook.arm(address(market), data);
        assertTrue(hook.run(address(market), data), "the outer call");
        assertTrue(!hook.reentered(), "the inner call failed");
        assertEq(free(address(hook)), FORTUNE + PRICE, "paid once");
        assertConserved(0);
    }

    function test_attack_cancelDuringAccept_isConserved() public {
        Order memory order = hookOrder();
        bytes memory agreed = signed(CLIENT_KEY, wordDigest("Cancel(bytes32 order)", market.orderId(order)));
        hook.arm(address(market), abi.encodeCall(market.cancel, (order, agreed, "")));
        bytes memory data = abi.encodeCall(market.accept, (order, AUTHORIZATION, authorization(order)));
        assertTrue(hook.run(address(market), data), "the outer call");
        assertTrue(hook.reentered(), "both parties agreed");
        assertStatus(order, OrderStatus.CANCELLED);
        assertEq(free(client), FORTUNE + PRICE, "the price is the client's");
        assertConserved(0);
    }

    function test_attack_tokenThatFailsDuringAccept_leavesNoOrder() public {
        Order memory order = someOrder();
        bytes memory signature = authorization(order);
        hook.blockReceiver(address(vault));
        vm.expectRevert(bytes("blocked"));
        vm.prank(provider);
        market.accept(order, AUTHORIZATION, signature);
        assertStatus(order, OrderStatus.NONE);
        assertEq(locked(provider), 0, "no bond");
    }

    // -- pull credits ------------------------------------------------------------------------------------------------

    function test_attack_receiverThatTheTokenRefuses_blocksOnlyItself() public {
        Order memory order = someOrder();
        deliver(order);
        hook.blockReceiver(provider);
        hook.blockReceiver(client);
        warpPastWindow();
        market.finalize(order);
        vm.startPrank(provider);
        vm.expectRevert(bytes("blocked"));
        vault.withdraw(1, provider);
        vault.withdraw(FORTUNE + PRICE, stranger);
        vm.stopPrank();
        assertEq(hook.balanceOf(stranger), FORTUNE + PRICE, "another receiver is fine");
    }

    // -- smart accounts ----------------------------------------------------------------------------------------------

    function test_smartAccount_asClient_paysFromCredit() public {
        GreedyWallet wallet = new GreedyWallet(vault);
        Order memory order = walletOrder(address(wallet));
        vm.prank(provider);
        market.acceptAndSubmit(order, CREDIT, "anything", TRACE_ROOT, output);
        assertEq(free(address(wallet)), 1000, "the call that it made while asked did nothing");
        market.release(order, "anything");
        assertStatus(order, OrderStatus.PAID);
    }

    function test_smartAccount_thatSaysNo_isNotCharged() public {
        Order memory order = walletOrder(address(new SternWallet()));
        vm.startPrank(provider);
        vm.expectRevert(IVault.BadSignature.selector);
        market.accept(order, CREDIT, "anything");
        vm.stopPrank();
    }

    function test_attack_releaseForASmartAccountThatSaysNo_fails() public {
        Order memory order = someOrder();
        deliver(order);
        vm.etch(client, type(SternWallet).runtimeCode);
        bytes memory signature = signed(CLIENT_KEY, wordDigest("Release(bytes32 order)", market.orderId(order)));
        vm.expectRevert(IMarket.BadSignature.selector);
        market.release(order, signature);
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function hookOrder() private view returns (Order memory order) {
        order = someOrder();
        order.provider = address(hook);
    }

    function walletOrder(address wallet) private returns (Order memory order) {
        order = someOrder();
        order.client = wallet;
        order.price = 1000;
        hook.mint(wallet, 2000);
        vm.startPrank(wallet);
        hook.approve(address(vault), 2000);
        vault.deposit(2000);
        vm.stopPrank();
    }

    function assertConserved(uint256 escrow) private view {
        uint256 credited = free(client) + locked(client) + free(provider) + locked(provider) + free(address(hook))
            + locked(address(hook));
        assertEq(hook.balanceOf(address(vault)), credited + escrow, "conservation");
    }
}
