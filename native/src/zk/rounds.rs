//! Rounds of the sumchecks: sums over half of a table, and tables bound to a challenge.
//!
//! A table may be shorter than its sumcheck's range: what is missing is zero.

use std::thread;

use super::field::{K, ONE, ZERO};
use super::lanes::{Lanes, Many, Sums, Work, dispatch, dispatch_sized};

/// Rows from which a second thread is worth its start.
const WORTH: usize = 1 << 12;
/// Blocks after which sums are reduced.
const FLUSH: usize = 48;

/// Elements of a table from `j` on; zero past its end.
#[inline(always)]
fn at<L: Lanes>(table: &[K], j: usize) -> Many<L> {
    if j + L::COUNT <= table.len() {
        return Many::load(&table[j..]);
    }
    let mut rest = [ZERO; 8];
    if j < table.len() {
        rest[..table.len() - j].copy_from_slice(&table[j..]);
    }
    Many::load(&rest)
}

/// `table[j] + r * (table[j + half] - table[j])`, in place.
pub fn bind(table: &mut Vec<K>, half: usize, r: K) {
    let kept = table.len().min(half);
    dispatch_sized(half, Bind { table, half, r });
    table.truncate(kept);
}

struct Bind<'a> {
    table: &'a mut [K],
    half: usize,
    r: K,
}

impl Work for Bind<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { table, half, r } = self;
        let r = Many::<L>::splat(r).factor();
        let kept = table.len().min(half);
        for j in (0..kept).step_by(L::COUNT) {
            let low = at::<L>(table, j);
            let step = at::<L>(table, j + half).sub(low);
            if step.is_zero() {
                continue;
            }
            let bound = low.add(step.times(&r));
            if j + L::COUNT <= kept {
                bound.store(&mut table[j..]);
            } else {
                let mut rest = [ZERO; 8];
                bound.store(&mut rest);
                table[j..kept].copy_from_slice(&rest[..kept - j]);
            }
        }
    }
}

/// A column of the prime field, bound.
pub fn bind_base(column: &[u64], half: usize, r: K) -> Vec<K> {
    let mut out = vec![ZERO; column.len().min(half)];
    dispatch(BindBase { column, half, r, out: &mut out });
    out
}

struct BindBase<'a> {
    column: &'a [u64],
    half: usize,
    r: K,
    out: &'a mut [K],
}

impl Work for BindBase<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let r = Many::<L>::splat(self.r);
        for (k, out) in self.out.chunks_mut(L::COUNT).enumerate() {
            let j = k * L::COUNT;
            let low = base::<L>(self.column, j);
            let step = base::<L>(self.column, j + self.half).sub(low);
            let bound = Many::lift(low).add(r.scale(step));
            if out.len() == L::COUNT {
                bound.store(out);
            } else {
                let mut rest = [ZERO; 8];
                bound.store(&mut rest);
                out.copy_from_slice(&rest[..out.len()]);
            }
        }
    }
}

#[inline(always)]
fn base<L: Lanes>(column: &[u64], j: usize) -> L {
    if j + L::COUNT <= column.len() {
        return L::load(&column[j..]);
    }
    let mut rest = [0; 8];
    if j < column.len() {
        rest[..column.len() - j].copy_from_slice(&column[j..]);
    }
    L::load(&rest)
}

/// Values at 0 and 2 of `Σ_j x(j) * y(j)`, both affine in the variable that a round binds.
pub fn product_round(x: &[K], y: &[K], half: usize) -> [K; 2] {
    dispatch_sized(half, ProductRound { x, y, half })
}

struct ProductRound<'a> {
    x: &'a [K],
    y: &'a [K],
    half: usize,
}

impl Work for ProductRound<'_> {
    type Output = [K; 2];
    #[inline(always)]
    fn run<L: Lanes>(self) -> [K; 2] {
        let Self { x, y, half } = self;
        let mut totals = [Many::<L>::splat(ZERO); 2];
        let mut j = 0;
        while j < half {
            let mut sums = [Sums::<L>::default(), Sums::default()];
            for _ in 0..FLUSH {
                if j >= half {
                    break;
                }
                let (y0, y1) = (at::<L>(y, j), at::<L>(y, j + half));
                if !(y0.is_zero() && y1.is_zero()) {
                    let (x0, x1) = (at::<L>(x, j), at::<L>(x, j + half));
                    sums[0].add(x0, &y0.factor());
                    sums[1].add(x1.add(x1).sub(x0), &y1.add(y1).sub(y0).factor());
                }
                j += L::COUNT;
            }
            totals = [totals[0].add(sums[0].value()), totals[1].add(sums[1].value())];
        }
        [totals[0].total(), totals[1].total()]
    }
}

/// The public polynomials of the constraint sumcheck; names as in `concordat.zk.verifier.constraints`, the numbers of
/// the tables already times beta.
#[derive(Default)]
#[allow(missing_docs)]
pub struct Tables {
    pub pair: Vec<K>,
    pub function: Vec<K>,
    pub single: Vec<K>,
    pub table_a: Vec<K>,
    pub table_b: Vec<K>,
    pub product: Vec<K>,
    pub cells: [Vec<K>; 2],
    pub inverses: Vec<K>,
}

impl Tables {
    fn all(&mut self) -> [&mut Vec<K>; 9] {
        let [cells_a, cells_b] = &mut self.cells;
        let [pair, function, single] = [&mut self.pair, &mut self.function, &mut self.single];
        let [table_a, table_b] = [&mut self.table_a, &mut self.table_b];
        [pair, function, single, table_a, table_b, &mut self.product, cells_a, cells_b, &mut self.inverses]
    }
}

/// The columns: in the first round elements of the prime field.
enum Columns<'a> {
    Given([&'a [u64]; 2]),
    Bound([Vec<K>; 2]),
}

/// The constraint sumcheck.
pub struct Constraints<'a> {
    columns: Columns<'a>,
    inverses: Vec<K>,
    tables: Tables,
    keys: [K; 2],
    half: usize,
}

impl<'a> Constraints<'a> {
    /// Over rows of both columns and the inverses; `keys` are alpha and the square of beta.
    pub fn new(columns: [&'a [u64]; 2], inverses: Vec<K>, tables: Tables, keys: [K; 2], log_rows: u32) -> Self {
        Self { columns: Columns::Given(columns), inverses, tables, keys, half: 1 << log_rows >> 1 }
    }

    /// Values at 0, 2, 3 and 4 of the next round's polynomial.
    pub fn round(&self) -> [K; 4] {
        let half = self.half;
        if half < 2 * WORTH {
            return self.part(0, half);
        }
        let middle = self.middle();
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(|| self.part(middle, half));
            (self.part(0, middle), other.join().expect("sums do not panic"))
        });
        std::array::from_fn(|k| first[k] + second[k])
    }

    /// Where the work is halved: rows that look up cost four times as much as others.
    fn middle(&self) -> usize {
        let looked = self.inverses.len().min(self.half);
        let all = 3 * looked + self.half;
        let middle = if all / 2 <= 4 * looked { all / 8 } else { all / 2 - 3 * looked };
        middle & !7
    }

    fn part(&self, from: usize, to: usize) -> [K; 4] {
        let part = Part { of: self, from, to };
        dispatch_sized(self.half, part)
    }

    /// Bind the round's variable.
    pub fn bind(&mut self, r: K) {
        let half = self.half;
        let work = |tables: &mut [&mut Vec<K>]| tables.iter_mut().for_each(|table| bind(table, half, r));
        let given = match &self.columns {
            Columns::Given(given) => Some(given.map(|column| column)),
            Columns::Bound(_) => None,
        };
        if let Some(given) = given {
            self.columns = Columns::Bound(given.map(|column| bind_base(column, half, r)));
        }
        let mut tables: Vec<&mut Vec<K>> = self.tables.all().into_iter().collect();
        tables.push(&mut self.inverses);
        if let (Columns::Bound(columns), None) = (&mut self.columns, given) {
            tables.extend(columns.iter_mut());
        }
        if half >= 2 * WORTH {
            tables.sort_by_key(|table| std::cmp::Reverse(table.len()));
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for (k, table) in tables.into_iter().enumerate() {
                if k % 4 == 0 || k % 4 == 3 { first.push(table) } else { second.push(table) }
            }
            thread::scope(|scope| {
                scope.spawn(|| work(&mut second));
                work(&mut first);
            });
        } else {
            work(&mut tables);
        }
        self.half /= 2;
    }

    /// The columns and the inverses at the point, once all variables are bound.
    pub fn values(&self) -> [K; 3] {
        let first = |table: &[K]| table.first().copied().unwrap_or(ZERO);
        let columns = match &self.columns {
            Columns::Given(given) => given.map(|column| column.first().map_or(ZERO, |&x| K::base(x))),
            Columns::Bound(bound) => [first(&bound[0]), first(&bound[1])],
        };
        [columns[0], columns[1], first(&self.inverses)]
    }
}

/// Rows `from..to` of a round.
struct Part<'a> {
    of: &'a Constraints<'a>,
    from: usize,
    to: usize,
}

impl Work for Part<'_> {
    type Output = [K; 4];
    #[inline(always)]
    fn run<L: Lanes>(self) -> [K; 4] {
        match &self.of.columns {
            Columns::Given(given) => self.sums::<L, _, true>(given),
            Columns::Bound(bound) => self.sums::<L, _, false>(bound),
        }
    }
}

/// A column of cells.
trait Column {
    fn at<L: Lanes>(&self, j: usize) -> Many<L>;
}

impl Column for &[u64] {
    #[inline(always)]
    fn at<L: Lanes>(&self, j: usize) -> Many<L> {
        Many::lift(base(self, j))
    }
}

impl Column for Vec<K> {
    #[inline(always)]
    fn at<L: Lanes>(&self, j: usize) -> Many<L> {
        at(self, j)
    }
}

/// A table's two halves at a block of rows.
#[derive(Clone, Copy)]
struct Ends<L: Lanes>(Many<L>, Many<L>);

impl<L: Lanes> Ends<L> {
    #[inline(always)]
    fn of(table: &[K], j: usize, half: usize) -> Self {
        Self(at(table, j), at(table, j + half))
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.0.is_zero() && self.1.is_zero()
    }
    #[inline(always)]
    fn step(&self) -> Many<L> {
        self.1.sub(self.0)
    }
    /// `alpha - these - cells`.
    #[inline(always)]
    fn below(&self, alpha: &Many<L>, cells: &Self) -> Self {
        Self(alpha.sub(self.0).sub(cells.0), alpha.sub(self.1).sub(cells.1))
    }
    /// Values at 0, 2, 3 and 4.
    #[inline(always)]
    fn points(&self) -> [Many<L>; 4] {
        let step = self.step();
        let two = self.1.add(step);
        let three = two.add(step);
        [self.0, two, three, three.add(step)]
    }
}

impl Part<'_> {
    #[inline(always)]
    fn sums<L: Lanes, C: Column, const BASE: bool>(&self, columns: &[C; 2]) -> [K; 4] {
        let (of, half) = (self.of, self.of.half);
        let t = &of.tables;
        let mut totals = [Many::<L>::splat(ZERO); 7];
        let mut j = self.from;
        while j < self.to {
            let (mut quadratic, mut quartic) = ([Sums::default(); 3], [Sums::default(); 4]);
            for _ in 0..FLUSH {
                if j >= self.to {
                    break;
                }
                let a = Ends(columns[0].at(j), columns[0].at(j + half));
                let b = Ends(columns[1].at(j), columns[1].at(j + half));
                square::<L, BASE>(&mut quadratic, &Ends::of(&t.cells[0], j, half), &a);
                square::<L, BASE>(&mut quadratic, &Ends::of(&t.cells[1], j, half), &b);
                let h = Ends::of(&of.inverses, j, half);
                if !h.is_zero() {
                    square::<L, false>(&mut quadratic, &Ends::of(&t.inverses, j, half), &h);
                }
                let product = Ends::of(&t.product, j, half);
                if !product.is_zero() {
                    let (factor, a, b) = (product.points(), a.points(), b.points());
                    for k in 0..4 {
                        quartic[k].add(a[k].mul(b[k]), &factor[k].factor());
                    }
                }
                if j < t.single.len() || j < t.pair.len() || j < t.function.len() {
                    self.lookups(&mut quartic, j, &a, &b, &h);
                }
                j += L::COUNT;
            }
            for k in 0..3 {
                totals[k] = totals[k].add(quadratic[k].value());
            }
            for k in 0..4 {
                totals[3 + k] = totals[3 + k].add(quartic[k].value());
            }
        }
        let mut ends = [ZERO; 7];
        for k in 0..7 {
            ends[k] = totals[k].total();
        }
        let [at0, at1, top, q0, q2, q3, q4] = ends;
        let middle = at1 - at0 - top;
        let value = |x: u64| at0 + middle.scale(x) + top.scale(x * x);
        [at0 + q0, value(2) + q2, value(3) + q3, value(4) + q4]
    }

    #[inline(always)]
    fn lookups<L: Lanes>(&self, sums: &mut [Sums<L>; 4], j: usize, a: &Ends<L>, b: &Ends<L>, h: &Ends<L>) {
        let (of, half) = (self.of, self.of.half);
        let t = &of.tables;
        let (alpha, one) = (Many::<L>::splat(of.keys[0]), Many::<L>::splat(ONE));
        let u = Ends::<L>::of(&t.table_a, j, half).below(&alpha, a);
        let (us, hs) = (u.points(), h.points());
        let (pair, single) = (Ends::<L>::of(&t.pair, j, half), Ends::<L>::of(&t.single, j, half));
        let (paired, alone) = (!pair.is_zero(), !single.is_zero());
        if paired || alone {
            let mut products = hs;
            for k in 0..4 {
                products[k] = hs[k].mul(us[k]);
            }
            if paired {
                let v = Ends::<L>::of(&t.table_b, j, half).below(&alpha, b);
                let (vs, factor) = (v.points(), pair.points());
                for k in 0..4 {
                    let value = products[k].mul(vs[k]).sub(us[k]).sub(vs[k]);
                    sums[k].add(value, &factor[k].factor());
                }
            }
            if alone {
                let factor = single.points();
                for k in 0..4 {
                    sums[k].add(products[k].sub(one), &factor[k].factor());
                }
            }
        }
        let function = Ends::<L>::of(&t.function, j, half);
        if !function.is_zero() {
            let square = Many::<L>::splat(of.keys[1]).factor();
            let w = Ends(u.0.sub(b.0.times(&square)), u.1.sub(b.1.times(&square)));
            let (ws, factor) = (w.points(), function.points());
            for k in 0..4 {
                sums[k].add(hs[k].mul(ws[k]).sub(one), &factor[k].factor());
            }
        }
    }
}

/// Add `factors * cells` at 0 and 1, and the product of the steps.
#[inline(always)]
fn square<L: Lanes, const BASE: bool>(sums: &mut [Sums<L>; 3], factors: &Ends<L>, cells: &Ends<L>) {
    if factors.is_zero() {
        return;
    }
    let steps = (factors.step(), cells.step());
    let pairs = [(factors.0, cells.0), (factors.1, cells.1), steps];
    for k in 0..3 {
        let (factor, cell) = pairs[k];
        if BASE { sums[k].scaled(factor, cell.0[0]) } else { sums[k].add(factor, &cell.factor()) }
    }
}
