"""The float64 oracle: right where a cast by way of float32 is wrong, and strict with what it judges."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from benchmarks.errors import BenchmarkError
from benchmarks.families import Family, make_family
from benchmarks.layouts import even
from benchmarks.oracle import judge, round_to_bfloat16, widen
from hypothesis import given
from hypothesis import strategies as st

STEP = 2.0**-7  # between bfloat16 numbers from 1 to 2


def nearest(value: float) -> float:
    """By exact arithmetic: the nearest of the bfloat16 numbers around a value, the even one of two."""
    bits = int(np.float64(value).astype(ml_dtypes.bfloat16).view(np.uint16))
    around = np.array([bits - 1, bits, bits + 1], np.uint16)
    exact = Fraction(value)
    return min(
        zip(widen(around), around, strict=True), key=lambda pair: (abs(Fraction(float(pair[0])) - exact), pair[1] & 1)
    )[0]


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (1.0, 1.0),
        (1 + STEP / 2, 1.0),
        (1 + 3 * STEP / 2, 1 + 2 * STEP),
        (1 + STEP / 2 + 2**-40, 1 + STEP),
        (1 + 3 * STEP / 2 - 2**-40, 1 + STEP),
        (2 - 2**-30, 2.0),
        (-1 - STEP / 2 - 2**-40, -1 - STEP),
        (0.0, 0.0),
    ],
)
def test_a_value_is_rounded_once(value: float, rounded: float) -> None:
    assert round_to_bfloat16(np.array([value])).tolist() == [rounded]


@given(st.floats(2.0**-100, 2.0**100) | st.floats(-(2.0**100), -(2.0**-100)))
def test_rounding_agrees_with_exact_arithmetic(value: float) -> None:
    assert round_to_bfloat16(np.array([value]))[0] == nearest(value)


def test_a_subnormal_number_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="subnormal"):
        round_to_bfloat16(np.array([1.0, 2.0**-130]))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return make_family(tmp_path_factory.mktemp("models"), even(2, 500), 2)


def right_edit(family: Family, scaling: float) -> np.ndarray:
    base, *finetuned = (weights(folder) for folder in family.folders)
    return round_to_bfloat16(base + scaling * sum(one - base for one in finetuned))


def weights(folder: Path) -> np.ndarray:
    return widen(np.frombuffer((folder / "model.safetensors").read_bytes()[-2000:], np.uint16))


def write(folder: Path, family: Family, values: np.ndarray) -> Path:
    folder.mkdir()
    header = (family.base / "model.safetensors").read_bytes()[:-2000]
    data = values.astype(ml_dtypes.bfloat16).tobytes()
    (folder / "model.safetensors").write_bytes(header + data)
    return folder


def test_the_right_output_has_no_fault(family: Family, tmp_path: Path) -> None:
    output = write(tmp_path / "out", family, right_edit(family, 0.37))
    verdict = judge(output, family.base, list(family.finetuned.values()), 0.37)
    assert (verdict.misrounded, verdict.beyond_ties) == (0, 0)


def test_every_element_that_is_off_by_one_step_is_counted(family: Family, tmp_path: Path) -> None:
    values = right_edit(family, 0.37).astype(ml_dtypes.bfloat16)
    values.view(np.uint16)[:50] += 1
    output = write(tmp_path / "out", family, values)
    verdict = judge(output, family.base, list(family.finetuned.values()), 0.37)
    assert (verdict.misrounded, verdict.beyond_ties) == (0.05, 0.05)


def test_a_tie_that_went_the_other_way_is_told_apart(tmp_path: Path) -> None:
    family = make_family(tmp_path, even(1, 1000), 1)
    (finetuned,) = family.finetuned.values()
    model = finetuned / "model.safetensors"
    base = (family.base / "model.safetensors").read_bytes()
    one_step_up = np.frombuffer(base[-2000:], np.uint16) + np.uint16(1)
    model.write_bytes(base[:-2000] + one_step_up.tobytes())
    verdict = judge(family.base, family.base, [finetuned], 0.5)
    assert 0.4 < verdict.misrounded < 0.6
    assert verdict.beyond_ties == 0


def test_an_output_without_a_tensor_is_refused(family: Family, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    text = json.dumps({"tensors.0.weight": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (output / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0")
    with pytest.raises(BenchmarkError, match=r"tensors\.1\.weight"):
        judge(output, family.base, [], 1.0)
