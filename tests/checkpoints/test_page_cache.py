"""What was read and will not be read again leaves the page cache, whole groups of pages at a time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.local_files import use_files
from taskvec.checkpoints.table import PAGE_GROUP
from taskvec.testing.checkpoints import save_safetensors
from taskvec.testing.files import NotedFiles

NUM_PARAMS = 3 * PAGE_GROUP // 4  # float32: three groups, and the header puts them across four
STEPS = (0, PAGE_GROUP // 16, PAGE_GROUP // 3, NUM_PARAMS)


def test_every_group_that_a_tensor_fills_is_named_whole_in_one_call(
    tmp_path: Path,
) -> None:
    save_safetensors(tmp_path / "model.safetensors", {"w": np.zeros(NUM_PARAMS, np.float32)})
    files = NotedFiles()
    with use_files(files), open_checkpoint(tmp_path / "model.safetensors") as checkpoint:
        for start, stop in pairwise(STEPS):
            checkpoint.forget("w", start, stop - start)
    named = files.forgotten
    end = (tmp_path / "model.safetensors").stat().st_size
    for group in range(0, end // PAGE_GROUP * PAGE_GROUP, PAGE_GROUP):
        assert any(group in part and group + PAGE_GROUP - 1 in part for part in named), (group, named)
    assert max(part.stop for part in named) <= end
