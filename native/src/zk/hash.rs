//! SHA-256 of many short messages: sixteen at a time where AVX-512 is, one at a time elsewhere.

use super::field::P;
use super::transcript::sha256;

/// Messages hashed side by side.
pub const SIDE: usize = 16;
/// Digests side by side: eight words of each.
pub type Digests = [[u32; SIDE]; 8];

/// Messages of one block that differ in a number of 32 bits.
pub struct Counted {
    message: Vec<u8>,
    at: usize,
}

impl Counted {
    /// Of some pieces, a number of 32 bits, and no more than 55 bytes.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut message = parts.concat();
        let at = message.len();
        message.extend_from_slice(&[0; 4]);
        debug_assert!(message.len() < 56);
        Self { message, at }
    }

    /// Digests of the messages with the numbers from `first` on.
    pub fn digests(&self, first: u32) -> Digests {
        #[cfg(target_arch = "x86_64")]
        if super::hash_wide::present() && self.message.len() < 56 {
            return super::hash_wide::counted(&self.message, self.at, first);
        }
        let mut out = [[0; SIDE]; 8];
        for lane in 0..SIDE {
            put(&mut out, lane, &self.one(first.wrapping_add(lane as u32)));
        }
        out
    }

    /// The digest of one message.
    pub fn one(&self, number: u32) -> [u8; 32] {
        sha256(&[&self.message[..self.at], &number.to_be_bytes()])
    }
}

/// Uniform elements of the prime field from a secret: SHA-256 in counter mode, words at or above P passed over.
pub fn random(seed: &[u8], label: &[u8], count: usize) -> Vec<u64> {
    let key = sha256(&[seed, label]);
    let messages = Counted::new(&[&key, &[0; 4]]);
    let mut out = Vec::with_capacity(count + 4 * SIDE);
    let mut first = 0;
    while out.len() < count {
        let words = messages.digests(first);
        for lane in 0..SIDE {
            for pair in words.chunks_exact(2) {
                let number = u64::from(pair[0][lane]) << 32 | u64::from(pair[1][lane]);
                if number < P {
                    out.push(number);
                }
            }
        }
        first += SIDE as u32;
    }
    out.truncate(count);
    out
}

/// Digests of leaves `0 ‖ salt ‖ column`: sixteen columns from `from` on of a matrix whose rows are given.
pub fn leaves(rows: &[&[u64]], from: usize, salts: &[[u32; SIDE]; 4]) -> Digests {
    #[cfg(target_arch = "x86_64")]
    if super::hash_wide::present() {
        return super::hash_wide::leaves(rows, from, salts);
    }
    let mut out = [[0; SIDE]; 8];
    let mut message = vec![0; 17 + 8 * rows.len()];
    for lane in 0..SIDE {
        for (bytes, word) in message[1..17].chunks_exact_mut(4).zip(salts) {
            bytes.copy_from_slice(&word[lane].to_be_bytes());
        }
        for (bytes, row) in message[17..].chunks_exact_mut(8).zip(rows) {
            bytes.copy_from_slice(&row[from + lane].to_be_bytes());
        }
        put(&mut out, lane, &sha256(&[&message]));
    }
    out
}

/// Digests of the nodes over 32 children, whose words are given side by side.
pub fn nodes(children: &[&[u32]; 8], from: usize) -> Digests {
    #[cfg(target_arch = "x86_64")]
    if super::hash_wide::present() {
        return super::hash_wide::nodes(children, from);
    }
    let mut out = [[0; SIDE]; 8];
    for lane in 0..SIDE {
        let at = from + 2 * lane;
        put(&mut out, lane, &node(&digest(children, at), &digest(children, at + 1)));
    }
    out
}

/// A node of the children's first bytes.
pub fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], &left[..NODE], &right[..NODE]])
}

/// Bytes of a digest below the root.
pub const NODE: usize = 27;

/// A digest whose words lie apart.
pub fn digest(words: &[&[u32]; 8], at: usize) -> [u8; 32] {
    let mut out = [0; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word[at].to_be_bytes());
    }
    out
}

fn put(out: &mut Digests, lane: usize, digest: &[u8; 32]) {
    for (word, bytes) in out.iter_mut().zip(digest.chunks_exact(4)) {
        word[lane] = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_side_by_side_equal_one_by_one() {
        for label in 0..20 {
            let counted = Counted::new(&[&[label; 31], &vec![7; usize::from(label)]]);
            let all = counted.digests(1000);
            for lane in 0..SIDE {
                let words: [&[u32]; 8] = std::array::from_fn(|i| &all[i][..]);
                assert_eq!(digest(&words, lane), counted.one(1000 + lane as u32));
            }
        }
    }

    #[test]
    fn leaves_and_nodes_equal_their_definition() {
        for height in [1, 2, 4, 5, 11, 30, 63] {
            let rows: Vec<Vec<u64>> =
                (0..height).map(|r| (0..48).map(|j| (r * 977 + j as u64 + 1).wrapping_pow(9)).collect()).collect();
            let slices: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
            let salts = [0, 1, 2, 3]
                .map(|i| std::array::from_fn(|lane| (lane as u32 + 3).wrapping_mul(0x1234_5671).wrapping_add(i)));
            let made = leaves(&slices, 16, &salts);
            let words: [&[u32]; 8] = std::array::from_fn(|i| &made[i][..]);
            for lane in 0..SIDE {
                let mut message = vec![0];
                message.extend(salts.iter().flat_map(|word| word[lane].to_be_bytes()));
                message.extend(rows.iter().flat_map(|row| row[16 + lane].to_be_bytes()));
                assert_eq!(digest(&words, lane), sha256(&[&message]), "height {height}");
            }
        }
        let words: Vec<Vec<u32>> = (0..8).map(|i| (0..64u32).map(|j| (j * 8 + i).wrapping_pow(7)).collect()).collect();
        let slices: [&[u32]; 8] = std::array::from_fn(|i| &words[i][..]);
        let made = nodes(&slices, 32);
        let parents: [&[u32]; 8] = std::array::from_fn(|i| &made[i][..]);
        for lane in 0..SIDE {
            let at = 32 + 2 * lane;
            assert_eq!(digest(&parents, lane), node(&digest(&slices, at), &digest(&slices, at + 1)));
        }
    }
}
