//! The program file: strict reading, and the bounds of everything that a node reads.
//!
//! Twin of `concordat.graph.ir` (`docs/explain/integer-graph.md`, sections 1, 2 and 4). A [`Program`] is well formed and
//! reads only what lies in its memories, so that running it is memory safe whatever it computes. That nothing
//! overflows is left to the Python validation: of a program that it refuses, the values are unspecified.

use crate::reader::Reader;

/// Bytes of a memory word.
pub const WORD: usize = 32;
/// Most elements that an operand of one element spans.
pub const MAX_ROW: u32 = 256;

const HEADER: usize = 64;
const DESCRIPTOR: usize = 192;
const MAGIC: &[u8; 8] = b"CONCORD\x01";
const MAX_NODES: usize = 1 << 16;
const MAX_WEIGHT_WORDS: usize = 1 << 22;
const MAX_TRACE_WORDS: u64 = 1 << 24;
const MAX_SHIFT: u8 = 62;
const MAX_TABLE: u64 = 4096;

/// Why bytes are not a program, with the node at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramError {
    /// Which node, if it is a node.
    pub node: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for ProgramError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.node {
            Some(node) => write!(f, "node {node}: {}", self.problem),
            None => write!(f, "{}", self.problem),
        }
    }
}

impl std::error::Error for ProgramError {}

impl From<&str> for ProgramError {
    fn from(problem: &str) -> Self {
        Self { node: None, problem: problem.to_owned() }
    }
}

type Checked<T> = Result<T, ProgramError>;

fn ensure(holds: bool, problem: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(problem.into()) }
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The committed input.
    Input,
    /// `sum_k A[e,k] * B[e,k]`.
    Matmul,
    /// `clamp(rshift(m0 * A * B + m1 * C + add, shift))`.
    Affine,
    /// `B[clamp(A) - lo]`.
    Table,
    /// `C if A ? B else 0`.
    Select,
    /// Greatest of a row.
    Max,
    /// Sum of a row.
    Sum,
    /// First place of the greatest of a row.
    Argmax,
    /// `A` at an index from the weights.
    Gather,
}

const OPS: [Op; 9] =
    [Op::Input, Op::Matmul, Op::Affine, Op::Table, Op::Select, Op::Max, Op::Sum, Op::Argmax, Op::Gather];

impl Op {
    fn takes_rows(self) -> bool {
        matches!(self, Self::Matmul | Self::Max | Self::Sum | Self::Argmax)
    }

    /// Whether each of A, B, C must be there (`Some`) or may be (`None`).
    fn presence(self) -> [Option<bool>; 3] {
        match self {
            Self::Input => [Some(false); 3],
            Self::Matmul | Self::Table | Self::Gather => [Some(true), Some(true), Some(false)],
            Self::Affine | Self::Select => [Some(true), None, None],
            Self::Max | Self::Sum | Self::Argmax => [Some(true), Some(false), Some(false)],
        }
    }
}

/// How elements are stored: two's complement, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElementType {
    /// One byte.
    I8,
    /// Two bytes.
    I16,
    /// Four bytes.
    I32,
    /// Eight bytes.
    I64,
}

const TYPES: [ElementType; 4] = [ElementType::I8, ElementType::I16, ElementType::I32, ElementType::I64];

impl ElementType {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        1 << self as usize
    }

    /// Elements of a word.
    pub fn per_word(self) -> usize {
        WORD >> self as usize
    }

    /// Smallest and greatest value.
    pub fn range(self) -> (i64, i64) {
        let spare = 64 - 8 * self.bytes();
        (i64::MIN >> spare, i64::MAX >> spare)
    }
}

/// The test of a SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
    /// `==`
    Equal,
    /// `<=`
    LessEqual,
    /// `<`
    Less,
}

const COMPARISONS: [Comparison; 5] =
    [Comparison::GreaterEqual, Comparison::Greater, Comparison::Equal, Comparison::LessEqual, Comparison::Less];

impl Comparison {
    /// Whether `a` stands so to `b`.
    #[inline(always)]
    pub fn holds(self, a: i64, b: i64) -> bool {
        match self {
            Self::GreaterEqual => a >= b,
            Self::Greater => a > b,
            Self::Equal => a == b,
            Self::LessEqual => a <= b,
            Self::Less => a < b,
        }
    }
}

/// Which memory an operand lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The execution's memory.
    Trace,
    /// The constants.
    Weights,
}

/// Where the elements come from that a node reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Which memory.
    pub space: Space,
    /// How the elements are stored there.
    pub kind: ElementType,
    /// First word.
    pub start: usize,
    /// Index of the first element read.
    pub base: usize,
    /// Step between rows of the output.
    pub row: usize,
    /// Step between columns of the output.
    pub col: usize,
}

impl Operand {
    /// Index, from the operand's first word, of the first element that element `e` of a node of `cols` columns reads.
    #[inline(always)]
    pub fn index(&self, cols: usize, e: usize) -> usize {
        self.base + e / cols * self.row + e % cols * self.col
    }

    /// Greatest index of a first element, over `n` elements in `cols` columns.
    fn greatest_index(&self, cols: usize, n: usize) -> u128 {
        let wide = |value: usize| value as u128;
        let full = wide((n - 1) / cols) * wide(self.row) + wide((n - 1) % cols) * wide(self.col);
        // The last row may be short: then the end of the row before it can be further along.
        let before =
            if n > cols { wide((n - 1) / cols - 1) * wide(self.row) + wide(cols - 1) * wide(self.col) } else { 0 };
        wide(self.base) + full.max(before)
    }
}

/// One descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// How its elements are stored.
    pub kind: ElementType,
    /// The test of a SELECT.
    pub comparison: Comparison,
    /// Right shift of an AFFINE.
    pub shift: u32,
    /// First word of its region.
    pub start: usize,
    /// Words of its region with the padding.
    pub leaves: usize,
    /// Elements.
    pub n: usize,
    /// Columns.
    pub cols: usize,
    /// Length of a row that it reads; 1 for the elementwise operations.
    pub k: usize,
    /// First operand; only INPUT has none.
    pub a: Option<Operand>,
    /// Second operand.
    pub b: Option<Operand>,
    /// Third operand.
    pub c: Option<Operand>,
    /// Factor of A·B.
    pub m0: i64,
    /// Factor of C.
    pub m1: i64,
    /// Summand, or what A is compared with.
    pub add: i64,
    /// Lower clamp.
    pub lo: i64,
    /// Upper clamp.
    pub hi: i64,
}

impl Node {
    /// Words that its elements need.
    pub fn words(&self) -> usize {
        self.n.div_ceil(self.kind.per_word())
    }

    fn decode(bytes: &[u8]) -> Checked<Self> {
        let mut at = Reader::new(bytes);
        let op = *OPS.get(usize::from(at.byte())).ok_or("unknown operation")?;
        let kind = *TYPES.get(usize::from(at.byte())).ok_or("unknown element type")?;
        let flags = at.byte();
        let shift = at.byte();
        let [start, leaves, n, cols, k] = [at.u32(), at.u32(), at.u32(), at.u32(), at.u32()];
        at.zeros(8, "reserved bytes of a descriptor are not zero")?;
        let [a, b, c] = [decode_operand(&mut at)?, decode_operand(&mut at)?, decode_operand(&mut at)?];
        let [m0, m1, add] = [at.i64(), at.i64(), at.i64()];
        at.zeros(8, "reserved bytes of a descriptor are not zero")?;
        let [lo, hi] = [at.i64(), at.i64()];
        at.zeros(16, "reserved bytes of a descriptor are not zero")?;
        ensure(if op == Op::Select { flags < 5 } else { flags == 0 }, "the flags are not those of the operation")?;
        ensure(shift <= if op == Op::Affine { MAX_SHIFT } else { 0 }, "the shift is out of range")?;
        ensure(if op.takes_rows() { (1..=MAX_ROW).contains(&k) } else { k == 0 }, "K is out of range")?;
        let node = Self {
            comparison: COMPARISONS[usize::from(flags)],
            shift: u32::from(shift),
            start: start as usize,
            leaves: leaves as usize,
            n: n as usize,
            cols: cols as usize,
            k: k.max(1) as usize,
            op,
            kind,
            a,
            b,
            c,
            m0,
            m1,
            add,
            lo,
            hi,
        };
        node.check()?;
        Ok(node)
    }

    fn check(&self) -> Checked<()> {
        let operands = [self.a, self.b, self.c];
        for (operand, wanted) in operands.iter().zip(self.op.presence()) {
            ensure(wanted.is_none_or(|there| there == operand.is_some()), "an operand is missing or superfluous")?;
        }
        let constant_b = self.b.is_some_and(|b| b.space == Space::Weights);
        ensure(!matches!(self.op, Op::Table | Op::Gather) || constant_b, "operand B is not in the weights")?;
        ensure(self.n >= 1 && self.cols >= 1, "there are no elements or no columns")?;
        ensure(
            self.words() <= self.leaves && self.leaves as u64 <= MAX_TRACE_WORDS,
            "the region is too small for its elements, or too large",
        )?;
        let affine = self.op == Op::Affine;
        let unused = (!affine && self.m0 != 0)
            || (!(affine && self.c.is_some()) && self.m1 != 0)
            || (!affine && (self.op != Op::Select || self.b.is_some()) && self.add != 0)
            || (!affine && self.op != Op::Table && (self.lo != 0 || self.hi != 0))
            || (self.op == Op::Input && self.cols != 1);
        ensure(!unused, "an unused field is not zero")?;
        let narrow = self.op != Op::Table || (self.hi.wrapping_sub(self.lo) as u64) < MAX_TABLE;
        ensure(self.lo <= self.hi && narrow, "the bounds are the wrong way round or too far apart")
    }

    /// Elements after the first that the operands A and B may be asked for.
    fn spans(&self) -> [u64; 3] {
        let row = self.k as u64 - 1;
        match self.op {
            Op::Table => [0, (self.hi - self.lo) as u64, 0],
            Op::Matmul => [row, row, 0],
            _ => [row, 0, 0],
        }
    }
}

fn decode_operand(at: &mut Reader) -> Checked<Option<Operand>> {
    let space = at.byte();
    let code = at.byte();
    at.zeros(2, "reserved bytes of an operand are not zero")?;
    let [start, base, row, col] = [at.u32(), at.u32(), at.u32(), at.u32()].map(|number| number as usize);
    at.zeros(12, "reserved bytes of an operand are not zero")?;
    let kind = *TYPES.get(usize::from(code)).ok_or("unknown element type of an operand")?;
    let space = match space {
        0 => {
            ensure(code == 0 && [start, base, row, col] == [0; 4], "an absent operand is not all zero")?;
            return Ok(None);
        }
        1 => Space::Trace,
        2 => Space::Weights,
        _ => return Err("unknown memory of an operand".into()),
    };
    Ok(Some(Operand { space, kind, start, base, row, col }))
}

/// A well-formed program, every operand of which lies in its memory.
#[derive(Debug, Clone)]
pub struct Program {
    /// In order of execution; the first is the only INPUT.
    pub nodes: Vec<Node>,
    /// Packed constants.
    pub weights: Vec<u8>,
    /// Which region is the output.
    pub output: usize,
}

impl Program {
    /// Reads a program file.
    ///
    /// # Errors
    /// If it is not the canonical file of a well-formed program, or a node reads outside its memories.
    pub fn decode(bytes: &[u8]) -> Checked<Self> {
        ensure(bytes.len() >= HEADER && bytes.starts_with(MAGIC), "this is not a Concordat program file")?;
        let mut at = Reader::new(&bytes[MAGIC.len()..HEADER]);
        let [count, weight_words, depth] = [at.u32(), at.u32(), at.u32()].map(|number| number as usize);
        let [input_elements, output, output_elements] = [at.u32(), at.u32(), at.u32()].map(|number| number as usize);
        at.zeros(32, "the header is not canonical")?;
        ensure((1..=MAX_NODES).contains(&count), "there are no nodes or too many")?;
        ensure(weight_words <= MAX_WEIGHT_WORDS, "there are too many weights")?;
        let weights_at = HEADER + count * DESCRIPTOR;
        ensure(bytes.len() == weights_at + weight_words * WORD, "the file is cut short or too long")?;
        let mut nodes = Vec::with_capacity(count);
        for (place, descriptor) in bytes[HEADER..weights_at].chunks_exact(DESCRIPTOR).enumerate() {
            let node = Node::decode(descriptor).map_err(|error| ProgramError { node: Some(place), ..error })?;
            nodes.push(node);
        }
        ensure(nodes[0].op == Op::Input && nodes[0].n == input_elements, "node 0 is not the input of the header")?;
        ensure(output < count && nodes[output].n == output_elements, "the output is not a whole region")?;
        let program = Self { nodes, weights: bytes[weights_at..].to_vec(), output };
        program.check_layout(depth)?;
        program.check_reads()?;
        Ok(program)
    }

    /// Words up to the last that holds an element; the rest of the trace is zero.
    pub fn trace_words(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.start + node.words())
    }

    fn check_layout(&self, depth: usize) -> Checked<()> {
        let (mut used, mut region_end) = (0usize, 0usize);
        for (place, node) in self.nodes.iter().enumerate() {
            let fault = |problem: &str| ProgramError { node: Some(place), problem: problem.to_owned() };
            if place > 0 && node.op == Op::Input {
                return Err(fault("a second input"));
            }
            let unit = node.words().next_power_of_two().min(16);
            if node.start != used.next_multiple_of(unit) || node.start != region_end {
                return Err(fault("its region starts at the wrong leaf"));
            }
            (used, region_end) = (node.start + node.words(), node.start + node.leaves);
            if used as u64 > MAX_TRACE_WORDS {
                return Err(fault("the trace has too many words"));
            }
        }
        let whole = used.next_power_of_two();
        ensure(region_end == whole, "the last region does not end where the trace does")?;
        ensure(1usize.checked_shl(depth as u32) == Some(whole), "the header is not canonical")
    }

    fn check_reads(&self) -> Checked<()> {
        for (place, node) in self.nodes.iter().enumerate() {
            for (operand, span) in [node.a, node.b, node.c].into_iter().zip(node.spans()) {
                let Some(operand) = operand else { continue };
                let fits = if node.op == Op::Gather && Some(operand) == node.a {
                    self.gather_fits(node)
                } else {
                    self.covers(node, &operand, operand.greatest_index(node.cols, node.n) + u128::from(span))
                };
                if !fits {
                    return Err(ProgramError { node: Some(place), problem: "it reads outside its memory".to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Whether an element of an operand lies in memory that the node may read.
    fn covers(&self, node: &Node, operand: &Operand, index: u128) -> bool {
        let words = match operand.space {
            Space::Trace => node.start,
            Space::Weights => self.weights.len() / WORD,
        };
        operand.start as u128 + index / (operand.kind.per_word() as u128) < words as u128
    }

    fn gather_fits(&self, node: &Node) -> bool {
        let (Some(a), Some(b)) = (node.a, node.b) else { return false };
        self.covers(node, &b, b.greatest_index(node.cols, node.n))
            && (0..node.n).all(|e| {
                let from = self.constant(&b, b.index(node.cols, e));
                let index = a.index(node.cols, e) as i128 + i128::from(from);
                u128::try_from(index).is_ok_and(|index| self.covers(node, &a, index))
            })
    }

    /// Element of an operand in the weights.
    pub fn constant(&self, operand: &Operand, index: usize) -> i64 {
        read(&self.weights, operand.start, operand.kind, index)
    }
}

/// Element `index` of a type, counted from word `start` of a big-endian memory.
#[inline(always)]
pub fn read(memory: &[u8], start: usize, kind: ElementType, index: usize) -> i64 {
    let width = kind.bytes();
    let at = start * WORD + index * width;
    let mut bytes = [0u8; 8];
    bytes[..width].copy_from_slice(&memory[at..at + width]);
    i64::from_be_bytes(bytes) >> (64 - 8 * width)
}

/// Stores an element, as [`read`] reads it; what does not fit the type is cut off.
#[inline(always)]
pub fn write(memory: &mut [u8], start: usize, kind: ElementType, index: usize, value: i64) {
    let width = kind.bytes();
    let at = start * WORD + index * width;
    memory[at..at + width].copy_from_slice(&value.to_be_bytes()[8 - width..]);
}
