//! Registrations and rotations of committed weights, written from their description in the proof system (sections 3 and
//! 8) and the bytes that `concordat.zk.verifier` reads; nothing of the prover is used here.
//!
//! Memory is bounded by the bytes that are there: whatever the parameters say, nothing is made room for before as many
//! bytes were read.

use std::thread;

use super::field::{Dot, K, ZERO, mul, pow, root_of_unity, sub};
use super::proof::{Proof, Refused, encode};
use super::relation::{Parameters, Relation};
use super::soundness::{self, MOST_QUERIES};
use super::transcript::{Tag, Transcript};

const STATEMENT: Refused = Refused("the statement of the rotation is malformed");
/// Bytes of a rotation's statement.
const ROTATION: usize = 32 + 4 + 32 + 2 * (32 + 52) + 4;
/// Coefficients that share the powers of a point.
const BLOCK: usize = 64;
/// Products from which on a second thread is worth it.
const WORTH: usize = 1 << 20;

/// Check that the weight matrix behind a root is close to a codeword.
///
/// `digest` is the relation's, `parameters` are their 52 bytes.
pub fn verify_registration(
    relation: &Relation,
    digest: &[u8; 32],
    parameters: &[u8],
    root: &[u8],
    proof: &[u8],
) -> Result<(), Refused> {
    let p = read_parameters(relation, parameters)?;
    let root: &[u8; 32] = root.try_into().map_err(|_| Refused("the root of the commitment is not 32 bytes"))?;
    if p.weight_tail == 0 {
        return Err(Refused("public weights are not registered"));
    }
    if p.weight_audits > MOST_QUERIES {
        return Err(Refused("the registration opens too many columns"));
    }
    // 1. the committed random row
    let mut reader = Proof::new(proof)?;
    let mut transcript = Transcript::default();
    transcript.absorb(Tag::Registration, &[digest, parameters, root].concat());
    let mask_root = reader.digest()?;
    transcript.absorb(Tag::RegistrationMask, &mask_root);
    let gamma = transcript.challenge();
    // 2. that row, with a combination of all rows added
    let shown = reader.elements(relation.weight_width() + p.weight_tail)?;
    transcript.absorb(Tag::RegistrationRow, &encode(&shown));
    // 3. columns of both
    let positions = transcript.positions(p.weight_audits, p.weight_log_domain);
    let masks = reader.columns(&mask_root, &positions, p.weight_log_domain, 3)?;
    let columns = reader.columns(root, &positions, p.weight_log_domain, relation.weight_rows)?;
    reader.end()?;
    let factors = powers(gamma, relation.weight_rows);
    let generator = root_of_unity(p.weight_log_domain);
    let points: Vec<u64> = masks.keys().map(|&at| pow(generator, at as u64)).collect();
    for ((value, mask), column) in values(&shown, &points).into_iter().zip(masks.values()).zip(columns.values()) {
        if value != K([mask[0], mask[1], mask[2]]) + dot(&factors, column) {
            return Err(Refused("the committed weights are not close to a codeword"));
        }
    }
    Ok(())
}

/// Check that the commitments that a statement names hold the same weights.
pub fn verify_rotation(relation: &Relation, digest: &[u8; 32], statement: &[u8], proof: &[u8]) -> Result<(), Refused> {
    let said = Said::read(relation, digest, statement)?;
    let log_domain = said.log_domain();
    // 1. the committed random row
    let mut reader = Proof::new(proof)?;
    let mut transcript = Transcript::default();
    transcript.absorb(Tag::Rotation, statement);
    let mask_root = reader.digest()?;
    transcript.absorb(Tag::RotationMask, &mask_root);
    let gamma = transcript.challenge();
    // 2. what the masked differences of all rows have behind the weights
    let tail = reader.elements(said.codes.iter().map(|p| p.weight_tail).max().unwrap_or(0))?;
    transcript.absorb(Tag::RotationTail, &encode(&tail));
    // 3. columns of the mask and of both commitments, at points that they have in common
    let positions = transcript.positions(said.queries, log_domain);
    let masks = reader.columns(&mask_root, &positions, log_domain, 3)?;
    let mut opened = Vec::with_capacity(2);
    for (p, root) in said.codes.iter().zip(&said.roots) {
        let steps = p.weight_log_domain - log_domain;
        let places: Vec<usize> = positions.iter().map(|at| at << steps).collect();
        opened.push(reader.columns(root, &places, p.weight_log_domain, relation.weight_rows)?);
    }
    reader.end()?;
    let factors = powers(gamma, relation.weight_rows);
    let generator = root_of_unity(log_domain);
    for ((position, mask), (old, new)) in masks.iter().zip(opened[0].values().zip(opened[1].values())) {
        let point = pow(generator, *position as u64);
        let changes: Vec<u64> = new.iter().zip(old).map(|(&n, &o)| sub(n, o)).collect();
        let expected = K([mask[0], mask[1], mask[2]]) + dot(&factors, &changes);
        if evaluated(&tail, point).scale(pow(point, relation.weight_width() as u64)) != expected {
            return Err(Refused("the two commitments do not hold the same weights"));
        }
    }
    Ok(())
}

/// What a rotation says, as far as it is checked: model and version are absorbed as they are.
struct Said {
    /// The commitment that was, and the one that is.
    roots: [[u8; 32]; 2],
    /// Their codes.
    codes: [Parameters; 2],
    /// Columns of both that are opened.
    queries: usize,
}

impl Said {
    fn read(relation: &Relation, digest: &[u8; 32], data: &[u8]) -> Result<Self, Refused> {
        if data.len() != ROTATION {
            return Err(STATEMENT);
        }
        let number = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().expect("four bytes"));
        let root = |at: usize| <[u8; 32]>::try_from(&data[at..at + 32]).expect("32 bytes");
        if number(32) == 0 {
            return Err(STATEMENT);
        }
        if data[36..68] != *digest {
            return Err(Refused("the rotation is about another relation"));
        }
        let codes = [read_parameters(relation, &data[100..152])?, read_parameters(relation, &data[184..236])?];
        let said = Self { roots: [root(68), root(152)], codes, queries: number(236) as usize };
        said.check(relation)?;
        Ok(said)
    }

    /// Refuse numbers that are worth too little or make no sense.
    fn check(&self, relation: &Relation) -> Result<(), Refused> {
        if relation.weight_rows == 0 || self.codes.iter().any(|p| p.weight_tail == 0) {
            return Err(Refused("only commitments of weights are rotated"));
        }
        if self.queries == 0 || self.queries > MOST_QUERIES.min(1 << self.log_domain()) {
            return Err(Refused("the parameters of the rotation are out of range"));
        }
        soundness::check_rotation(relation, &self.codes[0], &self.codes[1], self.queries)
    }

    fn log_domain(&self) -> u32 {
        self.codes[0].weight_log_domain.min(self.codes[1].weight_log_domain)
    }
}

/// Parameters that are worth enough.
fn read_parameters(relation: &Relation, data: &[u8]) -> Result<Parameters, Refused> {
    let p = Parameters::decode(data).map_err(|_| Refused("the parameters of the proof are out of range"))?;
    soundness::check(relation, &p)?;
    Ok(p)
}

/// `gamma, gamma^2, …`.
fn powers(gamma: K, count: usize) -> Vec<K> {
    std::iter::successors(Some(gamma), |&at| Some(at * gamma)).take(count).collect()
}

fn dot(values: &[K], factors: &[u64]) -> K {
    let mut sum = Dot::default();
    for (&value, &factor) in values.iter().zip(factors) {
        sum.add(value, factor);
    }
    sum.value()
}

/// The polynomial with those coefficients at several points.
fn values(coefficients: &[K], points: &[u64]) -> Vec<K> {
    let all = |points: &[u64]| points.iter().map(|&at| evaluated(coefficients, at)).collect::<Vec<K>>();
    if coefficients.len().saturating_mul(points.len()) < WORTH {
        return all(points);
    }
    let (first, second) = points.split_at(points.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| all(first));
        let rest = all(second);
        let mut found = other.join().expect("evaluating does not panic");
        found.extend(rest);
        found
    })
}

/// The polynomial with those coefficients at a point.
fn evaluated(coefficients: &[K], point: u64) -> K {
    let mut low = [1; BLOCK];
    for k in 1..BLOCK {
        low[k] = mul(low[k - 1], point);
    }
    let step = mul(low[BLOCK - 1], point);
    coefficients.chunks(BLOCK).rev().fold(ZERO, |sum, block| sum.scale(step) + dot(block, &low))
}
