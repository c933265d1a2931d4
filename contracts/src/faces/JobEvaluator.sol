// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ICourt} from "../interfaces/ICourt.sol";
import {IAgenticCommerce, IJobHook, Job, JobStatus} from "../interfaces/IErc8183.sol";
import {IJobEvaluator} from "../interfaces/IJobEvaluator.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IVault} from "../interfaces/IVault.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {Policy} from "../types/Policy.sol";
import {EvidenceKind, ModelCommitment, Order, OrderStatus} from "../types/Types.sol";
import {SettledOrders} from "./SettledOrders.sol";

/// @title JobEvaluator
/// @notice See `IJobEvaluator`.
/// @dev Contracts with jobs are strangers: what they say counts for their own jobs only, and no money waits for them.
contract JobEvaluator is IJobEvaluator, IJobHook, IERC1271, ReentrancyGuardTransient {
    using Policy for bytes32;
    using SafeERC20 for IERC20;
    using SettledOrders for IMarket;
    using SettledOrders for OrderSlot;

    struct Backing {
        address client;
        uint40 decidedAfter;
        bool collected;
    }

    string private constant PREFIX = "concordat:1:";
    uint256 private constant WINDOW_POLICY = 1 << uint256(EvidenceKind.FRAUD_PROVABLE);
    uint96 private constant PRICE = 1;
    /// @dev Time for somebody to call `settle` before the job expires.
    uint256 private constant SETTLE_TIME = 1 hours;
    bytes4 private constant REFUSED = 0xffffffff;

    IMarket private immutable MARKET;
    IVault private immutable VAULT;
    IERC20 private immutable TOKEN;
    uint256 private immutable MOVE_TIME;
    uint256 private immutable NO_SHOW_SHARE;
    uint256 private immutable SLASH_CLIENT;

    mapping(bytes32 jobKey => bytes32) private _orderOf;
    mapping(bytes32 orderId => Backing) private _backings;
    mapping(address account => uint256) private _credits;

    /// @param market_ Whose orders back jobs; vault, court, shares and clocks are its own.
    constructor(IMarket market_) {
        MARKET = market_;
        VAULT = IVault(market_.vault());
        TOKEN = IERC20(VAULT.token());
        (MOVE_TIME,,) = ICourt(market_.court()).parameters();
        (NO_SHOW_SHARE,, SLASH_CLIENT) = market_.shares();
        TOKEN.forceApprove(address(VAULT), type(uint256).max);
    }

    // -- jobs --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IJobEvaluator
    function back(IAgenticCommerce commerce, uint256 jobId, Order calldata order, ModelCommitment calldata model)
        external
        nonReentrant
    {
        bytes32 key = keyOf(commerce, jobId);
        bytes32 id = MARKET.orderId(order);
        Job memory job = commerce.getJob(jobId);
        // CHECK
        if (job.evaluator != address(this)) revert NotEvaluator();
        if (msg.sender != job.provider || msg.sender != order.provider) revert NotProvider();
        if (job.status != JobStatus.Funded) revert WrongStatus();
        if (_orderOf[key] != 0) revert AlreadyBacked();
        _checkTerms(order, key);
        if (!_beginsWith(job.description, descriptionOf(order))) revert WrongDescription();
        if (keccak256(abi.encode(model)) != order.model) revert WrongModel();
        uint256 decidedAfter = uint256(order.deliverBy) + order.window + longestDispute(uint8(model.dimensions[2]));
        bool fits = decidedAfter <= type(uint32).max && decidedAfter + SETTLE_TIME <= job.expiredAt;
        if (!fits) revert ExpiresTooSoon();
        // EFFECT
        _orderOf[key] = id;
        _backings[id] = Backing({client: job.client, decidedAfter: uint40(decidedAfter), collected: false});
        // EVENT
        emit JobBacked(address(commerce), jobId, id, uint40(decidedAfter));
        TOKEN.safeTransferFrom(msg.sender, address(this), PRICE);
        VAULT.deposit(PRICE);
    }

    /// @inheritdoc IJobEvaluator
    function settle(IAgenticCommerce commerce, uint256 jobId, Order calldata order) external nonReentrant {
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        // CHECK
        if (_orderOf[keyOf(commerce, jobId)] != id) revert NotBacked();
        OrderStatus status = slot.status();
        bool good = status == OrderStatus.PAID
            || (status == OrderStatus.DELIVERED && block.timestamp > _backings[id].decidedAfter);
        bool bad = status == OrderStatus.SLASHED || status == OrderStatus.EXPIRED
            || (status == OrderStatus.NONE && block.timestamp > order.acceptBy)
            || (status == OrderStatus.FUNDED && block.timestamp > order.deliverBy);
        if (!good && !bad) revert Undecided();
        // EVENT
        emit JobDecided(address(commerce), jobId, id, good);
        if (good) _complete(commerce, jobId, id);
        else commerce.reject(jobId, id, "");
    }

    /// @inheritdoc IJobEvaluator
    function rejectUnbacked(IAgenticCommerce commerce, uint256 jobId) external nonReentrant {
        // CHECK
        if (_orderOf[keyOf(commerce, jobId)] != 0) revert AlreadyBacked();
        if (commerce.getJob(jobId).status != JobStatus.Submitted) revert WrongStatus();
        // EVENT
        emit JobDecided(address(commerce), jobId, 0, false);
        commerce.reject(jobId, 0, "");
    }

    // -- money -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IJobEvaluator
    function collect(Order calldata order) external {
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        Backing storage backed = _backings[id];
        // CHECK
        if (backed.client == address(0)) revert NotBacked();
        (address account, uint256 amount) = _gain(order, slot.status(), backed.client);
        if (amount == 0 || backed.collected) revert NothingToCollect();
        // EFFECT
        backed.collected = true;
        _credits[account] += amount;
        // EVENT
        emit Collected(id, account, amount);
    }

    /// @inheritdoc IJobEvaluator
    function withdraw(address to) external {
        uint256 amount = _credits[msg.sender];
        // CHECK
        if (amount == 0) revert NoCredit();
        // EFFECT
        _credits[msg.sender] = 0;
        // EVENT
        emit Withdrawn(msg.sender, to, amount);
        VAULT.withdraw(amount, to);
    }

    // -- hook --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IJobHook
    /// @dev Contracts that know this evaluator as a hook too let it hold submissions to the delivered order.
    function beforeAction(uint256 jobId, bytes4 selector, bytes calldata data) external view {
        if (selector != IAgenticCommerce.submit.selector) return;
        bytes32 id = _orderOf[keyOf(IAgenticCommerce(msg.sender), jobId)];
        if (id == 0) revert NotBacked();
        (, bytes32 deliverable) = abi.decode(data, (address, bytes32));
        OrderSlot slot = OrderSlot.wrap(uint256(MARKET.state(id)));
        bool there = slot.status() == OrderStatus.DELIVERED || slot.status() == OrderStatus.PAID;
        if (!there || uint256(deliverable) >> 56 != slot.commitment()) revert WrongDeliverable();
    }

    /// @inheritdoc IJobHook
    function afterAction(uint256, bytes4, bytes calldata) external pure {}

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IERC1271
    /// @dev As the client of orders: agrees to those that back a job, and to nothing else, neither release nor cancel.
    function isValidSignature(bytes32 hash, bytes calldata) external view returns (bytes4) {
        return _backings[hash].client == address(0) ? REFUSED : IERC1271.isValidSignature.selector;
    }

    /// @inheritdoc IJobEvaluator
    function deliverableOf(Order calldata order, bytes32 traceRoot, bytes32 outputHash)
        external
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(MARKET.orderId(order), order.provider, traceRoot, outputHash));
    }

    /// @inheritdoc IJobEvaluator
    function orderOf(IAgenticCommerce commerce, uint256 jobId) external view returns (bytes32) {
        return _orderOf[keyOf(commerce, jobId)];
    }

    /// @inheritdoc IJobEvaluator
    function backing(bytes32 orderId) external view returns (address client, uint40 decidedAfter, bool collected) {
        Backing memory found = _backings[orderId];
        return (found.client, found.decidedAfter, found.collected);
    }

    /// @inheritdoc IJobEvaluator
    function credit(address account) external view returns (uint256) {
        return _credits[account];
    }

    /// @inheritdoc IJobEvaluator
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc IJobEvaluator
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IJobEvaluator).interfaceId || interfaceId == type(IJobHook).interfaceId
            || interfaceId == type(IERC1271).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    /// @inheritdoc IJobEvaluator
    function keyOf(IAgenticCommerce commerce, uint256 jobId) public pure returns (bytes32) {
        return keccak256(abi.encode(commerce, jobId));
    }

    /// @inheritdoc IJobEvaluator
    function descriptionOf(Order calldata order) public pure returns (string memory) {
        bytes32 wanted =
            keccak256(abi.encode(order.model, order.input, order.evidence, order.window, order.bond, order.terms));
        return string.concat(PREFIX, Strings.toHexString(uint256(wanted), 32));
    }

    /// @inheritdoc IJobEvaluator
    /// @dev A row of sixteen and a choice for every four levels, then the leaf and the proof, and one move to spare.
    function longestDispute(uint256 traceDepth) public view returns (uint256) {
        return (2 * ((traceDepth + 3) / 4) + 3) * MOVE_TIME;
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    function _checkTerms(Order calldata order, bytes32 key) private view {
        bool own = order.client == address(this) && order.price == PRICE && order.salt == key && order.effect == 0;
        if (!own || !order.evidence.satisfied(WINDOW_POLICY)) revert BadTerms();
    }

    /// @dev What the job's contract pays its evaluator goes to whoever called; tokens kept outside the vault are none of
    /// anybody's.
    function _complete(IAgenticCommerce commerce, uint256 jobId, bytes32 id) private {
        IERC20 token = IERC20(commerce.getJob(jobId).paymentToken);
        uint256 before = _held(token);
        commerce.complete(jobId, id, "");
        uint256 gained = _held(token) - before;
        if (gained != 0) token.trySafeTransfer(msg.sender, gained);
    }

    function _held(IERC20 token) private view returns (uint256) {
        return address(token).code.length == 0 ? 0 : token.balanceOf(address(this));
    }

    /// @dev What an order's end brought to its client, which is this contract, and whose it is.
    function _gain(Order calldata order, OrderStatus status, address client) private view returns (address, uint256) {
        if (status == OrderStatus.SLASHED) return (client, PRICE + uint256(order.bond) * SLASH_CLIENT / 100);
        if (status == OrderStatus.EXPIRED) return (client, PRICE + uint256(order.bond) * NO_SHOW_SHARE / 100);
        bool never = status == OrderStatus.NONE && block.timestamp > order.acceptBy;
        return never ? (order.provider, PRICE) : (client, 0);
    }

    function _beginsWith(string memory text, string memory beginning) private pure returns (bool same) {
        if (bytes(text).length < bytes(beginning).length) return false;
        assembly ("memory-safe") {
            let length := mload(beginning)
            same := eq(keccak256(add(text, 0x20), length), keccak256(add(beginning, 0x20), length))
        }
    }
}
