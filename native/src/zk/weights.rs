//! A committed weight matrix in one piece, so that it can be kept in a file and mapped.
//!
//! Words: sixteen of the head, the packed matrix, the random symbols by row, the code words by column, and the digests
//! level by level from the leaves, four words each. A short form ends after the matrix.

use std::thread;

use super::code::{Digest, Salts, distinct};
use super::field::{K, ZERO, from_signed};
use super::hash::{NODE, SIDE, leaves, random};
use super::lanes::{Lanes, MOST, Many, Sums, Work, dispatch};
use super::matrix::{Matrix, pack};
use super::relation::{Malformed, Parameters, Relation};
use super::transform::transform;

const MAGIC: u64 = u64::from_le_bytes(*b"CCZKWGT\x01");
const HEAD: usize = 16;
/// Rows that are transformed before they are written into the columns.
const GROUP: usize = 8;

/// A weight matrix, committed; a view of its words.
pub struct Weights<'a> {
    /// The weights.
    pub matrix: Matrix<'a>,
    root: [u8; 32],
    height: usize,
    width: usize,
    tail: usize,
    log_domain: u32,
    tails: &'a [u64],
    columns: &'a [u64],
    digests: &'a [u64],
    salts: Salts,
}

/// Commit a weight matrix, `weight_rows` rows of `weight_width`.
pub fn commit(relation: &Relation, p: &Parameters, values: &[i64], seed: &[u8]) -> Result<Vec<u64>, Malformed> {
    let (height, width) = (relation.weight_rows, relation.weight_width());
    if values.len() != height * width || height == 0 || p.weight_tail == 0 || seed.len() != 32 {
        return Err(Malformed("the weights do not fit the relation or its parameters"));
    }
    let size = 1usize << p.weight_log_domain;
    let tails = random(seed, b"weights", height * p.weight_tail);
    let packed = pack(values, width);
    let mut words = vec![0; HEAD + packed.len() + tails.len() + height * size + 4 * (2 * size - 1)];
    let (head, rest) = words.split_at_mut(HEAD);
    head[0] = MAGIC;
    head[1] = height as u64 | (width as u64) << 32;
    head[2] = p.weight_tail as u64 | u64::from(p.weight_log_domain) << 32;
    head[3] = 1;
    put(&mut head[4..8], seed);
    let (matrix, rest) = rest.split_at_mut(packed.len());
    matrix.copy_from_slice(&packed);
    let (kept, rest) = rest.split_at_mut(tails.len());
    kept.copy_from_slice(&tails);
    let (columns, digests) = rest.split_at_mut(height * size);
    let row = |r: usize| {
        let body = values[r * width..(r + 1) * width].iter().map(|&w| from_signed(w));
        body.chain(tails[r * p.weight_tail..(r + 1) * p.weight_tail].iter().copied()).collect::<Vec<u64>>()
    };
    encode(columns, height, size, &row);
    let tree = grow(columns, height, p.weight_log_domain, seed);
    tree.each(p.weight_log_domain, |at, digest| put(&mut digests[4 * at..4 * at + 4], digest));
    put(&mut head[8..12], &tree.root());
    Ok(words)
}

/// Code words of all rows, by column.
fn encode(columns: &mut [u64], height: usize, size: usize, row: &(impl Fn(usize) -> Vec<u64> + Sync)) {
    let mut lanes = vec![0; GROUP * size];
    for first in (0..height).step_by(GROUP) {
        let count = GROUP.min(height - first);
        let (low, high) = lanes.split_at_mut(count.div_ceil(2) * size);
        thread::scope(|scope| {
            scope.spawn(|| transformed(low, size, first, row));
            transformed(&mut high[..count / 2 * size], size, first + count.div_ceil(2), row);
        });
        let (low, high) = columns.split_at_mut(height * (size / 2));
        let lanes = &lanes;
        let write = |part: &mut [u64], from: usize| {
            for (j, column) in part.chunks_exact_mut(height).enumerate() {
                for (k, element) in column[first..first + count].iter_mut().enumerate() {
                    *element = lanes[k * size + from + j];
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| write(low, 0));
            write(high, size / 2);
        });
    }
}

fn transformed(lanes: &mut [u64], size: usize, first: usize, row: &impl Fn(usize) -> Vec<u64>) {
    for (k, lane) in lanes.chunks_exact_mut(size).enumerate() {
        transform(&row(first + k), lane);
    }
}

fn grow(columns: &[u64], height: usize, log_domain: u32, seed: &[u8]) -> Digest {
    let salts = Salts::new(&[seed]);
    Digest::grow(log_domain, columns.len(), |from| {
        let pairs = salts.words(from);
        let mut rows = vec![[0; 2 * SIDE]; height];
        for (lane, column) in columns[from * height..(from + 2 * SIDE) * height].chunks_exact(height).enumerate() {
            for (row, &element) in rows.iter_mut().zip(column) {
                row[lane] = element;
            }
        }
        let slices: Vec<&[u64]> = rows.iter().map(|row| &row[..]).collect();
        [0, 1].map(|k| leaves(&slices, k * SIDE, &pairs[k]))
    })
}

/// The short form's weights and seed, to be committed anew; `None` if the words are a long form.
pub fn short(relation: &Relation, words: &[u64]) -> Option<(Vec<i64>, [u8; 32])> {
    let (height, width) = (relation.weight_rows, relation.weight_width());
    if words.len() < HEAD || words[0] != MAGIC || words[1] != height as u64 | (width as u64) << 32 || words[3] != 0 {
        return None;
    }
    let (matrix, rest) = Matrix::read(&words[HEAD..], height, width)?;
    let values = (0..height).flat_map(|r| (0..width).map(move |c| (r, c))).map(|(r, c)| matrix.get(r, c)).collect();
    rest.is_empty().then(|| (values, bytes(&words[4..8])))
}

impl<'a> Weights<'a> {
    /// A view of the words of a commitment.
    pub fn read(relation: &Relation, p: &Parameters, words: &'a [u64]) -> Result<Self, Malformed> {
        let (height, width, size) = (relation.weight_rows, relation.weight_width(), 1usize << p.weight_log_domain);
        let wrong = Malformed("the committed weights do not fit the relation or its parameters");
        let expected = [
            MAGIC,
            height as u64 | (width as u64) << 32,
            p.weight_tail as u64 | u64::from(p.weight_log_domain) << 32,
            1,
        ];
        if words.len() < HEAD || words[..4] != expected {
            return Err(wrong);
        }
        let Some((matrix, rest)) = Matrix::read(&words[HEAD..], height, width) else { return Err(wrong) };
        if rest.len() != height * p.weight_tail + height * size + 4 * (2 * size - 1) {
            return Err(wrong);
        }
        let (tails, rest) = rest.split_at(height * p.weight_tail);
        let (columns, digests) = rest.split_at(height * size);
        let (seed, root): ([u8; 32], [u8; 32]) = (bytes(&words[4..8]), bytes(&words[8..12]));
        if bytes(&digests[digests.len() - 4..]) != root {
            return Err(wrong);
        }
        let (tail, log_domain) = (p.weight_tail, p.weight_log_domain);
        let salts = Salts::new(&[&seed]);
        Ok(Self { matrix, root, height, width, tail, log_domain, tails, columns, digests, salts })
    }

    /// The root.
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// `Σ_rows factor * row` over weights and random symbols.
    pub fn fold(&self, factors: &[K]) -> Vec<K> {
        let addends: Vec<(usize, usize, K)> =
            factors.iter().enumerate().filter(|(_, f)| **f != ZERO).map(|(r, &f)| (r, 0, f)).collect();
        let mut out = vec![ZERO; self.width + self.tail];
        let (body, tail) = out.split_at_mut(self.width);
        self.matrix.combine(&addends, body);
        dispatch(FoldRows { rows: self.tails, factors, out: tail });
        out
    }

    /// Columns, salts and missing siblings, in the order in which a verifier reads them.
    pub fn open(&self, positions: &[usize], out: &mut Vec<u8>) {
        let known = distinct(positions);
        for &j in &known {
            for element in &self.columns[j * self.height..(j + 1) * self.height] {
                out.extend_from_slice(&element.to_be_bytes());
            }
            out.extend_from_slice(&self.salts.one(j));
        }
        let (mut known, mut first) = (known, 0);
        for level in (1..=self.log_domain).rev() {
            let mut parents: Vec<usize> = Vec::with_capacity(known.len());
            for &position in &known {
                if parents.last() == Some(&(position >> 1)) {
                    continue;
                }
                if known.binary_search(&(position ^ 1)).is_err() {
                    let at = 4 * (first + (position ^ 1));
                    let digest: [u8; 32] = bytes(&self.digests[at..at + 4]);
                    out.extend_from_slice(&digest[..NODE]);
                }
                parents.push(position >> 1);
            }
            known = parents;
            first += 1 << level;
        }
    }
}

fn put(words: &mut [u64], data: &[u8]) {
    for (word, eight) in words.iter_mut().zip(data.chunks_exact(8)) {
        *word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
    }
}

fn bytes(words: &[u64]) -> [u8; 32] {
    let mut out = [0; 32];
    for (eight, word) in out.chunks_exact_mut(8).zip(words) {
        eight.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// `Σ factor * row` over rows of the prime field, one after another.
pub struct FoldRows<'a> {
    /// Elements, as many rows as factors.
    pub rows: &'a [u64],
    /// One for each row.
    pub factors: &'a [K],
    /// Where the sums are added.
    pub out: &'a mut [K],
}

impl Work for FoldRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { rows, factors, out } = self;
        let width = out.len();
        let mut k = 0;
        while k < width {
            if k + L::COUNT <= width {
                fold_at::<L>(rows, factors, out, k);
                k += L::COUNT;
            } else {
                fold_at::<u64>(rows, factors, out, k);
                k += 1;
            }
        }
    }
}

#[inline(always)]
fn fold_at<L: Lanes>(rows: &[u64], factors: &[K], out: &mut [K], k: usize) {
    let width = out.len();
    let mut total = Many::<L>::load(&out[k..]);
    let mut r = 0;
    while r < factors.len() {
        let mut sums = Sums::<L>::default();
        let end = factors.len().min(r + MOST);
        while r < end {
            sums.scaled(Many::splat(factors[r]), L::load(&rows[r * width + k..]));
            r += 1;
        }
        total = total.add(sums.value());
    }
    total.store(&mut out[k..]);
}
