"""A folder that is ready for a hub: the model, its card with licence and origin, and the hash of every file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskvec._version import __version__
from taskvec.checkpoints.hub import HubId, upload
from taskvec.checkpoints.opening import open_checkpoint
from taskvec.checkpoints.staging import StagedOutput
from taskvec.errors import CheckpointError

CARD = "README.md"
HASHES = "SHA256SUMS"
_RECORD = "taskvec"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """A folder that was made, and where it was sent.

    Attributes:
        out: The folder.
        files: The files in it.
        url: Where it is on the hub; None where nothing was sent.
    """

    out: Path
    files: tuple[str, ...]
    url: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"out": str(self.out), "files": list(self.files), "url": self.url}


def publish(
    ref: str, out: str | os.PathLike[str], *, license_name: str, base_model: str | None = None, to: HubId | None = None
) -> Published:
    """Make a folder of a model with a card and hashes; send it to the hub only where one is named.

    A card that is there already keeps its text.

    Weights are linked, not copied, where the file system can.

    Args:
        ref: A folder, as ``taskvec edit`` writes them.
        out: The folder to make.
        license_name: What its users may do, as hubs spell it, such as ``apache-2.0``.
        base_model: The base as it is called on the hub.
        to: The repository to send it to.

    Returns:
        What was made.

    Raises:
        CheckpointError: If the reference is no folder.
    """
    with open_checkpoint(ref) as model:
        folder, record = model.root, _record(model.metadata)
    if not folder.is_dir():
        raise CheckpointError(f"{ref}: is a file; publish the folder of a model, with its configuration")
    with StagedOutput(Path(out)) as staged:
        names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        names = [name for name in names if not any(part.startswith(".") for part in name.parts) and str(name) != CARD]
        for name in names:
            _link(folder / name, staged.directory / name)
        there = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else ""
        card = _licensed(there, license_name, base_model) or _card(staged.target.name, record, license_name, base_model)
        (staged.directory / CARD).write_text(card, encoding="utf-8")
        lines = [f"{_sha256(staged.directory / name)}  {name}\n" for name in [*names, Path(CARD)]]
        (staged.directory / HASHES).write_text("".join(lines), encoding="utf-8")
        staged.publish()
    url = upload(staged.target, to) if to else None
    return Published(staged.target, (*map(str, names), CARD, HASHES), url)


def _record(metadata: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        record = json.loads(metadata.get(_RECORD, "{}"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _licensed(card: str, license_name: str, base_model: str | None) -> str | None:
    """Return a card that is there already with another licence and base; None where there is none as hubs read it."""
    _, *matter = card.split("---\n", 2)
    if not card.startswith("---\n") or len(matter) < 2:
        return None
    replaced = {"license:", *({"base_model:"} if base_model else ())}
    kept: list[str] = []
    is_replaced = False
    for line in matter[0].splitlines():
        if not line.startswith((" ", "-")):  # a new entry; what follows indented or as a list belongs to it
            is_replaced = line.partition(" ")[0] in replaced
        kept += [] if is_replaced else [line]
    head = [f"license: {json.dumps(license_name)}", *([f"base_model: {json.dumps(base_model)}"] if base_model else [])]
    return "\n".join(["---", *head, *kept, f"---\n{matter[1]}"])


def _card(name: str, record: Mapping[str, Any], license_name: str, base_model: str | None) -> str:
    head = [f"license: {json.dumps(license_name)}", "library_name: transformers", "tags:", "- task-vectors", "- merge"]
    if base_model:
        head += [f"base_model: {json.dumps(base_model)}", "base_model_relation: merge"]
    said: Sequence[str] = [f"Made with taskvec {record.get('version', __version__)}."]
    if "expression" in record:
        said = [*said, f"\n```\n{record['expression']}\n```\n", "| name | source |\n|---|---|"]
        said = [*said, *(f"| `{key}` | `{value}` |" for key, value in record.get("sources", {}).items())]
    for use in record.get("rules", ()):
        said = [*said, f"\nRule *{use['rule']}* covered {len(use['tensors'])} tensors of `{use['source']}`."]
    return "\n".join(
        ["---", *head, "---", "", f"# {name}", "", *said, "", f"`{HASHES}` has the hash of every file.", ""]
    )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    real = source.resolve()  # a hub's cache is made of links
    try:
        target.hardlink_to(real)
    except OSError:
        shutil.copyfile(real, target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
