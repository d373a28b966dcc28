"""The output folder: emptied before a run, but only if an earlier run of the demo made it."""

import shutil
from pathlib import Path

from demo.errors import DemoError

MARK = ".made-by-the-taskvec-demo"


def fresh(folder: Path) -> Path:
    """`folder`, empty but for its mark.

    Raises:
        DemoError: It holds something that the demo did not put there.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise DemoError(f"{folder} holds files that the demo did not make; set DEMO_OUT to another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    return folder
