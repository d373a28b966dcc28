"""What the demo found becomes a result with the error of every accuracy, in tables and in curves."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("transformers")

from demo.publishing import publish
from demo.result import Findings, Merge, TaskFacts
from demo.scaling import Search

NAMES = ("first", "second")
CURVE = {0.25: 0.8, 0.5: 0.5}


def findings() -> Findings:
    accuracies = dict.fromkeys(NAMES, 0.5)
    merge = Merge("base + 0.25*(first + second)", Search(0.25, CURVE), accuracies)
    facts = {name: TaskFacts(name, 2, 100, 200, 300) for name in NAMES}
    compression = {
        "num_atoms": 1, "bytes": 4, "relative_error": 0.1, "optimal_error": 0.1, "sum_error": 0.0,
        "original_bytes": 8, "certificate": {},
    }  # fmt: skip
    similarity = {"names": list(NAMES), "cosine": [[1.0, 0.2], [0.2, 1.0]]}
    return Findings(
        facts, accuracies, accuracies, accuracies, merge, merge, similarity, compression, 0.0, {"seed": 0}, {}
    )


def test_the_curve_of_scalings_has_the_sampling_error_of_all_validation_pictures() -> None:
    (curves,) = publish(findings(), [], []).curves
    (line, _) = curves.series
    assert line.spread == pytest.approx([(0.8 * 0.2 / 400) ** 0.5, (0.5 * 0.5 / 400) ** 0.5])
    assert line.n == 400
    assert "binomial" in curves.spread


def test_an_accuracy_has_the_sampling_error_of_its_test_pictures() -> None:
    table = publish(findings(), [], []).tables[0]
    cell = table.rows[0][1]
    assert (cell.value, cell.n) == (0.5, 300)
    assert cell.spread == pytest.approx((0.25 / 300) ** 0.5)
