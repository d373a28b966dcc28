"""How a store begins: its base is read once, to be known again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from taskvec.checkpoints import StagedOutput, open_checkpoint, write_json_atomic
from taskvec.store.document import StoreDocument, document_data
from taskvec.store.documents import FOLDERS
from taskvec.store.linked import describe_source
from taskvec.streaming import Folder, Journal, RunOptions, Staged, Steps, job_key
from taskvec.vectors.fingerprints import Scan, scanning_of
from taskvec.vectors.task_vector import Ref


def founding(path: Ref, base: Ref, options: RunOptions) -> Steps[Path]:
    """Make an empty store.

    Args:
        path: The folder to make.
        base: The base model.
        options: The limits.

    Returns:
        The folder.
    """
    target = Path(path).expanduser().absolute()
    with open_checkpoint(base) as checkpoint:
        key = job_key(scanning_of(checkpoint).job(options))

        def read(folder: Folder) -> Steps[Scan]:
            return iter(scanning_of(checkpoint, notes=lambda _: Journal(folder.journal, key)))

        def published(staged: StagedOutput, scan: Scan) -> Scan:
            document = StoreDocument(base=describe_source(checkpoint, scan.digests[0], checkpoint.ref, target))
            for folder in FOLDERS:
                (staged.directory / folder).mkdir(exist_ok=True)
            write_json_atomic(staged.directory / "store.json", document_data(document))
            staged.publish()
            return scan

        yield from Staged(target, partial(StagedOutput, target, resume_key=key), read, published)
    return target
