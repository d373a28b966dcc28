from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskvec.checkpoints import StagedOutput, create_json_exclusive, write_json_atomic
from taskvec.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class TestStagedOutput:
    def test_publishes_all_at_once(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out") as output:
            (output.directory / "weights").write_bytes(b"1")
            (output.directory / "deeper").mkdir()
            (output.directory / "deeper" / "more").write_bytes(b"2")
            assert names(tmp_path) == [".out.partial"]
            output.publish()
        assert names(tmp_path) == ["out"]
        assert (tmp_path / "out" / "deeper" / "more").read_bytes() == b"2"

    def test_publishes_a_single_file(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out.txt", is_single_file=True) as output:
            (output.directory / "out.txt").write_bytes(b"1")
            output.publish()
        assert names(tmp_path) == ["out.txt"]
        assert (tmp_path / "out.txt").read_bytes() == b"1"

    def test_works_on_the_file_system_of_the_target(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out") as output:
            assert output.directory.parent == tmp_path

    def test_an_exception_leaves_nothing(self, tmp_path: Path) -> None:
        def fail() -> None:
            with StagedOutput(tmp_path / "new" / "parents" / "out") as output:
                (output.directory / "weights").write_bytes(b"1")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert names(tmp_path) == []

    def test_forgetting_to_publish_leaves_nothing(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out") as output:
            (output.directory / "weights").write_bytes(b"1")
        assert names(tmp_path) == []

    def test_parents_that_were_there_stay(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        StagedOutput(tmp_path / "empty" / "new" / "out").discard()
        assert names(tmp_path) == ["empty"]
        assert names(tmp_path / "empty") == []

    @pytest.mark.parametrize("kind", ["folder", "file", "broken symlink"])
    def test_refuses_an_existing_target(self, tmp_path: Path, kind: str) -> None:
        target = tmp_path / "out"
        match kind:
            case "folder":
                target.mkdir()
            case "file":
                target.write_bytes(b"precious")
            case _:
                target.symlink_to(tmp_path / "nowhere")
        with pytest.raises(OutputError, match="out: exists already; remove it or name another output"):
            StagedOutput(target)
        assert names(tmp_path) == ["out"]

    def test_refuses_a_target_that_appeared_meanwhile(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out") as output:
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "precious").write_bytes(b"1")
            with pytest.raises(OutputError, match="exists already"):
                output.publish()
        assert names(tmp_path) == ["out"]
        assert names(tmp_path / "out") == ["precious"]

    def test_refuses_a_parent_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OutputError, match="cannot be written"):
            StagedOutput(tmp_path / "file" / "out")

    def test_removes_what_a_killed_process_left(self, tmp_path: Path) -> None:
        script = (
            "import os, signal, sys; from pathlib import Path; from taskvec.checkpoints import StagedOutput\n"
            "output = StagedOutput(Path(sys.argv[1])); (output.directory / 'stray').mkdir()\n"
            "(output.directory / 'stray' / 'shard').write_bytes(b'1'); os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert names(tmp_path / ".out.partial") == ["stray"]
        with StagedOutput(tmp_path / "out") as output:
            assert names(output.directory) == []
            output.publish()
        assert names(tmp_path) == ["out"]

    def test_never_follows_a_link_when_it_removes(self, tmp_path: Path) -> None:
        precious, leftover = tmp_path / "precious", tmp_path / ".out.partial"
        precious.mkdir()
        (precious / "file").write_bytes(b"1")
        leftover.mkdir()
        (leftover / "link").symlink_to(precious)
        with StagedOutput(tmp_path / "out") as output:
            assert names(output.directory) == []
        assert names(precious) == ["file"]

    def test_one_of_two_writers_is_told(self, tmp_path: Path) -> None:
        with StagedOutput(tmp_path / "out") as first:
            (first.directory / "weights").write_bytes(b"1")
            with pytest.raises(OutputError, match="another process is writing this output"):
                StagedOutput(tmp_path / "out")
            first.publish()
        assert names(tmp_path / "out") == ["weights"]

    def test_discarding_after_publishing_keeps_the_output(self, tmp_path: Path) -> None:
        output = StagedOutput(tmp_path / "out")
        output.publish()
        output.discard()
        output.discard()
        assert names(tmp_path) == ["out"]

    def test_gives_its_descriptors_back(self, tmp_path: Path) -> None:
        before = open_descriptors()
        for number in range(5):
            with StagedOutput(tmp_path / str(number)) as output:
                output.publish()
            with pytest.raises(OutputError):
                StagedOutput(tmp_path / str(number))
        assert open_descriptors() == before


class TestJson:
    def test_writes_and_replaces(self, tmp_path: Path) -> None:
        write_json_atomic(tmp_path / "a.json", {"größe": 1})
        write_json_atomic(tmp_path / "a.json", {"größe": 2})
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"größe": 2}
        assert names(tmp_path) == ["a.json"]

    def test_a_failure_leaves_the_old_contents(self, tmp_path: Path) -> None:
        write_json_atomic(tmp_path / "a.json", [1])
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json_atomic(tmp_path / "a.json", [float("nan")])
        assert (tmp_path / "a.json").read_text() == "[\n  1\n]\n"
        assert names(tmp_path) == ["a.json"]

    @pytest.mark.parametrize("write", [write_json_atomic, create_json_exclusive])
    def test_a_missing_folder_is_named(self, tmp_path: Path, write: object) -> None:
        assert callable(write)
        with pytest.raises(OutputError, match=r"absent/a\.json: cannot be written: No such file"):
            write(tmp_path / "absent" / "a.json", [])

    def test_exclusive_creation_fails_if_the_path_exists(self, tmp_path: Path) -> None:
        create_json_exclusive(tmp_path / "a.json", [1])
        with pytest.raises(FileExistsError):
            create_json_exclusive(tmp_path / "a.json", [2])
        assert json.loads((tmp_path / "a.json").read_text()) == [1]
        assert names(tmp_path) == ["a.json"]

    def test_of_many_creators_exactly_one_wins(self, tmp_path: Path) -> None:
        def create(number: int) -> int | None:
            try:
                create_json_exclusive(tmp_path / "a.json", number)
            except FileExistsError:
                return None
            return number

        with ThreadPoolExecutor(8) as threads:
            winners = [number for number in threads.map(create, range(40)) if number is not None]
        assert winners == [json.loads((tmp_path / "a.json").read_text())]
        assert names(tmp_path) == ["a.json"]
