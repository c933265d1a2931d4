//! The prover; step by step the twin of `concordat.zk.prover.prove`.

use super::code::{Code, Tree, distinct, point};
use super::field::{Dot, K, ONE, ZERO, from_signed};
use super::hash::random;
use super::hub::Hub;
use super::ladders::{add_ladders, fold_elements, inverses, powers as element_powers};
use super::lanes::dispatch;
use super::matrix::Matrix;
use super::relation::{
    Lookup, LookupKind, MASK_ROWS, Malformed, Matmul, Operand, Parameters, Relation, Right, TermKind,
};
use super::rounds::{Constraints, Tables, bind, product_round};
use super::sumcheck::{Folded, Messages, eq_table, fold};
use super::transcript::{Tag, random_elements, sha256};
use super::weights::{FoldRows, Weights};

/// An input, committed.
pub struct Input {
    /// The input and its random symbols.
    pub row: Vec<u64>,
    /// Code word and salts.
    pub tree: Tree,
    /// Value at the point outside the domain.
    pub outside: K,
}

/// Commit an input.
pub fn commit_input(p: &Parameters, values: &[i64], seed: &[u8]) -> Result<Input, Malformed> {
    if p.input_log_domain < 5 || values.len() + p.input_queries + 3 > 1 << p.input_log_domain || seed.len() != 32 {
        return Err(Malformed("the input does not fit the parameters"));
    }
    let mut row: Vec<u64> = values.iter().map(|&x| from_signed(x)).collect();
    row.extend(random(seed, b"input", p.input_queries + 3));
    let tree = Tree::new(Code::new(&[&row], p.input_log_domain), &[seed]);
    let at = input_point(&tree.root());
    let outside = row.iter().rev().fold(ZERO, |sum, &x| sum * at + K::base(x));
    Ok(Input { row, tree, outside })
}

/// The point outside the domain that a root determines.
pub fn input_point(root: &[u8; 32]) -> K {
    let digest = sha256(&[b"concordat input point", root]);
    let word = |at: usize| u64::from_be_bytes(digest[at..at + 8].try_into().expect("eight")) % super::field::P;
    K([word(0), word(8), word(16).max(1)])
}

/// Challenges that batch constraints.
struct Batching {
    theta: K,
    tau: K,
    eta: K,
    zeta: K,
    xi: K,
}

/// What is to be proven, and with what.
pub struct Job<'a> {
    /// What holds.
    pub relation: &'a Relation,
    /// Sizes of the codes.
    pub parameters: &'a Parameters,
    /// `Statement.encode()`.
    pub statement: &'a [u8],
    /// Cells of both columns, `used_rows` each.
    pub columns: [&'a [u64]; 2],
    /// Weights: committed, or plain where everybody has them.
    pub weights: Option<&'a Weights<'a>>,
    /// Weights that everybody has.
    pub plain: Option<&'a Matrix<'a>>,
    /// The input, where it is committed.
    pub input: Option<&'a Input>,
    /// 32 secret bytes.
    pub seed: &'a [u8],
    /// Told each phase as it begins, with the share of the work that lies behind; false ends the proof.
    pub progress: &'a (dyn Fn(&'static str, f64) -> bool + Sync),
}

/// The phases, with about the share of the work that lies behind each; as in `concordat.zk.prover.progress`.
const PHASES: [(&str, f64); 7] = [
    ("witness", 0.0),
    ("inverses", 0.3),
    ("products", 0.5),
    ("constraints", 0.55),
    ("hub", 0.7),
    ("opening", 0.85),
    ("done", 1.0),
];

/// Prove.
pub fn prove(job: &Job<'_>) -> Result<Vec<u8>, Malformed> {
    let (relation, p) = (job.relation, job.parameters);
    if job.columns.iter().any(|c| c.len() != relation.used_rows) {
        return Err(Malformed("the witness has the wrong number of rows"));
    }
    let mut phases = PHASES.iter();
    let mut begin = || {
        let going = phases.next().is_none_or(|&(phase, share)| (job.progress)(phase, share));
        if going { Ok(()) } else { Err(Malformed("the proof was given up")) }
    };
    begin()?;
    let mut prover = Prover::new(job);
    prover.messages.transcript.absorb(Tag::Statement, job.statement);
    let witness = prover.commit_witness();
    let [alpha, beta] = prover.messages.transcript.challenges();
    begin()?;
    let inverses = prover.commit_inverses(alpha, beta);
    let [theta, tau, eta, zeta, xi] = prover.messages.transcript.challenges();
    let batching = Batching { theta, tau, eta, zeta, xi };
    begin()?;
    let (scales, steps) = prover.scales(theta);
    let products = prover.products(&batching, &scales);
    let lambdas: [K; 4] = prover.messages.transcript.challenges();
    begin()?;
    let mut tables = prover.tables(&batching, alpha, beta, &steps);
    let (columns, rows) = prover.couple(&mut tables, &batching, &products, &scales, &lambdas);
    let rounds = prover.constraints(tables, alpha, beta);
    let [mu, balance] = prover.messages.transcript.challenges();
    // the hub
    begin()?;
    let split = (relation.log_rows() - p.log_width) as usize;
    let flat = prover.segments(&eq_table(&rounds.point[..split]), mu, &rows);
    let hub = Hub::new(relation, p, &flat, job.seed);
    prover.messages.commit(Tag::Hub, &hub.tree.root());
    begin()?;
    let opened = prover.open_columns(&witness, &inverses);
    // the batched claim
    let delta = prover.messages.transcript.challenge();
    let (offsets, _) = p.offsets(relation);
    let mut factors = vec![ZERO; hub.elements.len()];
    let pads = prover.pad_factors(&products, &rounds, &lambdas, balance);
    factors[offsets[2]..offsets[2] + pads.len()].copy_from_slice(&pads);
    if job.weights.is_some() {
        for (factor, column) in factors.iter_mut().zip(&columns) {
            *factor = *column * rounds.carry;
        }
    }
    if job.input.is_some() {
        let first = rounds.carry * lambdas[3];
        for (factor, power) in factors[offsets[3]..].iter_mut().zip(element_powers(xi, relation.input_count)) {
            *factor = power * first;
        }
    }
    let mut weight = delta;
    for (factor, eq) in factors[offsets[1]..].iter_mut().zip(eq_table(&rounds.point[split..])) {
        *factor += eq * weight;
    }
    let lengths = p.segments(relation);
    let mut ladders: [Vec<(u64, K)>; 4] = Default::default();
    for (segment, base) in opened {
        weight *= delta;
        match base {
            Base::Domain(base) => ladders[segment].push((base, weight)),
            Base::Outside(base) => {
                let own = element_powers(base, lengths[segment]);
                fold_elements(&own, &[weight], &mut factors[offsets[segment]..offsets[segment] + lengths[segment]]);
            }
        }
    }
    for (segment, ladders) in ladders.iter().enumerate() {
        add_ladders(ladders, &mut factors[offsets[segment]..offsets[segment] + lengths[segment]]);
    }
    hub.open(&mut prover.messages, p, factors);
    begin()?;
    Ok(prover.messages.proof)
}

/// The point of a claim about a segment.
enum Base {
    Domain(u64),
    Outside(K),
}

struct Products {
    folded: Folded,
}

struct Prover<'a> {
    job: &'a Job<'a>,
    messages: Messages,
    columns: [Vec<u64>; 2],
    pads: Vec<K>,
    inverses: Vec<K>,
    witness_tails: Vec<u64>,
    inverse_tails: Vec<K>,
    blocks: usize,
    inverse_blocks: usize,
}

impl<'a> Prover<'a> {
    fn new(job: &'a Job<'a>) -> Self {
        let (relation, p) = (job.relation, job.parameters);
        let (blocks, inverse_blocks) = (p.blocks(relation), p.inverse_blocks(relation));
        let length = blocks << p.log_width;
        let masks = random(job.seed, b"masks", 2 * MASK_ROWS);
        let columns = [0, 1].map(|c| {
            let mut column = vec![0; length];
            column[..relation.used_rows].copy_from_slice(job.columns[c]);
            column[length - MASK_ROWS..].copy_from_slice(&masks[c * MASK_ROWS..(c + 1) * MASK_ROWS]);
            column
        });
        Self {
            job,
            messages: Messages::default(),
            columns,
            pads: random_elements(job.seed, b"pads", relation.pads()),
            inverses: Vec::new(),
            witness_tails: Vec::new(),
            inverse_tails: Vec::new(),
            blocks,
            inverse_blocks,
        }
    }

    fn commit_witness(&mut self) -> Tree {
        let p = self.job.parameters;
        let (blocks, width, q) = (self.blocks, 1usize << p.log_width, p.queries);
        let tails = random(self.job.seed, b"witness tails", (2 * blocks + 3) * q);
        let mut rows: Vec<Vec<u64>> = Vec::with_capacity(2 * blocks + 3);
        for i in 0..2 * blocks {
            let column = &self.columns[i / blocks];
            let body = &column[i % blocks * width..(i % blocks + 1) * width];
            rows.push([body, &tails[i * q..(i + 1) * q]].concat());
        }
        for t in 0..3 {
            let mut row: Vec<u64> = self.pads.iter().map(|pad| pad.0[t]).collect();
            row.extend_from_slice(&tails[(2 * blocks + t) * q..(2 * blocks + t + 1) * q]);
            rows.push(row);
        }
        self.witness_tails = tails;
        let slices: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
        let tree = Tree::new(Code::new(&slices, p.log_domain), &[self.job.seed, b"witness"]);
        self.messages.commit(Tag::Witness, &tree.root());
        tree
    }

    fn commit_inverses(&mut self, alpha: K, beta: K) -> Tree {
        let (relation, p) = (self.job.relation, self.job.parameters);
        let (blocks, width, q) = (self.inverse_blocks, 1usize << p.log_width, p.queries);
        let mut h = vec![ZERO; blocks * width];
        let square = beta * beta;
        for look in &relation.lookups {
            let (u, v) = self.keys(look, alpha, beta, square);
            let mut both: Vec<K> = u.iter().chain(&v).copied().collect();
            inverses(&mut both);
            for (j, out) in h[look.start..look.start + look.count].iter_mut().enumerate() {
                *out = both[j];
                if look.kind == LookupKind::Pair {
                    *out += both[look.count + j];
                }
            }
        }
        let masks = random_elements(self.job.seed, b"inverse masks", MASK_ROWS);
        let length = h.len();
        h[length - MASK_ROWS..].copy_from_slice(&masks);
        self.inverse_tails = random_elements(self.job.seed, b"inverse tails", blocks * q);
        let mut rows: Vec<Vec<u64>> = Vec::with_capacity(3 * blocks);
        for block in 0..blocks {
            for t in 0..3 {
                let body = h[block * width..(block + 1) * width].iter();
                let tail = self.inverse_tails[block * q..(block + 1) * q].iter();
                rows.push(body.chain(tail).map(|x| x.0[t]).collect());
            }
        }
        self.inverses = h;
        let slices: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
        let tree = Tree::new(Code::new(&slices, p.log_domain), &[self.job.seed, b"inverses"]);
        self.messages.commit(Tag::Inverses, &tree.root());
        tree
    }

    /// Denominators of a segment: for column a (and b in a function), and for column b of a pair.
    fn keys(&self, look: &Lookup, alpha: K, beta: K, square: K) -> (Vec<K>, Vec<K>) {
        let rows = look.start..look.start + look.count;
        let first = alpha - beta.scale(look.table_a);
        let a = self.columns[0][rows.clone()].iter();
        let b = self.columns[1][rows].iter();
        match look.kind {
            LookupKind::Function => {
                (a.zip(b).map(|(&x, &y)| first - K::base(x) - square.scale(y)).collect(), Vec::new())
            }
            LookupKind::Single => (a.map(|&x| first - K::base(x)).collect(), Vec::new()),
            LookupKind::Pair => {
                let second = alpha - beta.scale(look.table_b);
                (a.map(|&x| first - K::base(x)).collect(), b.map(|&y| second - K::base(y)).collect())
            }
        }
    }

    /// Factors of the matrix products, and the powers of theta.
    fn scales(&self, theta: K) -> (Vec<K>, Vec<K>) {
        let relation = self.job.relation;
        let longest = relation.matmuls.iter().map(|m| (m.rows * m.stride).max(m.cols)).max().unwrap_or(0);
        let steps = element_powers(theta, relation.exponents().max(longest).max(1) + 1);
        let mut scales = vec![ZERO; relation.matmuls.len()];
        for family in &relation.families {
            for term in &family.terms {
                if let TermKind::Matmul { number } = term.kind {
                    scales[number] += steps[family.offset].scale(from_signed(term.coefficient));
                }
            }
        }
        (scales, steps)
    }

    fn products(&mut self, batching: &Batching, scales: &[K]) -> Products {
        let relation = self.job.relation;
        if relation.matmuls.is_empty() {
            self.messages.transcript.absorb(Tag::ProductClaim, &[0; 24]);
            self.messages.transcript.absorb(Tag::ProductValues, &[0; 48]);
            return Products { folded: fold(&[], Vec::new(), 2) };
        }
        let (mut f, mut x) = self.product_tables(batching.theta, scales);
        let mut claim = ZERO;
        for (u, v) in f.iter().zip(&x) {
            claim += *u * *v;
        }
        let begun = claim + self.pads[0];
        self.messages.say(Tag::ProductClaim, &[begun]);
        let (mut point, mut sent) = (Vec::new(), Vec::new());
        for i in 0..relation.product_rounds() as usize {
            let half = f.len() / 2;
            let [at0, at2] = product_round(&f, &x, half);
            let message = vec![at0 + self.pads[3 + 2 * i], at2 + self.pads[4 + 2 * i]];
            self.messages.say(Tag::ProductRound, &message);
            let r = self.messages.transcript.challenge();
            bind(&mut f, half, r);
            bind(&mut x, half, r);
            point.push(r);
            sent.push(message);
        }
        let tables = [f[0], x[0]];
        self.messages.say(Tag::ProductValues, &tables);
        Products { folded: fold(&sent, point, 2) }
    }

    /// `F` and `X` over all runs and slots.
    fn product_tables(&self, theta: K, scales: &[K]) -> (Vec<K>, Vec<K>) {
        let relation = self.job.relation;
        let slot = 1usize << relation.slot_bits;
        let size = slot << relation.run_bits();
        let (mut f, mut x) = (vec![ZERO; size], vec![ZERO; size]);
        let mut run = 0;
        for (m, &factor) in relation.matmuls.iter().zip(scales) {
            let first = run * slot;
            let ratio = theta.pow(m.stride as u64);
            fold_operand(&m.left, m.rows, m.inner, ratio, &self.columns[m.left.column], &mut x[first..first + m.inner]);
            match &m.right {
                Right::Cells(operand) => {
                    let cells = &self.columns[operand.column];
                    fold_operand(operand, m.cols, m.inner, theta, cells, &mut f[first..first + m.inner]);
                }
                Right::Weights { row } => {
                    if let Some(matrix) = self.job.plain.or(self.job.weights.map(|weights| &weights.matrix)) {
                        self.fold_block(matrix, m, *row, theta, &mut f[first..]);
                    }
                }
            }
            for value in &mut f[first..first + m.inner] {
                *value *= factor;
            }
            run += relation.chunks(m);
        }
        f[run * slot] = self.pads[1];
        x[(run + 1) * slot] = self.pads[2];
        (f, x)
    }

    /// `f[k] = Σ_c theta^c * W[c, k]` for the block of weights of one product.
    fn fold_block(&self, matrix: &Matrix<'_>, m: &Matmul, row: usize, theta: K, f: &mut [K]) {
        let relation = self.job.relation;
        let (slot, group, height) =
            (1usize << relation.slot_bits, 1usize << relation.group_bits, relation.block_rows(m));
        let powers = element_powers(theta, m.cols);
        for (q, out) in f[..m.inner].chunks_mut(slot).enumerate() {
            let place = |(c, &power): (usize, &K)| (row + q * height + c / group, c % group * slot, power);
            let addends: Vec<(usize, usize, K)> = powers.iter().enumerate().map(place).collect();
            matrix.combine(&addends, out);
        }
    }

    fn tables(&self, batching: &Batching, alpha: K, beta: K, steps: &[K]) -> Tables {
        let relation = self.job.relation;
        let looked = || vec![ZERO; relation.lookup_rows];
        let mut t = Tables {
            table_a: looked(),
            table_b: looked(),
            cells: [vec![ZERO; relation.used_rows], vec![ZERO; relation.used_rows]],
            inverses: looked(),
            ..Tables::default()
        };
        let tau = element_powers(batching.tau, relation.lookup_rows);
        for look in &relation.lookups {
            let selected = match look.kind {
                LookupKind::Pair => &mut t.pair,
                LookupKind::Function => &mut t.function,
                LookupKind::Single => &mut t.single,
            };
            let rows = look.start..look.start + look.count;
            selected.resize(selected.len().max(rows.end), ZERO);
            selected[rows.clone()].copy_from_slice(&tau[rows.clone()]);
            t.table_a[rows.clone()].fill(beta.scale(look.table_a));
            t.table_b[rows.clone()].fill(beta.scale(look.table_b));
            t.inverses[rows].fill(batching.eta);
        }
        let square = beta * beta;
        for table in &relation.tables {
            let base = alpha - beta.scale(table.number);
            let mut denominators: Vec<K> = if table.number < 64 {
                (0..table.size() as u64).map(|j| base - K::base(j)).collect()
            } else {
                let key = |&(x, y): &(i64, i64)| base - K::base(from_signed(x)) - square.scale(from_signed(y));
                table.entries.iter().map(key).collect()
            };
            inverses(&mut denominators);
            for (cell, reciprocal) in t.cells[table.column][table.start..].iter_mut().zip(denominators) {
                *cell -= reciprocal * batching.eta;
            }
        }
        for family in &relation.families {
            for term in &family.terms {
                let coefficient = from_signed(term.coefficient);
                match &term.kind {
                    TermKind::Cells { column, rows } => {
                        let cells = &mut t.cells[*column];
                        let weights = |e: usize| steps[family.offset + family.exponent(e)];
                        for (e, row) in (0..family.count).filter_map(|e| rows.at(e).map(|row| (e, row))) {
                            match term.coefficient {
                                1 => cells[row] += weights(e),
                                -1 => cells[row] -= weights(e),
                                _ => cells[row] += weights(e).scale(coefficient),
                            }
                        }
                    }
                    TermKind::Product { start } => {
                        t.product.resize(t.product.len().max(start + family.count), ZERO);
                        for e in 0..family.count {
                            t.product[start + e] += steps[family.offset + family.exponent(e)].scale(coefficient);
                        }
                    }
                    TermKind::Public { .. } | TermKind::Matmul { .. } => {}
                }
            }
        }
        t
    }

    /// Add what products, copies and the input ask of the cells; factors of the weight matrix's columns and rows.
    fn couple(
        &self,
        t: &mut Tables,
        batching: &Batching,
        products: &Products,
        scales: &[K],
        lambdas: &[K; 4],
    ) -> (Vec<K>, Vec<K>) {
        let relation = self.job.relation;
        let (theta, slot) = (batching.theta, 1usize << relation.slot_bits);
        let mut rows = vec![ZERO; relation.weight_rows];
        let columns: Vec<K>;
        if relation.matmuls.is_empty() {
            columns = element_powers(theta, relation.weight_width());
        } else {
            let split = relation.run_bits() as usize;
            let runs = eq_table(&products.folded.point[..split]);
            let slots = eq_table(&products.folded.point[split..]);
            let group = 1usize << relation.group_bits;
            let outputs = element_powers(theta, group);
            columns = outputs.iter().flat_map(|o| slots.iter().map(move |s| *o * *s)).collect();
            let step = theta.pow(group as u64);
            let mut run = 0;
            for (m, &factor) in relation.matmuls.iter().zip(scales) {
                let weights: Vec<K> = (0..m.inner).map(|k| runs[run + k / slot] * slots[k % slot]).collect();
                let ratio = theta.pow(m.stride as u64);
                spread_operand(&m.left, m.rows, m.inner, ratio, lambdas[1], &weights, &mut t.cells[m.left.column]);
                match &m.right {
                    Right::Cells(operand) => {
                        let first = lambdas[0] * factor;
                        spread_operand(operand, m.cols, m.inner, theta, first, &weights, &mut t.cells[operand.column]);
                    }
                    Right::Weights { row } => {
                        let height = relation.block_rows(m);
                        for q in 0..relation.chunks(m) {
                            let mut weight = -(lambdas[0] * factor * runs[run + q]);
                            for out in &mut rows[row + q * height..row + (q + 1) * height] {
                                *out += weight;
                                weight *= step;
                            }
                        }
                    }
                }
                run += relation.chunks(m);
            }
        }
        let mut weight = lambdas[2];
        let width = relation.weight_width();
        for copy in &relation.copies {
            for (k, begin) in (0..copy.count).step_by(width).enumerate() {
                let count = width.min(copy.count - begin);
                let cells = &mut t.cells[copy.column][copy.start + begin..copy.start + begin + count];
                for (cell, column) in cells.iter_mut().zip(&columns) {
                    *cell += *column * weight;
                }
                rows[copy.row + k] += weight;
                weight *= batching.zeta;
            }
        }
        let mut weight = lambdas[3];
        let start = relation.input_start;
        for cell in &mut t.cells[relation.input_column][start..start + relation.input_count] {
            *cell += weight;
            weight *= batching.xi;
        }
        (columns, rows)
    }

    fn constraints(&mut self, tables: Tables, alpha: K, beta: K) -> Folded {
        let relation = self.job.relation;
        let columns = [&self.columns[0][..], &self.columns[1][..]];
        let keys = [alpha, beta * beta];
        let mut rounds = Constraints::new(columns, self.inverses.clone(), tables, keys, relation.log_rows());
        let first = 3 + 2 * relation.product_rounds() as usize;
        let (mut point, mut sent) = (Vec::new(), Vec::new());
        for i in 0..relation.log_rows() as usize {
            let sums = rounds.round();
            let message: Vec<K> = sums.iter().enumerate().map(|(k, &s)| s + self.pads[first + 4 * i + k]).collect();
            self.messages.say(Tag::ConstraintRound, &message);
            let r = self.messages.transcript.challenge();
            rounds.bind(r);
            point.push(r);
            sent.push(message);
        }
        self.messages.say(Tag::ConstraintValues, &rounds.values());
        fold(&sent, point, 4)
    }

    /// Factors of the hidden scalars in the joint claim.
    fn pad_factors(&self, products: &Products, rounds: &Folded, lambdas: &[K; 4], balance: K) -> Vec<K> {
        let relation = self.job.relation;
        let mut pads = vec![ZERO; 3];
        if !relation.matmuls.is_empty() {
            let split = relation.run_bits() as usize;
            let point = &products.folded.point;
            let first = eq_index(&point[split..], 0);
            let run = relation.runs() - 2;
            let masks = [eq_index(&point[..split], run) * first, eq_index(&point[..split], run + 1) * first];
            pads = vec![
                rounds.carry - balance * products.folded.carry,
                -(rounds.carry * lambdas[0] * masks[0]),
                -(rounds.carry * lambdas[1] * masks[1]),
            ];
            pads.extend(products.folded.pads.iter().map(|&pad| balance * pad));
        }
        pads.extend(&rounds.pads);
        pads
    }

    /// The hub's segments, one after another.
    fn segments(&self, factors: &[K], mu: K, row_factors: &[K]) -> Vec<K> {
        let (job, p) = (self.job, self.job.parameters);
        let (width, q, blocks) = (1usize << p.log_width, p.queries, self.blocks);
        let mut flat: Vec<K> = Vec::new();
        if let Some(weights) = job.weights {
            flat.extend(weights.fold(row_factors));
        }
        let begin = flat.len();
        flat.resize(begin + width + q, ZERO);
        let (body, tail) = flat[begin..].split_at_mut(width);
        for (c, scale) in [ONE, mu].into_iter().enumerate() {
            let scaled: Vec<K> = factors[..blocks].iter().map(|&f| f * scale).collect();
            dispatch(FoldRows { rows: &self.columns[c], factors: &scaled, out: body });
            let tails = &self.witness_tails[c * blocks * q..(c + 1) * blocks * q];
            dispatch(FoldRows { rows: tails, factors: &scaled, out: tail });
        }
        let squared: Vec<K> = factors[..self.inverse_blocks].iter().map(|&f| f * mu * mu).collect();
        fold_elements(&self.inverses, &squared, body);
        fold_elements(&self.inverse_tails, &squared, tail);
        flat.extend(&self.pads);
        let tails = &self.witness_tails[2 * blocks * q..];
        flat.extend((0..q).map(|k| K([tails[k], tails[q + k], tails[2 * q + k]])));
        if let Some(input) = job.input {
            flat.extend(input.row.iter().map(|&x| K::base(x)));
        }
        flat
    }

    /// Send the opened columns; what is claimed about them, by segment.
    fn open_columns(&mut self, witness: &Tree, inverses: &Tree) -> Vec<(usize, Base)> {
        let (job, p) = (self.job, self.job.parameters);
        let messages = &mut self.messages;
        messages.grind(p.grinding);
        let mut positions = |count, log| {
            let drawn: Vec<usize> = messages.transcript.positions(count, log);
            drawn
        };
        let at = positions(p.queries, p.log_domain);
        let weights_at = job.weights.map(|_| positions(p.weight_queries, p.weight_log_domain)).unwrap_or_default();
        let input_at = job.input.map(|_| positions(p.input_queries, p.input_log_domain)).unwrap_or_default();
        witness.open(&at, &mut messages.proof);
        inverses.open(&at, &mut messages.proof);
        let mut claims = Vec::new();
        for position in distinct(&at) {
            let base = point(p.log_domain, position);
            claims.push((1, Base::Domain(base)));
            claims.push((2, Base::Domain(base)));
        }
        if let Some(weights) = job.weights {
            weights.open(&weights_at, &mut messages.proof);
            for position in distinct(&weights_at) {
                claims.push((0, Base::Domain(point(p.weight_log_domain, position))));
            }
        }
        if let Some(input) = job.input {
            input.tree.open(&input_at, &mut messages.proof);
            for position in distinct(&input_at) {
                claims.push((3, Base::Domain(point(p.input_log_domain, position))));
            }
            claims.push((3, Base::Outside(input_point(&input.tree.root()))));
        }
        claims
    }
}

/// `eq(point, index)`.
fn eq_index(point: &[K], index: usize) -> K {
    let mut value = ONE;
    for (t, &z) in point.iter().rev().enumerate() {
        value *= if index >> t & 1 == 1 { z } else { ONE - z };
    }
    value
}

/// `out[k] = Σ_r ratio^r * operand[r, k]`.
fn fold_operand(operand: &Operand, rows: usize, inner: usize, ratio: K, cells: &[u64], out: &mut [K]) {
    let powers = element_powers(ratio, rows);
    for (k, value) in out.iter_mut().enumerate() {
        let mut dot = Dot::default();
        for (r, &power) in powers.iter().enumerate() {
            if let Some(row) = operand.at(r, k, inner) {
                dot.add(power, cells[row]);
            }
        }
        *value = dot.value();
    }
}

/// `cells[row of (r, k)] += first * ratio^r * weights[k]`.
fn spread_operand(operand: &Operand, rows: usize, inner: usize, ratio: K, first: K, weights: &[K], cells: &mut [K]) {
    let mut scale = first;
    for r in 0..rows {
        for (k, &weight) in weights.iter().enumerate() {
            if let Some(row) = operand.at(r, k, inner) {
                cells[row] += weight * scale;
            }
        }
        scale *= ratio;
    }
}
