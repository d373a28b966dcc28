"""Rows of embeddings and heads follow their tokens, whatever their numbers were."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import tokenizers

from example_edits import edit_of_checkpoints
from taskvec import TaskvecError, TaskVector
from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.vocabulary import AlignedVocabularies, align_vocabularies
from taskvec.testing.checkpoints import Array, save_folder

BASE = ["<unk>", "the", "cat", "sat"]
MATH = ["<unk>", "sat", "the", "plus"]  # another order, without cat, with plus
CODE = [*BASE, "plus", "def"]
WIDTH = 3
ROWS = {"base": 6, "math": 4, "code": 8}  # two rows of padding, none, two
TOKENS = {"base": BASE, "math": MATH, "code": CODE}


def save_tokenizer(folder: Path, tokens: list[str]) -> None:
    model = tokenizers.models.WordLevel({token: row for row, token in enumerate(tokens)}, unk_token="<unk>")  # noqa: S106
    tokenizers.Tokenizer(model).save(str(folder / "tokenizer.json"))


def arrays(name: str) -> dict[str, Array]:
    rng = np.random.default_rng(len(name) + ROWS[name])
    return {
        "model.embed_tokens.weight": rng.standard_normal((ROWS[name], WIDTH), np.float32),
        "model.layers.0.weight": rng.standard_normal((ROWS[name] * 0 + 4, 4), np.float32),
        "lm_head.weight": rng.standard_normal((ROWS[name], WIDTH)).astype(ml_dtypes.bfloat16),
    }


ARRAYS = {name: arrays(name) for name in TOKENS}


@pytest.fixture
def refs(tmp_path: Path) -> dict[str, Path]:
    for name, tokens in TOKENS.items():
        folder = save_folder(tmp_path / name, ARRAYS[name], config={"vocab_size": ROWS[name]})
        save_tokenizer(folder, tokens)
    return {name: tmp_path / name for name in TOKENS}


def aligned(refs: dict[str, Path], source: str) -> AlignedVocabularies:
    opened = {name: open_checkpoint(ref) for name, ref in refs.items()}
    return align_vocabularies(opened.pop("base"), opened, source)


def row(model: str, token: str, tensor: str = "model.embed_tokens.weight") -> Array:
    return ARRAYS[model][tensor][TOKENS[model].index(token)].astype(np.float32)


def test_base_keeps_its_tokens_and_the_others_follow(refs: dict[str, Path]) -> None:
    found = aligned(refs, "base")
    base, math = found.base.read("model.embed_tokens.weight"), found.models["math"].read("model.embed_tokens.weight")
    assert np.array_equal(base, ARRAYS["base"]["model.embed_tokens.weight"])
    for token in ("<unk>", "the", "sat"):
        assert np.array_equal(math[BASE.index(token)], row("math", token))
    assert np.array_equal(math[BASE.index("cat")], row("base", "cat"))
    assert np.array_equal(math[4:], base[4:])
    head = found.models["math"].read("lm_head.weight").view(ml_dtypes.bfloat16)
    assert np.array_equal(head[1].astype(np.float32), row("math", "the", "lm_head.weight"))
    assert np.array_equal(found.models["math"].read("model.layers.0.weight"), ARRAYS["math"]["model.layers.0.weight"])


def test_union_has_every_token_once(refs: dict[str, Path]) -> None:
    found = aligned(refs, "union")
    tokens = [*BASE, "plus", "def"]
    base = found.base.read("model.embed_tokens.weight")
    assert base.shape == (6, WIDTH)
    assert np.array_equal(base[:4], ARRAYS["base"]["model.embed_tokens.weight"][:4])
    np.testing.assert_allclose(base[4], (row("math", "plus") + row("code", "plus")) / 2, rtol=1e-6)
    assert np.array_equal(base[5], row("code", "def"))
    math, code = (found.models[name].read("model.embed_tokens.weight") for name in ("math", "code"))
    assert np.array_equal(math[4], row("math", "plus"))
    assert np.array_equal(math[5], base[5]), "what a model lacks, it changes nothing about"
    assert np.array_equal(code[4], row("code", "plus"))
    grown = tokenizers.Tokenizer.from_str(found.base.overlays[Path("tokenizer.json")].decode())
    assert [grown.id_to_token(number) for number in range(6)] == tokens


def test_a_models_tokens(refs: dict[str, Path]) -> None:
    found = aligned(refs, "math")
    base = found.base.read("model.embed_tokens.weight")
    assert [list(map(float, r)) for r in base] == [
        list(map(float, r)) for r in (row("base", "<unk>"), row("base", "sat"), row("base", "the"), base[3])
    ]
    np.testing.assert_allclose(base[3], (row("math", "plus") + row("code", "plus")) / 2, rtol=1e-6)
    assert np.array_equal(
        found.models["math"].read("model.embed_tokens.weight"), ARRAYS["math"]["model.embed_tokens.weight"]
    )


@pytest.mark.parametrize("start", range(0, 18, 5))
def test_any_piece_has_the_bits_of_the_whole(refs: dict[str, Path], start: int) -> None:
    view = aligned(refs, "union").models["math"]
    whole = view.read("model.embed_tokens.weight").reshape(-1)
    piece = np.empty(whole.size - start, np.float32)
    view.read_into("model.embed_tokens.weight", start, piece)
    assert piece.tobytes() == whole[start:].tobytes()


def test_the_report_says_what_moved(refs: dict[str, Path]) -> None:
    report = aligned(refs, "union").report.to_json()
    assert (report["tokens"], report["rows"], report["added"]) == (6, 6, ["plus", "def"])
    assert report["tensors"] == ["model.embed_tokens.weight", "lm_head.weight"]
    assert report["models"]["math"] == {"kept": 1, "moved": 3, "left_out": 0, "lacking": 2, "padding": 0}
    assert report["models"]["code"] == {"kept": 6, "moved": 0, "left_out": 0, "lacking": 0, "padding": 2}


def test_rows_are_rounded_up_where_the_base_rounds_them(refs: dict[str, Path], tmp_path: Path) -> None:
    wide = {**ARRAYS["base"], "model.embed_tokens.weight": np.zeros((64, WIDTH), np.float32)}
    wide["lm_head.weight"] = np.zeros((64, WIDTH), ml_dtypes.bfloat16)
    many = [f"t{n}" for n in range(70)]
    folder = save_folder(tmp_path / "wide", wide)
    save_tokenizer(folder, BASE)
    tall = {n: np.ones((70, WIDTH), v.dtype) if len(v) == 64 else v for n, v in wide.items()}
    other = save_folder(tmp_path / "many", tall)
    save_tokenizer(other, many)
    found = aligned({"base": folder, "many": other}, "union")
    assert found.report.rows == 128
    assert found.base.tensors["lm_head.weight"].shape == (128, WIDTH)


def test_equal_vocabularies_are_left_alone(refs: dict[str, Path]) -> None:
    opened = open_checkpoint(refs["base"])
    found = align_vocabularies(opened, {"same": open_checkpoint(refs["base"])}, "union")
    assert found.base is opened


def test_an_edit_over_two_vocabularies(refs: dict[str, Path], tmp_path: Path) -> None:
    models = {"math": refs["math"], "code": refs["code"]}
    with pytest.raises(TaskvecError, match="another model or vocabulary"):
        TaskVector(refs["base"], refs["math"])
    editing = edit_of_checkpoints(refs["base"], models, "base + math", tokenizer="union")
    result = editing.save(tmp_path / "out")
    assert result.vocabulary["added"] == ["plus"]
    with open_checkpoint(tmp_path / "out") as out:
        written = out.read("model.embed_tokens.weight")
    assert np.array_equal(written[4], row("math", "plus")), "a new token comes through as its model learned it"
    np.testing.assert_allclose(written[1], row("math", "the"), rtol=1e-6)
    np.testing.assert_allclose(written[2], row("base", "cat"), rtol=1e-6)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"] == 6
    assert tokenizers.Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).token_to_id("plus") == 4


def test_plain_vocabulary_files(refs: dict[str, Path]) -> None:
    for name, tokens in TOKENS.items():
        (refs[name] / "tokenizer.json").unlink()
        (refs[name] / "vocab.txt").write_text("\n".join(tokens))
    assert np.array_equal(aligned(refs, "base").models["math"].read("model.embed_tokens.weight")[1], row("math", "the"))


def test_what_cannot_be_aligned_is_refused(refs: dict[str, Path]) -> None:
    with pytest.raises(TaskvecError, match="use base, union, or one of math, code"):
        aligned(refs, "maths")
    (refs["math"] / "tokenizer.json").unlink()
    (refs["math"] / "tokenizer.model").write_bytes(b"pieces")
    with pytest.raises(TaskvecError, match=r"math: holds no tokenizer.json"):
        aligned(refs, "base")
    save_tokenizer(refs["math"], [f"t{n}" for n in range(9)])
    with pytest.raises(TaskvecError, match="no embedding has 9 rows or more"):
        aligned(refs, "base")
