"""The table of cases: a new method is a row; every oracle, law and parity then runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taskvec.methods import METHODS, Needs


@dataclass(frozen=True)
class Case:
    """One method with options.

    Attributes:
        method: Its name.
        options: Its options; lists have one number for each of ``tasks`` vectors.
        tasks: How many vectors.
        any_order: Whether the order of vectors does not matter.
        odd: Whether the merge of −τ is minus the merge of τ.
        homogeneous: Whether the merge of cτ is c times the merge, for c > 0.
        hull: Whether every element lies between the least and the largest of the vectors, or 0.
        one: Whether the merge of one vector is that vector.
        equal: Whether its formula says which of equal values count, so that no rounding decides.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tasks: int = 3
    any_order: bool = True
    odd: bool = True
    homogeneous: bool = True
    hull: bool = False
    one: bool = False
    equal: bool = False

    def __str__(self) -> str:
        return f"{self.method}({', '.join(f'{name}={value}' for name, value in self.options.items())})"


def _sphere(method: str, **options: Any) -> Case:
    """What merges whole models along arcs."""
    return Case(method, options, odd=False, homogeneous=False, one=True)


CASES: tuple[Case, ...] = (
    Case("linear", hull=True, one=True),
    Case("linear", {"weight": [1.0, 2.0, 0.5], "normalize": False}, any_order=False, odd=False, homogeneous=False),
    Case("task_arithmetic", one=True),
    Case("task_arithmetic", {"weight": [0.3, -0.2, 1.0], "normalize": True, "scaling": 0.5}, any_order=False),
    Case("slerp", {"t": 0.3}, tasks=2, any_order=False, odd=False, homogeneous=False),
    Case("slerp", tasks=2, odd=False, homogeneous=False),
    Case("nuslerp", {"weight": [0.7, 0.2]}, tasks=2, any_order=False),
    Case("nuslerp", {"points": True}, tasks=2, odd=False, homogeneous=False),
    Case("nuslerp", {"nuslerp_flatten": False}, tasks=2),
    Case(
        "nuslerp", {"nuslerp_flatten": False, "nuslerp_row_wise": True, "weight": [0.4, 0.6]}, tasks=2, any_order=False
    ),
    Case("multislerp", {"eps": 1e-12}, one=True),
    Case("multislerp", {"weight": [0.7, 0.2, 0.4], "points": True}, any_order=False, odd=False, homogeneous=False),
    _sphere("karcher"),
    Case("model_stock"),
    Case("model_stock", {"filter_wise": True}, tasks=4),
    Case("passthrough", tasks=1, one=True, hull=True),
    Case("passthrough", {"scale": 0.5}, tasks=1, odd=False, homogeneous=False),
    Case("ties", {"density": 0.4}, odd=False, hull=True, equal=True),
    Case(
        "ties",
        {"density": [0.1, 0.5, 1.0], "weight": [1.0, 0.5, 2.0], "normalize": False},
        any_order=False,
        odd=False,
        equal=True,
    ),
    Case("ties", {"density": 0.33, "semantics": "mergekit", "weight": 1.0, "rescale": True}, odd=False),
    Case("dare_linear", {"density": 0.5}, any_order=False),
    Case("dare_linear", {"density": 0.5, "semantics": "mergekit", "weight": 0.5, "seed": 3}, any_order=False),
    Case("dare_ties", {"density": [0.9, 0.5, 0.7]}, any_order=False, odd=False),
    Case("dare_ties", {"density": 0.5, "semantics": "mergekit", "weight": 1.0}, any_order=False, odd=False),
    Case("breadcrumbs", {"density": 0.4, "gamma": 0.2}, equal=True),
    Case("breadcrumbs", {"density": 0.5, "gamma": [0.1, 0.0, 0.3], "rescale": True}, any_order=False, equal=True),
    Case("breadcrumbs_ties", {"density": 0.4, "gamma": 0.1, "normalize": True}, odd=False, hull=True, equal=True),
    Case(
        "breadcrumbs_ties",
        {"semantics": "mergekit", "density": 0.45, "gamma": 0.22, "weight": 1.0},
        odd=False,
        equal=True,
    ),
    Case("della", {"density": 0.6, "epsilon": 0.3}, any_order=False, odd=False),
    Case("della", {"density": 0.6, "semantics": "mergekit", "weight": 1.0}, any_order=False, odd=False),
    Case("della_linear", {"density": [0.3, 0.8, 1.0]}, any_order=False),
    Case("sce", {"select_topk": 0.4}, odd=False, homogeneous=False, hull=True),
    Case("sce", {"select_topk": 1.0}, odd=False, homogeneous=False, hull=True),
    Case("nearswap", {"t": 0.05}, tasks=1, homogeneous=False, hull=True),
    Case("arcee_fusion", tasks=1, odd=False, homogeneous=False, hull=True),
    Case("consensus", {"k": 2}),
    Case("consensus", {"k": 1, "threshold": [0.2, 0.5, 0.9]}, any_order=False),
    Case("tall_mask", {"threshold": 0.3}, any_order=False, one=True),
    Case("tall_mask", {"threshold": [0.2, 0.9, 0.5], "task": "c"}, any_order=False),
    Case("emr", hull=True, one=True, equal=True),
    Case("emr", {"task": "b", "scaling": 0.5}),
    Case("tsv", {"scaling": 0.7}),
    Case("tsv", {"flatten": True}),
    Case("tsv", tasks=1, one=True),
    Case("iso_c"),
    Case("iso_c", {"flatten": True}),
    Case("iso_cts", {"common": 0.25}),
    Case("iso_cts", {"common": 0.5, "flatten": True}),
    Case("iso_cts", {"common": 0.0}, tasks=4),
    Case("awd"),
    Case("fednova", {"steps": [10.0, 20.0, 5.0]}, any_order=False),
    Case("fednova", {"steps": 7.0}, hull=True, one=True),
    Case("fedgma", {"rho": 0.5}, one=True),
    Case("cclip", one=True),
    Case("cclip", {"rho": 0.1}, homogeneous=False),
    Case("coordinate_median", hull=True, one=True, equal=True),
    Case("coordinate_median", tasks=4, hull=True, one=True, equal=True),
    Case("trimmed_mean", {"fraction": 0.34}, hull=True, one=True, equal=True),
    Case("magmax", hull=True, one=True, equal=True),
    Case("magmax", {"scaling": 0.5}, tasks=4, equal=True),
    Case("geometric_median", hull=True, one=True),
    Case("geometric_median", {"scope": "tensor", "weight": [0.2, 0.5, 0.4]}, any_order=False, hull=True),
)

FIRST: Mapping[str, Case] = {case.method: case for case in reversed(CASES)}
"""Method → its first case."""


def needs(case: Case) -> Needs:
    """What a case needs measured."""
    one = {name: value[0] if isinstance(value, list) else value for name, value in case.options.items()}
    return METHODS[case.method].needs_with(**one | ({"task": "a"} if "task" in one else {}))


def required(method: str, num_vectors: int | None = None) -> dict[str, Any]:
    """What must be given to a method, as in its first case: for each of so many vectors, or one number for any."""
    given = {one.name: FIRST[method].options[one.name] for one in METHODS[method].required}
    cut = slice(num_vectors)
    return {n: (v[0] if num_vectors is None else v[cut]) if isinstance(v, list) else v for n, v in given.items()}


def call(method: str, *arguments: str, each: bool = False) -> str:
    """A call in an expression, of as many arguments as the method takes, with what must be given."""
    taken = arguments[: METHODS[method].max_inputs]
    given = required(method, len(taken) if each else None)
    return f"{method}({', '.join([*taken, *(f'{name}={value}' for name, value in given.items())])})"
