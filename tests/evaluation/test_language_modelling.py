"""Losses and continuations of padded batches are those of one unpadded text at a time, read without a cache."""

from __future__ import annotations

import math

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from taskvec.errors import EvaluationError
from taskvec.evaluation.language_modelling import (
    ChoiceMeasure,
    Decoding,
    GenerationMeasure,
    PerplexityMeasure,
    Question,
    choice_accuracy,
    choose_endings,
    continuations,
    padded,
    perplexity,
    text_losses,
)

VOCABULARY = 40
END = 1
TEXTS = ["3 4 5 6 7 8", "9 10", "11 12 13", "39 2 39 2 39 2 39 2 39", "20 21 22 23"]


class Numbers:
    """A tokenizer whose words are its tokens; 2 begins every text."""

    def __init__(self, end=END):
        self.eos_token_id = end

    def __call__(self, text, *, add_special_tokens):
        return {"input_ids": [[2] * add_special_tokens + [int(word) for word in each.split()] for each in text]}

    def decode(self, token_ids, *, skip_special_tokens):
        return " ".join(str(token) for token in token_ids)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.5,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).double().eval()


def rows_of(texts):
    return Numbers()(texts, add_special_tokens=True)["input_ids"]


def log_probabilities(model, row):
    with torch.no_grad():
        return model(torch.tensor([row])).logits[0].float().log_softmax(-1)


def oracle_loss(model, row):
    found = log_probabilities(model, row)
    return -sum(float(found[place, token]) for place, token in enumerate(row[1:]))


def oracle_continuation(model, row, new_tokens, end=END):
    written = []
    while len(written) < new_tokens:
        token = int(log_probabilities(model, row + written)[-1].argmax())
        if token == end:
            break
        written.append(token)
    return written


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_losses_in_a_batch_are_those_of_each_text_alone(model, batch) -> None:
    found = text_losses(model, Numbers(), TEXTS, batch=batch)
    for loss, row in zip(found, rows_of(TEXTS), strict=True):
        assert loss.tokens == len(row) - 1
        assert loss.total == pytest.approx(oracle_loss(model, row), rel=1e-5)


def test_perplexity_counts_every_predicted_token_once(model) -> None:
    rows = rows_of(TEXTS)
    expected = math.exp(sum(oracle_loss(model, row) for row in rows) / sum(len(row) - 1 for row in rows))
    assert perplexity(model, Numbers(), TEXTS, batch=3) == pytest.approx(expected, rel=1e-5)
    assert PerplexityMeasure(Numbers(), TEXTS, batch=2)(model)["perplexity"] == pytest.approx(expected, rel=1e-5)


def test_perplexity_leaves_out_what_is_past_the_length(model) -> None:
    cut = [" ".join(text.split()[:2]) for text in TEXTS]
    assert perplexity(model, Numbers(), TEXTS, max_tokens=3) == pytest.approx(perplexity(model, Numbers(), cut))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_greedy_continuations_in_a_batch_are_those_of_each_prompt_alone(model, batch) -> None:
    end = oracle_continuation(model, rows_of(TEXTS)[0], 4)[-1]  # what the model writes, so that some texts end early
    found = continuations(model, Numbers(end), TEXTS, Decoding(new_tokens=7, batch=batch))
    expected = [oracle_continuation(model, row, 7, end) for row in rows_of(TEXTS)]
    assert found == [" ".join(map(str, row)) for row in expected]
    assert min(len(row) for row in expected) < 7 == max(len(row) for row in expected)


def test_draws_do_not_depend_on_the_batch_and_do_on_the_seed(model) -> None:
    def drawn(batch, seed=0, temperature=1.5):
        return continuations(
            model, Numbers(), TEXTS, Decoding(new_tokens=9, batch=batch, seed=seed, temperature=temperature)
        )

    assert drawn(2) == drawn(5)
    assert drawn(5) != drawn(5, seed=1)
    assert drawn(5, temperature=1e-9) == drawn(5, temperature=0)


def test_tokens_are_drawn_as_often_as_the_model_says(model) -> None:
    words = continuations(model, Numbers(), ["3 4"] * 4000, Decoding(new_tokens=1, batch=4000, temperature=1.0))
    expected = log_probabilities(model, [2, 3, 4])[-1].exp()
    for token in expected.topk(3).indices.tolist():
        share = words.count("" if token == END else str(token)) / len(words)
        assert share == pytest.approx(float(expected[token]), abs=4 * math.sqrt(float(expected[token]) / len(words)))


def test_the_preferred_ending_has_the_least_loss_per_token(model) -> None:
    questions = [Question("3 4 5", ("6 7 8", "9", "10 11"), 1), Question("20", ("21 22", "23 24 25 26"), 0)]
    expected = []
    for question in questions:
        start = rows_of([question.beginning])[0]
        means = []
        for ending in question.endings:
            own = [int(word) for word in ending.split()]
            means.append((oracle_loss(model, start + own) - oracle_loss(model, start)) / len(own))
        expected.append(means.index(min(means)))
    assert choose_endings(model, Numbers(), questions, batch=2) == expected
    right = sum(found == question.answer for found, question in zip(expected, questions, strict=True)) / 2
    assert choice_accuracy(model, Numbers(), questions) == right
    assert ChoiceMeasure(Numbers(), questions)(model) == {"accuracy": right}


def test_a_generation_measure_takes_the_mean_of_any_score(model) -> None:
    measure = GenerationMeasure(Numbers(), TEXTS, lambda texts: [len(text.split()) for text in texts], Decoding(7))
    expected = [len(oracle_continuation(model, row, 7)) for row in rows_of(TEXTS)]
    assert measure(model)["score"] == pytest.approx(sum(expected) / len(expected))
    with pytest.raises(EvaluationError, match="1 scores for 5 texts"):
        GenerationMeasure(Numbers(), TEXTS, lambda texts: [0.5])(model)


@given(
    rows=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5),
    side=st.sampled_from(["left", "right"]),
)
def test_padding_keeps_the_tokens_and_stands_on_one_side(rows, side) -> None:
    found = padded(rows, side)
    for ids, mask, row in zip(found.ids, found.mask.bool(), rows, strict=True):
        assert ids[mask].tolist() == row
        assert bool(mask[-1 if side == "left" else 0])
    assert found.mask.shape[1] == max(map(len, rows))


def test_bfloat16_is_near_float32_and_leaves_the_weights(model) -> None:
    single = model.float()
    before = {name: weight.clone() for name, weight in single.state_dict().items()}
    exact, rounded = (
        perplexity(single, Numbers(), TEXTS, precision=precision) for precision in ("float32", "bfloat16")
    )
    assert rounded == pytest.approx(exact, rel=0.1)
    assert rounded != exact
    assert all(torch.equal(weight, before[name]) for name, weight in single.state_dict().items())
    model.double()


def test_what_cannot_be_measured_is_refused(model) -> None:
    with pytest.raises(EvaluationError, match="two tokens"):
        perplexity(model, Numbers(), [""])
    with pytest.raises(EvaluationError, match="empty"):
        padded([[1], []], "left")
    with pytest.raises(EvaluationError, match="questions"):
        choice_accuracy(model, Numbers(), [])
    with pytest.raises(EvaluationError, match="temperature"):
        Decoding(temperature=-1)
