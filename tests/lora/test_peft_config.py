"""What ``adapter_config.json`` says, read by value: ranks, scales and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from taskvec.checkpoints.lora.peft_config import PeftConfig


def test_what_is_not_said_is_pefts_default() -> None:
    config = PeftConfig.parse({})
    assert (config.rank, config.alpha, config.ranks, config.alphas) == (8, 8.0, {}, {})
    assert (config.is_rank_stabilized, config.fan_in_fan_out, config.base) == (False, False, None)
    assert config.scale_of("q_proj") == 1


def test_what_is_said_is_read() -> None:
    config = PeftConfig.parse({"r": 1, "lora_alpha": 0, "fan_in_fan_out": True, "base_model_name_or_path": "org/name"})
    assert (config.rank, config.alpha, config.fan_in_fan_out, config.base) == (1, 0.0, True, "org/name")
    assert config.scale_of("q_proj") == 0
    assert PeftConfig.parse({"base_model_name_or_path": ""}).base is None
    assert PeftConfig.parse({"base_model_name_or_path": 7}).base is None


@pytest.mark.parametrize(("is_rank_stabilized", "scale"), [(False, 3 / 16), (True, 3 / 4)])
def test_a_scale_is_alpha_by_rank_or_by_its_root(is_rank_stabilized: bool, scale: float) -> None:
    raw = {"r": 16, "lora_alpha": 3, "use_rslora": is_rank_stabilized}
    assert PeftConfig.parse(raw).scale_of("layers.0.q_proj") == scale


def test_a_pattern_is_the_end_of_a_name_from_a_dot_on_and_the_first_counts() -> None:
    raw = {"r": 8, "lora_alpha": 4, "rank_pattern": {"1.up": 2, "up": 4}, "alpha_pattern": {"down|up": 12}}
    config = PeftConfig.parse(raw)
    ranks = {name: config.rank_of(name) for name in ("up", "0.up", "layers.1.up", "setup", "up.last")}
    assert ranks == {"up": 4, "0.up": 4, "layers.1.up": 2, "setup": 8, "up.last": 8}
    assert {name: config.scale_of(name) for name in ("layers.1.up", "a.down", "q")} == {
        "layers.1.up": 6.0,
        "a.down": 1.5,
        "q": 0.5,
    }


@pytest.mark.parametrize("key", ["r", "lora_alpha"])
@pytest.mark.parametrize("value", [True, False, "8", None, [8], -1, -0.5, math.inf, math.nan])
def test_what_is_no_number_of_at_least_nothing_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{key} is .*, expected a number"):
        PeftConfig.parse({key: value})


@pytest.mark.parametrize("value", [0, 0.5])
def test_a_rank_below_one_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"r is .*, expected 1 or more"):
        PeftConfig.parse({"r": value})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type is .*IA3.*, and LORA alone is supported"),
        ({"use_dora": True}, "use_dora is set: DoRA"),
        ({"init_lora_weights": "PiSSA_niter_4"}, "init_lora_weights is .*which changes the base itself"),
        ({"rank_pattern": ["up"]}, "rank_pattern is .*, expected an object"),
        ({"alpha_pattern": {"(": 1}}, "alpha_pattern: .* is no pattern"),
        ({"rank_pattern": {"up": "2"}}, "up is .*, expected a number"),
    ],
)
def test_what_means_something_else_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PeftConfig.parse(raw)


@pytest.mark.parametrize("start", [True, False, "gaussian", "a pissa", None])
def test_starts_that_leave_the_base_alone_are_taken(start: object) -> None:
    assert PeftConfig.parse({"init_lora_weights": start, "use_dora": False, "rank_pattern": None}).rank == 8
