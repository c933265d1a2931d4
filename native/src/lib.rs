//! Compiled twins of Concordat's hashing and integer-graph execution.
//!
//! The Python package `concordat` defines what everything here means; this crate only does it faster, and the
//! differential tests hold the two equal, bit for bit.

pub mod execute;
pub mod interpret;
pub mod keccak;
pub mod merkle;
pub mod plan;
pub mod program;
#[cfg(feature = "python")]
mod python;
mod reader;
pub mod zk;
