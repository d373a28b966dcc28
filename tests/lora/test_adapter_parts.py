"""What adapters are made of, part by part and by value: rules, targets, layouts, costs and errors."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taskvec.adapters import truncating
from taskvec.adapters.extraction import extract_lora, lora_rule
from taskvec.adapters.peft_folder import PeftLayout, peft_config
from taskvec.adapters.result import LoraMatrix, LoraResult
from taskvec.adapters.targets import Targets, has_transposed_layers, is_embedding, is_layer, left_out
from taskvec.adapters.truncating import TruncateKernel, recompressed
from taskvec.adapters.whole_tensors import WholeTensors
from taskvec.bases.factored_atoms import FactorKernel
from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.checkpoints.derived import derived
from taskvec.checkpoints.table import TensorSource
from taskvec.errors import DecompositionError, MemoryLimitError
from taskvec.linalg.subspaces.precise import WIDENED_BYTES
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.truncation import Truncated
from taskvec.streaming import AlignedTensor, Located, RunOptions, plan, plan_pass
from taskvec.streaming.events import BytesDone, PassStarted
from taskvec.streaming.memory import one_run
from taskvec.streaming.plan import SLACK_BYTES
from taskvec.testing.checkpoints import raw_bits, save_folder, tensor_info
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Difference, LowRank, Source

MIB = 1 << 20
TENSOR_BYTES = 1024
"""Planned for the objects of one tensor, whatever its size."""


def info(name: str, *shape: int, dtype: type = np.float32) -> TensorInfo:
    return tensor_info(name, np.empty(shape, dtype))


def model(*infos: TensorInfo, tied: dict[str, str] | None = None) -> Any:
    return SimpleNamespace(tensors={one.name: one for one in infos}, tied=tied or {}, ref="base")


@pytest.mark.parametrize(
    ("rank", "max_error", "rule"),
    [
        (4, None, RankRule(rank=4)),
        (None, 0.6, RankRule(energy=1 - 0.36)),
        (None, 1e-7, RankRule(energy=1 - 1e-14)),
    ],
)
def test_a_rule_is_a_rank_or_what_an_error_leaves(rank: int | None, max_error: float | None, rule: RankRule) -> None:
    assert lora_rule(rank, max_error) == rule


@pytest.mark.parametrize(
    ("rank", "max_error", "said"),
    [
        (None, None, "give --rank R or --max-error E, one of them"),
        (4, 0.1, "one of them"),
        (None, 1.0, "an error of 1 is out of range"),
        (None, 0.9e-7, "is out of range"),
        (None, -0.1, "is out of range"),
    ],
)
def test_a_rule_is_one_of_both_and_in_range(rank: int | None, max_error: float | None, said: str) -> None:
    with pytest.raises(DecompositionError, match=said):
        lora_rule(rank, max_error)


LAYERS = [info("q.weight", 4, 3), info("conv.weight", 4, 3, 2, 2), info("half.weight", 2, 2, dtype=np.float16)]
NO_LAYERS = [
    info("norm.weight", 4),
    info("conv1d.weight", 4, 3, 2),
    info("q.bias", 4, 4),
    info("ids.weight", 4, 3, dtype=np.int64),
    info("none.weight", 0, 3),
    info("scale.weight"),
]


def test_layers_are_matrices_and_convolutions_of_images() -> None:
    assert all(map(is_layer, LAYERS))
    assert not any(map(is_layer, NO_LAYERS))
    assert Targets().of(model(*LAYERS, *NO_LAYERS)) == LAYERS
    assert left_out(model(*LAYERS, *NO_LAYERS), LAYERS[:2]) == [
        "half.weight",
        "norm.weight",
        "conv1d.weight",
        "q.bias",
        "scale.weight",
    ]


def test_targets_are_what_patterns_say_and_embeddings_only_if_named() -> None:
    base = model(info("embed_tokens.weight", 4, 3), *LAYERS, info("head.weight", 4, 3), tied={"other": "head.weight"})

    def of(**patterns: tuple[str, ...]) -> list[str]:
        return [one.name for one in Targets(**patterns).of(base)]

    assert of() == ["q.weight", "conv.weight", "half.weight"]
    assert of(include=("*.weight",)) == ["embed_tokens.weight", "q.weight", "conv.weight", "half.weight"]
    assert of(include=("q*", "h*"), exclude=("*half*",)) == ["q.weight"]
    with pytest.raises(DecompositionError, match=r"pattern 'z\*' matches no tensor of base"):
        of(exclude=("z*",))
    with pytest.raises(DecompositionError, match="holds no weights of layers"):
        of(exclude=("q*", "c*", "half*"))


def test_embeddings_by_name() -> None:
    names = ("wte", "model.embed_tokens", "shared", "x.word_embeddings", "q_proj", "unshared", "wtex")
    assert [is_embedding(name) for name in names] == [True, True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("infos", "is_transposed"),
    [
        ([], False),
        ([info("q.weight", 4, 3), info("q.bias", 4)], False),
        ([info("q.weight", 4, 3), info("q.bias", 3)], True),
        ([info("q.weight", 4, 3), info("q.bias", 7)], False),
        ([info("p.weight", 3, 3), info("p.bias", 3), info("q.weight", 4, 3), info("q.bias", 3)], True),
        ([info("p.weight", 4, 3), info("q.weight", 4, 3), info("q.bias", 3)], True),
        ([info("c.weight", 4, 3, 1, 1), info("c.bias", 3), info("q.weight", 4, 3), info("q.bias", 4)], False),
        ([info("q.weight", 4, 3), info("q.bias", 4), info("r.weight", 4, 3), info("r.bias", 3)], False),
    ],
)
def test_a_bias_says_which_side_is_the_output(infos: list[TensorInfo], is_transposed: bool) -> None:
    assert has_transposed_layers(model(*infos).tensors) is is_transposed


@pytest.mark.parametrize("is_transposed", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
def test_factors_multiply_to_the_change(is_transposed: bool, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    columns = int(np.prod(shape[1:]))
    found = Truncated(rng.standard_normal((4, 2)), rng.standard_normal((2, columns)), 1.0, 0.0)
    factors = PeftLayout(is_transposed).factors(info("m.q.weight", *shape), found)
    down, up = (factors[f"base_model.model.m.q.lora_{which}.weight"] for which in "AB")
    change = up.reshape(len(up), 2) @ down.reshape(2, -1)
    turned = is_transposed and len(shape) == 2
    np.testing.assert_allclose(change.T if turned else change, found.left @ found.right, rtol=1e-5)
    assert down.shape == ((2, 4) if turned else (2, *shape[1:]))
    assert up.shape == ((3, 2) if turned else (4, 2, *(1,) * (len(shape) - 2)))


def test_an_embeddings_factors_are_turned() -> None:
    found = Truncated(np.ones((4, 2)), np.full((2, 3), 2.0), 1.0, 0.0)
    factors = PeftLayout(True).factors(info("embed_tokens.weight", 4, 3), found)
    assert {name.rpartition(".")[2]: array.shape for name, array in factors.items()} == {
        "lora_embedding_A": (2, 4),
        "lora_embedding_B": (3, 2),
    }


def test_a_configuration_has_scales_of_one() -> None:
    config = peft_config("org/base", {"a.weight": 4, "m.b.weight": 2, "c.weight": 4}, PeftLayout(True))
    version = config.pop("taskvec_version")
    assert version
    pattern = next(iter(config["rank_pattern"]))
    assert re.fullmatch(rf"(.*\.)?({pattern})", "m.b")
    assert config == {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": "org/base",
        "r": 4,
        "lora_alpha": 4,
        "rank_pattern": {pattern: 2},
        "alpha_pattern": {pattern: 2},
        "target_modules": ["a", "m.b", "c"],
        "modules_to_save": None,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": True,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "inference_mode": True,
    }
    assert peft_config("b", {}, PeftLayout(False), WholeTensors({}, ("norm",), True))["modules_to_save"] == ["norm"]
    assert peft_config("b", {}, PeftLayout(False), WholeTensors({}, ("norm",), True))["bias"] == "all"


def test_errors_are_roots_of_shares() -> None:
    matrices = (LoraMatrix("a", 1, 9.0, 4.0), LoraMatrix("b", 2, 7.0, 0.0), LoraMatrix("c", 0, 0.0, 0.0))
    assert [matrix.error for matrix in matrices] == [pytest.approx(2 / 3), 0, 0]
    result = LoraResult(Path("x"), (), matrices, {"norm": 2.0, "bias": 7.0}, 0, 0)
    assert result.truncation_error == pytest.approx((4 / 16) ** 0.5)
    assert result.relative_error == pytest.approx(((4 + 9) / (16 + 9)) ** 0.5)
    nothing = LoraResult(Path("x"), (), matrices[2:], {}, 0, 0)
    assert (nothing.truncation_error, nothing.relative_error) == (0, 0)
    assert "certificate" not in nothing.to_json()
    assert LoraResult(Path("x"), (), (), {}, 0, 0, certificate={"a": 1}).to_json()["certificate"] == {"a": 1}


@dataclass(frozen=True)
class Held(TensorSource):
    """A tensor in memory."""

    array: np.ndarray

    def read_into(self, offset: int, out: memoryview) -> None:
        out[:] = raw_bits(self.array).tobytes()[offset : offset + len(out)]


def held(name: str, array: np.ndarray) -> Checkpoint:
    return derived("held", {tensor_info(name, array): Held(array)}, ())


def aligned(name: str, *arrays: np.ndarray) -> AlignedTensor:
    base, *sources = (Located(held(name, array), tensor_info(name, array)) for array in arrays)
    return AlignedTensor(name, arrays[0].shape, base, tuple(sources))


def truncating_by(rule: RankRule, *terms: tuple[Any, float], **files: Path) -> TruncateKernel:
    return TruncateKernel(terms, rule, PeftLayout(False), "cpu", files)


def test_whole_changes_are_weighted_and_added_up(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base, one, two = rng.standard_normal((3, 6, 5)).astype(np.float32)
    source = Source("w", held("w", base))
    kernel = truncating_by(
        RankRule(rank=5), (Difference(source), 2.0), (Dense(source), -0.5), w=tmp_path / "w.safetensors"
    )
    ((rank, energy, lost),) = kernel.whole(aligned("w", base, one, two), (), 1)
    wanted = 2 * (one - base) - 0.5 * two
    down, up = (open_checkpoint(kernel.files["w"]).read(f"base_model.model.w.lora_{which}.weight") for which in "AB")
    np.testing.assert_allclose(up @ down, wanted, atol=1e-5)
    assert (rank, energy) == (5, pytest.approx((wanted.astype(np.float64) ** 2).sum(), rel=1e-5))
    assert lost == pytest.approx(0, abs=1e-4)


def test_what_has_no_factors_is_nothing_of_the_tensors_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LowRank, "products", lambda *_: ())
    zeros = np.zeros((4, 3, 2), np.float32)
    form = LowRank(Source("w", held("w", zeros)))
    found = recompressed(aligned("w", zeros, zeros), [form], [1.0], RankRule(rank=2))
    assert (found.left.shape, found.right.shape, found.energy, found.lost) == ((4, 0), (0, 6), 0, 0)


def planned(*shapes: tuple[int, int], rank: int | None = 2, **options: Any) -> Any:
    tensors = [aligned(f"w{i}", *np.zeros((2, *shape), np.float32)) for i, shape in enumerate(shapes)]
    form = SimpleNamespace(is_centered=True)
    rule = RankRule(rank=rank) if rank else RankRule(energy=0.9)
    limits = RunOptions(**{"memory": 8 << 30, "workers": 1, **options})
    with one_run(0):
        return plan_pass("cut", tensors, truncating_by(rule, (form, 1.0)), limits)


def test_matrices_are_read_and_their_factors_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "available_bytes", lambda: 8 << 30)
    assert planned((60, 40), (10, 20)).read_bytes == 2 * 4 * (60 * 40 + 10 * 20)
    assert planned((60, 40), (10, 20)).written_bytes == 4 * 2 * (60 + 40 + 10 + 20)
    assert planned((60, 40), rank=None).written_bytes == 0
    assert planned((60, 40)).forgets is False


def test_a_matrix_takes_its_base_itself_three_times_its_factors_and_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncating, "search_bytes", lambda shape, rank: 1_000_000 * shape[0] + rank)
    kernel = truncating_by(RankRule(rank=2), (SimpleNamespace(is_centered=True), 1.0))
    base, single, factors, search = 4 * 2400, 3 * 4 * 2400, 3 * 8 * 100 * 2, 60_000_002
    alone = base + single + factors + search + 3 * WIDENED_BYTES
    assert kernel.unit_bytes(aligned("w", *np.zeros((2, 60, 40), np.float32))) == alone
    one = planned((60, 40)).projected_bytes
    assert one - SLACK_BYTES == alone + TENSOR_BYTES
    both = planned((60, 40), (10, 20), (50, 20), workers=2).projected_bytes
    second = 4 * 4 * 1000 + 3 * 8 * 70 * 2 + 50_000_002 + 3 * WIDENED_BYTES
    assert both - one == second + 2 * TENSOR_BYTES


def test_as_many_matrices_are_worked_on_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncating, "search_bytes", lambda *_: 40 * MIB)
    shapes = ((60, 40), (60, 40), (60, 40))
    alone, two = (planned(*shapes, workers=workers).projected_bytes for workers in (1, 2))
    assert planned(*shapes, workers=8).workers == 3
    assert planned(*shapes, workers=8, memory=two).workers == 2
    assert planned(*shapes, workers=8, memory=two - 1).workers == 1
    assert planned(*shapes, workers=8, memory=alone).projected_bytes == alone
    least = -(-(alone + 8 * MIB) // MIB)
    said = rf"tensor w0 \[60, 40\] and its factors; the least that would do is {least}MiB: .* with --exclude"
    with pytest.raises(MemoryLimitError, match=said):
        planned(*shapes, memory=alone - 1)


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> LowRank:
    """A vector that has a product of rank 3 and one of rank 4 in every tensor."""
    products = (SimpleNamespace(rank=3), SimpleNamespace(rank=4))
    monkeypatch.setattr(LowRank, "products", lambda *_: products)
    return LowRank(SimpleNamespace(identity="x"))  # type: ignore[arg-type]


def kernels_of_factors(form: LowRank, atoms: int) -> tuple[TruncateKernel, FactorKernel]:
    encoders = {"w": np.ones((1, atoms))}
    return truncating_by(RankRule(rank=2), (form, 1.0)), FactorKernel((form,), encoders, {"w": 2}, DType.F32)


@pytest.mark.parametrize("which", [0, 1])
def test_factors_alone_are_read_and_held(which: int, form: LowRank) -> None:
    kernel = kernels_of_factors(form, atoms=1)[which]
    tensor = aligned("w", *np.zeros((2, 60, 40), np.float32))
    held_bytes = 5 * 8 * 100 * 7 + 4 * 8 * 7**2
    assert kernel.read_bytes(tensor, tensor.num_params) == 4 * 7 * 100
    assert kernel.written_bytes(tensor, tensor.num_params, 0) == 4 * 2 * 100
    assert kernel.unit_bytes(tensor) == held_bytes
    with one_run(0):
        found = plan_pass("cut", [tensor], kernel, RunOptions(memory=8 << 30, workers=1))
    assert found.projected_bytes - SLACK_BYTES == held_bytes + TENSOR_BYTES


def test_factors_are_read_and_written_once_for_every_atom(form: LowRank) -> None:
    tensor = aligned("w", *np.zeros((2, 60, 40), np.float32))
    found = plan_pass("cut", [tensor], kernels_of_factors(form, atoms=3)[1], RunOptions(memory=8 << 30))
    assert found.read_bytes == 3 * 4 * 7 * 100
    assert found.written_bytes == 3 * 4 * 2 * 100


def test_an_extraction_says_what_it_reads_and_how_long_it_took(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = {"q.weight": rng.standard_normal((6, 5)).astype(np.float32), "norm.weight": np.ones(3, np.float32)}
    tuned = {name: array + 1 for name, array in base.items()}
    events: list[Any] = []
    started = time.perf_counter()
    result = extract_lora(
        save_folder(tmp_path / "base", base),
        save_folder(tmp_path / "tuned", tuned),
        tmp_path / "out",
        rank=1,
        options=RunOptions(listener=events.append, workers=1),
    )
    taken = time.perf_counter() - started
    label = "cut 1 matrices to rank 1"
    own = [event for event in events if event.label == label]
    assert own[:2] == [PassStarted(label, 2 * 4 * 30), BytesDone(label, 2 * 4 * 30)]
    assert 0 < own[2].seconds <= taken
    assert result.left_out == pytest.approx({"norm.weight": 3.0})
    assert result.matrices[0].energy == pytest.approx(30, rel=1e-5)
