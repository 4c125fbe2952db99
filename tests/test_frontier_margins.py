"""Scaled margin rates, by every kind and preset: curves against the present ones at sizes small and large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.build.margin import build_margin
from stress.cli.compose import config_folder, load
from stress.config.margin import TierConfig
from stress.config.parse import parse, parse_fields
from stress.decisions.desk import changed
from stress.decisions.frontier.margins import flat, rates, scaled, table
from stress.errors import UserError
from tests.tiers import slow

pytestmark = pytest.mark.usefixtures("compiled_soon")

PROTOCOLS = sorted(file.stem for file in config_folder().glob("protocol/*.yaml"))
PRICES = np.array([[100_000.0], [4_000.0], [200.0]])
UNITS = np.array([0.0, 1e3, 1e5, 3e6, 2e8]) / PRICES
BY_SIZE = ("deribit", "drift_v2")
"""Whose maintenance rate cannot be scaled alone."""
FLAT = [("generic", ["protocol.maintenance_margin=0.03"]),
        ("bybit", ["protocol.initial_margin=0.08", "protocol.maintenance_margin=0.03"]),
        ("dydx_v4", ["protocol.initial_margin=0.08"])]


def requirements(container: dict[str, Any], rate: str) -> np.ndarray:
    """Requirement [A, sizes] in USD."""
    config = parse_fields(container)
    curve = build_margin(config.protocol, config.price.markets, rate)
    return np.asarray(curve.requirement(UNITS, UNITS * PRICES))


@pytest.mark.parametrize("scaling", ["ratio", "spread", "maintenance"])
@pytest.mark.parametrize(("protocol", "overrides"), [*((name, []) for name in PROTOCOLS), *FLAT])
def test_scaled_curves(protocol: str, overrides: list[str], scaling: str) -> None:
    container = load([f"protocol={protocol}", *overrides])[1]
    config = parse_fields(container)
    if scaling == "maintenance" and protocol in BY_SIZE:
        with pytest.raises(UserError, match="that of both rates"):
            scaled(config.protocol, config.price.markets, 0.5, scaling)
        return
    before = {rate: requirements(container, rate) for rate in ("initial_margin", "maintenance_margin")}
    for factor in (0.4, 1.1):
        made = scaled(config.protocol, config.price.markets, factor, scaling)
        assert made.capped == 0 or factor > 1
        if made.capped:
            continue
        initial, maintenance = (requirements(changed(container, made.changes), rate) for rate in before)
        np.testing.assert_allclose(maintenance, factor * before["maintenance_margin"], rtol=1e-9)
        expected = {"ratio": factor * before["initial_margin"], "maintenance": before["initial_margin"],
                    "spread": before["initial_margin"] + (factor - 1) * before["maintenance_margin"]}[scaling]
        if protocol == "drift_v2" and scaling == "spread":  # the larger of two lines: the spread is that of each line
            assert (np.abs(initial - expected) <= 0.2 * expected).all()
            expected, initial = expected[:, :2], initial[:, :2]
        np.testing.assert_allclose(initial, expected, rtol=1e-9)


@pytest.mark.parametrize(("given", "factor", "scaling", "expected"), [
    ((0.05, 0.02), 2.0, "ratio", (0.10, 0.04, False)),
    ((0.05, 0.02), 2.0, "spread", (0.07, 0.04, False)),
    ((0.05, 0.02), 2.0, "maintenance", (0.05, 0.04, False)),
    ((0.05, 0.02), 3.0, "maintenance", (0.05, 0.05, True)),
    ((0.5, 0.25), 4.0, "ratio", (1.0, 0.5, True)),
    ((0.9, 0.5), 2.0, "spread", (1.0, 0.6, True)),
    ((1.0, 0.5), 2.0, "maintenance", (1.0, 0.99, True)),
    ((0.05, 0.02), 0.5, "spread", (0.04, 0.01, False)),
])
def test_rates_by_hand(given: tuple[float, float], factor: float, scaling: str, expected: tuple) -> None:
    assert rates(*given, factor, scaling) == pytest.approx(expected, rel=1e-12)


def test_leverage_stops_at_one() -> None:
    container = load(["protocol=hyperliquid"])[1]
    made = scaled(parse(container).protocol, ["BTC", "DOGE"], 8.0, "ratio")
    rows = made.changes["protocol.margin.leverage_tiers"]
    assert [row["max_leverage"] for row in rows["BTC"]] == [5.0, 2.5]
    assert [row["max_leverage"] for row in rows["DOGE"]] == [1.25, 1.0]
    assert made.capped == 1


def test_flat_rates_replace_every_kind() -> None:
    for protocol in PROTOCOLS:
        container = load([f"protocol={protocol}"])[1]
        made = flat(parse(container).protocol, 0.2, 0.1)
        np.testing.assert_allclose(requirements(changed(container, made.changes), "initial_margin"), 0.2 * UNITS * PRICES)


def test_a_table_replaces_every_kind() -> None:
    """10 % up to a million, 30 % of what is beyond; ETH has its own."""
    tiers = {"default": [TierConfig(up_to_usd=1e6, initial_margin=0.1, maintenance_margin=0.05),
                         TierConfig(up_to_usd=None, initial_margin=0.3, maintenance_margin=0.2)],
             "ETH": [TierConfig(up_to_usd=None, initial_margin=0.5, maintenance_margin=0.4)]}
    notional = UNITS * PRICES
    slabs = 0.1 * np.minimum(notional, 1e6) + 0.3 * np.maximum(notional - 1e6, 0.0)
    slabs[1] = 0.5 * notional[1]
    for protocol in PROTOCOLS:
        container = load([f"protocol={protocol}"])[1]
        made = table(parse(container).protocol, tiers)
        np.testing.assert_allclose(requirements(changed(container, made.changes), "initial_margin"), slabs)


SMALL = ["run.paths=128", "run.horizon_hours=0.1", "book.accounts=100", "run.progress=false"]


@pytest.mark.parametrize("protocol", slow(PROTOCOLS, *(name for name in PROTOCOLS if name not in ("deribit", "gmx_v2"))))
def test_every_venue_has_a_frontier(protocol: str, traced: None, tmp_path: Path) -> None:
    """With the settings as they are shipped."""
    found = stress.decide("frontier", [f"protocol={protocol}", *SMALL], output=tmp_path).found
    names = [row["setting"] for row in found["settings"]] + [row["setting"] for row in found["refused"]]
    assert sorted(names) == sorted(["present", *(f"{kind} × {scale:g}" for kind in ("ratio", "maintenance")
                                                 for scale in (0.5, 0.75, 1.5, 2))])
    assert found["payer"] == ("backstop" if protocol in ("gmx_v2", "synthetix_v3") else "insurance fund")
    assert len(found["map"]["cells"]) == 3 * (1 + sum(row["family"] == "ratio" for row in found["settings"]))
    for row in found["settings"]:
        cheaper = {"ratio": row["scale"], "maintenance": 1.0, "present": 1.0}[row["family"]]
        expected = found["settings"][0]["leverage"] / cheaper
        if protocol != "dydx_v4":  # open interest adds to its initial rates
            assert row["leverage"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_venue_s_frontier_is_simulated(protocol: str, tmp_path: Path) -> None:
    storm = ["price=merton", "price.jump.intensity=4000", "price.jump.std=0.1", "decide.frontier.scales=[0.75]",
             "decide.frontier.depths=[]"]
    found = stress.decide("frontier", [f"protocol={protocol}", *SMALL, *storm], output=tmp_path).found
    assert any(row["insolvent_notional"]["estimate"] > 0 for row in found["settings"])
