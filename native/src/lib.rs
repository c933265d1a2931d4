//! Compiled twins of Concordat's hashing and integer-graph execution.
//!
//! The Python package `concordat` defines what everything here means; this crate only does it faster, and the
//! differential tests hold the two equal, bit for bit.

pub mod keccak;
pub mod merkle;
#[cfg(feature = "python")]
mod python;
