"""What a checkpoint says and holds, told in any process: this module imports little, so that a new one begins soon."""

from __future__ import annotations

import hashlib
import pickle  # noqa: S403

import numpy as np

from taskvec.checkpoints import Checkpoint


def travelled(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint as it is after a journey."""
    loaded: Checkpoint = pickle.loads(pickle.dumps(checkpoint))  # noqa: S301
    return loaded


def described(checkpoint: Checkpoint) -> dict[str, object]:
    """Everything that a checkpoint says, and a hash of what every tensor of it reads as: whole, and from within."""
    return {
        "ref": checkpoint.ref,
        "path": checkpoint.path,
        "root": checkpoint.root,
        "tensors": list(checkpoint.tensors.items()),
        "tied": dict(checkpoint.tied),
        "files": checkpoint.files,
        "metadata": dict(checkpoint.metadata),
        "settings": dict(checkpoint.settings),
        "sidecars": checkpoint.sidecars,
        "overlays": dict(checkpoint.overlays),
        "kind": str(checkpoint.kind),
        "parts": [part.ref for part in checkpoint.parts],
        "bytes": {name: _hashes(checkpoint, name) for name in [*checkpoint.tensors, *checkpoint.tied]},
    }


def _hashes(checkpoint: Checkpoint, name: str) -> list[str]:
    info = checkpoint.tensors[checkpoint.tied.get(name, name)]
    piece = np.empty(info.num_params - info.num_params // 3, info.dtype.storage)
    checkpoint.read_into(name, info.num_params // 3, piece)
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in (checkpoint.read(name), piece)]
