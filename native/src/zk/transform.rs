//! Values of polynomials on a subgroup: decimation in time, the levels that only repeat values left out.

use std::sync::OnceLock;

use super::field::{mul, root_of_unity};
use super::lanes::{Lanes, Work, dispatch};

/// Elements that are transformed through all small levels while they are in the first cache.
const BLOCK: usize = 1 << 12;

/// `root^j` for `j < 2^(level - 1)`, the root being of order `2^level`.
fn twiddles(level: u32) -> &'static [u64] {
    static LEVELS: [OnceLock<Vec<u64>>; 33] = [const { OnceLock::new() }; 33];
    LEVELS[level as usize].get_or_init(|| {
        let root = root_of_unity(level);
        let mut out = vec![1; 1 << (level - 1)];
        for j in 1..out.len() {
            out[j] = if j % 2 == 0 && level > 1 { twiddles(level - 1)[j / 2] } else { mul(out[j - 1], root) };
        }
        out
    })
}

/// Values of a polynomial at all `2^log_domain` points `g^j`.
pub fn transform(coefficients: &[u64], out: &mut [u64]) {
    dispatch(Transform { coefficients, out });
}

struct Transform<'a> {
    coefficients: &'a [u64],
    out: &'a mut [u64],
}

impl Work for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { coefficients, out } = self;
        let (count, log_domain) = (coefficients.len(), out.len().trailing_zeros());
        let log_count = usize::BITS - count.saturating_sub(1).leading_zeros();
        if log_count == 0 {
            return out.fill(coefficients.first().copied().unwrap_or(0));
        }
        let first = log_domain - log_count + 1;
        place::<L>(coefficients, out, log_count, first);
        let in_block = log_domain.min(BLOCK.trailing_zeros());
        for block in out.chunks_exact_mut(1 << in_block) {
            levels::<L>(block, first + 1, in_block);
        }
        levels::<L>(out, (first + 1).max(in_block + 1), log_domain);
        for values in out.chunks_mut(L::COUNT) {
            if values.len() == L::COUNT {
                L::load(values).tidy().store(values);
            }
        }
    }
}

/// Coefficients in reversed order, repeated, and the level at which the longer ones meet their partners.
#[inline(always)]
fn place<L: Lanes>(coefficients: &[u64], out: &mut [u64], log_count: u32, first: u32) {
    let (half, size) = (1usize << (log_count - 1), 1usize << first);
    let roots = twiddles(first);
    for i in 0..half {
        let at = if log_count == 1 { 0 } else { i.reverse_bits() >> (usize::BITS - (log_count - 1)) };
        let block = &mut out[at * size..(at + 1) * size];
        let x = coefficients[i];
        match coefficients.get(i + half) {
            None => block.fill(x),
            Some(&y) => {
                let (low, high) = block.split_at_mut(size / 2);
                for ((a, b), &w) in low.iter_mut().zip(high).zip(roots) {
                    let t = mul(y, w);
                    (*a, *b) = (super::field::add(x, t), super::field::sub(x, t));
                }
            }
        }
    }
}

/// Levels from `from` to `to`, two at a time.
#[inline(always)]
fn levels<L: Lanes>(out: &mut [u64], from: u32, to: u32) {
    let mut level = from;
    while level <= to {
        let half = 1usize << (level - 1);
        if half < L::COUNT {
            pairs::<u64>(out, half, twiddles(level));
            level += 1;
        } else if level == to {
            pairs::<L>(out, half, twiddles(level));
            level += 1;
        } else {
            fours::<L>(out, half, twiddles(level), twiddles(level + 1));
            level += 2;
        }
    }
}

#[inline(always)]
fn pairs<L: Lanes>(out: &mut [u64], half: usize, roots: &[u64]) {
    for block in out.chunks_exact_mut(2 * half) {
        let (low, high) = block.split_at_mut(half);
        let roots = roots.chunks_exact(L::COUNT);
        for ((a, b), w) in low.chunks_exact_mut(L::COUNT).zip(high.chunks_exact_mut(L::COUNT)).zip(roots) {
            let (x, t) = (L::load(a), L::load(b).mul(L::load(w)));
            x.add_loose(t).store(a);
            x.sub_loose(t).store(b);
        }
    }
}

#[inline(always)]
fn fours<L: Lanes>(out: &mut [u64], half: usize, inner: &[u64], outer: &[u64]) {
    let (left, right) = outer.split_at(half);
    for block in out.chunks_exact_mut(4 * half) {
        let (low, high) = block.split_at_mut(2 * half);
        let ((a, b), (c, d)) = (low.split_at_mut(half), high.split_at_mut(half));
        let (a, b) = (a.chunks_exact_mut(L::COUNT), b.chunks_exact_mut(L::COUNT));
        let (c, d) = (c.chunks_exact_mut(L::COUNT), d.chunks_exact_mut(L::COUNT));
        let roots = inner.chunks_exact(L::COUNT).zip(left.chunks_exact(L::COUNT)).zip(right.chunks_exact(L::COUNT));
        for ((((a, b), c), d), ((w, l), r)) in a.zip(b).zip(c).zip(d).zip(roots) {
            let w = L::load(w);
            let (x, y) = (L::load(a), L::load(b).mul(w));
            let (u, v) = (L::load(c), L::load(d).mul(w));
            let (even, odd) = (x.add_loose(y), x.sub_loose(y));
            let s = u.add_loose(v).mul(L::load(l));
            let t = u.sub_loose(v).mul(L::load(r));
            even.add_loose(s).store(a);
            odd.add_loose(t).store(b);
            even.sub_loose(s).store(c);
            odd.sub_loose(t).store(d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{add, pow};
    use super::*;

    #[test]
    fn transform_equals_evaluation() {
        for (count, log_domain) in [(1, 3), (2, 4), (3, 7), (8, 7), (9, 8), (37, 10), (300, 13), (5000, 15), (64, 6)] {
            let coefficients: Vec<u64> =
                (0..count).map(|i: u64| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) % super::super::field::P).collect();
            let mut out = vec![0; 1 << log_domain];
            transform(&coefficients, &mut out);
            let root = root_of_unity(log_domain);
            for j in [0, 1, 2, 5, 7, (1 << log_domain) - 1, (1 << log_domain) / 3] {
                let x = pow(root, j as u64);
                let value = coefficients.iter().rev().fold(0, |sum, &c| add(mul(sum, x), c));
                assert_eq!(out[j], value, "{count} coefficients, 2^{log_domain} points, point {j}");
            }
        }
    }
}
