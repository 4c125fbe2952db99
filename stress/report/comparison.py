"""The page that compares fitted models on one history: likelihoods, tails, worst moves, forecasts out of sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report import out_of_sample, page, sources, style
from stress.report.figures import dependence, models, pit
from stress.report.format import NOTHING, is_number, percent
from stress.report.tables import Table, pairs_table

RARE = {"lower_0.1%": "fall 0.1 %", "lower_0.01%": "fall 0.01 %", "upper_0.1%": "rise 0.1 %",
        "upper_0.01%": "rise 0.01 %"}
MOVES = {"worst_1h": "worst 1 h", "worst_4h": "worst 4 h", "worst_24h": "worst 24 h", "one_in_1000_24h":
         "24 h, 1 in 1,000", "squares_lag_1h": "squares, lag 1 h", "squares_lag_24h": "squares, lag 24 h"}


def write_comparison_report(folder: Path) -> Path:
    """Write ``comparison.html`` and its figures from ``comparison.json`` and the models' folders."""
    found = sources.read_json(folder / "comparison.json")
    names, markets = list(found["models"]), [str(m) for m in found["markets"]]
    tails = {name: sources.read_arrays(folder / name / "tails.npz") or {} for name in names}
    tested = {name: m["out_of_sample"] for name, m in found["models"].items() if m.get("out_of_sample")}
    with style.applied():
        drawn = {"comparison": (models.TITLE, models.draw(found, tails)),
                 "dependence": (dependence.TITLE, dependence.draw(found)),
                 "pit": (pit.TITLE, pit.draw(tested, markets))}
        items = {name: page.place(folder, name, title, figure, page.DEFAULT_DPI)
                 for name, (title, figure) in drawn.items()}
    data = found.get("data") or {}
    return page.render(
        "comparison.html.j2", folder / "comparison.html", title="Market models compared", items=items,
        facts=page.listed((", ".join(markets), f"{found.get('bars'):,} bars of {found.get('bar_seconds'):g} s",
                           f"{str(data.get('start'))[:10]} to {str(data.get('end'))[:10]}",
                           f"tested on what follows {found['split']}" if found.get("split") else "")),
        failed=[f"{model}: not fitted. {reason}" for model, reason in (found.get("failed") or {}).items()],
        fit=fit_table(found["models"]), ratios=_ratios(found["models"], markets),
        moves=moves_table(found["models"], markets),
        tested=out_of_sample.table(tested, markets), explained=out_of_sample.EXPLAINED,
        held_out=held_out_table(tested), links=[(name, f"{name}/calibration.html") for name in names],
        provenance=pairs_table("data", data))


def fit_table(found: dict[str, Any]) -> Table:
    """Likelihoods; criteria as differences from the best."""
    rows = []
    for name, model in found.items():
        row = [name, str(model["free_parameters"]), _number(model["likelihood"]["joint"]),
               *(_gap(found, name, which, "joint") for which in ("aic", "bic")),
               _number(model["likelihood"]["sum_of_marginals"]),
               *(_gap(found, name, which, "marginal") for which in ("aic", "bic")), f"{model['seconds']:.0f} s"]
        rows.append(row)
    return Table(["model", "free parameters", "log-likelihood, jointly", "AIC above best", "BIC above best",
                  "log-likelihood, markets alone", "AIC above best", "BIC above best", "time"], rows)


def _gap(found: dict[str, Any], name: str, which: str, kind: str) -> str:
    values = {model: m[which][kind] for model, m in found.items() if is_number(m[which][kind])}
    return _number(values[name] - min(values.values())) if name in values else NOTHING


def _number(value: Any) -> str:
    return f"{value:,.0f}" if is_number(value) else "not available"


def _ratios(found: dict[str, Any], markets: list[str]) -> Table:
    """Quantiles of the fit (median of simulated samples) over those of the data."""
    rows = []
    for market in markets:
        for name, text in RARE.items():
            cells = []
            for model in found.values():
                row = model["comparison"][market][name]
                cells.append(f"{row['simulated_50'] / row['data']:.2f}" if row["data"] else NOTHING)
            rows.append([market, text, percent(next(iter(found.values()))["comparison"][market][name]["data"]), *cells])
    return Table(["market", "quantile", "data", *found], rows, numbers=2)


def moves_table(found: dict[str, Any], markets: list[str]) -> Table:
    """Worst moves and clustering, simulated against seen."""
    rows = []
    for market in markets:
        for name, text in MOVES.items():
            cells = [m["comparison"][market].get(name) for m in found.values()]
            if all(cells):
                show = _plain if name.startswith("squares") else percent
                rows.append([market, text, show(cells[0]["data"]), *(_range(c, show) for c in cells)])
    return Table(["market", "", "data", *found], rows, numbers=2)


def _plain(value: float) -> str:
    return f"{value + 0.0 if abs(value) >= 5e-4 else 0.0:.3f}"


def _range(row: dict[str, Any], show: Any) -> str:
    outside = "" if row["simulated_5"] <= row["data"] <= row["simulated_95"] else " ✗"
    return f"{show(row['simulated_50'])} [{show(row['simulated_5'])}, {show(row['simulated_95'])}]{outside}"


def held_out_table(tested: dict[str, dict[str, Any]]) -> Table | None:
    """Likelihoods of what the fit has not seen; None when nothing was held out."""
    rows = [[name, _number(test["log_likelihood"]["joint"]), _number(test["log_likelihood"]["sum_of_marginals"])]
            for name, test in tested.items()]
    return Table(["model", "log-likelihood of the bars held out, jointly", "markets alone"], rows) if rows else None
