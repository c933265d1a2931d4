//! Elements copied from one place to another, and the greatest of equally many elements at any places (pools).

use crate::plan::memory::{Bank, Element, Memory, Slot};
use crate::plan::tier::Tier;

/// Where the elements of a region come from: stretches of equal length, one after another.
#[derive(Debug)]
pub struct Stretches {
    /// Elements of a stretch; the last one may break off.
    length: usize,
    /// Where each starts, in a row of the bank.
    starts: Vec<u32>,
}

impl Stretches {
    /// The longest stretches of equal length in a list of places.
    pub fn of(places: &[usize]) -> Self {
        let breaks = (1..places.len()).filter(|at| places[*at] != places[at - 1] + 1);
        let length = breaks.fold(0, gcd);
        let length = if length == 0 { places.len().max(1) } else { length };
        Self { length, starts: places.iter().step_by(length).map(|place| *place as u32).collect() }
    }

    /// The same in stretches of another length, if those are whole ones or parts of them.
    pub fn cut(&self, length: usize, n: usize) -> Option<Self> {
        let place = |at: usize| self.starts[at / self.length] as usize + at % self.length;
        let whole = (0..n).step_by(length).all(|at| {
            let last = (at + length).min(n) - 1;
            place(last) == place(at) + last - at
        });
        whole.then(|| Self { length, starts: (0..n).step_by(length).map(|at| place(at) as u32).collect() })
    }

    /// Widens the elements from place `from` on.
    #[inline(always)]
    pub fn widen<T: Element>(&self, row: &[T], mut from: usize, mut values: &mut [i64]) {
        while !values.is_empty() {
            let (stretch, within) = (from / self.length, from % self.length);
            let (part, rest) = values.split_at_mut(values.len().min(self.length - within));
            let source = &row[self.starts[stretch] as usize + within..];
            part.iter_mut().zip(source).for_each(|(value, element)| *value = element.wide());
            from += part.len();
            values = rest;
        }
    }

    /// Elements of a stretch.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Where each stretch starts.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A region whose elements are each the greatest of some others, all in its own bank.
#[derive(Debug)]
pub struct Pool {
    /// One list of places for each element that is compared; a single one is copied.
    pub taps: Vec<Stretches>,
    /// Where the greatest go.
    pub target: Slot,
    /// How many.
    pub n: usize,
}

impl Pool {
    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        tier.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let at = self.target.at;
                    match self.target.bank {
                        Bank::Short => self.fill(memory.shorts.row_mut(row), at),
                        Bank::Int => self.fill(memory.ints.row_mut(row), at),
                        Bank::Long => self.fill(memory.longs.row_mut(row), at),
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn fill<T: Element + Ord>(&self, row: &mut [T], at: usize) {
        let (earlier, region) = row.split_at_mut(at);
        let region = &mut region[..self.n];
        for (number, tap) in self.taps.iter().enumerate() {
            for (part, start) in region.chunks_mut(tap.length).zip(&tap.starts) {
                let source = &earlier[*start as usize..][..part.len()];
                if number == 0 {
                    part.copy_from_slice(source);
                } else {
                    part.iter_mut().zip(source).for_each(|(element, other)| *element = (*element).max(*other));
                }
            }
        }
    }
}
