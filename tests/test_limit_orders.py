"""Orders with limits: what is filled, against a search by halving; no fill of a replay is beyond its order's limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.liquidity.book import Liquidity
from stress.liquidity.impact import Impact
from stress.liquidity.limit_orders import filled
from stress.mc import replay as replays
from stress.protocol.liquidation.limits import OrderCase
from stress.session import replay
from tests.designs import DESIGNS
from tests.random_books import random_study
from tests.reference import orders as reference
from tests.reference.building import bare_rules
from tests.tiers import slow

ORDERS, CASES, PRICE, DEPTH = 12, 60, 100.0, 2e4
GAMMA = {"linear": 1.0, "square_root": 0.5, "power": 0.8}
SIDES = {"offers": (1.0,), "bids": (-1.0,), "both": (1.0, -1.0)}
fill = jax.jit(filled)


def book(law: str, active: bool, cap: float, half_spread: float) -> Liquidity:
    """One market."""
    impact = Impact(jnp.float64(active), jnp.float64(GAMMA[law]), jnp.float64(cap), law)
    return Liquidity(impact, jnp.full(1, DEPTH), jnp.float64(half_spread), jnp.float64(1.0), jnp.float64(0.0))


def halved(law: str, active: bool, cap: float, half_spread: float, start: float, orders: Any, limit: Any) -> Any:
    """The reference's search."""
    rules = bare_rules(gamma=GAMMA[law], impact=active, max_displacement=cap, half_spread_bps=half_spread * 1e4)
    venue, tick = SimpleNamespace(rules=rules, z=[start]), SimpleNamespace(fundamental=[PRICE], depth=[DEPTH])
    return reference._filled(cast(Any, venue), cast(Any, tick), 0, orders, limit)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("law", GAMMA)
def test_fills_are_those_of_a_search_by_halving(law: str, sides: str) -> None:
    """Orders from dust to all of the depth, some at the same limit; caps that bind, spreads, and no impact at all."""
    rng, cut, capped = np.random.default_rng([7, *law.encode(), *sides.encode()]), 0, 0
    for case in range(CASES):
        active, cap, spread = rng.random() < 0.9, rng.choice([0.02, 0.5]), rng.choice([0.0, 0.001])
        units = rng.choice(SIDES[sides], ORDERS) * rng.pareto(1.2, ORDERS) * rng.choice([1.0, 10.0, 60.0])
        units = np.where(rng.random(ORDERS) < 0.15, 0.0, units)
        limit = PRICE * (1.0 - np.sign(units) * rng.normal(0.01, 0.02, ORDERS))
        for side in (1.0, -1.0):
            limit = np.where((np.sign(units) == side) & (rng.random(ORDERS) < 0.3), PRICE * (1.0 - 0.01 * side), limit)
        start = rng.choice([0.0, rng.normal(0.0, 2.0)])
        given = (law, active, cap, spread)
        ours = fill(book(*given), units[None], limit[None], jnp.full(1, start), jnp.full(1, PRICE), jnp.full(1, DEPTH))
        theirs = halved(*given, start, units, limit)
        scale = np.abs(units).sum() + 1e-9
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-7, atol=1e-8 * scale, err_msg=f"{given}, {sides}, {case}")
        cut += bool((np.abs(theirs - units) > 1e-6 * scale).any())
        capped += bool(book(*given).impact.capped(start + theirs.sum() * PRICE / DEPTH))
    assert cut > CASES / 3 and cut < CASES and capped > 0


@pytest.mark.parametrize("law", GAMMA)
def test_nothing_is_filled_beyond_its_limit_and_everything_within(law: str) -> None:
    """At the first and the last price: who is filled accepts both, who is not filled whole does not accept better ones."""
    rng = np.random.default_rng([9, *law.encode()])
    for _ in range(CASES):
        units = rng.choice([1.0, -1.0], ORDERS) * rng.pareto(1.2, ORDERS) * 10.0
        limit = PRICE * (1.0 - np.sign(units) * rng.normal(0.01, 0.02, ORDERS))
        there = book(law, True, 0.5, 0.001)
        done = np.asarray(fill(there, units[None], limit[None], jnp.zeros(1), jnp.full(1, PRICE), jnp.full(1, DEPTH)))[0]
        mark = PRICE * (1.0 + float(there.impact.displacement(jnp.float64(done.sum() * PRICE / DEPTH))))
        better = (mark * (1.0 - np.sign(units) * 0.001) - limit) * np.sign(units) / PRICE  # than the limit, by this much
        at_once = (PRICE * (1.0 - np.sign(units) * 0.001) - limit) * np.sign(units) / PRICE
        assert (np.minimum(better, at_once)[done != 0] > -1e-9).all()
        assert (np.minimum(better, at_once)[np.abs(done) < np.abs(units) * (1 - 1e-9)] < 1e-9).all()
        assert (done * units >= 0).all() and (np.abs(done) <= np.abs(units) * (1 + 1e-12)).all()


WITH_LIMITS = [name for name, design in DESIGNS.items() if "limit_price" in design.get("liquidation", {})]


@pytest.mark.parametrize("design", slow(WITH_LIMITS, *WITH_LIMITS[1:]))
def test_no_fill_of_a_replay_is_beyond_its_limit(design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Round by round, before ADL takes of what is sold: that moves the price the other way."""
    act, worst, rounds = replays._act, 0.0, 0

    def watched(accounts: Any, venue: Any, rows: Any, tick: Any, seen: Any, share: Any) -> Any:
        nonlocal worst, rounds
        after, done = act(accounts, venue, rows, tick, seen, share)
        one = jax.tree.map(lambda leaf: leaf[0], (venue, rows, seen, done))
        limits, size, sold = one[0].limit, one[1].ledger.size, one[3].closing.book != 0
        case = OrderCase(one[2].price[:, None], size, one[2].margin, one[2].equity, one[2].requirement)
        worse = (limits.price(case) - one[3].full.fill) * jnp.sign(size) / one[3].full.fill
        worst, rounds = max(worst, float(jnp.where(sold, worse, -jnp.inf).max())), rounds + bool(sold.any())
        return after, done

    monkeypatch.setattr(replays, "_act", watched)
    for case in range(4):
        replay(random_study(DESIGNS[design], np.random.default_rng([case, *design.encode()]))[0])
    assert rounds > 4
    assert worst < 1e-9
