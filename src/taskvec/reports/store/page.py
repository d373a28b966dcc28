"""The page of a store, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from taskvec.errors import ReportError
from taskvec.reports.page import Page, render
from taskvec.reports.store.alike import alike
from taskvec.reports.store.atoms import atoms
from taskvec.reports.store.contents import contents
from taskvec.reports.store.dials import dials
from taskvec.reports.store.facts import gather
from taskvec.reports.store.places import places
from taskvec.reports.store.shared import shared
from taskvec.store.store import Store


def store_page(store: Store, names: Sequence[str] | None = None) -> str:
    """Make the page of a store; reads weights only for inner products that are not known yet.

    Args:
        store: The store.
        names: The task vectors that it is of; all if not given.

    Returns:
        One HTML document that needs nothing else.

    Raises:
        ReportError: If the store has no task vector.
    """
    facts = gather(store, names)
    if not facts.names:
        raise ReportError(f"{store.path} has no task vectors to report: add some with taskvec store add")
    sections = [contents(facts), *([alike(facts)] if len(facts.names) > 1 else []), dials(facts), atoms(facts)]
    sections += [places(facts), shared(facts)]
    base = Path(store.documents.store().base.ref).name
    return render(Page(f"Store {store.path.name}", f"{len(facts.names)} task vectors of {base}", tuple(sections)))
