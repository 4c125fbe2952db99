"""What users get wrong: one clean message with the key, what is allowed and the fix, and exit status 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import stress
from stress.cli.main import BAD_INPUT, main
from stress.errors import UserError, first_line
from stress.mc import program

WORST = {
    "misspelt key": (["run.path=10"], ["run.path: unknown key", "Did you mean run.paths?", "Allowed here:"]),
    "undeclared key behind a plus": (["+run.speed=10"], ["run.speed: unknown key", "Allowed here:", "paths"]),
    "undeclared key behind two": (["++price.kapa=1"], ["price.kapa: unknown key", "Allowed here:"]),
    "wrong type": (["run.paths=many"], ["run.paths", "'many'", "a whole number >= 1"]),
    "out of range": (["protocol.maintenance_margin=1.5"],
                     ["protocol.maintenance_margin", "1.5", "a finite number > 0 and < 1"]),
    "no such preset": (["protocol=generik"],
                       ["protocol=generik", "no such option", "Did you mean protocol=generic?", "Allowed:"]),
    "no such group": (["prize=gbm"], ["prize: unknown key", "Did you mean price?"]),
    "several values without -m": (["run.paths=10,20"], ["run.paths=10,20", "flag -m", "run.paths=[...]"]),
    "wrong grammar": (["run.paths==10"], ["run.paths==10", "not a valid override", "Write key=value"]),
    "horizon not whole ticks": (["run.step_seconds=7"],
                                ["run.horizon_hours", "whole number of ticks", "The nearest is"]),
    "market without a value": (["price=gbm", "price.volatility=1", "price.correlation=0.5", "price.markets=[BTC,PEPE]"],
                               ["price.initial_prices", "no value for PEPE", "'default'"]),
    "book file missing": (["book=file"], ["book.positions", "Give book.positions=FILE"]),
    "path without replay": (["price=gbm", "price.path=x.csv"], ["price.path", "Add price=replay."]),
    "bad value in a sweep": (["-m", "run.paths=10,abc"], ["run.paths", "'abc'", "a whole number >= 1"]),
    "bad preset in a sweep": (["-m", "price=gbm,gmb"], ["price=gmb", "Did you mean price=gbm?"]),
    "misspelt command": (["calibrat"], ["calibrat: unknown command", "Did you mean calibrate?", "run, calibrate"]),
    "command of another release": (["optimise", "a", "b"], ["optimise: unknown command", "Commands: run,"]),
    "key without a value": (["run.paths"], ["run.paths", "write run.paths=VALUE"]),
    "flag that is a key": (["--paths", "100"], ["--paths: unknown flag", "run.paths=1000"]),
    "misspelt flag": (["--multirum"], ["--multirum: unknown flag", "Did you mean --multirun?"]),
    "flag without its value": (["--cfg"], ["--cfg: needs a value"]),
    "sweep of a replay": (["replay", "-m", "price.path=x.csv"], ["replay is one job"]),
    "limit on nothing": (["limits.ruin=0.1"], ["limits.ruin: unknown key", "depletion_probability"]),
    "pickle": (["--experimental-rerun", "x.pickle"], ["--experimental-rerun", "not offered"]),
    "key there already": (["+run.paths=10"], ["+run.paths", "Drop the plus"]),
    "name not in a map": (["price=gbm", "price.volatility.PEPE=1"],
                          ["price.volatility.PEPE", "+price.volatility.PEPE"]),
    "map with a name not in a map": (["price=merton", "price.volatility={BTC:1,default:2}"],
                                     ["price.volatility: the preset's map has no default", "++price.volatility={...}"]),
    "section with a misspelt key": (["price=merton", "price.jump={intensty:3}"],
                                    ["price.jump.intensty: unknown key", "Did you mean price.jump.intensity?"]),
    "jumps without number": (["price=merton", "price.jump.common_intensity=1e12"],
                             ["price.jump.common_intensity: got '1e+12'", "1000 jumps a tick of 60 s", "volatility"]),
    "jumps without number in one market": (
        ["price=hawkes", "price.jump.intensity={ETH:1e12}"], ["price.jump.intensity: got '1e+12'", "a diffusion"]),
    "jumps without number in a regime": (
        ["price.regimes.calm.jump.intensity.SOL=1e12"], ["price.regimes.calm.jump.intensity: got '1e+12'"]),
    "deleted section": (["~protocol.adl"], ["protocol.adl: missing"]),
    "nothing to resume": (["run.resume=nowhere"], ["run.resume: nowhere holds no run to finish"]),
    "nothing to report": (["report", "nowhere"], ["report: nowhere is not a folder"]),
    "report without a folder": (["report"], ["report: needs a folder"]),
    "no such config folder": (["--config-dir", "nowhere"], ["--config-dir: nowhere is not a folder"]),
}


@pytest.mark.parametrize("name", WORST)
def test_user_errors_are_one_clean_line(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, parts = WORST[name]
    status = main(words)
    out, err = capsys.readouterr()
    assert status == BAD_INPUT
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert [part for part in parts if part not in err] == [], err
    assert out == ""
    assert list(tmp_path.iterdir()) == [], "a refused command leaves nothing behind"


def test_the_first_line_of_an_error() -> None:
    assert [first_line(e) for e in (ValueError("one\ntwo"), KeyError("a"), TypeError())] == ["one", "'a'", "TypeError"]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run.path=10", "debug=true"]) == BAD_INPUT
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "run.path: unknown key" in err


def test_the_process_ends_with_the_status(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "stress", "run.path=10", "-m", "run.seed=1"]
    done = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parent.parent)}, check=False,
                          capture_output=True, text=True)
    assert done.returncode == BAD_INPUT
    assert "Did you mean run.paths?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_yaml_of_the_user_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "price").mkdir(parents=True)
    (tmp_path / "configs" / "price" / "mine.yaml").write_text("model: [composition\n")
    assert main(["price=mine"]) == BAD_INPUT
    err = capsys.readouterr().err
    assert "mine.yaml" in err
    assert "Traceback" not in err


def test_a_run_whose_prices_overflow_says_so(tmp_path: Path) -> None:
    """No path has a number to show, which is no reason to lose the run."""
    words = ["price=gbm", "price.drift=1e8", "run.paths=128", "run.horizon_hours=0.1", "run.progress=false"]
    summary = stress.run([*words, "report.dpi=50"], output=tmp_path / "run").summary
    assert summary["status"] == {"not_finite": 128}
    assert set(summary["conservation"].values()) == {None}
    probability = summary["metrics"]["depletion_probability"]
    assert (probability["low"], probability["high"]) == (0.0, 1.0)
    assert (tmp_path / "run" / "report.html").exists()


def test_a_book_beyond_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer blocks at once where the memory has room for fewer; an error where it has none."""
    monkeypatch.setattr(program, "memory_bytes", lambda: 8e9)
    assert len(program.pick_workers(4, 100, 10**6)) == 4
    assert len(program.pick_workers(4, 100, 10**9)) == 3  # twice each, in three quarters of it
    with pytest.raises(UserError, match=r"take 8 GB.* has 8 GB of memory.*run\.twin=false"):
        program.pick_workers(4, 100, 4 * 10**9)


def test_a_machine_says_how_much_memory_it_has() -> None:
    assert program.memory_bytes() > 1e8
