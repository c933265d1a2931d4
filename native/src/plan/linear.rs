//! Regions that are sums of constants times the elements of one earlier region.
//!
//! The importer cuts rows into pieces of at most 256 and adds the pieces up; here they are put together again, so
//! that the pieces need not be made. Sums of integers do not depend on their order.

use crate::plan::survey::Survey;
use crate::program::{Node, Op, Space};

/// Most constants that all linear regions of a program may have; the rest are worked out piece by piece.
const MAX_CONSTANTS: usize = 1 << 24;

/// The constants of one output element, for consecutive elements of the source.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// First element of the source.
    pub start: usize,
    /// One constant for each element from there.
    pub weights: Vec<i64>,
}

impl Window {
    /// Adds constants for elements from `start` on; refused if that leaves a wide gap.
    fn merge(&mut self, other: &Self) -> Option<()> {
        if other.weights.is_empty() {
            return Some(());
        }
        if self.weights.is_empty() {
            *self = other.clone();
            return Some(());
        }
        let start = self.start.min(other.start);
        let end = (self.start + self.weights.len()).max(other.start + other.weights.len());
        if end - start > 2 * (self.weights.len() + other.weights.len()) + 64 {
            return None;
        }
        if start < self.start {
            self.weights.splice(0..0, std::iter::repeat_n(0, self.start - start));
            self.start = start;
        }
        self.weights.resize(end - start, 0);
        for (sum, weight) in self.weights[other.start - start..].iter_mut().zip(&other.weights) {
            *sum = sum.wrapping_add(*weight);
        }
        Some(())
    }
}

/// A region as a matrix times an earlier region.
#[derive(Debug, Clone)]
pub struct Linear {
    /// The earlier region's node.
    pub source: usize,
    /// One for each output element.
    pub rows: Vec<Window>,
}

impl Linear {
    /// Greatest magnitude of an element, and of any part of its sum, when the source's stays within `magnitude`.
    pub fn bound(&self, magnitude: u64) -> u64 {
        let of = |row: &Window| row.weights.iter().fold(0u64, |sum, w| sum.saturating_add(w.unsigned_abs()));
        self.rows.iter().map(of).max().unwrap_or(0).saturating_mul(magnitude)
    }
}

/// The linear regions of a program; `None` for the others.
pub fn linear_regions(survey: &Survey) -> Vec<Option<Linear>> {
    let mut found: Vec<Option<Linear>> = Vec::with_capacity(survey.program.nodes.len());
    let mut spare = MAX_CONSTANTS;
    for node in &survey.program.nodes {
        let linear = match node.op {
            Op::Matmul if node.n.saturating_mul(node.k) <= spare => product(survey, node),
            Op::Sum => sum(survey, node, &found, spare),
            _ => None,
        };
        let size = |linear: &Linear| linear.rows.iter().map(|row| row.weights.len()).sum::<usize>();
        spare = spare.saturating_sub(linear.as_ref().map_or(0, size));
        found.push(linear);
    }
    found
}

fn product(survey: &Survey, node: &Node) -> Option<Linear> {
    let (a, b) = (node.a.as_ref()?, node.b.as_ref()?);
    let (values, weights) = match (a.space, b.space) {
        (Space::Trace, Space::Weights) => (a, b),
        (Space::Weights, Space::Trace) => (b, a),
        _ => return None,
    };
    let places = survey.places(node, values, node.k).ok()?;
    let source = places[0].0;
    let elements = survey.program.nodes[source].n;
    let row = |(e, (region, start)): (usize, &(usize, usize))| {
        let first = weights.index(node.cols, e);
        let length = node.k.min(elements.saturating_sub(*start)); // past them are zeros
        let weights = (first..first + length).map(|index| survey.program.constant(weights, index)).collect();
        (*region == source).then_some(Window { start: *start, weights })
    };
    Some(Linear { source, rows: places.iter().enumerate().map(row).collect::<Option<_>>()? })
}

fn sum(survey: &Survey, node: &Node, found: &[Option<Linear>], spare: usize) -> Option<Linear> {
    let places = survey.places(node, node.a.as_ref()?, node.k).ok()?;
    let region = places[0].0;
    let parts = found[region].as_ref()?;
    let mut constants = 0;
    let row = |(home, start): &(usize, usize)| {
        let mut row = Window::default();
        for part in parts.rows.iter().skip(*start).take(node.k) {
            row.merge(part)?;
        }
        constants += row.weights.len();
        (*home == region && constants <= spare).then_some(row)
    };
    Some(Linear { source: parts.source, rows: places.iter().map(row).collect::<Option<_>>()? })
}
