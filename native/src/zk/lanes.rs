//! Elements of the field side by side: one at a time on any machine, eight where AVX-512 is.
//!
//! A kernel is a [`Work`] that is generic over [`Lanes`]; [`dispatch`] runs it with the best that the machine has.

use super::field::{self, K, Wide as Pair};

/// Elements of the prime field, canonical.
pub trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// A factor, made ready for products that are summed.
    type Factor: Copy;
    /// A sum of products that is reduced once; at most [`MOST`] may be added.
    type Sum: Copy + Default;

    /// The first elements of a slice.
    fn load(from: &[u64]) -> Self;
    /// To the beginning of a slice.
    fn store(self, to: &mut [u64]);
    /// One element everywhere.
    fn splat(value: u64) -> Self;
    /// Whether all are zero.
    fn is_zero(self) -> bool;
    /// Sums.
    fn add(self, other: Self) -> Self;
    /// Differences.
    fn sub(self, other: Self) -> Self;
    /// Products; the factors may be loose.
    fn mul(self, other: Self) -> Self;
    /// Sums of loose and canonical elements; any numbers of 64 bits that stand for them.
    fn add_loose(self, other: Self) -> Self;
    /// Differences of loose and canonical elements; loose.
    fn sub_loose(self, other: Self) -> Self;
    /// Loose elements, canonical again.
    fn tidy(self) -> Self;
    /// Ready for products.
    fn factor(self) -> Self::Factor;
    /// Twice the element, ready for products.
    fn doubled(self) -> Self::Factor;
    /// Add a product.
    fn accumulate(sum: &mut Self::Sum, a: Self::Factor, b: Self::Factor);
    /// The sums.
    fn reduced(sum: Self::Sum) -> Self;
    /// Coordinates of the first elements of a slice.
    fn split(from: &[K]) -> [Self; 3];
    /// Elements of their coordinates.
    fn join(coordinates: [Self; 3], to: &mut [K]);
}

/// Most products of a sum.
pub const MOST: usize = 1024;

impl Lanes for u64 {
    const COUNT: usize = 1;
    type Factor = u64;
    type Sum = Pair;

    #[inline(always)]
    fn load(from: &[u64]) -> Self {
        from[0]
    }
    #[inline(always)]
    fn store(self, to: &mut [u64]) {
        to[0] = self;
    }
    #[inline(always)]
    fn splat(value: u64) -> Self {
        value
    }
    #[inline(always)]
    fn is_zero(self) -> bool {
        self == 0
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        field::add(self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        field::sub(self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        field::mul(self, other)
    }
    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        field::add(self, other)
    }
    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        field::sub(self, other)
    }
    #[inline(always)]
    fn tidy(self) -> Self {
        self
    }
    #[inline(always)]
    fn factor(self) -> u64 {
        self
    }
    #[inline(always)]
    fn doubled(self) -> u64 {
        field::add(self, self)
    }
    #[inline(always)]
    fn accumulate(sum: &mut Pair, a: u64, b: u64) {
        sum.product(a, b);
    }
    #[inline(always)]
    fn reduced(sum: Pair) -> Self {
        sum.value()
    }
    #[inline(always)]
    fn split(from: &[K]) -> [Self; 3] {
        from[0].0
    }
    #[inline(always)]
    fn join(coordinates: [Self; 3], to: &mut [K]) {
        to[0] = K(coordinates);
    }
}

/// Elements of the extension side by side.
#[derive(Clone, Copy)]
pub struct Many<L: Lanes>(pub [L; 3]);

/// Elements of the extension, ready for products.
#[derive(Clone, Copy)]
pub struct Factor<L: Lanes> {
    plain: [L::Factor; 3],
    doubled: [L::Factor; 2],
}

/// A sum of products in the extension; at most a third of [`MOST`].
#[derive(Clone, Copy)]
pub struct Sums<L: Lanes>([L::Sum; 3]);

impl<L: Lanes> Default for Sums<L> {
    #[inline(always)]
    fn default() -> Self {
        Self([L::Sum::default(), L::Sum::default(), L::Sum::default()])
    }
}

impl<L: Lanes> Many<L> {
    /// The first elements of a slice.
    #[inline(always)]
    pub fn load(from: &[K]) -> Self {
        Self(L::split(from))
    }
    /// To the beginning of a slice.
    #[inline(always)]
    pub fn store(self, to: &mut [K]) {
        L::join(self.0, to);
    }
    /// One element everywhere.
    #[inline(always)]
    pub fn splat(value: K) -> Self {
        Self([L::splat(value.0[0]), L::splat(value.0[1]), L::splat(value.0[2])])
    }
    /// Elements of the prime field.
    #[inline(always)]
    pub fn lift(value: L) -> Self {
        Self([value, L::splat(0), L::splat(0)])
    }
    /// Whether all are zero.
    #[inline(always)]
    pub fn is_zero(self) -> bool {
        self.0[0].is_zero() && self.0[1].is_zero() && self.0[2].is_zero()
    }
    /// Sums.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self([self.0[0].add(other.0[0]), self.0[1].add(other.0[1]), self.0[2].add(other.0[2])])
    }
    /// Differences.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self([self.0[0].sub(other.0[0]), self.0[1].sub(other.0[1]), self.0[2].sub(other.0[2])])
    }
    /// Ready for products.
    #[inline(always)]
    pub fn factor(self) -> Factor<L> {
        let [a, b, c] = self.0;
        Factor { plain: [a.factor(), b.factor(), c.factor()], doubled: [b.doubled(), c.doubled()] }
    }
    /// Products.
    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        self.times(&other.factor())
    }
    /// Products with factors that are ready.
    #[inline(always)]
    pub fn times(self, other: &Factor<L>) -> Self {
        let mut sums = Sums::default();
        sums.add(self, other);
        sums.value()
    }
    /// Products with elements of the prime field.
    #[inline(always)]
    pub fn scale(self, other: L) -> Self {
        Self([self.0[0].mul(other), self.0[1].mul(other), self.0[2].mul(other)])
    }
    /// Lane by lane.
    #[inline(always)]
    pub fn total(self) -> K {
        let mut lanes = [field::ZERO; 8];
        self.store(&mut lanes);
        lanes[..L::COUNT].iter().fold(field::ZERO, |sum, &x| sum + x)
    }
}

impl<L: Lanes> Sums<L> {
    /// Add a product.
    #[inline(always)]
    pub fn add(&mut self, a: Many<L>, b: &Factor<L>) {
        let [a0, a1, a2] = [a.0[0].factor(), a.0[1].factor(), a.0[2].factor()];
        let ([b0, b1, b2], [d1, d2]) = (b.plain, b.doubled);
        L::accumulate(&mut self.0[0], a0, b0);
        L::accumulate(&mut self.0[1], a0, b1);
        L::accumulate(&mut self.0[2], a0, b2);
        L::accumulate(&mut self.0[0], a1, d2);
        L::accumulate(&mut self.0[1], a1, b0);
        L::accumulate(&mut self.0[2], a1, b1);
        L::accumulate(&mut self.0[0], a2, d1);
        L::accumulate(&mut self.0[1], a2, d2);
        L::accumulate(&mut self.0[2], a2, b0);
    }
    /// Add a product with elements of the prime field.
    #[inline(always)]
    pub fn scaled(&mut self, a: Many<L>, b: L) {
        let factor = b.factor();
        L::accumulate(&mut self.0[0], a.0[0].factor(), factor);
        L::accumulate(&mut self.0[1], a.0[1].factor(), factor);
        L::accumulate(&mut self.0[2], a.0[2].factor(), factor);
    }
    /// The sums.
    #[inline(always)]
    pub fn value(self) -> Many<L> {
        Many([L::reduced(self.0[0]), L::reduced(self.0[1]), L::reduced(self.0[2])])
    }
}

/// What can be done with any lanes. `run` and all that it calls with lanes are to be inlined, and go without closures
/// and the standard library's combinators: what is compiled apart from [`dispatch`] lacks the instructions.
pub trait Work {
    /// What comes out.
    type Output;
    /// Do it.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Do it with the best lanes of this machine.
#[inline]
pub fn dispatch<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if super::wide::present() {
        return super::wide::run(work);
    }
    work.run::<u64>()
}

/// Do it one element at a time, where there are too few for more.
#[inline]
pub fn dispatch_sized<W: Work>(count: usize, work: W) -> W::Output {
    if count.is_multiple_of(8) { dispatch(work) } else { work.run::<u64>() }
}
