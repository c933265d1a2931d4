// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Evidence policies
/// @notice Every non-zero byte of a policy is a clause, a mask of kinds that must all be there; one fulfilled clause is
/// enough. Canonical policies have their clauses in front, so that the loops end early; at most 32 steps either way.
library Policy {
    /// @dev In every byte the kinds that need a plain output: native, fraud-provable, replicated, scored.
    uint256 private constant OPEN_KINDS = 0x1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b;

    /// @notice Whether the policy asks for no kind that others than the client must see the output for. Such results are
    /// delivered sealed, and judged only once they are opened.
    function isPrivate(bytes32 policy) internal pure returns (bool) {
        return uint256(policy) & OPEN_KINDS == 0;
    }

    /// @notice Whether some clause asks for the kind.
    function names(bytes32 policy, uint256 kind) internal pure returns (bool) {
        for (uint256 rest = uint256(policy); rest != 0; rest <<= 8) {
            if (((rest >> 248) >> kind) & 1 != 0) return true;
        }
        return false;
    }

    /// @notice Whether the gathered kinds fulfil some clause.
    function satisfied(bytes32 policy, uint256 gathered) internal pure returns (bool) {
        for (uint256 rest = uint256(policy); rest != 0; rest <<= 8) {
            uint256 clause = rest >> 248;
            if (clause != 0 && clause & gathered == clause) return true;
        }
        return false;
    }
}
