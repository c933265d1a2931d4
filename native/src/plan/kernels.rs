//! Products of 16-bit rows and packed constants, with sums of 32 bits.
//!
//! Every instruction set does the same exact sums: the plan calls with no more terms than 32 bits hold.

/// Outputs that are worked out side by side.
pub const PANEL: usize = 16;
/// Constants of a panel for one pair of elements.
const STEP: usize = 2 * PANEL;
/// Rows that share each load of constants.
const TALL: usize = 6;
/// Pairs that are gone through for all rows before the next ones, so that their constants stay in the nearest cache.
const DEEP: usize = 96;

/// The instructions to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Whatever every machine has.
    Plain,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
}

impl Tier {
    /// The best that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if wide {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Plain
    }

    /// Runs code that the compiler may turn into this tier's instructions.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self {
            // SAFETY: a tier is only ever made by `detect`, or is lower than one that was.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::with_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::with_avx2(work) },
            _ => work(),
        }
    }
}

/// Rows of 16-bit elements.
#[derive(Clone, Copy)]
pub struct Factors<'a> {
    /// Elements, the first row's window first.
    pub elements: &'a [i16],
    /// Distance between rows.
    pub stride: usize,
    /// How many rows.
    pub rows: usize,
}

/// Packed constants, and the pairs of them to take.
#[derive(Clone, Copy)]
pub struct Constants<'a> {
    /// Panel after panel, each of `pairs` steps.
    pub packed: &'a [i16],
    /// Steps of a panel.
    pub pairs: usize,
    /// First pair to take.
    pub first: usize,
    /// Pair after the last to take.
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
}

/// Sums of products of every row with every output's constants.
pub fn multiply(tier: Tier, factors: Factors, constants: Constants, sums: &mut Sums) {
    // What the kernels rely on: all that they read is there.
    let panels = constants.outputs.div_ceil(PANEL);
    assert!(constants.first <= constants.last && constants.last <= constants.pairs);
    assert!(constants.packed.len() >= panels * constants.pairs * STEP);
    assert!(factors.rows == 0 || factors.elements.len() >= (factors.rows - 1) * factors.stride + 2 * constants.last);
    match tier {
        // SAFETY: the bounds were asserted, and the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => unsafe { x86::multiply_avx512(factors, constants, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Tier::Avx2 => unsafe { x86::multiply_avx2(factors, constants, sums) },
        // SAFETY: the bounds were asserted.
        _ => unsafe { sweep::<[i32; PANEL], 1, 1>(factors, constants, sums) },
    }
}

/// Sixteen sums of 32 bits.
///
/// # Safety
/// The methods may use instructions that the machine must have.
unsafe trait Accumulator: Copy {
    /// Sixteen zeros.
    /// # Safety
    /// The implementation's instructions are available.
    unsafe fn zero() -> Self;
    /// Adds the products of one pair of elements with sixteen pairs of constants.
    /// # Safety
    /// As for [`Accumulator::zero`]; `constants` points at [`STEP`] elements.
    unsafe fn add(self, pair: i32, constants: *const i16) -> Self;
    /// Adds other sums.
    /// # Safety
    /// As for [`Accumulator::zero`].
    unsafe fn plus(self, other: Self) -> Self;
    /// The sums.
    /// # Safety
    /// As for [`Accumulator::zero`].
    unsafe fn sums(self) -> [i32; PANEL];
}

// SAFETY: needs nothing beyond the base instruction set.
unsafe impl Accumulator for [i32; PANEL] {
    #[inline(always)]
    unsafe fn zero() -> Self {
        [0; PANEL]
    }
    #[inline(always)]
    unsafe fn add(mut self, pair: i32, constants: *const i16) -> Self {
        let (low, high) = (i32::from(pair as i16), pair >> 16);
        // SAFETY: the caller vouches for the constants.
        let constants = unsafe { std::slice::from_raw_parts(constants, STEP) };
        for (sum, pair) in self.iter_mut().zip(constants.chunks_exact(2)) {
            let products = (low * i32::from(pair[0])).wrapping_add(high * i32::from(pair[1]));
            *sum = sum.wrapping_add(products);
        }
        self
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane].wrapping_add(other[lane]))
    }
    #[inline(always)]
    unsafe fn sums(self) -> [i32; PANEL] {
        self
    }
}

/// All rows and panels, in tiles of `TALL` rows (then single ones) by `WIDE` panels (then single ones); a tile of one
/// row keeps `CHAINS` sets of sums going.
///
/// # Safety
/// The accumulator's instructions are available, and the bounds that `multiply` asserts hold.
#[inline(always)]
unsafe fn sweep<A: Accumulator, const WIDE: usize, const CHAINS: usize>(
    factors: Factors,
    constants: Constants,
    sums: &mut Sums,
) {
    let panels = constants.outputs.div_ceil(PANEL);
    let deep = if factors.rows > TALL { DEEP } else { usize::MAX };
    let mut panel = 0;
    while panel < panels {
        let wide = panel + WIDE <= panels;
        let mut part = Constants { last: constants.first, ..constants };
        loop {
            part = Constants { first: part.last, last: constants.last.min(part.last.saturating_add(deep)), ..part };
            // SAFETY: the panels lie inside what the caller vouches for, and the pairs are some of the caller's.
            unsafe { sweep_rows::<A, WIDE, CHAINS>(factors, part, sums, panel, wide, part.first > constants.first) };
            if part.last == constants.last {
                break;
            }
        }
        panel += if wide { WIDE } else { 1 };
    }
}

/// All rows, in tiles, for one or `WIDE` panels; `resume` adds to the sums that are there.
///
/// # Safety
/// As for [`sweep`], and the panels are there.
#[inline(always)]
unsafe fn sweep_rows<A: Accumulator, const WIDE: usize, const CHAINS: usize>(
    factors: Factors,
    constants: Constants,
    sums: &mut Sums,
    panel: usize,
    wide: bool,
    resume: bool,
) {
    let mut row = 0;
    while row < factors.rows {
        let tall = row + TALL <= factors.rows;
        let at = At { row, panel, resume };
        // SAFETY: the tile lies inside what the caller vouches for.
        unsafe {
            match (tall, wide) {
                (true, true) => tile::<A, TALL, WIDE, 1>(factors, constants, sums, at),
                (true, false) => tile::<A, TALL, 1, 1>(factors, constants, sums, at),
                (false, true) => tile::<A, 1, WIDE, CHAINS>(factors, constants, sums, at),
                (false, false) => tile::<A, 1, 1, 4>(factors, constants, sums, at),
            }
        }
        row += if tall { TALL } else { 1 };
    }
}

/// Where a tile is, and whether it adds to the sums that are there.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    panel: usize,
    resume: bool,
}

/// One tile.
///
/// # Safety
/// As for [`sweep`], with `ROWS` rows from `row` and `PANELS` panels from `panel` in bounds.
#[inline(always)]
unsafe fn tile<A: Accumulator, const ROWS: usize, const PANELS: usize, const CHAINS: usize>(
    factors: Factors,
    constants: Constants,
    sums: &mut Sums,
    At { row, panel, resume }: At,
) {
    // SAFETY: every pointer stays inside the slices by the bounds that the caller vouches for.
    unsafe {
        let mut acc = [[[A::zero(); PANELS]; ROWS]; CHAINS];
        let x = factors.elements.as_ptr().add(row * factors.stride);
        let w = constants.packed.as_ptr().add(panel * constants.pairs * STEP);
        let step = |chain: &mut [[A; PANELS]; ROWS], pair: usize| {
            for (r, acc) in chain.iter_mut().enumerate() {
                let elements = x.add(r * factors.stride + 2 * pair).cast::<i32>().read_unaligned();
                for (p, acc) in acc.iter_mut().enumerate() {
                    *acc = acc.add(elements, w.add((p * constants.pairs + pair) * STEP));
                }
            }
        };
        let mut pair = constants.first;
        while pair + CHAINS <= constants.last {
            for (offset, chain) in acc.iter_mut().enumerate() {
                step(chain, pair + offset);
            }
            pair += CHAINS;
        }
        while pair < constants.last {
            step(&mut acc[0], pair);
            pair += 1;
        }
        for r in 0..ROWS {
            for p in 0..PANELS {
                let mut sum = acc[0][r][p];
                for chain in &acc[1..] {
                    sum = sum.plus(chain[r][p]);
                }
                let first = (panel + p) * PANEL;
                let count = PANEL.min(constants.outputs - first);
                let at = (row + r) * sums.stride + first;
                let target = &mut sums.elements[at..at + count];
                if resume {
                    target.iter_mut().zip(sum.sums()).for_each(|(total, part)| *total = total.wrapping_add(part));
                } else if count == PANEL {
                    target.copy_from_slice(&sum.sums());
                } else {
                    target.copy_from_slice(&sum.sums()[..count]);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Accumulator, Constants, Factors, PANEL, Sums, sweep};
    use std::arch::x86_64::*;

    // SAFETY: needs AVX2; reached only from `multiply_avx2`.
    unsafe impl Accumulator for [__m256i; 2] {
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { [_mm256_setzero_si256(); 2] }
        }
        #[inline(always)]
        unsafe fn add(self, pair: i32, constants: *const i16) -> Self {
            // SAFETY: the caller vouches for AVX2 and for 64 bytes of constants.
            unsafe {
                let pair = _mm256_set1_epi32(pair);
                let low = _mm256_loadu_si256(constants.cast());
                let high = _mm256_loadu_si256(constants.add(16).cast());
                [
                    _mm256_add_epi32(self[0], _mm256_madd_epi16(pair, low)),
                    _mm256_add_epi32(self[1], _mm256_madd_epi16(pair, high)),
                ]
            }
        }
        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { [_mm256_add_epi32(self[0], other[0]), _mm256_add_epi32(self[1], other[1])] }
        }
        #[inline(always)]
        unsafe fn sums(self) -> [i32; PANEL] {
            // SAFETY: both are sixteen integers of 32 bits.
            unsafe { std::mem::transmute(self) }
        }
    }

    // SAFETY: needs AVX-512 F and VNNI; reached only from `multiply_avx512`.
    unsafe impl Accumulator for __m512i {
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller vouches for AVX-512.
            unsafe { _mm512_setzero_si512() }
        }
        #[inline(always)]
        unsafe fn add(self, pair: i32, constants: *const i16) -> Self {
            // SAFETY: the caller vouches for AVX-512 and for 64 bytes of constants.
            unsafe { add_pairs(self, _mm512_set1_epi32(pair), _mm512_loadu_si512(constants.cast())) }
        }
        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512.
            unsafe { _mm512_add_epi32(self, other) }
        }
        #[inline(always)]
        unsafe fn sums(self) -> [i32; PANEL] {
            // SAFETY: both are sixteen integers of 32 bits.
            unsafe { std::mem::transmute(self) }
        }
    }

    /// Adds sixteen sums of two products.
    ///
    /// In assembly, because the compiler takes `_mm512_dpwssd_epi32` apart into a multiplication and an addition, for
    /// older machines on which that is no slower.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn add_pairs(mut sums: __m512i, pairs: __m512i, constants: __m512i) -> __m512i {
        // SAFETY: one instruction of AVX-512 VNNI, which this function has, on registers only.
        unsafe {
            std::arch::asm!(
                "vpdpwssd {sums}, {pairs}, {constants}",
                sums = inout(zmm_reg) sums,
                pairs = in(zmm_reg) pairs,
                constants = in(zmm_reg) constants,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }

    /// # Safety
    /// The bounds that `multiply` asserts hold.
    #[target_feature(enable = "avx2")]
    pub unsafe fn multiply_avx2(factors: Factors, constants: Constants, sums: &mut Sums) {
        // SAFETY: this function has AVX2; the caller vouches for the bounds.
        unsafe { sweep::<[__m256i; 2], 1, 4>(factors, constants, sums) }
    }

    /// # Safety
    /// The bounds that `multiply` asserts hold.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn multiply_avx512(factors: Factors, constants: Constants, sums: &mut Sums) {
        // SAFETY: this function has AVX-512 and VNNI; the caller vouches for the bounds.
        unsafe { sweep::<__m512i, 4, 2>(factors, constants, sums) }
    }

    #[target_feature(enable = "avx2")]
    pub fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
}
