// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {InputTree} from "../../src/effects/InputTree.sol";
import {SignedSource} from "../../src/effects/SignedSource.sol";
import {Steward} from "../../src/effects/Steward.sol";
import {ISource} from "../../src/interfaces/ISource.sol";
import {Delivery, ISteward, StewardTerms} from "../../src/interfaces/ISteward.sol";
import {Order} from "../../src/types/Types.sol";
import {EffectBase, HandSource} from "./EffectBase.sol";

/// @title Inputs that named signers vouch for
contract SignedSourceTest is EffectBase {
    uint256[3] private _keys;
    SignedSource private _source;
    bytes private _words = abi.encode(uint256(3), uint256(4), uint256(5));

    function setUp() public override {
        super.setUp();
        _keys = _sortedKeys([uint256(0xA1), 0xB2, 0xC3]);
        _source = _deploy(2, true);
        vm.warp(START);
    }

    function test_observe_withAQuorum_fixesTheInput() public {
        _source.observe(1, _root(1), _words, _two(1, _root(1)));
        assertEq(_source.input(1), _root(1), "input");
        (address[] memory named, uint256 quorum) = _source.signers();
        assertEq(named.length + quorum, 5, "signers and quorum");
    }

    function test_attack_tooFewSigners_fixNothing() public {
        bytes[] memory one = new bytes[](1);
        one[0] = signed(_keys[0], _source.digestOf(1, _root(1)));
        _refused(1, _root(1), one);
    }

    function test_attack_oneSignerTwice_isNoQuorum() public {
        bytes[] memory twice = _two(1, _root(1));
        twice[1] = twice[0];
        _refused(1, _root(1), twice);
    }

    function test_attack_signersOutOfOrder_areRefused() public {
        bytes[] memory both = _two(1, _root(1));
        (both[0], both[1]) = (both[1], both[0]);
        _refused(1, _root(1), both);
    }

    function test_attack_signatureOfAStranger_isRefused() public {
        bytes[] memory both = _two(1, _root(1));
        both[1] = signed(0x57A6, _source.digestOf(1, _root(1)));
        _refused(1, _root(1), both);
    }

    function test_attack_malformedSignature_isRefused() public {
        bytes[] memory both = _two(1, _root(1));
        both[0] = hex"1234";
        _refused(1, _root(1), both);
    }

    function test_attack_signaturesForAnotherEpoch_areRefused() public {
        vm.warp(START + EPOCH);
        bytes32 root = _root(2);
        bytes[] memory both = _two(1, root);
        vm.expectRevert(SignedSource.TooFewSigners.selector);
        _source.observe(2, root, _words, both);
    }

    function test_attack_signaturesForAnotherSource_areRefused() public {
        SignedSource other = _deploy(2, true);
        bytes[] memory both = _two(1, _root(1));
        bytes32 root = InputTree.root(_words, other.saltOf(1), 2);
        vm.expectRevert(SignedSource.TooFewSigners.selector);
        other.observe(1, root, _words, both);
    }

    function test_attack_wordsThatWereNotSigned_areRefused() public {
        bytes32 root = _root(1);
        bytes[] memory both = _two(1, root);
        bytes memory invented = abi.encode(uint256(3), uint256(4), uint256(6));
        vm.expectRevert(ISource.BadObservation.selector);
        _source.observe(1, root, invented, both);
    }

    function test_observe_ofASealedSource_takesARootAndNoWords() public {
        _source = _deploy(2, false);
        bytes32 root = keccak256("private");
        bytes[] memory both = _two(1, root);
        vm.expectRevert(ISource.BadObservation.selector);
        _source.observe(1, root, _words, both);
        _source.observe(1, root, "", both);
        assertEq(_source.input(1), root, "input");
    }

    function test_attack_optimismAboutASealedInput_isRefusedAtDeployment() public {
        _source = _deploy(2, false);
        StewardTerms memory terms = theTerms();
        terms.source = address(_source);
        vm.expectRevert(ISteward.BadSteward.selector);
        new Steward(terms, guardian);
        terms.accepts = uint8(1 << NATIVE);
        new Steward(terms, guardian);
    }

    function test_applyDecision_overASignedInput_counts() public {
        StewardTerms memory terms = theTerms();
        terms.source = address(_source);
        steward = new Steward(terms, guardian);
        _source.observe(1, _root(1), _words, _two(1, _root(1)));
        Order memory order = orderFor(1);
        order.input = _root(1);
        Delivery memory delivery = settleNative(order, 5_100);
        steward.applyDecision(order, 1, delivery);
        assertEq(value(), 5_100, "value");
    }

    function test_deployment_withoutAMajority_isRefused() public {
        address[] memory named = _named();
        ISource.Shape memory shape = ISource.Shape({words: 3, depth: 2});
        vm.expectRevert(ISource.BadSource.selector);
        new SignedSource(schedule(), shape, named, 1, true);
        vm.expectRevert(ISource.BadSource.selector);
        new SignedSource(schedule(), shape, named, 4, true);
        named[1] = named[0];
        vm.expectRevert(ISource.BadSource.selector);
        new SignedSource(schedule(), shape, named, 2, true);
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _deploy(uint256 quorum, bool open) private returns (SignedSource) {
        return new SignedSource(schedule(), ISource.Shape({words: 3, depth: 2}), _named(), quorum, open);
    }

    function _named() private view returns (address[] memory named) {
        named = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            named[i] = vm.addr(_keys[i]);
        }
    }

    /// @dev Leaf by leaf, from the text of the rules: four leaves, the last of zero.
    function _root(uint32 epoch) private view returns (bytes32) {
        bytes32 salt = keccak256(abi.encode(address(_source), epoch));
        bytes32[4] memory leaves;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 word = i < 3 ? i + 3 : 0;
            leaves[i] = keccak256(abi.encode(keccak256(abi.encode(salt, i)), i, word));
        }
        bytes32 left = keccak256(abi.encode(leaves[0], leaves[1]));
        return keccak256(abi.encode(left, keccak256(abi.encode(leaves[2], leaves[3]))));
    }

    function _two(uint32 epoch, bytes32 root) private view returns (bytes[] memory both) {
        both = new bytes[](2);
        both[0] = signed(_keys[0], _source.digestOf(epoch, root));
        both[1] = signed(_keys[2], _source.digestOf(epoch, root));
    }

    function _refused(uint32 epoch, bytes32 root, bytes[] memory signatures) private {
        vm.expectRevert(SignedSource.TooFewSigners.selector);
        _source.observe(epoch, root, _words, signatures);
    }

    function _sortedKeys(uint256[3] memory keys) private pure returns (uint256[3] memory) {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 j = 0; j < 2 - i; ++j) {
                if (vm.addr(keys[j]) > vm.addr(keys[j + 1])) (keys[j], keys[j + 1]) = (keys[j + 1], keys[j]);
            }
        }
        return keys;
    }
}
