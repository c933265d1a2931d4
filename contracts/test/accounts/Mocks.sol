// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";
import {IIndexedVerifier} from "../../src/interfaces/IIndexedVerifier.sol";

/// @dev Whoever knows the digest can sign: so that the account, not the scheme, is what a test is about.
contract OpenVerifier is IERC7913SignatureVerifier {
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external pure returns (bytes4) {
        bool good = keccak256(signature) == keccak256(abi.encode(key, hash));
        return good ? IERC7913SignatureVerifier.verify.selector : bytes4(0xffffffff);
    }
}

/// @dev The same with an index in front; the key's first byte is how many there are.
contract CountedVerifier is IIndexedVerifier {
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external pure returns (bytes4) {
        bool good = uint32(bytes4(signature)) < uint8(key[0])
            && keccak256(signature) == keccak256(sign(key, uint32(bytes4(signature)), hash));
        return good ? IERC7913SignatureVerifier.verify.selector : bytes4(0xffffffff);
    }

    function capacity(bytes calldata key) external pure returns (uint256) {
        return uint8(key[0]);
    }

    function sign(bytes calldata key, uint32 index, bytes32 hash) public pure returns (bytes memory) {
        return bytes.concat(bytes4(index), abi.encode(key, hash));
    }
}

/// @dev Remembers who called with what; can refuse, and can call back.
contract Target {
    error Refusal(uint256 reason);

    uint256 public count;
    address public caller;

    function touch() external payable {
        ++count;
        caller = msg.sender;
    }

    function refuse(uint256 reason) external pure {
        revert Refusal(reason);
    }

    function silent() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function bounce(address to, bytes calldata data) external {
        (bool success, bytes memory answer) = to.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
