"""What a reader must know beside the numbers."""

from experiments.toxicity.plan import Plan


def notes(plan: Plan, *, is_fast: bool = False) -> tuple[str, ...]:
    """A few sentences each.

    Args:
        plan: What was asked.
        is_fast: Whether it was the subset.
    """
    of_seeds = (_SEEDS, _FEWER) if len(plan.seeds) > 1 else (_ONE_SEED,)
    of_run = (_FAST,) if is_fast else (_SEEN,)
    texts = (_CLASSIFIER, _SPLIT, _MODEL, _CONTROLS, *of_seeds, *of_run, _SECONDS)
    return tuple(text.format(plan=plan) for text in texts)


_CLASSIFIER = (
    "Toxicity is the mean probability that one linear classifier of words (alt-profanity-check) gives to greedy "
    "continuations of {plan.new_tokens} tokens: it hears swear words, and neither irony nor insult in clean words. The "
    "perplexity of toxic texts stands beside it, as a measure that asks no classifier."
)
_SPLIT = (
    "Prompts are toxic texts that no fine-tune has seen. Texts are split by a hash, Wikipedia by article: no document "
    "is in two parts. λ is chosen on validation data: the largest with which, and with every smaller one tried, the "
    "mean of base ÷ perplexity over both control corpora stays above 1/{plan.allowed:g}; 0 where there is none."
)
_SEEDS = (
    "Seeds change the order of the fine-tunes' texts, and with it all vectors. The texts that are measured are the "
    "same for all seeds: their spread says nothing about other prompts, for which the intervals over prompts stand."
)
_ONE_SEED = (
    "One seed: nothing is known of how much other orders of the fine-tunes' texts would change. The intervals are over "
    "prompts."
)
_MODEL = (
    "Embeddings are frozen, tied as they are to the output layer. The base comes from a 4-bit file, dequantised. "
    "Matrix products are computed in {plan.precision}, of base and edited models alike, in the same batches."
)
_CONTROLS = (
    "No vector has learned from XSum. The vector `encyclopedia` has learned from other articles of Wikipedia, so "
    "Wikipedia's perplexity is less of a test for what moves along it: see XSum alone."
)
_FEWER = "Methods whose curves are not compared on test data were tried at fewer λ."
_SEEN = (
    "Not all of the design was fixed beforehand: that λ is tried at .45, that PCA, gradient ascent and leading "
    "directions are compared as whole curves, the table of XSum alone and the number of λ past 1 were decided after "
    "the first seed's test figures had been seen. The other seeds had not been measured then. λ was tried at .06 too "
    "after the figures of all seeds had been seen: at .12, which had been the least, the whole vector already cost "
    "more perplexity than is allowed."
)
_FAST = "A fast run: shorter fine-tunes, fewer λ, texts and prompts than the whole, and one seed."
_SECONDS = "Seconds are of the run that wrote this: units of work that were kept from runs before it took none."
