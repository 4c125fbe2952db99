"""Margin requirements that follow the market: factors and liquidations computed by hand, and what must hold of them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.adaptive import build_adaptive
from stress.build.engine import kernel_obstacles
from stress.cli.compose import load
from stress.config.adaptive import AdaptiveMarginConfig, StageConfig
from stress.config.oracle import ConfidenceConfig, MarkConfig
from stress.errors import UserError
from stress.protocol.margin.scaled import Scaled
from stress.protocol.margin.tiers import margin_table
from tests import studies
from tests.reference.building import Row, make_book
from tests.test_shocks import closings, flat_path

MINUTES_A_YEAR = 365 * 24 * 60
CALM = 0.01 * math.sqrt(MINUTES_A_YEAR)
"""A volatility of 1 % a tick."""
SHORT: Row = ("short", 1e6, {"X": (-2.0, 100.0)})
CRASH = [100.0, 100.0, 96.0, 96.0]
SLIDE = [100.0, 98.0, 96.5, 96.5]


def rule(kind: str, **numbers: Any) -> AdaptiveMarginConfig:
    empty = dict.fromkeys(field.name for field in dataclasses.fields(AdaptiveMarginConfig))
    return AdaptiveMarginConfig(**(empty | {"kind": kind} | numbers))


def by_volatility(most: float = 2.5, **numbers: Any) -> AdaptiveMarginConfig:
    return rule("volatility", **({"half_life_minutes": 1.0, "reference_volatility": CALM, "max_multiplier": most} | numbers))


def staged(**numbers: Any) -> AdaptiveMarginConfig:
    stages = [StageConfig(move=0.03, multiplier=2.0), StageConfig(move=0.1, multiplier=3.0)]
    return rule("staged", window_minutes=2.0, stages=stages, **numbers)


def factors(adaptive: AdaptiveMarginConfig, *path: list[float]) -> list[list[float]]:
    """By tick and market; ``path`` holds an index a market."""
    built = build_adaptive(adaptive, [f"M{a}" for a in range(len(path))], 60.0)
    index = jnp.asarray(path).T
    state, found = built.init(index[0]), []
    for k in range(1, len(index)):
        state = built.observe(state, index[k], jnp.int32(k))
        found.append(state.factor.tolist())
    return found


def test_the_factor_is_volatility_over_the_reference() -> None:
    """Variances of a tick: half of 1e-4, then half of that and half of log(0.96)^2, then half of that."""
    r = math.log(0.96) ** 2
    squares = [0.5e-4, 0.25e-4 + 0.5 * r, 0.125e-4 + 0.25 * r]
    wanted = [max(1.0, math.sqrt(v) / 0.01) for v in squares]
    assert factors(by_volatility(most=9.0), CRASH) == [[pytest.approx(x, rel=1e-12)] for x in wanted]
    assert factors(by_volatility(), CRASH) == [[1.0], [2.5], [pytest.approx(wanted[2], rel=1e-12)]]
    assert wanted[1] > 2.5 > wanted[2] > 2.0


def test_each_market_has_its_own_volatility_and_reference() -> None:
    pair = by_volatility(most=9.0, reference_volatility={"M0": CALM, "M1": 2 * CALM})
    found = factors(pair, CRASH, CRASH)[1]
    assert found[0] == pytest.approx(factors(by_volatility(most=9.0), CRASH)[1][0], rel=1e-12)
    r = math.log(0.96) ** 2
    assert found[1] == pytest.approx(math.sqrt(1e-4 + 0.5 * r) / 0.02, rel=1e-12)


def test_stages_go_by_the_largest_move_of_any_market_in_the_window() -> None:
    """3.5 % from two ticks ago is stage one for both; a tick later the window has 98 and 96.5."""
    assert factors(staged(), SLIDE, [10.0, 10.0, 10.0, 10.0]) == [[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]
    assert factors(staged(), [100.0, 100.0, 89.0, 89.0, 89.0]) == [[1.0], [3.0], [3.0], [1.0]]
    assert factors(staged(update_minutes=3.0), [100.0, 100.0, 89.0, 89.0, 89.0]) == [[1.0], [1.0], [3.0], [3.0]]


LONGS: list[Row] = [("thin", 6.0, {"X": (1.0, 100.0)}), ("thick", 7.0, {"X": (1.0, 100.0)}), SHORT]


def liquidated(adaptive: AdaptiveMarginConfig | None, rows: list[Row], path: list[float]) -> list[tuple[int, str]]:
    return [(k, who) for k, who, *_ in closings(flat_path(rows=rows, path=path, protocol={"adaptive": adaptive}))]


def test_higher_requirements_in_a_crash_liquidate_more() -> None:
    """At 96 thin has 2 USD, thick 3. The requirement is 0.96 USD, times 2.5: 2.40."""
    assert liquidated(None, LONGS, CRASH) == []
    assert liquidated(by_volatility(), LONGS, CRASH) == [(2, "thin")]
    slide: list[Row] = [("thin", 5.0, {"X": (1.0, 100.0)}), ("thick", 6.0, {"X": (1.0, 100.0)}), SHORT]
    assert liquidated(None, slide, SLIDE) == []
    assert liquidated(staged(), slide, SLIDE) == [(2, "thin")], "at 96.5 1.5 USD are less than 2 x 0.965, 2.5 are not"


def test_a_larger_cap_liquidates_whoever_a_smaller_one_does() -> None:
    """Without price impact everybody is alone."""
    rows: list[Row] = [(f"a{n}", 5.0 + 0.1 * n, {"X": (1.0, 100.0)}) for n in range(20)]
    rows.append(("short", 1e6, {"X": (-20.0, 100.0)}))
    path = [100.0, 99.0, 96.0, 97.0, 98.0]
    found = [{who for _, who in liquidated(by_volatility(most), rows, path)} for most in (1.0, 1.5, 2.0, 2.5)]
    assert found[0] == {who for _, who in liquidated(None, rows, path)}
    assert all(less <= more for less, more in zip(found, found[1:], strict=False)) and len(found[0]) < len(found[-1])


def test_a_companion_that_wakes_has_the_requirements_of_its_main_run() -> None:
    """The first account sells 40 units and moves the price by 4 % for good. When the fundamental price falls by 12 % the
    index is at 84.48, 15.5 % below its last: stage one. Without those sales, as for a companion that sleeps, it is 12 %.

    Of a requirement of 10 % that bankrupts one account (13.65 - 15.52), so the companion wakes, and takes 15 % of the
    last one, which has 25.52 - 15.52 = 10 USD against 8.45.
    """
    rows: list[Row] = [("first", 396.0, {"X": (40.0, 100.0)}), ("bankrupt", 13.65, {"X": (1.0, 100.0)}),
                       ("last", 25.52, {"X": (1.0, 100.0)}), ("short", 1e6, {"X": (-42.0, 100.0)})]
    stages = [StageConfig(move=0.14, multiplier=1.5)]
    cfg = studies.config(
        protocol={"maintenance_margin": 0.1, "adaptive": rule("staged", window_minutes=1.0, stages=stages)},
        liquidity={"law": "linear", "depth_usd": 1000.0},
        run={"fund_curve": True, "paths": 128, "block_paths": 128, "horizon_hours": 3 / 60})
    path = np.array([100.0, 100.0, 88.0, 88.0])[:, None]
    (result,) = studies.simulated(studies.path_study(cfg, make_book(rows), path))
    assert (result.outcome.liquidated_accounts == 3).all() and (result.outcome.depletion_tick[0] == 2).all()
    assert result.factor is not None
    np.testing.assert_array_equal(result.factor[0], 1.5)


@pytest.mark.parametrize(("protocol", "word"), [
    ({"adaptive": by_volatility()}, "requirements change"),
    ({"oracle": {"mark": MarkConfig(kind="band", band=0.1, half_life_seconds=None, stable=None)}}, "price of its own"),
    ({"oracle": {"stale_after_seconds": 60.0}}, "can be trusted"),
    ({"oracle": {"confidence": ConfidenceConfig(limit=1.0, multiple=1.0, half_life_seconds=60.0, floor=0.0)}},
     "can be trusted"),
])
def test_ladders_and_kernels_refuse_with_a_reason(protocol: dict[str, Any], word: str) -> None:
    study = studies.path_study(studies.config(protocol=protocol), make_book(LONGS), np.full((3, 1), 100.0))
    (reason,) = study.engine["not_ladder"]
    assert word in reason and study.engine["name"] == "dense"
    assert kernel_obstacles(study.config, study.market) == [reason]


def test_a_factor_of_one_changes_no_bit() -> None:
    one = by_volatility(most=1.0)
    assert flat_path(rows=LONGS, path=[100.0, 95.0, 93.0], protocol={"adaptive": one}) == flat_path(
        rows=LONGS, path=[100.0, 95.0, 93.0], protocol={"adaptive": None})


def test_a_scaled_curve_is_so_many_times_its_curve() -> None:
    table = margin_table([np.array([1e3, np.inf])] * 2, [np.array([0.01, 0.03])] * 2)
    factor, units = np.array([1.0, 2.5]), np.array([[1.0, 30.0], [1.0, 30.0]])
    scaled = Scaled(table, factor)  # type: ignore[arg-type]
    for method in ("requirement", "marginal"):
        one, other = (getattr(curve, method)(units, 100.0 * units) for curve in (table, scaled))
        np.testing.assert_allclose(other, factor[:, None] * one, rtol=1e-14)
    np.testing.assert_allclose(scaled.steepest(units), factor[:, None] * np.asarray(table.steepest(units)), rtol=1e-14)


@pytest.mark.parametrize(("override", "words"), [
    ("protocol.adaptive={kind: volatility}", ("protocol.adaptive.half_life_minutes", "a value when kind=volatility")),
    ("protocol.adaptive={kind: staged, window_minutes: 5, stages: []}", ("stages", "at least one stage")),
    ("protocol.adaptive={kind: staged, window_minutes: 5, stages: [{move: 2, multiplier: 2}, {move: 1, multiplier: 3}]}",
     ("protocol.adaptive.stages", "larger move")),
    ("protocol.adaptive={kind: staged, window_minutes: 1e5, stages: [{move: 0.1, multiplier: 2}]}",
     ("window_minutes", "at most 720")),
    ("protocol.adaptive={kind: staged, window_minutes: 5, max_multiplier: 2, stages: [{move: 0.1, multiplier: 2}]}",
     ("max_multiplier", "null when kind=staged")),
    ("limits.margin_multiplier=2", ("limits.margin_multiplier", "protocol.adaptive=null")),
])
def test_what_is_wrong_is_named(override: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        load([override])
    assert [word for word in words if word not in str(caught.value)] == []


def test_requirements_of_the_whole_notional_are_refused() -> None:
    import stress

    many = "protocol.adaptive={kind: staged, window_minutes: 5, stages: [{move: 0.1, multiplier: 20}]}"
    with pytest.raises(UserError, match="largest factor 20"):
        stress.run([many, "run.paths=1", "book.accounts=10"])
