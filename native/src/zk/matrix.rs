//! Small integers in rows, packed, and sums of such rows with factors in K.

use super::field::{Dot, K, ZERO, from_signed, reduce};
use crate::plan::tier::Tier;

/// Added to a packed weight, so that none is negative.
const BIAS: i64 = 1 << 15;
/// Words that are summed at a time: all sums fit the first cache.
const BLOCK: usize = 64;
/// Rows after which sums of 48-bit products could overflow.
const FLUSH: usize = 1 << 15;

/// Rows of integers; those of 16 bits lie four to a word.
pub struct Matrix<'a> {
    width: usize,
    words: &'a [u64],
    /// Where each row begins, and whether it is packed.
    rows: Vec<(usize, bool)>,
}

/// Rows as words: first a word for each row, 1 where it is not packed.
pub fn pack(values: &[i64], width: usize) -> Vec<u64> {
    let small = |row: &[i64]| row.iter().all(|&w| (-BIAS..BIAS).contains(&w));
    let mut out: Vec<u64> = values.chunks_exact(width).map(|row| u64::from(!small(row))).collect();
    for row in values.chunks_exact(width) {
        if small(row) {
            out.extend(
                row.chunks(4).map(|four| {
                    four.iter().enumerate().fold(0, |word, (i, &w)| word | ((w + BIAS) as u64) << (16 * i))
                }),
            );
        } else {
            out.extend(row.iter().map(|&w| w as u64));
        }
    }
    out
}

impl<'a> Matrix<'a> {
    /// Of packed rows; what comes after them is returned too. `None` if they are cut short.
    pub fn read(words: &'a [u64], rows: usize, width: usize) -> Option<(Self, &'a [u64])> {
        let mut at = rows;
        let mut starts = Vec::with_capacity(rows);
        for &kind in words.get(..rows)? {
            starts.push((at, kind == 0));
            at += if kind == 0 { width.div_ceil(4) } else { width };
        }
        let rest = words.get(at..)?;
        Some((Self { width, words, rows: starts }, rest))
    }

    /// One integer.
    #[inline]
    pub fn get(&self, row: usize, column: usize) -> i64 {
        let (start, packed) = self.rows[row];
        if packed {
            (self.words[start + column / 4] >> (16 * (column % 4)) & 0xFFFF) as i64 - BIAS
        } else {
            self.words[start + column] as i64
        }
    }

    /// `Σ factor * row[column + k]` over addends (row, column, factor), for all `k` in the length of `out`.
    pub fn combine(&self, addends: &[(usize, usize, K)], out: &mut [K]) {
        let straight = self.width % 4 == 0 && addends.iter().all(|&(_, column, _)| column % 4 == 0);
        let (packed, other): (Vec<_>, Vec<_>) =
            addends.iter().copied().partition(|&(row, _, _)| straight && self.rows[row].1);
        out.fill(ZERO);
        let whole = out.len() & !3;
        let tier = Tier::detect();
        for part in packed.chunks(FLUSH) {
            let total = part.iter().fold(ZERO, |sum, &(_, _, factor)| sum + factor).scale(BIAS as u64);
            for (block, values) in out[..whole].chunks_mut(4 * BLOCK).enumerate() {
                tier.run(|| self.block(part, block * BLOCK, values, total));
            }
        }
        for (k, value) in out.iter_mut().enumerate() {
            let mut dot = Dot::default();
            for &(row, column, factor) in other.iter().chain(if k < whole { &[] } else { &packed[..] }) {
                dot.add(factor, from_signed(self.get(row, column + k)));
            }
            *value += dot.value();
        }
    }

    #[inline(always)]
    fn block(&self, addends: &[(usize, usize, K)], first: usize, out: &mut [K], total: K) {
        let mut sums = [[[0u64; BLOCK]; 4]; 6];
        let count = out.len() / 4;
        for &(row, column, factor) in addends {
            let start = self.rows[row].0 + column / 4 + first;
            let words = &self.words[start..start + count];
            for (half, sums) in sums.iter_mut().enumerate() {
                let factor = factor.0[half / 2] >> (32 * (half % 2)) & 0xFFFF_FFFF;
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (sum, word) in sums.iter_mut().zip(words) {
                        *sum += factor * (word >> (16 * i) & 0xFFFF);
                    }
                }
            }
        }
        for (k, value) in out.iter_mut().enumerate() {
            let part = |half: usize| u128::from(sums[half][k % 4][k / 4]);
            *value += K([0, 1, 2].map(|t| reduce(part(2 * t) + (part(2 * t + 1) << 32)))) - total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_rows_equal_their_definition() {
        for (rows, width) in [(3, 2), (5, 4), (40, 512), (7, 1024)] {
            let value =
                |i: usize| (i as i64).wrapping_mul(0x5851_F42D_4C95_7F2D) >> if i / width == 1 { 20 } else { 48 };
            let values: Vec<i64> = (0..rows * width).map(value).collect();
            let words = pack(&values, width);
            let (matrix, rest) = Matrix::read(&words, rows, width).expect("all is there");
            assert!(rest.is_empty());
            let factor = |r: usize| K([r as u64 * 0x1234_5678_9ABC + 5, u64::MAX / 2 - r as u64, 7]);
            let half = width / 2;
            let addends: Vec<(usize, usize, K)> = (0..rows).map(|r| (r, r % 2 * half, factor(r))).collect();
            let mut out = vec![ZERO; half - half / 100];
            matrix.combine(&addends, &mut out);
            for (k, &sum) in out.iter().enumerate() {
                let expected = addends.iter().fold(ZERO, |sum, &(r, c, f)| {
                    assert_eq!(matrix.get(r, c + k), values[r * width + c + k]);
                    sum + f.scale(from_signed(values[r * width + c + k]))
                });
                assert_eq!(sum, expected);
            }
        }
    }
}
