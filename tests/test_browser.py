"""The pages in a browser: pictures decode, links lead somewhere, nothing is wrong on the console, they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from browser import CHROMIUM, MISSING, Seen, look, printed
from fixtures_report import Case, fabricate_calibration, fabricate_run, fabricate_sweep

from stress.report import (
    style,
    write_calibration_report,
    write_decision_report,
    write_paired_report,
    write_report,
    write_sweep_report,
)
from stress.report.decisions.told import Figure, Told
from stress.report.tables import Table

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

LIMITS = {"depletion_probability": 1e-3, "bad_debt": 1e9, "fund_drawdown_es_99": 4e6, "adl_probability": 0.01,
          "socialised_loss": 1e6, "max_displacement": 0.5, "adl_notional": 1e5}
"""More than the first page has room for."""
MOST_BYTES = 10e6


def run_page(folder: Path) -> Path:
    return write_report(fabricate_run(folder, Case(paths=4096, failed=3, limits=LIMITS)))


def sweep_page(folder: Path) -> Path:
    grid = [[f"protocol.insurance_fund={fund}", f"liquidity.depth_usd={depth}"] for fund in (1e5, 1e6) for depth in
            (1e6, 2e7)]
    return write_sweep_report(fabricate_sweep(folder, grid, failed=(3,)))


def paired_page(folder: Path) -> Path:
    metric = {"estimate": 2e5, "low": 1e5, "high": None, "unit": "USD", "n": 64, "confidence": 0.95}
    runs = {name: str(fabricate_run(folder / name, Case(paths=64, story=False, extras=False))) for name in "ab"}
    first = {"folder": runs["a"], "paths": 64, "metrics": {"bad_debt": metric}}
    other = {"folder": runs["b"], "paths": 64, "metrics": {"bad_debt": metric}, "same_market": True,
             "changes": {"protocol.insurance_fund": [1e5, 2e5]},
             "differences": {"bad_debt": metric | {"narrowing": 3.2, "differing": 12}}, "flips": {}}
    (folder / "compare.json").write_text(json.dumps({"schema": 1, "first": first, "others": [other]}))
    return write_paired_report(folder)


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What a module of a decision has to say: here one picture without data of its own, and a table."""
    figure = style.new_figure(3.0)
    figure.subplots().plot(found["fund"], found["share"], label="curve")
    return Told("How large?", "The fund.", ["$1 to $2."], [Figure("curve", "Curve", style.Drawn(figure, "A curve."))],
                [("Fund", "How to read it.", Table(["fund", "why"], [["$1", "because"]], words=1))], ["Not all."])


def decision_page(folder: Path) -> Path:
    about = {"markets": ["BTC"], "accounts": 9, "paths": 64, "horizon_hours": 24.0, "seed": 1, "config_hash": "c",
             "version": "0"}
    found = {"fund": [1.0, 2.0, 3.0], "share": [0.5, 0.25, 0.125]}
    (folder / "decision.json").write_text(json.dumps({"decision": "example", "found": found, "about": about}))
    module = ModuleType("stress.report.decisions.example")
    module.tell = tell  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        return write_decision_report(folder)


PAGES = {"sweep": sweep_page, "comparison": paired_page, "decision": decision_page,
         "calibration": lambda folder: write_calibration_report(fabricate_calibration(folder))}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_page(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module", params=["run", *PAGES])
def page(request: pytest.FixtureRequest, report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report if request.param == "run" else PAGES[request.param](tmp_path_factory.mktemp(request.param))


def check(seen: Seen, folder: Path) -> None:
    assert seen.console == []
    assert seen.images
    assert [name for name, pixels, width in seen.images if not pixels or width < 200] == []
    assert seen.dangling == []
    assert [link for link in seen.files if not (folder / link).is_file()] == []
    assert seen.wider <= 0


def test_a_page_opens(page: Path, tmp_path: Path) -> None:
    seen = look(page, tmp_path)
    check(seen, page.parent)
    assert page.stat().st_size < MOST_BYTES
    assert len(seen.images) == page.read_text(encoding="utf-8").count("<img ")
    assert (seen.dark, seen.background) == (False, "rgb(255, 255, 255)")


def test_a_page_is_dark_where_that_is_preferred(page: Path, tmp_path: Path) -> None:
    seen = look(page, tmp_path, dark=True)
    check(seen, page.parent)
    assert seen.dark
    assert seen.card == "rgb(255, 255, 255)"  # pictures are drawn on white, and dark is much
    background, text = (sum(map(int, colour[4:-1].split(","))) for colour in (seen.background, seen.colour))
    assert background < 100 and text > 600


def test_a_page_fits_a_narrow_window(page: Path, tmp_path: Path) -> None:
    assert look(page, tmp_path, width=500).wider <= 0


def test_the_first_page_prints_on_one(report: Path, tmp_path: Path) -> None:
    head, detail = report.read_text(encoding="utf-8").split("</section>", 1)
    assert detail.count('class="verdict') == len(LIMITS)
    first = tmp_path / "first.html"
    first.write_text(f"{head}</section></main></body></html>", encoding="utf-8")
    assert printed(first, tmp_path) == 1
    assert printed(report, tmp_path) >= 5
    first.write_text(f"{head}<p style='height: 10cm'></p></section></main></body></html>", encoding="utf-8")
    assert printed(first, tmp_path) == 2, "there is room left for 10 cm more, or pages are not counted"


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    """The power of the checks above: a broken picture, links to nowhere, an error on the console, a page too wide."""
    page = tmp_path / "wrong.html"
    page.write_text('<html><body style="width: 3000px"><figure><img alt="broken" src="data:image/png;base64,AAAA">'
                    '</figure><a href="#nowhere">a</a><a href="gone.csv">b</a><script>console.error("wrong")</script>'
                    "</body></html>", encoding="utf-8")
    seen = look(page, tmp_path)
    assert [(name, pixels) for name, pixels, _ in seen.images] == [("broken", 0)]
    assert (seen.dangling, seen.files, seen.wider > 0) == (["#nowhere"], ["gone.csv"], True)
    assert len(seen.console) == 1 and "wrong" in seen.console[0]
