// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EpochDecision, ISteward} from "../interfaces/ISteward.sol";

/// @title An example of an insurance that a model triggers
/// @notice A cover for an epoch pays its sum if the steward's decision about that epoch reaches the threshold. It is sold, and
/// its sum reserved, before the epoch begins. Without a decision, or with one that was contradicted, the premium goes
/// back: whoever can keep decisions away gains nothing by it. A stop of the steward prevents decisions, and takes back
/// none. Money leaves by pull credits only, so that a recipient whom the token refuses blocks nobody.
contract ParametricCover {
    using SafeERC20 for IERC20;

    /// @notice How a cover ended.
    enum Outcome {
        OPEN,
        PAID_OUT,
        LAPSED,
        REFUNDED
    }

    /// @notice One cover.
    struct Cover {
        /// Who is insured.
        address holder;
        /// The epoch.
        uint32 epoch;
        /// How it ended.
        Outcome outcome;
        /// What it pays.
        uint128 sum;
        /// What it cost.
        uint128 premium;
    }

    /// @notice The insurer put money in.
    event Funded(address indexed insurer, uint256 amount);
    /// @notice A cover was sold.
    event Covered(uint256 indexed cover, address indexed holder, uint32 indexed epoch, uint256 sum, uint256 premium);
    /// @notice A cover ended.
    event Settled(uint256 indexed cover, Outcome outcome);
    /// @notice Somebody took his credit.
    event Claimed(address indexed account, address indexed to, uint256 amount);

    /// @notice The epoch has begun.
    error TooLate();
    /// @notice Nothing is free to cover that sum, or the sum is zero or too large.
    error NoCapacity();
    /// @notice There is no such cover, or it ended.
    error NotOpen();
    /// @notice The decision can still be applied, or was applied a moment ago.
    error TooEarly();
    /// @notice A premium of more than all.
    error BadRate();

    /// @notice Hundredths of a per cent in the whole.
    uint256 public constant WHOLE = 10_000;

    IERC20 private immutable TOKEN;
    ISteward private immutable STEWARD;
    address private immutable INSURER;
    int64 private immutable THRESHOLD;
    uint256 private immutable RATE;
    uint256 private immutable DELAY;
    uint256 private immutable APPLY_WITHIN;

    /// @notice What an account can claim.
    mapping(address account => uint256) public credit;
    /// @notice What is not reserved; the insurer's.
    uint256 public capacity;

    Cover[] private _covers;

    /// @param token What is paid with.
    /// @param steward_ Whose decisions count.
    /// @param insurer Whose money it is.
    /// @param threshold Least value that pays.
    /// @param rate Premium, in hundredths of a per cent of the sum.
    /// @param delay Seconds between a decision and payment, in which anybody can contradict it.
    constructor(IERC20 token, ISteward steward_, address insurer, int64 threshold, uint256 rate, uint256 delay) {
        if (rate > WHOLE) revert BadRate();
        TOKEN = token;
        STEWARD = steward_;
        INSURER = insurer;
        THRESHOLD = threshold;
        RATE = rate;
        DELAY = delay;
        APPLY_WITHIN = steward_.terms().applyWithin;
    }

    /// @notice Puts the insurer's money in; anybody may.
    function fund(uint256 amount) external {
        capacity += amount;
        emit Funded(msg.sender, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice The insurer takes out what is not reserved.
    function defund(uint256 amount) external {
        if (msg.sender != INSURER || amount > capacity) revert NoCapacity();
        capacity -= amount;
        credit[INSURER] += amount;
    }

    /// @notice Insures the sender for an epoch that has not begun.
    function buy(uint32 epoch, uint128 sum) external returns (uint256 cover) {
        if (block.timestamp >= STEWARD.startOf(epoch)) revert TooLate();
        uint256 premium = (uint256(sum) * RATE + WHOLE - 1) / WHOLE;
        if (sum == 0 || sum > capacity) revert NoCapacity();
        // The premium stays aside, too, until it is earned.
        capacity -= sum;
        cover = _covers.length;
        // At most the sum.
        _covers.push(Cover(msg.sender, epoch, Outcome.OPEN, sum, uint128(premium)));
        emit Covered(cover, msg.sender, epoch, sum, premium);
        TOKEN.safeTransferFrom(msg.sender, address(this), premium);
    }

    /// @notice Anyone ends a cover whose epoch is decided, or can be no more.
    function settle(uint256 cover) external {
        if (cover >= _covers.length || _covers[cover].outcome != Outcome.OPEN) revert NotOpen();
        Cover memory about = _covers[cover];
        Outcome outcome = _outcome(about.epoch);
        _covers[cover].outcome = outcome;
        if (outcome == Outcome.PAID_OUT) {
            credit[about.holder] += about.sum;
            capacity += about.premium;
        } else if (outcome == Outcome.LAPSED) {
            capacity += uint256(about.sum) + about.premium;
        } else {
            credit[about.holder] += about.premium;
            capacity += about.sum;
        }
        emit Settled(cover, outcome);
    }

    /// @notice The sender takes his credit.
    function claim(address to) external {
        uint256 amount = credit[msg.sender];
        credit[msg.sender] = 0;
        emit Claimed(msg.sender, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    /// @notice One cover.
    function coverOf(uint256 cover) external view returns (Cover memory) {
        return _covers[cover];
    }

    /// @notice Whose decisions count, and the least value that pays.
    function trigger() external view returns (address steward, int64 threshold) {
        return (address(STEWARD), THRESHOLD);
    }

    /// @notice Version of this contract.
    function version() external pure returns (string memory) {
        return "1";
    }

    function _outcome(uint32 epoch) private view returns (Outcome) {
        EpochDecision memory decided = STEWARD.decision(epoch);
        if (decided.appliedAt == 0) {
            if (block.timestamp < STEWARD.startOf(epoch) + APPLY_WITHIN) revert TooEarly();
            return Outcome.REFUNDED;
        }
        if (block.timestamp < uint256(decided.appliedAt) + DELAY) revert TooEarly();
        if (decided.contradicted) return Outcome.REFUNDED;
        return decided.value >= THRESHOLD ? Outcome.PAID_OUT : Outcome.LAPSED;
    }
}
