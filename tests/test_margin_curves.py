"""Rates that grow with the size: the contract of a margin curve, against the plain formulas and random accounts."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.book.exposure import distance_to_liquidation
from stress.book.margin import shortfall
from stress.book.schema import Book
from stress.engine.check import check_at
from stress.engine.screen import reaches
from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.restore_target import RestoreTarget
from stress.protocol.margin.base import MarginCurve, namespace
from stress.protocol.margin.linear_size import LinearSize, skew_scaled
from stress.protocol.margin.open_interest import OpenInterestScaled
from stress.protocol.margin.root_size import RootSize
from stress.protocol.margin.tiers import margin_table
from tests.reference.building import bare_rules
from tests.reference.margin import position_requirement, restoring_share
from tests.reference.rates import SizeRate, Tiers

PRICES = np.array([100.0, 10.0])
BASE, ROOT, SLOPE = np.array([0.02, 0.01]), np.array([2e-3, 1e-3]), np.array([1e-4, 2e-5])
BOUNDS, RATES = np.array([2e4, 6e4, np.inf]), np.array([0.01, 0.02, 0.05])
TIERS: list[Tiers | SizeRate] = [list(zip(BOUNDS.tolist(), RATES.tolist(), strict=True))] * 2

CURVES: dict[str, tuple[MarginCurve, list[Tiers | SizeRate]]] = {
    "tiers": (margin_table([BOUNDS] * 2, [RATES] * 2), TIERS),
    "root of the size": (RootSize(BASE, ROOT), [SizeRate(b, f, True) for b, f in zip(BASE, ROOT, strict=True)]),
    "linear in the size": (LinearSize(BASE, SLOPE), [SizeRate(b, s, False) for b, s in zip(BASE, SLOPE, strict=True)]),
    "share of the skew scale": (skew_scaled(2.0 * BASE, SLOPE * 4e5, np.array([2e5, 2e5]), np.array([0.5, 0.5])),
                                [SizeRate(b, s, False) for b, s in zip(BASE, SLOPE, strict=True)]),
}
"""Curves of two markets, and what they are in plain numbers."""

every_curve = pytest.mark.parametrize("name", CURVES)


def random_sizes(rng: np.random.Generator, accounts: int) -> np.ndarray:
    """Signed units [A, N], from 100 USD to ten million, some zero."""
    notional = np.exp(rng.uniform(np.log(1e2), np.log(3e5), (2, accounts))) * rng.choice([0, 1, 1], (2, accounts))
    return notional * rng.choice([-1.0, 1.0], (2, accounts)) / PRICES[:, None]


def accounts_near_the_edge(curve: MarginCurve, rng: np.random.Generator, count: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Accounts, quote [N] and sizes [A, N] with up to half of their notional above the requirement."""
    size = random_sizes(rng, count)
    notional = np.abs(size) * PRICES[:, None]
    need = np.asarray(curve.requirement(np.abs(size), notional)).sum(0)
    slack = notional.sum(0) * np.exp(rng.uniform(np.log(1e-4), np.log(0.5), count)) + 1e-3
    quote = need + slack - (size * PRICES[:, None]).sum(0)
    return SimpleNamespace(residual=jnp.zeros(count, bool), coins=None), quote, size


@every_curve
def test_requirements_are_the_plain_formulas(name: str) -> None:
    curve, plain = CURVES[name]
    units = np.abs(random_sizes(np.random.default_rng(1), 300))
    notional = units * PRICES[:, None]
    expected = [[position_requirement(n, PRICES[a], plain[a]) for n in notional[a]] for a in range(2)]
    for found in (curve.requirement(units, notional), curve.requirement(jnp.asarray(units), jnp.asarray(notional))):
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12)


@every_curve
def test_marginal_and_steepest_are_slopes(name: str) -> None:
    """``marginal`` closes units at a price, ``steepest`` bounds what a price does to units that stay."""
    curve, h = CURVES[name][0], 1e-6
    units = np.abs(random_sizes(np.random.default_rng(2), 300)) + 1e-3
    notional = units * PRICES[:, None]
    up, down = (curve.requirement(units * k, notional * k) for k in (1 + h, 1 - h))
    slope = np.asarray(up - down) / (2 * h * notional)
    np.testing.assert_allclose(np.asarray(curve.marginal(units, notional)), slope, rtol=1e-6)
    for move in (-0.9, -0.1, 0.1, 3.0):
        here, there = curve.requirement(units, notional), curve.requirement(units, notional * (1 + move))
        growth = np.asarray(there - here) / (move * notional)
        assert (growth <= np.asarray(curve.steepest(units)) * (1 + 1e-12)).all()
        assert (growth > 0).all()


@every_curve
def test_requirements_are_convex_in_the_size(name: str) -> None:
    """``restore_target`` needs it."""
    curve, rng = CURVES[name][0], np.random.default_rng(3)
    ends = np.abs(random_sizes(rng, 300)), np.abs(random_sizes(rng, 300))
    weight = rng.uniform(0, 1, 300)
    middle = weight * ends[0] + (1 - weight) * ends[1]
    low, high, between = (np.asarray(curve.requirement(u, u * PRICES[:, None])) for u in (*ends, middle))
    assert (between <= (weight * low + (1 - weight) * high) * (1 + 1e-12)).all()


@every_curve
@pytest.mark.parametrize("fee", [0.0, 0.004])
def test_newton_finds_the_share_that_restores(name: str, fee: float) -> None:
    """From accounts that just fall short to ones that hardly own anything."""
    curve, plain = CURVES[name]
    rng = np.random.default_rng(4)
    size = random_sizes(rng, 400)
    units, notional = np.abs(size), np.abs(size) * PRICES[:, None]
    need = np.asarray(curve.requirement(units, notional))
    equity = need.sum(0) * np.exp(-rng.exponential(2.0, 400))
    case = RiskCase(jnp.asarray(equity), jnp.asarray(need.sum(0)), jnp.asarray(units), jnp.asarray(notional), curve)
    rule = RestoreTarget(multiple=jnp.asarray(1.3), whole_below=jnp.asarray(0.0), fee=jnp.asarray(fee))
    found = np.asarray(rule.share(case))[0]
    rules = bare_rules(markets=("X", "Y"), tiers=plain, target_multiple=1.3, fee=fee)
    held = notional.sum(0) > 0
    expected = [restoring_share(equity[n], notional[:, n].tolist(), rules, PRICES.tolist()) for n in range(400) if held[n]]
    np.testing.assert_allclose(found[held], expected, rtol=1e-9, atol=1e-12)
    assert (found[held] < 1).sum() > 150 and found[held].max() > 0.95


@every_curve
def test_the_screen_misses_no_liquidation(name: str) -> None:
    """Prices inside an account's reach never make it liquidatable; a little beyond, some are."""
    curve, rng = CURVES[name][0], np.random.default_rng(5)
    accounts, quote, size = accounts_near_the_edge(curve, rng, 500)
    venue: Any = SimpleNamespace(gain_weight=None, maintenance=curve, contract=None, size_units=lambda units, notional: units)

    @jax.jit
    def liquidatable(prices: Any) -> Any:
        return check_at(venue, accounts, jnp.asarray(quote), jnp.asarray(size), prices).liquidatable

    seen = check_at(venue, accounts, jnp.asarray(quote), jnp.asarray(size), jnp.asarray(PRICES))
    reach = np.asarray(reaches(venue, accounts, jnp.asarray(size), seen))
    beyond = 0
    for n in range(0, 500, 5):
        if not math.isfinite(reach[n]):
            continue
        worst = -np.sign(size[:, n])
        for _ in range(5):
            moves = np.where(worst == 0, rng.uniform(-0.9, 3.0, 2), worst * reach[n] * rng.uniform(-1.0, 1.0, 2))
            for move in (moves, np.where(worst == 0, moves, worst * reach[n] * (1 - 1e-9))):
                assert not liquidatable(jnp.asarray(PRICES * np.maximum(1 + move, 0.0)))[n]
        far = np.maximum(1 + worst * reach[n] * 1.05, 0.0)
        beyond += bool(liquidatable(jnp.asarray(PRICES * far))[n])
    assert beyond > 30, "no power: the reach is far from where accounts fall short"


@every_curve
def test_distances_are_where_accounts_fall_short(name: str) -> None:
    curve = CURVES[name][0]
    _, quote, size = accounts_near_the_edge(curve, np.random.default_rng(6), 200)
    held = (size != 0).any(0)
    size, quote = size.T[held], quote[held]
    count = len(size)
    book = Book(("X", "Y"), tuple(f"a{n}" for n in range(count)), np.arange(count), np.zeros(count, bool),
                np.zeros(count, bool), size, np.where(size != 0, PRICES, 0.0), quote + (size * PRICES).sum(1))
    distance, checked = distance_to_liquidation(book, PRICES, curve), 0
    for a in range(2):
        for factor, short in ((1 + 1e-7, True), (1 - 1e-7, False)):
            for n in np.flatnonzero(np.isfinite(distance[:, a])):
                moved = PRICES.copy()
                moved[a] *= 1 + distance[n, a] * factor
                assert (shortfall(book, moved, curve)[n] > 0) == short
                checked += 1
    assert checked > 200


def test_open_interest_moves_rates_towards_one() -> None:
    """dYdX: a rate of 0.2 half way between the caps is 0.6, of every tier."""
    table = margin_table([np.array([100.0, np.inf])], [np.array([0.2, 0.4])])
    scaled = OpenInterestScaled(table, np.array([0.5]))  # type: ignore[arg-type]
    notional = np.array([[50.0, 300.0]])
    np.testing.assert_allclose(scaled.requirement(notional, notional), [[30.0, 0.5 * (20.0 + 80.0) + 150.0]])
    np.testing.assert_allclose(scaled.marginal(notional, notional), [[0.6, 0.7]])
    np.testing.assert_allclose(scaled.steepest(notional), [[0.7]])
    assert scaled.newton_steps == table.newton_steps


def test_plain_numbers_are_computed_with_numpy() -> None:
    """In double precision whatever JAX is told; in a program that compiles the values are JAX's."""
    assert all(namespace(value) is np for value in (1.5, 2, np.float64(1.5), np.ones(2, np.float32)))
    assert namespace(jnp.ones(2)) is jnp
    seen = []
    jax.jit(lambda x: seen.append(namespace(x)) or x)(1.5)
    assert seen == [jnp]
