"""ADL policies on random positions: against the plain reference, what every match conserves, and what each is for."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.venue import ADL_POLICIES
from stress.protocol.adl.base import AdlCase, AdlMatch, Standing
from stress.protocol.adl.random import Random
from stress.protocol.draws import draws
from tests.reference import adl
from tests.reference.building import FUND_THEN_ADL, Row, bare_rules, make_book
from tests.reference.check import Check, risk_check
from tests.reference.draws import draw
from tests.reference.settlement import Matches, Orders, Settlement
from tests.reference.state import Venue

NOTHING = np.zeros((0, 0))
NO_ORDERS = Orders(quantity=NOTHING, stranded=NOTHING, bankruptcy=NOTHING, accounts=[])
"""Market orders."""
ACCOUNTS, BOOKS, SEED, TICK = 40, 12, 3, 7
MARKETS, START = ("X", "Y"), np.array([100.0, 10.0])
POLICIES: dict[str, Any] = {**{name: kind() for name, kind in ADL_POLICIES.items()}, "random": Random(jnp.int32(SEED))}
match = jax.jit(lambda policy, case: policy.match(case))


def moment(policy: str, seed: int) -> tuple[Venue, Check, Settlement]:
    """Accounts after a gap, some of them below zero, and the deficits of those who are."""
    rng = np.random.default_rng([seed, 5])
    rows: list[Row] = []
    for n in range(ACCOUNTS):
        held = [m for m in range(2) if rng.random() < 0.7] or [0]
        positions = {
            MARKETS[m]: (rng.choice([-1, 1]) * rng.pareto(1.5) * 100 / START[m], START[m] * np.exp(rng.normal(0, 0.05)))
            for m in held
        }
        notional = sum(abs(units) * START[MARKETS.index(m)] for m, (units, _) in positions.items())
        rows.append((f"a{n}", notional * rng.uniform(0.08, 0.6), positions))
    rules = bare_rules(markets=MARKETS, waterfall=FUND_THEN_ADL, adl_policy=policy, adl_seed=SEED)
    venue = Venue.open(make_book(rows, MARKETS, residual="a0"), rules)
    mark = START * np.exp(rng.choice([-1, 1], 2) * rng.uniform(0.1, 0.3, 2))
    check = risk_check(venue, mark * 1.001, mark)
    fill = mark * np.exp(rng.normal(0, 0.01, 2))
    equity = venue.equity(fill)
    deficits = {n: -float(equity[n]) for n in sorted(check.liquidatable) if equity[n] < 0}
    nothing = venue.cash, venue.size, venue.z, mark, fill, fill, [], Matches()
    return venue, check, Settlement(*nothing, deficits=deficits)


def case_of(venue: Venue, check: Check, tentative: Settlement, share: float, in_profit: bool) -> AdlCase:
    """The same as arrays."""
    size, entry = venue.size.T, venue.book.entry.T
    need, price, room = np.zeros((2, *size.shape)), np.zeros(size.shape), np.zeros((2, *size.shape))
    for a, n in np.argwhere(size != 0):
        if n in tentative.deficits:
            need[int(size[a, n] < 0), a, n] = share * abs(size[a, n])
            price[a, n] = adl.bankruptcy_price(venue, check, NO_ORDERS, tentative, n, a)
        elif n not in check.liquidatable and not (in_profit and (check.mark[a] - entry[a, n]) * size[a, n] <= 0):
            room[int(size[a, n] > 0), a, n] = abs(size[a, n])
    order = check.risk_order(list(tentative.deficits))
    order += [n for n in range(ACCOUNTS) if n not in order]
    quote = venue.cash - (venue.size * venue.book.entry).sum(1)
    arrays = size, entry, quote, venue.book.residual, check.mark, check.oracle, check.requirement.T, np.array(order), TICK
    return AdlCase(*map(jnp.asarray, (need, price, room)), Standing(*map(jnp.asarray, arrays)))


@functools.cache
def matched(policy: str, seed: int, share: float) -> tuple[AdlCase, AdlMatch, Matches]:
    """A moment, who is closed, and who is by the reference."""
    venue, check, tentative = moment(policy, seed)
    case = case_of(venue, check, tentative, share, POLICIES[policy].profitable_only)
    none, shares = np.zeros_like(venue.size), dict.fromkeys(tentative.deficits, np.array([share]))
    orders = Orders(quantity=none, stranded=none, bankruptcy=none, accounts=[])  # market orders
    return case, match(POLICIES[policy], case), adl.match(venue, check, orders, tentative, shares, TICK)


@pytest.mark.parametrize("policy", POLICIES)
def test_it_agrees_with_the_reference(policy: str) -> None:
    some = 0
    for seed in range(BOOKS):
        for share in (0.05, 1.0):
            case, ours, theirs = matched(policy, seed, share)
            units, paid = np.zeros((2, *case.price.shape)), np.zeros((2, *case.price.shape))
            for fill in theirs.winners:
                side = int(fill.quantity > 0)
                units[side, fill.market, fill.account] += abs(fill.quantity)
                paid[side, fill.market, fill.account] += abs(fill.quantity) * fill.price
            np.testing.assert_allclose(ours.taken, units, rtol=1e-9, atol=1e-9, err_msg=f"{policy}, {seed}, {share}")
            np.testing.assert_allclose(ours.paid, paid, rtol=1e-9, atol=1e-7, err_msg=f"{policy}, {seed}, {share}")
            some += len(theirs.winners)
    assert some > 10 * BOOKS, "lively"


@pytest.mark.parametrize("policy", POLICIES)
def test_what_losers_get_winners_pay(policy: str) -> None:
    for seed in range(BOOKS):
        case, ours, _ = matched(policy, seed, 1.0)
        closed = case.need * ours.matched[..., None]
        np.testing.assert_allclose(ours.taken.sum(-1), closed.sum(-1), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.paid.sum(-1), (closed * case.price).sum(-1), rtol=1e-11, atol=1e-9)
        assert (ours.taken >= 0).all() and (ours.taken <= case.room * (1 + 1e-12)).all()


def test_water_filling_leaves_the_lowest_highest_leverage() -> None:
    """Of all policies, market by market and side by side, measured by units for a USD of means."""
    for seed in range(BOOKS):
        left = {}
        for policy in ("water_filling", "pro_rata", "position_size", "bitmex"):
            case, ours, _ = matched(policy, seed, 0.05)
            left[policy] = np.asarray(((case.room - ours.taken) / case.standing.means()).max(-1))
        for policy, highest in left.items():
            assert (left["water_filling"] <= highest * (1 + 1e-12)).all(), policy


def test_profit_pro_rata_takes_one_rate_of_units_for_profit() -> None:
    case, ours, _ = matched("pro_rata_profit", 0, 0.05)
    partly = (np.asarray(ours.taken) > 0) & (np.asarray(ours.taken) < np.asarray(case.room))
    rate = np.asarray(ours.taken) / np.where(partly, case.room * case.standing.profit(), 1.0)
    for side, market in np.argwhere(partly.sum(-1) > 1):
        found = rate[side, market][partly[side, market]]
        np.testing.assert_allclose(found, found[0], rtol=1e-9)


def test_the_random_order_is_a_function_of_seed_and_tick() -> None:
    some = jnp.arange(50)
    one = np.asarray(draws(jnp.int32(SEED), jnp.int32(TICK), 2, some))
    assert [[draw(SEED, TICK, a, n) for n in range(50)] for a in range(2)] == one.tolist()
    ranks = np.array([np.asarray(draws(jnp.int32(SEED), jnp.int32(t), 1, some[:20]))[0].argsort().argsort() for t in range(4000)])
    limit = 5.5 * np.sqrt((20**2 - 1) / 12 / 4000)  # of a mean rank's normal law, one in a million for the 20 of them
    assert np.abs(ranks.mean(0) - 9.5).max() < limit
    assert (np.asarray(draws(jnp.int32(SEED + 1), jnp.int32(TICK), 2, some)) != one).all()


def test_no_two_policies_share_a_program() -> None:
    trees = [jax.tree.structure(policy) for policy in POLICIES.values()]
    assert all(a != b for n, a in enumerate(trees) for b in trees[:n])
    assert [policy.name for policy in POLICIES.values()] == list(POLICIES)
