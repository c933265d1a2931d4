//! Eight elements of the prime field in a register of AVX-512.

use std::arch::x86_64::*;

use super::field::{K, P};
use super::lanes::{Lanes, Work};

/// Eight elements. They are made only by kernels that [`run`] starts, on a machine that has the instructions: that is
/// what every SAFETY comment here refers to.
#[derive(Clone, Copy)]
pub struct Eight(__m512i);

/// Whether the machine has AVX-512 F, DQ and IFMA.
#[inline]
pub fn present() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
}

/// Run a kernel eight lanes wide.
///
/// # Panics
/// If the machine lacks the instructions.
#[inline]
pub fn run<W: Work>(work: W) -> W::Output {
    assert!(present());
    // SAFETY: the instructions are there.
    unsafe { enabled(work) }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn enabled<W: Work>(work: W) -> W::Output {
    work.run::<Eight>()
}

/// ``c0 + 2^52 c1 + 2^104 c2``.
#[derive(Clone, Copy)]
pub struct Limbs([__m512i; 3]);

impl Default for Limbs {
    #[inline(always)]
    fn default() -> Self {
        // SAFETY: see `Eight`.
        unsafe { Self([_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()]) }
    }
}

const LOW_52: i64 = (1 << 52) - 1;
const EPSILON: i64 = 0xFFFF_FFFF;

/// `x` or, where it is not below P, `x - P`.
#[inline(always)]
fn canonical(x: __m512i) -> __m512i {
    // SAFETY: see `Eight`.
    unsafe {
        let p = _mm512_set1_epi64(P as i64);
        _mm512_mask_sub_epi64(x, _mm512_cmpge_epu64_mask(x, p), x, p)
    }
}

/// `x + y` for `y` below P, modulo P but not canonical.
#[inline(always)]
fn add_loose(x: __m512i, y: __m512i) -> __m512i {
    // SAFETY: see `Eight`.
    unsafe {
        let s = _mm512_add_epi64(x, y);
        _mm512_mask_add_epi64(s, _mm512_cmplt_epu64_mask(s, y), s, _mm512_set1_epi64(EPSILON))
    }
}

/// `x - y` for `y` below P, modulo P; canonical if `x` is.
#[inline(always)]
fn sub_loose(x: __m512i, y: __m512i) -> __m512i {
    // SAFETY: see `Eight`.
    unsafe {
        let d = _mm512_sub_epi64(x, y);
        _mm512_mask_add_epi64(d, _mm512_cmplt_epu64_mask(x, y), d, _mm512_set1_epi64(P as i64))
    }
}

#[inline(always)]
fn permuted(a: __m512i, order: [i64; 8], b: __m512i) -> __m512i {
    // SAFETY: see `Eight`; the order is eight integers of 64 bits.
    unsafe { _mm512_permutex2var_epi64(a, std::mem::transmute::<[i64; 8], __m512i>(order), b) }
}

impl Lanes for Eight {
    const COUNT: usize = 8;
    type Factor = (__m512i, __m512i);
    type Sum = Limbs;

    #[inline(always)]
    fn load(from: &[u64]) -> Self {
        let from = &from[..8];
        // SAFETY: see `Eight`; there are eight elements.
        Self(unsafe { _mm512_loadu_si512(from.as_ptr().cast()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [u64]) {
        let to = &mut to[..8];
        // SAFETY: see `Eight`; there is room for eight elements.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }
    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: see `Eight`.
        Self(unsafe { _mm512_set1_epi64(value as i64) })
    }
    #[inline(always)]
    fn is_zero(self) -> bool {
        // SAFETY: see `Eight`.
        unsafe { _mm512_test_epi64_mask(self.0, self.0) == 0 }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see `Eight`.
        let left = unsafe { _mm512_sub_epi64(_mm512_set1_epi64(P as i64), other.0) };
        Self(sub_loose(self.0, left))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(sub_loose(self.0, other.0))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see `Eight`.
        unsafe {
            let (x, y) = (self.0, other.0);
            let epsilon = _mm512_set1_epi64(EPSILON);
            let (x_high, y_high) = (_mm512_srli_epi64::<32>(x), _mm512_srli_epi64::<32>(y));
            let (ll, lh) = (_mm512_mul_epu32(x, y), _mm512_mul_epu32(x, y_high));
            let (hl, hh) = (_mm512_mul_epu32(x_high, y), _mm512_mul_epu32(x_high, y_high));
            let t0 = _mm512_add_epi64(hl, _mm512_srli_epi64::<32>(ll));
            let t1 = _mm512_add_epi64(lh, _mm512_and_si512(t0, epsilon));
            let t2 = _mm512_add_epi64(hh, _mm512_srli_epi64::<32>(t0));
            let high = _mm512_add_epi64(t2, _mm512_srli_epi64::<32>(t1));
            let low = _mm512_mask_shuffle_epi32::<0xA0>(ll, 0xAAAA, t1);
            let less = sub_loose(low, _mm512_srli_epi64::<32>(high));
            Self(canonical(add_loose(less, _mm512_mul_epu32(high, epsilon))))
        }
    }
    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        Self(add_loose(self.0, other.0))
    }
    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        Self(sub_loose(self.0, other.0))
    }
    #[inline(always)]
    fn tidy(self) -> Self {
        Self(canonical(self.0))
    }
    #[inline(always)]
    fn factor(self) -> Self::Factor {
        // SAFETY: see `Eight`. The products read the low 52 bits of the first.
        (self.0, unsafe { _mm512_srli_epi64::<52>(self.0) })
    }
    #[inline(always)]
    fn doubled(self) -> Self::Factor {
        // SAFETY: see `Eight`. 13 bits are left for the second.
        unsafe { (_mm512_slli_epi64::<1>(self.0), _mm512_srli_epi64::<51>(self.0)) }
    }
    #[inline(always)]
    fn accumulate(sum: &mut Limbs, (a0, a1): Self::Factor, (b0, b1): Self::Factor) {
        let c = &mut sum.0;
        // SAFETY: see `Eight`.
        unsafe {
            c[0] = _mm512_madd52lo_epu64(c[0], a0, b0);
            c[1] = _mm512_madd52hi_epu64(c[1], a0, b0);
            c[1] = _mm512_madd52lo_epu64(c[1], a0, b1);
            c[1] = _mm512_madd52lo_epu64(c[1], a1, b0);
            c[2] = _mm512_madd52hi_epu64(c[2], a0, b1);
            c[2] = _mm512_madd52hi_epu64(c[2], a1, b0);
            c[2] = _mm512_madd52lo_epu64(c[2], a1, b1);
        }
    }
    #[inline(always)]
    fn reduced(sum: Limbs) -> Self {
        let [c0, c1, c2] = sum.0;
        // SAFETY: see `Eight`. 2^64 = 2^32 - 1, 2^96 = -1; c2 stays below 2^40.
        unsafe {
            let c1 = _mm512_add_epi64(c1, _mm512_srli_epi64::<52>(c0));
            let low = _mm512_and_si512(c0, _mm512_set1_epi64(LOW_52));
            let low = _mm512_or_si512(low, _mm512_slli_epi64::<52>(c1));
            let middle = _mm512_mul_epu32(_mm512_srli_epi64::<12>(c1), _mm512_set1_epi64(EPSILON));
            let top = _mm512_add_epi64(_mm512_slli_epi64::<8>(c2), _mm512_srli_epi64::<44>(c1));
            Self(canonical(add_loose(sub_loose(low, top), middle)))
        }
    }
    #[inline(always)]
    fn split(from: &[K]) -> [Self; 3] {
        let from = &from[..8];
        let at: *const __m512i = from.as_ptr().cast();
        // SAFETY: see `Eight`; eight elements of K are 24 words.
        let (x, y, z) =
            unsafe { (_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1)), _mm512_loadu_si512(at.add(2))) };
        let first = permuted(x, [0, 3, 6, 9, 12, 15, 0, 0], y);
        let second = permuted(x, [1, 4, 7, 10, 13, 0, 0, 0], y);
        let third = permuted(x, [2, 5, 8, 11, 14, 0, 0, 0], y);
        [
            Self(permuted(first, [0, 1, 2, 3, 4, 5, 10, 13], z)),
            Self(permuted(second, [0, 1, 2, 3, 4, 8, 11, 14], z)),
            Self(permuted(third, [0, 1, 2, 3, 4, 9, 12, 15], z)),
        ]
    }
    #[inline(always)]
    fn join(coordinates: [Self; 3], to: &mut [K]) {
        let to = &mut to[..8];
        let [Self(a), Self(b), Self(c)] = coordinates;
        let x = permuted(permuted(a, [0, 8, 0, 1, 9, 0, 2, 10], b), [0, 1, 8, 3, 4, 9, 6, 7], c);
        let y = permuted(permuted(a, [0, 3, 11, 0, 4, 12, 0, 5], b), [10, 1, 2, 11, 4, 5, 12, 7], c);
        let z = permuted(permuted(a, [13, 0, 6, 14, 0, 7, 15, 0], b), [0, 13, 2, 3, 14, 5, 6, 15], c);
        let at: *mut __m512i = to.as_mut_ptr().cast();
        // SAFETY: see `Eight`; eight elements of K are 24 words.
        unsafe {
            _mm512_storeu_si512(at, x);
            _mm512_storeu_si512(at.add(1), y);
            _mm512_storeu_si512(at.add(2), z);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Many, Sums};
    use super::*;

    struct Check<'a>(&'a [K], &'a [K]);

    impl Work for Check<'_> {
        type Output = [Vec<K>; 5];
        #[inline(always)]
        fn run<L: Lanes>(self) -> Self::Output {
            let mut out: [Vec<K>; 5] = std::array::from_fn(|_| self.0.to_vec());
            for i in (0..self.0.len()).step_by(L::COUNT) {
                let (x, y) = (Many::<L>::load(&self.0[i..]), Many::<L>::load(&self.1[i..]));
                x.add(y).store(&mut out[0][i..]);
                x.sub(y).store(&mut out[1][i..]);
                x.mul(y).store(&mut out[2][i..]);
                x.scale(y.0[1]).store(&mut out[3][i..]);
                let mut sums = Sums::default();
                for _ in 0..300 {
                    sums.add(x, &y.factor());
                }
                sums.value().store(&mut out[4][i..]);
            }
            out
        }
    }

    #[test]
    fn eight_lanes_equal_one() {
        if !present() {
            return;
        }
        let edges = [0, 1, 2, EPSILON as u64, 1 << 32, P - 1, P - 2, P - (1 << 32), 0x1234_5678_9ABC_DEF0, 1 << 52];
        let element = |i: usize, step: usize| {
            K([0, 1, 2].map(|t| {
                let at = i * step + t * 7;
                if at % 3 == 0 { edges[at % edges.len()] } else { (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % P }
            }))
        };
        let left: Vec<K> = (0..4096).map(|i| element(i, 1)).collect();
        let right: Vec<K> = (0..4096).map(|i| element(i, 5)).collect();
        assert_eq!(run(Check(&left, &right)), Check(&left, &right).run::<u64>());
    }
}
