"""Launchers: the same numbers as without one, a failed job beside the others, a sweep given again, what a job may take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from documents import ROOT

from stress.cli import earlier, launchers
from stress.cli.earlier import AGAIN, CONTINUED, KEPT
from stress.cli.launchers import PLUGINS, cores_of_a_job, installed, jobs_at_a_time
from stress.cli.main import BAD_INPUT, FAILED, INTERRUPTED, LIMIT_VIOLATED, OK, main
from stress.mc import cores
from stress.mc.cores import core_count, own_cores

SMALL = ["price=gbm", "price.volatility=6", "run.paths=256", "run.horizon_hours=1", "book.accounts=200",
         "run.progress=false", "run.twin=false", "run.fund_curve=false", "report.enabled=false", "run.devices=1"]
SWEEP = [*SMALL, "-m", "price.correlation=0.2,-0.9,0.6"]
"""Each value is one that a correlation may have; that three markets cannot all have the second the job finds out."""
FAILED_BY = "not a correlation matrix"


def missing(launcher: str) -> pytest.MarkDecorator:
    """Skips where the launcher's plugin is not installed."""
    package, extra = PLUGINS["hydra/launcher"][launcher]
    return pytest.mark.skipif(not installed(package), reason=f"{package} is not installed (extra {extra})")


def verdicts(sweep: Path) -> list[dict[str, Any]]:
    return [json.loads((sweep / str(n) / "job.json").read_text()) for n in range(len(list(sweep.glob("*/.hydra"))))]


def notes(sweep: Path) -> list[str | None]:
    return [verdict.get("note") for verdict in verdicts(sweep)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep without a launcher of its own."""
    folder = tmp_path_factory.mktemp("basic")
    assert main([*SWEEP, f"hydra.sweep.dir={folder}"]) == FAILED
    return folder


@pytest.mark.parametrize("launcher", [
    pytest.param("joblib", marks=missing("joblib")), pytest.param("submitit_local", marks=missing("submitit_local")),
    pytest.param("ray", marks=[missing("ray"), pytest.mark.slow]),
])
def test_a_launcher_changes_no_number(launcher: str, alone: Path, tmp_path: Path,
                                      capfd: pytest.CaptureFixture[str]) -> None:
    words = [*SWEEP, f"hydra/launcher={launcher}", f"hydra.sweep.dir={tmp_path}"]
    assert main(words) == FAILED
    assert [v["status"] for v in verdicts(tmp_path)] == ["ok", "failed", "ok"]
    for number in ("0", "2"):
        same(alone / number, tmp_path / number)
    told = capfd.readouterr()
    assert "3 jobs: 2 ok, 1 failed" in told.out
    assert FAILED_BY in told.err + told.out
    page = (tmp_path / "sweep.html").read_text()
    assert FAILED_BY in page
    assert "2 ok" in page
    assert "1 failed" in page
    if launcher == "joblib":  # the same code whatever the launcher
        assert main(words) == FAILED
        assert notes(tmp_path) == [KEPT, None, KEPT]


def same(first: Path, second: Path) -> None:
    """Bitwise, every outcome of every path; and there is something to compare."""
    a, b = (parquet.read_table(folder / "paths.parquet").to_pydict() for folder in (first, second))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(np.array(a[name], dtype=float), np.array(b[name], dtype=float), err_msg=name)
    assert sum(a["liquidated_accounts"]) > 0


def test_the_jobs_of_the_sweep_differ(alone: Path) -> None:
    with pytest.raises(AssertionError):
        same(alone / "0", alone / "2")


# --- given again ----------------------------------------------------------------------------------------------------
def fresh(alone: Path, folder: Path) -> Path:
    """A copy of the finished sweep."""
    import shutil

    return Path(shutil.copytree(alone, folder / "sweep"))


def written(sweep: Path) -> list[int]:
    return [(sweep / n / "paths.parquet").stat().st_mtime_ns for n in ("0", "2")]


def test_a_sweep_given_again_redoes_what_failed(alone: Path, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    sweep = fresh(alone, tmp_path)
    before = written(sweep)
    assert main([*SMALL, "-m", "price.correlation=0.2,0.4,0.6", f"hydra.sweep.dir={sweep}"]) == OK
    assert notes(sweep) == [KEPT, AGAIN, KEPT]
    assert written(sweep) == before
    out = capsys.readouterr().out
    assert out.count(KEPT) == 3
    assert "3 jobs: 3 ok, 2 kept from before, 1 run again" in out
    assert "failed" not in (sweep / "sweep.html").read_text()


def test_what_is_no_longer_the_same_is_redone(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = fresh(alone, tmp_path)
    again = [*SMALL, "-m", "price.correlation=0.2", f"hydra.sweep.dir={sweep}"]
    (sweep / "1").rename(tmp_path / "1")
    (sweep / "2").rename(tmp_path / "2")
    (sweep / "0" / "report.html").write_text("of then")
    for more, key in (["protocol.insurance_fund=7e4"], "protocol.insurance_fund"), ([], "protocol.insurance_fund"):
        assert main([*again, *more]) == OK
        assert notes(sweep) == [f"redone: other settings ({key})"]
        assert not (sweep / "0" / "report.html").exists()
    same(sweep / "0", alone / "0")
    assert main([*again, "run.devices=2", "run.progress=true"]) == OK
    assert notes(sweep) == [KEPT]
    manifest = json.loads((sweep / "0" / "manifest.json").read_text())
    (book := tmp_path / "book.csv").write_text("as it is now")
    (sweep / "0" / "manifest.json").write_text(json.dumps({**manifest, "data_hashes": {str(book): "as it was"}}))
    assert main(again) == OK
    assert notes(sweep) == [f"redone: {book} has changed"]
    monkeypatch.setattr(earlier, "__version__", "99")
    assert main(again) == OK
    assert notes(sweep)[0] == f"redone: it was version {manifest['version']} and is 99"


def test_a_kept_job_is_judged_by_the_limits_of_now(alone: Path, tmp_path: Path) -> None:
    sweep = fresh(alone, tmp_path)
    before = written(sweep)
    again = [*SMALL, "-m", "price.correlation=0.2,0.4,0.6", f"hydra.sweep.dir={sweep}"]
    assert main([*again, "limits.liquidated_notional=1"]) == LIMIT_VIOLATED
    assert [v["status"] for v in verdicts(sweep)] == ["limit"] * 3
    assert main([*again, "limits.liquidated_notional=1e12"]) == OK
    assert [v["status"] for v in verdicts(sweep)] == ["ok"] * 3
    assert written(sweep) == before


def test_a_folder_with_more_jobs_is_refused(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "-m", "run.seed=1,2", f"hydra.sweep.dir={alone}"]) == BAD_INPUT
    assert "holds a sweep of 3 jobs, and this one has 2" in capsys.readouterr().err


def test_an_interrupted_sweep_goes_on(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    from stress import session

    words, calls, join = [*SWEEP, f"hydra.sweep.dir={tmp_path}"], [], session.join

    def stop(plan: Any, folder: Path) -> Any:
        calls.append(folder)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return join(plan, folder)

    with monkeypatch.context() as patch:
        patch.setattr(session, "join", stop)
        assert main(words) == INTERRUPTED
    assert f"hydra.sweep.dir={tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "2" / "job.json").exists()
    assert main(words) == FAILED
    assert notes(tmp_path) == [KEPT, None, CONTINUED]
    same(alone / "2", tmp_path / "2")


@pytest.mark.slow
def test_a_killed_sweep_goes_on(alone: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "stress", *SWEEP, f"hydra.sweep.dir={tmp_path}"]
    process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "0" / "job.json").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it had ended before it could be killed"
    assert main([*SWEEP, f"hydra.sweep.dir={tmp_path}"]) == FAILED
    assert notes(tmp_path)[0] == KEPT
    assert notes(tmp_path)[2] in (None, CONTINUED, AGAIN, KEPT)
    for number in ("0", "2"):
        same(alone / number, tmp_path / number)


# --- resources ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("launcher", "expected"), [
    ({"_target_": "a.BasicLauncher"}, None), ({"_target_": "a.JoblibLauncher", "n_jobs": 2}, 4),
    ({"_target_": "a.JoblibLauncher", "n_jobs": -1}, 1), ({"_target_": "a.JoblibLauncher", "n_jobs": 3}, 2),
    ({"_target_": "a.LocalLauncher", "cpus_per_task": 3}, 3), ({"_target_": "a.LocalLauncher", "cpus_per_task": 99}, 8),
    ({"_target_": "a.SlurmLauncher", "cpus_per_task": None}, None),
    ({"_target_": "a.RayLauncher", "ray": {"remote": {"num_cpus": 2}}}, 2),
    ({"_target_": "a.RayLauncher", "ray": {"remote": {}}}, 1),
])
def test_cores_of_a_job(launcher: dict[str, Any], expected: int | None) -> None:
    assert cores_of_a_job(launcher, 8) == expected


def test_jobs_at_a_time() -> None:
    local = {"_target_": "a.LocalLauncher", "cpus_per_task": 2, "mem_gb": 4}
    assert jobs_at_a_time(local, 16, 1e12) == 8
    assert jobs_at_a_time(local, 16, 9e9) == 2
    assert jobs_at_a_time(local, 1, 1e9) == 1
    assert jobs_at_a_time({"_target_": "a.JoblibLauncher", "n_jobs": 2}, 16, 1e12) is None


def test_a_process_keeps_to_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "own_cores", lambda: 8)
    for share, expected in (("3", 3), ("99", 8), ("0", 1), ("", 8), ("many", 8)):
        monkeypatch.setenv("NPROC", share)
        assert core_count() == expected
    monkeypatch.delenv("NPROC")
    assert core_count() == 8
    assert own_cores() >= 1


@pytest.mark.parametrize(("override", "extra"), [
    ("hydra/launcher=joblib", "joblib"), ("hydra/launcher=submitit_slurm", "slurm"), ("hydra/launcher=ray", "ray"),
    ("hydra/sweeper=optuna", "optuna"),
])
def test_a_plugin_that_is_not_installed(override: str, extra: str, monkeypatch: pytest.MonkeyPatch,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(launchers, "installed", lambda package: False)
    assert main([*SMALL, "-m", "run.seed=1,2", override]) == BAD_INPUT
    assert f"pip install 'perpstress[{extra}]'" in capsys.readouterr().err
