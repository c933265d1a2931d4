// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ElementProof, ModelCommitment, Order, OutputProof, ResultHeader} from "../types/Types.sol";
import {IEvidence} from "./IEvidence.sol";

/// @notice What became of a drawn replica's seat.
enum Seat {
    NONE,
    DRAWN,
    COMMITTED,
    AGREED,
    DISAGREED,
    SETTLED,
    CONVICTED
}

/// @notice Numbers fixed at deployment.
struct ReplicationParameters {
    /// Stake behind one ticket, and what silence costs.
    uint96 ticket;
    /// Blocks between the seal and the block that draws.
    uint32 drawDelay;
    /// Seconds to draw, and again to commit.
    uint32 commitTime;
    /// Seconds to reveal, in which fraud can be shown as well.
    uint32 revealTime;
    /// Seconds between leaving and getting the stake back; no order with replicas lasts longer.
    uint32 unbonding;
}

/// @notice One member of the pool.
struct Member {
    /// Number of his place, from one; zero where he is none.
    uint16 place;
    /// His stake, in tickets.
    uint16 tickets;
    /// Zero while he can be drawn; then when the stake is free.
    uint40 freeAt;
}

/// @notice Replication of one order.
struct Round {
    /// Result commitment that the provider sealed before the draw.
    uint200 result;
    /// How many must agree.
    uint8 needed;
    /// How many are paid for.
    uint8 seats;
    /// Seats with a commitment.
    uint8 committed;
    /// Seats that came to an end after committing.
    uint8 settled;
    /// Seats that revealed the delivered result.
    uint8 agreed;
    /// Seats that revealed another.
    uint8 disagreed;
    /// Seats that were paid.
    uint8 paid;
    /// What one seat earns.
    uint96 fee;
    /// Block of the seal.
    uint32 sealedIn;
    /// Block whose random number draws.
    uint32 drawBlock;
    /// Last second to draw, and after that to commit.
    uint40 commitBy;
    /// Last second to reveal; zero before delivery.
    uint40 revealBy;
    /// How many were drawn; fewer than are paid for where the pool has no more.
    uint8 drawn;
    /// Whether what was left of the fees is given back.
    bool closed;
}

/// @title Replicated evidence: k of n members of a pool, drawn by stake, must come to the delivered result by themselves
/// @notice The provider seals his result before anybody is drawn, and delivers it when all who were drawn have committed
/// to theirs; so neither can a provider look at the draw before he chooses what to say, nor a replica at the result. Each
/// who reveals the delivered result earns a fee: an equal part, of provider and replicas, of the order's price, which the
/// provider advances. A majority decides nothing. Who disagrees holds the evidence back until the order ends by the
/// ordinary rules: if it is slashed, he was right; if nobody could show a fraud, he loses a ticket. What a replica revealed
/// can be shown wrong by the court's own judgement, and costs his whole stake.
interface IReplication is IEvidence {
    /// @notice Somebody joined the pool, or added to his stake.
    event PoolJoined(address indexed replica, uint256 tickets);
    /// @notice A member will not be drawn any more; his stake is free at `freeAt`.
    event PoolLeft(address indexed replica, uint40 freeAt);
    /// @notice A former member's stake is free.
    event StakeCollected(address indexed replica, uint256 amount);
    /// @notice A provider fixed his result; `drawBlock` draws, until `drawBy`.
    event ResultSealed(
        bytes32 indexed orderId, address indexed provider, uint256 fee, uint256 drawBlock, uint40 drawBy
    );
    /// @notice The random number was forgotten before anybody used it; another block draws.
    event DrawMoved(bytes32 indexed orderId, uint256 drawBlock);
    /// @notice These replicas were drawn and may commit.
    event PanelDrawn(bytes32 indexed orderId, address[] replicas, uint40 commitBy);
    /// @notice A replica committed.
    event SeatCommitted(bytes32 indexed orderId, address indexed replica, bytes32 digest);
    /// @notice The result is delivered; replicas reveal.
    event RevealsOpened(bytes32 indexed orderId, uint40 revealBy);
    /// @notice A replica revealed.
    event SeatRevealed(
        bytes32 indexed orderId,
        address indexed replica,
        bytes32 traceRoot,
        bytes32 outputHash,
        bool agrees,
        uint256 paid
    );
    /// @notice A seat ended otherwise: paid after all, or fined.
    event SeatSettled(bytes32 indexed orderId, address indexed replica, uint256 paid, uint256 fined);
    /// @notice What no seat earned went to somebody.
    event PanelClosed(bytes32 indexed orderId, address indexed account, uint256 amount);
    /// @notice A replica's result is shown to be wrong.
    event ReplicaSlashed(
        bytes32 indexed orderId,
        address indexed replica,
        address indexed challenger,
        uint256 toClient,
        uint256 toChallenger,
        uint256 burned
    );

    /// @notice The order does not stand where this needs it.
    error WrongStatus();
    /// @notice The sender is not the order's provider.
    error NotProvider();
    /// @notice The caller is not the market.
    error NotAuthorized();
    /// @notice The policy does not ask for replicas.
    error NotInPolicy();
    /// @notice The policy's numbers, or the order's times, leave no room for replicas.
    error BadTerms();
    /// @notice No tickets, or more than one member can have.
    error BadTickets();
    /// @notice There are as many members as there can be.
    error PoolFull();
    /// @notice Not a member, or not one that can be drawn.
    error NotMember();
    /// @notice The member has left and cannot come back before his stake is free.
    error Leaving();
    /// @notice The stake is not free yet.
    error StillBound();
    /// @notice The result is sealed already.
    error AlreadySealed();
    /// @notice The result must be sealed first.
    error NotSealed();
    /// @notice Replicas are drawn already.
    error AlreadyDrawn();
    /// @notice The block that draws is not there yet.
    error DrawTooEarly();
    /// @notice This is not the header of the block that draws.
    error BadHeader();
    /// @notice Nobody in the pool can be drawn.
    error PoolEmpty();
    /// @notice The time for this has passed.
    error TooLate();
    /// @notice The time for this has not come.
    error TooEarly();
    /// @notice The account has no such seat.
    error NoSeat();
    /// @notice The revealed result is not the one committed to.
    error BadReveal();
    /// @notice Not the sealed result, or not the revealed one.
    error WrongResult();
    /// @notice Replicas still have time to commit.
    error CommitsOpen();
    /// @notice A seat is not settled yet.
    error SeatsOpen();
    /// @notice The commitment does not hash to the order's model.
    error WrongModel();
    /// @notice The output does not hash to the one that was revealed.
    error BadOpening();
    /// @notice The find was not committed in an earlier block.
    error FindNotCommitted();
    /// @notice The element or output is right.
    error NoFraud();
    /// @notice A ticket or clock of zero, or stakes that are free before a round can end.
    error BadParameters();

    // -- pool --------------------------------------------------------------------------------------------------------

    /// @notice Joins the pool with that many tickets, or adds them.
    function join(uint256 tickets) external;

    /// @notice Leaves it. The stake stays bound for a while, because what was revealed can still be shown wrong.
    function leave() external;

    /// @notice Anyone frees the stake of a member whose time is over.
    function collect(address replica) external;

    // -- rounds ------------------------------------------------------------------------------------------------------

    /// @notice The provider of a funded order fixes its result before replicas are drawn, and advances their fees.
    /// @param order FUNDED, with a policy that asks for replicas.
    /// @param result `keccak256(abi.encode(orderId, provider, traceRoot, outputHash))`.
    function seal(Order calldata order, bytes32 result) external;

    /// @notice Anyone draws, after the block that draws; moves the draw to another block if that one is forgotten.
    /// @param order FUNDED and sealed.
    /// @param header The block's header, RLP.
    function draw(Order calldata order, bytes calldata header) external;

    /// @notice A drawn replica commits.
    /// @param digest `keccak256(abi.encode(orderId, replica, outputHash, traceRoot, salt))`.
    function commit(bytes32 orderId, bytes32 digest) external;

    /// @notice Market only: a result is delivered. It must be the sealed one, and no commitment may be outstanding.
    function delivering(bytes32 orderId, bytes32 policy, uint256 commitment) external;

    /// @notice A replica shows what it committed to. The delivered result is paid at once; so is any, if the order ended
    /// without the delivery that replicas waited for.
    function reveal(Order calldata order, ResultHeader calldata header, bytes32 salt) external;

    /// @notice Anyone settles a seat that did not reveal in time, or that disagreed about an order that has ended.
    function settle(Order calldata order, address replica) external;

    /// @notice Anyone gives back what no seat earned: to the client, or to the provider if the client got the price back.
    function close(Order calldata order) external;

    /// @notice Shows that an element of the trace that a replica revealed is wrong. Takes the replica's stake.
    /// @param salt Of a find committed in the court a block earlier, for `keccak256(abi.encode(orderId, replica))`.
    function convictElement(
        Order calldata order,
        address replica,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        ElementProof calldata proof,
        bytes32 salt
    ) external;

    /// @notice The same for an output that is not the output region of the revealed trace.
    function convictOutput(
        Order calldata order,
        address replica,
        ResultHeader calldata header,
        ModelCommitment calldata model,
        OutputProof calldata proof,
        bytes32 salt
    ) external;

    // -- views -------------------------------------------------------------------------------------------------------

    /// @notice A member of the pool, or what is left of one.
    function member(address replica) external view returns (Member memory);

    /// @notice All tickets that could be drawn now.
    function totalTickets() external view returns (uint256);

    /// @notice Replication of one order.
    function round(bytes32 orderId) external view returns (Round memory);

    /// @notice One seat, and the 200-bit commitment to what it revealed, or 248 bits of the digest it committed.
    function seat(bytes32 orderId, address replica) external view returns (Seat state, uint256 content);

    /// @notice Numbers fixed at deployment.
    function parameters() external view returns (ReplicationParameters memory);

    /// @notice The market whose orders are replicated.
    function market() external view returns (address);

    /// @notice The vault that holds the stakes.
    function vault() external view returns (address);

    /// @notice The court that judges elements.
    function court() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
