// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Base} from "./Base.sol";

contract VaultTest is Base {
    // -- everybody ---------------------------------------------------------------------------------------------------

    function test_deposit_ofSomeTokens_becomesFreeBalance() public {
        vm.expectEmit(address(vault));
        emit IVault.Deposited(client, 5);
        vm.prank(client);
        vault.deposit(5);
        assertEq(free(client), FORTUNE + 5, "free");
        assertEq(locked(client), 0, "locked");
        assertEq(token.balanceOf(address(vault)), 4 * FORTUNE + 5, "tokens");
    }

    function test_deposit_ofNothing_isRefused() public {
        vm.expectRevert(IVault.ZeroAmount.selector);
        vault.deposit(0);
    }

    function test_deposit_ofMoreThan128Bits_isRefused() public {
        vm.expectRevert(IVault.AmountTooLarge.selector);
        vault.deposit(1 << 128);
    }

    function test_deposit_ofMoreThanIsHeld_isTheTokensError() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, client, FORTUNE, FORTUNE + 1)
        );
        vm.prank(client);
        vault.deposit(FORTUNE + 1);
    }

    function test_depositWithPermit_withoutAllowance_deposits() public {
        (address owner, uint8 v, bytes32 r, bytes32 s) = permit(0xBEEF, 7);
        vm.prank(owner);
        vault.depositWithPermit(7, block.timestamp, v, r, s);
        assertEq(free(owner), 7, "free");
    }

    function test_depositWithPermit_whenSomebodyUsedThePermit_stillDeposits() public {
        (address owner, uint8 v, bytes32 r, bytes32 s) = permit(0xBEEF, 7);
        vm.prank(stranger);
        token.permit(owner, address(vault), 7, block.timestamp, v, r, s);
        vm.prank(owner);
        vault.depositWithPermit(7, block.timestamp, v, r, s);
        assertEq(free(owner), 7, "free");
    }

    function test_withdraw_ofFreeBalance_paysTokensToAnyone() public {
        vm.expectEmit(address(vault));
        emit IVault.Withdrawn(client, stranger, 9);
        vm.prank(client);
        vault.withdraw(9, stranger);
        assertEq(free(client), FORTUNE - 9, "free");
        assertEq(token.balanceOf(stranger), FORTUNE + 9, "tokens");
    }

    function test_withdraw_ofNothing_isRefused() public {
        vm.expectRevert(IVault.ZeroAmount.selector);
        vault.withdraw(0, client);
    }

    function test_withdraw_ofMoreThanIsFree_isRefused(uint256 excess) public {
        uint256 amount = FORTUNE + bound(excess, 1, type(uint256).max - FORTUNE);
        vm.expectRevert(IVault.InsufficientFree.selector);
        vm.prank(client);
        vault.withdraw(amount, client);
    }

    function test_withdraw_ofALockedBond_isRefused() public {
        accept(someOrder());
        vm.expectRevert(IVault.InsufficientFree.selector);
        vm.prank(provider);
        vault.withdraw(FORTUNE, provider);
    }

    // -- who may move balances ---------------------------------------------------------------------------------------

    function test_moneyFunctions_fromAnybodyElse_areRefused() public {
        IVault.Funding memory funding;
        bytes[8] memory calls = [
            abi.encodeCall(vault.fund, (funding, "")),
            abi.encodeCall(vault.fundAndPay, (funding, "")),
            abi.encodeCall(vault.pay, (provider, 1, 0)),
            abi.encodeCall(vault.refund, (client, provider, 1, 0, 0)),
            abi.encodeCall(vault.slash, (provider, 0, client, 1, challenger, 1, 1)),
            abi.encodeCall(vault.lock, (client, 1)),
            abi.encodeCall(vault.unlock, (client, 1)),
            abi.encodeCall(vault.forfeit, (client, provider, 1, 1))
        ];
        // The first five are the market's, the last three the court's.
        for (uint256 i = 0; i < calls.length; ++i) {
            assertRefused(stranger, calls[i]);
            assertRefused(i < 5 ? address(court) : address(market), calls[i]);
        }
    }

    function assertRefused(address sender, bytes memory data) private {
        vm.prank(sender);
        (bool done, bytes memory answer) = address(vault).call(data);
        assertTrue(!done, "refused");
        assertEq(bytes32(answer), bytes32(IVault.NotAuthorized.selector), "reason");
    }

    // -- the money law -----------------------------------------------------------------------------------------------

    function test_slash_ofAnyAmounts_conservesEveryToken(uint96 price, uint96 bond, uint8 toChallenger, uint8 toClient)
        public
    {
        uint256 first = uint256(bond) * (toChallenger % 101) / 100;
        uint256 second = uint256(bond) * (toClient % (101 - toChallenger % 101)) / 100;
        token.mint(provider, bond);
        vm.prank(provider);
        if (bond > 0) vault.deposit(bond);
        uint256 before = total();
        vm.prank(address(court));
        vault.lock(provider, bond);
        vm.prank(address(market));
        vault.slash(provider, bond, client, price + second, challenger, first, bond - first - second);
        assertEq(total(), before + price, "only the escrow came in");
        assertEq(locked(provider), 0, "locked");
    }

    function test_lockAndUnlock_ofAnyAmount_changeNothingInSum(uint256 amount) public {
        amount = bound(amount, 0, FORTUNE);
        vm.prank(address(court));
        vault.lock(client, amount);
        assertEq(free(client), FORTUNE - amount, "free");
        assertEq(locked(client), amount, "locked");
        vm.prank(address(court));
        vault.unlock(client, amount);
        assertEq(free(client), FORTUNE, "free again");
        assertEq(locked(client), 0, "nothing locked");
    }

    function test_credit_pastTheUpperHalf_revertsInsteadOfWrapping() public {
        vm.prank(address(market));
        vault.pay(stranger, type(uint128).max - FORTUNE, 0);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(address(market));
        vault.pay(stranger, 1, 0);
    }

    function test_views_ofTheVault_nameItsParts() public view {
        assertEq(vault.token(), address(token), "token");
        assertEq(vault.market(), address(market), "market");
        assertEq(vault.court(), address(court), "court");
        assertEq(vault.version(), "1.1.0", "version");
        assertEq(vault.replication(), address(replication), "replication");
    }

    function total() private view returns (uint256) {
        return free(client) + free(provider) + locked(provider) + free(challenger) + free(BURN);
    }

    function permit(uint256 key, uint256 amount) private returns (address owner, uint8 v, bytes32 r, bytes32 s) {
        owner = vm.addr(key);
        token.mint(owner, amount);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                address(vault),
                amount,
                0,
                block.timestamp
            )
        );
        (v, r, s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
    }
}
