//! Choosing a program's steps: backwards, what has to be made and how; then forwards, where it lies.

use std::sync::Mutex;

use crate::plan::conjunctions::{self, Grove};
use crate::plan::dense::Dense;
use crate::plan::forest::{Forest, Tree};
use crate::plan::grid::{Convolution, Depthwise, Grid, grids};
use crate::plan::linear::{Linear, linear_regions};
use crate::plan::memory::{Bank, Layout, Slot};
use crate::plan::pointwise::{Pointwise, Rescale, Rule, View};
use crate::plan::pool::{Pool, Stretches};
use crate::plan::reduce::{Reduce, Reduction, Weighted};
use crate::plan::survey::{Place, Survey};
use crate::plan::tier::Tier;
use crate::plan::{MAX_CONSTANTS, MAX_ELEMENTS, Plan, Port, Step, Unplanned};
use crate::program::{Node, Op, Operand, Program, Space};

/// Fewest elements of a row that are rescaled row by row.
const MIN_RESCALED: usize = 16;

/// How a region is made.
enum Recipe {
    /// As its node says.
    Direct,
    /// As a matrix times an earlier region.
    Linear(Linear),
    /// As kernels that step through an image.
    Grid(Grid),
    /// As the greatest of what a GATHER (which need not be made) picks.
    Pool(usize),
    /// By walking trees.
    Forest(Grove),
}

/// Chooses the steps of a program.
pub fn plan(program: &Program, tier: Tier) -> Result<Plan, Unplanned> {
    if program.nodes.iter().map(|node| node.n).sum::<usize>() > MAX_ELEMENTS {
        return Err(Unplanned);
    }
    let mut survey = Survey::new(program)?;
    let grids = grids(&survey);
    for (place, grid) in grids.iter().enumerate() {
        if let Some(grid) = grid {
            // Sums lie in the bank of 32 bits, however small they are.
            let bound = i64::try_from(grid.bound()).unwrap_or(i64::MAX).max(1 << 16);
            survey.intervals[place] = (-bound, bound);
        }
    }
    let regions = linear_regions(&mut survey, |place| grids[place].is_some());
    let mut planner = Planner {
        survey,
        recipes: Vec::new(),
        lengths: vec![0; program.nodes.len()],
        ends: (1..=program.nodes.len()).collect(),
        slots: Vec::new(),
        layout: Layout::default(),
        tier,
    };
    planner.choose(regions, grids)?;
    planner.place();
    planner.steps()
}

struct Planner<'a> {
    survey: Survey<'a>,
    /// How each region is made, if it has to be.
    recipes: Vec<Option<Recipe>>,
    /// Elements that must be there of each region: its own, and zeros after them that are read.
    lengths: Vec<usize>,
    /// For each region, the end of those (it and others after it) that are read as one.
    ends: Vec<usize>,
    slots: Vec<Option<Slot>>,
    layout: Layout,
    tier: Tier,
}

impl Planner<'_> {
    fn node(&self, place: usize) -> &Node {
        &self.survey.program.nodes[place]
    }

    /// Backwards from the output: a region is made if a later one needs it.
    fn choose(&mut self, mut regions: Vec<Option<Linear>>, mut grids: Vec<Option<Grid>>) -> Result<(), Unplanned> {
        let nodes = self.survey.program.nodes.len();
        self.recipes.resize_with(nodes, || None);
        self.need(0, 0);
        self.need(self.survey.program.output, 0);
        for place in (1..nodes).rev() {
            if self.lengths[place] == 0 {
                continue;
            }
            let grove = regions[place].as_ref().and_then(|region| conjunctions::find(&self.survey, &regions, region));
            let recipe = match (grove, regions[place].take()) {
                _ if grids[place].is_some() => grids[place].take().map_or(Recipe::Direct, Recipe::Grid),
                (Some(grove), _) => {
                    // Walks read their features from one bank.
                    self.survey.unite(grove.features.iter().map(|feature| feature.0));
                    Recipe::Forest(grove)
                }
                (None, Some(linear)) if linear.constants() > MAX_CONSTANTS => return Err(Unplanned),
                (None, Some(linear)) => Recipe::Linear(linear),
                (None, None) => self.pooled(place).map_or(Recipe::Direct, Recipe::Pool),
            };
            self.need_for(place, &recipe)?;
            self.recipes[place] = Some(recipe);
        }
        Ok(())
    }

    fn need(&mut self, region: usize, length: usize) {
        self.lengths[region] = self.lengths[region].max(self.node(region).n).max(length);
    }

    fn need_for(&mut self, place: usize, recipe: &Recipe) -> Result<(), Unplanned> {
        match recipe {
            Recipe::Forest(grove) => grove.features.iter().for_each(|feature| self.need(feature.0, 0)),
            Recipe::Linear(linear) => self.need(linear.source, 0),
            Recipe::Grid(grid) => {
                let regions = grid.regions();
                for region in regions.clone() {
                    self.need(region, 0);
                    self.ends[region] = self.ends[region].max(regions.end);
                }
            }
            Recipe::Pool(gather) => {
                let node = self.node(*gather).clone();
                for (region, first) in self.survey.gathered(&node)? {
                    self.need(region, first + 1);
                }
            }
            Recipe::Direct => {
                let node = self.node(place).clone();
                for operand in [&node.a, &node.b, &node.c].into_iter().flatten() {
                    if operand.space == Space::Weights {
                        continue;
                    }
                    let span = node.k;
                    let gathered = node.op == Op::Gather;
                    let read = if gathered {
                        self.survey.gathered(&node)?
                    } else {
                        self.survey.places(&node, operand, span)?
                    };
                    read.into_iter().for_each(|(region, first)| self.need(region, first + span));
                }
            }
        }
        Ok(())
    }

    /// The GATHER of which a MAX takes equally many neighbours for each of its elements.
    fn pooled(&self, place: usize) -> Option<usize> {
        let node = self.node(place);
        let a = node.a.as_ref().filter(|a| node.op == Op::Max && a.space == Space::Trace && a.base == 0)?;
        let nodes = &self.survey.program.nodes;
        let gather = nodes.partition_point(|node| node.start <= a.start) - 1;
        let picked = &nodes[gather];
        let whole = picked.start == a.start && picked.kind == a.kind && picked.n == node.n * node.k;
        let in_order = (0..node.n).all(|e| a.index(node.cols, e) == e * node.k);
        (picked.op == Op::Gather && whole && in_order).then_some(gather)
    }

    /// Gives the regions that are made their slots, in order; regions that are read as one lie as in the trace.
    fn place(&mut self) {
        let nodes = &self.survey.program.nodes;
        let (mut first, mut end, mut start) = (0, 0, Slot { bank: Bank::Short, at: 0 });
        for place in 0..nodes.len() {
            let distance = |from: usize, word: usize| (word - nodes[from].start) * nodes[from].kind.per_word();
            if place >= end && self.ends[place] > place + 1 {
                (first, end) = (place, self.ends[place]);
                while let Some(further) = self.ends[first..end].iter().copied().max().filter(|further| *further > end) {
                    end = further;
                }
                let last = &nodes[end - 1];
                start = self.layout.add(Bank::Short, distance(first, last.start + last.leaves));
            }
            let slot = if place < end {
                Some(Slot { at: start.at + distance(first, nodes[place].start), ..start })
            } else {
                let (length, bank) = (self.lengths[place], Bank::holding(self.survey.intervals[place]));
                (length > 0).then(|| self.layout.add(bank, length))
            };
            self.slots.push(slot);
        }
    }

    fn slot(&self, place: usize) -> Result<Slot, Unplanned> {
        self.slots[place].ok_or(Unplanned)
    }

    fn element(&self, (region, element): Place) -> Result<Slot, Unplanned> {
        self.slot(region).map(|slot| Slot { at: slot.at + element, ..slot })
    }

    fn steps(mut self) -> Result<Plan, Unplanned> {
        let mut steps = Vec::new();
        for (place, recipe) in std::mem::take(&mut self.recipes).into_iter().enumerate() {
            let Some(recipe) = recipe else { continue };
            let target = self.slot(place)?;
            steps.push(match recipe {
                Recipe::Forest(grove) => Step::Forest(self.forest(grove, self.node(place).n, target)?),
                Recipe::Linear(linear) => self.linear(&linear, target)?,
                Recipe::Grid(grid) => self.grid(&grid, target)?,
                Recipe::Pool(gather) => self.pool(self.node(place), gather, target)?,
                Recipe::Direct => self.direct(self.node(place), target)?,
            });
        }
        let port = |place: usize| Ok(Port { slot: self.slot(place)?, n: self.node(place).n });
        let (input, output) = (port(0)?, port(self.survey.program.output)?);
        Ok(Plan {
            steps,
            layout: self.layout,
            input,
            output,
            range: self.node(0).kind.range(),
            tier: self.tier,
            spare: Mutex::default(),
        })
    }

    fn linear(&self, linear: &Linear, target: Slot) -> Result<Step, Unplanned> {
        let source = self.slot(linear.source)?;
        let magnitude = self.survey.magnitude(linear.source);
        Ok(match Dense::new(self.survey.program, linear, (source, magnitude), target, self.tier) {
            Some(dense) => Step::Dense(dense),
            None => Step::Weighted(Weighted::new(self.survey.program, linear, source, target)),
        })
    }

    fn grid(&self, grid: &Grid, target: Slot) -> Result<Step, Unplanned> {
        let (program, first) = (self.survey.program, grid.regions().start);
        let slot = self.slot(first)?;
        let node = &program.nodes[first];
        let at = |element: usize| slot.at + element - node.start * node.kind.per_word();
        let windows = Convolution::new(program, grid, at, target, self.tier).map(Step::Convolution);
        windows.or_else(|| Depthwise::new(program, grid, at, target).map(Step::Depthwise)).ok_or(Unplanned)
    }

    fn pool(&self, node: &Node, gather: usize, target: Slot) -> Result<Step, Unplanned> {
        let picked: Vec<Slot> = self
            .survey
            .gathered(self.node(gather))?
            .into_iter()
            .map(|place| self.element(place))
            .collect::<Result<_, _>>()?;
        if picked.iter().any(|slot| slot.bank != target.bank) {
            return Err(Unplanned);
        }
        let tap = |tap: usize| picked.iter().skip(tap).step_by(node.k).map(|slot| slot.at).collect::<Vec<_>>();
        let taps = (0..node.k).map(|number| Stretches::of(&tap(number))).collect();
        Ok(Step::Pool(Pool { taps, target, n: node.n }))
    }

    fn forest(&self, grove: Grove, outputs: usize, target: Slot) -> Result<Forest, Unplanned> {
        let features: Vec<Slot> =
            grove.features.iter().map(|place| self.element(*place)).collect::<Result<_, Unplanned>>()?;
        let bank = features.first().map_or(Bank::Short, |slot| slot.bank);
        if features.iter().any(|slot| slot.bank != bank) {
            return Err(Unplanned);
        }
        let mut trees = grove.trees;
        trees.iter_mut().for_each(|tree| locate(tree, &features));
        Ok(Forest::new(&trees, bank, &grove.values, outputs, target))
    }

    fn direct(&self, node: &Node, target: Slot) -> Result<Step, Unplanned> {
        let rule = match node.op {
            Op::Affine => return self.affine(node, target),
            Op::Select => Rule::Select(node.comparison),
            Op::Table => return self.table(node, target),
            Op::Gather => {
                let slots = self.survey.gathered(node)?.into_iter().map(|place| self.element(place));
                let copied = View::of(slots.collect::<Result<_, Unplanned>>()?);
                if let View::Stretches(bank, stretches) = copied {
                    if bank == target.bank {
                        return Ok(Step::Pool(Pool { taps: vec![stretches], target, n: node.n }));
                    }
                    let operands = [View::Stretches(bank, stretches), View::Same(0), View::Same(0)];
                    return Ok(pointwise(node, Rule::Copy, operands, target));
                }
                return Ok(pointwise(node, Rule::Copy, [copied, View::Same(0), View::Same(0)], target));
            }
            _ => return self.reduce(node, target),
        };
        let operands =
            [self.view(node, &node.a, 0)?, self.view(node, &node.b, node.add)?, self.view(node, &node.c, 1)?];
        Ok(pointwise(node, rule, operands, target))
    }

    fn affine(&self, node: &Node, target: Slot) -> Result<Step, Unplanned> {
        if let Some(step) = self.rescale(node, target)? {
            return Ok(Step::Rescale(step));
        }
        let Node { m0, m1, add, shift, .. } = *node;
        let bounds = (node.lo, node.hi);
        let operands = [self.view(node, &node.a, 0)?, self.view(node, &node.b, 1)?, self.view(node, &node.c, 0)?];
        let rule = match operands {
            [_, View::Same(b), View::Same(c)] => {
                let summand = m1.wrapping_mul(c).wrapping_add(add).wrapping_add(1 << shift >> 1);
                Rule::Scale { factor: m0.wrapping_mul(b), summand, shift, bounds }
            }
            _ => Rule::Affine { m0, m1, add, shift, bounds },
        };
        Ok(pointwise(node, rule, operands, target))
    }

    fn view(&self, node: &Node, operand: &Option<Operand>, absent: i64) -> Result<View, Unplanned> {
        Ok(match operand {
            None => View::Same(absent),
            Some(operand) if operand.space == Space::Weights => {
                let mut constants = self.survey.constants(node, operand);
                if operand.row == 0 {
                    constants.truncate(node.cols);
                }
                View::constants(constants)
            }
            Some(operand) => View::of(self.starts(node, operand, 1)?),
        })
    }

    /// Where in a row each output element starts to read an operand.
    fn starts(&self, node: &Node, operand: &Operand, span: usize) -> Result<Vec<Slot>, Unplanned> {
        self.survey.places(node, operand, span)?.into_iter().map(|place| self.element(place)).collect()
    }

    /// An AFFINE of sums with constants, if that is what the node is.
    fn rescale(&self, node: &Node, target: Slot) -> Result<Option<Rescale>, Unplanned> {
        let constant = |operand: &Option<Operand>| operand.is_none_or(|operand| operand.space == Space::Weights);
        if node.n < MIN_RESCALED || !constant(&node.b) || !constant(&node.c) {
            return Ok(None);
        }
        let (bank, source) = match self.view(node, &node.a, 0)? {
            View::Run(slot) => (slot.bank, Stretches::of(&(slot.at..slot.at + node.n).collect::<Vec<_>>())),
            View::Stretches(bank, stretches) => (bank, stretches),
            _ => return Ok(None),
        };
        let b = self.view(node, &node.b, 1)?;
        let c = self.view(node, &node.c, 0)?;
        // Constants repeat with the stretches, or are the same everywhere.
        let period = |view: &View| match view {
            View::Constants(values) => Some(values.len()),
            _ => None,
        };
        let (first, second) = (period(&b), period(&c));
        let length = first.or(second).unwrap_or(source.length());
        if second.is_some_and(|period| period != length) {
            return Ok(None);
        }
        let Some(source) = source.cut(length, node.n) else { return Ok(None) };
        let factor = |b: i64| node.m0.checked_mul(b).and_then(|factor| i32::try_from(factor).ok());
        let half = 1i64 << node.shift >> 1;
        let summand = |c: i64| node.m1.wrapping_mul(c).wrapping_add(node.add).wrapping_add(half);
        let (factors, summands): (Option<Vec<i32>>, Vec<i64>) = match (b, c) {
            (View::Same(b), View::Same(c)) => (factor(b).map(|factor| vec![factor]), vec![summand(c); length]),
            (View::Constants(b), View::Same(c)) => (b.into_iter().map(factor).collect(), vec![summand(c); length]),
            (View::Same(b), View::Constants(c)) => {
                (factor(b).map(|factor| vec![factor]), c.into_iter().map(summand).collect())
            }
            (View::Constants(b), View::Constants(c)) => {
                (b.into_iter().map(factor).collect(), c.into_iter().map(summand).collect())
            }
            _ => return Ok(None),
        };
        let (bounds, n) = ((node.lo, node.hi), node.n);
        Ok(factors.map(|factors| Rescale { bank, source, factors, summands, n, shift: node.shift, bounds, target }))
    }

    fn table(&self, node: &Node, target: Slot) -> Result<Step, Unplanned> {
        let b = node.b.as_ref().ok_or(Unplanned)?;
        let firsts: Vec<usize> = (0..node.n).map(|e| b.index(node.cols, e)).collect();
        let (least, greatest) = (firsts.iter().min().copied().unwrap_or(0), firsts.iter().max().copied().unwrap_or(0));
        let last = greatest + (node.hi - node.lo) as usize;
        let entries = (least..=last).map(|index| self.survey.program.constant(b, index)).collect();
        let offsets = View::constants(firsts.into_iter().map(|first| (first - least) as i64).collect());
        let rule = Rule::Table { bounds: (node.lo, node.hi), entries };
        let operands = [self.view(node, &node.a, 0)?, offsets, View::Same(0)];
        Ok(pointwise(node, rule, operands, target))
    }

    fn reduce(&self, node: &Node, target: Slot) -> Result<Step, Unplanned> {
        let traced = |operand: &Option<Operand>| match operand {
            Some(operand) if operand.space == Space::Trace => self.starts(node, operand, node.k),
            _ => Err(Unplanned),
        };
        let reduction = match node.op {
            Op::Max => Reduction::Max,
            Op::Sum => Reduction::Sum,
            Op::Argmax => Reduction::Argmax,
            Op::Matmul => Reduction::Product(traced(&node.b)?),
            _ => return Err(Unplanned),
        };
        Ok(Step::Reduce(Reduce { reduction, starts: traced(&node.a)?, k: node.k, target }))
    }
}

fn pointwise(node: &Node, rule: Rule, operands: [View; 3], target: Slot) -> Step {
    Step::Pointwise(Pointwise { rule, operands, target, n: node.n })
}

/// Names features by their places in a row.
fn locate(tree: &mut Tree, features: &[Slot]) {
    if let Tree::Split { feature, branches, .. } = tree {
        *feature = features[*feature].at;
        branches.iter_mut().for_each(|branch| locate(branch, features));
    }
}
