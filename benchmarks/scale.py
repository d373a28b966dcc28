"""How large the models are and how often each thing is measured: in full, or as a toy that runs in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.layouts import Layout, even, llama


@dataclass(frozen=True, slots=True)
class Scale:
    """All sizes of all questions.

    Attributes:
        name: ``full`` or ``toy``.
        repeats: How often each timing is taken.
        llama: The model that speed is measured on.
        recipes: A smaller one of the same kind, on which every method is timed beside its peer.
        many: A small model, for many fine-tunes.
        counts: T, the numbers of those fine-tunes.
        large_tensor: A model of one large tensor.
        tiny_tensors: A model of very many tiny tensors.
        shards: A model in very many files.
        growing: Models that differ in P alone.
        encoder_steps: Steps that the published encoder is trained for.
        collection: A small model, for collections of hundreds of fine-tunes.
        collections: T, the numbers of those fine-tunes.
        fitted: How many of them atoms are made from where the others are projected.
        joined: T, where the others are projected.
        billions: A model of more than a billion weights.
    """

    name: str
    repeats: int
    llama: Layout
    recipes: Layout
    many: Layout
    counts: tuple[int, ...]
    large_tensor: Layout
    tiny_tensors: Layout
    shards: Layout
    growing: tuple[Layout, ...]
    encoder_steps: int
    collection: Layout
    collections: tuple[int, ...]
    fitted: int
    joined: tuple[int, ...]
    billions: Layout


FULL = Scale(
    name="full",
    repeats=5,
    llama=llama(hidden=1024, layers=16, intermediate=2560, vocabulary=30_000),
    recipes=llama(hidden=1024, layers=4, intermediate=2560, vocabulary=8_000),
    many=even(16, 1 << 20),
    counts=(2, 4, 8, 16, 32, 64),
    large_tensor=even(1, 1_000_000_000),
    tiny_tensors=even(100_000, 64),
    shards=even(300, 1 << 16, num_shards=300),
    growing=tuple(even(count, 1 << 20) for count in (16, 32, 64, 128, 256)),
    encoder_steps=6000,
    collection=even(16, 1 << 17),
    collections=(8, 16, 32, 64, 128, 200),
    fitted=32,
    joined=(50, 100, 200),
    billions=even(24, 1 << 26),
)

TOY = Scale(
    name="toy",
    repeats=1,
    llama=llama(hidden=64, layers=2, intermediate=128, vocabulary=512),
    recipes=llama(hidden=64, layers=2, intermediate=128, vocabulary=512),
    many=even(4, 1 << 10),
    counts=(2,),
    large_tensor=even(1, 100_000),
    tiny_tensors=even(100, 8),
    shards=even(6, 64, num_shards=3),
    growing=tuple(even(count, 1 << 10) for count in (4, 8)),
    encoder_steps=30,
    collection=even(4, 1 << 10),
    collections=(2,),
    fitted=2,
    joined=(3, 4),
    billions=even(2, 1 << 10),
)
