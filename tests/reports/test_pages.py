"""Pages are one file that needs nothing, says what it was given, and lets no text become markup."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from example_results import HOSTILE, hostile_result, result, table
from example_stores import make_store, make_whole_store, rename_behind_its_back
from taskvec.bases.basis import Basis
from taskvec.errors import MissingExtraError, OutputError, ReportError
from taskvec.reports import check_page, extra, report_page, store_page, write_page
from taskvec.reports.page.render import MOST_BYTES
from taskvec.results import Result, Table
from taskvec.store.store import Store


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its texts, its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.texts.append(data)

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_whole_store(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def pages(store: Store) -> dict[str, str]:
    return {
        "results": report_page([result(), result(title="Another", tables=(table(is_drawn=False),))]),
        "hostile": report_page([hostile_result()]),
        "store": store_page(store),
    }


every = pytest.mark.parametrize("kind", ["results", "hostile", "store"])


@every
def test_a_page_needs_nothing_else(kind: str, pages: dict[str, str]) -> None:
    page = Reader(pages[kind])
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "form"}
    assert not [attributes for _, attributes in page.elements if "src" in attributes]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "url(" not in pages[kind].partition("</style>")[0]
    assert len(pages[kind].encode()) < MOST_BYTES


@every
def test_only_the_scripts_that_the_policy_names_can_run(kind: str, pages: dict[str, str]) -> None:
    page = Reader(pages[kind])
    data, *scripts = page.scripts
    assert [attributes["type"] for tag, attributes in page.elements if tag == "script"] == ["application/json"] + [
        "module"
    ] * 2
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert not set("<>&") & set(data)


@every
def test_no_element_has_a_handler(kind: str, pages: dict[str, str]) -> None:
    names = {name for _, attributes in Reader(pages[kind]).elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]


def test_hostile_texts_are_shown_as_they_are(pages: dict[str, str]) -> None:
    page = Reader(pages["hostile"])
    whole = "".join(page.texts)
    assert all(text in whole for text in HOSTILE)
    assert not [tag for tag, _ in page.elements if tag == "img"]


def test_everything_of_a_result_is_on_its_page(pages: dict[str, str]) -> None:
    whole = " ".join(Reader(pages["results"]).texts)
    kept = result()
    said = [kept.answer, kept.question, kept.recipe, *kept.commands, *kept.notes, "0, 1, 2", kept.inputs[0].fingerprint]
    said += [kept.machine.cpu, "0.1.0", "90.0 % ± 2.0", "standard error", kept.controls[0].name, "2026-11-22"]
    assert [text for text in said if text not in whole] == []


def test_an_answer_in_paragraphs_is_shown_so_and_the_first_stands_for_it_in_the_overview() -> None:
    kept = result().model_copy(update={"answer": "In short, yes.\n\nAt length, by 9 points.\n"})
    page = report_page([kept, result()])
    shown = [text.strip() for text in Reader(page).texts]
    assert shown.count("In short, yes.") == 2
    assert shown.count("At length, by 9 points.") == 1


def test_drawn_tables_and_figures_have_charts(pages: dict[str, str]) -> None:
    titles = [spec["description"].partition(".")[0] for spec in Reader(pages["results"]).data["charts"].values()]
    assert titles == ["Accuracy", "Choosing λ", "Cross accuracy", "Choosing λ", "Cross accuracy"]


def test_every_section_of_a_store_is_there(pages: dict[str, str]) -> None:
    sections = [attributes["id"] for tag, attributes in Reader(pages["store"]).elements if tag == "section"]
    assert sections == ["contents", "alike", "what-if", "atoms", "places", "shared"]


def test_a_store_whose_names_lie_is_still_only_text(tmp_path: Path) -> None:
    store = make_store(tmp_path, 4)
    rename_behind_its_back(store, store.names[0], HOSTILE[0])
    page = Reader(store_page(store))
    assert HOSTILE[0] in page.texts
    assert len(page.scripts) == 3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_store_may_be_small(count: int, tmp_path: Path) -> None:
    page = Reader(store_page(make_store(tmp_path, count)))
    assert page.data["whatIf"]["names"]


def test_an_empty_store_and_no_result_are_refused(tmp_path: Path) -> None:
    store = make_store(tmp_path, 1)
    store.remove(store.names[0])
    with pytest.raises(ReportError, match="no task vectors to report"):
        store_page(store)
    with pytest.raises(ReportError, match="at least one result"):
        report_page([])


def test_a_page_that_would_be_too_large_is_refused() -> None:
    rows = tuple((f"{k} {'long ' * 40}", 0.5, 0.5) for k in range(20_000))
    huge = Table(title="Huge", columns=table().columns, rows=rows)
    with pytest.raises(ReportError, match="more than the 5,000,000 of a page"):
        report_page([result(tables=(huge,))])


def test_a_page_is_written_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert write_page(path, "<p>é") == len("<p>é".encode())
    assert path.read_text(encoding="utf-8") == "<p>é"
    for wrong, said in ((tmp_path / "page.pdf", "ends in .html"), (tmp_path / "none" / "page.html", "does not exist")):
        with pytest.raises(OutputError, match=said):
            check_page(wrong)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(extra, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'taskvec\[plots\]'"):
        extra.page_library()
    assert result()._repr_html_() is None


def shown(value: Store | Basis | Result) -> Reader:
    html = value._repr_html_()
    assert html is not None
    return Reader(html)


def test_a_notebook_shows_values_without_scripts(store: Store) -> None:
    for value in (store, Basis.load(store, "half"), hostile_result()):
        page = shown(value)
        assert not page.scripts
        tags = [tag for tag, _ in page.elements]
        assert {"table", "svg"} <= set(tags)
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_a_notebook_reads_no_weights(tmp_path: Path) -> None:
    store = make_store(tmp_path, 4)
    one, two = store.names[:2]
    for known in (store.path / "gram").iterdir():
        known.unlink()
    assert "svg" not in [tag for tag, _ in shown(store).elements]
    assert not list((store.path / "gram").iterdir())
    store.gram()
    assert "svg" in [tag for tag, _ in shown(store).elements]
    assert {one, two} <= set(shown(store).texts)
