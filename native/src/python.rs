//! The Python module `concordat_native`; its types are in `concordat_native.pyi`.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::{keccak, merkle};

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

#[pymodule]
fn concordat_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(keccak256, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_levels, module)?)
}
