"""The section ``protocol.margin``: what is refused, what is built, and books that keep to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from stress.book.margin import requirement
from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.config.margin import MarginConfig
from stress.errors import UserError
from stress.protocol.margin.linear_size import LinearSize
from stress.protocol.margin.open_interest import OpenInterestScaled
from stress.protocol.margin.root_size import RootSize
from stress.protocol.margin.tiers import MarginTable
from stress.report.margin import interest_margin, size_margin

HEADROOM = 1.1
BASE = ("price=gbm", "price.markets=[BTC,ETH]", "price.volatility=1", "run.paths=128", "run.horizon_hours=1",
        "book.accounts=300", f"book.synthetic.margin_headroom={HEADROOM}")
ROOT = "kind:root_size,initial_margin:0.05,maintenance_margin:0.03,size_factor:{BTC:1e-3,default:2e-4}"
LINEAR = "kind:linear_size,initial_margin:0.02,maintenance_margin:0.01,size_slope:[5e-5,4e-6]"
SKEW = "kind:skew,initial_margin:0.02,skew_scale:[5e4,350000],skew_fraction:[13.35,1.16],maintenance_share:0.28"
LEVERAGE = ("kind:leverage,maintenance_share:0.5,leverage_tiers:{BTC:[{up_to_usd:150e6,max_leverage:40},"
            "{up_to_usd:null,max_leverage:20}],default:[{up_to_usd:null,max_leverage:10}]}")
INTEREST = "kind:tiers,open_interest:{lower_usd:10e6,upper_usd:{BTC:1e9,default:100e6}}"


def study(margin: str, *overrides: str) -> Study:
    return build_study(load([*BASE, f"protocol.margin={{{margin}}}", *overrides])[0])


@pytest.mark.parametrize(("margin", "kind", "engine"), [
    (ROOT, RootSize, "rates grow with the size"), (LINEAR, LinearSize, "rates grow with the size"),
    (SKEW, LinearSize, "rates grow with the size"), (LEVERAGE, MarginTable, "accounts hold positions in several"),
    (INTEREST, MarginTable, "accounts hold positions in several"),
])
def test_every_kind_makes_a_book_that_keeps_to_it(margin: str, kind: type, engine: str) -> None:
    made = study(margin)
    assert isinstance(made.margin, kind)
    assert engine in made.engine["not_ladder"][0] and made.engine["name"] == "dense"
    equity = made.book.equity(made.prices0)
    for curve, headroom in ((made.initial, HEADROOM), (made.margin, 1.0)):
        need = requirement(curve, made.book.size, made.prices0).sum(1)
        assert (equity >= headroom * need * (1 - 1e-9))[~made.book.residual].all()


def test_rates_are_the_section_s() -> None:
    """Of 100 BTC and 1,000 ETH at 1 USD: the formulas of the documentation."""
    units, prices = np.array([[100.0, 1000.0]]), np.ones(2)
    expected = {
        ROOT: (0.05 * 100, 0.05 * 1000, max(0.03, 0.024 + 1e-3 * 10) * 100, max(0.03, 0.024 + 2e-4 * 1000**0.5) * 1000),
        LINEAR: (0.025 * 100, 0.024 * 1000, 0.015 * 100, 0.014 * 1000),
        SKEW: ((0.02 + 13.35 * 100 / 5e4) * 100, (0.02 + 1.16 * 1000 / 350000) * 1000,
               0.28 * (0.02 + 13.35 * 100 / 5e4) * 100, 0.28 * (0.02 + 1.16 * 1000 / 350000) * 1000),
        LEVERAGE: (100 / 40, 1000 / 10, 50 / 40, 500 / 10),
    }
    for margin, needs in expected.items():
        made = study(margin)
        found = [*requirement(made.initial, units, prices)[0], *requirement(made.margin, units, prices)[0]]
        np.testing.assert_allclose(found, needs, rtol=1e-12, err_msg=margin)


def test_open_interest_raises_initial_margin_only() -> None:
    """BTC at 109 of the 990 million between the caps, ETH beyond."""
    made = study(INTEREST, "book.synthetic.open_interest_usd={BTC:109e6,ETH:300e6}", "protocol.initial_margin=0.05",
                 "protocol.maintenance_margin=0.03")
    assert isinstance(made.initial, OpenInterestScaled)
    units = np.array([[100.0, 100.0]])
    np.testing.assert_allclose(requirement(made.initial, units, np.ones(2)), [[100 * (0.05 + 0.95 * 0.1), 100.0]])
    np.testing.assert_allclose(requirement(made.margin, units, np.ones(2)), [[3.0, 3.0]])


@pytest.mark.parametrize(("margin", "overrides", "words"), [
    ("kind:root_size,initial_margin:0.05,maintenance_margin:0.03", (),
     "protocol.margin: root_size needs size_factor. Give protocol.margin.size_factor."),
    (f"{ROOT},size_slope:1", (), "protocol.margin.size_slope: got 1.0, allowed is null with protocol.margin.kind=root"),
    (f"{LINEAR},maintenance_share:0.5", (), "It is made of initial_margin, maintenance_margin, size_slope."),
    (LINEAR.replace("maintenance_margin:0.01", "maintenance_margin:{BTC:0.01,ETH:0.03}"), (),
     "allowed is <= protocol.margin.initial_margin in every market. It is above for ETH 0.03 > 0.02."),
    (LINEAR, ("protocol.maintenance_margin=0.01",),
     "protocol.maintenance_margin: got 0.01, allowed is null with protocol.margin.kind=linear_size. Set the rates of"),
    (LINEAR.replace("[5e-5,4e-6]", "{BTC:1e-5}"), (), "protocol.margin.size_slope: no value for ETH"),
    (LINEAR.replace("5e-5", "5e-2"), (), "has a maintenance rate of"),
    (LINEAR, ("protocol.liquidation.rule=restore_target", "protocol.liquidation.fee=0.02"),
     "protocol.liquidation.fee: got 0.02"),
    (LINEAR, ("run.engine=ladder",), "protocol.margin: rates grow with the size of a position"),
    (LEVERAGE.replace("150e6", "null"), (), "protocol.margin.leverage_tiers.BTC.up_to_usd: got [None, None]"),
    (LEVERAGE.replace("max_leverage:20", "max_leverage:50"), (), "leverage that does not rise from tier to tier"),
    (LEVERAGE.replace("default", "SOL"), (), "protocol.margin.leverage_tiers: no tiers for ETH"),
    (LEVERAGE.replace("max_leverage:10", "max_leverage:1").replace("0.5", "1"), (), "the lowest max_leverage of ETH"),
    (INTEREST.replace("10e6", "200e6"), (), "allowed is > protocol.margin.open_interest.lower_usd in every market"),
    ("kind:cubic", (), "protocol.margin.kind: got 'cubic'"),
])
def test_what_does_not_go_together_is_refused(margin: str, overrides: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError) as caught:
        study(margin, *overrides)
    assert words in str(caught.value)


def test_the_report_says_what_rates_depend_on() -> None:
    def words(margin: dict[str, Any]) -> str:
        run: Any = type("Run", (), {"setting": lambda _, key: margin, "markets": ["BTC"]})()
        return "; ".join(filter(None, [part(run, lambda _, value, write: write(value))
                                       for part in (size_margin, interest_margin)]))

    empty = {field.name: None for field in dataclasses.fields(MarginConfig)}
    assert words({**empty, "kind": "root_size", "maintenance_margin": 0.03, "size_factor": 1e-3}).endswith("0.001 × √units")
    assert words({**empty, "kind": "tiers", "open_interest": {"lower_usd": 1e6, "upper_usd": 2e6}}) == (
        "initial margin rises to all of the notional with open interest from $1M to $2M")
    assert words({**empty, "kind": "leverage", "maintenance_share": 0.5, "leverage_tiers": {
        "BTC": [{"up_to_usd": 1e6, "max_leverage": 40.0}, {"up_to_usd": None, "max_leverage": 20.0}]}}).endswith(
        "BTC 40× up to $1M, 20× beyond")
