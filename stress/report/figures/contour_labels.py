"""Labels of contour lines, where they cover nothing that is to be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

GAP = 4.0
"""Points that are wanted between a label and what it must not cover: texts grow a little with the resolution."""
BESIDE = (0.0, 0.8, -0.8)
"""Heights of a label between its middle and the line: on it, above, below."""
STEP = 1.0
"""Points between places that are tried."""


def label_contours(axes: Axes, lines: ContourSet, names: Sequence[str], around: Sequence[Artist]) -> list[Text]:
    """A label on each line, off the artists ``around`` and off other labels, as near the line's middle as may be.

    Where there is no room on a line it stands beside it, and where there is none at all, where it covers least. Nothing
    that moves the axes may be done afterwards.
    """
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()  # where texts are follows from the layout
    point = figure.dpi / 72
    taken, found = [artist.get_window_extent() for artist in around], []
    for path, name in zip(lines.get_paths(), names, strict=True):
        text = axes.text(0.5, 0.5, name, transform=axes.transAxes, fontsize=8, ha="center", va="center", zorder=5,
                         bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
        size = np.array(text.get_window_extent().size)
        parts = axes.transData.transform_path(path).to_polygons(closed_only=False)
        places = _along([np.asarray(part, float) for part in parts], STEP * point)
        if not len(places):
            text.remove()
            continue
        places = np.concatenate([places + np.array([0.0, shift * size[1]]) for shift in BESIDE])
        place = places[_best(_clearance(places, size, taken, axes.bbox), GAP * point)]
        text.set_transform(axes.transData)
        x, y = axes.transData.inverted().transform(place).tolist()
        text.set_position((x, y))
        taken.append(Bbox([place - size / 2, place + size / 2]))
        found.append(text)
    return found


def _along(parts: Sequence[np.ndarray], step: float) -> np.ndarray:
    """Points [K, 2] on lines [M, 2] about ``step`` apart, the middle of the longest line first."""
    lines = []
    for line in parts:
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.linspace(0.0, length[-1], max(2, int(length[-1] / step) + 1))
        lines.append(np.column_stack([np.interp(at, length, axis) for axis in line.T])[_from_the_middle(len(at))])
    lines.sort(key=len, reverse=True)
    return np.concatenate(lines) if lines else np.zeros((0, 2))


def _from_the_middle(count: int) -> np.ndarray:
    """Numbers below ``count``, the middle one first, the ends last."""
    return np.argsort(np.abs(np.arange(count) - (count - 1) / 2), kind="stable")


def _clearance(places: np.ndarray, size: np.ndarray, taken: Sequence[Bbox], inside: Bbox) -> np.ndarray:
    """Pixels [K] between a box of a ``size`` [2] at places [K, 2] and the next thing, below 0 where it covers one."""
    low, high = places - size / 2, places + size / 2
    found = np.minimum(low - inside.min, inside.max - high).min(1)
    for box in taken:
        found = np.minimum(found, np.maximum(box.min - high, low - box.max).max(1))
    return found


def _best(clearance: np.ndarray, wanted: float) -> int:
    """The first place with room enough, or that with most."""
    free = np.flatnonzero(clearance >= wanted)
    return int(free[0]) if len(free) else int(clearance.argmax())
