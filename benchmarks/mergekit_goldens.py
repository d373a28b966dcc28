"""What mergekit itself makes of tiny models: run by the Python of mergekit's own environment, where taskvec is not.

    ENVIRONMENT/bin/python benchmarks/mergekit_goldens.py CASES.json OUT.safetensors

Writes the inputs, ``input/MODEL/TENSOR``, and for every case ``METHOD/NUMBER/TENSOR``; models are base, a, b, c.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from mergekit.merge_methods import get
from mergekit.merge_methods.api import merge_state_dicts
from safetensors.torch import save_file

SHAPES = {"matrix": (9, 7), "vector": (23,), "wide": (3, 16)}
TASKS = {"slerp": 1, "nuslerp": 2, "passthrough": 1, "nearswap": 1, "arcee_fusion": 1}
BASE_IS_AN_INPUT = {"slerp"}
BASELESS = {"linear", "karcher", "passthrough"}


def models():
    generator = torch.Generator().manual_seed(7)

    def draw(scale):
        return {name: scale * torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}

    base, common = draw(1.0), draw(0.05)
    made = {"base": base}
    for name in "abc":
        own = draw(0.1)
        made[name] = {tensor: base[tensor] + common[tensor] + own[tensor] for tensor in SHAPES}
    return made


def merged(method, options, inputs):
    tasks = list("abc")[: TASKS.get(method, 3)]
    options = dict(options)
    is_baseless = options.pop("baseless", False) or method in BASELESS
    chosen = {name: inputs[name] for name in (tasks if is_baseless else ["base", *tasks])}
    known = {parameter.name: parameter.scope.value for parameter in get(method).spec.parameters}
    parameters = {}
    for name, value in options.items():
        if known[name] == "non_base" or isinstance(value, list):
            many = value if isinstance(value, list) else [value] * len(tasks)
            parameters[name] = dict(zip(tasks, many, strict=True))
        else:
            parameters[name] = value
    return merge_state_dicts(chosen, method, parameters=parameters, base=None if is_baseless else "base")


def main(cases_path, out_path):
    cases = json.loads(Path(cases_path).read_text(encoding="utf-8"))
    inputs = models()
    tensors = {f"input/{model}/{name}": value for model, values in inputs.items() for name, value in values.items()}
    for method, many in cases.items():
        for number, options in enumerate(many):
            for name, value in merged(method, options, inputs).items():
                tensors[f"{method}/{number}/{name}"] = value.detach().clone().contiguous()
    save_file(tensors, out_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
