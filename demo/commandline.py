"""Call the installed `taskvec` as a person would, and read the JSON that it prints."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.errors import DemoError

Json = dict[str, Any]


class CommandLine:
    """The `taskvec` command; every call is shown before it runs."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._program = _program()
        self._show = show
        self.said: list[str] = []

    def __call__(self, *words: object) -> Json:
        """Run `taskvec WORDS --json`; its progress goes to our stderr.

        Raises:
            DemoError: It failed (its own error line is on stderr already) or printed no JSON object.
        """
        arguments = [str(word) for word in words]
        said = shlex.join(["taskvec", *arguments]).replace(str(Path.home()), "~")
        self.said.append(said)
        self._show(f"$ {said}")
        done = subprocess.run([self._program, *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise DemoError(f"taskvec {arguments[0]} ended with exit status {done.returncode}; see the line above")
        try:
            found: Json = json.loads(done.stdout)
        except ValueError:
            raise DemoError(f"taskvec {arguments[0]} --json printed something that is not JSON") from None
        return found


def _program() -> str:
    beside = Path(sys.executable).parent / "taskvec"
    found = str(beside) if beside.exists() else shutil.which("taskvec")
    if not found:
        raise DemoError("the taskvec command is not installed; run: pip install -e .")
    return found
