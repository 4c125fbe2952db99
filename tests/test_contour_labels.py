"""Labels of the lines on the map of required funds: they cover no number, no star and no other label."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from stress.report import style
from stress.report.decisions.frontier_map import isoquants, levels_between

OF_THE_GUIDE = "the guide's"
"""Its numbers are of three depths."""
SCALES, DEPTHS = (0.5, 0.75, 1.0, 1.5, 2.0), (0.5, 1.0, 2.0)
LAWS: dict[str, Any] = {
    OF_THE_GUIDE: lambda x, y: dict(zip(
        [(s, d) for d in DEPTHS for s in SCALES],
        (11.1e6, 8.7e6, 6.52e6, 3.75e6, 2.18e6, 1.43e6, 589e3, 109e3, 0, 0, 834e3, 292e3, 0, 0, 0), strict=True))[x, y],
    "by margin alone": lambda x, y: 2e6 * x**-3,
    "by depth alone": lambda x, y: 2e6 * y**-3,
    "steep": lambda x, y: 1e6 * (x * y)**-4,
}


def drawn(law: Any, depths: tuple[float, ...] = DEPTHS) -> tuple[list[Text], list[Text], Bbox]:
    """Numbers, labels, and where the star is."""
    cells = [{"scale": s, "depth": d, "required_fund": {
        "estimate": float(law(s, d)), "low": 0.8 * law(s, d), "high": 1.3 * law(s, d), "unit": "USD", "n": 1}}
        for d in depths for s in SCALES]
    with style.applied():
        figure = isoquants({"map": {"reason": None, "cells": cells, "scaling": "ratio"}, "target": 0.001}).figure
        assert figure is not None
        style.png(figure, 150)  # at another resolution than that at which they were placed
    (axes,) = figure.axes
    numbers = [text for text in axes.texts if "\n" in text.get_text()]
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    return numbers, [text for text in axes.texts if text not in numbers], star.get_window_extent()


@pytest.mark.parametrize(("name", "depths"), [
    (name, depths) for name in LAWS for depths in (DEPTHS, (0.5, 1.0), (0.25, 0.5, 1.0, 2.0, 4.0))
    if name != OF_THE_GUIDE or depths == DEPTHS])
def test_no_label_covers_anything(name: str, depths: tuple[float, ...]) -> None:
    numbers, labels, star = drawn(LAWS[name], depths)
    funds = np.array([LAWS[name](s, d) for s in SCALES for d in depths])
    assert len(numbers) == len(funds)
    assert len(labels) == len(levels_between(funds[funds > 0].min(), funds.max())), "a line, a label"
    boxes = [label.get_window_extent() for label in labels]
    for box in boxes:
        assert not box.overlaps(star)
        for number in numbers:
            assert not box.overlaps(number.get_window_extent()), number.get_text()
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
