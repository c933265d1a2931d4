//! Sumchecks with padded messages; see `concordat.zk.verifier.sumcheck`.

use super::field::{K, ONE, P, ZERO, pow, sub};
use super::transcript::{Tag, Transcript};

/// A growing proof and the transcript that absorbs it.
#[derive(Default)]
pub struct Messages {
    /// The transcript.
    pub transcript: Transcript,
    /// The proof so far.
    pub proof: Vec<u8>,
}

impl Messages {
    /// Send and absorb elements.
    pub fn say(&mut self, tag: Tag, values: &[K]) {
        let data = encode(values);
        self.transcript.absorb(tag, &data);
        self.proof.extend_from_slice(&data);
    }

    /// Send and absorb a root.
    pub fn commit(&mut self, tag: Tag, root: &[u8; 32]) {
        self.transcript.absorb(tag, root);
        self.proof.extend_from_slice(root);
    }

    /// Find and send the nonce of a proof of work.
    pub fn grind(&mut self, bits: u32) {
        let nonce = self.transcript.worked(bits);
        assert!(self.transcript.grinds(nonce, bits));
        self.proof.extend_from_slice(&nonce.to_be_bytes());
    }
}

/// 24 bytes for each element.
pub fn encode(values: &[K]) -> Vec<u8> {
    values.iter().flat_map(|v| v.0).flat_map(u64::to_be_bytes).collect()
}

/// What is left of a sumcheck once its messages are folded.
pub struct Folded {
    /// Challenges, first round first.
    pub point: Vec<K>,
    /// What was sent, weighted.
    pub constant: K,
    /// Factor of the first claim in the last.
    pub carry: K,
    /// Factors of the pads in the last claim.
    pub pads: Vec<K>,
}

/// Fold the messages of a sumcheck of some degree.
pub fn fold(sent: &[Vec<K>], point: Vec<K>, degree: usize) -> Folded {
    let (mut constant, mut carry) = (ZERO, ONE);
    let mut pads = vec![ZERO; sent.len() * degree];
    for (i, (message, &r)) in sent.iter().zip(&point).enumerate().rev() {
        let weights = lagrange(r, degree);
        for (k, m) in message.iter().enumerate() {
            let factor = carry * if k == 0 { weights[0] - weights[1] } else { weights[k + 1] };
            constant += *m * factor;
            pads[i * degree + k] = -factor;
        }
        carry *= weights[1];
    }
    Folded { point, constant, carry, pads }
}

/// Values at `r` of the Lagrange polynomials of the nodes 0 … degree.
pub fn lagrange(r: K, degree: usize) -> Vec<K> {
    let differences: Vec<K> = (0..=degree as u64).map(|j| r - K::base(j)).collect();
    (0..=degree)
        .map(|i| {
            let mut value = ONE;
            let mut weight = 1;
            for j in (0..=degree).filter(|&j| j != i) {
                value *= differences[j];
                weight = super::field::mul(weight, sub(i as u64, j as u64));
            }
            value.scale(pow(weight, P - 2))
        })
        .collect()
}

/// `eq(point, ·)`, most significant variable first.
pub fn eq_table(point: &[K]) -> Vec<K> {
    let mut values = vec![ONE];
    for &z in point {
        let mut grown = Vec::with_capacity(2 * values.len());
        for v in values {
            let high = v * z;
            grown.push(v - high);
            grown.push(high);
        }
        values = grown;
    }
    values
}
