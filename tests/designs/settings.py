"""Numbers that several designs share, and kinds of funding."""

from __future__ import annotations

from typing import Any

from stress.config.funding import AdaptiveConfig, VelocityConfig
from stress.config.liquidation import AuctionConfig, WindowConfig

STEP = 60.0
"""Seconds."""

Design = dict[str, Any]

FUNDING: dict[str, dict[str, Any]] = {
    "clamped": {"kind": "clamped"},
    "clamped, in parts": {"kind": "clamped", "premium_hours": 12 * STEP / 3600},
    "deadband": {"kind": "deadband", "deadband": 5e-4},
    "velocity": {
        "kind": "velocity",
        "velocity": VelocityConfig(skew_scale=3e3, max_velocity={"X": 2e3, "Y": 500.0}, initial_rate=-0.5),
    },
    "adaptive": {
        "kind": "adaptive",
        "adaptive": AdaptiveConfig(
            increase=3e-8,
            decrease=4e-9,
            stable_above=0.4,
            fading_below=0.2,
            smallest=1e-7,
            largest=2e-5,
            initial_rate=3e-6,
        ),
    },
}
"""Kinds of funding: payments are five ticks apart, so a rate of 1e-5 a second is 0.3 % a payment."""

BANKRUPTCY = {"limit_price": "bankruptcy"}
DISCOUNT = {"limit_price": "discount", "limit_discount": 0.01, "half_from_margin": 0.5}
FILLABLE = {
    "limit_price": "fillable",
    "limit_adjustment": 1.0,
    "limit_spread": 0.5,
    "block_seconds": 20.0,
    "close_at_least_usd": 1e3,
    "close_at_most_usd": 1e5,
    "settlement": "fill",
}
ONE_BLOCK = {"settlement": "fill", "block_seconds": 60.0, "close_at_least_usd": 1e3, "close_at_most_usd": 1e5}
FIRST = {"first_above_usd": 2e4, "cooldown_seconds": 150.0, "waits_for_cooldown": False}
PATIENT = {"first_above_usd": 1e4, "cooldown_seconds": 150.0, "waits_for_cooldown": True}
AUCTION = {
    "execution": "auction",
    "auction": AuctionConfig(start_discount=0.002, end_discount=0.05, minutes=8.0, grace_minutes=1.5),
}
COVER = {
    "cover_buffer": 0.03, "cover_at_once": 0.2, "cover_seconds": 600.0, "close_whole_below_usd": 200.0, "fee": 0.001
}
CHEAP = {
    "execution": "auction",
    "auction": AuctionConfig(start_discount=0.003, end_discount=0.01, minutes=6.0, grace_minutes=0.0),
}
SCALED = {"window": WindowConfig(seconds=90.0, skew_scale={"X": 4e3, "Y": 2e4}, skew_scale_share=[0.05, 0.03])}
STAYING_AWAY = {
    "fee": 0.01, "keeper_share": 0.5, "keeper_cost_usd": 10.0, "keeper_congestion": 0.5, "keeper_profit_usd": 1.0
}
VAULT = {"below": 0.7, "bankrupt": False, "charge": None, "half_life": 3.0, "capital": [None, 2e3]}
POOL = {"below": 1.0, "bankrupt": True, "charge": 0.003, "half_life": None, "capital": [2e3]}

FALLING_FUND = {"begins": "fund", "gates": ["water", "move", "fund"]}
MOVING_PRICE = {"begins": "move", "gates": ["water", "move", None]}
ALL_GATES = {"begins": "move", "gates": ["water", "move"]}
AFTER_OUTAGE = {"begins": "move", "gates": ["outage"]}

OF_MARKETS = {"scope": "market", "shares": True, "income": True}
LIMITED = {"scope": "shared", "paid_at_most_usd": True, "paid_within_seconds": 5 * STEP, "paid_at_most_per": "fund"}
LIMITED_EACH = {"scope": "market", "paid_at_most_usd": True, "paid_within_seconds": STEP, "paid_at_most_per": "account"}
LIMITED_BY_MARKET = LIMITED | {"scope": "market", "paid_at_most_usd": "market"}
DEPOSITED = {"scope": "shared", "income": True, "depositors": True}
