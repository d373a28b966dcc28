"""The options of the command line, each declared once; the groups that every command takes are dataclasses.

Nothing heavy is imported here: what a value means is looked up when a command runs, not for ``--help``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from taskvec.streaming.events import Listener
    from taskvec.streaming.plan import RunOptions
    from taskvec.types import DType
    from taskvec.vectors.alignment import Rule


def size_option(text: str, option: str) -> int:
    """Read SIZE.

    Raises:
        typer.BadParameter: If it is no size; the message names the option.
    """
    from taskvec.streaming.memory import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def dtype_option(text: str | None, also: str = "") -> DType | None:
    """Read the name of an output dtype.

    Args:
        text: The name.
        also: What else would have done, for the message.

    Raises:
        typer.BadParameter: If no output can have that dtype.
    """
    from taskvec.types import DType

    try:
        return None if text is None else DType.from_option(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}{also}", param_hint="--dtype") from None


def named_refs(texts: Sequence[str]) -> dict[str, str]:
    """Read NAME=REF, once or more.

    Raises:
        typer.BadParameter: If one is not of that form, or a name occurs twice.
    """
    refs: dict[str, str] = {}
    for text in texts:
        name, _, ref = text.partition("=")
        if not name or not ref:
            raise typer.BadParameter(f"{text!r} is not NAME=REF, such as math=models/math")
        if name in refs:
            raise typer.BadParameter(f"the name {name!r} is given twice: every task vector needs its own")
        refs[name] = ref
    return refs


def rules_option(texts: Sequence[str] | None) -> tuple[Rule, ...]:
    """Read RULE, any number of times.

    Raises:
        typer.BadParameter: If there is no such rule.
    """
    from taskvec.vectors.alignment import Rule

    try:
        return tuple(Rule(text) for text in texts or ())
    except ValueError:
        known = ", ".join(Rule)
        wrong = next(text for text in texts or () if text not in set(Rule))
        raise typer.BadParameter(f"unknown rule {wrong!r}: use {known}", param_hint="--allow") from None


def settings_option(texts: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE, any number of times.

    Raises:
        typer.BadParameter: If one is not of that form.
    """
    settings = dict(text.partition("=")[::2] for text in texts)
    if not all("=" in text for text in texts) or not all(settings):
        raise typer.BadParameter("expected NAME=VALUE, such as tau=5", param_hint="--option")
    return settings


def names_option(text: str | None, option: str = "--tasks") -> list[str] | None:
    """Read names with commas between them.

    Raises:
        typer.BadParameter: If a name is empty; the message names the option.
    """
    names = None if text is None else [name.strip() for name in text.split(",")]
    if names is not None and not all(names):
        raise typer.BadParameter(f"{text!r} is no list of names such as math,code", param_hint=option)
    return names


StoreArgument = Annotated[str, typer.Argument(metavar="STORE", help="The folder of the store.", show_default=False)]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of a task vector in the store.", show_default=False)
]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", help="Names of task vectors in the store; all if none is given.", show_default=False
    ),
]
NamedRefsArgument = Annotated[
    list[str],
    typer.Argument(metavar="NAME=REF", help="A name and the fine-tuned model that it stands for.", show_default=False),
]
BaseOption = Annotated[str, typer.Option("--base", metavar="REF", help="The base model.", show_default=False)]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="RULE",
        help="Let a named rule cover what is otherwise an error, and record it: missing (a tensor that a fine-tuned "
        "model lacks counts as unchanged), extra (a tensor that only it has is left out), integers (where integer "
        "tensors differ, the base's are kept), non-finite (NaN and infinity are let through). Used "
        "unasked, and recorded too: prefix (names that differ by model., module. or a wrapper are the same), tied (one "
        "tensor under two names with equal values), buffers (what is computed from the configuration), training "
        "(states of optimizers). May be repeated.",
    ),
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        metavar="OLD=NEW",
        help="Take tensors of fine-tuned models under the names that the base has, with * for what stays, as in "
        "'lm.layers.*=model.layers.*'. May be repeated; the first that matches counts.",
    ),
]
DtypeOption = Annotated[
    str | None,
    typer.Option(
        "--dtype", metavar="bf16|f16|f32", help="The dtype of what is written; as in the inputs if not given."
    ),
]
RankOption = Annotated[
    int | None, typer.Option("--rank", metavar="R", help="For an adapter: keep R directions of each matrix; or")
]
MaxErrorOption = Annotated[
    float | None,
    typer.Option(
        "--max-error", metavar="E", help="for an adapter: as few as keep the relative error of each matrix at most E."
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="For an adapter: only tensors of such names, as in '*.q_proj.weight'; all weights of layers if not given, "
        "and embeddings only where a pattern names them. May be repeated.",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="For an adapter: no tensors of such names. May be repeated."),
]
WithRestOption = Annotated[
    bool,
    typer.Option(
        "--with-rest", help="Also write whole what no factors hold: biases, norms, convolutions of one dimension, …"
    ),
]
PageOption = Annotated[
    Path, typer.Option("-o", "--out", metavar="PAGE", help="Where the page goes: an .html file.", show_default=False)
]
ShardSizeOption = Annotated[
    str | None,
    typer.Option("--out-shard-size", metavar="SIZE", help="Bytes in a file at most; one file if not given."),
]
SeedOption = Annotated[
    int | None, typer.Option("--random-seed", min=0, metavar="N", help="The key of random masks; 0 if not given.")
]
MeasureOption = Annotated[
    bool,
    typer.Option(
        "--measure",
        help="Over a basis: measure the error against the task vectors themselves, which the store must still have and "
        "which are read once more. That of a merge is not known otherwise.",
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Also draw a figure: a .png, .svg or .pdf file. A process of its own draws it when the work is done, in "
        "100 to 170 MiB beside --memory.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """How a command reports what it did: the options that every command takes.

    Attributes:
        json: One JSON object on stdout instead of text.
        verbose: Say more, on stderr.
        quiet: Say nothing but errors.
    """

    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")] = False
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Print the plan, and each pass with its seconds, on stderr.")
    ] = False
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print nothing but errors (and the object that --json asks for).")
    ] = False

    def __post_init__(self) -> None:
        if self.verbose and self.quiet:
            raise typer.BadParameter("use -v or -q, not both")


@dataclass(frozen=True, kw_only=True)
class Running(Reporting):
    """How a command that touches weights runs: the options that every such command takes.

    Attributes:
        memory: SIZE that is allowed for the whole process; that of :class:`RunOptions` if not given.
        workers: Threads, or processes; one a processor if not given.
        executor: Where they are; that of :class:`RunOptions` if not given.
        device: Where to compute.
        dry_run: Plan, and do nothing.
    """

    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Memory allowed for the whole process; 1GiB if not given."),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option("-j", min=1, metavar="N", help="Workers that read and compute; one a processor if not given."),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            metavar="serial|threads|processes",
            help="Where workers are: in this process, or in ones that it starts and that take their own memory; "
            "threads if not given. Results are the same.",
        ),
    ] = None
    device: Annotated[
        str, typer.Option("--device", metavar="DEVICE", help="Where to compute: cpu, or a torch device such as cuda.")
    ] = "cpu"
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan (passes, bytes, memory, free disk) and write nothing.")
    ] = False

    def run_options(self, listener: Listener) -> RunOptions:
        """Return the same as the engine takes it."""
        from taskvec.streaming.plan import RunOptions

        options = RunOptions(device=self.device, listener=listener)
        if self.executor is not None:
            options = _on(self.executor, options)
        if self.memory is not None:
            options = replace(options, memory=size_option(self.memory, "--memory"))
        return options if self.workers is None else replace(options, workers=self.workers)


def _on(executor: str, options: RunOptions) -> RunOptions:
    """Return options with another executor.

    Raises:
        typer.BadParameter: If there is no such executor, or it does not go with the device.
    """
    from taskvec.errors import TaskvecError

    try:
        return replace(options, executor=executor)
    except TaskvecError as error:
        raise typer.BadParameter(str(error), param_hint="--executor") from None
