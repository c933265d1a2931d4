// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICourt} from "../../src/interfaces/ICourt.sol";
import {ElementProof, ModelCommitment, Opening, OutputProof} from "../../src/types/Types.sol";
import {ElementCase} from "./ElementCase.sol";
import {Trees} from "./Trees.sol";

/// @title Proofs that open something else than the element depends on
contract ElementAttacksTest is ElementCase {
    uint256 private constant ELEMENT = 9;
    Node private _node;

    /// @dev A product of 40 bytes of the trace with 40 of the weights; the claimed element is wrong.
    function setUp() external {
        _fill("attacks");
        _node.op = 1;
        _node.kind = 2;
        _node.n = 60;
        _node.cols = 4;
        _node.k = 40;
        _node.a = Operand({space: 1, kind: 0, start: 1, base: 3, row: 2, col: 1});
        _node.b = Operand({space: 2, kind: 0, start: 2, base: 1, row: 1, col: 7});
    }

    function _fraud() private view returns (ElementProof memory proof) {
        proof = _proof(_node, ELEMENT);
        proof.a = _openElements(_node.a, _index(_node, _node.a, ELEMENT), 40);
        proof.b = _openElements(_node.b, _index(_node, _node.b, ELEMENT), 40);
    }

    function _refused(ElementProof memory proof) private {
        ModelCommitment memory model = _model(_node);
        bytes32 inputRoot = _inputRoot();
        bytes32 traceRoot = _traceRoot();
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.isWrong(model, inputRoot, traceRoot, proof);
    }

    function _longer(bytes32[] memory list) private pure returns (bytes32[] memory more) {
        more = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            more[i] = list[i];
        }
    }

    function _shorter(bytes32[] memory list) private pure returns (bytes32[] memory fewer) {
        fewer = new bytes32[](list.length - 1);
        for (uint256 i = 0; i < fewer.length; ++i) {
            fewer[i] = list[i];
        }
    }

    function test_fraud_shownAsItIs_isWrong() external view {
        vm.assertTrue(_judge(_node, _fraud()), "fraud");
    }

    function test_attack_descriptorOfAnotherLength_isRefused(uint8 length) external {
        ElementProof memory proof = _fraud();
        vm.assume(length != 192);
        bytes memory cut = new bytes(length);
        for (uint256 i = 0; i < length && i < 192; ++i) {
            cut[i] = proof.descriptor[i];
        }
        proof.descriptor = cut;
        _refused(proof);
    }

    function test_attack_descriptorWithOneBitChanged_isRefused(uint256 bit) external {
        ElementProof memory proof = _fraud();
        bit %= 192 * 8;
        proof.descriptor[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _refused(proof);
    }

    function test_attack_anotherNode_isRefused(uint32 node) external {
        vm.assume(node != 1);
        ElementProof memory proof = _fraud();
        proof.node = node;
        _refused(proof);
    }

    function test_attack_anotherElement_isRefusedOrJudgedByItself(uint32 element) external {
        vm.assume(element != ELEMENT);
        ElementProof memory proof = _fraud();
        proof.element = element;
        // Elements 8 to 15 lie in the claimed word; their operands lie elsewhere, but for those in the same words.
        vm.assume(element / 8 != 1);
        _refused(proof);
    }

    function test_attack_elementPastTheRegion_isRefused() external {
        ElementProof memory proof = _fraud();
        proof.element = 64;
        proof.claimed = Trees.open(trace, START + LEAVES, 1);
        proof.a = Opening({words: new bytes32[](0), path: new bytes32[](0)});
        proof.b = proof.a;
        _refused(proof);
    }

    function test_attack_paddingWithOperands_isRefused() external {
        ElementProof memory proof = _fraud();
        proof.element = 60;
        proof.claimed = Trees.open(trace, START + 7, 1);
        _refused(proof);
    }

    function test_attack_aWordTooMany_isRefused(uint8 which) external {
        ElementProof memory proof = _fraud();
        Opening memory opening = which % 3 == 0 ? proof.a : which % 3 == 1 ? proof.b : proof.claimed;
        opening.words = _longer(opening.words);
        _refused(proof);
    }

    function test_attack_oneWordMoreWithItsOwnSiblings_isRefused() external {
        ElementProof memory proof = _fraud();
        proof.a = Trees.open(trace, 1, proof.a.words.length + 1);
        _refused(proof);
    }

    function test_attack_aWordTooFew_isRefused(uint8 which) external {
        ElementProof memory proof = _fraud();
        Opening memory opening = which % 3 == 0 ? proof.a : which % 3 == 1 ? proof.b : proof.claimed;
        opening.words = _shorter(opening.words);
        _refused(proof);
    }

    function test_attack_aSiblingTooManyOrTooFew_isRefused(uint8 which, bool more) external {
        ElementProof memory proof = _fraud();
        if (which % 4 == 3) {
            proof.descriptorPath = more ? _longer(proof.descriptorPath) : _shorter(proof.descriptorPath);
        } else {
            Opening memory opening = which % 4 == 0 ? proof.a : which % 4 == 1 ? proof.b : proof.claimed;
            opening.path = more ? _longer(opening.path) : _shorter(opening.path);
        }
        _refused(proof);
    }

    function test_attack_wordsOfTheOtherMemory_areRefused() external {
        ElementProof memory proof = _fraud();
        (proof.a, proof.b) = (proof.b, proof.a);
        _refused(proof);
    }

    function test_attack_wordsFromElsewhereInTheTree_areRefused(uint8 first) external {
        ElementProof memory proof = _fraud();
        vm.assume(first % 30 != 1);
        proof.a = Trees.open(trace, first % 30, proof.a.words.length);
        _refused(proof);
    }

    function test_attack_anyChangedWord_isRefused(uint8 which, uint8 place, bytes32 word) external {
        ElementProof memory proof = _fraud();
        Opening memory opening = which % 3 == 0 ? proof.a : which % 3 == 1 ? proof.b : proof.claimed;
        place %= uint8(opening.words.length);
        vm.assume(opening.words[place] != word);
        opening.words[place] = word;
        _refused(proof);
    }

    function test_attack_operandThatTheNodeLacks_isRefused() external {
        ElementProof memory proof = _fraud();
        proof.c = Trees.open(trace, 0, 1);
        _refused(proof);
    }

    function test_attack_inputOfAnotherSaltOrPlace_isRefused(bytes32 salt, bool otherPlace) external {
        _node.op = 0;
        ElementProof memory proof = _proof(_node, ELEMENT);
        _openInput(_node, otherPlace ? ELEMENT + 8 : ELEMENT, proof);
        if (!otherPlace) proof.leafSalt = salt;
        _refused(proof);
    }

    function test_attack_unknownOperation_isRefused(uint8 op) external {
        vm.assume(op > 8);
        _node.op = op;
        _refused(_fraud());
    }

    // -- outputs -----------------------------------------------------------------------------------------------------

    /// @dev The output is leaves 20 to 22.
    function _output() private view returns (bytes memory) {
        return abi.encodePacked(trace[20], trace[21], trace[22]);
    }

    function _outputIsWrong(OutputProof memory proof) private view returns (bool) {
        return HARNESS.outputIsWrong(_model(_node), _traceRoot(), proof);
    }

    function test_output_asInTheTrace_isRight(uint8 word) external view {
        uint32 at = word % 3;
        OutputProof memory proof = OutputProof(_output(), at, Trees.open(trace, 20 + at, 1));
        vm.assertTrue(!_outputIsWrong(proof), "output");
    }

    function test_output_withAByteChanged_isWrongInItsWordOnly(uint8 place, uint8 word) external view {
        bytes memory output = _output();
        place %= 96;
        output[place] ^= 0x01;
        uint32 at = word % 3;
        OutputProof memory proof = OutputProof(output, at, Trees.open(trace, 20 + at, 1));
        vm.assertEq(_outputIsWrong(proof), place / 32 == at, "output");
    }

    function test_output_ofAnotherLength_isWrong(uint8 length) external view {
        vm.assume(length != 96);
        OutputProof memory proof;
        proof.output = new bytes(length);
        vm.assertTrue(_outputIsWrong(proof), "length");
    }

    function test_attack_outputWordFromElsewhere_isRefused(uint8 leaf, uint32 word) external {
        ModelCommitment memory model = _model(_node);
        bytes32 root = _traceRoot();
        leaf %= 32;
        vm.assume(leaf != 20 + uint256(word) || word > 2);
        OutputProof memory proof = OutputProof(_output(), word, Trees.open(trace, leaf, 1));
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.outputIsWrong(model, root, proof);
    }

    function test_attack_wordBesideAWrongLength_isRefused() external {
        ModelCommitment memory model = _model(_node);
        bytes32 root = _traceRoot();
        OutputProof memory proof = OutputProof(new bytes(95), 0, Trees.open(trace, 20, 1));
        vm.expectRevert(ICourt.BadOpening.selector);
        HARNESS.outputIsWrong(model, root, proof);
    }
}
