"""Settings: one value for all tensors, a gradient over the layers, weights by block, or cases by name and layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from taskvec.checkpoints.quoting import quoted
from taskvec.editing.recipe.layers import LayerNames
from taskvec.editing.scope.block_presets import block_weights
from taskvec.errors import RecipeError

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
"""What an option of a method can be in one tensor."""

Number = Annotated[StrictInt | StrictFloat, Field(allow_inf_nan=False)]


class RecipePart(BaseModel):
    """A part of a recipe: a frozen value that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Gradient(RecipePart):
    """Values from the first layer to the last, interpolated in between; words and switches go in steps.

    Attributes:
        gradient: At least one; tensors outside the layers take the first.
    """

    gradient: Annotated[tuple[Scalar, ...], Field(min_length=1)]

    def at(self, t: float) -> Scalar:
        """Return the value at ``t``, 0 for the first layer and 1 for the last."""
        values, last = self.gradient, len(self.gradient) - 1
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(numbers) < len(values):
            return values[int(t * last)]
        first = int(t * last)
        fraction = t * last - first
        return (1 - fraction) * numbers[first] + fraction * numbers[min(first + 1, last)]


class Blocks(RecipePart):
    """Weights by block of a diffusion model.

    Attributes:
        blocks: The name of a preset; or numbers from the first block to the last, interpolated.
        others: For tensors outside the blocks; the preset's own, 0 beside a list, if not given.
    """

    blocks: Annotated[StrictStr | tuple[Number, ...], Field(min_length=1)]
    others: Number | None = None

    def at(self, name: str, names: LayerNames) -> float:
        """Return the value for a tensor."""
        return block_weights(self.blocks, self.others).at(name, names.blocks)


class Case(RecipePart):
    """A value for some tensors.

    Attributes:
        tensors: A pattern of names, such as ``*.mlp.*``; all names if not given.
        layers: Layers ``[first, stop]``, ``stop`` not included; the tensors before the layers go with the first layer,
            those after them with the last. All tensors if not given.
        value: The value, a gradient over these layers, or weights by block.
    """

    tensors: str | None = None
    layers: tuple[int, int] | None = None
    value: Scalar | Gradient | Blocks

    def holds_for(self, name: str, names: LayerNames) -> bool:
        """Say whether a tensor is meant."""
        if self.tensors is not None and not _pattern(self.tensors).fullmatch(name):
            return False
        return self.layers is None or self.layers[0] <= names.nearest_layer(name) < self.layers[1]

    def at(self, name: str, names: LayerNames) -> Scalar:
        """Return the value for a tensor that is meant."""
        if isinstance(self.value, Gradient):
            return self.value.at(names.depth(name, self.layers))
        return self.value.at(name, names) if isinstance(self.value, Blocks) else self.value


Cases = Annotated[tuple[Case, ...], Field(min_length=1)]
Setting = Scalar | Gradient | Blocks | Cases
"""One value, one that changes from layer to layer or block to block, or cases of which the first that holds decides."""


def value_at(setting: Setting, name: str, names: LayerNames, what: str) -> Scalar:
    """Return what a setting is for one tensor.

    Args:
        setting: The setting.
        name: The tensor.
        names: All tensors, as they lie in layers.
        what: What is set, for messages.

    Returns:
        The value.

    Raises:
        RecipeError: If no case holds.
    """
    found = first_value([setting], name, names)
    if found is None:
        raise RecipeError(
            f"{what}: no case holds for tensor {quoted(name)}: add a last case without tensors and layers"
        )
    return found


def first_value(settings: Sequence[Setting], name: str, names: LayerNames) -> Scalar | None:
    """Return the value of the first setting that has one for a tensor, or None."""
    for setting in settings:
        if isinstance(setting, Gradient):
            return setting.at(names.depth(name))
        if isinstance(setting, Blocks):
            return setting.at(name, names)
        if not isinstance(setting, tuple):
            return setting
        for case in setting:
            if case.holds_for(name, names):
                return case.at(name, names)
    return None


def is_constant(setting: Setting) -> bool:
    """Say whether a setting is the same for all tensors."""
    return not isinstance(setting, Gradient | Blocks | tuple)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
