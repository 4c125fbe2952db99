"""Mango's steps to health and its waterfall: what must hold whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from stress.protocol.insurance.bankruptcy import shares
from stress.protocol.liquidation.health import Account, Terms, given_to_zero, start, taken_to_zero, weighted
from stress.protocol.liquidation.health_steps import after, reduction

N = 2_000


def accounts() -> tuple[Account, Terms]:
    """Longs and shorts, in debt and not, with weights of the token and fees."""
    rng = np.random.default_rng(5)
    account = Account(base=np.round(rng.normal(0.0, 40.0, N)), quote=rng.normal(0.0, 40.0, N),
                      token=rng.normal(0.0, 20.0, N), other=rng.normal(-10.0, 20.0, N))
    full = np.full(N, 1.0)
    return account, Terms(price=2.0 * full, asset_weight=0.8 * full, liability_weight=1.2 * full,
                          overall_weight=rng.choice([0.0, 0.5], N), base_fee=0.02 * full, settle_fee=0.05 * full,
                          asset_price=0.9 * full, debt_price=1.1 * full)


def test_the_account_has_the_health_that_the_steps_came_to() -> None:
    account, terms = accounts()
    done = reduction(account, terms, np.full(N, 30.0), np.full(N, 25.0))
    np.testing.assert_allclose(start(after(account, terms, done), terms).health, done.health, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(start(after(account, terms, done), terms).profit, done.profit, rtol=1e-9, atol=1e-9)


def test_health_rises_to_zero_and_no_further_if_anything_is_left_that_helps() -> None:
    account, terms = accounts()
    before = start(account, terms).health
    done = reduction(account, terms, np.full(N, np.inf), np.full(N, np.inf))
    short = before < -1.0
    assert (done.health >= before - 1e-9).all()
    np.testing.assert_allclose(done.health[short & (done.health > 0)], 0.0, atol=1e-9)
    np.testing.assert_array_equal(done.base[before >= 0], 0.0)
    np.testing.assert_array_equal(done.settled[before >= 0], 0.0)
    stuck = done.health < -1.0
    assert (short & ~stuck).sum() > 100 and stuck.sum() > 100
    np.testing.assert_allclose(done.base[stuck], np.abs(account.base)[stuck], atol=1e-9)
    assert (done.profit[stuck] <= 1e-9).all()


@pytest.mark.parametrize("limit", [0.0, 3.0])
def test_limits_hold(limit: float) -> None:
    account, terms = accounts()
    done = reduction(account, terms, np.full(N, limit), np.full(N, 2.0 * limit))
    assert (done.base <= np.minimum(limit, np.abs(account.base))).all() and (done.settled <= 2.0 * limit).all()


def test_tokens_to_zero() -> None:
    """Given or taken, health is zero afterwards, from either side of an empty balance."""
    account, terms = accounts()
    health = account.other + weighted(account.token, terms)
    for give, sign in ((given_to_zero, 1.0), (taken_to_zero, -1.0)):
        amount = give(health, account.token, terms.asset_price, terms.debt_price)
        moved = account.other + weighted(account.token + sign * amount, terms)
        acts = sign * health < 0
        assert 100 < acts.sum() < N - 100
        np.testing.assert_allclose(moved[acts], 0.0, atol=1e-9)
        np.testing.assert_array_equal(amount[~acts], 0.0)


def test_shares_of_a_bankruptcy() -> None:
    """In turn, none more than is due; nothing is socialised while the fund has tokens."""
    rng = np.random.default_rng(6)
    loss, to_settle, healthy, most, fund = (rng.exponential(scale, N) for scale in (20.0, 5.0, 15.0, 20.0, 8.0))
    found = shares(loss, to_settle, healthy, most, 2.2, 3.0, fund)
    total = found.settled + found.insured + found.socialised
    assert (total <= loss + 1e-9).all() and (found.settled + found.insured <= most + 1e-9).all()
    np.testing.assert_allclose(found.paid * 3.0, found.insured * 2.2, rtol=1e-12)
    assert (found.paid <= fund).all() and (found.socialised[found.paid < fund] == 0).all()
    assert (found.insured[found.settled < to_settle] == 0).all()
    shared = found.socialised > 0
    assert 50 < shared.sum() < N - 50
    due = np.minimum(healthy, loss - found.settled)
    np.testing.assert_allclose((found.insured + found.socialised)[shared], due[shared], rtol=1e-9)
