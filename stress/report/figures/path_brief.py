"""A bad path on the first page: the price, what was liquidated, and what that cost."""

from __future__ import annotations

from stress.report import style
from stress.report.figures import story as whole
from stress.report.format import clock
from stress.report.load import Run
from stress.report.metrics import insured
from stress.report.style import MID, Drawn

TITLE = "What happens on a bad path"


def draw(run: Run) -> Drawn:
    """Three panels over the horizon, with the moment of depletion through all of them."""
    story = run.story
    if story is None or not len(story["time_hours"]):
        return whole.draw(run)  # the reason why not
    figure = style.new_figure(2.15)
    panels = figure.subplots(1, 3)
    market = whole.loudest(story, 1)
    whole.price(panels[0], run, story, int(market[0]))
    whole.liquidations(panels[1], run, story, market)
    (whole.fund if insured(run) else whole.deficits)(panels[2], run, story, market)
    for axes in panels:
        axes.set_xlabel("time since the start (h)")
        axes.set_xlim(float(story["time_hours"][0]), float(story["time_hours"][-1]) or 1.0)
        style.linear_axis(axes.xaxis, "plain", 6)
    depleted = whole.depletion_time(run, story)
    for axes in panels if depleted is not None else ():
        axes.axvline(depleted, color=MID, linestyle="--", linewidth=1, zorder=1.5)
    for axes in panels[:2]:
        axes.legend(loc="best", fontsize=7)
    note = f" Dashed: depleted at {clock(depleted)}." if depleted is not None else ""
    return Drawn(figure, f"Path {int(story['path'])}; n = 1: an illustration, not an estimate.{note}",
                 whole.data_of(run, story, market.tolist()))
