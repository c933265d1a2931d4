// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";
import {ProviderAccount} from "../../src/accounts/ProviderAccount.sol";
import {IProviderAccount} from "../../src/interfaces/IProviderAccount.sol";
import {Test} from "../Vm.sol";
import {CountedVerifier, OpenVerifier, Target} from "./Mocks.sol";

/// @dev One account of three signers: an address (weight 1), a counted key of five signatures (2), a plain key (3).
contract ProviderAccountTest is Test {
    uint256 private constant OWNER_KEY = 0x0131;
    uint40 private constant LATER = 2_000_000_000;
    uint256 private constant START = 1_800_000_000;
    bytes32 private constant DIGEST = keccak256("what somebody asks about");
    bytes private constant KEY = hex"05c0de";

    CountedVerifier private counted;
    OpenVerifier private open;
    Target private target;
    ProviderAccount private account;
    bytes private owner = abi.encodePacked(vm.addr(OWNER_KEY));

    function setUp() public {
        vm.warp(START);
        counted = new CountedVerifier();
        open = new OpenVerifier();
        target = new Target();
        account = _account(2);
    }

    // -- executing ---------------------------------------------------------------------------------------------------

    function test_execute_byAnybodyWithSignaturesOfEnoughWeight_callsAsTheAccount() public {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_counted()), 0);
        vm.expectEmit(address(account));
        emit IProviderAccount.Executed(0, address(0xBEEF));
        vm.prank(address(0xBEEF));
        account.execute(_touch(), 0, LATER, signers, signatures);
        assertEq(target.count(), 1, "called");
        assertEq(target.caller(), address(account), "as the account");
        assertEq(account.next(), 1, "next");
    }

    function test_execute_ofSeveralCallsWithValue_makesThemInOrder() public {
        IProviderAccount.Call[] memory calls = new IProviderAccount.Call[](2);
        calls[0] = _call(address(target), abi.encodeCall(Target.touch, ()));
        calls[1] = IProviderAccount.Call(address(target), 5, abi.encodeCall(Target.touch, ()));
        (bool paid,) = address(account).call{value: 7}("");
        assertTrue(paid, "receives");
        _execute(account, calls, 0, _only(_plain()), 0);
        assertEq(target.count(), 2, "both");
        assertEq(address(target).balance, 5, "value");
    }

    function test_execute_withTwoSignersThatTogetherReachTheThreshold_works() public {
        account = _account(3);
        _execute(account, _touch(), 0, _two(owner, _counted()), 0);
        assertEq(target.count(), 1, "called");
    }

    function test_execute_ofALaterNumber_skipsTheOnesBetween() public {
        _execute(account, _touch(), 3, _only(_counted()), 3);
        assertEq(account.next(), 4, "next");
        _refuses(IProviderAccount.NumberUsed.selector, _touch(), 1, _only(_counted()), 1);
    }

    function test_execute_whoseCallReverts_passesTheReasonOnAndUsesNoNumber() public {
        bytes memory data = abi.encodeCall(Target.refuse, (7));
        _refusesWith(abi.encodeWithSelector(Target.Refusal.selector, 7), _list(address(target), data), 0);
        _refusesWith(
            abi.encodeWithSelector(IProviderAccount.CallFailed.selector),
            _list(address(target), abi.encodeCall(Target.silent, ())),
            0
        );
        assertEq(account.next(), 0, "next");
    }

    function test_execute_afterTheDeadline_refuses() public {
        vm.warp(uint256(LATER) + 1);
        _refuses(IProviderAccount.BatchExpired.selector, _touch(), 0, _only(_plain()), 0);
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_replayOfABatch_fails() public {
        _execute(account, _touch(), 0, _only(_plain()), 0);
        _refuses(IProviderAccount.NumberUsed.selector, _touch(), 0, _only(_plain()), 0);
    }

    function test_attack_replayAtAnotherAccountOfTheSameSigners_fails() public {
        ProviderAccount other = _account(2);
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_plain()), 0);
        vm.expectRevert(IProviderAccount.BadSignatures.selector);
        other.execute(_touch(), 0, LATER, signers, signatures);
    }

    function test_attack_replayOnAnotherChain_fails() public {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_plain()), 0);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(IProviderAccount.BadSignatures.selector);
        account.execute(_touch(), 0, LATER, signers, signatures);
    }

    function test_attack_changingAnyPartOfABatch_fails() public {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_plain()), 0);
        IProviderAccount.Call[] memory calls = _touch();
        calls[0].target = address(this);
        _refusesRaw(calls, 0, LATER, signers, signatures);
        calls = _touch();
        calls[0].value = 1;
        _refusesRaw(calls, 0, LATER, signers, signatures);
        calls = _touch();
        calls[0].data = hex"00";
        _refusesRaw(calls, 0, LATER, signers, signatures);
        _refusesRaw(new IProviderAccount.Call[](0), 0, LATER, signers, signatures);
        _refusesRaw(_touch(), 1, LATER, signers, signatures);
        _refusesRaw(_touch(), 0, LATER + 1, signers, signatures);
    }

    function test_attack_indexUsedTwice_fails() public {
        _execute(account, _touch(), 0, _only(_counted()), 0);
        _refuses(IProviderAccount.WrongIndex.selector, _touch(), 1, _only(_counted()), 0);
    }

    function test_attack_indexThatWasSkipped_fails() public {
        _execute(account, _touch(), 0, _only(_plain()), 0);
        _execute(account, _touch(), 1, _only(_plain()), 0);
        _refuses(IProviderAccount.WrongIndex.selector, _touch(), 2, _only(_counted()), 0);
        _execute(account, _touch(), 2, _only(_counted()), 2);
    }

    function test_attack_lastIndexForAnythingButTheAccountItself_fails() public {
        _refuses(IProviderAccount.LastIndex.selector, _touch(), 4, _only(_counted()), 4);
        _refuses(IProviderAccount.LastIndex.selector, new IProviderAccount.Call[](0), 4, _only(_counted()), 4);
        _execute(account, _rotation(hex"09aa"), 4, _only(_counted()), 4);
        assertTrue(account.isSigner(_key(hex"09aa")), "rotated");
    }

    function test_attack_indexBeyondTheKey_fails() public {
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 5, _only(_counted()), 5);
    }

    function test_attack_tooLittleWeight_fails() public {
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 0, _only(owner), 0);
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 0, new bytes[](0), 0);
    }

    function test_attack_oneSignerTwice_fails() public {
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 0, _two(owner, owner), 0);
    }

    function test_attack_strangerAmongTheSigners_fails() public {
        bytes memory stranger = abi.encodePacked(address(open), hex"bad0");
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 0, _two(_plain(), stranger), 0);
    }

    function test_attack_fewerSignaturesThanSigners_fails() public {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_plain()), 0);
        bytes[] memory none = new bytes[](0);
        _refusesRaw(_touch(), 0, LATER, signers, none);
        _refusesRaw(_touch(), 0, LATER, none, signatures);
    }

    function test_attack_reentrantBatchOfTheSameNumber_fails() public {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, _touch(), 0, _only(_plain()), 0);
        bytes memory again = abi.encodeCall(account.execute, (_touch(), 0, LATER, signers, signatures));
        bytes memory data = abi.encodeCall(Target.bounce, (address(account), again));
        _refusesWith(abi.encodeWithSelector(IProviderAccount.NumberUsed.selector), _list(address(target), data), 0);
    }

    function test_attack_changingSignersFromOutside_fails() public {
        bytes[] memory none = new bytes[](0);
        vm.expectRevert(IProviderAccount.OnlyAccount.selector);
        account.changeSigners(_only(abi.encodePacked(address(this))), new uint64[](1), none, 1);
        vm.expectRevert(IProviderAccount.OnlyAccount.selector);
        account.approve(DIGEST, true);
    }

    function test_attack_removingSoManySignersThatNobodyCanAct_fails() public {
        bytes[] memory none = new bytes[](0);
        bytes[] memory removed = _two(_counted(), _plain());
        bytes memory data = abi.encodeCall(account.changeSigners, (none, new uint64[](0), removed, 2));
        _refusesWith(
            abi.encodeWithSelector(MultiSignerERC7913.MultiSignerERC7913UnreachableThreshold.selector, 1, 2),
            _list(address(account), data),
            0
        );
        data = abi.encodeCall(account.changeSigners, (none, new uint64[](0), none, 0));
        _refusesWith(
            abi.encodeWithSelector(MultiSignerERC7913.MultiSignerERC7913ZeroThreshold.selector),
            _list(address(account), data),
            0
        );
    }

    function test_attack_addingARemovedCountedKeyAgain_doesNotRestartItsIndices() public {
        _execute(account, _touch(), 0, _only(_counted()), 0);
        bytes memory data =
            abi.encodeCall(account.changeSigners, (new bytes[](0), new uint64[](0), _only(_counted()), 2));
        _execute(account, _list(address(account), data), 1, _only(_plain()), 0);
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 2, _only(_counted()), 2);
        data = abi.encodeCall(account.changeSigners, (_only(_counted()), _weights(2), new bytes[](0), 2));
        _execute(account, _list(address(account), data), 2, _only(_plain()), 0);
        _refuses(IProviderAccount.WrongIndex.selector, _touch(), 3, _only(_counted()), 0);
        _execute(account, _touch(), 3, _only(_counted()), 3);
    }

    // -- signers -----------------------------------------------------------------------------------------------------

    function test_changeSigners_replacesAKeyInOneBatch_andItsIndicesBeginThere() public {
        _execute(account, _touch(), 0, _only(_counted()), 0);
        _execute(account, _rotation(hex"08bb"), 1, _only(_counted()), 1);
        (uint64 first, uint64 capacity) = account.indicesOf(_key(hex"08bb"));
        assertEq(first, 2, "first");
        assertEq(capacity, 8, "capacity");
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 2, _only(_counted()), 2);
        _execute(account, _touch(), 2, _only(_key(hex"08bb")), 0);
        assertEq(target.count(), 2, "called");
    }

    function test_changeSigners_raisesAndLowersTheThreshold() public {
        bytes[] memory none = new bytes[](0);
        bytes memory data = abi.encodeCall(account.changeSigners, (none, new uint64[](0), none, 6));
        _execute(account, _list(address(account), data), 0, _only(_plain()), 0);
        _refuses(IProviderAccount.BadSignatures.selector, _touch(), 1, _two(_counted(), _plain()), 1);
        data = abi.encodeCall(account.changeSigners, (none, new uint64[](0), _two(_counted(), _plain()), 1));
        bytes[] memory all = new bytes[](3);
        (all[0], all[1], all[2]) = (owner, _counted(), _plain());
        _execute(account, _list(address(account), data), 1, all, 1);
        _execute(account, _touch(), 2, _only(owner), 0);
    }

    // -- ERC-1271 ----------------------------------------------------------------------------------------------------

    function test_isValidSignature_ofUncountedSigners_holdsForThisAccountOnly() public {
        bytes memory signature = abi.encode(_only(_plain()), _only(abi.encode(hex"f1a1", account.wrapped(DIGEST))));
        assertTrue(account.isValidSignature(DIGEST, signature) == IERC1271.isValidSignature.selector, "holds");
        assertTrue(account.isValidSignature(keccak256("else"), signature) == 0xffffffff, "another digest");
        assertTrue(_account(2).isValidSignature(DIGEST, signature) == 0xffffffff, "another account");
        bytes memory bare = abi.encode(_only(_plain()), _only(abi.encode(hex"f1a1", DIGEST)));
        assertTrue(account.isValidSignature(DIGEST, bare) == 0xffffffff, "not wrapped");
    }

    function test_attack_countedSignatureByErc1271_fails() public view {
        bytes[] memory signers = _only(_counted());
        bytes[] memory signatures = _only(counted.sign(KEY, 0, account.wrapped(DIGEST)));
        assertTrue(account.isValidSignature(DIGEST, abi.encode(signers, signatures)) == 0xffffffff, "counted");
    }

    function test_approve_makesTheAccountVouchUntilItTakesItBack() public {
        assertTrue(account.isValidSignature(DIGEST, "") == 0xffffffff, "before");
        bytes memory data = abi.encodeCall(account.approve, (DIGEST, true));
        vm.expectEmit(address(account));
        emit IProviderAccount.Approved(DIGEST, true);
        _execute(account, _list(address(account), data), 0, _only(_counted()), 0);
        assertTrue(account.isValidSignature(DIGEST, "") == IERC1271.isValidSignature.selector, "approved");
        data = abi.encodeCall(account.approve, (DIGEST, false));
        _execute(account, _list(address(account), data), 1, _only(_counted()), 1);
        assertTrue(account.isValidSignature(DIGEST, "") == 0xffffffff, "taken back");
    }

    // -- tools -------------------------------------------------------------------------------------------------------

    function _account(uint64 threshold) private returns (ProviderAccount) {
        bytes[] memory signers = new bytes[](3);
        (signers[0], signers[1], signers[2]) = (owner, _counted(), _plain());
        uint64[] memory weights = new uint64[](3);
        (weights[0], weights[1], weights[2]) = (1, 2, 3);
        return new ProviderAccount(signers, weights, threshold);
    }

    function _counted() private view returns (bytes memory) {
        return _key(KEY);
    }

    function _key(bytes memory key) private view returns (bytes memory) {
        return abi.encodePacked(address(counted), key);
    }

    function _plain() private view returns (bytes memory) {
        return abi.encodePacked(address(open), hex"f1a1");
    }

    /// @dev The counted key is replaced by another of the same weight.
    function _rotation(bytes memory key) private view returns (IProviderAccount.Call[] memory) {
        bytes[] memory fresh = _only(_key(key));
        bytes memory data = abi.encodeCall(account.changeSigners, (fresh, _weights(2), _only(_counted()), 2));
        return _list(address(account), data);
    }

    function _weights(uint64 weight) private pure returns (uint64[] memory weights) {
        weights = new uint64[](1);
        weights[0] = weight;
    }

    function _signed(
        ProviderAccount at,
        IProviderAccount.Call[] memory calls,
        uint64 number,
        bytes[] memory signers,
        uint32 index
    ) private view returns (bytes[] memory, bytes[] memory signatures) {
        bytes32 digest = at.digestOf(calls, number, LATER);
        signatures = new bytes[](signers.length);
        for (uint256 i = 0; i < signers.length; ++i) {
            signatures[i] = _sign(signers[i], index, digest);
        }
        return (signers, signatures);
    }

    function _sign(bytes memory signer, uint32 index, bytes32 digest) private view returns (bytes memory) {
        if (signer.length == 20) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(OWNER_KEY, digest);
            return abi.encodePacked(r, s, v);
        }
        bytes memory key = new bytes(signer.length - 20);
        for (uint256 i = 0; i < key.length; ++i) {
            key[i] = signer[i + 20];
        }
        bool isCounted = address(bytes20(signer)) == address(counted);
        return isCounted ? counted.sign(key, index, digest) : abi.encode(key, digest);
    }

    function _execute(
        ProviderAccount at,
        IProviderAccount.Call[] memory calls,
        uint64 number,
        bytes[] memory signers,
        uint32 index
    ) private {
        bytes[] memory signatures;
        (signers, signatures) = _signed(at, calls, number, signers, index);
        at.execute(calls, number, LATER, signers, signatures);
    }

    function _refuses(
        bytes4 reason,
        IProviderAccount.Call[] memory calls,
        uint64 number,
        bytes[] memory signers,
        uint32 index
    ) private {
        bytes[] memory signatures;
        (signers, signatures) = _signed(account, calls, number, signers, index);
        vm.expectRevert(reason);
        account.execute(calls, number, LATER, signers, signatures);
    }

    function _refusesWith(bytes memory reason, IProviderAccount.Call[] memory calls, uint64 number) private {
        (bytes[] memory signers, bytes[] memory signatures) = _signed(account, calls, number, _only(_plain()), 0);
        vm.expectRevert(reason);
        account.execute(calls, number, LATER, signers, signatures);
    }

    function _refusesRaw(
        IProviderAccount.Call[] memory calls,
        uint64 number,
        uint40 deadline,
        bytes[] memory signers,
        bytes[] memory signatures
    ) private {
        vm.expectRevert(IProviderAccount.BadSignatures.selector);
        account.execute(calls, number, deadline, signers, signatures);
    }

    function _touch() private view returns (IProviderAccount.Call[] memory) {
        return _list(address(target), abi.encodeCall(Target.touch, ()));
    }

    function _list(address to, bytes memory data) private pure returns (IProviderAccount.Call[] memory calls) {
        calls = new IProviderAccount.Call[](1);
        calls[0] = _call(to, data);
    }

    function _call(address to, bytes memory data) private pure returns (IProviderAccount.Call memory) {
        return IProviderAccount.Call({target: to, value: 0, data: data});
    }

    function _only(bytes memory one) private pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = one;
    }

    function _two(bytes memory one, bytes memory other) private pure returns (bytes[] memory list) {
        list = new bytes[](2);
        (list[0], list[1]) = (one, other);
    }
}
