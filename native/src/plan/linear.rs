//! Regions that are sums of constants times the elements of one earlier region.
//!
//! The importer cuts rows into pieces of at most 256 and adds the pieces up; here they are put together again, so
//! that the pieces need not be made. Sums of integers do not depend on their order.

use std::borrow::Cow;

use crate::plan::survey::Survey;
use crate::program::{Node, Op, Operand, Program, Space};

/// Most constants that are held apart from the program's own; what needs more is worked out piece by piece.
const MAX_CONSTANTS: usize = 1 << 24;

/// The constants of one output element, for consecutive elements of the source.
#[derive(Debug, Clone)]
pub struct Window {
    /// First element of the source.
    pub start: usize,
    weights: Weights,
}

#[derive(Debug, Clone)]
enum Weights {
    /// Some that lie in the program: the operand, the first, how many.
    Own(Operand, usize, usize),
    /// Sums of such.
    Summed(Vec<i64>),
}

impl Window {
    const EMPTY: Self = Self { start: 0, weights: Weights::Summed(Vec::new()) };

    /// How many elements of the source it covers.
    pub fn length(&self) -> usize {
        match &self.weights {
            Weights::Own(_, _, length) => *length,
            Weights::Summed(sums) => sums.len(),
        }
    }

    /// One constant for each element from `start` on.
    pub fn weights(&self, program: &Program) -> Cow<'_, [i64]> {
        match &self.weights {
            Weights::Own(operand, first, length) => {
                Cow::Owned((*first..first + length).map(|index| program.constant(operand, index)).collect())
            }
            Weights::Summed(sums) => Cow::Borrowed(sums),
        }
    }

    /// Adds a multiple of another window; refused if that leaves a wide gap.
    fn add(self, other: &Self, factor: i64, program: &Program) -> Option<Self> {
        if other.length() == 0 {
            return Some(self);
        }
        let first = if self.length() == 0 { other.start } else { self.start.min(other.start) };
        let end = (self.start + self.length()).max(other.start + other.length());
        if end - first > 2 * (self.length() + other.length()) + 64 {
            return None;
        }
        let start = self.start;
        let mut sums = match self.weights {
            Weights::Summed(sums) => sums,
            Weights::Own(..) => self.weights(program).into_owned(),
        };
        if !sums.is_empty() {
            sums.splice(0..0, std::iter::repeat_n(0, start - first));
        }
        sums.resize(end - first, 0);
        for (sum, weight) in sums[other.start - first..].iter_mut().zip(other.weights(program).iter()) {
            *sum = sum.wrapping_add(weight.wrapping_mul(factor));
        }
        Some(Self { start: first, weights: Weights::Summed(sums) })
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
    pub fn bound(&self, magnitude: u64, program: &Program) -> u64 {
        let size = |row: &Window| {
            row.weights(program).iter().fold(0u64, |sum, weight| sum.saturating_add(weight.unsigned_abs()))
        };
        self.rows.iter().map(size).max().unwrap_or(0).saturating_mul(magnitude)
    }

    /// Constants in all rows.
    pub fn constants(&self) -> usize {
        self.rows.iter().map(Window::length).sum()
    }
}

/// Finds the linear regions of a program (`None` for the others, and for those that are made otherwise), and bounds
/// their intervals by their constants.
pub fn linear_regions(survey: &mut Survey, made: impl Fn(usize) -> bool) -> Vec<Option<Linear>> {
    let program = survey.program;
    let mut found: Vec<Option<Linear>> = Vec::with_capacity(program.nodes.len());
    let mut spare = MAX_CONSTANTS;
    for (place, node) in program.nodes.iter().enumerate() {
        let linear = match node.op {
            _ if made(place) => None,
            Op::Matmul => product(survey, node),
            Op::Sum => sum(survey, node, &found, &mut spare),
            Op::Affine => addition(survey, node, &found, &mut spare),
            _ => None,
        };
        if let Some(linear) = &linear {
            survey.bound(place, linear.bound(survey.magnitude(linear.source), program));
        }
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
        let length = node.k.min(elements.saturating_sub(*start)); // past them are zeros
        let weights = Weights::Own(*weights, weights.index(node.cols, e), length);
        (*region == source).then_some(Window { start: *start, weights })
    };
    Some(Linear { source, rows: places.iter().enumerate().map(row).collect::<Option<_>>()? })
}

fn sum(survey: &Survey, node: &Node, found: &[Option<Linear>], spare: &mut usize) -> Option<Linear> {
    let places = survey.places(node, node.a.as_ref()?, node.k).ok()?;
    let region = places[0].0;
    let parts = found[region].as_ref()?;
    let mut rows = Vec::with_capacity(places.len());
    for (home, start) in places {
        let mut row = Window::EMPTY;
        for part in parts.rows.iter().skip(start).take(node.k) {
            row = row.add(part, 1, survey.program)?;
        }
        *spare = spare.checked_sub(row.length())?;
        rows.push((home == region).then_some(row)?);
    }
    Some(Linear { source: parts.source, rows })
}

/// An AFFINE that adds up two linear regions and changes nothing else.
fn addition(survey: &Survey, node: &Node, found: &[Option<Linear>], spare: &mut usize) -> Option<Linear> {
    let in_trace = |operand: &Option<Operand>| operand.filter(|operand| operand.space == Space::Trace);
    if node.b.is_some() || node.shift != 0 || node.add != 0 {
        return None;
    }
    let terms = [(in_trace(&node.a)?, node.m0), (in_trace(&node.c)?, node.m1)];
    let mut rows = vec![Window::EMPTY; node.n];
    let mut source = None;
    for (operand, factor) in terms {
        let places = survey.places(node, &operand, 1).ok()?;
        for (row, (region, element)) in rows.iter_mut().zip(places) {
            let part = found[region].as_ref()?;
            if *source.get_or_insert(part.source) != part.source {
                return None;
            }
            if let Some(window) = part.rows.get(element) {
                *row = std::mem::replace(row, Window::EMPTY).add(window, factor, survey.program)?;
            }
        }
    }
    *spare = spare.checked_sub(rows.iter().map(Window::length).sum())?;
    let sum = Linear { source: source?, rows };
    let bound = sum.bound(survey.magnitude(sum.source), survey.program);
    let unclamped = node.hi >= 0 && node.lo <= 0 && bound <= node.hi as u64 && bound <= node.lo.unsigned_abs();
    unclamped.then_some(sum)
}
