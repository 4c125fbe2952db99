"""Unrealised gains that count in part for initial margin, the less the larger they are: what traders may withdraw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.cli.compose import load
from stress.config.margin import InitialGainConfig, MarginConfig
from stress.decisions.frontier.margins import flat
from stress.errors import UserError
from stress.protocol.margin.weights import counted_initially
from stress.report.margin import gain_margin
from tests.reference.building import LONG, Row
from tests.studies import config
from tests.test_insurance import ledger
from tests.test_withdrawals import FALL, HALF_HOUR, leaving

GAINER: Row = ("D", 50.0, {"X": (-1.0, 185.0)})
"""At 85 it has gained 100 USD, needs 42.5, and its gain may leave."""
OTHER: Row = ("S", 1.0, {"X": (-9.0, 85.0)})


def margin(weight: Any = 1.0, factor: Any = None, most: float | None = None, maintenance: Any = None) -> MarginConfig:
    terms = InitialGainConfig(weight=weight, size_factor=factor, at_most_usd=most)
    return MarginConfig(kind="tiers", unrealised_gain_weight=maintenance, unrealised_gain_initial=terms)


def taken(rules: MarginConfig | None, rows: list[Row], path: Any = FALL) -> list[float]:
    """What D withdraws in the third and fourth tick: half of what is free, and half of the rest."""
    out = ledger(rows, path, step=HALF_HOUR, insurance_fund=100.0, withdrawals=leaving(unrealised_profit=True), margin=rules)
    return [tick["withdrawn"].get("D", 0.0) for tick in out["ticks"][2:4]]


# --- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("rules", "free"), [
    (None, 50 + 100 - 42.5),
    (margin(0.3), 50 + 30 - 42.5),
    (margin(1.0, 0.12), 50 + 50 - 42.5),
    (margin(0.4, 0.12), 50 + 40 - 42.5),
    (margin(1.0, 0.12, 30.0), 50 + 30 - 42.5),
    (margin(0.0), 50 - 42.5),
], ids=["all of it", "a share", "by its size", "the smaller of both", "a bound", "none of it"])
def test_what_a_gain_counts_for_may_leave(rules: MarginConfig | None, free: float) -> None:
    """A gain of 100 USD with a factor of 0.12 has a weight of 1.1 / (1 + 0.12 x 10), a half."""
    assert taken(rules, [LONG, GAINER, OTHER]) == pytest.approx([free / 2, free / 4], rel=1e-12)


def test_a_weight_of_maintenance_margin_is_another_one() -> None:
    """At 80 % for maintenance and 30 % for initial margin 30 USD count, not 80, nor 24."""
    free = 50 + 30 - 42.5
    assert taken(margin(0.3, maintenance=0.8), [LONG, GAINER, OTHER])[0] == pytest.approx(free / 2, rel=1e-12)


def test_losses_count_whole_and_gains_market_by_market() -> None:
    """X gained 100, of which 40 count, and Y lost 20: 130 + 40 - 20, of which 42.5 + 50 are needed."""
    rows: list[Row] = [LONG, ("D", 130.0, {"X": (-1.0, 185.0), "Y": (1.0, 120.0)}), ("S", 100.0, {"X": (-9.0, 85.0), "Y": (-1.0, 120.0)})]
    path = np.stack([FALL, np.full(len(FALL), 100.0)], axis=1)
    free = 130 + 40 - 20 - 92.5
    assert taken(margin([0.4, 0.0]), rows, path) == pytest.approx([free / 2, free / 4], rel=1e-12)


def test_who_is_liquidated_does_not_depend_on_it() -> None:
    """Initial margin is none of the risk check's: the ledgers are the same but for what left."""
    rows: list[Row] = [LONG, ("D", 1.0, {"X": (-1.0, 90.0)}), OTHER]
    path = [100.0, 85.0, 85.0, 92.0, 95.0]
    done = []
    for rules in (None, margin(0.0)):
        out = ledger(rows, path, step=HALF_HOUR, insurance_fund=1e5, withdrawals=leaving(), margin=rules)
        done.append([tick["liquidations"] for tick in out["ticks"]])
    assert done[0] == done[1] and sum(len(tick) for tick in done[0]) >= 2


# --- the function ----------------------------------------------------------------------------------------------------
def test_more_of_a_larger_gain_counts_but_a_smaller_share() -> None:
    gain = np.geomspace(1e-3, 1e9, 200)
    for weight, factor in ((1.0, 1e-3), (0.7, 0.05), (0.2, 2.0)):
        counted = counted_initially(gain, weight, factor, np.inf)
        assert (np.diff(counted) > 0).all()
        share = counted / gain
        assert (np.diff(share) <= 1e-15).all() and share[0] == pytest.approx(weight) and share[-1] < 0.05
        for less in (counted_initially(gain, 0.9 * weight, factor, np.inf), counted_initially(gain, weight, 1.1 * factor, np.inf),
                     counted_initially(gain, weight, factor, 100.0)):
            assert (less <= counted).all() and (less < counted).any()


def test_losses_are_whole_whatever_the_factor() -> None:
    loss = np.array([-1e6, -3.0, 0.0])
    np.testing.assert_array_equal(counted_initially(loss, 0.2, 0.5, 1.0), loss)
    np.testing.assert_array_equal(np.asarray(counted_initially(jnp.asarray(loss), 0.2, 0.5, 1.0)), loss)


# --- configurations --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("terms", "maintenance", "word"), [
    ("{weight: 1.5}", "null", "protocol.margin.unrealised_gain_initial.weight: got 1.5"),
    ("{weight: 1, at_most_usd: 0}", "null", "protocol.margin.unrealised_gain_initial.at_most_usd: got 0"),
    ("{weight: 1, size_factor: -1}", "null", "protocol.margin.unrealised_gain_initial.size_factor: got -1"),
    ("{weight: {DOGE: 1}}", "null", "protocol.margin.unrealised_gain_initial.weight: no value for BTC"),
    ("{weight: 0.6}", "0.5", r"allowed is <= protocol.margin.unrealised_gain_weight in every market. It is above for BTC 0.6 > 0.5"),
])
def test_what_is_no_weight_is_refused(terms: str, maintenance: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        load([f"protocol.margin={{kind: tiers, unrealised_gain_weight: {maintenance}, unrealised_gain_initial: {terms}}}"])


def test_drift_counts_no_gain_for_initial_margin() -> None:
    rules = load(["protocol=drift_v2"])[0].protocol.margin
    assert rules is not None and rules.unrealised_gain_weight is None
    assert rules.unrealised_gain_initial == InitialGainConfig(weight=0.0, size_factor=None, at_most_usd=100.0)


def test_flat_rates_of_a_frontier_keep_it() -> None:
    root = MarginConfig(kind="root_size", initial_margin=0.1, maintenance_margin=0.05, size_factor=1e-4,
                        unrealised_gain_initial=InitialGainConfig(weight=0.5, size_factor=1e-3, at_most_usd=None))
    changes = flat(config(protocol={"margin": root}).protocol, 0.1, 0.05).changes
    assert changes["protocol.margin"] == {
        "kind": "tiers", "unrealised_gain_initial": {"weight": 0.5, "size_factor": 1e-3, "at_most_usd": None}}


def test_the_report_says_it() -> None:
    run: Any = SimpleNamespace(markets=["BTC"], setting=lambda _: {
        "unrealised_gain_weight": None, "unrealised_gain_initial": {"weight": 0.5, "size_factor": 0.001, "at_most_usd": 100.0}})
    said = gain_margin(run, lambda _, value, write: write(value)).replace("\xa0", " ")
    assert said == "unrealised gains count for 50 %, at most 1.1 / (1 + 0.001 √gain), up to $100 a position towards initial margin"
