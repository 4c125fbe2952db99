"""Structures of a venue for ``tests.random_books``, which draws its numbers anew for every book.

``law`` of the impact, liquidation ``rule`` and ``adl`` policy are in each; a name that is left out says none, or the
venue's usual. ``drawdown`` of the fund before ADL takes all, out of ``funds`` in USD; ``fairness``: it is measured.
``tiers``: margin rates come in tiers; ``limited``: keepers have a capacity. Where neither is said books are of both
kinds, and a program is compiled for each.
"""

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
        "velocity": VelocityConfig(skew_scale=3e3, max_velocity=2e3, initial_rate=-0.5),
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
SCALED = {"window": WindowConfig(seconds=90.0, skew_scale={"X": 4e3, "Y": 2e4}, skew_scale_share=0.05)}
STAYING_AWAY = {
    "fee": 0.01, "keeper_share": 0.5, "keeper_cost_usd": 10.0, "keeper_congestion": 0.5, "keeper_profit_usd": 1.0
}
VAULT = {"below": 0.7, "bankrupt": False, "charge": None, "half_life": 3.0, "capital": [None, 2e3]}
POOL = {"below": 1.0, "bankrupt": True, "charge": 0.003, "half_life": None, "capital": [2e3]}

OF_MARKETS = {"scope": "market", "shares": True, "income": True}
LIMITED = {"scope": "shared", "paid_at_most_usd": True, "paid_within_seconds": 5 * STEP, "paid_at_most_per": "fund"}
LIMITED_EACH = {"scope": "market", "paid_at_most_usd": True, "paid_within_seconds": STEP, "paid_at_most_per": "account"}
DEPOSITED = {"scope": "shared", "income": True, "depositors": True}

DESIGNS: dict[str, Design] = {
    "close factor, fund, pro rata after a drawdown, socialised": {
        "law": "linear",
        "rule": "close_factor",
        "adl": "pro_rata",
        "drawdown": 0.1,
        "funds": [300.0, 1e3, 3e3],
        "fairness": True,
        "tiers": True,
        "limited": False,
    },
    "first fraction, vault, ADL at the mark": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": FIRST,
        "backstop": VAULT,
        "adl": "hyperliquid",
        "adl_price": "mark",
        "insurance": LIMITED,
        "funding": "clamped, in parts",
        "tiers": True,
        "limited": False,
    },
    "step down, bankruptcy price, ranked": {
        "law": "power",
        "rule": "step_down",
        "liquidation": BANKRUPTCY,
        "fairness": True,
        "adl": "binance",
        "tiers": True,
        "limited": False,
    },
    "portion, fillable price, fills settled, random order": {
        "law": "linear",
        "rule": "portion",
        "liquidation": FILLABLE,
        "adl": "random",
        "tiers": False,
        "fairness": True,
        "limited": False,
    },
    "full, pool, lagging oracle": {
        "law": "power",
        "rule": "full",
        "backstop": POOL,
        "adl": "none",
        "lag": 1,
        "funding": "velocity",
        "tiers": False,
        "limited": True,
    },
    "close factor, prices by skew, vault that deleverages winners by rank": {
        "law": "skew",
        "rule": "close_factor",
        "backstop": VAULT | {"half_life": None},
        "adl": "profit_leverage",
        "adl_price": "oracle",
        "pool": {"paid": [0.5, 0.9]},
        "waterfall": ["insurance_fund"],
        "seen": [0.0, 1.0],
        "tiers": True,
        "limited": False,
    },
    "restore target, rates by size, delayed, ADL without a fund": {
        "law": "linear",
        "rule": "restore_target",
        "margin": ["root_size"],
        "adl": "water_filling",
        "adl_price": "oracle",
        "fairness": True,
        "waterfall": ["adl", "socialised_loss"],
        "levied_by": "contracts",
        "delay": True,
        "funding": "deadband",
        "tiers": False,
        "limited": False,
    },
    "first fraction that waits, fund only, keepers stay away": {
        "law": "square_root",
        "rule": "first_fraction",
        "liquidation": PATIENT | STAYING_AWAY,
        "adl": "none",
        "waterfall": ["insurance_fund"],
        "funding": "adaptive",
        "tiers": True,
        "limited": True,
    },
    "inverse contracts, step down, bankruptcy price, ranked": {
        "law": "power",
        "rule": "step_down",
        "liquidation": BANKRUPTCY,
        "contract": "inverse",
        "adl": "bitmex",
        "tiers": True,
        "limited": False,
    },
    "full, coins as collateral, ranked": {
        "law": "linear",
        "rule": "full",
        "coins": "size",
        "adl": "binance",
        "tiers": True,
        "limited": False,
    },
    "close factor, ranked, median mark, margins by volatility": {
        "law": "power",
        "rule": "close_factor",
        "adl": "binance",
        "mark": ["median"],
        "adaptive": ["volatility"],
        "seen": [0.0, 0.3],
        "tiers": True,
        "limited": False,
    },
    "auction, pro rata": {
        "law": "linear",
        "rule": "full",
        "liquidation": AUCTION | {"keeper_cost_usd": 10.0, "keeper_congestion": 0.5, "keeper_profit_usd": 1.0},
        "adl": "pro_rata",
        "waterfall": ["adl", "socialised_loss"],
        "tiers": True,
        "limited": False,
    },
    "cover shortage at a pace, auction": {
        "law": "linear",
        "rule": "cover_shortage",
        "liquidation": COVER | CHEAP | {"window": WindowConfig(seconds=150.0, usd=[2e4, 4e4])},
        "adl": "none",
        "tiers": False,
        "limited": False,
    },
    "half at a discount, rates by size or skew, funds of markets": {
        "insurance": OF_MARKETS,
        "law": "square_root",
        "rule": "half",
        "liquidation": DISCOUNT,
        "margin": ["linear_size", "skew"],
        "adl": "position_size",
        "lag": 2,
        "tiers": False,
        "limited": False,
    },
}
"""Together they have every rule, limit, settlement, backstop, kind of margin and of funding."""

MORE_DESIGNS: dict[str, Design] = {
    "inverse contracts, rates by size, restore target, socialised": {
        "law": "square_root",
        "rule": "restore_target",
        "contract": "inverse",
        "margin": ["linear_size"],
        "adl": "none",
        "waterfall": ["insurance_fund", "socialised_loss"],
        "funding": "deadband",
        "tiers": False,
        "limited": True,
    },
    "inverse contracts, pro rata by profit, lagging oracle": {
        "law": "linear",
        "rule": "close_factor",
        "contract": "inverse",
        "adl": "pro_rata_profit",
        "adl_price": "oracle",
        "lag": 1,
        "delay": True,
    },
    "inverse contracts, pool that sells": {
        "law": "power",
        "rule": "full",
        "contract": "inverse",
        "backstop": POOL | {"half_life": 3.0, "bankrupt": False},
        "adl": "none",
    },
    "inverse contracts, fills settled, ranked": {
        "law": "linear",
        "rule": "full",
        "liquidation": {"settlement": "fill"},
        "contract": "inverse",
        "adl": "hyperliquid",
        "tiers": False,
        "limited": False,
    },
    "inverse contracts, first fraction, keepers stay away, frozen oracle": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": FIRST | STAYING_AWAY,
        "contract": "inverse",
        "adl": "none",
        "shocks": ["oracle_freeze"],
    },
    "inverse contracts, full, random order": {
        "law": "square_root",
        "rule": "full",
        "contract": "inverse",
        "adl": "random",
        "adl_price": "mark",
    },
    "full, vault that deleverages pro rata, lagging oracle": {
        "law": "linear",
        "rule": "full",
        "backstop": VAULT,
        "adl": "pro_rata",
        "adl_price": "oracle",
        "pool": {"paid": [None, 0.6]},
        "waterfall": ["insurance_fund", "socialised_loss"],
        "lag": 1,
        "delay": True,
        "funding": "deadband",
    },
    "close factor, pool that deleverages by Hyperliquid's score, rising margins": {
        "law": "linear",
        "rule": "close_factor",
        "backstop": POOL | {"bankrupt": False},
        "adl": "hyperliquid",
        "adl_price": "oracle",
        "pool": {"paid": [0.5, 0.9]},
        "waterfall": ["insurance_fund"],
        "adaptive": ["volatility"],
        "tiers": True,
        "limited": False,
    },
    "full, prices by imbalance, pool that deleverages": {
        "law": "imbalance",
        "rule": "full",
        "backstop": VAULT | {"half_life": None},
        "adl": "profit_leverage",
        "adl_price": "oracle",
        "pool": {"paid": [0.5, 0.9]},
        "waterfall": ["insurance_fund", "socialised_loss"],
        "funding": "velocity",
    },
    "close factor, prices by imbalance, pro rata at the mark": {
        "law": "imbalance",
        "rule": "close_factor",
        "adl": "pro_rata",
        "adl_price": "mark",
    },
    "full, vault that deleverages winners by rank": {
        "law": "power",
        "rule": "full",
        "backstop": VAULT,
        "adl": "profit_leverage",
        "adl_price": "oracle",
        "pool": {"paid": [0.5, 0.9]},
        "waterfall": ["insurance_fund"],
        "tiers": False,
        "limited": False,
    },
    "close factor, prices by skew, vault, ranked": {
        "law": "skew",
        "rule": "close_factor",
        "backstop": VAULT | {"half_life": None},
        "adl": "binance",
        "seen": [0.0, 1.0],
        "tiers": True,
        "limited": False,
    },
    "full, prices by skew, pool that deleverages, lagging oracle": {
        "law": "skew",
        "rule": "full",
        "backstop": VAULT | {"half_life": None},
        "adl": "pro_rata",
        "adl_price": "oracle",
        "pool": {"paid": [None, 0.6]},
        "waterfall": ["insurance_fund"],
        "lag": 1,
        "seen": [0.0, 1.0],
    },
    "full, ranked, delayed keepers": {"law": "power", "rule": "full", "adl": "binance", "delay": True},
    "close factor, no ADL, lagging oracle": {
        "law": "square_root",
        "rule": "close_factor",
        "adl": "none",
        "insurance": DEPOSITED,
        "levied_by": "contracts",
        "lag": 2,
        "funding": "velocity",
    },
    "close factor, ranked, delayed, lagging": {
        "law": "power",
        "rule": "close_factor",
        "adl": "bitmex",
        "adl_price": "mark",
        "levied_by": "equity",
        "delay": True,
        "lag": 1,
    },
    "restore target, pro rata by profit": {"law": "linear", "rule": "restore_target", "adl": "pro_rata_profit"},
    "ranked at the mark, ADL after a drawdown": {
        "law": "power",
        "rule": "full",
        "adl": "profit_leverage",
        "adl_price": "mark",
        "drawdown": 0.1,
        "funds": [300.0, 1e3, 3e3],
        "fairness": True,
    },
    "restore target, fund only": {
        "law": "square_root",
        "rule": "restore_target",
        "adl": "none",
        "waterfall": ["insurance_fund"],
        "funding": "adaptive",
    },
    "full, random order, the oracle's price": {
        "law": "linear",
        "rule": "full",
        "adl": "random",
        "adl_price": "oracle",
        "insurance": OF_MARKETS,
        "levied_by": "contracts",
        "funding": "clamped, in parts",
    },
    "first fraction, bankruptcy price, ranked": {
        "law": "power",
        "rule": "first_fraction",
        "liquidation": {**FIRST, **BANKRUPTCY},
        "adl": "profit_leverage",
    },
    "first fraction that waits, delayed keepers": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": PATIENT,
        "adl": "none",
        "delay": True,
    },
    "vault, bankruptcy price": {
        "law": "linear",
        "rule": "full",
        "liquidation": BANKRUPTCY,
        "backstop": VAULT,
        "adl": "pro_rata",
    },
    "step down, lagging oracle, fills settled": {
        "law": "linear",
        "rule": "step_down",
        "liquidation": {"settlement": "fill"},
        "adl": "profit_leverage",
        "insurance": LIMITED_EACH,
        "lag": 1,
        "tiers": True,
        "limited": False,
    },
    "full, ADL without a fund": {
        "law": "power",
        "rule": "full",
        "adl": "water_filling",
        "waterfall": ["adl", "socialised_loss"],
        "lag": 1,
        "funding": "deadband",
    },
    "restore target, collateral in coins, lagging oracle": {
        "law": "power",
        "rule": "restore_target",
        "coins": "flat",
        "adl": "pro_rata",
        "lag": 1,
    },
    "close factor, collateral in coins, random order, delayed keepers": {
        "law": "square_root",
        "rule": "close_factor",
        "coins": "size",
        "adl": "random",
        "delay": True,
        "lag": 2,
    },
    "first fraction, collateral in coins, bankruptcy price": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": {**FIRST, **BANKRUPTCY},
        "coins": "size",
        "adl": "profit_leverage",
    },
    "auction, restore target, ranked": {
        "law": "square_root",
        "rule": "restore_target",
        "liquidation": CHEAP | {"fee": 0.0, "target_multiple": 1.1, "close_whole_below_usd": 0.0},
        "adl": "profit_leverage",
        "waterfall": ["adl", "socialised_loss"],
    },
    "auction, full, lagging oracle": {
        "law": "power",
        "rule": "full",
        "liquidation": AUCTION | {"keeper_cost_usd": 100.0},
        "adl": "none",
        "lag": 1,
        "tiers": True,
        "limited": True,
    },
    "cover shortage, delayed": {
        "law": "linear",
        "rule": "cover_shortage",
        "liquidation": COVER,
        "adl": "pro_rata",
        "delay": True,
    },
    "window, full, vault, pro rata": {
        "law": "linear",
        "rule": "full",
        "liquidation": SCALED,
        "backstop": VAULT,
        "adl": "pro_rata",
    },
    "window, close factor, ranked, lagging oracle": {
        "law": "power",
        "rule": "close_factor",
        "liquidation": {"window": WindowConfig(seconds=30.0, usd=1e4)},
        "adl": "bitmex",
        "lag": 1,
    },
    "rates by the root of the size, restore target, pro rata": {
        "law": "linear",
        "rule": "restore_target",
        "adl": "pro_rata",
        "margin": ["root_size"],
    },
    "rates linear in the size, restore target, ranked": {
        "law": "power",
        "rule": "restore_target",
        "adl": "profit_leverage",
        "margin": ["linear_size", "skew"],
    },
    "full, pro rata, mark in a band, margins in stages": {
        "law": "power",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["adl", "socialised_loss"],
        "mark": ["band"],
        "adaptive": ["staged"],
        "seen": [0.0, 0.3],
        "tiers": True,
        "limited": False,
    },
    "step down, stable price, margins in stages, delayed": {
        "mark": ["stable"],
        "law": "power",
        "rule": "step_down",
        "adl": "binance",
        "adaptive": ["staged"],
        "delay": True,
        "tiers": True,
        "limited": False,
    },
    "restore target, guarded oracle, smoothed mark, rising margins, vault": {
        "guarded": True,
        "law": "linear",
        "rule": "restore_target",
        "adaptive": ["volatility"],
        "backstop": VAULT,
        "adl": "pro_rata",
        "mark": ["ema"],
        "seen": [0.0, 0.3],
        "lag": 1,
        "tiers": False,
        "limited": False,
    },
}
"""Further ones, for the slow tests."""

LADDER_DESIGNS: dict[str, Design] = {
    "fund and pro rata": {"law": "linear", "rule": "full", "adl": "pro_rata", "waterfall": ["insurance_fund", "adl"]},
    "fund only": {"law": "power", "rule": "full", "adl": "none", "waterfall": ["insurance_fund"]},
    "pro rata without a fund": {
        "law": "square_root",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["adl"],
        "funding": "deadband",
    },
    "delayed keepers": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["insurance_fund", "adl"],
        "delay": True,
    },
    "keepers with a capacity": {
        "law": "power",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["insurance_fund", "adl"],
        "limited": True,
    },
    "keepers with a delay and a capacity": {
        "law": "linear",
        "rule": "full",
        "adl": "none",
        "waterfall": ["insurance_fund"],
        "delay": True,
        "limited": True,
    },
}
"""Structures that a ladder can follow, for ``random_study(..., ladder=True)``."""


SHOCK_DESIGNS: dict[str, Design] = {
    "frozen, following oracle, depeg": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "shocks": ["oracle_freeze", "collateral_depeg"],
    },
    "depeg beside collateral in coins": {
        "law": "linear",
        "rule": "full",
        "coins": "flat",
        "adl": "pro_rata",
        "shocks": ["oracle_freeze", "collateral_depeg"],
    },
    "wrong index, outage, guarded oracle, vault": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": FIRST,
        "backstop": VAULT,
        "adl": "pro_rata",
        "mark": ["median", "band"],
        "seen": [0.0, 0.3],
        "guarded": True,
        "shocks": ["index_manipulation", "outage", "oracle_freeze"],
        "tiers": True,
        "limited": False,
    },
    "wrong index, outage, vault": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": FIRST,
        "backstop": VAULT,
        "adl": "pro_rata",
        "mark": ["median", "band"],
        "seen": [0.0, 0.3],
        "lag": 1,
        "shocks": ["index_manipulation", "outage"],
        "tiers": True,
        "limited": False,
    },
    "frozen, lagging oracle, depeg, delayed keepers": {
        "law": "power",
        "rule": "close_factor",
        "adl": "profit_leverage",
        "delay": True,
        "lag": 2,
        "shocks": ["oracle_freeze", "collateral_depeg"],
    },
}
"""Structures with the shocks that the venue carries out."""
