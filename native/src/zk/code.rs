//! Reed–Solomon codes and the salted Merkle trees over their columns; see `concordat.zk.prover.code`.

use super::field::{add, mul, pow, root_of_unity, sub};
use super::transcript::sha256;

/// Rows that are transformed side by side.
const LANES: usize = 8;
/// Bytes of a digest below the root.
pub const NODE: usize = 27;

/// Columns of code words: column `j` is `height` elements from `j * height` on.
pub struct Columns {
    /// Elements, column by column.
    pub elements: Vec<u64>,
    /// Rows of the matrix.
    pub height: usize,
    /// Binary logarithm of the number of columns.
    pub log_domain: u32,
}

/// Encode rows of coefficients.
pub fn encode(rows: &[&[u64]], log_domain: u32) -> Columns {
    let (height, size) = (rows.len(), 1usize << log_domain);
    let mut elements = vec![0; height * size];
    let twiddles = twiddles(log_domain);
    let mut buffer = vec![[0u64; LANES]; size];
    for (group, lanes) in rows.chunks(LANES).enumerate() {
        transform(lanes, &mut buffer, log_domain, &twiddles);
        for (column, values) in elements.chunks_exact_mut(height).zip(&buffer) {
            column[group * LANES..group * LANES + lanes.len()].copy_from_slice(&values[..lanes.len()]);
        }
    }
    Columns { elements, height, log_domain }
}

/// `root^j` for `j < size / 2`.
fn twiddles(log_domain: u32) -> Vec<u64> {
    let root = root_of_unity(log_domain);
    let mut out = Vec::with_capacity(1 << (log_domain - 1));
    let mut at = 1;
    for _ in 0..1usize << (log_domain - 1) {
        out.push(at);
        at = mul(at, root);
    }
    out
}

/// Decimation in time over the rows of one group.
fn transform(rows: &[&[u64]], buffer: &mut [[u64; LANES]], log_domain: u32, twiddles: &[u64]) {
    let size = buffer.len();
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0).max(1);
    // levels whose odd halves are all zero only repeat values
    let repeats = log_domain - usize::BITS + (longest - 1).leading_zeros();
    let free = if longest == 1 { log_domain } else { repeats };
    buffer.fill([0; LANES]);
    for i in 0..longest {
        let values: [u64; LANES] =
            std::array::from_fn(|lane| rows.get(lane).and_then(|row| row.get(i)).copied().unwrap_or(0));
        let at = i.reverse_bits() >> (usize::BITS - log_domain);
        buffer[at..at + (1 << free)].fill(values);
    }
    for level in free + 1..=log_domain {
        let half = 1usize << (level - 1);
        let step = size >> level;
        for block in buffer.chunks_exact_mut(2 * half) {
            let (even, odd) = block.split_at_mut(half);
            for (j, (x, y)) in even.iter_mut().zip(odd).enumerate() {
                let w = twiddles[j * step];
                for lane in 0..LANES {
                    let t = mul(y[lane], w);
                    (x[lane], y[lane]) = (add(x[lane], t), sub(x[lane], t));
                }
            }
        }
    }
}

/// Merkle tree over salted columns.
pub struct Tree {
    /// The columns.
    pub columns: Columns,
    levels: Vec<Vec<[u8; 32]>>,
    seed: Vec<u8>,
}

impl Tree {
    /// Hash all columns, with salts from a secret.
    pub fn new(columns: Columns, seed: Vec<u8>) -> Self {
        let mut bytes = vec![0; columns.height * 8];
        let mut level: Vec<[u8; 32]> = Vec::with_capacity(1 << columns.log_domain);
        for (j, column) in columns.elements.chunks_exact(columns.height).enumerate() {
            for (out, element) in bytes.chunks_exact_mut(8).zip(column) {
                out.copy_from_slice(&element.to_be_bytes());
            }
            level.push(sha256(&[&[0], &salt(&seed, j), &bytes]));
        }
        let mut levels = vec![level];
        while levels[levels.len() - 1].len() > 1 {
            let next =
                levels[levels.len() - 1].chunks_exact(2).map(|pair| sha256(&[&[1], &pair[0][..NODE], &pair[1][..NODE]])).collect();
            levels.push(next);
        }
        Self { columns, levels, seed }
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        self.levels[self.levels.len() - 1][0]
    }

    /// Columns, salts and missing siblings, in the order in which a verifier reads them.
    pub fn open(&self, positions: &[usize], out: &mut Vec<u8>) {
        let mut known = positions.to_vec();
        known.sort_unstable();
        known.dedup();
        let height = self.columns.height;
        for &j in &known {
            for element in &self.columns.elements[j * height..(j + 1) * height] {
                out.extend_from_slice(&element.to_be_bytes());
            }
            out.extend_from_slice(&salt(&self.seed, j));
        }
        for level in &self.levels[..self.levels.len() - 1] {
            let mut parents: Vec<usize> = Vec::with_capacity(known.len());
            for &position in &known {
                if parents.last() == Some(&(position >> 1)) {
                    continue;
                }
                if known.binary_search(&(position ^ 1)).is_err() {
                    out.extend_from_slice(&level[position ^ 1][..NODE]);
                }
                parents.push(position >> 1);
            }
            known = parents;
        }
    }
}

fn salt(seed: &[u8], position: usize) -> [u8; 16] {
    let digest = sha256(&[seed, b"salt", &(position as u32 >> 1).to_be_bytes()]);
    digest[position % 2 * 16..][..16].try_into().expect("sixteen bytes")
}

/// `point^k` for `k < count`.
pub fn powers(point: u64, count: usize) -> Vec<u64> {
    let mut out = Vec::with_capacity(count);
    let mut at = 1;
    for _ in 0..count {
        out.push(at);
        at = mul(at, point);
    }
    out
}

/// The point of a position.
pub fn point(log_domain: u32, position: usize) -> u64 {
    pow(root_of_unity(log_domain), position as u64)
}
