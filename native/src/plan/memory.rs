//! The working memory of a plan: rows of elements in machine order, in three banks by width.
//!
//! One row holds one execution. A region has a [`Slot`] in one bank; slots lie in the order of the nodes, so that
//! what a node reads of its own bank always lies before what it writes.

use std::ops::Range;

use crate::plan::matrix::Workspace;

/// Rows of fewer elements are moved column by column.
const SHORT_ROW: usize = 8;

/// An element of a bank.
pub trait Element: Copy {
    /// As 64 bits.
    fn wide(self) -> i64;
    /// From 64 bits; what does not fit is cut off.
    fn cut(value: i64) -> Self;
}

macro_rules! element {
    ($($kind:ty),*) => {$(
        impl Element for $kind {
            #[inline(always)]
            fn wide(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn cut(value: i64) -> Self {
                value as Self
            }
        }
    )*};
}
element!(i16, i32, i64);

/// Which bank: the narrowest that holds a region's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bank {
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
}

impl Bank {
    /// Narrowest bank for an interval.
    pub fn holding((low, high): (i64, i64)) -> Self {
        if i64::from(i16::MIN) <= low && high <= i64::from(i16::MAX) {
            Self::Short
        } else if i64::from(i32::MIN) <= low && high <= i64::from(i32::MAX) {
            Self::Int
        } else {
            Self::Long
        }
    }
}

/// Where in a row a region lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which bank.
    pub bank: Bank,
    /// Place of its first element in a row of the bank.
    pub at: usize,
}

/// Elements of a row of each bank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    lengths: [usize; 3],
}

impl Layout {
    /// Room for a region.
    pub fn add(&mut self, bank: Bank, length: usize) -> Slot {
        let end = &mut self.lengths[bank as usize];
        // Long regions start on a cache line; short ones share one.
        let at = if length < 16 { *end } else { end.next_multiple_of(32) };
        *end = at + length;
        Slot { bank, at }
    }

    /// Bytes of a row.
    pub fn bytes(&self) -> usize {
        2 * self.lengths[0] + 4 * self.lengths[1] + 8 * self.lengths[2]
    }
}

/// The banks of some rows.
#[derive(Debug, Default)]
pub struct Memory {
    /// 16-bit elements.
    pub shorts: Rows<i16>,
    /// 32-bit elements.
    pub ints: Rows<i32>,
    /// 64-bit elements.
    pub longs: Rows<i64>,
    /// Room for what a step works on, kept from one step to the next.
    pub scratch: Vec<i64>,
    /// The same, for products.
    pub work: Workspace,
}

/// Rows of one bank.
#[derive(Debug, Default)]
pub struct Rows<T> {
    elements: Vec<T>,
    stride: usize,
}

impl<T: Element> Rows<T> {
    fn resize(&mut self, rows: usize, length: usize) {
        // An odd number of cache lines keeps rows from falling on the same cache sets; the last line is never used,
        // so that a pair of elements may be read at the end of any slot.
        let lines = (length * size_of::<T>()).div_ceil(64) + 1;
        self.stride = (lines | 1) * 64 / size_of::<T>();
        if self.elements.len() < rows * self.stride {
            self.elements.resize(rows * self.stride, T::cut(0));
        }
    }

    /// One row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[T] {
        &self.elements[row * self.stride..][..self.stride]
    }

    /// One row, to be written.
    #[inline(always)]
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.elements[row * self.stride..][..self.stride]
    }

    #[inline(always)]
    fn widen(&self, at: usize, rows: Range<usize>, values: &mut [i64]) {
        let length = values.len() / rows.len().max(1);
        if length < SHORT_ROW {
            return (0..length).for_each(|place| self.widen_column(at + place, rows.start, values, place, length));
        }
        for (row, values) in rows.zip(values.chunks_exact_mut(length)) {
            let elements = &self.row(row)[at..at + length];
            values.iter_mut().zip(elements).for_each(|(value, element)| *value = element.wide());
        }
    }

    /// Reads elements at any places of each of some rows, row after row.
    #[inline(always)]
    pub fn pick(&self, places: &[u32], rows: Range<usize>, values: &mut [i64]) {
        if places.len() < SHORT_ROW {
            for (place, at) in places.iter().enumerate() {
                self.widen_column(*at as usize, rows.start, values, place, places.len());
            }
            return;
        }
        for (row, values) in rows.zip(values.chunks_exact_mut(places.len())) {
            let elements = self.row(row);
            values.iter_mut().zip(places).for_each(|(value, place)| *value = elements[*place as usize].wide());
        }
    }

    /// Reads one element of each row into every `length`-th value from `place` on.
    #[inline(always)]
    fn widen_column(&self, at: usize, first: usize, values: &mut [i64], place: usize, length: usize) {
        let elements = self.elements[first * self.stride + at..].iter().step_by(self.stride);
        let values = values[place..].iter_mut().step_by(length);
        values.zip(elements).for_each(|(value, element)| *value = element.wide());
    }

    #[inline(always)]
    fn narrow(&mut self, at: usize, rows: Range<usize>, values: &[i64]) {
        let length = values.len() / rows.len().max(1);
        if length < SHORT_ROW {
            for place in 0..length {
                let elements = self.elements[rows.start * self.stride + at + place..].iter_mut().step_by(self.stride);
                let values = values[place..].iter().step_by(length);
                elements.zip(values).for_each(|(element, value)| *element = T::cut(*value));
            }
            return;
        }
        for (row, values) in rows.zip(values.chunks_exact(length)) {
            let elements = &mut self.row_mut(row)[at..at + length];
            elements.iter_mut().zip(values).for_each(|(element, value)| *element = T::cut(*value));
        }
    }

    /// All rows, end to end.
    pub fn all(&self) -> &[T] {
        &self.elements
    }

    /// All rows, end to end, to be written.
    pub fn all_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }

    /// Distance between rows.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

/// What a step may read of a row.
#[derive(Clone, Copy)]
pub struct Earlier<'a> {
    /// 16-bit elements.
    pub shorts: &'a [i16],
    /// 32-bit elements.
    pub ints: &'a [i32],
    /// 64-bit elements.
    pub longs: &'a [i64],
}

impl Earlier<'_> {
    /// One element.
    #[inline(always)]
    pub fn at(&self, slot: Slot) -> i64 {
        match slot.bank {
            Bank::Short => self.shorts[slot.at].wide(),
            Bank::Int => self.ints[slot.at].wide(),
            Bank::Long => self.longs[slot.at],
        }
    }
}

/// The region that a step writes in a row.
pub enum Region<'a> {
    /// 16-bit elements.
    Shorts(&'a mut [i16]),
    /// 32-bit elements.
    Ints(&'a mut [i32]),
    /// 64-bit elements.
    Longs(&'a mut [i64]),
}

impl Memory {
    /// Makes room for so many rows; elements that were never written are zero.
    pub fn resize(&mut self, rows: usize, layout: &Layout) {
        self.shorts.resize(rows, layout.lengths[0]);
        self.ints.resize(rows, layout.lengths[1]);
        self.longs.resize(rows, layout.lengths[2]);
    }

    /// Reads equally many elements from a slot on of each of some rows, row after row.
    #[inline(always)]
    pub fn widen(&self, slot: Slot, rows: Range<usize>, values: &mut [i64]) {
        match slot.bank {
            Bank::Short => self.shorts.widen(slot.at, rows, values),
            Bank::Int => self.ints.widen(slot.at, rows, values),
            Bank::Long => self.longs.widen(slot.at, rows, values),
        }
    }

    /// Writes equally many elements from a slot on of each of some rows, row after row.
    #[inline(always)]
    pub fn narrow(&mut self, slot: Slot, rows: Range<usize>, values: &[i64]) {
        match slot.bank {
            Bank::Short => self.shorts.narrow(slot.at, rows, values),
            Bank::Int => self.ints.narrow(slot.at, rows, values),
            Bank::Long => self.longs.narrow(slot.at, rows, values),
        }
    }

    /// All of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> Earlier<'_> {
        Earlier { shorts: self.shorts.row(row), ints: self.ints.row(row), longs: self.longs.row(row) }
    }

    /// What lies before a region in a row, and the region's first `n` elements.
    #[inline(always)]
    pub fn split(&mut self, row: usize, slot: Slot, n: usize) -> (Earlier<'_>, Region<'_>) {
        match slot.bank {
            Bank::Short => {
                let (shorts, rest) = self.shorts.row_mut(row).split_at_mut(slot.at);
                let (ints, longs) = (self.ints.row(row), self.longs.row(row));
                (Earlier { shorts, ints, longs }, Region::Shorts(&mut rest[..n]))
            }
            Bank::Int => {
                let (ints, rest) = self.ints.row_mut(row).split_at_mut(slot.at);
                let (shorts, longs) = (self.shorts.row(row), self.longs.row(row));
                (Earlier { shorts, ints, longs }, Region::Ints(&mut rest[..n]))
            }
            Bank::Long => {
                let (longs, rest) = self.longs.row_mut(row).split_at_mut(slot.at);
                let (shorts, ints) = (self.shorts.row(row), self.ints.row(row));
                (Earlier { shorts, ints, longs }, Region::Longs(&mut rest[..n]))
            }
        }
    }
}
