"""Colours of pages, light and dark, against the contrast that WCAG 2.2 asks for."""

from __future__ import annotations

import itertools
import re

import pytest
from matplotlib.colors import to_rgb

from stress.report import page, style

TEXT = 4.5
"""Least contrast of text with what it stands on (WCAG 2.2, 1.4.3)."""
CSS = (page.TEMPLATES / "style.css").read_text(encoding="utf-8")


def schemes() -> dict[str, dict[str, str]]:
    """Colours by name: as the sheet has them, and as the dark scheme changes them."""
    light, dark = (dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*--[^}]*)\}", CSS))
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """From 1 for the same colour to 21 for black on white (WCAG 2.2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails
    assert contrast("#777777", "#ffffff") < TEXT < contrast("#767676", "#ffffff")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(scheme: str) -> None:
    colours = schemes()[scheme]
    pairs = [*itertools.product(("ink", "soft", "dark", "mid"), ("page", "wash"))]
    poor = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < TEXT} == {}
    assert contrast("#ffffff", colours["bad"]) >= TEXT  # the badge of a violated limit


def test_dark_is_dark_and_pictures_keep_their_white() -> None:
    found = schemes()
    assert luminance(found["light"]["page"]) > 0.9 > 0.05 > luminance(found["dark"]["page"])
    with style.applied():
        drawn_on = style.new_figure(1.0).get_facecolor()
    assert to_rgb(found["dark"]["card"]) == drawn_on[:3]  # labels of a picture stand on what they were drawn for
    assert contrast(style.INK, found["dark"]["card"]) >= TEXT


def test_colours_of_pictures_differ_in_grey() -> None:
    """Printed without colour, series are told apart: each next colour is lighter."""
    greys = [luminance(colour) for colour in (style.INK, style.DARK, style.MID, style.LIGHT, style.PALE)]
    steps = [(b + 0.05) / (a + 0.05) for a, b in itertools.pairwise(greys)]
    assert min(steps) > 1.2, steps


def test_print_is_light() -> None:
    """Paper is white whatever the reader prefers on the screen."""
    assert re.findall(r"@media ([^{]*prefers-color-scheme[^{]*)\{", CSS) == ["screen and (prefers-color-scheme: dark) "]
    assert "@page { size: A4" in CSS
