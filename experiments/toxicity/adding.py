"""Addition of the general vectors, whole and as atoms recover them, measured on the texts that they were made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from experiments.toxicity.directions import Vectors
from experiments.toxicity.negating import Negating
from experiments.toxicity.remembered import Memory, State
from taskvec.evaluation import Addition, Grid, InPlace, Metrics, SimpleTask, addition, read_direction
from taskvec.evaluation.language_modelling import TextLoss, perplexity_of

SEARCH = Grid(low=0.3, high=1.0, num_points=3, most_points=5)
RECOVERED = "from atoms"


@dataclass(frozen=True)
class Added:
    """What came of one seed.

    Attributes:
        seed: The seed.
        num_atoms: M.
        errors: Task → relative error of its recovered vector.
        base: Corpus → the base's test perplexity.
        own: The same of each corpus' own fine-tune.
        whole: The sum of the general vectors.
        recovered: The same of their recovered vectors.
    """

    seed: int
    num_atoms: int
    errors: Mapping[str, float]
    base: Mapping[str, float]
    own: Mapping[str, float]
    whole: Addition
    recovered: Addition


def add(negating: Negating, vectors: Vectors, made_of: Mapping[str, object]) -> Added:
    """Add the general vectors of one seed, λ by validation.

    Args:
        negating: How models are made and measured.
        vectors: The task vectors.
        made_of: Whatever decides these.
    """
    names, basis, memory = vectors.general, vectors.basis(), negating.memory
    known = {name: {"vector": name, **made_of} for name in names}
    known |= {_recovered(name): {"vector": name, "atoms": basis.num_atoms, **made_of} for name in names}

    def read() -> dict[str, Any]:
        whole = {name: read_direction(vectors.store, name) for name in names}
        return whole | {_recovered(name): read_direction(vectors.store, name, basis=basis.name) for name in names}

    tasks = [_task(memory, name) for name in names]
    with negating.along(known, read) as model:
        place = cast("InPlace", model)
        own = {name: _perplexity(memory, model.with_coefficients({name: 1.0}), name, "test") for name in names}
        base = {name: _perplexity(memory, model.restore(), name, "test") for name in names}
        start = {name: _perplexity(memory, model.restore(), name, "validation") for name in names}
        how: dict[str, Any] = {"search": SEARCH, "references": own, "normalize_by": start}
        whole = addition(place, dict.fromkeys(names, 1.0), tasks, name="whole", **how)
        from_atoms = addition(place, {_recovered(name): 1.0 for name in names}, tasks, name=RECOVERED, **how)
    errors = dict(basis.certificate.task_errors)
    return Added(vectors.seed, basis.num_atoms, errors, base, own, whole, from_atoms)


def _recovered(name: str) -> str:
    return f"{name} {RECOVERED}"


def _task(memory: Memory, corpus: str) -> SimpleTask:
    def measure(state: Any, part: str) -> Metrics:
        return {"perplexity": _perplexity(memory, state, corpus, part)}

    return SimpleTask(
        corpus,
        lambda state: measure(state, "validation"),
        lambda state: measure(state, "test"),
        primary="perplexity",
        higher_is_better=False,
    )


def _perplexity(memory: Memory, state: State, corpus: str, part: str) -> float:
    total, tokens = memory.domains(state, part)[corpus]
    return perplexity_of([TextLoss(total, tokens)])
