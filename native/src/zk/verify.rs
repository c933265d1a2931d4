//! The verifier, written from the text of `concordat.zk.verifier`, which defines the protocol; nothing of the prover is
//! used here. It never trusts a length or a number that it reads.

use super::algebra::{Sumcheck, Sums, combined, eq_index, eq_table, geometric, power_table, total};
use super::field::{Dot, K, ONE, P, ZERO, from_signed, pow, root_of_unity};
use super::hub_check::{Claim, Part, open_hub};
use super::matrix::{Matrix, pack};
use super::proof::{Proof, Refused, encode};
use super::relation::{LookupKind, NOWHERE, Operand, Relation, Right, Rows, TermKind};
use super::soundness;
use super::statement::{Input, Statement, Weights};
use super::transcript::{Tag, Transcript, sha256};

/// Check a proof of a statement about a relation.
///
/// `digest` is the relation's, `weights` are those that everybody has, in the order of the relation's weight matrix.
pub fn verify(
    relation: &Relation,
    digest: &[u8; 32],
    statement: &[u8],
    weights: Option<&[i64]>,
    proof: &[u8],
) -> Result<(), Refused> {
    let said = Statement::read(relation, digest, statement)?;
    soundness::check(relation, &said.parameters)?;
    let packed = match (&said.weights, weights) {
        (Weights::Public(digest), Some(weights)) => Some(public(relation, digest, weights)?),
        (Weights::Public(_), None) | (_, Some(_)) => {
            return Err(Refused("the statement lacks its weights, or has some too many"));
        }
        (_, None) => None,
    };
    let matrix = packed.as_ref().and_then(|p| Matrix::read(p, relation.weight_rows, relation.weight_width()));
    let verifier = Verifier { relation, said: &said, matrix: matrix.as_ref().map(|(matrix, _)| matrix) };
    verifier.run(statement, proof)
}

/// Weights that everybody has, packed, if they are those of the statement.
fn public(relation: &Relation, digest: &[u8; 32], weights: &[i64]) -> Result<Vec<u64>, Refused> {
    let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_be_bytes()).collect();
    if weights.len() != relation.weight_rows * relation.weight_width() || sha256(&[&bytes]) != *digest {
        return Err(Refused("the public weights are not those of the statement"));
    }
    Ok(pack(weights, relation.weight_width()))
}

/// Challenges that batch constraints.
struct Batching {
    theta: K,
    tau: K,
    eta: K,
    zeta: K,
    xi: K,
}

/// Factors in the constraint polynomial at its point.
#[derive(Default)]
struct Coefficients {
    pair: K,
    function: K,
    single: K,
    table_a: K,
    table_b: K,
    product: K,
    cells: [K; 2],
    inverses: K,
}

/// What the product sumcheck leaves.
struct Products {
    left: [K; 2],
    right: [K; 2],
    rows: Vec<K>,
    outputs: Vec<K>,
    slot: Vec<K>,
    masks: [K; 2],
}

/// Values of `eq` at all rows, of which two factors are kept.
struct Point {
    high: Vec<K>,
    low: Vec<K>,
}

impl Point {
    fn new(point: &[K]) -> Self {
        let (high, low) = point.split_at(point.len() / 2);
        Self { high: eq_table(high), low: eq_table(low) }
    }

    fn eq(&self, row: usize) -> K {
        self.high[row / self.low.len()] * self.low[row % self.low.len()]
    }
}

struct Verifier<'a> {
    relation: &'a Relation,
    said: &'a Statement,
    matrix: Option<&'a Matrix<'a>>,
}

impl Verifier<'_> {
    fn run(&self, statement: &[u8], proof: &[u8]) -> Result<(), Refused> {
        let (relation, p) = (self.relation, &self.said.parameters);
        let mut reader = Proof::new(proof)?;
        let mut transcript = Transcript::default();
        // 1. commitments
        transcript.absorb(Tag::Statement, statement);
        let witness_root = reader.digest()?;
        transcript.absorb(Tag::Witness, &witness_root);
        let [alpha, beta] = transcript.challenges();
        let inverse_root = reader.digest()?;
        transcript.absorb(Tag::Inverses, &inverse_root);
        let [theta, tau, eta, zeta, xi] = transcript.challenges();
        let batching = Batching { theta, tau, eta, zeta, xi };
        // 2. product sumcheck, which begins with the padded sum of all products
        let multiplies = !relation.matmuls.is_empty();
        let begun = if multiplies { reader.elements(1)? } else { vec![ZERO] };
        transcript.absorb(Tag::ProductClaim, &encode(&begun));
        let products =
            Sumcheck::read(&mut reader, &mut transcript, Tag::ProductRound, relation.product_rounds() as usize, 2)?;
        let shown = if multiplies { reader.elements(2)? } else { vec![ZERO; 2] };
        transcript.absorb(Tag::ProductValues, &encode(&shown));
        let lambdas: [K; 4] = transcript.challenges();
        // 3. constraint sumcheck
        let rounds =
            Sumcheck::read(&mut reader, &mut transcript, Tag::ConstraintRound, relation.log_rows() as usize, 4)?;
        let values = reader.elements(3)?;
        transcript.absorb(Tag::ConstraintValues, &encode(&values));
        let [mu, balance] = transcript.challenges();
        let point = Point::new(&rounds.point);
        let claims = self.products(&batching, &products, &point);
        let mut coefficients = self.coefficients([alpha, beta], &batching, &rounds.point, &point)?;
        let row_factors = self.couple(&mut coefficients, &claims, &batching, &lambdas, &rounds.point, &point)?;
        let reached = value(&coefficients, [alpha, beta], &values);
        let (mut linear, pads) = self.join(
            &batching,
            &products,
            [begun[0], shown[0], shown[1]],
            &lambdas,
            &claims,
            &rounds,
            balance,
            &row_factors,
        )?;
        linear += reached;
        // 4. hub
        let hub_root = reader.digest()?;
        transcript.absorb(Tag::Hub, &hub_root);
        // 5. columns
        let split = (relation.log_rows() - p.log_width) as usize;
        let roots = [&witness_root, &inverse_root];
        let opened = self.columns(&mut reader, &mut transcript, roots, &rounds.point[..split], mu, &row_factors)?;
        // 6. linear opening
        let (offsets, _) = p.offsets(relation);
        let mut joint = vec![Part::Explicit { offset: offsets[2], factors: pads }];
        if matches!(self.said.weights, Weights::Committed(_)) {
            let factors = claims.outputs.iter().flat_map(|&o| claims.slot.iter().map(move |&s| o * s * rounds.carry));
            joint.push(Part::Explicit { offset: 0, factors: factors.collect() });
        }
        if matches!(self.said.input, Input::Committed { .. }) {
            let factors = power_table(xi, relation.input_count, rounds.carry * lambdas[3]);
            joint.push(Part::Explicit { offset: offsets[3], factors });
        }
        let folded = Part::Explicit { offset: offsets[1], factors: eq_table(&rounds.point[split..]) };
        let mut all = vec![
            Claim { parts: joint, value: linear },
            Claim { parts: vec![folded], value: values[0] + mu * values[1] + mu * mu * values[2] },
        ];
        all.extend(opened);
        open_hub(&mut reader, &mut transcript, relation, p, &hub_root, &all)?;
        reader.end()
    }

    // -- what the sumchecks leave -------------------------------------------------------------------------------------

    fn products(&self, batching: &Batching, sumcheck: &Sumcheck, point: &Point) -> Products {
        let relation = self.relation;
        let zero = [ZERO; 2];
        let group = 1usize << relation.group_bits;
        let mut out = Products {
            left: zero,
            right: zero,
            rows: vec![ZERO; relation.weight_rows],
            outputs: power_table(batching.theta, group, ONE),
            slot: Vec::new(),
            masks: zero,
        };
        if relation.matmuls.is_empty() {
            // the columns are weighted by powers alone
            out.outputs = power_table(batching.theta.pow(1 << relation.slot_bits), group, ONE);
            out.slot = power_table(batching.theta, 1 << relation.slot_bits, ONE);
            return out;
        }
        let (run_point, slot_point) = sumcheck.point.split_at(relation.run_bits() as usize);
        out.slot = eq_table(slot_point);
        let scales = self.scales(batching.theta);
        let step = batching.theta.pow(group as u64);
        let mut run = 0;
        for (m, &scale) in relation.matmuls.iter().zip(&scales) {
            let chunks = relation.chunks(m);
            let runs: Vec<K> = (run..run + chunks).map(|r| eq_index(run_point, r)).collect();
            let inner: Vec<K> =
                (0..m.inner).map(|k| runs[k >> relation.slot_bits] * out.slot[k % out.slot.len()]).collect();
            let ratio = batching.theta.pow(m.stride as u64);
            out.left[m.left.column] += operand(&m.left, m.rows, &inner, ratio, point);
            match &m.right {
                Right::Cells(cells) => {
                    out.right[cells.column] += scale * operand(cells, m.cols, &inner, batching.theta, point);
                }
                Right::Weights { row } => {
                    let height = relation.block_rows(m);
                    for (q, &at) in runs.iter().enumerate() {
                        let mut weight = scale * at;
                        for factor in &mut out.rows[row + q * height..row + (q + 1) * height] {
                            *factor += weight;
                            weight *= step;
                        }
                    }
                }
            }
            run += chunks;
        }
        let first = eq_index(slot_point, 0);
        out.masks = [0, 1].map(|k| eq_index(run_point, relation.runs() - 2 + k) * first);
        out
    }

    fn scales(&self, theta: K) -> Vec<K> {
        let mut scales = vec![ZERO; self.relation.matmuls.len()];
        for family in &self.relation.families {
            for term in &family.terms {
                if let TermKind::Matmul { number } = term.kind {
                    scales[number] += theta.pow(family.offset as u64).scale(from_signed(term.coefficient));
                }
            }
        }
        scales
    }

    fn coefficients(
        &self,
        keys: [K; 2],
        batching: &Batching,
        at: &[K],
        point: &Point,
    ) -> Result<Coefficients, Refused> {
        let relation = self.relation;
        let mut out = Coefficients::default();
        let (ones, taus) = (Sums::new(at, ONE)?, Sums::new(at, batching.tau)?);
        for look in &relation.lookups {
            let end = look.start + look.count;
            let selected = ones.between(look.start, end);
            out.table_a += selected.scale(look.table_a);
            out.table_b += selected.scale(look.table_b);
            out.inverses += batching.eta * selected;
            let weighted = taus.between(look.start, end);
            match look.kind {
                LookupKind::Pair => out.pair += weighted,
                LookupKind::Function => out.function += weighted,
                LookupKind::Single => out.single += weighted,
            }
        }
        for table in &relation.tables {
            let base = keys[0] - keys[1].scale(table.number);
            let square = keys[1] * keys[1];
            let mut denominators: Vec<K> = if table.number < 64 {
                (0..table.size() as u64).map(|j| base - K::base(j)).collect()
            } else {
                let entry = |&(x, y): &(i64, i64)| base - K::base(from_signed(x)) - square.scale(from_signed(y));
                table.entries.iter().map(entry).collect()
            };
            if denominators.contains(&ZERO) {
                return Err(Refused("a denominator of the proof is zero"));
            }
            super::field::batch_inverse(&mut denominators);
            let reached = denominators.iter().enumerate().map(|(j, &d)| d * point.eq(table.start + j));
            out.cells[table.column] -= batching.eta * total(reached);
        }
        let thetas = Sums::new(at, batching.theta)?;
        for family in &relation.families {
            let weight = batching.theta.pow(family.offset as u64);
            for term in &family.terms {
                let shape = (family.count, family.cols, family.stride);
                let (sum, target) = match &term.kind {
                    TermKind::Cells { column, rows: Rows::Run(start) } => {
                        (runs(&thetas, batching.theta, *start, shape), &mut out.cells[*column])
                    }
                    TermKind::Cells { column, rows: Rows::List(list) } => {
                        (scattered(list, batching.theta, shape, point), &mut out.cells[*column])
                    }
                    TermKind::Product { start } => (runs(&thetas, batching.theta, *start, shape), &mut out.product),
                    TermKind::Public { .. } | TermKind::Matmul { .. } => continue,
                };
                *target += weight * sum.scale(from_signed(term.coefficient));
            }
        }
        Ok(out)
    }

    /// Add what products, copies and the input ask of the cells; factors of the weight matrix's rows.
    fn couple(
        &self,
        out: &mut Coefficients,
        claims: &Products,
        batching: &Batching,
        lambdas: &[K; 4],
        at: &[K],
        point: &Point,
    ) -> Result<Vec<K>, Refused> {
        let relation = self.relation;
        for column in 0..2 {
            out.cells[column] += lambdas[0] * claims.right[column] + lambdas[1] * claims.left[column];
        }
        let mut rows: Vec<K> = claims.rows.iter().map(|&row| -(lambdas[0] * row)).collect();
        let mut weight = lambdas[2];
        for copy in &relation.copies {
            for (k, begin) in (0..copy.count).step_by(relation.weight_width()).enumerate() {
                let count = relation.weight_width().min(copy.count - begin);
                let columns = (0..count).map(|c| {
                    let factor = claims.outputs[c / claims.slot.len()] * claims.slot[c % claims.slot.len()];
                    factor * point.eq(copy.start + begin + c)
                });
                out.cells[copy.column] += weight * total(columns);
                rows[copy.row + k] += weight;
                weight *= batching.zeta;
            }
        }
        let run = Sums::new(at, batching.xi)?.run(relation.input_start, relation.input_count);
        out.cells[relation.input_column] += lambdas[3] * run;
        Ok(rows)
    }

    /// The one linear claim: what hidden parts have to give, less the constraint polynomial, and the pads' factors.
    #[allow(clippy::too_many_arguments)]
    fn join(
        &self,
        batching: &Batching,
        products: &Sumcheck,
        [begun, right, left]: [K; 3],
        lambdas: &[K; 4],
        claims: &Products,
        rounds: &Sumcheck,
        balance: K,
        row_factors: &[K],
    ) -> Result<(K, Vec<K>), Refused> {
        let relation = self.relation;
        let mut first = lambdas[0] * right + lambdas[1] * left - begun - self.constants(batching.theta);
        if let Some(matrix) = self.matrix {
            let addends: Vec<(usize, usize, K)> = row_factors.iter().enumerate().map(|(r, &f)| (r, 0, f)).collect();
            let mut sums = vec![ZERO; relation.weight_width()];
            matrix.combine(&addends, &mut sums);
            let slots = sums.chunks_exact(claims.slot.len());
            first += total(slots.zip(&claims.outputs).map(|(sums, &o)| o * combined(sums, &claims.slot)));
        }
        if let Input::Public(numbers) = &self.said.input {
            let mut dot = Dot::default();
            for (power, &x) in power_table(batching.xi, numbers.len(), ONE).iter().zip(numbers) {
                dot.add(*power, from_signed(x));
            }
            first += lambdas[3] * dot.value();
        }
        let mut constant = rounds.constant + rounds.carry * first;
        let mut pads = vec![ZERO; 3];
        if !relation.matmuls.is_empty() {
            pads[0] = rounds.carry - balance * products.carry;
            pads[1] = -(rounds.carry * lambdas[0] * claims.masks[0]);
            pads[2] = -(rounds.carry * lambdas[1] * claims.masks[1]);
            pads.extend(products.pads.iter().map(|&pad| balance * pad));
            constant += balance * (products.constant + products.carry * begun - right * left);
        }
        pads.extend_from_slice(&rounds.pads);
        Ok((-constant, pads))
    }

    /// What public numbers and constants add to the batched constraint.
    fn constants(&self, theta: K) -> K {
        let mut result = ZERO;
        for family in &self.relation.families {
            let mut inner = ZERO;
            if family.constant != 0 {
                let rows = geometric(theta.pow(family.stride as u64), family.count / family.cols);
                inner += (rows * geometric(theta, family.cols)).scale(from_signed(family.constant));
            }
            for term in &family.terms {
                if let TermKind::Public { vector, start } = term.kind {
                    let numbers = &self.said.publics[vector][start..start + family.count];
                    let (row, mut at) = (theta.pow((family.stride - family.cols) as u64), ONE);
                    let mut dot = Dot::default();
                    for (e, &number) in numbers.iter().enumerate() {
                        dot.add(at, from_signed(number));
                        at *= theta;
                        if (e + 1) % family.cols == 0 {
                            at *= row;
                        }
                    }
                    inner += dot.value().scale(from_signed(term.coefficient));
                }
            }
            result += theta.pow(family.offset as u64) * inner;
        }
        result
    }

    // -- columns ------------------------------------------------------------------------------------------------------

    fn columns(
        &self,
        reader: &mut Proof<'_>,
        transcript: &mut Transcript,
        [witness_root, inverse_root]: [&[u8; 32]; 2],
        row_point: &[K],
        mu: K,
        row_factors: &[K],
    ) -> Result<Vec<Claim>, Refused> {
        let (relation, p) = (self.relation, &self.said.parameters);
        reader.work(transcript, p.grinding)?;
        let at = transcript.positions(p.queries, p.log_domain);
        let (mut weights_at, mut input_at) = (Vec::new(), Vec::new());
        if p.weight_tail > 0 {
            weights_at = transcript.positions(p.weight_queries, p.weight_log_domain);
        }
        if p.input_log_domain > 0 {
            input_at = transcript.positions(p.input_queries, p.input_log_domain);
        }
        let (blocks, inverse_blocks) = (p.blocks(relation), p.inverse_blocks(relation));
        let cells = reader.columns(witness_root, &at, p.log_domain, 2 * blocks + 3)?;
        let inverses = reader.columns(inverse_root, &at, p.log_domain, 3 * inverse_blocks)?;
        let ((offsets, _), lengths) = (p.offsets(relation), p.segments(relation));
        let factors = eq_table(row_point);
        let power = |segment: usize, log_domain: u32, position: usize| Part::Powers {
            offset: offsets[segment],
            count: lengths[segment],
            base: pow(root_of_unity(log_domain), position as u64),
        };
        let mut claims = Vec::new();
        for (&position, column) in &cells {
            let h = &inverses[&position];
            let mut sum = ZERO;
            for (k, &factor) in factors.iter().enumerate() {
                let mut part = ZERO;
                if k < blocks {
                    part += K::base(column[k]) + mu.scale(column[blocks + k]);
                }
                if k < inverse_blocks {
                    part += mu * mu * K([h[3 * k], h[3 * k + 1], h[3 * k + 2]]);
                }
                sum += factor * part;
            }
            claims.push(Claim { parts: vec![power(1, p.log_domain, position)], value: sum });
            let hidden = K([column[2 * blocks], column[2 * blocks + 1], column[2 * blocks + 2]]);
            claims.push(Claim { parts: vec![power(2, p.log_domain, position)], value: hidden });
        }
        if let Weights::Committed(root) = &self.said.weights {
            let opened = reader.columns(root, &weights_at, p.weight_log_domain, relation.weight_rows)?;
            for (position, column) in opened {
                let mut dot = Dot::default();
                for (&factor, n) in row_factors.iter().zip(column) {
                    dot.add(factor, n);
                }
                claims.push(Claim { parts: vec![power(0, p.weight_log_domain, position)], value: dot.value() });
            }
        }
        if let Input::Committed { root, outside } = &self.said.input {
            for (position, column) in reader.columns(root, &input_at, p.input_log_domain, 1)? {
                let value = K::base(column[0]);
                claims.push(Claim { parts: vec![power(3, p.input_log_domain, position)], value });
            }
            let factors = power_table(input_point(root), lengths[3], ONE);
            claims.push(Claim { parts: vec![Part::Explicit { offset: offsets[3], factors }], value: *outside });
        }
        Ok(claims)
    }
}

/// The constraint polynomial for the revealed values of the columns and the inverses.
fn value(c: &Coefficients, [alpha, beta]: [K; 2], values: &[K]) -> K {
    let (a, b, h) = (values[0], values[1], values[2]);
    let u = alpha - beta * c.table_a - a;
    let v = alpha - beta * c.table_b - b;
    let w = u - beta * beta * b;
    let looked = c.pair * (h * u * v - u - v) + c.function * (h * w - ONE) + c.single * (h * u - ONE);
    looked + c.product * a * b + c.cells[0] * a + c.cells[1] * b + c.inverses * h
}

/// The point outside the domain at which a committed input's polynomial is fixed.
fn input_point(root: &[u8; 32]) -> K {
    let digest = sha256(&[b"concordat input point", root]);
    let word = |i: usize| u64::from_be_bytes(digest[8 * i..8 * i + 8].try_into().expect("eight bytes")) % P;
    K([word(0), word(1), if word(2) == 0 { 1 } else { word(2) }])
}

/// `Σ_r ratio^r Σ_k inner[k] * eq(row of (r, k))`.
fn operand(operand: &Operand, count: usize, inner: &[K], ratio: K, point: &Point) -> K {
    let (mut result, mut weight) = (ZERO, ONE);
    for r in 0..count {
        let mut row = ZERO;
        for (k, &factor) in inner.iter().enumerate() {
            let cell = match &operand.list {
                None => operand.start + r * operand.row + k,
                Some(list) if list[r * inner.len() + k] == NOWHERE => continue,
                Some(list) => list[r * inner.len() + k] as usize,
            };
            row += factor * point.eq(cell);
        }
        result += weight * row;
        weight *= ratio;
    }
    result
}

/// `Σ_e theta^exponent(e) * eq(start + e)`.
fn runs(sums: &Sums, theta: K, start: usize, (count, cols, stride): (usize, usize, usize)) -> K {
    if cols == stride {
        return sums.run(start, count);
    }
    let (step, mut weight, mut result) = (theta.pow(stride as u64), ONE, ZERO);
    for first in (0..count).step_by(cols) {
        result += weight * sums.run(start + first, cols);
        weight *= step;
    }
    result
}

/// The same over listed rows.
fn scattered(list: &[u32], theta: K, (_, cols, stride): (usize, usize, usize), point: &Point) -> K {
    let (step, mut weight, mut result) = (theta.pow((stride - cols) as u64), ONE, ZERO);
    for (e, &row) in list.iter().enumerate() {
        if row != NOWHERE {
            result += weight * point.eq(row as usize);
        }
        weight *= theta;
        if (e + 1) % cols == 0 {
            weight *= step;
        }
    }
    result
}
