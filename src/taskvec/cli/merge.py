"""``taskvec merge``: carry out a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.edit_text import edit_text
from taskvec.cli.options import (
    AllowOption,
    DtypeOption,
    MeasureOption,
    Running,
    SeedOption,
    ShardSizeOption,
    dtype_option,
    rules_option,
    size_option,
)
from taskvec.cli.screen import Run

app = typer.Typer()


@command(app, "merge")
def merge(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A YAML file, ours or mergekit's.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.", show_default=False)],
    how: Running,
    dtype: DtypeOption = None,
    out_shard_size: ShardSizeOption = None,
    random_seed: SeedOption = None,
    allow: AllowOption = None,
    measure: MeasureOption = False,
    sha256: Annotated[
        bool,
        typer.Option(
            "--sha256/--no-sha256",
            help="Name the SHA-256 of every input file in the model card; reads those whose hash is not known yet.",
        ),
    ] = True,
) -> None:
    """Write the model or the task vector that a recipe says.

    A recipe is a YAML file, ours or mergekit's: docs/recipes.md says what it may hold. References in it are relative to
    its folder. What is said here as an option becomes part of the recipe, which is written to OUT/recipe.yaml:
    taskvec merge OUT/recipe.yaml OUT2 makes the same weights again.

    With --json: out, files, tensors (edited, copied), bytes; where rules were used, rules; over a basis, certificate
    (as taskvec edit).
    """
    from taskvec.editing.recipe.loading import load_recipe
    from taskvec.editing.write import Merging
    from taskvec.vectors.output import EditResult

    shard_size = None if out_shard_size is None else size_option(out_shard_size, "--out-shard-size")
    chosen, rules = dtype_option(dtype), rules_option(allow)
    with Run(how) as run:
        file = load_recipe(recipe).overridden(dtype=chosen, shard_size=shard_size, seed=random_seed, allow=rules)
        merging = Merging(file, run.options, sha256=sha256, measure=measure)
        run.carry_out(
            plan=lambda: merging.plan(out), work=lambda: merging.save(out), data=EditResult.to_json, text=edit_text
        )
