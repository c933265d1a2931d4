// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims} from "../interfaces/IClaims.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {Order} from "../types/Types.sol";
import {Claimed} from "./ProofStatement.sol";
import {ProofVerifier} from "./ProofVerifier.sol";

/// @title A zero-knowledge proof answers an order
/// @notice The evidence kind VALIDITY, checked in full. The model id and the input commitment of the order say which
/// relation, which weights and which input the proof must be about; the output is the relation's public vector. So
/// there is nothing to register, and nobody has a right here.
///
/// Evidence is packed: `manifest digest 32 | dimensions 32 | version u32 | parameters 52 | weights root 32 | input root 32 |
/// input outside 24 | relation length u32 | relation | proof`. Twin of `concordat.zk.validity`.
contract ValidityEvidence is IEvidence, IClaims {
    uint256 private constant HEAD = 208;
    uint256 private constant PREFIX = HEAD + 4;

    ProofVerifier private immutable VERIFIER;
    address private immutable MARKET;

    /// @notice The evidence is too short.
    error BadEvidence();

    /// @param verifier_ Checks proofs.
    /// @param market_ The only market whose orders are answered: it is part of what is proven.
    constructor(ProofVerifier verifier_, address market_) {
        VERIFIER = verifier_;
        MARKET = market_;
    }

    /// @inheritdoc IEvidence
    function verify(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (proof.length < PREFIX) return false;
        uint256 length = uint32(bytes4(proof[HEAD:PREFIX]));
        if (proof.length - PREFIX < length) return false;
        bytes calldata relation = proof[PREFIX:PREFIX + length];
        (bool opens, Claimed memory claimed) = _claim(orderId, order, output, proof[:HEAD], sha256(relation));
        if (!opens) return false;
        try VERIFIER.check(relation, claimed, proof[PREFIX + length:]) {
            return true;
        } catch {
            return false;
        }
    }

    /// @notice What a proof has to show for an order and an output.
    /// @param head The evidence up to the relation's length, 208 bytes.
    /// @param relation SHA-256 of the relation's encoding.
    /// @return opens Whether head, relation and output fit the order's model and input.
    /// @return claimed What `ProofVerifier.check` is given.
    function claim(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata head, bytes32 relation)
        external
        view
        returns (bool opens, Claimed memory claimed)
    {
        if (head.length != HEAD) revert BadEvidence();
        return _claim(orderId, order, output, head, relation);
    }

    /// @inheritdoc IClaims
    function delivering(bytes32, uint256) external pure {
        revert NotClaimed();
    }

    /// @notice The market whose orders are answered.
    function market() external view returns (address) {
        return MARKET;
    }

    /// @notice What checks the proofs.
    function verifier() external view returns (address) {
        return address(VERIFIER);
    }

    function _claim(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata head, bytes32 relation)
        private
        view
        returns (bool opens, Claimed memory c)
    {
        bytes32 dimensions = bytes32(head[32:64]);
        c.chainId = uint64(block.chainid);
        c.market = MARKET;
        c.order = orderId;
        c.model = order.model;
        c.version = uint32(bytes4(head[64:68]));
        c.parameters = head[68:120];
        c.weightsRoot = bytes32(head[120:152]);
        c.inputRoot = bytes32(head[152:184]);
        c.inputOutside = bytes24(head[184:208]);
        // a proven model's commitment: digest of the relation, root of the hidden weights, version and parameters
        bytes32 model =
            keccak256(abi.encode(relation, c.weightsRoot, dimensions, keccak256(head[64:120]), bytes32(head[:32])));
        if (model != order.model || keccak256(abi.encode(c.inputRoot, c.inputOutside)) != order.input) {
            return (false, c);
        }
        (opens, c.publics) = _publics(output, uint32(uint256(dimensions) >> 64));
    }

    /// @dev Elements of 32 bits, eight to a word, zeros after the last.
    function _publics(bytes calldata output, uint256 count) private pure returns (bool whole, int256[] memory publics) {
        if (output.length != (count + 7) / 8 * 32) return (false, publics);
        publics = new int256[](count);
        for (uint256 i = 0; i < count; ++i) {
            publics[i] = int32(uint32(bytes4(output[4 * i:4 * i + 4])));
        }
        whole = true;
        for (uint256 i = 4 * count; i < output.length; ++i) {
            if (output[i] != 0) whole = false;
        }
    }
}
