"""``taskvec extract-lora``: the difference of two models as an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import (
    AllowOption,
    BaseOption,
    DtypeOption,
    ExcludeOption,
    IncludeOption,
    MaxErrorOption,
    RankOption,
    Running,
    WithRestOption,
    dtype_option,
    rules_option,
)
from taskvec.cli.screen import Run

app = typer.Typer()


@command(app, "extract-lora")
def extract(
    model: Annotated[str, typer.Argument(metavar="REF", help="The fine-tuned model.", show_default=False)],
    base: BaseOption,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The folder to make.", show_default=False)],
    how: Running,
    rank: RankOption = None,
    max_error: MaxErrorOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    dtype: DtypeOption = None,
    allow: AllowOption = None,
    with_rest: WithRestOption = False,
) -> None:
    """Write the difference of two models as a LoRA adapter that PEFT loads.

    Each matrix is cut to R singular directions, or to as few as an error allows. What an adapter cannot hold (biases,
    norms, and embeddings that no pattern names) is left out and counted, or with --with-rest written whole.

    With --json: out, files, truncation_error, relative_error (with what is left out), matrices (name, rank, error),
    left_out (name, norm), whole, num_params, bytes.
    """
    from taskvec.adapters import Extraction, LoraResult, Targets
    from taskvec.adapters.extraction import lora_rule
    from taskvec.cli.lora_text import lora_text
    from taskvec.streaming import plan_steps
    from taskvec.types import DType
    from taskvec.vectors.task_vector import TaskVector

    rule, rules = lora_rule(rank, max_error), rules_option(allow)
    targets = Targets(tuple(include or ()), tuple(exclude or ()))
    factors = dtype_option(dtype) or DType.F32

    with Run(how) as run:

        def extraction() -> Extraction:
            vector = TaskVector(base, model, allow=rules)
            return Extraction(vector, rule, targets, factors, run.options, with_rest=with_rest)

        run.carry_out(
            plan=lambda: plan_steps(extraction().extracting(out), run.options),
            work=lambda: extraction().save(out),
            data=LoraResult.to_json,
            text=lora_text,
        )
