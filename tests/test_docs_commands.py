"""What the documentation tells to type works: commands, Python, the files it describes, the case computed by hand.

The README's main job runs as it stands there, small. The commands of all pages run too, but only the slow tests compile
what they simulate.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from documents import NAMES, ROOT, blocks, code, commands, table, tables, text

import stress
from stress.cli.main import LIMIT_VIOLATED, OK, main
from tests.by_hand import calculated, looked_up
from tests.histories import write_bars
from tests.tiers import slow

pytestmark = pytest.mark.usefixtures("compiled_soon")

SMALL = ["run.paths=128", "run.horizon_hours=0.1"]
"""Put behind every run: the commands are what is tested, not the numbers."""
QUICK = ["report.dpi=50", "run.progress=false"]
NOT_RUN = {
    "python3 -m venv .venv && .venv/bin/python -m pip install -e '.[dev,docs,calibrate,bench]'": "installs; .ci/run does it",
    ".venv/bin/python -m pytest -n auto": "is what runs this; .ci/run does it too",
    ".venv/bin/python -m ruff check .": "not in the test environment; .ci/run does it",
    ".venv/bin/python -m pyright": "not in the test environment; .ci/run does it",
    ".ci/run": "runs this",
}
"""Commands of the documentation that are not executed here, and why. The README's first is, but its installation."""
SETUP = "python3 -m venv .venv && .venv/bin/python -m pip install -e '.[test]' && "
WITH_COMMANDS = [name for name in NAMES if commands(text(name))]
WITH_PYTHON = [name for name in NAMES if blocks(text(name), "python")]
FOLDER = re.compile(r"outputs/\d{4}-\d\d-\d\d/[\d-]+")
LONG = (
    "docs/concepts/history.md",
    "docs/concepts/shocks.md",
    "docs/concepts/withdrawals.md",
    "docs/decisions.md",
    "docs/guides/calibrate.md",
    "docs/guides/critical.md",
    "docs/guides/frontier.md",
    "docs/guides/fund.md",
    "docs/guides/liquidity.md",
    "docs/guides/sensitivity.md",
    "docs/guides/sweeps.md",
    "docs/guides/venues.md",
    "docs/models.md",
    "docs/venues/comparison.md",
    *(name for name in WITH_COMMANDS if name.startswith("docs/studies/")),
)
"""Pages of which only the slow tests trace the commands; what these need is in other fast tests."""
EXECUTED: set[str] = set()
"""Commands that ran in this process; several pages show the same."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the examples, price histories, and one finished run."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "docs").symlink_to(ROOT / "docs")
    overrides = ["price=gbm", "run.paths=1", "run.horizon_hours=1100", "run.step_seconds=3600", "price.volatility=0.8"]
    prices = stress.simulate_prices(overrides)[0]
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(len(prices))
    rows = [",".join(f"{price:.8g}" for price in row) for row in prices]
    lines = [f"{hour}:00:00Z,{row}" for hour, row in zip(hours.astype(str), rows, strict=True)]
    (folder / "prices.csv").write_text("\n".join(["timestamp,BTC,ETH,SOL", *lines]) + "\n")
    write_bars(folder / "prices_1h", ["BTC", "ETH", "SOL"], "2020-01-01T00:00", 54_200)
    _surroundings(folder, hours)
    stress.run([*SMALL, *QUICK], output=folder / "outputs" / "2000-01-01" / "00-00-00-000000")
    for name, fee in (("before", "0.005"), ("after", "0.01")):
        stress.run([*SMALL, *QUICK, f"protocol.liquidation.fee={fee}", "report.enabled=false"],
                   output=folder / "outputs" / name)
    return folder


def _surroundings(folder: Path, hours: np.ndarray) -> None:
    """Depth in windows of 8 h beside the prices, and as many funding rates as a fit takes."""
    random, ends = np.random.default_rng(1), hours[8::8]
    sides = np.exp(17 + 0.1 * random.normal(size=(len(ends), 2)))
    lines = [f"{end}:00:00Z,BTC,{bid:.8g},{ask:.8g}" for end, (bid, ask) in zip(ends.astype(str), sides, strict=True)]
    (folder / "depth.csv").write_text("\n".join(["timestamp,asset,bid_depth_1pct_usd,ask_depth_1pct_usd", *lines]) + "\n")
    premium = -4e-4 + 4e-4 * random.normal(size=300)
    rates = premium + np.clip(1e-4 - premium, -5e-4, 5e-4)
    times = hours[0] + 8 * np.arange(300)
    lines = [f"{time}:00:00Z,BTC,{rate:.8g}" for time, rate in zip(times.astype(str), rates, strict=True)]
    (folder / "funding.csv").write_text("\n".join(["timestamp,asset,funding_rate", *lines]) + "\n")


# --- commands -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", slow(WITH_COMMANDS, *LONG))
def test_commands_reach_the_engine(name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str], traced: None) -> None:
    monkeypatch.setattr(sys.modules[__name__], "EXECUTED", set())
    test_commands_work(name, workspace, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands_work(name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch,
                       capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(workspace)
    reported = name == "README.md"  # the first of its commands
    for command in commands(text(name)):
        if command in NOT_RUN or command in EXECUTED or command.startswith(SETUP):
            continue
        program, *words = shlex.split(FOLDER.sub(lambda _, c=command: newest(c), command))
        assert program == "perpstress", f"{name}: {command}"
        status = main([*words, *scaled(words, reported=reported)])
        reported = False
        error = capsys.readouterr().err
        assert status in ((OK, LIMIT_VIOLATED) if "limits." in command else (OK,)), f"{command}\n{error}"
        EXECUTED.add(command)


def newest(command: str) -> str:
    """The folder meant by outputs/...: that of the newest run for resuming, of whatever is newest for a report."""
    found = [f.parent for f in Path("outputs").glob("*/*/.hydra" if "resume" in command else "*/*/*.html")]
    if "resume" in command:
        found = [folder for folder in found if (folder / "summary.json").exists()]
    return str(max(found, key=lambda folder: folder.stat().st_mtime))


def scaled(words: list[str], *, reported: bool) -> list[str]:
    """Overrides that make a command small; none where it takes none. Reports of the jobs of a sweep are left out."""
    if any(word.startswith(("--help", "--cfg", "run.resume=")) or word in ("report", "compare") for word in words):
        return []
    if "replay" in words:
        return QUICK
    if "calibrate" in words:
        compared = ["calibrate.models=[gbm,merton]", "calibrate.split=2024-02-01"] if "price=all" in words else []
        return ["calibrate.starts=1", "calibrate.regimes=2", "data.markets=[BTC]", *compared]
    if words[0] == "fund":
        return [*SMALL, *QUICK, "decide.fund.horizons_hours=[]"]
    sweep = "-m" in words or "experiment" in " ".join(words)
    jobs = ["report.enabled=false"] if sweep or not reported else []
    fewer = ["price.jump_duration_seconds=0,300", "run.step_seconds=60"] if "experiment=gap_duration" in words else []
    return [*SMALL, *QUICK, *jobs, *fewer]


def test_every_exception_is_still_there() -> None:
    written = {command for name in WITH_COMMANDS for command in commands(text(name))}
    assert [command for command in NOT_RUN if command not in written] == []
    assert sum(command.startswith(SETUP) for command in written) == 1


def test_the_main_job_of_the_readme_in_a_process_of_its_own(tmp_path: Path) -> None:
    (command,) = [command for command in commands(text("README.md")) if command.startswith(SETUP)]
    program, *words = shlex.split(command.removeprefix(SETUP))
    assert program == ".venv/bin/python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words, *SMALL, *QUICK], cwd=tmp_path, env=environment, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip().splitlines()[-1].removeprefix("Report: "))
    assert page.is_file()
    assert page.is_relative_to(tmp_path / "outputs")
    assert "depletion probability" in done.stdout


@pytest.mark.parametrize("name", WITH_PYTHON)
def test_python_works(name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    run, prices = stress.run, stress.simulate_prices
    monkeypatch.setattr(stress, "run", lambda given=(), **more: run([*given, *SMALL, *QUICK], **more), raising=False)
    monkeypatch.setattr(stress, "simulate_prices", lambda given=(): prices([*given, *SMALL]), raising=False)
    names: dict[str, Any] = {"stress": stress}
    for block in blocks(text(name), "python"):
        exec(compile(block, name, "exec"), names)


# --- files ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(workspace: Path) -> Path:
    """A finished run."""
    return workspace / "outputs" / "2000-01-01" / "00-00-00-000000"


def test_every_key_of_a_calibration_is_documented(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    words = ["price=gbm", "data.path=prices.csv", "calibrate.name=told", "hydra.run.dir=calibration"]
    assert main(["calibrate", *words]) == OK
    rows = {code(row[0])[0]: row[1] for row in table(section("Calibration"), "file", "holds")}
    assert [name for name in rows if not (workspace / "calibration" / name).is_file()] == []
    fit = json.loads((workspace / "calibration" / "calibration.json").read_text())
    assert set(code(rows["calibration.json"])) == {*fit, *fit["parameters"][0]}
    split = ["calibrate.models=[gbm]", "calibrate.split=2024-02-01", "data.markets=[BTC,ETH]"]
    assert main(["calibrate", *split, "data.path=prices.csv", "hydra.run.dir=comparison"]) == OK
    rows = {code(row[0])[0]: row[1] for row in table(section("Comparison of models"), "file", "holds")}
    assert [name for name in rows if not (workspace / "comparison" / name).is_file()] == []
    found = json.loads((workspace / "comparison" / "comparison.json").read_text())
    assert set(code(rows["comparison.json"])) == {*found, "calibration.json", "seconds"}


def section(title: str) -> str:
    page = text("docs/reference/outputs.md")
    return f"## {title}\n" + page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("file", ["summary.json", "manifest.json"])
def test_every_key_of_a_json_file_is_documented(file: str, folder: Path) -> None:
    written = [key for row in table(section(file), "key", "holds") for key in code(row[0])]
    assert sorted(written) == sorted(json.loads((folder / file).read_text()))


def test_every_column_of_paths_is_documented(folder: Path) -> None:
    written = {name for row in table(section("paths.parquet"), "column", "unit", "holds") for name in code(row[0])}
    markets = json.loads((folder / "summary.json").read_text())["markets"]
    expected = written - {"liquidated_<market>"} | {f"liquidated_{market}" for market in markets}
    assert expected == set(parquet.read_schema(folder / "paths.parquet").names)


def test_every_array_in_data_is_documented(folder: Path) -> None:
    rows = {code(name)[0]: set(code(arrays)) for name, arrays in table(section("data/"), "file", "arrays")}
    assert set(rows) == {file.name for file in (folder / "data").iterdir()}
    for name, arrays in rows.items():
        file = folder / "data" / name
        stored = parquet.read_schema(file).names if file.suffix == ".parquet" else np.load(file).files
        assert arrays == set(stored), name


# --- the case computed by hand --------------------------------------------------------------------------------------
HAND = text("docs/guides/replay.md")


@pytest.fixture(scope="module")
def ledger() -> dict[str, Any]:
    """The ledger of the page's own command."""
    (command,) = commands(HAND)
    words = shlex.split(command)[2:]
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        return stress.replay(words)
    finally:
        os.chdir(here)


def test_the_hand_worked_case_is_the_ledger_s(ledger: dict[str, Any]) -> None:
    rows = [row for found in tables(HAND) if found[0][-1] == "in the ledger" for row in found[1:]]
    assert len(rows) == 20
    for what, by_hand, result, place in rows:
        assert calculated(code(by_hand)[0]) == pytest.approx(float(result), rel=1e-12, abs=1e-9), what
        assert looked_up(ledger, code(place)[0]) == pytest.approx(float(result), rel=1e-9, abs=1e-6), what


def test_the_ledger_of_that_case_has_nothing_the_page_leaves_out(ledger: dict[str, Any]) -> None:
    assert [len(tick["liquidations"]) for tick in ledger["ticks"]] == [1, 2]
    assert [len(tick["adl"]) for tick in ledger["ticks"]] == [0, 1]
    assert not any(tick["socialised"] for tick in ledger["ticks"])
    assert set(ledger["final"]["accounts"]) == {"alice", "bob", "carol"}
    assert set(ledger["final"]["accounts"]["bob"]["positions"]) == {"BTC"}
    tick, final = ledger["ticks"][1], ledger["final"]
    for key in (*ledger, *tick, *tick["liquidations"][0], *tick["adl"][0], *final, *final["accounts"]["bob"]):
        assert f"`{key}`" in section("ledger.json"), key
