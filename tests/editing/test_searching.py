"""Parameters chosen by a validation command or callable, one after another; what a killed search measured is kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from layered_models import Workplace
from safetensors.numpy import load_file

from taskvec import merge
from taskvec.editing.recipe.loading import load_recipe
from taskvec.errors import TaskvecError

TENSOR = "model.norm.weight"
RECIPE = (
    "base: base\nvectors: {math: math, code: code}\n"
    "parameters:\n  lam: {search: grid, low: 0.1, high: 1.6, points: 5}\n"
    "  mu: {search: golden, low: -1, high: 1, tolerance: 0.05}\n"
    "validation: {command: [no-such-program]}\nresult: base + lam*math + mu*code\n"
)


class Judge:
    """Likes a place in the plane of two task vectors best."""

    def __init__(self, place: Workplace, lam: float, mu: float) -> None:
        self.seen: list[tuple[float, float]] = []
        self._best = np.array([lam, mu])
        self._deltas = np.stack([place.delta("math", TENSOR), place.delta("code", TENSOR)], axis=1)
        self._base = place.models["base"][TENSOR]

    def __call__(self, model: Path) -> float:
        written = load_file(model / "model.safetensors")[TENSOR].astype(np.float64)
        found = np.linalg.lstsq(self._deltas, written - self._base, rcond=None)[0]
        self.seen.append((float(found[0]), float(found[1])))
        return -float(((found - self._best) ** 2).sum())


def test_each_parameter_is_chosen_in_turn_and_written_down(place: Workplace) -> None:
    judge = Judge(place, 0.4, -0.3)
    merge(place.write(RECIPE), "out", validate=judge)
    chosen = load_recipe("out/recipe.yaml").last
    assert chosen.parameters["lam"] == pytest.approx(0.4)
    assert chosen.parameters["mu"] == pytest.approx(-0.3, abs=0.06)
    assert chosen.validation is None
    np.testing.assert_allclose([lam for lam, _ in judge.seen[:5]], [0.1, 0.2, 0.4, 0.8, 1.6], atol=1e-5)
    np.testing.assert_allclose([mu for _, mu in judge.seen[:5]], 0, atol=1e-5)
    np.testing.assert_allclose([lam for lam, _ in judge.seen[5:]], 0.4, atol=1e-5)
    card = Path("out/README.md").read_text(encoding="utf-8")
    assert "never on test data" in card
    assert "| `lam` | 0.4 |" in card
    merge("out/recipe.yaml", "again")
    assert Path("again/model.safetensors").read_bytes() == Path("out/model.safetensors").read_bytes()


def test_a_grid_grows_past_an_end_where_the_best_lies_there(place: Workplace) -> None:
    merge(place.write(RECIPE), "out", validate=Judge(place, 6.4, 0.0))
    assert load_recipe("out/recipe.yaml").last.parameters["lam"] == pytest.approx(6.4)


def test_an_interrupted_search_goes_on_with_what_it_knows(place: Workplace) -> None:
    judge = Judge(place, 0.4, -0.3)

    def interrupted(model: Path) -> float:
        if len(judge.seen) == 7:
            raise KeyboardInterrupt
        return judge(model)

    with pytest.raises(KeyboardInterrupt):
        merge(place.write(RECIPE), "out", validate=interrupted)
    assert not Path("out").exists()
    merge("recipe.yaml", "out", validate=judge)
    assert len({(round(lam, 4), round(mu, 4)) for lam, mu in judge.seen}) == len(judge.seen), "measured twice"
    assert not Path(".out.workshop").exists()


def test_a_command_scores_candidates(place: Workplace) -> None:
    program = place.write("import sys, os\nassert os.path.isdir(sys.argv[1])\nprint('loss')\nprint(0.5)\n", "score.py")
    text = RECIPE.replace("no-such-program", f"{sys.executable}, {program}")
    merge(place.write(text), "out")
    assert load_recipe("out/recipe.yaml").last.parameters["lam"] == pytest.approx(0.1)  # of equal scores the smallest


def test_a_command_that_fails_is_said_and_leaves_nothing(place: Workplace) -> None:
    program = place.write("raise SystemExit('no data')\n", "score.py")
    with pytest.raises(TaskvecError, match=r"no data.*a validation command must print its score as the last line"):
        merge(place.write(RECIPE.replace("no-such-program", f"{sys.executable}, {program}")), "out")
    assert not Path("out").exists()


def test_what_is_wrong_is_refused_before_a_candidate_is_made(place: Workplace) -> None:
    def never(_: Path) -> float:
        pytest.fail("a candidate was made")

    with pytest.raises(TaskvecError, match="unknown name 'cod'"):
        merge(place.write(RECIPE.replace("mu*code", "mu*cod")), "out", validate=never)


@pytest.mark.parametrize(
    ("result", "weights"),
    [
        (
            "base + lam*shared_once(math, code)",
            {"math.unique": 1, "code.unique": 1, "math.shared": 0.5, "code.shared": 0.5},
        ),
        ("base + 0.5*(math + code) + lam*(math.shared + code.shared)", {"math.shared": 1, "code.shared": 1}),
        ("base + lam*math.unique + 0.2*code.unique", {"math.unique": 1}),
        ("base - lam*math.unique", {"math.unique": -1}),
    ],
    ids=["shared once", "μ times the shared", "mixed styles", "negation"],
)
def test_uses_of_shared_and_unique_parts_are_recipes(place: Workplace, result: str, weights: dict[str, float]) -> None:
    from taskvec import Store, decompose

    store = Store.init("store", "base")
    store.add({"math": "math", "code": "code"})
    decompose(store, energy=0.9)
    text = (
        "store: store\nparameters: {lam: {search: grid, low: 0.25, high: 1, points: 3}}\n"
        f"validation: {{command: ['true']}}\nresult: {result}\n"
    )
    models: list[dict[str, np.ndarray]] = []

    def judge(model: Path) -> float:
        models.append(
            {name: array.astype(np.float64) for name, array in load_file(model / "model.safetensors").items()}
        )
        return -abs(len(models) - 2)  # the second

    merge(place.write(text), "out", validate=judge)
    recipe = Path("out/recipe.yaml").read_text(encoding="utf-8")
    assert "lam: 0.5" in recipe
    name = "model.layers.0.mlp.up_proj.weight"
    direction = sum(weight * store[part].apply_to().read(name) for part, weight in weights.items())
    direction -= sum(weights.values()) * place.models["base"][name]
    np.testing.assert_allclose(models[1][name] - models[0][name], 0.25 * direction, atol=1e-5)
    assert json.loads(Path("out/config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 4


def test_what_is_orthogonal_to_others_is_negated_by_a_recipe(place: Workplace) -> None:
    from taskvec import Store

    store = Store.init("store", "base")
    store.add({"math": "math", "code": "code"})
    text = (
        "store: store\nparameters: {mu: {search: golden, low: -1, high: 1, tolerance: 0.3}}\n"
        "validation: {command: ['true']}\nresult: base - 0.5*code + mu*orthogonal(math, code)\n"
    )
    sizes: list[float] = []

    def judge(model: Path) -> float:
        moved = load_file(model / "model.safetensors")
        names = place.models["base"]
        sizes.append(sum(float(((moved[n] - place.models["base"][n]) * place.delta("math", n)).sum()) for n in names))
        return -sizes[-1]  # the less of math, the better: μ is driven to its negative end

    merge(place.write(text), "out", validate=judge)
    assert len(sizes) > 3
    (chosen,) = [line for line in Path("out/recipe.yaml").read_text(encoding="utf-8").splitlines() if "mu:" in line]
    assert float(chosen.split("mu:")[1]) < -0.5
