"""Every error that taskvec raises on purpose, in one tree.

A message is one line that names what is wrong (tensor, file, expected and found) and what to do about it.
The command line prints it as ``error: <message>`` and exits with status 1.
"""

from __future__ import annotations


class TaskvecError(Exception):
    """Base of all deliberate errors: bad input, a broken promise of the input, or a limit that cannot be kept."""


class CheckpointError(TaskvecError):
    """A checkpoint cannot be found, opened or believed (missing file, lying header, unknown dtype, truncated data)."""


class AlignmentError(TaskvecError):
    """Two checkpoints do not have the same tensors (missing, extra, re-shaped, or integer tensors that differ)."""


class NonFiniteError(TaskvecError):
    """A tensor holds NaN or infinity, or an edit overflowed its output dtype."""


class StoreError(TaskvecError):
    """A store does not hold what is asked for, or holds it already, or was altered behind its back."""


class SourceChangedError(StoreError):
    """A linked source is no longer the content that was added."""


class ExpressionError(TaskvecError):
    """An expression cannot be parsed or evaluated; the message points at the column."""


class BasisError(TaskvecError):
    """A basis cannot be built as asked (number of atoms, error that no number of atoms reaches)."""


class DecompositionError(TaskvecError):
    """Task vectors cannot be split as asked (no rank rule, one task, a threshold that tells nothing)."""


class CompositionError(TaskvecError):
    """Task vectors cannot be put together as asked (an option out of range, no task, values that are not finite)."""


class ResultError(TaskvecError):
    """A result file cannot be read, or does not say what a result says."""


class ReportError(TaskvecError):
    """A page cannot be made as asked (no result, more numbers than one page may hold)."""


class RecipeError(TaskvecError):
    """A recipe cannot be read or carried out (an unknown key, a value of another kind, an unsupported feature)."""


class EvaluationError(TaskvecError):
    """A model cannot be evaluated or edited in place as asked (an unknown direction, a tensor that it lacks)."""


class TrainingError(TaskvecError):
    """A model cannot be trained as asked (a checkpoint of another run, no weight that learns, a loss not finite)."""


class OutputError(TaskvecError):
    """The output cannot be written (it exists, the disk is full, the target is not writable)."""


class MemoryLimitError(TaskvecError):
    """The work does not fit in the allowed memory; the message says the least that would do.

    Attributes:
        least_bytes: The same as a number; 0 where it is not known.
    """

    def __init__(self, message: str, least_bytes: int = 0) -> None:
        super().__init__(message)
        self.least_bytes = least_bytes


class MissingExtraError(TaskvecError):
    """An optional dependency is missing; the message says what to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}; install it with: pip install 'taskvec[{extra}]'")
        self._said = package, extra, purpose

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return MissingExtraError, self._said
