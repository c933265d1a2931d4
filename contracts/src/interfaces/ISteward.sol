// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../types/Types.sol";

/// @notice How the number is read from a model's output: `element * numerator / denominator + offset`, rounded to zero.
struct Reading {
    /// Which 32-bit element of the output.
    uint16 element;
    /// Of the scale.
    int64 numerator;
    /// Of the scale, not zero.
    uint64 denominator;
    /// Added after scaling.
    int64 offset;
}

/// @notice Limits that hold whatever the model says.
struct Guard {
    /// Least value.
    int64 low;
    /// Greatest value.
    int64 high;
    /// Value in force before the first decision, after the last one expired, and while stopped.
    int64 resting;
    /// Most that one decision moves the value; `type(uint64).max` for any distance, at any rate.
    uint64 step;
    /// Most that decisions move the value in any 86,400 seconds; more than `step`.
    uint64 perDay;
    /// Seconds from the start of its epoch for which a decision is in force.
    uint32 lifetime;
}

/// @notice What is fixed when a steward is deployed.
struct StewardTerms {
    /// The market whose orders count.
    address market;
    /// Where the input comes from.
    address source;
    /// The model that is followed: program, weights and all.
    bytes32 model;
    /// Mask of evidence kinds that count: of native, fraud-provable, validity and replicated.
    uint8 accepts;
    /// Seconds from its start in which an epoch's decision can be applied.
    uint32 applyWithin;
    /// Shortest challenge window with which optimistic evidence counts.
    uint32 minWindow;
    /// Least bond with which optimistic evidence counts.
    uint96 minBond;
    /// Least number of agreeing replicas with which they count.
    uint8 minReplicas;
    /// Restarts after a stop, and names the next guardian; zero for nobody.
    address governor;
    /// How the number is read.
    Reading reading;
    /// The limits.
    Guard guard;
}

/// @notice What was delivered for an order, as its event says.
struct Delivery {
    /// Who delivered it.
    address provider;
    /// Root of the trace; zero for what was proven at once.
    bytes32 traceRoot;
    /// The output.
    bytes output;
}

/// @notice The decision that an epoch came to.
struct EpochDecision {
    /// What the model said, in the units of the value.
    int64 said;
    /// What the guard let through.
    int64 value;
    /// When it was applied; zero for never.
    uint40 appliedAt;
    /// Mask of the evidence kinds that counted.
    uint8 settledBy;
    /// Whether another settled order of the same epoch says something else.
    bool contradicted;
}

/// @notice Where a steward stands.
struct StewardState {
    /// Value after the last decision, or the resting one after a restart.
    int64 value;
    /// How much of the daily movement is used up, times 86,400.
    uint88 level;
    /// Last epoch that was applied; zero for none.
    uint32 epoch;
    /// When that was.
    uint40 appliedAt;
    /// Whether the kill switch is on.
    bool stopped;
}

/// @title A number that follows a model
/// @notice Orders name the steward, the epoch and the source of the input in their `effect`. The first settled order of an
/// epoch that is applied counts, once, if its evidence counts; the guard holds always. Nothing is called back: whoever
/// follows the number reads it. Checks are made in the order in which each function lists them.
interface ISteward {
    /// @notice An epoch came to its decision.
    event Applied(uint32 indexed epoch, bytes32 indexed orderId, int64 said, int64 value, uint8 settledBy);
    /// @notice A settled order says something else than the decision of its epoch.
    event Contradicted(uint32 indexed epoch, bytes32 indexed orderId, int64 said, uint8 settledBy);
    /// @notice The kill switch is on.
    event Stopped(address indexed by);
    /// @notice The kill switch is off, and somebody watches from here on.
    event Restarted(address indexed guardian);

    /// @notice Limits that contradict each other, no source, no denominator, or evidence that cannot count.
    error BadSteward();
    /// @notice The kill switch is on.
    error StewardStopped();
    /// @notice The epoch has not begun, or there is none of that number.
    error EpochNotOpen();
    /// @notice The time for this epoch is over.
    error EpochClosed();
    /// @notice This epoch or a later one has its decision.
    error EpochDone();
    /// @notice Nobody observed this epoch.
    error NotObserved();
    /// @notice The order does not name this steward, epoch and source.
    error WrongEffect();
    /// @notice The order is for another model than the one followed.
    error OtherModel();
    /// @notice The order's input is not the one observed.
    error WrongInput();
    /// @notice The order is not paid, or not on this market.
    error NotSettled();
    /// @notice The evidence that counts here does not fulfil the order's policy, or the policy keeps the output private.
    error EvidenceTooWeak();
    /// @notice Provider, trace root and output are not those of the delivered result.
    error WrongResult();
    /// @notice The output has no such element, or was too large to be delivered itself.
    error OutputTooShort();
    /// @notice The order agrees with the decision, is weaker evidence, or there is nothing to contradict.
    error NoContradiction();
    /// @notice The sender is neither guardian nor governor.
    error NotGuardian();
    /// @notice The sender is not the governor.
    error NotGovernor();
    /// @notice The kill switch is not on.
    error NotStopped();

    /// @notice Anyone lets a settled order decide its epoch.
    /// @param order As the client signed it.
    /// @param epoch The epoch that its effect names.
    /// @param delivery What was delivered.
    function applyDecision(Order calldata order, uint32 epoch, Delivery calldata delivery) external;

    /// @notice Anyone shows a settled order that says something else than its epoch's decision, with evidence that is at
    /// least as strong: somebody broke the evidence, and the steward stops. Once for each epoch.
    function contradict(Order calldata order, uint32 epoch, Delivery calldata delivery) external;

    /// @notice Guardian or governor: no decision counts, and the resting value is in force.
    function stop() external;

    /// @notice Governor: goes on from the resting value, watched by `guardian`.
    function restart(address guardian) external;

    /// @notice The value in force now.
    function value() external view returns (int64);

    /// @notice What an epoch came to.
    function decision(uint32 epoch) external view returns (EpochDecision memory);

    /// @notice Where the steward stands.
    function state() external view returns (StewardState memory);

    /// @notice What an order for an epoch has in its `effect`.
    function effectOf(uint32 epoch) external view returns (bytes32);

    /// @notice First second of an epoch.
    function startOf(uint32 epoch) external view returns (uint256);

    /// @notice What was fixed.
    function terms() external view returns (StewardTerms memory);

    /// @notice Who can stop it besides the governor; zero for nobody.
    function guardian() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
