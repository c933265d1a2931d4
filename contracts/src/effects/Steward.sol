// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../interfaces/IMarket.sol";
import {ISource} from "../interfaces/ISource.sol";
import {
    Delivery,
    EpochDecision,
    Guard,
    ISteward,
    Reading,
    StewardState,
    StewardTerms
} from "../interfaces/ISteward.sol";
import {OrderDomain} from "../types/OrderDomain.sol";
import {OrderSlot, OrderSlots} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {EvidenceKind, Order, OrderStatus} from "../types/Types.sol";
import {Guards} from "./Guards.sol";

/// @title Steward
/// @notice A number that follows a model: see `ISteward`.
/// @dev Reads the market and the source, calls nobody else, and holds no money. Every number is an immutable, so that a
/// reader of the code knows the terms.
contract Steward is ISteward, OrderDomain {
    using Policy for bytes32;

    bytes32 private constant EFFECT_TYPEHASH = keccak256("Effect(address steward,uint32 epoch,address source)");
    uint256 private constant OPTIMISTIC = 1 << uint256(EvidenceKind.FRAUD_PROVABLE);
    uint256 private constant PROVEN = (1 << uint256(EvidenceKind.NATIVE)) | (1 << uint256(EvidenceKind.VALIDITY));
    uint256 private constant REPLICATED = 1 << uint256(EvidenceKind.REPLICATED);
    uint256 private constant COUNTABLE = OPTIMISTIC | PROVEN | REPLICATED;

    IMarket private immutable MARKET;
    ISource private immutable SOURCE;
    bytes32 private immutable MODEL;
    uint8 private immutable ACCEPTS;
    uint40 private immutable GENESIS;
    uint32 private immutable LENGTH;
    uint32 private immutable APPLY_WITHIN;
    uint32 private immutable MIN_WINDOW;
    uint96 private immutable MIN_BOND;
    uint8 private immutable MIN_REPLICAS;
    address private immutable GOVERNOR;
    uint16 private immutable ELEMENT;
    int64 private immutable NUMERATOR;
    uint64 private immutable DENOMINATOR;
    int64 private immutable OFFSET;
    int64 private immutable LOW;
    int64 private immutable HIGH;
    int64 private immutable RESTING;
    uint64 private immutable STEP;
    uint64 private immutable PER_DAY;
    uint32 private immutable LIFETIME;

    StewardState private _state;
    address private _guardian;
    mapping(uint256 epoch => EpochDecision) private _decisions;

    /// @param terms_ What is fixed.
    /// @param guardian_ Can stop it; zero for nobody.
    constructor(StewardTerms memory terms_, address guardian_) OrderDomain(terms_.market) {
        (Reading memory reading, Guard memory guard) = (terms_.reading, terms_.guard);
        ISource.Schedule memory schedule = ISource(terms_.source).schedule();
        _checkTerms(terms_, schedule, ISource(terms_.source).isOpen());
        MARKET = IMarket(terms_.market);
        SOURCE = ISource(terms_.source);
        MODEL = terms_.model;
        ACCEPTS = terms_.accepts;
        GENESIS = schedule.genesis;
        LENGTH = schedule.length;
        APPLY_WITHIN = terms_.applyWithin;
        MIN_WINDOW = terms_.minWindow;
        MIN_BOND = terms_.minBond;
        MIN_REPLICAS = terms_.minReplicas;
        GOVERNOR = terms_.governor;
        ELEMENT = reading.element;
        NUMERATOR = reading.numerator;
        DENOMINATOR = reading.denominator;
        OFFSET = reading.offset;
        LOW = guard.low;
        HIGH = guard.high;
        RESTING = guard.resting;
        STEP = guard.step;
        PER_DAY = guard.perDay;
        LIFETIME = guard.lifetime;
        _state.value = guard.resting;
        _guardian = guardian_;
    }

    // -- deciding ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ISteward
    function applyDecision(Order calldata order, uint32 epoch, Delivery calldata delivery) external {
        StewardState memory before = _state;
        // CHECK
        if (before.stopped) revert StewardStopped();
        uint256 start = startOf(epoch);
        if (epoch == 0 || block.timestamp < start) revert EpochNotOpen();
        if (block.timestamp >= start + APPLY_WITHIN) revert EpochClosed();
        if (epoch <= before.epoch) revert EpochDone();
        (bytes32 id, int64 said, uint8 settledBy) = _settled(order, epoch, delivery);
        (int64 admitted, uint256 level) =
            Guards.admit(_guard(), _inForce(before), said, before.level, block.timestamp - before.appliedAt);
        // EFFECT
        uint40 time = uint40(block.timestamp);
        // The level is at most step * DAY, which has 81 bits.
        _state = StewardState({value: admitted, level: uint88(level), epoch: epoch, appliedAt: time, stopped: false});
        _decisions[epoch] =
            EpochDecision({said: said, value: admitted, appliedAt: time, settledBy: settledBy, contradicted: false});
        // EVENT
        emit Applied(epoch, id, said, admitted, settledBy);
    }

    /// @inheritdoc ISteward
    function contradict(Order calldata order, uint32 epoch, Delivery calldata delivery) external {
        EpochDecision memory decided = _decisions[epoch];
        // CHECK
        if (decided.appliedAt == 0 || decided.contradicted) revert NoContradiction();
        if (block.timestamp >= startOf(epoch) + LIFETIME) revert EpochClosed();
        (bytes32 id, int64 said, uint8 settledBy) = _settled(order, epoch, delivery);
        bool weaker = settledBy & PROVEN == 0 && decided.settledBy & PROVEN != 0;
        if (said == decided.said || weaker) revert NoContradiction();
        // EFFECT
        _decisions[epoch].contradicted = true;
        // EVENT
        emit Contradicted(epoch, id, said, settledBy);
        if (!_state.stopped) _stop();
    }

    // -- the kill switch ---------------------------------------------------------------------------------------------

    /// @inheritdoc ISteward
    function stop() external {
        // CHECK
        if (msg.sender != _guardian && msg.sender != GOVERNOR) revert NotGuardian();
        if (_state.stopped) revert StewardStopped();
        // EFFECT, EVENT
        _stop();
    }

    /// @inheritdoc ISteward
    function restart(address guardian_) external {
        // CHECK
        if (msg.sender != GOVERNOR) revert NotGovernor();
        if (!_state.stopped) revert NotStopped();
        // EFFECT: what is used up of the day's movement stays used up
        _state.stopped = false;
        _state.value = RESTING;
        _guardian = guardian_;
        // EVENT
        emit Restarted(guardian_);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISteward
    function value() external view returns (int64) {
        StewardState memory now_ = _state;
        return now_.stopped ? RESTING : _inForce(now_);
    }

    /// @inheritdoc ISteward
    function decision(uint32 epoch) external view returns (EpochDecision memory) {
        return _decisions[epoch];
    }

    /// @inheritdoc ISteward
    function state() external view returns (StewardState memory) {
        return _state;
    }

    /// @inheritdoc ISteward
    function guardian() external view returns (address) {
        return _guardian;
    }

    /// @inheritdoc ISteward
    function terms() external view returns (StewardTerms memory) {
        return StewardTerms({
            market: address(MARKET),
            source: address(SOURCE),
            model: MODEL,
            accepts: ACCEPTS,
            applyWithin: APPLY_WITHIN,
            minWindow: MIN_WINDOW,
            minBond: MIN_BOND,
            minReplicas: MIN_REPLICAS,
            governor: GOVERNOR,
            reading: Reading({element: ELEMENT, numerator: NUMERATOR, denominator: DENOMINATOR, offset: OFFSET}),
            guard: _guard()
        });
    }

    /// @inheritdoc ISteward
    function effectOf(uint32 epoch) public view returns (bytes32) {
        return keccak256(abi.encode(EFFECT_TYPEHASH, address(this), epoch, address(SOURCE)));
    }

    /// @inheritdoc ISteward
    function startOf(uint32 epoch) public view returns (uint256) {
        return epoch == 0 ? 0 : GENESIS + uint256(epoch - 1) * LENGTH;
    }

    /// @inheritdoc ISteward
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkTerms(StewardTerms memory terms_, ISource.Schedule memory schedule, bool open) private pure {
        Guard memory guard = terms_.guard;
        bool kindsFit = terms_.accepts != 0 && terms_.accepts & ~COUNTABLE == 0;
        // Nobody watches an input that nobody knows.
        bool watched = terms_.accepts & OPTIMISTIC == 0 || (open && terms_.minWindow > 0);
        bool several = terms_.accepts & REPLICATED == 0 || terms_.minReplicas > 1;
        bool timesFit = terms_.applyWithin > schedule.observeWithin && terms_.applyWithin <= guard.lifetime;
        bool readable = terms_.reading.denominator != 0 && terms_.model != 0;
        if (!kindsFit || !watched || !several || !timesFit || !readable || !Guards.holds(guard)) revert BadSteward();
    }

    /// @dev What a settled order says about an epoch. In this order: (1) it names steward, epoch and source; (2) the model;
    /// (3) the observed input; (4) it is paid here; (5) what counts of its evidence fulfils its policy; (6) this is what was
    /// delivered; (7) the number is in it.
    function _settled(Order calldata order, uint32 epoch, Delivery calldata delivery)
        private
        view
        returns (bytes32 id, int64 said, uint8 settledBy)
    {
        // CHECK
        if (order.effect != effectOf(epoch)) revert WrongEffect();
        if (order.model != MODEL) revert OtherModel();
        bytes32 observed = SOURCE.input(epoch);
        if (observed == 0) revert NotObserved();
        if (order.input != observed) revert WrongInput();
        id = _orderId(order);
        OrderSlot slot = OrderSlot.wrap(uint256(MARKET.state(id)));
        if (slot.status() != OrderStatus.PAID) revert NotSettled();
        settledBy = _counted(order, slot.gathered());
        if (!order.evidence.satisfied(settledBy)) revert EvidenceTooWeak();
        bytes32 outputHash = keccak256(delivery.output);
        uint256 commitment = OrderSlots.commit(id, delivery.provider, delivery.traceRoot, outputHash);
        if (commitment != slot.commitment()) revert WrongResult();
        // In place of an output that is too large there is the trace root.
        bool whole = delivery.traceRoot == 0 || outputHash != keccak256(abi.encode(delivery.traceRoot));
        if (!whole || delivery.output.length < 4 * (uint256(ELEMENT) + 1)) revert OutputTooShort();
        said = _read(delivery.output);
    }

    /// @dev Of the kinds gathered, those that count. The market gathers FRAUD_PROVABLE only after the whole window; it is worth
    /// something only if the window was long enough to watch and the bond large enough to lose. Replicas are as many as the
    /// last byte of the policy says. A policy for which nobody need see the output is delivered sealed: nothing counts.
    function _counted(Order calldata order, uint8 gathered) private view returns (uint8) {
        if (order.evidence.isPrivate()) return 0;
        uint256 counted = gathered & ACCEPTS;
        if (order.window < MIN_WINDOW || order.bond < MIN_BOND) counted &= ~OPTIMISTIC;
        (uint256 agreeing,) = order.evidence.replicas();
        if (agreeing < MIN_REPLICAS) counted &= ~REPLICATED;
        return uint8(counted);
    }

    /// @dev Saturates at the ends of 64 bits; no product or sum here reaches 2^98.
    function _read(bytes calldata output) private view returns (int64) {
        int256 element = int32(uint32(bytes4(output[4 * uint256(ELEMENT):])));
        int256 scaled = element * NUMERATOR / int256(uint256(DENOMINATOR)) + OFFSET;
        if (scaled < type(int64).min) return type(int64).min;
        return scaled > type(int64).max ? type(int64).max : int64(scaled);
    }

    /// @dev The last value, until it expires; does not look at the kill switch.
    function _inForce(StewardState memory at) private view returns (int64) {
        return block.timestamp < startOf(at.epoch) + LIFETIME ? at.value : RESTING;
    }

    function _stop() private {
        // EFFECT
        _state.stopped = true;
        // EVENT
        emit Stopped(msg.sender);
    }

    function _guard() private view returns (Guard memory) {
        return Guard({low: LOW, high: HIGH, resting: RESTING, step: STEP, perDay: PER_DAY, lifetime: LIFETIME});
    }
}
