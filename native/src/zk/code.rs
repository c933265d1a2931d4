//! Reed–Solomon codes and the salted Merkle trees over their columns; see `concordat.zk.prover.code`.

use std::sync::{Mutex, PoisonError};
use std::thread;

use super::field::{pow, root_of_unity};
use super::hash::{Counted, Digests, NODE, SIDE, digest, leaves, node, nodes};
use super::transform::transform;

/// Elements of a code from which a second thread is worth its start.
const WORTH: usize = 1 << 17;

/// Buffers of earlier proofs: to have their pages given by the system anew would cost as much as to fill them.
static SPARE: Mutex<Vec<Vec<u64>>> = Mutex::new(Vec::new());
const SPARES: usize = 3;

/// A buffer with anything in it.
fn buffer(length: usize) -> Vec<u64> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = (0..spare.len()).filter(|&i| spare[i].capacity() >= length).min_by_key(|&i| spare[i].capacity());
    let mut found = fits.map(|i| spare.swap_remove(i)).unwrap_or_default();
    drop(spare);
    found.resize(length, 0);
    found
}

impl Drop for Code {
    fn drop(&mut self) {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(std::mem::take(&mut self.elements));
        if spare.len() > SPARES {
            let least = (0..spare.len()).min_by_key(|&i| spare[i].capacity()).unwrap_or(0);
            spare.swap_remove(least);
        }
    }
}

/// Code words, one row after another.
pub struct Code {
    elements: Vec<u64>,
    log_domain: u32,
}

impl Code {
    /// Encode rows of coefficients.
    pub fn new(rows: &[&[u64]], log_domain: u32) -> Self {
        let size = 1usize << log_domain;
        let mut elements = buffer(rows.len() * size);
        let work = |rows: &[&[u64]], words: &mut [u64]| {
            for (row, word) in rows.iter().zip(words.chunks_exact_mut(size)) {
                transform(row, word);
            }
        };
        let half = rows.len() / 2;
        if elements.len() >= WORTH && half > 0 {
            let (first, second) = elements.split_at_mut(half * size);
            thread::scope(|scope| {
                scope.spawn(|| work(&rows[..half], first));
                work(&rows[half..], second);
            });
        } else {
            work(rows, &mut elements);
        }
        Self { elements, log_domain }
    }

    /// The code words.
    pub fn rows(&self) -> Vec<&[u64]> {
        self.elements.chunks_exact(1 << self.log_domain).collect()
    }
}

/// A tree's digests, level by level from the leaves; of each level the first words of all, then the second words, ….
struct Branch(Vec<Vec<u32>>);

impl Branch {
    /// Over leaves that come sixteen at a time, `count` of them from `from` on.
    fn grow(from: usize, count: usize, leaf: &(impl Fn(usize) -> [Digests; 2] + Sync)) -> Self {
        let mut level = vec![0; 8 * count];
        for at in (0..count).step_by(2 * SIDE) {
            for (k, digests) in leaf(from + at).iter().enumerate() {
                put(&mut level, count, at + k * SIDE, digests);
            }
        }
        let mut levels = vec![level];
        let mut above = count / 2;
        while above >= SIDE {
            let below = planes(&levels[levels.len() - 1]);
            let mut level = vec![0; 8 * above];
            for at in (0..above).step_by(SIDE) {
                put(&mut level, above, at, &nodes(&below, 2 * at));
            }
            levels.push(level);
            above /= 2;
        }
        while above >= 1 {
            let below = planes(&levels[levels.len() - 1]);
            let mut level = vec![0; 8 * above];
            for at in 0..above {
                let made = node(&digest(&below, 2 * at), &digest(&below, 2 * at + 1));
                for (i, bytes) in made.chunks_exact(4).enumerate() {
                    level[i * above + at] = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
                }
            }
            levels.push(level);
            above /= 2;
        }
        Self(levels)
    }

    fn digest(&self, level: usize, at: usize) -> [u8; 32] {
        digest(&planes(&self.0[level]), at)
    }
}

fn planes(level: &[u32]) -> [&[u32]; 8] {
    let count = level.len() / 8;
    std::array::from_fn(|i| &level[i * count..(i + 1) * count])
}

fn put(level: &mut [u32], count: usize, at: usize, digests: &Digests) {
    for (i, words) in digests.iter().enumerate() {
        level[i * count + at..i * count + at + SIDE].copy_from_slice(words);
    }
}

/// Digests of a Merkle tree, in as many branches as threads grew it.
pub struct Digest {
    branches: Vec<Branch>,
    root: [u8; 32],
}

impl Digest {
    /// Grow a tree; `leaf` gives 32 leaves from a position on.
    pub fn grow(log_count: u32, work: usize, leaf: impl Fn(usize) -> [Digests; 2] + Sync) -> Self {
        let count = 1usize << log_count;
        if work < WORTH || count < 8 * SIDE {
            let branch = Branch::grow(0, count, &leaf);
            let root = branch.digest(log_count as usize, 0);
            return Self { branches: vec![branch], root };
        }
        let half = count / 2;
        let branches = thread::scope(|scope| {
            let other = scope.spawn(|| Branch::grow(half, half, &leaf));
            let first = Branch::grow(0, half, &leaf);
            vec![first, other.join().expect("hashing does not panic")]
        });
        let top = log_count as usize - 1;
        let root = node(&branches[0].digest(top, 0), &branches[1].digest(top, 0));
        Self { branches, root }
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    fn digest(&self, level: usize, at: usize) -> [u8; 32] {
        let length = self.branches[0].0[level].len() / 8;
        self.branches[at / length].digest(level, at % length)
    }

    /// All digests, with their numbers, level by level from the leaves.
    pub fn each(&self, log_count: u32, mut take: impl FnMut(usize, &[u8; 32])) {
        let mut number = 0;
        for level in 0..log_count as usize {
            for at in 0..1usize << (log_count as usize - level) {
                take(number, &self.digest(level, at));
                number += 1;
            }
        }
        take(number, &self.root);
    }

    /// Missing siblings of opened leaves, level by level; `known` ascends.
    pub fn siblings(&self, mut known: Vec<usize>, log_count: u32, out: &mut Vec<u8>) {
        for level in 0..log_count as usize {
            let mut parents: Vec<usize> = Vec::with_capacity(known.len());
            for &position in &known {
                if parents.last() == Some(&(position >> 1)) {
                    continue;
                }
                if known.binary_search(&(position ^ 1)).is_err() {
                    out.extend_from_slice(&self.digest(level, position ^ 1)[..NODE]);
                }
                parents.push(position >> 1);
            }
            known = parents;
        }
    }
}

/// Merkle tree over salted columns.
pub struct Tree {
    code: Code,
    digests: Digest,
    salts: Salts,
}

impl Tree {
    /// Hash all columns, with salts from a secret.
    pub fn new(code: Code, seed: &[&[u8]]) -> Self {
        let salts = Salts::new(seed);
        let rows = code.rows();
        let digests = Digest::grow(code.log_domain, code.elements.len(), |from| {
            let pairs = salts.words(from);
            [0, 1].map(|k| leaves(&rows, from + k * SIDE, &pairs[k]))
        });
        Self { code, digests, salts }
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        self.digests.root()
    }

    /// Columns, salts and missing siblings, in the order in which a verifier reads them.
    pub fn open(&self, positions: &[usize], out: &mut Vec<u8>) {
        let known = distinct(positions);
        let rows = self.code.rows();
        for &j in &known {
            for row in &rows {
                out.extend_from_slice(&row[j].to_be_bytes());
            }
            out.extend_from_slice(&self.salts.one(j));
        }
        self.digests.siblings(known, self.code.log_domain, out);
    }
}

/// Salts of the columns: half of a digest that two neighbours share.
pub struct Salts(Counted);

impl Salts {
    /// From a secret.
    pub fn new(seed: &[&[u8]]) -> Self {
        Self(Counted::new(&[&seed.concat(), b"salt"]))
    }

    /// Of 32 columns from a multiple of 32 on: four words of each.
    pub fn words(&self, from: usize) -> [[[u32; SIDE]; 4]; 2] {
        let both = self.0.digests((from >> 1) as u32);
        [0, 1].map(|k| {
            std::array::from_fn(|i| std::array::from_fn(|lane| both[i + 4 * (lane & 1)][(k * SIDE + lane) >> 1]))
        })
    }

    /// Of one column.
    pub fn one(&self, position: usize) -> [u8; 16] {
        let both = self.0.one((position >> 1) as u32);
        both[position % 2 * 16..][..16].try_into().expect("sixteen bytes")
    }
}

/// Positions in ascending order, each once.
pub fn distinct(positions: &[usize]) -> Vec<usize> {
    let mut out = positions.to_vec();
    out.sort_unstable();
    out.dedup();
    out
}

/// The point of a position.
pub fn point(log_domain: u32, position: usize) -> u64 {
    pow(root_of_unity(log_domain), position as u64)
}
