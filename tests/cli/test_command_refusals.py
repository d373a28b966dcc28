"""Bad input: exit 1, one line on stderr that names tensor, file and remedy, and not a byte changed on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import Arrays, Command, Models

from taskvec.testing.checkpoints import save_safetensors

Arrange = Callable[[Models], None]


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def bad(change: Callable[[Arrays], object]) -> Arrange:
    """Save a changed copy of the fine-tune ``math`` as ``bad``."""

    def arrange(models: Models) -> None:
        arrays = {name: array.copy() for name, array in models.tasks["math"].items()}
        change(arrays)
        models.save("bad", arrays)

    return arrange


def spoil(tensor: str, value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[tensor].ravel()[3] = value

    return change


def cut_short(models: Models) -> None:
    path = save_safetensors(models.folder / "bad.safetensors", models.tasks["math"])
    path.write_bytes(path.read_bytes()[:-20])


def lying_header(models: Models) -> None:
    header = json.dumps({"layer.bias": {"dtype": "F32", "shape": [8], "data_offsets": [0, 4_000_000_000]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(32)
    Path("bad.safetensors").write_bytes(content)


INPUTS: dict[str, tuple[Arrange, str, tuple[str, ...]]] = {
    "missing tensor": (bad(lambda a: a.pop("layer.bias")), "bad", ("layer.bias", "bad", "--allow missing")),
    "extra tensor": (bad(lambda a: a.update(head=np.ones(2, np.float32))), "bad", ("head", "bad", "--allow extra")),
    "other shape": (
        bad(lambda a: a.update({"layer.bias": np.ones(9, np.float32)})),
        "bad",
        ("layer.bias", "bad", "[9]", "[8]"),
    ),
    "other integers": (bad(spoil("positions", 7)), "bad", ("positions", "bad", "I64", "--allow integers")),
    "infinity": (bad(spoil("layer.weight", np.inf)), "bad", ("layer.weight", "bad", "NaN or infinity", "again")),
    "NaN": (bad(spoil("embed.weight", np.nan)), "bad", ("embed.weight", "bad", "NaN or infinity", "again")),
    "truncated file": (cut_short, "bad.safetensors", ("bad.safetensors", "again")),
    "lying header": (lying_header, "bad.safetensors", ("layer.bias", "bad.safetensors", "again")),
    "no such path": (lambda _: None, "bad", ("bad", "no such file or folder")),
}


def check_refusal(run: Command, models: Models, words: tuple[str, ...], expected: tuple[str, ...]) -> None:
    before = contents(models.folder)
    answer = run(*words)
    assert (answer.status, answer.stdout) == (1, "")
    (line,) = answer.stderr.splitlines()
    assert line.startswith("error: ")
    assert not line.startswith("error: internal")
    assert [word for word in expected if word not in line] == []
    assert contents(models.folder) == before


@pytest.mark.parametrize("case", INPUTS)
def test_a_bad_model_does_not_enter_a_store(case: str, models: Models, store: str, run: Command) -> None:
    arrange, ref, expected = INPUTS[case]
    arrange(models)
    check_refusal(run, models, ("store", "add", store, "good=math", f"bad={ref}"), expected)


@pytest.mark.parametrize("case", INPUTS)
def test_a_bad_model_is_not_edited(case: str, models: Models, run: Command) -> None:
    arrange, ref, expected = INPUTS[case]
    arrange(models)
    words = ("edit", "--base", "base", "--vector", "a=code", "--vector", f"b={ref}", "base + a + b", "-o", "deep/out")
    check_refusal(run, models, words, expected)


REQUESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "store exists": (("store", "init", "store", "--base", "base"), ("store", "exists")),
    "not a store": (("store", "list", "math"), ("math", "taskvec store init")),
    "name taken": (("store", "add", "store", "math=code"), ("'math'", "exists", "another name")),
    "no name": (("store", "add", "store", "a-b=code"), ("'a-b'", "letters")),
    "base as a name": (("store", "add", "store", "base=code"), ("'base'",)),
    "unknown vector": (("store", "show", "store", "mth"), ("'mth'", "math")),
    "unknown vector removed": (("store", "remove", "store", "mth"), ("'mth'", "math")),
    "unknown vector compared": (("similarity", "store", "math", "mth"), ("'mth'", "math")),
    "unknown name": (("edit", "store", "base + mth", "-o", "out"), ("column 8", "'mth'", "did you mean 'math'")),
    "unfinished": (("edit", "store", "base + 2*(math", "-o", "out"), ("column",)),
    "two bases": (("edit", "store", "base + base + math", "-o", "out"), ("base", "once")),
    "output exists": (("edit", "store", "base + math", "-o", "law"), ("law", "exists", "another")),
    "overflow": (("edit", "store", "base + 9e9*math", "-o", "out", "--dtype", "f16"), ("F16", "--dtype")),
    "unknown basis": (("edit", "store", "base + math", "-o", "out", "--basis", "b"), ("'b'",)),
    "too many atoms": (("compress", "store", "--basis", "b", "--atoms", "5"), ("5 atoms", "4 task vectors", "1 to 3")),
    "unreachable error": (("compress", "store", "--basis", "b", "--max-error", "0.001"), ("0.001", "allow")),
    "unknown method": (
        ("compress", "store", "--basis", "b", "--atoms", "2", "--method", "magic"),
        ("magic", "spectral"),
    ),
    "unknown task": (("compress", "store", "--basis", "b", "--atoms", "1", "--tasks", "law,mth"), ("'mth'",)),
    "too little memory": (("edit", "store", "base + math", "-o", "out", "--memory", "3MiB"), ("--memory", "MiB")),
    "unknown figure": (("similarity", "store", "--plot", "heat.xls"), ("heat.xls", ".png")),
    "figure nowhere": (
        ("compress", "store", "--basis", "b", "--atoms", "2", "--plot", "no/where.png"),
        ("no/where.png", "create"),
    ),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_an_impossible_request_is_refused(case: str, models: Models, store: str, run: Command) -> None:
    check_refusal(run, models, *REQUESTS[case])


def test_a_task_vector_of_another_base_is_refused(models: Models, store: str, run: Command) -> None:
    run("edit", store, "math", "-o", "vector")
    models.save("foreign", models.tasks["law"])
    run("store", "init", "other", "--base", "foreign")
    check_refusal(run, models, ("store", "add", "other", "m=vector"), ("vector", "another base", "own base"))


@pytest.mark.parametrize(
    "words",
    [("edit", "store", "base + math", "-o", "out"), ("compress", "store", "--basis", "b", "--atoms", "2")],
    ids=["edit", "compress"],
)
def test_a_source_that_changed_is_refused(words: tuple[str, ...], models: Models, store: str, run: Command) -> None:
    models.save("math", models.tasks["code"])
    check_refusal(run, models, words, ("'math'", "changed", "add it again"))


def test_a_source_that_is_gone_is_refused(models: Models, store: str, run: Command) -> None:
    Path("math").rename("moved")
    check_refusal(run, models, ("edit", store, "base + math", "-o", "out"), ("'math'", "cannot be opened"))


@pytest.mark.parametrize("document", ["store.json", "vectors/math.json"])
def test_a_damaged_store_is_refused(document: str, models: Models, store: str, run: Command) -> None:
    path = Path(store, document)
    path.write_bytes(path.read_bytes()[:-30])
    check_refusal(run, models, ("store", "list", store), (path.name, "damaged"))


def test_a_name_with_line_breaks_stays_on_one_line(models: Models, store: str, run: Command) -> None:
    models.save("bad", {**models.tasks["math"], "x\n\x1b[31m": np.ones(1, np.float32)})
    check_refusal(run, models, ("store", "add", store, "bad=bad"), ("x\\n\\x1b[31m", "--allow extra"))
