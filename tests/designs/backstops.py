"""Vaults and pools, and prices of the venue's own book."""

from __future__ import annotations

from tests.designs.settings import POOL, VAULT, Design

DESIGNS: dict[str, Design] = {
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
    "close factor, prices by imbalance, pro rata": {
        "law": "imbalance",
        "rule": "close_factor",
        "adl": "pro_rata",
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
}
