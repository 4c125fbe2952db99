"""Collateral in coins."""

from __future__ import annotations

from tests.designs.settings import BANKRUPTCY, FIRST, POOL, VAULT, Design

DESIGNS: dict[str, Design] = {
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
    "restore target, coins that a debt needs, ADL at the mark, lagging oracle": {
        "law": "square_root",
        "rule": "restore_target",
        "liquidation": {"remaining_equity": "trader"},
        "coins": "size",
        "sale": "debt",
        "adl": "profit_leverage",
        "adl_price": "mark",
        "lag": 1,
        "limited": False,
        "tiers": True,
    },
    "first fraction, collateral in coins, bankruptcy price": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": {**FIRST, **BANKRUPTCY},
        "coins": "size",
        "adl": "profit_leverage",
    },
    "vault that takes coins, first fraction": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": FIRST,
        "backstop": VAULT,
        "coins": "size",
        "adl": "hyperliquid",
        "adl_price": "mark",
        "tiers": True,
        "limited": False,
    },
    "pool that takes coins for a charge, coins that a debt needs, lagging oracle": {
        "law": "power",
        "rule": "full",
        "liquidation": {"remaining_equity": "trader"},
        "backstop": POOL | {"half_life": 5.0, "below": 0.4, "bankrupt": False},
        "coins": "flat",
        "sale": "debt",
        "adl": "none",
        "lag": 1,
        "tiers": False,
        "limited": False,
    },
    "vault that takes coins and deleverages winners": {
        "law": "power",
        "rule": "full",
        "backstop": VAULT,
        "coins": "size",
        "adl": "profit_leverage",
        "adl_price": "oracle",
        "pool": {"paid": [0.5, 0.9]},
        "waterfall": ["insurance_fund"],
        "tiers": False,
        "limited": False,
    },
}
