"""``taskvec attribute``: whose is an unknown fine-tune?"""

from __future__ import annotations

from typing import Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import NamesArgument, Running, StoreArgument
from taskvec.cli.screen import Run
from taskvec.cli.sharing_options import Sharing

app = typer.Typer()


@command(app, "attribute")
def attribute_checkpoint(
    store: StoreArgument,
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="A fine-tune of the store's base model.", show_default=False)
    ],
    how: Running,
    wanted: Sharing,
    names: NamesArgument = None,
) -> None:
    """Say how much of an unknown model's change lies in the unique space of each task.

    A task's unique space is what its own directions leave when the shared ones are taken out; beside each share stands
    what a random change would have there. Unique spaces are not orthogonal, so shares need not add up. Nothing is
    stored.

    With --json: ref, shared, unique (by name), chance (by name), nearest (the name with most beyond chance; null where
    none has more).
    """
    from taskvec.cli.attribute_text import attribution_text
    from taskvec.components.attributing import Attribution, attribute, attributing
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    request = {**wanted.keywords(), "tasks": names or None}
    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(attributing(opened, ref, **request), run.options),
            work=lambda: attribute(opened, ref, **request),
            data=Attribution.to_json,
            text=attribution_text,
        )
