"""What a result depends on: the base, and every seed's task vectors, by content."""

from collections.abc import Mapping
from pathlib import Path

from taskvec import Store
from taskvec.results import Input


def inputs_of(stores: Mapping[int, Store]) -> tuple[Input, ...]:
    """The base of some stores, then the task vectors of each.

    Args:
        stores: Seed → store of the vectors that were fine-tuned with it; all of one base.
    """
    found: list[Input] = []
    for seed, store in stores.items():
        base = store.documents.store().base
        if not found:
            found.append(Input(name="base", ref=_folder(base.ref), fingerprint=base.fingerprint))
        for name in store.names:
            source = store.documents.vector(name).source
            found.append(Input(name=f"{name}, seed {seed}", ref=_folder(source.ref), fingerprint=source.fingerprint))
    return tuple(found)


def _folder(ref: str) -> str:
    """The name of the folder that a checkpoint is or lies in."""
    path = Path(ref)
    return path.parent.name if path.suffix else path.name
