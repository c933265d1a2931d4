//! A linear region as products of dense matrices, one for each set of outputs that read the same window.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::plan::kernels::{Constants, Factors, PANEL, Sums, Tier, multiply};
use crate::plan::linear::Linear;
use crate::plan::memory::{Bank, Element, Memory, Region, Rows, Slot};
use crate::program::Program;

/// Most that the matrices may be larger than the constants they hold, sixteen-fold padding aside.
const MAX_INFLATION: usize = 2;

/// Rows whose sums of 64 bits are put together at a time.
const ASIDE_ROWS: usize = 24;

/// Constants in the order in which the kernels read them: panels of sixteen outputs, and in each, for one pair of
/// elements of the window after another, sixteen pairs of constants.
#[derive(Debug)]
struct Matrix {
    outputs: usize,
    pairs: usize,
    constants: Vec<i16>,
    /// Large constants are cut in two digits, so that sums of 32 bits go further: then each panel of high digits (which
    /// count 256 times) is followed by its panel of low ones.
    cut: bool,
    /// Ends (in pairs) of the stretches over which sums of 32 bits are exact.
    stretches: Vec<usize>,
}

impl Matrix {
    /// `None` if sums of 32 bits are exact over too few constants.
    fn new(constants: Vec<i16>, outputs: usize, pairs: usize, magnitude: u64) -> Option<Self> {
        let ends = stretches(&constants, outputs, pairs, magnitude);
        if let Some(stretches) = ends.filter(|ends| ends.len() <= 2) {
            return Some(Self { outputs, pairs, constants, cut: false, stretches });
        }
        let low = |constant: &i16| i16::from(*constant as i8);
        let high = |constant: &i16| ((i32::from(*constant) - i32::from(low(constant))) >> 8) as i16;
        let panels = constants.chunks_exact(2 * PANEL * pairs);
        let digits: Vec<i16> =
            panels.flat_map(|panel| panel.iter().map(high).chain(panel.iter().map(low)).collect::<Vec<_>>()).collect();
        let stretches = stretches(&digits, 2 * outputs.next_multiple_of(PANEL), pairs, magnitude)?;
        let few = stretches.len() <= pairs / 16 + 2;
        few.then_some(Self { outputs, pairs, constants: digits, cut: true, stretches })
    }

    /// Sums that the kernels make.
    fn columns(&self) -> usize {
        if self.cut { 2 * self.outputs.next_multiple_of(PANEL) } else { self.outputs }
    }

    fn stretch(&self, first: usize, last: usize) -> Constants<'_> {
        Constants { packed: &self.constants, pairs: self.pairs, first, last, outputs: self.columns() }
    }

    /// Adds a row of sums to the totals.
    #[inline(always)]
    fn add(&self, sums: &[i32], totals: &mut [i64]) {
        if !self.cut {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += i64::from(*sum));
            return;
        }
        for (totals, sums) in totals.chunks_mut(PANEL).zip(sums.chunks_exact(2 * PANEL)) {
            let (high, low) = sums.split_at(PANEL);
            for ((total, high), low) in totals.iter_mut().zip(high).zip(low) {
                *total += (i64::from(*high) << 8) + i64::from(*low);
            }
        }
    }

    /// Whether one sum of 32 bits is exact.
    fn is_plain(&self) -> bool {
        !self.cut && self.stretches.len() == 1
    }
}

/// Ends of the longest stretches over which no sum of 32 bits can overflow; `None` if a pair can.
fn stretches(constants: &[i16], outputs: usize, pairs: usize, magnitude: u64) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let mut sums = vec![0u64; outputs];
    let mut sizes = vec![0u64; outputs];
    for pair in 0..pairs {
        for (output, size) in sizes.iter_mut().enumerate() {
            let at = (output / PANEL * pairs + pair) * 2 * PANEL + output % PANEL * 2;
            let both = u64::from(constants[at].unsigned_abs()) + u64::from(constants[at + 1].unsigned_abs());
            *size = both * magnitude;
        }
        if sizes.iter().any(|size| *size > i32::MAX as u64) {
            return None;
        }
        if sums.iter().zip(&sizes).any(|(sum, size)| sum + size > i32::MAX as u64) {
            ends.push(pair);
            sums.fill(0);
        }
        sums.iter_mut().zip(&sizes).for_each(|(sum, size)| *sum += size);
    }
    ends.push(pairs);
    Some(ends)
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
    pub fn new(program: &Program, linear: &Linear, (source, magnitude): (Slot, u64), target: Slot) -> Option<Self> {
        let small = |weight: &i64| i16::try_from(*weight).is_ok();
        if source.bank != Bank::Short || !linear.rows.iter().all(|row| row.weights(program).iter().all(small)) {
            return None;
        }
        let mut groups: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (output, row) in linear.rows.iter().enumerate() {
            groups.entry((row.start, row.length())).or_default().push(output);
        }
        let held = linear.constants();
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
            let key = (outputs.len(), pack(program, linear, &outputs, pairs));
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

    /// How many constants it multiplies with.
    pub fn constants(&self) -> usize {
        self.blocks.iter().map(|block| block.matrix.constants.len()).sum()
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        for block in &self.blocks {
            let matrix = &*block.matrix;
            if block.run && self.target.bank == Bank::Int && matrix.is_plain() {
                let stride = memory.ints.stride();
                let at = self.target.at + block.outputs[0];
                let factors = factors(&memory.shorts, block.from, 0, rows);
                let mut sums = Sums { elements: &mut memory.ints.all_mut()[at..], stride };
                multiply(tier, factors, matrix.stretch(0, matrix.pairs), &mut sums);
            } else {
                let mut scratch = std::mem::take(&mut memory.scratch);
                let mut sums = std::mem::take(&mut memory.sums);
                for first in (0..rows).step_by(ASIDE_ROWS) {
                    let rows = first..rows.min(first + ASIDE_ROWS);
                    self.run_aside(block, memory, rows, tier, (&mut scratch, &mut sums));
                }
                (memory.scratch, memory.sums) = (scratch, sums);
            }
        }
    }

    /// Adds up the digits and stretches in 64 bits, then stores.
    fn run_aside(
        &self,
        block: &Block,
        memory: &mut Memory,
        rows: Range<usize>,
        tier: Tier,
        (totals, sums): (&mut Vec<i64>, &mut Vec<i32>),
    ) {
        let matrix = &*block.matrix;
        totals.clear();
        totals.resize(rows.len() * matrix.outputs, 0);
        sums.resize(rows.len() * matrix.columns(), 0);
        let mut first = 0;
        for &last in &matrix.stretches {
            let factors = factors(&memory.shorts, block.from, rows.start, rows.len());
            multiply(
                tier,
                factors,
                matrix.stretch(first, last),
                &mut Sums { elements: sums, stride: matrix.columns() },
            );
            tier.run(
                #[inline(always)]
                || {
                    let rows = sums.chunks_exact(matrix.columns());
                    rows.zip(totals.chunks_exact_mut(matrix.outputs))
                        .for_each(|(sums, totals)| matrix.add(sums, totals));
                },
            );
            first = last;
        }
        for (row, totals) in rows.zip(totals.chunks_exact(matrix.outputs)) {
            match memory.split(row, self.target, self.n).1 {
                Region::Shorts(region) => block.store(totals, region),
                Region::Ints(region) => block.store(totals, region),
                Region::Longs(region) => block.store(totals, region),
            }
        }
    }
}

impl Block {
    fn store<T: Element>(&self, totals: &[i64], region: &mut [T]) {
        if self.run {
            let region = &mut region[self.outputs[0]..][..totals.len()];
            region.iter_mut().zip(totals).for_each(|(element, total)| *element = T::cut(*total));
        } else {
            self.outputs.iter().zip(totals).for_each(|(place, total)| region[*place] = T::cut(*total));
        }
    }
}

fn factors(shorts: &Rows<i16>, from: usize, row: usize, rows: usize) -> Factors<'_> {
    Factors { elements: &shorts.all()[row * shorts.stride() + from..], stride: shorts.stride(), rows }
}

fn pack(program: &Program, linear: &Linear, outputs: &[usize], pairs: usize) -> Vec<i16> {
    let mut packed = vec![0i16; outputs.len().next_multiple_of(PANEL) * 2 * pairs];
    for (column, output) in outputs.iter().enumerate() {
        let panel = column / PANEL * pairs;
        for (k, weight) in linear.rows[*output].weights(program).iter().enumerate() {
            packed[(panel + k / 2) * 2 * PANEL + column % PANEL * 2 + k % 2] = *weight as i16;
        }
    }
    packed
}
