//! Products of short integers and packed constants, with sums of 32 bits.
//!
//! A step takes four bytes of a row (two elements of 16 bits, or four of 8) and sixty-four of constants (as many for each
//! of sixteen outputs). Every instruction set makes the same sums, modulo 2**32.

use crate::plan::tier::Tier;
#[cfg(target_arch = "x86_64")]
use crate::plan::x86;

/// Outputs that are worked out side by side.
pub const PANEL: usize = 16;
/// Bytes of a row that a step takes.
pub const FACTOR_BYTES: usize = 4;
/// Bytes of constants that a step takes.
const STEP_BYTES: usize = FACTOR_BYTES * PANEL;
/// Rows that share each load of constants.
const TALL: usize = 6;
/// Steps that are gone through for all rows before the next ones, so that their constants stay in the nearest cache.
const DEEP: usize = 96;

/// Rows of elements.
#[derive(Clone, Copy)]
pub struct Factors<'a, T> {
    /// Elements, the first row's first.
    pub elements: &'a [T],
    /// Distance between rows.
    pub stride: usize,
    /// How many rows.
    pub rows: usize,
}

/// Packed constants, and the steps of them to take.
#[derive(Clone, Copy)]
pub struct Constants<'a, T> {
    /// Panel after panel of sixteen outputs, step after step, output after output.
    pub packed: &'a [T],
    /// Steps of a panel.
    pub steps: usize,
    /// First step to take.
    pub first: usize,
    /// Step after the last to take.
    pub last: usize,
    /// Outputs.
    pub outputs: usize,
}

/// Where the sums go.
pub struct Sums<'a> {
    /// First row's sums first.
    pub elements: &'a mut [i32],
    /// Distance between rows.
    pub stride: usize,
    /// Whether to add to the sums that are there.
    pub resume: bool,
}

/// Sums of products of every row with every output's constants, two elements to a step.
pub fn multiply_pairs(tier: Tier, factors: Factors<i16>, constants: Constants<i16>, sums: &mut Sums) {
    let sweep = Sweep::new(factors, constants);
    match tier {
        // SAFETY: the sweep is in bounds, and the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => unsafe { x86::pairs_avx512(sweep, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Tier::Avx2 => unsafe { x86::pairs_avx2(sweep, sums) },
        // SAFETY: as above.
        _ => unsafe { sweep.run::<PlainPairs, 1, 1>(sums) },
    }
}

/// Sums of products of every row with every output's constants, four elements to a step.
pub fn multiply_quads(tier: Tier, factors: Factors<u8>, constants: Constants<i8>, sums: &mut Sums) {
    let sweep = Sweep::new(factors, constants);
    match tier {
        // SAFETY: the sweep is in bounds, and the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => unsafe { x86::quads_avx512(sweep, sums) },
        // SAFETY: as above.
        _ => unsafe { sweep.run::<PlainQuads, 1, 1>(sums) },
    }
}

/// Sixteen sums of 32 bits.
///
/// # Safety
/// The methods may use instructions that the machine must have.
pub unsafe trait Accumulator: Copy {
    /// Sixteen zeros.
    /// # Safety
    /// The implementation's instructions are available.
    unsafe fn zero() -> Self;
    /// Adds the products of a step.
    /// # Safety
    /// As for [`Accumulator::zero`]; `constants` points at [`STEP_BYTES`] bytes.
    unsafe fn add(self, factors: [u8; FACTOR_BYTES], constants: *const u8) -> Self;
    /// Adds other sums.
    /// # Safety
    /// As for [`Accumulator::zero`].
    unsafe fn plus(self, other: Self) -> Self;
    /// The sums.
    /// # Safety
    /// As for [`Accumulator::zero`].
    unsafe fn sums(self) -> [i32; PANEL];
}

macro_rules! plain_accumulator {
    ($name:ident, $product:expr) => {
        #[derive(Clone, Copy)]
        struct $name([i32; PANEL]);

        // SAFETY: needs nothing beyond the base instruction set.
        unsafe impl Accumulator for $name {
            #[inline(always)]
            unsafe fn zero() -> Self {
                Self([0; PANEL])
            }
            #[inline(always)]
            unsafe fn add(mut self, factors: [u8; FACTOR_BYTES], constants: *const u8) -> Self {
                // SAFETY: the caller vouches for the constants.
                let constants = unsafe { std::slice::from_raw_parts(constants, STEP_BYTES) };
                for (sum, constants) in self.0.iter_mut().zip(constants.as_chunks::<FACTOR_BYTES>().0) {
                    *sum = sum.wrapping_add($product(factors, *constants));
                }
                self
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                Self(std::array::from_fn(|lane| self.0[lane].wrapping_add(other.0[lane])))
            }
            #[inline(always)]
            unsafe fn sums(self) -> [i32; PANEL] {
                self.0
            }
        }
    };
}

plain_accumulator!(PlainPairs, |factors: [u8; 4], constants: [u8; 4]| {
    let pair = |[a, b, c, d]: [u8; 4]| [i16::from_ne_bytes([a, b]), i16::from_ne_bytes([c, d])].map(i32::from);
    let ([a, b], [c, d]) = (pair(factors), pair(constants));
    (a * c).wrapping_add(b * d)
});
plain_accumulator!(PlainQuads, |factors: [u8; 4], constants: [u8; 4]| {
    let products = factors.into_iter().zip(constants).map(|(a, b)| i32::from(a) * i32::from(b as i8));
    products.sum::<i32>()
});

/// A product of rows and constants, known to be in bounds.
#[derive(Clone, Copy)]
pub struct Sweep {
    factors: *const u8,
    /// Bytes between rows.
    stride: usize,
    rows: usize,
    constants: *const u8,
    steps: usize,
    first: usize,
    last: usize,
    outputs: usize,
}

/// Where a tile is, and whether it adds to the sums that are there.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    panel: usize,
    resume: bool,
}

impl Sweep {
    fn new<T, U>(factors: Factors<T>, constants: Constants<U>) -> Self {
        let Factors { elements, stride, rows } = factors;
        let Constants { packed, steps, first, last, outputs } = constants;
        assert!(first <= last && last <= steps);
        assert!(size_of_val(packed) >= outputs.div_ceil(PANEL) * steps * STEP_BYTES);
        assert!(rows == 0 || size_of_val(elements) >= (rows - 1) * stride * size_of::<T>() + last * FACTOR_BYTES);
        let stride = stride * size_of::<T>();
        let (factors, constants) = (elements.as_ptr().cast(), packed.as_ptr().cast());
        Self { factors, stride, rows, constants, steps, first, last, outputs }
    }

    /// All rows and panels, in tiles of `TALL` rows (then single ones) by `WIDE` panels (then single ones); a tile of
    /// one row keeps `CHAINS` sets of sums going.
    ///
    /// # Safety
    /// The accumulator's instructions are available, and the slices that the sweep was made from are still there.
    #[inline(always)]
    pub unsafe fn run<A: Accumulator, const WIDE: usize, const CHAINS: usize>(self, sums: &mut Sums) {
        let panels = self.outputs.div_ceil(PANEL);
        let deep = if self.rows > TALL { DEEP } else { usize::MAX };
        let mut panel = 0;
        while panel < panels {
            let wide = panel + WIDE <= panels;
            let mut part = Self { last: self.first, ..self };
            loop {
                part = Self { first: part.last, last: self.last.min(part.last.saturating_add(deep)), ..part };
                // SAFETY: the caller vouches for the slices; the panels and steps are some of the sweep's.
                unsafe { part.run_rows::<A, WIDE, CHAINS>(sums, panel, wide, sums.resume || part.first > self.first) };
                if part.last == self.last {
                    break;
                }
            }
            panel += if wide { WIDE } else { 1 };
        }
    }

    /// All rows, in tiles, for one or `WIDE` panels; `resume` adds to the sums that are there.
    ///
    /// # Safety
    /// As for [`Sweep::run`], and the panels are there.
    #[inline(always)]
    unsafe fn run_rows<A: Accumulator, const WIDE: usize, const CHAINS: usize>(
        self,
        sums: &mut Sums,
        panel: usize,
        wide: bool,
        resume: bool,
    ) {
        let mut row = 0;
        while row < self.rows {
            let tall = row + TALL <= self.rows;
            let at = At { row, panel, resume };
            // SAFETY: the caller vouches for the panels, and the rows are some of the sweep's.
            unsafe {
                match (tall, wide) {
                    (true, true) => self.tile::<A, TALL, WIDE, 1>(sums, at),
                    (true, false) => self.tile::<A, TALL, 1, 1>(sums, at),
                    (false, true) => self.tile::<A, 1, WIDE, CHAINS>(sums, at),
                    (false, false) => self.tile::<A, 1, 1, 4>(sums, at),
                }
            }
            row += if tall { TALL } else { 1 };
        }
    }

    /// One tile.
    ///
    /// # Safety
    /// As for [`Sweep::run`], and the rows and panels are there.
    #[inline(always)]
    unsafe fn tile<A: Accumulator, const ROWS: usize, const PANELS: usize, const CHAINS: usize>(
        self,
        sums: &mut Sums,
        At { row, panel, resume }: At,
    ) {
        // SAFETY: every pointer stays inside the slices, by what `new` asserted and the caller vouches for.
        let acc = unsafe {
            let mut acc = [[[A::zero(); PANELS]; ROWS]; CHAINS];
            let factors = self.factors.add(row * self.stride);
            let constants = self.constants.add(panel * self.steps * STEP_BYTES);
            let take = |chain: &mut [[A; PANELS]; ROWS], step: usize| {
                for (r, acc) in chain.iter_mut().enumerate() {
                    let four = factors.add(r * self.stride + step * FACTOR_BYTES).cast::<[u8; 4]>().read();
                    for (p, acc) in acc.iter_mut().enumerate() {
                        *acc = acc.add(four, constants.add((p * self.steps + step) * STEP_BYTES));
                    }
                }
            };
            let mut step = self.first;
            while step + CHAINS <= self.last {
                for (offset, chain) in acc.iter_mut().enumerate() {
                    take(chain, step + offset);
                }
                step += CHAINS;
            }
            while step < self.last {
                take(&mut acc[0], step);
                step += 1;
            }
            acc
        };
        for r in 0..ROWS {
            for p in 0..PANELS {
                // SAFETY: the caller vouches for the instructions.
                let found = unsafe { acc[1..].iter().fold(acc[0][r][p], |sum, chain| sum.plus(chain[r][p])).sums() };
                let first = (panel + p) * PANEL;
                let at = (row + r) * sums.stride + first;
                let target = &mut sums.elements[at..][..PANEL.min(self.outputs - first)];
                if resume {
                    target.iter_mut().zip(found).for_each(|(total, part)| *total = total.wrapping_add(part));
                } else if let Ok(target) = <&mut [i32; PANEL]>::try_from(&mut *target) {
                    *target = found;
                } else {
                    target.copy_from_slice(&found[..target.len()]);
                }
            }
        }
    }
}
