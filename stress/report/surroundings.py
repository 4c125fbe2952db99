"""Pages on fitted depth and fitted funding: what was fitted, how well, and what the data do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report import page, sources, style
from stress.report.figures import depth, premium
from stress.report.format import plain_tick, usd_tick
from stress.report.tables import Table, pairs_table

BASIS_POINTS = 1e4


def write_surroundings_reports(folder: Path) -> list[Path]:
    """Write ``liquidity.html`` and ``funding.html`` for what the folder has the results of; returns the pages."""
    folder = Path(folder)
    made = [("liquidity", depth, _levels, _answers), ("funding", premium, _premiums, _rates)]
    return [_page(folder, *parts) for parts in made if (folder / f"{parts[0]}.json").exists()]


def _page(folder: Path, name: str, figure: Any, parameters: Any, fit_table: Any) -> Path:
    fit = sources.read_json(folder / f"{name}.json")
    with style.applied():
        drawn = figure.draw(sources.read_arrays(folder / f"{name}.npz"), fit)
        item = page.place(folder, name, figure.TITLE, drawn, page.DEFAULT_DPI)
    return page.render(
        "calibration.html.j2",
        folder / f"{name}.html",
        title=f"Calibration of {name}: {fit['name']}",
        facts=f"markets {', '.join(fit['market_names'])}",
        figure_item=item,
        warnings=[str(w) for w in fit.get("warnings") or []],
        parameters=parameters(fit),
        fit=fit_table(fit),
        provenance=pairs_table("provenance", fit.get("provenance")),
        others=None,
    )


def _levels(fit: dict[str, Any]) -> Table:
    rows = [
        [
            market,
            usd_tick(v["usd"]),
            f"{usd_tick(v['low'])} to {usd_tick(v['high'])}",
            usd_tick(v["mean_usd"]),
            f"{_percent(v['trend'])} (± {_percent(v['trend_error'], '')})",
            _percent(v["scatter"], ""),
        ]
        for market, v in fit["levels"].items()
    ]
    return Table(
        ["market", "depth within 1 %", "interval", "mean as it is", "log change a year", "scatter of a window"], rows
    )


def _answers(fit: dict[str, Any]) -> Table:
    def answer(e: dict[str, Any]) -> str:
        found, measured = e["corrected"], e["naive"]
        return f"{found['estimate']:.3f} (± {found['standard_error']:.3f}); as measured {measured['estimate']:.3f}"

    rows = [[f"elasticity to volatility, {name}", answer(e)] for name, e in fit["elasticity"].items()]
    rows += [
        [f"depth in regime {m['regime']}", f"{m['estimate']:.3f} ({m['low']:.3f} to {m['high']:.3f})"]
        for m in fit["depth_multiplier"]
    ]
    if fit["no_depth_multiplier"]:
        rows.append(["depth in regimes", f"not fitted: {fit['no_depth_multiplier']}"])
    return Table(["answer of depth", ""], rows)


def _premiums(fit: dict[str, Any]) -> Table:
    rows = [
        [
            market,
            f"{BASIS_POINTS * v['mean']:.2f} (± {BASIS_POINTS * v['mean_error']:.2f})",
            f"{v['half_life_hours']:.1f} (± {v['half_life_hours'] * v['log_half_life_error']:.1f})",
            f"{BASIS_POINTS * v['std']:.2f} (± {BASIS_POINTS * v['std'] * v['log_std_error']:.2f})",
            plain_tick(BASIS_POINTS * v["interest"]),
            f"{v['payments']:,}",
            _percent(v["hidden_by_the_clamp"] / v["payments"], ""),
        ]
        for market, v in fit["markets"].items()
    ]
    return Table(
        [
            "market",
            "mean premium (bp)",
            "half-life (h)",
            "standard deviation (bp)",
            "interest (bp)",
            "payments",
            "hidden by the clamp",
        ],
        rows,
    )


def _rates(fit: dict[str, Any]) -> Table:
    rows = [
        [f"{market}: {name.replace('_', ' ')}", f"{v['data']:.3g} (simulated {v['low']:.3g} to {v['high']:.3g})"]
        for market, found in fit["markets"].items()
        for name, v in found["comparison"].items()
    ]
    return Table(["rates paid", ""], rows)


def _percent(share: float, sign: str = "+") -> str:
    return f"{100 * share:{sign}.0f} %"
