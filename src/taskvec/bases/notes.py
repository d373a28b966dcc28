"""What a user should be told of a basis before trusting its averages or its size, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.certificate import Certificate
from taskvec.linalg.encoders import find_method, options_of
from taskvec.linalg.encoders.equalized import equalized_gram, norms_of
from taskvec.linalg.spectrum import Spectrum
from taskvec.store.kinds.bases import BasisDocument

Matrix = NDArray[np.float64]

FLAT_ERROR = 0.5
"""A spectrum counts as flat where even the best atoms leave this relative error to vectors of equal norm."""

_SAME = 1e-10


def duplicates(tasks: Sequence[str], gram: Matrix) -> list[tuple[str, ...]]:
    """Find task vectors that are the same vector.

    Args:
        tasks: The T names.
        gram: G, ``(T, T)``.

    Returns:
        Sets of two or more names; ‖τ_i − τ_j‖² vanishes beside ‖τ_i‖² within each. What is unknown is not the same.
    """
    squares = np.diag(gram)
    distances = squares[:, None] + squares - 2 * gram
    is_same = distances <= _SAME * np.minimum(squares[:, None], squares)
    found, seen = [], set[int]()
    for i in range(len(tasks)):
        same = [j for j in range(len(tasks)) if is_same[i, j] and j not in seen]
        if i not in seen and len(same) > 1:
            found.append(tuple(tasks[j] for j in same))
        seen.update(same)
    return found


def notes(certificate: Certificate) -> tuple[str, ...]:
    """Say what the averages of a basis may hide.

    Args:
        certificate: Its errors.

    Returns:
        Sentences; none where there is nothing to say.
    """
    said = [
        f"{' and '.join(same)} are the same task vector" for same in duplicates(certificate.tasks, certificate.gram)
    ]
    zero = [name for name, square in zip(certificate.tasks, np.diag(certificate.gram), strict=True) if square <= 0]
    said += [f"{name} is zero: its fine-tuned model equals the base" for name in zero]
    if np.isnan(certificate.gram).any():
        unknown = "some task vectors never met in this store, so errors of expressions over them are unknown"
        return (f"{unknown}: taskvec similarity STORE lets those meet that are in it", *said)
    count = min(certificate.num_atoms, len(certificate.tasks))
    flat = float(Spectrum.of(equalized_gram(certificate.gram, norms_of(certificate.gram))).optimal_errors()[count - 1])
    if flat >= FLAT_ERROR:
        worst = certificate.worst_task
        said.append(
            f"the spectrum is flat: these task vectors have little in common, and {worst} keeps an error of "
            f"{certificate.task_errors[worst]:.2g}; accuracy after merging may hide the loss of single tasks, so check "
            "each recovered task alone, or take more atoms"
        )
    return tuple(said)


def notes_of_request(document: BasisDocument) -> Iterator[str]:
    """Say what was asked for and changed nothing, and that nothing was saved.

    Args:
        document: What the store knows of a basis.

    Yields:
        Sentences.
    """
    wanted = document.wanted
    if wanted.get("seed") is not None and not _draws(document):
        yield f"{document.method} drew nothing at random, so the seed changes nothing"
    if wanted.get("dtype") is not None and document.random is not None:
        yield "random atoms are made anew from their seed, in f32, and never stored: the dtype changes nothing"
    if document.nbytes >= sum(task.nbytes for task in document.tasks):
        fewer = "fewer atoms, or a smaller rank" if document.is_factored else "fewer atoms, or int8"
        yield f"these atoms take no fewer bytes than what they were made from: take {fewer}, or keep the vectors"


def _draws(document: BasisDocument) -> bool:
    return options_of(find_method(document.method), document.wanted.get("options") or {}).draws
