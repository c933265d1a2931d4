//! The Python module `concordat_native`; its types are in `concordat_native.pyi`.

use numpy::{PyArray1, PyArray2, PyArrayLike1, PyArrayLike2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::execute::Executor;
use crate::plan::tier::Tier;
use crate::{keccak, merkle, zk};

/// Bytes of any object with a buffer; copied only when the object is not a `bytes`.
enum Octets<'py> {
    Borrowed(Bound<'py, PyBytes>),
    Copied(Vec<u8>),
}

impl<'py> FromPyObject<'_, 'py> for Octets<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self::Borrowed(bytes.to_owned())),
            Err(_) => Ok(Self::Copied(PyBuffer::<u8>::get(&object)?.to_vec(object.py())?)),
        }
    }
}

impl Octets<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes.as_bytes(),
            Self::Copied(bytes) => bytes,
        }
    }
}

#[pyfunction]
fn keccak256<'py>(py: Python<'py>, data: Octets<'_>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &keccak::keccak256(data.bytes()))
}

#[pyfunction]
fn merkle_levels<'py>(py: Python<'py>, words: Octets<'_>, depth: usize) -> PyResult<Bound<'py, PyList>> {
    let bytes = words.bytes();
    let rows = py.detach(|| merkle::levels(bytes, depth)).map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyList::new(py, rows.iter().map(|row| PyBytes::new(py, row)))
}

/// A program made ready to run; immutable, so that threads may share it.
#[pyclass(frozen, module = "concordat_native")]
struct Program {
    executor: Executor,
}

#[pymethods]
impl Program {
    #[new]
    #[pyo3(signature = (graph_bytes, *, tier = None))]
    fn new(py: Python<'_>, graph_bytes: Octets<'_>, tier: Option<&str>) -> PyResult<Self> {
        let tier = tier.map_or_else(|| Some(Tier::detect()), Tier::up_to);
        let tier = tier.ok_or_else(|| PyValueError::new_err("the tiers are plain, avx2 and avx512"))?;
        let bytes = graph_bytes.bytes();
        let executor =
            py.detach(|| Executor::new(bytes, tier)).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { executor })
    }

    #[getter]
    fn input_elements(&self) -> usize {
        self.executor.input_elements()
    }

    #[getter]
    fn output_elements(&self) -> usize {
        self.executor.output_elements()
    }

    #[getter]
    fn steps(&self) -> Vec<&'static str> {
        self.executor.steps()
    }

    #[pyo3(signature = (inputs, *, threads = None))]
    fn run_outputs<'py>(
        &self,
        py: Python<'py>,
        inputs: PyArrayLike2<'py, i64>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<i64>>> {
        let [rows, width] = [inputs.shape()[0], inputs.shape()[1]];
        self.check_width(width)?;
        let copied;
        let values = match inputs.as_slice() {
            Ok(values) => values,
            Err(_) => {
                copied = inputs.as_array().iter().copied().collect::<Vec<_>>();
                &copied
            }
        };
        let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
        let mut outputs = vec![0; rows * self.executor.output_elements()];
        self.check_range(py.detach(|| self.executor.run(values, &mut outputs, threads)))?;
        PyArray1::from_vec(py, outputs).reshape([rows, self.executor.output_elements()])
    }

    fn run_one<'py>(&self, py: Python<'py>, inputs: PyArrayLike1<'py, i64>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.check_width(inputs.shape()[0])?;
        let copied;
        let values = match inputs.as_slice() {
            Ok(values) => values,
            Err(_) => {
                copied = inputs.as_array().to_vec();
                &copied
            }
        };
        let mut outputs = vec![0; self.executor.output_elements()];
        self.check_range(py.detach(|| self.executor.run(values, &mut outputs, 1)))?;
        Ok(PyArray1::from_vec(py, outputs))
    }

    fn trace<'py>(&self, py: Python<'py>, input_words: Octets<'_>) -> PyResult<Bound<'py, PyBytes>> {
        let words = input_words.bytes();
        if words.len() != self.executor.input_bytes() {
            let wanted = self.executor.input_bytes();
            return Err(PyValueError::new_err(format!("the input words are {wanted} bytes, not {}", words.len())));
        }
        let trace = py.detach(|| self.executor.trace(words));
        Ok(PyBytes::new(py, &trace))
    }
}

impl Program {
    fn check_width(&self, width: usize) -> PyResult<()> {
        let wanted = self.executor.input_elements();
        if width == wanted {
            return Ok(());
        }
        Err(PyValueError::new_err(format!("an input row has {wanted} elements, not {width}")))
    }

    fn check_range(&self, fits: bool) -> PyResult<()> {
        if fits {
            return Ok(());
        }
        let (low, high) = self.executor.input_range();
        Err(PyValueError::new_err(format!("an input is not in [{low}, {high}]")))
    }
}

#[pymodule]
fn concordat_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Program>()?;
    module.add("ZK_PROTOCOL", zk::PROTOCOL)?;
    module.add_class::<zk::python::ZkProver>()?;
    module.add_class::<zk::python::ZkWeights>()?;
    module.add_class::<zk::python::ZkInput>()?;
    module.add_class::<zk::python::ZkVerifier>()?;
    module.add_function(wrap_pyfunction!(zk::python::zk_commit_input, module)?)?;
    module.add_function(wrap_pyfunction!(keccak256, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_levels, module)?)
}
