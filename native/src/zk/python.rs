//! The prover in the Python module.

use std::sync::Mutex;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::commitments::{verify_registration, verify_rotation};
use super::matrix::{Matrix, pack};
use super::prove::{Input, Job, commit_input, prove};
use super::relation::{Malformed, Parameters, Relation};
use super::transcript::sha256;
use super::verify::verify;
use super::weights::{Weights, commit, short};

fn refuse(error: Malformed) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A committed weight matrix: its words, in memory or mapped from a file.
#[pyclass(frozen, module = "concordat_native")]
pub struct ZkWeights {
    words: Py<PyArray1<u64>>,
    root: [u8; 32],
}

#[pymethods]
impl ZkWeights {
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.root)
    }

    #[getter]
    fn words(&self, py: Python<'_>) -> Py<PyArray1<u64>> {
        self.words.clone_ref(py)
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

/// Commit an input.
#[pyfunction]
pub fn zk_commit_input(
    py: Python<'_>,
    parameters: &[u8],
    values: PyReadonlyArray1<'_, i64>,
    seed: &[u8],
) -> PyResult<ZkInput> {
    let parameters = Parameters::decode(parameters).map_err(refuse)?;
    let values = values.as_slice()?;
    py.detach(|| commit_input(&parameters, values, seed)).map(ZkInput).map_err(refuse)
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
        let values = weights.as_slice()?;
        let words = py.detach(|| commit(&self.relation, &self.parameters, values, seed)).map_err(refuse)?;
        self.view(PyArray1::from_vec(py, words))
    }

    fn open_weights(&self, words: Bound<'_, PyArray1<u64>>) -> PyResult<ZkWeights> {
        let py = words.py();
        let small = short(&self.relation, words.try_readonly()?.as_slice()?);
        match small {
            None => self.view(words),
            Some((values, seed)) => {
                let made = py.detach(|| commit(&self.relation, &self.parameters, &values, &seed)).map_err(refuse)?;
                self.view(PyArray1::from_vec(py, made))
            }
        }
    }

    #[pyo3(signature = (statement, a, b, *, seed, weights = None, plain = None, taken = None, progress = None))]
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
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let raised = Mutex::new(None);
        let tell = |phase: &'static str, share: f64| {
            let Some(callable) = &progress else { return true };
            let told = Python::attach(|py| callable.call1(py, (phase, share)).map(drop));
            let going = told.is_ok();
            if let (Err(error), Ok(mut raised)) = (told, raised.lock()) {
                *raised = Some(error);
            }
            going
        };
        let columns = [a.as_slice()?, b.as_slice()?];
        let words = weights.map(|w| w.words.bind(py).try_readonly()).transpose()?;
        let words = words.as_ref().map(|words| words.as_slice()).transpose()?;
        let weights = words.map(|words| Weights::read(&self.relation, &self.parameters, words));
        let weights = weights.transpose().map_err(refuse)?;
        let packed = plain.map(|array| self.packed(array.as_slice()?)).transpose()?;
        let plain = packed.as_ref().and_then(|words| self.matrix(words));
        let job = Job {
            relation: &self.relation,
            parameters: &self.parameters,
            statement,
            columns,
            weights: weights.as_ref(),
            plain: plain.as_ref(),
            input: taken.map(|t| &t.0),
            seed,
            progress: &tell,
        };
        let proof = py.detach(|| prove(&job));
        if let Ok(Some(error)) = raised.into_inner() {
            return Err(error);
        }
        let proof = proof.map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }
}

/// A relation whose proofs are checked, decoded once.
#[pyclass(frozen, module = "concordat_native")]
pub struct ZkVerifier {
    relation: Relation,
    digest: [u8; 32],
}

#[pymethods]
impl ZkVerifier {
    #[new]
    fn new(relation: &[u8]) -> PyResult<Self> {
        Ok(Self { relation: Relation::decode(relation).map_err(refuse)?, digest: sha256(&[relation]) })
    }

    /// ``None`` for a good proof, else why it is not.
    #[pyo3(signature = (statement, proof, weights = None))]
    fn refusal(
        &self,
        py: Python<'_>,
        statement: &[u8],
        proof: &[u8],
        weights: Option<PyReadonlyArray1<'_, i64>>,
    ) -> PyResult<Option<&'static str>> {
        let weights = weights.as_ref().map(|array| array.as_slice()).transpose()?;
        let verified = py.detach(|| verify(&self.relation, &self.digest, statement, weights, proof));
        Ok(verified.err().map(|refused| refused.0))
    }

    /// ``None`` for a good registration of the weights behind a root, else why it is not.
    fn registration_refusal(
        &self,
        py: Python<'_>,
        parameters: &[u8],
        root: &[u8],
        proof: &[u8],
    ) -> Option<&'static str> {
        let verified = py.detach(|| verify_registration(&self.relation, &self.digest, parameters, root, proof));
        verified.err().map(|refused| refused.0)
    }

    /// ``None`` for a good rotation, whose statement begins its transcript, else why it is not.
    fn rotation_refusal(&self, py: Python<'_>, statement: &[u8], proof: &[u8]) -> Option<&'static str> {
        let verified = py.detach(|| verify_rotation(&self.relation, &self.digest, statement, proof));
        verified.err().map(|refused| refused.0)
    }

    /// Numbers of the changed proofs that are accepted: proof `i` has its byte `positions[i]` combined with `masks[i]`.
    #[pyo3(signature = (statement, proof, positions, masks, weights = None))]
    fn survivors(
        &self,
        py: Python<'_>,
        statement: &[u8],
        proof: &[u8],
        positions: PyReadonlyArray1<'_, i64>,
        masks: &[u8],
        weights: Option<PyReadonlyArray1<'_, i64>>,
    ) -> PyResult<Vec<usize>> {
        let weights = weights.as_ref().map(|array| array.as_slice()).transpose()?;
        let positions = positions.as_slice()?;
        Ok(py.detach(|| {
            let mut mutant = proof.to_vec();
            let mut accepted = Vec::new();
            for (number, (&at, &mask)) in positions.iter().zip(masks).enumerate() {
                let Some(byte) = usize::try_from(at).ok().filter(|&at| at < mutant.len()) else { continue };
                mutant[byte] ^= mask;
                if verify(&self.relation, &self.digest, statement, weights, &mutant).is_ok() {
                    accepted.push(number);
                }
                mutant[byte] ^= mask;
            }
            accepted
        }))
    }
}

impl ZkProver {
    fn view(&self, words: Bound<'_, PyArray1<u64>>) -> PyResult<ZkWeights> {
        let view = words.try_readonly()?;
        let root = Weights::read(&self.relation, &self.parameters, view.as_slice()?).map_err(refuse)?.root();
        drop(view);
        Ok(ZkWeights { words: words.unbind(), root })
    }

    fn packed(&self, values: &[i64]) -> PyResult<Vec<u64>> {
        let width = self.relation.weight_width();
        if values.len() != self.relation.weight_rows * width {
            return Err(refuse(Malformed("the weights do not fit the relation")));
        }
        Ok(pack(values, width))
    }

    fn matrix<'a>(&self, words: &'a [u64]) -> Option<Matrix<'a>> {
        Matrix::read(words, self.relation.weight_rows, self.relation.weight_width()).map(|(matrix, _)| matrix)
    }
}
