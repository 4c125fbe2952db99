"""The fund on the first page: how likely its depletion is, by its size."""

from __future__ import annotations

from stress.report import style
from stress.report.figures import fund_curve
from stress.report.format import percent_tick
from stress.report.load import Run
from stress.report.style import Drawn

TITLE = "How likely the fund runs dry, by its size"


def draw(run: Run) -> Drawn:
    """The curve of :mod:`fund_curve`, small."""
    rows = run.summary.get("fund_curve") or []
    if not any(r.get("depletion_probability") for r in rows):
        return fund_curve.draw(run)  # no curve there either, and the reason why
    figure = style.new_figure(2.4, style.HALF)
    axes = figure.subplots()
    fund_curve.plot(axes, run)
    axes.set_xlabel("fund at the start (USD)")
    axes.legend(loc="best", fontsize=7)
    return Drawn(figure, f"Band: {percent_tick(run.confidence)} interval at each size.", fund_curve.data_of(run))
