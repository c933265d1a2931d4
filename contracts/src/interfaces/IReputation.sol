// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../types/Types.sol";

/// @notice What this registry asks of an ERC-8004 identity registry; the ones deployed under the ERC have it.
interface IIdentityRegistry {
    /// @notice Where an agent is paid; only an address that signed for it, or that registered it, stands there.
    function getAgentWallet(uint256 agentId) external view returns (address);

    /// @notice Whether an account may act for an agent; reverts where there is no such agent.
    function isAuthorizedOrOwner(address spender, uint256 agentId) external view returns (bool);
}

/// @title Reputation registry of ERC-8004 in which every feedback stands on a settled order
/// @notice A client rates an agent once for each order of his that the agent's wallet delivered and that was PAID or
/// SLASHED. Praise burns a share of the order's price, so that whoever praises himself pays for it; blame is free, because
/// its price was paid to the one who is blamed.
/// @dev Functions, events and views of the ERC are unchanged. An unmodified client calls `admit` and then `giveFeedback`;
/// `giveFeedbackFor` does both in one transaction. Loops are in views only.
interface IReputation {
    /// @notice A client's statement about one order.
    struct Rating {
        /// Any number; by convention of tag "starred" nought to a hundred.
        int128 value;
        /// Decimals of the value, at most 18.
        uint8 valueDecimals;
        /// What was measured, at most 64 bytes.
        string tag1;
        /// Anything more, at most 64 bytes.
        string tag2;
        /// Which of the agent's services was used.
        string endpoint;
        /// Where more is said.
        string feedbackURI;
        /// Keccak-256 of what is said there.
        bytes32 feedbackHash;
    }

    /// @notice ERC-8004: a client rated an agent.
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    /// @notice ERC-8004: a client takes a rating back.
    event FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex);
    /// @notice ERC-8004: somebody answered a rating.
    event ResponseAppended(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        address indexed responder,
        string responseURI,
        bytes32 responseHash
    );
    /// @notice The order on which a rating stands. `burned` is what its fee took out of circulation, if anything.
    event FeedbackSettled(
        uint256 indexed agentId,
        address indexed clientAddress,
        bytes32 indexed orderId,
        uint64 feedbackIndex,
        uint96 price,
        uint96 burned,
        uint40 settledAt,
        bool slashed
    );
    /// @notice Somebody burned the fee of an order, so that its client need not.
    event Endowed(bytes32 indexed orderId, address indexed payer, uint96 burned);
    /// @notice From now on, orders of that account can be rated under that agent, whatever becomes of either.
    event Linked(uint256 indexed agentId, address indexed account);

    /// @notice Only the order's client may do this.
    error NotClient();
    /// @notice The order is neither PAID nor SLASHED.
    error NotSettled();
    /// @notice The order was rated before, or its fee paid.
    error AlreadyUsed();
    /// @notice The order's provider is not, and was never linked as, the agent's wallet.
    error ForeignAgent();
    /// @notice Nobody rates himself: neither owner, operator or wallet of the agent, nor a provider who was his own client.
    error SelfFeedback();
    /// @notice `giveFeedback` needs an order that was admitted before.
    error NoSettledOrder();
    /// @notice More than 18 decimals, a value beyond 1e38, or a tag of more than 64 bytes.
    error BadValue();
    /// @notice There is no feedback of that index.
    error UnknownFeedback();
    /// @notice It was taken back already.
    error AlreadyRevoked();
    /// @notice A response without a place to read it.
    error EmptyURI();
    /// @notice A summary over everybody is a summary over Sybils: the ERC wants the clients to be named.
    error ClientsRequired();
    /// @notice A fee of more than the price.
    error BadParameters();

    /// @notice ERC-8004: rates an agent for the order that the sender admitted last.
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external;

    /// @notice Admits an order and rates it.
    function giveFeedbackFor(Order calldata order, uint256 agentId, Rating calldata rating) external;

    /// @notice The client names the settled order that his next `giveFeedback` for this agent is about.
    function admit(Order calldata order, uint256 agentId) external;

    /// @notice Anybody burns an order's fee; its client then praises for nothing.
    function endow(Order calldata order) external;

    /// @notice Anybody fixes that the agent's present wallet is answered for by this agent, also after a sale.
    function link(uint256 agentId) external;

    /// @notice ERC-8004: takes the sender's feedback back.
    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external;

    /// @notice ERC-8004: answers a feedback.
    function appendResponse(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        string calldata responseURI,
        bytes32 responseHash
    ) external;

    /// @notice ERC-8004: plain average over the clients named, in the decimals that most of them used.
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals);

    /// @notice ERC-8004: one feedback.
    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked);

    /// @notice ERC-8004: all feedback of the clients named, or of everybody.
    function readAllFeedback(
        uint256 agentId,
        address[] calldata clientAddresses,
        string calldata tag1,
        string calldata tag2,
        bool includeRevoked
    )
        external
        view
        returns (
            address[] memory clients,
            uint64[] memory feedbackIndexes,
            int128[] memory values,
            uint8[] memory valueDecimals,
            string[] memory tag1s,
            string[] memory tag2s,
            bool[] memory revokedStatuses
        );

    /// @notice ERC-8004: number of responses; to everybody for client 0, to all of a client's feedback for index 0, by
    /// everybody where no responders are named.
    function getResponseCount(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        address[] calldata responders
    ) external view returns (uint64 count);

    /// @notice ERC-8004: who rated an agent.
    function getClients(uint256 agentId) external view returns (address[] memory);

    /// @notice ERC-8004: number of a client's feedback for an agent; the first has index 1.
    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64);

    /// @notice ERC-8004: the registry of the agents.
    function getIdentityRegistry() external view returns (address);

    /// @notice What praise for an order of that price burns.
    function fee(uint96 price) external view returns (uint96);

    /// @notice Whether an order was rated, and whether its fee is paid.
    function used(bytes32 orderId) external view returns (bool rated, bool endowed);

    /// @notice The market whose orders count.
    function market() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
