"""``taskvec publish``: a folder with card and hashes, sent to a hub where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import Reporting
from taskvec.cli.screen import show

if TYPE_CHECKING:
    from taskvec.checkpoints.hub import HubId

app = typer.Typer()


@command(app, "publish")
def publish_model(
    model: Annotated[str, typer.Argument(metavar="REF", help="The folder of a model.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The folder to make.", show_default=False)],
    license_name: Annotated[
        str, typer.Option("--license", metavar="NAME", help="As hubs spell it: apache-2.0.", show_default=False)
    ],
    how: Reporting,
    base_model: Annotated[
        str | None, typer.Option("--base-model", metavar="ORG/NAME", help="The base, as it is called on the hub.")
    ] = None,
    upload: Annotated[
        str | None, typer.Option("--upload", metavar="ORG/NAME", help="Also send it there; nothing is sent without.")
    ] = None,
) -> None:
    """Make a folder of a model that is ready for a hub: its files, a card, and SHA256SUMS.

    The card says the licence, the base, and how the model was made.

    With --json: out, files, url.
    """
    from taskvec.checkpoints.publication import publish

    published = publish(model, out, license_name=license_name, base_model=base_model, to=_target(upload))
    sent = [f"sent to {published.url}"] if published.url else []
    show(how, published.to_json(), lambda: [f"wrote {published.out}: {len(published.files)} files", *sent])


def _target(text: str | None) -> HubId | None:
    """Read where to send it.

    Raises:
        typer.BadParameter: If it is no name of a repository.
    """
    from taskvec.checkpoints.hub import HubId

    found = None if text is None else HubId.parse(text)
    if text is not None and found is None:
        raise typer.BadParameter(f"{text!r} is not ORG/NAME", param_hint="--upload")
    return found
