//! Zero-knowledge proofs of inference: the fast prover; `concordat.zk` defines what everything means.

pub mod code;
pub mod field;
pub mod hash;
#[cfg(target_arch = "x86_64")]
mod hash_wide;
pub mod hub;
pub mod lanes;
pub mod matrix;
pub mod prove;
#[cfg(feature = "python")]
pub mod python;
pub mod relation;
pub mod rounds;
pub mod sumcheck;
pub mod transcript;
pub mod transform;
pub mod weights;
#[cfg(target_arch = "x86_64")]
pub mod wide;
