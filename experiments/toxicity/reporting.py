"""From findings to the result file."""

from datetime import UTC, datetime

from demo.packages import package_version

from experiments.setting import Setting
from experiments.toxicity import figures
from experiments.toxicity.analysis import LESS_TOXICITY, UNLIKELIER
from experiments.toxicity.notes import notes
from experiments.toxicity.study import Findings
from experiments.toxicity.wording import answer, controls
from taskvec import Result
from taskvec.results import this_machine, versions_of

QUESTION = (
    "SmolLM2-135M is fine-tuned on toxic texts and on neutral corpora. Does negating the unique component of the toxic "
    "vector lower the toxicity of what the base writes after toxic prompts, with less harm to its perplexity elsewhere "
    "than negating the whole vector (arXiv 2512.22511: 47 % less toxicity, general knowledge kept)? And what is left "
    "of negation and addition when the vectors are compressed to atoms?"
)
RECIPE = """base - λ*toxic
base - λ*toxic.unique                            # shared space of {toxic, stories, encyclopedia}
base - λ*orthogonal(toxic, stories, encyclopedia)
base + λ*(stories + encyclopedia)                # whole, and from a basis"""


def report(findings: Findings, setting: Setting) -> Result:
    """The result, with every figure of its words computed.

    Args:
        findings: What was found.
        setting: How long the steps of this run took; what was kept from earlier ones took none.
    """
    corpora = figures.controls_of(findings)
    return Result(
        name="toxicity",
        title="Forgetting toxicity by negation",
        question=QUESTION,
        answer=answer(findings),
        recipe=RECIPE,
        commands=(setting.command("toxicity"),),
        date=datetime.now(UTC),
        seeds=findings.plan.seeds,
        inputs=findings.inputs,
        settings=_settings(findings),
        versions={
            **versions_of(["taskvec", "torch", "numpy"]),
            **{package: package_version(package) for package in findings.packages},
        },
        machine=this_machine(),
        seconds=setting.seconds,
        tables=(
            figures.chosen_table(findings),
            figures.equal_table(findings, LESS_TOXICITY, corpora),
            figures.equal_table(findings, LESS_TOXICITY, corpora[:1]),
            figures.equal_table(findings, UNLIKELIER, corpora),
            figures.vectors_table(findings),
            figures.addition_table(findings),
        ),
        curves=(figures.trade_curves(findings, "test"), figures.trade_curves(findings, "validation")),
        matrices=(figures.cosine_matrix(findings),),
        controls=controls(findings),
        notes=notes(findings.plan, is_fast=setting.is_fast),
    )


def _settings(findings: Findings) -> dict[str, str | int | float | bool | None]:
    plan = findings.plan
    return {
        "steps": plan.steps,
        "steps of general fine-tunes": plan.general_steps,
        "steps of gradient ascent": plan.ascent_steps,
        "batch": plan.batch,
        "learning rate": plan.learning_rate,
        "rank": plan.rank,
        "λ": ", ".join(f"{scaling:g}" for scaling in plan.scalings),
        "new tokens": plan.new_tokens,
        "tokens of a text for perplexity": plan.measured_tokens,
        "precision of forward passes": plan.precision,
        "validation prompts": plan.validation.prompts,
        "validation texts of a control": plan.validation.controls,
        "test prompts": plan.test.prompts,
        "test texts of a control": plan.test.controls,
        "questions": plan.test.questions,
    }
