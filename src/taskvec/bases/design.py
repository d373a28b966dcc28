"""From what is asked and the Gram matrices to an encoding for each group: which atoms, and how many."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.request import Request
from taskvec.errors import BasisError
from taskvec.linalg.allocation import allocate, lost_energy
from taskvec.linalg.certificate import Certificate, enough
from taskvec.linalg.encoders import Encoding, Generated
from taskvec.linalg.encoders.equalized import encode_equalized, equalized_gram, norms_of
from taskvec.linalg.groups import Group, make_groups
from taskvec.linalg.spectrum import Spectrum
from taskvec.store.store_gram import StoreGram
from taskvec.streaming import Foreseen, Pass, RunOptions

Matrix = NDArray[np.float64]

_NEXT = 1 - 1e-9
_STEP = 0.97  # how much less error is asked of many groups when the last allocation did not do
_NAMED = 3  # how many groups are named where an error cannot be reached
_ROUNDING = 1e-9  # of the most that a group loses: less is lost to rounding alone, and such a group is not named


@dataclass(frozen=True)
class Design:
    """Atoms for every group, before they are written.

    Attributes:
        groups: The groups.
        atoms: For each group, how its atoms are made; None for a group without any.
    """

    groups: tuple[Group, ...]
    atoms: tuple[Encoding | Generated | None, ...]

    @property
    def num_stored(self) -> int:
        """The largest number of atoms of a group."""
        return max((atoms.num_stored for atoms in self.atoms if atoms is not None), default=0)

    @property
    def generated(self) -> Generated | None:
        """What makes the atoms where none is stored."""
        return next((atoms for atoms in self.atoms if isinstance(atoms, Generated)), None)

    @property
    def has_mean(self) -> bool:
        """Whether the last atom of each group is the mean."""
        return any(isinstance(atoms, Encoding) and atoms.has_mean for atoms in self.atoms)

    def encoders(self) -> Mapping[str, Matrix]:
        """Return the encoder of each tensor; tensors without atoms are left out."""
        pairs = [(g, atoms.encoder) for g, atoms in self._pairs() if isinstance(atoms, Encoding)]
        return {tensor: encoder for group, encoder in pairs for tensor in group.tensors}

    def residual(self) -> Matrix:
        """Return R as it is before rounding, summed over groups; for atoms that are made from the vectors."""
        total = np.zeros_like(self.groups[0].gram)
        for residual in self.residuals():
            total += residual
        return total

    def residuals(self) -> Iterator[Matrix]:
        """Yield the same for each group."""
        for group, atoms in self._pairs():
            yield atoms.residual(group.gram) if isinstance(atoms, Encoding) else group.gram

    def optimum(self) -> float | None:
        """Return the least relative error that so many atoms in each group can have; None for a single group."""
        if len(self.groups) == 1:
            return None
        if any(np.isnan(group.gram).any() for group in self.groups):
            return float("nan")
        spectra = [Spectrum.of(group.gram).values for group in self.groups]
        counts = [atoms.num_stored if atoms else 0 for atoms in self.atoms]
        total = lost_energy(spectra, [0] * len(spectra))
        return float(np.sqrt(lost_energy(spectra, counts) / total)) if total > 0 else 0.0

    def _pairs(self) -> Iterator[tuple[Group, Encoding | Generated | None]]:
        return zip(self.groups, self.atoms, strict=True)


def error_of(certificate: Certificate, *, worst_task: bool) -> float:
    """Return the error that a limit speaks of: of all tasks together, or of the worst."""
    return certificate.task_errors[certificate.worst_task] if worst_task else certificate.relative_error


class Designer:
    """Finds designs for one request; what was encoded once is remembered.

    Attributes:
        request: The request.
        groups: The groups with their Gram matrices.
    """

    def __init__(self, request: Request, groups: tuple[Group, ...]) -> None:
        self.request = request
        self.groups = groups
        self.gram: Matrix = np.sum([group.gram for group in groups], axis=0)
        self._norms = norms_of(self.gram)
        self._atoms = functools.cache(self._encode)

    @classmethod
    def of(cls, request: Request, gram: StoreGram) -> Designer:
        """Return what finds designs for a request, from the inner products of its tasks."""
        sizes = [request.atom_bytes[name] for name in gram.tensors]
        return cls(request, make_groups(request.grouping, gram.tensors, gram.per_tensor, sizes))

    def designs(self) -> Iterator[Design]:
        """Yield designs of rising size that do before rounding; a number of atoms gives exactly one.

        Raises:
            BasisError: If the allowed error cannot be reached; the message says which can.
        """
        if not self._norms.any():
            raise BasisError("all task vectors are zero: the fine-tuned models equal the base, add others")
        if self.request.num_atoms is not None:
            yield self._design([self.request.num_atoms + self.request.method.extra_atoms] * len(self.groups))
            return
        found = False
        for counts in self._allocations():
            design = self._design(counts)
            least = self.predicted_error(design)
            if least <= (self.request.max_error or 0.0):
                found = True
                yield design
        if not found:
            where = self._where(design)
            raise BasisError(
                f"no basis of fewer than {len(self.gram)} atoms{f' in every {self.request.grouping}' if where else ''} "
                f"has an error of {self.request.max_error:g}: the least, with {design.num_stored} atoms, is "
                f"{enough(least)}{where}; allow that much or keep the vectors as they are"
            )

    def foreseen(self) -> Iterable[Design]:
        """Return the designs as far as they are known before anything is encoded, which can take long.

        Where a number of atoms is given that is one of this size, of unknown weights. Where an error is, so is one of
        the most atoms that there can be, unless all inner products are known.
        """
        if self.request.num_atoms is not None:
            return [self._unknown(self.request.num_atoms + self.request.method.extra_atoms)]
        return [self._unknown(len(self.gram) - 1)] if np.isnan(self.gram).any() else self.designs()

    def _unknown(self, count: int) -> Design:
        """Return a design with so many atoms in every group that has any elements."""
        if self.request.method.name == "random":
            return self._design([count] * len(self.groups))
        encoding = Encoding(np.full((len(self.gram), count), np.nan))
        return Design(self.groups, tuple(encoding if group.num_bytes else None for group in self.groups))

    def predicted_error(self, design: Design) -> float:
        """Return the error of a design before rounding, of the kind that the request limits."""
        return error_of(self._predicted(design), worst_task=self.request.worst_task)

    def _predicted(self, design: Design) -> Certificate:
        return Certificate(self.request.tasks, design.num_stored, self.gram, design.residual())

    def _where(self, design: Design) -> str:
        """Name the groups in which most is lost, where there are several."""
        if len(self.groups) == 1:
            return ""
        lost = np.array([np.diag(residual) for residual in design.residuals()])
        worst = self.request.tasks.index(self._predicted(design).worst_task)
        lost = lost[:, worst] if self.request.worst_task else lost.sum(axis=1)
        first, *others = (self.groups[g].name for g in np.argsort(-lost) if lost[g] > _ROUNDING * lost.max())
        named, more = others[: _NAMED - 1], len(others) - _NAMED + 1
        then = f", then in {', '.join(named)}" if named else ""
        return f", lost most in {first}{then}{f' and {more} more' if more > 0 else ''}"

    def _allocations(self) -> Iterator[tuple[int, ...]]:
        """Yield numbers of atoms from those that the spectra allow at best to all that there can be."""
        is_single, most = len(self.groups) == 1, len(self.gram) - 1
        grams = [equalized_gram(g.gram, self._norms) if self.request.worst_task else g.gram for g in self.groups]
        spectra = [Spectrum.of(gram).values for gram in grams]
        sizes = [group.num_bytes for group in self.groups]
        lost = (self.request.max_error or 0.0) ** 2 * lost_energy(spectra, [0] * len(spectra))
        allowed = lost - lost_energy(spectra, [most] * len(spectra))
        spectra = [spectrum[:most] for spectrum in spectra]
        last: tuple[int, ...] | None = None
        while True:
            counts = allocate(spectra, sizes, allowed)
            if counts == last:
                break
            if max(counts) > 0:
                yield counts
            last = counts
            allowed = lost_energy(spectra, counts) * (_NEXT if is_single else _STEP)
        all_atoms = tuple(most if spectrum[0] > 0 else 0 for spectrum in spectra)
        if last != all_atoms:  # a method that is not optimal may need more than the spectra do
            yield all_atoms

    def _design(self, counts: Sequence[int]) -> Design:
        return Design(self.groups, tuple(starmap(self._atoms, enumerate(counts))))

    def _encode(self, index: int, count: int) -> Encoding | Generated | None:
        group, request = self.groups[index], self.request
        if count == 0 or group.num_bytes == 0:
            return None
        num_atoms = max(count - request.method.extra_atoms, 0)
        if request.normalize:
            return encode_equalized(request.method, group.gram, num_atoms, request.options, self._norms)
        return request.method.encode(group.gram, num_atoms, request.options)


@dataclass(frozen=True)
class Designing(Pass[Iterable[Design]]):
    """Finding the designs of a request, which reads nothing; but an encoder that is trained takes its time.

    Attributes:
        designer: What finds them.
    """

    designer: Designer

    def foresee(self, options: RunOptions) -> Foreseen[Iterable[Design]]:  # noqa: ARG002
        """Return the designs as far as they are known without it."""
        return Foreseen(self.designer.foreseen())

    def run(self, options: RunOptions) -> Iterable[Design]:  # noqa: ARG002
        """Return the designs, each found when it is asked for."""
        return self.designer.designs()
