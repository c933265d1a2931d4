//! The kernels' sums in AVX2 and AVX-512 registers.

use crate::plan::kernels::{Accumulator, FACTOR_BYTES, PANEL, Sums, Sweep};
use std::arch::x86_64::*;

// SAFETY: needs AVX2; reached only from `pairs_avx2`.
unsafe impl Accumulator for [__m256i; 2] {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for AVX2.
        unsafe { [_mm256_setzero_si256(); 2] }
    }
    #[inline(always)]
    unsafe fn add(self, factors: [u8; FACTOR_BYTES], constants: *const u8) -> Self {
        // SAFETY: the caller vouches for AVX2 and for the constants.
        unsafe {
            let factors = _mm256_set1_epi32(i32::from_ne_bytes(factors));
            let low = _mm256_loadu_si256(constants.cast());
            let high = _mm256_loadu_si256(constants.add(32).cast());
            [
                _mm256_add_epi32(self[0], _mm256_madd_epi16(factors, low)),
                _mm256_add_epi32(self[1], _mm256_madd_epi16(factors, high)),
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

macro_rules! wide_accumulator {
    ($name:ident, $add:ident) => {
        #[derive(Clone, Copy)]
        struct $name(__m512i);

        // SAFETY: needs AVX-512 F and VNNI; reached only from functions that have them.
        unsafe impl Accumulator for $name {
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller vouches for AVX-512.
                unsafe { Self(_mm512_setzero_si512()) }
            }
            #[inline(always)]
            unsafe fn add(self, factors: [u8; FACTOR_BYTES], constants: *const u8) -> Self {
                // SAFETY: the caller vouches for AVX-512 and for the constants.
                unsafe {
                    let factors = _mm512_set1_epi32(i32::from_ne_bytes(factors));
                    Self($add(self.0, factors, _mm512_loadu_si512(constants.cast())))
                }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                // SAFETY: the caller vouches for AVX-512.
                unsafe { Self(_mm512_add_epi32(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn sums(self) -> [i32; PANEL] {
                // SAFETY: both are sixteen integers of 32 bits.
                unsafe { std::mem::transmute(self.0) }
            }
        }
    };
}

wide_accumulator!(WidePairs, add_pairs);
wide_accumulator!(WideQuads, _mm512_dpbusd_epi32);

/// Adds sixteen sums of two products.
///
/// In assembly, because the compiler takes `_mm512_dpwssd_epi32` apart into a multiplication and an addition, for
/// older machines on which that is no slower.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_pairs(mut sums: __m512i, factors: __m512i, constants: __m512i) -> __m512i {
    // SAFETY: one instruction of AVX-512 VNNI, which this function has, on registers only.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sums}, {factors}, {constants}",
            sums = inout(zmm_reg) sums,
            factors = in(zmm_reg) factors,
            constants = in(zmm_reg) constants,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// # Safety
/// As for [`Sweep::run`], but for the instructions.
#[target_feature(enable = "avx2")]
pub unsafe fn pairs_avx2(sweep: Sweep, sums: &mut Sums) {
    // SAFETY: this function has AVX2; the caller vouches for the rest.
    unsafe { sweep.run::<[__m256i; 2], 1, 4>(sums) }
}

/// # Safety
/// As for [`Sweep::run`], but for the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn pairs_avx512(sweep: Sweep, sums: &mut Sums) {
    // SAFETY: this function has AVX-512 and VNNI; the caller vouches for the rest.
    unsafe { sweep.run::<WidePairs, 4, 2>(sums) }
}

/// # Safety
/// As for [`Sweep::run`], but for the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn quads_avx512(sweep: Sweep, sums: &mut Sums) {
    // SAFETY: this function has AVX-512 and VNNI; the caller vouches for the rest.
    unsafe { sweep.run::<WideQuads, 4, 2>(sums) }
}
