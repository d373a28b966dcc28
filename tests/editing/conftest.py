from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layered_models import Workplace, layered_arrays

from taskvec.testing.checkpoints import save_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A base and three fine-tunes with four layers, in the working directory; hashes are remembered beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(7)
    base = layered_arrays(rng, 1.0)
    models = {"base": base}
    for name in ("math", "code", "law"):
        change = layered_arrays(rng, 0.1)
        models[name] = {key: (base[key] + change[key]).astype(np.float32) for key in base}
    for name, arrays in models.items():
        save_folder(
            tmp_path / name, arrays, config={"model_type": "tiny", "num_hidden_layers": 4, "torch_dtype": "float32"}
        )
    return Workplace(tmp_path, models)
