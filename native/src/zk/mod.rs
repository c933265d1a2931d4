//! Zero-knowledge proofs of inference: the fast prover; `concordat.zk` defines what everything means.

#![allow(clippy::should_implement_trait, clippy::manual_is_multiple_of, clippy::extra_unused_type_parameters)]

pub mod algebra;
pub mod code;
pub mod commitments;
pub mod field;
pub mod hash;
#[cfg(target_arch = "x86_64")]
mod hash_wide;
pub mod hub;
pub mod hub_check;
pub mod ladders;
pub mod lanes;
pub mod matrix;
pub mod proof;
pub mod prove;
#[cfg(feature = "python")]
pub mod python;
pub mod relation;
pub mod rounds;
pub mod soundness;
pub mod statement;
pub mod sumcheck;
pub mod transcript;
pub mod transform;
pub mod verify;
pub mod weights;
#[cfg(target_arch = "x86_64")]
pub mod wide;

/// Counts changes of what both sides compute; twins of another number are not used.
pub const PROTOCOL: u32 = 3;
