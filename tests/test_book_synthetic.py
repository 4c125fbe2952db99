"""The synthetic population and the exposure of a book."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from fixtures_book import MARKETS, PRICES, ROOT, SETTINGS, book_config, generate, shipped_settings, tables

from stress.book.balance import with_residual
from stress.book.exposure import book_table, distance_to_liquidation, liquidation_heatmap
from stress.book.load import load_book
from stress.book.margin import requirement
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.book.sizes import apportion, capped_shares
from stress.errors import UserError

INTEREST = np.array([400e6, 200e6, 80e6])
Z = 5.0
"""Limit of all z-tests here, a false alarm rate of 6e-7 each; seeds are fixed."""
MANY = 100_000
MOST = 1_000_000
PINNED = "fb324b557c69c3462fa67e6a644e495f801c1b89469d389e81ad59bb8727219d"
"""Digest of the book of 1,000 accounts, on any platform."""


@pytest.fixture(scope="module")
def large() -> Book:
    return generate(MOST)


def digest(book: Book) -> str:
    arrays = (book.owner, book.isolated, book.size, book.entry, book.cash)
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).astype("<f8").tobytes() for a in arrays)).hexdigest()


def leverage(book: Book) -> np.ndarray:
    return (np.abs(book.size) * PRICES).sum(1) / book.equity(PRICES)


@pytest.mark.parametrize("accounts", [100, 1000, MANY])
def test_both_sides_sum_to_the_open_interest(accounts):
    book = generate(accounts)
    assert book.accounts == accounts
    assert not book.residual.any()
    for sign in (1, -1):
        side = np.where(sign * book.size > 0, np.abs(book.size), 0).sum(0) * PRICES
        np.testing.assert_allclose(side, INTEREST, rtol=1e-9)  # a lot is between 1e-9 and 1e-10 of it
    assert np.abs(book.size.sum(0) / np.abs(book.size).sum(0)).max() < 1e-14


@pytest.mark.parametrize("accounts", [1, 2, 3, 5])
def test_few_accounts_are_balanced_by_the_residual(accounts):
    book = generate(accounts)
    assert (~book.residual).sum() == accounts
    np.testing.assert_allclose(book.size.sum(0), 0.0, atol=1e-9)
    open_interest = book.open_interest(PRICES)
    held = (book.size != 0).any(0)
    np.testing.assert_allclose(open_interest[held], INTEREST[held], rtol=1e-9)
    text = " ".join(book.notes)
    assert "size_max_share" in text
    for market in np.array(MARKETS)[~held]:
        assert f"{market}: no account chose it" in text


def test_one_market_and_many():
    book = generate(500, ["BTC"], PRICES[:1])
    assert (book.size != 0).sum() == 500
    assert len(book.owners) == 500, "nobody can hold a second account in the same market"
    names = [f"M{i}" for i in range(12)]
    book = generate(4000, names, np.geomspace(1e-6, 1e5, 12), open_interest_usd={"M0": 50e6, "default": 15e6})
    assert not book.residual.any()
    np.testing.assert_allclose(book.open_interest(np.geomspace(1e-6, 1e5, 12)), [50e6] + [15e6] * 11, rtol=1e-9)


def test_missing_open_interest_is_refused():
    with pytest.raises(UserError, match=r"book\.synthetic\.open_interest_usd: no value for SOL"):
        generate(10, open_interest_usd={"BTC": 1e6, "ETH": 1e6})


@pytest.mark.parametrize("settings", [{}, {"margin_headroom": 1.0}, {"leverage_median": 500.0}, {"leverage_sigma": 0.0},
                                      {"leverage_sigma": 0.0, "leverage_median": 200.0, "entry_spread": 0.0},
                                      {"entry_spread": 0.5},
                                      {"leverage_size_slope": 0.0, "leverage_median": 40.0, "size_max_share": 1.0}])
def test_equity_covers_the_headroom(settings):
    book = generate(3000, **settings)
    initial, maintenance = tables()
    equity, need = book.equity(PRICES), requirement(initial, book.size, PRICES).sum(1)
    headroom = settings.get("margin_headroom", 1.1)
    assert (equity >= headroom * need * (1 - 4 * np.finfo(float).eps)).all(), "to rounding: both sides are sums of cents"
    assert (equity > requirement(maintenance, book.size, PRICES).sum(1)).all()
    assert (book.cash >= need).all()
    assert np.array_equal(book.cash, np.round(book.cash, 2)), "whole cents"
    if settings.get("leverage_median", 6.0) > 100:
        at_cap = (equity <= 1.001 * headroom * need).mean()
        assert at_cap > 0.95 if settings.get("leverage_sigma") == 0.0 else at_cap < 0.05, "no heap at the cap"


def test_headroom_holds_when_maintenance_is_above_initial():
    initial, maintenance = tables()
    book = load_book(book_config(accounts=500), MARKETS, PRICES, MarginRules(maintenance, initial))
    assert (book.equity(PRICES) >= 1.1 * requirement(initial, book.size, PRICES).sum(1)).all()


def share_test(name: str, hits: np.ndarray, expected: float) -> None:
    n, found = len(hits), float(hits.mean())
    error = np.sqrt(expected * (1 - expected) / n)
    z = (found - expected) / error
    assert abs(z) < Z, f"{name}: expected {expected}, found {found:.5f}, standard error {error:.5f}, z {z:.2f}, n {n}"


def population_shares(book: Book) -> dict[str, np.ndarray]:
    """The accounts each share is of, and whether they count."""
    cross, real = ~book.isolated & ~book.residual, ~book.residual
    legs = (book.size != 0).sum(1)
    multi = cross & (legs > 1)
    longs, shorts = (book.size > 0).any(1), (book.size < 0).any(1)
    with_cross = np.isin(book.owner, book.owner[cross])
    return {"isolated_share": book.isolated[real], "isolated_beside_cross": with_cross[book.isolated],
            "multi_market_share": multi[cross], "hedged_share": (longs & shorts)[multi],
            "long_share": longs[real & (legs == 1)]}


def test_shares_are_those_asked_for(large):
    cfg = book_config().synthetic
    for name, hits in population_shares(large).items():
        share_test(name, hits, getattr(cfg, name))


def test_share_tests_have_power(large):
    """Shares 2 % off are noticed, which takes a million accounts."""
    cfg = book_config().synthetic
    for name, hits in population_shares(large).items():
        for factor in (0.98, 1.02):
            with pytest.raises(AssertionError):
                share_test(name, hits, getattr(cfg, name) * factor)


@pytest.mark.parametrize(("name", "expected"), [("isolated_share", 0), ("isolated_share", 1), ("multi_market_share", 0),
                                                ("multi_market_share", 1), ("hedged_share", 0), ("hedged_share", 1),
                                                ("long_share", 0), ("long_share", 1)])
def test_shares_at_their_ends(name, expected):
    book = generate(400, **{name: float(expected)})
    hits = population_shares(book)[name]
    assert len(hits) > 0
    assert (hits == bool(expected)).all()


def test_mean_number_of_legs():
    book = generate(MANY, [f"M{i}" for i in range(12)], np.full(12, 10.0), multi_market_share=1.0, isolated_share=0.0)
    legs = (book.size != 0).sum(1)
    assert legs.min() == 2
    error = legs.std() / np.sqrt(MANY)
    assert abs(legs.mean() - 2.5) < Z * error, f"expected 2.5, found {legs.mean():.4f}, standard error {error:.4f}"


def test_entry_prices_have_the_spread(large):
    held = large.size != 0
    logs = np.log((large.entry / PRICES)[held])
    n = len(logs)
    assert abs(logs.mean()) < Z * 0.05 / np.sqrt(n)
    assert abs(logs.std() / 0.05 - 1) < Z / np.sqrt(2 * n), "2 % off is 33 standard errors"
    assert (large.entry[~held] == 0).all()


def test_leverage_has_the_median_spread_and_slope():
    """Without a binding cap and gains log leverage is linear in log notional with normal residuals."""
    free = {"leverage_median": 0.5, "leverage_sigma": 0.1, "leverage_size_slope": 0.5, "entry_spread": 0.0,
            "margin_headroom": 1.0, "open_interest_usd": 1e8, "size_max_share": 1.0}
    book = generate(MANY, **free)
    gross = (np.abs(book.size) * PRICES).sum(1)
    x = np.log(gross / np.median(gross))
    slope, middle = np.polyfit(x, np.log(leverage(book)), 1)
    rest = np.log(leverage(book)) - middle - slope * x
    error = 0.1 / np.sqrt(MANY)
    assert abs(middle - np.log(0.5)) < 2 * Z * error, "2 % off is 63 standard errors; twice: the fit is not at the mean"
    assert abs(slope + 0.5) < Z * error / x.std(), "2 % off is 30 standard errors"
    assert abs(rest.std() / 0.1 - 1) < Z / np.sqrt(2 * MANY), "2 % off is 9 standard errors"


def test_sizes_are_pareto():
    """Hill's estimate on a side of a single market: log sizes over the smallest are exponential."""
    book = generate(MOST, ["BTC"], PRICES[:1], size_max_share=1.0)
    for sign in (1, -1):
        sizes = np.abs(book.size[sign * book.size > 0])
        hill = 1.0 / np.log(sizes / sizes.min()).mean()
        error = 1.1 / np.sqrt(len(sizes))
        assert abs(hill - 1.1) < Z * error, f"expected 1.1, found {hill:.5f}, standard error {error:.5f}; 2 % off is 12"


def test_shipped_population_is_levered_like_a_venue():
    shipped = shipped_settings()
    assert shipped.keys() == SETTINGS.keys()
    levels = np.quantile(leverage(generate(1000, **shipped)), [0.5, 0.95, 1.0])
    assert 5 < levels[0] < 8
    assert 12 < levels[1] < 22
    assert 20 < levels[2] < 46


def test_defaults_carry_a_reason_each():
    lines = (ROOT / "configs/book/synthetic.yaml").read_text().splitlines()
    assert all("#" in line for line in lines if line and line != "kind: synthetic" and line != "synthetic:")


def test_largest_position_is_capped(large):
    share = np.abs(large.size) * PRICES / INTEREST
    assert share.max() <= 0.05 + 1e-8
    assert (np.abs(generate(1000, size_max_share=0.02).size) * PRICES / INTEREST).max() == pytest.approx(0.02, rel=1e-6)


def test_owners_hold_a_market_once(large):
    account, market = np.nonzero(large.size)
    keys = large.owner[account] * 3 + market
    assert len(np.unique(keys)) == len(keys)
    accounts_of_owner = np.bincount(large.owner)
    assert accounts_of_owner.min() == 1
    assert accounts_of_owner.max() == 2
    assert len(large.owners) == len(accounts_of_owner) == len(set(large.owners))


def test_same_seed_same_book_other_seed_another():
    first, again, other = (generate(1000, seed=seed) for seed in (1, 1, 2))
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)
    assert digest(first) == PINNED, "the book changed: runs no longer pair with older ones"


def test_draws_are_addressed_by_attribute():
    """A setting changes what it names: other draws stay."""
    plain, wider = generate(1000), generate(1000, entry_spread=0.1)
    np.testing.assert_array_equal(plain.size, wider.size)
    held = plain.size != 0
    logs = [np.log(np.where(held, book.entry, PRICES) / PRICES) for book in (plain, wider)]
    np.testing.assert_allclose(logs[1], 2 * logs[0], atol=3e-6)
    assert np.array_equal(plain.isolated, generate(1000, hedged_share=0.9).isolated)


def test_capped_shares_against_bisection():
    rng = np.random.default_rng(3)
    for cap in (0.5, 0.2, 0.04, 0.021, 0.02):
        weight = rng.pareto(0.7, 50) + 1e-3
        share = capped_shares(weight, cap)
        low, high = 0.0, 1e9
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if np.minimum(weight * middle, cap).sum() < 1 else (low, middle)
        np.testing.assert_allclose(share.sum(), 1.0, rtol=1e-12)
        np.testing.assert_allclose(share, np.minimum(weight * high, cap), rtol=1e-6)
    np.testing.assert_array_equal(capped_shares(np.array([1.0, 9.0, 5.0]), 0.1), np.full(3, 1 / 3))


def test_apportion_is_exact():
    rng = np.random.default_rng(4)
    for count in (1, 2, 17, 1000):
        share = rng.dirichlet(np.full(count, 0.05))
        lots = apportion(share, 10**9 + 7)
        assert lots.sum() == 10**9 + 7
        assert lots.min() >= 1
        assert np.abs(lots - share * 1e9).max() <= count + 9


# --- exposure --------------------------------------------------------------------------------------------------------
def is_liquidatable(book: Book, prices: np.ndarray, n: int) -> bool:
    """The rule, account by account and slab by slab."""
    _, maintenance = tables()
    bounds = [(2e6, 20e6, np.inf), (1e6, 10e6, np.inf), (0.5e6, 5e6, np.inf)]
    need, equity = 0.0, book.cash[n]
    for a in range(3):
        notional, below = abs(book.size[n, a]) * prices[a], 0.0
        equity += book.size[n, a] * (prices[a] - book.entry[n, a])
        for k, bound in enumerate(bounds[a]):
            need += float(maintenance.rate[a, k]) * max(0.0, min(notional, bound) - below)
            below = bound
    return bool(book.size[n].any()) and not book.residual[n] and equity < need


@pytest.fixture(scope="module")
def small() -> Book:
    """59 accounts of all kinds with positions in every tier, and a residual account in place of the largest."""
    book = generate(60, seed=5, size_max_share=1.0, leverage_median=12.0, multi_market_share=0.8)
    kept = np.arange(60) != np.argmax(np.abs(book.size[:, 0]))
    fields = {name: getattr(book, name)[kept] for name in ("owner", "isolated", "residual", "size", "entry", "cash")}
    return with_residual(dataclasses.replace(book, **fields), "residual", PRICES)


def test_heatmap_against_brute_force(small):
    _, maintenance = tables()
    moves = np.array([-0.9, -0.3, -0.11, -0.05, -0.01, 0.0, 0.02, 0.07, 0.2, 0.9, 4.0])
    heat = liquidation_heatmap(small, PRICES, maintenance, moves)
    expected = np.zeros_like(heat)
    for m, move in enumerate(moves):
        for a in range(3):
            moved = PRICES.copy()
            moved[a] *= 1 + move
            for n in range(small.accounts):
                if is_liquidatable(small, moved, n):
                    expected[m, a, 0 if small.size[n, a] > 0 else 1] += abs(small.size[n, a]) * PRICES[a]
    assert small.residual.any()
    assert (expected > 0).sum() > 15
    np.testing.assert_allclose(heat, expected, rtol=1e-12)


def test_distance_against_the_rule(small):
    """A hair beyond the distance the account is liquidatable, a hair before it is not."""
    _, maintenance = tables()
    distance = distance_to_liquidation(small, PRICES, maintenance)
    checked = 0
    for n in range(small.accounts):
        for a in range(3):
            if np.isnan(distance[n, a]):
                assert not any(is_liquidatable(small, np.where(np.arange(3) == a, PRICES * (1 + end), PRICES), n)
                               for end in (-1 + 1e-9, 10.0))
                continue
            assert np.sign(distance[n, a]) == -np.sign(small.size[n, a])
            for factor, expected in ((1 + 1e-7, True), (1 - 1e-7, False)):
                moved = PRICES.copy()
                moved[a] *= 1 + distance[n, a] * factor
                assert is_liquidatable(small, moved, n) == expected
            checked += 1
    assert checked > 60


def test_distance_by_hand():
    """Long 1 BTC from 100,000 with 5,000: 5,000 + x - 1 % of (100,000 + x) = 0 at x = -4,000 / 0.99."""
    _, maintenance = tables()
    book = Book(("BTC", "ETH", "SOL"), ("a", "r"), np.array([0, 1]), np.array([True, False]), np.array([False, True]),
                np.array([[1.0, 0, 0], [-1.0, 0, 0]]), np.array([[1e5, 0, 0], [1e5, 0, 0]]), np.array([5000.0, 0.0]))
    distance = distance_to_liquidation(book, PRICES, maintenance)
    assert distance[0, 0] == pytest.approx(-0.04 / 0.99, rel=1e-12)
    assert np.isnan(distance[1]).all()
    table = book_table(book, PRICES, maintenance).to_pydict()
    assert table["margin_mode"] == ["isolated", "cross"]
    assert table["leverage"][0] == pytest.approx(20.0, rel=1e-12)
    assert np.isnan(table["leverage"][1])


def test_liquidatable_already_is_at_distance_zero():
    _, maintenance = tables()
    book = Book(("BTC", "ETH", "SOL"), ("a",), np.array([0]), np.array([False]), np.array([False]),
                np.array([[1.0, -1.0, 0]]), np.array([[1e5, 4e3, 0]]), np.array([10.0]))
    np.testing.assert_array_equal(distance_to_liquidation(book, PRICES, maintenance), [[0.0, 0.0, np.nan]])


def test_table_has_a_row_a_position(small):
    _, maintenance = tables()
    table = book_table(small, PRICES, maintenance)
    assert table.column_names == ["account", "margin_account", "market", "size", "entry_price", "notional_usd",
                                  "margin_mode", "collateral_usd", "equity_usd", "leverage", "distance", "residual"]
    columns = table.to_pydict()
    account, market = np.nonzero(small.size)
    assert columns["account"] == [small.owners[small.owner[n]] for n in account]
    assert columns["market"] == [MARKETS[a] for a in market]
    assert columns["margin_mode"] == ["isolated" if small.isolated[n] else "cross" for n in account]
    np.testing.assert_array_equal(columns["size"], small.size[account, market])
    np.testing.assert_array_equal(columns["collateral_usd"], small.cash[account])
    np.testing.assert_array_equal(columns["equity_usd"], small.equity(PRICES)[account])
    np.testing.assert_array_equal(columns["residual"], small.residual[account])
