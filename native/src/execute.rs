//! Execution of a program over rows of inputs: by the plan where there is one, else by the interpreter.

use crate::interpret;
use crate::plan::Plan;
use crate::plan::tier::Tier;
use crate::program::{Program, ProgramError};

/// Nanoseconds of work (as [`Plan::cost`] puts it) below which another thread does not pay.
const WORK_PER_THREAD: usize = 200_000;

/// A program made ready to run.
pub struct Executor {
    program: Program,
    plan: Option<Plan>,
    tier: Tier,
}

impl Executor {
    /// Reads a program file and plans its execution.
    ///
    /// # Errors
    /// If the bytes are no program.
    pub fn new(bytes: &[u8], tier: Tier) -> Result<Self, ProgramError> {
        let program = Program::decode(bytes)?;
        let plan = Plan::new(&program, tier).ok();
        Ok(Self { program, plan, tier })
    }

    /// Kinds of the plan's steps; none if rows are interpreted.
    pub fn steps(&self) -> Vec<&'static str> {
        self.plan.as_ref().map_or_else(Vec::new, Plan::steps)
    }

    /// Elements of one row of inputs.
    pub fn input_elements(&self) -> usize {
        self.program.nodes[0].n
    }

    /// Elements of one row of outputs.
    pub fn output_elements(&self) -> usize {
        self.program.nodes[self.program.output].n
    }

    /// Smallest and greatest value of an input.
    pub fn input_range(&self) -> (i64, i64) {
        self.program.nodes[0].kind.range()
    }

    /// Bytes of the words that hold the input.
    pub fn input_bytes(&self) -> usize {
        self.program.nodes[0].words() * crate::program::WORD
    }

    /// The packed trace: see [`interpret::trace`].
    pub fn trace(&self, input_words: &[u8]) -> Vec<u8> {
        interpret::trace(&self.program, input_words, self.tier)
    }

    /// Outputs of some rows of inputs, on up to so many threads.
    ///
    /// Says whether all inputs were in [`Executor::input_range`]; if not, the outputs are unspecified.
    #[must_use]
    pub fn run(&self, inputs: &[i64], outputs: &mut [i64], threads: usize) -> bool {
        let (width, results) = (self.input_elements(), self.output_elements());
        let rows = inputs.len() / width;
        let cost = self.plan.as_ref().map_or(self.program.trace_words(), Plan::cost);
        let threads = threads.min(rows.saturating_mul(cost) / WORK_PER_THREAD).min(rows).max(1);
        if threads == 1 {
            return self.run_rows(inputs, outputs);
        }
        let share = rows.div_ceil(threads);
        std::thread::scope(|scope| {
            let (own_inputs, inputs) = inputs.split_at(share * width);
            let (own_outputs, outputs) = outputs.split_at_mut(share * results);
            let others = inputs.chunks(share * width).zip(outputs.chunks_mut(share * results));
            let running: Vec<_> =
                others.map(|(inputs, outputs)| scope.spawn(move || self.run_rows(inputs, outputs))).collect();
            let fits = self.run_rows(own_inputs, own_outputs);
            running.into_iter().fold(fits, |fits, thread| thread.join().unwrap_or(false) && fits)
        })
    }

    fn run_rows(&self, inputs: &[i64], outputs: &mut [i64]) -> bool {
        if let Some(plan) = &self.plan {
            return plan.run(inputs, outputs);
        }
        let (width, results) = (self.input_elements(), self.output_elements());
        for (input, output) in inputs.chunks_exact(width).zip(outputs.chunks_exact_mut(results)) {
            interpret::outputs(&self.program, input, output, self.tier);
        }
        let (low, high) = self.input_range();
        inputs.iter().all(|value| (low..=high).contains(value))
    }
}
