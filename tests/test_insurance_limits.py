"""Rules of the insurance funds: what changes nothing, what keeps the fund curve exact, what is refused, and words."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles, venue_obstacles
from stress.build.study import Study
from stress.cli.compose import load
from stress.config.insurance import InsuranceConfig, SocialisedLossConfig
from stress.engine.state import NEVER
from stress.errors import UserError
from stress.report.assumptions import assumptions, limitations
from tests.designs import DESIGNS, LIMITED, OF_MARKETS, Design
from tests.quick import block
from tests.random_books import random_study

BOOKS = range(4)
OTHERS = ("insurance", "drawdown", "funds", "fairness")
DESIGN = DESIGNS["close factor, fund, pro rata after a drawdown, socialised"]
NOTHING = {"scope": "shared"}
MAIN, UNLIMITED = 0, 2


def study_of(insurance: dict[str, Any] | None, case: int) -> Study:
    design: Design = {name: rule for name, rule in DESIGN.items() if name not in OTHERS}
    if insurance is not None:
        design["insurance"] = insurance
    return random_study(design, np.random.default_rng([case, 20]))[0]


def run(study: Study, **changes: Any) -> Any:
    """Block 0 of the first tile with other numbers of the venue."""
    job = study.plan.job
    job = dataclasses.replace(job, venues=dataclasses.replace(job.venues, **changes))
    return jax.device_get(block(job, np.uint32(0), 0))


def test_rules_that_say_nothing_change_nothing() -> None:
    """One fund without income, limit or depositors is the fund of a venue without rules of its own."""
    depleted = 0
    for case in BOOKS:
        plain, ruled = run(study_of(None, case)), run(study_of(NOTHING, case))
        assert plain.funds is None and ruled.funds is not None
        for one, other in zip(jax.tree.leaves(plain.outcome), jax.tree.leaves(ruled.outcome), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-8)
        np.testing.assert_allclose(ruled.fund_flow, plain.fund_flow, rtol=1e-12, atol=1e-8)
        depleted += int(plain.outcome.depletion_tick[MAIN, 0] != NEVER)
    assert depleted > 0, "the fund must matter"


@pytest.mark.parametrize("rules", [OF_MARKETS, LIMITED], ids=["funds of markets", "limit"])
def test_the_fund_curve_stays_exact(rules: dict[str, Any]) -> None:
    """Depleted with a fund of size F, however it is split, if and only if the drawdown of the unlimited one exceeds F."""
    depleted = []
    for case in BOOKS:
        study = study_of(rules, case)
        for fund in (0.0, 100.0, 1e3, 1e4, 1e6):
            out = run(study, fund=jnp.full(3, fund, jnp.float64).at[UNLIMITED].set(jnp.inf)).outcome
            np.testing.assert_array_equal(out.depletion_tick[MAIN] < NEVER, out.drawdown[UNLIMITED] > fund)
            depleted.append(out.depletion_tick[MAIN, 0])
    by_fund = np.array(depleted).reshape(len(BOOKS), -1)
    assert (np.diff(by_fund) >= 0).all(), "a larger fund is never depleted sooner"
    assert (by_fund[:, 0] < by_fund[:, -1]).any(), "the fund must matter"


def test_more_income_never_depletes_a_fund_sooner() -> None:
    ticks = []
    for case in BOOKS:
        study = study_of(OF_MARKETS, case)
        insurance = study.plan.job.venues.insurance
        assert insurance is not None
        for factor in (0.0, 1.0, 1e2, 1e4):
            more = dataclasses.replace(insurance, income=insurance.income * factor)
            ticks.append(run(study, insurance=more).outcome.depletion_tick[MAIN, 0])
    by_income = np.array(ticks).reshape(len(BOOKS), -1)
    assert (np.diff(by_income) >= 0).all()
    assert (by_income[:, 0] < by_income[:, -1]).any(), "income must matter"


DEPOSITORS = "{deposited_share: 0.5, starts_below: 0.8, leaves_per_day: 0.5, delay_hours: 24}"


@pytest.mark.parametrize(("overrides", "key"), [
    (["protocol.insurance={scope: shared, shares: 1}"], "protocol.insurance.shares"),
    (["protocol.insurance={scope: each}"], "protocol.insurance.scope"),
    (["protocol.insurance={scope: market, shares: {BTC: 0, default: 1}}"], "protocol.insurance.shares"),
    (["protocol.insurance={scope: market}", "protocol.waterfall=[adl]"], "protocol.insurance"),
    (["protocol.insurance={scope: shared, trading_fee: 0.001}"], "protocol.insurance.turnover_per_day"),
    (["protocol.insurance={scope: shared, paid_within_seconds: 60}"], "protocol.insurance.paid_within_seconds"),
    (["protocol.insurance={scope: shared, paid_at_most_usd: {BTC: 1e6, default: 0}}"],
     "paid_at_most_usd: .* one number when scope=shared"),
    (["protocol.insurance={scope: market, paid_at_most_usd: {BTC: 1, default: 0}, paid_at_most_per: account}"],
     "paid_at_most_usd: .* one number when paid_at_most_per=account"),
    (["protocol.insurance={scope: market, paid_at_most_usd: {SOL: 1e6}}"], "paid_at_most_usd: no value for BTC"),
    ([f"protocol.insurance={{scope: market, depositors: {DEPOSITORS}}}", "run.fund_curve=false"],
     "protocol.insurance.depositors"),
    ([f"protocol.insurance={{scope: shared, depositors: {DEPOSITORS}}}"], "run.fund_curve"),
    (["protocol.socialised_loss={by: contracts}", "protocol.waterfall=[insurance_fund]"], "protocol.socialised_loss"),
    (["limits.withdrawn=1"], "limits.withdrawn"),
])
def test_what_does_not_fit_is_refused_by_name(overrides: list[str], key: str) -> None:
    with pytest.raises(UserError, match=key):
        load(overrides)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"insurance": InsuranceConfig(scope="shared")}, "protocol.insurance"),
    ({"socialised_loss": SocialisedLossConfig(by="contracts")}, "protocol.socialised_loss.by=contracts"),
    ({"socialised_loss": SocialisedLossConfig(by="equity")}, "protocol.socialised_loss.by=equity"),
    ({"socialised_loss": SocialisedLossConfig(by="profit")}, None),
])
def test_neither_ladders_nor_kernels_follow(changes: dict[str, Any], reason: str | None) -> None:
    study = study_of(None, 0)
    before = study.config
    after = dataclasses.replace(before, protocol=dataclasses.replace(before.protocol, **changes))
    for obstacles in (venue_obstacles, kernel_obstacles):
        more = set(obstacles(after, study.market)) - set(obstacles(before, study.market))
        assert [text.startswith(reason or "") for text in more] == ([] if reason is None else [True])


def test_a_limit_for_each_account_is_for_no_longer_than_a_tick() -> None:
    rules = {"scope": "shared", "paid_at_most_usd": True, "paid_within_seconds": 1e3, "paid_at_most_per": "account"}
    with pytest.raises(UserError, match="paid_within_seconds"):
        study_of(rules, 0)


def words(*overrides: str) -> str:
    _, container = load([*overrides])

    def setting(key: str) -> Any:
        value: Any = container
        for name in key.split("."):
            value = None if value is None else value.get(name)
        return value

    run = SimpleNamespace(setting=setting, config=container, manifest={}, summary={}, markets=["BTC", "ETH"], fund=1e5,
                          horizon_hours=24.0)
    told = dict(assumptions(run)) | {"left out": " ".join(limitations(run))}
    return "; ".join(f"{topic}: {text}" for topic, text in told.items()).replace("\xa0", " ")


def test_the_report_says_how_the_fund_is_run() -> None:
    text = words("protocol.insurance={scope: market, income_usd_per_day: 2e4, paid_at_most_usd: 1e6}")
    for told in ("a fund for each market, split by open interest", "$20k a day flow in", "pays at most $1M in all"):
        assert told in text, text
    assert "fees only" not in text
    text = words("protocol.insurance={scope: market, paid_at_most_usd: {BTC: 1e8, default: 1e5}}")
    assert "pays at most BTC $100M, ETH $100k in all" in text, text
    text = words(f"protocol.insurance={{scope: shared, depositors: {DEPOSITORS}}}", "run.fund_curve=false",
                 "protocol.socialised_loss={by: contracts}")
    assert "50 % belongs to depositors" in text and "alike on every contract" in text, text
    assert "Insurance fund" not in words() and "fees only" in words()


def test_every_rule_is_off_unless_given() -> None:
    """As the shipped default says."""
    config, _ = load([])
    assert config.protocol.insurance is None and config.protocol.socialised_loss is None
    given = InsuranceConfig(scope="shared")
    assert all(value in (None, "shared") for value in dataclasses.asdict(given).values())
