"""The eight tasks: what each asks, where its pictures come from, and which packages they depend upon."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from demo.pictures import Pictures
from demo.sources import animals, badges, digits, emoji, glyphs, mnist


@dataclass(frozen=True)
class Task:
    """One classification task.

    Attributes:
        name: Its name in the store and in expressions.
        title: What it asks, for people.
        load: Reads the pictures.
        packages: The distributions whose versions decide the pictures.
    """

    name: str
    title: str
    load: Callable[[], Pictures]
    packages: Callable[[], tuple[str, ...]]


def _fixed(packages: tuple[str, ...]) -> Callable[[], tuple[str, ...]]:
    return lambda: packages


def _script(name: str, title: str) -> Task:
    return Task(name, title, partial(glyphs.load, name), glyphs.font_packages)


# Ordered so that the first few of them (DEMO_TASKS=4) are as different as can be.
TASKS = (
    Task("mnist", "handwritten digits", mnist.load, _fixed(mnist.PACKAGES)),
    Task("animals", "animal silhouettes", animals.load, _fixed(animals.PACKAGES)),
    _script("latin", "Latin capitals, unseen fonts"),
    Task("emoji", "category of an emoji", emoji.load, _fixed(emoji.PACKAGES)),
    Task("badges", "badge on an icon", badges.load, _fixed(badges.PACKAGES)),
    _script("greek", "Greek letters, unseen fonts"),
    Task("digits", "digits of 8 × 8 pixels", digits.load, _fixed(digits.PACKAGES)),
    _script("cyrillic", "Cyrillic letters, unseen fonts"),
)
