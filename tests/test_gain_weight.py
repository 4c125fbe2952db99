"""Unrealised gains that count as margin at a weight: prices by hand, what closing realises, and what must hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fixtures_book import MARKETS, PRICES, book_config, tables

from stress.book.exposure import distance_to_liquidation
from stress.book.load import load_book
from stress.book.margin import requirement, shortfall
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.build.engine import kernel_obstacles
from stress.cli.compose import load
from stress.config.liquidation import BackstopConfig
from stress.config.margin import MarginConfig
from stress.decisions.frontier.margins import flat
from stress.decisions.fund.cover import by_default
from stress.engine.check import check_at
from stress.engine.screen import screen
from stress.engine.state import Accounts
from stress.errors import UserError
from stress.protocol.coins import Coins
from stress.protocol.margin.tiers import margin_table
from stress.report.margin import gain_margin
from stress.session import replay
from tests import studies
from tests.quick import block
from tests.reference.building import Row, make_book
from tests.reference.rules import Rules
from tests.reference.venue import simulate

WINNER: Row = ("winner", 2.0, {"X": (1.0, 80.0)})
OTHER: Row = ("other", 1e6, {"X": (-1.0, 80.0)})


def at_weight(weight: float | dict[str, float] | None, **changes: Any) -> Any:
    """A venue of 10 % maintenance margin where unrealised gains count at a weight."""
    margin = None if weight is None else MarginConfig(kind="tiers", unrealised_gain_weight=weight)
    protocol = {"maintenance_margin": 0.1, "margin": margin} | changes.pop("protocol", {})
    return studies.config(protocol=protocol, **changes)


def closed(rows: list[Row], cfg: Any, *prices: tuple[float, ...]) -> tuple[list[tuple[int, str, Any]], dict[str, float]]:
    """(tick, market, units) of liquidations and cash at the end, by engine and reference alike."""
    path, markets = np.array(prices), tuple(cfg.price.markets)
    study = studies.path_study(cfg, make_book(rows, markets), path)
    expected = simulate(study.book, Rules.from_config(cfg, list(markets)), path, np.ones(len(path) - 1), 60.0)
    found = []
    for ledger in (replay(study), expected.ledger):
        done = [(k, row["market"], pytest.approx(row["size"], rel=1e-12))
                for k, tick in enumerate(ledger["ticks"], 1) for row in tick["liquidations"]]
        found.append((done, {owner: pytest.approx(row["cash"], rel=1e-12)
                             for owner, row in ledger["final"]["accounts"].items()}))
    assert found[0] == found[1]
    return found[0]


# --- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("weight", "price", "falls"), [
    (0.5, 95.1, False), (0.5, 94.9, True), (None, 86.7, False), (None, 86.6, True), (1.0, 86.7, False)])
def test_half_a_gain_is_lost_sooner_than_all_of_it(weight: float | None, price: float, falls: bool) -> None:
    """2 + 0.5 (P - 80) < 0.1 P below 95; 2 + P - 80 < 0.1 P below 86.67. What is closed is worth all of its gain."""
    done, cash = closed([WINNER, OTHER], at_weight(weight), (100.0,), (price,))
    assert done == ([(1, "X", 1.0)] if falls else [])
    assert cash["winner"] == (pytest.approx(2 + price - 80) if falls else 2.0)


@pytest.mark.parametrize(("price", "falls"), [(109.9, False), (110.1, True), (78.4, False), (78.3, True)])
def test_a_weight_below_the_rate_liquidates_a_long_that_rises(price: float, falls: bool) -> None:
    """9.5 + 0.05 (P - 80) < 0.1 P above 110: the requirement grows faster than what counts. And 9.5 + P - 80 < 0.1 P
    below 78.33: losses count whole."""
    rows: list[Row] = [("winner", 9.5, {"X": (1.0, 80.0)}), OTHER]
    done, _ = closed(rows, at_weight(0.05), (100.0,), (100.0,), (price,))
    assert done == ([(2, "X", 1.0)] if falls else [])


@pytest.mark.parametrize(("price", "falls"), [(98.0, False), (97.0, True)])
def test_gains_are_weighed_position_by_position(price: float, falls: bool) -> None:
    """X has gained 17 at 97 and Y lost 10: 15 + 8.5 - 10 < 0.1 x 137. Of the sum, 15 + 3.5, it would be enough."""
    rows: list[Row] = [("cross", 15.0, {"X": (1.0, 80.0), "Y": (1.0, 50.0)}), ("other", 1e6, {"X": (-1.0, 80.0), "Y": (-1.0, 50.0)})]
    cfg = at_weight({"X": 0.5, "Y": 0.5}, markets=("X", "Y"), price={"initial_prices": [100.0, 40.0]})
    done, _ = closed(rows, cfg, (100.0, 40.0), (price, 40.0))
    assert [market for _, market, _ in done] == (["X", "Y"] if falls else [])


FIRST = {"rule": "first_fraction", "close_factor": 0.03, "first_above_usd": 10.0, "cooldown_seconds": 1.0,
         "waits_for_cooldown": False}
COVER = {"rule": "cover_shortage", "cover_buffer": 0.02, "cover_at_once": 1.0, "cover_seconds": 0.0}
TARGET = {"rule": "restore_target", "target_multiple": 1.0}


@pytest.mark.parametrize(("rule", "units"), [
    (TARGET, 0.4 / 16.4), (TARGET | {"order": "largest_notional"}, 0.4 / 16.4), (COVER, 2.28 / 18.28), (FIRST, 0.03)],
    ids=["restore target", "in order", "cover shortage", "first fraction"])
def test_what_is_closed_counts_whole(rule: dict[str, Any], units: float) -> None:
    """At 94 2 + 7 count for 9.4. A share x leaves 9 + 7 x for 9.4 (1 - x), 16.4 x = 0.4; with a buffer of 2 % it is
    (9.4 + 7 + 1.88) x = 9.4 + 1.88 - 9; and 3 % leave 9.21 for 9.118, which 9 would not be enough for."""
    done, cash = closed([WINNER, OTHER], at_weight(0.5, protocol={"liquidation": rule}), (100.0,), (94.0,))
    assert done == [(1, "X", pytest.approx(units, rel=1e-12))]
    assert cash["winner"] == pytest.approx(2.0 + 14.0 * units, rel=1e-12)


def test_a_position_in_a_lower_tier_counts_its_realised_gain() -> None:
    """10 % up to 90 USD and 20 % beyond: 9.8 at 94 for 2.6 + 7 = 9.6. Down to 90 it is 9 for 9.6 + 7 x 4 / 94."""
    tier = type(next(iter(at_weight(None).protocol.margin_tiers.values()))[0])
    tiers = [tier(up_to_usd=up, initial_margin=0.5, maintenance_margin=rate) for up, rate in ((90.0, 0.1), (None, 0.2))]
    cfg = at_weight(0.5, protocol={"liquidation": {"rule": "step_down"}, "maintenance_margin": None,
                                   "initial_margin": None, "margin_tiers": {"default": tiers}})
    done, _ = closed([("winner", 2.6, {"X": (1.0, 80.0)}), OTHER], cfg, (92.0,), (94.0,))
    assert done == [(1, "X", pytest.approx(4 / 94, rel=1e-12))]


def test_a_backstop_leaves_what_the_account_is_worth() -> None:
    """At 94 9 count for 9.4, so it is taken over; it is worth 16, of which 1 % of 94 USD is charged."""
    vault = BackstopConfig(capital_usd=1e6, below_requirement=1.0, takes_bankrupt=False, charge=0.01,
                           sale_half_life_minutes=None)
    _, cash = closed([WINNER, OTHER], at_weight(0.5, protocol={"backstop": vault}), (100.0,), (94.0,))
    assert cash["winner"] == pytest.approx(16 - 0.94, rel=1e-12)


# --- what must hold --------------------------------------------------------------------------------------------------
def crowd(seed: int = 1) -> Book:
    """Cross accounts, long one market and short another at 5 to 40 times leverage, and a rich one that balances them."""
    rng, markets = np.random.default_rng(seed), ("X", "Y")
    size = (rng.pareto(1.5, (40, 1)) * 10 + 1) * rng.choice([-1.0, 1.0], (40, 1)) * np.array([1.0, -2.0])
    cash = (np.abs(size) * [100.0, 50.0]).sum(1) / rng.uniform(5.0, 40.0, 40)
    rows: list[Row] = [(f"a{n}", float(cash[n]), {"X": (float(size[n, 0]), 100.0), "Y": (float(size[n, 1]), 50.0)})
                       for n in range(40)]
    rest = -size.sum(0)
    return make_book([*rows, ("rich", 1e7, {"X": (float(rest[0]), 100.0), "Y": (float(rest[1]), 50.0)})], markets)


def outcome(weight: float | None) -> Any:
    run, markets = {"paths": 256, "block_paths": 256, "engine": "dense"}, ("X", "Y")
    price = {"volatility": 6.0, "correlation": 0.9, "initial_prices": [100.0, 50.0]}
    weights = None if weight is None else dict.fromkeys(markets, weight)
    cfg = at_weight(weights, markets=markets, price=price, protocol={"maintenance_margin": 0.02}, run=run)
    return jax.device_get(block(studies.study(cfg, crowd()).plan.job, np.uint32(0), 0)).outcome


def test_a_lower_weight_liquidates_no_fewer_and_a_weight_of_one_changes_nothing() -> None:
    """Path by path: without impact nobody's closing changes another's price, and less equity counts at every one."""
    none, *weighed = [outcome(weight) for weight in (None, 1.0, 0.7, 0.3, 0.0)]
    for name, theirs in vars(none).items():
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(getattr(weighed[0], name), theirs, rtol=1e-12, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(getattr(weighed[0], name), theirs, err_msg=name)
    accounts = np.array([result.liquidated_accounts[0] for result in weighed])
    assert (np.diff(accounts, axis=0) >= 0).all()
    assert (np.diff(accounts, axis=0) > 0).mean(1).min() > 0.2, "the weight matters"


EDGE_PRICES = np.array([100.0, 10.0])
CURVE = margin_table([np.array([1e4, np.inf])] * 2, [np.array([0.01, 0.05])] * 2)
WEIGHTS = np.array([0.02, 0.6])
"""The first is below some maintenance rates and above others."""


def near_the_edge(rng: np.random.Generator, count: int, coins: bool) -> tuple[np.ndarray, ...]:
    """Quote [N], size, entry and coins that count [A, N] of accounts with up to half of their notional to spare."""
    notional = np.exp(rng.uniform(np.log(1e2), np.log(3e5), (2, count))) * rng.choice([0, 1, 1], (2, count))
    size = notional * rng.choice([-1.0, 1.0], (2, count)) / EDGE_PRICES[:, None]
    entry = EDGE_PRICES[:, None] * np.exp(rng.normal(0.0, 0.2, (2, count))) * (size != 0)
    owned = notional.sum(0) * np.exp(rng.normal(-1.0, 1.5, (2, count))) * rng.choice([0, int(coins)], (2, count))
    counted = owned / EDGE_PRICES[:, None]
    need = np.asarray(CURVE.requirement(np.abs(size), notional)).sum(0)
    slack = notional.sum(0) * np.exp(rng.uniform(np.log(1e-4), np.log(0.5), count)) + 1e-3
    gain = size * (EDGE_PRICES[:, None] - entry)
    counts = np.minimum(gain, WEIGHTS[:, None] * gain).sum(0) + owned.sum(0)
    return need + slack - counts - (size * entry).sum(0), size, entry, counted


@pytest.mark.parametrize("coins", [False, True])
def test_the_screen_misses_no_liquidation(coins: bool) -> None:
    """Every account alone: prices inside its box never make it liquidatable; some are at the corners a little beyond."""
    rng = np.random.default_rng(9)
    given = tuple(jnp.asarray(values) for values in near_the_edge(rng, 400, coins))
    venue: Any = SimpleNamespace(maintenance=CURVE, contract=None, size_units=lambda units, _: units,
                                 gain_weight=jnp.asarray(WEIGHTS))

    def account(entry: Any, counted: Any) -> Accounts:
        owned = Coins(counted[:, None] / 0.9, counted[:, None]) if coins else None
        return Accounts(entry[:, None], jnp.zeros(1, bool), jnp.zeros(()), coins=owned)

    def seen(quote: Any, size: Any, entry: Any, counted: Any, price: Any) -> Any:
        return check_at(venue, account(entry, counted), quote[None], size[:, None], price)

    def box_of(quote: Any, size: Any, entry: Any, counted: Any) -> Any:
        now = seen(quote, size, entry, counted, jnp.asarray(EDGE_PRICES))
        return screen(venue, account(entry, counted), size[:, None], now, jnp.zeros((1, 1)))

    box = jax.vmap(box_of, in_axes=(0, 1, 1, 1))(*given)
    short = jax.jit(jax.vmap(lambda *at: seen(*at).liquidatable[0], in_axes=(0, 1, 1, 1, 0)))
    beyond = above = 0
    long, capped = np.asarray(given[1]) > 0, np.minimum(np.asarray(box.high), 4 * EDGE_PRICES)
    for _ in range(40):
        up = capped if rng.random() < 0.5 else EDGE_PRICES
        inside = np.where(rng.random((400, 2)) < 0.5, np.asarray(box.low) * (1 + 1e-9), up * (1 - 1e-9))
        inside = np.where(rng.random((400, 2)) < 0.3, EDGE_PRICES, np.maximum(inside, 1e-6))
        assert not np.asarray(short(*given, inside)).any()
        beyond += int(short(*given, np.where(inside < EDGE_PRICES, inside * 0.9, inside * 1.1)).sum())
        above += int(short(*given, np.where(long.T, 5.0, 1.0) * EDGE_PRICES).sum())
    assert beyond > 400 and above > 400, f"no power: {beyond}, {above}"


def test_distances_are_where_accounts_fall_short() -> None:
    quote, size, entry, _ = (values.T for values in near_the_edge(np.random.default_rng(6), 200, False))
    book = Book(("X", "Y"), tuple(f"a{n}" for n in range(200)), np.arange(200), np.zeros(200, bool), np.zeros(200, bool),
                size, entry, quote + (size * entry).sum(1), gain_weight=WEIGHTS)
    distance, checked = distance_to_liquidation(book, EDGE_PRICES, CURVE), 0
    plain = distance_to_liquidation(dataclasses.replace(book, gain_weight=None), EDGE_PRICES, CURVE)
    both = np.isfinite(distance) & np.isfinite(plain)
    assert (np.abs(distance[both]) <= np.abs(plain[both]) * (1 + 1e-9)).all() and (distance != plain)[both].sum() > 40
    for a in range(2):
        for factor, falls in ((1 + 1e-7, True), (1 - 1e-7, False)):
            for n in np.flatnonzero(np.isfinite(distance[:, a])):
                moved = EDGE_PRICES.copy()
                moved[a] *= 1 + distance[n, a] * factor
                assert (shortfall(book, moved, CURVE)[n] > 0) == falls, (n, a)
                checked += 1
    assert checked > 200


# --- books and configurations ----------------------------------------------------------------------------------------
def test_a_synthetic_book_has_its_headroom_in_what_counts() -> None:
    """At a weight of zero and entries far away; accounts that have enough without their gains are as they were."""
    cfg = book_config({"entry_spread": 0.2}, accounts=400)
    books = [load_book(cfg, MARKETS, PRICES, MarginRules(*tables(), gain_weight=weight)) for weight in (None, np.zeros(3))]
    plain, weighed = (dataclasses.replace(book, gain_weight=np.zeros(3)) for book in books)
    need = requirement(tables()[0], weighed.size, PRICES).sum(1)
    lacks = [(book.margin_equity(PRICES) < 1.1 * need * (1 - 1e-9)) & ~book.residual for book in (plain, weighed)]
    assert not lacks[1].any() and lacks[0].sum() > 10
    np.testing.assert_array_equal(weighed.cash[~lacks[0]], plain.cash[~lacks[0]])


def test_a_book_from_files_is_checked_by_what_counts(tmp_path: Path) -> None:
    """One BTC since 80,000, at 100,000: 6,000 and 20,000 of gains for 1 % of the first tier; at no weight 900 are short."""
    positions = tmp_path / "p.csv"
    positions.write_text("account,market,size,entry_price,margin_mode,isolated_margin\nann,BTC,1,80000,isolated,900\n")
    cfg = book_config(kind="file", positions=str(positions))
    book = load_book(cfg, MARKETS, PRICES, MarginRules(*tables(), gain_weight=np.full(3, 0.5)))
    assert book.margin_equity(PRICES)[0] == 900 + 0.5 * 20_000
    with pytest.raises(UserError, match="account 'ann' is under water at the start"):
        load_book(cfg, MARKETS, PRICES, MarginRules(*tables(), gain_weight=np.zeros(3)))


def test_neither_ladder_nor_kernel_follows() -> None:
    study = studies.path_study(at_weight(0.5), make_book([WINNER, OTHER]), np.array([[100.0], [99.0]]))
    for reasons in (study.engine["not_ladder"], kernel_obstacles(study.config, study.market, study.book)):
        assert [reason for reason in reasons if "protocol.margin.unrealised_gain_weight" in reason]
    assert study.engine["name"] == "dense"


@pytest.mark.parametrize(("margin", "word"), [
    ("{kind: tiers, unrealised_gain_weight: 1.5}", "unrealised_gain_weight"),
    ("{kind: tiers, unrealised_gain_weight: {BTC: -1, default: 1}}", "unrealised_gain_weight"),
    ("{kind: tiers, unrealised_gain_weight: {DOGE: 1}}", "protocol.margin.unrealised_gain_weight: no value for BTC")])
def test_what_is_no_weight_is_refused(margin: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        load([f"protocol.margin={margin}"])


def test_flat_rates_of_a_frontier_keep_the_weight() -> None:
    protocol = at_weight(0.5).protocol
    assert "protocol.margin" not in flat(protocol, 0.1, 0.05).changes
    root = MarginConfig(kind="root_size", initial_margin=0.1, maintenance_margin=0.05, size_factor=1e-4,
                        unrealised_gain_weight=0.5)
    changes = flat(dataclasses.replace(protocol, margin=root), 0.1, 0.05).changes
    assert changes["protocol.margin"] == {"kind": "tiers", "unrealised_gain_weight": 0.5}


def test_cover_is_not_told_where_gains_have_a_weight() -> None:
    book = dataclasses.replace(make_book([WINNER, OTHER]), gain_weight=np.array([0.5]))
    desk: Any = SimpleNamespace(config=at_weight(0.5), base=SimpleNamespace(book=book))
    settings: Any = SimpleNamespace(accounts=[1], moves=[-0.1], hours=1.0, depth_share=1.0)
    assert "gains that count whole" in by_default(desk, {}, [0.01], settings)["reason"]


def test_the_report_says_what_gains_count_for() -> None:
    def words(margin: dict[str, Any] | None) -> str:
        run: Any = SimpleNamespace(setting=lambda key: margin, markets=["BTC"])
        return gain_margin(run, lambda _, value, write: write(value)).replace("\xa0", " ")

    assert words(None) == words({"kind": "tiers"}) == ""
    assert words({"kind": "tiers", "unrealised_gain_weight": 0.5}) == "unrealised gains count for 50 % as margin, losses whole"
