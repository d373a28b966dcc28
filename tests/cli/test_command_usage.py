"""Wrong usage: exit 2, what is wrong on stderr, nothing on stdout."""

from __future__ import annotations

import pytest
from tiny_models import Command, Models

USAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown command": (("mrege",), "mrege"),
    "unknown option": (("similarity", "s", "--plott", "x.png"), "--plott"),
    "no base": (("store", "init", "s"), "--base"),
    "no vectors": (("store", "add", "s"), "NAME=REF"),
    "no equals sign": (("store", "add", "s", "models/math"), "'models/math' is not NAME=REF"),
    "no reference": (("store", "add", "s", "math="), "'math=' is not NAME=REF"),
    "name twice": (("store", "add", "s", "math=a", "math=b"), "'math' is given twice"),
    "unknown rule": (("store", "add", "s", "math=a", "--allow", "all"), "use missing, extra, integers, non-finite"),
    "no size": (("similarity", "s", "--memory", "much"), "'much' is no size"),
    "no shard size": (("edit", "s", "base", "-o", "o", "--out-shard-size", "0"), "'0' is no size"),
    "no dtype": (("edit", "s", "base", "-o", "o", "--dtype", "f8"), "unknown dtype 'f8'"),
    "no threads": (("similarity", "s", "-j", "0"), "-j"),
    "no executor": (("similarity", "s", "--executor", "cluster"), "use serial, threads, processes"),
    "no device for processes": (("similarity", "s", "--executor", "processes", "--device", "cuda"), "on cpu alone"),
    "verbose and quiet": (("similarity", "s", "-v", "-q"), "-v or -q"),
    "no number of atoms": (("compress", "s", "--basis", "b"), "either --atoms M or --max-error E"),
    "two sizes": (("compress", "s", "--basis", "b", "--atoms", "2", "--max-error", "0.1"), "either --atoms"),
    "empty task": (("compress", "s", "--basis", "b", "--atoms", "2", "--tasks", "a,,b"), "'a,,b'"),
    "no output": (("edit", "s", "base + math"), "--out"),
    "no expression": (("edit", "s", "-o", "o"), "STORE and EXPRESSION"),
    "vectors without a base": (("edit", "base + m", "-o", "o", "--vector", "m=math"), "--base"),
    "base and store": (("edit", "s", "base + m", "-o", "o", "--base", "base"), "no STORE"),
    "base and basis": (("edit", "base + m", "-o", "o", "--base", "base", "--basis", "b"), "--basis"),
    "rule for a store": (("edit", "s", "base + m", "-o", "o", "--allow", "extra"), "taskvec store add"),
}


@pytest.mark.parametrize("case", USAGES)
def test_wrong_usage(case: str, models: Models, run: Command) -> None:
    words, expected = USAGES[case]
    before = sorted(models.folder.rglob("*"))
    answer = run(*words)
    assert (answer.status, answer.stdout) == (2, "")
    assert expected in answer.stderr
    assert sorted(models.folder.rglob("*")) == before
