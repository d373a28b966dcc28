"""Which tasks the atoms of a basis are made from, where that is not all: the others join by projection."""

from __future__ import annotations

from collections.abc import Sequence

from taskvec.bases.request import Wanted
from taskvec.errors import BasisError
from taskvec.store.store import Store


def divided(store: Store, wanted: Wanted) -> tuple[Wanted, tuple[str, ...]]:
    """Part what is asked in a request for the tasks that atoms are made from, and the tasks that join these.

    Args:
        store: The store.
        wanted: The keywords of ``compress``.

    Returns:
        Keywords without ``fit_on``, and the names of the tasks that join.
    """
    request = wanted.copy()
    fit_on = request.pop("fit_on", None)
    if fit_on is None:
        return request, ()
    given = wanted.get("tasks")
    names = tuple(dict.fromkeys(store.names if given is None else given))
    for name in names:
        store.documents.vector(name)  # one that is not there is refused before anything is read
    fitted = fitted_tasks(names, fit_on)
    request["tasks"] = fitted
    return request, tuple(name for name in names if name not in fitted)


def fitted_tasks(names: Sequence[str], fit_on: Sequence[str] | int) -> tuple[str, ...]:
    """Return the tasks that atoms are made from.

    Args:
        names: The T tasks.
        fit_on: Some of them; or K, for the tasks ⌊kT/K⌋ with k = 0 … K − 1, spread evenly in their order.

    Returns:
        Their names.

    Raises:
        BasisError: If one is none of the tasks, or K is no fewer than there are.
    """
    if isinstance(fit_on, int):
        if not 2 <= fit_on < len(names):
            use = f"use 2 to {len(names) - 1}" if len(names) > 2 else "leave --fit-on out"
            raise BasisError(f"atoms cannot be fitted on {fit_on} of {len(names)} task vectors: {use}")
        return tuple(names[k * len(names) // fit_on] for k in range(fit_on))
    stranger = next((name for name in fit_on if name not in names), None)
    if stranger is not None:
        known = ", ".join([*names[:10], *(["…"] if len(names) > 10 else [])])
        raise BasisError(f"{stranger!r} is none of the tasks that are compressed ({known}): fit atoms on these alone")
    return tuple(dict.fromkeys(fit_on))
