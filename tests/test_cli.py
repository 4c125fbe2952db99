"""The command line and the Python API around the simulation, which is replaced by a quick stand-in here."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

import stress
from stress.cli.compose import load
from stress.cli.grid import Ahead
from stress.cli.main import BAD_INPUT, FAILED, INTERRUPTED, LIMIT_VIOLATED, OK, main
from stress.cli.runtime import cache_folder, configure_jax
from stress.errors import UserError
from stress.files import write_yaml

pytestmark = pytest.mark.usefixtures("compiled_soon")

CONTRACT_LINE = "price=bates protocol=hyperliquid -m protocol.maintenance_margin=0.01,0.02"


# --- commands -------------------------------------------------------------------------------------------------------
class Stand:
    """A stand-in for the simulation: records what it was asked, writes the files of a run folder."""

    def __init__(self) -> None:
        self.configs: list[Any] = []
        self.folders: list[Path] = []
        self.sweeps: list[Path] = []
        self.reports: list[Path] = []
        self.fail: Any = None  # what to raise, by config
        self.complete = True

    def build_study(self, config: Any) -> Any:
        return SimpleNamespace(config=config, markets=config.price.markets, book="the book")

    def execute(self, study: Any, folder: Path, *, progress: bool) -> dict[str, Any]:
        self.configs.append(study.config)
        self.folders.append(folder)
        error = self.fail(study.config) if self.fail else None
        (folder / "manifest.json").write_text(json.dumps({"complete": False}))
        if error is not None:
            raise error
        low = 1.0 - study.config.protocol.liquidation.keeper_share  # anything that a test can set
        metric = {"estimate": low, "low": low, "high": None, "confidence": 0.95, "method": "m", "unit": "probability",
                  "n": 4, "reason": "r"}
        limit = study.config.limits["depletion_probability"]
        verdict = {"metric": "depletion_probability", "limit": limit, "estimate": low, "low": low, "high": None,
                   "outcome": "violated" if limit is not None and low > limit else "undecided", "reason": None}
        summary = {"metrics": {"depletion_probability": metric}, "timings": {"simulate_seconds": 1.0},
                   "status": {"ok": 4}, "limits": [] if limit is None else [verdict]}
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "manifest.json").write_text(json.dumps({"complete": self.complete}))
        columns = {"path": [0, 1], "time_to_depletion_hours": [None, 2.5]}
        parquet.write_table(pa.table(columns), folder / "paths.parquet")
        return summary

    def write_report(self, folder: Path) -> Path:
        self.reports.append(folder)
        page = folder / "report.html"
        page.write_text("page")
        return page

    def write_sweep_report(self, folder: Path) -> Path:
        self.sweeps.append(folder)
        return folder / "report.html"


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stand:
    """The stand-in in place of the parts, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    result = Stand()
    monkeypatch.setitem(sys.modules, "stress.build.study", SimpleNamespace(build_study=result.build_study))
    monkeypatch.setitem(sys.modules, "stress.session", SimpleNamespace(
        execute=result.execute, replay=lambda study: LEDGER, simulate_prices=lambda study: np.ones((2, 3, 1))))
    monkeypatch.setattr("stress.cli.sweep.simulate_jobs", lambda *_: Ahead(alone=dict.fromkeys(range(9), "a stand-in")))
    monkeypatch.setattr("stress.report.write_report", result.write_report)
    monkeypatch.setattr("stress.report.write_sweep_report", result.write_sweep_report)
    return result


LEDGER = {"ticks": [{"time_hours": 0.5, "liquidations": [
    {"account": "a", "market": "BTC", "size": -2.0, "price": 100.0, "fee": 0.0, "deficit": 3.0}], "adl": []}],
    "final": {"fund": 7.0, "accounts": {}}}


def test_run_fills_one_folder(stand: Stand, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["price=gbm", "run.paths=1e3", "price.volatility=[1,2,3]"]) == OK
    (folder,) = stand.folders
    assert folder.is_relative_to(tmp_path / "outputs")
    written = yaml.safe_load((folder / ".hydra" / "config.yaml").read_text())
    assert written["run"]["paths"] == 1000
    assert written["price"]["volatility"] == [1, 2, 3]
    assert "${" not in (folder / ".hydra" / "config.yaml").read_text()
    assert json.loads((folder / "summary.json").read_text())["timings"]["report_seconds"] >= 0
    out, err = capsys.readouterr()
    assert "depletion probability" in out
    assert f"Report: {folder / 'report.html'}" in out.replace("\n", "")
    assert err == ""


def test_two_runs_do_not_share_a_folder(stand: Stand) -> None:
    assert main([]) == main([]) == OK
    assert len(set(stand.folders)) == 2


def test_report_can_be_left_out(stand: Stand) -> None:
    assert main(["report.enabled=false"]) == OK
    assert stand.reports == []


@pytest.mark.parametrize(("limit", "status"), [(0.1, LIMIT_VIOLATED), (0.9, OK)])
def test_a_violated_limit_is_the_exit_status(stand: Stand, limit: float, status: int) -> None:
    assert main([f"limits.depletion_probability={limit}"]) == status


def test_an_incomplete_folder_is_no_success(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.complete = False
    assert main([]) == FAILED
    assert "is not complete" in capsys.readouterr().err


def test_user_errors_of_building_are_clean(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.fail = lambda config: UserError("book.positions: line 3 is wrong.")
    assert main([]) == BAD_INPUT
    assert capsys.readouterr().err == "Error: book.positions: line 3 is wrong.\n"


def test_bugs_are_not_hidden(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.fail = lambda config: ZeroDivisionError("oops")
    assert main([]) == FAILED
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_tells_how_to_resume(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.fail = lambda config: KeyboardInterrupt()
    assert main(["run.paths=77"]) == INTERRUPTED
    hint = capsys.readouterr().err
    assert hint == f"Interrupted. Finish it with: perpstress run.resume={stand.folders[0]}\n"
    stand.fail = None
    assert main([hint.split()[-1], "run.devices=1", "report.dpi=60", "run.progress=false"]) == OK
    assert stand.folders[0] == stand.folders[1]
    assert stand.configs[1].run.paths == 77
    assert (stand.configs[1].run.devices, stand.configs[1].report.dpi) == (1, 60)
    assert stand.configs[1].run.resume is None


def test_resuming_a_complete_run_simulates_nothing(stand: Stand) -> None:
    assert main([]) == OK
    (folder,) = stand.folders
    (folder / "report.html").unlink()
    assert main([f"run.resume={folder}"]) == OK
    assert len(stand.folders) == 1
    assert (folder / "report.html").exists()


@pytest.mark.parametrize("words", [["run.seed=2"], ["price=merton"], ["run.devices=1,2"], ["-m"], ["replay"]])
def test_a_resumed_run_keeps_its_numbers(stand: Stand, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    (folder,) = stand.folders
    assert main([f"run.resume={folder}", *words]) == BAD_INPUT
    assert "run.resume" in capsys.readouterr().err
    assert len(stand.folders) == 1


def test_book_export_writes_the_book_and_stops(stand: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    asked = []
    monkeypatch.setitem(sys.modules, "stress.book.export", SimpleNamespace(
        export_book=lambda book, folder: asked.append((book, folder)) or [folder / "positions.csv"]))
    assert main([f"book.export={tmp_path / 'mine'}"]) == OK
    assert asked == [("the book", tmp_path / "mine")]
    assert stand.folders == []
    assert "positions.csv" in capsys.readouterr().out


def test_calibrate_hands_over_and_says_how_to_use_it(stand: Stand, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[list[str] | None] = []

    def calibrate(config: Any, folder: Path, say: Any) -> list[Path]:
        asked.append(config.calibrate.models)
        return [Path("configs/price") / f"{config.calibrate.name}.yaml"]

    monkeypatch.setattr("stress.price.calibrate.calibrate", calibrate)
    monkeypatch.setattr("stress.report.write_calibration_report", lambda folder: folder / "calibration.html")
    assert main(["calibrate", "data.path=x.csv", "calibrate.name=mine"]) == OK
    out = capsys.readouterr().out
    assert "price=mine" in out and "calibration.html" in out
    assert main(["calibrate", "data.path=x.csv", "report.enabled=false"]) == OK
    assert "calibration.html" not in capsys.readouterr().out
    assert main(["calibrate", "price=all", "data.path=x.csv", "calibrate.split=2024-01-01"]) == OK
    assert asked == [None, None, ["all"]]
    assert main(["calibrate", "data.path=x.csv", "calibrate.split=soon"]) == BAD_INPUT
    assert main(["price=all"]) == BAD_INPUT
    assert "calibrate.split: got 'soon'" in capsys.readouterr().err.replace('"', "'")


def test_replay_writes_the_ledger(stand: Stand, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["replay", "price.path=x.csv", "price.markets=[BTC]"]) == OK
    (file,) = tmp_path.rglob("ledger.json")
    assert json.loads(file.read_text()) == LEDGER
    out = capsys.readouterr().out
    assert "liquidated: 1 accounts (a), 200.00 USD" in out
    assert "fund at the end 7.00 USD" in out


def test_report_rebuilds_runs_sweeps_and_calibrations(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    fit = tmp_path / "fit"
    fit.mkdir()
    (fit / "calibration.json").write_text("{}")
    seen: list[Path] = []
    monkeypatch.setattr("stress.report.write_calibration_report", lambda folder: seen.append(folder) or folder / "c.html")
    assert main(["report", str(fit)]) == OK
    assert seen == [fit]
    main([])
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / "multirun.yaml").write_text("")
    assert main(["report", str(stand.folders[0]), str(sweep)]) == OK
    assert stand.reports == [stand.folders[0]] * 2
    assert stand.sweeps == [sweep]
    assert main(["report", str(tmp_path)]) == BAD_INPUT
    assert "no finished run" in capsys.readouterr().err


# --- sweeps ---------------------------------------------------------------------------------------------------------
def jobs(sweep: Path) -> dict[str, dict[str, Any]]:
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(sweep.glob("*/job.json"))}


def test_the_contract_line_runs_a_sweep(stand: Stand) -> None:
    line = CONTRACT_LINE.replace("bates", "merton").replace("hyperliquid", "generic")  # presets that exist by now
    assert main(line.split()) == OK
    (sweep,) = stand.sweeps
    assert [config.protocol.maintenance_margin for config in stand.configs] == [0.01, 0.02]
    assert [folder.relative_to(sweep).as_posix() for folder in stand.folders] == ["0", "1"]
    assert jobs(sweep)["1"] == {"status": "ok", "error": None, "overrides": [
        "price=merton", "protocol=generic", "protocol.maintenance_margin=0.02"]}


def test_a_failing_job_stops_no_other(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.fail = lambda config: UserError("a bad one") if config.run.seed == 2 else None
    assert main(["run.seed=1,2,3", "-m"]) == FAILED
    assert [job["status"] for job in jobs(stand.sweeps[0]).values()] == ["ok", "failed", "ok"]
    assert jobs(stand.sweeps[0])["1"]["error"] == "a bad one"
    assert "a bad one" in capsys.readouterr().err


def test_a_violated_limit_in_a_sweep(stand: Stand) -> None:
    assert main(["-m", "limits.depletion_probability=0.1,0.9"]) == LIMIT_VIOLATED
    assert [job["status"] for job in jobs(stand.sweeps[0]).values()] == ["limit", "ok"]


def test_values_that_do_not_go_together_fail_their_job_only(stand: Stand) -> None:
    assert main(["-m", "run.step_seconds=60,7"]) == FAILED
    assert [job["status"] for job in jobs(stand.sweeps[0]).values()] == ["ok", "failed"]


@pytest.mark.parametrize("sweep", ["run.seed=1,many", "price=gbm,gmb", "run.path=1,2", "protocol.adl.policy=none,one"])
def test_a_bad_value_fails_before_any_job(stand: Stand, sweep: str, tmp_path: Path) -> None:
    assert main(["-m", sweep]) == BAD_INPUT
    assert stand.folders == []
    assert list(tmp_path.iterdir()) == []


def test_lists_and_presets_can_be_swept(stand: Stand) -> None:
    assert main(["price=gbm,merton", "price.volatility=[1,2,3],[3,2,1]", "-m"]) == OK
    assert [config.price.volatility for config in stand.configs] == [[1, 2, 3], [3, 2, 1]] * 2
    assert jobs(stand.sweeps[0])["0"]["overrides"] == ["price=gbm", "price.volatility=[1,2,3]"]


def test_an_experiment_can_be_a_sweep_by_itself(stand: Stand) -> None:
    assert main(["experiment=maintenance_margin"]) == OK
    margins = [config.protocol.maintenance_margin for config in stand.configs]
    assert margins == sorted(set(margins))
    assert len(margins) > 2


def test_a_sweep_composes_each_job_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[tuple[str, ...]] = []
    compose = ConfigLoaderImpl.load_sweep_config

    def counting(self: ConfigLoaderImpl, master_config: Any, sweep_overrides: list[str]) -> Any:
        composed.append(tuple(sweep_overrides))
        return compose(self, master_config, sweep_overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", counting)
    assert main(["-m", "run.seed=1,2,1"]) == OK
    assert [config.run.seed for config in stand.configs] == [1, 2, 1]
    assert [folder.name for folder in stand.folders] == ["0", "1", "2"]
    assert composed == [("run.seed=1",)]  # the others differ from it in a value


def test_folders_of_jobs_may_be_named_after_settings(stand: Stand) -> None:
    assert main(["-m", "protocol.insurance_fund=5,7", "hydra.sweep.subdir=${run.seed}", "run.seed=1,2"]) == OK
    assert [folder.name for folder in stand.folders] == ["1", "2", "1", "2"]
    assert [config.protocol.insurance_fund for config in stand.configs] == [5, 5, 7, 7]


def test_a_missing_sweep_report_is_no_success(stand: Stand, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    def broken(folder: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr("stress.report.write_sweep_report", broken)
    assert main(["-m", "run.seed=1,2"]) == FAILED
    assert "disk full" in capsys.readouterr().err


def test_interrupt_ends_the_sweep(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.fail = lambda config: KeyboardInterrupt() if config.run.seed == 2 else None
    assert main(["-m", "run.seed=1,2,3"]) == INTERRUPTED
    assert len(stand.folders) == 2
    assert f"hydra.sweep.dir={stand.folders[1].parent}" in capsys.readouterr().err


@pytest.mark.parametrize("value", [
    *("1e5", "1_000", "yes", "null", "~", "12:30", "2020-01-01", "0x1f", "nan", ".inf", "", " a", "a: b", "[1,2]", "-"),
    *(1e5, 1e-7, 1e22, -0.0, 1 / 3, float("inf"), True, None, 3),
], ids=repr)
def test_a_configuration_is_read_back_as_it_was(value: Any, tmp_path: Path) -> None:
    read: Any = OmegaConf.to_container(OmegaConf.load(write_yaml(tmp_path / "file.yaml", {"a": value, "b": [value]})))
    assert read == {"a": value, "b": [value]}
    assert type(read["a"]) is type(value)


# --- Python ---------------------------------------------------------------------------------------------------------
def test_api_run(stand: Stand, tmp_path: Path) -> None:
    result = stress.run(["price=gbm", "run.paths=100"], output=tmp_path / "here")
    assert result.folder == tmp_path / "here"
    assert result.summary == json.loads((result.folder / "summary.json").read_text())
    np.testing.assert_array_equal(result.paths["time_to_depletion_hours"], [np.nan, 2.5])
    assert yaml.safe_load((result.folder / ".hydra" / "config.yaml").read_text())["run"]["paths"] == 100


def test_api_run_without_output_keeps_nothing(stand: Stand, tmp_path: Path) -> None:
    result = stress.run()
    folder = result.folder
    assert folder.exists()
    assert stand.reports == []
    del result
    gc.collect()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_api_raises_user_errors(stand: Stand) -> None:
    for overrides in (["run.path=1"], ["run.paths=1,2"], ["book.export=x"], ["price=gmb"], ["run.paths==1"]):
        with pytest.raises(UserError):
            stress.run(overrides)
    with pytest.raises(UserError, match="list of texts"):
        stress.run("price=gbm")
    with pytest.raises(AttributeError):
        _ = stress.no_such_thing


def test_api_prices_and_replay(stand: Stand) -> None:
    assert stress.simulate_prices(["price=gbm"]).shape == (2, 3, 1)
    assert stress.replay(["price.path=x.csv", "price.markets=[BTC]"]) == LEDGER
    with pytest.raises(UserError, match="price=replay"):
        stress.replay(["price=gbm"])


# --- JAX ------------------------------------------------------------------------------------------------------------
def test_configure_jax_is_safe_to_repeat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = jax.devices()  # the backend is up
    run = load(["run.devices=64"])[0].run
    try:
        for debug in (True, False):
            configure_jax(run, debug=debug)
            assert jax.config.jax_debug_nans is debug
        assert jax.config.jax_enable_x64
        assert jax.devices() == before
        assert jax.config.jax_compilation_cache_dir == str(cache_folder())
        assert cache_folder().is_relative_to(tmp_path)
    finally:
        monkeypatch.undo()
        configure_jax(run)


def test_configure_jax_survives_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    configure_jax(load([])[0].run)
    assert not Path(str(jax.config.jax_compilation_cache_dir)).is_relative_to(tmp_path)
