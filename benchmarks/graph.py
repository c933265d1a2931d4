"""The integer graph against onnxruntime: time on the same rows in the same run, and how faithful the integers are.

For each model the two take turns, so that whatever else the machine does hits both; figures are medians over the turns.
``ratio`` is our time over onnxruntime's: below 1 we are faster. Both start from rows in memory (integers in grid steps
for us, floats for onnxruntime) and give back an array. onnxruntime has one intra-op thread and we have one; the columns
``all threads`` leave both to their defaults. Fidelity is judged by onnxruntime on rows that were not calibrated with.
A batch has a thousand rows, and a dozen where one row takes tens of milliseconds.

    python benchmarks/graph.py            a table
    python benchmarks/graph.py --json     one object
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from _pictures import pictures
from concordat.graph.elements import pack_elements
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import import_onnx
from concordat.primitives.native import rust
from concordat.testing.sequences import recurrent, transformer

TURNS = 15
"""Times that each of the two has its turn."""
TURN_SECONDS = 0.02
"""About how long a turn of single rows takes."""
BATCH = 1_000
"""Rows of a batch."""
HEAVY_TURNS = 5
"""The same for a network that takes a dozen rows at a time."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model to be measured."""

    name: str
    """What it is."""
    onnx: bytes = field(repr=False)
    """The file."""
    calibration: Floats = field(repr=False)
    """Rows that the importer sees."""
    rows: Floats = field(repr=False)
    """Rows that are run."""
    threshold: float | None = None
    """Of the decision, if there is one."""
    bits: Literal[8, 16, "auto"] = "auto"
    """Width of the dense weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    model: str
    """What it is."""
    weight_bits: int
    """Width of the dense weights."""
    single_us: float
    """One row, our executor, microseconds."""
    single_onnxruntime_us: float
    """One row, onnxruntime, microseconds."""
    ratio_single: float
    """Ours over theirs."""
    batch_rows: int
    """Rows of a batch."""
    batch_ms: float
    """A batch, our executor, milliseconds."""
    batch_onnxruntime_ms: float
    """A batch, onnxruntime, milliseconds."""
    ratio_batch: float
    """Ours over theirs."""
    ratio_batch_all_threads: float
    """The same with both left to their default number of threads."""
    ratio_batch1000: float | None
    """`ratio_batch`, if the batch has a thousand rows."""
    ratio_batch1000_all_threads: float | None
    """`ratio_batch_all_threads`, if the batch has a thousand rows."""
    load_ms: float
    """Reading and planning the program, milliseconds."""
    trace_us: float
    """One whole trace, microseconds."""
    agreement: float
    """Share of rows with onnxruntime's decision."""
    near_agreement: float
    """The same among the rows nearest the threshold."""
    greatest_error: float
    """Greatest error of a score, as a share of the scores' span."""
    mean_error: float
    """Mean error of the worst score, as a share of the span."""


# -- the models ------------------------------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """Trained classifiers on a table of 30 columns, then larger networks with random weights."""
    table, classes = make_classification(
        n_samples=8_000, n_features=30, n_informative=14, n_redundant=6, flip_y=0.05, class_sep=0.8, random_state=0
    )
    table = np.round(table, 3).astype(np.float32)
    half = len(table) // 2
    trained = {
        "decision tree, depth 8": DecisionTreeClassifier(max_depth=8, random_state=0),
        "random forest, 100 trees of depth 8": RandomForestClassifier(n_estimators=100, max_depth=8, random_state=0),
        "gradient boosting, 100 trees of depth 3": GradientBoostingClassifier(max_depth=3, random_state=0),
        "network 30-64-64-1": make_pipeline(StandardScaler(), MLPClassifier((64, 64), max_iter=60, random_state=0)),
    }
    for name, model in trained.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(table[:half], classes[:half])
        exported = to_onnx(model, table[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
        yield Case(
            name=name,
            onnx=exported.SerializeToString(),
            calibration=table[:half],
            rows=table[half : half + BATCH],
            threshold=0.5,
        )
    for widths in ([784, 128, 10], [784, 784, 512, 10]):
        yield random_network(widths)
    yield from sequences()
    for found in pictures():
        yield Case(name=found.name, onnx=found.onnx, calibration=found.calibration, rows=found.rows, bits=found.bits)


def sequences() -> Iterator[Case]:
    """A transformer over tokens and an LSTM over numbers, both with random weights."""
    random = np.random.default_rng(8)
    words = random.integers(0, 1_000, size=(2 * BATCH, 32))
    numbers = random.uniform(-2, 2, size=(2 * BATCH, 32 * 16)).round(3).astype(np.float32)
    networks: dict[str, tuple[bytes, Any]] = {
        "transformer, 2 layers, 32 × 64, 4 heads": (
            transformer(length=32, width=64, heads=4, hidden=256, layers=2, classes=10, tokens=1_000),
            words,
        ),
        "LSTM, 32 steps of 16, 64 states": (recurrent("LSTM", length=32, width=16, hidden=64, classes=10), numbers),
    }
    for name, (data, rows) in networks.items():
        yield Case(name=name, onnx=data, calibration=rows[BATCH:], rows=rows[:BATCH])


def random_network(widths: list[int]) -> Case:
    """Dense layers with rectifiers; grey levels in, one number per class out."""
    random = np.random.default_rng(sum(widths))
    nodes, constants, at = [], [], "pixels"
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        weights = random.normal(size=(inputs, outputs), scale=np.sqrt(2 / inputs)).astype(np.float32)
        bias = random.normal(size=outputs, scale=0.1).astype(np.float32)
        constants += [numpy_helper.from_array(weights, f"w{layer}"), numpy_helper.from_array(bias, f"b{layer}")]
        last = layer == len(widths) - 2
        nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], ["scores" if last else f"sums{layer}"]))
        if not last:
            at = f"active{layer}"
            nodes.append(helper.make_node("Relu", [f"sums{layer}"], [at]))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [None, widths[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, widths[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    pixels = (random.integers(0, 256, size=(2 * BATCH, widths[0])) / 250).round(3).astype(np.float32)
    name = "network " + "-".join(map(str, widths))
    return Case(name=name, onnx=model.SerializeToString(), calibration=pixels[BATCH:], rows=pixels[:BATCH])


# -- measuring -------------------------------------------------------------------------------------------------------


def session(model: bytes, threads: int) -> Callable[[Floats], Any]:
    """onnxruntime as a function of rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    running = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    value = running.get_inputs()[0]
    kind = {"tensor(int32)": np.int32}.get(value.type)
    if len(value.shape) > 2 and all(isinstance(size, int) for size in value.shape[1:]):
        return lambda rows: running.run(None, {value.name: rows.reshape(-1, *value.shape[1:])})
    return lambda rows: running.run(None, {value.name: rows if kind is None else rows.astype(kind)})


def take_turns(ours: Callable[[], Any], theirs: Callable[[], Any], turns: int) -> tuple[float, float, float]:
    """Median seconds of each, and median ratio."""
    for work in (ours, theirs):
        work()
    started = time.perf_counter()
    theirs()
    repeat = max(int(TURN_SECONDS / max(time.perf_counter() - started, 1e-7)), 1)
    taken = [(seconds(ours, repeat), seconds(theirs, repeat)) for _ in range(turns)]
    own, other = zip(*taken, strict=True)
    return statistics.median(own), statistics.median(other), statistics.median(a / b for a, b in taken)


def seconds(work: Callable[[], Any], repeat: int) -> float:
    """Mean seconds of a few calls."""
    started = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - started) / repeat


def measure(case: Case) -> Figures:
    """Import a model, compare it, and time it."""
    if rust is None:
        raise SystemExit("The native twins are not built: run `make setup` with cargo installed.")
    model = import_onnx(case.onnx, calibration=case.calibration, bits=case.bits)
    report = fidelity(model, case.onnx, case.rows, threshold=case.threshold)
    data = model.graph.to_bytes()
    started = time.perf_counter()
    program = rust.Program(data)
    load = time.perf_counter() - started
    count = len(case.rows)
    turns = TURNS if count == BATCH else HEAVY_TURNS
    grid = np.ascontiguousarray(model.schema.encode(case.rows.reshape(count, -1)), dtype=np.int64)
    first, floats = grid[0].copy(), case.rows[:1]
    single = session(case.onnx, 1)
    own_one, other_one, ratio_one = take_turns(lambda: program.run_one(first), lambda: single(floats), turns)
    own, other, ratio = take_turns(lambda: program.run_outputs(grid, threads=1), lambda: single(case.rows), turns)
    free = session(case.onnx, 0)
    _, _, ratio_free = take_turns(lambda: program.run_outputs(grid), lambda: free(case.rows), turns)
    words = pack_elements(first, model.graph.nodes[0].out_type)
    program.trace(words)
    return Figures(
        model=case.name,
        weight_bits=model.weight_bits,
        single_us=own_one * 1e6,
        single_onnxruntime_us=other_one * 1e6,
        ratio_single=ratio_one,
        batch_ms=own * 1e3,
        batch_onnxruntime_ms=other * 1e3,
        batch_rows=count,
        ratio_batch=ratio,
        ratio_batch_all_threads=ratio_free,
        ratio_batch1000=ratio if count == BATCH else None,
        ratio_batch1000_all_threads=ratio_free if count == BATCH else None,
        load_ms=load * 1e3,
        trace_us=seconds(lambda: program.trace(words), 20 if count == BATCH else 3) * 1e6,
        agreement=report.agreement,
        near_agreement=report.near_agreement,
        greatest_error=report.error,
        mean_error=max(score.mean for score in report.scores) / report.span,
    )


# -- the report ------------------------------------------------------------------------------------------------------


def table(figures: list[Figures]) -> str:
    """Figures for people."""
    lines = [
        f"{'':44} {'one row, µs':>24}  {'batch, ms':>30}  {'all threads':>11}  {'same decision':>19}  {'error':>8}",
        f"{'model':44} {'ours':>8} {'ort':>8} {'ratio':>6}  {'rows':>5} {'ours':>8} {'ort':>8} {'ratio':>6}"
        f"  {'ratio':>11}"
        f"  {'all':>9} {'nearest':>9}  {'greatest':>8}",
    ]
    for f in figures:
        lines.append(
            f"{f.model:44} {f.single_us:8.1f} {f.single_onnxruntime_us:8.1f} {f.ratio_single:6.2f}"
            f"  {f.batch_rows:5} {f.batch_ms:8.2f} {f.batch_onnxruntime_ms:8.2f} {f.ratio_batch:6.2f}"
            f"  {f.ratio_batch_all_threads:11.2f}"
            f"  {f.agreement:9.2%} {f.near_agreement:9.2%}  {f.greatest_error:8.1e}"
        )
    return "\n".join(lines)


def report(figures: list[Figures]) -> dict[str, Any]:
    """Figures for programs."""
    return {
        "onnxruntime": onnxruntime.__version__,
        "rows": BATCH,
        "turns": TURNS,
        "models": [asdict(found) for found in figures],
        "worst_ratio_single": max(found.ratio_single for found in figures),
        "worst_ratio_batch1000": max(found.ratio_batch1000 for found in figures if found.ratio_batch1000),
        "worst_agreement": min(found.agreement for found in figures),
    }


def main() -> None:
    """Measure all models and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    figures = [measure(case) for case in cases()]
    print(json.dumps(report(figures), indent=2) if wanted.json else table(figures))


if __name__ == "__main__":
    main()
