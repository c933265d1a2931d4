// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Evidence policies
/// @notice Every non-zero one of the first 31 bytes of a policy is a clause, a mask of kinds that must all be there; one
/// fulfilled clause is enough. The last byte says how many replicas are drawn and must agree, where a clause asks for
/// them. Canonical policies have their clauses in front, so that the loops end early; at most 31 steps either way.
library Policy {
    /// @dev In every clause the kinds that need a plain output: native, fraud-provable, replicated, scored.
    uint256 private constant OPEN_KINDS = 0x1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b00;
    /// @dev The lowest bit of every clause.
    uint256 private constant LOWEST_BITS = 0x0101010101010101010101010101010101010101010101010101010101010100;
    uint256 private constant CLAUSES = ~uint256(0xff);
    uint256 private constant VALIDITY = 2;

    /// @notice Whether the policy asks for no kind that others than the client must see the output for. Such results are
    /// delivered sealed, and judged only once they are opened.
    function isPrivate(bytes32 policy) internal pure returns (bool) {
        return uint256(policy) & OPEN_KINDS == 0;
    }

    /// @notice Whether results are delivered sealed: those of private orders, but for what is proven, which is in plain.
    function isSealed(bytes32 policy) internal pure returns (bool) {
        return isPrivate(policy) && !names(policy, VALIDITY);
    }

    /// @notice Whether some clause asks for the kind.
    function names(bytes32 policy, uint256 kind) internal pure returns (bool) {
        return (uint256(policy) >> kind) & LOWEST_BITS != 0;
    }

    /// @notice Whether there is no way around the kind: every clause asks for it, and there is one.
    function requires(bytes32 policy, uint256 kind) internal pure returns (bool) {
        for (uint256 rest = uint256(policy) & CLAUSES; rest != 0; rest <<= 8) {
            uint256 clause = rest >> 248;
            if (clause != 0 && (clause >> kind) & 1 == 0) return false;
        }
        return hasClause(policy);
    }

    /// @notice Whether the policy asks for anything.
    function hasClause(bytes32 policy) internal pure returns (bool) {
        return uint256(policy) & CLAUSES != 0;
    }

    /// @notice How many replicas must agree, out of how many that are drawn.
    function replicas(bytes32 policy) internal pure returns (uint256 k, uint256 n) {
        uint256 both = uint256(policy) & 0xff;
        return (both >> 4, both & 0xf);
    }

    /// @notice Whether the gathered kinds fulfil some clause.
    function satisfied(bytes32 policy, uint256 gathered) internal pure returns (bool) {
        for (uint256 rest = uint256(policy) & CLAUSES; rest != 0; rest <<= 8) {
            uint256 clause = rest >> 248;
            if (clause != 0 && clause & gathered == clause) return true;
        }
        return false;
    }
}
