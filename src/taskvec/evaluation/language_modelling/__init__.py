"""Causal language models: how likely they find texts, which ending of a sentence they prefer, and what they write."""

from taskvec.evaluation.language_modelling.choices import Question, choice_accuracy, choose_endings
from taskvec.evaluation.language_modelling.generation import Decoding, continuations
from taskvec.evaluation.language_modelling.likelihood import TextLoss, perplexity, perplexity_of, text_losses
from taskvec.evaluation.language_modelling.measures import ChoiceMeasure, GenerationMeasure, PerplexityMeasure
from taskvec.evaluation.language_modelling.padding import Padded, Tokenizer, encoded, padded

__all__ = [
    "ChoiceMeasure",
    "Decoding",
    "GenerationMeasure",
    "Padded",
    "PerplexityMeasure",
    "Question",
    "TextLoss",
    "Tokenizer",
    "choice_accuracy",
    "choose_endings",
    "continuations",
    "encoded",
    "padded",
    "perplexity",
    "perplexity_of",
    "text_losses",
]
