// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ProviderAccount} from "../../src/accounts/ProviderAccount.sol";
import {IProviderAccount} from "../../src/interfaces/IProviderAccount.sol";
import {Test} from "../Vm.sol";
import {CountedVerifier, OpenVerifier, Target} from "./Mocks.sol";

/// @dev Relays whatever it can think of, honest or not, and remembers which indices were taken.
contract Relayer is Test {
    uint40 private constant LATER = type(uint40).max;

    CountedVerifier private immutable COUNTED = new CountedVerifier();
    OpenVerifier private immutable OPEN = new OpenVerifier();
    Target public immutable TARGET = new Target();
    ProviderAccount public immutable ACCOUNT;

    mapping(bytes32 signer => mapping(uint32 index => uint256)) public timesTaken;
    uint256 public taken;
    uint256 public worst;
    uint64 public lastNumber;
    bool public wentBack;
    bytes private _current = hex"200000";
    uint8 private _generation;

    constructor() {
        bytes[] memory signers = new bytes[](2);
        (signers[0], signers[1]) = (_signer(_current), _recovery());
        uint64[] memory weights = new uint64[](2);
        (weights[0], weights[1]) = (1, 1);
        ACCOUNT = new ProviderAccount(signers, weights, 1);
    }

    /// @dev Some number near the next one, under some index near the right one.
    function act(uint256 ahead, uint256 offset) external {
        uint64 number = ACCOUNT.next() + uint64(ahead % 5);
        number = number < 2 ? number : number - uint64(offset % 3);
        (uint64 first,) = ACCOUNT.indicesOf(_signer(_current));
        uint32 index = uint32(number < first ? 0 : number - first);
        _try(TARGET.touch.selector, address(TARGET), "", number, offset % 7 == 0 ? index + 1 : index);
    }

    function rotate(uint256 byRecovery) external {
        bytes memory fresh = abi.encodePacked(uint8(0x20), _generation + 1, uint8(0));
        bytes memory data = abi.encode(_only(_signer(fresh)), _ones(), _only(_signer(_current)), uint64(1));
        uint64 number = ACCOUNT.next();
        (uint64 first,) = ACCOUNT.indicesOf(_signer(_current));
        bytes4 selector = ACCOUNT.changeSigners.selector;
        bool done = byRecovery % 2 == 0
            ? _recover(selector, data, number)
            : _try(selector, address(ACCOUNT), data, number, uint32(number - first));
        if (done) (_current, _generation) = (fresh, _generation + 1);
    }

    function _try(bytes4 selector, address to, bytes memory data, uint64 number, uint32 index)
        private
        returns (bool done)
    {
        IProviderAccount.Call[] memory calls = _calls(to, bytes.concat(selector, data));
        bytes memory signature = COUNTED.sign(_current, index, ACCOUNT.digestOf(calls, number, LATER));
        done = _relay(calls, number, _signer(_current), signature);
        if (!done) return false;
        uint256 times = ++timesTaken[keccak256(_current)][index];
        if (times > worst) worst = times;
        ++taken;
    }

    function _recover(bytes4 selector, bytes memory data, uint64 number) private returns (bool) {
        IProviderAccount.Call[] memory calls = _calls(address(ACCOUNT), bytes.concat(selector, data));
        return _relay(calls, number, _recovery(), abi.encode(hex"aa", ACCOUNT.digestOf(calls, number, LATER)));
    }

    function _relay(IProviderAccount.Call[] memory calls, uint64 number, bytes memory signer, bytes memory signature)
        private
        returns (bool)
    {
        try ACCOUNT.execute(calls, number, LATER, _only(signer), _only(signature)) {
            if (number < lastNumber) wentBack = true;
            lastNumber = number;
            return true;
        } catch {
            return false;
        }
    }

    function _calls(address to, bytes memory data) private pure returns (IProviderAccount.Call[] memory calls) {
        calls = new IProviderAccount.Call[](1);
        calls[0] = IProviderAccount.Call({target: to, value: 0, data: data});
    }

    function _signer(bytes memory key) private view returns (bytes memory) {
        return abi.encodePacked(address(COUNTED), key);
    }

    function _recovery() private view returns (bytes memory) {
        return abi.encodePacked(address(OPEN), hex"aa");
    }

    function _only(bytes memory one) private pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = one;
    }

    function _ones() private pure returns (uint64[] memory list) {
        list = new uint64[](1);
        list[0] = 1;
    }
}

contract AccountInvariants is Test {
    Relayer private relayer;

    function setUp() public {
        relayer = new Relayer();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(relayer);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](2);
        targets[0] = FuzzSelector(address(relayer), only(Relayer.act.selector));
        targets[1] = FuzzSelector(address(relayer), only(Relayer.rotate.selector));
    }

    function invariant_noIndexOfAKey_servesTwice() external view {
        assertLe(relayer.worst(), 1, "taken twice");
    }

    function invariant_numbersOfBatches_onlyGrow() external view {
        assertTrue(!relayer.wentBack(), "went back");
    }

    /// @dev With the recovery key, whatever became of the counted one.
    function invariant_somebody_canAlwaysAct() external view {
        ProviderAccount account = relayer.ACCOUNT();
        assertGe(account.totalWeight(), account.threshold(), "out of reach");
    }
}
