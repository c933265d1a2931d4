//! The plain executor: one element after another over the trace's own bytes, as the specification says it.
//!
//! It makes traces, runs what the plan has no fast steps for, and is the twin that the plan is tested against.

use crate::plan::tier::Tier;
use crate::program::{ElementType, Node, Op, Operand, Program, Space, WORD, read, write};

/// The packed trace of an execution, up to the last word that holds an element.
///
/// `input` is cut or completed with zeros to the size of the input region's elements.
pub fn trace(program: &Program, input: &[u8], tier: Tier) -> Vec<u8> {
    let mut memory = vec![0; program.trace_words() * WORD];
    for node in &program.nodes {
        let (earlier, region) = memory.split_at_mut(node.start * WORD);
        let element_bytes = node.n * node.kind.bytes();
        if node.op == Op::Input {
            let taken = element_bytes.min(input.len());
            region[..taken].copy_from_slice(&input[..taken]);
        } else {
            let region = &mut region[..element_bytes];
            tier.run(
                #[inline(always)]
                || Execution { program, earlier, node }.fill(region),
            );
        }
    }
    memory
}

/// One row of outputs; `input` has one value for each input element and every value fits the input's type.
pub fn outputs(program: &Program, input: &[i64], outputs: &mut [i64], tier: Tier) {
    let node = &program.nodes[0];
    let mut words = vec![0; node.words() * WORD];
    for (index, value) in input.iter().take(node.n).enumerate() {
        write(&mut words, 0, node.kind, index, *value);
    }
    let memory = trace(program, &words, tier);
    let output = &program.nodes[program.output];
    for (index, value) in outputs.iter_mut().take(output.n).enumerate() {
        *value = read(&memory, output.start, output.kind, index);
    }
}

/// One node at work.
struct Execution<'a> {
    program: &'a Program,
    earlier: &'a [u8],
    node: &'a Node,
}

impl Execution<'_> {
    #[inline(always)]
    fn fill(&self, region: &mut [u8]) {
        let node = self.node;
        if let (Op::Matmul, Some(a), Some(b)) = (node.op, &node.a, &node.b)
            && a.kind.max(b.kind) <= ElementType::I16
        {
            return self.products(a, b, region);
        }
        let (mut row, mut column) = (0, 0);
        for e in 0..node.n {
            let place = |operand: &Operand| operand.base + row * operand.row + column * operand.col;
            write(region, 0, node.kind, e, self.element(&place));
            column += 1;
            if column == node.cols {
                (row, column) = (row + 1, 0);
            }
        }
    }

    /// MATMUL of elements of at most 16 bits: both operands in machine order first, then their products.
    #[inline(always)]
    fn products(&self, a: &Operand, b: &Operand, region: &mut [u8]) {
        let (node, [x, y]) = (self.node, [a, b].map(|operand| self.whole(operand)));
        let (mut row, mut column) = (0, 0);
        for e in 0..node.n {
            let (first, second) = (row * a.row + column * a.col, row * b.row + column * b.col);
            write(region, 0, node.kind, e, dot(&x[first..first + node.k], &y[second..second + node.k]));
            column += 1;
            if column == node.cols {
                (row, column) = (row + 1, 0);
            }
        }
    }

    /// Everything that an operand can deliver, from its base on.
    #[inline(always)]
    fn whole(&self, operand: &Operand) -> Vec<i16> {
        let node = self.node;
        let (rows, columns) = ((node.n - 1) / node.cols, (node.n - 1) % node.cols);
        let widest = if rows > 0 { (rows - 1) * operand.row + (node.cols - 1) * operand.col } else { 0 };
        let count = widest.max(rows * operand.row + columns * operand.col) + node.k;
        let at = operand.start * WORD + operand.base * operand.kind.bytes();
        let bytes = &self.memory(operand)[at..at + count * operand.kind.bytes()];
        match operand.kind {
            ElementType::I8 => bytes.iter().map(|byte| i16::from(*byte as i8)).collect(),
            _ => bytes.as_chunks().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect(),
        }
    }

    #[inline(always)]
    fn element(&self, place: &impl Fn(&Operand) -> usize) -> i64 {
        let node = self.node;
        let first = |operand: &Option<Operand>, absent: i64| match operand {
            Some(operand) => self.read(operand, place(operand)),
            None => absent,
        };
        let a = node.a.as_ref();
        let row = || (0..node.k).map(|k| a.map_or(0, |a| self.read(a, place(a) + k)));
        match node.op {
            Op::Input => 0,
            Op::Matmul => self.product(place),
            Op::Affine => {
                let product = node.m0.wrapping_mul(first(&node.a, 0)).wrapping_mul(first(&node.b, 1));
                let summand = node.m1.wrapping_mul(first(&node.c, 0)).wrapping_add(node.add);
                rounding_shift(product.wrapping_add(summand), node.shift).clamp(node.lo, node.hi)
            }
            Op::Table => {
                let entry = (first(&node.a, 0).clamp(node.lo, node.hi) - node.lo) as usize;
                node.b.map_or(0, |b| self.read(&b, place(&b) + entry))
            }
            Op::Select => {
                let holds = node.comparison.holds(first(&node.a, 0), first(&node.b, node.add));
                if holds { first(&node.c, 1) } else { 0 }
            }
            Op::Max => row().max().unwrap_or(0),
            Op::Sum => row().fold(0, i64::wrapping_add),
            Op::Argmax => {
                row()
                    .enumerate()
                    .fold((0, i64::MIN), |best, (k, value)| if value > best.1 { (k as i64, value) } else { best })
                    .0
            }
            Op::Gather => {
                let from = first(&node.b, 0);
                a.map_or(0, |a| self.read(a, place(a).wrapping_add_signed(from as isize)))
            }
        }
    }

    fn memory(&self, operand: &Operand) -> &[u8] {
        match operand.space {
            Space::Trace => self.earlier,
            Space::Weights => &self.program.weights,
        }
    }

    fn read(&self, operand: &Operand, index: usize) -> i64 {
        read(self.memory(operand), operand.start, operand.kind, index)
    }

    fn product(&self, place: &impl Fn(&Operand) -> usize) -> i64 {
        let (Some(a), Some(b)) = (&self.node.a, &self.node.b) else { return 0 };
        let element = |operand: &Operand, k: usize| self.read(operand, place(operand) + k);
        (0..self.node.k).map(|k| element(a, k).wrapping_mul(element(b, k))).fold(0, i64::wrapping_add)
    }
}

/// `rshift` of the specification: half is rounded up.
#[inline(always)]
pub fn rounding_shift(value: i64, shift: u32) -> i64 {
    if shift == 0 { value } else { value.wrapping_add(1 << (shift - 1)) >> shift }
}

/// Sum of products of two rows of equally many elements; each product fits 32 bits.
#[inline(always)]
fn dot(a: &[i16], b: &[i16]) -> i64 {
    a.iter().zip(b).map(|(x, y)| i64::from(i32::from(*x) * i32::from(*y))).sum()
}
