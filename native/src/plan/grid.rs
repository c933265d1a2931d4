//! Convolutions: MATMULs whose rows step through a region, or through several that lie one after another.
//!
//! Where the importer cuts a kernel into runs and adds up what they give, the runs are put together again. Windows read
//! zeros around an image too, which lie in regions of their own: those regions are kept as far apart as in the trace.

use std::ops::Range;

use crate::plan::kernels::{Factors, Sums};
use crate::plan::matrix::{Matrix, Totals, Workspace};
use crate::plan::memory::{Bank, Element, Memory, Region, Slot};
use crate::plan::survey::Survey;
use crate::plan::tier::Tier;
use crate::program::{ElementType, Node, Op, Operand, Program, Space};

/// Fewest positions of a kernel that are worth a grid.
const MIN_POSITIONS: usize = 8;
/// Zeros of a kernel, one after another, that are skipped.
const MIN_GAP: usize = 8;
/// Positions of a plane that are worked out together.
const BLOCK: usize = 32;

/// How the elements of a region belong to positions and kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Rows are positions, columns are kernels: all read the same windows.
    Windows {
        /// Elements from position to position.
        step: usize,
    },
    /// Rows are planes with a kernel each, columns are positions.
    Planes {
        /// Elements from plane to plane.
        plane: usize,
        /// Elements from position to position.
        step: usize,
    },
}

/// Some consecutive taps of all kernels.
#[derive(Debug, Clone, Copy)]
struct Taps {
    /// What the first position reads first, counted in elements from leaf 0.
    first: usize,
    weights: Operand,
    k: usize,
}

/// One region of a convolution's sums.
#[derive(Debug, Clone)]
pub struct Grid {
    form: Form,
    kind: ElementType,
    rows: usize,
    cols: usize,
    taps: Vec<Taps>,
    /// First and last region that is read.
    regions: (usize, usize),
    /// Greatest magnitude of an element that is read.
    magnitude: u64,
    /// Greatest magnitude of each kernel's sums, or of any part of them.
    bounds: Vec<u64>,
}

impl Grid {
    /// The regions that are read as one.
    pub fn regions(&self) -> Range<usize> {
        self.regions.0..self.regions.1 + 1
    }

    /// Greatest magnitude of an element.
    pub fn bound(&self) -> u64 {
        self.bounds.iter().copied().max().unwrap_or(0)
    }

    fn kernels(&self) -> usize {
        match self.form {
            Form::Windows { .. } => self.cols,
            Form::Planes { .. } => self.rows,
        }
    }

    /// All constants of some taps, kernel by kernel.
    fn weights(&self, taps: &Taps, program: &Program) -> Vec<Vec<i64>> {
        let first = |kernel: usize| match self.form {
            Form::Windows { .. } => taps.weights.index(self.cols, kernel),
            Form::Planes { .. } => taps.weights.index(1, kernel),
        };
        let constants = |first: usize| (first..first + taps.k).map(|index| program.constant(&taps.weights, index));
        (0..self.kernels()).map(|kernel| constants(first(kernel)).collect()).collect()
    }

    fn same_as(&self, other: &Self) -> bool {
        let key = |grid: &Self| (grid.form, grid.kind, grid.rows, grid.cols);
        key(self) == key(other)
    }
}

/// Finds the convolutions of a program (`None` for other nodes).
pub fn grids(survey: &Survey) -> Vec<Option<Grid>> {
    let mut found: Vec<Option<Grid>> = Vec::with_capacity(survey.program.nodes.len());
    for (place, node) in survey.program.nodes.iter().enumerate() {
        let grid = match node.op {
            Op::Matmul => product(survey, node, place),
            Op::Affine => addition(survey, node, &found),
            _ => None,
        };
        found.push(grid.filter(|grid| node.kind >= ElementType::I32 && grid.bound() < 1 << 62));
    }
    found
}

fn product(survey: &Survey, node: &Node, place: usize) -> Option<Grid> {
    let (a, b) = (node.a.as_ref()?, node.b.as_ref()?);
    let (values, weights) = match (a.space, b.space) {
        (Space::Trace, Space::Weights) => (a, b),
        (Space::Weights, Space::Trace) => (b, a),
        _ => return None,
    };
    if !node.n.is_multiple_of(node.cols) || values.kind > ElementType::I16 {
        return None;
    }
    let (rows, cols) = (node.n / node.cols, node.cols);
    let form = if values.col == 0 && weights.row == 0 && values.row > 0 && rows >= MIN_POSITIONS {
        Form::Windows { step: values.row }
    } else if weights.col == 0 && values.col > 0 && cols >= MIN_POSITIONS {
        Form::Planes { plane: values.row, step: values.col }
    } else {
        return None;
    };
    let per_word = values.kind.per_word();
    let first = values.start * per_word + values.base;
    let last = first + (rows - 1) * values.row + (cols - 1) * values.col + node.k - 1;
    let nodes = &survey.program.nodes;
    let holder = |element: usize| nodes.partition_point(|node| node.start <= element / per_word) - 1;
    let regions = (holder(first), holder(last));
    if regions.1 >= place || nodes[regions.0..=regions.1].iter().any(|node| node.kind != values.kind) {
        return None;
    }
    let taps = Taps { first, weights: *weights, k: node.k };
    let mut grid =
        Grid { form, kind: values.kind, rows, cols, taps: vec![taps], regions, magnitude: 0, bounds: Vec::new() };
    grid.magnitude = grid.regions().map(|region| survey.magnitude(region)).max()?;
    let size = |kernel: &Vec<i64>| kernel.iter().fold(0u64, |sum, weight| sum.saturating_add(weight.unsigned_abs()));
    let kernels = grid.weights(&taps, survey.program);
    if kernels.iter().flatten().any(|weight| i16::try_from(*weight).is_err()) {
        return None;
    }
    grid.bounds = kernels.iter().map(|kernel| size(kernel).saturating_mul(grid.magnitude)).collect();
    Some(grid)
}

/// An AFFINE that adds up two grids of the same windows and changes nothing else.
fn addition(survey: &Survey, node: &Node, found: &[Option<Grid>]) -> Option<Grid> {
    let plain = node.b.is_none() && (node.shift, node.add, node.m0, node.m1) == (0, 0, 1, 1);
    if !plain {
        return None;
    }
    let whole = |operand: &Option<Operand>| {
        let operand = operand.as_ref().filter(|operand| operand.space == Space::Trace && operand.base == 0)?;
        let nodes = &survey.program.nodes;
        let place = nodes.partition_point(|node| node.start <= operand.start) - 1;
        let region = &nodes[place];
        let in_order = operand.col == 1 && (node.n <= node.cols || operand.row == node.cols);
        let same = region.start == operand.start && region.n == node.n && region.kind == operand.kind;
        if in_order && same { found.get(place)?.as_ref() } else { None }
    };
    let (a, c) = (whole(&node.a)?, whole(&node.c)?);
    // What lies between two images cannot be kept as in the trace.
    let apart = a.regions.0.max(c.regions.0) > a.regions.1.min(c.regions.1);
    if !a.same_as(c) || apart {
        return None;
    }
    let sum = Grid {
        taps: [&a.taps[..], &c.taps[..]].concat(),
        regions: (a.regions.0.min(c.regions.0), a.regions.1.max(c.regions.1)),
        magnitude: a.magnitude.max(c.magnitude),
        bounds: a.bounds.iter().zip(&c.bounds).map(|(a, c)| a.saturating_add(*c)).collect(),
        ..a.clone()
    };
    let bound = sum.bound();
    let unclamped = node.hi >= 0 && node.lo <= 0 && bound <= node.hi as u64 && bound <= node.lo.unsigned_abs();
    unclamped.then_some(sum)
}

// -- steps -----------------------------------------------------------------------------------------------------------

/// Consecutive taps of all kernels.
#[derive(Debug)]
struct Stretch {
    /// What the first position reads first, in a row of the bank of 16 bits.
    from: usize,
    kernels: Kernels,
}

#[derive(Debug)]
enum Kernels {
    /// Packed for the kernels that read pairs.
    Packed(Matrix),
    /// As they are, kernel by kernel, if sums of 32 bits are exact over too few of them.
    Plain(Vec<Vec<i64>>),
}

/// Windows that step through an image, times kernels.
#[derive(Debug)]
pub struct Convolution {
    stretches: Vec<Stretch>,
    step: usize,
    positions: usize,
    kernels: usize,
    target: Slot,
}

/// Planes, each with a kernel of its own.
#[derive(Debug)]
pub struct Depthwise {
    /// Where the first plane's first position starts to read, in a row of the bank of 16 bits.
    from: usize,
    /// Elements from plane to plane, and from position to position.
    steps: (usize, usize),
    positions: usize,
    /// For each plane, how far after a position its taps lie, and their constants.
    taps: Vec<Vec<(usize, i32)>>,
    target: Slot,
}

impl Convolution {
    /// Plans a grid of windows; `at` says where in the bank of 16 bits an element of the trace lies.
    pub fn new(program: &Program, grid: &Grid, at: impl Fn(usize) -> usize, target: Slot, tier: Tier) -> Option<Self> {
        let Form::Windows { step } = grid.form else { return None };
        let mut stretches = Vec::new();
        for taps in &grid.taps {
            let kernels = grid.weights(taps, program);
            for range in used(&kernels) {
                let part: Vec<Vec<i64>> = kernels.iter().map(|kernel| kernel[range.clone()].to_vec()).collect();
                let packed = Matrix::new(&part, grid.magnitude, tier).map(Kernels::Packed);
                let kernels = packed.unwrap_or(Kernels::Plain(part));
                stretches.push(Stretch { from: at(taps.first + range.start), kernels });
            }
        }
        Some(Self { stretches, step, positions: grid.rows, kernels: grid.cols, target })
    }

    /// Rough number of nanoseconds that a row takes.
    pub fn cost(&self) -> usize {
        let of = |stretch: &Stretch| match &stretch.kernels {
            Kernels::Packed(matrix) => matrix.constants() / 256,
            Kernels::Plain(kernels) => kernels.iter().map(Vec::len).sum(),
        };
        self.stretches.iter().map(of).sum::<usize>() * self.positions
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        let mut work = std::mem::take(&mut memory.work);
        let mut aside = std::mem::take(&mut memory.scratch);
        let sums = self.positions * self.kernels;
        for row in 0..rows {
            let shorts = &memory.shorts.all()[row * memory.shorts.stride()..];
            if self.target.bank == Bank::Int {
                let stride = memory.ints.stride();
                let target = &mut memory.ints.all_mut()[row * stride + self.target.at..][..sums];
                if self.run_narrow(shorts, target, tier) {
                    continue;
                }
            }
            aside.resize(aside.len().max(2 * sums), 0);
            let (totals, part) = aside.split_at_mut(sums);
            self.run_wide(shorts, (totals, &mut part[..sums]), &mut work, tier);
            match memory.split(row, self.target, sums).1 {
                Region::Shorts(region) => store(totals, region),
                Region::Ints(region) => store(totals, region),
                Region::Longs(region) => store(totals, region),
            }
        }
        (memory.work, memory.scratch) = (work, aside);
    }

    /// In sums of 32 bits; says whether those are exact.
    fn run_narrow(&self, shorts: &[i16], target: &mut [i32], tier: Tier) -> bool {
        let mut sums = Sums { elements: target, stride: self.kernels, resume: false };
        self.stretches.iter().all(|stretch| {
            let Kernels::Packed(matrix) = &stretch.kernels else { return false };
            let exact = matrix.multiply_narrow(tier, self.factors(shorts, stretch), &mut sums);
            sums.resume = true;
            exact
        })
    }

    /// In sums of 64 bits, stretch by stretch.
    fn run_wide(&self, shorts: &[i16], sums: (&mut [i64], &mut [i64]), work: &mut Workspace, tier: Tier) {
        let (totals, part) = sums;
        totals.fill(0);
        for stretch in &self.stretches {
            match &stretch.kernels {
                Kernels::Packed(matrix) => {
                    let mut found = Totals { elements: part, stride: self.kernels };
                    matrix.multiply(tier, self.factors(shorts, stretch), work, &mut found);
                }
                Kernels::Plain(kernels) => {
                    for (position, sums) in part.chunks_exact_mut(self.kernels).enumerate() {
                        let elements = &shorts[stretch.from + position * self.step..];
                        for (sum, kernel) in sums.iter_mut().zip(kernels) {
                            let products = kernel.iter().zip(elements);
                            *sum = products.map(|(weight, element)| weight * i64::from(*element)).sum();
                        }
                    }
                }
            }
            totals.iter_mut().zip(&*part).for_each(|(total, part)| *total += part);
        }
    }

    fn factors<'a>(&self, shorts: &'a [i16], stretch: &Stretch) -> Factors<'a, i16> {
        Factors { elements: &shorts[stretch.from..], stride: self.step, rows: self.positions }
    }
}

fn store<T: Element>(totals: &[i64], region: &mut [T]) {
    region.iter_mut().zip(totals).for_each(|(element, total)| *element = T::cut(*total));
}

/// Stretches of a matrix's columns without long rows of zeros.
fn used(kernels: &[Vec<i64>]) -> Vec<Range<usize>> {
    let length = kernels.first().map_or(0, Vec::len);
    let mut found: Vec<Range<usize>> = Vec::new();
    for column in (0..length).filter(|column| kernels.iter().any(|kernel| kernel[*column] != 0)) {
        match found.last_mut() {
            Some(last) if column < last.end + MIN_GAP => last.end = column + 1,
            _ => found.push(column..column + 1),
        }
    }
    if found.is_empty() && length > 0 {
        found.push(0..1);
    }
    found
}

impl Depthwise {
    /// Plans a grid of planes; `at` says where in the bank of 16 bits an element of the trace lies.
    pub fn new(program: &Program, grid: &Grid, at: impl Fn(usize) -> usize, target: Slot) -> Option<Self> {
        let Form::Planes { plane, step } = grid.form else { return None };
        let from = grid.taps.iter().map(|taps| taps.first).min()?;
        let mut taps = vec![Vec::new(); grid.rows];
        for part in &grid.taps {
            for (taps, kernel) in taps.iter_mut().zip(grid.weights(part, program)) {
                let used = kernel.iter().enumerate().filter(|(_, weight)| **weight != 0);
                taps.extend(used.map(|(place, weight)| (part.first - from + place, *weight as i32)));
            }
        }
        Some(Self { from: at(from), steps: (plane, step), positions: grid.cols, taps, target })
    }

    /// Rough number of nanoseconds that a row takes.
    pub fn cost(&self) -> usize {
        self.taps.iter().map(Vec::len).sum::<usize>() * self.positions / 8
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        let sums = self.positions * self.taps.len();
        tier.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    if self.target.bank == Bank::Int {
                        let shorts = &memory.shorts.all()[row * memory.shorts.stride() + self.from..];
                        let stride = memory.ints.stride();
                        let target = &mut memory.ints.all_mut()[row * stride + self.target.at..][..sums];
                        let planes = target.chunks_exact_mut(self.positions).zip(&self.taps).enumerate();
                        planes.for_each(|(at, (plane, taps))| self.plane(&shorts[at * self.steps.0..], taps, plane));
                    } else {
                        let (earlier, region) = memory.split(row, self.target, sums);
                        if let Region::Longs(region) = region {
                            self.wide_planes(&earlier.shorts[self.from..], region);
                        }
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn wide_planes(&self, shorts: &[i16], region: &mut [i64]) {
        for (at, (plane, taps)) in region.chunks_exact_mut(self.positions).zip(&self.taps).enumerate() {
            let source = &shorts[at * self.steps.0..];
            for (position, sum) in plane.iter_mut().enumerate() {
                let element = |offset: usize| i64::from(source[offset + position * self.steps.1]);
                *sum = taps.iter().map(|(offset, weight)| i64::from(*weight) * element(*offset)).sum();
            }
        }
    }

    #[inline(always)]
    fn plane(&self, source: &[i16], taps: &[(usize, i32)], target: &mut [i32]) {
        let step = self.steps.1;
        for (number, target) in target.chunks_mut(BLOCK).enumerate() {
            let source = &source[number * BLOCK * step..];
            match <&mut [i32; BLOCK]>::try_from(&mut *target) {
                Ok(target) if step == 1 => {
                    let mut sums = [0i32; BLOCK];
                    for (offset, weight) in taps {
                        let elements = &source[*offset..][..BLOCK];
                        for (sum, element) in sums.iter_mut().zip(elements) {
                            *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(*element)));
                        }
                    }
                    *target = sums;
                }
                _ => {
                    target.fill(0);
                    for (offset, weight) in taps {
                        let elements = source[*offset..].iter().step_by(step);
                        for (sum, element) in target.iter_mut().zip(elements) {
                            *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(*element)));
                        }
                    }
                }
            }
        }
    }
}
