//! Finds decision trees in a program that says them as arithmetic.
//!
//! The importer writes a tree as: one comparison for each inner node; for each leaf the sum of the comparisons on its
//! path, those it wants true with weight 1 and those it wants false with −1; a test whether that sum is as great as it
//! can be. So each leaf is a conjunction of comparisons. Conjunctions of which one comparison is in all can be split by
//! it, and so on down: that is a tree, and walking it finds the only leaf that can hold. Nothing is taken on trust: what
//! does not split is left as arithmetic.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::plan::forest::Tree;
use crate::plan::linear::Linear;
use crate::plan::survey::{Place, Survey};
use crate::program::{Comparison, Node, Op, Operand, Space};

/// Deepest tree that is walked.
const MAX_DEPTH: usize = 64;

/// Most entries of the table of the leaves' values, beyond a few times the constants it is made from.
const MAX_VALUES: usize = 1 << 20;

/// Most conditions on the way to all leaves.
const MAX_WANTS: usize = 1 << 22;

/// A comparison of a feature with a constant.
#[derive(Debug, Clone, Copy)]
struct Condition {
    feature: Place,
    threshold: i64,
    /// True if the feature is at most the threshold; if `negated`, if it is not.
    negated: bool,
}

/// A leaf that something can reach.
struct Leaf {
    number: usize,
    /// For each condition on the way, by number, whether it is wanted true.
    wants: BTreeMap<usize, bool>,
}

/// Trees, with features named by their places in regions.
pub struct Grove {
    /// One for each set of leaves that share conditions; the feature is an index into `features`.
    pub trees: Vec<Tree>,
    /// The features.
    pub features: Vec<Place>,
    /// Values of each leaf, one for each element of the region.
    pub values: Vec<Vec<i64>>,
}

/// The trees of which a linear region adds up the leaves' values, if that is what it does.
pub fn find(survey: &Survey, regions: &[Option<Linear>], region: &Linear) -> Option<Grove> {
    let (leaves, conditions) = conjunctions(survey, regions, &survey.program.nodes[region.source])?;
    let held = region.constants();
    let count = survey.program.nodes[region.source].n;
    if count.saturating_mul(region.rows.len()) > 4 * held + MAX_VALUES {
        return None;
    }
    let mut values = vec![vec![0; region.rows.len()]; count];
    for (output, row) in region.rows.iter().enumerate() {
        for (offset, weight) in row.weights(survey.program).iter().enumerate() {
            values[row.start + offset][output] = *weight;
        }
    }
    let mut places = HashMap::new();
    let mut features = Vec::new();
    let mut trees = Vec::new();
    for group in connected(&leaves) {
        let mut name = |feature: Place| {
            *places.entry(feature).or_insert_with(|| {
                features.push(feature);
                features.len() - 1
            })
        };
        trees.push(grow(&leaves, &conditions, group, &mut Vec::new(), &mut name)?);
    }
    Some(Grove { trees, features, values })
}

/// The leaves that the elements of a region of tests are, and the conditions on the way to them.
fn conjunctions(survey: &Survey, regions: &[Option<Linear>], tests: &Node) -> Option<(Vec<Leaf>, Vec<Condition>)> {
    let (compared, sums) = comparison(survey, tests)?;
    let scores = regions[sums.first()?.0].as_ref()?;
    if sums.iter().any(|sum| sum.0 != sums[0].0) {
        return None;
    }
    let conditions = conditions(survey, &survey.program.nodes[scores.source])?;
    let mut spare = MAX_WANTS;
    let leaf = |(number, ((_, sum), wanted)): (usize, (&Place, &i64))| {
        let row = scores.rows.get(*sum)?;
        let mut wants = BTreeMap::new();
        let mut greatest = 0;
        for (offset, weight) in row.weights(survey.program).iter().enumerate().filter(|(_, weight)| **weight != 0) {
            if weight.unsigned_abs() != 1 || row.start + offset >= conditions.len() {
                return None;
            }
            spare = spare.checked_sub(1)?;
            wants.insert(row.start + offset, *weight == 1);
            greatest += i64::from(*weight == 1);
        }
        let least = match tests.comparison {
            Comparison::Equal | Comparison::GreaterEqual => *wanted,
            Comparison::Greater => wanted.checked_add(1)?,
            _ => return None,
        };
        match least.cmp(&greatest) {
            Ordering::Less => None,
            Ordering::Equal => Some(Some(Leaf { number, wants })),
            Ordering::Greater => Some(None), // nothing reaches it
        }
    };
    let leaves: Option<Vec<Option<Leaf>>> = sums.iter().zip(&compared).enumerate().map(leaf).collect();
    Some((leaves?.into_iter().flatten().collect(), conditions))
}

/// Constants and places that a region of plain comparisons compares.
fn comparison(survey: &Survey, node: &Node) -> Option<(Vec<i64>, Vec<Place>)> {
    let a = node.a.as_ref().filter(|a| a.space == Space::Trace)?;
    let constant = |operand: &Operand| (operand.space == Space::Weights).then(|| survey.constants(node, operand));
    let ones = node.c.as_ref().is_none_or(|c| constant(c).is_some_and(|c| c.iter().all(|value| *value == 1)));
    if node.op != Op::Select || !ones {
        return None;
    }
    let compared = node.b.as_ref().map_or_else(|| Some(vec![node.add; node.n]), constant)?;
    Some((compared, survey.places(node, a, 1).ok()?))
}

/// The condition that each element of a region of comparisons is.
fn conditions(survey: &Survey, node: &Node) -> Option<Vec<Condition>> {
    let (thresholds, places) = comparison(survey, node)?;
    let features = origins(survey, places)?;
    let condition = |(feature, threshold): (Place, i64)| {
        let below = || threshold.checked_sub(1);
        let (threshold, negated) = match node.comparison {
            Comparison::LessEqual => (threshold, false),
            Comparison::Less => (below()?, false),
            Comparison::Greater => (threshold, true),
            Comparison::GreaterEqual => (below()?, true),
            Comparison::Equal => return None,
        };
        Some(Condition { feature, threshold, negated })
    };
    features.into_iter().zip(thresholds).map(condition).collect()
}

/// Where elements come from that were only moved about.
fn origins(survey: &Survey, mut places: Vec<Place>) -> Option<Vec<Place>> {
    let mut moved: HashMap<usize, Vec<Place>> = HashMap::new();
    for place in &mut places {
        loop {
            let node = &survey.program.nodes[place.0];
            if place.1 >= node.n {
                return None;
            }
            if node.op != Op::Gather || node.a.is_none_or(|a| a.space != Space::Trace) {
                break;
            }
            if let std::collections::hash_map::Entry::Vacant(entry) = moved.entry(place.0) {
                entry.insert(survey.gathered(node).ok()?);
            }
            *place = moved[&place.0][place.1];
        }
    }
    Some(places)
}

/// Places of leaves, in groups that share no conditions.
fn connected(leaves: &[Leaf]) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..leaves.len()).collect();
    let mut first_with: HashMap<usize, usize> = HashMap::new();
    for (place, leaf) in leaves.iter().enumerate() {
        for condition in leaf.wants.keys() {
            let other = *first_with.entry(*condition).or_insert(place);
            let (one, two) = (root(&mut parents, place), root(&mut parents, other));
            parents[one.max(two)] = one.min(two);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for leaf in 0..leaves.len() {
        groups.entry(root(&mut parents, leaf)).or_default().push(leaf);
    }
    groups.into_values().collect()
}

fn root(parents: &mut [usize], mut leaf: usize) -> usize {
    while parents[leaf] != leaf {
        parents[leaf] = parents[parents[leaf]];
        leaf = parents[leaf];
    }
    leaf
}

/// The tree over some leaves of which the conditions on the `path` are decided.
fn grow(
    leaves: &[Leaf],
    conditions: &[Condition],
    group: Vec<usize>,
    path: &mut Vec<usize>,
    name: &mut impl FnMut(Place) -> usize,
) -> Option<Tree> {
    let Some(first) = group.first() else { return Some(Tree::Leaf(None)) };
    let shared = |condition: &&usize| {
        !path.contains(condition) && group.iter().all(|leaf| leaves[*leaf].wants.contains_key(condition))
    };
    let Some(split) = leaves[*first].wants.keys().find(shared).copied() else {
        let decided = group.len() == 1 && leaves[*first].wants.len() == path.len();
        return decided.then_some(Tree::Leaf(Some(leaves[*first].number)));
    };
    if path.len() == MAX_DEPTH {
        return None;
    }
    path.push(split);
    let Condition { feature, threshold, negated } = conditions[split];
    let (low, high) = group.into_iter().partition(|leaf| leaves[*leaf].wants[&split] != negated);
    let low = grow(leaves, conditions, low, path, name)?;
    let high = grow(leaves, conditions, high, path, name)?;
    path.pop();
    Some(Tree::Split { feature: name(feature), threshold, branches: Box::new([low, high]) })
}
