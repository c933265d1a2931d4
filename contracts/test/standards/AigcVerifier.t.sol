// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {AigcVerifier} from "../../src/faces/AigcVerifier.sol";
import {IErc7007} from "../../src/interfaces/IErc7007.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Order} from "../../src/types/Types.sol";
import {StandardsBase} from "./StandardsBase.sol";

contract AigcVerifierTest is StandardsBase {
    AigcVerifier private verifier;

    function setUp() public override {
        super.setUp();
        verifier = new AigcVerifier(IMarket(address(market)));
    }

    function test_verify_beforeAndAfterTheWindow_isTrueOnceFinal() external {
        Order memory order = orderNumber(1);
        assertTrue(!holds(order), "not accepted");
        deliver(order);
        assertTrue(!holds(order), "open to challenge");
        warpPastWindow();
        assertTrue(!holds(order), "not paid");
        market.finalize(order);
        assertTrue(holds(order), "final");
    }

    function test_addAigcData_ofAFinalOrder_givesItsClientTheToken() external {
        Order memory order = paidOrder(1);
        uint256 id = uint256(market.orderId(order));
        bytes memory prompt = abi.encode(order.input);
        bytes memory proof = abi.encode(order, TRACE_ROOT);
        vm.expectEmit(address(verifier));
        emit IErc7007.AigcData(id, prompt, output, proof);
        vm.prank(stranger);
        verifier.addAigcData(id, prompt, output, proof);
        assertEq(verifier.ownerOf(id), client, "owner");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        verifier.addAigcData(id, prompt, output, proof);
    }

    function test_supportsInterface_idOfTheErc_isExact() external view {
        assertTrue(verifier.supportsInterface(0x702c55a6), "7007");
        assertTrue(verifier.supportsInterface(0x80ac58cd), "721");
        assertTrue(verifier.supportsInterface(0x01ffc9a7), "165");
        assertEq(bytes32(type(IErc7007).interfaceId), bytes32(bytes4(0x702c55a6)), "id");
    }

    // -- attacks -----------------------------------------------------------------------------------------------------

    function test_attack_slashedOrReleasedOrder_isNotVerified() external {
        assertTrue(!holds(slashedOrder()), "slashed");
        Order memory order = orderNumber(2);
        deliver(order);
        vm.prank(client);
        market.release(order, "");
        assertTrue(!holds(order), "the client's word is for himself");
    }

    function test_attack_anotherOutputPromptOrTrace_isNotVerified() external {
        Order memory order = paidOrder(1);
        bytes memory prompt = abi.encode(order.input);
        assertTrue(!verifier.verify(prompt, "another output", abi.encode(order, TRACE_ROOT)), "output");
        assertTrue(!verifier.verify(abi.encode(keccak256("p")), output, abi.encode(order, TRACE_ROOT)), "prompt");
        assertTrue(!verifier.verify("", output, abi.encode(order, TRACE_ROOT)), "no prompt");
        assertTrue(!verifier.verify(prompt, output, abi.encode(order, keccak256("t"))), "trace");
        order.price += 1;
        assertTrue(!verifier.verify(prompt, output, abi.encode(order, TRACE_ROOT)), "terms");
    }

    function test_attack_tokenUnderAnotherId_reverts() external {
        Order memory order = paidOrder(1);
        bytes memory proof = abi.encode(order, TRACE_ROOT);
        vm.expectRevert(AigcVerifier.NotVerified.selector);
        verifier.addAigcData(7, abi.encode(order.input), output, proof);
        vm.expectRevert(AigcVerifier.NotVerified.selector);
        verifier.addAigcData(0, "", "", "");
    }

    function testFuzz_verify_anyBytes_areFalseAndNeverRevert(
        bytes calldata prompt,
        bytes calldata data,
        bytes calldata proof
    ) external view {
        assertTrue(!verifier.verify(prompt, data, proof), "noise");
    }

    function testFuzz_verify_anyChangedWord_isFalseAndNeverReverts(uint256 which, uint256 word) external {
        Order memory order = paidOrder(1);
        bytes memory proof = abi.encode(order, TRACE_ROOT);
        uint256 at = 32 + 32 * (which % 14);
        uint256 before;
        assembly ("memory-safe") {
            before := mload(add(proof, at))
            mstore(add(proof, at), word)
        }
        vm.assume(before != word);
        assertTrue(!verifier.verify(abi.encode(order.input), output, proof), "changed");
    }

    function holds(Order memory order) private view returns (bool) {
        return verifier.verify(abi.encode(order.input), output, abi.encode(order, TRACE_ROOT));
    }
}
