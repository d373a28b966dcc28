"""`python -m experiments [NAME…]`: exit status 0 when done, 1 with one `error: …` line, 130 when interrupted."""

import argparse
import sys
from importlib import import_module

from experiments import NAMES


def main(words: list[str] | None = None) -> int:
    """Run experiments, or make their pages anew from what was found."""
    options = _options(words)
    from demo.errors import DemoError

    from experiments.errors import ExperimentError
    from taskvec import TaskvecError

    try:
        _write() if options.write else _run(options.names or list(NAMES))
    except (ExperimentError, DemoError, TaskvecError) as error:
        return _say(f"error: {error}", status=1)
    except ModuleNotFoundError as error:
        return _say(f"error: {error.name} is not installed; run: make experiments", status=1)
    except KeyboardInterrupt:
        return _say("interrupted; what is finished is kept, and the same command goes on from there", status=130)
    return 0


def _run(names: list[str]) -> None:
    from experiments.publishing import publish, report, store_page_of
    from experiments.setting import OUTPUT, REPORT, from_environment

    setting = from_environment()
    for name in names:
        setting.say(f"{name}:")
        result = import_module(f"experiments.{name}").run(setting)
        publish(result, setting.out)
        setting.say(f"{name}: {result.answer}\nwritten to {setting.out}/{result.name}.json and .md")
        setting.seconds.clear()
        if page := store_page_of(setting.cache / name, OUTPUT / f"store-{name}.html"):
            setting.say(f"what is in its store, on a page to open: {page}")
    setting.say(f"all results on one page to open: {report(setting.out, REPORT)}")


def _write() -> None:
    from experiments.publishing import render_all, report
    from experiments.setting import REPORT, from_environment

    setting = from_environment()
    for file in render_all(setting.out):
        setting.say(f"rendered {file}")
    setting.say(f"all results on one page to open: {report(setting.out, REPORT)}")


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description="Test the papers' claims on real models."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--write", action="store_true", help="make pages and pictures anew from the JSON alone")
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown experiment {unknown[0]!r}: there are {', '.join(NAMES)}")
    return options


def _say(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
