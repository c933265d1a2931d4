//! The hub; see `concordat.zk.prover.hub`.

use super::code::{Code, Tree};
use super::field::{K, ZERO};
use super::relation::{Parameters, Relation};
use super::rounds::{bind, product_round};
use super::sumcheck::{Messages, eq_table, fold};
use super::transcript::{Tag, random_elements};

/// Folded rows, committed.
pub struct Hub {
    /// Elements, padded to a power of two of rows.
    pub elements: Vec<K>,
    /// The commitment.
    pub tree: Tree,
    width: usize,
    rows: usize,
    bits: usize,
    tails: Vec<K>,
    mask: Vec<K>,
    pads: Vec<K>,
    pad_mask: Vec<K>,
}

impl Hub {
    /// Commit the segments.
    pub fn new(relation: &Relation, p: &Parameters, flat: &[K], seed: &[u8]) -> Self {
        let (width, tail) = (1usize << p.hub_log_width, p.hub_queries);
        debug_assert_eq!(flat.len(), p.offsets(relation).1);
        let rows = flat.len().div_ceil(width);
        let bits = (usize::BITS - (rows - 1).leading_zeros()) as usize;
        let mut elements = vec![ZERO; width << bits];
        elements[..flat.len()].copy_from_slice(flat);
        let mut hidden = random_elements(seed, b"hub", (rows + 1) * tail + width + 2 * (2 * bits + tail));
        let pad_mask = hidden.split_off(rows * tail + width + tail + 2 * bits + tail);
        let pads = hidden.split_off(rows * tail + width + tail);
        let mask = hidden.split_off(rows * tail);
        let tails = hidden;
        let mut coordinates: Vec<Vec<u64>> = Vec::with_capacity(3 * (rows + 3));
        let mut push = |values: &mut dyn Iterator<Item = K>| {
            let row: Vec<K> = values.collect();
            for t in 0..3 {
                coordinates.push(row.iter().map(|v| v.0[t]).collect());
            }
        };
        for r in 0..rows {
            let body = elements[r * width..(r + 1) * width].iter().chain(&tails[r * tail..(r + 1) * tail]);
            push(&mut body.copied());
        }
        for row in [&mask, &pads, &pad_mask] {
            push(&mut row.iter().copied());
        }
        let slices: Vec<&[u64]> = coordinates.iter().map(Vec::as_slice).collect();
        let tree = Tree::new(Code::new(&slices, p.hub_log_domain), &[seed, b"hub"]);
        Self { elements, tree, width, rows, bits, tails, mask, pads, pad_mask }
    }

    /// Show that the product with `factors` is what the verifier knows.
    pub fn open(&self, messages: &mut Messages, p: &Parameters, mut factors: Vec<K>) {
        let mut left = self.elements.clone();
        let (mut point, mut sent) = (Vec::new(), Vec::new());
        for i in 0..self.bits {
            let half = left.len() / 2;
            let [at0, at2] = product_round(&left, &factors, half);
            let message = vec![at0 + self.pads[2 * i], at2 + self.pads[2 * i + 1]];
            messages.say(Tag::HubRound, &message);
            let r = messages.transcript.challenge();
            bind(&mut left, half, r);
            bind(&mut factors, half, r);
            point.push(r);
            sent.push(message);
        }
        let weights = eq_table(&point);
        let pad_factors = fold(&sent, point, 2).pads;
        let mut sigma = ZERO;
        for (m, f) in self.mask.iter().zip(&factors) {
            sigma += *m * *f;
        }
        for (m, f) in self.pad_mask.iter().zip(&pad_factors) {
            sigma -= *m * *f;
        }
        messages.say(Tag::HubMask, &[sigma]);
        let e = messages.transcript.challenge();
        let tail = p.hub_queries;
        let mut shown: Vec<K> = left;
        shown
            .extend((0..tail).map(|k| (0..self.rows).fold(ZERO, |sum, r| sum + self.tails[r * tail + k] * weights[r])));
        for (row, mask) in shown.iter_mut().zip(&self.mask) {
            *row = *mask + *row * e;
        }
        shown.extend(self.pads.iter().zip(&self.pad_mask).map(|(&pad, &mask)| mask + pad * e));
        messages.say(Tag::HubRow, &shown);
        messages.grind(p.grinding);
        let positions = messages.transcript.positions(p.hub_queries, p.hub_log_domain);
        self.tree.open(&positions, &mut messages.proof);
        debug_assert_eq!(self.width + tail, self.mask.len());
    }
}
