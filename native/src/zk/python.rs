//! The prover in the Python module.

use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::prove::{Input, Job, Weights, commit_input, commit_weights, prove};
use super::relation::{Malformed, Parameters, Relation};

fn refuse(error: Malformed) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A committed weight matrix.
#[pyclass(frozen, module = "concordat_native")]
pub struct ZkWeights(Weights);

#[pymethods]
impl ZkWeights {
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tree.root())
    }
}

/// A committed input.
#[pyclass(frozen, module = "concordat_native")]
pub struct ZkInput(Input);

#[pymethods]
impl ZkInput {
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tree.root())
    }

    #[getter]
    fn outside(&self) -> (u64, u64, u64) {
        let [c0, c1, c2] = self.0.outside.0;
        (c0, c1, c2)
    }
}

/// A relation with its parameters, decoded once.
#[pyclass(frozen, module = "concordat_native")]
pub struct ZkProver {
    relation: Relation,
    parameters: Parameters,
}

#[pymethods]
impl ZkProver {
    #[new]
    fn new(relation: &[u8], parameters: &[u8]) -> PyResult<Self> {
        let relation = Relation::decode(relation).map_err(refuse)?;
        Ok(Self { relation, parameters: Parameters::decode(parameters).map_err(refuse)? })
    }

    fn commit_weights(&self, py: Python<'_>, weights: PyReadonlyArray1<'_, i64>, seed: &[u8]) -> PyResult<ZkWeights> {
        let small = weights.as_slice()?.to_vec();
        let made = py.detach(|| commit_weights(&self.relation, &self.parameters, small, seed));
        made.map(ZkWeights).map_err(refuse)
    }

    fn commit_input(&self, py: Python<'_>, values: PyReadonlyArray1<'_, i64>, seed: &[u8]) -> PyResult<ZkInput> {
        let values = values.as_slice()?;
        Ok(ZkInput(py.detach(|| commit_input(&self.parameters, values, seed))))
    }

    #[pyo3(signature = (statement, a, b, *, seed, weights = None, plain = None, taken = None))]
    #[allow(clippy::too_many_arguments)]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        statement: &[u8],
        a: PyReadonlyArray1<'py, u64>,
        b: PyReadonlyArray1<'py, u64>,
        seed: &[u8],
        weights: Option<&ZkWeights>,
        plain: Option<PyReadonlyArray1<'py, i64>>,
        taken: Option<&ZkInput>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let columns = [a.as_slice()?, b.as_slice()?];
        let plain = plain.as_ref().map(|array| array.as_slice()).transpose()?;
        let job = Job {
            relation: &self.relation,
            parameters: &self.parameters,
            statement,
            columns,
            weights: weights.map(|w| &w.0),
            plain,
            input: taken.map(|t| &t.0),
            seed,
        };
        let proof = py.detach(|| prove(&job)).map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }
}
