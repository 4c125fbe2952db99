"""How much the rules of a venue close of random accounts, against the plain reference: one account, one position at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.liquidation import build_rule
from stress.build.margin import build_margin
from stress.config.schema import Config
from stress.protocol.liquidation.base import RiskCase
from tests.reference.margin import position_requirement
from tests.reference.rules import Rules
from tests.reference.sizing import Account, wanted_shares
from tests.studies import config

ACCOUNTS, STEP = 300, 60.0
MARKETS, PRICES = ("X", "Y"), np.array([100.0, 10.0])
PORTION = {"rule": "portion", "close_factor": 0.1, "close_at_least_usd": 1e3, "close_at_most_usd": 2e4}
FIRST = {"rule": "first_fraction", "close_factor": 0.2, "first_above_usd": 1e4, "cooldown_seconds": 150.0}
RULES: dict[str, dict[str, Any]] = {
    "portion, many blocks a tick": {**PORTION, "block_seconds": 7.0},
    "portion, one block": {**PORTION, "block_seconds": 60.0},
    "portion, no limit": {**PORTION, "close_at_most_usd": None, "close_at_least_usd": None, "block_seconds": 20.0},
    "first fraction": {**FIRST, "waits_for_cooldown": False},
    "first fraction that waits": {**FIRST, "waits_for_cooldown": True},
    "step down": {"rule": "step_down"},
    "half": {"rule": "half", "close_factor": 0.5, "half_from_margin": 0.5, "close_whole_below_usd": 3e3},
    "cover shortage": {"rule": "cover_shortage", "cover_buffer": 0.02, "cover_at_once": 0.2, "cover_seconds": 300.0,
                       "close_whole_below_usd": 500.0, "fee": 0.004},
    "close factor": {"rule": "close_factor", "close_factor": 0.3, "close_whole_below_usd": 3e3},
    "restore target": {"rule": "restore_target", "target_multiple": 1.2, "close_whole_below_usd": 3e3, "fee": 0.004},
}
TIERS = [(2e3, 0.005), (1e4, 0.01), (5e4, 0.03), (None, 0.1)]


def venue(rule: dict[str, Any]) -> Config:
    """Tiers that most positions are between, and the rule."""
    cfg = config(markets=MARKETS, price={"initial_prices": PRICES.tolist()}, protocol={"liquidation": rule})
    tier = type(next(iter(cfg.protocol.margin_tiers.values()))[0])
    tiers = [tier(up_to_usd=up, initial_margin=2 * rate, maintenance_margin=rate) for up, rate in TIERS]
    return dataclasses.replace(cfg, protocol=dataclasses.replace(
        cfg.protocol, maintenance_margin=None, initial_margin=None, margin_tiers={"default": tiers}))


@pytest.mark.parametrize("gains", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_shares_are_the_reference_s(rule: str, gains: bool) -> None:
    """With ``gains`` some of what positions gained counts only once it is realised."""
    cfg, rng = venue(RULES[rule]), np.random.default_rng([3, *rule.encode()])
    curve, rules = build_margin(cfg.protocol, list(MARKETS), "maintenance_margin"), Rules.from_config(cfg, list(MARKETS))
    notional = np.exp(rng.uniform(np.log(100.0), np.log(2e5), (2, ACCOUNTS)))
    notional[rng.integers(2, size=ACCOUNTS), np.arange(ACCOUNTS)] *= rng.random(ACCOUNTS) < 0.6
    units = notional / PRICES[:, None]
    need = np.array([[position_requirement(float(x), PRICES[a], rules.tiers[a]) for x in notional[a]] for a in range(2)])
    equity = need.sum(0) * rng.uniform(0.01, 1.0, ACCOUNTS)
    since = rng.integers(0, 6, ACCOUNTS) * rng.choice([-1, 1], ACCOUNTS)
    age, covered = rng.integers(0, 6, ACCOUNTS), need.sum(0) * rng.uniform(0.0, 0.3, ACCOUNTS)
    back = notional * rng.uniform(0.0, 0.02, notional.shape) * rng.choice([0, 1], notional.shape)
    case = RiskCase(*map(jnp.asarray, (equity, need.sum(0), units, notional)), curve, jnp.asarray(since),
                    age=jnp.asarray(age), freed=jnp.asarray(covered), held_back=jnp.asarray(back) if gains else None)
    built = build_rule(cfg.protocol.liquidation, STEP)
    ours = np.broadcast_to(jax.jit(built.share)(case), notional.shape)
    parts = 0
    for n in range(ACCOUNTS):
        account = Account(equity=float(equity[n]), equity_at_mark=1.0, notional=notional[:, n], units=units[:, n],
                          requirement=need[:, n], ticks_since=int(since[n]) if since[n] >= 0 else None, prices=PRICES,
                          ticks_short=int(age[n]), covered=float(covered[n]),
                          not_counted=back[:, n] if gains else 0.0)
        theirs, held = wanted_shares(rules, account, STEP), notional[:, n] > 0
        np.testing.assert_allclose(ours[held, n], theirs[held], rtol=1e-9, atol=1e-12, err_msg=f"{rule}, account {n}")
        parts += bool(((theirs > 0) & (theirs < 1))[held].any())
    assert parts > ACCOUNTS / 20, parts
