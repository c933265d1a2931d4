//! Steps that make each element from a row of up to 256 elements.

use crate::plan::linear::Linear;
use crate::plan::memory::{Bank, Earlier, Element, Memory, Region, Slot};
use crate::plan::tier::Tier;
use crate::program::Program;

/// What is made of a row.
#[derive(Debug)]
pub enum Reduction {
    /// The greatest element.
    Max,
    /// The sum.
    Sum,
    /// The first place of the greatest element.
    Argmax,
    /// The sum of products with another row, which starts here.
    Product(Vec<Slot>),
}

/// One region of reduced rows.
#[derive(Debug)]
pub struct Reduce {
    /// What is made.
    pub reduction: Reduction,
    /// First element of each row; all in one bank.
    pub starts: Vec<Slot>,
    /// Elements of a row.
    pub k: usize,
    /// Where it goes.
    pub target: Slot,
}

impl Reduce {
    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        tier.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let (earlier, region) = memory.split(row, self.target, self.starts.len());
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
        for (e, (element, start)) in region.iter_mut().zip(&self.starts).enumerate() {
            *element = T::cut(match start.bank {
                Bank::Short => self.reduce(row, e, &row.shorts[start.at..][..self.k]),
                Bank::Int => self.reduce(row, e, &row.ints[start.at..][..self.k]),
                Bank::Long => self.reduce(row, e, &row.longs[start.at..][..self.k]),
            });
        }
    }

    #[inline(always)]
    fn reduce<T: Element>(&self, row: Earlier, e: usize, elements: &[T]) -> i64 {
        match &self.reduction {
            Reduction::Max => elements.iter().map(|element| element.wide()).fold(i64::MIN, i64::max),
            Reduction::Sum => elements.iter().fold(0, |sum, element| sum.wrapping_add(element.wide())),
            Reduction::Argmax => {
                let mut best = (0, i64::MIN);
                for (place, element) in elements.iter().enumerate() {
                    if element.wide() > best.1 {
                        best = (place as i64, element.wide());
                    }
                }
                best.0
            }
            Reduction::Product(others) => match others[e].bank {
                Bank::Short => dot(elements, &row.shorts[others[e].at..]),
                Bank::Int => dot(elements, &row.ints[others[e].at..]),
                Bank::Long => dot(elements, &row.longs[others[e].at..]),
            },
        }
    }
}

#[inline(always)]
fn dot<A: Element, B: Element>(a: &[A], b: &[B]) -> i64 {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum.wrapping_add(a.wide().wrapping_mul(b.wide())))
}

/// A linear region that the packed kernels are not for: each element a sum in 64 bits.
#[derive(Debug)]
pub struct Weighted {
    source: Slot,
    target: Slot,
    /// First element of each window, in a row of the source's bank, and the end of its constants.
    windows: Vec<(usize, usize)>,
    constants: Constants,
}

#[derive(Debug)]
enum Constants {
    Int(Vec<i32>),
    Long(Vec<i64>),
}

impl Weighted {
    /// How many constants it multiplies with.
    pub fn constants(&self) -> usize {
        self.windows.last().map_or(0, |window| window.1)
    }

    /// Plans a linear region.
    pub fn new(program: &Program, linear: &Linear, source: Slot, target: Slot) -> Self {
        let mut constants = Vec::new();
        let mut windows = Vec::with_capacity(linear.rows.len());
        for row in &linear.rows {
            constants.extend_from_slice(&row.weights(program));
            windows.push((source.at + row.start, constants.len()));
        }
        let narrow: Result<Vec<i32>, _> = constants.iter().map(|weight| i32::try_from(*weight)).collect();
        let constants = narrow.map_or(Constants::Long(constants), Constants::Int);
        Self { source, target, windows, constants }
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        tier.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let (earlier, region) = memory.split(row, self.target, self.windows.len());
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
        match self.source.bank {
            Bank::Short => self.fill_from(row.shorts, region),
            Bank::Int => self.fill_from(row.ints, region),
            Bank::Long => self.fill_from(row.longs, region),
        }
    }

    #[inline(always)]
    fn fill_from<A: Element, T: Element>(&self, source: &[A], region: &mut [T]) {
        match &self.constants {
            Constants::Int(constants) => self.sums(source, constants, region),
            Constants::Long(constants) => self.sums(source, constants, region),
        }
    }

    #[inline(always)]
    fn sums<A: Element, B: Element, T: Element>(&self, source: &[A], constants: &[B], region: &mut [T]) {
        let mut first = 0;
        for (element, (from, last)) in region.iter_mut().zip(&self.windows) {
            *element = T::cut(dot(&constants[first..*last], &source[*from..]));
            first = *last;
        }
    }
}
