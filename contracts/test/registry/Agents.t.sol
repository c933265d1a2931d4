// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Agents} from "../../src/agents/Agents.sol";
import {IAgents} from "../../src/interfaces/IAgents.sol";
import {Test, Vm} from "../Vm.sol";

/// @dev A smart account that agrees to one digest.
contract OneDigestWallet is IERC1271 {
    bytes32 private immutable AGREED;

    constructor(bytes32 agreed) {
        AGREED = agreed;
    }

    function isValidSignature(bytes32 hash, bytes calldata) external view returns (bytes4) {
        return hash == AGREED ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract AgentsTest is Test {
    Agents private agents;
    address private constant ALICE = address(0xA11CE);
    address private constant BOB = address(0xB0B);
    uint256 private constant WALLET_KEY = 0xFACE;
    address private wallet;

    function setUp() public {
        agents = new Agents();
        wallet = vm.addr(WALLET_KEY);
        vm.warp(1_800_000_000);
    }

    // -- registration -------------------------------------------------------------------------------------------------

    function test_register_allForms_countUpAndPaySender() public {
        vm.startPrank(ALICE);
        assertEq(agents.register(), 0, "first");
        assertEq(agents.register("ipfs://a"), 1, "second");
        assertEq(agents.register("ipfs://b", _entries("colour", "green")), 2, "third");
        vm.stopPrank();
        for (uint256 id = 0; id < 3; ++id) {
            assertEq(agents.ownerOf(id), ALICE, "owner");
            assertEq(agents.getAgentWallet(id), ALICE, "wallet");
            assertEq(agents.getMetadata(id, "agentWallet"), abi.encodePacked(ALICE), "wallet as metadata");
        }
        assertEq(agents.tokenURI(0), "", "no uri yet");
        assertEq(agents.tokenURI(2), "ipfs://b", "uri");
        assertEq(agents.getMetadata(2, "colour"), bytes("green"), "metadata");
    }

    function test_register_withMetadata_emitsTheEventsOfTheErc() public {
        vm.expectEmit(address(agents));
        emit IERC721.Transfer(address(0), ALICE, 0);
        vm.expectEmit(address(agents));
        emit IAgents.Registered(0, "ipfs://a", ALICE);
        vm.expectEmit(address(agents));
        emit IAgents.MetadataSet(0, "agentWallet", "agentWallet", abi.encodePacked(ALICE));
        vm.expectEmit(address(agents));
        emit IAgents.MetadataSet(0, "colour", "colour", "green");
        vm.prank(ALICE);
        agents.register("ipfs://a", _entries("colour", "green"));
    }

    function test_register_reservedKey_reverts() public {
        vm.expectRevert(IAgents.ReservedKey.selector);
        agents.register("ipfs://a", _entries("agentWallet", abi.encodePacked(BOB)));
    }

    function test_selectors_areThoseOfTheErc() public pure {
        assertEq(
            bytes32(bytes4(keccak256("register(string,(string,bytes)[])"))), bytes32(bytes4(0x8ea42286)), "register"
        );
        assertEq(
            bytes32(IAgents.setAgentWallet.selector),
            bytes32(bytes4(keccak256("setAgentWallet(uint256,address,uint256,bytes)"))),
            "setAgentWallet"
        );
        assertEq(IAgents.MetadataSet.selector, keccak256("MetadataSet(uint256,string,string,bytes)"), "MetadataSet");
        assertEq(IAgents.Registered.selector, keccak256("Registered(uint256,string,address)"), "Registered");
        assertEq(IAgents.URIUpdated.selector, keccak256("URIUpdated(uint256,string,address)"), "URIUpdated");
    }

    // -- who may do what ----------------------------------------------------------------------------------------------

    function test_changes_byOwnerOperatorAndApproved_areMade() public {
        uint256 id = _agent();
        vm.prank(ALICE);
        agents.setMetadata(id, "k", "1");
        vm.prank(ALICE);
        agents.setApprovalForAll(BOB, true);
        vm.expectEmit(address(agents));
        emit IAgents.URIUpdated(id, "ipfs://new", BOB);
        vm.prank(BOB);
        agents.setAgentURI(id, "ipfs://new");
        assertTrue(agents.isAuthorizedOrOwner(BOB, id), "operator");
        vm.prank(ALICE);
        agents.approve(wallet, id);
        vm.prank(wallet);
        agents.setMetadata(id, "k", "2");
        assertEq(agents.getMetadata(id, "k"), bytes("2"), "metadata");
    }

    function testFuzz_changes_byAStranger_revert(address stranger) public {
        vm.assume(stranger != ALICE);
        uint256 id = _agent();
        vm.startPrank(stranger);
        vm.expectRevert(IAgents.NotOwner.selector);
        agents.setAgentURI(id, "x");
        vm.expectRevert(IAgents.NotOwner.selector);
        agents.setMetadata(id, "k", "x");
        vm.expectRevert(IAgents.NotOwner.selector);
        agents.unsetAgentWallet(id);
        vm.expectRevert(IAgents.NotOwner.selector);
        agents.setAgentWallet(id, stranger, block.timestamp, "");
        vm.stopPrank();
        assertTrue(!agents.isAuthorizedOrOwner(stranger, id), "stranger");
    }

    function test_changes_ofNoAgent_revert() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 5));
        agents.setMetadata(5, "k", "x");
    }

    function test_setMetadata_reservedKey_reverts() public {
        uint256 id = _agent();
        vm.prank(ALICE);
        vm.expectRevert(IAgents.ReservedKey.selector);
        agents.setMetadata(id, "agentWallet", abi.encodePacked(BOB));
    }

    // -- the wallet ---------------------------------------------------------------------------------------------------

    function test_setAgentWallet_signedByIt_isSet() public {
        uint256 id = _agent();
        bytes memory signature = _sign(id, wallet, ALICE, block.timestamp + 60);
        vm.expectEmit(address(agents));
        emit IAgents.MetadataSet(id, "agentWallet", "agentWallet", abi.encodePacked(wallet));
        vm.prank(ALICE);
        agents.setAgentWallet(id, wallet, block.timestamp + 60, signature);
        assertEq(agents.getAgentWallet(id), wallet, "wallet");
    }

    function test_setAgentWallet_smartAccount_agreesByErc1271() public {
        uint256 id = _agent();
        uint256 deadline = block.timestamp + 60;
        address account = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        new OneDigestWallet(_digest(id, account, ALICE, deadline));
        vm.prank(ALICE);
        agents.setAgentWallet(id, account, deadline, "anything");
        assertEq(agents.getAgentWallet(id), account, "wallet");
        vm.prank(ALICE);
        vm.expectRevert(IAgents.BadSignature.selector);
        agents.setAgentWallet(id, account, deadline + 1, "anything");
    }

    function test_setAgentWallet_accountThatDelegatesItsCode_signsWithItsKey() public {
        uint256 id = _agent();
        vm.etch(wallet, hex"ef01000000000000000000000000000000000000001234");
        bytes memory signature = _sign(id, wallet, ALICE, block.timestamp);
        vm.prank(ALICE);
        agents.setAgentWallet(id, wallet, block.timestamp, signature);
        assertEq(agents.getAgentWallet(id), wallet, "wallet");
    }

    function test_setAgentWallet_signatureForSomethingElse_reverts() public {
        uint256 id = _agent();
        vm.prank(BOB);
        uint256 other = agents.register();
        uint256 deadline = block.timestamp + 60;
        bytes[4] memory wrong = [
            _sign(other, wallet, ALICE, deadline),
            _sign(id, BOB, ALICE, deadline),
            _sign(id, wallet, BOB, deadline),
            _sign(id, wallet, ALICE, deadline + 1)
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.prank(ALICE);
            vm.expectRevert(IAgents.BadSignature.selector);
            agents.setAgentWallet(id, wallet, deadline, wrong[i]);
        }
        Agents elsewhere = new Agents();
        vm.startPrank(ALICE);
        elsewhere.register();
        bytes memory here = _sign(id, wallet, ALICE, deadline);
        vm.expectRevert(IAgents.BadSignature.selector);
        elsewhere.setAgentWallet(0, wallet, deadline, here);
        vm.chainId(1);
        vm.expectRevert(IAgents.BadSignature.selector);
        agents.setAgentWallet(id, wallet, deadline, here);
        vm.stopPrank();
    }

    function test_setAgentWallet_deadlineOverOrTooFar_reverts() public {
        uint256 id = _agent();
        uint256[2] memory deadlines = [block.timestamp - 1, block.timestamp + 301];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory signature = _sign(id, wallet, ALICE, deadlines[i]);
            vm.prank(ALICE);
            vm.expectRevert(IAgents.BadDeadline.selector);
            agents.setAgentWallet(id, wallet, deadlines[i], signature);
        }
        vm.prank(ALICE);
        vm.expectRevert(IAgents.ZeroWallet.selector);
        agents.setAgentWallet(id, address(0), block.timestamp, "");
    }

    function test_unsetAgentWallet_owner_clearsIt() public {
        uint256 id = _agent();
        vm.prank(ALICE);
        agents.unsetAgentWallet(id);
        assertEq(agents.getAgentWallet(id), address(0), "wallet");
        assertEq(agents.getMetadata(id, "agentWallet"), bytes(""), "as metadata");
    }

    function test_transfer_anyKind_clearsTheWallet() public {
        uint256 id = _agent();
        vm.expectEmit(address(agents));
        emit IAgents.MetadataSet(id, "agentWallet", "agentWallet", "");
        vm.prank(ALICE);
        agents.transferFrom(ALICE, BOB, id);
        assertEq(agents.getAgentWallet(id), address(0), "cleared");
        vm.prank(BOB);
        agents.safeTransferFrom(BOB, ALICE, id);
        assertEq(agents.getAgentWallet(id), address(0), "still clear for the first owner");
    }

    function test_transfer_sellersSignature_doesNotSetTheBuyersWallet() public {
        uint256 id = _agent();
        bytes memory signature = _sign(id, wallet, ALICE, block.timestamp + 60);
        vm.prank(ALICE);
        agents.transferFrom(ALICE, BOB, id);
        vm.prank(BOB);
        vm.expectRevert(IAgents.BadSignature.selector);
        agents.setAgentWallet(id, wallet, block.timestamp + 60, signature);
    }

    function test_supportsInterface_tokenAndOwn_areNamed() public view {
        assertTrue(agents.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        assertTrue(agents.supportsInterface(type(IAgents).interfaceId), "own");
    }

    // -- pieces -------------------------------------------------------------------------------------------------------

    function _agent() private returns (uint256) {
        vm.prank(ALICE);
        return agents.register("ipfs://a");
    }

    function _entries(string memory key, bytes memory value)
        private
        pure
        returns (IAgents.MetadataEntry[] memory list)
    {
        list = new IAgents.MetadataEntry[](1);
        list[0] = IAgents.MetadataEntry({metadataKey: key, metadataValue: value});
    }

    function _sign(uint256 id, address newWallet, address owner, uint256 deadline) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(WALLET_KEY, _digest(id, newWallet, owner, deadline));
        return abi.encodePacked(r, s, v);
    }

    function _digest(uint256 id, address newWallet, address owner, uint256 deadline) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("ERC8004IdentityRegistry"),
                keccak256("1"),
                block.chainid,
                address(agents)
            )
        );
        bytes32 typehash = keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
        return
            keccak256(
                abi.encodePacked(hex"1901", domain, keccak256(abi.encode(typehash, id, newWallet, owner, deadline)))
            );
    }
}
