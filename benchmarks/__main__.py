"""``python -m benchmarks [QUESTION …]``: exit status 0 when answered, 1 with one ``error: …`` line when not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.asking import Desk, as_text, draw
from benchmarks.cache import default_cache
from benchmarks.errors import BenchmarkError
from benchmarks.questions import QUESTIONS
from benchmarks.readme import write_readme
from benchmarks.report import page
from benchmarks.results import RESULTS, load
from benchmarks.scale import FULL, TOY


def main(words: list[str] | None = None) -> int:
    """Ask questions, or write the page of all answers."""
    options = _options(words)
    cache = options.cache / "toy" if options.toy else options.cache
    results = options.results or (cache / "results" if options.toy else RESULTS)
    desk = Desk(TOY if options.toy else FULL, cache, results, lambda line: print(f"  {line}", file=sys.stderr))
    names = options.questions or ([] if options.write or options.report else list(QUESTIONS))
    try:
        for name in names:
            print(f"{name} …", file=sys.stderr)
            print(as_text(desk.ask(name)) + "\n", flush=True)
        if options.write:
            _write(results)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.report:
        _report(results, options.report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure taskvec beside disk and peers.")
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"one of {', '.join(QUESTIONS)}; all if none")
    parser.add_argument("--write", action="store_true", help="make the page RESULTS.md and its pictures from the JSON")
    parser.add_argument("--report", type=Path, metavar="PAGE", help="make a page to look at from the JSON")
    parser.add_argument("--toy", action="store_true", help="tiny models and no peers, to try the benchmark itself")
    parser.add_argument("--results", type=Path, help="folder of JSON and pictures (default: benchmarks/results)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of models and peers")
    return parser


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(words)
    unknown = [name for name in options.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"unknown question {unknown[0]!r}: ask one of {', '.join(QUESTIONS)}")
    return options


def _report(folder: Path, page: Path) -> None:
    """Make a page of all results in the folder."""
    from benchmarks.publishing import write_report

    write_report([result for result in (load(folder, name) for name in QUESTIONS) if result is not None], page)
    print(f"written to {page}", file=sys.stderr)


def _write(folder: Path) -> None:
    """Make ``RESULTS.md`` beside the folder of results."""
    found = [result for result in (load(folder, name) for name in QUESTIONS) if result is not None]
    for result in found:
        draw(result, folder)
    target = folder.parent / "RESULTS.md"
    target.write_text(page(found), encoding="utf-8")
    if folder == RESULTS:
        write_readme({result.question: result for result in found})
    print(f"wrote {target}: {len(found)} of {len(QUESTIONS)} questions answered", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
