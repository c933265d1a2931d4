//! A proof as bytes that are read once, from front to back, to the last.

use std::collections::BTreeMap;
use std::fmt;

use super::field::{K, P};
use super::transcript::{Transcript, sha256};

/// Why a proof is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Longest proof that is looked at.
const MOST: usize = 16 << 20;
/// Bytes of a digest below the root.
const NODE: usize = 27;

/// What is left to read.
pub struct Proof<'a>(&'a [u8]);

impl<'a> Proof<'a> {
    /// Of all bytes.
    pub fn new(data: &'a [u8]) -> Result<Self, Refused> {
        if data.len() > MOST { Err(Refused("the proof is too long")) } else { Ok(Self(data)) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (piece, rest) = self.0.split_at_checked(count).ok_or(Refused("the proof is cut short"))?;
        self.0 = rest;
        Ok(piece)
    }

    /// A digest.
    pub fn digest(&mut self) -> Result<[u8; 32], Refused> {
        self.take(32).map(|piece| piece.try_into().expect("32 bytes"))
    }

    /// Elements of F; only canonical ones.
    fn numbers(&mut self, count: usize) -> Result<Vec<u64>, Refused> {
        let numbers: Vec<u64> = self
            .take(8 * count)?
            .chunks_exact(8)
            .map(|eight| u64::from_be_bytes(eight.try_into().expect("eight bytes")))
            .collect();
        if numbers.iter().any(|&n| n >= P) {
            return Err(Refused("a field element of the proof is not canonical"));
        }
        Ok(numbers)
    }

    /// Elements of K.
    pub fn elements(&mut self, count: usize) -> Result<Vec<K>, Refused> {
        Ok(self.numbers(3 * count)?.chunks_exact(3).map(|c| K([c[0], c[1], c[2]])).collect())
    }

    /// A nonce that has to do the work.
    pub fn work(&mut self, transcript: &mut Transcript, bits: u32) -> Result<(), Refused> {
        let nonce = u64::from_be_bytes(self.take(8)?.try_into().expect("eight bytes"));
        if transcript.grinds(nonce, bits) { Ok(()) } else { Err(Refused("the proof lacks its work")) }
    }

    /// Opened columns of a committed matrix, by position: each with its salt, and then the missing siblings.
    pub fn columns(
        &mut self,
        root: &[u8; 32],
        positions: &[usize],
        log_size: u32,
        height: usize,
    ) -> Result<BTreeMap<usize, Vec<u64>>, Refused> {
        let mut columns: BTreeMap<usize, Vec<u64>> = positions.iter().map(|&at| (at, Vec::new())).collect();
        let mut level: Vec<(usize, [u8; 32])> = Vec::with_capacity(columns.len());
        for (&at, column) in &mut columns {
            let data = self.0;
            *column = self.numbers(height)?;
            let salt = self.take(16)?;
            level.push((at, sha256(&[&[0], salt, &data[..8 * height]])));
        }
        for _ in 0..log_size {
            let mut parents: Vec<(usize, [u8; 32])> = Vec::with_capacity(level.len());
            let mut known = level.iter().peekable();
            while let Some(&(at, digest)) = known.next() {
                let (left, right) = if at & 1 == 1 {
                    (self.sibling()?, digest)
                } else if let Some(&&(_, other)) = known.peek().filter(|next| next.0 == at + 1) {
                    known.next();
                    (digest, other)
                } else {
                    (digest, self.sibling()?)
                };
                parents.push((at >> 1, sha256(&[&[1], &left[..NODE], &right[..NODE]])));
            }
            level = parents;
        }
        if level.len() != 1 || level[0].1 != *root {
            return Err(Refused("a column does not belong to its commitment"));
        }
        Ok(columns)
    }

    fn sibling(&mut self) -> Result<[u8; 32], Refused> {
        let mut digest = [0; 32];
        digest[..NODE].copy_from_slice(self.take(NODE)?);
        Ok(digest)
    }

    /// Refuse bytes that nobody asked for.
    pub fn end(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused("the proof goes on after its end")) }
    }
}

/// 24 bytes for each element.
pub fn encode(values: &[K]) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 * values.len());
    for coordinate in values.iter().flat_map(|value| value.0) {
        out.extend_from_slice(&coordinate.to_be_bytes());
    }
    out
}
