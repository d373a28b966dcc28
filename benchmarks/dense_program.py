"""A basis made in memory, as published code makes it: a program of its own, so that its memory can be measured.

All task vectors are held in float32 at once, and so are the atoms; Gram matrices are summed in float32. Ways:
``autoencoder`` is the published one (every pair of vectors multiplied for the Gram matrix, then Adam on an encoder and
a decoder, arXiv 2502.01015); ``svd`` decomposes the P × T matrix itself; ``gram`` is the kindest dense way, one matrix
product and the eigenvectors. Prints ``{"relative_error": …}``, known from T × T numbers.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

RATE, DECAY, TEMPERATURE = 1e-2, 1e-6, 5.0


def main() -> None:
    """Load everything, make the atoms, write them and print their error."""
    options = _options()
    vectors = _task_vectors(options.base, options.finetuned)
    atoms, error = WAYS[options.way](vectors, options.atoms, options.steps)
    options.out.mkdir()
    for number, atom in enumerate(atoms):
        save_file({"atom": atom.contiguous()}, options.out / f"atom{number}.safetensors")
    print(json.dumps({"relative_error": error}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--atoms", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("base", type=Path)
    parser.add_argument("finetuned", type=Path, nargs="+")
    return parser.parse_args()


def _task_vectors(base: Path, finetuned: Sequence[Path]) -> Tensor:
    """V as (T, P)."""
    origin = _flat(base)
    vectors = torch.empty(len(finetuned), origin.numel())
    for row, folder in zip(vectors, finetuned, strict=True):
        torch.sub(_flat(folder), origin, out=row)
    return vectors


def _flat(folder: Path) -> Tensor:
    tensors = load_file(folder / "model.safetensors")
    return torch.cat([tensors[name].float().flatten() for name in sorted(tensors)])


def _by_autoencoder(vectors: Tensor, num_atoms: int, steps: int) -> tuple[Tensor, float]:
    gram = torch.stack([torch.stack([torch.dot(one, other) for other in vectors]) for one in vectors])
    encoder, decoder = _train(gram / gram.diagonal().mean(), num_atoms, steps)
    lost = encoder @ decoder - torch.eye(len(gram))
    return encoder.T @ vectors, _root((lost * (gram @ lost)).sum() / gram.trace())


def _train(gram: Tensor, num_atoms: int, steps: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    logits = torch.randn(len(gram), num_atoms, requires_grad=True)
    decoder = torch.zeros(num_atoms, len(gram), requires_grad=True)
    adam = torch.optim.Adam([logits, decoder], lr=RATE, weight_decay=DECAY)
    for _ in range(steps):
        adam.zero_grad()
        lost = torch.softmax(logits / TEMPERATURE, dim=0) @ decoder - torch.eye(len(gram))
        loss = (lost * (gram @ lost)).sum() / len(gram) ** 2
        torch.autograd.backward(loss)
        adam.step()
    return torch.softmax(logits / TEMPERATURE, dim=0).detach(), decoder.detach()


def _by_svd(vectors: Tensor, num_atoms: int, _steps: int) -> tuple[Tensor, float]:
    left, values, _ = torch.linalg.svd(vectors.T, full_matrices=False)
    energy = values.square()
    return (left[:, :num_atoms] * values[:num_atoms]).T, _root(energy[num_atoms:].sum() / energy.sum())


def _by_gram(vectors: Tensor, num_atoms: int, _steps: int) -> tuple[Tensor, float]:
    energy, eigenvectors = torch.linalg.eigh(vectors @ vectors.T)
    return eigenvectors[:, -num_atoms:].T @ vectors, _root(energy[:-num_atoms].sum() / energy.sum())


def _root(fraction: Tensor) -> float:
    """‖V̂ − V‖_F / ‖V‖_F from the fraction of the energy that is lost."""
    return math.sqrt(fraction.item())


WAYS: dict[str, Callable[[Tensor, int, int], tuple[Tensor, float]]] = {
    "autoencoder": _by_autoencoder,
    "svd": _by_svd,
    "gram": _by_gram,
}

if __name__ == "__main__":
    main()
