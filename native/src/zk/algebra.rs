//! What a verifier computes in time logarithmic in lengths; see `concordat.zk.multilinear` and
//! `concordat.zk.verifier.sumcheck`.

use super::field::{K, ONE, P, ZERO, pow, sub};
use super::proof::{Proof, Refused, encode};
use super::transcript::{Tag, Transcript};

/// Sum of elements.
pub fn total(values: impl Iterator<Item = K>) -> K {
    values.fold(ZERO, |sum, value| sum + value)
}

/// Inner product.
pub fn combined(values: &[K], factors: &[K]) -> K {
    total(values.iter().zip(factors).map(|(&value, &factor)| value * factor))
}

/// `first * base^k` for `k < count`.
pub fn power_table(base: K, count: usize, first: K) -> Vec<K> {
    std::iter::successors(Some(first), |&at| Some(at * base)).take(count).collect()
}

/// All values of `eq(point, ·)`, most significant variable first.
pub fn eq_table(point: &[K]) -> Vec<K> {
    let mut values = vec![ONE];
    for &z in point {
        values = values.iter().flat_map(|&v| [v - v * z, v * z]).collect();
    }
    values
}

/// `eq(point, index)`.
pub fn eq_index(point: &[K], index: usize) -> K {
    let bit = |t: usize| index >> (point.len() - 1 - t) & 1 == 1;
    point.iter().enumerate().fold(ONE, |value, (t, &z)| value * if bit(t) { z } else { ONE - z })
}

/// `1 + base + … + base^(count - 1)`, by doubling.
pub fn geometric(base: K, count: usize) -> K {
    let (mut sum, mut power) = (ZERO, ONE);
    for bit in (0..usize::BITS - count.leading_zeros()).rev() {
        // from the sum of n powers to that of 2n, and of 2n + 1
        sum += power * sum;
        power *= power;
        if count >> bit & 1 == 1 {
            sum += power;
            power *= base;
        }
    }
    sum
}

/// Sums `Σ base^i * eq(point, i)` over ranges of i, for one point and one base.
pub struct Sums {
    /// Factors of the bits, least significant first: where the bit is 0 and where it is 1.
    bits: Vec<(K, K)>,
    /// Sums over all values of so many low bits.
    below: Vec<K>,
    inverse: K,
}

impl Sums {
    /// Prepare.
    pub fn new(point: &[K], base: K) -> Result<Self, Refused> {
        if base == ZERO {
            return Err(Refused("a challenge of the proof is zero"));
        }
        let (mut bits, mut below, mut power) = (Vec::with_capacity(point.len()), vec![ONE], base);
        for &z in point.iter().rev() {
            bits.push((ONE - z, z * power));
            power *= power;
        }
        for &(zero, one) in &bits {
            below.push(below[below.len() - 1] * (zero + one));
        }
        Ok(Self { bits, below, inverse: base.inverse() })
    }

    /// Over `i < end`.
    fn prefix(&self, end: usize) -> K {
        if end >> self.bits.len() > 0 {
            return self.below[self.bits.len()];
        }
        let (mut path, mut sum) = (ONE, ZERO);
        for (t, &(zero, one)) in self.bits.iter().enumerate().rev() {
            if end >> t & 1 == 1 {
                sum += path * zero * self.below[t];
                path *= one;
            } else {
                path *= zero;
            }
        }
        sum
    }

    /// Over `start <= i < end`.
    pub fn between(&self, start: usize, end: usize) -> K {
        self.prefix(end) - self.prefix(start)
    }

    /// `Σ_{e < count} base^e * eq(point, start + e)`.
    pub fn run(&self, start: usize, count: usize) -> K {
        self.between(start, start + count) * self.inverse.pow(start as u64)
    }
}

/// What is left of a sumcheck: `last claim = constant + carry * first claim + Σ pads * hidden`.
pub struct Sumcheck {
    /// Challenges, first round first.
    pub point: Vec<K>,
    /// The part that was sent.
    pub constant: K,
    /// Factor of the first claim.
    pub carry: K,
    /// Factors of the hidden pads, in the order of the messages.
    pub pads: Vec<K>,
}

impl Sumcheck {
    /// Read and absorb the messages, and fold them: a message is the values at 0, 2, …, degree.
    pub fn read(
        reader: &mut Proof<'_>,
        transcript: &mut Transcript,
        tag: Tag,
        rounds: usize,
        degree: usize,
    ) -> Result<Self, Refused> {
        let (mut point, mut sent) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
        for _ in 0..rounds {
            let message = reader.elements(degree)?;
            transcript.absorb(tag, &encode(&message));
            point.push(transcript.challenge());
            sent.push(message);
        }
        let (mut constant, mut carry, mut pads) = (ZERO, ONE, vec![ZERO; rounds * degree]);
        for round in (0..rounds).rev() {
            let at = nodes(point[round], degree);
            // p(1) is the claim less p(0)
            let factors = std::iter::once(at[0] - at[1]).chain(at[2..].iter().copied());
            for (k, factor) in factors.enumerate() {
                constant += carry * factor * sent[round][k];
                pads[round * degree + k] = -(carry * factor);
            }
            carry *= at[1];
        }
        Ok(Self { point, constant, carry, pads })
    }
}

/// Values at `r` of the Lagrange polynomials of the nodes 0 … degree.
fn nodes(r: K, degree: usize) -> Vec<K> {
    let node = |i: usize| {
        let others = (0..=degree).filter(move |&j| j != i);
        let numerator = others.clone().fold(ONE, |value, j| value * (r - K::base(j as u64)));
        let denominator = others.fold(1, |value, j| super::field::mul(value, sub(i as u64, j as u64)));
        numerator.scale(pow(denominator, P - 2))
    };
    (0..=degree).map(node).collect()
}
