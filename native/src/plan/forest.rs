//! Decision trees, walked from the root instead of testing every condition.

use crate::plan::memory::{Bank, Element, Memory, Slot};
use crate::plan::tier::Tier;

/// Walks that are made side by side, to keep the machine busy while each waits for its next node.
const LANES: usize = 8;

/// A binary tree of comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// Take the first branch if a feature is at most the threshold, else the second.
    Split {
        /// Place of the feature in a row of the features' bank.
        feature: usize,
        /// What it is compared with.
        threshold: i64,
        /// The two branches.
        branches: Box<[Tree; 2]>,
    },
    /// Values to be added, by number; nothing if there is none.
    Leaf(Option<usize>),
}

/// A node as it is walked; a leaf leads to itself.
#[derive(Debug, Clone, Copy)]
struct Split {
    threshold: i64,
    feature: u32,
    /// The first branch; the second is the node after it.
    next: u32,
}

/// A region of sums of leaves' values, one leaf of each tree.
#[derive(Debug)]
pub struct Forest {
    bank: Bank,
    target: Slot,
    outputs: usize,
    nodes: Vec<Split>,
    /// For each node the place of its values; inner nodes have none.
    leaves: Vec<u32>,
    values: Vec<i64>,
    /// Root and depth of each tree.
    trees: Vec<(u32, u32)>,
}

impl Forest {
    /// Lays out trees over features in one bank; every leaf has as many values as the region has elements.
    pub fn new(trees: &[Tree], bank: Bank, leaf_values: &[Vec<i64>], outputs: usize, target: Slot) -> Self {
        let mut forest = Self {
            bank,
            target,
            outputs,
            nodes: Vec::new(),
            leaves: Vec::new(),
            values: vec![0; outputs],
            trees: Vec::with_capacity(trees.len()),
        };
        for values in leaf_values {
            forest.values.extend_from_slice(values);
        }
        for tree in trees {
            let root = forest.nodes.len() as u32;
            let depth = forest.lay_out(tree);
            forest.trees.push((root, depth));
        }
        forest
    }

    /// Levels of all trees.
    pub fn levels(&self) -> usize {
        self.trees.iter().map(|tree| tree.1 as usize).sum()
    }

    /// Breadth first, branches side by side; returns the depth.
    fn lay_out(&mut self, tree: &Tree) -> u32 {
        let mut depth = 0;
        let mut row = vec![(self.blank(), tree)];
        while !row.is_empty() {
            let mut below = Vec::new();
            for (place, tree) in row {
                match tree {
                    Tree::Split { feature, threshold, branches } => {
                        let next = self.blank();
                        self.blank();
                        self.nodes[place] =
                            Split { threshold: *threshold, feature: *feature as u32, next: next as u32 };
                        below.push((next, &branches[0]));
                        below.push((next + 1, &branches[1]));
                    }
                    Tree::Leaf(number) => {
                        self.leaves[place] = number.map_or(0, |number| ((number + 1) * self.outputs) as u32);
                    }
                }
            }
            depth += u32::from(!below.is_empty());
            row = below;
        }
        depth
    }

    /// A leaf without values, to be overwritten.
    fn blank(&mut self) -> usize {
        let place = self.nodes.len();
        self.nodes.push(Split { threshold: i64::MAX, feature: 0, next: place as u32 });
        self.leaves.push(0);
        place
    }

    /// Works out the region in the first `rows` rows.
    pub fn run(&self, memory: &mut Memory, rows: usize, tier: Tier) {
        let mut sums = std::mem::take(&mut memory.scratch);
        sums.clear();
        sums.resize(rows * self.outputs, 0);
        tier.run(
            #[inline(always)]
            || match self.bank {
                Bank::Short => self.walk_all(rows, |row| memory.row(row).shorts, &mut sums),
                Bank::Int => self.walk_all(rows, |row| memory.row(row).ints, &mut sums),
                Bank::Long => self.walk_all(rows, |row| memory.row(row).longs, &mut sums),
            },
        );
        memory.narrow(self.target, 0..rows, &sums);
        memory.scratch = sums;
    }

    #[inline(always)]
    fn walk_all<'a, T: Element + 'a>(&self, rows: usize, row: impl Fn(usize) -> &'a [T], sums: &mut [i64]) {
        let whole = rows - rows % LANES;
        for (root, depth) in &self.trees {
            for first in (0..whole).step_by(LANES) {
                let features: [&[T]; LANES] = std::array::from_fn(|lane| row(first + lane));
                let leaves = self.walk([*root; LANES], *depth, features);
                for (lane, leaf) in leaves.into_iter().enumerate() {
                    self.add(leaf, &mut sums[(first + lane) * self.outputs..][..self.outputs]);
                }
            }
        }
        for at in whole..rows {
            let sums = &mut sums[at * self.outputs..][..self.outputs];
            for trees in self.trees.chunks(LANES) {
                let depth = trees.iter().map(|tree| tree.1).max().unwrap_or(0);
                let roots = std::array::from_fn(|lane| trees.get(lane).unwrap_or(&trees[0]).0);
                let leaves = self.walk(roots, depth, [row(at); LANES]);
                leaves.into_iter().take(trees.len()).for_each(|leaf| self.add(leaf, sums));
            }
        }
    }

    #[inline(always)]
    fn walk<T: Element>(&self, mut at: [u32; LANES], depth: u32, features: [&[T]; LANES]) -> [u32; LANES] {
        for _ in 0..depth {
            for (at, features) in at.iter_mut().zip(features) {
                let split = self.nodes[*at as usize];
                *at = split.next + u32::from(features[split.feature as usize].wide() > split.threshold);
            }
        }
        at
    }

    #[inline(always)]
    fn add(&self, leaf: u32, sums: &mut [i64]) {
        let first = self.leaves[leaf as usize] as usize;
        for (sum, value) in sums.iter_mut().zip(&self.values[first..first + self.outputs]) {
            *sum = sum.wrapping_add(*value);
        }
    }
}
