"""The tables of reference values: complete, without doubles, and the page that lists them is current."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from types import ModuleType

import numpy as np

from stress.session import simulate_prices
from tests.documents import ROOT
from tests.studies import nobody, study
from tests.walks import BLOCK, DAY, Model, ends

COUNTS = {
    "Geometric Brownian motion": 45,  # sections gbm and bgk_calls
    "Merton": 28,
    "Regimes": 34,
    "Kou": 28,  # section kou and the eight of section rare
    "Heston and Bates": 39,  # sections heston and heston_pde
    "Hawkes": 37,
    "GARCH": 12,  # section garch_bootstrap, with the next
    "Stationary bootstrap": 8,
    "Several markets": 6,
    "Rare events": 14,  # section rare without Kou
}
"""Values of the project's table of reference values, by model."""


def test_every_value_is_met_or_excused() -> None:
    parts = _generator().parts()
    assert {part.model: part.met + len(part.excused) for part in parts} == COUNTS
    names = [row.id for part in parts for row in part.rows] + [name for part in parts for name in part.excused]
    assert [name for name, number in Counter(names).items() if number > 1] == []
    assert all(reason.strip() for part in parts for reason in part.excused.values())


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert page == _generator().page(), "run: python docs/validation.py"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation", ROOT / "docs" / "validation.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["validation"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_walks_end_where_simulated_prices_do() -> None:
    """The noise and the steps of the tests are those of a run, to the last bit."""
    jump = {"kind": "kou", "intensity": 60.0, "up_probability": 0.4, "eta_up": 20.0, "eta_down": 15.0}
    law, ticks, seed = Model(DAY, {"initial_prices": 100.0, "volatility": 0.8, "drift": 0.0, "jump": jump}), 4, 56
    run = law.settings(ticks, paths=BLOCK, block_paths=BLOCK, seed=seed)
    prices = simulate_prices(study(run, nobody()))[:, -1, 0]
    ours = ends(law.build(ticks), steps=ticks, paths=BLOCK, seed=seed)["log"][:, 0]
    np.testing.assert_allclose(np.log(prices / 100.0), ours, rtol=0, atol=1e-14)
