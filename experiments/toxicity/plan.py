"""Everything that decides the experiment's numbers, and how much of it a quick run does."""

from dataclasses import dataclass, field

from taskvec.training.precision import Precision


@dataclass(frozen=True)
class Sizes:
    """How many texts are measured in one part of the data.

    Attributes:
        prompts: Toxic texts that are continued.
        controls: Texts of each control corpus.
        domain: Texts of each corpus that was trained on, the toxic one too.
        questions: Multiple-choice questions; 0 asks none.
    """

    prompts: int
    controls: int
    domain: int
    questions: int = 0


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        seeds: Each fine-tunes every task anew, in another order.
        steps: Of the toxic fine-tune.
        general_steps: Of a fine-tune on a general corpus.
        ascent_steps: Of the fine-tune that forgets by gradient ascent.
        batch: Texts a step.
        train_tokens: At most as many of a text are learned from.
        learning_rate: The largest.
        rank: Singular directions of a matrix that count where shared components are looked for.
        scalings: λ of negation where curves are compared on test data.
        few_scalings: λ of negation by other methods, of which the chosen one alone is tested.
        measured_tokens: At most as many of a text count for its perplexity.
        new_tokens: What is written after a prompt.
        precision: What every forward pass computes in.
        validation: How much is measured to choose λ.
        test: How much is measured to report.
        allowed: Perplexity may grow to this multiple of the base's on validation.
        wanted: The share of toxicity that should go.
        resamples: Of the bootstrap over prompts.
        revision: Raise it when the meaning of the code changes.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 48
    general_steps: int = 20
    ascent_steps: int = 16
    batch: int = 8
    train_tokens: int = 64
    learning_rate: float = 3e-5
    rank: int = 64
    scalings: tuple[float, ...] = (0.06, 0.12, 0.25, 0.45, 0.8)
    few_scalings: tuple[float, ...] = (0.06, 0.12, 0.45)
    measured_tokens: int = 48
    new_tokens: int = 16
    precision: Precision = "float32"
    validation: Sizes = field(default_factory=lambda: Sizes(prompts=24, controls=8, domain=8))
    test: Sizes = field(default_factory=lambda: Sizes(prompts=64, controls=10, domain=16, questions=32))
    allowed: float = 1.02
    wanted: float = 0.47
    resamples: int = 2000
    revision: int = 1


FULL = Plan()
FAST = Plan(
    seeds=(0,),
    steps=16,
    general_steps=8,
    ascent_steps=8,
    scalings=(0.2, 0.6, 1.0),
    few_scalings=(0.2, 1.0),
    validation=Sizes(prompts=32, controls=8, domain=8),
    test=Sizes(prompts=32, controls=8, domain=8, questions=32),
)
