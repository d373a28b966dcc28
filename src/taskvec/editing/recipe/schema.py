"""What a recipe is: a frozen value with a schema; it says what to do and holds nothing open."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from taskvec.editing.recipe.settings import Number, RecipePart, Setting
from taskvec.streaming.memory import parse_size
from taskvec.types import DType
from taskvec.vectors.alignment import Rule

VERSION: Literal[1] = 1
"""The schema that this version reads and writes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"base", "true", "false"})


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ValueError(f"{name!r} is no name: use letters, digits and _, and none of {', '.join(sorted(_RESERVED))}")
    return name


def _checked_size(text: str) -> str:
    parse_size(text)
    return text


def _checked_dtype(text: str) -> str:
    DType.from_option(text)
    return text


Name = Annotated[StrictStr, AfterValidator(_checked_name)]
Ref = Annotated[StrictStr, Field(min_length=1)]
Text = Annotated[StrictStr, Field(min_length=1)]
Size = Annotated[StrictStr, AfterValidator(_checked_size)]
Dtype = Annotated[StrictStr, AfterValidator(_checked_dtype)]


class LayerRange(RecipePart):
    """Some layers of a model.

    Attributes:
        model: The model.
        layers: ``[first, stop]``; ``stop`` is not included.
    """

    model: Ref
    layers: tuple[Annotated[StrictInt, Field(ge=0)], Annotated[StrictInt, Field(gt=0)]]

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if self.layers[0] >= self.layers[1]:
            raise ValueError(f"layers {list(self.layers)} are none: write [first, stop] with first below stop")
        return self


class Stack(RecipePart):
    """A model made of layers of models, renumbered; what lies before the layers is the first model's, after the last's.

    Attributes:
        slices: From the first layer to the last.
    """

    slices: Annotated[tuple[LayerRange, ...], Field(min_length=1)]


ModelSource = Ref | Stack


def refs_of(source: ModelSource | None) -> tuple[str, ...]:
    """Return the references of a model: one, or one for each slice of a stack."""
    if isinstance(source, Stack):
        return tuple(one.model for one in source.slices)
    return () if source is None else (source,)


class Vector(RecipePart):
    """A fine-tuned model.

    Attributes:
        model: Where it is.
        allow: The rules that its alignment with the base may use.
        rename: ``OLD=NEW`` for names that the base has otherwise, ``*`` for what stays.
    """

    model: ModelSource
    allow: tuple[Rule, ...] = ()
    rename: tuple[StrictStr, ...] = ()


def _as_vector(value: Any) -> Any:
    return value if isinstance(value, dict) and "slices" not in value else {"model": value}


def _as_step(value: Any) -> Any:
    return {"expression": value} if isinstance(value, str) else value


def _as_options_by_vector(value: Any) -> Any:
    return {name: {} for name in value} if isinstance(value, list) else value


Options = Mapping[Name, Setting]


class Step(RecipePart):
    """A task vector with a name, made of others.

    Attributes:
        expression: What it is; or else
        method: How the ``vectors`` are merged.
        vectors: Expressions of what is merged, each with its own options.
        options: Options for all of them.
        coefficients: By what the result is multiplied, in each tensor.
    """

    expression: Text | None = None
    method: Name | None = None
    vectors: Annotated[Mapping[Text, Options], BeforeValidator(_as_options_by_vector)] = Field(default={})
    options: Options = Field(default={})
    coefficients: Setting = 1

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.expression is None) == (self.method is None):
            raise ValueError("write either expression, or method with vectors")
        if self.expression is not None and (self.vectors or self.options):
            raise ValueError("vectors and options go with method; an expression has its own")
        return self


class SearchedParameter(RecipePart):
    """A number that a validation score chooses.

    Attributes:
        search: ``grid``, geometric, which grows past an end where the best lies there; or ``golden``, golden section.
        low: The least.
        high: The largest.
        points: Of the first grid.
        tolerance: Of golden section: the part of the interval that is left at the end.
    """

    search: Literal["grid", "golden"]
    low: Number = 0.02
    high: Number = 1.0
    points: Annotated[StrictInt, Field(ge=3, le=100)] = 9
    tolerance: Annotated[Number, Field(gt=0, lt=1)] = 0.01

    @model_validator(mode="after")
    def _is_interval(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.search == "grid" and self.low <= 0:
            raise ValueError("a grid is geometric and needs low above 0; use search: golden for numbers of either sign")
        return self


class Validation(RecipePart):
    """How a candidate is scored: by a command of the user's, on validation data, never on test data.

    Attributes:
        command: Its words; the folder of the model is added as the last. Its last line is the score; larger is better.
    """

    command: Annotated[tuple[Text, ...], Field(min_length=1)]


class Output(RecipePart):
    """How the result is written.

    Attributes:
        dtype: Of all tensors that arithmetic applies to; each keeps the base's own if not given.
        shard_size: SIZE of a file at most; one file if not given.
        tokenizer: Bring rows of embeddings together by token, and take the tokens of ``base``, of ``union`` or of a
            vector by its name; rows are taken as they are, with the base's tokenizer, if not given.
        card: Whether a model card is written.
    """

    dtype: Dtype | None = None
    shard_size: Size | None = None
    tokenizer: StrictStr | None = None
    card: StrictBool = True


class Recipe(RecipePart):
    """What to do.

    Attributes:
        taskvec: The version of this schema.
        name: What later documents of the same file call the result; the last document has none.
        base: The base model; or else
        store: A store, which has a base and named vectors.
        basis: Take the store's vectors from this basis.
        addition: What the sum of all tasks of a basis is: of the recovered vectors, or of the atoms with weight 1; with
            atoms, a merge of all tasks is one of the atoms.
        vectors: Name → fine-tuned model.
        onto: The model that is edited instead of the base.
        parameters: Numbers with names, for expressions; given, or searched for.
        steps: Name → what it is; later ones may use earlier ones.
        result: The expression that is written; with ``base`` a checkpoint, without a task vector.
        validation: How searched parameters are scored.
        semantics: Whose definition of a method counts where mergekit's differs from the paper's.
        output: How the result is written.
        seed: The key of random masks.
    """

    taskvec: Literal[1] = VERSION
    name: Name | None = None
    base: ModelSource | None = None
    store: Ref | None = None
    basis: Name | None = None
    addition: Literal["recovered", "atoms"] = "recovered"
    vectors: Mapping[Name, Annotated[Vector, BeforeValidator(_as_vector)]] = Field(default={})
    onto: ModelSource | None = None
    parameters: Mapping[Name, Number | SearchedParameter] = Field(default={})
    steps: Mapping[Name, Annotated[Step, BeforeValidator(_as_step)]] = Field(default={})
    result: Text
    validation: Validation | None = None
    semantics: Literal["paper", "mergekit"] = "paper"
    output: Output = Output()
    seed: Annotated[StrictInt, Field(ge=0)] = 0

    @property
    def searched(self) -> Mapping[str, SearchedParameter]:
        """The parameters that are searched for."""
        return {name: value for name, value in self.parameters.items() if isinstance(value, SearchedParameter)}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.base is None) == (self.store is None):
            raise ValueError("write either base, with vectors, or store")
        if self.store is not None and self.vectors:
            raise ValueError("a store has its own vectors; add to it with taskvec store add")
        if self.basis is not None and self.store is None:
            raise ValueError("basis is of a store; write store")
        if self.store is not None and self.output.tokenizer is not None:
            raise ValueError("output.tokenizer goes with base and vectors; a store has one vocabulary")
        if bool(self.searched) != (self.validation is not None):
            raise ValueError("a parameter with search and a validation command go together")
        return self

    @model_validator(mode="after")
    def _has_no_name_twice(self) -> Self:
        seen: set[str] = set()
        for kind, names in (("vector", self.vectors), ("parameter", self.parameters), ("step", self.steps)):
            twice = sorted(seen & set(names))
            if twice:
                raise ValueError(f"the {kind} {twice[0]!r} has a name that is taken; choose another")
            seen |= set(names)
        return self

    def with_refs(self, change: Callable[[str], str]) -> Recipe:
        """Return the same recipe with every reference changed."""

        def model(source: ModelSource) -> ModelSource:
            if isinstance(source, str):
                return change(source)
            return Stack(slices=tuple(LayerRange(model=change(one.model), layers=one.layers) for one in source.slices))

        return self.model_copy(
            update={
                "base": None if self.base is None else model(self.base),
                "store": None if self.store is None else change(self.store),
                "onto": None if self.onto is None else model(self.onto),
                "vectors": {
                    name: vector.model_copy(update={"model": model(vector.model)})
                    for name, vector in self.vectors.items()
                },
            }
        )

    def to_data(self) -> dict[str, Any]:
        """Return the recipe as plain data, without what is as by default; ``taskvec`` is always there."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        data["steps"] = {name: _short(step, "expression") for name, step in data.get("steps", {}).items()}
        data["vectors"] = {name: _short(vector, "model") for name, vector in data.get("vectors", {}).items()}
        return {"taskvec": VERSION, **{key: value for key, value in data.items() if value not in ({}, [])}}


def _short(part: dict[str, Any], key: str) -> Any:
    return part[key] if list(part) == [key] else part
