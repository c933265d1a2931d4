// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {LmsVerifier} from "../../src/accounts/LmsVerifier.sol";
import {SlhDsaVerifier} from "../../src/accounts/SlhDsaVerifier.sol";
import {Test} from "../Vm.sol";

/// @dev Signatures of `vectors/postquantum.json`, whole and with one thing wrong.
contract VerifiersTest is Test {
    struct Signed {
        bytes key;
        bytes32 digest;
        bytes signature;
    }

    bytes4 private constant ACCEPTED = IERC7913SignatureVerifier.verify.selector;
    bytes4 private constant REFUSED = 0xffffffff;
    string private constant GROUP = "accounts";
    uint256 private constant LMS_CASES = 14;
    uint256 private constant SLH_DSA_CASES = 4;

    LmsVerifier private lms;
    SlhDsaVerifier private slhDsa;
    string private vectors;

    function setUp() public {
        lms = new LmsVerifier();
        slhDsa = new SlhDsaVerifier();
        vectors = vm.readFile("vectors/postquantum.json");
    }

    // -- what holds --------------------------------------------------------------------------------------------------

    function test_verify_everyLmsVector_isAccepted() public view {
        for (uint256 i = 0; i < LMS_CASES; ++i) {
            Signed memory signed = _vector("lms", i);
            assertTrue(lms.verify(signed.key, signed.digest, signed.signature) == ACCEPTED, "vector");
        }
    }

    function test_verify_everySlhDsaVector_isAccepted() public view {
        for (uint256 i = 0; i < SLH_DSA_CASES; ++i) {
            Signed memory signed = _vector("slh_dsa", i);
            assertTrue(slhDsa.verify(signed.key, signed.digest, signed.signature) == ACCEPTED, "vector");
        }
    }

    function test_isValidSignatureNow_ofErc7913Signers_holds() public view {
        Signed memory signed = _vector("lms", 13);
        bytes memory signer = abi.encodePacked(address(lms), signed.key);
        assertTrue(SignatureChecker.isValidSignatureNow(signer, signed.digest, signed.signature), "LMS");
        assertTrue(!SignatureChecker.isValidSignatureNow(signer, keccak256("else"), signed.signature), "LMS, else");
        signed = _vector("slh_dsa", 0);
        signer = abi.encodePacked(address(slhDsa), signed.key);
        assertTrue(SignatureChecker.isValidSignatureNow(signer, signed.digest, signed.signature), "SLH-DSA");
    }

    function test_capacity_ofLmsKeys_isTwoToTheHeight() public view {
        assertEq(lms.capacity(_vector("lms", 0).key), 32, "height 5");
        assertEq(lms.capacity(_vector("lms", 13).key), 1024, "height 10");
        assertEq(lms.capacity(""), 0, "empty");
        assertEq(lms.capacity(_vector("slh_dsa", 0).key), 0, "another key");
    }

    function test_gas_ofVerifying_isWhatTheSnapshotSays() public {
        Signed memory signed = _vector("lms", 13);
        lms.verify(signed.key, signed.digest, signed.signature);
        vm.snapshotGasLastCall(GROUP, "lms_verify_chosen");
        signed = _vector("lms", 12);
        lms.verify(signed.key, signed.digest, signed.signature);
        vm.snapshotGasLastCall(GROUP, "lms_verify");
        signed = _vector("slh_dsa", 1);
        slhDsa.verify(signed.key, signed.digest, signed.signature);
        vm.snapshotGasLastCall(GROUP, "slh_dsa_verify");
    }

    // -- what does not -----------------------------------------------------------------------------------------------

    function test_attack_everyByteOfAnLmsSignatureKeyAndDigest_refuses() public view {
        Signed memory signed = _vector("lms", 1);
        _refusesEveryByte(address(lms), signed, signed.signature, 1);
        _refusesEveryByte(address(lms), signed, signed.key, 1);
        for (uint256 bit = 0; bit < 256; ++bit) {
            bytes32 other = signed.digest ^ bytes32(1 << bit);
            assertTrue(lms.verify(signed.key, other, signed.signature) == REFUSED, "digest");
        }
    }

    function test_attack_everySixtyFirstByteOfAnSlhDsaSignature_refuses() public view {
        Signed memory signed = _vector("slh_dsa", 1);
        _refusesEveryByte(address(slhDsa), signed, signed.signature, 61);
        _refusesEveryByte(address(slhDsa), signed, signed.key, 5);
    }

    function testFuzz_attack_anyChangeOfAnLmsSignature_refuses(uint256 which, uint256 at, uint8 change) public view {
        Signed memory signed = _vector("lms", bound(which, 0, LMS_CASES - 1));
        vm.assume(change != 0);
        _change(signed.signature, bound(at, 0, signed.signature.length - 1), change);
        assertTrue(lms.verify(signed.key, signed.digest, signed.signature) == REFUSED, "changed");
    }

    function testFuzz_attack_anyChangeOfAnSlhDsaSignature_refuses(uint256 which, uint256 at, uint8 change) public view {
        Signed memory signed = _vector("slh_dsa", bound(which, 0, SLH_DSA_CASES - 1));
        vm.assume(change != 0);
        _change(signed.signature, bound(at, 0, signed.signature.length - 1), change);
        assertTrue(slhDsa.verify(signed.key, signed.digest, signed.signature) == REFUSED, "changed");
    }

    function testFuzz_attack_anyOtherDigest_refuses(bytes32 digest) public view {
        Signed memory signed = _vector("slh_dsa", 0);
        vm.assume(digest != signed.digest);
        assertTrue(slhDsa.verify(signed.key, digest, signed.signature) == REFUSED, "SLH-DSA");
        signed = _vector("lms", 0);
        assertTrue(lms.verify(signed.key, digest, signed.signature) == REFUSED, "LMS");
    }

    function testFuzz_attack_randomBytes_refuseAndNeverRevert(bytes calldata key, bytes32 digest, bytes calldata noise)
        public
        view
    {
        assertTrue(lms.verify(key, digest, noise) == REFUSED, "LMS");
        assertTrue(slhDsa.verify(key, digest, noise) == REFUSED, "SLH-DSA");
    }

    function testFuzz_attack_noiseOfTheRightShape_refuses(uint128 seed, bytes32 digest) public view {
        bytes memory noise = _noise(seed, 7856);
        assertTrue(slhDsa.verify(_noise(uint256(seed) + 1, 32), digest, noise) == REFUSED, "SLH-DSA");
        bytes memory key = bytes.concat(hex"0000000b00000007", _noise(uint256(seed) + 2, 40));
        noise = bytes.concat(
            hex"00000003", hex"00000007", _noise(seed, 1248), hex"0000000b", _noise(uint256(seed) + 3, 240)
        );
        assertTrue(lms.verify(key, digest, noise) == REFUSED, "LMS");
    }

    function testFuzz_attack_lessOrMoreBytes_refuse(uint256 which, uint256 length) public view {
        Signed memory signed = _vector("lms", bound(which, 0, LMS_CASES - 1));
        uint256 other = bound(length, 0, 2000);
        vm.assume(other != signed.signature.length);
        assertTrue(lms.verify(signed.key, signed.digest, _resized(signed.signature, other)) == REFUSED, "LMS");
        signed = _vector("slh_dsa", 2);
        other = bound(length, 0, 9000);
        vm.assume(other != signed.signature.length);
        assertTrue(slhDsa.verify(signed.key, signed.digest, _resized(signed.signature, other)) == REFUSED, "SLH-DSA");
    }

    function test_attack_emptyKey_refuses() public view {
        Signed memory signed = _vector("lms", 0);
        assertTrue(lms.verify("", signed.digest, signed.signature) == REFUSED, "LMS");
        assertTrue(slhDsa.verify("", signed.digest, _vector("slh_dsa", 0).signature) == REFUSED, "SLH-DSA");
    }

    function test_attack_indexBeyondTheTree_refuses() public view {
        Signed memory signed = _vector("lms", 4);
        // Index 31 of height 5 with a bit above the tree: the same leaf, were the index not checked.
        _change(signed.signature, 3, 0x20);
        assertTrue(lms.verify(signed.key, signed.digest, signed.signature) == REFUSED, "beyond");
        signed = _vector("lms", 4);
        _change(signed.signature, 0, 0x80);
        assertTrue(lms.verify(signed.key, signed.digest, signed.signature) == REFUSED, "far beyond");
    }

    function test_attack_signatureUnderAnotherIndexOfTheSameKey_refuses() public view {
        Signed memory first = _vector("lms", 0);
        Signed memory other = _vector("lms", 2);
        assertEq(keccak256(first.key), keccak256(other.key), "same key");
        assertTrue(lms.verify(first.key, first.digest, other.signature) == REFUSED, "other message");
    }

    function test_attack_anyGasLimit_neverAcceptsWhatDoesNotHold() public view {
        Signed memory signed = _vector("lms", 13);
        bytes memory good = abi.encodeCall(lms.verify, (signed.key, signed.digest, signed.signature));
        bytes memory bad = abi.encodeCall(lms.verify, (signed.key, keccak256("else"), signed.signature));
        for (uint256 limit = 1000; limit < 120_000; limit += 97) {
            assertTrue(!_accepts(address(lms), bad, limit), "bad");
        }
        assertTrue(!_accepts(address(lms), good, 60_000), "too little");
        assertTrue(_accepts(address(lms), good, 80_000), "enough");
    }

    // -- tools -------------------------------------------------------------------------------------------------------

    function _vector(string memory scheme, uint256 i) private view returns (Signed memory) {
        string memory at = string.concat(".", scheme, "[", vm.toString(i), "]");
        return Signed({
            key: vm.parseJsonBytes(vectors, string.concat(at, ".key")),
            digest: vm.parseJsonBytes32(vectors, string.concat(at, ".digest")),
            signature: vm.parseJsonBytes(vectors, string.concat(at, ".signature"))
        });
    }

    /// @dev `part` is the key or the signature of `signed`: its bytes are changed in place and put back.
    function _refusesEveryByte(address verifier, Signed memory signed, bytes memory part, uint256 step) private view {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        for (uint256 at = 0; at < part.length; at += step) {
            _change(part, at, 0x10);
            bytes4 answer = IERC7913SignatureVerifier(verifier).verify(signed.key, signed.digest, signed.signature);
            assertTrue(answer == REFUSED, string.concat("byte ", vm.toString(at)));
            _change(part, at, 0x10);
            // Nothing of a round is needed in the next, and memory gets dearer with its square.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
        }
    }

    function _change(bytes memory data, uint256 at, uint8 change) private pure {
        data[at] = data[at] ^ bytes1(change);
    }

    function _resized(bytes memory data, uint256 length) private pure returns (bytes memory other) {
        other = new bytes(length);
        for (uint256 i = 0; i < length && i < data.length; ++i) {
            other[i] = data[i];
        }
    }

    function _noise(uint256 seed, uint256 length) private pure returns (bytes memory noise) {
        noise = new bytes(length);
        for (uint256 i = 0; i < length; i += 32) {
            bytes32 word = keccak256(abi.encode(seed, i));
            for (uint256 j = i; j < i + 32 && j < length; ++j) {
                noise[j] = word[j - i];
            }
        }
    }

    function _accepts(address verifier, bytes memory call, uint256 limit) private view returns (bool) {
        (bool success, bytes memory answer) = verifier.staticcall{gas: limit}(call);
        return success && abi.decode(answer, (bytes4)) == ACCEPTED;
    }
}
