// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A paid request for one piece of work by a named provider; its EIP-712 hash is its id.
struct Order {
    /// Who pays.
    address client;
    /// Who does the work; zero while an open order waits for somebody.
    address provider;
    /// What the provider gets.
    uint96 price;
    /// What the provider puts at risk.
    uint96 bond;
    /// Last second at which the provider may accept.
    uint40 acceptBy;
    /// Last second at which the provider may submit.
    uint40 deliverBy;
    /// Seconds for which a delivered result can be challenged.
    uint32 window;
    /// Model id: keccak256(abi.encode(ModelCommitment)).
    bytes32 model;
    /// Root of the salted input tree.
    bytes32 input;
    /// Policy: one clause (a mask of evidence kinds) per non-zero byte; the last byte counts replicas.
    bytes32 evidence;
    /// Hash naming steward, epoch and input source of the on-chain effect; zero for none.
    bytes32 effect;
    /// Hash of further terms; zero for none.
    bytes32 terms;
    /// Random, so that equal wishes are different orders.
    bytes32 salt;
}

/// @notice Where an order stands. Everything from PAID on is terminal.
enum OrderStatus {
    NONE,
    FUNDED,
    DELIVERED,
    PAID,
    EXPIRED,
    CANCELLED,
    SLASHED,
    /// An open order that somebody took: it lives on under the id with his address filled in.
    TAKEN
}

/// @notice Where the price comes from: an EIP-3009 authorisation of the client, or his free balance in the vault.
enum FundingMode {
    AUTHORIZATION,
    CREDIT
}

/// @notice Bit number of each kind of evidence in a clause.
enum EvidenceKind {
    NATIVE,
    FRAUD_PROVABLE,
    VALIDITY,
    REPLICATED,
    SCORED,
    ATTESTED,
    METERED,
    CLIENT_RELEASE
}

/// @notice Opens the result commitment of a delivered order.
struct ResultHeader {
    /// Root of the trace tree.
    bytes32 traceRoot;
    /// Keccak-256 of the output.
    bytes32 outputHash;
}

/// @notice Opens a private result: `keccak256(abi.encode(salt, traceRoot, keccak256(output)))` was delivered as its root.
struct ResultOpening {
    /// Random, known to provider and client.
    bytes32 salt;
    /// Root of the trace tree.
    bytes32 traceRoot;
    /// The output in plain; the trace root again if it is larger than a submission carries.
    bytes output;
}

/// @notice What a model id is the hash of.
struct ModelCommitment {
    /// Merkle root over the node descriptors.
    bytes32 programRoot;
    /// Merkle root over the words of weights and tables.
    bytes32 weightsRoot;
    /// u8 program | u8 weights | u8 trace | u8 input depth | u32 nodes | u32 outStart | u32 outLeaves | u32 inLeaves.
    bytes32 dimensions;
    /// Keccak-256 of the model's native form; zero if it has none.
    bytes32 nativeDigest;
    /// SHA-256 of the canonical manifest.
    bytes32 manifestDigest;
}

/// @notice A contiguous run of words with its Merkle siblings.
struct Opening {
    /// The words, in order.
    bytes32[] words;
    /// Level by level from the leaves: the sibling left of the run where it starts odd, right of it where it ends odd.
    bytes32[] path;
}

/// @notice Shows that one element of the trace is not what its node makes of its operands.
struct ElementProof {
    /// Index of the descriptor.
    uint32 node;
    /// Index of the element in the node's region; at or past `n` it is padding and must be zero.
    uint32 element;
    /// The 192 bytes.
    bytes descriptor;
    /// Takes the descriptor's hash to the program root.
    bytes32[] descriptorPath;
    /// The trace word that holds the element.
    Opening claimed;
    /// First operand's words; for an INPUT node the word of the order's input.
    Opening a;
    /// Second operand's words.
    Opening b;
    /// Third operand's words.
    Opening c;
    /// INPUT nodes: salt of the opened input leaf.
    bytes32 leafSalt;
}

/// @notice Shows that the delivered output differs from the output region of the trace, or has another length.
struct OutputProof {
    /// The delivered output.
    bytes output;
    /// Which word differs; any when the length is wrong.
    uint32 word;
    /// The trace word at `outputStart + word`; empty when the length is wrong.
    Opening claimed;
}

/// @notice Whose move a dispute waits for. At height 0 the provider's move is the leaf.
enum Turn {
    NONE,
    PROVIDER,
    CHALLENGER_PICKS,
    CHALLENGER_PROVES
}

/// @notice One challenger's dissection of one order's trace.
struct Dispute {
    /// Leading 200 bits of the node in question.
    bytes25 node;
    /// Last second for the next move.
    uint40 deadline;
    /// Levels between the node and the leaves.
    uint8 height;
    /// Whose move it is; NONE where there is no dispute.
    Turn turn;
}
