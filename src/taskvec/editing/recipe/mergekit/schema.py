"""What a mergekit recipe may hold; what we cannot do is known by name, so that it can be refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from taskvec.editing.recipe.settings import RecipePart

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


def _as_ref(value: Any) -> Any:
    """Write the long form of a reference, ``{model: {path, revision}, lora}``, as text.

    Raises:
        ValueError: If it asks for another architecture than the model's.
    """
    if not isinstance(value, dict):
        return value
    if value.get("override_architecture"):
        raise ValueError("override_architecture is not supported: there is no table of architectures to choose from")
    if set(value) - {"model", "lora", "override_architecture"}:
        return value
    return "+".join(map(_as_path, filter(None, (value.get("model"), value.get("lora")))))


def _as_path(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        return f"{value['path']}@{value['revision']}" if value.get("revision") else str(value["path"])
    return str(value)


ModelRef = Annotated[StrictStr, BeforeValidator(_as_ref), Field(min_length=1)]


class Condition(RecipePart):
    """A value for the tensors whose name contains ``filter``; for all if there is none, or ``*``."""

    value: Scalar | Annotated[tuple[Scalar, ...], Field(min_length=1)]
    filter: StrictStr | None = None


Setting = Scalar | Annotated[tuple[Scalar, ...], Field(min_length=1)] | tuple[Condition, ...] | Condition
"""One value, a gradient over the layers, or conditions of which the first that holds decides."""

Parameters = Mapping[StrictStr, Setting]


class InputModel(RecipePart):
    """A model that is merged whole."""

    model: ModelRef
    parameters: Parameters = Field(default={})


class InputSlice(RecipePart):
    """Layers ``[first, stop)`` of a model."""

    model: ModelRef
    layer_range: tuple[Annotated[StrictInt, Field(ge=0)], StrictInt]
    parameters: Parameters = Field(default={})


class OutputSlice(RecipePart):
    """Layers of the output, merged from as many layers of each source."""

    sources: Annotated[tuple[InputSlice, ...], Field(min_length=1)]
    base_model: ModelRef | None = None
    residual_weight: Any = None
    parameters: Parameters = Field(default={})

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        if self.residual_weight is not None:
            raise ValueError("residual_weight is not supported")
        lengths = {source.layer_range[1] - source.layer_range[0] for source in self.sources}
        if len(lengths) > 1 or min(lengths) <= 0:
            raise ValueError("the sources of a slice must have the same number of layers, at least one")
        return self

    @property
    def num_layers(self) -> int:
        """Layers that the slice adds to the output."""
        first, stop = self.sources[0].layer_range
        return stop - first


class Tokenizer(RecipePart):
    """Where the tokenizer comes from."""

    source: ModelRef = "union"
    tokens: Any = None
    pad_to_multiple_of: Any = None

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        for name in ("tokens", "pad_to_multiple_of"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is not supported: embeddings are merged as they are")
        return self


class MergekitRecipe(RecipePart):
    """One document of mergekit's."""

    name: StrictStr | None = None
    merge_method: StrictStr
    base_model: ModelRef | None = None
    models: tuple[InputModel, ...] = ()
    slices: tuple[OutputSlice, ...] = ()
    modules: Any = None
    parameters: Parameters = Field(default={})
    dtype: StrictStr | None = None
    out_dtype: StrictStr | None = None
    tokenizer_source: ModelRef | None = None
    tokenizer: Tokenizer | None = None
    chat_template: Any = None
    semantics: Literal["paper", "mergekit"] = "mergekit"

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        if self.modules is not None:
            raise ValueError("modules are not supported: write models, which merges the tensors of all modules")
        if self.chat_template is not None:
            raise ValueError("chat_template is not supported: the template of the tokenizer's model is kept")
        if bool(self.models) == bool(self.slices):
            raise ValueError("write either models or slices")
        if self.tokenizer is not None and self.tokenizer_source is not None:
            raise ValueError("write either tokenizer or tokenizer_source")
        return self

    @property
    def wanted_tokenizer(self) -> str | None:
        """``base``, a model, or None where nothing is said."""
        return self.tokenizer.source if self.tokenizer is not None else self.tokenizer_source
