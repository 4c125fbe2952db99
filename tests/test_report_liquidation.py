"""The report names every rule of liquidation with its numbers, and the backstop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stress.cli.compose import load
from stress.report import narrative
from stress.report.assumptions import assumptions
from stress.report.liquidation import adl_trigger, backstop, liquidation, modelled_on

PRESETS = sorted(file.stem for file in (Path(__file__).parents[1] / "configs" / "protocol").glob("*.yaml"))
WORDS = {
    "dydx_v4": ("10 % of a position every 1 s", "one after another, a random one first", "$1k", "$100k", "fillable", "1.5", "each fill"),
    "hyperliquid": ("20 % of positions above $100k", "30 s", "0.666667", "$400M", "30 min", "none below zero"),
    "binance_usdm": ("lower margin tier", "fee 1.25 %"),
    "bitmex": ("goes to the fund",),
    "deribit": ("restores 1 times", "$1k"),
    "drift_v2": ("covers the shortage and 2 % of notional, at once", "$50", "take over at 1 %", "3 % in 133.333 min"),
    "gmx_v2": ("the whole account", "0.2 % of notional", "$100M", "keeps the positions", "those below zero too"),
    "synthetix_v3": ("all that is left", "$50M", "at most BTC 2.2545 %, ", "ADA 5.4 %, default 5.4 % of the skew scale in 30 s"),
}


def run_of(overrides: list[str]) -> Any:
    """As far as the words look: the configuration of a run."""
    _, container = load(overrides)

    def setting(key: str) -> Any:
        value: Any = container
        for name in key.split("."):
            value = None if value is None else value.get(name)
        return value

    return SimpleNamespace(setting=setting)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_in_words(preset: str) -> None:
    run = run_of([f"protocol={preset}"])
    text = f"{liquidation(run)}; {backstop(run)}".replace("\xa0", " ")
    assert all(word in text for word in WORDS.get(preset, ())), text
    assert "None" not in text
    assert bool(backstop(run)) == (preset in ("hyperliquid", "gmx_v2", "synthetix_v3"))
    assert ("assumed: " in modelled_on(run)) == (preset != "generic")


@pytest.mark.parametrize(("rule", "more", "words"), [
    ("close_factor", (), "20 % of every position a tick"),
    ("half", ("half_from_margin=0.5",), "20 % while equity is at least 0.5 times"),
    ("first_fraction", ("first_above_usd=1e5", "cooldown_seconds=60", "waits_for_cooldown=true"), "nothing for 60 s"),
    ("cover_shortage", ("cover_buffer=0.02", "cover_at_once=0.1", "cover_seconds=60"), "10 % of it at once"),
    ("full", ("execution=auction", "auction={start_discount: 0.01, end_discount: 0.03, minutes: 60, grace_minutes: 5}"),
     "take over at 1 % from the oracle price, growing to 3 % in 60 min, not at all in the first 5 min"),
    ("full", ("window={seconds: 30, usd: 1e6}",), "of a market at most $1M in 30 s"),
    ("full", ("order=largest_loss",), "one after another until the account is healthy, the one with the largest loss first"),
    ("full", ("limit_price=discount",), "1 % from the oracle price"),
    ("full", ("limit_price=bankruptcy",), "down to the bankruptcy price"),
])
def test_a_rule_in_words(rule: str, more: tuple[str, ...], words: str) -> None:
    keys = (f"rule={rule}", *more)
    found = liquidation(run_of([f"protocol.liquidation.{key}" for key in keys]))
    assert words in found.replace("\xa0", " ")


def test_a_venue_without_a_fund_is_told_apart() -> None:
    plain: dict[str, Any] = {"summary": {}, "manifest": {}, "column": lambda name: None}
    for preset, told in (("hyperliquid", True), ("gmx_v2", True), ("okx", False)):
        run = SimpleNamespace(**{**vars(run_of([f"protocol={preset}"])), **plain})
        assert (narrative.NO_FUND in narrative.cautions(run)) == told


def test_a_fund_that_adl_spares_is_told_apart() -> None:
    plain: dict[str, Any] = {"summary": {}, "manifest": {}, "column": lambda name: None, "fund": 1e6, "metric": lambda name: {}}
    for preset, told in (("okx", True), ("bybit", True), ("bitmex", False), ("gmx_v2", False)):
        run = SimpleNamespace(**{**vars(run_of([f"protocol={preset}"])), **plain})
        assert (narrative.SPARED_FUND in narrative.cautions(run)) == told
        assert ("while the fund is more than 30 % below its peak" in adl_trigger(run).replace("\xa0", " ")) == told


@pytest.mark.parametrize(("policy", "told"), [("pro_rata", True), ("none", False)])
def test_adl_for_a_pool_in_words(policy: str, told: bool) -> None:
    said = adl_trigger(run_of(["protocol=gmx_v2", f"protocol.adl.policy={policy}"])).replace("\xa0", " ")
    assert ("above 85 % of what backs it, until it is 77 %" in said) == told


def test_nothing_is_said_of_a_run_without_configuration() -> None:
    assert assumptions(SimpleNamespace(config={}))[0][0] == "Configuration"
