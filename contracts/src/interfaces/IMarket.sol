// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../types/Types.sol";

/// @title Life of an order: NONE → FUNDED → DELIVERED → PAID, or EXPIRED, CANCELLED, SLASHED
/// @notice One storage slot per order: `status 3 | gathered 8 | openDisputes 13 | until 32 | commitment 200` bits, most
/// significant first. No owner, no pause. Checks are made in the order in which each function lists them.
interface IMarket {
    /// @notice An order is funded.
    event Accepted(bytes32 indexed orderId, address indexed client, address indexed provider, Order order);
    /// @notice A result is there and can be challenged before `until`.
    event Delivered(bytes32 indexed orderId, address indexed provider, bytes32 traceRoot, bytes output, uint40 until);
    /// @notice An order is settled in the provider's favour; `outputHash` is zero unless this transaction carried the output.
    event Paid(
        bytes32 indexed orderId, bytes32 indexed model, address indexed provider, bytes32 outputHash, uint8 gathered
    );
    /// @notice A funded order was not delivered in time; `penalty` is the part of the bond that went to the client.
    event Expired(bytes32 indexed orderId, uint256 penalty);
    /// @notice Both parties undid the order.
    event Cancelled(bytes32 indexed orderId);
    /// @notice Fraud was shown, or the provider fell silent in a dispute. `toClient` includes the price.
    event Slashed(
        bytes32 indexed orderId, address indexed challenger, uint256 toClient, uint256 toChallenger, uint256 burned
    );

    /// @notice The sender is not the order's provider.
    error NotProvider();
    /// @notice The last second for acceptance has passed.
    error OfferExpired();
    /// @notice An open order is not delivered in the second in which it was taken.
    error JustTaken();
    /// @notice Times out of order, no price, no window, or an empty policy.
    error BadTerms();
    /// @notice The order does not stand where this needs it.
    error WrongStatus();
    /// @notice The last second for delivery has passed.
    error DeliveryLate();
    /// @notice An output travels with its submission and has 1 to 1,024 bytes.
    error OutputSize();
    /// @notice Trace root and output are not those of the delivered result.
    error WrongResult();
    /// @notice No module checks this kind of evidence.
    error NoModule();
    /// @notice The policy does not ask for this kind, or is not met by it alone before delivery.
    error NotInPolicy();
    /// @notice The module says no.
    error EvidenceRejected();
    /// @notice A party's signature does not verify.
    error BadSignature();
    /// @notice The challenge window is still open.
    error WindowOpen();
    /// @notice A dispute is open.
    error DisputesOpen();
    /// @notice No more disputes can be open on one order (8,191).
    error TooManyDisputes();
    /// @notice The last second for delivery has not passed.
    error NotExpired();
    /// @notice The caller is neither the court nor, for a slash, the module for validity.
    error NotAuthorized();
    /// @notice Shares over one hundred per cent, or a module for a kind that the market itself gathers.
    error BadParameters();

    /// @notice The provider takes an offered order: price into escrow, bond locked.
    /// @param order As the client signed it.
    /// @param mode `FundingMode`: 0 an ERC-3009 authorisation whose nonce is the order id, 1 the client's free balance.
    /// @param signature `r ‖ s ‖ v`, or in mode 1 whatever the client's ERC-1271 account accepts.
    function accept(Order calldata order, uint8 mode, bytes calldata signature) external;

    /// @notice A provider takes an order that names nobody. From then on it is the order with his address filled in, under
    /// the id of that; under the id that the client signed, and that pays, only `TAKEN` and the taker are kept. It cannot be
    /// delivered in the same transaction, not even in the same second: whoever saw the result on its way could
    /// otherwise take the order in front of its author, and deliver his work.
    /// @param order The order with the sender as its provider.
    /// @param mode `FundingMode`.
    /// @param signature Of the client, over the order without provider.
    function acceptOpen(Order calldata order, uint8 mode, bytes calldata signature) external;

    /// @notice The provider hands over the result of a funded order. Where its policy names validity, a claim for this very
    /// result must have been posted (`IClaims`).
    /// @param order The order.
    /// @param traceRoot Merkle root over the words of the execution's memory.
    /// @param output 1 to 1,024 bytes.
    function submit(Order calldata order, bytes32 traceRoot, bytes calldata output) external;

    /// @notice `accept` and `submit` in one transaction.
    function acceptAndSubmit(
        Order calldata order,
        uint8 mode,
        bytes calldata signature,
        bytes32 traceRoot,
        bytes calldata output
    ) external;

    /// @notice Anyone brings evidence that a module checks; the order is paid at once if its policy is then met and no
    /// dispute is open. From FUNDED the output is delivered with it, with a zero trace root.
    /// @param order FUNDED or DELIVERED.
    /// @param kind `EvidenceKind`.
    /// @param output What the evidence is about; in DELIVERED it must be the delivered output.
    /// @param traceRoot Of the delivered result; ignored while FUNDED.
    /// @param proof What the module reads.
    function prove(Order calldata order, uint8 kind, bytes calldata output, bytes32 traceRoot, bytes calldata proof)
        external;

    /// @notice `accept` and `prove` in one transaction: offer to PAID.
    function acceptAndProve(
        Order calldata order,
        uint8 mode,
        bytes calldata signature,
        uint8 kind,
        bytes calldata output,
        bytes calldata proof
    ) external;

    /// @notice The client lets a delivered order be paid before its window ends.
    /// @param order The order.
    /// @param signature Over `Release(bytes32 order)`; empty when the client is the sender.
    function release(Order calldata order, bytes calldata signature) external;

    /// @notice Anyone lets a delivered order be paid after its window, with no dispute open.
    function finalize(Order calldata order) external;

    /// @notice Anyone ends a funded order whose delivery time has passed.
    function expire(Order calldata order) external;

    /// @notice Both parties undo a funded or delivered order that nobody disputes.
    /// @param order The order.
    /// @param clientSignature Over `Cancel(bytes32 order)`; empty when the client is the sender.
    /// @param providerSignature The same of the provider.
    function cancel(Order calldata order, bytes calldata clientSignature, bytes calldata providerSignature) external;

    /// @notice Court only: an order's escrow and bond are split between client, challenger and nobody.
    /// @dev The court has hashed an order with these parties and amounts to `orderId` and has seen that it is DELIVERED.
    function slash(bytes32 orderId, address client, address provider, uint256 price, uint256 bond, address challenger)
        external;

    /// @notice Court only: one more dispute blocks payment.
    function disputeOpened(bytes32 orderId) external;

    /// @notice Court only: one dispute fewer; the window stays open at least until `until`.
    /// @return extended First second after the window.
    function disputeClosed(bytes32 orderId, uint256 until) external returns (uint40 extended);

    /// @notice The one slot of an order.
    function state(bytes32 orderId) external view returns (bytes32 slot);

    /// @notice EIP-712 digest of an order in this market's domain.
    function orderId(Order calldata order) external view returns (bytes32);

    /// @notice The contract that checks a kind of evidence; zero for none.
    function module(uint8 kind) external view returns (address);

    /// @notice The vault that holds the money.
    function vault() external view returns (address);

    /// @notice The court that judges disputes.
    function court() external view returns (address);

    /// @notice Per cent of the bond: of an undelivered order to the client; of a slashed one to challenger and client.
    function shares() external view returns (uint256 noShow, uint256 slashChallenger, uint256 slashClient);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
