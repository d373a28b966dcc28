"""How libraries call the tensors of an adapter: which two are a pair, and of which module."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from taskvec.checkpoints.quoting import quoted

_SUFFIXES = (  # of A and of B; longer ones first
    (".lora_A.default.weight", ".lora_B.default.weight"),
    (".lora_A.weight", ".lora_B.weight"),
    (".lora_embedding_A.default", ".lora_embedding_B.default"),
    (".lora_embedding_A", ".lora_embedding_B"),
    (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    (".lora.down.weight", ".lora.up.weight"),
    ("_lora.down.weight", "_lora.up.weight"),
    (".lora_down.weight", ".lora_up.weight"),
)
_UNSUPPORTED: Mapping[str, str] = {
    "lora_magnitude_vector": "DoRA (weight-decomposed LoRA), whose change is no product of factors",
    "dora_scale": "DoRA (weight-decomposed LoRA), whose change is no product of factors",
    "hada_w1": "LoHa (a product of products, element by element)",
    "lokr_w1": "LoKr (a Kronecker product)",
    "lora_mid": "LoCon with a third factor in the middle (Tucker)",
    "oft_blocks": "OFT (orthogonal fine-tuning, which multiplies the base)",
    "oft_diag": "OFT (orthogonal fine-tuning, which multiplies the base)",
    "oft_r.": "OFT (orthogonal fine-tuning, which multiplies the base)",
    "lora_B.bias": "LoRA with a bias of its own (lora_bias)",
    "lora_B.default.bias": "LoRA with a bias of its own (lora_bias)",
    "trainable_tokens": "single trained rows of an embedding (trainable_token_indices)",
    "ia3_l": "IA³ (which multiplies activations)",
    "vera_lambda": "VeRA (shared random factors)",
}
_ALPHA = ".alpha"


@dataclass(frozen=True, slots=True)
class NamedPair:
    """The names of one pair.

    Attributes:
        module: The module, as the adapter calls it.
        down: A.
        up: B.
        alpha: The tensor that holds α, if there is one.
    """

    module: str
    down: str
    up: str
    alpha: str | None

    @property
    def is_embedding(self) -> bool:
        """Whether the library calls it an embedding's."""
        return ".lora_embedding_A" in self.down


@dataclass(frozen=True, slots=True)
class AdapterNames:
    """The names of an adapter, sorted out.

    Attributes:
        pairs: The pairs.
        others: What belongs to no pair.
    """

    pairs: tuple[NamedPair, ...]
    others: tuple[str, ...]


def is_adapter(names: Collection[str]) -> bool:
    """Say whether these are names of an adapter of any kind, one that is not supported among them."""
    return any(_split(name) or unsupported_kind(name) for name in names)


def unsupported_kind(name: str) -> str | None:
    """Return what kind of adapter a tensor belongs to, where that kind is refused."""
    last = name.rpartition("/")[2]
    found = (kind for mark, kind in _UNSUPPORTED.items() if f".{mark}" in f".{last}")
    return next(found, None)


def sort_names(names: Collection[str]) -> AdapterNames:
    """Find the pairs among the names of an adapter.

    Args:
        names: All tensors.

    Returns:
        Pairs in the order of their first factors, and the rest.

    Raises:
        ValueError: If a factor has no partner, or the adapter is of a kind that is refused.
    """
    for name in names:
        kind = unsupported_kind(name)
        if kind:
            raise ValueError(
                f"tensor {quoted(name)} belongs to {kind}, which is not supported: merge it into its base with the "
                "library that trained it, and name the merged model"
            )
    pairs = tuple(_pairs(names))
    used = {name for pair in pairs for name in (pair.down, pair.up, pair.alpha)}
    others = tuple(name for name in names if name not in used and not name.endswith(_ALPHA))
    lonely = next((name for name in others if _split(name)), None)
    if lonely:
        raise ValueError(f"tensor {quoted(lonely)} is one factor of a pair and the other is missing; save it again")
    return AdapterNames(pairs, others)


def _pairs(names: Collection[str]) -> Iterator[NamedPair]:
    for name in names:
        module, suffix = _split(name) or ("", "")
        up = module + dict(_SUFFIXES).get(suffix, "")
        if not module or up not in names or up == module:
            continue
        alpha = module + _ALPHA
        yield NamedPair(_plain(module), name, up, alpha if alpha in names else None)


def _split(name: str) -> tuple[str, str] | None:
    """Return module and suffix of a factor's name."""
    for pair in _SUFFIXES:
        for suffix in pair:
            if name.endswith(suffix):
                return name.removesuffix(suffix), suffix
    return None


def _plain(module: str) -> str:
    return module.removeprefix("base_model.model.").replace(".processor.", ".")
