"""One dot a path: its deficits in the first run and in another one."""

from __future__ import annotations

import numpy as np

from stress.report import style
from stress.report.format import count
from stress.report.style import DARK, INK, MID, Drawn

TITLE = "Path by path"
_DOTS = 20_000
"""More are hard to tell apart and make the page heavy; then the largest are drawn."""


def draw(first: np.ndarray, second: np.ndarray) -> Drawn:
    """Deficits [P] in USD of both runs on the same paths, those that have any."""
    some = np.isfinite(first) & np.isfinite(second) & ((first > 0) | (second > 0))
    if not some.any():
        return Drawn(None, "Not drawn: neither run has deficits on any path.")
    a, b = first[some], second[some]
    chosen = np.argsort(-np.maximum(a, b))[:_DOTS]
    a, b = a[chosen], b[chosen]
    data = {"path": np.flatnonzero(some)[chosen], "deficits in the first run (USD)": a,
            "deficits in this run (USD)": b}
    positive = np.concatenate([a[a > 0], b[b > 0]])
    low, high = max(float(positive.min()), float(positive.max()) / 1e7), float(positive.max())
    floor = low / 3
    figure = style.new_figure(4.4, 5.2)
    axes = figure.subplots()
    for which in ("x", "y"):
        style.log_axis(axes, which, "usd", (floor / 1.5, high * 2))
    axes.plot([floor, high * 2], [floor, high * 2], color=INK, linewidth=1.0, linestyle="--", label="the same")
    for side, label, colour, marker in ((b > a, "more than in the first run", MID, "^"),
                                        (b < a, "less", DARK, "v"), (b == a, "the same", INK, "o")):
        axes.plot(np.maximum(a[side], floor), np.maximum(b[side], floor), linestyle="none", marker=marker, markersize=3,
                  alpha=0.6, color=colour, label=f"{label}: {count(side.sum())}")
    axes.set_xlabel("deficits in the first run (USD)")
    axes.set_ylabel("deficits in this run (USD)")
    axes.legend(loc="upper left")
    none = int((~some).sum())
    return Drawn(figure, f"Each mark is a path. On the lower and left edge: none in that run. {count(none)} paths have "
                         "none in either.", data)
