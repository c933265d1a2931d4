//! A linear region as products of dense matrices, one for each set of outputs that read the same window.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::plan::kernels::{Factors, PANEL, Sums};
use crate::plan::linear::Linear;
use crate::plan::matrix::{Matrix, Totals};
use crate::plan::memory::{Bank, Element, Memory, Region, Rows, Slot};
use crate::plan::tier::Tier;
use crate::program::Program;

/// Most that the matrices may be larger than the constants they hold, sixteen-fold padding aside.
const MAX_INFLATION: usize = 2;
/// Rows whose sums of 64 bits are put together at a time.
const ASIDE_ROWS: usize = 48;

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
    pub fn new(
        program: &Program,
        linear: &Linear,
        (source, magnitude): (Slot, u64),
        target: Slot,
        tier: Tier,
    ) -> Option<Self> {
        let mut groups: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (output, row) in linear.rows.iter().enumerate() {
            groups.entry((row.start, row.length())).or_default().push(output);
        }
        let size = |((_, length), outputs): (&(usize, usize), &Vec<usize>)| {
            length.next_multiple_of(2) * outputs.len().next_multiple_of(PANEL)
        };
        let scattered = groups.iter().map(size).sum::<usize>() > MAX_INFLATION * PANEL * (linear.constants() + PANEL);
        if source.bank != Bank::Short || scattered {
            return None;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable();
        let mut known: HashMap<Vec<Vec<i64>>, Arc<Matrix>> = HashMap::new();
        let mut blocks = Vec::with_capacity(groups.len());
        for ((start, _), outputs) in groups {
            let row = |output: &usize| linear.rows[*output].weights(program).into_owned();
            let weights: Vec<Vec<i64>> = outputs.iter().map(row).collect();
            let matrix = match known.get(&weights) {
                Some(matrix) => Arc::clone(matrix),
                None => {
                    let matrix = Arc::new(Matrix::new(&weights, magnitude, tier)?);
                    known.insert(weights, Arc::clone(&matrix));
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
        self.blocks.iter().map(|block| block.matrix.constants()).sum()
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        for block in &self.blocks {
            if block.run && self.target.bank == Bank::Int {
                let stride = memory.ints.stride();
                let at = self.target.at + block.outputs[0];
                let factors = factors(&memory.shorts, block.from, 0..rows);
                let mut sums = Sums { elements: &mut memory.ints.all_mut()[at..], stride, resume: false };
                if block.matrix.multiply_narrow(tier, factors, &mut sums) {
                    continue;
                }
            }
            let mut work = std::mem::take(&mut memory.work);
            let mut aside = std::mem::take(&mut memory.scratch);
            for first in (0..rows).step_by(ASIDE_ROWS) {
                let rows = first..rows.min(first + ASIDE_ROWS);
                let factors = factors(&memory.shorts, block.from, rows.clone());
                if block.run && self.target.bank == Bank::Long {
                    let stride = memory.longs.stride();
                    let at = rows.start * stride + self.target.at + block.outputs[0];
                    let mut totals = Totals { elements: &mut memory.longs.all_mut()[at..], stride };
                    block.matrix.multiply(tier, factors, &mut work, &mut totals);
                } else {
                    let stride = block.matrix.outputs;
                    aside.resize(aside.len().max(rows.len() * stride), 0);
                    let mut totals = Totals { elements: &mut aside, stride };
                    block.matrix.multiply(tier, factors, &mut work, &mut totals);
                    self.store(block, memory, rows, &aside);
                }
            }
            (memory.work, memory.scratch) = (work, aside);
        }
    }

    fn store(&self, block: &Block, memory: &mut Memory, rows: Range<usize>, totals: &[i64]) {
        for (row, totals) in rows.zip(totals.chunks_exact(block.matrix.outputs)) {
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
        self.outputs.iter().zip(totals).for_each(|(place, total)| region[*place] = T::cut(*total));
    }
}

fn factors(shorts: &Rows<i16>, from: usize, rows: Range<usize>) -> Factors<'_, i16> {
    Factors {
        elements: &shorts.all()[rows.start * shorts.stride() + from..],
        stride: shorts.stride(),
        rows: rows.len(),
    }
}
