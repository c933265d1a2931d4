//! Powers, inverses and sums of powers, many at a time.

use super::field::{self, K, ONE, ZERO};
use super::lanes::{Factor, Lanes, Many, Sums, Work, dispatch};

/// Powers from which on a block is multiplied by the same power.
const BLOCK: usize = 64;

/// `[1, base, base^2, …]`.
pub fn powers(base: K, count: usize) -> Vec<K> {
    let mut out = vec![ONE; count.next_multiple_of(BLOCK)];
    if !out.is_empty() {
        dispatch(Powers { base, out: &mut out });
    }
    out.truncate(count);
    out
}

struct Powers<'a> {
    base: K,
    out: &'a mut [K],
}

impl Work for Powers<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (mut step, mut have) = (self.base, 1);
        while have < L::COUNT {
            for j in 0..have {
                self.out[have + j] = self.out[j] * step;
            }
            step *= step;
            have *= 2;
        }
        while have < BLOCK {
            multiply::<L>(&mut self.out[..2 * have], have, step);
            step *= step;
            have *= 2;
        }
        for at in (BLOCK..self.out.len()).step_by(BLOCK) {
            multiply::<L>(&mut self.out[at - BLOCK..at + BLOCK], BLOCK, step);
        }
    }
}

/// `both[count + j] = both[j] * step`.
#[inline(always)]
fn multiply<L: Lanes>(both: &mut [K], count: usize, step: K) {
    let (from, to) = both.split_at_mut(count);
    let step: Factor<L> = Many::splat(step).factor();
    for (x, y) in from.chunks_exact(L::COUNT).zip(to.chunks_exact_mut(L::COUNT)) {
        Many::<L>::load(x).times(&step).store(y);
    }
}

/// Inverses of many elements, none of them zero.
pub fn inverses(values: &mut [K]) {
    let whole = values.len() & !7;
    let (first, rest) = values.split_at_mut(whole);
    dispatch(Inverses { values: first });
    field::batch_inverse(rest);
}

struct Inverses<'a> {
    values: &'a mut [K],
}

impl Work for Inverses<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut before = vec![ONE; self.values.len()];
        let mut running = Many::<L>::splat(ONE);
        for (value, prefix) in self.values.chunks_exact(L::COUNT).zip(before.chunks_exact_mut(L::COUNT)) {
            running.store(prefix);
            running = running.mul(Many::load(value));
        }
        let mut lanes = [ONE; 8];
        running.store(&mut lanes);
        field::batch_inverse(&mut lanes[..L::COUNT]);
        running = Many::load(&lanes);
        for (value, prefix) in self.values.chunks_exact_mut(L::COUNT).zip(before.chunks_exact(L::COUNT)).rev() {
            let factor = running.factor();
            let x = Many::<L>::load(value);
            Many::<L>::load(prefix).times(&factor).store(value);
            running = x.times(&factor);
        }
    }
}

/// Add `Σ_i weight_i * base_i^k` to element `k`, for all elements.
pub fn add_ladders(ladders: &[(u64, K)], out: &mut [K]) {
    dispatch(AddLadders { ladders, out });
}

struct AddLadders<'a> {
    ladders: &'a [(u64, K)],
    out: &'a mut [K],
}

impl Work for AddLadders<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut states = Vec::with_capacity(self.ladders.len());
        for &(base, weight) in self.ladders {
            let mut first = [1; 8];
            for k in 1..8 {
                first[k] = field::mul(first[k - 1], base);
            }
            let step = field::pow(base, L::COUNT as u64);
            states.push((L::load(&first), L::splat(step), Many::<L>::splat(weight)));
        }
        for out in self.out.chunks_mut(L::COUNT) {
            let mut block = [ZERO; 8];
            block[..out.len()].copy_from_slice(out);
            let mut sums = Sums::<L>::default();
            for state in &mut states {
                sums.scaled(state.2, state.0);
                state.0 = state.0.mul(state.1);
            }
            Many::<L>::load(&block).add(sums.value()).store(&mut block);
            out.copy_from_slice(&block[..out.len()]);
        }
    }
}

/// Add `Σ factor * row` to `out`, for rows of the extension, one after another and each as long as `out`.
pub fn fold_elements(rows: &[K], factors: &[K], out: &mut [K]) {
    dispatch(FoldElements { rows, factors, out });
}

struct FoldElements<'a> {
    rows: &'a [K],
    factors: &'a [K],
    out: &'a mut [K],
}

impl Work for FoldElements<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let width = self.out.len();
        for (row, &factor) in self.rows.chunks_exact(width).zip(self.factors) {
            let ready: Factor<L> = Many::splat(factor).factor();
            let whole = width - width % L::COUNT;
            let (wide, rest) = self.out.split_at_mut(whole);
            for (sum, x) in wide.chunks_exact_mut(L::COUNT).zip(row.chunks_exact(L::COUNT)) {
                Many::<L>::load(sum).add(Many::<L>::load(x).times(&ready)).store(sum);
            }
            for (sum, &x) in rest.iter_mut().zip(&row[whole..]) {
                *sum += x * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(i: usize) -> K {
        K([1, 2, 3].map(|t| (i as u64 * 7 + t).wrapping_mul(0x9E37_79B9_7F4A_7C15) % field::P))
    }

    #[test]
    fn powers_and_inverses_equal_their_definitions() {
        for count in [0, 1, 7, 8, 63, 64, 65, 300] {
            let base = element(count);
            let made = powers(base, count);
            assert_eq!(made, (0..count).map(|k| base.pow(k as u64)).collect::<Vec<K>>());
            let values: Vec<K> = (0..count).map(element).collect();
            let mut inverted = values.clone();
            inverses(&mut inverted);
            assert!(values.iter().zip(&inverted).all(|(&x, &y)| x * y == ONE));
        }
    }

    #[test]
    fn ladders_and_folds_equal_their_definitions() {
        let ladders: Vec<(u64, K)> = (0..45).map(|i| (element(i).0[0], element(i + 100))).collect();
        for count in [1, 8, 13, 200] {
            let mut out: Vec<K> = (0..count).map(element).collect();
            add_ladders(&ladders, &mut out);
            for (k, &sum) in out.iter().enumerate() {
                let part = |&(base, weight): &(u64, K)| weight.scale(field::pow(base, k as u64));
                assert_eq!(sum, ladders.iter().fold(element(k), |sum, ladder| sum + part(ladder)));
            }
            let (rows, factors): (Vec<K>, Vec<K>) =
                ((0..3 * count).map(element).collect(), (7..10).map(element).collect());
            let mut out = vec![ONE; count];
            fold_elements(&rows, &factors, &mut out);
            for (k, &sum) in out.iter().enumerate() {
                assert_eq!(sum, (0..3).fold(ONE, |sum, r| sum + rows[r * count + k] * factors[r]));
            }
        }
    }
}
