"""What a store keeps is of a kind; what is done with all of a store goes over the kinds and knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

from taskvec.store.document import AnyDocument, SourceDocument, TaskDocument


@dataclass(frozen=True, slots=True)
class Owner:
    """What a source is of.

    Attributes:
        name: What to call it in errors: ``task vector 'math'``.
        remedy: What helps where its files cannot be restored.
    """

    name: str
    remedy: str


Sources = Iterable[tuple[Owner, SourceDocument]]
"""Sources, and what each is of."""


@dataclass(frozen=True)
class Kind(Generic[AnyDocument]):
    """One kind of thing that a store keeps.

    Attributes:
        folder: The folder of its documents, in the store.
        noun: What errors call one: ``task vector``.
        schema: What a document says.
        sources: The name of a document, and the document → the checkpoints that it refers to: they are verified, and
            those in ``objects/`` are no garbage.
        is_named: Whether users choose the names, as the document's ``name`` says; others are numbered.
        tasks: A document → the task vectors that it names as users do: where these are renamed, it is renamed with
            them.
        without: The command that takes a task out of a document, of ``{name}`` and ``{task}``.
    """

    folder: str
    noun: str
    schema: type[AnyDocument]
    sources: Callable[[str, AnyDocument], Sources]
    is_named: bool = True
    tasks: Callable[[AnyDocument], Sequence[TaskDocument]] = lambda _: ()
    without: str = ""
