"""``taskvec edit``: write what an expression says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.edit_text import edit_text
from taskvec.cli.options import (
    AllowOption,
    DtypeOption,
    ExcludeOption,
    IncludeOption,
    MaxErrorOption,
    MeasureOption,
    RankOption,
    RenameOption,
    Running,
    SeedOption,
    ShardSizeOption,
    WithRestOption,
    dtype_option,
    named_refs,
    rules_option,
    size_option,
)
from taskvec.cli.screen import Run

if TYPE_CHECKING:
    from taskvec.editing.recipe.file import RecipeFile
    from taskvec.editing.write import Merging

app = typer.Typer()

_MODEL, _LORA = "model", "lora"


@dataclass(frozen=True, kw_only=True)
class Over:
    """What the expression is over, where it is no store or not a store alone."""

    base: Annotated[str | None, typer.Option("--base", metavar="REF", help="Without a store: the base model.")] = None
    vector: Annotated[
        list[str] | None,
        typer.Option(
            "--vector",
            metavar="NAME=REF",
            help="Without a store: a name and the fine-tuned model that it stands for. May be repeated.",
        ),
    ] = None
    basis: Annotated[
        str | None,
        typer.Option(
            "--basis", metavar="NAME", help="Take the vectors from this basis of the store; only its atoms are read."
        ),
    ] = None
    atoms: Annotated[
        bool,
        typer.Option(
            "--add-atoms",
            help="Over a basis: take the sum of all tasks as the sum of the atoms with weight 1, as the paper does, "
            "and a merge of all tasks as a merge of the atoms.",
        ),
    ] = False
    measure: MeasureOption = False


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How the result is written."""

    dtype: DtypeOption = None
    out_shard_size: ShardSizeOption = None
    random_seed: SeedOption = None


@dataclass(frozen=True, kw_only=True)
class Matching:
    """How the tensors and tokens of models match those of the base."""

    allow: AllowOption = None
    rename: RenameOption = None
    tokenizer_source: Annotated[
        str | None,
        typer.Option(
            "--tokenizer-source",
            metavar="base|union|NAME",
            help="Without a store: bring rows of embeddings together by token, and take the tokens of these.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Whether a model or an adapter is written, and which."""

    output: Annotated[
        str, typer.Option("--as", metavar="model|lora", help="Write whole tensors, or a LoRA adapter for the base.")
    ] = _MODEL
    rank: RankOption = None
    max_error: MaxErrorOption = None
    include: IncludeOption = None
    exclude: ExcludeOption = None
    with_rest: WithRestOption = False


@command(app, "edit")
def edit(
    store: Annotated[
        str, typer.Argument(metavar="STORE", help="The store; leave it out with --base.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The folder to make.", show_default=False)],
    how: Running,
    expression: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPRESSION", help="What to write; put -- before it if it begins with a minus.", show_default=False
        ),
    ] = None,
    *,
    over: Over,
    writing: Writing,
    matching: Matching,
    kind: Kind,
    sha256: Annotated[
        bool,
        typer.Option("--sha256", help="Name the SHA-256 of every input file in the model card, which costs a read."),
    ] = False,
) -> None:
    """Write the model, the task vector or the adapter that an expression says.

    With a store: taskvec edit STORE EXPRESSION -o OUT. Without: taskvec edit --base REF --vector NAME=REF EXPRESSION
    -o OUT.

    An expression is such as "base + 0.4*(math + code) - 0.6*toxic"; without base, the result is a task vector. Of a
    diffusion model, blocks(ink, weights=GRAD_V) scales a vector by block; taskvec methods lists the presets.

    With --as lora, what is added to the base is cut to a low rank, and the error of that is printed; --rank or
    --max-error says how low.
    A model card and the edit as a recipe are written beside the weights: taskvec merge OUT/recipe.yaml OUT2 makes the
    same weights again.

    With --json: out, files, tensors (edited, copied), bytes; where rules were used, rules; over a basis, certificate
    (basis, addition, relative_error, or null and why it is unknown, task_errors; with --measure, measured_error); with
    --tokenizer-source, vocabulary (what moved).
    With --as lora: as taskvec extract-lora, and over a basis certificate.
    """
    request = _request([word for word in (store, expression) if word is not None], over, matching)
    _check_together(over, matching, kind)
    size = None if writing.out_shard_size is None else size_option(writing.out_shard_size, "--out-shard-size")
    chosen, is_lora = dtype_option(writing.dtype), _is_lora(kind)
    from taskvec.editing.write import Merging  # wrong usage is refused before what does the work is loaded
    from taskvec.vectors.output import EditResult

    with Run(how) as run:
        file = request().overridden(
            dtype=chosen,
            shard_size=size,
            seed=writing.random_seed,
            tokenizer=matching.tokenizer_source,
            rename=matching.rename or (),
        )
        merging = Merging(file, run.options, sha256=sha256, measure=over.measure)
        if is_lora:
            _save_lora(merging, out, run, kind)
            return
        run.carry_out(
            plan=lambda: merging.plan(out), work=lambda: merging.save(out), data=EditResult.to_json, text=edit_text
        )


def _check_together(over: Over, matching: Matching, kind: Kind) -> None:
    """Refuse to measure where nothing is recovered, or where what is cut to a rank has an error of its own.

    Names of tokens and tensors are refused beside a store, whose vectors have the base's.

    Raises:
        typer.BadParameter: If any such are given.
    """
    if over.measure and (over.basis is None or kind.output == _LORA):
        raise typer.BadParameter("--measure goes with --basis NAME and whole tensors")
    if over.base is None and (matching.tokenizer_source or matching.rename):
        raise typer.BadParameter(
            "--tokenizer-source and --rename go with --base; for a store, give --rename to taskvec store add"
        )


def _is_lora(kind: Kind) -> bool:
    """Say whether an adapter is asked for.

    Raises:
        typer.BadParameter: If the word is unknown, or an option of adapters is given without it.
    """
    if kind.output not in {_MODEL, _LORA}:
        raise typer.BadParameter(f"{kind.output!r} is neither model nor lora", param_hint="--as")
    only_for_lora = (kind.rank, kind.max_error, kind.include, kind.exclude, kind.with_rest or None)
    if kind.output == _MODEL and any(given is not None for given in only_for_lora):
        raise typer.BadParameter("--rank, --max-error, --include, --exclude and --with-rest go with --as lora")
    return kind.output == _LORA


def _save_lora(merging: Merging, out: Path, run: Run, kind: Kind) -> None:
    from taskvec.adapters import LoraResult, Targets
    from taskvec.adapters.extraction import lora_rule
    from taskvec.cli.lora_text import lora_text
    from taskvec.editing.lora_output import plan_as_lora, save_as_lora

    targets = Targets(tuple(kind.include or ()), tuple(kind.exclude or ()))
    rule = lora_rule(kind.rank, kind.max_error)
    run.carry_out(
        plan=lambda: plan_as_lora(merging.understanding(), out, rule, targets, run.options, with_rest=kind.with_rest),
        work=lambda: save_as_lora(merging.editing(), out, rule, targets, with_rest=kind.with_rest),
        data=LoraResult.to_json,
        text=lora_text,
    )


def _request(words: Sequence[str], over: Over, matching: Matching) -> Callable[[], RecipeFile]:
    """Understand which of the two ways of editing is asked for.

    Raises:
        typer.BadParameter: If the options do not fit together.
    """
    if over.atoms and over.basis is None:
        raise typer.BadParameter("--add-atoms goes with --basis NAME")
    from taskvec.editing.recipe.file import RecipeFile

    if over.base is None:
        if over.vector:
            raise typer.BadParameter("--vector goes with --base REF, and a store has its own base")
        if matching.allow:
            raise typer.BadParameter("--allow goes with --base; for a store, give it to taskvec store add")
        if len(words) != 2:
            raise typer.BadParameter("expected STORE and EXPRESSION, or EXPRESSION with --base and --vector")
        addition = "atoms" if over.atoms else "recovered"
        return partial(RecipeFile.of_store, words[0], words[1], basis=over.basis, addition=addition)
    if over.basis is not None:
        raise typer.BadParameter("--basis is of a store, and --base means that there is none")
    if len(words) != 1:
        raise typer.BadParameter("with --base, expected an EXPRESSION and no STORE")
    vectors, rules = named_refs(over.vector or ()), rules_option(matching.allow or ())
    return partial(RecipeFile.of_checkpoints, over.base, vectors, words[0], allow=rules)
