"""A result says what was done and what came of it, with all that a stranger needs to judge it or to do it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, FiniteFloat, ValidationError

from taskvec.checkpoints import write_json_atomic
from taskvec.checkpoints.strict_json import parse_object
from taskvec.display import Displayed
from taskvec.errors import ResultError
from taskvec.results.documents import Count, Document, Spread, Text
from taskvec.results.figures import Curves, Matrix
from taskvec.results.tables import Table

RESULT_VERSION: Literal[1] = 1
"""The format that this version reads and writes."""

MOST_BYTES = 64 << 20
"""A larger file is refused before it is read: results are small, weights live elsewhere."""


class Input(Document):
    """Something that the result depends on, known again by content.

    Attributes:
        name: What it is called in the result.
        ref: Where it came from.
        fingerprint: Identity by content.
    """

    name: Text
    ref: str
    fingerprint: Text


class Machine(Document):
    """Where it ran.

    Attributes:
        cpu: The processor's own name.
        cores: Processors that could be used.
        memory_bytes: Main memory.
        system: Operating system and release.
    """

    cpu: str
    cores: Count
    memory_bytes: Count
    system: str


class Control(Document):
    """What was done to see whether the finding has another reason.

    Attributes:
        name: What was compared with, such as "a random subspace of equal rank".
        expected: What it should show if the finding holds.
        found: What it shows.
    """

    name: Text
    expected: Text
    found: Text


Setting = str | int | FiniteFloat | bool | None


class Result(Document, Displayed):
    """What was found, in numbers and in words, and how: the content of a result file.

    Attributes:
        name: A short name, the same for every run of the same question.
        title: The question in a few words.
        question: The question in full.
        answer: What was found, in words that do not claim more than the numbers; the first paragraph stands for it in
            overviews, an empty line begins the next.
        recipe: What was done with task vectors: a recipe's YAML, or expressions.
        commands: What does it again.
        date: When it was done.
        seeds: Of everything random.
        inputs: What it depends on.
        settings: Whatever else decides the outcome.
        versions: Distribution → version.
        machine: Where it ran.
        seconds: Step → seconds.
        tables: Numbers.
        curves: Lines.
        matrices: Numbers with names on both sides.
        controls: Other explanations that were looked at.
        notes: What a reader must know beside.
    """

    format: Literal["taskvec result"] = "taskvec result"
    version: Literal[1] = RESULT_VERSION
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$")]
    title: Text
    question: Text
    answer: Text
    recipe: str = ""
    commands: tuple[str, ...] = ()
    date: AwareDatetime
    seeds: tuple[int, ...]
    inputs: tuple[Input, ...] = ()
    settings: dict[str, Setting] = Field(default_factory=dict)
    versions: dict[str, str]
    machine: Machine
    seconds: dict[str, Spread] = Field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    curves: tuple[Curves, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    controls: tuple[Control, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        figures = len(self.curves) + len(self.matrices)
        return f"<Result {self.name}, {self.date:%Y-%m-%d}: {len(self.tables)} tables, {figures} figures>"

    @classmethod
    def load(cls, path: Path | str) -> Result:
        """Read a result file, strictly.

        Args:
            path: The file.

        Returns:
            The result.

        Raises:
            ResultError: If it cannot be read, or does not say what a result says.
        """
        file = Path(path)
        try:
            if file.stat().st_size > MOST_BYTES:
                raise ResultError(f"{file}: is {file.stat().st_size} bytes, more than a result has: name a result file")
            raw = file.read_bytes()
            parse_object(raw)
            return cls.model_validate_json(raw)
        except OSError as error:
            raise ResultError(f"{file}: cannot be read: {error.strerror}; name a result file") from error
        except ValidationError as error:
            raise ResultError(f"{file}: is no result of version {RESULT_VERSION}: {_first(error)}") from error
        except ValueError as error:
            raise ResultError(f"{file}: is no result file: {error}") from error

    def save(self, path: Path | str) -> Path:
        """Write the result, replacing what is there at once or not at all.

        Args:
            path: A ``.json`` file in a folder that exists.

        Returns:
            The file.
        """
        file = Path(path)
        write_json_atomic(file, self.model_dump(mode="json"))
        return file


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    return " ".join(f"{where}: {first['msg']}".split())
