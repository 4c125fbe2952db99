"""One path told in sentences made from its numbers."""

from __future__ import annotations

import numpy as np

from stress.report.figures.story import Story, depletion_time, loudest
from stress.report.format import clock, hours, joined, percent, usd
from stress.report.load import Run


def tell_story(run: Run) -> list[str]:
    """The story's path in sentences; empty without a story."""
    story = run.story
    if story is None or not len(story["time_hours"]):
        return []
    texts = [_opening(run, story)]
    closed = story["liquidated_long"].sum() + story["liquidated_short"].sum()
    if closed > 0:
        texts.append(_selling(run, story))
        texts.append(_paying(run, story))
    else:
        texts.append("Nobody was liquidated on this path.")
    return texts


def _opening(run: Run, story: Story) -> str:
    market = int(loudest(story, 1)[0])
    price, time = story["fundamental"][:, market], story["time_hours"]
    drop, rise = price.min() / price[0] - 1, price.max() / price[0] - 1
    extreme = int(price.argmin() if abs(drop) >= rise else price.argmax())
    word = "fell" if abs(drop) >= rise else "rose"
    depleted = depletion_time(run, story) is not None
    kind = "a typical path among those that deplete the fund" if depleted else "the worst path of the run"
    return (f"Path {int(story['path'])}, {kind}. The fundamental price of {run.markets[market]} {word} by as much as "
            f"{percent(abs(float(price[extreme] / price[0] - 1)))} from {usd(float(price[0]))}, to "
            f"{usd(float(price[extreme]))} at {clock(float(time[extreme]))}.")


def _selling(run: Run, story: Story) -> str:
    long, short = float(story["liquidated_long"].sum()), float(story["liquidated_short"].sum())
    ticks = (story["liquidated_long"] + story["liquidated_short"]).sum(1)
    time, peak, first = story["time_hours"], int(ticks.argmax()), int(np.argmax(ticks > 0))
    which = np.unravel_index(int(np.abs(story["displacement"]).argmax()), story["displacement"].shape)
    pushed = float(story["displacement"][which])
    text = (f"The first account was liquidated at {clock(float(time[first]))}; in all {usd(long)} of longs and "
            f"{usd(short)} of shorts were closed, {usd(float(ticks[peak]))} of it in the worst tick, at "
            f"{clock(float(time[peak]))}, {_run_up(run, story, peak)}.")
    if pushed:
        text += (f" That selling and buying moved the mark of {run.markets[int(which[1])]} as far as "
                 f"{percent(abs(pushed))} {'below' if pushed < 0 else 'above'} its fundamental price, at "
                 f"{clock(float(time[which[0]]))}.")
    return text


def _run_up(run: Run, story: Story, tick: int) -> str:
    """How far the fundamental price of the market sold most at ``tick`` had moved within the hour before."""
    time = story["time_hours"]
    market = int((story["liquidated_long"] + story["liquidated_short"])[tick].argmax())
    price = story["fundamental"][:, market]
    start = int(np.searchsorted(time, time[tick] - 1.0))
    move = float(price[tick] / price[start] - 1)
    return (f"when {run.markets[market]} had {'risen' if move > 0 else 'fallen'} {percent(abs(move))} within "
            f"{hours(round(min(1.0, float(time[tick] - time[start])), 6))}")


def _kept(story: Story, lowest: str) -> str:
    """Why a depleted fund need not be empty."""
    left = float(story["fund"].min()) > 0 and float(story["adl"].sum()) > 0
    return f", though ADL closed the share it could not carry and left it {lowest}" if left else ""


def _paying(run: Run, story: Story) -> str:
    debt, adl, social = (float(story[k].sum()) for k in ("bad_debt", "adl", "socialised"))
    if debt <= 0:
        return f"No closed account ended below zero; the fund ended at {usd(float(story['fund'][-1]))}."
    when, lowest = depletion_time(run, story), usd(float(story["fund"].min()))
    fund = f"The fund went from {usd(run.fund)} to a low of {lowest}"
    if when is not None:
        fund = (f"At {clock(when)} a round's deficits were above what the fund held: depleted{_kept(story, lowest)}. "
                f"The fund began at {usd(run.fund)}")
    texts = (f"Closed accounts ended {usd(debt)} below zero in sum. {fund} and stood at "
             f"{usd(float(story['fund'][-1]))} at the end.")
    rest = [f"auto-deleveraging closed {usd(adl)} of winners' positions"] if adl > 0 else []
    rest += [f"{usd(social)} was socialised"] if social > 0 else []
    uncovered, path = run.paths.get("uncovered"), run.paths.get("path")
    left = uncovered[path == int(story["path"])] if uncovered is not None and path is not None else np.empty(0)
    rest += [f"{usd(float(left[0]))} stayed uncovered"] if len(left) and left[0] > 0 else []
    return f"{texts} In addition {joined(rest)}." if rest else f"{texts} Nobody else had to pay."
