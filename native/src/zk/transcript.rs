//! Fiat–Shamir over SHA-256, and secret randomness; see `concordat.zk.transcript`.

use sha2::{Digest, Sha256};

use super::field::{K, P};
use super::hash::{Counted, SIDE, random};

/// SHA-256 of a few pieces.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What is absorbed; the numbers are those of `concordat.zk.challenges.Tag`, and of registrations and rotations.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Tag {
    Statement = 0,
    Witness = 1,
    Inverses = 2,
    ProductClaim = 3,
    ProductRound = 4,
    ProductValues = 5,
    ConstraintRound = 6,
    ConstraintValues = 7,
    Hub = 8,
    HubRound = 9,
    HubMask = 10,
    HubRow = 11,
    Registration = 32,
    RegistrationMask = 33,
    RegistrationRow = 34,
    Rotation = 40,
    RotationMask = 41,
    RotationTail = 42,
}

/// The state of one proof.
#[derive(Clone)]
pub struct Transcript {
    /// Hash of all that was absorbed and drawn.
    pub state: [u8; 32],
}

impl Default for Transcript {
    fn default() -> Self {
        Self { state: sha256(&[b"concordat zero-knowledge inference 1"]) }
    }
}

impl Transcript {
    /// Take in bytes under a tag.
    pub fn absorb(&mut self, tag: Tag, data: &[u8]) {
        self.state = sha256(&[&self.state, &[0, tag as u8], &(data.len() as u64).to_be_bytes(), data]);
    }

    /// A random element of K.
    pub fn challenge(&mut self) -> K {
        self.squeeze();
        K([0, 8, 16].map(|at| word(&self.state, at) % P))
    }

    /// Several.
    pub fn challenges<const N: usize>(&mut self) -> [K; N] {
        std::array::from_fn(|_| self.challenge())
    }

    /// Query positions.
    pub fn positions(&mut self, count: usize, log_size: u32) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count + 8);
        while drawn.len() < count {
            self.squeeze();
            for at in (0..32).step_by(4) {
                let word = u32::from_be_bytes(self.state[at..at + 4].try_into().expect("four bytes"));
                drawn.push((word & ((1u64 << log_size) - 1) as u32) as usize);
            }
        }
        drawn.truncate(count);
        drawn
    }

    /// Whether a nonce does the work; absorbed either way.
    pub fn grinds(&mut self, nonce: u64, bits: u32) -> bool {
        self.state = sha256(&[&self.state, &[2], &nonce.to_be_bytes()]);
        if bits == 0 { nonce == 0 } else { word(&self.state, 0) >> (64 - bits) == 0 }
    }

    /// The least nonce that does the work.
    pub fn worked(&self, bits: u32) -> u64 {
        if bits == 0 {
            return 0;
        }
        for high in 0u32.. {
            let messages = Counted::new(&[&self.state, &[2], &high.to_be_bytes()]);
            for first in (0..=u32::MAX).step_by(SIDE) {
                let words = &messages.digests(first)[0];
                if let Some(lane) = words.iter().position(|word| word >> (32 - bits) == 0) {
                    return u64::from(high) << 32 | u64::from(first + lane as u32);
                }
            }
        }
        unreachable!("no work takes 2^64 hashes")
    }

    fn squeeze(&mut self) {
        self.state = sha256(&[&self.state, &[1]]);
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Uniform elements of K from a secret; see [`random`].
pub fn random_elements(seed: &[u8], label: &[u8], count: usize) -> Vec<K> {
    random(seed, label, 3 * count).chunks_exact(3).map(|c| K([c[0], c[1], c[2]])).collect()
}
