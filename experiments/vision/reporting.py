"""From findings to the result file."""

from dataclasses import asdict
from datetime import UTC, datetime

from experiments.setting import Setting
from experiments.vision.directions import LARGE_RATE_NAMES, Direction, merges, sharing
from experiments.vision.figures import curves, matrices
from experiments.vision.findings import Findings
from experiments.vision.laboratory import RATIO, START, TOLERANCE
from experiments.vision.plan import LARGE_RATE
from experiments.vision.tables import tables
from experiments.vision.words import QUESTION, answer, controls
from taskvec.results import Result, this_machine, versions_of

LIBRARIES = ("torch", "transformers", "numpy", "scikit-learn")
TITLE = "Eight vision tasks: merging, bases, shared and unique components"


def report(found: Findings, setting: Setting) -> Result:
    """The result.

    Args:
        found: What was measured.
        setting: The run.
    """
    plan = found.plan
    names, count = found.names, len(found.names)
    return Result(
        name="vision",
        title=TITLE if count == 8 else f"{count} vision tasks: merging, bases, shared and unique components",
        question=QUESTION,
        answer=answer(found),
        recipe="\n".join(map(_recipe, (*merges(names, 0), *sharing(names)))),
        commands=(setting.command("vision"),),
        date=datetime.now(UTC),
        seeds=plan.seeds,
        inputs=tuple(found.inputs),
        settings={
            name: value if isinstance(value, int | float | str) else "; ".join(map(str, value))
            for name, value in asdict(plan).items()
        }
        | {"learning_rates": "; ".join(f"{rate:g}" for rate in found.cross)},
        versions=versions_of(LIBRARIES),
        machine=this_machine(),
        seconds={**{f"{name}, this run": s for name, s in setting.seconds.items()}, **found.seconds},
        tables=tables(found),
        curves=curves(found),
        matrices=matrices(found),
        controls=controls(found),
        notes=notes(found, setting),
    )


_IN_PLACE_OF_SHARED = {
    "random": "  # shared: a random subspace of equal rank",
    "top": "  # shared: as many directions of Σ τ",
}


def _recipe(direction: Direction) -> str:
    seed = "  # the seed of the fine-tunes" if direction.seeded and direction.split is None else ""
    beside = _IN_PLACE_OF_SHARED.get(direction.split or "", seed)
    return f"{direction.name}: base + λ*({direction.expression}){beside}"


def notes(found: Findings, setting: Setting) -> tuple[str, ...]:
    """What a reader must know beside."""
    plan = found.plan
    pictures = plan.test * len(found.names)
    error = (0.8 * 0.2 / pictures) ** 0.5
    seeds = (
        "A seed decides the order of training pictures, how they are moved, and what is random in a method. Data, "
        "split, heads and base are the same for all seeds, so that spreads leave out the choice of pictures: up to "
        f"{pictures:,} test pictures make one standard error of a mean accuracy {100 * error:.1f} points, which "
        "differences of merges on the same pictures largely share."
    )
    search = (
        f"λ is chosen on {plan.validation} validation pictures a task, by a geometric search with ratio {RATIO:g} that "
        f"begins where the edit is {START:g} times as long as the sum of all vectors, goes on while the best lies at "
        f"an end, and upwards until the largest λ is worse than the best by {100 * TOLERANCE:g} points, one standard "
        "error of so few pictures (over bases: until the first dip). Test pictures are used once, "
        f"{plan.test} a task at most."
    )
    training = (
        f"Fine-tunes: {plan.steps} steps of 32 pictures, in float32, heads fixed. Models are measured with products in "
        f"{plan.precision}."
    )
    autoencoder = (
        "The autoencoder's Gram matrix is divided by its mean diagonal first (rescale); without it vectors this short "
        "are hardly learned."
    )
    said = [seeds, search, training]
    if setting.is_fast:
        said.append("A fast run: fewer tasks, steps, seeds and bases than the whole; no analogies, one learning rate.")
    if LARGE_RATE in found.added:
        said.append(
            f"Learning rate {LARGE_RATE:g}: {plan.large_rate_steps} steps, cross-accuracy, and of what is added only "
            f"{', '.join(LARGE_RATE_NAMES)}."
        )
    if any(name.startswith("autoencoder") for name, _ in found.bases):
        said.append(autoencoder)
    return tuple(said)
