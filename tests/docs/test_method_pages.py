"""The pages about merge methods say what the records say."""

from __future__ import annotations

import re

import pytest
from method_pages import FOLDER, INDEX, pages

from taskvec.methods import METHODS


@pytest.mark.parametrize("name", [INDEX, *(f"{name}.md" for name in METHODS)])
def test_a_page_is_what_the_records_say(name: str) -> None:
    path = FOLDER / name
    found = path.read_text(encoding="utf-8") if path.exists() else None
    assert found == pages()[name], "run: make pages"


def test_every_link_of_the_index_leads_to_a_page() -> None:
    links = re.findall(r"\]\((\w+\.md)\)", (FOLDER / INDEX).read_text(encoding="utf-8"))
    assert len(links) == len(METHODS)
    assert all((FOLDER / link).exists() for link in links)
