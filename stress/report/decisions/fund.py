"""The page of the command ``fund``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stress.report import style
from stress.report.decisions.told import Figure, Told
from stress.report.format import percent_tick, usd
from stress.report.style import DARK, INK, PALE, Drawn
from stress.report.tables import Table


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    return Told(
        title="How large must the insurance fund be?",
        question=f"The fund that runs dry within {found['horizon_hours']:g} h with no more than a given chance.",
        in_short=[_sentence(row) for row in found["required"]],
        figures=[Figure("fund_curve", "Chance of depletion by size of the fund", _curve(found))],
        tables=[("Required fund", "Plan with the upper end of the interval.", _table(found))],
    )


def _sentence(row: dict[str, Any]) -> str:
    end = f"at most {usd(row['high'])}" if row["high"] is not None else f"without upper bound ({row['reason']})"
    return f"For a chance of {percent_tick(row['target'])}: {usd(row['estimate'])}, {end} with confidence."


def _table(found: dict[str, Any]) -> Table:
    rows = [[percent_tick(r["target"]), usd(r["estimate"]), usd(r["low"]), usd(r["high"]), r.get("reason") or ""]
            for r in found["required"]]
    return Table(["chance of depletion", "fund", "low", "high", ""], rows, words=1)


def _curve(found: dict[str, Any]) -> Drawn:
    rows = [r for r in found["curve"] if r["depletion_probability"]]
    if not rows:
        return Drawn(None, "Not drawn: no size of the fund was depleted.")
    fund, share, low, high = (np.array([np.nan if r[k] is None else r[k] for r in rows], dtype=float)
                              for k in ("fund", "depletion_probability", "low", "high"))
    axes = (figure := style.new_figure(3.8)).subplots()
    axes.fill_between(fund, low, high, color=PALE, linewidth=0)
    axes.plot(fund, share, color=DARK)
    if found["fund"] > 0:
        axes.axvline(found["fund"], color=INK, linestyle="--", label=f"configured fund {usd(found['fund'])}")
        axes.legend(loc="upper right")
    style.scale_axis(axes, "x", "usd", np.array([*fund, *([found["fund"]] if found["fund"] > 0 else [])]))
    style.log_axis(axes, "y", "percent", (max(np.nanmin(share) / 2, 1e-9), min(1.0, 2 * float(np.nanmax(high)))))
    axes.set_xlabel("size of the insurance fund at the start (USD)")
    axes.set_ylabel("probability of depletion")
    return Drawn(figure, "The band is the interval at each size.",
                 {"fund (USD)": fund, "probability of depletion": share, "low": low, "high": high})
