//! All levels of a Keccak Merkle tree over 32-byte words: twin of `concordat.primitives.merkle.MerkleTree`.

use crate::keccak::{hash_many, keccak256};

/// Bytes in a word and in a hash.
const WORD: usize = 32;

/// The greatest depth a tree may have.
pub const MAX_DEPTH: usize = 48;

/// Why a tree cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeError {
    /// The bytes are no whole number of words.
    PartialWord,
    /// So many words do not fit a tree of so small a depth.
    TooManyLeaves(usize, usize),
    /// Deeper than [`MAX_DEPTH`].
    TooDeep(usize),
}

impl std::fmt::Display for TreeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PartialWord => write!(f, "words are 32 bytes each"),
            Self::TooManyLeaves(leaves, depth) => write!(f, "{leaves} leaves do not fit a tree of depth {depth}"),
            Self::TooDeep(depth) => write!(f, "a tree of depth {depth} is deeper than {MAX_DEPTH}"),
        }
    }
}

impl std::error::Error for TreeError {}

/// For each height from 0 to `depth`, the hashes that cover the words, end to end; what is left out is zero subtrees.
///
/// # Errors
/// If the words are not whole, or do not fit the depth.
pub fn levels(words: &[u8], depth: usize) -> Result<Vec<Vec<u8>>, TreeError> {
    let leaves = words.len() / WORD;
    if !words.len().is_multiple_of(WORD) {
        return Err(TreeError::PartialWord);
    }
    if depth > MAX_DEPTH {
        return Err(TreeError::TooDeep(depth));
    }
    if leaves > 1 << depth {
        return Err(TreeError::TooManyLeaves(leaves, depth));
    }
    let mut row = Vec::with_capacity(words.len() + WORD);
    hash_many::<WORD>(words, &mut row);
    let mut zero = keccak256(&[0; WORD]);
    let mut rows = Vec::with_capacity(depth + 1);
    for _ in 0..depth {
        let kept = row.len();
        if !(kept / WORD).is_multiple_of(2) {
            row.extend_from_slice(&zero);
        }
        let mut above = Vec::with_capacity(row.len() / 2 + WORD);
        hash_many::<{ 2 * WORD }>(&row, &mut above);
        row.truncate(kept);
        rows.push(std::mem::replace(&mut row, above));
        zero = keccak256(&[zero, zero].concat());
    }
    rows.push(row);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_three_words_complete_the_row_with_the_zero_leaf() {
        let words: Vec<u8> = (0..96).collect();
        let rows = levels(&words, 2).unwrap();
        let leaf = |at: usize| keccak256(&words[32 * at..32 * at + 32]);
        let left = keccak256(&[leaf(0), leaf(1)].concat());
        let right = keccak256(&[leaf(2), keccak256(&[0; 32])].concat());
        assert_eq!(rows[0], [leaf(0), leaf(1), leaf(2)].concat());
        assert_eq!(rows[1], [left, right].concat());
        assert_eq!(rows[2], keccak256(&[left, right].concat()));
    }

    #[test]
    fn levels_of_no_words_are_empty() {
        assert_eq!(levels(&[], 3).unwrap(), vec![Vec::<u8>::new(); 4]);
    }

    #[test]
    fn levels_of_misfits_are_refused() {
        assert_eq!(levels(&[0; 33], 3), Err(TreeError::PartialWord));
        assert_eq!(levels(&[0; 96], 1), Err(TreeError::TooManyLeaves(3, 1)));
        assert_eq!(levels(&[], 49), Err(TreeError::TooDeep(49)));
    }
}
