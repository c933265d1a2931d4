// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Artifacts} from "../../src/assets/Artifacts.sol";
import {InferenceVerifier} from "../../src/faces/InferenceVerifier.sol";
import {ArtifactKind} from "../../src/interfaces/IArtifacts.sol";
import {IInferenceVerifier7992, IModelRegistry7992} from "../../src/interfaces/IErc7992.sol";
import {IEvidence} from "../../src/interfaces/IEvidence.sol";
import {ModelCommitment, Order} from "../../src/types/Types.sol";
import {Test} from "../Vm.sol";

/// @dev A proof is whatever hashes model, input, key and output.
contract HashProof is IEvidence {
    function verify(bytes32 id, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        pure
        returns (bool)
    {
        bytes32 wanted = keccak256(abi.encode(order.model, order.input, order.terms, output));
        return id == 0 && proof.length == 32 && bytes32(proof) == wanted;
    }
}

contract InferenceVerifierTest is Test {
    address private constant OWNER = address(0xA11CE);
    bytes4 private constant NATIVE = bytes4(keccak256("concordat-integer-graph-v1"));
    bytes4 private constant OTHER = bytes4(keccak256("plonk-bn254-v1"));
    bytes32 private constant INPUT = keccak256("input");
    bytes private constant OUTPUT = "output";

    Artifacts private artifacts;
    InferenceVerifier private verifier;
    bytes32 private model;

    function setUp() public {
        artifacts = new Artifacts();
        (bytes4[] memory names, IEvidence[] memory modules) = (new bytes4[](2), new IEvidence[](2));
        (names[0], names[1]) = (NATIVE, OTHER);
        (modules[0], modules[1]) = (new HashProof(), new HashProof());
        verifier = new InferenceVerifier(artifacts, names, modules);
        vm.prank(OWNER);
        model = artifacts.registerModel(ModelCommitment(0, 0, 0, 0, 0), new bytes32[](0), 0, "ipfs://model");
    }

    function test_registerModel_ofItsOwner_isFoundAgain() external {
        uint256 id = verifier.modelIdOf(native());
        vm.expectEmit(address(verifier));
        emit IModelRegistry7992.ModelRegistered(id, OWNER, native());
        assertEq(register(native()), id, "id");
        (IModelRegistry7992.ModelCommitment memory found, bool deprecated, address owner) = verifier.getModel(id);
        assertEq(found.modelHash, model, "model");
        assertEq(found.uri, "ipfs://model", "uri");
        assertTrue(!deprecated, "in use");
        assertEq(owner, OWNER, "owner");
        assertEq(bytes32(verifier.proofSystemOf(id)), bytes32(NATIVE), "system");
        assertEq(verifier.registry(), address(verifier), "one contract");
    }

    function test_verifyInference_goodProof_isAnnounced() external {
        uint256 id = register(native());
        vm.expectEmit(address(verifier));
        emit IInferenceVerifier7992.InferenceVerified(id, INPUT, OUTPUT, address(this));
        verifier.verifyInference(id, INPUT, OUTPUT, proofOf(0, INPUT, OUTPUT));
    }

    function test_verifyInference_withAKey_bindsTheProofToIt() external {
        IModelRegistry7992.ModelCommitment memory keyed = native();
        (keyed.proofSystemId, keyed.vkHash) = (OTHER, keccak256("key"));
        uint256 id = register(keyed);
        verifier.verifyInference(id, INPUT, OUTPUT, proofOf(keccak256("key"), INPUT, OUTPUT));
        vm.expectRevert(IInferenceVerifier7992.InvalidProof.selector);
        verifier.verifyInference(id, INPUT, OUTPUT, proofOf(0, INPUT, OUTPUT));
    }

    function testFuzz_attack_forgedProofInputOrOutput_reverts(bytes32 input, bytes calldata output, bytes32 proof)
        external
    {
        uint256 id = register(native());
        vm.assume(input != INPUT || keccak256(output) != keccak256(OUTPUT));
        bytes memory good = proofOf(0, INPUT, OUTPUT);
        vm.expectRevert(IInferenceVerifier7992.InvalidProof.selector);
        verifier.verifyInference(id, input, output, good);
        vm.assume(proof != bytes32(good));
        vm.expectRevert(IInferenceVerifier7992.InvalidProof.selector);
        verifier.verifyInference(id, INPUT, OUTPUT, abi.encode(proof));
    }

    function test_verifyInference_unknownOrDeprecatedModel_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry7992.ModelNotFound.selector, 5));
        verifier.verifyInference(5, INPUT, OUTPUT, "");
        uint256 id = register(native());
        vm.prank(OWNER);
        vm.expectEmit(address(verifier));
        emit IModelRegistry7992.ModelDeprecated(id);
        verifier.deprecateModel(id);
        bytes memory refused =
            abi.encodeWithSelector(IInferenceVerifier7992.VerificationRefused_ModelDeprecated.selector, id);
        bytes memory proof = proofOf(0, INPUT, OUTPUT);
        vm.expectRevert(refused);
        verifier.verifyInference(id, INPUT, OUTPUT, proof);
        vm.startPrank(OWNER);
        vm.expectRevert(refused);
        verifier.deprecateModel(id);
        vm.expectRevert(refused);
        verifier.updateModel(id, native());
        vm.stopPrank();
    }

    function test_updateModel_uriOnly_isAllowed() external {
        uint256 id = register(native());
        IModelRegistry7992.ModelCommitment memory changed = native();
        changed.uri = "https://elsewhere.example";
        vm.expectEmit(address(verifier));
        emit IModelRegistry7992.ModelUpdated(id, native(), changed);
        vm.prank(OWNER);
        verifier.updateModel(id, changed);
        (IModelRegistry7992.ModelCommitment memory found,,) = verifier.getModel(id);
        assertEq(found.uri, changed.uri, "uri");
        changed.vkHash = keccak256("another key");
        vm.prank(OWNER);
        vm.expectRevert(IInferenceVerifier7992.ModelMismatch.selector);
        verifier.updateModel(id, changed);
    }

    function test_attack_registeringOrEndingSomebodyElsesModel_reverts() external {
        uint256 id = verifier.modelIdOf(native());
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry7992.NotModelOwner.selector, id, address(this)));
        verifier.registerModel(native());
        register(native());
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry7992.NotModelOwner.selector, id, address(this)));
        verifier.deprecateModel(id);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry7992.NotModelOwner.selector, id, address(this)));
        verifier.updateModel(id, native());
    }

    function test_attack_modelThatIsNoneOrNotWhatItSays_reverts() external {
        IModelRegistry7992.ModelCommitment memory wrong = native();
        wrong.modelHash = keccak256("nothing");
        expectMismatch(wrong);
        wrong = native();
        wrong.circuitHash = keccak256("another circuit");
        expectMismatch(wrong);
        wrong = native();
        wrong.vkHash = keccak256("a key");
        expectMismatch(wrong);
        vm.prank(OWNER);
        bytes32 dataset = artifacts.registerArtifact(ArtifactKind.DATASET, keccak256("data"), new bytes32[](0), 0, "");
        wrong = native();
        (wrong.modelHash, wrong.circuitHash) = (dataset, dataset);
        expectMismatch(wrong);
        register(native());
        expectMismatch(native());
        wrong = native();
        wrong.proofSystemId = 0x12345678;
        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceVerifier7992.UnsupportedProofSystem.selector, bytes4(0x12345678))
        );
        verifier.registerModel(wrong);
    }

    function test_owner_ofASoldModel_isItsBuyer() external {
        uint256 id = register(native());
        vm.prank(OWNER);
        artifacts.transferFrom(OWNER, address(this), uint256(model));
        (,, address owner) = verifier.getModel(id);
        assertEq(owner, address(this), "buyer");
        verifier.deprecateModel(id);
    }

    function test_supportsInterface_ofBothHalves_holds() external view {
        bytes4 registry = IModelRegistry7992.registerModel.selector ^ IModelRegistry7992.updateModel.selector
            ^ IModelRegistry7992.deprecateModel.selector ^ IModelRegistry7992.getModel.selector;
        bytes4 checker = IInferenceVerifier7992.verifyInference.selector ^ IInferenceVerifier7992.proofSystemOf.selector
            ^ IInferenceVerifier7992.registry.selector;
        assertTrue(verifier.supportsInterface(registry), "registry");
        assertTrue(verifier.supportsInterface(checker), "verifier");
        assertTrue(!verifier.supportsInterface(0xffffffff), "nothing else");
    }

    // -- short forms -------------------------------------------------------------------------------------------------

    function native() private view returns (IModelRegistry7992.ModelCommitment memory) {
        return IModelRegistry7992.ModelCommitment({
            modelHash: model, circuitHash: model, vkHash: 0, proofSystemId: NATIVE, uri: "ipfs://model"
        });
    }

    function register(IModelRegistry7992.ModelCommitment memory commitment) private returns (uint256) {
        vm.prank(OWNER);
        return verifier.registerModel(commitment);
    }

    function expectMismatch(IModelRegistry7992.ModelCommitment memory commitment) private {
        vm.prank(OWNER);
        vm.expectRevert(IInferenceVerifier7992.ModelMismatch.selector);
        verifier.registerModel(commitment);
    }

    function proofOf(bytes32 key, bytes32 input, bytes memory output) private view returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(model, input, key, output)));
    }
}
