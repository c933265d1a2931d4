// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Money of one market: escrow, bonds and pull credits in one settlement token
/// @notice `token.balanceOf(vault) = Σ free + Σ locked + Σ price of orders that are FUNDED or DELIVERED`, plus tokens
/// sent by accident, which count for nobody. There is no owner. Only the market and the bondholders (court and
/// replication), all fixed at deployment, move balances between accounts; only an account itself withdraws its free
/// balance. Burned amounts are credited to 0x…dEaD. The token must be a plain ERC-20 with ERC-3009 and ERC-2612: no fee on transfer, no rebasing.
interface IVault {
    /// @notice Tokens came into an account's free balance.
    event Deposited(address indexed account, uint256 amount);
    /// @notice Tokens left an account's free balance.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice Less free balance than the operation needs.
    error InsufficientFree();
    /// @notice The client holds fewer tokens than the price.
    error InsufficientFunds();
    /// @notice A deposit or withdrawal of nothing.
    error ZeroAmount();
    /// @notice More than 128 bits can hold.
    error AmountTooLarge();
    /// @notice The client's signature does not verify.
    error BadSignature();
    /// @notice The caller is neither the market nor a bondholder, or not the one of them that may do this.
    error NotAuthorized();

    /// @notice How an order is paid for and secured.
    struct Funding {
        /// Id of the order: the nonce of the authorisation, or the digest that the client signed.
        bytes32 orderId;
        /// Who pays.
        address client;
        /// Who puts up the bond.
        address provider;
        /// What moves from the client into escrow.
        uint256 price;
        /// What moves from the provider's free to his locked balance.
        uint256 bond;
        /// Last second at which the authorisation is good.
        uint256 acceptBy;
        /// `FundingMode`.
        uint8 mode;
    }

    /// @notice Moves tokens, approved before, into the sender's free balance.
    function deposit(uint256 amount) external;

    /// @notice Approves by ERC-2612 signature and deposits. A permit that somebody else has used up does no harm.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Moves some of the sender's free balance to a token holder.
    function withdraw(uint256 amount, address to) external;

    /// @notice Market only: takes the price from the client into escrow and locks the provider's bond.
    function fund(Funding calldata funding, bytes calldata signature) external;

    /// @notice Market only: takes the price from the client straight to the provider, who must have the bond free.
    function fundAndPay(Funding calldata funding, bytes calldata signature) external;

    /// @notice Market only: escrow and bond to the provider's free balance.
    function pay(address provider, uint256 price, uint256 bond) external;

    /// @notice Market only: escrow and a penalty back to the client, the rest of the bond to the provider.
    function refund(address client, address provider, uint256 price, uint256 bond, uint256 penalty) external;

    /// @notice Market only: a provider's locked bond and the escrow go to client and challenger, and part is burned.
    /// @dev `toClient` includes the price: `toClient + toChallenger + burned = price + bond`.
    function slash(
        address provider,
        uint256 bond,
        address client,
        uint256 toClient,
        address challenger,
        uint256 toChallenger,
        uint256 burned
    ) external;

    /// @notice Bondholders only: locks a bond or stake.
    function lock(address account, uint256 amount) external;

    /// @notice Bondholders only: gives back some of what the caller has locked.
    function unlock(address account, uint256 amount) external;

    /// @notice Bondholders only: of what the caller has locked, some goes to somebody's free balance, some is burned.
    function forfeit(address account, address beneficiary, uint256 toBeneficiary, uint256 burned) external;

    /// @notice Free and locked balance of an account.
    function balance(address account) external view returns (uint128 free, uint128 locked);

    /// @notice The settlement token.
    function token() external view returns (address);

    /// @notice The market that may move balances.
    function market() external view returns (address);

    /// @notice The court that may move balances.
    function court() external view returns (address);

    /// @notice The contract that keeps the replicas' stakes here; zero for none.
    function replication() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
