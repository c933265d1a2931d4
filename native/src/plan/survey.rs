//! What the plan knows of a program before it chooses steps: where operands point, and how large values get.

use crate::plan::Unplanned;
use crate::program::{Node, Op, Operand, Program, Space};

/// An element of a region: node, and place in it.
pub type Place = (usize, usize);

/// A program with the interval of each region.
pub struct Survey<'a> {
    /// The program.
    pub program: &'a Program,
    /// An interval for each region; it is that of the type where nothing better is known.
    pub intervals: Vec<(i64, i64)>,
}

impl<'a> Survey<'a> {
    /// Looks over a program.
    pub fn new(program: &'a Program) -> Result<Self, Unplanned> {
        let mut survey = Self { program, intervals: Vec::with_capacity(program.nodes.len()) };
        for node in &program.nodes {
            let (low, high) = survey.interval(node)?;
            let (least, greatest) = node.kind.range();
            survey.intervals.push(if least <= low && high <= greatest { (low, high) } else { (least, greatest) });
        }
        Ok(survey)
    }

    /// Greatest magnitude of an element of a region.
    pub fn magnitude(&self, region: usize) -> u64 {
        let (low, high) = self.intervals[region];
        low.unsigned_abs().max(high.unsigned_abs())
    }

    /// Narrows a region's interval to elements of at most that magnitude.
    pub fn bound(&mut self, region: usize, magnitude: u64) {
        let bound = i64::try_from(magnitude).unwrap_or(i64::MAX);
        let (low, high) = self.intervals[region];
        self.intervals[region] = (low.max(-bound), high.min(bound));
    }

    /// Widens the intervals of some regions to one that holds them all.
    pub fn unite(&mut self, regions: impl Iterator<Item = usize> + Clone) {
        let all = regions.clone().map(|region| self.intervals[region]);
        let Some(union) = all.reduce(|(low, high), (least, greatest)| (low.min(least), high.max(greatest))) else {
            return;
        };
        regions.for_each(|region| self.intervals[region] = union);
    }

    /// Where in its region each output element's first element of an operand in the trace lies.
    ///
    /// Refused if an operand reads a region as of another type, or if `span` elements from there leave the region.
    pub fn places(&self, node: &Node, operand: &Operand, span: usize) -> Result<Vec<Place>, Unplanned> {
        let mut last = 0;
        (0..node.n)
            .map(|e| {
                let place = self.place(operand, operand.index(node.cols, e), last)?;
                last = place.0;
                let region = &self.program.nodes[place.0];
                let room = region.leaves * region.kind.per_word();
                if place.1 + span <= room { Ok(place) } else { Err(Unplanned) }
            })
            .collect()
    }

    /// The element of GATHER's operand A that each output element is.
    pub fn gathered(&self, node: &Node) -> Result<Vec<Place>, Unplanned> {
        let (Some(a), Some(b)) = (&node.a, &node.b) else { return Err(Unplanned) };
        let mut last = 0;
        (0..node.n)
            .map(|e| {
                let from = self.program.constant(b, b.index(node.cols, e));
                let place = self.place(a, a.index(node.cols, e).wrapping_add_signed(from as isize), last)?;
                last = place.0;
                Ok(place)
            })
            .collect()
    }

    /// Finds the region of an element; `guess` is where the last one was.
    fn place(&self, operand: &Operand, index: usize, guess: usize) -> Result<Place, Unplanned> {
        let nodes = &self.program.nodes;
        let word = operand.start + index / operand.kind.per_word();
        let holds = |node: &Node| node.start <= word && word < node.start + node.leaves;
        let found = if holds(&nodes[guess]) { guess } else { nodes.partition_point(|node| node.start <= word) - 1 };
        if nodes[found].kind != operand.kind {
            return Err(Unplanned);
        }
        Ok((found, operand.start * operand.kind.per_word() + index - nodes[found].start * operand.kind.per_word()))
    }

    /// The constant that each output element reads first.
    pub fn constants(&self, node: &Node, operand: &Operand) -> Vec<i64> {
        (0..node.n).map(|e| self.program.constant(operand, operand.index(node.cols, e))).collect()
    }

    fn interval(&self, node: &Node) -> Result<(i64, i64), Unplanned> {
        let of = |places: Vec<Place>| {
            places
                .into_iter()
                .map(|(region, _)| self.intervals[region])
                .fold((0, 0), |(low, high), (least, greatest)| (low.min(least), high.max(greatest)))
        };
        Ok(match (node.op, &node.a) {
            (Op::Affine, _) => (node.lo, node.hi),
            (Op::Argmax, _) => (0, node.k as i64 - 1),
            (Op::Max, Some(a)) => of(self.places(node, a, node.k)?),
            (Op::Gather, _) => of(self.gathered(node)?),
            (Op::Select, _) => match &node.c {
                None => (0, 1),
                Some(c) if c.space == Space::Weights => self
                    .constants(node, c)
                    .into_iter()
                    .fold((0, 0), |(low, high), value| (low.min(value), high.max(value))),
                Some(c) => of(self.places(node, c, 1)?),
            },
            _ => node.kind.range(),
        })
    }
}
