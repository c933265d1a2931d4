//! A dense matrix of constants, packed for the kernels, and its exact product with rows of 16-bit elements.

use std::ops::Range;

use crate::plan::kernels::{Constants, Factors, PANEL, Sums, multiply_pairs, multiply_quads};
use crate::plan::tier::Tier;

/// Elements of a row in a step of [`multiply_pairs`].
const PAIR: usize = 2;
/// Elements of a row in a step of [`multiply_quads`].
const QUAD: usize = 4;
/// What a high byte of a row stands for: the middle of the 256 elements that have it, the byte's sign bit turned round.
const MIDDLE: i64 = 128 - (128 << 8);
/// Most stretches of a matrix whose constants are left whole.
const FEW: usize = 2;

/// Constants of some outputs for a window of elements.
#[derive(Debug)]
pub struct Matrix {
    /// Outputs.
    pub outputs: usize,
    length: usize,
    form: Form,
    /// Ends (in steps) of the stretches over which what is summed up in 32 bits is exact.
    stretches: Vec<usize>,
}

/// How constants are kept so that sums of 32 bits do for sums of 64.
#[derive(Debug)]
enum Form {
    /// As they are: sums fit 32 bits.
    Whole(Vec<i16>),
    /// In two digits: each panel of high ones, which count 256 times, is followed by its panel of low ones.
    Digits(Vec<i16>),
    /// As they are, for sums modulo 2**32; and their high bytes, which with those of the rows give the sum up to less
    /// than 2**31 either way. Together that is the sum.
    Wrapped {
        constants: Vec<i16>,
        high: Vec<i8>,
        /// For each stretch and output, what the sums of high bytes leave out.
        offsets: Vec<i64>,
    },
}

/// Where products in 64 bits go.
pub struct Totals<'a> {
    /// First row's products first.
    pub elements: &'a mut [i64],
    /// Distance between rows.
    pub stride: usize,
}

/// Room to work in, kept from one product to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    sums: Vec<i32>,
    high_sums: Vec<i32>,
    bytes: Vec<u8>,
}

impl Matrix {
    /// Packs rows of constants, one for each output, for elements of at most that magnitude.
    ///
    /// `None` if a constant has more than 16 bits, or sums of 32 bits are exact over too few of them.
    pub fn new(weights: &[Vec<i64>], magnitude: u64, tier: Tier) -> Option<Self> {
        let (outputs, length) = (weights.len(), weights.first()?.len());
        if weights.iter().flatten().any(|weight| i16::try_from(*weight).is_err()) {
            return None;
        }
        let pairs = length.div_ceil(PAIR);
        let whole = |weight: i64| weight as i16;
        let ends = stretches(weights, PAIR, |weight| weight.unsigned_abs() * magnitude);
        if let Some(stretches) = ends.filter(|ends| ends.len() <= FEW) {
            let form = Form::Whole(pack(weights, pairs, PAIR, whole));
            return Some(Self { outputs, length, form, stretches });
        }
        let (form, stretches) = if tier == Tier::Avx512 {
            let error = |weight: i64| low(weight).unsigned_abs() * magnitude + (high(weight).unsigned_abs() << 15);
            let stretches = stretches(weights, QUAD, error)?;
            let quads = length.div_ceil(QUAD);
            let constants = pack(weights, 2 * quads, PAIR, whole);
            let offsets = offsets(weights, &stretches);
            (
                Form::Wrapped { constants, high: pack(weights, quads, QUAD, |weight| high(weight) as i8), offsets },
                stretches,
            )
        } else {
            let digit = |weight: i64| high(weight).unsigned_abs().max(low(weight).unsigned_abs()) * magnitude;
            let [high, low] =
                [high as fn(i64) -> i64, low].map(|digit| pack(weights, pairs, PAIR, |weight| digit(weight) as i16));
            let panels = high.chunks(2 * PANEL * pairs).zip(low.chunks(2 * PANEL * pairs));
            (
                Form::Digits(panels.flat_map(|(high, low)| [high, low].concat()).collect()),
                stretches(weights, PAIR, digit)?,
            )
        };
        (stretches.len() <= length / 64 + FEW).then_some(Self { outputs, length, form, stretches })
    }

    /// Constants that a product reads.
    pub fn constants(&self) -> usize {
        match &self.form {
            Form::Whole(constants) | Form::Digits(constants) => constants.len(),
            Form::Wrapped { constants, high, .. } => constants.len() + high.len() / 2,
        }
    }

    /// The product as sums of 32 bits, if those are exact.
    pub fn multiply_narrow(&self, tier: Tier, factors: Factors<i16>, sums: &mut Sums) -> bool {
        match &self.form {
            Form::Whole(constants) if self.stretches.len() == 1 => {
                multiply_pairs(tier, factors, self.part(constants, PAIR, 0, self.stretches[0]), sums);
                true
            }
            _ => false,
        }
    }

    /// The product in 64 bits.
    pub fn multiply(&self, tier: Tier, factors: Factors<i16>, work: &mut Workspace, totals: &mut Totals) {
        let columns = if matches!(self.form, Form::Digits(_)) { 2 * self.padded() } else { self.outputs };
        work.sums.resize(factors.rows * columns, 0);
        if let Form::Wrapped { .. } = self.form {
            work.high_sums.resize(factors.rows * columns, 0);
            work.take_high_bytes(factors, self.length, tier);
        }
        let mut first = 0;
        for (number, &last) in self.stretches.iter().enumerate() {
            self.multiply_stretch(tier, factors, work, first..last);
            tier.run(
                #[inline(always)]
                || {
                    for row in 0..factors.rows {
                        let totals = &mut totals.elements[row * totals.stride..][..self.outputs];
                        if number == 0 {
                            totals.fill(0);
                        }
                        let sums = &work.sums[row * columns..][..columns];
                        match &self.form {
                            Form::Whole(_) => add_whole(sums, totals),
                            Form::Digits(_) => add_digits(sums, totals),
                            Form::Wrapped { offsets, .. } => {
                                let high_sums = &work.high_sums[row * columns..][..columns];
                                add_wrapped(sums, high_sums, &offsets[number * columns..][..columns], totals);
                            }
                        }
                    }
                },
            );
            first = last;
        }
    }

    /// Leaves the sums of 32 bits of a stretch in the workspace.
    fn multiply_stretch(&self, tier: Tier, factors: Factors<i16>, work: &mut Workspace, steps: Range<usize>) {
        let Range { start: first, end: last } = steps;
        let mut sums = Sums { elements: &mut work.sums, stride: self.outputs, resume: false };
        match &self.form {
            Form::Whole(constants) => {
                multiply_pairs(tier, factors, self.part(constants, PAIR, first, last), &mut sums);
            }
            Form::Digits(constants) => {
                sums.stride = 2 * self.padded();
                let part = Constants { outputs: sums.stride, ..self.part(constants, PAIR, first, last) };
                multiply_pairs(tier, factors, part, &mut sums);
            }
            Form::Wrapped { constants, high, .. } => {
                // A step of quads is two of pairs.
                multiply_pairs(tier, factors, self.part(constants, PAIR, 2 * first, 2 * last), &mut sums);
                let stride = self.length.next_multiple_of(QUAD);
                let bytes = Factors { elements: &work.bytes, stride, rows: factors.rows };
                sums.elements = &mut work.high_sums;
                multiply_quads(tier, bytes, self.part(high, QUAD, first, last), &mut sums);
            }
        }
    }

    fn padded(&self) -> usize {
        self.outputs.next_multiple_of(PANEL)
    }

    fn part<'a, T>(&self, packed: &'a [T], width: usize, first: usize, last: usize) -> Constants<'a, T> {
        Constants { packed, steps: packed.len() / (self.panels() * PANEL * width), first, last, outputs: self.outputs }
    }

    fn panels(&self) -> usize {
        let each = if matches!(self.form, Form::Digits(_)) { 2 } else { 1 };
        each * self.outputs.div_ceil(PANEL)
    }
}

impl Workspace {
    /// High bytes of the rows' elements, the sign bit turned round; zeros up to a whole step.
    fn take_high_bytes(&mut self, factors: Factors<i16>, length: usize, tier: Tier) {
        let stride = length.next_multiple_of(QUAD);
        self.bytes.resize(factors.rows * stride, 0);
        tier.run(
            #[inline(always)]
            || {
                for (row, bytes) in self.bytes.chunks_exact_mut(stride).take(factors.rows).enumerate() {
                    let elements = &factors.elements[row * factors.stride..][..length];
                    for (byte, element) in bytes.iter_mut().zip(elements) {
                        *byte = ((*element as u16) >> 8) as u8 ^ 0x80;
                    }
                }
            },
        );
    }
}

#[inline(always)]
fn add_whole(sums: &[i32], totals: &mut [i64]) {
    totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += i64::from(*sum));
}

#[inline(always)]
fn add_digits(sums: &[i32], totals: &mut [i64]) {
    for (totals, sums) in totals.chunks_mut(PANEL).zip(sums.chunks_exact(2 * PANEL)) {
        let (high, low) = sums.split_at(PANEL);
        for ((total, high), low) in totals.iter_mut().zip(high).zip(low) {
            *total += (i64::from(*high) << 8) + i64::from(*low);
        }
    }
}

#[inline(always)]
fn add_wrapped(sums: &[i32], high_sums: &[i32], offsets: &[i64], totals: &mut [i64]) {
    for (((total, wrapped), high), offset) in totals.iter_mut().zip(sums).zip(high_sums).zip(offsets) {
        let near = (i64::from(*high) << 16) + offset;
        *total += near + i64::from(wrapped.wrapping_sub(near as i32));
    }
}

/// What remains of a constant without its [`high`] digit, which counts 256 times.
fn low(weight: i64) -> i64 {
    weight - (high(weight) << 8)
}

/// The nearest byte to a 256th of a constant.
fn high(weight: i64) -> i64 {
    ((weight + 128) >> 8).min(127)
}

/// Ends of the longest stretches over which the sizes of each output's constants add up to less than 2**31; `None` if
/// those of one step do not.
fn stretches(weights: &[Vec<i64>], width: usize, size: impl Fn(i64) -> u64) -> Option<Vec<usize>> {
    let steps = weights.first()?.len().div_ceil(width);
    let mut ends = Vec::new();
    let mut totals = vec![0u64; weights.len()];
    let mut sizes = vec![0u64; weights.len()];
    for step in 0..steps {
        for (sum, weights) in sizes.iter_mut().zip(weights) {
            *sum = weights[step * width..].iter().take(width).map(|weight| size(*weight)).sum();
        }
        if sizes.iter().any(|size| *size > i32::MAX as u64) {
            return None;
        }
        if totals.iter().zip(&sizes).any(|(total, size)| total + size > i32::MAX as u64) {
            ends.push(step);
            totals.fill(0);
        }
        totals.iter_mut().zip(&sizes).for_each(|(total, size)| *total += size);
    }
    ends.push(steps);
    Some(ends)
}

/// For each stretch and output, the sum of its high digits times what the rows' high bytes leave out.
fn offsets(weights: &[Vec<i64>], stretches: &[usize]) -> Vec<i64> {
    let mut first = 0;
    let mut offsets = Vec::with_capacity(stretches.len() * weights.len());
    for last in stretches {
        let sum = |weights: &Vec<i64>| {
            weights.iter().take(QUAD * last).skip(QUAD * first).map(|weight| high(*weight)).sum::<i64>()
        };
        offsets.extend(weights.iter().map(|weights| (MIDDLE << 8) * sum(weights)));
        first = *last;
    }
    offsets
}

fn pack<T: Clone + Default>(weights: &[Vec<i64>], steps: usize, width: usize, digit: impl Fn(i64) -> T) -> Vec<T> {
    let mut packed = vec![T::default(); weights.len().next_multiple_of(PANEL) * width * steps];
    for (output, weights) in weights.iter().enumerate() {
        for (k, weight) in weights.iter().enumerate() {
            let step = output / PANEL * steps + k / width;
            packed[(step * PANEL + output % PANEL) * width + k % width] = digit(*weight);
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers that look random, from `low` to `high`.
    fn numbers(count: usize, (low, high): (i64, i64), seed: u64) -> Vec<i64> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + ((state >> 33) as i64) % (high - low + 1)
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    fn check(outputs: usize, length: usize, weights: (i64, i64), elements: (i64, i64)) {
        let weights: Vec<Vec<i64>> = (0..outputs).map(|output| numbers(length, weights, output as u64 + 1)).collect();
        let (rows, stride) = (8, length + 5);
        let elements: Vec<i16> =
            numbers(rows * stride, elements, 99).into_iter().map(|element| element as i16).collect();
        let product = |at: usize| {
            let row = &elements[at / outputs * stride..][..length];
            row.iter().zip(&weights[at % outputs]).map(|(element, weight)| i64::from(*element) * weight).sum::<i64>()
        };
        let expected: Vec<i64> = (0..rows * outputs).map(product).collect();
        for tier in ["plain", "avx2", "avx512"] {
            let tier = Tier::up_to(tier).unwrap();
            let matrix = Matrix::new(&weights, 1 << 15, tier).unwrap();
            let mut found = vec![1; rows * outputs];
            let factors = Factors { elements: &elements, stride, rows };
            let mut totals = Totals { elements: &mut found, stride: outputs };
            matrix.multiply(tier, factors, &mut Workspace::default(), &mut totals);
            assert_eq!(found, expected, "{outputs} outputs of {length} elements, {tier:?}");
        }
    }

    #[test]
    fn product_with_small_constants_equals_the_sum_of_products() {
        for (outputs, length) in [(1, 1), (3, 2), (16, 7), (17, 300), (70, 785)] {
            check(outputs, length, (-128, 127), (-32768, 32767));
        }
    }

    #[test]
    fn product_with_large_constants_equals_the_sum_of_products() {
        for (outputs, length) in [(1, 3), (16, 40), (33, 300), (70, 785)] {
            check(outputs, length, (-32767, 32767), (-32768, 32767));
        }
    }

    #[test]
    fn product_of_extremes_equals_the_sum_of_products() {
        for end in [-32767, 32767] {
            check(5, 200, (end, end), (32767, 32767));
            check(5, 200, (end, end), (-32768, -32768));
        }
    }

    #[test]
    fn constants_of_more_than_16_bits_are_refused() {
        assert!(Matrix::new(&[vec![1 << 15]], 1, Tier::Plain).is_none());
    }
}
