"""Every YAML file runs, small: what it changes reaches the engine and comes back as a complete folder.

The slow tests compile and simulate; the others stop at the traced program.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stress.cli.compose import config_folder
from stress.cli.main import OK, main
from stress.config.shock import KINDS, TAGS
from stress.files import read_json
from tests.histories import write_bars

pytestmark = pytest.mark.usefixtures("compiled_soon")

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["run.paths=128", "run.horizon_hours=0.1"]
QUIET = ["report.enabled=false", "run.progress=false"]
BOOK, PATH = ROOT / "examples" / "book", ROOT / "docs" / "examples" / "replay" / "path.csv"
OWN = {
    "price/replay": ["price.markets=[BTC]", f"price.path={PATH}", "run.paths=128"],  # it brings its own clock
    "book/file": [f"book.positions={BOOK / 'positions.csv'}", f"book.collateral={BOOK / 'collateral.csv'}",
                  "price.initial_prices=[100000,4000,200]", *SMALL],
    "experiment/gap_duration": ["price.jump_duration_seconds=0,300", "run.step_seconds=60", *SMALL],
    "experiment/oracle_lag": ["protocol.oracle.lag_seconds=0,60", *SMALL],
    "experiment/liquidation_rule": ["protocol.liquidation.rule=close_factor,restore_target",
                                    "protocol.adl.policy=none", *SMALL],
    "experiment/slow_keepers": ["protocol.liquidation.keeper_delay_seconds=0,60", *SMALL],
}
"""What a file needs, or fewer jobs where each compiles anew."""
FROM_HISTORY = ("price/bootstrap", "experiment/crash_")
"""Files that say nothing without a price history."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hourly bars of all the time that experiments name."""
    return write_bars(tmp_path_factory.mktemp("history") / "bars", ["BTC", "ETH", "SOL"], "2020-01-01T00:00", 54_200)


ALONE = [file for file in config_folder().glob("*/*.yaml") if file.parent.name != "shock"]


PRESETS = pytest.mark.parametrize("preset", sorted(f"{file.parent.name}/{file.stem}" for file in ALONE))


@PRESETS
def test_every_preset_reaches_the_engine(preset: str, history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         traced: None) -> None:
    test_every_preset_runs(preset, history, tmp_path, monkeypatch)


@pytest.mark.slow
@PRESETS
def test_every_preset_runs(preset: str, history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = [f"data.path={history}"] if preset.startswith(FROM_HISTORY) else []
    runs([preset.replace("/", "="), *OWN.get(preset, SMALL), *read], tmp_path, monkeypatch)


@pytest.mark.parametrize("tag", TAGS)
def test_all_shocks_of_a_tag_run_together(tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shocks of the same kinds share a program, so every preset is run for the price of one."""
    names = sorted(file.stem for file in (config_folder() / "shock").glob(f"*_{tag}.yaml"))
    assert len(names) == len(KINDS)
    runs([f"shock=[{','.join(names)}]", "price=gbm", "book.accounts=100", *SMALL], tmp_path, monkeypatch)


def runs(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They make complete folders, without a failed path, in which cash and contracts are conserved."""
    monkeypatch.chdir(tmp_path)
    assert main([*words, *QUIET]) == OK
    summaries = [read_json(file) for file in tmp_path.rglob("summary.json")]
    assert summaries
    for summary in summaries:
        assert summary["paths"] == 128
        assert summary["status"] == {"ok": 128}
        assert max(summary["conservation"].values()) < 1e-12
