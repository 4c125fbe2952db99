"""How often two markets fall together: fitted models against the data."""

from __future__ import annotations

from typing import Any

from stress.report import style
from stress.report.figures.ranges import mark, ranges, table
from stress.report.style import SHADES, Drawn

TITLE = "Markets that fall together"


def draw(found: dict[str, Any]) -> Drawn:
    """P(a market is in its worst 1 % of bars | another one is), by pair."""
    models = found["models"]
    pairs = list(next(iter(models.values()))["dependence"]) if models else []
    if not pairs:
        return Drawn(None, "Not drawn: one market alone.")
    figure = style.new_figure(2.9)
    axes = figure.subplots()
    for place, pair in enumerate(pairs):
        rows = [m["dependence"][pair] for m in models.values()]
        ranges(axes, place, rows)
        mark(axes, place, rows[0]["data"])
    axes.set_xticks(range(len(pairs)), [pair.replace(".", "\n") for pair in pairs], fontsize=8)
    axes.set_ylim(bottom=0)
    style.linear_axis(axes.yaxis, "percent", 5)
    handles = [axes.plot([], [], color=SHADES[n % len(SHADES)], linewidth=2.4)[0] for n in range(len(models))]
    figure.legend(handles, list(models), loc="outside lower center", ncols=6)
    return Drawn(figure, "Probability that a market is among its worst 1 % of bars in a bar in which the other one is: "
                         "black as seen, bars as simulated. Independent markets would have 1 %.",
                 table({(pair, name): m["dependence"][pair] for pair in pairs for name, m in models.items()},
                       ("pair", "model")))
