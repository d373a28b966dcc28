"""The model card: what was merged from what, how, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskvec._version import __version__
from taskvec.editing.recipe.yaml_text import dump

RECIPE_FILE = "recipe.yaml"
CARD_FILE = "README.md"


@dataclass(frozen=True)
class Ingredient:
    """One input as the card names it.

    Attributes:
        name: ``base``, or the name of a vector.
        ref: Its public reference.
        content: What is known of its content: file → ``sha256`` digits, or ``content`` → a store's fingerprint.
    """

    name: str
    ref: str
    content: Mapping[str, str]


@dataclass(frozen=True)
class CardFacts:
    """What a card says.

    Attributes:
        title: The name of the output.
        recipe: The recipe for everybody to read.
        seed: The key of random masks.
        ingredients: The inputs, the base first.
        is_checkpoint: Whether the output is a model, not a task vector.
        library: What loads the output, as hubs call it; None where that is not known.
        trials: For each searched parameter, the values that were tried and their scores.
    """

    title: str
    recipe: str
    seed: int
    ingredients: Sequence[Ingredient]
    is_checkpoint: bool = True
    library: str | None = None
    trials: Mapping[str, Sequence[tuple[float, float]]] | None = None


def card_text(facts: CardFacts) -> str:
    """Write the card: front matter as hubs read it, then the same for people.

    Args:
        facts: What to say.

    Returns:
        Markdown.
    """
    parts = [
        f"---\n{dump(_front_matter(facts))}---\n",
        f"# {_plain(facts.title)}\n",
        f"{_opening(facts)} made by taskvec {__version__}; seed {facts.seed}.\n",
        "## Recipe\n",
        f"```yaml\n{facts.recipe}```\n",
        f"`taskvec merge {RECIPE_FILE} OUT` beside these files makes the same again.\n",
        *_trials(facts.trials or {}),
        "## Inputs\n",
        "\n".join(_rows(facts.ingredients)) + "\n",
    ]
    return "\n".join(parts)


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    refs = list(dict.fromkeys(one.ref for one in facts.ingredients))
    matter: dict[str, Any] = {"base_model": refs}
    if facts.is_checkpoint:
        matter["base_model_relation"] = "merge"
    if facts.library is not None:
        matter["library_name"] = facts.library
    return {**matter, "tags": ["merge", "taskvec", "task-arithmetic"]}


def _opening(facts: CardFacts) -> str:
    return "A merge of models," if facts.is_checkpoint else "A task vector, to be added to its base with taskvec,"


def _trials(trials: Mapping[str, Sequence[tuple[float, float]]]) -> list[str]:
    if not trials:
        return []
    rows = [f"| `{name}` | {value:.6g} | {score:.6g} |" for name, tried in trials.items() for value, score in tried]
    table = "\n".join(["| parameter | tried | validation score |", "|---|--:|--:|", *rows])
    return ["## Validation\n", "Chosen by a validation command, never on test data.\n", table + "\n"]


def _rows(ingredients: Sequence[Ingredient]) -> list[str]:
    rows = ["| name | model | file | content |", "|---|---|---|---|"]
    for one in ingredients:
        for file, digest in one.content.items() or [("", "")]:
            rows.append(f"| {_cell(one.name)} | {_cell(one.ref)} | {_cell(file)} | {_cell(digest)} |")
    return rows


def _cell(text: str) -> str:
    return f"`{_plain(text).replace('|', '∣').replace('`', chr(39))}`" if text else ""


def _plain(text: str) -> str:
    """Return text that stays on its line."""
    return "".join(char if char.isprintable() else " " for char in text)
