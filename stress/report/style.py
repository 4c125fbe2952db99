"""The common look of all figures: readable in grey, no global pyplot state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from stress.report.data import Columns
from stress.report.format import TICKS

INK, DARK, MID, LIGHT, PALE = "#1d2733", "#123f63", "#c4572f", "#e2ab5c", "#c9d6e2"
"""Colours in ascending luminance, so that grey prints keep them apart."""
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (7, 3)), (0, (3, 1, 1, 1)),
         (0, (9, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p")
SHADES = (DARK, MID, "#6d7f92", LIGHT, "#2f7f79", "#8a3b5e", "#9aa7b4", INK, "#7a63b8")
HATCHES = ("", "////", "....", "xxxx")
CMAP = LinearSegmentedColormap.from_list("ink", ["#eef2f6", "#b3c6d7", "#6d93b3", "#2f6088", "#123f63", "#081524"])
"""Luminance falls monotonically: dark is much, also in grey."""
WIDTH = 9.2
"""Inches; all figures share it so that their type size agrees on the page."""
HALF = 4.5
"""Inches; of two figures side by side."""

_RC: dict[str, Any] = {
    "font.size": 9, "axes.labelsize": 9, "axes.titlesize": 9.5, "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": "#6b7783",
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
    "axes.grid": True, "grid.color": "#dfe4e9", "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": True,
    "legend.edgecolor": "none", "legend.facecolor": "white", "legend.framealpha": 0.85, "legend.fontsize": 8.2,
    "legend.handlelength": 2.6, "lines.linewidth": 1.5, "hatch.linewidth": 0.6, "hatch.color": "white",
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "figure.facecolor": "white", "figure.constrained_layout.use": True, "path.simplify_threshold": 0.5,
    "agg.path.chunksize": 20000,  # lines of a hundred thousand ticks
}


class Drawn(NamedTuple):
    """A figure with its caption, or no figure and the reason why not; and the numbers that it shows."""

    figure: Figure | None
    caption: str
    data: Columns | None = None


@contextmanager
def applied() -> Iterator[None]:
    """The house style for everything drawn and saved inside."""
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's matplotlibrc must not change the report
        mpl.rcParams.update(_RC)  # pyright: ignore[reportCallIssue, reportArgumentType]
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure (inches) on the Agg canvas."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, dpi: int) -> bytes:
    """The figure as PNG; the same figure gives the same bytes. ``savefig`` would draw it twice."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = BytesIO()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]  # no figure is transparent
    imsave(buffer, picture, format="png", dpi=dpi, metadata={"Software": None})  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def linear_axis(axis: Axis, kind: str, ticks: int = 6) -> None:
    """A linear axis with ticks of the kind ``usd``, ``percent`` or ``plain``."""
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(TICKS[kind]))


def log_axis(axes: Axes, which: str, kind: str, limits: tuple[float, float], *, narrow: bool = False) -> None:
    """A log axis (``which`` x or y) over ``limits`` > 0: labelled decades, and 2 and 5 where there are few of them."""
    low, high = limits
    decades = np.log10(high / low)
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    subs = (1.0, 2.0, 5.0) if decades < (1.0 if narrow else 2.6) else (1.0,)
    axis.set_major_locator(LogLocator(10.0, subs=subs, numticks=9))
    axis.set_major_formatter(FuncFormatter(TICKS[kind]))
    axis.set_minor_formatter(NullFormatter())


def scale_axis(axes: Axes, which: str, kind: str, values: np.ndarray, ends: np.ndarray | None = None, *,
               narrow: bool = False) -> None:
    """Log for positive values over more than 1.3 decades, else linear with a margin.

    ``ends`` (interval bounds, NaN ignored) widen the axis but do not choose its scale.
    """
    low, high = float(values.min()), float(values.max())
    wide = values if ends is None else np.concatenate([values, ends[np.isfinite(ends)]])
    if low > 0 and high / low > 20:
        log_axis(axes, which, kind, (max(float(wide.min()), low / 5) / 1.3, float(wide.max()) * 1.6), narrow=narrow)
        return
    low, high = float(wide.min()), float(wide.max())
    span = (high - low) or abs(high) or 1.0
    (axes.set_xlim if which == "x" else axes.set_ylim)(low - 0.06 * span, high + 0.1 * span)
    linear_axis(axes.xaxis if which == "x" else axes.yaxis, kind, 4 if narrow else 6)


def error_bar(axes: Axes, x: float, y: float, metric: dict[str, Any], **look: Any) -> None:
    """A horizontal interval of a metric through (x, y); an unbounded side is left open with an arrow."""
    low, high = metric.get("low"), metric.get("high")
    edge = axes.get_xlim()[1]
    left = x if low is None else max(low, axes.get_xlim()[0])
    axes.plot([left, edge if high is None else high], [y, y], color=look["color"], linewidth=2.2,
              solid_capstyle="butt", zorder=4, marker="|", markersize=7, markevery=[0] if high is None else None)
    axes.plot([x], [y], linestyle="none", zorder=5, markeredgecolor="white", **look)
