//! Big-endian fields of fixed-size bytes, in order.

use crate::program::ProgramError;

/// A place in bytes whose length the caller has checked: reading past the end gives zeros, never a panic.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                *head
            }
            None => [0; N],
        }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take())
    }

    /// The next eight bytes.
    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }

    /// Passes over reserved bytes.
    ///
    /// # Errors
    /// With `problem`, if one is not zero.
    pub fn zeros(&mut self, count: usize, problem: &str) -> Result<(), ProgramError> {
        let (head, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        if head.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(problem.into()) }
    }
}
