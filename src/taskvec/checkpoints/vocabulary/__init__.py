"""Models whose tokenizers differ: rows of embeddings and heads brought together by the strings of their tokens."""

from taskvec.checkpoints.vocabulary.aligned import AlignedVocabularies, align_vocabularies
from taskvec.checkpoints.vocabulary.report import VocabularyReport
from taskvec.checkpoints.vocabulary.tokens import Vocabulary, read_vocabulary

__all__ = ["AlignedVocabularies", "Vocabulary", "VocabularyReport", "align_vocabularies", "read_vocabulary"]
