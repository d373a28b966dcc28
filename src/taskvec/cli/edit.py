"""``taskvec edit``: write what an expression says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import (
    AllowOption,
    DtypeOption,
    ExcludeOption,
    IncludeOption,
    MaxErrorOption,
    RankOption,
    RenameOption,
    Running,
    dtype_option,
    named_refs,
    rules_option,
    size_option,
)
from taskvec.cli.screen import Run

if TYPE_CHECKING:
    from taskvec.composition.editing import Addition, Editing
    from taskvec.streaming.plan import RunOptions
    from taskvec.vectors.alignment import Rule
    from taskvec.vectors.output import EditResult, OutputOptions

    Request = Callable[[OutputOptions, RunOptions, bool], Editing]

app = typer.Typer()

_MODEL, _LORA = "model", "lora"


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
    base: Annotated[str | None, typer.Option("--base", metavar="REF", help="Without a store: the base model.")] = None,
    vector: Annotated[
        list[str] | None,
        typer.Option(
            "--vector",
            metavar="NAME=REF",
            help="Without a store: a name and the fine-tuned model that it stands for. May be repeated.",
        ),
    ] = None,
    basis: Annotated[
        str | None,
        typer.Option(
            "--basis", metavar="NAME", help="Take the vectors from this basis of the store; only its atoms are read."
        ),
    ] = None,
    atoms: Annotated[
        bool,
        typer.Option(
            "--add-atoms",
            help="Over a basis: take the sum of all tasks as the sum of the atoms with weight 1, as the paper does.",
        ),
    ] = False,
    dtype: DtypeOption = None,
    out_shard_size: Annotated[
        str | None,
        typer.Option("--out-shard-size", metavar="SIZE", help="Bytes in a file at most; one file if not given."),
    ] = None,
    allow: AllowOption = None,
    rename: RenameOption = None,
    tokenizer_source: Annotated[
        str | None,
        typer.Option(
            "--tokenizer-source",
            metavar="base|union|NAME",
            help="Without a store: bring rows of embeddings together by token, and take the tokens of these.",
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--as", metavar="model|lora", help="Write whole tensors, or a LoRA adapter for the base.")
    ] = _MODEL,
    rank: RankOption = None,
    max_error: MaxErrorOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
) -> None:
    """Write the model, the task vector or the adapter that an expression says.

    With a store: taskvec edit STORE EXPRESSION -o OUT. Without: taskvec edit --base REF --vector NAME=REF EXPRESSION
    -o OUT.

    An expression is such as "base + 0.4*(math + code) - 0.6*toxic"; without base, the result is a task vector.

    With --as lora, what is added to the base is cut to a low rank, and the error of that is printed; --rank or
    --max-error says how low.

    With --json: out, files, tensors (edited, copied), bytes; where rules were used, rules; over a basis, certificate;
    with --tokenizer-source, vocabulary (what moved).
    With --as lora: as taskvec extract-lora.
    """
    from taskvec.vectors.output import EditResult, OutputOptions

    words = [word for word in (store, expression) if word is not None]
    request = _request(words, base=base, vectors=vector or (), basis=basis, atoms=atoms, allow=allow or ())
    if tokenizer_source is not None or rename:
        names = _Names(tokenizer_source, tuple(rename or ()))
        request = _with_names(base, named_refs(vector or ()), words, rules_option(allow or ()), names)
    shard_size = None if out_shard_size is None else size_option(out_shard_size, "--out-shard-size")
    how_written = OutputOptions(dtype=dtype_option(dtype), shard_size=shard_size)
    if _is_lora(output, rank, max_error, include, exclude):
        _save_lora(request, how_written, out, how, (rank, max_error), (include or (), exclude or ()))
        return
    with Run(how) as run:
        run.carry_out(
            plan=lambda: request(how_written, run.options, True).plan(out),
            work=lambda: request(how_written, run.options, False).save(out),
            data=EditResult.to_json,
            text=_edit_text,
        )


def _is_lora(output: str, *only_for_lora: object) -> bool:
    """Say whether an adapter is asked for.

    Raises:
        typer.BadParameter: If the word is unknown, or an option of adapters is given without it.
    """
    if output not in {_MODEL, _LORA}:
        raise typer.BadParameter(f"{output!r} is neither model nor lora", param_hint="--as")
    if output == _MODEL and any(given is not None for given in only_for_lora):
        raise typer.BadParameter("--rank, --max-error, --include and --exclude go with --as lora")
    return output == _LORA


def _save_lora(
    request: Request,
    output: OutputOptions,
    out: Path,
    how: Running,
    rank: tuple[int | None, float | None],
    patterns: tuple[Sequence[str], Sequence[str]],
) -> None:
    from taskvec.cli.lora_text import lora_text
    from taskvec.composition.lora_output import plan_as_lora, save_as_lora
    from taskvec.linalg.low_rank import LoraResult, Targets
    from taskvec.linalg.low_rank.extraction import lora_rule

    targets = Targets(tuple(patterns[0]), tuple(patterns[1]))
    rule = lora_rule(*rank)
    with Run(how) as run:
        run.carry_out(
            plan=lambda: plan_as_lora(request(output, run.options, True), out, rule, targets),
            work=lambda: save_as_lora(request(output, run.options, False), out, rule, targets),
            data=LoraResult.to_json,
            text=lora_text,
        )


def _request(
    words: Sequence[str],
    *,
    base: str | None,
    vectors: Sequence[str],
    basis: str | None,
    atoms: bool,
    allow: Sequence[str],
) -> Request:
    """Understand which of the two ways of editing is asked for.

    Raises:
        typer.BadParameter: If the options do not fit together.
    """
    if atoms and basis is None:
        raise typer.BadParameter("--add-atoms goes with --basis NAME")
    if base is None:
        if vectors:
            raise typer.BadParameter("--vector goes with --base REF, and a store has its own base")
        if allow:
            raise typer.BadParameter("--allow goes with --base; for a store, give it to taskvec store add")
        if len(words) != 2:
            raise typer.BadParameter("expected STORE and EXPRESSION, or EXPRESSION with --base and --vector")
        return partial(_over_store, words[0], words[1], basis, atoms)
    if basis is not None:
        raise typer.BadParameter("--basis is of a store, and --base means that there is none")
    if len(words) != 1:
        raise typer.BadParameter("with --base, expected an EXPRESSION and no STORE")
    return partial(_over_checkpoints, base, named_refs(vectors), words[0], rules_option(allow))


def _over_store(
    store: str,
    expression: str,
    basis: str | None,
    atoms: bool,
    output: OutputOptions,
    options: RunOptions,
    is_plan: bool,
) -> Editing:
    from taskvec.composition.editing import Editing
    from taskvec.vectors.store import Store

    addition: Addition = "atoms" if atoms else "recovered"
    opened = Store(store, options)
    return Editing.of_store(opened, expression, basis=basis, addition=addition, output=output, is_plan=is_plan)


def _over_checkpoints(
    base: str,
    refs: Mapping[str, str],
    expression: str,
    allow: Sequence[Rule],
    output: OutputOptions,
    options: RunOptions,
    is_plan: bool,  # noqa: ARG001  # without a store, nothing has to be read to understand an expression
    names: _Names | None = None,
) -> Editing:
    from taskvec.composition.editing import Editing

    names = names or _Names()
    return Editing.of_checkpoints(
        base,
        refs,
        expression,
        allow=allow,
        output=output,
        options=options,
        tokenizer_source=names.tokenizer_source,
        renames=names.renames,
    )


@dataclass(frozen=True)
class _Names:
    """How tokens and tensors of fine-tuned models are called in the base."""

    tokenizer_source: str | None = None
    renames: tuple[str, ...] = ()


def _with_names(
    base: str | None, refs: Mapping[str, str], words: Sequence[str], allow: Sequence[Rule], names: _Names
) -> Request:
    """Edit models whose tokens or tensors may be called otherwise.

    Raises:
        typer.BadParameter: If there is a store: its vectors have the base's names.
    """
    if base is None:
        raise typer.BadParameter(
            "--tokenizer-source and --rename go with --base; for a store, give --rename to taskvec store add"
        )
    return partial(_over_checkpoints, base, refs, words[0], allow, names=names)


def _edit_text(result: EditResult) -> Iterator[str]:
    from taskvec.streaming.memory import format_size

    files = f"{len(result.files)} file{'s' if len(result.files) > 1 else ''}"
    tensors = f"{result.edited} tensors edited, {result.copied} copied"
    yield f"wrote {result.out}: {tensors}, {format_size(result.num_bytes)} in {files}"
    for rule in result.rules:
        yield f"rule {rule['rule']} covered {len(rule['tensors'])} tensors of {rule['source']}"
    if result.vocabulary:
        found = result.vocabulary
        yield f"vocabulary of {found['source']}: {found['tokens']} tokens, {len(found['added'])} new to the base"
    if result.certificate:
        error = result.certificate["relative_error"]
        size = "an unknown relative error" if error is None else f"a relative error of {error:.3g}"
        yield f"over basis {result.certificate['basis']}: what was added has {size}"
