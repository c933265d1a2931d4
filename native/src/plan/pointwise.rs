//! Steps that make each element from at most one element of each operand.

use std::ops::Range;

use crate::interpret::rounding_shift;
use crate::plan::memory::{Bank, Earlier, Element, Memory, Region, Slot};
use crate::plan::pool::Stretches;
use crate::plan::tier::Tier;
use crate::program::Comparison;

/// Fewest elements of a stretch that are read together.
const MIN_STRETCH: usize = 4;
/// Elements that are widened to 64 bits at a time, of one row or of several.
const BLOCK: usize = 128;

/// Where a step finds one operand's element for each element of its region.
#[derive(Debug)]
pub enum View {
    /// The same everywhere.
    Same(i64),
    /// A constant each; a shorter list is repeated.
    Constants(Vec<i64>),
    /// Consecutive elements.
    Run(Slot),
    /// Stretches of consecutive elements of one bank.
    Stretches(Bank, Stretches),
    /// Any elements of one bank.
    Scattered(Bank, Vec<u32>),
    /// Any elements.
    Mixed(Vec<Slot>),
}

impl View {
    /// Simplest view of some places in a row.
    pub fn of(slots: Vec<Slot>) -> Self {
        let bank = slots.first().map_or(Bank::Short, |slot| slot.bank);
        if slots.iter().any(|slot| slot.bank != bank) {
            return Self::Mixed(slots);
        }
        if slots.windows(2).all(|pair| pair[1].at == pair[0].at + 1) {
            return slots.first().map_or(Self::Same(0), |slot| Self::Run(*slot));
        }
        let places: Vec<usize> = slots.iter().map(|slot| slot.at).collect();
        let stretches = Stretches::of(&places);
        if stretches.length() >= MIN_STRETCH {
            return Self::Stretches(bank, stretches);
        }
        Self::Scattered(bank, places.into_iter().map(|place| place as u32).collect())
    }

    /// Simplest view of some constants.
    pub fn constants(values: Vec<i64>) -> Self {
        match values.first() {
            Some(first) if values.iter().all(|value| value == first) => Self::Same(*first),
            _ => Self::Constants(values),
        }
    }

    /// Widens the elements from place `from` of the region on, in each of some rows.
    #[inline(always)]
    fn load(&self, memory: &Memory, rows: Range<usize>, from: usize, block: &mut [i64]) {
        let length = block.len() / rows.len();
        match self {
            Self::Same(value) => block.fill(*value),
            Self::Constants(values) => {
                for block in block.chunks_exact_mut(length) {
                    repeat(values, from, block);
                }
            }
            Self::Run(slot) => memory.widen(Slot { at: slot.at + from, ..*slot }, rows, block),
            Self::Stretches(bank, stretches) => {
                for (row, block) in rows.zip(block.chunks_exact_mut(length)) {
                    let row = memory.row(row);
                    match bank {
                        Bank::Short => stretches.widen(row.shorts, from, block),
                        Bank::Int => stretches.widen(row.ints, from, block),
                        Bank::Long => stretches.widen(row.longs, from, block),
                    }
                }
            }
            Self::Scattered(bank, places) => match bank {
                Bank::Short => memory.shorts.pick(&places[from..from + length], rows, block),
                Bank::Int => memory.ints.pick(&places[from..from + length], rows, block),
                Bank::Long => memory.longs.pick(&places[from..from + length], rows, block),
            },
            Self::Mixed(slots) => {
                for (row, block) in rows.zip(block.chunks_exact_mut(length)) {
                    let row = memory.row(row);
                    block.iter_mut().zip(&slots[from..]).for_each(|(value, slot)| *value = row.at(*slot));
                }
            }
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Same(_) | Self::Constants(_))
    }
}

/// Fills a block with a list of constants from a place on, again and again.
#[inline(always)]
fn repeat(values: &[i64], from: usize, mut block: &mut [i64]) {
    let mut from = from % values.len();
    while !block.is_empty() {
        let (part, rest) = block.split_at_mut(block.len().min(values.len() - from));
        part.copy_from_slice(&values[from..from + part.len()]);
        (block, from) = (rest, 0);
    }
}

/// What is made of the elements.
#[derive(Debug)]
pub enum Rule {
    /// `clamp(rshift(m0 * A * B + m1 * C + add, shift))`.
    Affine {
        /// Factor of A·B.
        m0: i64,
        /// Factor of C.
        m1: i64,
        /// Summand.
        add: i64,
        /// Right shift.
        shift: u32,
        /// Clamps.
        bounds: (i64, i64),
    },
    /// `clamp((factor * A + summand) >> shift)`; the summand has what rounds.
    Scale {
        /// Factor of A.
        factor: i64,
        /// Summand.
        summand: i64,
        /// Right shift.
        shift: u32,
        /// Clamps.
        bounds: (i64, i64),
    },
    /// `C if A ? B else 0`.
    Select(Comparison),
    /// `entries[B + clamp(A) - lo]`, where B is the place of the first entry.
    Table {
        /// Clamps.
        bounds: (i64, i64),
        /// Constants.
        entries: Vec<i64>,
    },
    /// `A`.
    Copy,
}

/// One region, element by element.
#[derive(Debug)]
pub struct Pointwise {
    /// What is made.
    pub rule: Rule,
    /// Of what: A, B, C.
    pub operands: [View; 3],
    /// Where it goes.
    pub target: Slot,
    /// How many elements.
    pub n: usize,
}

impl Pointwise {
    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        let mut scratch = std::mem::take(&mut memory.scratch);
        scratch.resize(scratch.len().max(3 * BLOCK), 0);
        tier.run(
            #[inline(always)]
            || self.fill(memory, rows, &mut scratch),
        );
        memory.scratch = scratch;
    }

    /// Blocks are several short rows together, or parts of a long one.
    #[inline(always)]
    fn fill(&self, memory: &mut Memory, rows: usize, scratch: &mut [i64]) {
        let (a, rest) = scratch.split_at_mut(BLOCK);
        let (b, rest) = rest.split_at_mut(BLOCK);
        let c = &mut rest[..BLOCK];
        let together = (BLOCK / self.n).max(1);
        for first in (0..rows).step_by(together) {
            let rows = first..rows.min(first + together);
            for from in (0..self.n).step_by(BLOCK) {
                let length = BLOCK.min(self.n - from) * rows.len();
                let (a, b, c) = (&mut a[..length], &mut b[..length], &mut c[..length]);
                self.operands[0].load(memory, rows.clone(), from, a);
                for (operand, block) in [(&self.operands[1], &mut *b), (&self.operands[2], &mut *c)] {
                    // Constants of whole rows are still there from the last rows.
                    if first == 0 || self.n > BLOCK || !operand.is_constant() {
                        operand.load(memory, rows.clone(), from, block);
                    }
                }
                self.apply(a, b, c);
                memory.narrow(Slot { at: self.target.at + from, ..self.target }, rows.clone(), a);
            }
        }
    }

    /// Leaves the results in `a`.
    #[inline(always)]
    fn apply(&self, a: &mut [i64], b: &[i64], c: &[i64]) {
        match &self.rule {
            Rule::Affine { m0, m1, add, shift, bounds } => {
                for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                    let sum = m0.wrapping_mul(*a).wrapping_mul(*b).wrapping_add(m1.wrapping_mul(*c)).wrapping_add(*add);
                    *a = rounding_shift(sum, *shift).max(bounds.0).min(bounds.1);
                }
            }
            Rule::Scale { factor, summand, shift, bounds: (lo, hi) } => {
                for a in a {
                    *a = (factor.wrapping_mul(*a).wrapping_add(*summand) >> shift).max(*lo).min(*hi);
                }
            }
            Rule::Select(comparison) => {
                let triples = a.iter_mut().zip(b).zip(c);
                match comparison {
                    Comparison::GreaterEqual => triples.for_each(|((a, b), c)| *a = if *a >= *b { *c } else { 0 }),
                    Comparison::Greater => triples.for_each(|((a, b), c)| *a = if *a > *b { *c } else { 0 }),
                    Comparison::Equal => triples.for_each(|((a, b), c)| *a = if *a == *b { *c } else { 0 }),
                    Comparison::LessEqual => triples.for_each(|((a, b), c)| *a = if *a <= *b { *c } else { 0 }),
                    Comparison::Less => triples.for_each(|((a, b), c)| *a = if *a < *b { *c } else { 0 }),
                }
            }
            Rule::Table { bounds: (lo, hi), entries } => {
                for (a, b) in a.iter_mut().zip(b) {
                    *a = entries[(*b + ((*a).max(*lo).min(*hi) - lo)) as usize];
                }
            }
            Rule::Copy => {}
        }
    }
}

/// AFFINE of consecutive elements with constants: the usual way from sums to the next activations.
#[derive(Debug)]
pub struct Rescale {
    /// In which bank A lies.
    pub bank: Bank,
    /// Where in it.
    pub source: Stretches,
    /// Factor of each element of a stretch; one for all if there is just one.
    pub factors: Vec<i32>,
    /// Summand of each element of a stretch, what rounds included.
    pub summands: Vec<i64>,
    /// Elements.
    pub n: usize,
    /// Right shift, after the rounding summand.
    pub shift: u32,
    /// Clamps.
    pub bounds: (i64, i64),
    /// Where it goes.
    pub target: Slot,
}

impl Rescale {
    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        tier.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let (earlier, region) = memory.split(row, self.target, self.n);
                    match region {
                        Region::Shorts(region) => self.fill(earlier, region),
                        Region::Ints(region) => self.fill(earlier, region),
                        Region::Longs(region) => self.fill(earlier, region),
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn fill<T: Element>(&self, row: Earlier, region: &mut [T]) {
        match self.bank {
            Bank::Short => self.fill_from(row.shorts, region),
            Bank::Int => self.fill_from(row.ints, region),
            Bank::Long => self.fill_from(row.longs, region),
        }
    }

    #[inline(always)]
    fn fill_from<A: Element, T: Element>(&self, source: &[A], region: &mut [T]) {
        let (lo, hi) = self.bounds;
        let shift = self.shift;
        let finish = |factor: i32, a: A, summand: i64| {
            let sum = i64::from(factor).wrapping_mul(a.wide()).wrapping_add(summand);
            T::cut((sum >> shift).max(lo).min(hi))
        };
        for (part, start) in region.chunks_mut(self.source.length()).zip(self.source.starts()) {
            let elements = part.iter_mut().zip(&source[*start as usize..]).zip(&self.summands);
            match self.factors[..] {
                [factor] => elements.for_each(|((element, a), summand)| *element = finish(factor, *a, *summand)),
                _ => elements
                    .zip(&self.factors)
                    .for_each(|(((element, a), summand), factor)| *element = finish(*factor, *a, *summand)),
            }
        }
    }
}
