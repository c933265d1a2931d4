// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../types/Types.sol";
import {Step} from "../zk/ProofData.sol";
import {Shape} from "../zk/RelationReader.sol";

/// @notice Opens a claim: what it says, and which data is to show it.
struct Posted {
    /// The output that is claimed.
    bytes output;
    /// What opens the order's model and input: 208 bytes, see `ValidityEvidence`.
    bytes head;
    /// SHA-256 of the relation.
    bytes32 relation;
    /// Keccak-256 of the hashes of the data's chunks of 1,024 bytes.
    bytes32 root;
    /// Bytes of the data.
    uint256 length;
    /// Versioned hash of the blob that holds the data; zero where the data came as call data.
    bytes32 blob;
}

/// @notice Pieces of a claim's data, opened.
struct Disclosed {
    /// Hashes of all chunks.
    bytes32[] chunks;
    /// First chunk of each piece.
    uint256[] first;
    /// Whole chunks, in order; the last one of the data may be shorter.
    bytes[] pieces;
}

/// @notice What the lower half of a blob was found to be.
struct BlobHalf {
    /// Value of the polynomial with these coefficients alone.
    uint256 value;
    /// Whether each of them is below 2^248.
    bool readable;
    /// Hashes of the chunks of data that they carry.
    bytes32[] chunks;
}

/// @title Proofs that are believed until somebody shows which step of them fails
/// @notice A provider posts a proof together with what every step of its verification gives. Everything is in the open, so
/// whoever looks can replay each step alone; if the proof does not verify, some step gives another value than the
/// provider says, or an equation between them fails. One transaction shows that step, and the order is slashed. A claim
/// that stood for the order's window is evidence of the kind VALIDITY.
interface IProofCourt {
    /// @notice A relation's claims can be judged from now on.
    event RelationAdmitted(bytes32 indexed relation, Shape shape);
    /// @notice A provider claims that data shows an output to be what an order asked for.
    event ClaimPosted(bytes32 indexed orderId, address indexed provider, Posted posted);
    /// @notice Somebody fixed a find.
    event FindCommitted(address indexed challenger, bytes32 indexed digest);
    /// @notice A step of a claim does not hold; `step` is 255 where the data is not what the claim says.
    event ClaimRefuted(bytes32 indexed orderId, address indexed challenger, uint256 step, uint256 index);
    /// @notice Somebody showed the lower half of what is said to be a blob.
    event HalfShown(bytes32 indexed blob, bytes32 first, bytes32 second);

    /// @notice The order does not stand where this needs it.
    error WrongStatus();
    /// @notice The sender is not the order's provider.
    error NotProvider();
    /// @notice The relation is not admitted, or its shape is another.
    error NotAdmitted();
    /// @notice The relation is too large to be judged in one transaction.
    error TooLarge();
    /// @notice Head, relation and output do not open the order's model and input.
    error WrongModel();
    /// @notice No data, or more than a blob holds.
    error DataSize();
    /// @notice There is no such blob in this transaction, or the blob is another.
    error BadBlob();
    /// @notice The lower half of the blob was not shown, or was something else.
    error HalfNotShown();
    /// @notice There is a claim for this result already.
    error ClaimExists();
    /// @notice There is no such claim.
    error NoClaim();
    /// @notice The find was not committed in an earlier block.
    error FindNotCommitted();
    /// @notice A piece of the data is not what was posted.
    error BadOpening();
    /// @notice The step could not be replayed: something it reads is missing, there is no such step, or gas ran out.
    error Unjudged();
    /// @notice The step holds.
    error NoFraud();

    /// @notice Anybody, once per relation: shows that evaluating it fits a transaction, and keeps its shape.
    function admit(bytes calldata relation) external;

    /// @notice The provider of a funded order claims a result, with the data in call data.
    /// @param order FUNDED.
    /// @param shape Of the relation, as it was admitted.
    /// @param posted With root, length and blob zero: the contract fills them in.
    /// @param data The proof and what its steps give.
    function postCalldata(Order calldata order, Shape calldata shape, Posted calldata posted, bytes calldata data)
        external;

    /// @notice The same with the data in a blob of this transaction: the coefficients of the blob's polynomial are below
    /// 2^248 each and carry 31 bytes, most significant first. Nobody checks root and length unless they are refuted.
    /// @param posted With blob zero: the contract fills it in.
    /// @param index Which blob.
    function postBlob(Order calldata order, Shape calldata shape, Posted calldata posted, uint256 index) external;

    /// @notice Fixes a find at least one block before it is shown.
    /// @param digest `keccak256(abi.encode(orderId, step, index, sender, salt))`; the first commitment stays.
    function commitFind(bytes32 digest) external;

    /// @notice Shows that a step of a claim does not hold. Needs no bond; slashes the order, FUNDED or DELIVERED.
    /// @param posted As the event has it.
    /// @param shape Of the relation.
    /// @param relation Its encoding for the step EVALUATION, else empty.
    /// @param disclosed What the step reads.
    function refuteStep(
        Order calldata order,
        Posted calldata posted,
        Shape calldata shape,
        bytes calldata relation,
        Disclosed calldata disclosed,
        Step step,
        uint256 index,
        bytes32 salt
    ) external;

    /// @notice Shows the lower half of the coefficients of a blob's polynomial, for `refuteRoot`: both halves in one
    /// transaction would be more than nodes pass on. Anybody; what it finds depends on nothing but what is shown.
    /// @param blob Versioned hash.
    /// @param words 65,536 bytes.
    /// @param second Keccak-256 of the upper half, as `refuteRoot` will show it.
    /// @param length Bytes of the data that the blob is said to hold.
    function showHalf(bytes32 blob, bytes calldata words, bytes32 second, uint256 length) external;

    /// @notice Shows that a blob does not hold data with the root that its claim says: the whole blob is shown, as the 4,096
    /// coefficients of its polynomial, and compared with the blob at a point that it determines.
    /// @param first Keccak-256 of the lower half.
    /// @param half What `showHalf` found.
    /// @param words The upper half, 65,536 bytes.
    /// @param commitment KZG commitment, which the versioned hash is of.
    /// @param proof Of the polynomial's value at the point.
    function refuteRoot(
        Order calldata order,
        Posted calldata posted,
        bytes32 first,
        BlobHalf calldata half,
        bytes calldata words,
        bytes calldata commitment,
        bytes calldata proof,
        bytes32 salt
    ) external;

    /// @notice Second in which a claim was posted; zero without one.
    function postedAt(bytes32 orderId, uint256 commitment) external view returns (uint256);

    /// @notice Block in which a find was first committed; zero if it was not, or was used.
    function find(bytes32 digest) external view returns (uint256 blockNumber);

    /// @notice The market whose orders are claimed.
    function market() external view returns (address);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}
