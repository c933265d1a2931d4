// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ArtifactKind, IArtifacts} from "../../src/interfaces/IArtifacts.sol";
import {Artifacts} from "../../src/assets/Artifacts.sol";
import {ModelCommitment} from "../../src/types/Types.sol";
import {Test, Vm} from "../Vm.sol";

contract ArtifactsTest is Test {
    Artifacts private artifacts;
    address private constant ALICE = address(0xA11CE);
    address private constant BOB = address(0xB0B);
    string private constant URI = "https://example.org/model";

    function setUp() public {
        artifacts = new Artifacts();
        vm.roll(1234);
    }

    function test_registerModel_commitment_isOwnedByTheSenderUnderItsHash() public {
        ModelCommitment memory commitment = _commitment("m");
        bytes32 expected = keccak256(abi.encode(commitment));
        bytes32[] memory none = new bytes32[](0);
        vm.expectEmit(address(artifacts));
        emit IArtifacts.Registered(expected, ArtifactKind.MODEL, ALICE, commitment.manifestDigest, none, 250, URI);
        vm.expectEmit(address(artifacts));
        emit IArtifacts.ModelRegistered(expected, commitment);
        vm.prank(ALICE);
        bytes32 id = artifacts.registerModel(commitment, none, 250, URI);
        assertEq(id, expected, "id");
        assertEq(artifacts.ownerOf(uint256(id)), ALICE, "owner");
        assertEq(artifacts.tokenURI(uint256(id)), URI, "uri");
        assertEq(artifacts.modelId(commitment), id, "modelId");
        (ArtifactKind kind, uint40 atBlock, bytes25 digest) = artifacts.entry(id);
        assertTrue(kind == ArtifactKind.MODEL, "kind");
        assertEq(atBlock, 1234, "block");
        assertEq(bytes32(digest), bytes32(bytes25(keccak256(""))), "parents");
    }

    function testFuzz_registerModel_anyCommitment_idIsItsHashAndNoOther(
        ModelCommitment memory a,
        ModelCommitment memory b
    ) public {
        vm.assume(keccak256(abi.encode(a)) != keccak256(abi.encode(b)));
        bytes32[] memory none = new bytes32[](0);
        bytes32 first = artifacts.registerModel(a, none, 0, "");
        bytes32 second = artifacts.registerModel(b, none, 0, "");
        assertTrue(first != second, "two commitments, two ids");
    }

    function test_registerModel_again_revertsWhoeverAsks() public {
        bytes32 id = _model(ALICE, "m", new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.AlreadyRegistered.selector, id));
        _model(BOB, "m", new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.AlreadyRegistered.selector, id));
        _model(ALICE, "m", new bytes32[](0));
        assertEq(artifacts.ownerOf(uint256(id)), ALICE, "the first registrant owns");
    }

    function testFuzz_registerArtifact_manifest_cannotTakeAModelsId(bytes32 digest) public {
        bytes32 model = _model(ALICE, "m", new bytes32[](0));
        bytes32 other = artifacts.registerArtifact(ArtifactKind.POLICY, digest, new bytes32[](0), 0, "");
        assertTrue(model != other, "a hash of two words is no hash of five");
    }

    function test_registerArtifact_kinds_haveDifferentIds() public {
        bytes32[] memory none = new bytes32[](0);
        bytes32 data = artifacts.registerArtifact(ArtifactKind.DATASET, keccak256("x"), none, 0, "");
        bytes32 policy = artifacts.registerArtifact(ArtifactKind.POLICY, keccak256("x"), none, 0, "");
        assertEq(data, keccak256(abi.encode(1, keccak256("x"))), "data set");
        assertEq(policy, keccak256(abi.encode(3, keccak256("x"))), "policy");
        assertEq(artifacts.artifactId(ArtifactKind.POLICY, keccak256("x")), policy, "artifactId");
    }

    function test_registerArtifact_modelOrNone_reverts() public {
        vm.expectRevert(IArtifacts.WrongKind.selector);
        artifacts.registerArtifact(ArtifactKind.MODEL, keccak256("x"), new bytes32[](0), 0, "");
        vm.expectRevert(IArtifacts.WrongKind.selector);
        artifacts.registerArtifact(ArtifactKind.NONE, keccak256("x"), new bytes32[](0), 0, "");
    }

    // -- lineage ------------------------------------------------------------------------------------------------------

    function test_lineage_parents_areProvable() public {
        bytes32[] memory parents = new bytes32[](2);
        parents[0] = artifacts.registerArtifact(ArtifactKind.DATASET, keccak256("x"), new bytes32[](0), 0, "");
        parents[1] = _model(ALICE, "base", new bytes32[](0));
        bytes32 child = _model(BOB, "tuned", parents);
        assertTrue(artifacts.descendsFrom(child, parents), "as registered");
        (parents[0], parents[1]) = (parents[1], parents[0]);
        assertTrue(!artifacts.descendsFrom(child, parents), "another order is another list");
        assertTrue(!artifacts.descendsFrom(child, new bytes32[](0)), "no parents");
        assertTrue(!artifacts.descendsFrom(keccak256("nothing"), new bytes32[](0)), "not registered");
    }

    function testFuzz_lineage_unknownParent_reverts(bytes32 unknown) public {
        bytes32[] memory parents = new bytes32[](2);
        parents[0] = _model(ALICE, "base", new bytes32[](0));
        vm.assume(unknown != parents[0]);
        parents[1] = unknown;
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.UnknownParent.selector, unknown));
        _model(BOB, "tuned", parents);
    }

    function test_lineage_oneself_isNoParent() public {
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = artifacts.modelId(_commitment("m"));
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.UnknownParent.selector, parents[0]));
        _model(ALICE, "m", parents);
    }

    function test_lineage_cycle_cannotBeClosed() public {
        bytes32[] memory parents = new bytes32[](1);
        parents[0] = artifacts.modelId(_commitment("second"));
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.UnknownParent.selector, parents[0]));
        _model(ALICE, "first", parents);
        bytes32 first = _model(ALICE, "first", new bytes32[](0));
        parents[0] = first;
        bytes32 second = _model(ALICE, "second", parents);
        parents[0] = second;
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.AlreadyRegistered.selector, first));
        _model(ALICE, "first", parents);
    }

    function test_lineage_tooManyParents_reverts() public {
        bytes32 base = _model(ALICE, "base", new bytes32[](0));
        bytes32[] memory parents = new bytes32[](65);
        for (uint256 i = 0; i < 65; ++i) {
            parents[i] = base;
        }
        vm.expectRevert(IArtifacts.TooManyParents.selector);
        _model(ALICE, "child", parents);
    }

    // -- the token ----------------------------------------------------------------------------------------------------

    function test_royalty_sale_goesToTheRegistrantEvenAfterATransfer() public {
        bytes32 id = _model(ALICE, "m", new bytes32[](0));
        vm.prank(ALICE);
        artifacts.transferFrom(ALICE, BOB, uint256(id));
        (address receiver, uint256 share) = artifacts.royaltyInfo(uint256(id), 10_000);
        assertEq(receiver, ALICE, "receiver");
        assertEq(share, 250, "2.5 %");
    }

    function test_royalty_aboveTheWhole_reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ERC2981.ERC2981InvalidTokenRoyalty.selector,
                uint256(artifacts.modelId(_commitment("m"))),
                10_001,
                10_000
            )
        );
        artifacts.registerModel(_commitment("m"), new bytes32[](0), 10_001, "");
    }

    function test_setURI_owner_movesTheFilesButNotTheId() public {
        bytes32 id = _model(ALICE, "m", new bytes32[](0));
        vm.prank(ALICE);
        artifacts.setURI(id, "ipfs://elsewhere");
        assertEq(artifacts.tokenURI(uint256(id)), "ipfs://elsewhere", "uri");
        vm.prank(BOB);
        vm.expectRevert(IArtifacts.NotOwner.selector);
        artifacts.setURI(id, "ipfs://stolen");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        artifacts.setURI(bytes32(uint256(7)), "");
    }

    function test_getModel_registered_isDescribedAsErc7992() public {
        bytes32 id = _model(ALICE, "m", new bytes32[](0));
        IArtifacts.ModelInfo memory info = artifacts.getModel(uint256(id));
        assertEq(info.modelHash, id, "model");
        assertEq(bytes32(info.proofSystemId), bytes32(bytes4(keccak256("concordat-integer-graph-v1"))), "system");
        assertEq(info.uri, URI, "uri");
        bytes32 data = artifacts.registerArtifact(ArtifactKind.DATASET, keccak256("x"), new bytes32[](0), 0, "");
        vm.expectRevert(abi.encodeWithSelector(IArtifacts.UnknownModel.selector, uint256(data)));
        artifacts.getModel(uint256(data));
    }

    function test_supportsInterface_tokenRoyaltyAndOwn_areNamed() public view {
        assertTrue(artifacts.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        assertTrue(artifacts.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        assertTrue(artifacts.supportsInterface(0x49064906), "ERC-4906");
        assertTrue(artifacts.supportsInterface(type(IArtifacts).interfaceId), "own");
        assertTrue(!artifacts.supportsInterface(0xffffffff), "none");
    }

    /// forge-config: default.isolate = true
    function test_gas_registerModel_isRecorded() public {
        _model(ALICE, "other", new bytes32[](0));
        _model(ALICE, "m", new bytes32[](0));
        vm.snapshotValue("registry", "artifact: registerModel, whole transaction", vm.lastCallGas().gasTotalUsed);
    }

    // -- pieces -------------------------------------------------------------------------------------------------------

    function _model(address owner, string memory name, bytes32[] memory parents) private returns (bytes32) {
        vm.prank(owner);
        return artifacts.registerModel(_commitment(name), parents, 250, URI);
    }

    function _commitment(string memory name) private pure returns (ModelCommitment memory) {
        return ModelCommitment({
            programRoot: keccak256("program"),
            weightsRoot: keccak256(bytes(name)),
            dimensions: bytes32(uint256(1) << 200),
            nativeDigest: 0,
            manifestDigest: keccak256(abi.encode("manifest", name))
        });
    }
}
