"""``adapter_config.json``: rank, α and everything that changes what the factors mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskvec.checkpoints.quoting import quoted

_REFUSED: Mapping[str, str] = {
    "use_dora": "DoRA (weight-decomposed LoRA), whose change is no product of factors",
    "use_qalora": "QALoRA (factors for pooled inputs)",
    "use_bdlora": "block-diagonal LoRA",
    "lora_bias": "LoRA with a bias of its own",
    "alora_invocation_tokens": "activated LoRA, which acts on some tokens only",
    "layer_replication": "LoRA on replicated layers, which the base does not have",
    "trainable_token_indices": "single trained rows of an embedding",
    "target_parameters": "LoRA on parameters of modules that are no layers of their own",
    "arrow_config": "Arrow (adapters routed for each token)",
    "kasa_config": "KaSA (which changes the base's singular values)",
    "velora_config": "VeLoRA",
    "monteclora_config": "MonteCLoRA",
}
_CHANGES_BASE = re.compile(r"pissa.*|olora|corda|loftq|lora_ga", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PeftConfig:
    """What of an adapter's configuration decides its values.

    Attributes:
        rank: r, where no pattern says otherwise.
        alpha: α, where no pattern says otherwise.
        ranks: Pattern of module names → r.
        alphas: Pattern of module names → α.
        is_rank_stabilized: Whether the scale is α / √r (rsLoRA) in place of α / r.
        fan_in_fan_out: Whether the base keeps its matrices transposed.
        base: The base that the adapter was trained on, as it was called there.
    """

    rank: int
    alpha: float
    ranks: Mapping[str, int]
    alphas: Mapping[str, float]
    is_rank_stabilized: bool
    fan_in_fan_out: bool
    base: str | None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> PeftConfig:
        """Read a configuration.

        Args:
            raw: The JSON object.

        Returns:
            The configuration.

        Raises:
            ValueError: If it is of another kind than LoRA, of a variety that is refused, or malformed.
        """
        kind = raw.get("peft_type", "LORA")
        if kind != "LORA":
            raise ValueError(f"peft_type is {quoted(kind)}, and LORA alone is supported: merge it into its base first")
        for key, variety in _REFUSED.items():
            if raw.get(key):
                raise ValueError(f"{key} is set: {variety} is not supported: merge it into its base with PEFT first")
        start = raw.get("init_lora_weights")
        if isinstance(start, str) and _CHANGES_BASE.fullmatch(start):
            raise ValueError(
                f"init_lora_weights is {quoted(start)}, which changes the base itself: save the adapter with PEFT's "
                "path_initial_model_for_weight_conversion, which makes an ordinary one"
            )
        base = raw.get("base_model_name_or_path")
        return cls(
            rank=_number(raw, "r", 8, int),
            alpha=_number(raw, "lora_alpha", 8, float),
            ranks=_numbers(raw, "rank_pattern", int),
            alphas=_numbers(raw, "alpha_pattern", float),
            is_rank_stabilized=bool(raw.get("use_rslora")),
            fan_in_fan_out=bool(raw.get("fan_in_fan_out")),
            base=base if isinstance(base, str) and base else None,
        )

    def rank_of(self, module: str) -> int:
        """Return the rank that a module has according to the configuration."""
        return int(_by_pattern(self.ranks, module, self.rank))

    def scale_of(self, module: str) -> float:
        """Return the scale of a module's product."""
        rank, alpha = self.rank_of(module), _by_pattern(self.alphas, module, self.alpha)
        return alpha / math.sqrt(rank) if self.is_rank_stabilized else alpha / rank


def _by_pattern(patterns: Mapping[str, float], module: str, otherwise: float) -> float:
    """Take the first pattern that is the end of a module's name, as PEFT matches them."""
    found = (value for pattern, value in patterns.items() if re.match(rf"(.*\.)?({pattern})$", module))
    return next(found, otherwise)


def _number(raw: Mapping[str, Any], key: str, otherwise: float, kind: type[Any]) -> Any:
    value = raw.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{key} is {quoted(value)}, expected a number")
    if key == "r" and value < 1:
        raise ValueError(f"r is {quoted(value)}, expected 1 or more")
    return kind(value)


def _numbers(raw: Mapping[str, Any], key: str, kind: type[Any]) -> dict[str, Any]:
    value = raw.get(key) or {}
    match value:
        case dict():
            pass
        case _:
            raise ValueError(f"{key} is {quoted(value)}, expected an object")
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{key}: {quoted(pattern)} is no pattern: {error}") from None
    return {pattern: _number(value, pattern, 0, kind) for pattern in value}
