"""Inverse contracts."""

from __future__ import annotations

from tests.designs.settings import FIRST, LIMITED, OF_MARKETS, POOL, STAYING_AWAY, Design

DESIGNS: dict[str, Design] = {
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
        "rule": "close_factor",
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
    "inverse contracts, a fund for each coin, ADL after a drawdown of each": {
        "law": "linear",
        "rule": "close_factor",
        "contract": "inverse",
        "adl": "bitmex",
        "insurance": OF_MARKETS,
        "drawdown": 0.1,
        "funds": [100.0, 300.0, 1e3],
        "fairness": True,
    },
    "inverse contracts, one fund with a limit, restore target, pro rata": {
        "law": "square_root",
        "rule": "restore_target",
        "contract": "inverse",
        "adl": "pro_rata",
        "insurance": LIMITED,
        "funds": [1e3, 3e3],
    },
    "inverse contracts, full, random order": {
        "law": "square_root",
        "rule": "full",
        "contract": "inverse",
        "adl": "random",
        "adl_price": "mark",
    },
}
