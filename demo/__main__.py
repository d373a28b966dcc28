"""`python -m demo`: exit status 0 when done, 1 with one `error: …` line when it cannot be, 130 when interrupted."""

import sys

from demo.errors import DemoError


def main() -> int:
    """Run the demo and show what it found."""
    try:
        _run()
    except DemoError as error:
        return _say(f"error: {error}", status=1)
    except ModuleNotFoundError as error:
        return _say(f"error: {error.name} is not installed; run: pip install -r demo/requirements.txt", status=1)
    except KeyboardInterrupt:
        return _say("interrupted; what is finished is kept, and the same command goes on from there", status=130)
    return 0


def _run() -> None:
    from demo.settings import from_environment

    settings = from_environment()
    from rich.console import Console

    from demo.progress import Reporter

    reporter = Reporter()
    reporter.heading("Load torch and transformers")
    from demo.pipeline import Demo
    from demo.table import show

    result = Demo(settings, reporter).run()
    show(result, Console(highlight=False))
    reporter.heading(f"Done; report.html, store.html, result.json and the pictures are in {settings.out}/")


def _say(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
