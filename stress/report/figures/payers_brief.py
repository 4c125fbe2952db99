"""Who pays, on the first page: the mean of all paths."""

from __future__ import annotations

from stress.report import style
from stress.report.figures import waterfall
from stress.report.load import Run
from stress.report.style import Drawn

TITLE = "Who pays for deficits, on average"


def draw(run: Run) -> Drawn:
    """The left panel of :mod:`waterfall`, small."""
    whole = waterfall.reason(run)
    if whole:
        return Drawn(None, whole)
    figure = style.new_figure(2.4, style.HALF)
    axes = figure.subplots()
    bars = waterfall.means(run)
    waterfall.fall(axes, bars)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylabel("USD a path")
    return Drawn(figure, "Mean of all paths; whiskers: intervals of the means, where they have finite ends.",
                 waterfall.data_of({"all paths": bars}))
