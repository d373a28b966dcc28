"""All questions by name."""

from __future__ import annotations

from typing import Protocol

from benchmarks import (
    against_dense_bases,
    against_mergekit,
    how_close_to_the_disk,
    how_exact_are_sums_of_adapters,
    how_far_it_scales,
    how_fast_are_directions,
    how_memory_grows,
    how_time_grows,
    recipes_against_mergekit,
    same_as_mergekit,
    startup,
    which_basis,
    which_subspace,
    whose_page_cache,
)
from benchmarks.results import Answer
from benchmarks.setting import Setting
from taskvec.reports import Chart


class Question(Protocol):
    """A module that is one question.

    Attributes:
        TITLE: The question in words.
    """

    TITLE: str

    def ask(self, setting: Setting) -> Answer:
        """Measure."""
        ...

    def chart(self, answer: Answer) -> Chart:
        """Make one picture of the answer."""
        ...


QUESTIONS: dict[str, Question] = {
    "how_close_to_the_disk": how_close_to_the_disk,
    "against_mergekit": against_mergekit,
    "same_as_mergekit": same_as_mergekit,
    "recipes_against_mergekit": recipes_against_mergekit,
    "against_dense_bases": against_dense_bases,
    "how_memory_grows": how_memory_grows,
    "how_time_grows": how_time_grows,
    "how_far_it_scales": how_far_it_scales,
    "startup": startup,
    "which_basis": which_basis,
    "how_fast_are_directions": how_fast_are_directions,
    "which_subspace": which_subspace,
    "how_exact_are_sums_of_adapters": how_exact_are_sums_of_adapters,
    "whose_page_cache": whose_page_cache,
}
