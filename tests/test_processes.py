"""Two processes on this machine share a run: the same folder, bit for bit, and clear errors where they do not fit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from stress.cli.main import BAD_INPUT, OK, main
from stress.files import read_json

ROOT = Path(__file__).resolve().parent.parent
RUN = ["price=gbm", "run.paths=300", "run.block_paths=128", "run.horizon_hours=0.2", "run.devices=1"]
QUIET = ["report.enabled=false", "run.progress=false"]


def start(number: int, port: int, folder: Path, more: list[str]) -> subprocess.Popen[str]:
    shared = ["run.processes=2", f"run.process={number}", f"run.coordinator=localhost:{port}"]
    words = [*RUN, *shared, *QUIET, *more, f"hydra.run.dir={folder}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "stress", *words], cwd=folder.parent, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def both(tmp_path: Path, *more: list[str]) -> list[tuple[int, str]]:
    """Exit status and output of the two."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    running = [start(number, port, tmp_path / f"of{number}", words) for number, words in enumerate(more)]
    outputs = [process.communicate(timeout=300)[0] for process in running]
    return [(process.returncode, output) for process, output in zip(running, outputs, strict=True)]


def test_two_processes_are_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = both(tmp_path, [], [])
    assert first[0] == second[0] == OK, first[1] + second[1]
    monkeypatch.chdir(tmp_path)
    assert main([*RUN, *QUIET, "hydra.run.dir=alone"]) == OK
    assert parquet.read_table("of0/paths.parquet").equals(parquet.read_table("alone/paths.parquet"))
    shared, alone = (read_json(Path(folder) / "summary.json") for folder in ("of0", "alone"))
    assert {**shared, "timings": None} == {**alone, "timings": None}
    assert read_json(Path("of0/manifest.json"))["processes"] == 2
    assert "with process 0" in second[1]
    assert not Path("of1").exists()


def test_processes_with_different_settings_say_so(tmp_path: Path) -> None:
    for status, output in both(tmp_path, [], ["run.seed=2"]):
        assert status == BAD_INPUT, output
        assert "run.process: 1 has another configuration or version than 0" in output


@pytest.mark.parametrize(("words", "message"), [
    (["run.process=1"], "run.process: got 1, allowed is 0 to 0"),
    (["run.processes=2"], "run.coordinator: got null, allowed is host:port"),
    (["-m", "run.processes=2", "run.coordinator=localhost:1", "run.seed=1,2"], "run.processes: several processes"),
])
def test_what_does_not_go_together(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == BAD_INPUT
    assert message in capsys.readouterr().err
