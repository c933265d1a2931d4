//! Relations and parameters, decoded; see `concordat.zk.relation` and `concordat.zk.parameters`.

use std::fmt;

/// Rows after the used ones that no constraint reads.
pub const MASK_ROWS: usize = 8;
/// Index of an operand element that is zero.
pub const NOWHERE: u32 = u32::MAX;
const MAGIC: &[u8] = b"CCZKREL\x01";

/// Bytes that are not what they should be.
#[derive(Debug)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Rows that are read: a run, or a list.
#[derive(Clone)]
pub enum Rows {
    /// From this row on.
    Run(usize),
    /// These, or nowhere.
    List(Vec<u32>),
}

impl Rows {
    /// The row of an element.
    #[inline(always)]
    pub fn at(&self, e: usize) -> Option<usize> {
        match self {
            Self::Run(start) => Some(start + e),
            Self::List(list) => (list[e] != NOWHERE).then_some(list[e] as usize),
        }
    }
}

/// A table and where its multiplicities are.
#[allow(missing_docs)]
pub struct Table {
    pub number: u64,
    pub entries: Vec<(i64, i64)>,
    pub column: usize,
    pub start: usize,
}

impl Table {
    /// Entries.
    pub fn size(&self) -> usize {
        if self.number >= 64 { self.entries.len() } else { 1 << self.number }
    }
}

/// What a row of a segment looks up.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LookupKind {
    Single,
    Pair,
    Function,
}

/// A run of rows that look up.
#[allow(missing_docs)]
pub struct Lookup {
    pub kind: LookupKind,
    pub start: usize,
    pub count: usize,
    pub table_a: u64,
    pub table_b: u64,
}

/// What a term refers to.
#[allow(missing_docs)]
pub enum TermKind {
    Cells { column: usize, rows: Rows },
    Product { start: usize },
    Public { vector: usize, start: usize },
    Matmul { number: usize },
}

/// An addend of a family.
#[allow(missing_docs)]
pub struct Term {
    pub kind: TermKind,
    pub coefficient: i64,
}

/// Constraints of one shape.
#[allow(missing_docs)]
pub struct Family {
    pub count: usize,
    pub cols: usize,
    pub stride: usize,
    pub constant: i64,
    pub terms: Vec<Term>,
    pub offset: usize,
}

impl Family {
    /// Exponent of theta of an element, from the offset on.
    #[inline(always)]
    pub fn exponent(&self, e: usize) -> usize {
        if self.stride == self.cols { e } else { e / self.cols * self.stride + e % self.cols }
    }
}

/// Cells read by a matrix product.
#[allow(missing_docs)]
pub struct Operand {
    pub column: usize,
    pub start: usize,
    pub row: usize,
    pub list: Option<Vec<u32>>,
}

impl Operand {
    /// The row of element `k` of row `r`.
    #[inline(always)]
    pub fn at(&self, r: usize, k: usize, inner: usize) -> Option<usize> {
        match &self.list {
            None => Some(self.start + r * self.row + k),
            Some(list) => {
                let row = list[r * inner + k];
                (row != NOWHERE).then_some(row as usize)
            }
        }
    }
}

/// The second factor of a matrix product.
#[allow(missing_docs)]
pub enum Right {
    Weights { row: usize },
    Cells(Operand),
}

/// A matrix product.
#[allow(missing_docs)]
pub struct Matmul {
    pub rows: usize,
    pub cols: usize,
    pub inner: usize,
    pub left: Operand,
    pub right: Right,
    pub stride: usize,
}

/// Cells that equal weights.
#[allow(missing_docs)]
pub struct Copy {
    pub row: usize,
    pub column: usize,
    pub start: usize,
    pub count: usize,
}

/// A relation.
#[allow(missing_docs)]
pub struct Relation {
    pub used_rows: usize,
    pub lookup_rows: usize,
    pub slot_bits: u32,
    pub group_bits: u32,
    pub weight_rows: usize,
    pub lookups: Vec<Lookup>,
    pub tables: Vec<Table>,
    pub families: Vec<Family>,
    pub matmuls: Vec<Matmul>,
    pub copies: Vec<Copy>,
    pub input_column: usize,
    pub input_start: usize,
    pub input_count: usize,
    pub publics: Vec<usize>,
}

impl Relation {
    /// Variables of a row index.
    pub fn log_rows(&self) -> u32 {
        usize::BITS - (self.used_rows + MASK_ROWS - 1).leading_zeros()
    }

    /// Weights in a row of the weight matrix.
    pub fn weight_width(&self) -> usize {
        1 << (self.slot_bits + self.group_bits)
    }

    /// Slots that a dot product needs.
    pub fn chunks(&self, m: &Matmul) -> usize {
        m.inner.div_ceil(1 << self.slot_bits)
    }

    /// Rows of the weight matrix that one chunk fills.
    pub fn block_rows(&self, m: &Matmul) -> usize {
        m.cols.div_ceil(1 << self.group_bits)
    }

    /// Runs of the product sumcheck, masks included.
    pub fn runs(&self) -> usize {
        self.matmuls.iter().map(|m| self.chunks(m)).sum::<usize>() + 2
    }

    /// Variables of a run index.
    pub fn run_bits(&self) -> u32 {
        usize::BITS - (self.runs() - 1).leading_zeros()
    }

    /// Rounds of the product sumcheck.
    pub fn product_rounds(&self) -> u32 {
        if self.matmuls.is_empty() { 0 } else { self.run_bits() + self.slot_bits }
    }

    /// Hidden scalars.
    pub fn pads(&self) -> usize {
        3 + 2 * self.product_rounds() as usize + 4 * self.log_rows() as usize
    }

    /// Exponents of theta that all families take.
    pub fn exponents(&self) -> usize {
        self.families.last().map_or(0, |f| f.offset.saturating_add((f.count / f.cols).saturating_mul(f.stride)))
    }

    /// Decode the canonical bytes.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let body = data.strip_prefix(MAGIC).filter(|b| b.len() % 8 == 0).ok_or(Malformed("not a relation"))?;
        let mut r = Numbers {
            numbers: body.chunks_exact(8).map(|c| i64::from_be_bytes(c.try_into().expect("eight"))).collect(),
            at: 0,
        };
        let relation = r.relation()?;
        if r.at != r.numbers.len() {
            return Err(Malformed("bytes after the relation"));
        }
        relation.check()?;
        Ok(relation)
    }
}

/// Most rows, weights, products and exponents of a relation.
const MOST: usize = 1 << 28;

impl Relation {
    /// Refuse what refers to cells, weights or public numbers that do not exist.
    fn check(&self) -> Result<(), Malformed> {
        let weights = self.weight_rows.checked_mul(self.weight_width()).is_some_and(|n| n <= 1 << 32);
        if self.lookup_rows > self.used_rows || !weights || self.publics.iter().any(|&n| n > MOST) {
            return Err(Malformed("the sizes of the relation do not fit each other"));
        }
        let cells = |start: usize, count: usize| start + count <= self.used_rows;
        let mut looked_up: Vec<(usize, usize)> =
            self.lookups.iter().map(|look| (look.start, look.start + look.count)).collect();
        looked_up.sort_unstable();
        let looked = looked_up.iter().all(|&(_, end)| end <= self.lookup_rows)
            && looked_up.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        let kept = self.tables.iter().all(|t| (t.number >= 64 || t.number <= 24) && cells(t.start, t.size()));
        if !(looked && kept && cells(self.input_start, self.input_count)) {
            return Err(Malformed("a look-up, a table or the input lies outside the cells"));
        }
        let rows = |copy: &Copy| copy.row + copy.count.div_ceil(self.weight_width()) <= self.weight_rows;
        if !self.copies.iter().all(|copy| cells(copy.start, copy.count) && rows(copy)) {
            return Err(Malformed("a copy lies outside the cells or the weights"));
        }
        if self.exponents() > MOST || !self.families.iter().all(|family| self.holds(family)) {
            return Err(Malformed("a term lies outside the cells"));
        }
        if self.matmuls.iter().map(|m| m.inner).sum::<usize>() > MOST
            || !self.matmuls.iter().all(|m| self.multiplies(m))
        {
            return Err(Malformed("a matrix product lies outside the cells or the weights"));
        }
        Ok(())
    }

    fn holds(&self, family: &Family) -> bool {
        family.count <= MOST
            && family.stride <= MOST
            && family.terms.iter().all(|term| match &term.kind {
                TermKind::Cells { rows: Rows::List(list), .. } => list.len() == family.count && self.lists(list),
                TermKind::Cells { rows: Rows::Run(start), .. } | TermKind::Product { start } => {
                    start + family.count <= self.used_rows
                }
                TermKind::Public { vector, start } => {
                    self.publics.get(*vector).is_some_and(|length| start + family.count <= *length)
                }
                TermKind::Matmul { number } => self.matmuls.get(*number).is_some_and(|m| self.matches(family, m)),
            })
    }

    /// Whether a family's elements are those of a product, none of whose unused outputs reach the next row.
    fn matches(&self, family: &Family, m: &Matmul) -> bool {
        let outputs = self.block_rows(m) << self.group_bits;
        (family.cols, family.stride) == (m.cols, m.stride)
            && m.rows.checked_mul(m.cols) == Some(family.count)
            && outputs <= family.stride
    }

    fn lists(&self, list: &[u32]) -> bool {
        list.iter().all(|&row| row == NOWHERE || (row as usize) < self.used_rows)
    }

    fn multiplies(&self, m: &Matmul) -> bool {
        let sizes = [m.rows, m.cols, m.inner].iter().all(|&n| 0 < n && n <= 1 << 24);
        let right = match &m.right {
            Right::Cells(operand) => self.reads(operand, m.cols, m.inner),
            Right::Weights { row } => row + self.chunks(m) * self.block_rows(m) <= self.weight_rows,
        };
        sizes && m.stride <= MOST && m.rows * m.stride <= MOST && right && self.reads(&m.left, m.rows, m.inner)
    }

    fn reads(&self, operand: &Operand, rows: usize, inner: usize) -> bool {
        match &operand.list {
            Some(list) => list.len() == rows * inner && self.lists(list),
            None => operand.start + (rows - 1) * operand.row + inner <= self.used_rows && rows * inner <= MOST,
        }
    }
}

struct Numbers {
    numbers: Vec<i64>,
    at: usize,
}

impl Numbers {
    fn one(&mut self) -> Result<i64, Malformed> {
        let number = *self.numbers.get(self.at).ok_or(Malformed("the relation is cut short"))?;
        self.at += 1;
        Ok(number)
    }

    fn size(&mut self) -> Result<usize, Malformed> {
        let number = self.one()?;
        usize::try_from(number).ok().filter(|&n| n <= 1 << 32).ok_or(Malformed("a size is out of range"))
    }

    fn many<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let count = self.size()?;
        if count > self.numbers.len() {
            return Err(Malformed("a list is too long"));
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn column(&mut self) -> Result<usize, Malformed> {
        self.size().and_then(|n| if n < 2 { Ok(n) } else { Err(Malformed("there are two columns")) })
    }

    fn list(&mut self) -> Result<Option<Vec<u32>>, Malformed> {
        if self.numbers.get(self.at) == Some(&-1) {
            self.at += 1;
            return Ok(None);
        }
        self.many(|r| r.one().and_then(|n| u32::try_from(n).map_err(|_| Malformed("an index is out of range"))))
            .map(Some)
    }

    fn operand(&mut self) -> Result<Operand, Malformed> {
        Ok(Operand { column: self.column()?, start: self.size()?, row: self.size()?, list: self.list()? })
    }

    fn relation(&mut self) -> Result<Relation, Malformed> {
        let (used_rows, lookup_rows) = (self.size()?, self.size()?);
        let (slot_bits, group_bits) = (self.size()?, self.size()?);
        let weight_rows = self.size()?;
        if used_rows > 1 << 24 || slot_bits > 20 || group_bits > 10 {
            return Err(Malformed("a relation of this size is not supported"));
        }
        let lookups = self.many(|r| {
            let kind = match r.one()? {
                0 => LookupKind::Single,
                1 => LookupKind::Pair,
                2 => LookupKind::Function,
                _ => return Err(Malformed("an unknown look-up")),
            };
            let (start, count) = (r.size()?, r.size()?);
            Ok(Lookup { kind, start, count, table_a: r.size()? as u64, table_b: r.size()? as u64 })
        })?;
        let tables = self.many(|r| {
            let number = r.size()? as u64;
            let entries = r.many(|r| Ok((r.one()?, r.one()?)))?;
            Ok(Table { number, entries, column: r.column()?, start: r.size()? })
        })?;
        let mut offset = 1; // theta^0 would be tau^0, the first look-up's
        let mut families = self.many(Self::family)?;
        for family in &mut families {
            family.offset = offset;
            offset =
                family.stride.checked_mul(family.count / family.cols).map_or(usize::MAX, |n| n.saturating_add(offset));
        }
        let mut matmuls = self.many(|r| {
            let (rows, cols, inner) = (r.size()?, r.size()?, r.size()?);
            let left = r.operand()?;
            let right = match r.one()? {
                0 => Right::Weights { row: r.size()? },
                1 => Right::Cells(r.operand()?),
                _ => return Err(Malformed("an unknown operand")),
            };
            Ok(Matmul { rows, cols, inner, left, right, stride: cols })
        })?;
        for family in families.iter().rev() {
            for term in &family.terms {
                if let TermKind::Matmul { number } = term.kind {
                    matmuls.get_mut(number).ok_or(Malformed("no such product"))?.stride = family.stride;
                }
            }
        }
        let copies =
            self.many(|r| Ok(Copy { row: r.size()?, column: r.column()?, start: r.size()?, count: r.size()? }))?;
        Ok(Relation {
            used_rows,
            lookup_rows,
            slot_bits: slot_bits as u32,
            group_bits: group_bits as u32,
            weight_rows,
            lookups,
            tables,
            families,
            matmuls,
            copies,
            input_column: self.column()?,
            input_start: self.size()?,
            input_count: self.size()?,
            publics: self.many(Self::size)?,
        })
    }

    fn family(&mut self) -> Result<Family, Malformed> {
        let (count, cols, stride) = (self.size()?, self.size()?, self.size()?);
        if cols == 0 || count % cols != 0 || stride < cols {
            return Err(Malformed("a family of ragged rows"));
        }
        let constant = self.one()?;
        let terms = self.many(|r| {
            let (kind, coefficient) = (r.one()?, r.one()?);
            let (column, start) = (r.size()?, r.size()?);
            let list = r.list()?;
            if kind == 0 && column > 1 || kind != 0 && list.is_some() {
                return Err(Malformed("a term of an unknown form"));
            }
            let kind = match kind {
                0 => TermKind::Cells { column, rows: list.map_or(Rows::Run(start), Rows::List) },
                1 => TermKind::Product { start },
                2 => TermKind::Public { vector: column, start },
                3 => TermKind::Matmul { number: column },
                _ => return Err(Malformed("an unknown term")),
            };
            Ok(Term { kind, coefficient })
        })?;
        Ok(Family { count, cols, stride, constant, terms, offset: 0 })
    }
}

/// Sizes of the codes.
#[allow(missing_docs)]
#[derive(Clone)]
pub struct Parameters {
    pub log_width: u32,
    pub log_domain: u32,
    pub queries: usize,
    pub hub_log_width: u32,
    pub hub_log_domain: u32,
    pub hub_queries: usize,
    pub weight_tail: usize,
    pub weight_log_domain: u32,
    pub weight_queries: usize,
    pub weight_audits: usize,
    pub input_log_domain: u32,
    pub input_queries: usize,
    pub grinding: u32,
}

impl Parameters {
    /// Decode 52 bytes.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        if data.len() != 52 {
            return Err(Malformed("parameters are 52 bytes"));
        }
        let n: Vec<u32> = data.chunks_exact(4).map(|c| u32::from_be_bytes(c.try_into().expect("four"))).collect();
        let logs = [n[0], n[1], n[3], n[4], n[7], n[10]];
        if logs.iter().any(|&log| log > 26) || n[12] > 24 {
            return Err(Malformed("the parameters are out of range"));
        }
        Ok(Self {
            log_width: n[0],
            log_domain: n[1],
            queries: n[2] as usize,
            hub_log_width: n[3],
            hub_log_domain: n[4],
            hub_queries: n[5] as usize,
            weight_tail: n[6] as usize,
            weight_log_domain: n[7],
            weight_queries: n[8] as usize,
            weight_audits: n[9] as usize,
            input_log_domain: n[10],
            input_queries: n[11] as usize,
            grinding: n[12],
        })
    }

    /// Rows of the witness matrix that one column of cells fills.
    pub fn blocks(&self, relation: &Relation) -> usize {
        (relation.used_rows + MASK_ROWS).div_ceil(1 << self.log_width)
    }

    /// Rows of the matrix of inverses.
    pub fn inverse_blocks(&self, relation: &Relation) -> usize {
        (relation.lookup_rows + MASK_ROWS).div_ceil(1 << self.log_width)
    }

    /// Elements of the hub's segments: weights, witness, hidden scalars, input.
    pub fn segments(&self, relation: &Relation) -> [usize; 4] {
        let weights = if self.weight_tail > 0 { relation.weight_width() + self.weight_tail } else { 0 };
        let taken = if self.input_log_domain > 0 { relation.input_count + self.input_queries + 3 } else { 0 };
        [weights, (1 << self.log_width) + self.queries, relation.pads() + self.queries, taken]
    }

    /// First elements of the segments, and the length of all.
    pub fn offsets(&self, relation: &Relation) -> ([usize; 4], usize) {
        let s = self.segments(relation);
        ([0, s[0], s[0] + s[1], s[0] + s[1] + s[2]], s.iter().sum())
    }
}
