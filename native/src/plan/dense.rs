//! A linear region as products of dense matrices, one for each set of outputs that read the same window.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::kernels::{Constants, Factors, PANEL, Sums, Tier, multiply};
use crate::plan::linear::Linear;
use crate::plan::memory::{Bank, Element, Memory, Region, Slot};

/// Most that the matrices may be larger than the constants they hold, sixteen-fold padding aside.
const MAX_INFLATION: usize = 2;

/// Constants in the order in which the kernels read them: panels of sixteen outputs, and in each, for one pair of
/// elements of the window after another, sixteen pairs of constants.
#[derive(Debug)]
struct Matrix {
    outputs: usize,
    pairs: usize,
    constants: Vec<i16>,
    /// Ends (in pairs) of the stretches over which sums of 32 bits are exact.
    stretches: Vec<usize>,
}

impl Matrix {
    /// `None` if sums of 32 bits are exact over too few constants.
    fn new(constants: Vec<i16>, outputs: usize, pairs: usize, magnitude: u64) -> Option<Self> {
        let mut stretches = Vec::new();
        let mut sums = vec![0u64; outputs];
        for pair in 0..pairs {
            let size = |output: usize| {
                let at = (output / PANEL * pairs + pair) * 2 * PANEL + output % PANEL * 2;
                (u64::from(constants[at].unsigned_abs()) + u64::from(constants[at + 1].unsigned_abs())) * magnitude
            };
            let sizes: Vec<u64> = (0..outputs).map(size).collect();
            if sizes.iter().any(|size| *size > i32::MAX as u64) {
                return None;
            }
            if sums.iter().zip(&sizes).any(|(sum, size)| sum + size > i32::MAX as u64) {
                stretches.push(pair);
                sums.fill(0);
            }
            sums.iter_mut().zip(&sizes).for_each(|(sum, size)| *sum += size);
        }
        stretches.push(pairs);
        (stretches.len() <= pairs / 8 + 1).then_some(Self { outputs, pairs, constants, stretches })
    }
}

/// Outputs that read one window of the source.
#[derive(Debug)]
struct Block {
    /// First element of the window, in a row of the source's bank.
    from: usize,
    matrix: Arc<Matrix>,
    /// Places of the outputs in the region.
    outputs: Vec<usize>,
    /// Whether those are consecutive.
    run: bool,
}

/// One linear region.
#[derive(Debug)]
pub struct Dense {
    target: Slot,
    n: usize,
    blocks: Vec<Block>,
}

impl Dense {
    /// Plans a region of which the source lies in the bank of 16 bits and stays within `magnitude`; `None` if the
    /// constants are too large, or too scattered.
    pub fn new(linear: &Linear, source: Slot, magnitude: u64, target: Slot) -> Option<Self> {
        let small = |weight: &i64| i16::try_from(*weight).is_ok();
        if source.bank != Bank::Short || !linear.rows.iter().all(|row| row.weights.iter().all(small)) {
            return None;
        }
        let mut groups: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (output, row) in linear.rows.iter().enumerate() {
            groups.entry((row.start, row.weights.len())).or_default().push(output);
        }
        let held: usize = linear.rows.iter().map(|row| row.weights.len()).sum();
        let size = |((_, length), outputs): (&(usize, usize), &Vec<usize>)| {
            length.next_multiple_of(2) * outputs.len().next_multiple_of(PANEL)
        };
        if groups.iter().map(size).sum::<usize>() > MAX_INFLATION * PANEL * (held + PANEL) {
            return None;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable();
        let mut known: HashMap<(usize, Vec<i16>), Arc<Matrix>> = HashMap::new();
        let mut blocks = Vec::with_capacity(groups.len());
        for ((start, length), outputs) in groups {
            let pairs = length.div_ceil(2);
            let key = (outputs.len(), pack(linear, &outputs, pairs));
            let matrix = match known.get(&key) {
                Some(matrix) => Arc::clone(matrix),
                None => {
                    let matrix = Arc::new(Matrix::new(key.1.clone(), key.0, pairs, magnitude)?);
                    known.insert(key, Arc::clone(&matrix));
                    matrix
                }
            };
            let run = outputs.windows(2).all(|pair| pair[1] == pair[0] + 1);
            blocks.push(Block { from: source.at + start, matrix, outputs, run });
        }
        Some(Self { target, n: linear.rows.len(), blocks })
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        for block in &self.blocks {
            let matrix = &*block.matrix;
            if block.run && self.target.bank == Bank::Int && matrix.stretches.len() == 1 {
                let stride = memory.ints.stride();
                let at = self.target.at + block.outputs[0];
                let factors = factors(&memory.shorts, block.from, rows);
                let mut sums = Sums { elements: &mut memory.ints.all_mut()[at..], stride };
                multiply(tier, factors, matrix.part(0, matrix.pairs), &mut sums);
            } else {
                self.run_aside(block, memory, rows, tier);
            }
        }
    }

    /// Sums up the stretches in 64 bits, then stores.
    fn run_aside(&self, block: &Block, memory: &mut Memory, rows: usize, tier: Tier) {
        let matrix = &*block.matrix;
        let mut totals = vec![0i64; rows * matrix.outputs];
        let mut part = vec![0i32; rows * matrix.outputs];
        let mut first = 0;
        for &last in &matrix.stretches {
            let factors = factors(&memory.shorts, block.from, rows);
            let mut sums = Sums { elements: &mut part, stride: matrix.outputs };
            multiply(tier, factors, matrix.part(first, last), &mut sums);
            totals.iter_mut().zip(&part).for_each(|(total, sum)| *total += i64::from(*sum));
            first = last;
        }
        for (row, totals) in totals.chunks_exact(matrix.outputs).enumerate() {
            match memory.split(row, self.target, self.n).1 {
                Region::Shorts(region) => scatter(&block.outputs, totals, region),
                Region::Ints(region) => scatter(&block.outputs, totals, region),
                Region::Longs(region) => scatter(&block.outputs, totals, region),
            }
        }
    }
}

impl Matrix {
    fn part(&self, first: usize, last: usize) -> Constants<'_> {
        Constants { packed: &self.constants, pairs: self.pairs, first, last, outputs: self.outputs }
    }
}

fn factors(shorts: &crate::plan::memory::Rows<i16>, from: usize, rows: usize) -> Factors<'_> {
    Factors { elements: &shorts.all()[from..], stride: shorts.stride(), rows }
}

fn scatter<T: Element>(outputs: &[usize], totals: &[i64], region: &mut [T]) {
    for (place, total) in outputs.iter().zip(totals) {
        region[*place] = T::cut(*total);
    }
}

fn pack(linear: &Linear, outputs: &[usize], pairs: usize) -> Vec<i16> {
    let mut packed = vec![0i16; outputs.len().next_multiple_of(PANEL) * 2 * pairs];
    for (column, output) in outputs.iter().enumerate() {
        let panel = column / PANEL * pairs;
        for (k, weight) in linear.rows[*output].weights.iter().enumerate() {
            packed[(panel + k / 2) * 2 * PANEL + column % PANEL * 2 + k % 2] = *weight as i16;
        }
    }
    packed
}
