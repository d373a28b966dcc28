"""Ask one question: measure, note the circumstances, keep JSON and picture."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import commit, others_share, this_machine
from benchmarks.questions import QUESTIONS
from benchmarks.results import Result, circumstance, save
from benchmarks.scale import Scale
from benchmarks.setting import Setting
from benchmarks.tables import plain


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions are asked.

    Attributes:
        scale: How large and how often.
        cache: Where models and the peer are kept.
        results: Where JSON and pictures go.
        say: Told what goes on.
    """

    scale: Scale
    cache: Path
    results: Path
    say: Callable[[str], None]

    def ask(self, name: str) -> Result:
        """Ask a question and keep the answer."""
        question, others = QUESTIONS[name], others_share()
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.cache) as scratch:
            answer = question.ask(Setting(self.scale, self.cache, Path(scratch), self.say))
        result = Result(
            question=name,
            title=question.TITLE,
            command=f"python -m benchmarks {name}" + (" --toy" if self.scale.name == "toy" else ""),
            date=datetime.now(UTC).isoformat(timespec="minutes").removesuffix("+00:00") + " UTC",
            commit=commit(),
            machine=this_machine(),
            answer=answer,
            others=others,
        )
        save(result, self.results)
        draw(result, self.results)
        return result


def draw(result: Result, results: Path) -> None:
    """Draw the picture of a result beside its JSON."""
    QUESTIONS[result.question].chart(result.answer).save(results / f"{result.question}.svg")


def as_text(result: Result) -> str:
    """A result for a terminal."""
    machine = result.machine
    circumstances = (
        f"{result.date} · commit {result.commit} · {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_bytes / 2**30:.0f} GiB, {machine.kernel} · {circumstance(result)}"
    )
    answer = result.answer
    missed = [target for target in answer.targets if not target.is_met]
    verdicts = [("goal missed: " if target.is_goal else "falls short: ") + target.shortfall for target in missed]
    met = f"{len(answer.targets) - len(missed)} of {len(answer.targets)} targets met"
    return "\n\n".join(
        [
            f"{result.title}\n{circumstances}",
            *(plain(table) for table in answer.tables),
            "\n".join([met, *verdicts, *answer.notes]),
        ]
    )
