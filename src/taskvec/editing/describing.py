"""What lies beside merged weights: the recipe, the card, and a configuration where layers were stacked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from taskvec.checkpoints.hub import public
from taskvec.editing.card import CARD_FILE, RECIPE_FILE, CardFacts, Ingredient, card_text
from taskvec.editing.edit import Editing
from taskvec.editing.file_hashes import hash_files, known_hash
from taskvec.editing.open import Opened
from taskvec.editing.recipe.file import dump_recipes
from taskvec.editing.recipe.references import relative
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.work import Work
from taskvec.linalg.search import ScalingChoice
from taskvec.types import DType

if TYPE_CHECKING:
    from taskvec.store.store import Store

_DTYPE_KEYS = ("torch_dtype", "dtype")
_DTYPE_NAMES = {DType.BF16: "bfloat16", DType.F16: "float16", DType.F32: "float32"}


def public_text(recipes: Iterable[Recipe]) -> str:
    """Return recipes for everybody to read: without the paths of this machine."""
    return dump_recipes(recipe.with_refs(public) for recipe in recipes)


def text_in(folder: Path, recipes: Iterable[Recipe], given: Mapping[str, str]) -> str:
    """Return recipes as they are written into a folder, so that their references still resolve.

    Args:
        folder: The folder.
        recipes: The recipes, with resolved references.
        given: The references as the user wrote them, by what they were resolved to.

    Returns:
        The text.
    """
    return dump_recipes(recipe.with_refs(lambda ref: relative(ref, given.get(ref, ref), folder)) for recipe in recipes)


def documents(
    out: Path, work: Work, choices: Mapping[str, ScalingChoice] | None = None, *, sha256: bool = False
) -> dict[str, str]:
    """Write down what goes beside the weights.

    Args:
        out: The output.
        work: What makes it.
        choices: What was tried for each searched parameter.
        sha256: Whether to hash the input files whose hash is not known.

    Returns:
        File name → text.
    """
    recipe, editing = work.recipes[-1], work.editing
    texts = {RECIPE_FILE: text_in(out, work.recipes, work.given)}
    config = _config(editing)
    if config is not None:
        texts["config.json"] = config
    if recipe.output.card:
        facts = CardFacts(
            title=out.name,
            recipe=public_text(work.recipes),
            seed=recipe.seed,
            ingredients=_ingredients(work.opened, editing, sha256=sha256),
            is_checkpoint=editing.edited.target is not None,
            library=_library(editing),
            trials={name: choice.tried for name, choice in (choices or {}).items()},
        )
        texts[CARD_FILE] = card_text(facts)
    return texts


def input_files(opened: Opened) -> list[Path]:
    """List the weight files whose hashes a card names; of a store none, for it knows its own fingerprints."""
    models = [] if opened.store is not None else [model for model, _ in opened.by_ref.values()]
    return list(dict.fromkeys(path for model in models for path in model.files))


def _ingredients(opened: Opened, editing: Editing, *, sha256: bool) -> list[Ingredient]:
    if opened.store is not None:
        refs = _refs_of(opened.store)
        contents = {"base": opened.store.base.identity, **editing.output.record["sources"]}
        return [
            Ingredient(name, public(refs.get(name, str(opened.recipe.store))), {"content (blake3)": value})
            for name, value in contents.items()
        ]
    files = input_files(opened)
    hashes = hash_files(files, editing.options) if sha256 else {path: known_hash(path) for path in files}
    known = {path: f"sha256:{value}" for path, value in hashes.items() if value}
    return [
        Ingredient(", ".join(names), public(ref), {path.name: known[path] for path in model.files if path in known})
        for ref, (model, names) in opened.by_ref.items()
    ]


def _refs_of(store: Store) -> dict[str, str]:
    """Return what the base and the vectors of a store were added as."""
    documents = store.documents
    names = {name: str(Path(documents.vector(name).source.ref).expanduser()) for name in store.names_and_parts}
    return {"base": documents.store().base.ref, **names}


def _library(editing: Editing) -> str | None:
    """Tell from the files beside a model what loads it."""
    names = set(map(str, editing.edited.target.checkpoint.sidecars)) if editing.edited.target else set()
    return "diffusers" if "model_index.json" in names else "transformers" if "config.json" in names else None


def _config(editing: Editing) -> str | None:
    """Return ``config.json`` where it must say another dtype than the edited model's."""
    target, dtype = editing.edited.target, editing.output.dtype
    if target is None or dtype is None:
        return None
    model, name = target.checkpoint, Path("config.json")
    if name in model.overlays:
        return _with_dtype(model.overlays[name].decode(), dtype)
    return _with_dtype((model.root / name).read_text(encoding="utf-8"), dtype) if name in model.sidecars else None


def _with_dtype(text: str, dtype: DType) -> str | None:
    """Say in a configuration which dtype the weights have; None where it says nothing of dtypes."""
    try:
        config = json.loads(text)
    except ValueError:
        return None
    keys = [key for key in _DTYPE_KEYS if isinstance(config, dict) and key in config]
    if not keys:
        return None
    return json.dumps({**config, **dict.fromkeys(keys, _DTYPE_NAMES[dtype])}, indent=2, ensure_ascii=False) + "\n"
