//! What a proof says, read from the bytes that the transcript begins with; see `concordat.zk.statement`.

use super::field::{K, P};
use super::proof::Refused;
use super::relation::{Parameters, Relation};

const BAD: Refused = Refused("the statement of the proof is malformed");

/// The weights.
pub enum Weights {
    /// There are none.
    None,
    /// Behind a root.
    Committed([u8; 32]),
    /// Everybody has them; this is their digest.
    Public([u8; 32]),
}

/// The input.
pub enum Input {
    /// Behind a root, with the polynomial's value at the point that the root determines.
    Committed {
        /// Merkle root.
        root: [u8; 32],
        /// The value.
        outside: K,
    },
    /// In the clear.
    Public(Vec<i64>),
}

/// The parts that a verifier needs.
pub struct Statement {
    /// Sizes of the codes.
    pub parameters: Parameters,
    /// The weights.
    pub weights: Weights,
    /// The input.
    pub input: Input,
    /// Public vectors.
    pub publics: Vec<Vec<i64>>,
}

impl Statement {
    /// Read `Statement.encode()`.
    pub fn read(relation: &Relation, digest: &[u8; 32], data: &[u8]) -> Result<Self, Refused> {
        let mut rest = Bytes(data);
        // chain id, contract, order, model and version are absorbed as they are
        rest.take(8 + 20 + 32 + 32 + 4)?;
        if rest.take(32)? != digest {
            return Err(Refused("the statement is about another relation"));
        }
        let parameters = Parameters::decode(rest.take(52)?).map_err(|_| BAD)?;
        let (kind, bytes) = (rest.take(1)?[0], rest.digest()?);
        let weights = match kind {
            0 if bytes == [0; 32] => Weights::None,
            1 => Weights::Committed(bytes),
            2 => Weights::Public(bytes),
            _ => return Err(BAD),
        };
        let input = match rest.take(1)?[0] {
            1 => {
                let root = rest.digest()?;
                let outside = [rest.word()?, rest.word()?, rest.word()?];
                if outside.iter().any(|&c| c >= P) {
                    return Err(BAD);
                }
                Input::Committed { root, outside: K(outside) }
            }
            0 => Input::Public(rest.vector(relation.input_count)?),
            _ => return Err(BAD),
        };
        let publics = relation.publics.iter().map(|&length| rest.vector(length)).collect::<Result<_, _>>()?;
        if !rest.0.is_empty() {
            return Err(BAD);
        }
        let private = matches!(weights, Weights::Committed(_));
        let hidden = matches!(input, Input::Committed { .. });
        if private != (parameters.weight_tail > 0) || hidden != (parameters.input_log_domain > 0) {
            return Err(Refused("the parameters do not fit what is committed"));
        }
        if (relation.weight_rows > 0) == matches!(weights, Weights::None) {
            return Err(Refused("the statement lacks its weights, or has some too many"));
        }
        Ok(Self { parameters, weights, input, publics })
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (piece, rest) = self.0.split_at_checked(count).ok_or(BAD)?;
        self.0 = rest;
        Ok(piece)
    }

    fn digest(&mut self) -> Result<[u8; 32], Refused> {
        self.take(32).map(|piece| piece.try_into().expect("32 bytes"))
    }

    fn word(&mut self) -> Result<u64, Refused> {
        self.take(8).map(|piece| u64::from_be_bytes(piece.try_into().expect("eight bytes")))
    }

    fn vector(&mut self, length: usize) -> Result<Vec<i64>, Refused> {
        let count = u32::from_be_bytes(self.take(4)?.try_into().expect("four bytes"));
        if count as usize != length {
            return Err(Refused("the statement has a vector of the wrong length"));
        }
        let bytes = self.take(8 * length)?;
        let numbers: Vec<i64> =
            bytes.chunks_exact(8).map(|b| i64::from_be_bytes(b.try_into().expect("eight bytes"))).collect();
        let fits = |n: &i64| (2 * i128::from(*n)).unsigned_abs() < u128::from(P);
        if numbers.iter().all(fits) {
            Ok(numbers)
        } else {
            Err(Refused("a public number of the statement is too large"))
        }
    }
}
