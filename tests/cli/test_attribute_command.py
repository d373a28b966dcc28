"""``taskvec attribute``: whose is an unknown model?"""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import TASKS, Command, Models


def test_a_known_model_is_attributed_to_its_own_task(store: str, done: Command) -> None:
    result = done("attribute", store, "math", "--rank", "2", "--threshold", "0.9", "--json").json
    assert result.keys() == {"ref", "shared", "unique", "chance", "nearest"}
    assert (result["ref"], result["nearest"]) == ("math", "math")
    assert list(result["unique"]) == list(result["chance"]) == list(TASKS)
    assert result["unique"]["math"] > result["chance"]["math"]
    assert not Path(store, "decompositions").exists()


def test_the_text_and_the_names(store: str, done: Command) -> None:
    words = ("attribute", store, "math", "law", "math", "--energy", "0.5", "--side", "right", "--threshold", "0.9")
    text = done(*words).stdout
    assert "toxic" not in text
    assert text.index("math") < text.index("law")
    assert "nearest to math" in text


def test_the_plan_reads_nothing(models: Models, store: str, done: Command) -> None:
    for name in ("math", "base"):
        path = models.folder / name / "model.safetensors"
        path.chmod(0)
    plan = done("attribute", store, "law", "--rank", "2", "--dry-run", "--json").json["plan"]
    assert plan["passes"][0]["label"].startswith("attribute law to 4 task vectors in 2 matrices")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["math"], "give --rank R or --energy E"),
        (["base", "--rank", "2"], "there is nothing to attribute"),
        (["math", "--rank", "2", "--side", "both"], "one side"),
        (["nowhere", "--rank", "2"], "nowhere"),
        (["math", "law", "--rank", "2"], "at least two task vectors"),
    ],
)
def test_refusals(store: str, run: Command, words: list[str], said: str) -> None:
    answer = run("attribute", store, *words)
    assert answer.status == 1
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
