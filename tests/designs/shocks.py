"""Shocks."""

from __future__ import annotations

from tests.designs.settings import AFTER_OUTAGE, FIRST, MOVING_PRICE, VAULT, Design

SHOCK_DESIGNS: dict[str, Design] = {
    "outage, traders run behind a gate that it shuts": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "isolated": 0.3,
        "withdrawals": AFTER_OUTAGE,
        "shocks": ["outage"],
        "tiers": True,
        "limited": False,
    },
    "depeg, traders run, delayed keepers": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "isolated": 0.3,
        "withdrawals": MOVING_PRICE,
        "delay": True,
        "shocks": ["collateral_depeg"],
    },
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
