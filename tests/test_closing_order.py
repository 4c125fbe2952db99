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


def study(liquidation: dict[str, Any], *prices: tuple[float, float], margin: dict[str, float] | None = None) -> Study:
    """A is long 10 X since 100 and short 50 Y since 16, on given prices a minute apart; no impact, fee or spread."""
    markets = ("X", "Y")
    cfg = config(markets=markets, price={"initial_prices": [100.0, 16.0]},
                 protocol={"maintenance_margin": 0.05, "liquidation": {"order_seed": 0, **liquidation}})
    if margin is not None:
        tier = type(next(iter(cfg.protocol.margin_tiers.values()))[0])
        tiers = {m: [tier(up_to_usd=None, initial_margin=0.5, maintenance_margin=rate)] for m, rate in margin.items()}
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
    rates = {"X": 0.05, "Y": 0.08}
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


# --- against the reference, with four markets ------------------------------------------------------------------------
MARKETS, PRICES = ("W", "X", "Y", "Z"), np.array([1000.0, 100.0, 10.0, 1.0])
TIERS = [(2e3, 0.005), (1e4, 0.01), (5e4, 0.03), (None, 0.1)]
ACCOUNTS, TICK = 200, 7
RULES: dict[str, dict[str, Any]] = {
    "full": {"rule": "full"},
    "close factor": {"rule": "close_factor", "close_factor": 0.4, "close_whole_below_usd": 5e3},
    "half": {"rule": "half", "close_factor": 0.5, "half_from_margin": 0.5},
    "restore target": {"rule": "restore_target", "target_multiple": 1.2, "close_whole_below_usd": 5e3},
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

    @classmethod
    def draw(cls, rules: Rules, *words: str) -> Accounts:
        rng = np.random.default_rng([7, *"".join(words).encode()])
        notional = np.exp(rng.uniform(np.log(100.0), np.log(2e5), (4, ACCOUNTS))) * (rng.random((4, ACCOUNTS)) < 0.7)
        notional[rng.integers(4, size=ACCOUNTS), np.arange(ACCOUNTS)] += 500.0
        margin = np.array([[position_requirement(float(x), PRICES[a], rules.tiers[a]) for x in notional[a]]
                           for a in range(4)])
        size = notional / PRICES[:, None] * rng.choice([-1, 1], notional.shape)
        entry = PRICES[:, None] * np.exp(rng.normal(0.0, 0.05, notional.shape))
        return cls(size, entry, notional, margin, margin.sum(0) * rng.uniform(0.3, 1.0, ACCOUNTS))

    def case(self, cfg: Config) -> RiskCase:
        curve = build_margin(cfg.protocol, list(MARKETS), "maintenance_margin")
        return RiskCase(jnp.asarray(self.equity), jnp.asarray(self.margin.sum(0)), jnp.abs(self.size),
                        jnp.asarray(self.notional), curve)

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
    ("random", "portion, four blocks"), ("random", "portion, two blocks"), ("random", "portion, one block")])
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
                          units=np.abs(accounts.size[:, n]), requirement=accounts.margin[:, n], ticks_since=None,
                          prices=PRICES, queue=accounts.queue(rules, n))
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
    equity = accounts.equity - FEE * (ours * accounts.notional).sum(0)
    kept = (held & (ours == 0)).any(0)
    assert kept.sum() > 30 and (equity[kept] >= left[kept]).all()
    before = accounts.margin * (place == last)  # all but the last one would not have been enough
    assert (equity + FEE * (accounts.notional * (place == last)).sum(0) < left + before.sum(0)).all()


@pytest.mark.parametrize("order", ORDERS)
def test_at_one_rate_a_target_takes_as_much_notional_in_any_order(order: str) -> None:
    """Every USD frees as much margin: (multiple x requirement - equity) / (multiple x rate - fee)."""
    cfg = venue({"rule": "restore_target", "target_multiple": 1.5, "close_whole_below_usd": 0.0, "order": order})
    rate = 0.03
    cfg = dataclasses.replace(cfg, protocol=dataclasses.replace(cfg.protocol, maintenance_margin=rate))
    accounts = Accounts.draw(Rules.from_config(cfg, list(MARKETS)), order)
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
AUCTION = AuctionConfig(start_discount=0.01, end_discount=0.02, minutes=1.0, grace_minutes=0.0)


@pytest.mark.parametrize(("changes", "words"), [
    ({"rule": "step_down"}, "together when rule=step_down"),
    ({"rule": "first_fraction"}, "together when rule=first_fraction"),
    ({"rule": "cover_shortage"}, "together when rule=cover_shortage"),
    ({"rule": "portion"}, "together or random when rule=portion"),
    ({"execution": "auction", "auction": AUCTION}, "together with protocol.liquidation.execution=auction"),
    ({"window": WindowConfig(seconds=60.0, usd=1e6)}, "together with protocol.liquidation.window"),
])
def test_what_is_not_worked_out_is_refused(changes: dict[str, Any], words: str) -> None:
    cfg = venue({"order": "largest_loss", **changes})
    (message,) = check_order(cfg.protocol)
    assert "protocol.liquidation.order" in message and "largest_loss" in message and words in message
    for order in ("together", None):
        rules = dataclasses.replace(cfg.protocol.liquidation, order=order)
        assert not [*check_order(dataclasses.replace(cfg.protocol, liquidation=rules))]


def test_a_random_order_needs_a_seed_and_inverse_contracts_have_none() -> None:
    (message,) = check_order(venue({"order": "random", "order_seed": None}).protocol)
    assert "protocol.liquidation.order_seed" in message
    cfg = venue({"order": "random"}).protocol
    assert not [*check_order(cfg)]
    (message,) = check_order(dataclasses.replace(cfg, contract="inverse"))
    assert "one coin" in message


def test_no_kernel_runs_it() -> None:
    market = Market(GivenPath(jnp.asarray(PRICES)[None]), PRICES, 1, STEP, ())
    reasons = [kernel_obstacles(venue({"order": order}), market) for order in ("together", "random")]
    assert len(reasons[1]) == len(reasons[0]) + 1 and any("order=random" in reason for reason in reasons[1])
