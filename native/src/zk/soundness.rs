//! How many bits parameters are worth; see `concordat.zk.parameters`.

use super::proof::Refused;
use super::relation::{Parameters, Relation};

const REQUIRED: f64 = 100.0;
const FIELD: f64 = 3.0 * 63.0;
const MULTIPLICITY: f64 = 16.0;
const PHASE: f64 = 102.4;
/// Most queries of a commitment: more would only take time.
pub const MOST_QUERIES: usize = 4096;
const DIGEST: f64 = 108.0;

/// Refuse parameters that are worth too little or make no sense.
pub fn check(relation: &Relation, p: &Parameters) -> Result<(), Refused> {
    let sensible = (6..=14).contains(&p.log_width)
        && p.log_width < p.log_domain
        && p.log_domain <= 20
        && (5..=14).contains(&p.hub_log_width)
        && p.grinding <= 24
        && p.hub_log_width < p.hub_log_domain
        && p.hub_log_domain <= 22
        && p.weight_log_domain <= 26
        && p.weight_queries.max(p.input_queries) <= MOST_QUERIES
        && p.input_log_domain <= 20
        && p.log_width <= relation.log_rows()
        && relation.pads() + p.queries <= 1 << p.log_domain >> 2
        && 2 * hub_rounds(relation, p) <= 1 << p.hub_log_width;
    if !sensible {
        return Err(Refused("the parameters of the proof are out of range"));
    }
    if total(relation, p) >= REQUIRED { Ok(()) } else { Err(Refused("the parameters prove too few bits of soundness")) }
}

/// Refuse a rotation between two codes that is worth too little.
pub fn check_rotation(relation: &Relation, old: &Parameters, new: &Parameters, queries: usize) -> Result<(), Refused> {
    let log_domain = old.weight_log_domain.min(new.weight_log_domain);
    let rate = rate(relation.weight_width() + old.weight_tail.max(new.weight_tail), log_domain);
    let doubt = |p: &Parameters| closeness(p) * f64::from(p.weight_log_domain - log_domain).exp2();
    let agreement = ((-johnson(rate)).exp2() + doubt(old) + doubt(new)).min(1.0);
    let bits = [
        registration(relation, old),
        registration(relation, new),
        FIELD - (relation.weight_rows.max(1) as f64).log2() - lists(rate),
        queries as f64 * -agreement.log2(),
        DIGEST,
    ];
    if sum(&bits) >= REQUIRED { Ok(()) } else { Err(Refused("the rotation proves too few bits of soundness")) }
}

/// Bits of a registration.
fn registration(relation: &Relation, p: &Parameters) -> f64 {
    let rate = rate(relation.weight_width() + p.weight_tail, p.weight_log_domain);
    if closeness(p) > (1.0 - rate) / 2.0 {
        return 0.0;
    }
    let tested = if p.weight_audits > 0 { PHASE } else { 0.0 };
    tested.min(FIELD - f64::from(p.weight_log_domain) - ((relation.weight_rows + 1) as f64).log2())
}

/// Fraction of columns that a registration leaves in doubt.
fn closeness(p: &Parameters) -> f64 {
    if p.weight_audits > 0 { 1.0 - (-PHASE / p.weight_audits as f64).exp2() } else { 1.0 }
}

/// Rows of the hub that hold folded rows.
fn hub_rows(relation: &Relation, p: &Parameters) -> usize {
    p.segments(relation).iter().sum::<usize>().div_ceil(1 << p.hub_log_width)
}

/// Rounds of the sumcheck over them.
fn hub_rounds(relation: &Relation, p: &Parameters) -> usize {
    (usize::BITS - (hub_rows(relation, p) - 1).leading_zeros()) as usize
}

/// Bits of the sum of all errors.
fn total(relation: &Relation, p: &Parameters) -> f64 {
    let families = &relation.families;
    let constraints: usize = families.iter().map(|f| f.count.div_ceil(f.cols) * f.stride).sum::<usize>()
        + relation.used_rows
        + relation.input_count;
    let keys = relation.tables.iter().map(|t| t.size()).sum::<usize>() + 2 * relation.lookup_rows;
    // the hidden scalars share the positions of the cells
    let witness = rate(relation.pads().max(1 << p.log_width) + p.queries, p.log_domain);
    let hub = rate((1 << p.hub_log_width) + p.hub_queries, p.hub_log_domain);
    let several = 2.0 * lists(witness) + lists(hub);
    let claims = 2 * p.queries + p.weight_queries + p.input_queries + 3;
    let rounds = 4 * relation.log_rows() as usize + 2 * relation.product_rounds() as usize;
    let drawn = |count: usize| FIELD - (count as f64).log2() - several;
    let work = f64::from(p.grinding);
    let mut bits = vec![
        drawn(3 * keys + 4),
        drawn(constraints + relation.weight_rows + claims + 16),
        drawn(rounds + 2 * hub_rounds(relation, p) + 16),
        gap(5 * p.blocks(relation) + 3, p.log_domain, witness),
        p.queries as f64 * johnson(witness) + work,
        gap(hub_rows(relation, p) + 2, p.hub_log_domain, hub),
        p.hub_queries as f64 * johnson(hub) + work,
        DIGEST,
    ];
    if p.weight_tail > 0 {
        let rate = rate(relation.weight_width() + p.weight_tail, p.weight_log_domain);
        bits.push(registration(relation, p));
        bits.push(p.weight_queries as f64 * -(rate + closeness(p)).min(1.0).log2() + work);
    }
    if p.input_log_domain > 0 {
        let rate = rate(p.segments(relation)[3], p.input_log_domain);
        bits.push(FIELD - 2.0 * lists(rate) - f64::from(p.input_log_domain));
        bits.push(p.input_queries as f64 * johnson(rate) + work);
    }
    sum(&bits)
}

/// Bits of the sum of errors.
fn sum(bits: &[f64]) -> f64 {
    -bits.iter().map(|b| (-b).exp2()).sum::<f64>().log2()
}

/// Symbols of a message for one of its code word.
fn rate(length: usize, log_domain: u32) -> f64 {
    length as f64 / (1u64 << log_domain) as f64
}

/// Bits that one query is worth within the Johnson radius.
fn johnson(rate: f64) -> f64 {
    -(rate.sqrt() * (1.0 + 1.0 / (2.0 * MULTIPLICITY))).min(1.0).log2()
}

/// Bits of the proximity gap of a random combination of rows.
fn gap(rows: usize, log_domain: u32, rate: f64) -> f64 {
    let error = 7.0 * (MULTIPLICITY + 0.5).log2() - 3f64.log2() - 1.5 * rate.log2() + 2.0 * f64::from(log_domain);
    FIELD - error - (rows.max(2) as f64).log2()
}

/// Binary logarithm of the length of a list of close codewords.
fn lists(rate: f64) -> f64 {
    ((MULTIPLICITY + 0.5) / rate.sqrt()).log2()
}
