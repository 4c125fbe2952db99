"""ADL of winners whose profits are too much for the pool: by hand, its limits, and what configurations may say."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.cli.compose import load
from stress.config.adl import AdlPoolConfig
from stress.config.liquidation import BackstopConfig
from stress.errors import UserError
from stress.protocol.adl.pool import PoolTrigger
from stress.protocol.adl.pro_rata import ProRata
from stress.protocol.adl.trigger import lowers_enough
from stress.session import replay
from tests.reference.building import Row, bare_rules, make_book, run
from tests.studies import config, padded, path_study

WINNERS: list[Row] = [("A", 500.0, {"X": (10.0, 100.0)}), ("B", 5e3, {"X": (20.0, 110.0)})]
REST: list[Row] = [("L", 2e3, {"X": (10.0, 150.0)}), ("S", 1e4, {"X": (-40.0, 100.0)})]
POOL = {"long_usd": 2000.0, "short_usd": 5000.0, "max_factor": 0.2, "target_factor": 0.1, "max_paid_factor": None}
"""At 120 it backs longs with 2,400 USD; A gained 200, B 200 and L lost 300: 100 are owed."""


def terms(policy: str = "profit_leverage", **changes: Any) -> tuple[str, AdlPoolConfig]:
    return policy, AdlPoolConfig(**(POOL | changes))


def ledger(adl: tuple[str, AdlPoolConfig], *prices: float, rows: list[Row] | None = None, **protocol: Any
           ) -> dict[str, Any]:
    """The engine's ledger of a path on which the risk check sees the price."""
    backstop = BackstopConfig(capital_usd=1e6, below_requirement=1.0, takes_bankrupt=True, charge=0.0,
                              sale_half_life_minutes=None)
    settings = {
        "maintenance_margin": 0.01, "insurance_fund": 0.0, "waterfall": [], "backstop": backstop,
        "adl": {"policy": adl[0], "trigger": "pnl_to_pool", "price": "oracle", "pool": adl[1]},
    } | protocol
    book = padded(make_book(rows or [*WINNERS, *REST]), 6)
    return replay(path_study(config(protocol=settings), book, np.array(prices)[:, None]))


def fills(out: dict[str, Any]) -> list[tuple[int, str, Any, Any]]:
    """Tick, account, units and price of what ADL closed."""
    return [(k, row["account"], near(row["size"]), near(row["price"]))
            for k, tick in enumerate(out["ticks"], 1) for row in tick["adl"]]


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def test_a_pool_that_bears_the_profit_deleverages_nobody() -> None:
    """At 130, 300 + 400 - 200 of 2,600 are 19 %. A doubled price makes 1,000 of 5,000: 20 %, which is not above it."""
    assert fills(ledger(terms(), 100.0, 120.0, 130.0)) == []
    one: list[Row] = [("A", 500.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    assert fills(ledger(terms(long_usd=2500.0), 100.0, 200.0, rows=one)) == []
    assert len(fills(ledger(terms(long_usd=2499.0), 100.0, 200.0, rows=one))) == 1


def test_winners_in_the_queue_give_up_what_is_too_much() -> None:
    """At 140 A gained 400, B 600 and L lost 100: 900 of 2,800 are above 20 %. p = (900 - 280) / 0.9 = 688.9 goes.

    A comes first, 0.4 on its entry at a leverage of 1,400 / 900, and is closed whole; B, 3/11 at a leverage of
    2,800 / 5,600, gives 288.9 of 600. Both at the oracle price, against the backstop.
    """
    out = ledger(terms(), 100.0, 140.0)
    units = 20.0 * (620 / 0.9 - 400) / 600
    assert fills(out) == [(1, "A", 10.0, 140.0), (1, "B", near(units), 140.0)]
    accounts = out["final"]["accounts"]
    assert (accounts["A"]["equity"], accounts["B"]["equity"]) == near((900.0, 5600.0))
    assert accounts["B"]["positions"]["X"]["size"] == near(20.0 - units)
    result = out["outcome"]
    assert (result["adl_notional"], result["bad_debt"], result["liquidated_notional"]) == near((140 * (10 + units), 0, 0))
    assert max(result["cash_residual"], result["contracts_residual"]) < 1e-9
    left, pool = 900 - 620 / 0.9, 2800 - 620 / 0.9
    assert left / pool == near(0.1)
    rules = bare_rules(adl_policy="profit_leverage", adl_pool=terms()[1], backstop=(1e6, 1.0, True, 0.0, None))
    theirs = run([*WINNERS, *REST], rules, 100.0, 140.0)
    assert [(row["account"], near(row["size"])) for row in theirs.ledger["ticks"][0]["adl"]] == [("A", 10.0), ("B", units)]


def test_what_was_paid_is_gone_from_the_pool() -> None:
    """A tick later, at 150: left are B's units and L, 600 of profit less 288.9 at 140, and the pool has paid 688.9."""
    kept = 20.0 - 20.0 * (620 / 0.9 - 400) / 600
    profit, pool = 40.0 * kept, 3000 - 620 / 0.9
    assert profit / pool > 0.1
    assert len(fills(ledger(terms(), 100.0, 140.0, 150.0))) == 2  # 0.18: not above 0.2
    out = fills(ledger(terms(max_factor=0.15), 100.0, 140.0, 150.0))
    assert out[2:] == [(2, "B", near(kept * (profit - 0.1 * pool) / 0.9 / profit), 150.0)]


def test_pro_rata_takes_the_same_fraction_of_every_profit() -> None:
    share = 620 / 0.9 / 1000
    assert fills(ledger(terms("pro_rata"), 100.0, 140.0)) == [(1, "A", 10 * share, 140.0), (1, "B", 20 * share, 140.0)]


def test_beyond_what_the_pool_pays_everybody_gets_the_same_part() -> None:
    """900 of 2,800 where it pays 15 %: 420, a part of 7/15. p = (900 - 280) / (1 - 0.1 x 7/15); A at 100 + 40 x 7/15."""
    out = ledger(terms("pro_rata", max_paid_factor=0.15), 100.0, 140.0)
    part = 420 / 900
    profit = 620 / (1 - 0.1 * part)
    assert fills(out) == [(1, "A", 10 * profit / 1000, 100 + 40 * part), (1, "B", 20 * profit / 1000, 110 + 30 * part)]
    assert (900 - profit) / (2800 - part * profit) == near(0.1)


def test_who_would_be_left_with_less_than_nothing_is_spared() -> None:
    """A owes 300 at an entry of 100: at 140 it has 100, and of 400 of profit 213 are not paid. B alone gives."""
    rows: list[Row] = [("A", -300.0, {"X": (10.0, 100.0)}), WINNERS[1], *REST]
    out = ledger(terms(max_paid_factor=0.15), 100.0, 140.0, rows=rows)
    assert [row[1] for row in fills(out)] == ["B"]


def test_shorts_have_a_pool_in_dollars_and_a_halted_market_waits() -> None:
    """At 70 S gained 1,200 of 5,000, above 20 %: (1,200 - 500) / 0.9 of it goes. A fall of 30 % halts; a tick later it is open."""
    rows = [("A", 5e3, {"X": (40.0, 100.0)}), REST[1]]
    breaker = {"move": 0.1, "window_minutes": 1.0, "halt_minutes": 1.0}
    units = -40 * 700 / 0.9 / 1200
    assert fills(ledger(terms(), 100.0, 70.0, rows=rows)) == [(1, "S", near(units), 70.0)]
    assert fills(ledger(terms(), 100.0, 70.0, 70.0, rows=rows, breaker=breaker)) == [(2, "S", near(units), 70.0)]


@pytest.mark.parametrize("paid", [0.9, np.inf])
def test_the_factor_ends_at_the_target_as_keepers_may(paid: float) -> None:
    """Sweep of prices and both sides: where closing p suffices, the venue's own condition holds, and the factor is the target's."""
    trigger = PoolTrigger(backing=jnp.array([[900.0, 700.0]]), largest=jnp.asarray(0.85), target=jnp.asarray(0.77),
                          paid=jnp.asarray(paid), policy=ProRata())
    size, entry = jnp.array([[10.0, -10.0]]), jnp.array([[100.0, 100.0]])
    checked = 0
    for price in (10.0, 30.0, 36.0, 38.0, 500.0, 600.0, 2000.0):
        now = jnp.array([price])
        book = trigger.open(size, entry, jnp.array([True, True]), jnp.array([100.0]))
        before, excess = trigger.factor(book, now), trigger.excess(book, now)
        part = trigger.share_paid(before)
        share = excess / book.profit(now)
        after = trigger.factor(book.closed(share * book.units, share * book.cost, part * excess), now)
        for side in range(2):
            if trigger.exceeded(book, now)[0, side] and share[0, side] < 1:
                checked += 1
                assert after[0, side] == near(0.77)
                assert lowers_enough(before[0, side], after[0, side], jnp.asarray(0.77 - 1e-9))
    assert checked >= 4


def test_a_larger_pool_deleverages_no_more() -> None:
    """By one tick, whatever the price: p falls with what backs the profits."""
    given = [ledger(terms(long_usd=usd), 100.0, 140.0)["outcome"]["adl_notional"] for usd in (5e2, 1e3, 2e3, 3e3, 4e3)]
    assert np.all(np.diff(given) <= 0) and given[0] > given[2] > given[-1] == 0


GMX = "protocol=gmx_v2"


@pytest.mark.parametrize(("values", "told"), [
    (("protocol.adl.trigger=pnl_to_pool",), r"protocol\.adl\.pool"),
    ((GMX, "protocol.backstop=null"), r"protocol\.backstop"),
    ((GMX, "protocol.adl.policy=water_filling"), r"protocol\.adl\.policy"),
    ((GMX, "protocol.adl.price=mark"), r"protocol\.adl\.price"),
    ((GMX, "protocol.waterfall=[adl]"), r"protocol\.waterfall"),
    ((GMX, "protocol.adl.pool.target_factor=0.9"), r"protocol\.adl\.pool\.target_factor"),
    ((GMX, "protocol.adl.pool.long_usd=-1"), r"protocol\.adl\.pool\.long_usd"),
])
def test_what_makes_no_sense_is_refused(values: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(list(values))


def test_without_a_policy_there_is_none() -> None:
    assert load([GMX, "protocol.adl.policy=none"])[0].protocol.adl.trigger == "pnl_to_pool"
