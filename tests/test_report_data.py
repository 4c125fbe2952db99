"""Every picture also as data: a table beside each, with the numbers that are drawn."""

from __future__ import annotations

import base64
import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_report import Case, fabricate_calibration, fabricate_run, fabricate_sweep
from matplotlib.figure import Figure

from stress.report import data, page, style, write_calibration_report, write_report, write_sweep_report
from stress.report.figures import cascade, drawdown, fairness, fan, fund_brief, fund_curve, story, waterfall
from stress.report.load import Run, load_run

Rows = list[dict[str, str]]


def rows_of(path: Path) -> Rows:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def column(rows: Rows, name: str, **where: str) -> np.ndarray:
    """A column as numbers, NaN where empty, of the rows that have the given cells."""
    return np.array([float(r[name] or "nan") for r in rows if all(r[k] == v for k, v in where.items())])


def line(figure: Figure, panel: int, label: str) -> np.ndarray:
    """Points [N, 2] of the line with a label."""
    found = [x for x in figure.axes[panel].lines if x.get_label() == label]
    assert len(found) == 1, [x.get_label() for x in figure.axes[panel].lines]
    return np.asarray(found[0].get_xydata())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = fabricate_run(tmp_path_factory.mktemp("run"), Case(paths=2048, dpi=50))
    write_report(folder)
    return load_run(folder)


def check_tables(page_file: Path, folder: Path, figures: set[str]) -> None:
    """Each picture has its table, the page links it, and holds the same bytes where they are few."""
    html = page_file.read_text(encoding="utf-8")
    assert {p.stem for p in (folder / "figures").glob("*.csv")} == {p.stem for p in (folder / "figures").glob("*.png")}
    for name in figures:
        file = folder / "figures" / f"{name}.csv"
        text = file.read_text(encoding="utf-8")
        header, *rows = csv.reader(text.splitlines())
        assert rows and all(len(row) == len(header) for row in rows) and all(header), name
        assert len(set(header)) == len(header) >= 2, (name, header)
        assert "nan" not in text.lower()
        assert f'href="figures/{name}.csv"' in html and f'id="figure-{name}"' in html
        inside = re.search(rf'href="data:text/csv;base64,([^"]*)" download="{name}\.csv"', html)
        assert (inside is not None) == (len(text) <= page.EMBEDDED_CSV)
        if inside:
            assert base64.b64decode(inside[1]) == file.read_bytes()


def test_every_picture_of_a_run_has_its_table(run: Run) -> None:
    from stress.report.run_report import FIGURES

    names = {m.__name__.rsplit(".", 1)[-1] for modules in FIGURES.values() for m in modules}
    assert names == {p.stem for p in (run.folder / "figures").glob("*.png")}
    check_tables(run.folder / "report.html", run.folder, names)


@pytest.mark.parametrize(("grid", "figures"), [
    ([["a=1"], ["a=2"], ["a=3"]], {"sweep_lines"}), ([["price=gbm"], ["price=kou"]], {"sweep_dots"}),
    ([[f"a={a}", f"b={b}"] for a in (1, 2) for b in (1, 2)], {"sweep_map", "sweep_lines"})])
def test_every_picture_of_a_sweep_has_its_table(grid: list[list[str]], figures: set[str], tmp_path: Path) -> None:
    folder = fabricate_sweep(tmp_path, grid)
    check_tables(write_sweep_report(folder), folder, figures)
    for name in figures:
        rows = [r for r in rows_of(folder / "figures" / f"{name}.csv") if r["metric"] == "Deficits"]
        written = {r["job"]: r for r in rows_of(folder / "sweep.csv")}
        assert len(rows) == len(grid)
        for row in rows:
            for part, key in {"estimate": "bad_debt", "low": "bad_debt_low", "high": "bad_debt_high"}.items():
                assert math.isclose(float(row[part]), float(written[row["job"]][key]), rel_tol=1e-9)


def test_a_calibration_s_picture_has_its_table(tmp_path: Path) -> None:
    folder = fabricate_calibration(tmp_path)
    check_tables(write_calibration_report(folder), folder, {"tails"})
    tails = np.load(folder / "tails.npz")
    rows = rows_of(folder / "figures" / "tails.csv")
    for market in {r["market"] for r in rows}:
        for side in ("down", "up"):
            for key, who in (("emp", "data"), ("fit", "model")):
                seen = column(rows, f"share beyond, {side}, {who}", market=market)
                np.testing.assert_allclose(seen, tails[f"{key}_{side}_{market}"], rtol=1e-9)


# --- tables against what is drawn ------------------------------------------------------------------------------------
def drawn(run: Run, module: Any) -> tuple[Figure, Rows]:
    with style.applied():
        figure = module.draw(run).figure
    assert figure is not None
    return figure, rows_of(run.folder / "figures" / f"{module.__name__.rsplit('.', 1)[-1]}.csv")


@pytest.mark.parametrize("module", [fund_curve, fund_brief])
def test_the_fund_curve_is_the_table(run: Run, module: Any) -> None:
    figure, rows = drawn(run, module)
    fund, share = (column(rows, name, series="curve") for name in ("fund (USD)", "probability of depletion"))
    points = line(figure, 0, "probability of depletion")
    np.testing.assert_allclose(points, np.stack([fund, share], 1)[share > 0], rtol=1e-9)
    required = column(rows, "fund (USD)", series="required fund")
    np.testing.assert_allclose(required, [run.metric(name)["estimate"] for name in fund_curve.LEVELS], rtol=1e-9)


def test_drawdowns_are_the_table(run: Run) -> None:
    figure, rows = drawn(run, drawdown)
    curve = max((np.asarray(x.get_xydata()) for x in figure.axes[1].lines), key=len)
    np.testing.assert_allclose(curve[:, 0], column(rows, "drawdown (USD)", series="at or above"), rtol=1e-9)
    np.testing.assert_allclose(curve[:, 1], column(rows, "share of paths", series="at or above"), rtol=1e-9)
    zero = column(rows, "share of paths", series="exactly zero")
    losses = run.column("fund_drawdown")
    assert losses is not None
    np.testing.assert_allclose(zero, [np.mean(losses <= 0)], rtol=1e-9)
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(bars[0], zero[0], rtol=1e-9)


def test_cascades_are_the_table(run: Run) -> None:
    figure, rows = drawn(run, cascade)
    for label in ("with price impact", "twin: without"):
        table = np.stack([column(rows, name, series=label) for name in ("liquidated a path (USD)",
                                                                         "share of paths at or above")], 1)
        np.testing.assert_allclose(line(figure, 0, label), table, rtol=1e-9)
    dots = sum(len(np.asarray(c.get_offsets())) for c in figure.axes[1].collections)
    assert dots == sum(r["series"] == "paths" for r in rows)
    path = int(column(rows, "path", series="paths")[-1])
    at = np.flatnonzero(run.paths["path"] == path)[0]
    assert math.isclose(column(rows, "liquidated a path (USD)", series="paths")[-1],
                        run.paths["liquidated_notional"][at], rel_tol=1e-9)


def test_the_waterfall_is_the_table(run: Run) -> None:
    figure, rows = drawn(run, waterfall)
    for axes, panel in zip(figure.axes, ("all paths", waterfall.WORST), strict=True):
        heights = [patch.get_height() for patch in axes.patches]
        np.testing.assert_allclose(heights, column(rows, "mean (USD a path)", paths=panel), rtol=1e-9)
        debts = column(rows, "mean (USD a path)", paths=panel)
        np.testing.assert_allclose(debts[0], debts[1:].sum(), rtol=1e-6)


def test_fairness_is_the_table(run: Run) -> None:
    figure, rows = drawn(run, fairness)
    for axes, title in zip(figure.axes, fairness.SHARES.values(), strict=True):
        points = np.asarray(axes.lines[0].get_xydata())[1:-1]
        table = [column(rows, name, series=title) for name in ("value", "share of paths with at most that")]
        np.testing.assert_allclose(points, np.stack(table, 1), rtol=1e-9)
        mean = column(rows, "value", series=f"mean of {title}")
        np.testing.assert_allclose(np.asarray(axes.lines[1].get_xdata())[0], mean[0], rtol=1e-9)


def test_price_bands_are_the_table(run: Run) -> None:
    figure, rows = drawn(run, fan)
    for axes, market in zip(figure.axes, run.markets, strict=True):
        median = next(np.asarray(x.get_xydata()) for x in axes.lines if x.get_label() == "median")
        names = "time (h)", "50\u00a0% quantile (USD)"
        np.testing.assert_allclose(median, np.stack([column(rows, n, market=market) for n in names], 1), rtol=1e-9)


def test_the_story_is_the_table(run: Run) -> None:
    figure, rows = drawn(run, story)
    fund = next(axes for axes in figure.axes if axes.get_title(loc="left") == "insurance fund")
    names = "time (h)", "insurance fund (USD)"
    np.testing.assert_allclose(np.asarray(fund.lines[0].get_xydata()), np.stack([column(rows, n) for n in names], 1),
                               rtol=1e-9)
    assert run.story is not None
    np.testing.assert_allclose(column(rows, "deficits (USD)").sum(), run.story["bad_debt"].sum(), rtol=1e-9)


# --- the helper --------------------------------------------------------------------------------------------------------
def test_stacked_tables_keep_their_cells() -> None:
    table = data.stacked({"a": {"x": [1, 2], "y": np.array([0.5, np.nan])}, "b": {"x": [3], "z": ["w"]}})
    assert data.as_csv(table) == "series,x,y,z\na,1,0.5,\na,2,,\nb,3,,w\n"
    with pytest.raises(ValueError, match="differ in length"):
        data.as_csv({"x": [1], "y": [1, 2]})
    assert data.as_csv({"flag": [True, np.False_], "big": [123456789012, 1 / 3]}) == \
        "flag,big\n1,123456789012\n0,0.3333333333\n"


def test_a_picture_without_data_is_read_back(tmp_path: Path) -> None:
    with style.applied():
        figure = style.new_figure(2)
        axes = figure.subplots()
        axes.set_title("left")
        axes.set_xlabel("fund (USD)")
        axes.set_ylabel("share")
        axes.plot([1.0, 2.0], [0.25, 0.125], label="curve")
        axes.scatter([5.0], [6.0], label="dot")
        axes.barh([0, 1], [3.0, 4.0], label="bars")
        axes.axvline(9.0)  # of reference: its height is no number of the picture
        item = page.place(tmp_path, "some", "Some", style.Drawn(figure, "caption"), 60)
    assert item.data_file == "figures/some.csv"
    assert [tuple(r.values()) for r in rows_of(tmp_path / "figures" / "some.csv")] == [
        ("left: curve", "1", "0.25"), ("left: curve", "2", "0.125"), ("left: dot", "5", "6"),
        ("left: bars", "3", "0"), ("left: bars", "4", "1")]
    assert rows_of(tmp_path / "figures" / "some.csv")[0].keys() == {"series", "fund (USD)", "share"}


def test_series_of_one_name_and_empty_ones_are_read_back() -> None:
    with style.applied():
        figure = style.new_figure(2)
        axes = figure.subplots()
        for height in (3.0, 5.0):
            axes.plot([1.0], [height], label="twice")
        axes.bar([], [])
        axes.contour(np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))
        table = data.read_back(figure)
    assert table == {"series": ["panel 1: twice", "panel 1: twice'"], "x": [1.0, 1.0], "y": [3.0, 5.0]}
    assert data.as_csv(data.read_back(style.new_figure(2))) == "series\n"
