"""Finished runs against the first: what pairs, what is refused, what flips and why, and the pages."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import stress
from stress.cli.main import BAD_INPUT, OK, main
from stress.decisions.compare import compare_runs, compare_sweep
from stress.decisions.compare.flips import flips
from stress.decisions.compare.naming import Asked, asked, name_of
from stress.decisions.compare.outcomes import read_outcomes
from stress.decisions.compare.pairing import obstacles
from stress.errors import UserError

SMALL = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=256", "run.horizon_hours=1",
         "book.accounts=200", "report.enabled=false", "run.progress=false"]
FUNDS = {"small": "1e4", "large": "1e7"}

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, fund in FUNDS.items():
        stress.run([*SMALL, f"protocol.insurance_fund={fund}"], output=folder / name)
    return folder


def test_differences_are_those_of_the_columns(runs: Path, tmp_path: Path) -> None:
    found = compare_runs([runs / "large", runs / "small"], tmp_path)
    assert json.loads((tmp_path / "compare.json").read_text()) == found
    (other,) = found["others"]
    assert other["changes"] == {"protocol.insurance_fund": [1e7, 1e4]}
    assert other["same_market"]
    large, small = (read_outcomes(runs / name).columns for name in ("large", "small"))
    mean = (small["insurance_paid"] - large["insurance_paid"]).mean()
    assert other["differences"]["insurance_paid"]["estimate"] == pytest.approx(mean)
    gain = small["depleted"].mean() - large["depleted"].mean()
    assert gain > 0.01
    assert other["differences"]["depletion_probability"]["estimate"] == pytest.approx(gain)
    assert other["differences"]["depletion_probability"]["low"] > 0


def test_who_flips_and_why(runs: Path) -> None:
    large, small = (read_outcomes(runs / name) for name in ("large", "small"))
    found = flips(large, small, 256)["fund_depletion"]
    assert found["first_only"] == 0
    assert found["second_only"] == int((small.columns["depleted"] & ~large.columns["depleted"]).sum()) > 0
    assert found["both"] + found["neither"] + found["second_only"] == 256
    assert set(found["why"]) == {"a smaller fund"}  # deficits differ by far less than ten million
    assert all(row["in"] == "second" for row in found["paths"])
    back = flips(small, large, 256)["fund_depletion"]
    assert (back["first_only"], back["why"]) == (found["second_only"], found["why"])


def test_runs_that_cannot_be_paired(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = ["run.seed=2", "run.horizon_hours=2", "book.accounts=100"]
    stress.run([*SMALL, *other], output=tmp_path / "other")
    found = obstacles(read_outcomes(runs / "large"), read_outcomes(tmp_path / "other"))
    assert [text.split(" ")[0] for text in found] == ["run.seed", "horizon", "the"]
    assert main(["compare", str(runs / "large"), str(tmp_path / "other"), "hydra.run.dir=x"]) == BAD_INPUT
    error = capsys.readouterr().err
    assert all(part in error for part in ("run.seed is 1 and 2", "60 ticks of 60 s and 120 ticks",
                                         "one book.accounts"))
    assert not Path("x").exists()


def test_another_book_of_the_same_settings_is_the_venues(runs: Path) -> None:
    first = read_outcomes(runs / "large")
    (reason,) = obstacles(first, replace(first, book="another"))
    assert "book.synthetic.venues" in reason
    assert "book.export" in reason


@pytest.mark.parametrize(("words", "said"), [
    ([], "at least two"), (["nowhere", "nowhere"], "no summary.json"), (["run.paths=3"], "takes folders"),
    (["--multirun"], "takes folders only")])
def test_bad_input(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *words]) == BAD_INPUT
    assert said in capsys.readouterr().err


def test_the_page(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    assert main(["compare", str(runs / "large"), str(runs / "small"), f"hydra.run.dir={target}"]) == OK
    assert "(insurance_fund=10,000), 256 pairs" in capsys.readouterr().out
    page = (target / "compare.html").read_text()
    for text in ("Fund depletion, higher", "a smaller fund", "insurance_fund=10,000", "data:image/png"):
        assert text in page
    rows = (target / "compare.csv").read_text().splitlines()
    assert rows[0].startswith("run,metric,unit,difference_estimate,difference_low")
    (target / "compare.html").unlink()
    assert main(["report", str(target)]) == OK
    assert (target / "compare.html").read_text() == page


TIERS = [{"up_to_usd": None, "initial_margin": 0.1, "maintenance_margin": 0.05}]
OF_OKX = {"protocol.margin_tiers.BTC": [TIERS, TIERS * 2], "protocol.liquidation.fee": [0.01, 0.005]}


@pytest.mark.parametrize(("presets", "keys", "changed", "name"), [
    ({}, (), {}, "the same settings"),
    ({"protocol": "okx"}, ("protocol",), OF_OKX, "protocol=okx"),
    ({"protocol": "okx"}, ("protocol", "protocol.liquidation.fee"), OF_OKX, "protocol=okx, fee=0.005"),
    ({"protocol": "okx"}, ("protocol", "protocol.liquidation"), OF_OKX, "protocol=okx, fee=0.005"),
    ({"experiment": "thin_book"}, (), {"liquidity.depth_usd": [2e7, 2e6]}, "experiment=thin_book"),
    ({"run": "quick"}, (), {"liquidity.depth_usd": [2e7, 2e6]}, "depth_usd=2,000,000"),
    ({"funding": "binance"}, (), {"protocol.funding.cap": [0.1, None]}, "funding=binance"),
    ({}, (), OF_OKX, "another protocol.margin_tiers.BTC, fee=0.005"),
    ({}, (), {f"a.x{k}": [0, k] for k in range(9)}, "x0=0, x1=1, x2=2, x3=3 and 5 more"),
    ({}, (), {"a.file": ["b", "c" * 99], "a.on": [True, False]}, f"file={'c' * 39}…, on=false")])
def test_runs_are_named_by_what_was_asked_for(presets: dict, keys: tuple, changed: dict, name: str) -> None:
    groups = {"protocol": "generic", "experiment": None, "run": "default", "funding": None}
    assert name_of(Asked(groups), Asked(groups | presets, frozenset(keys)), changed) == name


def test_what_was_asked_for_is_in_the_folder(tmp_path: Path) -> None:
    words = [*SMALL, "protocol=okx", "run.paths=16", "run.twin=false", f"hydra.run.dir={tmp_path / 'okx'}"]
    assert main(words) == OK
    found = asked(tmp_path / "okx")
    assert found.presets["protocol"] == "okx"
    assert found.presets["price"] == "merton"
    assert found.keys == {word.partition("=")[0] for word in words if not word.startswith("hydra.")}
    assert asked(tmp_path) == Asked()


@pytest.mark.parametrize(("file", "text"), [("hydra.yaml", "hydra:"), ("hydra.yaml", "[x"), ("overrides.yaml", "{a: [")])
def test_damaged_records_of_hydra_are_named(runs: Path, tmp_path: Path, file: str, text: str) -> None:
    run = shutil.copytree(runs / "large", tmp_path / "run")
    for name, whole in (("hydra.yaml", "hydra: {runtime: {choices: {protocol: okx}}}"), ("overrides.yaml", "[]")):
        (run / ".hydra" / name).write_text(text if name == file else whole)
    with pytest.raises(UserError, match="cannot be read"):
        read_outcomes(run)


def test_accounts_of_other_venues_are_told_in_short(runs: Path) -> None:
    first = read_outcomes(runs / "large")
    changed = copy.deepcopy(first.config)
    changed["book"]["synthetic"]["venues"] = {"okx": {"contract": "linear", "margin_tiers": {"BTC": TIERS}}}
    (reason,) = obstacles(first, replace(first, book="another", config=changed))
    assert reason.endswith("run again with one book.synthetic.venues")


def test_a_sweep_sets_its_jobs_against_the_first(runs: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("large", "small")):
        (tmp_path / str(number)).symlink_to(runs / name)
    stress.run([*SMALL, "run.seed=2"], output=tmp_path / "2")
    found = compare_sweep(tmp_path)
    assert found is not None
    assert "differences" in found["others"][0]
    assert found["others"][1]["refused"][0].startswith("run.seed")
