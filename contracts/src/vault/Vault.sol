// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IVault} from "../interfaces/IVault.sol";
import {FundingMode} from "../types/Types.sol";

/// @title Vault
/// @notice Money of one market: see `IVault`.
/// @dev One slot per account, `free u128 | locked u128`. The two halves cannot run into each other: everything credited
/// was received in tokens first, deposits are at most 2^128 - 1 in all per account, and a token whose supply exceeds that is not
/// supported. Every balance is written before the token is called, and nothing is read again afterwards.
contract Vault is IVault {
    using SafeERC20 for IERC20;

    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    address private constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant LOCKED = type(uint128).max;

    IERC20 private immutable TOKEN;
    address private immutable MARKET;
    address private immutable COURT;
    address private immutable REPLICATION;

    mapping(address account => uint256 freeAndLocked) private _accounts;

    modifier onlyMarket() {
        if (msg.sender != MARKET) revert NotAuthorized();
        _;
    }

    modifier onlyBondholders() {
        if (msg.sender != COURT && msg.sender != REPLICATION) revert NotAuthorized();
        _;
    }

    /// @param token_ The settlement token.
    /// @param market_ Address at which the market will be deployed.
    /// @param court_ Address at which the court will be deployed.
    /// @param replication_ Address at which the replicas' contract will be deployed; zero for none.
    constructor(IERC20 token_, address market_, address court_, address replication_) {
        TOKEN = token_;
        MARKET = market_;
        COURT = court_;
        REPLICATION = replication_;
    }

    // -- everybody ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function deposit(uint256 amount) external {
        _deposit(amount);
    }

    /// @inheritdoc IVault
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Anybody can use a permit up in front of us. Then the allowance is there, and the deposit goes through.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(amount);
    }

    /// @inheritdoc IVault
    function withdraw(uint256 amount, address to) external {
        // CHECK
        if (amount == 0) revert ZeroAmount();
        // EFFECT
        _debit(msg.sender, amount);
        // EVENT
        emit Withdrawn(msg.sender, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    // -- market ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function fund(Funding calldata funding, bytes calldata signature) external onlyMarket {
        _lock(funding.provider, funding.bond);
        _take(funding, signature);
    }

    /// @inheritdoc IVault
    function fundAndPay(Funding calldata funding, bytes calldata signature) external onlyMarket {
        if (funding.mode == uint8(FundingMode.CREDIT)) {
            // Only staticcalls happen here. The bond is locked for a moment, because a provider who is his own client
            // needs both bond and price.
            _lock(funding.provider, funding.bond);
            _take(funding, signature);
            _pay(funding.provider, funding.price, funding.bond);
        } else {
            uint256 account = _accounts[funding.provider];
            if (account >> 128 < funding.bond) revert InsufficientFree();
            _accounts[funding.provider] = account + (funding.price << 128);
            _take(funding, signature);
        }
    }

    /// @inheritdoc IVault
    function pay(address provider, uint256 price, uint256 bond) external onlyMarket {
        _pay(provider, price, bond);
    }

    /// @inheritdoc IVault
    function refund(address client, address provider, uint256 price, uint256 bond, uint256 penalty)
        external
        onlyMarket
    {
        _accounts[provider] = _accounts[provider] - bond + ((bond - penalty) << 128);
        _credit(client, price + penalty);
    }

    /// @inheritdoc IVault
    function slash(
        address provider,
        uint256 bond,
        address client,
        uint256 toClient,
        address challenger,
        uint256 toChallenger,
        uint256 burned
    ) external onlyMarket {
        _accounts[provider] -= bond;
        _credit(client, toClient);
        _credit(challenger, toChallenger);
        _credit(BURN, burned);
    }

    // -- court and replication ---------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function lock(address account, uint256 amount) external onlyBondholders {
        _lock(account, amount);
    }

    /// @inheritdoc IVault
    function unlock(address account, uint256 amount) external onlyBondholders {
        _pay(account, 0, amount);
    }

    /// @inheritdoc IVault
    function forfeit(address account, address beneficiary, uint256 toBeneficiary, uint256 burned)
        external
        onlyBondholders
    {
        _accounts[account] -= toBeneficiary + burned;
        _credit(beneficiary, toBeneficiary);
        _credit(BURN, burned);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function balance(address account) external view returns (uint128 free, uint128 locked) {
        uint256 both = _accounts[account];
        return (uint128(both >> 128), uint128(both));
    }

    /// @inheritdoc IVault
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc IVault
    function market() external view returns (address) {
        return MARKET;
    }

    /// @inheritdoc IVault
    function court() external view returns (address) {
        return COURT;
    }

    /// @inheritdoc IVault
    function replication() external view returns (address) {
        return REPLICATION;
    }

    /// @inheritdoc IVault
    function version() external pure returns (string memory) {
        return "1.1.0";
    }

    // -- how money moves ---------------------------------------------------------------------------------------------

    function _deposit(uint256 amount) private {
        // CHECK
        if (amount == 0) revert ZeroAmount();
        if (amount > LOCKED) revert AmountTooLarge();
        // EFFECT
        _credit(msg.sender, amount);
        // EVENT
        emit Deposited(msg.sender, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev The free half is the upper one: the checked addition reverts where it would overflow.
    function _credit(address account, uint256 amount) private {
        _accounts[account] += amount << 128;
    }

    function _debit(address account, uint256 amount) private {
        uint256 both = _accounts[account];
        if (both >> 128 < amount) revert InsufficientFree();
        _accounts[account] = both - (amount << 128);
    }

    function _lock(address account, uint256 amount) private {
        uint256 both = _accounts[account];
        if (both >> 128 < amount) revert InsufficientFree();
        _accounts[account] = both - (amount << 128) + amount;
    }

    /// @dev Escrow and bond become free. `bond` is in the locked half, because it was locked for this order or dispute.
    function _pay(address account, uint256 price, uint256 bond) private {
        _accounts[account] = _accounts[account] - bond + ((price + bond) << 128);
    }

    /// @dev The price comes in, by the client's authorisation or from his free balance.
    function _take(Funding calldata funding, bytes calldata signature) private {
        if (funding.mode == uint8(FundingMode.AUTHORIZATION)) {
            _receive(funding, signature);
        } else if (
            funding.mode == uint8(FundingMode.CREDIT)
                && SignatureChecker.isValidSignatureNowCalldata(funding.client, funding.orderId, signature)
        ) {
            _debit(funding.client, funding.price);
        } else {
            revert BadSignature();
        }
    }

    function _receive(Funding calldata funding, bytes calldata signature) private {
        if (signature.length != 65) revert BadSignature();
        (bytes32 r, bytes32 s, uint8 v) = (bytes32(signature[0:32]), bytes32(signature[32:64]), uint8(signature[64]));
        try IERC3009(address(TOKEN))
            .receiveWithAuthorization(
                funding.client, address(this), funding.price, 0, funding.acceptBy + 1, funding.orderId, v, r, s
            ) {}
        catch (bytes memory reason) {
            _explain(funding, signature, reason);
        }
    }

    /// @dev The token refused: says whether the signature or the balance is at fault, else repeats the token's own error.
    function _explain(Funding calldata funding, bytes calldata signature, bytes memory reason) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            IERC20Permit(address(TOKEN)).DOMAIN_SEPARATOR(),
            keccak256(
                abi.encode(
                    RECEIVE_TYPEHASH,
                    funding.client,
                    address(this),
                    funding.price,
                    0,
                    funding.acceptBy + 1,
                    funding.orderId
                )
            )
        );
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != funding.client || signer == address(0)) revert BadSignature();
        if (TOKEN.balanceOf(funding.client) < funding.price) revert InsufficientFunds();
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
