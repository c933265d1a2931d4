//! The field: Goldilocks, and its cubic extension by a cube root of 2.

use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// Order of the prime field.
pub const P: u64 = 0xFFFF_FFFF_0000_0001;
const EPSILON: u64 = 0xFFFF_FFFF;

/// Reduce 128 bits by `2^64 = 2^32 - 1` and `2^96 = -1`.
#[inline(always)]
pub fn reduce(x: u128) -> u64 {
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (high_high, high_low) = (high >> 32, high & EPSILON);
    let (mut t, borrow) = low.overflowing_sub(high_high);
    if borrow {
        t = t.wrapping_sub(EPSILON);
    }
    let (mut s, carry) = t.overflowing_add(high_low.wrapping_mul(EPSILON));
    if carry {
        s = s.wrapping_add(EPSILON);
    }
    if s >= P { s - P } else { s }
}

/// Sum in the prime field.
#[inline(always)]
pub fn add(a: u64, b: u64) -> u64 {
    let (s, carry) = a.overflowing_add(b);
    let (t, borrow) = s.overflowing_sub(P);
    if carry || !borrow { t } else { s }
}

/// Difference in the prime field.
#[inline(always)]
pub fn sub(a: u64, b: u64) -> u64 {
    let (s, borrow) = a.overflowing_sub(b);
    if borrow { s.wrapping_add(P) } else { s }
}

/// Product in the prime field.
#[inline(always)]
pub fn mul(a: u64, b: u64) -> u64 {
    reduce(u128::from(a) * u128::from(b))
}

/// Power in the prime field.
pub fn pow(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul(result, base);
        }
        base = mul(base, base);
        exponent >>= 1;
    }
    result
}

/// A signed integer as an element of the prime field.
#[inline(always)]
pub fn from_signed(value: i64) -> u64 {
    if value < 0 {
        (value as u64).wrapping_add(P)
    } else if value as u64 >= P {
        value as u64 - P
    } else {
        value as u64
    }
}

/// Generator of the subgroup of order `2^log_order`.
pub fn root_of_unity(log_order: u32) -> u64 {
    pow(pow(7, (P - 1) >> 32), 1 << (32 - log_order))
}

/// An element of the cubic extension, `c0 + c1 x + c2 x^2` with `x^3 = 2`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct K(pub [u64; 3]);

/// Zero.
pub const ZERO: K = K([0, 0, 0]);
/// One.
pub const ONE: K = K([1, 0, 0]);

/// A sum of products that is reduced once: low and high halves apart.
#[derive(Clone, Copy, Default)]
pub struct Wide {
    low: u128,
    high: u128,
}

impl Wide {
    /// Add a product.
    #[inline(always)]
    pub fn product(&mut self, a: u64, b: u64) {
        let p = u128::from(a) * u128::from(b);
        self.low += p & u128::from(u64::MAX);
        self.high += p >> 64;
    }

    /// The sum.
    #[inline(always)]
    pub fn value(self) -> u64 {
        reduce(self.low + self.high * u128::from(EPSILON))
    }
}

impl K {
    /// An element of the prime field.
    #[inline(always)]
    pub fn base(value: u64) -> Self {
        Self([value, 0, 0])
    }

    /// Product with an element of the prime field.
    #[inline(always)]
    pub fn scale(self, factor: u64) -> Self {
        Self([mul(self.0[0], factor), mul(self.0[1], factor), mul(self.0[2], factor)])
    }

    /// Twice the element.
    #[inline(always)]
    pub fn double(self) -> Self {
        self + self
    }

    /// Power.
    pub fn pow(mut self, mut exponent: u64) -> Self {
        let mut result = ONE;
        while exponent > 0 {
            if exponent & 1 == 1 {
                result *= self;
            }
            self *= self;
            exponent >>= 1;
        }
        result
    }

    /// Inverse of an element that is not zero.
    pub fn inverse(self) -> Self {
        let [a0, a1, a2] = self.0;
        let two = |x| add(x, x);
        let c0 = sub(mul(a0, a0), two(mul(a1, a2)));
        let c1 = sub(two(mul(a2, a2)), mul(a0, a1));
        let c2 = sub(mul(a1, a1), mul(a0, a2));
        let norm = add(mul(a0, c0), two(add(mul(a2, c1), mul(a1, c2))));
        Self([c0, c1, c2]).scale(pow(norm, P - 2))
    }
}

/// Inverses of many elements, none of them zero.
pub fn batch_inverse(values: &mut [K]) {
    let mut prefix = Vec::with_capacity(values.len());
    let mut running = ONE;
    for &value in values.iter() {
        prefix.push(running);
        running *= value;
    }
    running = running.inverse();
    for (value, before) in values.iter_mut().zip(prefix).rev() {
        let next = running * *value;
        *value = running * before;
        running = next;
    }
}

impl Add for K {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self([add(self.0[0], other.0[0]), add(self.0[1], other.0[1]), add(self.0[2], other.0[2])])
    }
}

impl Sub for K {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self([sub(self.0[0], other.0[0]), sub(self.0[1], other.0[1]), sub(self.0[2], other.0[2])])
    }
}

impl Neg for K {
    type Output = Self;
    fn neg(self) -> Self {
        ZERO - self
    }
}

impl Mul for K {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a0, a1, a2], [b0, b1, b2]) = (self.0, other.0);
        let (d1, d2) = (add(b1, b1), add(b2, b2));
        let mut c = [Wide::default(); 3];
        c[0].product(a0, b0);
        c[0].product(a1, d2);
        c[0].product(a2, d1);
        c[1].product(a0, b1);
        c[1].product(a1, b0);
        c[1].product(a2, d2);
        c[2].product(a0, b2);
        c[2].product(a1, b1);
        c[2].product(a2, b0);
        Self([c[0].value(), c[1].value(), c[2].value()])
    }
}

impl AddAssign for K {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for K {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl MulAssign for K {
    #[inline(always)]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// A running sum of elements of K times elements of the prime field, reduced once.
#[derive(Clone, Copy, Default)]
pub struct Dot([Wide; 3]);

impl Dot {
    /// Add `value * factor`.
    #[inline(always)]
    pub fn add(&mut self, value: K, factor: u64) {
        for (sum, part) in self.0.iter_mut().zip(value.0) {
            sum.product(part, factor);
        }
    }

    /// The sum.
    pub fn value(self) -> K {
        K([self.0[0].value(), self.0[1].value(), self.0[2].value()])
    }
}
