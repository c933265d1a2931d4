//! The fast executor: a program as steps over typed memory, chosen once when it is loaded.
//!
//! Regions that nothing reads any more, because what they lead to is worked out directly, are not made. Whatever steps
//! are chosen, the output is bit for bit that of [`crate::interpret`]. A program with something that no step is for
//! is [`Unplanned`], and is interpreted.

mod choose;
mod conjunctions;
mod dense;
mod forest;
mod grid;
mod kernels;
mod linear;
mod matrix;
mod memory;
mod pointwise;
mod pool;
mod reduce;
mod survey;
pub mod tier;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::{Mutex, PoisonError};

use dense::Dense;
use forest::Forest;
use grid::{Convolution, Depthwise};
use memory::{Layout, Memory, Slot};
use pointwise::{Pointwise, Rescale};
use pool::Pool;
use reduce::{Reduce, Weighted};
use tier::Tier;

use crate::program::Program;

/// Bytes of memory that are worked on at a time, if that is more than one row.
const CHUNK_BYTES: usize = 1 << 20;
/// Most rows that are worked on at a time: a multiple of the rows that a kernel takes together.
const MAX_CHUNK_ROWS: usize = 384;
/// Most elements of a program that is planned.
const MAX_ELEMENTS: usize = 1 << 24;
/// Most constants of one linear region that is planned.
const MAX_CONSTANTS: usize = 1 << 25;

/// That no plan can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unplanned;

/// One region's work.
#[derive(Debug)]
enum Step {
    Convolution(Convolution),
    Depthwise(Depthwise),
    Dense(Dense),
    Weighted(Weighted),
    Forest(Forest),
    Rescale(Rescale),
    Pointwise(Pointwise),
    Pool(Pool),
    Reduce(Reduce),
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Convolution(_) => "convolution",
            Self::Depthwise(_) => "depthwise",
            Self::Dense(_) => "dense",
            Self::Weighted(_) => "weighted",
            Self::Forest(_) => "forest",
            Self::Rescale(_) => "rescale",
            Self::Pointwise(_) => "pointwise",
            Self::Pool(_) => "pool",
            Self::Reduce(_) => "reduce",
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::Convolution(step) => step.cost(),
            Self::Depthwise(step) => step.cost(),
            Self::Dense(step) => step.constants() / 64,
            Self::Weighted(step) => step.constants() / 4,
            Self::Forest(step) => 2 * step.levels(),
            Self::Rescale(step) => step.n / 2,
            Self::Pointwise(step) => 4 * step.n,
            Self::Pool(step) => step.taps.len() * step.n,
            Self::Reduce(step) => step.starts.len() * step.k,
        }
    }

    fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        match self {
            Self::Convolution(step) => step.run(memory, rows, tier),
            Self::Depthwise(step) => step.run(memory, rows, tier),
            Self::Dense(step) => step.run(memory, rows, tier),
            Self::Weighted(step) => step.run(memory, rows, tier),
            Self::Forest(step) => step.run(memory, rows, tier),
            Self::Rescale(step) => step.run(memory, rows, tier),
            Self::Pointwise(step) => step.run(memory, rows, tier),
            Self::Pool(step) => step.run(memory, rows, tier),
            Self::Reduce(step) => step.run(memory, rows, tier),
        }
    }
}

/// A region that crosses the boundary to the caller.
#[derive(Debug, Clone, Copy)]
struct Port {
    slot: Slot,
    n: usize,
}

/// A program's steps.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    layout: Layout,
    input: Port,
    output: Port,
    /// Smallest and greatest input.
    range: (i64, i64),
    tier: Tier,
    /// Memories that no run is using.
    spare: Mutex<Vec<Memory>>,
}

impl Plan {
    /// Plans a program for instructions that this machine has.
    ///
    /// # Errors
    /// If it has something that no step is for.
    pub fn new(program: &Program, tier: Tier) -> Result<Self, Unplanned> {
        choose::plan(program, tier)
    }

    /// Rough number of nanoseconds that a row takes, to tell whether threads pay.
    pub fn cost(&self) -> usize {
        self.input.n + self.steps.iter().map(Step::cost).sum::<usize>()
    }

    /// What kind each step is.
    pub fn steps(&self) -> Vec<&'static str> {
        self.steps.iter().map(Step::name).collect()
    }

    /// Outputs of rows of inputs; says whether every input was in the input's range (if not, outputs are unspecified).
    pub fn run(&self, inputs: &[i64], outputs: &mut [i64]) -> bool {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_default();
        let mut chunk = (CHUNK_BYTES / self.layout.bytes().max(1)).clamp(1, MAX_CHUNK_ROWS);
        if chunk > 6 {
            chunk -= chunk % 6;
        }
        let inputs = inputs.chunks(chunk * self.input.n);
        let mut fits = true;
        for (inputs, outputs) in inputs.zip(outputs.chunks_mut(chunk * self.output.n)) {
            fits &= self.run_chunk(&mut memory, inputs, outputs);
        }
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        fits
    }

    fn run_chunk(&self, memory: &mut Memory, inputs: &[i64], outputs: &mut [i64]) -> bool {
        let rows = inputs.len() / self.input.n;
        memory.resize(rows, &self.layout);
        let (low, high) = self.range;
        let fits = self.tier.run(
            #[inline(always)]
            || {
                memory.narrow(self.input.slot, 0..rows, inputs);
                let ends = inputs
                    .iter()
                    .fold((0, 0), |(least, most): (i64, i64), value| (least.min(*value), most.max(*value)));
                low <= ends.0 && ends.1 <= high
            },
        );
        for step in &self.steps {
            step.run(memory, rows, self.tier);
        }
        self.tier.run(
            #[inline(always)]
            || memory.widen(self.output.slot, 0..rows, outputs),
        );
        fits
    }
}
