"""The reports: rendered from fabricated folders, parsed, and compared with the numbers they were made from."""

from __future__ import annotations

import ast
import base64
import csv
import json
import math
import re
import struct
import warnings
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fixtures_report import Case, fabricate_calibration, fabricate_run, fabricate_sweep
from matplotlib.text import Text

import stress.report
from stress.errors import UserError
from stress.report import executive, style, tail, write_calibration_report, write_report, write_sweep_report
from stress.report import format as fmt
from stress.report.executive import sentences
from stress.report.figures import sweep_dots, sweep_lines
from stress.report.limits import verdicts
from stress.report.load import load_run
from stress.report.metrics import kind_of
from stress.report.narrative import cautions, in_short
from stress.report.run_report import FIGURES
from stress.report.sweep_load import load_sweep
from stress.report.tale import tell_story

pytestmark = pytest.mark.usefixtures("compiled_soon")

MANY = tuple(f"M{i:02d}-PERP" for i in range(16))
EDGES = {
    "no depletion": Case(paths=512, depletions=False),
    "no liquidation": Case(paths=512, liquidations=False, depletions=False),
    "one market": Case(paths=512, markets=("BTC",)), "sixteen markets": Case(paths=512, markets=MANY),
    "companions off": Case(paths=512, twin=False, fund_curve=False, fairness=False), "one path": Case(paths=1),
    "two paths": Case(paths=2, seed=1), "one account": Case(paths=64, accounts=1),
    "summary and paths only": Case(paths=512, story=False, extras=False), "huge amounts": Case(paths=512, scale=1e12),
    "tiny amounts": Case(paths=512, scale=1e-12), "failed paths": Case(paths=512, failed=5),
    "all failed": Case(paths=64, failed=64)}
FIGURE_NAMES = {m.__name__.rsplit(".", 1)[-1] for modules in FIGURES.values() for m in modules}
PICTURE, NUMBERS = "data:image/png;base64", "data:text/csv;base64"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Tags balance; collects links, metric rows and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.metrics: dict[str, dict[str, str]] = {}
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        source = path.read_text(encoding="utf-8")
        self.feed(source)
        self.close()
        assert self.open == [], f"{path}: left open: {self.open}"
        self.text = " ".join(" ".join(self.cells).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.tags.add(tag)
        self.links += [values[k] for k in ("src", "href") if k in values]
        if "id" in values:
            self.ids.append(values["id"])
        if "data-metric" in values:
            self.metrics[values["data-metric"]] = values
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.cells.append(data)


def check_page(path: Path) -> Page:
    """Well-formed, self-contained, below 5 MB, and every embedded picture is a picture."""
    page = Page(path)
    assert path.stat().st_size < 5e6
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", path.read_text(encoding="utf-8"))
    assert {link for link in page.links if link.startswith("#")} <= {f"#{i}" for i in page.ids}
    for link in page.links:
        kind = link.split(",", 1)[0] if link.startswith("data:") else "" if link.startswith("#") else "file"
        assert kind in ("", "file", PICTURE, NUMBERS), link[:60]
        content = base64.b64decode(link.split(",", 1)[1], validate=True) if link.startswith("data:") else b""
        if kind == PICTURE:
            check_picture(content)
        if kind == NUMBERS:
            assert len(list(csv.reader(content.decode().splitlines()))) > 1
        if kind == "file":
            assert (path.parent / link).is_file(), link
    return page


def check_picture(content: bytes) -> None:
    """A PNG of sensible size that is not blank."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert 200 < width < 8000 and 80 < height < 8000, (width, height)
    assert len(content) > 3000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered run folder with everything in it."""
    limits = {"depletion_probability": 1e-3, "bad_debt": 1e9, "fund_drawdown_es_99": 4e6}
    folder = fabricate_run(tmp_path_factory.mktemp("full"), Case(paths=4096, failed=3, limits=limits))
    write_report(folder)
    return folder


def test_full_report_is_complete(full: Path) -> None:
    page = check_page(full / "report.html")
    saved = {p.stem: p.read_bytes() for p in (full / "figures").glob("*.png")}
    assert set(saved) == FIGURE_NAMES
    for content in saved.values():
        check_picture(content)
        assert base64.b64encode(content).decode() in (full / "report.html").read_text(encoding="utf-8")
    for said in ("3fa9c0de12ab", "jaxlib 0.10.2", "9f86d081884c", "hourly closes", "cash residual 3.1e-15",
                 "rounds_exhausted 3", "insurance_fund: 1000000.0", "Longs exceed shorts", "seed 1",
                 "No cross-market impact", "300 s beside ticks of 60 s"):
        assert said in page.text.replace("\u00a0", " "), said
    assert not list(full.rglob("*.tmp"))


def test_headline_numbers_equal_the_summary(full: Path) -> None:
    metrics = json.loads((full / "summary.json").read_text())["metrics"]
    page = check_page(full / "report.html")
    assert set(page.metrics) == set(metrics)
    scale = {"k": 1e3, "M": 1e6, "bn": 1e9, "%": 1e-2}
    for name, metric in metrics.items():
        for key in ("estimate", "low", "high"):
            said = page.metrics[name][f"data-{key}"]
            assert (said == "") if metric[key] is None else (float(said) == metric[key]), (name, key)
        row = re.search(rf'data-metric="{name}".*?<td class="n est">(.*?)</td>', (full / "report.html").read_text())
        assert row is not None
        number, unit = re.fullmatch(r"\$?([\d.,]+)(?:\u00a0)?([kM%h]|bn)?", row[1]).groups()  # type: ignore[union-attr]
        printed = float(number.replace(",", "")) * scale.get(unit, 1.0)
        assert math.isclose(printed, metric["estimate"], rel_tol=6e-3, abs_tol=0.0), (name, row[1], metric["estimate"])


def test_same_folder_same_bytes(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        folder = fabricate_run(tmp_path / name, Case(paths=64, markets=("BTC",), dpi=50))
        pages.append(write_report(folder).read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases_render(name: str, tmp_path: Path) -> None:
    case = EDGES[name]
    folder = fabricate_run(tmp_path, Case(**{**case.__dict__, "dpi": 50}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = check_page(write_report(folder))
    pictures = sum(link.startswith(PICTURE) for link in page.links)
    reasons = ("Not drawn", "so there is no distribution", "there is no curve", "nobody had to pay",
               "No market liquidates anybody")
    assert pictures + sum(page.text.count(reason) for reason in reasons) == len(FIGURE_NAMES)
    assert pictures == len(list((folder / "figures").glob("*.png"))) == len(list((folder / "figures").glob("*.csv")))
    assert "nan" not in page.text.lower().replace("finance", "").split()
    assert f"No limit is set, so there is no verdict. Any headline number can have one: perpstress {executive.EXAMPLE}" \
        in page.text
    assert 'class="verdict' not in (folder / "report.html").read_text()
    for market in case.markets:
        assert market in page.text


def test_edge_case_wording(tmp_path: Path) -> None:
    calm = load_run(fabricate_run(tmp_path / "calm", Case(paths=512, depletions=False)))
    assert "not zero risk: with 95\u00a0% confidence the probability is below 0.718\u00a0%" in sentences(calm)[0][1]
    off = fabricate_run(tmp_path / "off", Case(paths=256, twin=False, fund_curve=False, dpi=50))
    assert Page(write_report(off)).text.count("Not available: run.twin is off") == 2
    failed = load_run(fabricate_run(tmp_path / "failed", Case(paths=512, failed=5)))
    assert "5 of 512 paths failed (rounds_exhausted)" in cautions(failed)[0]
    assert failed.drawn == 507
    deep = load_run(fabricate_run(tmp_path / "deep", Case()))
    said = " ".join([*(text for _, text in sentences(deep)), *in_short(deep)])
    assert "is shown to suffice for a 1 % chance" in said and "is too small for a 0.1 % chance" in said
    assert "jumps are assumed to take 300\u00a0s, that is 5 ticks of 60\u00a0s" in said


def test_summary_alone_is_enough(tmp_path: Path) -> None:
    fabricate_run(tmp_path / "whole", Case(paths=64))
    bare = tmp_path / "bare"
    bare.mkdir()
    summary = json.loads((tmp_path / "whole" / "summary.json").read_text())
    summary["metrics"]["something_new"] = {"estimate": 3.5, "low": None, "high": None, "unit": "foo", "n": 9}
    summary["markets"] = ["<b>&amp;"]
    summary["stopped"] = {"reason": "precision reached", "planned_paths": 1000}
    (bare / "summary.json").write_text(json.dumps(summary))
    page = check_page(write_report(bare))
    assert "Something new" in page.text and "<b>&amp;" in page.text and "precision reached" in page.text
    assert "not found in the run folder" in page.text


def test_refusals_name_the_folder_or_file(tmp_path: Path) -> None:
    for write in (write_report, write_sweep_report, write_calibration_report):
        with pytest.raises(UserError, match=re.escape(str(tmp_path))):
            write(tmp_path)
    folder = fabricate_run(tmp_path / "run", Case(paths=64))
    np.savez(folder / "data" / "heatmap.npz", move=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"heatmap\.npz"):
        write_report(folder)
    (folder / "data" / "heatmap.npz").unlink()
    (folder / "paths.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(UserError, match=r"paths\.parquet"):
        write_report(folder)


def test_stale_pictures_go_and_fine_ones_stay_small(tmp_path: Path) -> None:
    folder = fabricate_run(tmp_path, Case(paths=64, markets=("BTC",), dpi=200))
    page = check_page(write_report(folder))
    saved = (folder / "figures" / "story.png").read_bytes()
    embedded = max(len(base64.b64decode(link.split(",", 1)[1])) for link in page.links if link.startswith(PICTURE))
    assert struct.unpack(">I", saved[16:20])[0] == 1840 and embedded < len(saved)
    (folder / "data" / "story.npz").unlink()
    write_report(folder)
    assert not list((folder / "figures").glob("story.*"))


def test_verdicts(full: Path) -> None:
    run = load_run(full)
    low = run.metric("depletion_probability")["low"]
    assert low > 1e-3
    assert [v.state for v in verdicts(run)] == ["violated", "met", "undecided"]
    run.summary["limits"] = [{"metric": "bad_debt", "limit": 1e12, "outcome": "undecided", "reason": "because"},
                             {"metric": "no_such", "limit": 2.0}]
    stated, missing = verdicts(run)
    assert (stated.state, stated.text, missing.state) == ("undecided", "because", "unknown")
    run.summary["limits"] = {"bad_debt": 1e9, "adl_notional": None}
    assert [v.state for v in verdicts(run)] == ["met"]


def test_the_first_page_says_how_the_limits_stand(full: Path) -> None:
    run = load_run(full)
    found = executive.ordered(verdicts(run))
    assert [v.state for v in found] == ["violated", "undecided", "met"]
    words = "1 violated with confidence, 1 undecided at this number of paths and 1 met with confidence"
    assert executive.outcome(found) == ("violated", f"Of 3 limits: {words}.")
    assert executive.outcome([])[0] == "none"
    first, detail = (full / "report.html").read_text().split("</section>")
    assert words in first and all(f">{what}.</strong>" in first for what in ("Fund", "Cascade", "Who pays"))
    assert len(re.findall("<img", first)) == 3 and "<h2 id=\"numbers\">" in detail


def test_each_sentence_of_the_first_page_has_its_interval(full: Path) -> None:
    run = load_run(full)
    said = dict(sentences(run))
    assert list(said) == ["Fund", "Cascade", "Who pays"]
    for what, names in {"Fund": ["depletion_probability"], "Cascade": ["cascade_probability", "amplification"],
                        "Who pays": ["bad_debt", "insurance_paid", "adl_haircut", "socialised_loss"]}.items():
        for name in names:
            metric = run.metric(name)
            form = fmt.FORMATS[kind_of(name, metric)]
            for part in ("estimate", "low", "high"):
                assert form(metric[part]) in said[what], (what, name, part)


def test_story_tells_its_numbers(full: Path) -> None:
    run = load_run(full)
    told = " ".join(tell_story(run)).replace("\u00a0", " ")
    story = run.story
    assert story is not None
    for name in ("liquidated_long", "liquidated_short", "bad_debt", "adl"):
        assert fmt.usd(float(story[name].sum())) in told
    assert f"Path {int(story['path'])}, a typical path among those that deplete the fund" in told
    assert "At 13 h 03 min a round's deficits were above what the fund held: depleted" in told


def test_payers_in_short_are_the_columns(full: Path) -> None:
    run = load_run(full)
    ok = run.paths["status"] == 0
    share = run.paths["insurance_paid"][ok].sum() / run.paths["bad_debt"][ok].sum()
    said = next(point for point in in_short(run) if point.startswith("Deficits are borne by"))
    assert f"insurance fund {fmt.percent(float(share))}" in said


def test_tail_statistics() -> None:
    rng = np.random.default_rng(11)
    values = np.where(rng.random(5000) < 0.7, 0.0, rng.pareto(1.5, 5000))
    weight = rng.random(5000)
    weight /= weight.sum()
    x, share = tail.exceedance(values, weight, 200)
    assert len(x) <= 200 and np.all(np.diff(x) <= 0) and x[0] == values.max()
    for at, said in zip(x[::20], share[::20], strict=True):
        np.testing.assert_allclose(said, weight[values >= at].sum(), rtol=1e-9)
    low, high = tail.wilson(0.1, 100, 0.95)
    np.testing.assert_allclose([low, high], [0.0552291, 0.1743657], rtol=1e-5)
    worst = tail.worst_share(values, np.full(5000, 1 / 5000), 0.01)
    np.testing.assert_array_equal(np.sort(values[worst]), np.sort(values)[-50:])
    assert list(tail.worst_share(np.array([1.0, 9.0, 3.0]), np.array([0.5, 0.2, 0.3]), 0.25)) == [1, 2]
    sample = rng.normal(3.0, 2.0, 400)
    mean, half = tail.weighted_mean(sample, np.full(400, 1 / 400), 0.95)
    np.testing.assert_allclose([mean, half], [sample.mean(), 1.959964 * sample.std(ddof=1) / 20], rtol=1e-6)


@pytest.mark.parametrize(("formatter", "value", "text"), [
    (fmt.usd, 1234567.0, "$1.23M"), (fmt.usd, 999999.0, "$1.00M"), (fmt.usd, 999.6, "$1.00k"),
    (fmt.usd, -2.5e9, "−$2.50bn"), (fmt.usd, 0.0012, "$0.00120"),
    (fmt.usd, 0.0, "$0"), (fmt.usd, None, "–"), (fmt.usd, float("nan"), "–"), (fmt.usd, 3e18, "$3.00e+18"),
    (fmt.usd_tick, 64250.0, "$64.25k"), (fmt.usd_tick, 2e6, "$2M"), (fmt.percent, 0.0123, "1.23\u00a0%"),
    (fmt.percent, 0.99951, "99.95\u00a0%"), (fmt.percent, 1.0, "100\u00a0%"), (fmt.percent, 1 - 1e-15, "100\u00a0%"), (fmt.percent, 1 - 1e-8, "99.999999\u00a0%"), (fmt.percent, -0.5, "−50.0\u00a0%"),
    (fmt.percent_tick, 0.95, "95\u00a0%"), (fmt.hours, 24.0, "24\u00a0h"), (fmt.hours, 168.0, "7\u00a0days"),
    (fmt.hours, 1 / 60, "1\u00a0min"), (fmt.clock, 13.05, "13\u00a0h\u00a003\u00a0min"),
    (fmt.one_in, 0.012, "about 1 in 83"), (fmt.one_in, 0.768, "about 8 in 10"), (fmt.one_in, 0.998, "nearly every one"),
    (fmt.one_in, 1.0, "every one"), (fmt.one_in, 0.4, "about 1 in 2"),
    (fmt.plain, 1.8249, "1.82"), (fmt.plain, 12345.0, "12,345"), (fmt.count, np.int64(4096), "4,096")])
def test_formats(formatter: object, value: object, text: str) -> None:
    assert formatter(value) == text  # type: ignore[operator]


# --- sweeps ----------------------------------------------------------------------------------------------------------
MARGIN = "protocol.maintenance_margin"
GRIDS = {
    "one number": ([[f"{MARGIN}={v}", "run.paths=600"] for v in ("0.005", "1e-2", "0.02")], {"sweep_lines"}),
    "two numbers": ([[f"{MARGIN}={v}", f"liquidity.depth_usd={d}"] for v in (0.01, 0.02) for d in ("1e6", "2e7")],
                    {"sweep_map", "sweep_lines"}),
    "number and name": ([[f"{MARGIN}={v}", f"price={p}"] for v in (0.01, 0.02) for p in ("bates", "kou")],
                        {"sweep_lines"}),
    "names": ([[f"price={p}"] for p in ("gbm", "merton", "kou")], {"sweep_dots"}),
    "three": ([[f"{MARGIN}={v}", f"price={p}", "run.seed=1"] for v in (0.01, 0.02) for p in ("a", "b")]
              + [[f"{MARGIN}=0.01", "price=a", "run.seed=2"]], {"sweep_dots"}),
    "null and number": ([["protocol.breaker.move=null"], ["protocol.breaker.move=0.1"], []], {"sweep_dots"}),
    "single": ([[f"{MARGIN}=0.01"]], {"sweep_dots"})}


@pytest.mark.parametrize("name", GRIDS)
def test_sweeps_render(name: str, tmp_path: Path) -> None:
    grid, figures = GRIDS[name]
    folder = fabricate_sweep(tmp_path, grid)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = check_page(write_sweep_report(folder))
    assert {p.stem for p in (folder / "figures").glob("*.png")} == figures
    rows = list(csv.DictReader((folder / "sweep.csv").open()))
    assert len(rows) == len(grid) and all(row["status"] == "ok" for row in rows)
    for row in rows:
        metric = json.loads((folder / row["job"] / "summary.json").read_text())["metrics"]["bad_debt"]
        for part, suffix in {"estimate": "", "low": "_low", "high": "_high", "n": "_n"}.items():
            assert float(row[f"bad_debt{suffix}"]) == metric[part]
        assert fmt.usd(metric["estimate"]) in page.text


LONG_NAMES = ("{capital_usd:2e7,below_requirement:0.667,takes_bankrupt:false,charge:null,sale_half_life_minutes:30}", "null",
              "[gap_severe,depth_adverse,correlation_adverse,oracle_severe]", "[gap_neutral]")


@pytest.mark.parametrize(("grid", "keys"), [
    ([[f"protocol.liquidation.keeper_capacity_usd_per_minute={k}", f"protocol.backstop={b}", f"protocol.adl.policy={p}"]
      for k in (2e6, 2e7) for b in LONG_NAMES for p in ("profit_leverage", "pro_rata_profit")], None),
    ([[f"protocol.insurance_fund={k}", f"protocol.backstop={b}"] for k in (2e6, 2e7) for b in LONG_NAMES],
     ("protocol.insurance_fund", "protocol.backstop"))])
def test_long_values_stay_inside_the_picture(grid: list, keys: tuple | None, tmp_path: Path) -> None:
    sweep = load_sweep(fabricate_sweep(tmp_path, grid))
    names = ["bad_debt", "depletion_probability", "amplification"]
    with style.applied():
        drawn = sweep_dots.draw(sweep, names) if keys is None else sweep_lines.draw(sweep, names, *keys)
        figure = drawn.figure
        assert figure is not None
        figure.canvas.draw()
        box = figure.get_tightbbox()  # inches, of everything that is drawn
        assert any("{capital_us" in text.get_text() for text in figure.findobj(Text))
        panels = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    assert 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height, box
    assert min(panel.width for panel in panels) > 0.2 and min(panel.height * height for panel in panels) > 1


def test_ticks_of_long_numbers_do_not_cover_each_other(tmp_path: Path) -> None:
    """As a search comes up with: every digit of a swept value differs."""
    grid = [[f"protocol.insurance_fund={k}"] for k in (10_012_345.67891, 12_345_678.91234, 14_567_891.23456, 17_654_321.98765, 19_876_543.21987)]
    with style.applied():
        figure = sweep_lines.draw(load_sweep(fabricate_sweep(tmp_path, grid)), ["bad_debt", "amplification"], "protocol.insurance_fund", None).figure
        assert figure is not None
        figure.canvas.draw()
        for axes in figure.axes[:2]:
            boxes = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
            assert len(boxes) > 1 and all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_values_are_in_order(tmp_path: Path) -> None:
    """Numbers by size, texts as they were asked for."""
    grid = [[f"a={a}"] for a in ("neutral", "adverse", 20, "severe", 3)]
    sweep = load_sweep(fabricate_sweep(tmp_path, grid))
    assert sweep.values("a") == [3.0, 20.0, "neutral", "adverse", "severe"]


def test_sweep_keys_are_those_that_differ(tmp_path: Path) -> None:
    grid = [["+a.x=1e6", "b=1", "price=kou"], ["a.x=1000000", "b=2", "price='kou'"],
            ["+a.x=1000000.0", "b=2", "price=kou", "~c"]]
    sweep = load_sweep(fabricate_sweep(tmp_path, grid))
    assert sweep.keys == ["b", "c"]
    assert [sweep.value(job, "c") for job in sweep.jobs] == ["(not set)", "(not set)", "(removed)"]


def test_failed_and_killed_jobs_are_listed(tmp_path: Path) -> None:
    grid = [[f"{MARGIN}={v}"] for v in (0.01, 0.02, 2, 0.04)]
    folder = fabricate_sweep(tmp_path, grid, failed=(2,), killed=(3,), over=(1,))
    page = check_page(write_sweep_report(folder))
    assert "4 jobs · 1 ok · 1 over a limit · 1 failed · 1 unfinished" in page.text
    assert "Job 2 (maintenance_margin=2) failed: protocol.maintenance_margin: got 2, allowed is < 1 <of n" in page.text
    assert "Job 3 (maintenance_margin=0.04) is unfinished" in page.text
    states = [row["status"] for row in csv.DictReader((folder / "sweep.csv").open())]
    assert states == ["ok", "limit", "failed", "unfinished"]


def test_sweep_without_a_result(tmp_path: Path) -> None:
    grid = [[f"{MARGIN}={v}"] for v in (0.01, 0.02)]
    page = check_page(write_sweep_report(fabricate_sweep(tmp_path, grid, failed=(0,), killed=(1,))))
    assert "None of the jobs has a result" in page.text
    assert not (tmp_path / "figures").exists()


# --- calibration and layers ------------------------------------------------------------------------------------------
def test_calibration_report(tmp_path: Path) -> None:
    folder = fabricate_calibration(tmp_path / "two")
    page = check_page(write_calibration_report(folder))
    check_picture((folder / "figures" / "tails.png").read_bytes())
    for said in ("volatility.BTC 0.55 0.012 2.18 %", "jump.common_intensity 41 not available",
                 "log-likelihood (what was maximised) 41,234.50", "AIC, all together (lower is better) -82,400.00", "Hourly closes do not identify", "calm: 0.93"):
        assert said in page.text.replace("\u00a0", " "), said
    (folder / "tails.npz").unlink()
    assert "Not drawn" in check_page(write_calibration_report(folder)).text
    assert not (folder / "figures" / "tails.png").exists()


def test_report_neither_simulates_nor_configures() -> None:
    allowed = {"stress", "stress.errors", "stress.files", "stress.report"}
    for path in Path(stress.report.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            for name in names:
                assert name.split(".")[0] not in {"jax", "hydra", "omegaconf"}, (path, name)
                assert "pyplot" not in name, (path, name)
                assert not name.startswith("stress") or ".".join(name.split(".")[:2]) in allowed, (path, name)
