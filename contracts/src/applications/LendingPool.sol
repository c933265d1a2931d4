// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ISteward} from "../interfaces/ISteward.sol";

/// @title An example of a lending parameter that follows a model
/// @notice Dollars are lent against another dollar token, one for one, without interest: as little of a lending pool as shows
/// the point. How much may be borrowed against collateral is the steward's value, in hundredths of a per cent, read at the
/// moment of borrowing. What is borrowed already is liquidated by a fixed threshold above the steward's range, so that no
/// decision, and no lapse of one, takes anybody's collateral.
contract LendingPool {
    using SafeERC20 for IERC20;

    /// @notice Somebody lent to the pool.
    event Supplied(address indexed account, uint256 amount);
    /// @notice Somebody took back what he had lent.
    event Withdrawn(address indexed account, uint256 amount);
    /// @notice Somebody gave collateral.
    event Secured(address indexed account, uint256 amount);
    /// @notice Somebody took collateral back.
    event Unsecured(address indexed account, uint256 amount);
    /// @notice Somebody borrowed, at that collateral factor.
    event Borrowed(address indexed account, uint256 amount, int64 factor);
    /// @notice Somebody paid back.
    event Repaid(address indexed account, uint256 amount);
    /// @notice Somebody paid a debt past the threshold and took its collateral.
    event Liquidated(address indexed account, address indexed liquidator, uint256 debt, uint256 collateral);

    /// @notice The collateral does not carry that much debt.
    error TooLittleCollateral();
    /// @notice The debt is below the threshold.
    error Healthy();
    /// @notice The threshold is not above what the steward can say, or over one hundred per cent.
    error BadThreshold();

    /// @notice Hundredths of a per cent in the whole.
    uint256 public constant WHOLE = 10_000;
    /// @notice Cover beyond this counts as this: six times the debt.
    uint256 public constant MAX_COVER = 60_000;

    IERC20 private immutable LOAN;
    IERC20 private immutable COLLATERAL;
    ISteward private immutable STEWARD;
    uint256 private immutable THRESHOLD;

    /// @notice What an account lent.
    mapping(address account => uint256) public supplied;
    /// @notice What an account owes.
    mapping(address account => uint256) public debt;
    /// @notice What secures it.
    mapping(address account => uint256) public collateral;

    uint256 private _supplied;
    uint256 private _debt;
    uint256 private _collateral;
    uint256 private _usedSeconds;
    uint256 private _coverSeconds;
    uint256 private _time;

    /// @param loan Token that is lent.
    /// @param collateral_ Token that secures loans.
    /// @param steward_ Address at which the steward is or will be deployed.
    /// @param threshold Debt over collateral, in hundredths of a per cent, from which anybody may liquidate.
    constructor(IERC20 loan, IERC20 collateral_, ISteward steward_, uint256 threshold) {
        if (threshold == 0 || threshold > WHOLE) revert BadThreshold();
        LOAN = loan;
        COLLATERAL = collateral_;
        STEWARD = steward_;
        THRESHOLD = threshold;
        _time = block.timestamp;
    }

    // -- lenders -----------------------------------------------------------------------------------------------------

    /// @notice Lends to the pool.
    function supply(uint256 amount) external {
        _count();
        supplied[msg.sender] += amount;
        _supplied += amount;
        emit Supplied(msg.sender, amount);
        LOAN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Takes back, as far as it is not lent out.
    function withdraw(uint256 amount) external {
        _count();
        supplied[msg.sender] -= amount;
        _supplied -= amount;
        emit Withdrawn(msg.sender, amount);
        LOAN.safeTransfer(msg.sender, amount);
    }

    // -- borrowers ---------------------------------------------------------------------------------------------------

    /// @notice Gives collateral.
    function secure(uint256 amount) external {
        _count();
        collateral[msg.sender] += amount;
        _collateral += amount;
        emit Secured(msg.sender, amount);
        COLLATERAL.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Takes collateral back, as far as the rest carries the debt.
    function unsecure(uint256 amount) external {
        _count();
        collateral[msg.sender] -= amount;
        _collateral -= amount;
        _checkCarried(msg.sender);
        emit Unsecured(msg.sender, amount);
        COLLATERAL.safeTransfer(msg.sender, amount);
    }

    /// @notice Borrows, as far as the collateral carries it at the steward's factor.
    function borrow(uint256 amount) external {
        _count();
        debt[msg.sender] += amount;
        _debt += amount;
        _checkCarried(msg.sender);
        emit Borrowed(msg.sender, amount, factor());
        LOAN.safeTransfer(msg.sender, amount);
    }

    /// @notice Pays back.
    function repay(uint256 amount) external {
        _count();
        debt[msg.sender] -= amount;
        _debt -= amount;
        emit Repaid(msg.sender, amount);
        LOAN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Pays somebody's whole debt past the threshold, and takes all of its collateral.
    function liquidate(address account) external {
        (uint256 owed, uint256 security) = (debt[account], collateral[account]);
        if (owed * WHOLE <= security * THRESHOLD) revert Healthy();
        _count();
        (debt[account], collateral[account]) = (0, 0);
        _debt -= owed;
        _collateral -= security;
        emit Liquidated(account, msg.sender, owed, security);
        LOAN.safeTransferFrom(msg.sender, address(this), owed);
        COLLATERAL.safeTransfer(msg.sender, security);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @notice Debt that one unit of collateral carries now, in hundredths of a per cent: the steward's value, between
    /// nothing and the threshold.
    function factor() public view returns (int64) {
        int64 said = STEWARD.value();
        if (said < 0) return 0;
        return uint64(said) > THRESHOLD ? int64(uint64(THRESHOLD)) : said;
    }

    /// @notice Use and cover, each times the seconds for which it lasted, up to now. A mean over an epoch is a difference of
    /// these over its seconds; within one block nobody changes them.
    function sums() external view returns (uint256 usedSeconds, uint256 coverSeconds) {
        return _sums();
    }

    /// @notice Who decides about the factor.
    function steward() external view returns (address) {
        return address(STEWARD);
    }

    /// @notice Version of this contract.
    function version() external pure returns (string memory) {
        return "1";
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkCarried(address account) private view {
        if (debt[account] * WHOLE > collateral[account] * uint64(factor())) revert TooLittleCollateral();
    }

    /// @dev Before every change: what was so until now lasted until now.
    function _count() private {
        (_usedSeconds, _coverSeconds) = _sums();
        _time = block.timestamp;
    }

    function _sums() private view returns (uint256 usedSeconds, uint256 coverSeconds) {
        uint256 elapsed = block.timestamp - _time;
        uint256 used = _supplied == 0 ? 0 : _debt * WHOLE / _supplied;
        uint256 cover = _debt == 0 ? MAX_COVER : _collateral * WHOLE / _debt;
        if (cover > MAX_COVER) cover = MAX_COVER;
        return (_usedSeconds + used * elapsed, _coverSeconds + cover * elapsed);
    }
}
