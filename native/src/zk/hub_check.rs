//! The hub's linear opening; see `concordat.zk.verifier.hub`.

use super::algebra::{Sumcheck, combined, eq_table};
use super::field::{Dot, K, ONE, ZERO, mul, pow, root_of_unity};
use super::proof::{Proof, Refused, encode};
use super::relation::{Parameters, Relation};
use super::transcript::{Tag, Transcript};

/// Factors of elements of the hub.
pub enum Part {
    /// Written out.
    Explicit {
        /// First element.
        offset: usize,
        /// One for each element.
        factors: Vec<K>,
    },
    /// `base^k` for element `offset + k`.
    Powers {
        /// First element.
        offset: usize,
        /// Elements.
        count: usize,
        /// A point of a code's domain.
        base: u64,
    },
}

/// The sum over all parts has to give the value.
pub struct Claim {
    /// What is multiplied with the hub.
    pub parts: Vec<Part>,
    /// What it has to give.
    pub value: K,
}

/// Check all claims about the elements of the committed hub.
pub fn open_hub(
    reader: &mut Proof<'_>,
    transcript: &mut Transcript,
    relation: &Relation,
    p: &Parameters,
    root: &[u8; 32],
    claims: &[Claim],
) -> Result<(), Refused> {
    let (width, queries) = (1usize << p.hub_log_width, p.hub_queries);
    let rows = p.segments(relation).iter().sum::<usize>().div_ceil(width);
    let bits = (usize::BITS - (rows - 1).leading_zeros()) as usize;
    let delta = transcript.challenge();
    // 1. sumcheck over the row index, its messages padded by the row of pads
    let check = Sumcheck::read(reader, transcript, Tag::HubRound, bits, 2)?;
    let row_weights = eq_table(&check.point);
    // 2. the mask's share, then the masked row and the masked pads
    let sigma = reader.elements(1)?;
    transcript.absorb(Tag::HubMask, &encode(&sigma));
    let mask = transcript.challenge();
    let shown = reader.elements(width + queries + 2 * bits + queries)?;
    transcript.absorb(Tag::HubRow, &encode(&shown));
    let (row, pads) = shown.split_at(width + queries);
    // 3. <row, batched> - <pads, factors> = sigma + mask * constant
    let (mut value, mut weight, mut explicit, mut result) = (ZERO, ONE, vec![ZERO; width], ZERO);
    let mut ladder = Ladder::default();
    for claim in claims {
        for part in &claim.parts {
            match part {
                Part::Explicit { offset, factors } => fold(&mut explicit, *offset, factors, &row_weights, weight),
                Part::Powers { offset, count, base } => {
                    ladder.set(*base, width);
                    result += weight * ladder.product(*offset, *count, &row_weights, &row[..width]);
                }
            }
        }
        value += weight * claim.value;
        weight *= delta;
    }
    result += combined(&explicit, row);
    let hidden = combined(pads, &check.pads);
    if result - hidden != sigma[0] + mask * (check.constant + check.carry * value) {
        return Err(Refused("the batched claims of the proof do not hold"));
    }
    // 4. the shown rows are the committed ones, folded
    reader.work(transcript, p.grinding)?;
    let positions = transcript.positions(queries, p.hub_log_domain);
    for (position, column) in reader.columns(root, &positions, p.hub_log_domain, 3 * (rows + 3))? {
        let elements: Vec<K> = column.chunks_exact(3).map(|c| K([c[0], c[1], c[2]])).collect();
        ladder.set(pow(root_of_unity(p.hub_log_domain), position as u64), width + queries);
        let folded = combined(&elements[..rows], &row_weights[..rows]);
        if dot(row, &ladder.powers) != elements[rows] + mask * folded {
            return Err(Refused("the shown row is not the committed one"));
        }
        if dot(pads, &ladder.powers) != elements[rows + 2] + mask * elements[rows + 1] {
            return Err(Refused("the shown pads are not the committed ones"));
        }
    }
    Ok(())
}

/// Add factors of elements from `offset` on, folded over the rows.
fn fold(explicit: &mut [K], offset: usize, factors: &[K], row_weights: &[K], weight: K) {
    let (width, mut at) = (explicit.len(), offset);
    let mut rest = factors;
    while !rest.is_empty() {
        let (row, column) = (at / width, at % width);
        let (piece, after) = rest.split_at(rest.len().min(width - column));
        let factor = weight * row_weights[row];
        for (sum, &value) in explicit[column..].iter_mut().zip(piece) {
            *sum += factor * value;
        }
        (at, rest) = (at + piece.len(), after);
    }
}

/// Powers of one point.
#[derive(Default)]
struct Ladder {
    base: u64,
    powers: Vec<u64>,
}

impl Ladder {
    fn set(&mut self, base: u64, count: usize) {
        if self.base == base && self.powers.len() >= count {
            return;
        }
        self.base = base;
        self.powers = std::iter::successors(Some(1), |&at| Some(mul(at, base))).take(count).collect();
    }

    /// `Σ_k base^k * weight[row] * row[column]` for the elements `offset + k`.
    fn product(&self, offset: usize, count: usize, row_weights: &[K], row: &[K]) -> K {
        let (width, end) = (row.len(), offset + count);
        let (mut result, mut sums, mut begun) = (ZERO, ZERO, 0);
        let step = pow(self.base, width as u64);
        // whole rows share their inner product; only their first and last are cut
        let whole = dot(row, &self.powers);
        let mut power = 1;
        let mut at = offset;
        while at < end {
            let (number, from) = (at / width, at % width);
            let to = width.min(from + end - at);
            if from == 0 && to == width {
                sums += row_weights[number].scale(power);
                power = mul(power, step);
            } else {
                result += dot(&row[from..to], &self.powers).scale(power) * row_weights[number];
                power = mul(power, pow(self.base, (to - from) as u64));
            }
            begun += to - from;
            at = offset + begun;
        }
        result + sums * whole
    }
}

fn dot(values: &[K], powers: &[u64]) -> K {
    let mut sum = Dot::default();
    for (&value, &power) in values.iter().zip(powers) {
        sum.add(value, power);
    }
    sum.value()
}
