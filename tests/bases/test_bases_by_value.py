"""What bases check, choose and say, part by part: sizes, ranks, tasks that atoms are made from, notes, projection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taskvec.bases import notes as said
from taskvec.bases.factored_atoms import atom_ranks
from taskvec.bases.fitting import fitted_tasks
from taskvec.bases.notes import FLAT_ERROR, duplicates, notes
from taskvec.bases.projection import _Column
from taskvec.bases.request import _check_rank, _check_size
from taskvec.errors import BasisError
from taskvec.linalg.certificate import Certificate
from taskvec.linalg.encoders import BASIS_METHODS as METHODS
from taskvec.streaming import AlignedTensor, Located
from taskvec.testing.checkpoints import tensor_info
from taskvec.vectors.forms import LowRank

SPECTRAL, RANDOM = METHODS["spectral"], METHODS["random"]


@pytest.mark.parametrize(("num_atoms", "max_error", "tasks"), [(1, None, 2), (3, None, 4), (None, 0.5, 2)])
def test_a_size_is_a_number_below_the_tasks_or_an_error(num_atoms: Any, max_error: Any, tasks: int) -> None:
    _check_size(num_atoms, max_error, SPECTRAL, tasks)


@pytest.mark.parametrize(
    ("num_atoms", "max_error", "tasks", "message"),
    [
        (1, None, 1, "needs at least two task vectors, not 1"),
        (None, None, 3, "either how many atoms or which error"),
        (1, 0.1, 3, "either how many atoms or which error"),
        (0, None, 4, "^0 atoms for 4 task vectors: use 1 to 3$"),
        (4, None, 4, "^4 atoms for 4 task vectors: use 1 to 3$"),
        (2, None, 2, "^2 atoms for 2 task vectors: use 1$"),
        (None, 0.0, 3, "an allowed error of 0 makes no sense"),
        (None, 1.0, 3, "an allowed error of 1 makes no sense"),
    ],
)
def test_other_sizes_are_refused(num_atoms: Any, max_error: Any, tasks: int, message: str) -> None:
    with pytest.raises(BasisError, match=message):
        _check_size(num_atoms, max_error, SPECTRAL, tasks)


def test_a_mean_that_is_stored_takes_the_place_of_an_atom() -> None:
    pca = METHODS["pca"]
    assert pca.extra_atoms == 1
    _check_size(2, None, pca, 4)
    with pytest.raises(BasisError, match="3 atoms and 1 more that pca stores for 4 task vectors: use 1 to 2"):
        _check_size(3, None, pca, 4)
    with pytest.raises(BasisError, match="1 atoms and 1 more that pca stores for 2 task vectors: add more task vec"):
        _check_size(1, None, pca, 2)


def test_random_atoms_have_a_number() -> None:
    _check_size(2, None, RANDOM, 4)
    with pytest.raises(BasisError, match="random atoms are not chosen by their error"):
        _check_size(None, 0.5, RANDOM, 4)


def test_a_rank_is_at_least_one_and_of_factors() -> None:
    _check_rank(None, None)
    _check_rank(1, {})
    with pytest.raises(BasisError, match="a rank of 0 keeps nothing"):
        _check_rank(0, {})
    with pytest.raises(BasisError, match="a rank goes with low-rank task vectors"):
        _check_rank(1, None)


def test_tasks_to_fit_on_are_spread_evenly_or_named() -> None:
    assert fitted_tasks("abcdefg", 2) == ("a", "d")
    assert fitted_tasks("abcdefg", 3) == ("a", "c", "e")
    assert fitted_tasks("abcdefg", 6) == ("a", "b", "c", "d", "e", "f")
    assert fitted_tasks("abcdefg", ["f", "a", "f"]) == ("f", "a")
    for count, names, use in [(1, "abc", "use 2 to 2"), (3, "abc", "use 2 to 2"), (2, "ab", "leave --fit-on out")]:
        with pytest.raises(BasisError, match=f"cannot be fitted on {count} of {len(names)} task vectors: {use}"):
            fitted_tasks(names, count)
    with pytest.raises(BasisError, match=r"'z' is none of the tasks that are compressed \(a, b\)"):
        fitted_tasks("ab", ["z"])
    with pytest.raises(BasisError, match=r"\(a, b, c, d, e, f, g, h, i, j, …\)"):
        fitted_tasks("abcdefghijk", ["z"])
    with pytest.raises(BasisError, match=r"\(a, b, c, d, e, f, g, h, i, j\)"):
        fitted_tasks("abcdefghij", ["z"])


def gram_of(*columns: list[float]) -> np.ndarray:
    v = np.array(columns).T
    return v.T @ v


def test_equal_vectors_are_found_together() -> None:
    gram = gram_of([1.0, 2], [3, 4], [1, 2], [3, 4.0001], [1, 2], [0, 0], [0, 0])
    assert duplicates("abcdefg", gram) == [("a", "c", "e"), ("f", "g")]
    unknown = np.where(np.eye(2, dtype=bool), 4.0, np.nan)
    assert duplicates("ab", unknown) == []


def certificate(gram: np.ndarray, num_atoms: int, worst: float = 0.7) -> Certificate:
    tasks = tuple("abcdefg"[: len(gram)])
    made: Any = SimpleNamespace(
        tasks=tasks, gram=gram, num_atoms=num_atoms, worst_task="b", task_errors=dict.fromkeys(tasks, worst)
    )
    return made


def test_a_flat_spectrum_is_said_and_what_is_equal_or_zero() -> None:
    # k of n orthogonal vectors of one norm leave √(1 − k/n): exactly one half at three of four
    assert pytest.approx(0.5) == FLAT_ERROR
    flat = np.eye(4)
    assert "the spectrum is flat" in notes(certificate(flat, 2))[0]
    assert "b keeps an error of 0.7" in notes(certificate(flat, 2))[0]
    assert notes(certificate(gram_of([1, 0.1], [1, 0.2], [1, 0.3]), 1)) == ()
    assert notes(certificate(gram_of([1, 0], [1, 0]), 1)) == ("a and b are the same task vector",)
    found = notes(certificate(gram_of([1, 0.1], [0, 0], [1, 0.2]), 2))
    assert found == ("b is zero: its fine-tuned model equals the base",)
    unknown = np.where(np.eye(3, dtype=bool), 4.0, np.nan)
    assert "never met in this store" in notes(certificate(unknown, 1))[0]


def document(**given: Any) -> Any:
    known = {"method": "spectral", "wanted": {}, "random": None, "nbytes": 10, "is_factored": False}
    return SimpleNamespace(**{**known, "tasks": [SimpleNamespace(nbytes=6), SimpleNamespace(nbytes=5)], **given})


def test_what_was_asked_for_in_vain_is_said() -> None:
    assert list(said.notes_of_request(document())) == []
    assert list(said.notes_of_request(document(wanted={"dtype": "f16"}))) == []
    (seed,) = said.notes_of_request(document(wanted={"seed": 0}))
    assert seed == "spectral drew nothing at random, so the seed changes nothing"
    assert list(said.notes_of_request(document(method="random", wanted={"seed": 0}))) == []
    (dtype,) = said.notes_of_request(document(random=object(), wanted={"dtype": "f16"}))
    assert dtype.endswith("the dtype changes nothing")
    assert list(said.notes_of_request(document(random=object()))) == []
    (bytes_,) = said.notes_of_request(document(nbytes=11))
    assert "take fewer atoms, or int8" in bytes_
    (bytes_,) = said.notes_of_request(document(nbytes=12, is_factored=True))
    assert "take fewer atoms, or a smaller rank" in bytes_


def test_a_task_that_joins_has_the_products_of_what_was_lost_of_it() -> None:
    """mixed() is ⟨τ̂_t − τ_t, τ̂ − τ⟩ − ⟨τ_t, τ⟩, on dense vectors in place of Gram matrices."""
    rng = np.random.default_rng(0)
    tasks, atoms, new = rng.standard_normal((20, 3)), rng.standard_normal((20, 2)), rng.standard_normal(20)
    decoder, weights = rng.standard_normal((2, 3)), rng.standard_normal(2)
    group: Any = SimpleNamespace(decoder=decoder, atom_gram=atoms.T @ atoms, cross=atoms.T @ tasks)
    column = _Column(group, atoms.T @ new, float(new @ new), weights)
    every = np.column_stack([tasks, new])
    lost = np.column_stack([atoms @ decoder, atoms @ weights]) - every
    np.testing.assert_allclose(column.mixed(), lost.T @ lost[:, -1] - every.T @ new)


@pytest.mark.parametrize(
    ("ranks", "rank", "wanted"),
    [
        ((2, 3), None, 5),
        ((2, 3), 4, 4),
        ((2, 3), 9, 5),
        ((6, 7), None, None),
        ((0, 0), None, 0),
    ],
)
def test_an_atom_has_the_columns_of_all_factors_up_to_a_rank(
    ranks: tuple[int, int], rank: int | None, wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 20 × 20 matrix takes 400 numbers, factors of rank r 40·r: from r = 10 on nothing is saved."""
    monkeypatch.setattr(
        LowRank, "products", lambda self, _: tuple(SimpleNamespace(rank=r) for r in [int(self.source.identity)] if r)
    )
    forms: Any = [LowRank(SimpleNamespace(identity=str(r))) for r in ranks]  # type: ignore[arg-type]
    info = tensor_info("w.weight", np.zeros((20, 20), np.float32))
    located: Any = Located(SimpleNamespace(ref="x"), info)  # type: ignore[arg-type]
    found = atom_ranks([AlignedTensor("w.weight", (20, 20), located, (located,) * 2)], forms, rank)
    assert (None if found is None else list(found.values())) == (None if wanted is None else [wanted])


def test_factors_of_exactly_as_many_numbers_save_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LowRank, "products", lambda self, _: (SimpleNamespace(rank=10),))
    form: Any = LowRank(SimpleNamespace(identity="x"))  # type: ignore[arg-type]
    located: Any = Located(SimpleNamespace(ref="x"), tensor_info("w.weight", np.zeros((20, 20), np.float32)))  # type: ignore[arg-type]
    tensor = AlignedTensor("w.weight", (20, 20), located, (located,))
    assert atom_ranks([tensor], [form], None) is None
    found = atom_ranks([tensor], [form], 9)
    assert found is not None
    assert list(found.values()) == [9]
