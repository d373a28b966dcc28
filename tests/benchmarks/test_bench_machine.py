"""What other work takes of the processors: what they did meanwhile, and nothing of what was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import machine

Spend = Callable[..., float]


@pytest.fixture
def spend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spend:
    """Let the processors spend given ticks while somebody sleeps."""
    stat = tmp_path / "stat"
    before = {
        "user": 90_000,
        "nice": 5,
        "system": 700,
        "idle": 1000,
        "waiting": 20,
        "irq": 0,
        "softirq": 3,
        "stolen": 9,
    }

    def write(ticks: dict[str, int]) -> None:
        line = "cpu  " + " ".join(str(before[name] + ticks.get(name, 0)) for name in before)
        stat.write_text(f"{line} 7 7\ncpu0 1 2 3 4\n", encoding="ascii")

    def spent(**ticks: int) -> float:
        write({})
        monkeypatch.setattr(machine.time, "sleep", lambda _: write(ticks))
        return machine.others_share()

    monkeypatch.setattr(machine, "STAT", stat)
    return spent


def test_a_machine_that_does_nothing_is_idle_whatever_it_did_before(spend: Spend) -> None:
    assert not spend(idle=400)


def test_waiting_for_a_disk_takes_no_processor(spend: Spend) -> None:
    assert not spend(idle=300, waiting=100)


def test_other_work_is_a_share_of_all_processors(spend: Spend) -> None:
    assert spend(idle=200, user=100, nice=20, system=50, stolen=30) == pytest.approx(0.5)


def test_no_time_at_all_is_no_error(spend: Spend) -> None:
    assert not spend()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="what processors did is read from /proc")
def test_the_system_is_asked() -> None:
    assert 0.0 <= machine.others_share(0.05) <= 1.0
