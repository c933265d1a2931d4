//! Zero-knowledge proofs of inference: the fast prover; `concordat.zk` defines what everything means.

pub mod code;
pub mod field;
pub mod hub;
pub mod prove;
#[cfg(feature = "python")]
pub mod python;
pub mod relation;
pub mod sumcheck;
pub mod transcript;
