"""The price of the risk check, and when nobody is liquidated for the oracle's sake: cases computed by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.oracle import build_confidence
from stress.cli.compose import load
from stress.config.oracle import ConfidenceConfig, MarkConfig, StableConfig
from stress.errors import UserError
from stress.protocol.mark_price import Smoothed
from stress.report.oracle import oracle as oracle_words
from stress.session import replay
from tests import studies
from tests.reference.building import Row
from tests.test_shocks import LONG, SHORT, closings, flat_path, shock

STEP = 60.0
IMPACT = {"law": "linear", "depth_usd": 1000.0}
BIG: Row = ("big", 50.0, {"X": (20.0, 100.0)})
SMALL: Row = ("small", 7.5, {"X": (1.0, 100.0)})
RICH: Row = ("rich", 1e6, {"X": (-21.0, 100.0)})
FALL = [100.0, 95.0, 95.0, 95.0, 95.0]
LAST = 95.0 * (1 - 0.019)
"""At 95 the big account is bankrupt; 1,900 USD of it into a depth of 1,000 a percent move the last price by 1.9 %."""


def mark(kind: str, band: float | None = None, half_life: float | None = None) -> MarkConfig:
    return MarkConfig(kind=kind, band=band, half_life_seconds=half_life, stable=None)


def ledger(rule: MarkConfig | None, *, seen: float = 0.0, path: list[float] = FALL, **oracle: Any) -> dict[str, Any]:
    return flat_path(rows=[BIG, SMALL, RICH], path=path, liquidity=IMPACT,
                     protocol={"oracle": {"impact_share": seen, "mark": rule, **oracle}})


def closed(found: dict[str, Any]) -> dict[str, int]:
    """Tick in which each account was liquidated."""
    return {account: k for k, account, *_ in closings(found)}


def checked(found: dict[str, Any]) -> list[float]:
    return [tick["oracle"]["X"] for tick in found["ticks"]]


def test_without_a_mark_price_the_check_is_at_the_index() -> None:
    """Equity of the small one: 2.5 at the index of 95, 0.695 against 0.932 at the last price."""
    assert closed(ledger(None)) == {"big": 1}
    assert closed(ledger(None, seen=1.0)) == {"big": 1, "small": 1}


@pytest.mark.parametrize(("band", "price", "small"), [(0.01, 94.05, False), (0.02, LAST, True)])
def test_the_last_price_is_held_in_a_band(band: float, price: float, small: bool) -> None:
    """At 94.05 the small account has 1.55 USD against 0.94; the check moves within the tick, with the last price."""
    found = ledger(mark("band", band))
    assert closed(found) == {"big": 1} | ({"small": 1} if small else {})
    assert small or checked(found) == pytest.approx([price] * 4, rel=1e-12)


@pytest.mark.parametrize("kind", ["ema", "median"])
def test_the_mean_basis_follows_tick_by_tick(kind: str) -> None:
    """With a half-life of a tick the basis of -1.805 counts for a half, 3/4 and 7/8 of itself; then 0.92 < 0.93."""
    found = ledger(mark(kind, half_life=STEP))
    basis = [share * (LAST - 95.0) for share in (0.0, 0.5, 0.75, 0.875)]
    assert checked(found) == pytest.approx([95.0 + b for b in basis], rel=1e-12)
    assert closed(found) == {"big": 1, "small": 4}
    assert closings(found)[1][2] == pytest.approx(95.0 * (1 - 0.019 - 0.000475), rel=1e-12), "fills are the book's"


def test_a_mean_basis_is_held_in_its_band_too() -> None:
    found = ledger(mark("ema", band=0.005, half_life=STEP))
    assert checked(found) == pytest.approx([95.0, 95.0 * 0.995, 95.0 * 0.995, 95.0 * 0.995], rel=1e-12)


def test_the_median_is_the_middle_one() -> None:
    """Index 100, basis -2, last 101: 100; with a last price of 97 it is 98."""
    rule = Smoothed(kept=jnp.asarray(0.5), band=jnp.asarray(jnp.inf), median=True)
    prices = [rule.price(jnp.asarray([-2.0]), jnp.asarray([100.0]), jnp.asarray([last])) for last in (101.0, 97.0)]
    assert [float(p[0]) for p in prices] == [100.0, 98.0]


@pytest.mark.parametrize("rule", [mark("band", 0.01), mark("ema", half_life=STEP), mark("median", half_life=STEP)])
def test_where_the_index_is_the_last_price_a_mark_price_changes_nothing(rule: MarkConfig) -> None:
    path = [100.0, 97.0, 95.0, 96.0, 93.0]
    assert ledger(rule, seen=1.0, path=path) == ledger(None, seen=1.0, path=path)


def test_a_mark_price_starts_from_what_the_oracle_publishes() -> None:
    """Of a lag of one tick: 100, 95, ...; the last price is not in a band of 1 % about it."""
    found = ledger(mark("band", 0.01), lag_seconds=STEP)
    assert checked(found)[:2] == pytest.approx([99.0, 95.0 * 0.99], rel=1e-12)


def test_a_stable_price_follows_at_a_limited_rate() -> None:
    """A tenth of a percent a tick, times the square of the ratio to the mean of the minute before, which moves freely.

    In the first tick the delayed price is 95 (its limit is none), 5 % below: 0.001 x 0.95^2 of 100.
    """
    limits = StableConfig(growth_per_second=0.001 / STEP, delayed_growth=1.0, interval_seconds=STEP, intervals=1)
    found = ledger(MarkConfig(kind="stable", band=None, half_life_seconds=None, stable=limits))
    prices = [100.0]
    for _ in range(4):
        prices.append(prices[-1] * (1 - 0.001 * (95.0 / prices[-1]) ** 2))
    assert checked(found) == pytest.approx(prices[1:], rel=1e-12)
    assert closed(found) == {}, "50 USD less 20 x 0.36 at the most"


# --- guards ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("stale", "tick"), [(None, 5), (60.0, 6), (120.0, 5)])
def test_accounts_wait_for_an_index_that_is_too_old(stale: float | None, tick: int) -> None:
    """Published in ticks 3 and 6. Keepers who need two ticks are ready in tick 5, where the index is two ticks old."""
    oracle = {"update_interval_seconds": 3 * STEP, "stale_after_seconds": stale}
    protocol = {"oracle": oracle, "liquidation": {"keeper_delay_seconds": 2 * STEP}}
    found = flat_path(rows=[LONG, SHORT], path=[100.0, 100.0, 90.0, 80.0, 80.0, 80.0, 80.0], protocol=protocol)
    assert closed(found) == {"long": tick}


@pytest.mark.parametrize(("limit", "tick"), [(None, 2), (0.5, 3), (0.4, 4)])
def test_accounts_wait_for_an_index_that_is_far_from_its_mean(limit: float | None, tick: int) -> None:
    """40 is 60 % below a mean of 100, then 43 % below 70, then 27 % below 55."""
    oracle = {"divergence_limit": limit, "divergence_half_life_seconds": None if limit is None else STEP}
    found = flat_path(rows=[LONG, SHORT], path=[100.0, 100.0, 40.0, 40.0, 40.0], protocol={"oracle": oracle})
    assert closed(found) == {"long": tick}


def interval(limit: float, multiple: float = 1.0, floor: float = 0.0) -> ConfidenceConfig:
    """Of a half-life of a tick."""
    return ConfidenceConfig(limit=limit, multiple=multiple, half_life_seconds=STEP, floor=floor)


@pytest.mark.parametrize(("confidence", "tick"), [
    (None, 2), (interval(0.285), 2), (interval(0.28), 3), (interval(0.19), 4), (interval(0.28, floor=0.09), 4),
    (interval(0.28, multiple=0.5), 2), (interval(0.28, multiple=1.5), 4)])
def test_accounts_wait_for_an_index_that_is_certain(confidence: ConfidenceConfig | None, tick: int) -> None:
    """A fall of 40 %: the mean of squared moves is 0.08, then half of it tick by tick, so volatility is 28.3 %, 20 % and
    14.1 %."""
    found = flat_path(rows=[LONG, SHORT], path=[100.0, 100.0, 60.0, 60.0, 60.0, 60.0],
                      protocol={"oracle": {"confidence": confidence}})
    assert closed(found) == {"long": tick}


@pytest.mark.parametrize("ticks", [1, 4])
def test_the_width_is_that_of_a_half_life_whatever_the_step(ticks: int) -> None:
    """Of an index that moves by 1 % each quarter of a minute the volatility of a minute is 2 % in the end."""
    width = build_confidence(interval(1.0, multiple=3.0, floor=0.01), STEP / ticks)
    move = 0.02 / math.sqrt(ticks)
    state = width.init(jnp.ones(1))
    for k in range(50 * ticks):
        state = width.observe(state, state.index * (1 + move * (-1) ** k))
    assert float(width.width(state)[0]) == pytest.approx(0.01 + 3 * 0.02, rel=1e-12)


def test_the_report_says_that_the_interval_is_assumed() -> None:
    terms = {"limit": 0.02, "multiple": 1.5, "half_life_seconds": 60.0, "floor": 0.001}
    run: Any = SimpleNamespace(setting=lambda _: {"confidence": terms})
    text = oracle_words(run).replace("\xa0", " ")
    assert "confidence interval (assumed: 0.1 % and 1.5 × realised volatility" in text and "wider than 2 %" in text, text
    assert "no liquidations in a market whose confidence" in text, text  # the first of the guards that there are
    assert "confidence" not in oracle_words(SimpleNamespace(setting=lambda _: {"confidence": None}))  # type: ignore[arg-type]


# --- shocks ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("oracle", "tick"), [({}, 2), ({"lag_seconds": STEP}, 3)])
def test_an_index_that_is_wrong_liquidates_at_a_right_price(oracle: dict[str, float], tick: int) -> None:
    """At an index of 90 the long has nothing; the book is at 100, and what it has is its margin."""
    found = flat_path(shock("index_manipulation", 2, 2, move=-0.1), rows=[LONG, SHORT], protocol={"oracle": oracle})
    assert closings(found) == [(tick, "long", 100.0, 0.0)]
    assert found["final"]["accounts"]["long"]["cash"] == pytest.approx(10.0, rel=1e-12)
    wrong = [tick <= k < tick + 2 for k in range(1, 7)]
    assert checked(found) == pytest.approx([90.0 if there else 100.0 for there in wrong], rel=1e-12)


def test_an_index_is_wrong_for_some_markets_and_errors_multiply() -> None:
    shocks = [shock("index_manipulation", 2, move=0.1, markets=["Y"]), shock("index_manipulation", 3, move=[0.2, 0.3])]
    cfg = studies.config(markets=("X", "Y"))
    cfg.shocks.update({f"shock{i}": one for i, one in enumerate(shocks)})
    found = replay(studies.path_study(cfg, studies.nobody(("X", "Y")), np.full((4, 2), 100.0)))
    assert [list(tick["oracle"].values()) for tick in found["ticks"]] == [
        pytest.approx(two, rel=1e-12) for two in ([100.0, 100.0], [100.0, 110.0], [120.0, 143.0])]
    cfg.shocks.clear()


def test_in_an_outage_nobody_is_liquidated_and_nobody_pays() -> None:
    """85 in the second tick leaves the long nothing; it is closed after the outage, at 80."""
    path = [100.0, 98.0, 85.0, 82.0, 80.0, 81.0]
    assert closings(flat_path(rows=[LONG, SHORT], path=path)) == [(2, "long", 85.0, 5.0)]
    assert closings(flat_path(shock("outage", 2, 2), rows=[LONG, SHORT], path=path)) == [(4, "long", 80.0, 10.0)]
    funding = {"interval_hours": STEP / 3600, "premium": 1e-3, "interest_rate": 0.0, "clamp": 0.0, "cap": 0.01}
    paid = flat_path(shock("outage", 2, 2), rows=[LONG, SHORT], ticks=5, protocol={"funding": funding})
    assert paid["final"]["accounts"]["long"]["cash"] == pytest.approx(10.0 - 3 * 0.1, rel=1e-12)


# --- errors ----------------------------------------------------------------------------------------------------------
MANGO = "{growth_per_second: 3e-4, delayed_growth: 0.06, interval_seconds: 1, intervals: 24}"


@pytest.mark.parametrize(("override", "words"), [
    ("protocol.oracle.mark={kind: band}", ("protocol.oracle.mark.band", "a value when kind=band")),
    ("protocol.oracle.mark={kind: ema, band: 0.1}", ("mark.half_life_seconds", "a value when kind=ema")),
    ("protocol.oracle.mark={kind: band, band: 0.1, half_life_seconds: 3}", ("mark.half_life_seconds", "null when")),
    ("protocol.oracle.mark={kind: mean}", ("protocol.oracle.mark.kind", "band, ema, median")),
    (f"protocol.oracle.mark={{kind: stable, stable: {MANGO}}}", ("stable.interval_seconds", "at least one tick")),
    ("protocol.oracle.divergence_limit=0.5", ("divergence_half_life_seconds", "together with")),
    ("protocol.oracle.confidence={limit: 0.01, multiple: 1, half_life_seconds: 60, floor: 0.01}",
     ("protocol.oracle.confidence.floor", "nobody is ever liquidated")),
    ("protocol.oracle.confidence={limit: 0.1, multiple: -1, half_life_seconds: 60, floor: 0}", ("confidence.multiple",)),
    ("limits.oracle_blocked_hours=1", ("limits.oracle_blocked_hours", "no guard")),
])
def test_what_is_wrong_is_named(override: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        load([override])
    assert [word for word in words if word not in str(caught.value)] == []
