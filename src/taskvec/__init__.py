"""Task vectors as values: what fine-tuning added to a model, stored, compressed, split, combined and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec._version import __version__
from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.bases.basis import Basis
    from taskvec.bases.compress import compress
    from taskvec.checkpoints import open_checkpoint
    from taskvec.components.decompose import decompose
    from taskvec.components.decomposition import Decomposition
    from taskvec.editing.write import edit, merge
    from taskvec.errors import TaskvecError
    from taskvec.results import Result
    from taskvec.store.similarity import similarity
    from taskvec.store.store import Store
    from taskvec.streaming import RunOptions
    from taskvec.vectors.edited import Edited
    from taskvec.vectors.output import OutputOptions
    from taskvec.vectors.task_vector import TaskVector

__all__ = [
    "Basis",
    "Decomposition",
    "Edited",
    "OutputOptions",
    "Result",
    "RunOptions",
    "Store",
    "TaskVector",
    "TaskvecError",
    "__version__",
    "compress",
    "decompose",
    "edit",
    "merge",
    "open_checkpoint",
    "similarity",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Basis": "taskvec.bases.basis",
        "Decomposition": "taskvec.components.decomposition",
        "Edited": "taskvec.vectors.edited",
        "OutputOptions": "taskvec.vectors.output",
        "Result": "taskvec.results",
        "RunOptions": "taskvec.streaming",
        "Store": "taskvec.store.store",
        "TaskVector": "taskvec.vectors.task_vector",
        "TaskvecError": "taskvec.errors",
        "compress": "taskvec.bases.compress",
        "decompose": "taskvec.components.decompose",
        "edit": "taskvec.editing.write",
        "merge": "taskvec.editing.write",
        "open_checkpoint": "taskvec.checkpoints",
        "similarity": "taskvec.store.similarity",
    },
)
