"""In which order a cross account's positions are closed: by hand, against the reference, and what must hold."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles
from stress.build.liquidation import build_order, build_rule
from stress.build.margin import build_margin
from stress.build.price import Market
from stress.build.study import Study, assemble
from stress.config.check_order import check_order
from stress.config.liquidation import AuctionConfig, WindowConfig
from stress.config.schema import Config
from stress.engine.check import limit_to_capacity
from stress.engine.tick import Check
from stress.price.given import GivenPath
from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.in_order import share_in_order
from stress.protocol.liquidation.order.base import Entered, OrderCase, places
from stress.session import replay
from tests.reference import closing_order
from tests.reference.building import Row, make_book
from tests.reference.margin import position_requirement
from tests.reference.rules import Rules
from tests.reference.sizing import Account, wanted_shares
from tests.studies import config

STEP = 60.0
ORDERS = ("random", "largest_notional", "largest_maintenance", "largest_loss")
FEE = 0.004
FALSE_ALARM = 1e-6

# --- by hand ---------------------------------------------------------------------------------------------------------
A: Row = ("A", 120.0, {"X": (10.0, 100.0), "Y": (-50.0, 16.0)})
S: Row = ("S", 1e4, {"X": (-10.0, 100.0), "Y": (50.0, 16.0)})


Tiers = list[tuple[float | None, float]]


def study(liquidation: dict[str, Any], *prices: tuple[float, float], margin: dict[str, Tiers] | None = None) -> Study:
    """A is long 10 X since 100 and short 50 Y since 16, on given prices a minute apart; no impact, fee or spread."""
    markets = ("X", "Y")
    cfg = config(markets=markets, price={"initial_prices": [100.0, 16.0]},
                 protocol={"maintenance_margin": 0.05, "liquidation": {"order_seed": 0, **liquidation}})
    if margin is not None:
        tier = type(next(iter(cfg.protocol.margin_tiers.values()))[0])
        tiers = {m: [tier(up_to_usd=up, initial_margin=0.5, maintenance_margin=rate) for up, rate in rows]
                 for m, rows in margin.items()}
        cfg = dataclasses.replace(cfg, protocol=dataclasses.replace(
            cfg.protocol, maintenance_margin=None, initial_margin=None, margin_tiers=tiers))
    path = np.array([(100.0, 16.0), *prices])
    market = Market(GivenPath(jnp.asarray(path)), path[0], len(prices), STEP, ())
    margins = [build_margin(cfg.protocol, list(markets), rate) for rate in ("maintenance_margin", "initial_margin")]
    return assemble(cfg, market, make_book([A, S], markets), *margins)


def closed(ledger: dict[str, Any]) -> list[tuple[int, str, Any]]:
    """Tick, market and units of every liquidation."""
    return [(k, row["market"], pytest.approx(row["size"], rel=1e-12))
            for k, tick in enumerate(ledger["ticks"], 1) for row in tick["liquidations"]]


def test_full_closes_one_position_and_stops_where_that_is_enough() -> None:
    """At (99, 17) X has lost 10 and Y 50: equity 60, notional 990 and 850, requirement 0.05 x 1840 = 92.

    Without X it is 42.5, without Y 49.5: either is enough. Together closes both.
    """
    after = (99.0, 17.0)
    assert closed(replay(study({"order": "largest_notional"}, after))) == [(1, "X", 10.0)]
    assert closed(replay(study({"order": "largest_loss"}, after))) == [(1, "Y", -50.0)]
    both = [(1, "X", 10.0), (1, "Y", -50.0)]
    assert closed(replay(study({"order": "together"}, after))) == both
    assert closed(replay(study({"order": None}, after))) == both


def test_the_next_position_follows_where_one_is_not_enough() -> None:
    """At (97.5, 17) equity is 120 - 25 - 50 = 45. Without X, 975 USD, 42.5 are needed: enough. Without Y 48.75: not."""
    after = (97.5, 17.0)
    assert closed(replay(study({"order": "largest_notional"}, after))) == [(1, "X", 10.0)]
    assert closed(replay(study({"order": "largest_loss"}, after))) == [(1, "X", 10.0), (1, "Y", -50.0)]


def test_the_fee_counts() -> None:
    """As above; a fee of 0.3 % of X is 2.925, which leaves 42.075 < 42.5: Y goes, too."""
    after = study({"order": "largest_notional", "fee": 0.003}, (97.5, 17.0))
    assert closed(replay(after)) == [(1, "X", 10.0), (1, "Y", -50.0)]


def test_the_largest_requirement_is_not_the_largest_position() -> None:
    """5 % of 990 is 49.5, 8 % of 850 is 68: equity of 60 is enough for X."""
    rates: dict[str, Tiers] = {"X": [(None, 0.05)], "Y": [(None, 0.08)]}
    assert closed(replay(study({"order": "largest_maintenance"}, (99.0, 17.0), margin=rates))) == [(1, "Y", -50.0)]


def test_an_account_that_is_healthy_again_is_left_alone_and_goes_on_when_it_is_not() -> None:
    """After tick 1 A has X and 60 USD; at 94 that is 10, 47 are needed."""
    ledger = replay(study({"order": "largest_loss"}, (99.0, 17.0), (99.0, 17.0), (94.0, 17.0)))
    assert closed(ledger) == [(1, "Y", -50.0), (3, "X", 10.0)]
    assert ledger["final"]["accounts"]["A"]["cash"] == pytest.approx(120 - 60 - 50, rel=1e-12)


def test_a_target_is_restored_from_the_first_position_on() -> None:
    """At (99, 17) 92 are needed and 60 there: of 1840 USD 640 go. With a target of 2, 1240: all of Y and 390 of X."""
    once = {"order": "largest_loss", "rule": "restore_target", "target_multiple": 1.0}
    assert closed(replay(study(once, (99.0, 17.0)))) == [(1, "Y", -640 / 17)]
    twice = once | {"target_multiple": 2.0}
    assert closed(replay(study(twice, (99.0, 17.0)))) == [(1, "X", 390 / 99), (1, "Y", -50.0)]


def test_a_bankrupt_account_is_closed_whole() -> None:
    """At (90, 17) nothing is left."""
    ledger = replay(study({"order": "largest_loss", "rule": "close_factor", "close_factor": 0.1}, (87.0, 17.0)))
    assert closed(ledger) == [(1, "X", 10.0), (1, "Y", -50.0)]


def test_keepers_with_a_capacity_take_the_first_position_first() -> None:
    """Both have to go at (97.5, 17), Y of 850 USD first: of 1,000 USD 150 are left for X."""
    rules = {"order": "largest_loss", "keeper_capacity_usd_per_minute": 1000.0}
    assert closed(replay(study(rules, (97.5, 17.0)))) == [(1, "X", 150 / 97.5), (1, "Y", -50.0)]


FIRST = {"rule": "first_fraction", "close_factor": 0.8, "first_above_usd": 800.0, "cooldown_seconds": 150.0,
         "waits_for_cooldown": False}


def test_a_fraction_of_the_first_large_position_and_then_all_that_is_needed() -> None:
    """At (99, 17) Y goes first; with a fifth of it 49.5 + 8.5 = 58 are needed and 60 there, with half of it 70.75.

    At (97.5, 17) 45 are there: Y whole leaves 48.75 to need, and the order for X, in the cooldown, is for all of it.
    A position that is not large goes whole.
    """
    rules = FIRST | {"order": "largest_loss"}
    assert closed(replay(study(rules, (99.0, 17.0)))) == [(1, "Y", -40.0)]
    assert closed(replay(study(rules | {"close_factor": 0.5}, (99.0, 17.0)))) == [(1, "Y", -50.0)]
    assert closed(replay(study(rules, (97.5, 17.0)))) == [(1, "X", 10.0), (1, "Y", -50.0)]
    assert closed(replay(study(rules | {"first_above_usd": 900.0}, (99.0, 17.0)))) == [(1, "Y", -50.0)]
    assert closed(replay(study(rules | {"order": "together"}, (99.0, 17.0)))) == [(1, "X", 8.0), (1, "Y", -40.0)]


def test_who_waits_for_the_cooldown_closes_no_position_behind_the_fraction() -> None:
    """At (97.5, 17) 45 are there of 91.25: 80 % of Y, and for 2.5 ticks nothing, though 57.25 are needed.

    Then X has the larger loss, 25 to the 10 of what is left of Y, and goes whole: 8.5 are needed.
    """
    rules = FIRST | {"order": "largest_loss", "waits_for_cooldown": True}
    ledger = replay(study(rules, *[(97.5, 17.0)] * 5))
    assert closed(ledger) == [(1, "Y", -40.0), (4, "X", 10.0)]


def test_a_position_that_is_closed_whole_starts_no_cooldown() -> None:
    """Y is below 900 USD and goes whole at (99, 17). At 95.3 X is 953 and needs 47.65 of 23: a fraction needs 9.53."""
    rules = FIRST | {"order": "largest_loss", "first_above_usd": 900.0}
    assert closed(replay(study(rules, (99.0, 17.0), (95.3, 17.0)))) == [(1, "Y", -50.0), (2, "X", 8.0)]


def test_the_first_position_goes_down_its_tiers_before_the_next_one() -> None:
    """2 % of the first 400 USD and 8 % of the rest: at (99, 17) X needs 8 + 47.2 and Y 8 + 36, of 60.

    X at 400 is enough: 8 + 44. Y at 400 is not: 8 + 55.2, but without it 55.2. At (97.5, 17), 45 of 54 + 44, X has to
    go: 8 + 44 are too much. Together both go to 400.
    """
    rates: dict[str, Tiers] = {key: [(400.0, 0.02), (None, 0.08)] for key in "XY"}

    def at(order: str, x: float) -> list[tuple[int, str, Any]]:
        return closed(replay(study({"rule": "step_down", "order": order}, (x, 17.0), margin=rates)))

    assert at("largest_notional", 99.0) == [(1, "X", 590 / 99)]
    assert at("largest_loss", 99.0) == [(1, "Y", -50.0)]
    assert at("largest_notional", 97.5) == [(1, "X", 10.0)]
    assert at("together", 99.0) == [(1, "X", 590 / 99), (1, "Y", -450 / 17)]


def test_a_shortage_is_covered_from_the_first_position_on() -> None:
    """At (99, 17) with a buffer of 5 % 92 + 92 - 60 = 124 are missing, and each USD that is closed frees 0.1.

    All at once: Y covers 85, X the 39 that are left. Half at once: 620 USD of Y; a tick later 61 of 60 are needed, a
    tenth of the 124 is due, 124 USD of Y, and then the account is healthy.
    """
    rules = {"rule": "cover_shortage", "order": "largest_loss", "cover_buffer": 0.05, "cover_at_once": 1.0,
             "cover_seconds": 0.0, "close_whole_below_usd": 0.0}
    assert closed(replay(study(rules, (99.0, 17.0)))) == [(1, "X", 390 / 99), (1, "Y", -50.0)]
    paced = rules | {"cover_at_once": 0.5, "cover_seconds": 600.0}
    assert closed(replay(study(paced, *[(99.0, 17.0)] * 4))) == [(1, "Y", -620 / 17), (2, "Y", -124 / 17)]


def test_liquidators_discount_counts_as_the_fee_does() -> None:
    """At (99, 17) X needs 49.5 of 60: Y at 1 % off costs 8.5, at 2 % 17."""
    def at(rate: float) -> list[tuple[int, str, Any]]:
        auction = AuctionConfig(start_discount=rate, end_discount=rate, minutes=1.0, grace_minutes=0.0)
        rules = {"order": "largest_loss", "execution": "auction", "auction": auction}
        return [(k, market) for k, market, _ in closed(replay(study(rules, (99.0, 17.0))))]

    assert at(0.01) == [(1, "Y")]
    assert at(0.02) == [(1, "X"), (1, "Y")]


def test_a_market_whose_window_is_full_is_passed_over() -> None:
    """Of X 500 USD may go in two ticks, and at (99, 17) do. 67 of 60 are needed then, X has to wait, Y goes."""
    rules = {"order": "largest_notional", "window": WindowConfig(seconds=120.0, usd={"X": 500.0, "Y": 1e6})}
    assert closed(replay(study(rules, *[(99.0, 17.0)] * 4))) == [(1, "X", 500 / 99), (2, "Y", -50.0)]


# --- against the reference, with four markets ------------------------------------------------------------------------
MARKETS, PRICES = ("W", "X", "Y", "Z"), np.array([1000.0, 100.0, 10.0, 1.0])
TIERS = [(2e3, 0.005), (1e4, 0.01), (5e4, 0.03), (None, 0.1)]
ACCOUNTS, TICK = 200, 7
RULES: dict[str, dict[str, Any]] = {
    "full": {"rule": "full"},
    "close factor": {"rule": "close_factor", "close_factor": 0.4, "close_whole_below_usd": 5e3},
    "half": {"rule": "half", "close_factor": 0.5, "half_from_margin": 0.5},
    "restore target": {"rule": "restore_target", "target_multiple": 1.2, "close_whole_below_usd": 5e3},
    "first fraction": FIRST | {"close_factor": 0.3, "first_above_usd": 2e4},
    "first fraction that waits": FIRST | {"close_factor": 0.3, "first_above_usd": 2e4, "waits_for_cooldown": True},
    "step down": {"rule": "step_down"},
    "cover shortage": {"rule": "cover_shortage", "cover_buffer": 0.005, "cover_at_once": 0.4, "cover_seconds": 600.0,
                       "close_whole_below_usd": 5e3},
}
PORTION = {"rule": "portion", "close_factor": 0.1, "close_at_least_usd": 1e3, "close_at_most_usd": 2e4}


def venue(rules: dict[str, Any]) -> Config:
    """Tiers that most positions are between, and the rules."""
    given = {"fee": FEE, "order_seed": 3, **rules}
    cfg = config(markets=MARKETS, price={"initial_prices": PRICES.tolist()}, protocol={"liquidation": given})
    tier = type(next(iter(cfg.protocol.margin_tiers.values()))[0])
    tiers = [tier(up_to_usd=up, initial_margin=2 * rate, maintenance_margin=rate) for up, rate in TIERS]
    return dataclasses.replace(cfg, protocol=dataclasses.replace(
        cfg.protocol, maintenance_margin=None, initial_margin=None, margin_tiers={"default": tiers}))


@dataclasses.dataclass
class Accounts:
    """Random cross accounts; many hold fewer than four positions. Axes: ``A`` markets, ``N`` accounts."""

    size: np.ndarray  # [A, N]
    entry: np.ndarray  # [A, N]
    notional: np.ndarray  # [A, N]
    margin: np.ndarray  # [A, N]
    equity: np.ndarray  # [N]
    since: np.ndarray  # [N] ticks since a part was closed, negative for never
    age: np.ndarray  # [N] ticks since the first breach
    covered: np.ndarray  # [N] of the shortage
    discount: np.ndarray  # [N] of liquidators

    @classmethod
    def draw(cls, rules: Rules, *words: str) -> Accounts:
        rng = np.random.default_rng([7, *"".join(words).encode()])
        notional = np.exp(rng.uniform(np.log(100.0), np.log(2e5), (4, ACCOUNTS))) * (rng.random((4, ACCOUNTS)) < 0.7)
        notional[rng.integers(4, size=ACCOUNTS), np.arange(ACCOUNTS)] += 500.0
        margin = np.array([[position_requirement(float(x), PRICES[a], rules.tiers[a]) for x in notional[a]]
                           for a in range(4)])
        size = notional / PRICES[:, None] * rng.choice([-1, 1], notional.shape)
        entry = PRICES[:, None] * np.exp(rng.normal(0.0, 0.05, notional.shape))
        equity, need = margin.sum(0) * rng.uniform(0.3, 1.0, ACCOUNTS), margin.sum(0)
        since, age = rng.choice([-1, 0, 1, 2, 3, 9], ACCOUNTS), rng.integers(0, 12, ACCOUNTS)
        covered, discount = need * rng.choice([0.0, 0.1, 0.5], ACCOUNTS), rng.choice([0.0, 0.0005, 0.001], ACCOUNTS)
        return cls(size, entry, notional, margin, equity, since, age, covered, discount)

    def case(self, cfg: Config) -> RiskCase:
        curve = build_margin(cfg.protocol, list(MARKETS), "maintenance_margin")
        return RiskCase(jnp.asarray(self.equity), jnp.asarray(self.margin.sum(0)), jnp.abs(self.size),
                        jnp.asarray(self.notional), curve, since=jnp.asarray(self.since), age=jnp.asarray(self.age),
                        freed=jnp.asarray(self.covered), discount=jnp.asarray(self.discount))

    def place(self, cfg: Config) -> jax.Array:
        order = build_order(cfg.protocol.liquidation)
        assert order is not None
        entered = Entered(jnp.asarray(self.entry), jnp.arange(ACCOUNTS, dtype=jnp.int32))
        values = map(jnp.asarray, (self.size, PRICES, self.notional, self.margin, TICK))
        return places(order.priority(OrderCase(*values, entered)), jnp.asarray(self.size != 0))

    def queue(self, rules: Rules, n: int) -> list[int]:
        profit = self.size[:, n] * (PRICES - self.entry[:, n])
        return closing_order.queue(rules, self.notional[:, n], self.margin[:, n], profit, n, TICK)


def shares(cfg: Config, accounts: Accounts) -> np.ndarray:
    """What the engine's functions close [A, N]."""
    rule = build_rule(cfg.protocol.liquidation, STEP)
    return np.asarray(share_in_order(rule, accounts.case(cfg), accounts.place(cfg), jnp.asarray(FEE)))


@pytest.mark.parametrize(("order", "rule"), [
    *((order, rule) for order in ORDERS for rule in RULES if order == "largest_loss" or rule == "restore target"),
    ("random", "portion, four blocks"), ("random", "portion, two blocks"), ("largest_loss", "portion, one block")])
def test_shares_are_the_reference_s(order: str, rule: str) -> None:
    blocks = {"four": 15.0, "two": 30.0, "one": 60.0}
    words = RULES.get(rule) or PORTION | {"block_seconds": next(s for word, s in blocks.items() if word in rule)}
    cfg = venue(words | {"order": order})
    rules = Rules.from_config(cfg, list(MARKETS))
    accounts = Accounts.draw(rules, order, rule)
    ours, stopped = shares(cfg, accounts), 0
    for n in range(ACCOUNTS):
        notional = accounts.notional[:, n]
        account = Account(equity=float(accounts.equity[n]), equity_at_mark=1.0, notional=notional,
                          units=np.abs(accounts.size[:, n]), requirement=accounts.margin[:, n],
                          ticks_since=None if accounts.since[n] < 0 else int(accounts.since[n]), prices=PRICES,
                          ticks_short=int(accounts.age[n]), covered=float(accounts.covered[n]),
                          discount=float(accounts.discount[n]), queue=accounts.queue(rules, n))
        theirs, held = wanted_shares(rules, account, STEP), notional > 0
        np.testing.assert_allclose(ours[held, n], theirs[held], rtol=1e-9, atol=1e-12, err_msg=f"account {n}")
        stopped += bool((theirs[held] == 0).any())
    assert stopped > ACCOUNTS / 10 or "four" in rule, "some account keeps a position"


# --- what must hold --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", ORDERS)
def test_in_order_never_closes_more_and_positions_behind_wait(order: str) -> None:
    """Of ``full``: at most what is closed together, nothing behind a position that is kept, and then health."""
    cfg = venue({"rule": "full", "order": order})
    accounts = Accounts.draw(Rules.from_config(cfg, list(MARKETS)), order)
    ours, place, held = shares(cfg, accounts), np.asarray(accounts.place(cfg)), accounts.notional > 0
    assert set(np.unique(ours)) == {0.0, 1.0}
    last = np.where(held & (ours == 1), place, -1).max(0)
    first = np.where(held & (ours == 0), place, 4).min(0)
    assert (last < first).all()
    left = np.where(ours == 1, 0.0, accounts.margin).sum(0)
    cost = FEE + accounts.discount
    equity = accounts.equity - cost * (ours * accounts.notional).sum(0)
    kept = (held & (ours == 0)).any(0)
    assert kept.sum() > 30 and (equity[kept] >= left[kept]).all()
    before = accounts.margin * (place == last)  # all but the last one would not have been enough
    assert (equity + cost * (accounts.notional * (place == last)).sum(0) < left + before.sum(0)).all()


@pytest.mark.parametrize("rule", [*RULES, "portion"])
def test_accounts_of_one_position_are_closed_as_they_are_together(rule: str) -> None:
    cfg = venue((RULES.get(rule) or PORTION | {"block_seconds": 30.0}) | {"order": "random"})
    accounts = Accounts.draw(Rules.from_config(cfg, list(MARKETS)), rule)
    alone = np.arange(4)[:, None] == np.argmax(accounts.notional, axis=0)
    for name in ("size", "entry", "notional", "margin"):
        setattr(accounts, name, np.where(alone, getattr(accounts, name), 0.0))
    accounts.equity = accounts.margin.sum(0) * np.random.default_rng(1).uniform(0.3, 1.0, ACCOUNTS)
    together = np.asarray(build_rule(cfg.protocol.liquidation, STEP).share(accounts.case(cfg)))
    together = np.broadcast_to(together, (4, ACCOUNTS))[alone]
    np.testing.assert_allclose(shares(cfg, accounts)[alone], together, rtol=1e-12)
    assert (together > 0).sum() > ACCOUNTS / 4


@pytest.mark.parametrize("order", ORDERS)
def test_at_one_rate_a_target_takes_as_much_notional_in_any_order(order: str) -> None:
    """Every USD frees as much margin: (multiple x requirement - equity) / (multiple x rate - fee)."""
    cfg = venue({"rule": "restore_target", "target_multiple": 1.5, "close_whole_below_usd": 0.0, "order": order})
    rate = 0.03
    cfg = dataclasses.replace(cfg, protocol=dataclasses.replace(cfg.protocol, maintenance_margin=rate))
    accounts = Accounts.draw(Rules.from_config(cfg, list(MARKETS)), order)
    accounts.discount[:] = 0.0
    total = (shares(cfg, accounts) * accounts.notional).sum(0)
    need = (1.5 * accounts.margin.sum(0) - accounts.equity) / (1.5 * rate - FEE)
    np.testing.assert_allclose(total, np.minimum(need, accounts.notional.sum(0)), rtol=1e-12)
    assert (need < accounts.notional.sum(0)).sum() > ACCOUNTS / 4


def test_every_position_is_as_likely_to_come_first() -> None:
    """4,000 accounts of four positions, over five ticks: each market is first in a quarter of the cases."""
    order = build_order(venue({"order": "random"}).protocol.liquidation)
    assert order is not None
    n, ticks, ones = 4000, 5, jnp.ones((4, 4000))
    entered = Entered(ones, jnp.arange(n, dtype=jnp.int32))
    firsts = [np.asarray(places(order.priority(OrderCase(ones, ones[:, 0], ones, ones, jnp.asarray(k), entered)), ones > 0))
              for k in range(ticks)]
    counts = np.sum([(place == 0).sum(1) for place in firsts], axis=0)
    limit = math.sqrt(n * ticks * 0.25 * 0.75) * 5.2  # two-sided normal at FALSE_ALARM over four markets
    assert 8 * math.erfc(5.2 / math.sqrt(2)) < 4 * FALSE_ALARM
    assert np.abs(counts - n * ticks / 4).max() < limit, counts
    again = np.mean([(one == other).all(0).mean() for one, other in zip(firsts, firsts[1:], strict=False)])
    assert abs(again - 1 / 24) < 5 * math.sqrt(1 / 24 / (n * (ticks - 1))), "orders are drawn anew"


def test_capacity_is_spent_in_order_and_never_exceeded() -> None:
    cfg = venue({"rule": "full", "order": "largest_loss"})
    accounts = Accounts.draw(Rules.from_config(cfg, list(MARKETS)), "capacity")
    wanted, place = shares(cfg, accounts), np.asarray(accounts.place(cfg))
    notional, price = jnp.asarray(accounts.notional), jnp.asarray(PRICES)
    seen = Check(price, notional, jnp.asarray(accounts.margin), jnp.asarray(accounts.equity),
                 jnp.asarray(accounts.margin.sum(0)), jnp.ones(ACCOUNTS, bool), place=jnp.asarray(place))
    parts = 0
    for capacity in (1e4, 1e5, 1e6, 1e12):
        got = np.asarray(limit_to_capacity(seen, jnp.asarray(wanted), jnp.asarray(capacity)))
        assert (got * accounts.notional).sum() == pytest.approx(min(capacity, (wanted * accounts.notional).sum()), rel=1e-9)
        for a, n in np.argwhere((got > 0) & (got < wanted)):
            parts += 1
            assert (got[:, n] == np.where(place[:, n] < place[a, n], wanted[:, n], 0.0))[np.arange(4) != a].all()
    assert parts == 3, "the last account is closed in part until all fit"
    np.testing.assert_array_equal(got, wanted)


# --- refusals --------------------------------------------------------------------------------------------------------
def test_a_random_order_needs_a_seed_and_inverse_contracts_have_none() -> None:
    (message,) = check_order(venue({"order": "random", "order_seed": None}).protocol)
    assert "protocol.liquidation.order_seed" in message
    cfg = venue({"order": "random"}).protocol
    assert not [*check_order(cfg)]
    (message,) = check_order(dataclasses.replace(cfg, contract="inverse"))
    assert "one coin" in message and "no venue" in message


def test_no_kernel_runs_it() -> None:
    market = Market(GivenPath(jnp.asarray(PRICES)[None]), PRICES, 1, STEP, ())
    reasons = [kernel_obstacles(venue({"order": order}), market) for order in ("together", "random")]
    assert len(reasons[1]) == len(reasons[0]) + 1 and any("order=random" in reason for reason in reasons[1])
