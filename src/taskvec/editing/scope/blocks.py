"""The blocks of a diffusion model in the order in which data pass them, told from the names of its tensors alone.

A UNet has the same blocks in both of its layouts: that of Stable Diffusion 1 and 2 has 25, twelve in, one in the
middle, twelve out. What feeds the blocks (embeddings of time and size) goes with the first, what is behind them with
the last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from taskvec.errors import CompositionError

Block = tuple[int, int, float]
"""Stage, number in the stage, number in that: blocks sort in the order of the data."""

_PREFIX = r"(?P<prefix>(?:model\.diffusion_model\.|unet\.|transformer\.)?)"
_NUMBERED = r"\.(?P<first>\d+)\."
_INNER = r"\w+\.(?P<second>\d+)\."
_LAYOUTS: tuple[tuple[str, ...], ...] = (
    (f"input_blocks{_NUMBERED}", r"middle_block\.", f"output_blocks{_NUMBERED}"),
    (
        rf"(?:conv_in\.|down_blocks{_NUMBERED}(?:(?P<sampler>downsamplers)\.|{_INNER}))",
        r"mid_block\.",
        rf"up_blocks{_NUMBERED}(?:(?P<sampler>upsamplers)\.|{_INNER})",
    ),
    (f"(?:double|joint)_blocks{_NUMBERED}", f"single_blocks{_NUMBERED}"),
    (f"transformer_blocks{_NUMBERED}", f"single_transformer_blocks{_NUMBERED}"),
)
_BEHIND = re.compile(r"out\.|conv_norm_out\.|conv_out\.|norm_out\.|proj_out\.|final_layer\.")


@dataclass(frozen=True)
class ModelBlocks:
    """Where the tensors of a diffusion model lie.

    Attributes:
        prefix: What the names of all of them begin with.
        depths: Tensor → from 0 in the first block to 1 in the last; those in no block are not there.
    """

    prefix: str
    depths: Mapping[str, float]

    @classmethod
    def of(cls, names: Collection[str]) -> ModelBlocks:
        """Look at the names of a model.

        Args:
            names: Every tensor, those of other components too.

        Returns:
            The blocks.

        Raises:
            CompositionError: If there are none.
        """
        for layout in _LAYOUTS:
            found = dict(_found(names, [re.compile(_PREFIX + stage) for stage in layout]))
            prefix = max((prefix for prefix, _ in found.values()), key=len, default="")
            blocks = {name: block for name, (own, block) in found.items() if own == prefix}
            order = sorted(set(blocks.values()))
            if len(order) > 1:
                return cls(prefix, {name: order.index(block) / (len(order) - 1) for name, block in blocks.items()})
        raise CompositionError(
            "weights by block need the blocks of a UNet or of a diffusion transformer, and the base has none: "
            "write a recipe with coefficients by tensors or layers"
        )

    def depth(self, name: str) -> float | None:
        """Return how deep a tensor lies, from 0 to 1; None outside the diffusion model."""
        if not name.startswith(self.prefix):
            return None
        return self.depths.get(name, 1.0 if _BEHIND.match(name.removeprefix(self.prefix)) else 0.0)


def _found(names: Collection[str], stages: list[re.Pattern[str]]) -> Iterator[tuple[str, tuple[str, Block]]]:
    """Yield every tensor that lies in a block, with its prefix and block."""
    samplers: list[tuple[str, str, int, int]] = []
    last: dict[tuple[int, int], int] = {}
    for name in names:
        for number, stage in enumerate(stages):
            match = stage.match(name)
            if match is None:
                continue
            groups = match.groupdict()
            first, second = int(groups.get("first") or -1), int(groups.get("second") or 0)
            if groups.get("sampler"):
                samplers.append((name, match["prefix"], number, first))
                continue
            last[number, first] = max(last.get((number, first), 0), second)
            yield name, (match["prefix"], (number, first, second))
    for name, prefix, number, first in samplers:  # going down it is a block of its own, going up part of the last one
        yield name, (prefix, (number, first, last.get((number, first), 0) + (0 if number else 0.5)))
